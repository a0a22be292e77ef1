//! What differs between two trees.

use super::order::{SortedChildren, compare_names};
use super::{NodeKind, Tree};
use crate::content::{hash_content, is_same_content};
use crate::ids::{Id, NodeId};
use foldhash::fast::RandomState;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher};
use std::ops::ControlFlow;

/// One difference between two trees, as the comparison finds it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Difference {
    /// A file, or a directory with all below it, that only the old tree has.
    Removed(NodeId),
    /// A file, or a directory with all below it, that only the new tree has.
    Added(NodeId),
    /// A file of both trees, with other bytes: old and new node.
    Modified(NodeId, NodeId),
}

/// Compares two trees and calls `found` for each difference, until it breaks. Directories that list the same names in
/// the same order, as nearly all do, are compared side by side; only where names part company they are merged by order.
pub fn compare(old: &Tree, new: &Tree, mut found: impl FnMut(Difference) -> ControlFlow<()>) -> ControlFlow<()> {
    let mut pairs = vec![(Tree::ROOT, Tree::ROOT)];
    while let Some((old_directory, new_directory)) = pairs.pop() {
        let mut comparison = Comparison { old, new, pairs: &mut pairs, found: &mut found };
        comparison.directories(old_directory, new_directory)?;
    }
    ControlFlow::Continue(())
}

struct Comparison<'c, F> {
    old: &'c Tree,
    new: &'c Tree,
    /// Directories of both trees still to be compared.
    pairs: &'c mut Vec<(NodeId, NodeId)>,
    found: &'c mut F,
}

impl<F: FnMut(Difference) -> ControlFlow<()>> Comparison<'_, F> {
    fn directories(&mut self, old_directory: NodeId, new_directory: NodeId) -> ControlFlow<()> {
        let (mut old_children, mut new_children) = (self.old.children(old_directory), self.new.children(new_directory));
        let mut pending = Vec::new();
        let before = self.pairs.len();
        loop {
            let is_same_name = match (old_children.next(), new_children.next()) {
                (None, None) => {
                    return pending.into_iter().try_for_each(|difference| (self.found)(difference));
                }
                (Some(old), Some(new)) => {
                    if self.old.name(old) == self.new.name(new) && self.old.kind(old) == self.new.kind(new) {
                        pending.extend(self.same_name(old, new));
                        true
                    } else {
                        false
                    }
                }
                _ => false,
            };
            if !is_same_name {
                self.pairs.truncate(before);
                return self.merge(old_directory, new_directory);
            }
        }
    }

    /// Compares a file with a file, or notes a pair of directories.
    #[inline]
    fn same_name(&mut self, old: NodeId, new: NodeId) -> Option<Difference> {
        if self.old.kind(old) == NodeKind::Directory {
            self.pairs.push((old, new));
            return None;
        }
        (!is_same_content(self.old, old, self.new, new)).then_some(Difference::Modified(old, new))
    }

    fn merge(&mut self, old_directory: NodeId, new_directory: NodeId) -> ControlFlow<()> {
        self.merge_sorted(self.old.sorted_files(old_directory), self.new.sorted_files(new_directory))?;
        self.merge_sorted(self.old.sorted_directories(old_directory), self.new.sorted_directories(new_directory))
    }

    fn merge_sorted(
        &mut self,
        mut old_nodes: SortedChildren<'_>,
        mut new_nodes: SortedChildren<'_>,
    ) -> ControlFlow<()> {
        let (mut old_next, mut new_next) = (old_nodes.next(), new_nodes.next());
        loop {
            let order = match (old_next, new_next) {
                (None, None) => return ControlFlow::Continue(()),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(old), Some(new)) => {
                    let (old, new) = (self.old.name(old), self.new.name(new));
                    if old == new { Ordering::Equal } else { name_order(old, new) }
                }
            };
            let difference = match (order, old_next, new_next) {
                (Ordering::Equal, Some(old), Some(new)) => self.same_name(old, new),
                (Ordering::Less, Some(old), _) => Some(Difference::Removed(old)),
                (_, _, Some(new)) => Some(Difference::Added(new)),
                _ => None,
            };
            if let Some(difference) = difference {
                (self.found)(difference)?;
            }
            if order.is_le() {
                old_next = old_nodes.next();
            }
            if order.is_ge() {
                new_next = new_nodes.next();
            }
        }
    }
}

/// The order of names, by bytes where that is the same.
fn name_order(left: &[u8], right: &[u8]) -> Ordering {
    if left.is_ascii() && right.is_ascii() { left.cmp(right) } else { compare_names(left, right) }
}

/// Whether two trees have the same paths with the same bytes.
pub fn is_same_tree(left: &Tree, right: &Tree) -> bool {
    std::ptr::eq(left, right) || compare(left, right, |_| ControlFlow::Break(())).is_continue()
}

/// What became of a path. Files and empty directories are told of; a directory that is not empty is told by what is in
/// it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ChangeKind {
    /// Only the new tree has it.
    Added,
    /// Only the old tree has it.
    Removed,
    /// Both have it, with other bytes.
    Modified,
    /// The file of an old path that is no more has the bytes of a new one.
    Moved,
}

