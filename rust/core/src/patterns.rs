//! Patterns over paths: `glob`, and the filters that choose a part of a tree.
//!
//! `*`, `?` and `[…]` do not cross a slash, `**` does. A *glob* is matched against whole paths from the root. A *filter*
//! is read as rclone reads one: with a leading slash it starts at the root, otherwise at any directory; one that matches
//! a directory takes all below it; a trailing slash matches directories only.

use crate::tree::NodeKind;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use std::ffi::OsStr;

/// A pattern that cannot be read.
pub type PatternError = globset::Error;

fn add(builder: &mut GlobSetBuilder, pattern: &str) -> Result<(), PatternError> {
    builder.add(GlobBuilder::new(pattern).literal_separator(true).backslash_escape(true).build()?);
    Ok(())
}

/// A pattern for whole paths.
#[derive(Clone, Debug)]
pub struct Glob(GlobSet);

impl Glob {
    /// Reads a pattern.
    ///
    /// # Errors
    /// If it is not one.
    ///
    /// ```
    /// let glob = keepset_core::patterns::Glob::new("**/*.bam").unwrap();
    /// assert!(glob.matches(b"a/b.bam") && glob.matches(b"b.bam") && !glob.matches(b"b.bam/c"));
    /// ```
    pub fn new(pattern: &str) -> Result<Self, PatternError> {
        let mut pattern = pattern;
        while let Some(rest) = pattern.strip_prefix("./").or_else(|| pattern.strip_prefix('/')) {
            pattern = rest;
        }
        let mut builder = GlobSetBuilder::new();
        add(&mut builder, &without_alternatives(pattern))?;
        Ok(Self(builder.build()?))
    }

    /// Whether a path matches.
    pub fn matches(&self, path: &[u8]) -> bool {
        self.0.is_match(&*os_path(path))
    }
}

/// Takes their meaning from braces, which have none in `glob` and `pathlib`.
fn without_alternatives(pattern: &str) -> String {
    let mut written = String::with_capacity(pattern.len());
    let mut in_class = false;
    let mut before = ' ';
    for character in pattern.chars() {
        match character {
            '{' | '}' if !in_class => written.extend(['[', character, ']']),
            _ => written.push(character),
        }
        // A `]` right behind the opening of a class, or its negation, is a member of it.
        in_class = if in_class { character != ']' || matches!(before, '[' | '!') } else { character == '[' };
        before = character;
    }
    written
}

/// A set of filters.
#[derive(Clone, Debug)]
pub struct Filters {
    any: GlobSet,
    directories: GlobSet,
}

impl Filters {
    /// Reads patterns.
    ///
    /// # Errors
    /// If one is no pattern.
    pub fn new<'p>(patterns: impl IntoIterator<Item = &'p str>) -> Result<Self, PatternError> {
        let (mut any, mut directories) = (GlobSetBuilder::new(), GlobSetBuilder::new());
        for pattern in patterns {
            let (builder, pattern) = match pattern.strip_suffix('/') {
                Some(pattern) => (&mut directories, pattern),
                None => (&mut any, pattern),
            };
            let pattern = pattern.strip_prefix("./").map_or(pattern, |rest| rest);
            match pattern.strip_prefix('/') {
                Some(anchored) => add(builder, anchored)?,
                None => {
                    add(builder, pattern)?;
                    add(builder, &format!("**/{pattern}"))?;
                }
            }
        }
        Ok(Self { any: any.build()?, directories: directories.build()? })
    }

    /// Whether a path matches by itself; what is below a directory that matches is for the caller to take.
    pub fn matches(&self, path: &[u8], kind: NodeKind) -> bool {
        let path = os_path(path);
        self.any.is_match(&*path) || (kind == NodeKind::Directory && self.directories.is_match(&*path))
    }
}

#[cfg(unix)]
fn os_path(path: &[u8]) -> std::borrow::Cow<'_, OsStr> {
    use std::os::unix::ffi::OsStrExt;
    std::borrow::Cow::Borrowed(OsStr::from_bytes(path))
}

#[cfg(not(unix))]
fn os_path(path: &[u8]) -> std::borrow::Cow<'_, OsStr> {
    std::borrow::Cow::Owned(String::from_utf8_lossy(path).into_owned().into())
}
