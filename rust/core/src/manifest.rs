//! The value behind `keepset.Manifest`: a shared tree, and the form in which it is written.

use crate::blocks::EMPTY_LOCATOR;
use crate::digest::TextDigest;
use crate::ids::{BlockId, EntryId, Id};
use crate::normalize::{Normalizer, Streams, write_locator};
use crate::output::{Chunks, Output};
use crate::runs::{Leaps, Part, parts};
use crate::signature::parse_signature;
use crate::strip::strip;
use crate::text::MAX_TEXT;
use crate::tree::Tree;
use crate::{Error, ErrorKind};
use bytes::Bytes;
use std::sync::Arc;

/// How a tree is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// The text it was read from.
    Original,
    /// The normal form.
    Normal,
}

/// An immutable manifest.
#[derive(Clone, Debug)]
pub struct Manifest {
    tree: Arc<Tree>,
    form: Form,
    is_stripped: bool,
}

impl Manifest {
    /// The manifest of a tree as it was read.
    pub fn original(tree: Arc<Tree>) -> Self {
        Self { tree, form: Form::Original, is_stripped: false }
    }

    /// The manifest of a tree that has no text of its own.
    pub fn normal(tree: Arc<Tree>) -> Self {
        Self { tree, form: Form::Normal, is_stripped: false }
    }

    /// The tree.
    pub fn tree(&self) -> &Arc<Tree> {
        &self.tree
    }

    /// The form.
    pub fn form(&self) -> Form {
        self.form
    }

    /// Whether locators are written without hints.
    pub fn is_stripped(&self) -> bool {
        self.is_stripped
    }

    /// The same tree in normal form.
    #[must_use]
    pub fn normalized(&self) -> Self {
        Self { form: Form::Normal, ..self.clone() }
    }

    /// The same tree and form without hints.
    #[must_use]
    pub fn stripped(&self) -> Self {
        Self { is_stripped: true, ..self.clone() }
    }

    fn write_into<O: Output>(&self, out: &mut O) {
        match (self.form, self.is_stripped) {
            (Form::Normal, strip) => Normalizer::new(&self.tree, strip).write(out),
            (Form::Original, false) => out.bytes(self.tree.text()),
            (Form::Original, true) => strip(self.tree.text(), out),
        }
    }

    /// Gives the text to `sink`, chunk by chunk, until that answers false.
    ///
    /// # Errors
    /// `TooLarge` if the text has 2 GiB or more: the normal form of a small text can be huge, and no such text can be
    /// read.
    pub fn write(&self, mut sink: impl FnMut(&[u8]) -> bool) -> Result<(), Error> {
        let mut length = 0;
        let mut chunks = Chunks::new(|chunk: &[u8]| {
            length += chunk.len();
            length <= MAX_TEXT && sink(chunk)
        });
        self.write_into(&mut chunks);
        chunks.finish();
        if length <= MAX_TEXT { Ok(()) } else { Err(Error::new(ErrorKind::TooLarge, 0, 0)) }
    }

    /// The text.
    ///
    /// # Errors
    /// `TooLarge` as for [`Self::write`].
    pub fn text(&self) -> Result<Bytes, Error> {
        if self.form == Form::Original && !self.is_stripped {
            return Ok(self.tree.text().clone());
        }
        let mut text = Vec::with_capacity(self.tree.text().len() + 64);
        self.write(|chunk| {
            text.extend_from_slice(chunk);
            true
        })?;
        Ok(text.into())
    }

    /// MD5 and length of the text without hints: the server's rule.
    ///
    /// # Errors
    /// `TooLarge` as for [`Self::write`].
    pub fn portable_data_hash(&self) -> Result<String, Error> {
        let mut digest = TextDigest::default();
        self.stripped().write(|chunk| {
            digest.update(chunk);
            true
        })?;
        Ok(digest.finish())
    }

    /// Whether the text is the normal form.
    pub fn is_normalized(&self) -> bool {
        if self.form == Form::Normal {
            return true;
        }
        let Ok(text) = self.text() else { return false };
        let mut rest: &[u8] = &text;
        let mut is_equal = true;
        let written = self.normalized().write(|chunk| {
            let tail = rest.strip_prefix(chunk);
            is_equal = tail.is_some();
            rest = tail.unwrap_or_default();
            is_equal
        });
        written.is_ok() && is_equal && rest.is_empty()
    }

    /// Number of streams in the text.
    pub fn stream_count(&self) -> usize {
        match self.form {
            Form::Original => self.tree.stream_count() as usize,
            Form::Normal => Streams::new(&self.tree).count(),
        }
    }

    /// The blocks that the text lists, each once, in order of first appearance. `None` is the block without data that
    /// the normal form lists in a stream that has no other.
    pub fn blocks(&self) -> Vec<Option<BlockId>> {
        if self.form == Form::Original {
            return self.tree.blocks().ids().map(Some).collect();
        }
        let mut listing = Listing { is_listed: vec![false; self.tree.blocks().len()], blocks: Vec::new() };
        let mut seen = Leaps::new(self.tree.entries.len());
        let mut lists_empty = false;
        for directory in Streams::new(&self.tree) {
            let mut is_empty = true;
            for file in self.tree.sorted_files(directory) {
                for part in parts(&self.tree, self.tree.pieces(file)) {
                    is_empty = false;
                    match part {
                        Part::Run(run) => listing.add(run.block),
                        Part::Long { start, end } => {
                            let mut entry = seen.find(start);
                            while entry < end {
                                listing.add(self.tree.entry_block(EntryId::from_index(entry)));
                                seen.join(entry);
                                entry = seen.find(entry);
                            }
                        }
                    }
                }
            }
            if is_empty && !std::mem::replace(&mut lists_empty, true) {
                listing.blocks.push(None);
            }
        }
        listing.blocks
    }

    /// A locator as this form writes it.
    pub fn locator(&self, block: Option<BlockId>) -> Vec<u8> {
        let Some(block) = block else {
            return EMPTY_LOCATOR.to_vec();
        };
        let mut locator = Vec::new();
        write_locator(&self.tree, &self.tree.blocks()[block], self.is_stripped, &mut locator);
        locator
    }

    /// Bytes in all distinct blocks that the text lists.
    pub fn stored_size(&self) -> u64 {
        self.blocks().into_iter().flatten().map(|block| u64::from(self.tree.blocks()[block].size)).sum()
    }

    /// When the first signature expires, in seconds since 1970.
    pub fn signature_expiry(&self) -> Option<u32> {
        if self.is_stripped {
            return None;
        }
        let expiry = |block: BlockId| {
            let hints = self.tree.hints(&self.tree.blocks()[block]);
            hints.split(|byte| *byte == b'+').filter_map(parse_signature).map(|signature| signature.expiry).max()
        };
        self.blocks().into_iter().flatten().filter_map(expiry).min()
    }
}

/// Blocks in order of first appearance.
struct Listing {
    is_listed: Vec<bool>,
    blocks: Vec<Option<BlockId>>,
}

impl Listing {
    fn add(&mut self, block: BlockId) {
        if !std::mem::replace(&mut self.is_listed[block.index()], true) {
            self.blocks.push(Some(block));
        }
    }
}
