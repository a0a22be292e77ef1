//! A part of a tree as a tree of its own.

use crate::ids::{Id, NodeId};
use crate::lexer::TokenFlags;
use crate::patterns::Filters;
use crate::pieces::start_of;
use crate::tree::build::{NewName, TreeBuilder};
use crate::tree::walk::PathCursor;
use crate::tree::{NodeKind, Tree};

/// The files and directories that `include` matches (all, if there is none) and `exclude` does not, with the directories
/// on the way to them. The text, the blocks and the entries are the source's.
pub fn subset(source: &Tree, include: Option<&Filters>, exclude: Option<&Filters>) -> Tree {
    let mut copy = Copy { source, builder: TreeBuilder::default(), copied: vec![NodeId::NONE; source.node_count()] };
    copy.copied[Tree::ROOT.index()] = Tree::ROOT;
    // Ranges of names and hints keep their meaning.
    copy.builder.arena.extend_from_slice(&source.arena);
    let mut cursor = PathCursor::new(Tree::ROOT, b"");
    let mut next = source.after(Tree::ROOT, Tree::ROOT, true);
    // While set: everything up to this node is below a directory that is included.
    let mut included_until = include.is_none().then_some(NodeId::NONE);
    while let Some(node) = next.get() {
        if included_until == Some(node) {
            included_until = None;
        }
        let path = cursor.step(source, node);
        let kind = source.kind(node);
        let matches = |filters: &Filters| filters.may_match(source.name(node)) && filters.matches(path, kind);
        if exclude.is_some_and(matches) {
            next = source.after(node, Tree::ROOT, false);
            continue;
        }
        if included_until.is_some() || include.is_some_and(matches) {
            // Directories come with what is in them: one that the filters empty goes.
            if source.child_count(node) == 0 {
                copy.node(node);
            }
            if included_until.is_none() && kind == NodeKind::Directory {
                included_until = Some(source.after(node, Tree::ROOT, false));
            }
        }
        next = source.after(node, Tree::ROOT, true);
    }
    let mut tree = copy.builder.finish(source.text.clone(), 0);
    tree.entries = source.entries.clone();
    tree.blocks = source.blocks.clone();
    tree
}

struct Copy<'t> {
    source: &'t Tree,
    builder: TreeBuilder,
    /// The new id of each copied node.
    copied: Vec<NodeId>,
}

impl Copy<'_> {
    fn node(&mut self, node: NodeId) {
        // The directories on the way that are not there yet, from the top down.
        let mut way = vec![node];
        let mut at = self.source.parent(node);
        while self.copied[at.index()] == NodeId::NONE {
            way.push(at);
            at = self.source.parent(at);
        }
        for node in way.into_iter().rev() {
            let parent = self.copied[self.source.parent(node).index()];
            let name = NewName {
                bytes: self.source.name(node),
                range: Some(self.source.nodes[node].name),
                flags: TokenFlags::HIGH,
            };
            let text = &self.source.text;
            let added = match self.source.kind(node) {
                NodeKind::Directory => self.builder.subdirectory(text, parent, name),
                NodeKind::File => self.builder.file(text, parent, name),
            };
            // Names of one directory are distinct in the source, so nothing can clash.
            let Ok(added) = added else { return };
            self.copied[node.index()] = added;
            self.pieces(node, added);
        }
    }

    fn pieces(&mut self, node: NodeId, added: NodeId) {
        let pieces = self.source.pieces(node);
        let starts = self.source.entry_starts();
        for (index, piece) in pieces.iter().enumerate() {
            let length = piece.end - start_of(pieces, index);
            let position = starts[piece.entry.index()] + u64::from(piece.offset);
            self.builder.append(added, piece.entry, piece.offset, position, length);
        }
    }
}
