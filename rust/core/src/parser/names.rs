//! The reading of names: paths of files and streams, and the nodes that they lead to.

use super::Report;
use super::run::{Run, StreamState};
use crate::error::{Error, ErrorKind};
use crate::escape::{has_only_good_escapes, unescape};
use crate::ids::NodeId;
use crate::lexer::{Token, TokenFlags};
use crate::text::TextRange;
use crate::tree::Tree;
use crate::tree::build::NewName;

impl<const STRICT: bool, R: Report> Run<'_, STRICT, R> {
    /// The file that a token names, or `None` if it names none.
    #[inline]
    pub(super) fn place(
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
    pub(super) fn stream_name(&mut self, start: usize, token: Token) -> Result<Option<NodeId>, Error> {
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
