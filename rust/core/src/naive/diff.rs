//! The slow twin of [`crate::tree::diff`]: two maps, compared path by path.

use super::manifest::{Span, Tree};
use std::collections::BTreeSet;

/// What differs between two trees, before anything is paired up as moved.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Changes {
    /// Files and empty directories that only the new tree has.
    pub added: BTreeSet<Vec<u8>>,
    /// Files and empty directories that only the old tree has.
    pub removed: BTreeSet<Vec<u8>>,
    /// Files of both trees with other bytes.
    pub modified: BTreeSet<Vec<u8>>,
}

/// Twin of [`crate::tree::diff::diff`].
pub fn diff(old: &Tree, new: &Tree) -> Changes {
    let both = old.files.iter().filter_map(|(path, spans)| Some((path, spans, new.files.get(path)?)));
    Changes {
        added: missing(new, old),
        removed: missing(old, new),
        modified: both.filter(|(_, old, new)| old != new).map(|(path, ..)| path.clone()).collect(),
    }
}

fn missing(of: &Tree, to: &Tree) -> BTreeSet<Vec<u8>> {
    let files = of.files.keys().filter(|path| !to.files.contains_key(*path));
    let directories = of.directories.iter().filter(|path| of.is_empty(path) && !to.directories.contains(*path));
    files.chain(directories).cloned().collect()
}

/// How many pairs of a removed and an added file have the same bytes, each file in one pair and those without bytes in
/// none.
pub fn count_moves(old: &Tree, new: &Tree, changes: &Changes) -> usize {
    let contents = |tree: &Tree, paths: &BTreeSet<Vec<u8>>| -> Vec<Vec<Span>> {
        paths.iter().filter_map(|path| tree.files.get(path).filter(|spans| !spans.is_empty())).cloned().collect()
    };
    let mut gone = contents(old, &changes.removed);
    let mut moves = 0;
    for content in contents(new, &changes.added) {
        if let Some(source) = gone.iter().position(|other| *other == content) {
            gone.remove(source);
            moves += 1;
        }
    }
    moves
}
