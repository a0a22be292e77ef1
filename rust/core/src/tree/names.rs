//! The names in large directories, indexed.

use super::Tree;
use crate::ids::{IdSet, NodeId};
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use std::hash::BuildHasher;
use std::sync::{PoisonError, RwLock};

/// Children by parent and name. The names themselves stay in the tree.
#[derive(Clone, Debug, Default)]
pub(crate) struct NameIndex {
    slots: HashTable<Slot>,
    hasher: RandomState,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    hash: u32,
    node: NodeId,
}

impl Slot {
    /// The table wants 64 good bits; the slot keeps 32, so that growing needs no name.
    #[inline]
    fn spread(hash: u32) -> u64 {
        u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

impl NameIndex {
    #[inline]
    pub(crate) fn hash(&self, parent: NodeId, name: &[u8]) -> u32 {
        (self.hasher.hash_one((parent.raw(), name)) >> 32) as u32
    }

    #[inline]
    pub(crate) fn find(&self, hash: u32, is_it: impl Fn(NodeId) -> bool) -> Option<NodeId> {
        self.slots.find(Slot::spread(hash), |slot| slot.hash == hash && is_it(slot.node)).map(|slot| slot.node)
    }

    #[inline]
    pub(crate) fn insert(&mut self, hash: u32, node: NodeId) {
        self.slots.insert_unique(Slot::spread(hash), Slot { hash, node }, |slot| Slot::spread(slot.hash));
    }

    pub(crate) fn remove(&mut self, hash: u32, node: NodeId) {
        if let Ok(entry) = self.slots.find_entry(Slot::spread(hash), |slot| slot.node == node) {
            entry.remove();
        }
    }

    pub(crate) fn reserve(&mut self, additional: usize) {
        self.slots.reserve(additional, |slot| Slot::spread(slot.hash));
    }

    pub(crate) fn clear(&mut self) {
        // A table that grew for one huge directory is not worth keeping for the next small manifest.
        if self.slots.capacity() > 4096 { self.slots = HashTable::new() } else { self.slots.clear() }
    }
}

/// The names in those large directories that somebody has asked about: a directory is entered on the first question, so
/// that nobody pays for those that nobody looks into.
#[derive(Debug, Default)]
pub(crate) struct Names(RwLock<Entered>);

#[derive(Clone, Debug, Default)]
struct Entered {
    index: NameIndex,
    directories: IdSet<NodeId>,
}

impl Entered {
    fn enter(&mut self, tree: &Tree, directory: NodeId) {
        self.index.reserve(tree.child_count(directory) as usize);
        for child in tree.children(directory) {
            self.index.insert(self.index.hash(directory, tree.name(child)), child);
        }
        self.directories.insert(directory);
    }

    fn find(&self, tree: &Tree, directory: NodeId, name: &[u8]) -> Option<NodeId> {
        let is_it = |node| tree.parent(node) == directory && tree.name(node) == name;
        self.index.find(self.index.hash(directory, name), is_it)
    }
}

impl Names {
    /// The child of this name.
    pub(crate) fn find(&self, tree: &Tree, directory: NodeId, name: &[u8]) -> Option<NodeId> {
        let entered = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if entered.directories.contains(directory) {
            return entered.find(tree, directory, name);
        }
        drop(entered);
        let mut entered = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if !entered.directories.contains(directory) {
            entered.enter(tree, directory);
        }
        entered.find(tree, directory, name)
    }

    /// Notes that a directory has a new child.
    #[inline]
    pub(crate) fn add(&mut self, directory: NodeId, name: &[u8], child: NodeId) {
        let entered = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        if entered.directories.contains(directory) {
            entered.index.insert(entered.index.hash(directory, name), child);
        }
    }

    /// Notes that a directory has lost a child.
    pub(crate) fn remove(&mut self, directory: NodeId, name: &[u8], child: NodeId) {
        let entered = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        if entered.directories.contains(directory) {
            entered.index.remove(entered.index.hash(directory, name), child);
        }
    }
}

impl Clone for Names {
    fn clone(&self) -> Self {
        Self(RwLock::new(self.0.read().unwrap_or_else(PoisonError::into_inner).clone()))
    }
}
