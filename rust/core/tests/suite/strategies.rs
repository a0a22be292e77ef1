//! Manifest texts that aim at trouble.
//!
//! Texts are put together from numbers, modulo what there is, so that they shrink well: a token does not know how long
//! its stream is. Names of files and of directories are drawn from two small sets that overlap only a little: they
//! meet again and again, and clash now and then.

use keepset_core::naive::escape::escape;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use std::ops::Range;

const SIGNATURE: &str = "0123456789abcdef0123456789abcdef01234567";

const FILE_NAMES: &[&[u8]] = &[
    b"a",
    b"ab",
    b"a-b",
    b"b",
    b"B",
    b"a b",
    b"a:b",
    b"0:0:a",
    b"...",
    b".a",
    b"..a",
    b"a.",
    b"\\",
    b"\\040",
    b"\\134",
    b"a\tb",
    b"\n",
    b"\r",
    b"\x00",
    b"\x01\x1f",
    b"\x7f",
    b"caf\xc3\xa9",
    b"caf\xc3",
    b"\xa9",
    b"\xff",
    b"\xed\xa0\x80",
    b"\xf0\x9f\x98",
    b"\xc0\x80",
    b"\xee\x80\x80",
    b"\xf0\x90\x80\x80",
    b"\xe2\x80\xa8",
    b"a\xc2\xa0b",
    b"\xef\xbb\xbfa",
    b"acbd18db4cc2f85cedef654fccc4a4d8+3",
    b"a-name-of-more-than-sixteen-bytes-1",
    b"a-name-of-more-than-sixteen-bytes-2",
]; // prefixes of each other, separators, escapes, controls, broken UTF-8, every plane

const DIRECTORY_NAMES: &[&[u8]] =
    &[b"d", b"d", b"d-", b"d.", b"dd", b"D", b"e f", b"\xfe", b"\xc3\xa9", b"d\\", b"d:", b"\x02", b"a", b"b", b"..."];

const SNIPPETS: &[&[u8]] = &[
    b" ",
    b"  ",
    b"\n",
    b"\n\n",
    b"\t",
    b"\r",
    b"\x0c",
    b"\x1f",
    b"\x00",
    b"\x7f",
    b":",
    b"::",
    b"+",
    b"/",
    b"//",
    b".",
    b"..",
    b"/..",
    b"/../",
    b"/./",
    b"./",
    b"\\",
    b"\\056",
    b"\\057",
    b"\\056\\056",
    b"\\400",
    b"\\377",
    b"\\9",
    b"0",
    b"-1",
    b"+1",
    b"1_0",
    b"\xff",
    b"\xc3",
    b"\xd9\xa0",
    b"\xc2\xa0",
    b"\xe2\x80\xa8",
    b"\xef\xbb\xbf",
    b" 0:0:.",
    b" 0:0:\\056",
    b" 0:0:",
    b" 00:0:.",
    b" 0:1:.",
    b" 0:0:a/.",
    b" 99:0:b",
    b" 99:1:b",
    b" 0:1:a",
    b" 0:1:a/b",
    b" 0:0:d",
    b" 18446744073709551615:1:a",
    b" 1:18446744073709551615:a",
    b" 18446744073709551616:0:a",
    b" 18446744073709551615:0:a",
    b"+Z",
    b"+3",
    b"+z",
    b"+a:b",
    b" acbd18db4cc2f85cedef654fccc4a4d8+3",
    b" acbd18db4cc2f85cedef654fccc4a4d8",
    b" acbd18db4cc2f85cedef654fccc4a4d8+2147483648",
    b" acbd18db4cc2f85cedef654fccc4a4d8+2147483647",
    b" ACBD18DB4CC2F85CEDEF654FCCC4A4D8+3",
    b" acbd18db4cc2f85cedef654fccc4a4d8+18446744073709551616:0:a",
    b"\n./a acbd18db4cc2f85cedef654fccc4a4d8+3 0:3:b\n",
    b"\n. acbd18db4cc2f85cedef654fccc4a4d8+3 0:3:d\n",
];

