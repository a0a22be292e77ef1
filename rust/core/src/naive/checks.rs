//! What must hold for every text and for every pair of texts: engine and twins agree, and writing undoes reading.

use super::diff::{Changes, count_moves};
use super::manifest::{Manifest as TwinManifest, Span, Tree as TwinTree, split};
use super::normalize::best_hints;
use super::{
    diff as twin_diff, escape as twin_escape, manifest as twin, normalize, strip as twin_strip, union as twins,
};
use crate::ids::NodeId;
use crate::tree::diff::{ChangeKind, diff, hash_tree, is_same_tree};
use crate::tree::walk::PathCursor;
use crate::union::{OnConflict, union};
use crate::{Error, Manifest, Mode, NodeKind, Parser, PathError, Tree};
use bytes::Bytes;
use foldhash::fast::RandomState;
use md5::{Digest, Md5};
use std::sync::Arc;

pub(super) fn parse(text: &[u8], mode: Mode) -> Result<Tree, Error> {
    Tree::parse(Bytes::copy_from_slice(text), mode)
}

/// Whether a text has a meaning, and which, is the same for engine and twin; salvage and validation tell the same story.
///
/// # Panics
/// When something does not hold.
pub fn check_reading(text: &[u8]) {
    let twin = twin::parse(text, Mode::Compat);
    let (compat, strict) = (parse(text, Mode::Compat), parse(text, Mode::Strict));
    assert_eq!(compat.is_ok(), twin.is_some(), "compat: {compat:?}");
    assert_eq!(strict.is_ok(), twin::parse(text, Mode::Strict).is_some(), "strict: {strict:?}");

    let problems = Parser::default().validate(text, usize::MAX);
    assert_eq!(problems.first(), strict.as_ref().err());
    assert!(problems.is_sorted_by_key(|problem| problem.span.start), "{problems:?}");
    assert_eq!(Parser::default().validate(text, 2), problems[..problems.len().min(2)]);
    let (salvaged, losses) = Parser::default().salvage(Bytes::copy_from_slice(text));
    assert_eq!(losses.is_empty(), compat.is_ok(), "{losses:?}");
    for error in problems.iter().chain(&losses).chain(compat.as_ref().err()).chain(strict.as_ref().err()) {
        check_error(error, text);
    }

    for tree in [&strict, &compat].into_iter().flatten().chain([&salvaged]) {
        check_columns(tree);
        let stripped = Manifest::original(Arc::new(tree.clone())).stripped();
        assert_eq!(text_of(&stripped), twin_strip::strip(text));
        let again = parse(&text_of(&stripped.normalized()), Mode::Strict);
        assert!(again.is_ok_and(|again| is_same_tree(tree, &again)), "the normal form is another tree");
    }
    if let Some(twin) = twin {
        for tree in [&strict, &compat].into_iter().flatten().chain([&salvaged]) {
            check_meaning(tree, &twin);
        }
    }
}

fn check_error(error: &Error, text: &[u8]) {
    let span = error.span;
    assert!(span.start <= span.end && span.end <= text.len(), "{error:?}");
    assert_eq!(error.token(text), &text[span.start..span.end]);
    let before = &text[..span.start];
    let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    let position = error.position(text);
    assert_eq!(position.line, before.split(|byte| *byte == b'\n').count());
    assert_eq!(position.column, twin_escape::code_points(&before[line_start..]).len() + 1);
    assert!(!error.to_string().is_empty());
}

/// The engine's tree as the twin would have it.
pub(super) fn view(tree: &Tree) -> TwinTree {
    let mut view = TwinTree::default();
    for node in tree.descend(Tree::ROOT) {
        let path = tree.path(node);
        let is_added = match tree.kind(node) {
            NodeKind::Directory => view.add_directory(&path),
            NodeKind::File => view.append(&path, &spans(tree, node)),
        };
        assert_eq!(is_added, Some(()), "a file in the place of a directory, or a directory in that of a file");
    }
    view
}

fn spans(tree: &Tree, file: NodeId) -> Vec<Span> {
    let segments = tree.segments(file, 0..tree.file_size(file));
    let span = |segment: crate::pieces::Segment| {
        let block = &tree.blocks()[tree.entry_block(segment.entry)];
        assert!(segment.offset + segment.length <= block.size, "a segment beyond its block");
        Span { block: key(block), offset: u64::from(segment.offset), length: u64::from(segment.length) }
    };
    segments.map(span).collect()
}

