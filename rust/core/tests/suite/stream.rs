//! Streams in normal form, read back by hand.

use keepset_core::stream::{StreamSegment, normalize_stream};
use proptest::prelude::*;

const A: &[u8] = b"47bce5c74f589f4867dbd57e9ca9f808+3";
const B: &[u8] = b"08f8e0260c64418510cefb2b06eee5cd+3";

fn part(locator: &[u8], segment_offset: u64, segment_size: u64) -> StreamSegment<'_> {
    StreamSegment { locator, block_size: 3, segment_offset, segment_size }
}

/// The block of each byte of a file, and its place in the block.
type Bytes = Vec<(Vec<u8>, u64)>;

proptest! {
    /// Reads the tokens back by hand: every file has its bytes, every block is listed once and used.
    #[test]
    fn the_tokens_say_what_was_given(
        files in proptest::collection::btree_map(
            "[a-c ]{1,3}",
            proptest::collection::vec((0..4_usize, 0..4_u64, 0..4_u64), 0..6),
            0..5,
        ),
    ) {
        let locators = [A, B, b"name", b"other name"];
        let given: Vec<(String, Vec<StreamSegment<'_>>)> = files
            .into_iter()
            .map(|(name, segments)| {
                let segments = segments.into_iter().map(|(block, offset, size)| part(locators[block], offset, size.min(3 - offset)));
                (name, segments.collect())
            })
            .collect();
        let tokens = normalize_stream(b".", &given).unwrap();
        let blocks: Vec<_> = tokens[1..].iter().take_while(|token| !token.contains(&b':')).collect();
        let mut read: Vec<(String, Bytes)> = Vec::new();
        for token in &tokens[1 + blocks.len()..] {
            let token = std::str::from_utf8(token).unwrap();
            let mut parts = token.splitn(3, ':');
            let start: u64 = parts.next().unwrap().parse().unwrap();
            let size: u64 = parts.next().unwrap().parse().unwrap();
            let name = parts.next().unwrap().replace("\\040", " ");
            if read.last().is_none_or(|(last, _)| *last != name) {
                read.push((name, Vec::new()));
            }
            let bytes = (start..start + size).map(|at| (blocks[usize::try_from(at / 3).unwrap()].to_vec(), at % 3));
            read.last_mut().unwrap().1.extend(bytes);
        }
        let expected: Vec<_> = given
            .iter()
            .map(|(name, segments)| {
                let bytes = segments.iter().flat_map(|it| {
                    (it.segment_offset..it.segment_offset + it.segment_size).map(|at| (it.locator.to_vec(), at))
                });
                (name.clone(), bytes.collect::<Bytes>())
            })
            .collect();
        let used: std::collections::BTreeSet<_> = expected.iter().flat_map(|(_, bytes)| bytes.iter().map(|it| it.0.clone())).collect();
        prop_assert_eq!(read, expected);
        prop_assert_eq!(blocks.len(), used.len().max(1));
    }
}
