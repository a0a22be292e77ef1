//! `Change`, `Diff` and its iterator.
//!
//! A change is two nodes; its paths are made when somebody asks for them.

use crate::text::to_str;
use keepset_core::tree::diff::{Change, ChangeKind};
use keepset_core::{NodeKind, Tree};
use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What all changes of one comparison share.
#[derive(Debug)]
struct Comparison {
    old: Arc<Tree>,
    new: Arc<Tree>,
    changes: Vec<Change>,
}

/// One difference between two manifests.
#[pyclass(name = "Change", module = "keepset._core", frozen, eq)]
#[derive(Clone, Debug)]
pub(crate) struct PyChange {
    comparison: Arc<Comparison>,
    change: Change,
}

impl PyChange {
    fn old_path_bytes(&self) -> Option<Vec<u8>> {
        let is_move = self.change.kind == ChangeKind::Moved;
        self.change.old.filter(|_| is_move).map(|node| self.comparison.old.path(node))
    }

    fn path_bytes(&self) -> Vec<u8> {
        match (self.change.new, self.change.old) {
            (Some(node), _) => self.comparison.new.path(node),
            (None, Some(node)) => self.comparison.old.path(node),
            (None, None) => Vec::new(),
        }
    }
}

impl PartialEq for PyChange {
    fn eq(&self, other: &Self) -> bool {
        let sizes = |it: &Self| (it.old_size(), it.new_size());
        (self.change.kind, self.change.node_kind, sizes(self))
            == (other.change.kind, other.change.node_kind, sizes(other))
            && self.path_bytes() == other.path_bytes()
            && self.old_path_bytes() == other.old_path_bytes()
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
        match self.change.kind {
            ChangeKind::Added => "added",
            ChangeKind::Removed => "removed",
            ChangeKind::Modified => "modified",
            ChangeKind::Moved => "moved",
        }
    }

    /// "file" or "directory"; of directories only empty ones are told of.
    #[getter]
    fn r#type(&self) -> &'static str {
        type_name(self.change.node_kind)
    }

    /// The path in the new manifest, or in the old one if it was removed.
    #[getter]
    fn path<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        to_str(py, &self.path_bytes())
    }

    /// The path in the old manifest, if it was moved.
    #[getter]
    fn old_path<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.old_path_bytes().map(|path| to_str(py, &path)).transpose()
    }

    /// Bytes before; None if the path is new.
    #[getter]
    fn old_size(&self) -> Option<u64> {
        self.change.old.map(|node| self.comparison.old.file_size(node))
    }

    /// Bytes now; None if the path is gone.
    #[getter]
    fn new_size(&self) -> Option<u64> {
        self.change.new.map(|node| self.comparison.new.file_size(node))
    }

    fn __hash__(&self, py: Python<'_>) -> PyResult<isize> {
        (self.kind(), self.path(py)?).into_pyobject(py)?.hash()
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let path = self.path(py)?.repr()?;
        let from = match self.old_path(py)? {
            Some(old_path) => format!(" from {}", old_path.repr()?),
            None => String::new(),
        };
        Ok(format!("Change({} {} {path}{from})", self.kind(), self.r#type()))
    }
}

/// The changes from one manifest to another: a sequence of `Change` in the order of the normal form, that is the files
/// of a directory by name, then its subdirectories.
#[pyclass(name = "Diff", module = "keepset._core", frozen, sequence)]
#[derive(Debug)]
pub(crate) struct PyDiff {
    comparison: Arc<Comparison>,
}

impl PyDiff {
    pub(crate) fn new(old: &Arc<Tree>, new: &Arc<Tree>) -> Self {
        let changes = keepset_core::tree::diff::diff(old, new);
        Self { comparison: Arc::new(Comparison { old: Arc::clone(old), new: Arc::clone(new), changes }) }
    }

    fn of_kind(&self, kind: ChangeKind) -> Vec<PyChange> {
        let changes = self.comparison.changes.iter().filter(|change| change.kind == kind);
        changes.map(|change| self.wrap(*change)).collect()
    }

    fn wrap(&self, change: Change) -> PyChange {
        PyChange { comparison: Arc::clone(&self.comparison), change }
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
        self.comparison.changes.len()
    }

    fn __getitem__(&self, index: isize) -> PyResult<PyChange> {
        let changes = &self.comparison.changes;
        let place = if index < 0 { index + changes.len().cast_signed() } else { index };
        let change = usize::try_from(place).ok().and_then(|place| changes.get(place));
        change
            .map(|change| self.wrap(*change))
            .ok_or_else(|| PyIndexError::new_err(format!("there are {} changes", changes.len())))
    }

    fn __iter__(&self) -> PyChangeIterator {
        PyChangeIterator { comparison: Arc::clone(&self.comparison), next: AtomicUsize::new(0) }
    }

    fn __repr__(&self) -> String {
        let count = |kind| self.comparison.changes.iter().filter(|change| change.kind == kind).count();
        format!(
            "<Diff: {} added, {} removed, {} modified, {} moved>",
            count(ChangeKind::Added),
            count(ChangeKind::Removed),
            count(ChangeKind::Modified),
            count(ChangeKind::Moved)
        )
    }
}

/// Yields each `Change` of a `Diff`.
#[pyclass(name = "ChangeIterator", module = "keepset._core", frozen)]
#[derive(Debug)]
pub(crate) struct PyChangeIterator {
    comparison: Arc<Comparison>,
    next: AtomicUsize,
}

#[pymethods]
impl PyChangeIterator {
    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__(&self) -> Option<PyChange> {
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        let change = *self.comparison.changes.get(index)?;
        Some(PyChange { comparison: Arc::clone(&self.comparison), change })
    }
}
