//! What `Collection.diff`, `apply`, `update` and `merge_from` ask of the engine.
//!
//! Nodes go to Python as in [`crate::tree`]: by id, with whether they are directories.

#![expect(clippy::needless_pass_by_value, reason = "PyO3 gives what it has converted by value")]

use crate::enter::enter;
use crate::error::{ArgumentError, MergeConflictError, manifest_error};
use crate::text::{encode, to_str, with_path};
use crate::tree::{Found, PyTree, checked};
use keepset_core::ids::NodeId;
use keepset_core::tree::changes::{Step, each_step};
use keepset_core::tree::join::OnClash;
use keepset_core::tree::merge::{Change, Done, Item, MergeError, Policy};
use keepset_core::{NodeKind, Tree};
use pyo3::exceptions::PyIndexError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString, PyTuple};
use std::sync::Arc;

/// Kind, path, and what was and is there.
type PyStep<'py> = (Bound<'py, PyString>, Bound<'py, PyAny>, Option<Found>, Option<Found>);

/// What `Change` in Python is beneath: kind, path, the collection and the node before, and the same after.
type PyChangeRow<'py> =
    (Bound<'py, PyAny>, Bound<'py, PyString>, Bound<'py, PyAny>, Option<Found>, Bound<'py, PyAny>, Option<Found>);

/// The two trees of a collection: as it is, and as it is compared.
type PyTrees<'py> = (Bound<'py, PyAny>, Bound<'py, PyTree>, Bound<'py, PyTree>);

/// What was done: kind, node, and the directory that it was removed from or the node that it replaced.
type PyDone<'py> = (Bound<'py, PyString>, u32, u32);

fn add(py: Python<'_>) -> Bound<'_, PyString> {
    intern!(py, "add").clone()
}

fn del(py: Python<'_>) -> Bound<'_, PyString> {
    intern!(py, "del").clone()
}

fn modified(py: Python<'_>) -> Bound<'_, PyString> {
    intern!(py, "mod").clone()
}

fn tok(py: Python<'_>) -> Bound<'_, PyString> {
    intern!(py, "tok").clone()
}

fn found(tree: &Tree, node: NodeId) -> Found {
    (node.raw(), tree.kind(node) == NodeKind::Directory)
}

/// The steps from a directory of one tree to a directory of another: "del", "add", "mod" or "tok" (for equal files), the
/// path behind `prefix` (with its slash), and the nodes. Of each directory first what is gone, then what the new one has, both in order
/// of appearance. With `changes_only` equal files are left out.
#[pyfunction]
#[pyo3(signature = (old, old_top, new, new_top, prefix, *, changes_only = false))]
pub(crate) fn list_changes<'py>(
    py: Python<'py>,
    old: &Bound<'py, PyTree>,
    old_top: u32,
    new: &Bound<'py, PyTree>,
    new_top: u32,
    prefix: &Bound<'py, PyString>,
    changes_only: bool,
) -> PyResult<Bound<'py, PyList>> {
    let (old, new) = (old.get().shared(py), new.get().shared(py));
    let (old_top, new_top) = (checked(&old, old_top)?, checked(&new, new_top)?);
    let steps = enter(py, (old.node_count() + new.node_count()) * 64, || {
        let mut steps = Vec::new();
        each_step((&old, old_top), (&new, new_top), |step| {
            if !(changes_only && matches!(step, Step::Same(..))) {
                steps.push(step);
            }
        });
        steps
    })?;
    let prefix = encode(prefix)?;
    let (mut old_paths, mut new_paths) = (Paths::new(&prefix), Paths::new(&prefix));
    let list = PyList::empty(py);
    for step in steps {
        let (kind, before, after) = match step {
            Step::Removed(node) => (del(py), Some(node), None),
            Step::Added(node) => (add(py), None, Some(node)),
            Step::Modified(node, other) => (modified(py), Some(node), Some(other)),
            Step::Same(node, other) => (tok(py), Some(node), Some(other)),
        };
        let path = match (before, after) {
            (_, Some(node)) => new_paths.of(&new, new_top, node),
            (Some(node), None) => old_paths.of(&old, old_top, node),
            (None, None) => &[],
        };
        let row: PyStep<'py> =
            (kind, to_str(py, path)?, before.map(|node| found(&old, node)), after.map(|node| found(&new, node)));
        list.append(row)?;
    }
    Ok(list)
}

/// Makes paths of nodes of one tree, mostly of one directory after the other.
struct Paths {
    path: Vec<u8>,
    prefix: usize,
    /// The directory whose path stands there, and the length of that.
    last: Option<(NodeId, usize)>,
}

impl Paths {
    fn new(prefix: &[u8]) -> Self {
        Self { prefix: prefix.len(), path: prefix.to_vec(), last: None }
    }

    fn of(&mut self, tree: &Tree, top: NodeId, node: NodeId) -> &[u8] {
        let parent = tree.parent(node);
        let end = match self.last {
            Some((directory, end)) if directory == parent => end,
            _ => {
                self.path.truncate(self.prefix);
                let mut names = Vec::new();
                let mut at = parent;
                while at != top {
                    names.push(tree.name(at));
                    at = tree.parent(at);
                }
                for name in names.into_iter().rev() {
                    self.path.extend_from_slice(name);
                    self.path.push(b'/');
                }
                self.path.len()
            }
        };
        self.last = Some((parent, end));
        self.path.truncate(end);
        self.path.extend_from_slice(tree.name(node));
        &self.path
    }
}

/// The collections that changes are about, each once.
#[pyfunction]
pub(crate) fn roots_of<'py>(changes: &Bound<'py, PyList>) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let mut roots: Vec<Bound<'py, PyAny>> = Vec::new();
    for change in changes {
        let change = change.cast_into::<PyTuple>()?;
        for at in [2, 4] {
            let root = change.get_item(at)?;
            if !roots.iter().any(|known| known.is(&root)) {
                roots.push(root);
            }
        }
    }
    Ok(roots)
}

