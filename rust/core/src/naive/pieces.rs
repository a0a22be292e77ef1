//! The slow twin of [`crate::pieces`]: a file is a list of single bytes, each the place of a byte in a block.

use crate::ids::{EntryId, Id};
use crate::pieces::{Piece, Segment};
use std::ops::Range;

/// A byte: the number of its block, and where in the block it is.
pub type Byte = (u32, u32);

/// The bytes of blocks of these sizes, which are not 0, laid end to end.
pub fn all_bytes(sizes: &[u32]) -> Vec<Byte> {
    (0_u32..).zip(sizes).flat_map(|(block, size)| (0..*size).map(move |offset| (block, offset))).collect()
}

/// The bytes of a file. A piece goes on at the start of the next block where one ends.
pub fn bytes(pieces: &[Piece], sizes: &[u32]) -> Vec<Byte> {
    let mut bytes = Vec::new();
    for piece in pieces {
        let mut next = (piece.entry.raw(), piece.offset);
        while (bytes.len() as u64) < piece.end {
            bytes.push(next);
            let is_last = next.1 + 1 == sizes[next.0 as usize];
            next = if is_last { (next.0 + 1, 0) } else { (next.0, next.1 + 1) };
        }
    }
    bytes
}

/// Twin of [`crate::pieces::locate`].
pub fn locate(pieces: &[Piece], range: Range<u64>) -> Vec<usize> {
    let mut start = 0;
    let mut found = Vec::new();
    for (index, piece) in pieces.iter().enumerate() {
        if (start..piece.end).any(|byte| range.contains(&byte)) {
            found.push(index);
        }
        start = piece.end;
    }
    found
}

/// Twin of [`crate::pieces::segments`].
pub fn segments(file: &[Byte], range: Range<usize>) -> Vec<Segment> {
    let mut segments: Vec<Segment> = Vec::new();
    let range = range.start.min(file.len())..range.end.min(file.len());
    for &(block, offset) in &file[range] {
        match segments.last_mut() {
            Some(last) if last.entry.index() == block as usize && last.offset + last.length == offset => {
                last.length += 1;
            }
            _ => segments.push(Segment { entry: EntryId::from_raw(block), offset, length: 1 }),
        }
    }
    segments
}

/// Twin of [`crate::pieces::replace`]; `new` may reach beyond the end of the file, but not start there.
pub fn replace(file: &mut Vec<Byte>, start: usize, new: &[Byte]) {
    let end = file.len().min(start + new.len());
    file.splice(start..end, new.iter().copied());
}

/// Twin of [`crate::pieces::truncate`].
pub fn truncate(file: &mut Vec<Byte>, size: usize) {
    file.truncate(size);
}