/// Names of one component.
pub(crate) fn names() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => select(FILE_NAMES).prop_map(<[u8]>::to_vec),
        1 => vec(any::<u8>(), 1..5).prop_filter("a name", |name| !name.contains(&b'/') && name != b"." && name != b".."),
    ]
}

fn paths() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let directory = prop_oneof![20 => select(DIRECTORY_NAMES).prop_map(<[u8]>::to_vec), 1 => names()];
    vec(directory, 0..3)
}

/// Bytes of this set, but for one of another kind now and then.
pub(crate) fn bytes_like(set: &'static [u8], length: Range<usize>) -> impl Strategy<Value = Vec<u8>> {
    vec(prop_oneof![60 => select(set), 1 => any::<u8>()], length)
}

/// How a name is written.
#[derive(Clone, Copy, Debug)]
enum Hand {
    /// As the normal form has it.
    Normal,
    /// With no more escapes than compat mode needs.
    Bare,
    /// With nothing but escapes.
    Full,
}

fn hands() -> impl Strategy<Value = Hand> {
    prop_oneof![20 => Just(Hand::Normal), 1 => Just(Hand::Bare), 3 => Just(Hand::Full)]
}

fn write_name(name: &[u8], hand: Hand) -> Vec<u8> {
    let must_be_escaped = |byte: &u8| match hand {
        Hand::Normal => false,
        Hand::Bare => b" \n\t\r\x0b\x0c\x1c\x1d\x1e\x1f\\".contains(byte),
        Hand::Full => true,
    };
    match hand {
        Hand::Normal => escape(name),
        Hand::Bare | Hand::Full => name
            .iter()
            .flat_map(|byte| if must_be_escaped(byte) { format!("\\{byte:03o}").into_bytes() } else { vec![*byte] })
            .collect(),
    }
}

fn written_paths() -> impl Strategy<Value = Vec<u8>> {
    let separator = prop_oneof![100 => Just("/"), 1 => Just("//"), 1 => Just("/./"), 3 => Just("\\057")];
    (paths(), separator, hands()).prop_map(|(components, separator, hand)| {
        let written: Vec<Vec<u8>> = components.iter().map(|name| write_name(name, hand)).collect();
        written.iter().flat_map(|component| [separator.as_bytes(), component].concat()).collect()
    })
}

fn stream_names() -> impl Strategy<Value = Vec<u8>> {
    let start = prop_oneof![60 => Just("."), 1 => Just("./."), 3 => Just("\\056"), 1 => Just("/")];
    (start, written_paths()).prop_map(|(start, path)| [start.as_bytes(), &path].concat())
}

fn hints() -> impl Strategy<Value = String> {
    let times = select(vec![0_u32, 1, 0x6553_f100, 0x6553_f101, u32::MAX]);
    prop_oneof![
        24 => Just(String::new()),
        3 => Just("+Zx@_-9".to_owned()),
        6 => times.clone().prop_map(|time| format!("+A{SIGNATURE}@{time:08x}")),
        3 => times.clone().prop_map(|time| format!("+K@zzzzz+A{SIGNATURE}@{time:x}")),
        6 => times.prop_map(|time| format!("+Rzzzzz-{SIGNATURE}@{time:08x}")),
        1 => select(vec!["+", "++", "+z", "+3", "+A", "+A@0", "+R", "+Z.", "+Z:0:a", "+\\", "+/", "+\u{e9}"]).prop_map(str::to_owned),
    ]
}

/// The size of a block, and its locator.
fn locators() -> impl Strategy<Value = (u64, String)> {
    let size = prop_oneof![2 => Just(0_u64), 8 => 1..6_u64, 1 => Just(i32::MAX as u64)];
    let zeros = prop_oneof![20 => Just(""), 1 => Just("00")];
    (0..4_u8, size, zeros, hints())
        .prop_map(|(digest, size, zeros, hints)| (size, format!("{digest:032x}+{zeros}{size}{hints}")))
}

/// So many blocks that they get an index, and that files are taken as more than their single blocks.
fn many_locators() -> impl Strategy<Value = Vec<(u64, String)>> {
    vec((0..60_u8, 0..4_u64), 30..160)
        .prop_map(|blocks| blocks.into_iter().map(|(digest, size)| (size, format!("{digest:032x}+{size}"))).collect())
}

