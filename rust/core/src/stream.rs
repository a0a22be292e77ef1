//! One stream in normal form, from files that are given as segments: the engine behind `keepset.normalize_stream`.
//!
//! The form is that of the existing Python SDK: files by code point, each block once in order of first use, touching
//! spans merged, `0:0:name` for a file without data, the empty block for a stream without data. Two things differ, as
//! the SDK is wrong there: blocks are told apart by digest and size, not by the whole locator (regressions L5), and
//! segments without bytes are dropped with their blocks (L1).
//!
//! A locator that does not begin with a digest and a size is taken as it is, and is the same block as one that is
//! spelled alike: callers use names of their own for blocks that are still being written.

use crate::blocks::EMPTY_LOCATOR;
use crate::escape::escape_into;
use crate::signature::{SignatureKind, parse_signature};
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use std::borrow::Cow;
use std::fmt;

/// Part of a block.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct StreamSegment<'t> {
    /// The block.
    pub locator: &'t [u8],
    /// How many bytes the block has.
    pub block_size: u64,
    /// Where in the block the part begins.
    pub segment_offset: u64,
    /// How many bytes the part has.
    pub segment_size: u64,
}

/// Why a stream cannot be written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StreamError {
    /// What is wrong.
    pub kind: StreamErrorKind,
    /// The index of the file, in the order given.
    pub file: usize,
    /// The index of the segment in the file.
    pub segment: usize,
}

/// What can be wrong with a segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum StreamErrorKind {
    /// The block does not have all the bytes of the segment.
    BeyondBlock,
    /// The locator, or an earlier segment, says another size of the block.
    BlockSize {
        /// The other size.
        other: u64,
    },
    /// The stream would have 2^64 bytes or more.
    TooLarge,
}

impl fmt::Display for StreamErrorKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BeyondBlock => formatter.write_str("it reaches beyond the end of its block"),
            Self::BlockSize { other } => write!(formatter, "the block has {other} bytes, by its locator or before"),
            Self::TooLarge => formatter.write_str("the stream would have 2^64 bytes or more"),
        }
    }
}

impl fmt::Display for StreamError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "segment {} of file {}: {}", self.segment, self.file, self.kind)
    }
}

impl std::error::Error for StreamError {}

/// What tells blocks apart.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum BlockKey<'t> {
    /// Digest and size.
    Content(u128, u64),
    /// The whole text, when it is not a locator.
    Text(&'t [u8]),
}

/// A block of the stream, at `token` of the answer.
struct UsedBlock {
    token: usize,
    offset: u64,
    size: u64,
    rank: Option<(SignatureKind, u32)>,
}

