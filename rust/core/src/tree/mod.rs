//! The tree of a manifest, in columns.
//!
//! Files and directories are nodes addressed by id. A directory holds a doubly linked list of its children in order of
//! appearance, so that adding and removing take constant time and ids stay stable; nothing is recursive. Names and hints
//! are ranges of the text as given, which is kept once. A file is a run of *pieces*; a piece runs on over as many blocks
//! as its token does.
//!
//! | column | bytes | per |
//! | --- | --- | --- |
//! | `nodes` | 28 | file or directory |
//! | `directories` | 24 | directory |
//! | `pieces` | 16 | file token (adjacent ones are one piece) |
//! | `entries` | 4 | block in a stream's list |
//! | `blocks` | 28 | distinct block |

pub mod build;
pub mod changes;
pub mod content;
pub mod copy;
pub mod diff;
pub mod edit;
pub mod find;
pub mod join;
pub mod merge;
mod names;
pub mod order;
pub mod paths;
pub mod relocate;
pub mod walk;

use crate::blocks::Block;
use crate::content::Fingerprint;
use crate::ids::{BlockId, DirectoryId, EntryId, IndexVec, NodeId};
use crate::pieces::{Piece, Segment, segment_at, segments};
use crate::text::TextRange;
use bytes::Bytes;
use names::Names;
use std::sync::OnceLock;

/// A file or a directory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node {
    pub(crate) parent: NodeId,
    pub(crate) name: TextRange,
    /// The next child of the parent in order of appearance.
    pub(crate) next: NodeId,
    /// The child before.
    pub(crate) previous: NodeId,
    pub(crate) payload: Payload,
}

/// What a node is. Eight bytes: the discriminant of a file is its count of pieces.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Payload {
    first: u32,
    /// `DIRECTORY`, `EDITED`, or the number of pieces.
    count: u32,
}

const DIRECTORY: u32 = u32::MAX;
const EDITED: u32 = u32::MAX - 1;

/// A [`Payload`], opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// A directory.
    Directory(DirectoryId),
    /// A loaded file: this many pieces of the shared arena, from this one.
    File { first: u32, count: u32 },
    /// An edited file: it owns its pieces, at this place in `edited`.
    Edited(u32),
}

impl Payload {
    #[inline]
    pub(crate) fn kind(self) -> Kind {
        match self.count {
            DIRECTORY => Kind::Directory(DirectoryId::from_raw(self.first)),
            EDITED => Kind::Edited(self.first),
            count => Kind::File { first: self.first, count },
        }
    }

    #[inline]
    pub(crate) fn directory(id: DirectoryId) -> Self {
        Self { first: id.raw(), count: DIRECTORY }
    }

    #[inline]
    pub(crate) fn file(first: u32, count: u32) -> Self {
        debug_assert!(count < EDITED);
        Self { first, count }
    }

    #[inline]
    pub(crate) fn edited(place: u32) -> Self {
        Self { first: place, count: EDITED }
    }

    #[inline]
    pub(crate) fn is_directory(self) -> bool {
        self.count == DIRECTORY
    }
}

/// What only a directory has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Directory {
    /// The children, in order of appearance.
    pub(crate) first: NodeId,
    pub(crate) last: NodeId,
    /// The file with the greatest name. Only meaningful while `order` says that files are in order.
    pub(crate) greatest_file: NodeId,
    /// The same for directories.
    pub(crate) greatest_subdirectory: NodeId,
    /// Number of children.
    pub(crate) count: u32,
    pub(crate) order: order::Order,
}

impl Directory {
    pub(crate) const EMPTY: Self = Self {
        first: NodeId::NONE,
        last: NodeId::NONE,
        greatest_file: NodeId::NONE,
        greatest_subdirectory: NodeId::NONE,
        count: 0,
        order: order::Order::IN_ORDER,
    };
}

/// A directory tree whose files are ranges of blocks.
///
/// Cloning copies the columns and shares the text; ids keep their meaning.
#[derive(Clone, Debug)]
pub struct Tree {
    pub(crate) text: Bytes,
    /// Bytes of names and hints that do not stand in the text as they are: unescaped ones, those of edits and unions.
    pub(crate) arena: Vec<u8>,
    pub(crate) nodes: IndexVec<NodeId, Node>,
    pub(crate) directories: IndexVec<DirectoryId, Directory>,
    pub(crate) pieces: Vec<Piece>,
    pub(crate) edited: Vec<Vec<Piece>>,
    /// The streams' block lists laid end to end, without blocks of no bytes.
    pub(crate) entries: IndexVec<EntryId, BlockId>,
    pub(crate) blocks: IndexVec<BlockId, Block>,
    /// Number of streams in the text.
    pub(crate) streams: u32,
    /// Where each entry starts when all are laid end to end, and the end of the last. Made when first needed.
    pub(crate) entry_starts: OnceLock<Vec<u64>>,
    /// Fingerprints of the entries up to each. Made when hostile texts need them.
    pub(crate) entry_prints: OnceLock<Vec<Fingerprint>>,
    pub(crate) names: Names,
    /// What only a tree that is edited needs.
    pub(crate) edits: Option<Box<edit::Edits>>,
}