/// A file token but for its numbers, which depend on the stream.
#[derive(Clone, Debug)]
struct Token {
    start: Index,
    end: Index,
    /// A marker of an empty directory has neither bytes nor a name of its own.
    is_marker: bool,
    path: Vec<u8>,
}

fn tokens() -> impl Strategy<Value = Token> {
    let path = (written_paths(), names(), hands()).prop_map(|(directory, name, hand)| {
        let path = [&directory, &b"/"[..], &write_name(&name, hand)].concat();
        path.strip_prefix(b"/").map_or(path.clone(), <[u8]>::to_vec)
    });
    (any::<Index>(), any::<Index>(), prop::bool::weighted(0.1), path).prop_map(|(start, end, is_marker, path)| Token {
        start,
        end,
        is_marker,
        path,
    })
}

/// So many files in one directory that they get an index, each of one block or two, in any order.
fn many_tokens() -> impl Strategy<Value = Vec<Token>> {
    vec((any::<Index>(), any::<Index>(), 0..40_u8), 20..60).prop_map(|tokens| {
        let token = |(start, end, name)| Token { start, end, is_marker: false, path: format!("n{name}").into_bytes() };
        tokens.into_iter().map(token).collect()
    })
}

fn token_text(token: &Token, stream_length: u64) -> Vec<u8> {
    if token.is_marker {
        return b"0:0:\\056".to_vec();
    }
    let count = usize::try_from(stream_length).unwrap() + 1;
    let (start, end) = (token.start.index(count), token.end.index(count));
    [format!("{}:{}:", start.min(end), start.abs_diff(end)).as_bytes(), &token.path].concat()
}

fn streams() -> impl Strategy<Value = Vec<u8>> {
    let blocks = prop_oneof![1 => Just(vec![]), 40 => vec(locators(), 1..6), 4 => many_locators()];
    let files = prop_oneof![1 => Just(vec![]), 40 => vec(tokens(), 1..7), 4 => many_tokens()];
    let gap = prop_oneof![60 => Just(" "), 1 => Just("  ")];
    (stream_names(), blocks, files, gap).prop_map(|(name, blocks, files, gap)| {
        let length = blocks.iter().map(|(size, _)| size).sum();
        let mut tokens = vec![name];
        tokens.extend(blocks.into_iter().map(|(_, locator)| locator.into_bytes()));
        tokens.extend(files.iter().map(|token| token_text(token, length)));
        tokens.join(gap.as_bytes())
    })
}

/// Texts of which compat mode accepts most and strict mode many.
pub(crate) fn texts() -> impl Strategy<Value = Vec<u8>> {
    let start = prop_oneof![40 => Just(""), 1 => Just("\n"), 1 => Just(" \n \n")];
    let end = prop_oneof![40 => Just("\n"), 1 => Just(""), 1 => Just("\n\n"), 1 => Just(" \n ")];
    (start, vec(streams(), 0..5), end).prop_map(|(start, streams, end)| {
        let lines = streams.join(&b'\n');
        if lines.is_empty() { Vec::new() } else { [start.as_bytes(), &lines, end.as_bytes()].concat() }
    })
}

/// Texts of a few letters and blocks, so that all meets all.
pub(crate) fn tiny_texts() -> impl Strategy<Value = Vec<u8>> {
    // Directories out of order, and now and then a file of the same name.
    let crossing = prop_oneof![2 => "[abcdg]", 1 => "[defg]/a"];
    // One file of many pieces, which continue each other through blocks that are listed again.
    let single = prop_oneof![9 => Just("a".to_owned()), 1 => Just("b".to_owned())];
    prop_oneof![tiny_texts_of(crossing, &[".", ".", ".", "./d", "./h"]), tiny_texts_of(single, &["."])]
}

