//! The normal form: the text that the existing Python SDK writes for a tree, byte for byte.
//!
//! Files of a directory come first, by code point, then its subdirectories, depth first (so `./a/c` comes before
//! `./a-b`, L22). A stream lists each block once, in order of first use; touching spans of a file are one token. An
//! empty file is `0:0:name`, a stream without blocks lists the empty one, an empty directory is `0:0:\056`. Sizes are
//! written in decimal without leading zeros, names are escaped by [`crate::escape`].

use crate::blocks::{Block, EMPTY_LOCATOR};
use crate::escape::{escape_into, is_plain};
use crate::ids::{BlockId, EntryId, Id, NodeId};
use crate::pieces::Piece;
use crate::tree::Tree;
use crate::tree::order::SortedChildren;

/// The directories that are streams in the normal form, in its order, and their escaped names.
#[derive(Debug)]
pub struct Streams<'t> {
    tree: &'t Tree,
    /// For each directory on the path: its subdirectories still to come, and the length of its stream name.
    stack: Vec<(SortedChildren<'t>, usize)>,
    name: Vec<u8>,
}

impl<'t> Streams<'t> {
    /// The streams of a tree.
    pub fn new(tree: &'t Tree) -> Self {
        Self { tree, stack: Vec::new(), name: Vec::new() }
    }

    /// The name of the last stream.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    fn is_stream(&self, directory: NodeId) -> bool {
        let count = self.tree.child_count(directory);
        (count == 0 && directory != Tree::ROOT) || self.tree.sorted_files(directory).next().is_some()
    }

    fn enter(&mut self, directory: NodeId) {
        self.stack.push((self.tree.sorted_directories(directory), self.name.len()));
    }
}

impl Iterator for Streams<'_> {
    type Item = NodeId;

    fn next(&mut self) -> Option<NodeId> {
        if self.name.is_empty() {
            self.name.push(b'.');
            self.enter(Tree::ROOT);
            if self.is_stream(Tree::ROOT) {
                return Some(Tree::ROOT);
            }
        }
        loop {
            let (children, length) = self.stack.last_mut()?;
            self.name.truncate(*length);
            let Some(directory) = children.next() else {
                self.stack.pop();
                continue;
            };
            self.name.push(b'/');
            escape_into(self.tree.name(directory), &mut self.name);
            self.enter(directory);
            if self.is_stream(directory) {
                return Some(directory);
            }
        }
    }
}

/// Writes the normal form piece by piece, so that a reader decides how much of it is in memory at a time.
#[derive(Debug)]
pub struct Normalizer<'t> {
    tree: &'t Tree,
    strip: bool,
    streams: Streams<'t>,
    /// Where each block starts in the current stream, counted from the first block of the first stream: a value below
    /// `stream_start` is of an earlier stream.
    layout: Vec<u64>,
    stream_start: u64,
    next_start: u64,
}

/// Chunks given to the sink are about this long.
const CHUNK: usize = 1 << 16;

impl<'t> Normalizer<'t> {
    /// A writer of the normal form, without hints if `strip` is set.
    pub fn new(tree: &'t Tree, strip: bool) -> Self {
        Self {
            tree,
            strip,
            streams: Streams::new(tree),
            layout: vec![0; tree.blocks.len()],
            stream_start: 1,
            next_start: 1,
        }
    }

    /// Writes everything; `sink` gets one chunk after the other, and stops the writing by answering false.
    pub fn write(mut self, mut sink: impl FnMut(&[u8]) -> bool) {
        let mut out = Vec::with_capacity(2 * CHUNK);
        while let Some(directory) = self.streams.next() {
            if !self.stream(directory, &mut out, &mut sink) {
                return;
            }
        }
        sink(&out);
    }

    fn stream(&mut self, directory: NodeId, out: &mut Vec<u8>, sink: &mut impl FnMut(&[u8]) -> bool) -> bool {
        let files = self.tree.sorted_files(directory);
        out.extend_from_slice(self.streams.name());
        self.stream_start = self.next_start;
        for file in files.clone() {
            for piece in runs(self.tree, self.tree.pieces(file)) {
                self.lay_out(piece, out);
                if out.len() >= CHUNK && !flush(out, sink) {
                    return false;
                }
            }
        }
        if self.next_start == self.stream_start {
            out.push(b' ');
            out.extend_from_slice(EMPTY_LOCATOR);
        }
        let mut is_empty = true;
        for file in files {
            is_empty = false;
            if !self.file_tokens(file, out, sink) {
                return false;
            }
        }
        if is_empty {
            out.extend_from_slice(b" 0:0:\\056");
        }
        out.push(b'\n');
        out.len() < CHUNK || flush(out, sink)
    }

