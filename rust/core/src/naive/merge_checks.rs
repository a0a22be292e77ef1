//! What must hold for three texts, two of which were made of the third: engine and twin bring them together alike.

use super::checks::{check_columns, parse, view};
use super::manifest::{self as twin, Tree as TwinTree};
use super::merge as twin_merge;
use crate::Mode;
use crate::Tree;
use crate::ids::NodeId;
use crate::tree::changes::{Step, each_step};
use crate::tree::diff::is_same_tree;
use crate::tree::join::OnClash;
use crate::tree::merge::{Change, Done, Item, MergeError, Policy};
use std::collections::{BTreeMap, BTreeSet};

/// Checks what becomes of two texts that began with a third one. Texts that cannot be read are passed over.
///
/// # Panics
/// When something does not hold.
pub fn check_merge(base: &[u8], ours: &[u8], theirs: &[u8]) {
    const STAMP: &str = "20260101-000000";
    let twins = [base, ours, theirs].map(|text| twin::parse(text, Mode::Compat));
    let [Some(base_twin), Some(our_twin), Some(their_twin)] = twins else { return };
    let [base, ours, theirs] = [base, ours, theirs].map(|text| parse(text, Mode::Compat).unwrap_or_default());
    check_steps(&base, &theirs, &base_twin.tree, &their_twin.tree);
    for policy in [Policy::Beside, Policy::Ours, Policy::Theirs, Policy::Refuse] {
        let expected = twin_merge::merge(&our_twin.tree, &base_twin.tree, &their_twin.tree, policy, STAMP);
        let mut merged = ours.clone();
        let result = merged.merge(&base, &theirs, policy, STAMP);
        check_merged(&merged, &ours, result, expected);
    }
    for on_clash in [OnClash::Refuse, OnClash::Ours, OnClash::Theirs, OnClash::Rename, OnClash::Concatenate] {
        let expected = twin_merge::join(&our_twin.tree, &their_twin.tree, on_clash);
        let mut joined = ours.clone();
        let result = joined.join(None, Tree::ROOT, Item::new(&theirs, Tree::ROOT), on_clash);
        check_merged(&joined, &ours, result, expected);
    }
}

fn check_merged(
    tree: &Tree,
    ours: &Tree,
    result: Result<Vec<Done>, MergeError>,
    expected: Result<TwinTree, BTreeSet<Vec<u8>>>,
) {
    match (result, expected) {
        (Ok(done), Ok(expected)) => {
            check_columns(tree);
            assert_eq!(view(tree), expected);
            let is_quiet = done.iter().all(|done| matches!(done, Done::Renewed(_)));
            assert_eq!(is_quiet, is_same_tree(tree, ours), "{done:?}");
            assert_eq!(is_quiet, tree.is_committed(Tree::ROOT));
        }
        (result, expected) => {
            let refused = match result {
                Err(MergeError::Refused(paths)) => Some(paths.into_iter().collect()),
                _ => None,
            };
            assert_eq!(refused, expected.err());
            assert!(refused.is_some());
            assert!(is_same_tree(tree, ours) && tree.is_committed(Tree::ROOT));
        }
    }
}

/// The steps are those of the twin, and applying them makes the old tree the new one.
fn check_steps(old: &Tree, new: &Tree, old_twin: &TwinTree, new_twin: &TwinTree) {
    let mut found = BTreeMap::new();
    let mut changes = Vec::new();
    each_step((old, Tree::ROOT), (new, Tree::ROOT), |step| {
        let (initial, last, is_change) = match step {
            Step::Removed(node) => (Some(node), None, true),
            Step::Added(node) => (None, Some(node), true),
            Step::Modified(node, other) => (Some(node), Some(other), true),
            Step::Same(node, other) => (Some(node), Some(other), false),
        };
        let paths = [initial.map(|node| old.path(node)), last.map(|node| new.path(node))];
        let path = paths.iter().flatten().next().cloned().unwrap_or_default();
        assert!(paths.iter().flatten().all(|it| *it == path));
        if is_change {
            found.insert(path.clone(), (initial.is_some(), last.is_some()));
        } else {
            assert_eq!(old_twin.files.get(&path), new_twin.files.get(&path));
        }
        changes.push((path, initial, last));
    });
    let expected = twin_merge::steps(old_twin, new_twin);
    assert_eq!(changes.iter().map(|it| &it.0).collect::<BTreeSet<_>>().len(), changes.len(), "a path comes twice");
    assert_eq!(found, expected.into_iter().map(|(path, old, new)| (path, (old.is_some(), new.is_some()))).collect());
    let mut applied = old.clone();
    let item = |tree, node: Option<NodeId>| node.map(|node| Item::new(tree, node));
    let changes = changes.iter().map(|(path, initial, last)| Change {
        path,
        initial: item(old, *initial),
        last: item(new, *last),
    });
    let done = applied.apply(None, Tree::ROOT, changes, "");
    assert!(done.is_ok(), "{done:?}");
    assert!(is_same_tree(&applied, new));
}
