//! Whether files have the same bytes, and a number that is equal when they do.
//!
//! Bytes are the same when they are the same ranges of the same blocks, however tokens cut them and whatever hints the
//! blocks have. Files are compared run by run. Only where hostile texts make that too long, namely where tokens cross
//! many blocks, fingerprints are compared instead: polynomials over the longest runs, modulo a prime, at two points that
//! are chosen anew in each process. For an author who does not know them two different files agree with a probability
//! of about their number of runs to the power of two in 2^122.

use crate::blocks::Block;
use crate::ids::{EntryId, Id, NodeId};
use crate::runs::{Part, Run, parts, runs};
use crate::tree::Tree;
use foldhash::fast::RandomState;
use std::hash::BuildHasher;
use std::sync::OnceLock;

/// Whether two files have the same bytes.
#[inline]
pub fn is_same_content(left: &Tree, left_file: NodeId, right: &Tree, right_file: NodeId) -> bool {
    if left.file_size(left_file) != right.file_size(right_file) {
        return false;
    }
    let (left_pieces, right_pieces) = (left.pieces(left_file), right.pieces(right_file));
    if let ([left_piece], [right_piece]) = (left_pieces, right_pieces) {
        let left_block = &left.blocks[left.entries[left_piece.entry]];
        let right_block = &right.blocks[right.entries[right_piece.entry]];
        if left_piece.offset != right_piece.offset || !left_block.is_same(right_block) {
            return false;
        }
        if u64::from(left_piece.offset) + left_piece.end <= u64::from(left_block.size) {
            return true;
        }
    }
    let mut budget = 256 + 8 * (left_pieces.len() + right_pieces.len());
    let (mut left_runs, mut right_runs) = (runs(left, left_pieces), runs(right, right_pieces));
    let (mut left_rest, mut right_rest) = (left_runs.next(), right_runs.next());
    while let (Some(left_run), Some(right_run)) = (&mut left_rest, &mut right_rest) {
        if left_run.offset != right_run.offset || !left.blocks[left_run.block].is_same(&right.blocks[right_run.block]) {
            return false;
        }
        budget -= 1;
        if budget == 0 {
            return fingerprint(left, left_file) == fingerprint(right, right_file);
        }
        let length = left_run.length.min(right_run.length);
        for (run, rest, all) in
            [(*left_run, &mut left_rest, &mut left_runs), (*right_run, &mut right_rest, &mut right_runs)]
        {
            *rest = if run.length > length {
                Some(Run { offset: run.offset + length, length: run.length - length, ..run })
            } else {
                all.next()
            };
        }
    }
    true
}

/// A number that is equal for the same bytes, and hardly ever for others.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Fingerprint([u64; 2]);

/// The fingerprint of a file, valid within this process.
pub fn fingerprint(tree: &Tree, file: NodeId) -> Fingerprint {
    let seeds = Seeds::of_process();
    let mut print = Fingerprint::default();
    // Runs that touch within a block are one run, so that it does not matter how tokens cut the file.
    let mut last: Option<Run> = None;
    for part in parts(tree, tree.pieces(file)) {
        match (part, &mut last) {
            (Part::Run(run), Some(last)) if run.block == last.block && run.offset == last.offset + last.length => {
                last.length += run.length;
            }
            (Part::Run(run), last) => {
                seeds.push_run(&mut print, tree, last.replace(run));
            }
            (Part::Long { start, end }, last) => {
                seeds.push_run(&mut print, tree, last.take());
                seeds.push_entries(&mut print, tree, start, end);
            }
        }
    }
    seeds.push_run(&mut print, tree, last);
    print
}

/// The prime that fingerprints are modulo of.
const PRIME: u64 = (1 << 61) - 1;

#[expect(clippy::cast_possible_truncation, reason = "the parts of a product of two 61-bit numbers")]
fn multiply(left: u64, right: u64) -> u64 {
    let product = u128::from(left) * u128::from(right);
    add((product as u64) & PRIME, (product >> 61) as u64)
}

fn add(left: u64, right: u64) -> u64 {
    let sum = left + right;
    if sum >= PRIME { sum - PRIME } else { sum }
}

