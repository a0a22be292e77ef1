//! From a text to a tree.
//!
//! One parser serves all readers. `STRICT` adds the checks of the documented grammar; a `Report` decides what happens
//! with a problem: the first one ends a parse, while validation and salvage go on behind it. Going on must not invent
//! problems: a bad locator makes all positions of its stream unknown, so they are not checked.

use crate::blocks::Block;
use crate::error::{Error, ErrorKind};
use crate::escape::{has_only_good_escapes, unescape};
use crate::ids::{EntryId, Id, NodeId};
use crate::lexer::{Token, TokenFlags, read_digest, read_number, scan_token};
use crate::locator::{are_good_hints, read_head};
use crate::stream_index::StreamIndex;
use crate::text::{MAX_TEXT, TextRange};
use crate::tree::Tree;
use crate::tree::build::{NewName, TreeBuilder};
use bytes::Bytes;

/// How much a reader accepts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// Also what an existing SDK loads without losing or guessing data.
    Compat,
    /// The documented grammar as the API server enforces it, and nothing that makes data unreadable.
    Strict,
}

/// What happens with a problem: `Err` ends the parse, `Ok` goes on.
trait Report {
    fn report(&mut self, error: Error) -> Result<(), Error>;

    /// A line has been read to its end. Only now the order of its problems is known.
    fn end_line(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

/// The first problem ends the parse.
struct FailFast;

impl Report for FailFast {
    #[cold]
    fn report(&mut self, error: Error) -> Result<(), Error> {
        Err(error)
    }
}

/// Problems are collected in order of place, until there are enough of them.
struct Collect {
    problems: Vec<Error>,
    limit: usize,
    /// How many problems the lines before this one have.
    sorted: usize,
}

impl Collect {
    fn new(limit: usize) -> Self {
        Self { problems: Vec::new(), limit, sorted: 0 }
    }
}

impl Report for Collect {
    fn report(&mut self, error: Error) -> Result<(), Error> {
        self.problems.push(error);
        Ok(())
    }

    fn end_line(&mut self) -> Result<(), Error> {
        self.problems[self.sorted..].sort_by_key(|problem| problem.span.start);
        self.sorted = self.problems.len();
        match self.problems.get(self.limit) {
            None => Ok(()),
            Some(beyond) => Err(beyond.clone()),
        }
    }
}

/// A parser, with allocations that serve one text after the other.
#[derive(Debug, Default)]
pub struct Parser {
    builder: TreeBuilder,
    stream: StreamIndex,
    listed: Vec<Block>,
}

impl Parser {
    /// Reads a text.
    ///
    /// # Errors
    /// The first problem.
    pub fn parse(&mut self, text: Bytes, mode: Mode) -> Result<Tree, Error> {
        let streams = match mode {
            Mode::Compat => self.run::<false, _>(&text, &mut FailFast),
            Mode::Strict => self.run::<true, _>(&text, &mut FailFast),
        };
        match streams {
            Ok(streams) => {
                let tree = self.builder.finish(text, streams);
                self.forget_large_text();
                Ok(tree)
            }
            Err(error) => {
                *self = Self::default();
                match mode {
                    Mode::Compat => Err(error),
                    // What was met first need not be what stands first: a line without files is known at its end.
                    Mode::Strict => Err(self.validate(&text, 1).into_iter().next().unwrap_or(error)),
                }
            }
        }
    }

    /// Gives back the allocations that one large text needed and the small ones that follow do not.
    fn forget_large_text(&mut self) {
        const KEPT: usize = 4096;
        if self.listed.capacity() > KEPT {
            self.listed = Vec::new();
        }
        if self.stream.capacity() > KEPT {
            self.stream = StreamIndex::default();
        }
    }

    /// Reads what can be read of a text, and says what could not. Tokens that reach beyond their stream are cut, tokens
    /// that cannot be placed are left out.
    pub fn salvage(&mut self, text: Bytes) -> (Tree, Vec<Error>) {
        let mut collect = Collect::new(usize::MAX);
        let streams = self.run::<false, _>(&text, &mut collect).unwrap_or_default();
        // A blank line is a problem only once a stream follows it.
        collect.problems.sort_by_key(|problem| problem.span.start);
        (self.builder.finish(text, streams), collect.problems)
    }

    /// Every problem that strict reading finds, up to `limit`, in order of place.
    pub fn validate(&mut self, text: &[u8], limit: usize) -> Vec<Error> {
        let mut collect = Collect::new(limit);
        // Beyond the limit the parse ends with an error that is already among the problems.
        let _ = self.run::<true, _>(text, &mut collect);
        *self = Self::default();
        collect.problems.truncate(limit);
        collect.problems
    }

    fn run<const STRICT: bool, R: Report>(&mut self, text: &[u8], report: &mut R) -> Result<u32, Error> {
        self.builder.reset();
        self.stream.clear();
        self.listed.clear();
        let mut run = Run::<STRICT, R> {
            text,
            builder: &mut self.builder,
            stream: &mut self.stream,
            listed: &mut self.listed,
            report,
            streams: 0,
            total: 0,
            blank: None,
            position: 0,
            unescaped: Vec::new(),
        };
        run.text()?;
        Ok(run.streams)
    }
}

/// The reading of one text.
struct Run<'r, const STRICT: bool, R> {
    text: &'r [u8],
    builder: &'r mut TreeBuilder,
    stream: &'r mut StreamIndex,
    /// The blocks of the stream, until its line has been read.
    listed: &'r mut Vec<Block>,
    report: &'r mut R,
    streams: u32,
    /// Bytes in all files so far.
    total: u64,
    /// A blank line behind a stream: a problem only if another stream follows.
    blank: Option<usize>,
    /// Bytes in the blocks of all streams before this one.
    position: u64,
    /// Scratch for names with escapes.
    unescaped: Vec<u8>,
}

/// The stream that is being read.
struct StreamState {
    directory: NodeId,
    first_entry: usize,
    locators: usize,
    files: usize,
    /// Its name or one of its locators could not be read, so that its tokens cannot be placed.
    is_damaged: bool,
}

impl<const STRICT: bool, R: Report> Run<'_, STRICT, R> {
    fn problem(&mut self, kind: ErrorKind, start: usize, end: usize) -> Result<(), Error> {
        self.report.report(Error::new(kind, start, end))
    }

