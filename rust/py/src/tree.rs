//! `keepset._core.Tree`: the tree behind a collection, which can be edited.
//!
//! Python names a node by its id, a number that stays and is never used again. The lock of the root collection makes
//! sequences of calls atomic; the lock in here only makes each call so. Ids that no node has raise `IndexError`.

#![expect(clippy::needless_pass_by_value, reason = "PyO3 gives what it has converted by value")]

use crate::enter::enter;
use crate::error::{ArgumentError, manifest_error, path_error};
use crate::manifest::PyManifest;
use crate::text::{to_str, with_path};
use keepset_core::ids::NodeId;
use keepset_core::tree::content::{Settlement, Source};
use keepset_core::tree::paths::MakeError;
use keepset_core::{Error, Manifest, NodeKind, PathError, Tree};
use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;
use pyo3::sync::MutexExt;
use pyo3::types::{PyBytes, PyInt, PyString};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A node, and whether it is a directory.
pub(crate) type Found = (u32, bool);

/// Where a part of a file starts, its cell or locator, the offset in it, and the length.
type PlacedSegment<'py> = (u64, Bound<'py, PyAny>, u32, u32);

/// The tree of a collection.
#[pyclass(name = "Tree", module = "keepset._core", frozen)]
#[derive(Debug)]
pub(crate) struct PyTree {
    tree: Mutex<Arc<Tree>>,
}

impl PyTree {
    fn lock(&self, py: Python<'_>) -> MutexGuard<'_, Arc<Tree>> {
        // An edit that panics leaves what it has done; `enter` has told of it.
        self.tree.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn shared(&self, py: Python<'_>) -> Arc<Tree> {
        Arc::clone(&self.lock(py))
    }

    /// Edits the tree. While others share it they keep what they have, and this becomes a copy.
    pub(crate) fn edit<T>(&self, py: Python<'_>, edit: impl FnOnce(&mut Tree) -> PyResult<T>) -> PyResult<T> {
        let mut guard = self.lock(py);
        if Arc::get_mut(&mut guard).is_none() {
            let shared = Arc::clone(&guard);
            let size = shared.node_count() * 64;
            *guard = enter(py, size, || Arc::new(Tree::clone(&shared)))?;
        }
        edit(Arc::make_mut(&mut guard))
    }

    /// Edits the tree, and with it a snapshot, if that still is the same: so neither has to be copied.
    fn edit_both(
        &self,
        py: Python<'_>,
        snapshot: Option<&Bound<'_, Self>>,
        edit: impl FnOnce(&mut Tree) -> PyResult<()>,
    ) -> PyResult<()> {
        let snapshot = snapshot.filter(|snapshot| self.is_clone_of(py, snapshot));
        if let Some(snapshot) = snapshot {
            *snapshot.get().lock(py) = Arc::default();
        }
        let result = self.edit(py, edit);
        if let Some(snapshot) = snapshot {
            *snapshot.get().lock(py) = self.shared(py);
        }
        result
    }
}

pub(crate) fn checked(tree: &Tree, node: u32) -> PyResult<NodeId> {
    if (node as usize) < tree.node_count() {
        Ok(NodeId::from_raw(node))
    } else {
        Err(PyIndexError::new_err(format!("the tree has no node {node}")))
    }
}

fn failed(py: Python<'_>, error: &Error) -> PyErr {
    manifest_error(py, error, b"")
}

/// Where bytes are: the number of a cell, or a locator.
enum Place<'py> {
    Cell(u64),
    Locator(Bound<'py, PyString>),
}

impl<'py> FromPyObject<'_, 'py> for Place<'py> {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        match object.cast::<PyInt>() {
            Ok(cell) => Ok(Self::Cell(cell.extract()?)),
            Err(_) => Ok(Self::Locator(object.cast::<PyString>()?.to_owned())),
        }
    }
}

impl Place<'_> {
    fn source(&self) -> PyResult<Source<'_>> {
        match self {
            Self::Cell(cell) => Ok(Source::Cell(*cell)),
            Self::Locator(locator) => Ok(Source::Stored(locator.to_str()?.as_bytes())),
        }
    }
}

/// A cell, the locator of the block that has its bytes now, and where they start there.
type SettlementTuple<'py> = (u64, Bound<'py, PyString>, u32);

