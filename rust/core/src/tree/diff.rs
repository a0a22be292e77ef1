//! What differs between two trees.

use super::order::compare_names;
use super::{NodeKind, Tree};
use crate::content::{Fingerprint, fingerprint, is_same_content};
use crate::ids::{Id, NodeId};
use crate::lexer::is_equal;
use foldhash::fast::RandomState;
use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
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
/// files of a directory by name, then its subdirectories.
pub fn compare(old: &Tree, new: &Tree, found: impl FnMut(Difference) -> ControlFlow<()>) -> ControlFlow<()> {
    compare_below(old, Tree::ROOT, new, Tree::ROOT, found)
}

fn compare_below(
    old: &Tree,
    old_top: NodeId,
    new: &Tree,
    new_top: NodeId,
    mut found: impl FnMut(Difference) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let mut pending = vec![Step::Pair(old_top, new_top)];
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

/// How far names are looked for that the other directory does not have at this place.
const AHEAD: usize = 4;

/// The comparison of two directories.
struct Comparison<'t> {
    old: &'t Tree,
    new: &'t Tree,
    /// Differences between files.
    files: Vec<Difference>,
    /// What there is to do with subdirectories.
    directories: Vec<Step>,
}

impl Comparison<'_> {
    /// Walks through both directories in order of appearance. Names mostly come in the same order in both, also where
    /// one has names that the other has not: a look ahead brings the walks together again. What the walks miss is found
    /// by a table of names.
    fn compare(&mut self, old_directory: NodeId, new_directory: NodeId) {
        let (mut old_nodes, mut new_nodes) = (self.old.children(old_directory), self.new.children(new_directory));
        let (mut old_rest, mut new_rest) = (Vec::new(), Vec::new());
        loop {
            let (mut old_ahead, mut new_ahead) = (old_nodes.clone(), new_nodes.clone());
            match (old_ahead.next(), new_ahead.next()) {
                (None, None) => break,
                (Some(old), Some(new)) if self.is_match(old, new) => {
                    self.same_name(old, new);
                    (old_nodes, new_nodes) = (old_ahead, new_ahead);
                }
                (Some(old), Some(new)) => {
                    let added = new_ahead.clone().take(AHEAD).position(|new| self.is_match(old, new));
                    let removed = old_ahead.clone().take(AHEAD).position(|old| self.is_match(old, new));
                    match (added, removed) {
                        (Some(count), _) => new_rest.extend(new_nodes.by_ref().take(count + 1)),
                        (None, Some(count)) => old_rest.extend(old_nodes.by_ref().take(count + 1)),
                        (None, None) => {
                            old_rest.extend(old_nodes.next());
                            new_rest.extend(new_nodes.next());
                        }
                    }
                }
                _ => {
                    old_rest.extend(old_nodes.by_ref());
                    new_rest.extend(new_nodes.by_ref());
                }
            }
        }
        // The walk meets pairs in the order of the old directory; the table adds its own behind them.
        let in_old_order = old_rest.is_empty();
        self.pair_up(old_rest, new_rest);
        self.sort(old_directory, in_old_order);
    }

    #[inline]
    fn is_match(&self, old: NodeId, new: NodeId) -> bool {
        is_equal(self.old.name(old), self.new.name(new)) && self.old.kind(old) == self.new.kind(new)
    }

    /// Finds what is in both rests; the others are differences.
    fn pair_up(&mut self, old_rest: Vec<NodeId>, new_rest: Vec<NodeId>) {
        let (old, new) = (self.old, self.new);
        let mut left: HashMap<(&[u8], NodeKind), NodeId, RandomState> = HashMap::default();
        let mut is_old: HashSet<NodeId, RandomState> = HashSet::default();
        if !old_rest.is_empty() {
            left.extend(new_rest.iter().map(|node| ((new.name(*node), new.kind(*node)), *node)));
        }
        for node in old_rest {
            match left.remove(&(old.name(node), old.kind(node))) {
                Some(same) => {
                    is_old.insert(same);
                    self.same_name(node, same);
                }
                None => self.different(Difference::Removed(node), old.kind(node)),
            }
        }
        for node in new_rest {
            if !is_old.contains(&node) {
                self.different(Difference::Added(node), new.kind(node));
            }
        }
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

    fn sort(&mut self, old_directory: NodeId, in_old_order: bool) {
        let (old, new) = (self.old, self.new);
        let name = |difference: Difference| match difference {
            Difference::Removed(node) | Difference::Modified(node, _) => old.name(node),
            Difference::Added(node) => new.name(node),
        };
        self.files.sort_by(|left, right| name_order(name(*left), name(*right)));
        let are_all_pairs = self.directories.iter().all(|step| matches!(step, Step::Pair(..)));
        if !in_old_order || !are_all_pairs || !old.lists_directories_in_order(old_directory) {
            let name = |step: &Step| match *step {
                Step::Pair(node, _) => old.name(node),
                Step::Difference(difference) => name(difference),
            };
            self.directories.sort_by(|left, right| name_order(name(left), name(right)));
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

/// Whether two files have the same bytes, or two directories the same paths with the same bytes.
pub fn is_same_node(left: &Tree, left_node: NodeId, right: &Tree, right_node: NodeId) -> bool {
    if std::ptr::eq(left, right) && left_node == right_node {
        return true;
    }
    match (left.kind(left_node), right.kind(right_node)) {
        (NodeKind::File, NodeKind::File) => is_same_content(left, left_node, right, right_node),
        (NodeKind::Directory, NodeKind::Directory) => {
            compare_below(left, left_node, right, right_node, |_| ControlFlow::Break(())).is_continue()
        }
        _ => false,
    }
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
    let leaf = |tree: &Tree, node: NodeId, change| Leaf {
        content: fingerprint(tree, node),
        name: hasher.hash_one(tree.name(node)),
        change,
    };
    let (mut removed, mut added) = (Vec::new(), Vec::new());
    for (index, change) in changes.iter().enumerate() {
        match *change {
            Change { kind: ChangeKind::Removed, old: Some(node), .. } if old.file_size(node) > 0 => {
                removed.push(leaf(old, node, index));
            }
            Change { kind: ChangeKind::Added, new: Some(node), .. } if new.file_size(node) > 0 => {
                added.push(leaf(new, node, index));
            }
            _ => {}
        }
    }
    let mut moved = join(&mut removed, &mut added, |leaf| (leaf.content, leaf.name));
    moved.extend(join(&mut removed, &mut added, |leaf| (leaf.content, 0)));
    let mut is_gone = vec![false; changes.len()];
    for (from, to) in moved {
        is_gone[from] = true;
        changes[to].kind = ChangeKind::Moved;
        changes[to].old = changes[from].old;
    }
    let mut is_gone = is_gone.into_iter();
    changes.retain(|_| !is_gone.next().unwrap_or_default());
    changes
}

/// A removed or an added file.
#[derive(Clone, Copy)]
struct Leaf {
    content: Fingerprint,
    name: u64,
    /// Its place among the changes.
    change: usize,
}

/// Pairs of a removed and an added file with the same key, in order, each file in one pair. They are taken out.
fn join<K: Ord>(removed: &mut Vec<Leaf>, added: &mut Vec<Leaf>, key: impl Fn(&Leaf) -> K) -> Vec<(usize, usize)> {
    for leaves in [&mut *removed, &mut *added] {
        leaves.sort_unstable_by_key(|leaf| (key(leaf), leaf.change));
    }
    let mut pairs = Vec::new();
    let mut candidates = removed.iter().peekable();
    for leaf in &*added {
        while candidates.next_if(|candidate| key(candidate) < key(leaf)).is_some() {}
        if let Some(source) = candidates.next_if(|candidate| key(candidate) == key(leaf)) {
            pairs.push((source.change, leaf.change));
        }
    }
    let is_taken: HashSet<usize, RandomState> = pairs.iter().flat_map(|(from, to)| [*from, *to]).collect();
    removed.retain(|leaf| !is_taken.contains(&leaf.change));
    added.retain(|leaf| !is_taken.contains(&leaf.change));
    pairs
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
