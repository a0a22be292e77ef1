//! The bytes of a file as runs of blocks.
//!
//! A [`Run`] is bytes of one block. A token may cross as many blocks as its text has, and a text can have as many such
//! tokens, so that a loop over all runs of all files could take the square of the text's length. [`parts`] therefore
//! gives what a piece has beyond its first blocks as one [`Part::Long`], and [`Leaps`] lets the loops over these touch
//! each entry once.

use crate::ids::{BlockId, EntryId, Id};
use crate::pieces::Piece;
use crate::tree::Tree;

/// Bytes of one block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub(crate) block: BlockId,
    pub(crate) offset: u32,
    pub(crate) length: u32,
}

/// The runs of a file: its pieces cut at the edges of blocks.
#[inline]
pub(crate) fn runs<'t>(tree: &'t Tree, pieces: &'t [Piece]) -> Runs<'t> {
    Runs { tree, pieces: pieces.iter(), entry: EntryId::FIRST, offset: 0, left: 0, end: 0, count: 0 }
}

/// See [`runs`].
#[derive(Clone, Debug)]
pub(crate) struct Runs<'t> {
    tree: &'t Tree,
    pieces: std::slice::Iter<'t, Piece>,
    entry: EntryId,
    offset: u32,
    /// Bytes of the current piece that have not been given.
    left: u64,
    /// Where the current piece ends in the file.
    end: u64,
    /// How many runs of the current piece have been given.
    count: u32,
}

impl Iterator for Runs<'_> {
    type Item = Run;

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "a run is at most as long as its block")]
    fn next(&mut self) -> Option<Run> {
        if self.left == 0 {
            let piece = self.pieces.next()?;
            self.entry = piece.entry;
            self.offset = piece.offset;
            self.left = piece.end - self.end;
            self.end = piece.end;
            self.count = 0;
        }
        let block = self.tree.entries[self.entry];
        let length = u64::from(self.tree.blocks[block].size - self.offset).min(self.left);
        let run = Run { block, offset: self.offset, length: length as u32 };
        self.left -= length;
        self.offset = 0;
        self.count += 1;
        self.entry = EntryId::from_index(self.entry.index() + 1);
        Some(run)
    }
}

/// A run, or all of many blocks that follow each other.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part {
    /// Bytes of one block.
    Run(Run),
    /// The blocks of the entries from `start` up to, not including, `end`, each as a whole.
    Long { start: usize, end: usize },
}

/// The parts of a file.
#[inline]
pub(crate) fn parts<'t>(tree: &'t Tree, pieces: &'t [Piece]) -> Parts<'t> {
    Parts { runs: runs(tree, pieces) }
}

/// See [`parts`].
#[derive(Clone, Debug)]
pub(crate) struct Parts<'t> {
    runs: Runs<'t>,
}

/// So many runs of a piece are given one by one.
const SHORT: u32 = 64;

impl Iterator for Parts<'_> {
    type Item = Part;

    #[inline]
    fn next(&mut self) -> Option<Part> {
        if self.runs.left > 0
            && self.runs.count == SHORT
            && let Some(long) = self.long()
        {
            return Some(long);
        }
        self.runs.next().map(Part::Run)
    }
}

impl Parts<'_> {
    #[cold]
    fn long(&mut self) -> Option<Part> {
        let starts = self.runs.tree.entry_starts();
        let start = self.runs.entry.index();
        let target = starts[start] + self.runs.left;
        let end = starts.partition_point(|entry_start| *entry_start <= target) - 1;
        if end == start {
            return None;
        }
        self.runs.left = target - starts[end];
        self.runs.entry = EntryId::from_index(end);
        self.runs.count += 1;
        Some(Part::Long { start, end })
    }
}

/// Entries that are joined with the one behind them, so that a loop over many overlapping ranges leaps over what it has
/// seen.
#[derive(Debug)]
pub(crate) struct Leaps {
    entries: usize,
    /// Where each entry leads: to itself, or to one behind it. One more than there are entries; empty until needed.
    next: Vec<u32>,
    joined: Vec<u32>,
}

impl Leaps {
    /// No entry of this many is joined.
    pub(crate) fn new(entries: usize) -> Self {
        Self { entries, next: Vec::new(), joined: Vec::new() }
    }

    /// The first entry at or behind this one that is not joined with the one behind it.
    #[expect(clippy::cast_possible_truncation, reason = "there are fewer entries than u32::MAX")]
    pub(crate) fn find(&mut self, entry: usize) -> usize {
        if self.next.is_empty() {
            self.next.extend(0..=self.entries as u32);
        }
        let mut at = entry;
        while self.next[at] as usize != at {
            self.next[at] = self.next[self.next[at] as usize];
            at = self.next[at] as usize;
        }
        at
    }

    /// Joins an entry that [`Self::find`] gave with the one behind it.
    #[expect(clippy::cast_possible_truncation, reason = "there are fewer entries than u32::MAX")]
    pub(crate) fn join(&mut self, entry: usize) {
        self.next[entry] = entry as u32 + 1;
        self.joined.push(entry as u32);
    }

    /// Parts all again.
    pub(crate) fn clear(&mut self) {
        // Following a chain shortens it for the entries on the way, all of which are joined themselves.
        for entry in self.joined.drain(..) {
            self.next[entry as usize] = entry;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Mode;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn leaps_find_what_a_scan_finds(steps in prop::collection::vec(0..40_usize, 1..80)) {
            let mut leaps = Leaps::new(200);
            let mut joined = [false; 200];
            for step in steps {
                let expected = (step..200).find(|entry| !joined[*entry]).unwrap();
                prop_assert_eq!(leaps.find(step), expected);
                leaps.join(expected);
                joined[expected] = true;
            }
            leaps.clear();
            prop_assert!((0..40).all(|entry| leaps.find(entry) == entry));
        }
    }

    #[test]
    fn parts_are_the_runs() {
        let digit = |number: u32| format!("{number:032x}+{}", number % 7);
        let blocks: Vec<String> = (0..200).map(digit).collect();
        let length: u32 = (0..200).map(|number| number % 7).sum();
        let text = format!(". {} 0:{length}:all 5:{}:most 3:4:few\n", blocks.join(" "), length - 9);
        let tree = Tree::parse(text.into(), Mode::Strict).unwrap();
        for file in tree.descend(Tree::ROOT) {
            let pieces = tree.pieces(file);
            let expected: Vec<(BlockId, u32, u32)> =
                runs(&tree, pieces).map(|run| (run.block, run.offset, run.length)).collect();
            let mut found = Vec::new();
            for part in parts(&tree, pieces) {
                match part {
                    Part::Run(run) => found.push((run.block, run.offset, run.length)),
                    Part::Long { start, end } => found.extend((start..end).map(|entry| {
                        let block = tree.entries[EntryId::from_index(entry)];
                        (block, 0, tree.blocks[block].size)
                    })),
                }
            }
            assert_eq!(found, expected);
        }
    }
}
