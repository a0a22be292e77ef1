//! Several manifests as one.

use crate::blocks::Block;
use crate::content::is_same_content;
use crate::error::{Error, ErrorKind};
use crate::ids::{Id, NodeId};
use crate::lexer::TokenFlags;
use crate::pieces::start_of;
use crate::text::{MAX_TEXT, TextRange};
use crate::tree::build::{NewName, TreeBuilder};
use crate::tree::{NodeKind, Tree};
use bytes::Bytes;

/// What happens when two trees have different files at one path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OnConflict {
    /// The union fails.
    Error,
    /// The file gets the bytes of all, in order of the trees, as if their texts were joined.
    Concatenate,
}

/// One tree with the files of all. With [`OnConflict::Error`], files that are the same in several trees are no conflict.
///
/// # Errors
/// `ContentConflict`, `PathConflict` or `TooLarge`.
pub fn union(trees: &[&Tree], on_conflict: OnConflict) -> Result<Tree, Error> {
    let mut union = Union { builder: TreeBuilder::default(), sources: vec![Source::Directory], total: 0, position: 0 };
    for (index, tree) in trees.iter().enumerate() {
        union.add(trees, index, tree, on_conflict)?;
    }
    Ok(union.builder.finish(Bytes::new(), 0))
}

/// Where the bytes of a node of the union come from.
#[derive(Clone, Copy)]
enum Source {
    /// First from this file: the number of its tree, and its node.
    File(usize, NodeId),
    /// Nowhere: it is a directory.
    Directory,
}

struct Union {
    builder: TreeBuilder,
    /// By node of the union.
    sources: Vec<Source>,
    /// Bytes in all files.
    total: u64,
    /// Bytes in the blocks of the trees before this one.
    position: u64,
}

fn fail(kind: ErrorKind) -> Error {
    Error::new(kind, 0, 0)
}

impl Union {
    fn add(&mut self, trees: &[&Tree], index: usize, tree: &Tree, on_conflict: OnConflict) -> Result<(), Error> {
        let first_entry = self.builder.entries.len();
        self.add_blocks(tree)?;
        let mut nodes = vec![Tree::ROOT; tree.node_count()];
        for node in tree.descend(Tree::ROOT) {
            if self.builder.arena.len() + tree.name(node).len() > MAX_TEXT {
                return Err(fail(ErrorKind::TooLarge));
            }
            let parent = nodes[tree.parent(node).index()];
            let name = NewName { bytes: tree.name(node), range: None, flags: TokenFlags::HIGH };
            let added = match tree.kind(node) {
                NodeKind::Directory => self.builder.subdirectory(&[], parent, name),
                NodeKind::File => self.builder.file(&[], parent, name),
            };
            let added = added.map_err(|_| fail(ErrorKind::PathConflict { path: shown(tree, node) }))?;
            nodes[node.index()] = added;
            let is_new = added.index() >= self.sources.len();
            if tree.kind(node) == NodeKind::Directory {
                if is_new {
                    self.sources.push(Source::Directory);
                }
                continue;
            }
            if is_new {
                self.sources.push(Source::File(index, node));
            } else if on_conflict == OnConflict::Error {
                let is_same = match self.sources[added.index()] {
                    Source::File(other, file) => is_same_content(trees[other], file, tree, node),
                    Source::Directory => false,
                };
                if is_same {
                    continue;
                }
                return Err(fail(ErrorKind::ContentConflict { path: shown(tree, node) }));
            }
            self.add_pieces(tree, node, added, first_entry)?;
        }
        self.position += tree.entry_starts().last().copied().unwrap_or_default();
        Ok(())
    }

    /// Lays the blocks of a tree behind those of the trees before.
    fn add_blocks(&mut self, tree: &Tree) -> Result<(), Error> {
        let hints: usize = tree.blocks.iter().map(|block| block.hints.len()).sum();
        let is_too_large =
            self.builder.arena.len() + hints > MAX_TEXT || self.builder.entries.len() + tree.entries.len() >= MAX_TEXT;
        if is_too_large {
            return Err(fail(ErrorKind::TooLarge));
        }
        let mut copies = Vec::with_capacity(tree.blocks.len());
        for block in tree.blocks.iter() {
            let start = self.builder.arena.len();
            self.builder.arena.extend_from_slice(tree.hints(block));
            copies.push(Block { hints: TextRange::in_arena(start, self.builder.arena.len()), ..*block });
        }
        let mut ids = Vec::with_capacity(copies.len());
        let TreeBuilder { blocks, arena, entries, .. } = &mut self.builder;
        let arena: &[u8] = arena;
        blocks.intern(&copies, |range| range.of(&[], arena), |_, id| ids.push(id));
        for block in tree.entries.iter() {
            entries.push(ids[block.index()]);
        }
        Ok(())
    }

    fn add_pieces(&mut self, tree: &Tree, node: NodeId, added: NodeId, first_entry: usize) -> Result<(), Error> {
        self.total = self.total.checked_add(tree.file_size(node)).ok_or_else(|| fail(ErrorKind::TooLarge))?;
        let pieces = tree.pieces(node);
        let starts = tree.entry_starts();
        for (index, piece) in pieces.iter().enumerate() {
            let position = self.position + starts[piece.entry.index()] + u64::from(piece.offset);
            let entry = Id::from_index(first_entry + piece.entry.index());
            self.builder.append(added, entry, piece.offset, position, piece.end - start_of(pieces, index));
        }
        Ok(())
    }
}

fn shown(tree: &Tree, node: NodeId) -> String {
    String::from_utf8_lossy(&tree.path(node)).into_owned()
}
