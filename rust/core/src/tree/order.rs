//! The order of names, and what a directory remembers of it.
//!
//! Manifests list names by code point (as Python sorts `str`). For UTF-8 that is the order of the bytes; a byte that is
//! not part of valid UTF-8 counts as U+DC80 to U+DCFF, as Python's `surrogateescape` has it.

use super::Tree;
use crate::ids::{EntryId, Id, NodeId};
use crate::lexer::TokenFlags;
use std::cmp::Ordering;

/// What is known of the order of a directory's children.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Order(u32);

impl Order {
    /// Files have appeared in ascending order.
    pub(crate) const FILES: Self = Self(1);
    /// Directories have appeared in ascending order.
    pub(crate) const DIRECTORIES: Self = Self(2);
    /// Some name is not UTF-8, so that the order of bytes is not the order of names.
    pub(crate) const NOT_UTF8: Self = Self(4);
    /// Both kinds are in order.
    pub(crate) const IN_ORDER: Self = Self(3);

    #[inline]
    pub(crate) fn has(self, flag: Self) -> bool {
        self.0 & flag.0 != 0
    }

    #[inline]
    pub(crate) fn set(&mut self, flag: Self) {
        self.0 |= flag.0;
    }

    #[inline]
    pub(crate) fn unset(&mut self, flag: Self) {
        self.0 &= !flag.0;
    }
}

/// Whether a name is UTF-8; `flags` may know that it is ASCII.
#[inline]
pub(crate) fn is_utf8(name: &[u8], flags: TokenFlags) -> bool {
    !flags.any(TokenFlags::HIGH) || std::str::from_utf8(name).is_ok()
}

/// The order of two names by code point.
pub fn compare_names(left: &[u8], right: &[u8]) -> Ordering {
    fn points(name: &[u8]) -> impl Iterator<Item = u32> {
        name.utf8_chunks().flat_map(|chunk| {
            chunk.valid().chars().map(u32::from).chain(chunk.invalid().iter().map(|byte| 0xdc00 + u32::from(*byte)))
        })
    }
    points(left).cmp(points(right))
}

/// The children of a directory of one kind, in the order of the normal form.
#[derive(Clone, Debug)]
pub(crate) enum SortedChildren<'t> {
    /// They stand in order.
    Listed { tree: &'t Tree, next: NodeId, directories: bool },
    /// They had to be sorted.
    Sorted { tree: &'t Tree, ids: std::vec::IntoIter<NodeId> },
}

/// How many nodes are brought into the cache together.
const BATCH: usize = 64;

impl Iterator for SortedChildren<'_> {
    type Item = NodeId;

    #[inline]
    fn next(&mut self) -> Option<NodeId> {
        match self {
            Self::Listed { tree, next, directories } => loop {
                let id = next.get()?;
                let node = &tree.nodes[id];
                *next = node.next;
                if node.payload.is_directory() == *directories {
                    return Some(id);
                }
            },
            Self::Sorted { tree, ids } => {
                if ids.len().is_multiple_of(BATCH) {
                    tree.touch(&ids.as_slice()[..ids.len().min(BATCH)]);
                }
                ids.next()
            }
        }
    }
}

impl Tree {
    /// The files of a directory by name.
    pub(crate) fn sorted_files(&self, directory: NodeId) -> SortedChildren<'_> {
        self.sorted(directory, Order::FILES, false)
    }

    /// The subdirectories of a directory by name.
    pub(crate) fn sorted_directories(&self, directory: NodeId) -> SortedChildren<'_> {
        self.sorted(directory, Order::DIRECTORIES, true)
    }

    /// Whether the subdirectories of a directory appear by name.
    pub(crate) fn lists_directories_in_order(&self, directory: NodeId) -> bool {
        self.lists_in_order(directory, Order::DIRECTORIES)
    }

    fn lists_in_order(&self, id: NodeId, flag: Order) -> bool {
        self.directory(id).is_none_or(|directory| directory.order.has(flag) && !directory.order.has(Order::NOT_UTF8))
    }

    fn sorted(&self, id: NodeId, flag: Order, directories: bool) -> SortedChildren<'_> {
        let Some(directory) = self.directory(id) else {
            return SortedChildren::Sorted { tree: self, ids: Vec::new().into_iter() };
        };
        if self.lists_in_order(id, flag) {
            return SortedChildren::Listed { tree: self, next: directory.first, directories };
        }
        let mut ids: Vec<NodeId> =
            self.children(id).filter(|child| self.nodes[*child].payload.is_directory() == directories).collect();
        if directory.order.has(Order::NOT_UTF8) {
            ids.sort_by(|left, right| compare_names(self.name(*left), self.name(*right)));
        } else {
            self.sort_by_bytes(&mut ids);
        }
        SortedChildren::Sorted { tree: self, ids: ids.into_iter() }
    }

    /// Reads what will be needed of nodes that lie anywhere, so that the cache misses of a batch overlap instead of
    /// being waited for one by one.
    fn touch(&self, ids: &[NodeId]) {
        let text = |id: &NodeId| self.name(*id).first().copied().unwrap_or_default();
        let entry = |id: &NodeId| self.pieces(*id).first().map_or(EntryId::NONE, |piece| piece.entry);
        let nodes = ids.iter().fold(0, |sum, id| sum ^ self.nodes[*id].parent.raw());
        let names = ids.iter().fold(0, |sum, id| sum ^ text(id));
        let blocks =
            ids.iter().fold(0, |sum, id| sum ^ self.entries.get(entry(id).index()).map_or(0, |block| block.raw()));
        std::hint::black_box((nodes, names, blocks));
    }

    /// Sorts by the bytes of the names. The eight bytes behind what all names have in common go along with the ids, so
    /// that most comparisons do not touch the text.
    fn sort_by_bytes(&self, ids: &mut [NodeId]) {
        let Some((first, rest)) = ids.split_first() else {
            return;
        };
        let first = self.name(*first);
        let common = rest.iter().fold(first.len(), |common, id| {
            let pairs = self.name(*id).iter().zip(&first[..common]);
            pairs.take_while(|(left, right)| left == right).count()
        });
        let mut keyed: Vec<(u64, NodeId)> = ids.iter().map(|id| (key(&self.name(*id)[common..]), *id)).collect();
        keyed.sort_unstable_by_key(|(key, _)| *key);
        for equal in keyed.chunk_by_mut(|(left, _), (right, _)| left == right).filter(|equal| equal.len() > 1) {
            equal.sort_unstable_by_key(|(_, id)| &self.name(*id)[common..]);
        }
        for (id, (_, sorted)) in ids.iter_mut().zip(keyed) {
            *id = sorted;
        }
    }
}

/// The first eight bytes as a number that orders as they do.
fn key(name: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    let length = name.len().min(8);
    bytes[..length].copy_from_slice(&name[..length]);
    u64::from_be_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_not_utf_8_come_between_the_planes() {
        let mut names: Vec<&[u8]> =
            vec![b"\xff", "\u{10000}".as_bytes(), "\u{d7ff}".as_bytes(), "\u{e000}".as_bytes(), b"a"];
        names.sort_by(|left, right| compare_names(left, right));
        assert_eq!(names, [&b"a"[..], "\u{d7ff}".as_bytes(), b"\xff", "\u{e000}".as_bytes(), "\u{10000}".as_bytes()]);
    }
}
