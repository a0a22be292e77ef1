//! What differs between two trees.

use super::order::{SortedChildren, compare_names};
use super::{NodeKind, Tree};
use crate::content::{Fingerprint, fingerprint, is_same_content};
use crate::ids::{Id, NodeId};
use foldhash::fast::RandomState;
use std::cmp::Ordering;
use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher, Hash, Hasher};
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

/// Compares two trees and calls `found` for each difference, until it breaks, in the order of the normal form: the
/// files of a directory by name, then its subdirectories. Directories that list the same names in the same order, as
/// nearly all do, are compared side by side; only where names part company they are merged by order.
pub fn compare(old: &Tree, new: &Tree, mut found: impl FnMut(Difference) -> ControlFlow<()>) -> ControlFlow<()> {
    let mut pending = vec![Step::Pair(Tree::ROOT, Tree::ROOT)];
    while let Some(step) = pending.pop() {
        match step {
            Step::Difference(difference) => found(difference)?,
            Step::Pair(old_directory, new_directory) => {
                let mut comparison = Comparison { old, new, files: Vec::new(), directories: Vec::new() };
                comparison.compare(old_directory, new_directory);
                comparison.files.into_iter().try_for_each(&mut found)?;
                pending.extend(comparison.directories.into_iter().rev());
            }
        }
    }
    ControlFlow::Continue(())
}

/// What is still to be done.
#[derive(Clone, Copy)]
enum Step {
    /// To tell a difference.
    Difference(Difference),
    /// To compare two directories of the same path.
    Pair(NodeId, NodeId),
}

/// The comparison of two directories.
struct Comparison<'t> {
    old: &'t Tree,
    new: &'t Tree,
    /// Differences between files, by name.
    files: Vec<Difference>,
    /// What there is to do with subdirectories, by name.
    directories: Vec<Step>,
}

