//! The reading of one text: lines, tokens, and where their bytes are.

use super::Report;
use crate::blocks::Block;
use crate::error::{Error, ErrorKind};
use crate::ids::{EntryId, Id, NodeId};
use crate::lexer::{Token, TokenFlags, read_digest, read_number, scan_hints, scan_token};
use crate::locator::{are_good_hints, read_head};
use crate::stream_index::StreamIndex;
use crate::text::{MAX_TEXT, TextRange};
use crate::tree::Tree;
use crate::tree::build::TreeBuilder;

/// The reading of one text.
pub(super) struct Run<'r, const STRICT: bool, R> {
    pub(super) text: &'r [u8],
    pub(super) builder: &'r mut TreeBuilder,
    pub(super) stream: &'r mut StreamIndex,
    /// The blocks of the stream, until its line has been read.
    pub(super) listed: &'r mut Vec<Block>,
    pub(super) report: &'r mut R,
    pub(super) streams: u32,
    /// Bytes in all files so far.
    pub(super) total: u64,
    /// A blank line behind a stream: a problem only if another stream follows.
    pub(super) blank: Option<usize>,
    /// Bytes in the blocks of all streams before this one.
    pub(super) position: u64,
    /// Scratch for names with escapes.
    pub(super) unescaped: Vec<u8>,
}

/// The stream that is being read.
pub(super) struct StreamState {
    pub(super) directory: NodeId,
    pub(super) first_entry: usize,
    pub(super) locators: usize,
    pub(super) files: usize,
    /// Its name or one of its locators could not be read, so that its tokens cannot be placed.
    pub(super) is_damaged: bool,
}