/// Brings changes to a directory of a tree, as `Collection.apply` does. `roots` are the collections that the changes
/// name, each with its tree, and what that looks like with bytes in memory named by the block that they would be stored
/// in. `seen` is that for the tree; it is changed as well.
#[pyfunction]
#[pyo3(signature = (tree, top, roots, changes, stamp, seen = None))]
pub(crate) fn apply_changes<'py>(
    py: Python<'py>,
    tree: &Bound<'py, PyTree>,
    top: u32,
    roots: Vec<PyTrees<'py>>,
    changes: &Bound<'py, PyList>,
    stamp: &str,
    seen: Option<&Bound<'py, PyTree>>,
) -> PyResult<Vec<PyDone<'py>>> {
    let trees: Vec<(Arc<Tree>, Arc<Tree>)> =
        roots.iter().map(|(_, tree, seen)| (tree.get().shared(py), seen.get().shared(py))).collect();
    let mut last = 0;
    let mut find = |root: &Bound<'py, PyAny>, node: Option<Found>| {
        let Some((node, _)) = node else { return Ok(None) };
        if !roots.get(last).is_some_and(|(known, ..)| known.is(root)) {
            last = roots
                .iter()
                .position(|(known, ..)| known.is(root))
                .ok_or_else(|| PyIndexError::new_err("a change of a collection that was not named"))?;
        }
        let (tree, seen) = &trees[last];
        Ok::<_, PyErr>(Some(Item { tree, seen, node: checked(tree, node)? }))
    };
    let mut to_do = Vec::with_capacity(changes.len());
    for change in changes {
        let (_, path, before, old, after, new): PyChangeRow<'py> = change.extract()?;
        to_do.push((with_path(&path, <[u8]>::to_vec)?, find(&before, old)?, find(&after, new)?));
    }
    let changes = to_do.iter().map(|(path, initial, last)| Change { path, initial: *initial, last: *last });
    tree.get().edit(py, |tree| {
        let top = checked(tree, top)?;
        let apply = |seen: Option<&mut Tree>| enter(py, to_do.len() * 64, || tree.apply(seen, top, changes, stamp));
        let done = match seen {
            Some(seen) => seen.get().edit(py, |seen| apply(Some(seen))),
            None => apply(None),
        }?;
        to_python(py, done)
    })
}