    /// Lists the block of a run unless the stream has it already.
    #[inline]
    fn lay_out(&mut self, run: Run, out: &mut Vec<u8>) {
        let start = &mut self.layout[run.block.index()];
        if *start < self.stream_start {
            let block = &self.tree.blocks[run.block];
            *start = self.next_start;
            self.next_start += u64::from(block.size);
            out.push(b' ');
            write_locator(self.tree, block, self.strip, out);
        }
    }

    fn file_tokens(&self, file: NodeId, out: &mut Vec<u8>, sink: &mut impl FnMut(&[u8]) -> bool) -> bool {
        let name = self.tree.name(file);
        let plain = is_plain(name);
        let mut span: Option<(u64, u64)> = None;
        for run in runs(self.tree, self.tree.pieces(file)) {
            let start = self.layout[run.block.index()] - self.stream_start + u64::from(run.offset);
            let end = start + u64::from(run.length);
            match &mut span {
                Some(span) if span.1 == start => span.1 = end,
                _ => {
                    if let Some((start, end)) = span {
                        write_token(start, end - start, name, plain, out);
                        if out.len() >= CHUNK && !flush(out, sink) {
                            return false;
                        }
                    }
                    span = Some((start, end));
                }
            }
        }
        let (start, end) = span.unwrap_or((0, 0));
        write_token(start, end - start, name, plain, out);
        out.len() < CHUNK || flush(out, sink)
    }
}

fn flush(out: &mut Vec<u8>, sink: &mut impl FnMut(&[u8]) -> bool) -> bool {
    let goes_on = sink(out);
    out.clear();
    goes_on
}

/// Bytes of one block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub(crate) block: BlockId,
    pub(crate) offset: u32,
    pub(crate) length: u32,
}

/// The runs of a file: its pieces cut at the edges of blocks.
#[inline]
pub(crate) fn runs<'t>(tree: &'t Tree, pieces: &'t [Piece]) -> Runs<'t> {
    Runs { tree, pieces: pieces.iter(), entry: EntryId::FIRST, offset: 0, left: 0, end: 0 }
}

/// See [`runs`].
#[derive(Clone, Debug)]
pub(crate) struct Runs<'t> {
    tree: &'t Tree,
    pieces: std::slice::Iter<'t, Piece>,
    entry: EntryId,
    offset: u32,
    left: u64,
    end: u64,
}

impl Iterator for Runs<'_> {
    type Item = Run;

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "a run is at most as long as its block")]
    fn next(&mut self) -> Option<Run> {
        if self.left == 0 {
            let piece = self.pieces.next()?;
            self.entry = piece.entry;
            self.offset = piece.offset;
            self.left = piece.end - self.end;
            self.end = piece.end;
        }
        let block = self.tree.entries[self.entry];
        let length = u64::from(self.tree.blocks[block].size - self.offset).min(self.left);
        let run = Run { block, offset: self.offset, length: length as u32 };
        self.left -= length;
        self.offset = 0;
        self.entry = EntryId::from_index(self.entry.index() + 1);
        Some(run)
    }
}

/// Two lower-case hexadecimal digits for each byte.
static HEX: [[u8; 2]; 256] = {
    let digits = *b"0123456789abcdef";
    let mut pairs = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        pairs[byte] = [digits[byte >> 4], digits[byte & 15]];
        byte += 1;
    }
    pairs
};

/// Writes a locator with its size in canonical form.
#[inline]
pub fn write_locator(tree: &Tree, block: &Block, strip: bool, out: &mut Vec<u8>) {
    let hints: &[u8] = if strip { b"" } else { tree.hints(block) };
    let mut head = [0; 33];
    for (pair, byte) in head.chunks_exact_mut(2).zip(block.digest) {
        pair.copy_from_slice(&HEX[usize::from(byte)]);
    }
    head[32] = b'+';
    out.extend_from_slice(&head);
    out.extend_from_slice(itoa::Buffer::new().format(block.size).as_bytes());
    out.extend_from_slice(hints);
}

#[inline]
fn write_token(start: u64, length: u64, name: &[u8], plain: bool, out: &mut Vec<u8>) {
    let mut buffer = itoa::Buffer::new();
    out.push(b' ');
    out.extend_from_slice(buffer.format(start).as_bytes());
    out.push(b':');
    out.extend_from_slice(buffer.format(length).as_bytes());
    out.push(b':');
    if plain { out.extend_from_slice(name) } else { escape_into(name, out) }
}
