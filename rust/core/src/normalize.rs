//! The normal form: the text that the existing Python SDK writes for a tree, byte for byte.
//!
//! Files of a directory come first, by code point, then its subdirectories, depth first (so `./a/c` comes before
//! `./a-b`, L22). A stream lists each block once, in order of first use; touching spans of a file are one token. An
//! empty file is `0:0:name`, a stream without blocks lists the empty one, an empty directory is `0:0:\056`. Sizes are
//! written in decimal without leading zeros, names are escaped by [`crate::escape`].

use crate::blocks::{Block, EMPTY_LOCATOR};
use crate::escape::{escape_into, is_plain};
use crate::ids::{BlockId, EntryId, Id, NodeId};
use crate::output::Output;
use crate::runs::{Leaps, Part, parts};
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

/// Writes the normal form.
#[derive(Debug)]
pub(crate) struct Normalizer<'t> {
    tree: &'t Tree,
    strip: bool,
    streams: Streams<'t>,
    /// Where each block starts in the current stream, counted from the first block of the first stream: a value below
    /// `stream_start` is of an earlier stream.
    layout: Vec<u64>,
    stream_start: u64,
    next_start: u64,
    /// Entries whose blocks the current stream lists.
    listed: Leaps,
    /// Entries whose blocks the current stream lists right behind each other.
    adjacent: Leaps,
    /// The file tokens of the current stream, where they are held until its locators are written.
    tokens: Vec<u8>,
}

impl<'t> Normalizer<'t> {
    /// A writer of the normal form, without hints if `strip` is set.
    pub(crate) fn new(tree: &'t Tree, strip: bool) -> Self {
        Self {
            tree,
            strip,
            streams: Streams::new(tree),
            layout: vec![0; tree.blocks.len()],
            stream_start: 1,
            next_start: 1,
            listed: Leaps::new(tree.entries.len()),
            adjacent: Leaps::new(tree.entries.len()),
            tokens: Vec::new(),
        }
    }

    /// Writes everything, or until the output has enough.
    pub(crate) fn write<O: Output>(mut self, out: &mut O) {
        while let Some(directory) = self.streams.next() {
            if !self.stream(directory, out) {
                return;
            }
        }
    }

    /// Writes a stream, and says whether writing goes on.
    fn stream<O: Output>(&mut self, directory: NodeId, out: &mut O) -> bool {
        out.bytes(self.streams.name());
        self.stream_start = self.next_start;
        self.listed.clear();
        self.adjacent.clear();
        let files = self.tree.sorted_files(directory);
        let goes_on = match files {
            SortedChildren::Listed { .. } => {
                files.clone().all(|file| self.locators(file, out))
                    && self.no_locator(out)
                    && files.into_iter().all(|file| self.file_tokens(file, out))
            }
            // To visit files that lie anywhere takes longer than to hold their tokens.
            SortedChildren::Sorted { .. } => {
                let mut tokens = std::mem::take(&mut self.tokens);
                // Where there are too many tokens, all that were held are written, and the output has enough of them.
                let _ = files.into_iter().all(|file| self.locators(file, out) && self.file_tokens(file, &mut tokens));
                let goes_on = self.no_locator(out)
                    && tokens.chunks(1 << 16).all(|chunk| {
                        out.bytes(chunk);
                        out.goes_on()
                    });
                tokens.clear();
                self.tokens = tokens;
                goes_on
            }
        };
        if self.tree.child_count(directory) == 0 {
            out.bytes(b" 0:0:\\056");
        }
        out.bytes(b"\n");
        goes_on && out.goes_on()
    }

    /// Lists the blocks of a file that the stream does not have yet, and says whether writing goes on.
    #[inline]
    fn locators<O: Output>(&mut self, file: NodeId, out: &mut O) -> bool {
        for part in parts(self.tree, self.tree.pieces(file)) {
            match part {
                Part::Run(run) => self.lay_out(run.block, out),
                Part::Long { start, end } => self.lay_out_entries(start, end, out),
            }
            if !out.goes_on() {
                return false;
            }
        }
        true
    }

