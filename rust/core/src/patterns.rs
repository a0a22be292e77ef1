//! Patterns over paths: `glob`, and the filters that choose a part of a tree.
//!
//! `*`, `?` and `[…]` do not cross a slash, `**` as a whole component stands for any number of directories. A *glob* is
//! matched against whole paths from the root, and has no other special characters, as in Python. A *filter* is read as
//! rclone reads one: `{a,b}` are alternatives, a backslash takes the meaning from what follows, `**` crosses slashes
//! wherever it stands; with a leading slash it starts at the root, otherwise at any directory; one that matches a
//! directory takes all below it; a trailing slash matches directories only.
//!
//! Patterns become regular expressions, so that matching takes linear time. They see characters, not bytes; a byte that
//! is not UTF-8 counts as one character.

use crate::tree::NodeKind;
use regex::RegexSet;
use std::borrow::Cow;
use std::fmt::{self, Write};
use std::iter::Peekable;
use std::str::Chars;

/// A pattern that cannot be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PatternError {
    pattern: String,
    reason: String,
}

impl fmt::Display for PatternError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}: {}", self.pattern, self.reason)
    }
}

impl std::error::Error for PatternError {}

/// What the last components of paths must match for the paths to match: a name is looked at before its path, since the
/// paths of a deep tree add up to the square of its text.
#[derive(Clone, Debug)]
struct Names(Option<RegexSet>);

impl Names {
    /// `last` gives the expression for the last component of each pattern, or `None` where there is no telling.
    fn new(pattern: &str, last: Option<Vec<String>>) -> Result<Self, PatternError> {
        last.map(|names| compile(pattern, names)).transpose().map(Self)
    }

    fn may_match(&self, name: &[u8]) -> bool {
        self.0.as_ref().is_none_or(|names| names.is_match(&characters(name)))
    }
}

/// The expression for the last component of a pattern, unless it may be several components.
fn last_component(pattern: &str, text: &str, dialect: Dialect) -> Option<String> {
    let is_hard = text.contains("**") || (dialect == Dialect::Filter && text.contains(['{', '\\']));
    let last = text.rsplit('/').next().filter(|last| !last.contains([']']) && !is_hard)?;
    let expression = Translation::new(pattern, dialect).translate(last).ok()?;
    Some(format!("(?s)^(?:{expression})$"))
}

/// A pattern for whole paths.
#[derive(Clone, Debug)]
pub struct Glob {
    paths: RegexSet,
    names: Names,
}

impl Glob {
    /// Reads a pattern.
    ///
    /// # Errors
    /// If it is not one.
    ///
    /// ```
    /// let glob = keepset_core::patterns::Glob::new(b"**/*.bam").unwrap();
    /// assert!(glob.matches(b"a/b.bam") && glob.matches(b"b.bam") && !glob.matches(b"b.bam/c"));
    /// ```
    pub fn new(pattern: &[u8]) -> Result<Self, PatternError> {
        let pattern = characters(pattern);
        let mut rest = &*pattern;
        while let Some(tail) = rest.strip_prefix("./").or_else(|| rest.strip_prefix('/')) {
            rest = tail;
        }
        let expression = Translation::new(&pattern, Dialect::Glob).translate(rest)?;
        let tail = rest.strip_prefix("**/").unwrap_or(rest);
        let names = Names::new(&pattern, last_component(&pattern, tail, Dialect::Glob).map(|name| vec![name]))?;
        Ok(Self { paths: compile(&pattern, vec![format!("(?s)^(?:{expression})$")])?, names })
    }

    /// Whether a path with this last component can match.
    pub fn may_match(&self, name: &[u8]) -> bool {
        self.names.may_match(name)
    }

    /// Whether a path matches.
    pub fn matches(&self, path: &[u8]) -> bool {
        self.paths.is_match(&characters(path))
    }
}

/// A set of filters.
#[derive(Clone, Debug)]
pub struct Filters {
    any: RegexSet,
    directories: RegexSet,
    names: Names,
}

