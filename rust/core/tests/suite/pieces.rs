//! The range arithmetic of files beside its twin, over histories of edits.

use keepset_core::naive::histories::{Edit, check_pieces};
use proptest::prelude::*;

fn edits() -> impl Strategy<Value = Edit> {
    let replace = |numbers: std::ops::Range<u16>| {
        (numbers.clone(), numbers.clone(), numbers).prop_map(|(start, position, length)| Edit::Replace {
            start,
            position,
            length,
        })
    };
    prop_oneof![
        4 => replace(0..40),
        2 => replace(0..u16::MAX),
        1 => (0..60_u16).prop_map(Edit::Truncate),
    ]
}

proptest! {
    #[test]
    fn a_history_of_edits_is_that_of_the_twin(
        sizes in prop::collection::vec(1..9_u32, 0..9),
        edits in prop::collection::vec(edits(), 1..16),
    ) {
        check_pieces(&sizes, &edits);
    }
}
