//! What can be wrong with a manifest, and where.
//!
//! An error is a kind and a byte span. Line, column and message are made only when somebody asks, so that the parser
//! never counts lines. Codes are an append-only contract: Python and the documentation name them.

use std::fmt;

/// A half-open range of bytes of the text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// One thing that is wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Error {
    /// What it is.
    pub kind: ErrorKind,
    /// Where it is: normally one token.
    pub span: Span,
}

/// A place in a text, as people count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Position {
    /// Lines end with a newline; the first is 1.
    pub line: usize,
    /// Characters from the start of the line (bytes that are not UTF-8 count one each); the first is 1.
    pub column: usize,
}

macro_rules! error_kinds {
    ($($(#[$attribute:meta])* $name:ident $({ $($field:ident : $type:ty),* })? = $code:literal, $message:literal;)*) => {
        /// The kinds of errors. See [`ErrorKind::code`] for the stable names.
        #[derive(Clone, PartialEq, Eq, Debug)]
        #[non_exhaustive]
        pub enum ErrorKind {
            $($(#[$attribute])* $name $({ $(#[doc = "See the message."] $field: $type),* })?,)*
        }

        impl ErrorKind {
            /// The stable name of the kind.
            pub fn code(&self) -> &'static str {
                match self { $(Self::$name $({ $($field: _),* })? => $code,)* }
            }

            /// Every code there is.
            pub const CODES: &'static [&'static str] = &[$($code),*];
        }

        impl fmt::Display for ErrorKind {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self { $(Self::$name $({ $($field),* })? => write!(formatter, $message),)* }
            }
        }
    };
}

error_kinds! {
    /// A byte-order mark before the text.
    ByteOrderMark = "byte-order-mark", "the text starts with a byte-order mark: remove these three bytes";
    /// A tab, a carriage return, a vertical tab, a form feed or one of FS to US.
    ControlCharacter = "control-character",
        "white space other than a space or a newline: write it as an octal escape (a carriage return: convert the line ends)";
    /// The last line does not end with a newline.
    MissingFinalNewline = "missing-final-newline", "the last line does not end with a newline";
    /// A line without a stream.
    BlankLine = "blank-line", "blank line: each line must be a stream";
    /// A space more than the one between two tokens.
    ExtraSpace = "extra-space", "more than the one space between two tokens, or a space at an end of the line";
    /// Bytes that are not UTF-8.
    InvalidUtf8 = "invalid-utf-8", "not valid UTF-8: write such bytes as octal escapes";
    /// A raw byte that must be escaped.
    RawControlCharacter = "raw-control-character", "unescaped control character: write it as an octal escape";
    /// A backslash that does not start `\000` to `\377`.
    BadEscape = "bad-escape", "a backslash must start an octal escape from \\000 to \\377; a literal backslash is \\134";
    /// A stream name that is neither `.` nor starts with `./`.
    BadStreamName = "bad-stream-name", "a stream name must be . or start with ./";
    /// An empty path component.
    EmptyComponent = "empty-component", "empty path component: no leading, trailing or doubled slash is allowed";
    /// A `.` path component.
    DotComponent = "dot-component", "a path component may not be .";
    /// A `..` path component.
    DotDotComponent = "dot-dot-component", "a path component may not be ..";
    /// A stream without a block.
    MissingLocator = "missing-locator",
        "a stream needs at least one block locator; without data it is d41d8cd98f00b204e9800998ecf8427e+0";
    /// A stream without a file.
    MissingFileToken = "missing-file-token", "a stream needs at least one file token; an empty directory has 0:0:\\056";
    /// A token that should be a locator and is not.
    BadLocator = "bad-locator", "not a block locator: expected 32 lower-case hexadecimal digits, + and a size in bytes";
    /// A block of 2 GiB or more.
    BlockTooLarge = "block-too-large", "a block can have at most 2147483647 bytes";
    /// A hint that does not fit the documented grammar.
    BadHint = "bad-hint", "a locator hint must be + and an upper-case letter, then letters, digits, @, _ or -";
    /// A locator behind a file token.
    LocatorAfterFile = "locator-after-file-token", "block locators must come before the first file token of a stream";
    /// A token that should be a file token and is not.
    BadFileToken = "bad-file-token", "not a file token: expected position:length:name";
    /// A position or length of 2^64 or more.
    NumberTooLarge = "number-too-large", "a position or length must be below 2^64";
    /// A token whose bytes the stream does not have.
    SegmentOutOfRange { stream_length: u64 } = "segment-out-of-range", "beyond the end of the {stream_length}-byte stream";
    /// A file token without a name.
    EmptyFileName = "empty-file-name", "a file name may not be empty or end with a slash";
    /// The name `.` with data.
    PlaceholderWithData = "placeholder-with-data", "the name . marks an empty directory and cannot have data";
    /// An empty-directory marker that is not exactly `0:0:.`.
    BadPlaceholder = "bad-placeholder", "an empty directory is marked by exactly 0:0:\\056 in a stream of its own name";
    /// A path that is a file and a directory.
    PathConflict { path: String } = "path-conflict", "{path} is both a file and a directory";
    /// Two different files at one path, in a union.
    ContentConflict { path: String } = "content-conflict", "{path} is not the same file in all the manifests";
    /// More than the engine addresses.
    TooLarge = "too-large", "too large: a text can have less than 2 GiB, and its files together 2^64 bytes";
}

impl Error {
    /// An error of this kind at these bytes.
    pub fn new(kind: ErrorKind, start: usize, end: usize) -> Self {
        Self { kind, span: Span { start, end } }
    }

    /// The bytes the error speaks of.
    ///
    /// ```
    /// use keepset_core::{Mode, Tree};
    /// let text = b". acbd18db4cc2f85cedef654fccc4a4d8+3 1:3:a\n";
    /// let error = Tree::parse(text.to_vec().into(), Mode::Compat).unwrap_err();
    /// assert_eq!(error.kind.code(), "segment-out-of-range");
    /// assert_eq!(error.token(text), b"1:3:a");
    /// assert_eq!((error.position(text).line, error.position(text).column), (1, 38));
    /// ```
    pub fn token<'t>(&self, text: &'t [u8]) -> &'t [u8] {
        text.get(self.span.start..self.span.end).unwrap_or_default()
    }

    /// Line and column of the first byte.
    pub fn position(&self, text: &[u8]) -> Position {
        PositionCursor::new(text).advance_to(self.span.start)
    }
}

