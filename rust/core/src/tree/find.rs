//! From names and paths to nodes.

use super::{NodeKind, Tree};
use crate::ids::{Id, NodeId};

/// Up to this many children are compared one by one.
pub(crate) const SMALL: u32 = 12;

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
        if self.directory(directory)?.count <= SMALL {
            return self.children(directory).find(|child| self.name(*child) == name);
        }
        self.names.find(self, directory, name)
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
