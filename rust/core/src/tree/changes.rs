//! The steps from one directory to another, in the order that the existing SDK gives them: of each directory first what
//! is gone, in the order of the old one, then what the new one has, in its own order.
//!
//! [`super::diff`] compares in the order of the normal form and follows moves; this is the list that `Collection.diff`
//! promises, each path of which can be changed by itself.

use super::{NodeKind, Tree};
use crate::content::is_same_content;
use crate::ids::NodeId;
use crate::lexer::is_equal;

/// What became of one path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// A file, or a directory with all below it, that only the old one has.
    Removed(NodeId),
    /// A file, or a directory with all below it, that only the new one has.
    Added(NodeId),
    /// Other bytes, or a directory in place of a file, or the reverse: the old and the new node.
    Modified(NodeId, NodeId),
    /// The same bytes, perhaps with other signatures: the old and the new file.
    Same(NodeId, NodeId),
}

/// Calls `found` for each step from a directory of one tree to a directory of another. A directory that both have is
/// told by what is in it.
///
/// ```
/// use keepset_core::tree::changes::{Step, each_step};
/// use keepset_core::{Mode, Tree};
/// let old = Tree::parse(". acbd18db4cc2f85cedef654fccc4a4d8+3 0:3:a 0:3:b\n".into(), Mode::Strict)?;
/// let new = Tree::parse(". acbd18db4cc2f85cedef654fccc4a4d8+3 0:3:b 0:3:c\n".into(), Mode::Strict)?;
/// let mut steps = Vec::new();
/// each_step((&old, Tree::ROOT), (&new, Tree::ROOT), |step| steps.push(step));
/// assert!(matches!(steps[..], [Step::Removed(_), Step::Same(..), Step::Added(_)]));
/// # Ok::<(), keepset_core::Error>(())
/// ```
pub fn each_step((old, old_top): (&Tree, NodeId), (new, new_top): (&Tree, NodeId), mut found: impl FnMut(Step)) {
    let mut open = vec![Pair::open((old, old_top), (new, new_top), &mut found)];
    while let Some(pair) = open.last_mut() {
        let Some(child) = pair.rest else {
            open.pop();
            continue;
        };
        pair.rest = new.nodes[child].next.get();
        let Some(old_child) = pair.old.find(new.name(child)) else {
            found(Step::Added(child));
            continue;
        };
        match (old.kind(old_child), new.kind(child)) {
            (NodeKind::Directory, NodeKind::Directory) => {
                open.push(Pair::open((old, old_child), (new, child), &mut found));
            }
            (NodeKind::File, NodeKind::File) if is_same_content(old, old_child, new, child) => {
                found(Step::Same(old_child, child));
            }
            _ => found(Step::Modified(old_child, child)),
        }
    }
}

/// Two directories that are being compared.
struct Pair<'t> {
    old: Names<'t>,
    /// The next child of the new one.
    rest: Option<NodeId>,
}

impl<'t> Pair<'t> {
    /// Begins with a pair of directories: tells of what is gone.
    fn open(
        (old, old_top): (&'t Tree, NodeId),
        (new, new_top): (&'t Tree, NodeId),
        found: &mut impl FnMut(Step),
    ) -> Self {
        let mut new_names = Names::of(new, new_top);
        for child in old.children(old_top) {
            if new_names.find(old.name(child)).is_none() {
                found(Step::Removed(child));
            }
        }
        Self { old: Names::of(old, old_top), rest: new.children(new_top).next() }
    }
}

/// The names of a directory, which are mostly asked for in the order in which they stand there.
struct Names<'t> {
    tree: &'t Tree,
    directory: NodeId,
    /// Behind the one that was found last.
    guess: Option<NodeId>,
}

impl<'t> Names<'t> {
    fn of(tree: &'t Tree, directory: NodeId) -> Self {
        Self { tree, directory, guess: tree.children(directory).next() }
    }

    #[inline]
    fn find(&mut self, name: &[u8]) -> Option<NodeId> {
        let found = match self.guess {
            Some(node) if is_equal(self.tree.name(node), name) => node,
            _ => self.tree.child(self.directory, name)?,
        };
        self.guess = self.tree.nodes[found].next.get();
        Some(found)
    }
}
