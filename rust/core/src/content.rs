//! Whether files have the same bytes, and a number that is equal when they do.
//!
//! Bytes are the same when they are the same ranges of the same blocks, however tokens cut them and whatever hints the
//! blocks have.

use crate::ids::NodeId;
use crate::normalize::{Run, Runs, runs};
use crate::tree::Tree;
use std::hash::{Hash, Hasher};

/// Whether two files have the same bytes.
#[inline]
pub fn is_same_content(left: &Tree, left_file: NodeId, right: &Tree, right_file: NodeId) -> bool {
    if left.file_size(left_file) != right.file_size(right_file) {
        return false;
    }
    let mut left_runs = runs(left, left.pieces(left_file));
    let mut right_runs = runs(right, right.pieces(right_file));
    let (mut left_rest, mut right_rest) = (left_runs.next(), right_runs.next());
    while let (Some(left_run), Some(right_run)) = (&mut left_rest, &mut right_rest) {
        if left_run.offset != right_run.offset || !left.blocks[left_run.block].is_same(&right.blocks[right_run.block]) {
            return false;
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

/// Feeds what identifies the bytes of a file: the longest runs of each block, by digest.
pub fn hash_content(tree: &Tree, file: NodeId, hasher: &mut impl Hasher) {
    tree.file_size(file).hash(hasher);
    let mut all: Runs<'_> = runs(tree, tree.pieces(file));
    let Some(mut run) = all.next() else { return };
    for next in all {
        if next.block == run.block && next.offset == run.offset + run.length {
            run.length += next.length;
        } else {
            hash_run(tree, run, hasher);
            run = next;
        }
    }
    hash_run(tree, run, hasher);
}

fn hash_run(tree: &Tree, run: Run, hasher: &mut impl Hasher) {
    let block = &tree.blocks[run.block];
    (u128::from_le_bytes(block.digest), block.size, run.offset, run.length).hash(hasher);
}
