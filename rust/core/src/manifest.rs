//! The value behind `keepset.Manifest`: a shared tree, and the form in which it is written.

use crate::blocks::EMPTY_LOCATOR;
use crate::digest::TextDigest;
use crate::ids::{BlockId, Id};
use crate::normalize::{Normalizer, Streams, runs, write_locator};
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

    /// Gives the text to `sink`, chunk by chunk, until that answers false.
    pub fn write(&self, mut sink: impl FnMut(&[u8]) -> bool) {
        match (self.form, self.is_stripped) {
            (Form::Normal, strip) => Normalizer::new(&self.tree, strip).write(sink),
            (Form::Original, false) => {
                sink(self.tree.text());
            }
            (Form::Original, true) => {
                let mut goes_on = true;
                strip(self.tree.text(), |piece| goes_on = goes_on && sink(piece));
            }
        }
    }

    /// The text.
    ///
    /// # Errors
    /// `TooLarge` if it has 2 GiB or more: the normal form of a small text can be huge, and no such text can be read.
    pub fn text(&self) -> Result<Bytes, Error> {
        if self.form == Form::Original && !self.is_stripped {
            return Ok(self.tree.text().clone());
        }
        let mut text = Vec::with_capacity(self.tree.text().len() + 64);
        let mut fits = true;
        self.write(|chunk| {
            fits = text.len() + chunk.len() <= MAX_TEXT;
            if fits {
                text.extend_from_slice(chunk);
            }
            fits
        });
        if fits { Ok(text.into()) } else { Err(Error::new(ErrorKind::TooLarge, 0, 0)) }
    }

    /// MD5 and length of the text without hints: the server's rule.
    pub fn portable_data_hash(&self) -> String {
        let mut digest = TextDigest::default();
        self.stripped().write(|chunk| {
            digest.update(chunk);
            true
        });
        digest.finish()
    }

    /// Whether the text is the normal form.
    pub fn is_normalized(&self) -> bool {
        if self.form == Form::Normal {
            return true;
        }
        let mut rest: &[u8] = self.tree.text();
        let mut is_equal = true;
        Normalizer::new(&self.tree, false).write(|chunk| {
            is_equal = match rest.strip_prefix(chunk) {
                Some(tail) => {
                    rest = tail;
                    true
                }
                None => false,
            };
            is_equal
        });
        is_equal && rest.is_empty()
    }

    /// Number of streams in the text.
    pub fn stream_count(&self) -> usize {
        match self.form {
            Form::Original => self.tree.stream_count() as usize,
            Form::Normal => Streams::new(&self.tree).count(),
        }
    }

    /// The blocks that the text lists, and whether it lists the empty block besides.
    pub fn blocks(&self) -> (Vec<BlockId>, bool) {
        if self.form == Form::Original {
            return (self.tree.blocks().ids().collect(), false);
        }
        let mut is_listed = vec![false; self.tree.blocks().len()];
        let mut listed = Vec::new();
        let mut lists_empty = false;
        for directory in Streams::new(&self.tree) {
            let mut is_empty = true;
            for file in self.tree.sorted_files(directory) {
                for run in runs(&self.tree, self.tree.pieces(file)) {
                    is_empty = false;
                    if !std::mem::replace(&mut is_listed[run.block.index()], true) {
                        listed.push(run.block);
                    }
                }
            }
            lists_empty |= is_empty;
        }
        (listed, lists_empty)
    }

    /// A locator as this form writes it.
    pub fn locator(&self, block: BlockId) -> Vec<u8> {
        let mut locator = Vec::new();
        write_locator(&self.tree, &self.tree.blocks()[block], self.is_stripped, &mut locator);
        locator
    }

    /// The locator of the block without data.
    pub const EMPTY_LOCATOR: &'static [u8] = EMPTY_LOCATOR;

    /// When the first signature expires, in seconds since 1970.
    pub fn signature_expiry(&self) -> Option<u32> {
        if self.is_stripped {
            return None;
        }
        let expiry = |block: BlockId| {
            let hints = self.tree.hints(&self.tree.blocks()[block]);
            hints.split(|byte| *byte == b'+').filter_map(parse_signature).map(|signature| signature.expiry).max()
        };
        self.blocks().0.into_iter().filter_map(expiry).min()
    }
}
