//! Copying files and directories, within a tree and from one tree to another. No data moves.

use super::edit::too_large;
use super::{Kind, NodeKind, Payload, Tree};
use crate::error::Error;
use crate::ids::{EntryId, Id, NodeId};
use crate::pieces::{Piece, advance, start_of};
use crate::text::MAX_TEXT;

impl Tree {
    /// Copies a file, or a directory with all below it, to a new child of a directory.
    ///
    /// # Errors
    /// `TooLarge`.
    ///
    /// ```
    /// use keepset_core::{Mode, Tree};
    /// let mut tree = Tree::parse("./d acbd18db4cc2f85cedef654fccc4a4d8+3 0:3:a\n".into(), Mode::Strict)?;
    /// let source = tree.resolve(b"d").unwrap();
    /// tree.copy_within(source, source, b"copy")?;
    /// assert!(tree.resolve(b"d/copy/a").is_ok() && tree.resolve(b"d/copy/copy").is_err());
    /// # Ok::<(), keepset_core::Error>(())
    /// ```
    pub fn copy_within(&mut self, source: NodeId, parent: NodeId, name: &[u8]) -> Result<NodeId, Error> {
        // The list comes first: the copy may lie below its source.
        let below: Vec<NodeId> = self.descend(source).collect();
        let top = self.copy_node(source, parent, name)?;
        let mut way = Way::new(source, top);
        for node in below {
            let name = self.name(node).to_vec();
            let copy = self.copy_node(node, way.back_to(self.nodes[node].parent), &name)?;
            way.push(node, copy);
        }
        Ok(top)
    }

    fn copy_node(&mut self, node: NodeId, parent: NodeId, name: &[u8]) -> Result<NodeId, Error> {
        match self.nodes[node].payload.kind() {
            Kind::Directory(_) => self.add_directory(parent, name),
            // Loaded pieces are never written to, so that files can share them.
            Kind::File { first, count } => self.add_node(parent, name, Payload::file(first, count)),
            Kind::Edited(place) => {
                let own = self.edited[place as usize].clone();
                self.add_edited(parent, name, own)
            }
        }
    }

    fn add_edited(&mut self, parent: NodeId, name: &[u8], own: Vec<Piece>) -> Result<NodeId, Error> {
        #[expect(clippy::cast_possible_truncation, reason = "there are fewer files than u32::MAX")]
        let place = self.edited.len() as u32;
        self.edited.push(own);
        self.add_node(parent, name, Payload::edited(place))
    }

    /// Copies a file, or a directory with all below it, from another tree. Bytes that are still in memory stay with
    /// their cells.
    ///
    /// # Errors
    /// `TooLarge`.
    pub fn copy_from(&mut self, other: &Self, source: NodeId, parent: NodeId, name: &[u8]) -> Result<NodeId, Error> {
        let files = std::iter::once(source).chain(other.descend(source));
        let entries = self.copy_entries(other, files)?;
        let top = self.copy_node_from(other, source, parent, name, &entries)?;
        let mut way = Way::new(source, top);
        for node in other.descend(source) {
            let parent = way.back_to(other.nodes[node].parent);
            let copy = self.copy_node_from(other, node, parent, other.name(node), &entries)?;
            way.push(node, copy);
        }
        Ok(top)
    }

    /// Gives a file the bytes of a file of another tree.
    ///
    /// # Errors
    /// `TooLarge`.
    pub fn replace_from(&mut self, file: NodeId, other: &Self, source: NodeId) -> Result<(), Error> {
        let entries = self.copy_entries(other, std::iter::once(source))?;
        let copied = other.pieces(source).iter().map(|piece| Piece { entry: entries.find(piece.entry), ..*piece });
        self.edit_pieces(file, |pieces, _| *pieces = copied.collect());
        Ok(())
    }

    /// Puts the bytes of a file of another tree behind those of a file.
    ///
    /// # Errors
    /// `TooLarge`.
    pub fn append_from(&mut self, file: NodeId, other: &Self, source: NodeId) -> Result<(), Error> {
        let start = self.file_size(file);
        start.checked_add(other.file_size(source)).ok_or_else(too_large)?;
        let entries = self.copy_entries(other, std::iter::once(source))?;
        let copied = other.pieces(source).iter().map(|piece| Piece {
            entry: entries.find(piece.entry),
            end: start + piece.end,
            ..*piece
        });
        self.edit_pieces(file, |pieces, _| pieces.extend(copied));
        Ok(())
    }

