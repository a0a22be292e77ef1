//! Three texts that can be read: what the second and the third made of the first is brought together as two maps are.
#![no_main]

use keepset_core::naive::merge_checks::check_merge;
use libfuzzer_sys::fuzz_target;

/// A blank line, which no text has between its streams, parts the three.
const BORDER: &[u8] = b"\n\n";

fn part(texts: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = texts.windows(BORDER.len()).position(|bytes| bytes == BORDER)?;
    Some((&texts[..=at], &texts[at + BORDER.len()..]))
}

fuzz_target!(|texts: &[u8]| {
    if let Some((base, rest)) = part(texts)
        && let Some((ours, theirs)) = part(rest)
    {
        check_merge(base, ours, theirs);
    }
});
