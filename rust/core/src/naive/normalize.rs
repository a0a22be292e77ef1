//! The slow twin of [`crate::normalize`], and of the choice between hints in [`crate::blocks`].

use super::escape::{escape, order};
use super::manifest::{Block, Manifest, Span, require};

/// Twin of the writer in [`crate::normalize`].
pub fn normalize(manifest: &Manifest, strip: bool) -> Vec<u8> {
    let tree = &manifest.tree;
    let mut text = Vec::new();
    let mut directories: Vec<&[u8]> = tree.directories.iter().map(Vec::as_slice).chain([&b""[..]]).collect();
    // A directory sorts before those below it, and these before its next sibling.
    directories.sort_by_cached_key(|path| components(path).into_iter().map(order).collect::<Vec<_>>());
    for directory in directories {
        let mut files = tree.files_in(directory);
        files.sort_by_cached_key(|name| order(name));
        let escaped: Vec<Vec<u8>> = [&b"."[..]].into_iter().chain(components(directory)).map(escape).collect();
        let name = escaped.join(&b'/');
        if !files.is_empty() {
            let below = if directory.is_empty() { Vec::new() } else { [directory, b"/"].concat() };
            let files: Vec<(&[u8], &[Span])> =
                files.into_iter().map(|name| (name, &*tree.files[&[&below, name].concat()])).collect();
            text.extend(line(name, &files, |block| if strip { b"" } else { best_hints(manifest, block) }));
        } else if !directory.is_empty() && tree.is_empty(directory) {
            text.extend([&name, &b" d41d8cd98f00b204e9800998ecf8427e+0 0:0:\\056\n"[..]].concat());
        }
    }
    text
}

fn components(path: &[u8]) -> Vec<&[u8]> {
    path.split(|byte| *byte == b'/').filter(|component| !component.is_empty()).collect()
}

fn line<'h>(name: Vec<u8>, files: &[(&[u8], &[Span])], hints: impl Fn(&Block) -> &'h [u8]) -> Vec<u8> {
    let mut listed: Vec<&Block> = Vec::new();
    for span in files.iter().flat_map(|(_, spans)| *spans) {
        if !listed.contains(&&span.block) {
            listed.push(&span.block);
        }
    }
    let start_of = |block: &Block| -> u64 { listed.iter().take_while(|it| **it != block).map(|it| it.1).sum() };
    let mut tokens = vec![name];
    for block in &listed {
        tokens.push([&block.0, format!("+{}", block.1).as_bytes(), hints(block)].concat());
    }
    if listed.is_empty() {
        tokens.push(b"d41d8cd98f00b204e9800998ecf8427e+0".to_vec());
    }
    for (name, spans) in files {
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        for span in *spans {
            let start = start_of(&span.block) + span.offset;
            match ranges.last_mut() {
                Some((_, end)) if *end == start => *end += span.length,
                _ => ranges.push((start, start + span.length)),
            }
        }
        if ranges.is_empty() {
            ranges.push((0, 0));
        }
        for (start, end) in ranges {
            tokens.push([format!("{start}:{}:", end - start).as_bytes(), &escape(name)].concat());
        }
    }
    let mut line = tokens.join(&b' ');
    line.push(b'\n');
    line
}

/// The hints that a block is written with: the first of those that are as good as any.
pub fn best_hints<'m>(manifest: &'m Manifest, block: &Block) -> &'m [u8] {
    let all = manifest.blocks.iter().find(|(known, _)| known == block).map_or(&[][..], |(_, hints)| hints);
    let best = all.iter().map(|hints| merit(hints)).max();
    all.iter().find(|hints| Some(merit(hints)) == best).map_or(b"", Vec::as_slice)
}

/// A local signature before a remote one before none, and of two of a kind the one that expires last.
fn merit(hints: &[u8]) -> (u8, u32) {
    let signatures = hints.split(|byte| *byte == b'+').filter_map(|hint| {
        let (kind, rest) = match hint.first()? {
            b'A' => (2, &hint[1..]),
            b'R' => {
                require(hint.get(1..6)?.iter().all(u8::is_ascii_alphanumeric) && hint.get(6) == Some(&b'-'))?;
                (1, &hint[7..])
            }
            _ => return None,
        };
        let time = rest.get(40..)?.strip_prefix(b"@")?;
        require(rest[..40].iter().chain(time).all(u8::is_ascii_hexdigit))?;
        require(time.len() == 8 || (kind == 2 && (1..8).contains(&time.len())))?;
        Some((kind, u32::from_str_radix(std::str::from_utf8(time).ok()?, 16).ok()?))
    });
    signatures.max().unwrap_or((0, 0))
}
