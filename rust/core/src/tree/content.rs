//! Editing the bytes of a file: writing, truncating, and what becomes of bytes that are still in memory.
//!
//! Bytes that have not been stored yet belong to a *cell*, a number that the block manager gives out and never uses
//! again. A cell has a block of its own in the tree, with room for any number of bytes; when its bytes have been stored,
//! [`Tree::settle`] puts the stored block in its place.

use super::edit::too_large;
use super::{Kind, Payload, Tree};
use crate::blocks::Block;
use crate::error::{Error, ErrorKind};
use crate::ids::{EntryId, NodeId};
use crate::locator::read_head;
use crate::pieces::{self, Piece, Replacement};
use crate::text::TextRange;

/// Where bytes are that a file gets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source<'l> {
    /// In memory: the number of the cell.
    Cell(u64),
    /// In a block: its locator.
    Stored(&'l [u8]),
}

/// Where the bytes of a cell are now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Settlement<'l> {
    /// The cell.
    pub cell: u64,
    /// The locator of the block that has its bytes.
    pub locator: &'l [u8],
    /// Where they start in that block.
    pub offset: u32,
}

pub(super) fn too_far() -> Error {
    Error::new(ErrorKind::SegmentOutOfRange { stream_length: 0 }, 0, 0)
}

impl Tree {
    /// An entry at which the block of a source stands, and the size of that block.
    pub(super) fn source_entry(&mut self, source: Source<'_>, is_ours: bool) -> Result<(EntryId, u32), Error> {
        match source {
            Source::Cell(cell) => Ok((self.cell_entry(cell)?, u32::MAX)),
            Source::Stored(locator) => {
                let head = read_head(locator, 0).map_err(|kind| Error::new(kind, 0, locator.len()))?;
                let block = Block { digest: head.digest, size: head.size, hints: TextRange::EMPTY };
                let id = self.intern_block(block, &locator[head.end..], is_ours)?;
                Ok((self.entry_of(id)?, head.size))
            }
        }
    }

    /// The entry at which the bytes of a cell stand.
    pub(crate) fn cell_entry(&mut self, cell: u64) -> Result<EntryId, Error> {
        if let Some(entry) = self.edits().pending.get(&cell) {
            return Ok(*entry);
        }
        let block = self.intern_block(Block::pending(cell), b"", false)?;
        let entry = self.push_entry(block)?;
        self.edits().pending.insert(cell, entry);
        Ok(entry)
    }

    /// Edits the pieces of a file, which owns them from then on.
    pub(super) fn edit_pieces(&mut self, file: NodeId, edit: impl FnOnce(&mut Vec<Piece>, &[u64])) {
        self.entry_starts();
        let place = match self.nodes[file].payload.kind() {
            Kind::Directory(_) => return,
            Kind::Edited(place) => place,
            Kind::File { .. } => {
                let own = self.pieces(file).to_vec();
                #[expect(clippy::cast_possible_truncation, reason = "there are fewer files than u32::MAX")]
                let place = self.edited.len() as u32;
                self.edited.push(own);
                self.nodes[file].payload = Payload::edited(place);
                place
            }
        };
        let starts = self.entry_starts.get().map_or(&[][..], Vec::as_slice);
        edit(&mut self.edited[place as usize], starts);
        self.set_uncommitted(file);
    }

    /// Puts bytes over those of a file from `start` on; the file grows if they reach beyond its end. `start` is at most
    /// the size of the file.
    ///
    /// # Errors
    /// If the source is no locator, its block is too small, or the file gets 2^64 bytes.
    ///
    /// ```
    /// use keepset_core::Tree;
    /// use keepset_core::tree::content::Source;
    /// let mut tree = Tree::default();
    /// let file = tree.add_file(Tree::ROOT, b"f")?;
    /// tree.write(file, 0, Source::Stored(b"acbd18db4cc2f85cedef654fccc4a4d8+3"), 0, 3)?;
    /// tree.write(file, 1, Source::Cell(7), 0, 5)?;
    /// assert_eq!(tree.file_size(file), 6);
    /// # Ok::<(), keepset_core::Error>(())
    /// ```
    pub fn write(
        &mut self,
        file: NodeId,
        start: u64,
        source: Source<'_>,
        offset: u32,
        length: u64,
    ) -> Result<(), Error> {
        if length == 0 {
            return Ok(());
        }
        let (entry, size) = self.source_entry(source, false)?;
        if u64::from(offset).checked_add(length).is_none_or(|end| end > u64::from(size)) || start > self.file_size(file)
        {
            return Err(too_far());
        }
        start.checked_add(length).ok_or_else(too_large)?;
        let new = Replacement { start, entry, offset, length };
        self.edit_pieces(file, |pieces, starts| pieces::replace(pieces, new, starts));
        Ok(())
    }