impl Filters {
    /// Reads patterns.
    ///
    /// # Errors
    /// If one is no pattern.
    ///
    /// ```
    /// use keepset_core::{NodeKind, patterns::Filters};
    /// let filters = Filters::new([&b"*.{bam,bai}"[..], b"/tmp/"]).unwrap();
    /// assert!(filters.matches(b"a/b.bam", NodeKind::File));
    /// assert!(filters.matches(b"tmp", NodeKind::Directory) && !filters.matches(b"tmp", NodeKind::File));
    /// ```
    pub fn new<'p>(patterns: impl IntoIterator<Item = &'p [u8]>) -> Result<Self, PatternError> {
        let (mut any, mut directories) = (Vec::new(), Vec::new());
        let mut all = String::new();
        let mut names = Some(Vec::new());
        for pattern in patterns {
            let pattern = characters(pattern);
            let (expressions, rest) = match pattern.strip_suffix('/') {
                Some(rest) => (&mut directories, rest),
                None => (&mut any, &*pattern),
            };
            let rest = rest.strip_prefix("./").unwrap_or(rest);
            let (start, rest) = match rest.strip_prefix('/') {
                Some(anchored) => ("^", anchored),
                None => ("(?:^|/)", rest),
            };
            let expression = Translation::new(&pattern, Dialect::Filter).translate(rest)?;
            expressions.push(format!("(?s){start}(?:{expression})$"));
            all.push_str(&pattern);
            names = names.zip(last_component(&pattern, rest, Dialect::Filter)).map(|(mut names, name)| {
                names.push(name);
                names
            });
        }
        let names = Names::new(&all, names)?;
        Ok(Self { any: compile(&all, any)?, directories: compile(&all, directories)?, names })
    }

    /// Whether a path with this last component can match by itself.
    pub fn may_match(&self, name: &[u8]) -> bool {
        self.names.may_match(name)
    }

    /// Whether a path matches by itself; what is below a directory that matches is for the caller to take.
    pub fn matches(&self, path: &[u8], kind: NodeKind) -> bool {
        let path = characters(path);
        self.any.is_match(&path) || (kind == NodeKind::Directory && self.directories.is_match(&path))
    }
}

fn compile(pattern: &str, expressions: Vec<String>) -> Result<RegexSet, PatternError> {
    RegexSet::new(expressions)
        .map_err(|error| PatternError { pattern: pattern.to_owned(), reason: format!("too complex ({error})") })
}

/// Bytes as characters: those that are not UTF-8 become characters for private use that no name has.
fn characters(bytes: &[u8]) -> Cow<'_, str> {
    const PRIVATE: u32 = 0x0010_ff00;
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(bytes.len() * 2);
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().filter_map(|byte| char::from_u32(PRIVATE + u32::from(*byte))));
    }
    Cow::Owned(text)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Dialect {
    Glob,
    Filter,
}

/// The translation of one pattern to a regular expression.
struct Translation<'p> {
    pattern: &'p str,
    dialect: Dialect,
    expression: String,
    /// How many braces are open.
    open: usize,
    /// At the start of a component.
    is_start: bool,
}

impl<'p> Translation<'p> {
    fn new(pattern: &'p str, dialect: Dialect) -> Self {
        Self { pattern, dialect, expression: String::new(), open: 0, is_start: true }
    }

    fn wrong(&self, reason: &str) -> PatternError {
        PatternError { pattern: self.pattern.to_owned(), reason: reason.to_owned() }
    }

    fn translate(mut self, text: &str) -> Result<String, PatternError> {
        let is_filter = self.dialect == Dialect::Filter;
        let mut rest = text.chars().peekable();
        while let Some(character) = rest.next() {
            let was_start = std::mem::replace(&mut self.is_start, character == '/');
            match character {
                '*' if rest.peek() == Some(&'*') => self.stars(&mut rest, was_start),
                '*' => self.expression.push_str("[^/]*"),
                '?' => self.expression.push_str("[^/]"),
                '[' => self.class(&mut rest)?,
                '\\' if is_filter => {
                    let literal = rest.next().ok_or_else(|| self.wrong("a backslash at the end"))?;
                    self.literal(literal);
                }
                '{' if is_filter => {
                    self.expression.push_str("(?:");
                    self.open += 1;
                }
                '}' if is_filter => {
                    self.open = self.open.checked_sub(1).ok_or_else(|| self.wrong("a } without its {"))?;
                    self.expression.push(')');
                }
                ',' if self.open > 0 => self.expression.push('|'),
                literal => self.literal(literal),
            }
        }
        if self.open > 0 { Err(self.wrong("a { without its }")) } else { Ok(self.expression) }
    }

    fn literal(&mut self, character: char) {
        let mut buffer = [0; 4];
        self.expression.push_str(&regex::escape(character.encode_utf8(&mut buffer)));
    }

    /// Two or more stars, of which the first has been read.
    fn stars(&mut self, rest: &mut Peekable<Chars<'_>>, at_start: bool) {
        while rest.next_if_eq(&'*').is_some() {}
        match rest.peek() {
            Some('/') if at_start => {
                rest.next();
                self.is_start = true;
                self.expression.push_str("(?:[^/]+/)*");
            }
            None if at_start && self.expression.is_empty() => self.expression.push_str(".*"),
            // `d/**` is the directory and all below it.
            None if at_start && self.dialect == Dialect::Glob => {
                self.expression.pop();
                self.expression.push_str("(?:/.*)?");
            }
            _ if self.dialect == Dialect::Filter => self.expression.push_str(".*"),
            _ => self.expression.push_str("[^/]*"),
        }
    }

