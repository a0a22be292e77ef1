//! Walks: every node, in manifest order or in the order of the normal form, without recursion.

use super::order::SortedChildren;
use super::{NodeKind, Tree};
use crate::ids::{Id, NodeId};

/// The nodes below a directory, parents before children. See [`Tree::descend`].
#[derive(Clone, Debug)]
pub struct Descent<'t> {
    tree: &'t Tree,
    top: NodeId,
    next: NodeId,
}

impl Tree {
    /// All nodes below a directory in manifest order, depth first, parents before children.
    pub fn descend(&self, top: NodeId) -> Descent<'_> {
        Descent { tree: self, top, next: self.directory(top).map_or(NodeId::NONE, |directory| directory.first) }
    }

    /// The node after this one in a descent below `top`; with `into`, the children of a directory come first.
    #[inline]
    pub fn after(&self, node: NodeId, top: NodeId, into: bool) -> NodeId {
        if into
            && let Some(directory) = self.directory(node)
            && directory.first != NodeId::NONE
        {
            return directory.first;
        }
        let mut at = node;
        while at != top {
            let columns = &self.nodes[at];
            if columns.next != NodeId::NONE {
                return columns.next;
            }
            at = columns.parent;
        }
        NodeId::NONE
    }

    /// All nodes below a directory in the order of the normal form: the files of a directory by name, then each of its
    /// subdirectories by name, with all below it.
    pub fn descend_sorted(&self, top: NodeId) -> SortedDescent<'_> {
        let mut descent = SortedDescent { tree: self, stack: Vec::new() };
        descent.enter(top);
        descent
    }

    /// Number of files and of directories, the root not counted.
    pub fn count_nodes(&self) -> (u64, u64) {
        self.descend(Self::ROOT).fold((0, 0), |(files, directories), node| match self.kind(node) {
            NodeKind::File => (files + 1, directories),
            NodeKind::Directory => (files, directories + 1),
        })
    }

    /// Bytes in the files below a directory, or in a file, and the number of those files.
    pub fn size_below(&self, node: NodeId) -> (u64, u64) {
        if self.kind(node) == NodeKind::File {
            return (self.file_size(node), 1);
        }
        self.descend(node)
            .filter(|node| self.kind(*node) == NodeKind::File)
            .fold((0, 0), |(size, files), file| (size + self.file_size(file), files + 1))
    }

    /// Bytes below each directory, by node; the parser has made sure that the total fits.
    pub fn directory_sizes(&self) -> Vec<u64> {
        let mut sizes = vec![0; self.node_count()];
        // A child's id may be smaller than its parent's after a rename, so go up from the leaves in reverse walk order.
        let order: Vec<NodeId> = self.descend(Self::ROOT).collect();
        for node in order.into_iter().rev() {
            let size = if self.kind(node) == NodeKind::File { self.file_size(node) } else { sizes[node.index()] };
            sizes[node.index()] = size;
            sizes[self.nodes[node].parent.index()] += size;
        }
        sizes
    }

    /// Path and bytes of each directory down to `depth` levels below the root, the root first.
    pub fn du(&self, depth: Option<usize>) -> Vec<(Vec<u8>, u64)> {
        let sizes = self.directory_sizes();
        let mut answer = vec![(b".".to_vec(), sizes[Self::ROOT.index()])];
        let mut cursor = PathCursor::new(Self::ROOT, b"");
        let mut next = self.after(Self::ROOT, Self::ROOT, depth != Some(0));
        while let Some(node) = next.get() {
            let is_directory = self.kind(node) == NodeKind::Directory;
            let mut level = 0;
            if is_directory {
                answer.push((cursor.step(self, node).to_vec(), sizes[node.index()]));
                level = cursor.depth();
            }
            next = self.after(node, Self::ROOT, depth.is_none_or(|depth| level < depth));
        }
        answer
    }
}

impl Iterator for Descent<'_> {
    type Item = NodeId;

    #[inline]
    fn next(&mut self) -> Option<NodeId> {
        let node = self.next.get()?;
        self.next = self.tree.after(node, self.top, true);
        Some(node)
    }
}

/// The nodes below a directory in the order of the normal form. See [`Tree::descend_sorted`].
#[derive(Clone, Debug)]
pub struct SortedDescent<'t> {
    tree: &'t Tree,
    /// What is still to come of each directory on the way, one kind at a time.
    stack: Vec<SortedChildren<'t>>,
}

impl SortedDescent<'_> {
    fn enter(&mut self, directory: NodeId) {
        self.stack.push(self.tree.sorted_directories(directory));
        self.stack.push(self.tree.sorted_files(directory));
    }
}

impl Iterator for SortedDescent<'_> {
    type Item = NodeId;

    fn next(&mut self) -> Option<NodeId> {
        loop {
            match self.stack.last_mut()?.next() {
                None => {
                    self.stack.pop();
                }
                Some(node) => {
                    if self.tree.kind(node) == NodeKind::Directory {
                        self.enter(node);
                    }
                    return Some(node);
                }
            }
        }
    }
}

/// The path of the current node of a descent, made from the path before and not from the root again.
#[derive(Clone, Debug)]
pub struct PathCursor {
    path: Vec<u8>,
    top: NodeId,
    /// Length of the path of `top`.
    prefix: usize,
    /// The directories on the path below `top`, and the length of the path of each.
    directories: Vec<(NodeId, usize)>,
}

impl PathCursor {
    /// How many directories below the top the last step was to, itself counted.
    pub fn depth(&self) -> usize {
        self.directories.len()
    }

    /// A cursor for a descent below `top`, whose path is `prefix`.
    pub fn new(top: NodeId, prefix: &[u8]) -> Self {
        Self { path: prefix.to_vec(), top, prefix: prefix.len(), directories: Vec::new() }
    }

    /// The path of a node of the descent. Every directory of the descent must be stepped to before its children.
    #[inline]
    pub fn step(&mut self, tree: &Tree, node: NodeId) -> &[u8] {
        let parent = tree.parent(node);
        let parent_length = loop {
            match self.directories.last() {
                Some((directory, length)) if *directory == parent => break *length,
                Some(_) => {
                    self.directories.pop();
                }
                None => {
                    debug_assert_eq!(parent, self.top);
                    break self.prefix;
                }
            }
        };
        self.path.truncate(parent_length);
        if parent_length > 0 {
            self.path.push(b'/');
        }
        self.path.extend_from_slice(tree.name(node));
        if tree.kind(node) == NodeKind::Directory {
            self.directories.push((node, self.path.len()));
        }
        &self.path
    }
}
