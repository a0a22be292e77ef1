//! Histories of edits, on the pieces of a file and on a list of ranges, give what they give on the twins.
#![no_main]

use keepset_core::naive::histories::{Edit, check_pieces, check_ranges};
use keepset_core::ranges::BlockRange;
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

/// Small numbers: they meet more often.
#[derive(Arbitrary, Debug)]
enum History {
    Pieces { sizes: Vec<u8>, edits: Vec<PieceEdit> },
    Ranges { list: Vec<Item>, edits: Vec<Item> },
}

#[derive(Arbitrary, Debug)]
enum PieceEdit {
    Replace { start: u8, position: u8, length: u8 },
    Truncate { size: u8 },
}

/// A range of a list, this far behind the one before, or an edit of it.
#[derive(Arbitrary, Clone, Copy, Debug)]
struct Item {
    distance: u8,
    size: u8,
    segment_offset: u8,
    locator: u8,
}

impl Item {
    fn at(self, start: u64) -> Option<(u8, BlockRange)> {
        let range = BlockRange::new(start, u64::from(self.size % 8), u64::from(self.segment_offset % 8))?;
        Some((self.locator % 4, range))
    }
}

fn ranges(items: &[Item]) -> Vec<(u8, BlockRange)> {
    let mut position = 0;
    let place = |item: &Item| {
        position += u64::from(item.distance.saturating_sub(192));
        let placed = item.at(position)?;
        position = placed.1.end();
        Some(placed)
    };
    items.iter().filter_map(place).collect()
}

fuzz_target!(|history: History| match history {
    History::Pieces { sizes, edits } => {
        let sizes: Vec<u32> = sizes.into_iter().take(32).map(|size| u32::from(size % 16)).collect();
        let edit = |edit| match edit {
            PieceEdit::Replace { start, position, length } => {
                Edit::Replace { start: start.into(), position: position.into(), length: length.into() }
            }
            PieceEdit::Truncate { size } => Edit::Truncate(size.into()),
        };
        check_pieces(&sizes, &edits.into_iter().take(32).map(edit).collect::<Vec<_>>());
    }
    History::Ranges { list, edits } => {
        let edits: Vec<_> = edits.iter().take(32).filter_map(|edit| edit.at(u64::from(edit.distance % 64))).collect();
        check_ranges(ranges(&list[..list.len().min(32)]), &edits);
    }
});
