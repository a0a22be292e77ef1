//! An edit as the API's `replace_files` says it: what the server removes, what it copies from what it has, and what it
//! has to be sent.
//!
//! The server looks at all sources first, then removes, then puts the rest in place, each whole. It refuses a target that
//! lies in another one, unless that is a removal. So both trees are walked from the top down, and a step is taken at the
//! highest node that one step can settle.

mod sources;

use crate::error::Error;
use crate::ids::{Id, NodeId};
use crate::tree::{NodeKind, Tree};
use foldhash::fast::RandomState;
use sources::{Difference, Pair, Side, Sources, Survey};
use std::collections::{HashMap, HashSet};

/// What happens at one target.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// This node of the base goes, with all below it.
    Remove(NodeId),
    /// This node of the edited tree is sent: the text has it at the same path.
    Send(NodeId),
    /// This node of the edited tree is copied by the server from a node of one of its trees.
    Copy {
        /// The node that it becomes.
        node: NodeId,
        /// 0 for the base, otherwise one more than the place among the other trees.
        tree: usize,
        /// What is copied.
        from: NodeId,
        /// Whether this takes the place of a path of the base that is no more. Each does so once.
        moves: bool,
    },
}

/// What makes the edited tree of the base.
#[derive(Debug)]
pub struct Plan {
    /// By target, in order of bytes. No target is in another, unless that is removed.
    pub steps: Vec<Step>,
    /// What is sent, and nothing else.
    pub text: Tree,
}

/// Plans an edit of `base`. The server may also copy from `others`, whose contents it has.
///
/// JSON has no names that are not UTF-8. If one of them is a target, all of the edited tree is sent instead.
///
/// # Errors
/// `TooLarge`.
///
/// ```
/// use keepset_core::plan::{Step, plan};
/// use keepset_core::{Mode, Tree};
/// let foo = "acbd18db4cc2f85cedef654fccc4a4d8+3";
/// let base = Tree::parse(format!("./old {foo} 0:3:a\n").into(), Mode::Strict)?;
/// let edited = Tree::parse(format!("./new {foo} 0:3:a\n").into(), Mode::Strict)?;
/// let (new, old) = (edited.resolve(b"new").unwrap(), base.resolve(b"old").unwrap());
/// assert_eq!(
///     plan(&base, &edited, &[])?.steps,
///     [Step::Copy { node: new, tree: 0, from: old, moves: true }, Step::Remove(old)]
/// );
/// # Ok::<(), keepset_core::Error>(())
/// ```
pub fn plan(base: &Tree, edited: &Tree, others: &[&Tree]) -> Result<Plan, Error> {
    let hashers = [RandomState::default(), RandomState::default()];
    let pair = Pair { base: Side::new(base, &hashers), edited: Side::new(edited, &hashers) };
    let survey = Survey::of(&pair);
    let mut sources = Sources::default();
    if !survey.wanted.is_empty() {
        sources.add(0, &pair.base, &survey);
        for (number, tree) in others.iter().enumerate() {
            sources.add(number + 1, &Side::new(tree, &hashers), &survey);
        }
    }
    let mut planner = Planner { pair: &pair, sources, has_source: vec![false; edited.node_count()], steps: Vec::new() };
    planner.run();
    let mut steps = in_order(planner.steps, base, edited);
    if steps.iter().any(|step| std::str::from_utf8(&target(step, base, edited)).is_err()) {
        let root = Tree::ROOT;
        let step = if edited.child_count(root) == 0 { Step::Remove(root) } else { Step::Send(root) };
        return Ok(Plan { steps: vec![step], text: edited.clone() });
    }
    find_moves(&mut steps, base, &survey);
    let text = text_of(edited, &steps)?;
    Ok(Plan { steps, text })
}

/// Has each path that is gone move once. What lies in a directory that moves goes with it.
fn find_moves(steps: &mut [Step], base: &Tree, survey: &Survey) {
    let way =
        |node: NodeId| std::iter::successors(Some(node), |at| Some(base.parent(*at)).filter(|_| *at != Tree::ROOT));
    let mut gone: Vec<(usize, NodeId, &mut bool)> = steps
        .iter_mut()
        .filter_map(|step| match step {
            Step::Copy { tree: 0, from, moves, .. } if survey.is_gone[from.index()] => {
                Some((way(*from).count(), *from, moves))
            }
            _ => None,
        })
        .collect();
    gone.sort_by_key(|(depth, ..)| *depth);
    let mut moved = HashSet::new();
    for (_, from, moves) in gone {
        *moves = !way(from).any(|above| moved.contains(&above));
        if *moves {
            moved.insert(from);
        }
    }
}

