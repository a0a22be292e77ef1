//! Two texts that can be read: differences, equality, hashes, unions and plans are those of two maps.
#![no_main]

use keepset_core::naive::checks::check_pair;
use keepset_core::naive::plan_checks::check_plan;
use libfuzzer_sys::fuzz_target;

/// A blank line, which no text has between its streams, parts the two.
const BORDER: &[u8] = b"\n\n";

fuzz_target!(|texts: &[u8]| {
    if let Some(at) = texts.windows(BORDER.len()).position(|bytes| bytes == BORDER) {
        let (old, new) = (&texts[..=at], &texts[at + BORDER.len()..]);
        check_pair(old, new);
        check_plan(old, new, new);
        check_plan(old, new, b"");
    }
});
