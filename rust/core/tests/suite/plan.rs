//! Plans of edits beside the twins.

use crate::strategies::{edits, pairs, texts, tiny_texts};
use keepset_core::naive::plan_checks::check_plan;
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
}