    /// Drops the bytes of a file from `size` on.
    pub fn truncate(&mut self, file: NodeId, size: u64) {
        self.edit_pieces(file, |pieces, _| pieces::truncate(pieces, size));
    }

    /// Takes the stored blocks in place of cells. Cells that the tree does not have are passed over.
    ///
    /// # Errors
    /// If a locator is none, or a block does not have the bytes.
    pub fn settle(&mut self, settlements: &[Settlement<'_>]) -> Result<(), Error> {
        let mut moved = Vec::new();
        // Files that were packed together follow one another, in one block.
        let mut last = None;
        for settlement in settlements {
            if let Some(pending) = self.edits().pending.get(&settlement.cell).copied() {
                let (entry, size) = match last {
                    Some((locator, known)) if locator == settlement.locator => known,
                    _ => self.source_entry(Source::Stored(settlement.locator), true)?,
                };
                last = Some((settlement.locator, (entry, size)));
                moved.push((pending, entry, settlement.offset, size));
            }
        }
        if moved.is_empty() {
            return Ok(());
        }
        moved.sort_by_key(|(pending, ..)| *pending);
        let find =
            |piece: &Piece| moved.binary_search_by_key(&piece.entry, |(pending, ..)| *pending).map(|at| moved[at]);
        for own in &self.edited {
            let mut start = 0;
            for piece in own {
                let length = piece.end - start;
                start = piece.end;
                if let Ok((_, _, offset, size)) = find(piece)
                    && u64::from(piece.offset) + u64::from(offset) + length > u64::from(size)
                {
                    return Err(too_far());
                }
            }
        }
        for piece in self.edited.iter_mut().flatten() {
            if let Ok((_, entry, offset, _)) = find(piece) {
                piece.entry = entry;
                piece.offset += offset;
            }
        }
        for settlement in settlements {
            self.edits().pending.remove(&settlement.cell);
        }
        Ok(())
    }

    /// The cells whose bytes the tree still refers to, or once did.
    pub fn pending_cells(&self) -> Vec<u64> {
        self.edits.as_ref().map_or_else(Vec::new, |edits| {
            let mut cells: Vec<u64> = edits.pending.keys().copied().collect();
            cells.sort_unstable();
            cells
        })
    }

    /// The cells that a file, or all files below a directory, refer to.
    pub fn cells_below(&self, node: NodeId) -> Vec<u64> {
        if self.edits.as_ref().is_none_or(|edits| edits.pending.is_empty()) {
            return Vec::new();
        }
        let files = std::iter::once(node).chain(self.descend(node));
        let cell = |piece: &Piece| self.blocks[self.entries[piece.entry]].cell();
        let mut cells: Vec<u64> = files.flat_map(|file| self.pieces(file).iter().filter_map(cell)).collect();
        cells.sort_unstable();
        cells.dedup();
        cells
    }

    /// Leaves out all bytes that are still in memory.
    pub fn drop_pending(&mut self) {
        let is_pending = |piece: &Piece, tree: &Self| tree.blocks[tree.entries[piece.entry]].cell().is_some();
        for place in 0..self.edited.len() {
            let own = std::mem::take(&mut self.edited[place]);
            let (mut start, mut end) = (0, 0);
            let mut kept = Vec::with_capacity(own.len());
            for piece in own {
                let length = piece.end - start;
                start = piece.end;
                if !is_pending(&piece, self) {
                    end += length;
                    kept.push(Piece { end, ..piece });
                }
            }
            self.edited[place] = kept;
        }
        self.edits().pending.clear();
    }
}