/// The tokens of a stream: its name, its blocks, its files.
///
/// Names are unescaped bytes, and may come in any order. When a block comes with several sets of hints, a local
/// signature is kept before a remote one before none, and of two of a kind the one that expires last.
///
/// # Errors
/// When a segment is not part of its block, when two segments disagree on the size of a block, or when the sizes add
/// up to 2^64 or more.
///
/// ```
/// use keepset_core::stream::{StreamSegment, normalize_stream};
/// let foo = b"acbd18db4cc2f85cedef654fccc4a4d8+3";
/// let part = |segment_offset, segment_size| StreamSegment { locator: foo, block_size: 3, segment_offset, segment_size };
/// let files = [(&b"o o"[..], vec![part(1, 1), part(2, 1)]), (b"f", vec![part(0, 1)]), (b"empty", vec![])];
/// let tokens = normalize_stream(b".", &files)?;
/// assert_eq!(tokens.join(&b' '), b". acbd18db4cc2f85cedef654fccc4a4d8+3 0:0:empty 0:1:f 1:2:o\\040o");
/// # Ok::<(), keepset_core::stream::StreamError>(())
/// ```
pub fn normalize_stream<'t, N, S>(stream_name: &[u8], files: &[(N, S)]) -> Result<Vec<Cow<'t, [u8]>>, StreamError>
where
    N: AsRef<[u8]>,
    S: AsRef<[StreamSegment<'t>]>,
{
    let mut order: Vec<usize> = (0..files.len()).collect();
    order.sort_by_key(|file| files[*file].0.as_ref());

    let mut tokens = vec![Cow::Owned(escaped(stream_name))];
    let mut blocks = StreamBlocks::default();
    // Where in the stream each segment begins, in the order in which they are written.
    let mut starts = Vec::new();
    for &file in &order {
        for (segment, it) in files[file].1.as_ref().iter().enumerate().filter(has_bytes) {
            let block = blocks.block_of(it, &mut tokens).map_err(|kind| StreamError { kind, file, segment })?;
            starts.push(block + it.segment_offset); // cannot overflow: it is within the stream
        }
    }
    if starts.is_empty() {
        tokens.push(Cow::Borrowed(EMPTY_LOCATOR));
    }

    let mut starts = starts.into_iter();
    for file in order {
        let (name, segments) = &files[file];
        let name = escaped(name.as_ref());
        let mut span: Option<(u64, u64)> = None;
        let sizes = segments.as_ref().iter().enumerate().filter(has_bytes).map(|(_, it)| it.segment_size);
        // The sizes come first: when they end, no start is taken that belongs to the next file.
        for (size, start) in sizes.zip(&mut starts) {
            match &mut span {
                Some((_, end)) if *end == start => *end += size,
                _ => {
                    if let Some(done) = span.replace((start, start + size)) {
                        tokens.push(Cow::Owned(file_token(done, &name)));
                    }
                }
            }
        }
        tokens.push(Cow::Owned(file_token(span.unwrap_or((0, 0)), &name)));
    }
    Ok(tokens)
}

fn has_bytes((_, segment): &(usize, &StreamSegment<'_>)) -> bool {
    segment.segment_size > 0
}

/// The blocks of a stream, as they are met.
#[derive(Default)]
struct StreamBlocks<'t> {
    used: Vec<UsedBlock>,
    index: HashMap<BlockKey<'t>, usize, RandomState>,
    size: u64,
    /// The locator that was asked for last, and its block: files tend to stay in one.
    last: Option<(&'t [u8], usize)>,
}

impl<'t> StreamBlocks<'t> {
    /// Where in the stream the block of a segment begins. A new block is put behind the others, and its token too.
    fn block_of(
        &mut self,
        segment: &StreamSegment<'t>,
        tokens: &mut Vec<Cow<'t, [u8]>>,
    ) -> Result<u64, StreamErrorKind> {
        let &StreamSegment { locator, block_size, segment_offset, segment_size } = segment;
        if segment_offset.checked_add(segment_size).is_none_or(|end| end > block_size) {
            return Err(StreamErrorKind::BeyondBlock);
        }
        let index = match self.last {
            Some((last, index)) if last == locator => index,
            _ => self.find_or_add(locator, block_size, tokens)?,
        };
        self.last = Some((locator, index));
        let block = &self.used[index];
        if block.size == block_size { Ok(block.offset) } else { Err(StreamErrorKind::BlockSize { other: block.size }) }
    }

    fn find_or_add(
        &mut self,
        locator: &'t [u8],
        block_size: u64,
        tokens: &mut Vec<Cow<'t, [u8]>>,
    ) -> Result<usize, StreamErrorKind> {
        let (key, hints) = block_key(locator);
        let rank = best_rank(hints);
        if let Some(&index) = self.index.get(&key) {
            let known = &mut self.used[index];
            if rank > known.rank {
                known.rank = rank;
                tokens[known.token] = Cow::Borrowed(locator);
            }
            return Ok(index);
        }
        let size = match key {
            BlockKey::Content(_, size) => size,
            BlockKey::Text(_) => block_size,
        };
        let end = self.size.checked_add(size).ok_or(StreamErrorKind::TooLarge)?;
        let index = self.used.len();
        self.used.push(UsedBlock { token: tokens.len(), offset: self.size, size, rank });
        self.index.insert(key, index);
        self.size = end;
        tokens.push(Cow::Borrowed(locator));
        Ok(index)
    }
}

fn escaped(name: &[u8]) -> Vec<u8> {
    let mut written = Vec::with_capacity(name.len());
    escape_into(name, &mut written);
    written
}

fn file_token((start, end): (u64, u64), name: &[u8]) -> Vec<u8> {
    let mut number = itoa::Buffer::new();
    let mut token = Vec::with_capacity(name.len() + 16);
    token.extend_from_slice(number.format(start).as_bytes());
    token.push(b':');
    token.extend_from_slice(number.format(end - start).as_bytes());
    token.push(b':');
    token.extend_from_slice(name);
    token
}

/// What tells the block from others, and its hints, if it has any.
fn block_key(locator: &[u8]) -> (BlockKey<'_>, &[u8]) {
    let key = || {
        let (digest, rest) = locator.split_first_chunk::<32>()?;
        let mut number: u128 = 0;
        for digit in digest {
            number = number << 4 | u128::from(char::from(*digit).to_digit(16)?);
        }
        let rest = rest.strip_prefix(b"+")?;
        let digits = memchr::memchr(b'+', rest).unwrap_or(rest.len());
        let (size, hints) = rest.split_at(digits);
        // Rust's parser would take a sign.
        let size = size.iter().all(u8::is_ascii_digit).then_some(size)?;
        let size = std::str::from_utf8(size).ok()?.parse().ok()?;
        Some((BlockKey::Content(number, size), hints))
    };
    key().unwrap_or((BlockKey::Text(locator), b""))
}

fn best_rank(hints: &[u8]) -> Option<(SignatureKind, u32)> {
    hints.split(|byte| *byte == b'+').filter_map(parse_signature).map(|signature| signature.rank()).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &[u8] = b"47bce5c74f589f4867dbd57e9ca9f808+3";
    const B: &[u8] = b"08f8e0260c64418510cefb2b06eee5cd+3";
    const SIGNATURE: &str = "0123456789abcdef0123456789abcdef01234567";

    fn part(locator: &[u8], segment_offset: u64, segment_size: u64) -> StreamSegment<'_> {
        StreamSegment { locator, block_size: 3, segment_offset, segment_size }
    }

    fn line(files: &[(&str, Vec<StreamSegment<'_>>)]) -> String {
        let tokens = normalize_stream(b".", files).unwrap();
        String::from_utf8(tokens.join(&b' ')).unwrap().replace("d41d8cd98f00b204e9800998ecf8427e+0", "E")
    }

    #[test]
    fn l01_segments_without_bytes_are_dropped() {
        let empty = StreamSegment { block_size: 0, ..part(b"d41d8cd98f00b204e9800998ecf8427e+0", 0, 0) };
        assert_eq!(line(&[("f", vec![part(b"aaa", 0, 3), empty, part(b"bbb", 0, 3)])]), ". aaa bbb 0:6:f");
        assert_eq!(line(&[("f", vec![part(b"aaa", 2, 0)])]), ". E 0:0:f");
        assert_eq!(line(&[("f", vec![part(b"aaa", 9, 0), part(b"bbb", 1, 1)])]), ". bbb 1:1:f");
    }

    #[test]
    fn l05_one_block_with_the_best_signature() {
        let hint = |kind: &str, expiry: &str| format!("{}+{kind}{SIGNATURE}@{expiry}", std::str::from_utf8(A).unwrap());
        let (local, later) = (hint("A", "60000000"), hint("A", "60000001"));
        let (remote, bare) = (hint("Rzzzzz-", "70000000"), hint("K", "70000000"));
        for given in
            [[&bare, &remote, &local, &later], [&later, &local, &remote, &bare], [&local, &remote, &later, &bare]]
        {
            let segments = given.map(|locator| part(locator.as_bytes(), 0, 1)).to_vec();
            assert_eq!(line(&[("f", segments)]), format!(". {later} 0:1:f 0:1:f 0:1:f 0:1:f"));
        }
        let first = [part(bare.as_bytes(), 0, 3), part(A, 0, 3)].to_vec();
        assert_eq!(line(&[("f", first)]), format!(". {bare} 0:3:f 0:3:f"));
    }

    #[test]
    fn h19_touching_spans_are_merged() {
        assert_eq!(line(&[("f", vec![part(b"a", 0, 1), part(b"a", 1, 1), part(b"a", 2, 1)])]), ". a 0:3:f");
        assert_eq!(line(&[("f", vec![part(b"a", 0, 1), part(b"a", 2, 1)])]), ". a 0:1:f 2:1:f");
        assert_eq!(line(&[("f", vec![part(b"a", 1, 1), part(b"a", 0, 1)])]), ". a 1:1:f 0:1:f");
    }

    #[test]
    fn a_block_of_two_sizes_is_refused() {
        let wrong =
            |segments: Vec<StreamSegment<'_>>| normalize_stream(b".", &[(b"x", vec![]), (b"f", segments)]).unwrap_err();
        let other_size = |locator| StreamSegment { block_size: 4, ..part(locator, 0, 3) };
        let by_locator = wrong(vec![other_size(A)]);
        assert_eq!(by_locator.to_string(), "segment 0 of file 1: the block has 3 bytes, by its locator or before");
        let before = wrong(vec![part(b"a", 0, 3), other_size(b"a")]);
        assert_eq!(before, StreamError { kind: StreamErrorKind::BlockSize { other: 3 }, file: 1, segment: 1 });
        for (offset, size) in [(0, 4), (3, 1), (u64::MAX, 1), (1, u64::MAX)] {
            assert_eq!(wrong(vec![part(B, offset, size)]).kind, StreamErrorKind::BeyondBlock);
        }
        let huge = |locator| StreamSegment { block_size: u64::MAX, ..part(locator, 0, 3) };
        assert_eq!(wrong(vec![huge(b"a"), huge(b"b")]).kind, StreamErrorKind::TooLarge);
    }

    #[test]
    fn what_is_not_a_locator_is_its_own_block() {
        let numbers = ["-3", "+3", "", "x", "18446744073709551616", "\u{663}"];
        for tail in numbers {
            let text = format!("{}+{tail}", std::str::from_utf8(&A[..32]).unwrap());
            assert!(matches!(block_key(text.as_bytes()).0, BlockKey::Text(_)), "{text}");
        }
        let upper = A.to_ascii_uppercase();
        assert!(block_key(A).0 == block_key(&upper).0);
    }
}