fn target(step: &Step, base: &Tree, edited: &Tree) -> Vec<u8> {
    match *step {
        Step::Remove(node) => base.path(node),
        Step::Send(node) | Step::Copy { node, .. } => edited.path(node),
    }
}

fn in_order(steps: Vec<Step>, base: &Tree, edited: &Tree) -> Vec<Step> {
    let mut keyed: Vec<(Vec<u8>, Step)> = steps.into_iter().map(|step| (target(&step, base, edited), step)).collect();
    keyed.sort_unstable_by(|left, right| left.0.cmp(&right.0));
    keyed.into_iter().map(|(_, step)| step).collect()
}

/// What is sent, each node at its path.
fn text_of(edited: &Tree, steps: &[Step]) -> Result<Tree, Error> {
    let mut text = Tree::default();
    let mut copies = HashMap::from([(Tree::ROOT, Tree::ROOT)]);
    for step in steps {
        let Step::Send(node) = *step else { continue };
        // The directories on the way that are not there yet, from the top down.
        let mut way = Vec::new();
        let mut at = edited.parent(node);
        while !copies.contains_key(&at) {
            way.push(at);
            at = edited.parent(at);
        }
        let mut parent = copies[&at];
        for directory in way.into_iter().rev() {
            parent = text.add_directory(parent, edited.name(directory))?;
            copies.insert(directory, parent);
        }
        text.copy_from(edited, node, parent, edited.name(node))?;
    }
    Ok(text)
}

struct Planner<'t> {
    pair: &'t Pair<'t>,
    sources: Sources,
    /// By node of the edited tree: whether it, or something below it, has a source.
    has_source: Vec<bool>,
    steps: Vec<Step>,
}

impl Planner<'_> {
    fn run(&mut self) {
        let mut pending = vec![(Tree::ROOT, Tree::ROOT)];
        while let Some((old, new)) = pending.pop() {
            let differences = self.pair.differences(old, new);
            // A directory that became a copy of another is one step. If only one thing in it changed, that is one, too.
            if differences.len() > 1 && new != Tree::ROOT && self.copy(new) {
                continue;
            }
            for difference in differences {
                match difference {
                    Difference::Removed(node) => self.remove(node, new),
                    Difference::Added(node) => self.add(node, old),
                    Difference::Changed(old, new) if self.pair.edited.tree.kind(new) == NodeKind::Directory => {
                        pending.push((old, new));
                    }
                    Difference::Changed(_, new) => self.put(new),
                }
            }
        }
    }

    /// Removes a node, unless what is added in its place sees to that.
    fn remove(&mut self, node: NodeId, new_parent: NodeId) {
        if self.pair.edited.tree.child(new_parent, self.pair.base.tree.name(node)).is_none() {
            self.steps.push(Step::Remove(node));
        }
    }

    /// Adds what is new, in as few steps as sending nothing that the server has allows.
    fn add(&mut self, top: NodeId, old_parent: NodeId) {
        let edited = self.pair.edited.tree;
        self.look_for_sources(top);
        let mut pending = vec![top];
        while let Some(node) = pending.pop() {
            if self.copy(node) {
                continue;
            }
            if !self.has_source[node.index()] {
                self.steps.push(Step::Send(node));
                continue;
            }
            if node == top
                && let Some(replaced) = self.pair.base.tree.child(old_parent, edited.name(node))
            {
                self.steps.push(Step::Remove(replaced));
            }
            pending.extend(edited.children(node));
        }
    }

    fn look_for_sources(&mut self, top: NodeId) {
        let edited = self.pair.edited.tree;
        let nodes: Vec<NodeId> = std::iter::once(top).chain(edited.descend(top)).collect();
        for node in nodes.into_iter().rev() {
            if self.source(node).is_some() {
                self.has_source[node.index()] = true;
            }
            if self.has_source[node.index()] {
                self.has_source[edited.parent(node).index()] = true;
            }
        }
    }

    fn source(&self, node: NodeId) -> Option<(usize, NodeId)> {
        let edited = &self.pair.edited;
        self.sources.find(edited.print(node), edited.tree.name(node))
    }

    /// Has the server copy a node, if it can.
    fn copy(&mut self, node: NodeId) -> bool {
        let Some((tree, from)) = self.source(node) else { return false };
        self.steps.push(Step::Copy { node, tree, from, moves: false });
        true
    }

    fn put(&mut self, node: NodeId) {
        if !self.copy(node) {
            self.steps.push(Step::Send(node));
        }
    }
}
