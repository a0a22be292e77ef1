//! From a text to a tree.
//!
//! One parser serves all readers. `STRICT` adds the checks of the documented grammar; a `Report` decides what happens
//! with a problem: the first one ends a parse, while validation and salvage go on behind it. Going on must not invent
//! problems: a bad locator makes all positions of its stream unknown, so they are not checked.

mod names;
mod run;

use crate::blocks::Block;
use crate::error::Error;
use crate::stream_index::StreamIndex;
use crate::tree::Tree;
use crate::tree::build::TreeBuilder;
use bytes::Bytes;
use run::Run;

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
    const ENDS_AT_FIRST: bool;

    fn report(&mut self, error: Error) -> Result<(), Error>;

    /// A line has been read to its end. Only now the order of its problems is known.
    fn end_line(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

/// The first problem ends the parse.
struct FailFast;

impl Report for FailFast {
    const ENDS_AT_FIRST: bool = true;

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
    const ENDS_AT_FIRST: bool = false;

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