fn power(base: u64, mut exponent: usize) -> u64 {
    let (mut result, mut square) = (1, base);
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = multiply(result, square);
        }
        square = multiply(square, square);
        exponent >>= 1;
    }
    result
}

/// What is chosen anew in each process.
struct Seeds {
    points: [u64; 2],
    hashers: [RandomState; 2],
}

impl Seeds {
    fn of_process() -> &'static Self {
        static SEEDS: OnceLock<Seeds> = OnceLock::new();
        SEEDS.get_or_init(|| {
            let hashers = [RandomState::default(), RandomState::default()];
            let points = [0, 1].map(|lane: usize| hashers[lane].hash_one("point") % (PRIME - 2) + 2);
            Self { points, hashers }
        })
    }

    fn push(&self, print: &mut Fingerprint, block: &Block, offset: u32, length: u32) {
        for (lane, value) in print.0.iter_mut().enumerate() {
            let key = (u128::from_le_bytes(block.digest), block.size, offset, length);
            let symbol = self.hashers[lane].hash_one(key) % PRIME;
            *value = add(multiply(*value, self.points[lane]), symbol);
        }
    }

    fn push_run(&self, print: &mut Fingerprint, tree: &Tree, run: Option<Run>) {
        if let Some(run) = run {
            self.push(print, &tree.blocks[run.block], run.offset, run.length);
        }
    }

    /// Appends whole blocks in one step: the fingerprint of a range follows from those of two prefixes.
    fn push_entries(&self, print: &mut Fingerprint, tree: &Tree, start: usize, end: usize) {
        let prefixes = tree.entry_prints.get_or_init(|| self.prefixes(tree));
        for (lane, value) in print.0.iter_mut().enumerate() {
            let shift = power(self.points[lane], end - start);
            let before = multiply(prefixes[start].0[lane], shift);
            let range = add(prefixes[end].0[lane], PRIME - before);
            *value = add(multiply(*value, shift), range);
        }
    }

    fn prefixes(&self, tree: &Tree) -> Vec<Fingerprint> {
        let mut print = Fingerprint::default();
        let mut prefixes = Vec::with_capacity(tree.entries.len() + 1);
        prefixes.push(print);
        for entry in 0..tree.entries.len() {
            let block = &tree.blocks[tree.entries[EntryId::from_index(entry)]];
            self.push(&mut print, block, 0, block.size);
            prefixes.push(print);
        }
        prefixes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Mode;
    use std::fmt::Write;

    /// One file of 300 blocks, cut by the positions.
    fn tree(cuts: &[u32]) -> Tree {
        let blocks: Vec<String> = (0..300).map(|number| format!("{number:032x}+10")).collect();
        let mut tokens = String::new();
        let mut start = 3;
        for cut in cuts.iter().chain([&2995]) {
            write!(tokens, " {start}:{}:f", cut - start).unwrap();
            start = *cut;
        }
        Tree::parse(format!(". {}{tokens}\n", blocks.join(" ")).into(), Mode::Strict).unwrap()
    }

    #[test]
    fn a_fingerprint_does_not_depend_on_how_a_file_is_cut() {
        let whole = tree(&[]);
        let file = |tree: &Tree| tree.resolve(b"f").unwrap();
        for cuts in [&[10][..], &[2000], &[700, 1400, 2105], &[4, 5, 6, 2990]] {
            let cut = tree(cuts);
            assert_eq!(fingerprint(&whole, file(&whole)), fingerprint(&cut, file(&cut)));
            assert!(is_same_content(&whole, file(&whole), &cut, file(&cut)));
        }
        let text: String = String::from_utf8(whole.text().to_vec()).unwrap();
        let other = text.replace(&format!("{:032x}", 200), &format!("{:032x}", 999));
        let other = Tree::parse(other.into(), Mode::Strict).unwrap();
        assert_ne!(fingerprint(&whole, file(&whole)), fingerprint(&other, file(&other)));
        assert!(!is_same_content(&whole, file(&whole), &other, file(&other)));
    }
}