pub(super) fn key(block: &crate::blocks::Block) -> twin::Block {
    (hex(&block.digest).into_bytes(), u64::from(block.size))
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

/// What the columns of a tree say of each other.
pub(super) fn check_columns(tree: &Tree) {
    let view = view(tree);
    assert_eq!(tree.count_nodes(), (view.files.len() as u64, view.directories.len() as u64));
    let sizes = tree.directory_sizes();
    let mut cursor = PathCursor::new(Tree::ROOT, b"");
    for node in tree.descend(Tree::ROOT) {
        let path = tree.path(node);
        assert_eq!(cursor.step(tree, node), path);
        assert_eq!(tree.resolve(&path), Ok(node));
        let below = [&path, &b"/\x01"[..]].concat();
        assert_eq!(tree.name(node), split(&path).1);
        let size = view.size(&path);
        assert_eq!(tree.size_below(node).0, size);
        match tree.kind(node) {
            NodeKind::File => {
                assert_eq!(tree.file_size(node), size);
                assert_eq!(tree.resolve(&below), Err(PathError::NotADirectory));
            }
            NodeKind::Directory => {
                assert_eq!(sizes[crate::ids::Id::index(node)], size);
                let is_there = view.files.contains_key(&below) || view.directories.contains(&below);
                assert_eq!(tree.resolve(&below).is_ok(), is_there);
            }
        }
    }
}

fn check_meaning(tree: &Tree, twin: &TwinManifest) {
    assert_eq!(view(tree), twin.tree);
    let blocks: Vec<_> = tree.blocks().iter().map(|block| (key(block), tree.hints(block))).collect();
    let expected: Vec<_> = twin.blocks.iter().map(|(block, _)| (block.clone(), best_hints(twin, block))).collect();
    assert_eq!(blocks, expected);
}

/// Every form in which an accepted text is written is that of the twin, and reading it again changes nothing. A text
/// that is refused is passed over.
///
/// # Panics
/// When something does not hold.
pub fn check_writing(text: &[u8]) {
    let (Ok(tree), Some(twin)) = (parse(text, Mode::Compat), twin::parse(text, Mode::Compat)) else { return };
    let original = Manifest::original(Arc::new(tree));
    let normal = original.normalized();
    let (expected, expected_stripped) = (normalize::normalize(&twin, false), normalize::normalize(&twin, true));
    check_form(&original, text, &expected);
    check_form(&normal, &expected, &expected);
    check_form(&original.stripped(), &twin_strip::strip(text), &expected_stripped);
    check_form(&normal.stripped(), &expected_stripped, &expected_stripped);

    let normal_text = text_of(&normal);
    let again = parse(&normal_text, Mode::Compat);
    assert!(again.as_ref().is_ok_and(|again| is_same_tree(original.tree(), again)));
    let again = again.unwrap_or_default();
    let hasher = RandomState::default();
    assert_eq!(hash_tree(original.tree(), &hasher), hash_tree(&again, &hasher));
    assert_eq!(text_of(&Manifest::normal(Arc::new(again))), normal_text, "normalizing twice");
    if twin::parse(text, Mode::Strict).is_some() {
        assert!(parse(&normal_text, Mode::Strict).is_ok(), "the normal form of a strict text is not strict");
    }
}

/// Its text is the expected one, and is the normal form only if it is that.
fn check_form(manifest: &Manifest, expected: &[u8], normal: &[u8]) {
    let text = text_of(manifest);
    assert_eq!(text, expected, "{:?} {}", manifest.form(), manifest.is_stripped());
    assert_eq!(manifest.is_normalized(), text == normal);
    let stripped = twin_strip::strip(&text);
    let hash = format!("{}+{}", hex(&Md5::digest(&stripped)), stripped.len());
    assert_eq!(manifest.portable_data_hash(), Ok(hash));

    let lines = text.split(|byte| *byte == b'\n').filter(|line| line.iter().any(|byte| *byte != b' '));
    assert_eq!(manifest.stream_count(), lines.count());
    let twin = twin::parse(&text, Mode::Compat).unwrap_or_default();
    let listed: Vec<_> = manifest.blocks().into_iter().map(|block| manifest.locator(block)).collect();
    let locator = |(block, _): &(twin::Block, _)| {
        let hints = best_hints(&twin, block);
        [&block.0, format!("+{}", block.1).as_bytes(), hints].concat()
    };
    assert_eq!(listed, twin.blocks.iter().map(locator).collect::<Vec<_>>());
    assert_eq!(manifest.stored_size(), twin.blocks.iter().map(|((_, size), _)| size).sum::<u64>());
}

fn text_of(manifest: &Manifest) -> Bytes {
    let text = manifest.text();
    assert!(text.is_ok(), "{text:?}");
    text.unwrap_or_default()
}

/// Comparing and joining two accepted texts gives what comparing and joining two maps does. Texts that are refused are
/// passed over.
///
/// # Panics
/// When something does not hold.
pub fn check_pair(old: &[u8], new: &[u8]) {
    let (Some(old_twin), Some(new_twin)) = (twin::parse(old, Mode::Compat), twin::parse(new, Mode::Compat)) else {
        return;
    };
    let (old, new) = (parse(old, Mode::Compat), parse(new, Mode::Compat));
    assert!(old.is_ok() && new.is_ok(), "{old:?} {new:?}");
    let (old, new) = (old.unwrap_or_default(), new.unwrap_or_default());
    check_diff(&old, &new, &old_twin.tree, &new_twin.tree);
    for on_conflict in [OnConflict::Error, OnConflict::Concatenate] {
        for (trees, manifests) in [
            (vec![&old, &new], vec![&old_twin, &new_twin]),
            (vec![&new, &old, &new], vec![&new_twin, &old_twin, &new_twin]),
        ] {
            let (union, twin) = (union(&trees, on_conflict), twins::union(&manifests, on_conflict));
            assert_eq!(union.is_ok(), twin.is_some(), "{union:?}");
            let (Ok(union), Some(twin)) = (union, twin) else { continue };
            check_columns(&union);
            assert_eq!(view(&union), twin.tree);
            let union = Manifest::normal(Arc::new(union));
            let normal = normalize::normalize(&twin, false);
            check_form(&union, &normal, &normal);
        }
    }
}

fn check_diff(old: &Tree, new: &Tree, old_twin: &TwinTree, new_twin: &TwinTree) {
    let is_same = old_twin == new_twin;
    assert_eq!(is_same_tree(old, new), is_same);
    let hasher = RandomState::default();
    assert_eq!(hash_tree(old, &hasher) == hash_tree(new, &hasher), is_same);

    let expected = twin_diff::diff(old_twin, new_twin);
    let mut moves = 0;
    let mut keys = Vec::new();
    let mut found = Changes::default();
    for change in diff(old, new) {
        let path = |tree: &Tree, node: NodeId| {
            assert_eq!(tree.kind(node), change.node_kind);
            tree.path(node)
        };
        let (old_path, new_path) = (change.old.map(|node| path(old, node)), change.new.map(|node| path(new, node)));
        keys.push(new_path.as_ref().or(old_path.as_ref()).map(|path| leaf_order(path, change.node_kind)));
        let is_new = match change.kind {
            ChangeKind::Added => old_path.is_none() && new_path.is_some_and(|path| found.added.insert(path)),
            ChangeKind::Removed => new_path.is_none() && old_path.is_some_and(|path| found.removed.insert(path)),
            ChangeKind::Modified => old_path == new_path && new_path.is_some_and(|path| found.modified.insert(path)),
            ChangeKind::Moved => {
                moves += 1;
                let contents = |tree: &TwinTree, path: &Option<Vec<u8>>| tree.files.get(path.as_ref()?).cloned();
                assert_eq!(contents(old_twin, &old_path), contents(new_twin, &new_path));
                old_path.is_some_and(|path| found.removed.insert(path))
                    && new_path.is_some_and(|path| found.added.insert(path))
            }
        };
        assert!(is_new, "{change:?}");
    }
    assert!(keys.is_sorted(), "the changes are not in the order of the normal form");
    assert_eq!(found, expected);
    assert_eq!(moves, count_moves(old_twin, new_twin, &expected));
}

/// Files of a directory come before what is in its subdirectories.
fn leaf_order(path: &[u8], kind: NodeKind) -> Vec<(bool, Vec<u32>)> {
    let (directories, name) = split(path);
    let names = directories.split(|byte| *byte == b'/').filter(|it| !it.is_empty());
    let leaf = (kind == NodeKind::Directory, twin_escape::order(name));
    names.map(|name| (true, twin_escape::order(name))).chain([leaf]).collect()
}