/// Brings what became of `base` in `theirs` to a tree. Conflicts end as `on_conflict` says: "conflict-file", "ours",
/// "theirs" or "error". What is compared is `seen`, the tree with bytes in memory named by their hash. With
/// `tells_tokens` files whose signatures were renewed are told of.
#[pyfunction]
#[pyo3(signature = (tree, base, theirs, on_conflict, stamp, seen = None, *, tells_tokens = false))]
#[expect(clippy::too_many_arguments, reason = "those of one question")]
pub(crate) fn merge_changes<'py>(
    py: Python<'py>,
    tree: &Bound<'py, PyTree>,
    base: &Bound<'py, PyTree>,
    theirs: &Bound<'py, PyTree>,
    on_conflict: &str,
    stamp: &str,
    seen: Option<&Bound<'py, PyTree>>,
    tells_tokens: bool,
) -> PyResult<Vec<PyDone<'py>>> {
    let policy = match on_conflict {
        "conflict-file" => Policy::Beside,
        "ours" => Policy::Ours,
        "theirs" => Policy::Theirs,
        "error" => Policy::Refuse,
        _ => return Err(unknown(on_conflict, "conflict-file, ours, theirs or error")),
    };
    let (base, theirs) = (base.get().shared(py), theirs.get().shared(py));
    let seen = seen.map(|seen| seen.get().shared(py));
    tree.get().edit(py, |tree| {
        let size = (tree.node_count() + theirs.node_count()) * 64;
        let done = enter(py, size, || {
            let plan = seen.as_deref().unwrap_or(tree).plan_merge(&base, &theirs, policy)?;
            let mut done = tree.carry_out(plan, &theirs, stamp)?;
            let renewed = tree.renew_all(&theirs)?;
            if tells_tokens {
                done.extend(renewed.into_iter().map(Done::Renewed));
            }
            Ok(done)
        })?;
        to_python(py, done)
    })
}

/// Puts all that is in a directory of another tree into a directory. Names that both have end as `on_conflict` says:
/// "error", "ours", "theirs", "rename" or "concatenate". `seen` and `other_seen` are the trees with bytes in
/// memory named by the block that they would be stored in.
#[pyfunction]
#[pyo3(signature = (tree, top, other, other_top, on_conflict, seen = None, other_seen = None))]
#[expect(clippy::too_many_arguments, reason = "those of one question")]
pub(crate) fn join_directories<'py>(
    py: Python<'py>,
    tree: &Bound<'py, PyTree>,
    top: u32,
    other: &Bound<'py, PyTree>,
    other_top: u32,
    on_conflict: &str,
    seen: Option<&Bound<'py, PyTree>>,
    other_seen: Option<&Bound<'py, PyTree>>,
) -> PyResult<Vec<PyDone<'py>>> {
    let on_clash = match on_conflict {
        "error" => OnClash::Refuse,
        "ours" => OnClash::Ours,
        "theirs" => OnClash::Theirs,
        "rename" => OnClash::Rename,
        "concatenate" => OnClash::Concatenate,
        _ => return Err(unknown(on_conflict, "error, ours, theirs, rename or concatenate")),
    };
    let other_seen = other_seen.unwrap_or(other).get().shared(py);
    let other = other.get().shared(py);
    let seen = seen.map(|seen| seen.get().shared(py));
    let item = Item { tree: &other, seen: &other_seen, node: checked(&other, other_top)? };
    tree.get().edit(py, |tree| {
        let top = checked(tree, top)?;
        let done = enter(py, (tree.node_count() + other.node_count()) * 64, || {
            tree.join(seen.as_deref(), top, item, on_clash)
        })?;
        to_python(py, done)
    })
}

fn unknown(given: &str, known: &str) -> PyErr {
    ArgumentError::new_err(format!("on_conflict is {known}, not {given:?}"))
}

fn to_python(py: Python<'_>, done: Result<Vec<Done>, MergeError>) -> PyResult<Vec<PyDone<'_>>> {
    let done = done.map_err(|error| match error {
        MergeError::BadPath(path) => {
            ArgumentError::new_err(format!("not a path of a file or collection: {}", String::from_utf8_lossy(&path)))
        }
        MergeError::Refused(paths) => {
            let paths: PyResult<Vec<_>> = paths.iter().map(|path| Ok(to_str(py, path)?.unbind())).collect();
            paths.map_or_else(|error| error, |paths| MergeConflictError::new_err((paths,)))
        }
        MergeError::Full(error) => manifest_error(py, &error, b""),
    })?;
    let row = |done| match done {
        Done::Added(node) => (add(py), node, node),
        Done::Removed { node, parent } => (del(py), node, parent),
        Done::Modified(node) => (modified(py), node, node),
        Done::Replaced { node, old } => (modified(py), node, old),
        Done::Renewed(node) => (tok(py), node, node),
    };
    Ok(done.into_iter().map(row).map(|(kind, node, other)| (kind, node.raw(), other.raw())).collect())
}
