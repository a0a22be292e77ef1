//! Plans of edits and of packing beside the twins.

use crate::strategies::{edits, pairs, texts, tiny_texts};
use keepset_core::naive::plan_checks::{check_packing, check_plan};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn a_plan_is_that_of_the_twin((old, new) in pairs(), other in texts()) {
        check_plan(&old, &new, &other);
    }

    #[test]
    fn a_plan_of_tiny_texts_is_that_of_the_twin(old in tiny_texts(), new in tiny_texts(), other in tiny_texts()) {
        check_plan(&old, &new, &other);
    }

    #[test]
    fn a_plan_of_moved_directories_is_that_of_the_twin((old, new, other) in edits()) {
        check_plan(&old, &new, &other);
    }

    #[test]
    fn blocks_are_packed_as_the_twin_would(text in small_texts(), small in 1..8_u64, rest in 0..8_u64) {
        check_packing(&text, small, 2 * small + rest);
    }
}

/// Texts whose blocks have few bytes, each of which the twin looks at.
fn small_texts() -> impl Strategy<Value = Vec<u8>> {
    let has_small_blocks = |text: &Vec<u8>| !text.windows(10).any(|bytes| bytes == b"2147483647");
    prop_oneof![tiny_texts(), texts().prop_filter("a large block", has_small_blocks)]
}