fn tiny_texts_of(
    paths: impl Strategy<Value = String>,
    names: &'static [&'static str],
) -> impl Strategy<Value = Vec<u8>> {
    let token = (any::<Index>(), any::<Index>(), prop::bool::weighted(0.05), paths)
        .prop_map(|(start, end, is_marker, path)| Token { start, end, is_marker, path: path.into_bytes() });
    let block = select(vec![(2, "1+2"), (2, "1+2"), (2, "2+2"), (0, "0+0")]);
    (vec((select(names), vec(block, 1..4), vec(token, 1..7)), 1..4)).prop_map(|streams| {
        let line = |(name, blocks, tokens): &(&str, Vec<(u64, &str)>, Vec<Token>)| {
            let length = blocks.iter().map(|(size, _)| size).sum();
            let locators = blocks.iter().map(|(_, block)| format!("{block:0>34}").into_bytes());
            let tokens = tokens.iter().map(|token| token_text(token, length));
            let words: Vec<Vec<u8>> = [name.as_bytes().to_vec()].into_iter().chain(locators).chain(tokens).collect();
            [words.join(&b' '), b"\n".to_vec()].concat()
        };
        streams.iter().flat_map(line).collect()
    })
}

/// Texts with a few cuts and insertions. Most are refused, for many reasons.
pub(crate) fn bent_texts() -> impl Strategy<Value = Vec<u8>> {
    let snippet = prop_oneof![1 => Just(&b""[..]), 6 => select(SNIPPETS)];
    let cut = prop_oneof![4 => Just(0_usize), 2 => 1..6_usize];
    (texts(), vec((any::<Index>(), any::<bool>(), cut, snippet), 1..4)).prop_map(|(mut text, cuts)| {
        for (at, at_edge, cut, snippet) in cuts {
            let edges: Vec<usize> = (0..text.len()).filter(|at| matches!(text[*at], b' ' | b'\n')).collect();
            let start =
                if at_edge && !edges.is_empty() { edges[at.index(edges.len())] } else { at.index(text.len() + 1) };
            let end = text.len().min(start + cut);
            text.splice(start..end, snippet.iter().copied());
        }
        text
    })
}

/// Two texts: of their own, or with some lines in common, in any order.
pub(crate) fn pairs() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
    let shared = vec((streams(), 0..4_u8), 1..5).prop_map(|lines| {
        let side = |bit: u8| {
            let lines = lines.iter().filter(|(_, sides)| *sides == 0 || sides & bit != 0);
            lines.flat_map(|(line, _)| [line, &b"\n"[..]].concat()).collect::<Vec<u8>>()
        };
        (side(1), side(2))
    });
    let shuffled = vec(streams(), 1..4)
        .prop_flat_map(|lines| (Just(lines.clone()), Just(lines).prop_shuffle()))
        .prop_map(|(left, right)| {
            ([left.join(&b'\n'), b"\n".to_vec()].concat(), [right.join(&b'\n'), b"\n".to_vec()].concat())
        });
    prop_oneof![1 => (texts(), texts()), 3 => shared, 1 => shuffled]
}

/// Three texts with lines in common: what two others began with, and those.
pub(crate) fn triples() -> impl Strategy<Value = (Vec<u8>, Vec<u8>, Vec<u8>)> {
    vec((tiny_texts(), 0..8_u8), 1..6).prop_map(|parts| {
        let side = |bit: u8| {
            let parts = parts.iter().filter(|(_, sides)| *sides == 0 || sides & bit != 0);
            parts.flat_map(|(text, _)| text.clone()).collect()
        };
        (side(1), side(2), side(4))
    })
}

/// Three texts with the same few directories under other names: moved, copied, swapped and nested.
pub(crate) fn edits() -> impl Strategy<Value = (Vec<u8>, Vec<u8>, Vec<u8>)> {
    let content = select(vec!["0:1:a", "1:2:a", "0:3:b", "0:3:d", "0:0:e", "0:0:\\056", "0:1:a 1:1:b", "0:3:\\377"]);
    let place = select(vec![".", "./d", "./e", "./d/d", "./d/e", "./e/d", "./d/d/d", "./a", "./a/d", "./\\377"]);
    let side = vec((place, content), 0..5).prop_map(|lines| {
        let line = |(place, files)| format!("{place} acbd18db4cc2f85cedef654fccc4a4d8+3 {files}\n");
        lines.into_iter().map(line).collect::<String>().into_bytes()
    });
    vec(side, 3).prop_map(|mut sides| (sides.remove(0), sides.remove(0), sides.remove(0)))
}
