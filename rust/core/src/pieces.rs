//! The range arithmetic of a file: *locate*, *replace*, *truncate*.
//!
//! A file is a list of pieces. A piece starts somewhere in a block of the entry column and may run on over the blocks
//! that follow it there, so a token is one piece however many blocks it crosses. Pieces hold the *end* of their bytes
//! within the file, not their length: a binary search locates, and overwriting moves no end behind it.
//!
//! `starts` is where each entry starts when all are laid end to end, as [`crate::tree::Tree`] keeps it. Each verb has
//! a slow twin in `naive`.

use crate::ids::{EntryId, Id};
use std::ops::Range;

/// A run of bytes of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Piece {
    /// The block in which it starts.
    pub entry: EntryId,
    /// Where in that block it starts. Invariant: less than the size of the block.
    pub offset: u32,
    /// Where its bytes end in the file. Invariant: ends increase strictly.
    pub end: u64,
}

/// A part of one block, as it appears in answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Segment {
    /// The block.
    pub entry: EntryId,
    /// Where in the block it starts.
    pub offset: u32,
    /// Number of bytes. Invariant: at least 1.
    pub length: u32,
}

/// Where the bytes of a piece start in the file.
#[inline]
pub fn start_of(pieces: &[Piece], index: usize) -> u64 {
    index.checked_sub(1).map_or(0, |before| pieces[before].end)
}

/// The number of bytes of a file.
#[inline]
pub fn size_of(pieces: &[Piece]) -> u64 {
    pieces.last().map_or(0, |piece| piece.end)
}

/// *Locate*: the pieces that hold bytes of `range`.
pub fn locate(pieces: &[Piece], range: Range<u64>) -> Range<usize> {
    if range.start >= range.end {
        return 0..0;
    }
    let first = pieces.partition_point(|piece| piece.end <= range.start);
    let last = first + pieces[first..].partition_point(|piece| piece.end < range.end);
    first..pieces.len().min(last + 1)
}

/// *Truncate*: drops all bytes from `size` on.
pub fn truncate(pieces: &mut Vec<Piece>, size: u64) {
    let kept = locate(pieces, 0..size).end;
    pieces.truncate(kept);
    if let Some(last) = pieces.last_mut() {
        last.end = last.end.min(size);
    }
}

/// New bytes for a range of a file: where they start, and how many there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Replacement {
    /// Where in the file they go. Invariant: at most the size of the file.
    pub start: u64,
    /// The block in which they start.
    pub entry: EntryId,
    /// Where in that block they start.
    pub offset: u32,
    /// Number of bytes.
    pub length: u64,
}

/// *Replace*: puts bytes over a range of the file, which grows if they reach beyond its end. Neighbours that continue
/// each other become one piece.
pub fn replace(pieces: &mut Vec<Piece>, new: Replacement, starts: &[u64]) {
    debug_assert!(new.start <= size_of(pieces));
    if new.length == 0 {
        return;
    }
    let end = new.start + new.length;
    let first = pieces.partition_point(|piece| piece.end <= new.start);
    let last = pieces.partition_point(|piece| piece.end <= end);
    let mut edited: [Option<Piece>; 3] = [None; 3];
    if let Some(split) = pieces.get(first)
        && start_of(pieces, first) < new.start
    {
        edited[0] = Some(Piece { end: new.start, ..*split });
    }
    edited[1] = Some(Piece { entry: new.entry, offset: new.offset, end });
    if let Some(split) = pieces.get(last) {
        let (entry, offset) = advance(split, end.saturating_sub(start_of(pieces, last)), starts);
        edited[2] = Some(Piece { entry, offset, end: split.end });
    }
    // The piece before and the piece behind may continue the new one as well.
    let from = if edited[0].is_none() { first.saturating_sub(1) } else { first };
    let to = pieces.len().min(last + 1);
    let before = (from < first).then(|| pieces[from]);
    let mut joined: Vec<Piece> = Vec::with_capacity(4);
    let mut joined_start = start_of(pieces, from);
    for piece in before.into_iter().chain(edited.into_iter().flatten()) {
        if let Some(previous) = joined.last_mut() {
            if continues(previous, joined_start, &piece, starts) {
                previous.end = piece.end;
                continue;
            }
            joined_start = previous.end;
        }
        joined.push(piece);
    }
    pieces.splice(from..to, joined);
}

/// Whether the bytes of `next` follow those of `piece` in one block. Neighbours that meet at the edge of two blocks stay
/// apart: the block behind the edge may be one that is still in memory, which gives way to another when it is stored.
fn continues(piece: &Piece, piece_start: u64, next: &Piece, starts: &[u64]) -> bool {
    let end = position(piece.entry, piece.offset, starts) + (piece.end - piece_start);
    next.offset > 0 && end == position(next.entry, next.offset, starts)
}

/// A place in a block as a place in all blocks laid end to end.
#[inline]
fn position(entry: EntryId, offset: u32, starts: &[u64]) -> u64 {
    starts[entry.index()] + u64::from(offset)
}

/// The block, and the place in it, that is `distance` bytes behind the start of the piece.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "an offset is less than the size of a block")]
pub fn advance(piece: &Piece, distance: u64, starts: &[u64]) -> (EntryId, u32) {
    let target = position(piece.entry, piece.offset, starts) + distance;
    let first = piece.entry.index();
    if target < starts[first + 1] {
        return (piece.entry, (target - starts[first]) as u32);
    }
    let entry = first + starts[first + 1..].partition_point(|start| *start <= target);
    (EntryId::from_index(entry), (target - starts[entry]) as u32)
}

/// The whole segment that holds the byte at `at`, and where in the file it starts; `None` behind the end.
pub fn segment_at(pieces: &[Piece], at: u64, starts: &[u64]) -> Option<(u64, Segment)> {
    let index = pieces.partition_point(|piece| piece.end <= at);
    let piece = pieces.get(index)?;
    let piece_start = start_of(pieces, index);
    let (entry, offset) = advance(piece, at - piece_start, starts);
    let first = if entry == piece.entry { piece.offset } else { 0 };
    let start = at - u64::from(offset - first);
    let block_left = starts[entry.index() + 1] - position(entry, first, starts);
    let length = block_left.min(piece.end - start);
    #[expect(clippy::cast_possible_truncation, reason = "a segment is at most as long as its block")]
    Some((start, Segment { entry, offset: first, length: length as u32 }))
}

/// The segments of `range` of a file: pieces cut at the edges of blocks, in order.
pub fn segments<'p>(pieces: &'p [Piece], range: Range<u64>, starts: &'p [u64]) -> impl Iterator<Item = Segment> + 'p {
    let located = locate(pieces, range.clone());
    let mut index = located.start;
    let mut at = range.start;
    // The place of `at` in the blocks, once it is known.
    let mut place: Option<(EntryId, u32)> = None;
    std::iter::from_fn(move || {
        if index >= located.end {
            return None;
        }
        let piece = &pieces[index];
        let (entry, offset) = place.take().unwrap_or_else(|| advance(piece, at - start_of(pieces, index), starts));
        let block_left = starts[entry.index() + 1] - position(entry, offset, starts);
        let piece_left = piece.end.min(range.end) - at;
        let length = block_left.min(piece_left);
        at += length;
        if length == piece_left {
            index += 1;
        } else {
            place = Some((EntryId::from_index(entry.index() + 1), 0));
        }
        #[expect(clippy::cast_possible_truncation, reason = "a segment is at most as long as its block")]
        Some(Segment { entry, offset, length: length as u32 })
    })
}