impl<const STRICT: bool, R: Report> Run<'_, STRICT, R> {
    pub(super) fn problem(&mut self, kind: ErrorKind, start: usize, end: usize) -> Result<(), Error> {
        self.report.report(Error::new(kind, start, end))
    }

    pub(super) fn text(&mut self) -> Result<(), Error> {
        let text = self.text;
        if text.len() > MAX_TEXT {
            return self.problem(ErrorKind::TooLarge, 0, 0);
        }
        self.reserve();
        let mut at = 0;
        if text.starts_with(b"\xef\xbb\xbf") {
            self.problem(ErrorKind::ByteOrderMark, 0, 3)?;
            at = 3;
        }
        while at < text.len() {
            let start = at;
            at = self.line(start)?;
            if STRICT {
                self.check_utf8(start, at)?;
            }
            self.report.end_line()?;
        }
        if STRICT && !text.is_empty() && !text.ends_with(b"\n") {
            self.problem(ErrorKind::MissingFinalNewline, text.len(), text.len())?;
        }
        self.report.end_line()
    }

    fn check_utf8(&mut self, start: usize, end: usize) -> Result<(), Error> {
        let mut at = start;
        while let Err(error) = std::str::from_utf8(&self.text[at..end]) {
            let bad_start = at + error.valid_up_to();
            let bad_end = error.error_len().map_or(end, |length| bad_start + length);
            self.problem(ErrorKind::InvalidUtf8, bad_start, bad_end)?;
            at = bad_end;
        }
        Ok(())
    }

    /// Makes room as the start of the text promises.
    fn reserve(&mut self) {
        const SAMPLE: usize = 1 << 16;
        if self.text.len() < 4 * SAMPLE {
            return;
        }
        let (mut files, mut blocks) = (0, 0);
        // Three samples: the first may be nothing but the locators of one long stream.
        for start in [0, self.text.len() / 2, self.text.len() - SAMPLE] {
            for token in self.text[start..start + SAMPLE].split(|byte| matches!(byte, b' ' | b'\n')) {
                if token.contains(&b':') {
                    files += 1;
                } else {
                    blocks += usize::from(token.len() > 32);
                }
            }
        }
        let times = self.text.len() / (3 * SAMPLE) + 1;
        self.builder.reserve(files * times * 17 / 16, blocks * times * 17 / 16);
    }

    /// Reads one line, and gives the start of the next.
    fn line(&mut self, start: usize) -> Result<usize, Error> {
        let at = self.spaces(start, start)?;
        match self.text.get(at) {
            None => return Ok(at),
            Some(b'\n') => {
                if STRICT {
                    self.problem(ErrorKind::BlankLine, start, at)?;
                } else if self.streams > 0 && self.blank.is_none() {
                    self.blank = Some(start);
                }
                return Ok(at + 1);
            }
            Some(_) => {}
        }
        if let Some(blank) = self.blank.take() {
            self.problem(ErrorKind::BlankLine, blank, blank)?;
        }
        self.streams += 1;
        let token = scan_token(self.text, at);
        let directory = self.stream_name(at, token)?;
        self.position += self.stream.length();
        self.stream.clear();
        let mut state = StreamState {
            directory: directory.unwrap_or(Tree::ROOT),
            first_entry: self.builder.entries.len(),
            locators: 0,
            files: 0,
            is_damaged: directory.is_none(),
        };
        let (name_start, name_end) = (at, token.end);
        let mut end = token.end;
        loop {
            let next = match self.text.get(end) {
                None => break,
                Some(b'\n') => {
                    end += 1;
                    break;
                }
                Some(_) => self.spaces(end + 1, end)?,
            };
            if matches!(self.text.get(next), None | Some(b'\n')) {
                end = next;
                continue;
            }
            end = self.token(next, &mut state)?;
        }
        self.intern_listed();
        if STRICT {
            if state.locators == 0 {
                self.problem(ErrorKind::MissingLocator, name_start, name_end)?;
            }
            if state.files == 0 {
                self.problem(ErrorKind::MissingFileToken, name_start, name_end)?;
            }
        }
        Ok(end)
    }

    /// Adds the blocks of the stream to the columns.
    fn intern_listed(&mut self) {
        let text = self.text;
        let entries = &mut self.builder.entries;
        self.builder.blocks.intern(
            self.listed,
            |range| range.of(text, &[]),
            |block, id| {
                if block.size > 0 {
                    entries.push(id);
                }
            },
        );
        self.listed.clear();
    }

    /// Skips spaces that should not be there. `from` is where the text between two tokens starts.
    #[inline]
    fn spaces(&mut self, start: usize, from: usize) -> Result<usize, Error> {
        let mut at = start;
        while self.text.get(at) == Some(&b' ') {
            at += 1;
        }
        // A space that a newline or the end of the text follows is one too many, too.
        let first_extra = if matches!(self.text.get(at), None | Some(b'\n')) { from } else { start };
        if STRICT && first_extra < at {
            self.problem(ErrorKind::ExtraSpace, first_extra, at)?;
        }
        Ok(at)
    }

    #[inline]
    fn token(&mut self, start: usize, state: &mut StreamState) -> Result<usize, Error> {
        if state.files == 0 {
            match read_head(self.text, start) {
                Ok(head) => {
                    let token = if matches!(self.text.get(head.end), Some(b'+')) {
                        scan_hints(self.text, head.end)
                    } else {
                        Token { end: head.end, flags: TokenFlags::default() }
                    };
                    state.locators += 1;
                    self.check_hints(start, head.end, token)?;
                    let hints = TextRange::in_text(head.end, token.end);
                    self.listed.push(Block { digest: head.digest, size: head.size, hints });
                    if head.size > 0 {
                        self.stream.push(head.size);
                    }
                    return Ok(token.end);
                }
                Err(kind) => {
                    let token = scan_token(self.text, start);
                    let looks_like_file = self.text[start..token.end].contains(&b':');
                    if kind == ErrorKind::BlockTooLarge || !looks_like_file {
                        self.check_characters(start, token)?;
                        state.locators += 1;
                        state.is_damaged = true;
                        self.problem(kind, start, token.end)?;
                        return Ok(token.end);
                    }
                }
            }
        }
        state.files += 1;
        self.file_token(start, state)
    }

    #[inline]
    fn check_hints(&mut self, start: usize, hints: usize, token: Token) -> Result<(), Error> {
        if token.flags.any(TokenFlags::WHITE_SPACE.or(TokenFlags::CONTROL)) {
            self.check_characters(start, token)?;
        }
        if STRICT && !are_good_hints(&self.text[hints..token.end]) {
            self.problem(ErrorKind::BadHint, start, token.end)?;
        }
        Ok(())
    }

    /// Complains about control characters in a token.
    #[inline]
    pub(super) fn check_characters(&mut self, start: usize, token: Token) -> Result<(), Error> {
        if token.flags.any(TokenFlags::WHITE_SPACE) {
            self.problem(ErrorKind::ControlCharacter, start, token.end)?;
        }
        if STRICT && token.flags.any(TokenFlags::CONTROL) {
            self.problem(ErrorKind::RawControlCharacter, start, token.end)?;
        }
        Ok(())
    }

    #[inline]
    fn file_token(&mut self, start: usize, state: &StreamState) -> Result<usize, Error> {
        let position = read_number(self.text, start);
        let length_start = position.end + 1;
        let length = if position.end > start && self.text.get(position.end) == Some(&b':') {
            read_number(self.text, length_start)
        } else {
            return self.bad_file_token(start);
        };
        if length.end == length_start || self.text.get(length.end) != Some(&b':') {
            return self.bad_file_token(start);
        }
        let name_start = length.end + 1;
        // A name that has been read without a problem has none: where the first ends the parse, it is not looked at.
        if R::ENDS_AT_FIRST
            && let (Some(position), Some(length)) = (position.value, length.value)
            && let Some((file, end)) = self.builder.guess(self.text, state.directory, name_start)
        {
            self.append(file, position, length, start, end, state)?;
            return Ok(end);
        }
        let token = scan_token(self.text, name_start);
        self.check_characters(start, token)?;
        let (Some(position), Some(length)) = (position.value, length.value) else {
            self.problem(ErrorKind::NumberTooLarge, start, token.end)?;
            return Ok(token.end);
        };
        if let Some(file) = self.place(start, name_start, token, length, state)? {
            self.append(file, position, length, start, token.end, state)?;
        }
        Ok(token.end)
    }

    #[cold]
    fn bad_file_token(&mut self, start: usize) -> Result<usize, Error> {
        let token = scan_token(self.text, start);
        self.check_characters(start, token)?;
        let is_locator = read_digest(self.text, start).is_some()
            && matches!(self.text.get(start + 32), None | Some(b' ' | b'\n' | b'+'));
        let kind = if is_locator { ErrorKind::LocatorAfterFile } else { ErrorKind::BadFileToken };
        self.problem(kind, start, token.end)?;
        Ok(token.end)
    }

    #[inline]
    fn append(
        &mut self,
        file: NodeId,
        position: u64,
        mut length: u64,
        start: usize,
        end: usize,
        state: &StreamState,
    ) -> Result<(), Error> {
        if state.is_damaged || (length == 0 && !STRICT) {
            return Ok(());
        }
        let stream_length = self.stream.length();
        if position.checked_add(length).is_none_or(|last| last > stream_length) {
            self.problem(ErrorKind::SegmentOutOfRange { stream_length }, start, end)?;
            length = stream_length.saturating_sub(position);
        }
        if length == 0 {
            return Ok(());
        }
        let Some(total) = self.total.checked_add(length) else {
            return self.problem(ErrorKind::TooLarge, start, end);
        };
        self.total = total;
        let (block, offset) = self.stream.find(position);
        let entry = EntryId::from_index(state.first_entry + block);
        self.builder.append(file, entry, offset, self.position + position, length);
        Ok(())
    }
}