fn settle(tree: &mut Tree, py: Python<'_>, settlements: &[SettlementTuple<'_>]) -> PyResult<()> {
    let settlements: Vec<Settlement<'_>> = settlements
        .iter()
        .map(|(cell, locator, offset)| {
            Ok(Settlement { cell: *cell, locator: locator.to_str()?.as_bytes(), offset: *offset })
        })
        .collect::<PyResult<_>>()?;
    tree.settle(&settlements).map_err(|error| failed(py, &error))
}

#[pymethods]
impl PyTree {
    /// The tree of a manifest, or an empty one.
    #[new]
    #[pyo3(signature = (manifest = None))]
    fn new(manifest: Option<&Bound<'_, PyManifest>>) -> Self {
        let tree = manifest.map_or_else(|| Arc::new(Tree::default()), |manifest| Arc::clone(manifest.get().tree()));
        Self { tree: Mutex::new(tree) }
    }

    /// The same tree again. Neither sees what happens to the other; what they share is copied by the first edit.
    fn clone(&self, py: Python<'_>) -> Self {
        Self { tree: Mutex::new(self.shared(py)) }
    }

    /// Whether one is a clone of the other, and neither has been edited since.
    fn is_clone_of(&self, py: Python<'_>, other: &Bound<'_, Self>) -> bool {
        Arc::ptr_eq(&self.shared(py), &other.get().shared(py))
    }

