//! What a manifest means, read from its text in the dumbest way: the slow twin of [`crate::parser`].
//!
//! It gives a verdict and no reason. Trees are maps of whole paths, and each file is listed block by block; use it on
//! small texts only.

use super::escape::{has_only_good_escapes, unescape};
use crate::Mode;
use std::collections::{BTreeMap, BTreeSet};

/// Digest, as it is written, and size.
pub type Block = (Vec<u8>, u64);

/// Bytes of one block.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Span {
    /// The block.
    pub block: Block,
    /// Where in the block they start.
    pub offset: u64,
    /// Their number, never 0.
    pub length: u64,
}

/// A file system. Paths have no leading `./`; the root is the empty path and not listed.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Tree {
    /// Path and bytes; spans that touch within a block are joined.
    pub files: BTreeMap<Vec<u8>, Vec<Span>>,
    /// Every directory, empty or not.
    pub directories: BTreeSet<Vec<u8>>,
}

/// A tree and what its text says of blocks.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Manifest {
    /// The tree.
    pub tree: Tree,
    /// The distinct blocks in order of first appearance, each with the hints of every appearance.
    pub blocks: Vec<(Block, Vec<Vec<u8>>)>,
}

pub(super) fn require(condition: bool) -> Option<()> {
    condition.then_some(())
}

/// The directory of a path, and its last component.
pub fn split(path: &[u8]) -> (&[u8], &[u8]) {
    let slash = path.iter().rposition(|byte| *byte == b'/');
    slash.map_or((b"", path), |slash| (&path[..slash], &path[slash + 1..]))
}

impl Tree {
    /// The names of the files in a directory, in no useful order.
    pub fn files_in(&self, directory: &[u8]) -> Vec<&[u8]> {
        self.files.keys().map(|path| split(path)).filter(|(parent, _)| *parent == directory).map(|it| it.1).collect()
    }

    /// Whether nothing lies in a directory.
    pub fn is_empty(&self, directory: &[u8]) -> bool {
        let below = [directory, b"/"].concat();
        !self.files.keys().chain(&self.directories).any(|path| path.starts_with(&below))
    }

    /// Number of bytes in a file, or in all files below a directory.
    pub fn size(&self, path: &[u8]) -> u64 {
        let below = if path.is_empty() { Vec::new() } else { [path, b"/"].concat() };
        let counts = |file: &[u8]| file == path || file.starts_with(&below);
        self.files.iter().filter(|(file, _)| counts(file)).flat_map(|(_, spans)| spans).map(|span| span.length).sum()
    }

    /// Adds a directory and those on the way to it, unless a file is in the way.
    pub fn add_directory(&mut self, path: &[u8]) -> Option<()> {
        let mut at = path;
        while !at.is_empty() {
            require(!self.files.contains_key(at))?;
            self.directories.insert(at.to_vec());
            at = split(at).0;
        }
        Some(())
    }

    /// Adds bytes to a file, which is made if it is new, unless a directory is in its place or a file in its way.
    pub fn append(&mut self, path: &[u8], spans: &[Span]) -> Option<()> {
        self.add_directory(split(path).0)?;
        require(!self.directories.contains(path))?;
        let file = self.files.entry(path.to_vec()).or_default();
        for span in spans {
            match file.last_mut() {
                Some(last) if last.block == span.block && last.offset + last.length == span.offset => {
                    last.length += span.length;
                }
                _ => file.push(span.clone()),
            }
        }
        Some(())
    }
}

/// Twin of [`crate::Tree::parse`].
pub fn parse(text: &[u8], mode: Mode) -> Option<Manifest> {
    require(!text.starts_with(b"\xef\xbb\xbf"))?;
    require(!text.iter().any(|byte| b"\t\r\x0b\x0c\x1c\x1d\x1e\x1f".contains(byte)))?;
    let mut lines: Vec<Vec<&[u8]>> =
        text.split(|byte| *byte == b'\n').map(|line| line.split(|byte| *byte == b' ').collect()).collect();
    if mode == Mode::Strict {
        require(std::str::from_utf8(text).is_ok())?;
        require(lines.pop() == Some(vec![b""]))?;
        require(lines.iter().flatten().all(|token| !token.is_empty()))?;
    } else {
        for line in &mut lines {
            line.retain(|token| !token.is_empty());
        }
        while lines.last().is_some_and(Vec::is_empty) {
            lines.pop();
        }
        while lines.first().is_some_and(Vec::is_empty) {
            lines.remove(0);
        }
        require(lines.iter().all(|line| !line.is_empty()))?;
    }
    let mut manifest = Manifest::default();
    let mut total: u64 = 0;
    for line in lines {
        total = total.checked_add(manifest.add_stream(line[0], &line[1..], mode)?)?;
    }
    Some(manifest)
}

