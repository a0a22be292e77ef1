//! What `keepset.plan` asks: the steps of an edit.

#![expect(clippy::needless_pass_by_value, reason = "PyO3 gives what it has converted by value")]

use crate::diff::type_name;
use crate::enter::enter;
use crate::error::manifest_error;
use crate::manifest::PyManifest;
use crate::text::to_str;
use keepset_core::plan::{Plan, Step, plan};
use keepset_core::{Error, Manifest, Tree};
use pyo3::prelude::*;
use std::sync::Arc;

/// What happens, the target, "file" or "directory", bytes, files, and the number and path of the source.
type StepTuple<'py> = (&'static str, Bound<'py, PyAny>, &'static str, u64, u64, Option<(usize, Bound<'py, PyAny>)>);

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