    fn text(&mut self) -> Result<(), Error> {
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
                        scan_token(self.text, head.end)
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
    fn check_characters(&mut self, start: usize, token: Token) -> Result<(), Error> {
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
        let token = scan_token(self.text, name_start);
        self.check_characters(start, token)?;
        let (Some(position), Some(length)) = (position.value, length.value) else {
            self.problem(ErrorKind::NumberTooLarge, start, token.end)?;
            return Ok(token.end);
        };
        let Some(file) = self.place(start, name_start, token, length, state)? else {
            return Ok(token.end);
        };
        if length > 0 || STRICT {
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
        if state.is_damaged {
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

    /// The file that a token names, or `None` if it names none.
    #[inline]
    fn place(
        &mut self,
        start: usize,
        name_start: usize,
        token: Token,
        length: u64,
        state: &StreamState,
    ) -> Result<Option<NodeId>, Error> {
        let bytes = &self.text[name_start..token.end];
        let is_simple = !token.flags.any(TokenFlags::SLASH.or(TokenFlags::BACKSLASH))
            && bytes.first().is_some_and(|first| *first != b'.');
        if !is_simple || state.is_damaged {
            return self.place_path(start, name_start, token, length, state);
        }
        let range = Some(TextRange::in_text(name_start, token.end));
        let name = NewName { bytes, range, flags: token.flags };
        match self.builder.file(self.text, state.directory, name) {
            Ok(file) => Ok(Some(file)),
            Err(clash) => {
                self.conflict(clash.0, start, token.end)?;
                Ok(None)
            }
        }
    }

    fn place_path(
        &mut self,
        start: usize,
        name_start: usize,
        token: Token,
        length: u64,
        state: &StreamState,
    ) -> Result<Option<NodeId>, Error> {
        let end = token.end;
        self.check_escapes(start, name_start, token)?;
        let unescaped = self.unescape(name_start, token);
        let path: &[u8] = unescaped.as_deref().unwrap_or(&self.text[name_start..end]);
        let (parent, name) = match memchr::memrchr(b'/', path) {
            Some(slash) => (&path[..slash], &path[slash + 1..]),
            None => (&path[..0], path),
        };
        let is_nested = name.len() < path.len();
        if name.is_empty() {
            self.problem(ErrorKind::EmptyFileName, start, end)?;
            return Ok(self.give_back(unescaped));
        }
        if name == b".." {
            self.problem(ErrorKind::DotDotComponent, start, end)?;
            return Ok(self.give_back(unescaped));
        }
        if name == b"." {
            if length > 0 {
                self.problem(ErrorKind::PlaceholderWithData, start, end)?;
                return Ok(self.give_back(unescaped));
            }
            if STRICT && (is_nested || &self.text[start..name_start] != b"0:0:") {
                self.problem(ErrorKind::BadPlaceholder, start, end)?;
            }
        }
        let is_copied = unescaped.is_some();
        let mut directory = Some(state.directory).filter(|_| !state.is_damaged);
        if is_nested {
            directory = self.walk(directory, parent, name_start, is_copied, (start, end))?;
        }
        let mut file = None;
        if let Some(directory) = directory
            && name != b"."
        {
            let range = (!is_copied).then(|| TextRange::in_text(end - name.len(), end));
            let name = NewName { bytes: name, range, flags: TokenFlags::HIGH };
            match self.builder.file(self.text, directory, name) {
                Ok(found) => file = Some(found),
                Err(clash) => self.conflict(clash.0, start, end)?,
            }
        }
        self.give_back(unescaped);
        Ok(file)
    }

    /// The name without escapes, in the scratch buffer, if it has any. [`Self::give_back`] returns the buffer.
    fn unescape(&mut self, start: usize, token: Token) -> Option<Vec<u8>> {
        token.flags.any(TokenFlags::BACKSLASH).then(|| {
            let mut scratch = std::mem::take(&mut self.unescaped);
            scratch.clear();
            scratch.extend_from_slice(&unescape(&self.text[start..token.end]));
            scratch
        })
    }

    fn give_back(&mut self, scratch: Option<Vec<u8>>) -> Option<NodeId> {
        if let Some(scratch) = scratch {
            self.unescaped = scratch;
        }
        None
    }

    fn check_escapes(&mut self, start: usize, name_start: usize, token: Token) -> Result<(), Error> {
        if STRICT && token.flags.any(TokenFlags::BACKSLASH) && !has_only_good_escapes(&self.text[name_start..token.end])
        {
            self.problem(ErrorKind::BadEscape, start, token.end)?;
        }
        Ok(())
    }

    /// Follows the components of a path down from a directory, making those that are missing. `None` in means that
    /// nothing is to be made, `None` out that there is no such directory. `path_start` is where the path stands in the
    /// text, unless it was copied.
    fn walk(
        &mut self,
        from: Option<NodeId>,
        path: &[u8],
        path_start: usize,
        is_copied: bool,
        (start, end): (usize, usize),
    ) -> Result<Option<NodeId>, Error> {
        let mut directory = from;
        let mut at = 0;
        // One token is not told twice of the same thing.
        let (mut has_empty, mut has_dot) = (false, false);
        for component in path.split(|byte| *byte == b'/') {
            let component_start = path_start + at;
            at += component.len() + 1;
            match component {
                b"" if STRICT && !has_empty => {
                    has_empty = true;
                    self.problem(ErrorKind::EmptyComponent, start, end)?;
                }
                b"." if STRICT && !has_dot => {
                    has_dot = true;
                    self.problem(ErrorKind::DotComponent, start, end)?;
                }
                b"" | b"." => {}
                b".." => {
                    self.problem(ErrorKind::DotDotComponent, start, end)?;
                    return Ok(None);
                }
                bytes => {
                    let Some(parent) = directory else { continue };
                    let range =
                        (!is_copied).then(|| TextRange::in_text(component_start, component_start + bytes.len()));
                    let name = NewName { bytes, range, flags: TokenFlags::HIGH };
                    directory = match self.builder.subdirectory(self.text, parent, name) {
                        Ok(found) => Some(found),
                        Err(clash) => {
                            self.conflict(clash.0, start, end)?;
                            None
                        }
                    };
                }
            }
        }
        Ok(directory)
    }

    #[cold]
    fn conflict(&mut self, node: NodeId, start: usize, end: usize) -> Result<(), Error> {
        let path = self.builder.shown_path(self.text, node);
        self.problem(ErrorKind::PathConflict { path }, start, end)
    }

    /// The directory that a stream name names, or `None` if it names none.
    fn stream_name(&mut self, start: usize, token: Token) -> Result<Option<NodeId>, Error> {
        let end = token.end;
        self.check_characters(start, token)?;
        if &self.text[start..end] == b"." {
            return Ok(Some(Tree::ROOT));
        }
        self.check_escapes(start, start, token)?;
        let unescaped = self.unescape(start, token);
        let path: &[u8] = unescaped.as_deref().unwrap_or(&self.text[start..end]);
        let is_copied = unescaped.is_some();
        let result = match path {
            b"." => Ok(Some(Tree::ROOT)),
            [b'.', b'/', rest @ ..] => self.walk(Some(Tree::ROOT), rest, start + 2, is_copied, (start, end)),
            other => {
                if STRICT && other != b".." {
                    self.problem(ErrorKind::BadStreamName, start, end)?;
                }
                self.walk(Some(Tree::ROOT), other, start, is_copied, (start, end))
            }
        };
        self.give_back(unescaped);
        result
    }
}

impl Tree {
    /// Reads a text.
    ///
    /// # Errors
    /// The first problem.
    ///
    /// ```
    /// use keepset_core::{Mode, Tree};
    /// let tree = Tree::parse(". acbd18db4cc2f85cedef654fccc4a4d8+3 0:3:a\n".into(), Mode::Strict)?;
    /// assert_eq!(tree.file_size(tree.resolve(b"a").unwrap()), 3);
    /// # Ok::<(), keepset_core::Error>(())
    /// ```
    pub fn parse(text: Bytes, mode: Mode) -> Result<Self, Error> {
        Parser::default().parse(text, mode)
    }
}
