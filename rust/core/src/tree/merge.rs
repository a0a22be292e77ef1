//! Bringing changes to a tree that may have changed as well: what each one means there, and doing it in place.
//!
//! The rules are those of the existing SDK's `apply`. A change whose place is as the change expects it is made. A change
//! that somebody has made here too is no change. Otherwise the two are in *conflict*: what is here stays under its name,
//! and what the change brings is put beside it, so that neither is lost. What was changed here and removed there stays,
//! and what was removed here and changed there is put beside its former place.
//!
//! Nodes keep their ids: a file that gets other bytes is the same node, and what is removed is detached, so that open
//! files stay valid.

use super::changes::{Step, each_step};
use super::diff::is_same_node;
use super::paths::MakeError;
use super::{NodeKind, Tree};
use crate::error::Error;
use crate::ids::NodeId;

/// A node of some tree.
#[derive(Clone, Copy, Debug)]
pub struct Item<'t> {
    /// The tree.
    pub tree: &'t Tree,
    /// The same nodes with bytes in memory named by the block that they would be stored in. Without such bytes it is the
    /// tree itself.
    pub seen: &'t Tree,
    /// The file or directory.
    pub node: NodeId,
}

impl<'t> Item<'t> {
    /// A node of a tree without bytes in memory.
    pub fn new(tree: &'t Tree, node: NodeId) -> Self {
        Self { tree, seen: tree, node }
    }

    fn as_seen(self) -> Self {
        Self { tree: self.seen, ..self }
    }

    /// Whether both are the same, by where the bytes are or by where they would be stored.
    pub(super) fn is_same(self, other: Item<'_>) -> bool {
        is_same_node(self.tree, self.node, other.tree, other.node)
            || (self.is_in_memory() || other.is_in_memory())
                && is_same_node(self.seen, self.node, other.seen, other.node)
    }

    fn is_in_memory(self) -> bool {
        !std::ptr::eq(self.tree, self.seen)
    }

    pub(super) fn is_file(self) -> bool {
        self.tree.kind(self.node) == NodeKind::File
    }
}

/// A change of one path: what was there, and what is there now. With both the path was modified.
#[derive(Clone, Copy, Debug)]
pub struct Change<'t> {
    /// From the directory that the change is brought to.
    pub path: &'t [u8],
    /// Before; None if the path was added.
    pub initial: Option<Item<'t>>,
    /// After; None if the path was removed.
    pub last: Option<Item<'t>>,
}

/// What becomes of a conflict.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Policy {
    /// What the change brings is put beside what is here, as `name~stamp~conflict~`.
    Beside,
    /// What is here stays, and what the change brings is left out.
    Ours,
    /// What the change brings takes the place of what is here.
    Theirs,
    /// Nothing is changed at all.
    Refuse,
}

/// Why changes are not brought to a tree.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MergeError {
    /// A path is not one of a file or directory below another.
    BadPath(Vec<u8>),
    /// The paths in conflict, none of which may be. Nothing has been changed.
    Refused(Vec<Vec<u8>>),
    /// The tree has no room.
    Full(Error),
}

impl From<Error> for MergeError {
    fn from(error: Error) -> Self {
        Self::Full(error)
    }
}

/// What was done to a tree.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Done {
    /// A node is new.
    Added(NodeId),
    /// A node was taken out of its directory.
    Removed {
        /// The node, which is detached.
        node: NodeId,
        /// The directory that it was in.
        parent: NodeId,
    },
    /// A file has other bytes.
    Modified(NodeId),
    /// A node took the place of another.
    Replaced {
        /// The new one.
        node: NodeId,
        /// The old one, which is detached.
        old: NodeId,
    },
    /// The blocks of a file have other signatures.
    Renewed(NodeId),
}

/// What to do for a change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Edit {
    /// Takes better signatures for a node that is as the change would make it.
    Renew(NodeId),
    /// Takes a node away.
    Remove(NodeId),
    /// Gives a file the bytes of another.
    Replace(NodeId),
    /// Puts the bytes of another file behind those of a file.
    Append(NodeId),
    /// Puts a copy of what the change brings at a path, and takes away what stands there or in its way.
    Put { path: Vec<u8>, over: Option<NodeId> },
}

/// What a change means for a tree.
#[derive(Debug)]
enum Meaning {
    Nothing,
    Edit(Edit),
    /// Something else is here. The edit makes it what the change wants.
    Conflict(Edit),
}

