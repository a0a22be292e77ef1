//! What `keepset.plan` asks: the steps of an edit, and what packing would move.

#![expect(clippy::needless_pass_by_value, reason = "PyO3 gives what it has converted by value")]

use crate::diff::type_name;
use crate::enter::enter;
use crate::error::manifest_error;
use crate::manifest::PyManifest;
use crate::text::to_str;
use crate::tree::PyTree;
use keepset_core::plan::{Plan, Step, plan};
use keepset_core::repack::{Extent, packing, segments_within};
use keepset_core::tree::relocate::Relocation;
use keepset_core::{Error, Manifest, Tree};
use pyo3::prelude::*;
use pyo3::types::PyString;
use std::sync::Arc;

/// What happens, the target, "file" or "directory", bytes, files, and the number and path of the source.
type StepTuple<'py> = (&'static str, Bound<'py, PyAny>, &'static str, u64, u64, Option<(usize, Bound<'py, PyAny>)>);

/// A locator, where in the block bytes start, and their number.
type ExtentTuple<'py> = (Bound<'py, PyAny>, u32, u32);

/// As [`Relocation`] has it.
type RelocationTuple<'py> = (Bound<'py, PyString>, u32, u32, Bound<'py, PyString>, u32);

fn failed(py: Python<'_>, error: &Error) -> PyErr {
    manifest_error(py, error, b"")
}

fn size_of(tree: &Tree) -> usize {
    tree.text().len() + tree.node_count() * 64
}

/// What makes one manifest of another on a server: a step for each target, in order of targets, and the manifest of what
/// is sent. The path of a root is empty. Source 0 is the base, the others follow.
///
/// Raises:
///     keepset.errors.ManifestError: The text would be too large.
#[pyfunction]
pub(crate) fn plan_edit<'py>(
    py: Python<'py>,
    base: &Bound<'_, PyManifest>,
    edited: &Bound<'_, PyManifest>,
    others: Vec<Bound<'_, PyManifest>>,
) -> PyResult<(Vec<StepTuple<'py>>, PyManifest)> {
    let mut trees = vec![Arc::clone(base.get().tree())];
    trees.extend(others.iter().map(|other| Arc::clone(other.get().tree())));
    let edited = edited.get().tree();
    let size = trees.iter().chain([edited]).map(|tree| size_of(tree)).sum();
    let planned = enter(py, size, || {
        let others: Vec<&Tree> = trees[1..].iter().map(Arc::as_ref).collect();
        plan(&trees[0], edited, &others)
    })?;
    let Plan { steps, text } = planned.map_err(|error| failed(py, &error))?;
    let steps = steps.iter().map(|step| step_tuple(py, step, &trees, edited)).collect::<PyResult<_>>()?;
    Ok((steps, Manifest::normal(Arc::new(text)).into()))
}

fn step_tuple<'py>(py: Python<'py>, step: &Step, trees: &[Arc<Tree>], edited: &Tree) -> PyResult<StepTuple<'py>> {
    let path = |tree: &Tree, node| if node == Tree::ROOT { to_str(py, b"") } else { to_str(py, &tree.path(node)) };
    let (kind, tree, node, source) = match *step {
        Step::Remove(node) => ("removed", &*trees[0], node, None),
        Step::Send(node) => ("sent", edited, node, None),
        Step::Copy { node, tree, from, moves } => {
            let source = (tree, path(&trees[tree], from)?);
            (if moves { "moved" } else { "copied" }, edited, node, Some(source))
        }
    };
    let (size, files) = tree.size_below(node);
    Ok((kind, path(tree, node)?, type_name(tree.kind(node)), size, files, source))
}

/// What packing would move: the parts of blocks that go to each new block, one after the other, and the number of blocks
/// that files use now.
#[pyfunction]
pub(crate) fn plan_repack<'py>(
    py: Python<'py>,
    manifest: &Bound<'_, PyManifest>,
    small: u64,
    limit: u64,
) -> PyResult<(Vec<Vec<ExtentTuple<'py>>>, usize)> {
    let tree = manifest.get().tree();
    let planned = enter(py, size_of(tree), || packing(tree, small, limit))?;
    let blocks = planned
        .blocks
        .iter()
        .map(|block| block.iter().map(|extent| extent_tuple(py, tree, extent)).collect())
        .collect::<PyResult<_>>()?;
    Ok((blocks, planned.used))
}

fn extent_tuple<'py>(py: Python<'py>, tree: &Tree, extent: &Extent) -> PyResult<ExtentTuple<'py>> {
    let mut locator = Vec::new();
    tree.write_locator(&tree.blocks()[extent.block], &mut locator);
    Ok((to_str(py, &locator)?, extent.offset, extent.length))
}

/// The parts of blocks, each once, that the files of a manifest are made of and that packing would move.
#[pyfunction]
pub(crate) fn packed_segments<'py>(
    py: Python<'py>,
    manifest: &Bound<'_, PyManifest>,
    small: u64,
    limit: u64,
) -> PyResult<Vec<ExtentTuple<'py>>> {
    let tree = manifest.get().tree();
    let segments = enter(py, size_of(tree), || segments_within(tree, &packing(tree, small, limit).blocks.concat()))?;
    segments.iter().map(|segment| extent_tuple(py, tree, segment)).collect()
}

/// Takes bytes from other blocks, in all files of a tree that use them: from the first locator, and where they start in
/// its block, so many of them, to the second locator, and where they start in that.
///
/// Raises:
///     keepset.errors.ManifestError: A locator is none, or a block does not have the bytes.
#[pyfunction]
pub(crate) fn relocate(py: Python<'_>, tree: &Bound<'_, PyTree>, moves: Vec<RelocationTuple<'_>>) -> PyResult<()> {
    let moves = moves
        .iter()
        .map(|(locator, offset, length, new_locator, new_offset)| {
            Ok(Relocation {
                locator: locator.to_str()?.as_bytes(),
                offset: *offset,
                length: *length,
                new_locator: new_locator.to_str()?.as_bytes(),
                new_offset: *new_offset,
            })
        })
        .collect::<PyResult<Vec<_>>>()?;
    tree.get().edit(py, |tree| {
        let size = size_of(tree);
        enter(py, size, || tree.relocate(&moves))?.map_err(|error| failed(py, &error))
    })
}