    /// A file, or what is below a directory, as a tree of its own.
    ///
    /// # Errors
    /// `TooLarge`.
    pub fn part(other: &Self, node: NodeId) -> Result<Self, Error> {
        let mut tree = Self::default();
        if other.kind(node) == NodeKind::File {
            tree.copy_from(other, node, Self::ROOT, other.name(node))?;
        }
        for child in other.children(node) {
            tree.copy_from(other, child, Self::ROOT, other.name(child))?;
        }
        Ok(tree)
    }

    /// Copies the entries that files use, and gives where each run of them is now.
    fn copy_entries(&mut self, other: &Self, files: impl Iterator<Item = NodeId>) -> Result<CopiedEntries, Error> {
        let starts = other.entry_starts();
        let mut used: Vec<(usize, usize)> = Vec::new();
        for file in files {
            let pieces = other.pieces(file);
            for (index, piece) in pieces.iter().enumerate() {
                let last = advance(piece, piece.end - start_of(pieces, index) - 1, starts).0;
                used.push((piece.entry.index(), last.index() + 1));
            }
        }
        used.sort_unstable();
        let mut runs: Vec<CopiedRun> = Vec::new();
        for (start, end) in used {
            match runs.last_mut() {
                Some(last) if start < last.end => last.end = last.end.max(end),
                _ => runs.push(CopiedRun { start, end, copy: 0 }),
            }
        }
        for run in &mut runs {
            if self.entries.len() + (run.end - run.start) >= MAX_TEXT {
                return Err(too_large());
            }
            for entry in run.start..run.end {
                let block = other.blocks[other.entries[EntryId::from_index(entry)]];
                let copy = if let Some(cell) = block.cell() {
                    self.cell_entry(cell)?
                } else {
                    let id = self.intern_block(block, other.hints(&block), false)?;
                    // A single block need not be listed again for each file that is copied.
                    if run.end - run.start == 1 { self.entry_of(id)? } else { self.push_entry(id)? }
                };
                if entry == run.start {
                    run.copy = copy.index();
                }
            }
        }
        Ok(CopiedEntries { runs })
    }

    fn copy_node_from(
        &mut self,
        other: &Self,
        node: NodeId,
        parent: NodeId,
        name: &[u8],
        entries: &CopiedEntries,
    ) -> Result<NodeId, Error> {
        if other.kind(node) == NodeKind::Directory {
            return self.add_directory(parent, name);
        }
        let pieces = other.pieces(node);
        match pieces.len() {
            0 => self.add_file(parent, name),
            count => {
                let first = self.pieces.len();
                if first + count >= MAX_TEXT {
                    return Err(too_large());
                }
                self.pieces.extend(pieces.iter().map(|piece| Piece { entry: entries.find(piece.entry), ..*piece }));
                #[expect(clippy::cast_possible_truncation, reason = "compared with MAX_TEXT")]
                let payload = Payload::file(first as u32, count as u32);
                if pieces.iter().any(|piece| other.blocks[other.entries[piece.entry]].cell().is_some()) {
                    // Pieces of cells are moved when these settle, so they must be the file's own.
                    let own = self.pieces.split_off(first);
                    return self.add_edited(parent, name, own);
                }
                self.add_node(parent, name, payload)
            }
        }
    }
}

/// The nodes from the top of a descent down to the last one, with their copies.
struct Way {
    nodes: Vec<(NodeId, NodeId)>,
}

impl Way {
    fn new(top: NodeId, copy: NodeId) -> Self {
        Self { nodes: vec![(top, copy)] }
    }

    /// The copy of the directory that the next node of the descent is in.
    #[inline]
    fn back_to(&mut self, parent: NodeId) -> NodeId {
        while self.nodes.len() > 1 && self.nodes.last().is_some_and(|(node, _)| *node != parent) {
            self.nodes.pop();
        }
        self.nodes.last().map_or(NodeId::NONE, |(_, copy)| *copy)
    }

    #[inline]
    fn push(&mut self, node: NodeId, copy: NodeId) {
        self.nodes.push((node, copy));
    }
}

/// Entries of another tree, by where they were copied to.
struct CopiedEntries {
    /// In order, without overlap.
    runs: Vec<CopiedRun>,
}

struct CopiedRun {
    start: usize,
    end: usize,
    /// Where the first one is now.
    copy: usize,
}

impl CopiedEntries {
    fn find(&self, entry: EntryId) -> EntryId {
        let run = self.runs.partition_point(|run| run.end <= entry.index());
        let run = &self.runs[run];
        EntryId::from_index(run.copy + entry.index() - run.start)
    }
}
