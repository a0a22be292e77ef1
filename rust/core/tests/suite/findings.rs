//! What fuzzing and drawing have found, as plain tests.

use keepset_core::blocks::{Block, BlockInterner};
use keepset_core::text::TextRange;
use keepset_core::tree::diff::diff;
use keepset_core::tree::merge::Policy;
use keepset_core::{Manifest, Mode, Tree};
use std::sync::Arc;

/// Blocks that came while there were few went unhashed into a table that had been made large beforehand, and were not
/// found again: the normal form of a text of 256 KiB or more could list a block twice.
#[test]
fn a_block_is_found_again_in_a_table_with_room_to_spare() {
    let block = |number: u8| Block { digest: [number; 16], size: 1, hints: TextRange::EMPTY };
    let mut interner = BlockInterner::default();
    interner.reserve(100);
    let mut found = Vec::new();
    for number in (0..40).chain(0..40) {
        interner.intern(&[block(number)], |_| &[], |_, id| found.push(id.raw()));
    }
    assert_eq!(found, (0..40).chain(0..40).collect::<Vec<u32>>());
}

/// The hints were compared although they are not written: one block with two signatures has one to be normal.
#[test]
fn a_stripped_text_is_normal_whatever_its_hints_were() {
    let text = "\
        ./a acbd18db4cc2f85cedef654fccc4a4d8+3+A0123456789012345678901234567890123456789@00000001 0:3:x\n\
        ./b acbd18db4cc2f85cedef654fccc4a4d8+3+A0123456789012345678901234567890123456789@00000002 0:3:x\n";
    let manifest = Manifest::original(Arc::new(Tree::parse(text.into(), Mode::Strict).unwrap()));
    assert!(!manifest.is_normalized());
    assert_eq!(manifest.stripped().text(), manifest.normalized().stripped().text());
    assert!(manifest.stripped().is_normalized());
}

/// A directory that the walk through both trees had passed over came behind those that it met.
#[test]
fn differences_in_directories_come_by_name_however_the_directories_are_found() {
    let tree = |text: &'static str| Tree::parse(text.into(), Mode::Strict).unwrap();
    let old =
        tree(". acbd18db4cc2f85cedef654fccc4a4d8+3 0:3:f 0:1:d/x\n./h acbd18db4cc2f85cedef654fccc4a4d8+3 0:1:x\n");
    let new =
        tree(". acbd18db4cc2f85cedef654fccc4a4d8+3 0:2:d/x 0:3:f\n./h acbd18db4cc2f85cedef654fccc4a4d8+3 0:2:x\n");
    let paths: Vec<_> = diff(&old, &new).iter().map(|change| new.path(change.new.unwrap())).collect();
    assert_eq!(paths, [b"d/x", b"h/x"]);
}

/// What the other side had changed took the name of a file that it had put beside a conflict of its own within the same
/// second, and which came a step later: two files had one name.
#[test]
fn a_conflict_leaves_a_name_to_the_conflicts_of_the_other_side() {
    let tree = |names: &str| {
        Tree::parse(format!(". acbd18db4cc2f85cedef654fccc4a4d8+3{names}\n").into(), Mode::Strict).unwrap()
    };
    let (base, mut ours) = (tree(" 0:3:f 0:3:d/x"), tree(" 0:1:d 0:1:f"));
    let theirs = tree(" 0:2:f 0:2:f~20260101-000000~conflict~ 0:2:d~20260101-000000~conflict~/y 0:2:d/x");
    ours.merge(&base, &theirs, Policy::Beside, "20260101-000000").unwrap();
    let mut paths: Vec<_> = ours.descend(Tree::ROOT).map(|node| String::from_utf8(ours.path(node)).unwrap()).collect();
    paths.sort();
    assert_eq!(
        paths,
        [
            "d",
            "d~20260101-000000-2~conflict~",
            "d~20260101-000000-2~conflict~/x",
            "d~20260101-000000~conflict~",
            "d~20260101-000000~conflict~/y",
            "f",
            "f~20260101-000000-2~conflict~",
            "f~20260101-000000~conflict~",
        ]
    );
}
