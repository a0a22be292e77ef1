//! `Change` and `Diff`.

use crate::text::to_str;
use keepset_core::tree::diff::{Change, ChangeKind};
use keepset_core::{NodeKind, Tree};
use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;
use std::sync::Arc;

/// One difference between two manifests.
#[pyclass(name = "Change", module = "keepset._core", frozen, eq)]
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct PyChange {
    kind: ChangeKind,
    node_kind: NodeKind,
    path: Vec<u8>,
    old_path: Option<Vec<u8>>,
    /// Bytes before; None if the path is new.
    #[pyo3(get)]
    old_size: Option<u64>,
    /// Bytes now; None if the path is gone.
    #[pyo3(get)]
    new_size: Option<u64>,
}

impl PyChange {
    fn new(change: Change, old: &Tree, new: &Tree) -> Self {
        Self {
            kind: change.kind,
            node_kind: change.node_kind,
            old_size: change.old.map(|node| old.file_size(node)),
            new_size: change.new.map(|node| new.file_size(node)),
            path: change.path,
            old_path: change.old_path,
        }
    }
}

/// How Python names a kind of node.
pub(crate) fn type_name(kind: NodeKind) -> &'static str {
    match kind {
        NodeKind::File => "file",
        NodeKind::Directory => "directory",
    }
}

#[pymethods]
impl PyChange {
    /// "added", "removed", "modified" or "moved" (a new path with the bytes of one that is gone).
    #[getter]
    fn kind(&self) -> &'static str {
        match self.kind {
            ChangeKind::Added => "added",
            ChangeKind::Removed => "removed",
            ChangeKind::Modified => "modified",
            ChangeKind::Moved => "moved",
        }
    }

    /// "file" or "directory"; of directories only empty ones are told of.
    #[getter]
    fn r#type(&self) -> &'static str {
        type_name(self.node_kind)
    }

    /// The path in the new manifest, or in the old one if it was removed.
    #[getter]
    fn path<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        to_str(py, &self.path)
    }

    /// The path in the old manifest, if it was moved.
    #[getter]
    fn old_path<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.old_path.as_deref().map(|path| to_str(py, path)).transpose()
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let path = self.path(py)?.repr()?;
        let mut text = format!("Change({} {} {path}", self.kind(), self.r#type());
        if let Some(old_path) = self.old_path(py)? {
            text += &format!(" from {}", old_path.repr()?);
        }
        Ok(text + ")")
    }
}

/// The changes from one manifest to another, a sequence of `Change` in order of path.
#[pyclass(name = "Diff", module = "keepset._core", frozen, sequence)]
#[derive(Debug)]
pub(crate) struct PyDiff {
    changes: Vec<PyChange>,
}

impl PyDiff {
    pub(crate) fn new(old: &Arc<Tree>, new: &Arc<Tree>) -> Self {
        let changes = keepset_core::tree::diff::diff(old, new);
        Self { changes: changes.into_iter().map(|change| PyChange::new(change, old, new)).collect() }
    }

    fn of_kind(&self, kind: ChangeKind) -> Vec<PyChange> {
        self.changes.iter().filter(|change| change.kind == kind).cloned().collect()
    }
}

#[pymethods]
impl PyDiff {
    /// The paths that are new.
    #[getter]
    fn added(&self) -> Vec<PyChange> {
        self.of_kind(ChangeKind::Added)
    }

    /// The paths that are gone.
    #[getter]
    fn removed(&self) -> Vec<PyChange> {
        self.of_kind(ChangeKind::Removed)
    }

    /// The files whose bytes differ.
    #[getter]
    fn modified(&self) -> Vec<PyChange> {
        self.of_kind(ChangeKind::Modified)
    }

    /// The files that have the bytes of a file that is gone.
    #[getter]
    fn moved(&self) -> Vec<PyChange> {
        self.of_kind(ChangeKind::Moved)
    }

    fn __len__(&self) -> usize {
        self.changes.len()
    }

    fn __getitem__(&self, index: isize) -> PyResult<PyChange> {
        let place = if index < 0 { index + self.changes.len().cast_signed() } else { index };
        let change = usize::try_from(place).ok().and_then(|place| self.changes.get(place));
        change.cloned().ok_or_else(|| PyIndexError::new_err(format!("there are {} changes", self.changes.len())))
    }

    fn __iter__(slf: Bound<'_, Self>) -> PyResult<Bound<'_, PyAny>> {
        // The sequence protocol serves an iterator.
        let py = slf.py();
        let changes = slf.get().changes.clone();
        changes.into_pyobject(py)?.try_iter().map(Bound::into_any)
    }

    fn __repr__(&self) -> String {
        let count = |kind| self.changes.iter().filter(|change| change.kind == kind).count();
        format!(
            "<Diff: {} added, {} removed, {} modified, {} moved>",
            count(ChangeKind::Added),
            count(ChangeKind::Removed),
            count(ChangeKind::Modified),
            count(ChangeKind::Moved)
        )
    }
}