    /// Lists the empty block if the stream has no other.
    fn no_locator<O: Output>(&self, out: &mut O) -> bool {
        if self.next_start == self.stream_start {
            out.bytes(b" ");
            out.bytes(EMPTY_LOCATOR);
        }
        true
    }

    /// Lists a block unless the stream has it already.
    #[inline]
    fn lay_out<O: Output>(&mut self, block: BlockId, out: &mut O) {
        let start = &mut self.layout[block.index()];
        if *start < self.stream_start {
            let block = &self.tree.blocks[block];
            *start = self.next_start;
            self.next_start += u64::from(block.size);
            out.bytes(b" ");
            write_locator(self.tree, block, self.strip, out);
        }
    }

    fn lay_out_entries<O: Output>(&mut self, start: usize, end: usize, out: &mut O) {
        let mut entry = self.listed.find(start);
        while entry < end && out.goes_on() {
            self.lay_out(self.tree.entries[EntryId::from_index(entry)], out);
            self.listed.join(entry);
            entry = self.listed.find(entry);
        }
    }

    /// Writes the tokens of a file, and says whether writing goes on.
    fn file_tokens<O: Output>(&mut self, file: NodeId, out: &mut O) -> bool {
        let name = self.tree.name(file);
        let mut tokens = FileTokens { name, is_plain: is_plain(name), span: None, out };
        for part in parts(self.tree, self.tree.pieces(file)) {
            let goes_on = match part {
                Part::Run(run) => {
                    let start = self.layout[run.block.index()] - self.stream_start + u64::from(run.offset);
                    tokens.push(start, start + u64::from(run.length))
                }
                Part::Long { start, end } => self.entry_tokens(start, end, &mut tokens),
            };
            if !goes_on {
                return false;
            }
        }
        let span = tokens.span.unwrap_or((0, 0));
        tokens.write(span)
    }

    fn entry_tokens<O: Output>(&mut self, start: usize, end: usize, tokens: &mut FileTokens<'_, O>) -> bool {
        let Self { tree, layout, stream_start, adjacent, .. } = self;
        let block_at = |entry: usize| tree.entries[EntryId::from_index(entry)];
        let start_of = |entry: usize| layout[block_at(entry).index()] - *stream_start;
        let end_of = |entry: usize| start_of(entry) + u64::from(tree.blocks[block_at(entry)].size);
        let mut entry = start;
        while entry < end {
            let mut last = adjacent.find(entry);
            while last + 1 < end && end_of(last) == start_of(last + 1) {
                adjacent.join(last);
                last = adjacent.find(last);
            }
            let last = last.min(end - 1);
            if !tokens.push(start_of(entry), end_of(last)) {
                return false;
            }
            entry = last + 1;
        }
        true
    }
}

/// The tokens of one file; spans that touch are one token.
struct FileTokens<'o, O> {
    name: &'o [u8],
    is_plain: bool,
    /// What has not been written yet: start and end in the stream.
    span: Option<(u64, u64)>,
    out: &'o mut O,
}

impl<O: Output> FileTokens<'_, O> {
    /// Adds a span, and says whether writing goes on.
    #[inline]
    fn push(&mut self, start: u64, end: u64) -> bool {
        match &mut self.span {
            Some(span) if span.1 == start => {
                span.1 = end;
                true
            }
            span => match span.replace((start, end)) {
                Some(done) => self.write(done),
                None => true,
            },
        }
    }

    #[inline]
    fn write(&mut self, (start, end): (u64, u64)) -> bool {
        self.out.span(start, end - start);
        if self.is_plain {
            self.out.bytes(self.name);
        } else {
            self.out.odd_name(self.name);
        }
        self.out.goes_on()
    }
}

/// Writes a locator with its size in canonical form.
#[inline]
pub(crate) fn write_locator<O: Output>(tree: &Tree, block: &Block, strip: bool, out: &mut O) {
    match block.locator_in(tree.text()) {
        Some(written) if !strip => out.bytes(written),
        _ => {
            out.locator(&block.digest, block.size);
            if !strip {
                out.bytes(tree.hints(block));
            }
        }
    }
}