/// What a path leads to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum NodeKind {
    /// A file.
    File,
    /// A directory.
    Directory,
}

impl Tree {
    /// The root directory of every tree.
    pub const ROOT: NodeId = NodeId::FIRST;

    /// The text the tree was read from; empty for a tree that was made otherwise.
    pub fn text(&self) -> &Bytes {
        &self.text
    }

    /// Number of streams in the text.
    pub fn stream_count(&self) -> u32 {
        self.streams
    }

    /// The distinct blocks, in order of first appearance in the text, used by files or not.
    pub fn blocks(&self) -> &IndexVec<BlockId, Block> {
        &self.blocks
    }

    /// Whether bytes stand anywhere in the text, or in what was added since.
    pub fn mentions(&self, bytes: &[u8]) -> bool {
        let has = |text: &[u8]| memchr::memmem::find(text, bytes).is_some();
        has(&self.text) || has(&self.arena)
    }

    /// The name of a node, as bytes; the root has none.
    #[inline]
    pub fn name(&self, node: NodeId) -> &[u8] {
        self.nodes[node].name.of(&self.text, &self.arena)
    }

    /// The hints of a block.
    #[inline]
    pub fn hints(&self, block: &Block) -> &[u8] {
        block.hints.of(&self.text, &self.arena)
    }

    /// Whether a node is a file or a directory.
    #[inline]
    pub fn kind(&self, node: NodeId) -> NodeKind {
        if self.nodes[node].payload.is_directory() { NodeKind::Directory } else { NodeKind::File }
    }

    /// The pieces of a file; none for a directory.
    #[inline]
    pub fn pieces(&self, file: NodeId) -> &[Piece] {
        match self.nodes[file].payload.kind() {
            Kind::File { first, count } => &self.pieces[first as usize..first as usize + count as usize],
            Kind::Edited(place) => &self.edited[place as usize],
            Kind::Directory(_) => &[],
        }
    }

    /// The size of a file in bytes; 0 for a directory.
    #[inline]
    pub fn file_size(&self, file: NodeId) -> u64 {
        self.pieces(file).last().map_or(0, |piece| piece.end)
    }

    /// What only a directory has, or `None` for a file.
    #[inline]
    pub(crate) fn directory(&self, node: NodeId) -> Option<&Directory> {
        match self.nodes[node].payload.kind() {
            Kind::Directory(id) => Some(&self.directories[id]),
            _ => None,
        }
    }

    /// The children of a directory in order of appearance; none for a file.
    #[inline]
    pub fn children(&self, directory: NodeId) -> Children<'_> {
        Children { tree: self, next: self.directory(directory).map_or(NodeId::NONE, |directory| directory.first) }
    }

    /// Number of children of a directory; 0 for a file.
    pub fn child_count(&self, directory: NodeId) -> u32 {
        self.directory(directory).map_or(0, |directory| directory.count)
    }

    /// The parent of a node; the root is its own.
    pub fn parent(&self, node: NodeId) -> NodeId {
        self.nodes[node].parent
    }

    /// Writes the locator of a block, with its hints.
    pub fn write_locator(&self, block: &Block, out: &mut Vec<u8>) {
        crate::normalize::write_locator(self, block, false, out);
    }

    /// The block at an entry.
    pub fn entry_block(&self, entry: EntryId) -> BlockId {
        self.entries[entry]
    }

    /// The segments of a range of a file, cut at the edges of blocks.
    pub fn segments(&self, file: NodeId, range: std::ops::Range<u64>) -> impl Iterator<Item = Segment> + '_ {
        segments(self.pieces(file), range, self.entry_starts())
    }

    /// The segment that holds a byte of a file, and where in the file it starts; `None` behind the end.
    pub fn segment_at(&self, file: NodeId, offset: u64) -> Option<(u64, Segment)> {
        segment_at(self.pieces(file), offset, self.entry_starts())
    }

    /// Where each entry starts when all are laid end to end, and one more: where the last ends.
    pub(crate) fn entry_starts(&self) -> &[u64] {
        self.entry_starts.get_or_init(|| {
            let mut start = 0;
            let mut starts = Vec::with_capacity(self.entries.len() + 1);
            for block in self.entries.iter() {
                starts.push(start);
                start += u64::from(self.blocks[*block].size);
            }
            starts.push(start);
            starts
        })
    }
}

impl Default for Tree {
    fn default() -> Self {
        build::TreeBuilder::default().finish(Bytes::new(), 0)
    }
}

/// The children of a directory. See [`Tree::children`].
#[derive(Clone, Debug)]
pub struct Children<'t> {
    tree: &'t Tree,
    next: NodeId,
}

impl Iterator for Children<'_> {
    type Item = NodeId;

    #[inline]
    fn next(&mut self) -> Option<NodeId> {
        let node = self.next.get()?;
        self.next = self.tree.nodes[node].next;
        Some(node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Id;

    #[test]
    fn columns_have_the_documented_width() {
        assert_eq!(size_of::<Node>(), 28);
        assert_eq!(size_of::<Directory>(), 24);
        assert_eq!(size_of::<Piece>(), 16);
        assert_eq!(size_of::<Block>(), 28);
        assert_eq!(Tree::ROOT.index(), 0);
    }
}
