//! Other places for bytes that are stored: the files stay what they are.

use super::Tree;
use super::content::{Source, too_far};
use crate::error::Error;
use crate::ids::{BlockId, EntryId, Id, NodeId};
use crate::locator::read_head;
use crate::pieces::{Piece, Segment};
use foldhash::fast::RandomState;
use std::collections::HashMap;

/// That bytes of one block are in another, too.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Relocation<'l> {
    /// The block that they are in.
    pub locator: &'l [u8],
    /// Where they start in it.
    pub offset: u32,
    /// Their number.
    pub length: u32,
    /// The block that is to be used instead.
    pub new_locator: &'l [u8],
    /// Where they start in that.
    pub new_offset: u32,
}

/// A [`Relocation`] in terms of the tree.
#[derive(Clone, Copy)]
struct Move {
    start: u32,
    end: u32,
    new_entry: EntryId,
    new_offset: u32,
}

impl Tree {
    /// Takes bytes from other blocks, in all files that use them. A part of a file that is only partly in what is moved
    /// stays where it is.
    ///
    /// # Errors
    /// If a locator is none, or a block does not have the bytes. The tree is as it was then.
    ///
    /// ```
    /// use keepset_core::tree::relocate::Relocation;
    /// use keepset_core::{Manifest, Mode, Tree};
    /// let (foo, foobar) = ("acbd18db4cc2f85cedef654fccc4a4d8+3", "3858f62230ac3c915f300c664312c63f+6");
    /// let mut tree = Tree::parse(format!(". {foo} 0:3:foo.txt\n").into(), Mode::Strict)?;
    /// let (locator, new_locator) = (foo.as_bytes(), foobar.as_bytes());
    /// tree.relocate(&[Relocation { locator, offset: 0, length: 3, new_locator, new_offset: 0 }])?;
    /// let text = Manifest::normal(tree.into()).text()?;
    /// assert_eq!(text, format!(". {foobar} 0:3:foo.txt\n"));
    /// # Ok::<(), keepset_core::Error>(())
    /// ```
    pub fn relocate(&mut self, relocations: &[Relocation<'_>]) -> Result<(), Error> {
        let moves = self.moves(relocations)?;
        for number in 0..self.node_count() {
            let file = NodeId::from_index(number);
            if let Some(pieces) = self.relocated(file, &moves) {
                self.edit_pieces(file, |own, _| *own = pieces);
            }
        }
        Ok(())
    }

    /// The moves out of each block of the tree, by place.
    fn moves(&mut self, relocations: &[Relocation<'_>]) -> Result<HashMap<BlockId, Vec<Move>, RandomState>, Error> {
        let mut by_key: HashMap<_, Vec<Move>, RandomState> = HashMap::default();
        for relocation in relocations {
            let Relocation { locator, offset, length, new_locator, new_offset } = *relocation;
            let old = read_head(locator, 0).map_err(|kind| Error::new(kind, 0, locator.len()))?;
            let (new_entry, new_size) = self.source_entry(Source::Stored(new_locator), true)?;
            let ends_within = |start: u32, size: u32| start.checked_add(length).is_some_and(|end| end <= size);
            if !ends_within(offset, old.size) || !ends_within(new_offset, new_size) {
                return Err(too_far());
            }
            let moved = Move { start: offset, end: offset + length, new_entry, new_offset };
            by_key.entry((old.digest, old.size)).or_default().push(moved);
        }
        let blocks = self.blocks.ids().map(|id| (id, &self.blocks[id]));
        Ok(blocks
            .filter_map(|(id, block)| {
                let mut moves = by_key.remove(&(block.digest, block.size))?;
                moves.sort_unstable_by_key(|moved| moved.start);
                Some((id, moves))
            })
            .collect())
    }

    /// The pieces that a file has after the moves, or `None` if none of them concerns it.
    fn relocated(&self, file: NodeId, moves: &HashMap<BlockId, Vec<Move>, RandomState>) -> Option<Vec<Piece>> {
        let find = |segment: &Segment| {
            let moves = moves.get(&self.entries[segment.entry])?;
            let moved = moves[..moves.partition_point(|moved| moved.start <= segment.offset)].last()?;
            (segment.offset + segment.length <= moved.end).then_some(moved)
        };
        let segments = || self.segments(file, 0..self.file_size(file));
        segments().find_map(|segment| find(&segment))?;
        let mut pieces: Vec<Piece> = Vec::new();
        let (mut start, mut end) = (0, 0);
        for segment in segments() {
            let (entry, offset) = match find(&segment) {
                Some(moved) => (moved.new_entry, moved.new_offset + segment.offset - moved.start),
                None => (segment.entry, segment.offset),
            };
            let length = u64::from(segment.length);
            match pieces.last_mut() {
                Some(piece) if self.continues(piece, end - start, entry, offset) => piece.end += length,
                _ => {
                    start = end;
                    pieces.push(Piece { entry, offset, end: end + length });
                }
            }
            end += length;
        }
        Some(pieces)
    }

    /// Whether the bytes at a place follow the first `length` bytes of a piece. A cell begins a piece of its own: another
    /// block will take its place.
    fn continues(&self, piece: &Piece, length: u64, entry: EntryId, offset: u32) -> bool {
        let starts = self.entry_starts();
        let position = |entry: EntryId, offset: u32| starts[entry.index()] + u64::from(offset);
        let is_cell = self.blocks[self.entries[entry]].cell().is_some();
        position(piece.entry, piece.offset) + length == position(entry, offset) && (offset > 0 || !is_cell)
    }
}
