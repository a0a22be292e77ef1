//! The slow twin of [`crate::repack`] and of [`crate::Tree::relocate`], byte by byte.

use super::manifest::{Block, Manifest, Tree, parse};
use super::normalize::normalize;
use crate::Mode;
use std::collections::{BTreeMap, BTreeSet};

/// One byte: its block, and the place in it.
pub type Byte = (Block, u64);

/// The bytes of each file.
pub fn bytes_of(tree: &Tree) -> BTreeMap<Vec<u8>, Vec<Byte>> {
    let bytes = |spans: &Vec<super::manifest::Span>| {
        let places = |span: &super::manifest::Span| span.offset..span.offset + span.length;
        spans.iter().flat_map(|span| places(span).map(|at| (span.block.clone(), at))).collect()
    };
    tree.files.iter().map(|(path, spans)| (path.clone(), bytes(spans))).collect()
}

/// Twin of [`crate::repack::packing`]: the bytes of each new block, and the number of blocks in use.
pub fn packing(manifest: &Manifest, small: u64, limit: u64) -> (Vec<Vec<Byte>>, usize) {
    let used: BTreeSet<Byte> = bytes_of(&manifest.tree).into_values().flatten().collect();
    let normal = parse(&normalize(manifest, true), Mode::Compat).unwrap_or_default();
    let items: Vec<Vec<Byte>> = normal
        .blocks
        .iter()
        .map(|(block, _)| used.iter().filter(|byte| byte.0 == *block).cloned().collect())
        .filter(|item: &Vec<Byte>| !item.is_empty())
        .collect();
    let count = items.len();
    let mut blocks: Vec<Vec<Vec<Byte>>> = vec![Vec::new()];
    for item in items.into_iter().filter(|item| (item.len() as u64) < small) {
        let size: usize = blocks.last().into_iter().flatten().chain([&item]).map(Vec::len).sum();
        if size as u64 > limit {
            blocks.push(Vec::new());
        }
        blocks.last_mut().into_iter().for_each(|block| block.push(item.clone()));
    }
    (blocks.into_iter().filter(|block| block.len() > 1).map(|block| block.concat()).collect(), count)
}