/// Turns offsets that come in ascending order into positions, counting each byte of the text once.
#[derive(Clone, Copy, Debug)]
pub struct PositionCursor<'t> {
    text: &'t [u8],
    offset: usize,
    position: Position,
}

impl<'t> PositionCursor<'t> {
    /// A cursor at the start of the text.
    pub fn new(text: &'t [u8]) -> Self {
        Self { text, offset: 0, position: Position { line: 1, column: 1 } }
    }

    /// The position of a byte that is not before the one of the last call.
    ///
    /// ```
    /// use keepset_core::error::PositionCursor;
    /// let mut cursor = PositionCursor::new("é b\nc".as_bytes());
    /// assert_eq!((cursor.advance_to(3).line, cursor.advance_to(3).column), (1, 3));
    /// assert_eq!((cursor.advance_to(5).line, cursor.advance_to(5).column), (2, 1));
    /// ```
    pub fn advance_to(&mut self, offset: usize) -> Position {
        let mut passed = self.text.get(self.offset..offset).unwrap_or_default();
        if let Some(newline) = memchr::memrchr(b'\n', passed) {
            self.position.line += memchr::memchr_iter(b'\n', passed).count();
            self.position.column = 1;
            passed = &passed[newline + 1..];
        }
        let characters = |chunk: std::str::Utf8Chunk<'_>| chunk.valid().chars().count() + chunk.invalid().len();
        self.position.column += passed.utf8_chunks().map(characters).sum::<usize>();
        self.offset = self.offset.max(offset);
        self.position
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(formatter)
    }
}

impl std::error::Error for Error {}