impl Comparison<'_> {
    fn compare(&mut self, old_directory: NodeId, new_directory: NodeId) {
        if !self.side_by_side(old_directory, new_directory) {
            self.files.clear();
            self.directories.clear();
            self.merge(self.old.sorted_files(old_directory), self.new.sorted_files(new_directory));
            self.merge(self.old.sorted_directories(old_directory), self.new.sorted_directories(new_directory));
        }
    }

    /// Compares children in order of appearance, and says whether that was enough.
    fn side_by_side(&mut self, old_directory: NodeId, new_directory: NodeId) -> bool {
        if self.old.child_count(old_directory) != self.new.child_count(new_directory) {
            return false;
        }
        let children = self.old.children(old_directory).zip(self.new.children(new_directory));
        for (old, new) in children {
            if self.old.name(old) != self.new.name(new) || self.old.kind(old) != self.new.kind(new) {
                return false;
            }
            self.same_name(old, new);
        }
        let (old, new) = (self.old, self.new);
        if !old.lists_files_in_order(old_directory) {
            let name = |difference: &Difference| match *difference {
                Difference::Removed(node) | Difference::Modified(node, _) => old.name(node),
                Difference::Added(node) => new.name(node),
            };
            self.files.sort_by(|left, right| name_order(name(left), name(right)));
        }
        if !old.lists_directories_in_order(old_directory) {
            let name = |step: &Step| match *step {
                Step::Pair(node, _) | Step::Difference(Difference::Removed(node) | Difference::Modified(node, _)) => {
                    old.name(node)
                }
                Step::Difference(Difference::Added(node)) => new.name(node),
            };
            self.directories.sort_by(|left, right| name_order(name(left), name(right)));
        }
        true
    }

    /// Compares a file with a file, or notes a pair of directories.
    #[inline]
    fn same_name(&mut self, old: NodeId, new: NodeId) {
        if self.old.kind(old) == NodeKind::Directory {
            self.directories.push(Step::Pair(old, new));
        } else if !is_same_content(self.old, old, self.new, new) {
            self.files.push(Difference::Modified(old, new));
        }
    }

    fn different(&mut self, difference: Difference, kind: NodeKind) {
        match kind {
            NodeKind::File => self.files.push(difference),
            NodeKind::Directory => self.directories.push(Step::Difference(difference)),
        }
    }

    /// Compares children of one kind in order of name.
    fn merge(&mut self, mut old_nodes: SortedChildren<'_>, mut new_nodes: SortedChildren<'_>) {
        let (mut old_next, mut new_next) = (old_nodes.next(), new_nodes.next());
        loop {
            let order = match (old_next, new_next) {
                (None, None) => return,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(old), Some(new)) => name_order(self.old.name(old), self.new.name(new)),
            };
            match (order, old_next, new_next) {
                (Ordering::Equal, Some(old), Some(new)) => self.same_name(old, new),
                (Ordering::Less, Some(old), _) => self.different(Difference::Removed(old), self.old.kind(old)),
                (_, _, Some(new)) => self.different(Difference::Added(new), self.new.kind(new)),
                _ => {}
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
    if left == right {
        return Ordering::Equal;
    }
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

/// A change of one path, by the nodes that it is about: a deep path can be as long as the text, so that paths are made
/// when somebody asks for them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Change {
    /// What became of it.
    pub kind: ChangeKind,
    /// File or directory.
    pub node_kind: NodeKind,
    /// The node in the old tree, unless added.
    pub old: Option<NodeId>,
    /// The node in the new tree, unless removed.
    pub new: Option<NodeId>,
}

/// The changes from the old tree to the new, in the order of the normal form.
pub fn diff(old: &Tree, new: &Tree) -> Vec<Change> {
    let mut changes = Vec::new();
    if std::ptr::eq(old, new) {
        return changes;
    }
    let _ = compare(old, new, |difference| {
        match difference {
            Difference::Removed(node) => changes.extend(leaves(old, node).map(|leaf| Change {
                kind: ChangeKind::Removed,
                node_kind: old.kind(leaf),
                old: Some(leaf),
                new: None,
            })),
            Difference::Added(node) => changes.extend(leaves(new, node).map(|leaf| Change {
                kind: ChangeKind::Added,
                node_kind: new.kind(leaf),
                old: None,
                new: Some(leaf),
            })),
            Difference::Modified(old_node, new_node) => changes.push(Change {
                kind: ChangeKind::Modified,
                node_kind: NodeKind::File,
                old: Some(old_node),
                new: Some(new_node),
            }),
        }
        ControlFlow::Continue(())
    });
    find_moves(old, new, changes)
}

/// The files and the empty directories at and below a node.
fn leaves(tree: &Tree, node: NodeId) -> impl Iterator<Item = NodeId> {
    std::iter::once(node).chain(tree.descend_sorted(node)).filter(|node| tree.child_count(*node) == 0)
}

/// Makes one move of an added and a removed file with the same bytes: of the same name if there is such a pair,
/// otherwise in order. Empty files are not followed.
fn find_moves(old: &Tree, new: &Tree, mut changes: Vec<Change>) -> Vec<Change> {
    let hasher = RandomState::default();
    let is_file = |change: &&mut Change| change.node_kind == NodeKind::File;
    let mut removed: HashMap<(Fingerprint, u64), VecDeque<NodeId>> = HashMap::new();
    let mut taken: HashSet<NodeId> = HashSet::new();
    for change in changes.iter_mut().filter(is_file) {
        if let (ChangeKind::Removed, Some(node)) = (change.kind, change.old)
            && old.file_size(node) > 0
        {
            let print = fingerprint(old, node);
            for key in [(print, hasher.hash_one(old.name(node))), (print, 0)] {
                removed.entry(key).or_default().push_back(node);
            }
        }
    }
    if removed.is_empty() {
        return changes;
    }
    for by_name in [true, false] {
        for change in changes.iter_mut().filter(is_file) {
            let (ChangeKind::Added, Some(node)) = (change.kind, change.new) else { continue };
            let name = if by_name { hasher.hash_one(new.name(node)) } else { 0 };
            let Some(candidates) = removed.get_mut(&(fingerprint(new, node), name)) else { continue };
            while let Some(source) = candidates.pop_front() {
                if !taken.contains(&source) && is_same_content(old, source, new, node) {
                    taken.insert(source);
                    change.kind = ChangeKind::Moved;
                    change.old = Some(source);
                    break;
                }
            }
        }
    }
    changes.retain(|change| change.kind != ChangeKind::Removed || change.old.is_none_or(|node| !taken.contains(&node)));
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
        fingerprint(tree, node).hash(&mut state);
        sum.wrapping_add(state.finish())
    })
}