impl Manifest {
    /// Remembers that the text lists a block.
    pub fn add_block(&mut self, block: &Block, hints: &[u8]) {
        match self.blocks.iter_mut().find(|(known, _)| known == block) {
            Some((_, all_hints)) => all_hints.push(hints.to_vec()),
            None => self.blocks.push((block.clone(), vec![hints.to_vec()])),
        }
    }

    /// Reads one line, and answers how many bytes its file tokens have.
    fn add_stream(&mut self, name: &[u8], tokens: &[&[u8]], mode: Mode) -> Option<u64> {
        let components = components(name, mode)?;
        if mode == Mode::Strict {
            require(components[0] == b"." && !components[1..].iter().any(|it| it.is_empty() || it == b"."))?;
        }
        let stream = join(&components);
        self.tree.add_directory(&stream)?;
        let locators: Vec<(Block, &[u8])> = tokens.iter().map_while(|token| read_locator(token)).collect();
        let files = &tokens[locators.len()..];
        if mode == Mode::Strict {
            require(!locators.is_empty() && !files.is_empty())?;
            require(locators.iter().all(|(_, hints)| are_good_hints(hints)))?;
        }
        for (block, hints) in &locators {
            self.add_block(block, hints);
        }
        let blocks: Vec<&Block> = locators.iter().map(|(block, _)| block).collect();
        let mut total: u64 = 0;
        for token in files {
            total = total.checked_add(self.add_file(&stream, &blocks, token, mode)?)?;
        }
        Some(total)
    }

    fn add_file(&mut self, stream: &[u8], blocks: &[&Block], token: &[u8], mode: Mode) -> Option<u64> {
        let mut parts = token.splitn(3, |byte| *byte == b':');
        let (position, length) = (read_number(parts.next()?)?, read_number(parts.next()?)?);
        let written = parts.next()?;
        let components = components(written, mode)?;
        if mode == Mode::Strict || length > 0 {
            let stream_length: u64 = blocks.iter().map(|(_, size)| size).sum();
            require(position.checked_add(length)? <= stream_length)?;
        }
        let is_marker = components.last().is_some_and(|last| last == b".");
        if mode == Mode::Strict {
            let is_good_marker = is_marker && components.len() == 1 && token.starts_with(b"0:0:");
            require(is_good_marker || !components.iter().any(|it| it.is_empty() || it == b"."))?;
        }
        require(components.last().is_some_and(|last| !last.is_empty()))?;
        let inner = join(&components);
        let path = [stream, &inner].into_iter().filter(|it| !it.is_empty()).collect::<Vec<_>>().join(&b'/');
        if is_marker {
            require(length == 0)?;
            self.tree.add_directory(&path)?;
        } else {
            self.tree.append(&path, &cut(blocks, position, length))?;
        }
        Some(length)
    }
}

/// The components of a written path, none of which is `..`.
fn components(written: &[u8], mode: Mode) -> Option<Vec<Vec<u8>>> {
    if mode == Mode::Strict {
        require(has_only_good_escapes(written) && written.iter().all(|byte| *byte > b' '))?;
    }
    let components: Vec<Vec<u8>> = unescape(written).split(|byte| *byte == b'/').map(<[u8]>::to_vec).collect();
    require(!components.contains(&b"..".to_vec()))?;
    Some(components)
}

fn join(components: &[Vec<u8>]) -> Vec<u8> {
    let is_name = |component: &&[u8]| !component.is_empty() && *component != b".";
    components.iter().map(Vec::as_slice).filter(is_name).collect::<Vec<_>>().join(&b'/')
}

fn read_number(digits: &[u8]) -> Option<u64> {
    require(digits.iter().all(u8::is_ascii_digit))?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// The block and the hints of a locator. A block of 2 GiB or more has none.
pub fn read_locator(token: &[u8]) -> Option<(Block, &[u8])> {
    let (digest, rest) = token.split_at_checked(32)?;
    require(digest.iter().all(|digit| b"0123456789abcdef".contains(digit)))?;
    let rest = rest.strip_prefix(b"+")?;
    let (size, hints) = rest.split_at(rest.iter().position(|byte| *byte == b'+').unwrap_or(rest.len()));
    let size = read_number(size).filter(|size| *size < 1 << 31)?;
    Some(((digest.to_vec(), size), hints))
}

fn are_good_hints(hints: &[u8]) -> bool {
    let is_good = |hint: &[u8]| {
        hint.first().is_some_and(u8::is_ascii_uppercase)
            && hint.iter().all(|byte| byte.is_ascii_alphanumeric() || b"@_-".contains(byte))
    };
    hints.split(|byte| *byte == b'+').skip(1).all(is_good)
}

/// The bytes from `position` on in the blocks laid end to end.
fn cut(blocks: &[&Block], position: u64, length: u64) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut block_start = 0;
    for (digest, size) in blocks {
        let start = position.max(block_start);
        let end = (position + length).min(block_start + size);
        if length > 0 && start < end {
            let block = (digest.clone(), *size);
            spans.push(Span { block, offset: start - block_start, length: end - start });
        }
        block_start += size;
    }
    spans
}