/// A change of one path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// What became of it.
    pub kind: ChangeKind,
    /// File or directory.
    pub node_kind: NodeKind,
    /// The node in the old tree, unless added.
    pub old: Option<NodeId>,
    /// The node in the new tree, unless removed.
    pub new: Option<NodeId>,
    /// The path in the new tree; the old one if removed.
    pub path: Vec<u8>,
    /// The path in the old tree, if it was moved.
    pub old_path: Option<Vec<u8>>,
}

/// The changes from the old tree to the new, by path.
pub fn diff(old: &Tree, new: &Tree) -> Vec<Change> {
    if std::ptr::eq(old, new) {
        return Vec::new();
    }
    let mut changes = Vec::new();
    let _ = compare(old, new, |difference| {
        match difference {
            Difference::Removed(node) => leaves(old, node, |leaf, path| {
                changes.push(Change {
                    kind: ChangeKind::Removed,
                    node_kind: old.kind(leaf),
                    old: Some(leaf),
                    new: None,
                    path: path.to_vec(),
                    old_path: None,
                });
            }),
            Difference::Added(node) => leaves(new, node, |leaf, path| {
                changes.push(Change {
                    kind: ChangeKind::Added,
                    node_kind: new.kind(leaf),
                    old: None,
                    new: Some(leaf),
                    path: path.to_vec(),
                    old_path: None,
                });
            }),
            Difference::Modified(old_node, new_node) => changes.push(Change {
                kind: ChangeKind::Modified,
                node_kind: NodeKind::File,
                old: Some(old_node),
                new: Some(new_node),
                path: new.path(new_node),
                old_path: None,
            }),
        }
        ControlFlow::Continue(())
    });
    let mut changes = find_moves(old, new, changes);
    changes.sort_by(|left, right| compare_names(&left.path, &right.path));
    changes
}

/// The files and the empty directories at and below a node.
fn leaves(tree: &Tree, node: NodeId, mut found: impl FnMut(NodeId, &[u8])) {
    let path = tree.path(node);
    if tree.child_count(node) == 0 {
        return found(node, &path);
    }
    let mut cursor = super::walk::PathCursor::new(node, &path);
    for below in tree.descend(node) {
        let path = cursor.step(tree, below);
        if tree.child_count(below) == 0 {
            found(below, path);
        }
    }
}

/// Makes one move of each removed file and an added one with the same bytes. A file of the same name is preferred;
/// files without bytes are all alike and do not move.
fn find_moves(old: &Tree, new: &Tree, mut changes: Vec<Change>) -> Vec<Change> {
    let hasher = RandomState::default();
    let key = |tree: &Tree, node: NodeId| {
        let mut state = hasher.build_hasher();
        hash_content(tree, node, &mut state);
        state.finish()
    };
    let mut removed: HashMap<u64, Vec<usize>> = HashMap::new();
    for (index, change) in changes.iter().enumerate() {
        if let (ChangeKind::Removed, NodeKind::File, Some(node)) = (change.kind, change.node_kind, change.old)
            && old.file_size(node) > 0
        {
            removed.entry(key(old, node)).or_default().push(index);
        }
    }
    let mut gone = vec![false; changes.len()];
    for index in 0..changes.len() {
        let change = &changes[index];
        let (ChangeKind::Added, Some(node)) = (change.kind, change.new) else { continue };
        if removed.is_empty() || change.node_kind == NodeKind::Directory {
            continue;
        }
        let Some(candidates) = removed.get_mut(&key(new, node)) else { continue };
        let is_source =
            |candidate: &usize| changes[*candidate].old.is_some_and(|source| is_same_content(old, source, new, node));
        let has_name =
            |candidate: &usize| changes[*candidate].old.is_some_and(|source| old.name(source) == new.name(node));
        let position = candidates
            .iter()
            .position(|candidate| has_name(candidate) && is_source(candidate))
            .or_else(|| candidates.iter().position(is_source));
        let Some(position) = position else { continue };
        let source = candidates.remove(position);
        gone[source] = true;
        let old_path = changes[source].path.clone();
        let old_node = changes[source].old;
        changes[index] =
            Change { kind: ChangeKind::Moved, old: old_node, old_path: Some(old_path), ..changes[index].clone() };
    }
    let mut gone = gone.into_iter();
    changes.retain(|_| !gone.next().unwrap_or_default());
    changes
}

/// A number that is equal for trees that are the same.
pub fn hash_tree(tree: &Tree, hasher: &RandomState) -> u64 {
    // The order of children does not count, so what is below a node is summed up.
    let mut paths: Vec<u64> = vec![0; tree.node_count()];
    tree.descend(Tree::ROOT).fold(0, |sum: u64, node| {
        let mut state = hasher.build_hasher();
        state.write_u64(paths[tree.parent(node).index()]);
        state.write(tree.name(node));
        if tree.kind(node) == NodeKind::Directory {
            let hash = state.finish();
            paths[node.index()] = hash;
            return sum.wrapping_add(hash);
        }
        hash_content(tree, node, &mut state);
        sum.wrapping_add(state.finish())
    })
}
