//! Where what is new in a tree may come from: hashes of whole subtrees, made anew in each process.

use crate::content::fingerprint;
use crate::ids::{Id, NodeId};
use crate::tree::{NodeKind, Tree};
use foldhash::fast::RandomState;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, Hash};

/// A number that is equal for the same bytes, or the same paths with the same bytes, and hardly ever for others.
pub(super) type Print = u128;

fn print_of(hashers: &[RandomState; 2], value: impl Hash) -> Print {
    let [high, low] = hashers.each_ref().map(|hasher| u128::from(hasher.hash_one(&value)));
    high << 64 | low
}

/// A tree with the prints and sizes of its nodes.
pub(super) struct Side<'t> {
    pub(super) tree: &'t Tree,
    prints: Vec<Print>,
    sizes: Vec<u64>,
}

impl<'t> Side<'t> {
    pub(super) fn new(tree: &'t Tree, hashers: &[RandomState; 2]) -> Self {
        // Of a directory: first the sum over its children, the order of which does not count.
        let mut prints: Vec<Print> = vec![0; tree.node_count()];
        let order: Vec<NodeId> = std::iter::once(Tree::ROOT).chain(tree.descend(Tree::ROOT)).collect();
        for node in order.into_iter().rev() {
            let print = match tree.kind(node) {
                NodeKind::File => print_of(hashers, ("file", fingerprint(tree, node))),
                NodeKind::Directory => print_of(hashers, ("directory", prints[node.index()])),
            };
            prints[node.index()] = print;
            if node != Tree::ROOT {
                let parent = &mut prints[tree.parent(node).index()];
                *parent = parent.wrapping_add(print_of(hashers, (tree.name(node), print)));
            }
        }
        Self { tree, prints, sizes: tree.directory_sizes() }
    }

    pub(super) fn print(&self, node: NodeId) -> Print {
        self.prints[node.index()]
    }
}

/// A difference between the children of two directories of one path.
#[derive(Clone, Copy)]
pub(super) enum Difference {
    Removed(NodeId),
    /// A new node. It may take the place of one of the other kind, which is removed.
    Added(NodeId),
    /// Two files or two directories.
    Changed(NodeId, NodeId),
}

/// The trees before and after.
pub(super) struct Pair<'t> {
    pub(super) base: Side<'t>,
    pub(super) edited: Side<'t>,
}

impl Pair<'_> {
    /// What differs between the children of a directory of the base and one of the edited tree.
    pub(super) fn differences(&self, old: NodeId, new: NodeId) -> Vec<Difference> {
        let (base, edited) = (self.base.tree, self.edited.tree);
        let mut found = Vec::new();
        for child in base.children(old) {
            match edited.child(new, base.name(child)) {
                Some(other) if base.kind(child) == edited.kind(other) => {
                    if self.base.print(child) != self.edited.print(other) {
                        found.push(Difference::Changed(child, other));
                    }
                }
                _ => found.push(Difference::Removed(child)),
            }
        }
        for child in edited.children(new) {
            let other = base.child(old, edited.name(child));
            if other.is_none_or(|other| base.kind(other) != edited.kind(child)) {
                found.push(Difference::Added(child));
            }
        }
        found
    }
}

/// What there is to be found, and what is gone, path by path.
pub(super) struct Survey {
    /// By node of the base: whether the edited tree has no such path.
    pub(super) is_gone: Vec<bool>,
    /// The prints of what is new in the edited tree and has bytes.
    pub(super) wanted: HashSet<Print, RandomState>,
}

impl Survey {
    pub(super) fn of(pair: &Pair<'_>) -> Self {
        let (base, edited) = (&pair.base, &pair.edited);
        let mut survey = Self { is_gone: vec![false; base.tree.node_count()], wanted: HashSet::default() };
        let mut pending = vec![(Tree::ROOT, Tree::ROOT)];
        while let Some((old, new)) = pending.pop() {
            for difference in pair.differences(old, new) {
                match difference {
                    Difference::Removed(node) => {
                        for gone in std::iter::once(node).chain(base.tree.descend(node)) {
                            survey.is_gone[gone.index()] = true;
                        }
                    }
                    Difference::Added(node) => {
                        for added in std::iter::once(node).chain(edited.tree.descend(node)) {
                            survey.want(edited, added);
                        }
                    }
                    Difference::Changed(old, new) => {
                        survey.want(edited, new);
                        if edited.tree.kind(new) == NodeKind::Directory {
                            pending.push((old, new));
                        }
                    }
                }
            }
        }
        survey
    }

    fn want(&mut self, edited: &Side<'_>, node: NodeId) {
        if edited.sizes[node.index()] > 0 {
            self.wanted.insert(edited.print(node));
        }
    }
}

/// How welcome a source is: the first of these that there is is taken.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Standing {
    /// A path of the base that is no more.
    Gone,
    /// Another path of the base.
    Kept,
    /// A path of another tree.
    Other,
}

/// What is asked for: bytes, standing and, in the first place, a name.
type Wish = (Print, Standing, Option<u64>);

/// What the server can copy: the first node that each wish is for, and the number of its tree.
#[derive(Default)]
pub(super) struct Sources {
    names: RandomState,
    places: HashMap<Wish, (usize, NodeId), RandomState>,
}

impl Sources {
    /// Adds a tree: 0 is the base.
    pub(super) fn add(&mut self, number: usize, side: &Side<'_>, survey: &Survey) {
        let tree = side.tree;
        // The server has a name for all of another collection, and none for all of the one that it changes.
        if number > 0 {
            self.offer(side, Tree::ROOT, (number, Standing::Other), survey);
        }
        let mut can_be_said = vec![true; tree.node_count()];
        for node in tree.descend(Tree::ROOT) {
            let is_utf8 = can_be_said[tree.parent(node).index()] && std::str::from_utf8(tree.name(node)).is_ok();
            can_be_said[node.index()] = is_utf8;
            let standing = match number {
                0 if survey.is_gone[node.index()] => Standing::Gone,
                0 => Standing::Kept,
                _ => Standing::Other,
            };
            if is_utf8 {
                self.offer(side, node, (number, standing), survey);
            }
        }
    }

    fn offer(&mut self, side: &Side<'_>, node: NodeId, (number, standing): (usize, Standing), survey: &Survey) {
        let print = side.print(node);
        if survey.wanted.contains(&print) {
            for name in [Some(self.names.hash_one(side.tree.name(node))), None] {
                self.places.entry((print, standing, name)).or_insert((number, node));
            }
        }
    }

    /// The most welcome source of this print, and the number of its tree.
    pub(super) fn find(&self, print: Print, name: &[u8]) -> Option<(usize, NodeId)> {
        let name = Some(self.names.hash_one(name));
        let keys = [Standing::Gone, Standing::Kept, Standing::Other]
            .into_iter()
            .flat_map(|standing| [(print, standing, name), (print, standing, None)]);
        keys.into_iter().find_map(|key| self.places.get(&key).copied())
    }
}
