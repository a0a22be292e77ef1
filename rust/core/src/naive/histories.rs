//! Histories of edits, carried out on engine and twin side by side.

use super::{pieces as twin, ranges as twin_ranges};
use crate::ids::EntryId;
use crate::pieces::{Piece, Replacement, locate, replace, segments, truncate};
use crate::ranges::{BlockRange, first_block, locators_and_ranges, replace_range};

/// An edit of a file. Numbers that are too large are taken modulo what there is.
#[derive(Clone, Copy, Debug)]
pub enum Edit {
    /// Puts `length` bytes of the blocks, from `position` on in them laid end to end, at `start` of the file.
    Replace {
        /// Where in the file.
        start: u16,
        /// Where in the blocks.
        position: u16,
        /// How many bytes.
        length: u16,
    },
    /// Drops all bytes from here on.
    Truncate(u16),
}

/// Edits a file of the bytes of blocks of these sizes, and looks at all of it after each edit.
///
/// # Panics
/// When engine and twin differ.
pub fn check_pieces(sizes: &[u32], edits: &[Edit]) {
    let sizes: Vec<u32> = sizes.iter().copied().filter(|size| *size > 0).collect();
    let blocks = twin::all_bytes(&sizes);
    let starts: Vec<u64> =
        (0..=sizes.len()).map(|count| sizes[..count].iter().map(|it| u64::from(*it)).sum()).collect();
    let (mut file, mut expected): (Vec<Piece>, Vec<twin::Byte>) = (Vec::new(), Vec::new());
    for edit in edits {
        match *edit {
            Edit::Replace { start, position, length } => {
                let start = usize::from(start) % (expected.len() + 1);
                let position = usize::from(position) % (blocks.len() + 1);
                let new = &blocks[position..position + usize::from(length) % (blocks.len() - position + 1)];
                twin::replace(&mut expected, start, new);
                let (entry, offset) = new.first().copied().unwrap_or_default();
                let (start, length) = (start as u64, new.len() as u64);
                let new = Replacement { start, entry: EntryId::from_raw(entry), offset, length };
                replace(&mut file, new, &starts);
            }
            Edit::Truncate(size) => {
                twin::truncate(&mut expected, usize::from(size));
                truncate(&mut file, u64::from(size));
            }
        }
        assert_eq!(twin::bytes(&file, &sizes), expected, "after {edit:?}");
        check_invariants(&file, &expected);
        check_questions(&file, &expected, &starts);
    }
}

/// No piece is empty, and neighbours that continue each other within a block are one.
fn check_invariants(file: &[Piece], expected: &[twin::Byte]) {
    let mut start = 0;
    for piece in file {
        assert!(piece.end > start, "{file:?}");
        start = piece.end;
    }
    for end in file.iter().filter_map(|piece| usize::try_from(piece.end).ok()).filter(|end| *end < expected.len()) {
        let ((block, offset), next) = (expected[end - 1], expected[end]);
        assert_ne!((block, offset + 1), next, "{file:?}");
    }
}

fn check_questions(file: &[Piece], expected: &[twin::Byte], starts: &[u64]) {
    // Every edge of a piece, its neighbours, and the ends.
    let mut edges: Vec<usize> = vec![0, expected.len(), expected.len() + 1];
    edges.extend(file.iter().filter_map(|piece| usize::try_from(piece.end).ok()).flat_map(|end| end - 1..end + 2));
    edges.truncate(24);
    for &start in &edges {
        for &end in &edges {
            let range = start as u64..end as u64;
            assert_eq!(locate(file, range.clone()).collect::<Vec<_>>(), twin::locate(file, range.clone()), "{range:?}");
            if start <= end {
                let found: Vec<_> = segments(file, range, starts).collect();
                assert_eq!(found, twin::segments(expected, start..end), "{start}..{end}");
            }
        }
    }
}

/// Edits a list of ranges with locators, and looks at all of it before and after each edit. The list must be in order.
///
/// # Panics
/// When engine and twin differ.
pub fn check_ranges(mut list: Vec<(u8, BlockRange)>, edits: &[(u8, BlockRange)]) {
    let mut expected = list.clone();
    check_lookups(&list);
    for (locator, new) in edits {
        replace_range(&mut list, *new, locator);
        twin_ranges::replace_range(&mut expected, *new, locator);
        assert_eq!(list, expected, "after {new:?}");
        check_lookups(&list);
    }
}

fn check_lookups(list: &[(u8, BlockRange)]) {
    let mut edges: Vec<u64> = vec![0, 1, u64::MAX];
    edges.extend(list.iter().flat_map(|(_, range)| [range.start(), range.end().saturating_sub(1), range.end()]));
    edges.truncate(24);
    for &start in &edges {
        assert_eq!(first_block(list, start), Ok(twin_ranges::first_block(list, start)), "{start}");
        for &end in &edges {
            for limit in [None, Some(0), Some(2)] {
                let size = end.saturating_sub(start);
                let found = locators_and_ranges(list, start, size, limit);
                assert_eq!(found, Ok(twin_ranges::locators_and_ranges(list, start, size, limit)), "{start} {size}");
            }
        }
    }
}
