//! From names and paths to nodes.

use super::{NodeKind, Tree};
use crate::ids::{Id, NodeId};
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use std::hash::BuildHasher;

/// Up to this many children are compared one by one.
pub(crate) const SMALL: u32 = 12;

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

/// Why a path leads nowhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PathError {
    /// There is no such name.
    NotFound,
    /// A file stands where the path needs a directory.
    NotADirectory,
}

impl Tree {
    /// The child of a directory that has this name.
    pub fn child(&self, directory: NodeId, name: &[u8]) -> Option<NodeId> {
        let columns = self.directory(directory)?;
        if columns.count <= SMALL {
            return self.children(directory).find(|child| self.name(*child) == name);
        }
        let index = self.names.get_or_init(|| self.index_names());
        index.find(index.hash(directory, name), |node| self.nodes[node].parent == directory && self.name(node) == name)
    }

    fn index_names(&self) -> NameIndex {
        let large = |node: &NodeId| self.child_count(*node) > SMALL;
        let mut index = NameIndex::default();
        let children: usize =
            self.directories.iter().map(|directory| directory.count).filter(|count| *count > SMALL).sum::<u32>()
                as usize;
        index.reserve(children);
        for directory in self.nodes.ids().filter(large) {
            self.index_children(&mut index, directory);
        }
        index
    }

    /// The node at a path. Empty components and `.` are skipped; `..` is never a name, so it is not found.
    ///
    /// # Errors
    /// [`PathError`] says why there is none.
    ///
    /// ```
    /// use keepset_core::{Mode, PathError, Tree};
    /// let tree = Tree::parse(". acbd18db4cc2f85cedef654fccc4a4d8+3 0:3:d/a\n".into(), Mode::Strict)?;
    /// assert_eq!(tree.name(tree.resolve(b"./d/a").unwrap()), b"a");
    /// assert_eq!(tree.resolve(b"d/a/b"), Err(PathError::NotADirectory));
    /// # Ok::<(), keepset_core::Error>(())
    /// ```
    pub fn resolve(&self, path: &[u8]) -> Result<NodeId, PathError> {
        let mut node = Self::ROOT;
        for component in path.split(|byte| *byte == b'/') {
            if component.is_empty() || component == b"." {
                continue;
            }
            if self.kind(node) == NodeKind::File {
                return Err(PathError::NotADirectory);
            }
            node = self.child(node, component).ok_or(PathError::NotFound)?;
        }
        let wants_directory = path.ends_with(b"/") || path.ends_with(b"/.");
        if wants_directory && self.kind(node) == NodeKind::File {
            return Err(PathError::NotADirectory);
        }
        Ok(node)
    }

    /// The path of a node from the root, without a leading `./`; the root is `.`. That of a detached node begins with the
    /// name it had.
    pub fn path(&self, node: NodeId) -> Vec<u8> {
        if node == Self::ROOT {
            return b".".to_vec();
        }
        let mut names = Vec::new();
        let mut at = node;
        while at != Self::ROOT && at != NodeId::NONE {
            names.push(self.name(at));
            at = self.nodes[at].parent;
        }
        names.reverse();
        names.join(&b'/')
    }

    /// Number of nodes there ever were; ids are below it.
    pub fn node_count(&self) -> usize {
        self.nodes.next_id().index()
    }
}