    /// The name of a node; the root has none.
    fn name<'py>(&self, py: Python<'py>, node: u32) -> PyResult<Bound<'py, PyAny>> {
        let tree = self.lock(py);
        to_str(py, tree.name(checked(&tree, node)?))
    }

    /// The directory of a node; None for the root and for a node that was detached.
    fn parent(&self, py: Python<'_>, node: u32) -> PyResult<Option<u32>> {
        let tree = self.lock(py);
        let node = checked(&tree, node)?;
        Ok(tree.parent(node).get().filter(|_| node != Tree::ROOT).map(NodeId::raw))
    }

    /// The path of a node from the root; that of the root is ".".
    fn path<'py>(&self, py: Python<'py>, node: u32) -> PyResult<Bound<'py, PyAny>> {
        let tree = self.lock(py);
        to_str(py, &tree.path(checked(&tree, node)?))
    }

    /// Whether a node is part of the tree.
    fn is_attached(&self, py: Python<'_>, node: u32) -> PyResult<bool> {
        let tree = self.lock(py);
        Ok(tree.is_attached(checked(&tree, node)?))
    }

    /// Whether a node is at or below a directory.
    fn is_at_or_below(&self, py: Python<'_>, node: u32, directory: u32) -> PyResult<bool> {
        let tree = self.lock(py);
        Ok(tree.is_at_or_below(checked(&tree, node)?, checked(&tree, directory)?))
    }

    /// The child of this name, and whether it is a directory.
    fn child(&self, py: Python<'_>, directory: u32, name: &Bound<'_, PyString>) -> PyResult<Option<Found>> {
        let tree = self.lock(py);
        let directory = checked(&tree, directory)?;
        let child = with_path(name, |name| tree.child(directory, name))?;
        Ok(child.map(|child| (child.raw(), tree.kind(child) == NodeKind::Directory)))
    }

    /// The node at a path below a directory, and whether it is a directory itself; None if there is none. `./` in front
    /// and a slash behind a directory are allowed.
    ///
    /// Raises:
    ///     keepset.errors.PathNotADirectoryError: A file stands where the path needs a directory, or a component is empty.
    fn find(&self, py: Python<'_>, directory: u32, path: &Bound<'_, PyString>) -> PyResult<Option<Found>> {
        let tree = self.lock(py);
        let top = checked(&tree, directory)?;
        match with_path(path, |path| tree.find(top, path))? {
            Ok(found) => Ok(found.map(|node| (node.raw(), tree.kind(node) == NodeKind::Directory))),
            Err(error) => Err(path_error(path, error)),
        }
    }

    /// The children of a directory in order of appearance: name, id, and whether it is a directory.
    fn children<'py>(&self, py: Python<'py>, directory: u32) -> PyResult<Vec<(Bound<'py, PyAny>, u32, bool)>> {
        let tree = self.shared(py);
        tree.children(checked(&tree, directory)?)
            .map(|child| Ok((to_str(py, tree.name(child))?, child.raw(), tree.kind(child) == NodeKind::Directory)))
            .collect()
    }

    /// The names in a directory in order of appearance.
    fn names<'py>(&self, py: Python<'py>, directory: u32) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let tree = self.shared(py);
        tree.children(checked(&tree, directory)?).map(|child| to_str(py, tree.name(child))).collect()
    }

    /// Whether a node is a directory.
    fn is_directory(&self, py: Python<'_>, node: u32) -> PyResult<bool> {
        let tree = self.lock(py);
        Ok(tree.kind(checked(&tree, node)?) == NodeKind::Directory)
    }

    /// The ids at and below a node, parents before children, in order of appearance.
    fn descend(&self, py: Python<'_>, node: u32) -> PyResult<Vec<u32>> {
        let tree = self.shared(py);
        let node = checked(&tree, node)?;
        Ok(std::iter::once(node).chain(tree.descend(node)).map(NodeId::raw).collect())
    }

    /// Number of children of a directory; 0 for a file.
    fn count(&self, py: Python<'_>, directory: u32) -> PyResult<u32> {
        let tree = self.lock(py);
        Ok(tree.child_count(checked(&tree, directory)?))
    }

    /// Bytes in a file; 0 for a directory.
    fn size(&self, py: Python<'_>, file: u32) -> PyResult<u64> {
        let tree = self.lock(py);
        Ok(tree.file_size(checked(&tree, file)?))
    }

    /// The node at a path below a directory, whether it is a directory itself, and the nodes that were made for it, from
    /// top to bottom. A file that is asked for may turn out to be a directory.
    ///
    /// Raises:
    ///     keepset.errors.ArgumentError: What is to be made has a `.` or `..` in its path.
    ///     keepset.errors.PathNotADirectoryError: A file stands where a directory is needed, or a component is empty.
    fn make(
        &self,
        py: Python<'_>,
        directory: u32,
        path: &Bound<'_, PyString>,
        wants_directory: bool,
    ) -> PyResult<(u32, bool, Vec<u32>)> {
        // What is there needs no edit, which has to copy a tree that others share.
        let shared = Arc::get_mut(&mut self.lock(py)).is_none();
        let found = if shared { self.find(py, directory, path)? } else { None };
        if let Some((node, is_directory)) = found.filter(|(_, is_directory)| *is_directory || !wants_directory) {
            return Ok((node, is_directory, Vec::new()));
        }
        let kind = if wants_directory { NodeKind::Directory } else { NodeKind::File };
        self.edit(py, |tree| {
            let top = checked(tree, directory)?;
            let (node, made) = with_path(path, |path| tree.make(top, path, kind))?.map_err(|error| match error {
                MakeError::NotADirectory => path_error(path, PathError::NotADirectory),
                MakeError::BadName => ArgumentError::new_err(format!("a path with . or .. in it: {path}")),
                MakeError::Full(error) => failed(py, &error),
            })?;
            let is_directory = tree.kind(node) == NodeKind::Directory;
            Ok((node.raw(), is_directory, made.into_iter().map(NodeId::raw).collect()))
        })
    }

    /// Makes an empty file or directory that is not part of the tree until it is attached.
    fn create(&self, py: Python<'_>, name: &Bound<'_, PyString>, is_directory: bool) -> PyResult<u32> {
        let kind = if is_directory { NodeKind::Directory } else { NodeKind::File };
        self.edit(py, |tree| {
            let node = with_path(name, |name| tree.create(kind, name))?;
            node.map(NodeId::raw).map_err(|error| failed(py, &error))
        })
    }

    /// Takes a node, with all below it, out of its directory. It can still be read, written and attached.
    fn detach(&self, py: Python<'_>, node: u32) -> PyResult<()> {
        self.edit(py, |tree| {
            let node = checked(tree, node)?;
            tree.detach(node);
            Ok(())
        })
    }

    /// Puts a detached node into a directory that has no such name.
    fn attach(&self, py: Python<'_>, node: u32, parent: u32, name: &Bound<'_, PyString>) -> PyResult<()> {
        self.edit(py, |tree| {
            let (node, parent) = (checked(tree, node)?, checked(tree, parent)?);
            with_path(name, |name| tree.attach(node, parent, name))?.map_err(|error| failed(py, &error))
        })
    }

    /// Copies a node, with all below it, to a directory that has no such name.
    fn copy_within(&self, py: Python<'_>, node: u32, parent: u32, name: &Bound<'_, PyString>) -> PyResult<u32> {
        self.edit(py, |tree| {
            let (node, parent) = (checked(tree, node)?, checked(tree, parent)?);
            let copy = with_path(name, |name| tree.copy_within(node, parent, name))?;
            copy.map(NodeId::raw).map_err(|error| failed(py, &error))
        })
    }

    /// Copies a node of another tree, with all below it, to a directory that has no such name.
    fn copy_from(
        &self,
        py: Python<'_>,
        other: &Bound<'_, Self>,
        node: u32,
        parent: u32,
        name: &Bound<'_, PyString>,
    ) -> PyResult<u32> {
        let other = other.get().shared(py);
        let node = checked(&other, node)?;
        self.edit(py, |tree| {
            let parent = checked(tree, parent)?;
            let copy = with_path(name, |name| tree.copy_from(&other, node, parent, name))?;
            copy.map(NodeId::raw).map_err(|error| failed(py, &error))
        })
    }

    /// Puts bytes of a cell or a block over those of a file from `start` on, which is at most the file's size. Returns
    /// whether there were any.
    fn write(
        &self,
        py: Python<'_>,
        file: u32,
        start: u64,
        place: Place<'_>,
        offset: u32,
        length: u64,
    ) -> PyResult<bool> {
        self.edit(py, |tree| {
            let file = checked(tree, file)?;
            let size = tree.file_size(file);
            tree.write(file, start, place.source()?, offset, length).map_err(|error| failed(py, &error))?;
            Ok(start < size)
        })
    }

    /// Drops the bytes of a file from `size` on.
    fn truncate(&self, py: Python<'_>, file: u32, size: u64) -> PyResult<()> {
        self.edit(py, |tree| {
            let file = checked(tree, file)?;
            tree.truncate(file, size);
            Ok(())
        })
    }

    /// What to read for a range of a file: the cell or the locator, the offset in it, and the length, of each part. At
    /// most `limit` parts.
    #[pyo3(signature = (file, offset, size, limit = usize::MAX))]
    fn read_plan<'py>(
        &self,
        py: Python<'py>,
        file: u32,
        offset: u64,
        size: u64,
        limit: usize,
    ) -> PyResult<Vec<(Bound<'py, PyAny>, u32, u32)>> {
        let tree = self.shared(py);
        let file = checked(&tree, file)?;
        let end = offset.saturating_add(size).min(tree.file_size(file));
        let mut locator = Vec::new();
        tree.segments(file, offset..end)
            .take(limit)
            .map(|segment| {
                let block = &tree.blocks()[tree.entry_block(segment.entry)];
                let place = if let Some(cell) = block.cell() {
                    cell.into_pyobject(py)?.into_any()
                } else {
                    locator.clear();
                    tree.write_locator(block, &mut locator);
                    to_str(py, &locator)?
                };
                Ok((place, segment.offset, segment.length))
            })
            .collect()
    }

    /// The part of a file that holds a byte: where it starts in the file, the cell or the locator, the offset in it, and
    /// the length; None behind the end.
    fn segment_at<'py>(&self, py: Python<'py>, file: u32, offset: u64) -> PyResult<Option<PlacedSegment<'py>>> {
        let tree = self.lock(py);
        let file = checked(&tree, file)?;
        let Some((start, segment)) = tree.segment_at(file, offset) else {
            return Ok(None);
        };
        let block = &tree.blocks()[tree.entry_block(segment.entry)];
        let mut locator = Vec::new();
        let place = if let Some(cell) = block.cell() {
            cell.into_pyobject(py)?.into_any()
        } else {
            tree.write_locator(block, &mut locator);
            to_str(py, &locator)?
        };
        Ok(Some((start, place, segment.offset, segment.length)))
    }

    /// Takes stored blocks in place of cells: (cell, locator, offset in the block) of each. Cells that the tree does
    /// not have are passed over. A snapshot that still is the same tree takes them, too.
    #[pyo3(signature = (settlements, snapshot = None))]
    fn settle(
        &self,
        py: Python<'_>,
        settlements: Vec<SettlementTuple<'_>>,
        snapshot: Option<&Bound<'_, Self>>,
    ) -> PyResult<()> {
        self.edit_both(py, snapshot, |tree| settle(tree, py, &settlements))
    }

    /// The cells that the tree refers to, or once did.
    fn pending_cells(&self, py: Python<'_>) -> Vec<u64> {
        self.lock(py).pending_cells()
    }

    /// The cells that a file, or the files below a directory, refer to.
    fn cells_below(&self, py: Python<'_>, node: u32) -> PyResult<Vec<u64>> {
        let tree = self.shared(py);
        let node = checked(&tree, node)?;
        enter(py, tree.node_count() * 16, || tree.cells_below(node))
    }

    /// The cells that a file refers to, and its size; None if the file is as it was saved.
    fn unsaved(&self, py: Python<'_>, file: u32) -> PyResult<Option<(Vec<u64>, u64)>> {
        let tree = self.lock(py);
        let file = checked(&tree, file)?;
        Ok((!tree.is_committed(file)).then(|| (tree.cells_below(file), tree.file_size(file))))
    }

    /// Notes that a node has changed since it was saved, and the directories above it.
    fn set_uncommitted(&self, py: Python<'_>, node: u32) -> PyResult<()> {
        self.edit(py, |tree| {
            let node = checked(tree, node)?;
            tree.set_uncommitted(node);
            Ok(())
        })
    }

    /// Notes that a node, and all below it, is as it was saved; also in a snapshot that still is the same tree.
    #[pyo3(signature = (node, snapshot = None))]
    fn set_committed(&self, py: Python<'_>, node: u32, snapshot: Option<&Bound<'_, Self>>) -> PyResult<()> {
        if self.is_committed(py, node)? {
            return Ok(());
        }
        self.edit_both(py, snapshot, |tree| {
            let node = checked(tree, node)?;
            tree.set_committed(node);
            Ok(())
        })
    }

    /// Whether a node, and all below it, is as it was saved.
    fn is_committed(&self, py: Python<'_>, node: u32) -> PyResult<bool> {
        let tree = self.lock(py);
        Ok(tree.is_committed(checked(&tree, node)?))
    }

    /// Whether these characters stand anywhere in the text the tree was read from, or in what was added since.
    fn mentions(&self, py: Python<'_>, characters: &str) -> PyResult<bool> {
        let tree = self.shared(py);
        enter(py, tree.text().len(), || tree.mentions(characters.as_bytes()))
    }

    /// The text the tree was read from.
    fn original<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.shared(py).text())
    }

    /// A manifest of the tree, or of what is below a directory, in normal form. Cells are settled as given; bytes of
    /// others are left out if `without_pending`, and an error otherwise.
    #[pyo3(signature = (node = 0, settlements = Vec::new(), *, without_pending = false))]
    fn manifest(
        &self,
        py: Python<'_>,
        node: u32,
        settlements: Vec<SettlementTuple<'_>>,
        without_pending: bool,
    ) -> PyResult<PyManifest> {
        let mut tree = self.shared(py);
        let node = checked(&tree, node)?;
        let size = tree.node_count() * 64;
        if !settlements.is_empty() {
            let mut copy = enter(py, size, || Tree::clone(&tree))?;
            settle(&mut copy, py, &settlements)?;
            tree = Arc::new(copy);
        }
        if without_pending && !tree.pending_cells().is_empty() {
            tree = enter(py, size, || {
                let mut copy = Tree::clone(&tree);
                copy.drop_pending();
                Arc::new(copy)
            })?;
        }
        if node != Tree::ROOT {
            let copy = enter(py, size, || Tree::part(&tree, node))?;
            tree = Arc::new(copy.map_err(|error| failed(py, &error))?);
        }
        if !tree.cells_below(Tree::ROOT).is_empty() {
            return Err(ArgumentError::new_err("some bytes are still in memory"));
        }
        Ok(Manifest::normal(tree).into())
    }

    /// Whether a node, and all below it, has the same names and bytes as one of another tree.
    fn is_same(&self, py: Python<'_>, node: u32, other: &Bound<'_, Self>, other_node: u32) -> PyResult<bool> {
        let (tree, other) = (self.shared(py), other.get().shared(py));
        let (node, other_node) = (checked(&tree, node)?, checked(&other, other_node)?);
        enter(py, tree.node_count() * 64, || keepset_core::tree::diff::is_same_node(&tree, node, &other, other_node))
    }
}
