//! Two texts that can be read: differences, equality, hashes and unions are those of two maps.
#![no_main]

use keepset_core::naive::checks::check_pair;
use libfuzzer_sys::fuzz_target;

/// A blank line, which no text has between its streams, parts the two.
const BORDER: &[u8] = b"\n\n";

fuzz_target!(|texts: &[u8]| {
    if let Some(at) = texts.windows(BORDER.len()).position(|bytes| bytes == BORDER) {
        check_pair(&texts[..=at], &texts[at + BORDER.len()..]);
    }
});