    /// A class, of which the bracket has been read.
    fn class(&mut self, rest: &mut Peekable<Chars<'_>>) -> Result<(), PatternError> {
        let is_negated = rest.next_if(|next| matches!(next, '!' | '^')).is_some();
        self.expression.push_str(if is_negated { "[[^" } else { "[[" });
        let mut members = 0;
        loop {
            let start = rest.next().ok_or_else(|| self.wrong("a [ without its ]"))?;
            // A ] right behind the opening is a member.
            if start == ']' && members > 0 {
                break;
            }
            members += 1;
            let mut end = start;
            let mut ahead = rest.clone();
            if ahead.next() == Some('-')
                && let Some(last) = ahead.next()
                && last != ']'
            {
                *rest = ahead;
                end = last;
            }
            if end < start {
                return Err(self.wrong("a range that runs backwards"));
            }
            // Writing to a String cannot fail.
            let _ = write!(self.expression, "\\x{{{:x}}}-\\x{{{:x}}}", u32::from(start), u32::from(end));
        }
        self.expression.push_str("]&&[^/]]");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(path: &str) -> &[u8] {
        path.rsplit('/').next().unwrap().as_bytes()
    }

    fn glob(pattern: &str, path: &str) -> bool {
        let glob = Glob::new(pattern.as_bytes()).unwrap();
        let matches = glob.matches(path.as_bytes());
        assert!(!matches || glob.may_match(name(path)), "{pattern} {path}");
        matches
    }

    fn filter(pattern: &str, path: &str) -> bool {
        let filters = Filters::new([pattern.as_bytes()]).unwrap();
        let matches = filters.matches(path.as_bytes(), NodeKind::File);
        assert!(!matches || filters.may_match(name(path)), "{pattern} {path}");
        matches
    }

    #[test]
    fn globs() {
        for (pattern, path) in [
            ("*", "a\nb"),
            ("a?c", "aéc"),
            ("[é-ë]", "ê"),
            ("[]a]", "]"),
            ("[!]a]", "b"),
            ("[a-]", "-"),
            ("**", "a/b/c"),
            ("**/c", "c"),
            ("a/**/c", "a/c"),
            ("a/**/c", "a/x/y/c"),
            ("a/**", "a"),
            ("a/**", "a/b/c"),
            ("./a", "a"),
            ("{a,b}", "{a,b}"),
            ("a\\b", "a\\b"),
            ("a.b+", "a.b+"),
        ] {
            assert!(glob(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in [
            ("*", "a/b"),
            ("a?b", "a/b"),
            ("a[!x]b", "a/b"),
            ("a[/]b", "a/b"),
            ("a**", "a/b"),
            ("**/c", "bc"),
            ("a/**", "ab"),
            ("A", "a"),
        ] {
            assert!(!glob(pattern, path), "{pattern} {path}");
        }
        let byte = Glob::new(b"a?\xff").unwrap();
        assert!(byte.matches(b"a\xfe\xff") && !byte.matches(b"a\xff"));
    }

    #[test]
    fn filters() {
        for (pattern, path) in [
            ("*.{sam,?am}", "d/x.bam"),
            ("a**z", "a/b/z"),
            ("/d/*", "d/x"),
            ("d/x", "e/d/x"),
            ("\\*", "*"),
            ("a,b", "a,b"),
        ] {
            assert!(filter(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in [("/x", "d/x"), ("d/", "d"), ("x", "ax"), ("\\*", "a"), ("{a,b}c", "a")] {
            assert!(!filter(pattern, path), "{pattern} {path}");
        }
    }

    #[test]
    fn a_name_tells_that_its_path_cannot_match() {
        assert!(!Glob::new(b"**/*.bam").unwrap().may_match(b"x.txt"));
        assert!(Glob::new(b"a/**").unwrap().may_match(b"x.txt"));
        assert!(!Filters::new([&b"*.bam"[..], b"/d/e"]).unwrap().may_match(b"x"));
        assert!(Filters::new([&b"*.bam"[..], b"{d,e}"]).unwrap().may_match(b"x"));
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for pattern in ["[", "[a", "[!]", "[z-a]"] {
            assert!(Glob::new(pattern.as_bytes()).is_err(), "{pattern}");
        }
        for pattern in ["{a", "a}", "a\\"] {
            assert!(Filters::new([pattern.as_bytes()]).is_err(), "{pattern}");
        }
    }
}
