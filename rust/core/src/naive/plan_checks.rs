//! What must hold for plans of edits and of packing: they do what they say, and say what their twins do.

use super::checks::{check_columns, key, parse, view};
use super::manifest::{Manifest as TwinManifest, Tree as TwinTree};
use super::plan::{Source, Targets};
use super::{manifest as twin, plan as twins, repack as twin_repack};
use crate::ids::NodeId;
use crate::plan::{Plan, Step, plan};
use crate::repack::{Extent, packing, segments_within};
use crate::tree::relocate::Relocation;
use crate::{Mode, Tree};
use std::collections::{BTreeMap, BTreeSet};

/// A plan makes of the first text the second, as its twin would, and sends only what no other tree has. Texts that are
/// refused are passed over.
///
/// # Panics
/// When something does not hold.
pub fn check_plan(base: &[u8], edited: &[u8], other: &[u8]) {
    let texts = [base, edited, other];
    let twins: Vec<TwinTree> = texts.iter().filter_map(|text| Some(twin::parse(text, Mode::Compat)?.tree)).collect();
    let trees: Vec<Tree> = texts.iter().filter_map(|text| parse(text, Mode::Compat).ok()).collect();
    let ([base_twin, edited_twin, other_twin], [base, edited, other]) = (&twins[..], &trees[..]) else { return };
    let plan = plan(base, edited, &[other]);
    assert!(plan.is_ok(), "{plan:?}");
    let Ok(plan) = plan else { return };
    let sources = [base_twin, other_twin];

    let targets = targets_of(&plan, [base, other], edited);
    let text = view(&plan.text);
    assert_eq!(twins::apply(&sources, &text, &targets).as_ref(), Some(edited_twin), "{targets:?}");
    let is_sent = |path: &Vec<u8>| {
        let is_below = |target: &Vec<u8>| twins::is_at_or_below(path, target);
        targets.iter().any(|(target, source)| *source == Source::Text && is_below(target))
    };
    assert!(text.files.keys().all(is_sent), "more is sent than is asked for");

    let expected = twins::plan(&sources, edited_twin);
    assert_eq!(targets.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    let rank = |target: &[u8], source: &Source| twins::rank(&sources, edited_twin, target, source);
    for (target, source) in &targets {
        match (source, &expected[target]) {
            (Source::Tree(..), best @ Source::Tree(..)) => assert_eq!(rank(target, source), rank(target, best)),
            (source, expected) => assert_eq!(source, expected),
        }
    }
    let moves = plan.steps.iter().filter_map(|step| match *step {
        Step::Copy { from, moves: true, .. } => Some(base.path(from)),
        _ => None,
    });
    let mut moves: Vec<Vec<u8>> = moves.collect();
    moves.sort();
    let gone = targets.iter().filter_map(|(target, source)| match source {
        Source::Tree(_, path) if rank(target, source)?.0 == 0 => Some(path),
        _ => None,
    });
    let gone: BTreeSet<&Vec<u8>> = gone.collect();
    let is_in_another = |path: &&Vec<u8>| gone.iter().any(|top| top != path && twins::is_at_or_below(path, top));
    let expected: Vec<Vec<u8>> = gone.iter().filter(|path| !is_in_another(path)).map(|path| (*path).clone()).collect();
    assert_eq!(moves, expected, "each path that is gone moves once, with all below it");
}

/// The steps as the twin has them. They are in order.
fn targets_of(plan: &Plan, sources: [&Tree; 2], edited: &Tree) -> Targets {
    let path = |tree: &Tree, node: NodeId| if node == Tree::ROOT { Vec::new() } else { tree.path(node) };
    let steps: Vec<(Vec<u8>, Source)> = plan
        .steps
        .iter()
        .map(|step| match *step {
            Step::Remove(node) => (path(sources[0], node), Source::Nothing),
            Step::Send(node) => (path(edited, node), Source::Text),
            Step::Copy { node, tree, from, .. } => (path(edited, node), Source::Tree(tree, path(sources[tree], from))),
        })
        .collect();
    assert!(steps.is_sorted_by(|left, right| left.0 < right.0), "{steps:?}");
    steps.into_iter().collect()
}

/// Blocks are packed as the twin would, the files stay what they are, and nothing is packed twice. A text that is refused
/// is passed over.
///
/// # Panics
/// When something does not hold.
pub fn check_packing(text: &[u8], small: u64, limit: u64) {
    let (Ok(mut tree), Some(twin)) = (parse(text, Mode::Compat), twin::parse(text, Mode::Compat)) else { return };
    let expected = check_packed_bytes(&tree, &twin, small, limit);
    let before = twin_repack::bytes_of(&twin.tree);
    let new_locators: Vec<String> = expected
        .iter()
        .enumerate()
        .map(|(number, bytes)| format!("{:032x}+{}", u128::MAX - number as u128, bytes.len()))
        .collect();
    let mut places = BTreeMap::new();
    for (locator, bytes) in new_locators.iter().zip(&expected) {
        let block: twin::Block = (locator.as_bytes()[..32].to_vec(), bytes.len() as u64);
        places.extend(bytes.iter().zip(0..).map(|(byte, at)| (byte.clone(), (block.clone(), at))));
    }
    relocate(&mut tree, small, limit, &new_locators);
    check_columns(&tree);
    let moved = |byte: twin_repack::Byte| places.get(&byte).cloned().unwrap_or(byte);
    let after = before.into_iter().map(|(path, bytes)| (path, bytes.into_iter().map(moved).collect::<Vec<_>>()));
    assert_eq!(twin_repack::bytes_of(&view(&tree)), after.collect());
    assert_eq!(packing(&tree, small, limit).blocks, Vec::<Vec<Extent>>::new());
}

fn check_packed_bytes(tree: &Tree, twin: &TwinManifest, small: u64, limit: u64) -> Vec<Vec<twin_repack::Byte>> {
    let packed = packing(tree, small, limit);
    let (expected, used) = twin_repack::packing(twin, small, limit);
    assert_eq!(packed.used, used);
    let bytes = |extent: &Extent| {
        let block = key(&tree.blocks()[extent.block]);
        (extent.offset..extent.offset + extent.length).map(move |at| (block.clone(), u64::from(at)))
    };
    let found: Vec<Vec<_>> = packed.blocks.iter().map(|block| block.iter().flat_map(bytes).collect()).collect();
    assert_eq!(found, expected);
    let segments = segments_within(tree, &packed.blocks.concat());
    let covered: BTreeSet<_> = segments.iter().flat_map(bytes).collect();
    assert_eq!(covered, expected.iter().flatten().cloned().collect());
    expected
}

fn relocate(tree: &mut Tree, small: u64, limit: u64, new_locators: &[String]) {
    let mut moves = Vec::new();
    for (block, new_locator) in packing(tree, small, limit).blocks.into_iter().zip(new_locators) {
        let mut new_offset = 0;
        for Extent { block, offset, length } in block {
            let mut locator = Vec::new();
            tree.write_locator(&tree.blocks()[block], &mut locator);
            moves.push((locator, offset, length, new_locator.as_bytes(), new_offset));
            new_offset += length;
        }
    }
    let relocation = |(locator, offset, length, new_locator, new_offset)| Relocation {
        locator,
        offset,
        length,
        new_locator,
        new_offset,
    };
    let relocations: Vec<Relocation<'_>> = moves
        .iter()
        .map(|(locator, offset, length, new, at)| relocation((&locator[..], *offset, *length, *new, *at)))
        .collect();
    assert_eq!(tree.relocate(&relocations), Ok(()));
}
