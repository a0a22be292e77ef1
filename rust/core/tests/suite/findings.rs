//! What fuzzing and drawing have found, as plain tests.

use keepset_core::blocks::{Block, BlockInterner};
use keepset_core::text::TextRange;

/// Blocks that came while there were few went unhashed into a table that had been made large beforehand, and were not
/// found again: the normal form of a text of 256 KiB or more could list a block twice.
#[test]
fn a_block_is_found_again_in_a_table_with_room_to_spare() {
    let block = |number: u8| Block { digest: [number; 16], size: 1, hints: TextRange::EMPTY };
    let mut interner = BlockInterner::default();
    interner.reserve(100);
    let mut found = Vec::new();
    for number in (0..40).chain(0..40) {
        interner.intern(&[block(number)], |_| &[], |_, id| found.push(id.raw()));
    }
    assert_eq!(found, (0..40).chain(0..40).collect::<Vec<u32>>());
}
