//! What a manifest answers with: iterators and `Stat`.
//!
//! Iterators share the tree, hold a place in it behind a lock, and make each item when it is asked for.

use crate::diff::type_name;
use crate::text::to_str;
use keepset_core::ids::{BlockId, NodeId};
use keepset_core::tree::walk::PathCursor;
use keepset_core::{Manifest, NodeKind, Tree};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Yields `(path, size)` for each file.
#[pyclass(name = "FileIterator", module = "keepset._core", frozen)]
#[derive(Debug)]
pub(crate) struct PyFileIterator {
    manifest: Manifest,
    place: Mutex<(NodeId, PathCursor)>,
}

impl PyFileIterator {
    pub(crate) fn new(manifest: Manifest) -> Self {
        let first = manifest.tree().after(Tree::ROOT, Tree::ROOT, true);
        Self { manifest, place: Mutex::new((first, PathCursor::new(Tree::ROOT, b""))) }
    }
}

#[pymethods]
impl PyFileIterator {
    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<(Bound<'py, PyAny>, u64)>> {
        let tree = self.manifest.tree();
        let mut place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        let (next, cursor) = &mut *place;
        while let Some(node) = next.get() {
            *next = tree.after(node, Tree::ROOT, true);
            let path = cursor.step(tree, node);
            if tree.kind(node) == NodeKind::File {
                return Ok(Some((to_str(py, path)?, tree.file_size(node))));
            }
        }
        Ok(None)
    }
}

/// Yields `(directory path, directory names, file names)`, as `os.walk` does.
#[pyclass(name = "WalkIterator", module = "keepset._core", frozen)]
#[derive(Debug)]
pub(crate) struct PyWalkIterator {
    manifest: Manifest,
    place: Mutex<WalkPlace>,
}

#[derive(Debug)]
struct WalkPlace {
    /// Directories still to come, the next one last, with their paths' lengths in `path` of their parents.
    stack: Vec<(NodeId, usize)>,
    path: Vec<u8>,
    /// The directory given last, and its list of subdirectories, which the caller may have pruned.
    given: Option<(NodeId, Py<PyList>)>,
    is_first: bool,
}

impl PyWalkIterator {
    pub(crate) fn new(manifest: Manifest, top: NodeId, path: &[u8]) -> Self {
        let path = path.to_vec();
        let place = WalkPlace { stack: vec![(top, path.len())], path, given: None, is_first: true };
        Self { manifest, place: Mutex::new(place) }
    }
}

type WalkItem<'py> = (Bound<'py, PyAny>, Bound<'py, PyList>, Bound<'py, PyList>);

#[pymethods]
impl PyWalkIterator {
    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<WalkItem<'py>>> {
        let tree = self.manifest.tree();
        let mut place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        let place = &mut *place;
        if let Some((directory, names)) = place.given.take() {
            let length = place.path.len();
            let kept: Vec<Bound<'_, PyAny>> = names.bind(py).iter().collect();
            for name in kept.into_iter().rev() {
                let name = crate::text::encode(name.cast::<PyString>()?)?;
                if let Some(child) = tree.child(directory, &name).filter(|node| tree.kind(*node) == NodeKind::Directory)
                {
                    place.stack.push((child, length));
                }
            }
        }
        let Some((directory, length)) = place.stack.pop() else {
            return Ok(None);
        };
        place.path.truncate(length);
        if !std::mem::take(&mut place.is_first) {
            if !place.path.is_empty() && !place.path.ends_with(b"/") {
                place.path.push(b'/');
            }
            place.path.extend_from_slice(tree.name(directory));
        }
        let (mut directories, mut files) = (Vec::new(), Vec::new());
        for child in tree.children(directory) {
            let name = to_str(py, tree.name(child))?;
            if tree.kind(child) == NodeKind::Directory { directories.push(name) } else { files.push(name) }
        }
        let directories = PyList::new(py, directories)?;
        place.given = Some((directory, directories.clone().unbind()));
        Ok(Some((to_str(py, &place.path)?, directories, PyList::new(py, files)?)))
    }
}

/// Yields `(locator, offset in the block, length)`, cut at block edges.
#[pyclass(name = "SegmentIterator", module = "keepset._core", frozen)]
#[derive(Debug)]
pub(crate) struct PySegmentIterator {
    manifest: Manifest,
    file: NodeId,
    at: Mutex<u64>,
}

impl PySegmentIterator {
    pub(crate) fn new(manifest: Manifest, file: NodeId) -> Self {
        Self { manifest, file, at: Mutex::new(0) }
    }
}

#[pymethods]
impl PySegmentIterator {
    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<(Bound<'py, PyAny>, u32, u32)>> {
        let mut at = self.at.lock().unwrap_or_else(PoisonError::into_inner);
        let end = self.manifest.tree().file_size(self.file);
        let segment = self.manifest.tree().segments(self.file, *at..end).next();
        segment
            .map(|segment| {
                *at += u64::from(segment.length);
                let locator = self.manifest.locator(Some(self.manifest.tree().entry_block(segment.entry)));
                Ok((to_str(py, &locator)?, segment.offset, segment.length))
            })
            .transpose()
    }
}

/// Yields the locator of each distinct block.
#[pyclass(name = "BlockIterator", module = "keepset._core", frozen)]
#[derive(Debug)]
pub(crate) struct PyBlockIterator {
    manifest: Manifest,
    blocks: Vec<Option<BlockId>>,
    next: AtomicUsize,
}

impl PyBlockIterator {
    pub(crate) fn new(manifest: Manifest) -> Self {
        let blocks = manifest.blocks();
        Self { manifest, blocks, next: AtomicUsize::new(0) }
    }
}

#[pymethods]
impl PyBlockIterator {
    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let block = self.blocks.get(self.next.fetch_add(1, Ordering::Relaxed));
        block.map(|block| to_str(py, &self.manifest.locator(*block))).transpose()
    }
}

/// What a path in a manifest is.
#[pyclass(name = "Stat", module = "keepset._core", frozen, eq)]
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct PyStat {
    path: Vec<u8>,
    kind: NodeKind,
    /// Bytes in the file, or in all files below the directory.
    #[pyo3(get)]
    size: u64,
    /// Number of files below the directory; 1 for a file.
    #[pyo3(get)]
    file_count: u64,
}

impl PyStat {
    pub(crate) fn new(tree: &Tree, node: NodeId) -> Self {
        let (size, file_count) = tree.size_below(node);
        Self { path: tree.path(node), kind: tree.kind(node), size, file_count }
    }
}

#[pymethods]
impl PyStat {
    /// The path from the root; the root is ".".
    #[getter]
    fn path<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        to_str(py, &self.path)
    }

    /// The last component of the path.
    #[getter]
    fn name<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        to_str(py, self.path.rsplit(|byte| *byte == b'/').next().unwrap_or_default())
    }

    /// "file" or "directory".
    #[getter]
    fn r#type(&self) -> &'static str {
        type_name(self.kind)
    }

    /// Whether it is a file.
    fn is_file(&self) -> bool {
        self.kind == NodeKind::File
    }

    /// Whether it is a directory.
    fn is_dir(&self) -> bool {
        self.kind == NodeKind::Directory
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!("Stat(path={}, type={:?}, size={})", self.path(py)?.repr()?, self.r#type(), self.size))
    }
}