/// What a merge is to do.
#[derive(Debug)]
pub struct MergePlan {
    steps: Vec<Planned>,
    policy: Policy,
}

#[derive(Debug)]
struct Planned {
    path: Vec<u8>,
    /// What there is in the other tree.
    last: Option<NodeId>,
    meaning: Meaning,
}

impl Tree {
    /// Brings changes to what is below a directory, one after the other. Conflicts are put beside what is here. With
    /// bytes in memory, `seen` is for this tree what it is for an [`Item`]; the changes are brought to it as well.
    ///
    /// # Errors
    /// `BadPath`, with nothing done, or `Full`.
    ///
    /// ```
    /// use keepset_core::tree::merge::{Change, Done, Item};
    /// use keepset_core::{Mode, Tree};
    /// let mut tree = Tree::default();
    /// let other = Tree::parse(". acbd18db4cc2f85cedef654fccc4a4d8+3 0:3:a\n".into(), Mode::Strict)?;
    /// let node = other.resolve(b"a").unwrap();
    /// let change = Change { path: b"./d/a", initial: None, last: Some(Item::new(&other, node)) };
    /// let done = tree.apply(None, Tree::ROOT, [change], "20260101-000000").unwrap();
    /// assert!(matches!(done[..], [Done::Added(_), Done::Added(_)])); // the directory, and the file in it
    /// # Ok::<(), keepset_core::Error>(())
    /// ```
    pub fn apply<'t>(
        &mut self,
        mut seen: Option<&mut Self>,
        top: NodeId,
        changes: impl IntoIterator<Item = Change<'t>>,
        stamp: &str,
    ) -> Result<Vec<Done>, MergeError> {
        let with_plain_path = |change: Change<'t>| match plain(change.path) {
            Some(path) => Ok(Change { path, ..change }),
            None => Err(MergeError::BadPath(change.path.to_vec())),
        };
        let changes = changes.into_iter().map(with_plain_path).collect::<Result<Vec<_>, _>>()?;
        let mut done = Vec::new();
        for change in changes {
            let meaning = self.meaning(seen.as_deref().unwrap_or(self), top, change);
            let Some(edit) = self.decide(top, change.path, meaning, Policy::Beside, None, stamp) else { continue };
            if let Some(seen) = seen.as_deref_mut() {
                seen.perform(top, change.last.map(Item::as_seen), edit.clone(), &mut Vec::new())?;
            }
            self.perform(top, change.last, edit, &mut done)?;
        }
        Ok(done)
    }

    /// Brings what became of `base` in `theirs` to this tree, which began as `base` too.
    ///
    /// # Errors
    /// `Refused`, if that is the policy, or `Full`.
    ///
    /// ```
    /// use keepset_core::tree::merge::Policy;
    /// use keepset_core::{Mode, Tree};
    /// let parse = |names: &str| {
    ///     Tree::parse(format!(". acbd18db4cc2f85cedef654fccc4a4d8+3{names}\n").into(), Mode::Strict)
    /// };
    /// let (base, mut ours, theirs) = (parse(" 0:3:a 0:3:b")?, parse(" 0:3:a 0:3:b 0:3:c")?, parse(" 0:3:a")?);
    /// ours.merge(&base, &theirs, Policy::Beside, "20260101-000000").unwrap();
    /// assert!(ours.resolve(b"c").is_ok() && ours.resolve(b"b").is_err());
    /// # Ok::<(), keepset_core::Error>(())
    /// ```
    pub fn merge(&mut self, base: &Self, theirs: &Self, policy: Policy, stamp: &str) -> Result<Vec<Done>, MergeError> {
        let plan = self.plan_merge(base, theirs, policy)?;
        self.carry_out(plan, theirs, stamp)
    }

    /// What [`Tree::merge`] is to do, without doing it.
    ///
    /// # Errors
    /// `Refused`, if that is the policy.
    pub fn plan_merge(&self, base: &Self, theirs: &Self, policy: Policy) -> Result<MergePlan, MergeError> {
        let mut steps = Vec::new();
        each_step((base, Self::ROOT), (theirs, Self::ROOT), |step| {
            let (initial, last) = match step {
                Step::Removed(node) => (Some(node), None),
                Step::Added(node) => (None, Some(node)),
                Step::Modified(node, new) => (Some(node), Some(new)),
                Step::Same(..) => return,
            };
            let path = last.map(|node| theirs.path(node)).or(initial.map(|node| base.path(node)));
            let initial = initial.map(|node| Item::new(base, node));
            let item = last.map(|node| Item::new(theirs, node));
            let path = path.unwrap_or_default();
            let meaning = self.meaning(self, Self::ROOT, Change { path: &path, initial, last: item });
            steps.push(Planned { path, last, meaning });
        });
        let is_refused = |step: &Planned| policy == Policy::Refuse && matches!(step.meaning, Meaning::Conflict(_));
        let refused: Vec<_> = steps.iter().filter(|step| is_refused(step)).map(|step| step.path.clone()).collect();
        if refused.is_empty() { Ok(MergePlan { steps, policy }) } else { Err(MergeError::Refused(refused)) }
    }

    /// Does what was planned for this tree, or for one with the same nodes.
    ///
    /// # Errors
    /// `Full`.
    pub fn carry_out(&mut self, plan: MergePlan, theirs: &Self, stamp: &str) -> Result<Vec<Done>, MergeError> {
        let mut done = Vec::new();
        for Planned { path, last, meaning } in plan.steps {
            if let Some(edit) = self.decide(Self::ROOT, &path, meaning, plan.policy, Some(theirs), stamp) {
                self.perform(Self::ROOT, last.map(|node| Item::new(theirs, node)), edit, &mut done)?;
            }
        }
        Ok(done)
    }

    fn meaning(&self, seen: &Self, top: NodeId, change: Change<'_>) -> Meaning {
        let Change { path, initial, last } = change;
        let found = self.find(top, path);
        let here = found.ok().flatten().map(|node| Item { tree: self, seen, node });
        let Some(last) = last else {
            return match (here, initial) {
                (Some(here), Some(initial)) if here.is_same(initial) => Meaning::Edit(Edit::Remove(here.node)),
                _ => Meaning::Nothing,
            };
        };
        let is_renewal = initial.is_some_and(|initial| initial.is_same(last));
        let Some(here) = here else {
            let in_the_way = self.in_the_way(top, path).map(|(node, _)| node);
            let put = Edit::Put { path: path.to_vec(), over: in_the_way };
            return match initial {
                None if in_the_way.is_none() => Meaning::Edit(put),
                _ if is_renewal => Meaning::Nothing,
                _ => Meaning::Conflict(put),
            };
        };
        if here.is_same(last) {
            return Meaning::Edit(Edit::Renew(here.node));
        }
        let edit = if here.is_file() && last.is_file() {
            Edit::Replace(here.node)
        } else {
            Edit::Put { path: path.to_vec(), over: Some(here.node) }
        };
        match initial {
            Some(initial) if here.is_same(initial) => Meaning::Edit(edit),
            _ if is_renewal => Meaning::Nothing,
            _ => Meaning::Conflict(edit),
        }
    }

    /// The file that stands where a path needs a directory, and where its name ends in the path.
    fn in_the_way(&self, top: NodeId, path: &[u8]) -> Option<(NodeId, usize)> {
        memchr::memchr_iter(b'/', path).find_map(|slash| {
            let node = self.find(top, &path[..slash]).ok()??;
            (self.kind(node) == NodeKind::File).then_some((node, slash))
        })
    }

    fn decide(
        &self,
        top: NodeId,
        path: &[u8],
        meaning: Meaning,
        policy: Policy,
        theirs: Option<&Self>,
        stamp: &str,
    ) -> Option<Edit> {
        match (meaning, policy) {
            (Meaning::Edit(edit), _) | (Meaning::Conflict(edit), Policy::Theirs) => Some(edit),
            (Meaning::Conflict(_), Policy::Beside) => {
                Some(Edit::Put { path: self.beside(top, path, theirs, stamp), over: None })
            }
            _ => None,
        }
    }

    /// A free path beside one that is taken, or beside the file that is in its way. The other side may have made a file
    /// for a conflict within the same second, which comes under its own name.
    fn beside(&self, top: NodeId, path: &[u8], theirs: Option<&Self>, stamp: &str) -> Vec<u8> {
        let end = self.in_the_way(top, path).map_or(path.len(), |(_, end)| end);
        let mut number = 1;
        loop {
            let suffix = match number {
                1 => format!("~{stamp}~conflict~"),
                _ => format!("~{stamp}-{number}~conflict~"),
            };
            let candidate = [&path[..end], suffix.as_bytes(), &path[end..]].concat();
            let name = &candidate[..end + suffix.len()];
            if self.find(top, &candidate) == Ok(None) && theirs.is_none_or(|it| it.find(Self::ROOT, name) == Ok(None)) {
                return candidate;
            }
            number += 1;
        }
    }

    /// Does what is to be done, with what the change brings.
    pub(super) fn perform(
        &mut self,
        top: NodeId,
        last: Option<Item<'_>>,
        edit: Edit,
        done: &mut Vec<Done>,
    ) -> Result<(), MergeError> {
        match (edit, last) {
            (Edit::Remove(node), _) => self.take_away(node, done),
            (Edit::Renew(node), Some(last)) => {
                if self.renew(last.tree, last.node)? && self.kind(node) == NodeKind::File {
                    done.push(Done::Renewed(node));
                }
            }
            (Edit::Replace(file), Some(last)) => {
                self.replace_from(file, last.tree, last.node)?;
                done.push(Done::Modified(file));
            }
            (Edit::Append(file), Some(last)) => {
                self.append_from(file, last.tree, last.node)?;
                done.push(Done::Modified(file));
            }
            (Edit::Put { path, over }, Some(last)) => self.put(top, last, &path, over, done)?,
            (_, None) => {}
        }
        Ok(())
    }

    fn take_away(&mut self, node: NodeId, done: &mut Vec<Done>) {
        done.push(Done::Removed { node, parent: self.parent(node) });
        self.detach(node);
    }

    fn put(
        &mut self,
        top: NodeId,
        item: Item<'_>,
        path: &[u8],
        over: Option<NodeId>,
        done: &mut Vec<Done>,
    ) -> Result<(), MergeError> {
        let (directories, name) = match memchr::memrchr(b'/', path) {
            Some(slash) => (&path[..slash], &path[slash + 1..]),
            None => (&b""[..], path),
        };
        // A file above the path has to go first. It may have gone for another path already.
        let over = over.filter(|over| self.parent(*over) != NodeId::NONE);
        let above = over.filter(|over| self.find(top, path) != Ok(Some(*over)));
        if let Some(file) = above {
            self.take_away(file, done);
        }
        let (parent, made) = self.make(top, directories, NodeKind::Directory).map_err(|error| match error {
            MakeError::Full(error) => MergeError::Full(error),
            _ => MergeError::BadPath(path.to_vec()),
        })?;
        done.extend(made.into_iter().map(Done::Added));
        let old = over.filter(|_| above.is_none());
        if let Some(old) = old {
            self.detach(old);
        }
        let node = self.copy_from(item.tree, item.node, parent, name)?;
        done.push(old.map_or(Done::Added(node), |old| Done::Replaced { node, old }));
        Ok(())
    }

    /// Gives the blocks that a file, or the files below a directory, of another tree share with this one the better
    /// signatures of both. Returns whether there were better ones.
    fn renew(&mut self, other: &Self, node: NodeId) -> Result<bool, Error> {
        let mut is_any = false;
        for file in std::iter::once(node).chain(other.descend(node)) {
            for segment in other.segments(file, 0..other.file_size(file)) {
                is_any |= self.renew_block(&other.blocks[other.entries[segment.entry]], other)?;
            }
        }
        Ok(is_any)
    }

    /// Gives all blocks that another tree has too the better signatures of both. Returns the files that have some of
    /// them.
    ///
    /// # Errors
    /// `TooLarge`.
    pub fn renew_all(&mut self, other: &Self) -> Result<Vec<NodeId>, Error> {
        let mut renewed = Vec::new();
        for block in other.blocks.iter() {
            if self.renew_block(block, other)? {
                renewed.push((block.digest, block.size));
            }
        }
        if renewed.is_empty() {
            return Ok(Vec::new());
        }
        renewed.sort_unstable();
        let is_renewed = |file: &NodeId| {
            self.segments(*file, 0..self.file_size(*file)).any(|segment| {
                let block = &self.blocks[self.entries[segment.entry]];
                renewed.binary_search(&(block.digest, block.size)).is_ok()
            })
        };
        Ok(self.descend(Self::ROOT).filter(is_renewed).collect())
    }
}

/// A path without `./` in front, if it names something below a directory.
fn plain(mut path: &[u8]) -> Option<&[u8]> {
    while let Some(rest) = path.strip_prefix(b"./") {
        path = rest;
    }
    let is_name = |name: &[u8]| !matches!(name, b"" | b"." | b"..");
    path.split(|byte| *byte == b'/').all(is_name).then_some(path)
}
