//! `keepset.Manifest`.

#![expect(clippy::doc_markdown, clippy::doc_link_with_quotes, reason = "what Python shows is a Python docstring")]

use crate::answers::{PyBlockIterator, PyFileIterator, PySegmentIterator, PyStat, PyWalkIterator};
use crate::diff::PyDiff;
use crate::enter::enter;
use crate::error::{ArgumentError, PathIsADirectoryError, PyProblem, manifest_error, path_error};
use crate::memory::Room;
use crate::text::{encode, read, to_str, with_path};
use foldhash::fast::RandomState;
use keepset_core::ids::NodeId;
use keepset_core::patterns::{Filters, Glob, PatternError};
use keepset_core::tree::diff::{hash_tree, is_same_tree};
use keepset_core::tree::walk::PathCursor;
use keepset_core::union::{OnConflict, union};
use keepset_core::{Error, Form, Manifest, Mode, NodeKind, Parser, Tree};
use pyo3::exceptions::{PyBlockingIOError, PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString, PyTuple};
use std::cell::RefCell;
use std::sync::{Arc, OnceLock};

thread_local! {
    /// A parser for each thread: its allocations serve one manifest after the other.
    static PARSER: RefCell<Parser> = RefCell::default();
}

fn parse_text(text: bytes::Bytes, mode: Mode) -> Result<Tree, Error> {
    PARSER.with_borrow_mut(|parser| parser.parse(text, mode))
}

fn read_mode(mode: &str) -> PyResult<Mode> {
    match mode {
        "compat" => Ok(Mode::Compat),
        "strict" => Ok(Mode::Strict),
        _ => Err(ArgumentError::new_err(format!("mode is 'compat' or 'strict', not {mode:?}"))),
    }
}

fn pattern_error(error: &PatternError) -> PyErr {
    ArgumentError::new_err(format!("not a pattern: {error}"))
}

/// All that a binary file gives. What comes in one piece is not copied.
fn read_to_end<'py>(file: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = file.py();
    let mut parts = Vec::new();
    loop {
        let part = file.call_method0(intern!(py, "read"))?;
        if part.is_instance_of::<PyString>() {
            return Err(PyTypeError::new_err("the file must be opened in binary mode ('rb')"));
        }
        if part.is_none() {
            return Err(PyBlockingIOError::new_err("the file has no bytes at the moment"));
        }
        if part.len()? == 0 {
            break;
        }
        parts.push(part);
    }
    if parts.len() == 1 {
        return Ok(parts.remove(0));
    }
    PyBytes::new(py, b"").call_method1(intern!(py, "join"), (parts,))
}

/// A read plan is a list; a text of a few megabytes can have a file of billions of parts.
const MAX_PLAN: usize = 1 << 24;

/// The seed of hashes, one for a process.
static HASHER: OnceLock<RandomState> = OnceLock::new();

/// An immutable manifest: a tree of files whose bytes are ranges of Keep blocks.
///
/// A value: two manifests are equal when they have the same paths with the same bytes, whatever the order of blocks, the
/// way tokens are cut, or the signatures. It can be hashed, copied, pickled and shared by threads. No Python object is
/// made for a file until it is asked for.
///
/// Examples:
///     >>> from keepset import Manifest
///     >>> manifest = Manifest.parse(". acbd18db4cc2f85cedef654fccc4a4d8+3 0:3:foo.txt\n")
///     >>> list(manifest.files())
///     [('foo.txt', 3)]
///     >>> manifest.portable_data_hash
///     '83367e8913dcec0bf3fc25ed5a27eacb+49'
#[pyclass(name = "Manifest", module = "keepset._core", frozen)]
#[derive(Debug)]
pub(crate) struct PyManifest {
    inner: Manifest,
    is_salvaged: bool,
    hash: OnceLock<u64>,
}

impl From<Manifest> for PyManifest {
    fn from(inner: Manifest) -> Self {
        Self { inner, is_salvaged: false, hash: OnceLock::new() }
    }
}

impl PyManifest {
    pub(crate) fn tree(&self) -> &Arc<Tree> {
        self.inner.tree()
    }

    /// About how much work a question about the whole manifest is.
    fn size(&self) -> usize {
        self.tree().text().len() + self.tree().node_count() * 64
    }

    fn derived(&self, inner: Manifest) -> Self {
        Self { inner, is_salvaged: self.is_salvaged, hash: self.hash.clone() }
    }

    fn node(&self, path: &Bound<'_, PyString>) -> PyResult<NodeId> {
        with_path(path, |bytes| self.tree().resolve(bytes))?.map_err(|error| path_error(path, error))
    }

    fn file(&self, path: &Bound<'_, PyString>) -> PyResult<NodeId> {
        let node = self.node(path)?;
        if self.tree().kind(node) == NodeKind::Directory {
            return Err(PathIsADirectoryError::new_err(("is a directory", path.clone().unbind())));
        }
        Ok(node)
    }

    /// The text, written where it stays.
    fn large_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        /// So much is copied at a time that it stays in the cache.
        const PIECE: usize = 1 << 16;
        let room = Room::new(py, self.tree().text().len())?;
        let mut result = Ok(());
        let work = || {
            self.inner.write(|chunk| {
                result = Python::attach(|py| chunk.chunks(PIECE).try_for_each(|piece| room.write(py, piece)));
                result.is_ok()
            })
        };
        enter(py, self.size(), work)?.map_err(|error| manifest_error(py, &error, b""))?;
        result?;
        room.into_bytes(py)
    }

    fn bytes_of_form(&self, py: Python<'_>) -> PyResult<bytes::Bytes> {
        let size = self.size();
        enter(py, size, || self.inner.text())?.map_err(|error| manifest_error(py, &error, b""))
    }
}

#[pymethods]
impl PyManifest {
    /// Reads a manifest text.
    ///
    /// Args:
    ///     text: The text. Of a `str`, surrogate escapes stand for bytes that are not UTF-8.
    ///     mode: "compat" reads also what an existing SDK loads without losing data; "strict" is the documented grammar.
    ///
    /// Returns:
    ///     The manifest.
    ///
    /// Raises:
    ///     keepset.errors.ManifestError: The text is no manifest; says where and why. It is a `ValueError`.
    ///     keepset.errors.ArgumentError: The mode is none.
    ///
    /// Examples:
    ///     >>> from keepset import Manifest
    ///     >>> Manifest.parse(b". acbd18db4cc2f85cedef654fccc4a4d8+3 0:3:a\n", mode="strict").file_count
    ///     1
    #[staticmethod]
    #[pyo3(signature = (text, *, mode = "compat"))]
    fn parse(py: Python<'_>, text: &Bound<'_, PyAny>, mode: &str) -> PyResult<Self> {
        let text = read(text)?;
        let mode = read_mode(mode)?;
        let shared = text.clone();
        let tree = enter(py, text.len(), || parse_text(shared, mode))?;
        match tree {
            Ok(tree) => Ok(Manifest::original(Arc::new(tree)).into()),
            Err(error) => Err(manifest_error(py, &error, &text)),
        }
    }

    /// Reads many texts in one go, without holding up other threads.
    ///
    /// Args:
    ///     texts: The texts.
    ///     mode: As for `parse`.
    ///
    /// Returns:
    ///     A manifest for each text.
    ///
    /// Raises:
    ///     keepset.errors.ManifestError: One of the texts is no manifest; a note says which.
    ///
    /// Examples:
    ///     >>> from keepset import Manifest
    ///     >>> [manifest.file_count for manifest in Manifest.parse_many(["", ". d41d8cd98f00b204e9800998ecf8427e+0 0:0:a\n"])]
    ///     [0, 1]
    #[staticmethod]
    #[pyo3(signature = (texts, *, mode = "compat"))]
    fn parse_many(py: Python<'_>, texts: &Bound<'_, PyAny>, mode: &str) -> PyResult<Vec<Self>> {
        if texts.is_instance_of::<PyString>() || texts.is_instance_of::<PyBytes>() {
            return Err(PyTypeError::new_err("texts is an iterable of texts, not one text"));
        }
        let mode = read_mode(mode)?;
        let texts: Vec<bytes::Bytes> = texts.try_iter()?.map(|text| read(&text?)).collect::<PyResult<_>>()?;
        let all = texts.clone();
        let size = texts.iter().map(bytes::Bytes::len).sum();
        let trees = enter(py, size, move || {
            all.into_iter()
                .enumerate()
                .map(|(index, text)| parse_text(text, mode).map(Arc::new).map_err(|error| (index, error)))
                .collect::<Result<Vec<_>, _>>()
        })?;
        match trees {
            Ok(trees) => Ok(trees.into_iter().map(|tree| Manifest::original(tree).into()).collect()),
            Err((index, error)) => {
                let exception = manifest_error(py, &error, &texts[index]);
                exception
                    .value(py)
                    .call_method1(intern!(py, "add_note"), (format!("in text number {index}, counted from 0"),))?;
                Err(exception)
            }
        }
    }

    /// Reads what can be read of a text that `parse` refuses.
    ///
    /// Tokens that reach beyond their stream are cut; tokens that cannot be placed are left out.
    ///
    /// Args:
    ///     text: The text.
    ///
    /// Returns:
    ///     The manifest, and what was wrong. If anything was, its `salvaged` is true, so that it is never saved.
    ///
    /// Examples:
    ///     >>> from keepset import Manifest
    ///     >>> manifest, problems = Manifest.salvage(". acbd18db4cc2f85cedef654fccc4a4d8+3 0:9:a\n")
    ///     >>> list(manifest.files()), problems[0].code
    ///     ([('a', 3)], 'segment-out-of-range')
    #[staticmethod]
    fn salvage(py: Python<'_>, text: &Bound<'_, PyAny>) -> PyResult<(Self, Vec<PyProblem>)> {
        let text = read(text)?;
        let (tree, problems) = enter(py, text.len(), || {
            let (tree, errors) = Parser::default().salvage(text.clone());
            (tree, PyProblem::all(&errors, &text))
        })?;
        let manifest = Self { is_salvaged: !problems.is_empty(), ..Manifest::original(Arc::new(tree)).into() };
        Ok((manifest, problems))
    }

    /// Reads a manifest from a file.
    ///
    /// Args:
    ///     source: A path, or a file opened in binary mode.
    ///     mode: As for `parse`.
    ///
    /// Returns:
    ///     The manifest.
    ///
    /// Raises:
    ///     OSError: The file cannot be read.
    ///     TypeError: The file is opened in text mode.
    ///     keepset.errors.ManifestError: What is in it is no manifest.
    ///
    /// Examples:
    ///     >>> import io
    ///     >>> from keepset import Manifest
    ///     >>> Manifest.load(io.BytesIO(b". d41d8cd98f00b204e9800998ecf8427e+0 0:0:a\n")).file_count
    ///     1
    #[staticmethod]
    #[pyo3(signature = (source, *, mode = "compat"))]
    fn load(py: Python<'_>, source: &Bound<'_, PyAny>, mode: &str) -> PyResult<Self> {
        read_mode(mode)?;
        let text = if source.hasattr(intern!(py, "read"))? {
            read_to_end(source)?
        } else {
            let file = py.import(intern!(py, "io"))?.call_method1(intern!(py, "open"), (source, intern!(py, "rb")))?;
            let text = read_to_end(&file);
            file.call_method0(intern!(py, "close"))?;
            text?
        };
        Self::parse(py, &text, mode)
    }

    /// Lists everything that the documented grammar has against a text.
    ///
    /// Args:
    ///     text: The text.
    ///     limit: List at most this many problems.
    ///
    /// Returns:
    ///     The problems in order of place; empty exactly when `parse(text, mode="strict")` succeeds.
    ///
    /// Examples:
    ///     >>> from keepset import Manifest
    ///     >>> [problem.code for problem in Manifest.validate("d acbd18db4cc2f85cedef654fccc4a4d8+3 0:3:a 1:3:b")]
    ///     ['bad-stream-name', 'segment-out-of-range', 'missing-final-newline']
    #[staticmethod]
    #[pyo3(signature = (text, limit = 1000))]
    fn validate(py: Python<'_>, text: &Bound<'_, PyAny>, limit: usize) -> PyResult<Vec<PyProblem>> {
        let text = read(text)?;
        enter(py, text.len(), || PyProblem::all(&Parser::default().validate(&text, limit), &text))
    }

    /// Puts the files of several manifests into one.
    ///
    /// Args:
    ///     manifests: The manifests.
    ///     on_conflict: What to do with files at one path: "error" refuses them unless they are the same, "concatenate"
    ///         puts their bytes together in order, also the same ones, as joining the texts would.
    ///
    /// Returns:
    ///     A manifest in normal form.
    ///
    /// Raises:
    ///     keepset.errors.ManifestError: Different files at one path ("content-conflict"), or a file and a directory
    ///         ("path-conflict").
    ///
    /// Examples:
    ///     >>> from keepset import Manifest
    ///     >>> one = Manifest.parse(". acbd18db4cc2f85cedef654fccc4a4d8+3 0:3:a\n")
    ///     >>> two = Manifest.parse(". acbd18db4cc2f85cedef654fccc4a4d8+3 0:3:b\n")
    ///     >>> Manifest.union([one, two]).text
    ///     '. acbd18db4cc2f85cedef654fccc4a4d8+3 0:3:a 0:3:b\n'
    #[staticmethod]
    #[pyo3(signature = (manifests, on_conflict = "error"))]
    fn union(py: Python<'_>, manifests: &Bound<'_, PyAny>, on_conflict: &str) -> PyResult<Self> {
        let on_conflict = match on_conflict {
            "error" => OnConflict::Error,
            "concatenate" => OnConflict::Concatenate,
            _ => {
                let message = format!("on_conflict is 'error' or 'concatenate', not {on_conflict:?}");
                return Err(ArgumentError::new_err(message));
            }
        };
        let mut trees = Vec::new();
        let mut is_salvaged = false;
        let mut size = 0;
        for manifest in manifests.try_iter()? {
            let manifest = manifest?;
            let manifest = manifest.cast::<Self>()?.get();
            is_salvaged |= manifest.is_salvaged;
            size += manifest.size();
            trees.push(Arc::clone(manifest.tree()));
        }
        let joined = enter(py, size, || {
            let trees: Vec<&Tree> = trees.iter().map(Arc::as_ref).collect();
            union(&trees, on_conflict)
        })?;
        let tree = joined.map_err(|error| manifest_error(py, &error, b""))?;
        Ok(Self { is_salvaged, ..Manifest::normal(Arc::new(tree)).into() })
    }

    /// The text of this form; bytes that are not UTF-8 are surrogate escapes.
    #[getter]
    fn text<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        to_str(py, &self.bytes_of_form(py)?)
    }

    fn __bytes__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        const LARGE: usize = 1 << 24;
        if self.tree().text().len() < LARGE {
            return Ok(PyBytes::new(py, &self.bytes_of_form(py)?));
        }
        self.large_bytes(py)
    }

    fn __str__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.text(py)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let form = match (self.inner.form(), self.inner.is_stripped()) {
            (Form::Original, false) => "",
            (Form::Original, true) => " stripped",
            (Form::Normal, false) => " normalized",
            (Form::Normal, true) => " normalized stripped",
        };
        let salvaged = if self.is_salvaged { " salvaged" } else { "" };
        Ok(format!("<Manifest{form}{salvaged}: {} files, {} bytes>", self.file_count(py)?, self.data_size(py)?))
    }

    fn __eq__<'py>(&self, py: Python<'py>, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let Ok(other) = other.cast::<Self>() else {
            return Ok(py.NotImplemented().into_bound(py));
        };
        let (left, right) = (self.tree(), other.get().tree());
        let is_same = enter(py, self.size(), || is_same_tree(left, right))?;
        Ok(is_same.into_pyobject(py)?.to_owned().into_any())
    }

    fn __hash__(&self, py: Python<'_>) -> PyResult<u64> {
        if let Some(hash) = self.hash.get() {
            return Ok(*hash);
        }
        let hasher = HASHER.get_or_init(RandomState::default);
        let hash = enter(py, self.size(), || hash_tree(self.tree(), hasher))?;
        Ok(*self.hash.get_or_init(|| hash))
    }

    fn __contains__(&self, path: &Bound<'_, PyAny>) -> PyResult<bool> {
        let Ok(path) = path.cast::<PyString>() else {
            return Ok(false);
        };
        with_path(path, |path| self.tree().resolve(path).is_ok())
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
        let py = slf.py();
        let restore = slf.get_type().getattr(intern!(py, "_restore"))?;
        let text = slf.get().__bytes__(py)?;
        (restore, (text, slf.get().is_salvaged)).into_pyobject(py)
    }

    /// What `pickle` calls.
    #[staticmethod]
    fn _restore(py: Python<'_>, text: &Bound<'_, PyBytes>, is_salvaged: bool) -> PyResult<Self> {
        if is_salvaged { Ok(Self::salvage(py, text)?.0) } else { Self::parse(py, text, "compat") }
    }

    fn __copy__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __deepcopy__<'py>(slf: Bound<'py, Self>, _memo: &Bound<'py, PyAny>) -> Bound<'py, Self> {
        slf
    }

    /// The same manifest in normal form, as the existing Python SDK writes it. The text is made when asked for.
    ///
    /// Returns:
    ///     A manifest that shares this one's tree.
    ///
    /// Examples:
    ///     >>> from keepset import Manifest
    ///     >>> manifest = Manifest.parse(". acbd18db4cc2f85cedef654fccc4a4d8+3 0:1:z 1:1:a\n")
    ///     >>> manifest.normalized().text
    ///     '. acbd18db4cc2f85cedef654fccc4a4d8+3 1:1:a 0:1:z\n'
    fn normalized(&self) -> Self {
        self.derived(self.inner.normalized())
    }

    /// The same manifest without the hints of its locators.
    ///
    /// Returns:
    ///     A manifest that shares this one's tree.
    ///
    /// Examples:
    ///     >>> from keepset import Manifest
    ///     >>> Manifest.parse(". acbd18db4cc2f85cedef654fccc4a4d8+3+Kzzzzz 0:3:a\n").stripped().text
    ///     '. acbd18db4cc2f85cedef654fccc4a4d8+3 0:3:a\n'
    fn stripped(&self) -> Self {
        self.derived(self.inner.stripped())
    }

    /// Whether the text is the normal form.
    #[getter]
    fn is_normalized(&self, py: Python<'_>) -> PyResult<bool> {
        enter(py, self.size(), || self.inner.is_normalized())
    }

    /// Whether this was made by `salvage`, from a text that is no good: it must not be saved.
    #[getter]
    fn salvaged(&self) -> bool {
        self.is_salvaged
    }

    /// MD5 and length of the text of this form without hints, by the server's rule.
    #[getter]
    fn portable_data_hash(&self, py: Python<'_>) -> PyResult<String> {
        let hash = enter(py, self.size(), || self.inner.portable_data_hash())?;
        hash.map_err(|error| manifest_error(py, &error, b""))
    }

    /// Writes the text to a file.
    ///
    /// Args:
    ///     file: A file opened in binary mode, or any object with a `write` that takes bytes.
    ///
    /// Returns:
    ///     The number of bytes written.
    ///
    /// Raises:
    ///     TypeError: The file is opened in text mode.
    ///     OSError: Writing fails.
    ///
    /// Examples:
    ///     >>> import io
    ///     >>> from keepset import Manifest
    ///     >>> Manifest.parse(". d41d8cd98f00b204e9800998ecf8427e+0 0:0:a\n").write_to(io.BytesIO())
    ///     43
    fn write_to(&self, py: Python<'_>, file: &Bound<'_, PyAny>) -> PyResult<usize> {
        const CHUNK: usize = 1 << 20;
        if file.is_instance(&py.import(intern!(py, "io"))?.getattr(intern!(py, "TextIOBase"))?)? {
            return Err(PyTypeError::new_err("the file must be opened in binary mode ('wb')"));
        }
        let is_raw = file.is_instance(&py.import(intern!(py, "io"))?.getattr(intern!(py, "RawIOBase"))?)?;
        let text = self.bytes_of_form(py)?;
        let mut written = 0;
        while written < text.len() {
            let chunk = &text[written..text.len().min(written + CHUNK)];
            let answer = file.call_method1(intern!(py, "write"), (PyBytes::new(py, chunk),))?;
            // An unbuffered file may take less than it is given, and says None if it would block. Other objects with
            // a `write` often answer None.
            let taken: isize = match answer.is_none() {
                true if is_raw => 0,
                true => chunk.len().cast_signed(),
                false => answer.extract()?,
            };
            match usize::try_from(taken) {
                Ok(0) => return Err(PyBlockingIOError::new_err("the file takes no more bytes")),
                Ok(taken) if taken <= chunk.len() => written += taken,
                _ => return Err(PyValueError::new_err(format!("write() answered {taken} to {} bytes", chunk.len()))),
            }
        }
        Ok(written)
    }

    /// Number of files.
    #[getter]
    fn file_count(&self, py: Python<'_>) -> PyResult<u64> {
        Ok(enter(py, self.size(), || self.tree().count_nodes())?.0)
    }

    /// Number of directories, the root not counted.
    #[getter]
    fn directory_count(&self, py: Python<'_>) -> PyResult<u64> {
        Ok(enter(py, self.size(), || self.tree().count_nodes())?.1)
    }

    /// Number of streams (lines) in the text.
    #[getter]
    fn stream_count(&self, py: Python<'_>) -> PyResult<usize> {
        enter(py, self.size(), || self.inner.stream_count())
    }

    /// Number of distinct blocks in the text, by digest and size.
    #[getter]
    fn block_count(&self, py: Python<'_>) -> PyResult<usize> {
        enter(py, self.size(), || self.inner.blocks().len())
    }

    /// Bytes in all files.
    #[getter]
    fn data_size(&self, py: Python<'_>) -> PyResult<u64> {
        Ok(enter(py, self.size(), || self.tree().size_below(Tree::ROOT))?.0)
    }

    /// Bytes in all distinct blocks of the text.
    #[getter]
    fn stored_size(&self, py: Python<'_>) -> PyResult<u64> {
        enter(py, self.size(), || self.inner.stored_size())
    }

    /// When the first signature expires (an aware datetime in UTC), or None if no block is signed.
    #[getter]
    fn signature_expiry<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Some(expiry) = enter(py, self.size(), || self.inner.signature_expiry())? else {
            return Ok(None);
        };
        let datetime = py.import(intern!(py, "datetime"))?;
        let utc = datetime.getattr(intern!(py, "timezone"))?.getattr(intern!(py, "utc"))?;
        datetime.getattr(intern!(py, "datetime"))?.call_method1(intern!(py, "fromtimestamp"), (expiry, utc)).map(Some)
    }

    /// The path and the size in bytes of each file, in manifest order.
    ///
    /// Returns:
    ///     An iterator.
    ///
    /// Examples:
    ///     >>> from keepset import Manifest
    ///     >>> dict(Manifest.parse("./d acbd18db4cc2f85cedef654fccc4a4d8+3 0:3:a\n").files())
    ///     {'d/a': 3}
    fn files(&self) -> PyFileIterator {
        PyFileIterator::new(self.inner.clone())
    }

    /// Directory by directory, as `os.walk` does.
    ///
    /// Args:
    ///     top: Where to begin. Paths start with it as given.
    ///
    /// Returns:
    ///     An iterator of (path, names of directories, names of files). Names taken from the list of directories are
    ///     not walked.
    ///
    /// Raises:
    ///     keepset.errors.PathNotFoundError: There is no such path.
    ///     keepset.errors.PathNotADirectoryError: It is a file.
    ///
    /// Examples:
    ///     >>> from keepset import Manifest
    ///     >>> list(Manifest.parse("./d acbd18db4cc2f85cedef654fccc4a4d8+3 0:3:a\n").walk())
    ///     [('.', ['d'], []), ('./d', [], ['a'])]
    #[pyo3(signature = (top = None), text_signature = "($self, top='.')")]
    fn walk(&self, py: Python<'_>, top: Option<&Bound<'_, PyString>>) -> PyResult<PyWalkIterator> {
        let root = PyString::new(py, ".");
        let top = top.unwrap_or(&root);
        let node = self.directory(top)?;
        with_path(top, |path| PyWalkIterator::new(self.inner.clone(), node, path))
    }

    /// The names in a directory, in manifest order.
    ///
    /// Args:
    ///     path: The directory.
    ///
    /// Returns:
    ///     Names of files and directories.
    ///
    /// Raises:
    ///     keepset.errors.PathNotFoundError: There is no such path.
    ///     keepset.errors.PathNotADirectoryError: It is a file.
    ///
    /// Examples:
    ///     >>> from keepset import Manifest
    ///     >>> Manifest.parse("./d acbd18db4cc2f85cedef654fccc4a4d8+3 0:3:a\n").listdir("d")
    ///     ['a']
    #[pyo3(signature = (path = None), text_signature = "($self, path='.')")]
    fn listdir<'py>(&self, py: Python<'py>, path: Option<&Bound<'py, PyString>>) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let node = path.map_or(Ok(Tree::ROOT), |path| self.directory(path))?;
        self.tree().children(node).map(|child| to_str(py, self.tree().name(child))).collect()
    }

    /// What a path is.
    ///
    /// Args:
    ///     path: The path.
    ///
    /// Returns:
    ///     Its type and size.
    ///
    /// Raises:
    ///     keepset.errors.PathNotFoundError: There is no such path.
    ///     keepset.errors.PathNotADirectoryError: A file stands in the way.
    ///
    /// Examples:
    ///     >>> from keepset import Manifest
    ///     >>> Manifest.parse("./d acbd18db4cc2f85cedef654fccc4a4d8+3 0:3:a\n").stat("d/a")
    ///     Stat(path='d/a', type="file", size=3)
    #[pyo3(signature = (path = None), text_signature = "($self, path='.')")]
    fn stat(&self, py: Python<'_>, path: Option<&Bound<'_, PyString>>) -> PyResult<PyStat> {
        let node = path.map_or(Ok(Tree::ROOT), |path| self.node(path))?;
        let size = if self.tree().kind(node) == NodeKind::File { 0 } else { self.size() };
        enter(py, size, || PyStat::new(self.tree(), node))
    }

    /// The files and directories whose path matches a pattern.
    ///
    /// Args:
    ///     pattern: `*`, `?` and `[…]` do not cross a slash, `**` does. It is matched from the root.
    ///
    /// Returns:
    ///     Paths in manifest order.
    ///
    /// Raises:
    ///     keepset.errors.ArgumentError: The pattern cannot be read.
    ///
    /// Examples:
    ///     >>> from keepset import Manifest
    ///     >>> Manifest.parse("./d acbd18db4cc2f85cedef654fccc4a4d8+3 0:3:a.bam\n").glob("**/*.bam")
    ///     ['d/a.bam']
    fn glob<'py>(&self, py: Python<'py>, pattern: &Bound<'py, PyString>) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let glob = with_path(pattern, Glob::new)?.map_err(|error| pattern_error(&error))?;
        let found = enter(py, self.size(), || {
            let mut cursor = PathCursor::new(Tree::ROOT, b"");
            let mut found = Vec::new();
            for node in self.tree().descend(Tree::ROOT) {
                let path = cursor.step(self.tree(), node);
                if glob.may_match(self.tree().name(node)) && glob.matches(path) {
                    found.push(path.to_vec());
                }
            }
            found
        })?;
        found.iter().map(|path| to_str(py, path)).collect()
    }

    /// Bytes below each directory.
    ///
    /// Args:
    ///     depth: List directories down to this many levels below the root; None lists all.
    ///
    /// Returns:
    ///     Bytes by path; "." is the total.
    ///
    /// Examples:
    ///     >>> from keepset import Manifest
    ///     >>> Manifest.parse("./d acbd18db4cc2f85cedef654fccc4a4d8+3 0:3:a\n").du()
    ///     {'.': 3, 'd': 3}
    #[pyo3(signature = (depth = None))]
    fn du<'py>(&self, py: Python<'py>, depth: Option<usize>) -> PyResult<Bound<'py, PyDict>> {
        let sizes = enter(py, self.size(), || self.tree().du(depth))?;
        let answer = PyDict::new(py);
        for (path, size) in sizes {
            answer.set_item(to_str(py, &path)?, size)?;
        }
        Ok(answer)
    }

    /// The parts of blocks that a file consists of.
    ///
    /// Args:
    ///     path: The file.
    ///
    /// Returns:
    ///     An iterator of (locator, offset in the block, length).
    ///
    /// Raises:
    ///     keepset.errors.PathNotFoundError: There is no such path.
    ///     keepset.errors.PathIsADirectoryError: It is a directory.
    ///
    /// Examples:
    ///     >>> from keepset import Manifest
    ///     >>> list(Manifest.parse(". acbd18db4cc2f85cedef654fccc4a4d8+3 1:2:a\n").segments("a"))
    ///     [('acbd18db4cc2f85cedef654fccc4a4d8+3', 1, 2)]
    fn segments(&self, path: &Bound<'_, PyString>) -> PyResult<PySegmentIterator> {
        Ok(PySegmentIterator::new(self.inner.clone(), self.file(path)?))
    }

    /// What to read, in order, for a range of a file.
    ///
    /// Args:
    ///     path: The file.
    ///     offset: Where the range starts, in bytes.
    ///     size: Its length in bytes; None reads to the end. A range beyond the end is cut.
    ///
    /// Returns:
    ///     (locator, offset in the block, length) for each part.
    ///
    /// Raises:
    ///     keepset.errors.PathNotFoundError: There is no such path.
    ///     keepset.errors.PathIsADirectoryError: It is a directory.
    ///     keepset.errors.ArgumentError: The plan has more than 2^24 parts.
    ///
    /// Examples:
    ///     >>> from keepset import Manifest
    ///     >>> Manifest.parse(". acbd18db4cc2f85cedef654fccc4a4d8+3 0:3:a\n").read_plan("a", 1, 1)
    ///     [('acbd18db4cc2f85cedef654fccc4a4d8+3', 1, 1)]
    #[pyo3(signature = (path, offset = 0, size = None))]
    fn read_plan<'py>(
        &self,
        py: Python<'py>,
        path: &Bound<'py, PyString>,
        offset: u64,
        size: Option<u64>,
    ) -> PyResult<Vec<(Bound<'py, PyAny>, u32, u32)>> {
        let file = self.file(path)?;
        let end = self.tree().file_size(file);
        let end = size.and_then(|size| offset.checked_add(size)).map_or(end, |wanted| wanted.min(end));
        let mut plan = Vec::new();
        for segment in self.tree().segments(file, offset..end) {
            if plan.len() == MAX_PLAN {
                let message = format!("more than {MAX_PLAN} parts: ask for a smaller range, or go through segments()");
                return Err(ArgumentError::new_err(message));
            }
            let locator = self.inner.locator(Some(self.tree().entry_block(segment.entry)));
            plan.push((to_str(py, &locator)?, segment.offset, segment.length));
        }
        Ok(plan)
    }

    /// The locator of each distinct block of the text, in order of first appearance.
    ///
    /// Returns:
    ///     An iterator.
    ///
    /// Examples:
    ///     >>> from keepset import Manifest
    ///     >>> list(Manifest.parse(". acbd18db4cc2f85cedef654fccc4a4d8+3 0:3:a\n").blocks())
    ///     ['acbd18db4cc2f85cedef654fccc4a4d8+3']
    fn blocks(&self, py: Python<'_>) -> PyResult<PyBlockIterator> {
        enter(py, self.size(), || PyBlockIterator::new(self.inner.clone()))
    }

    /// What changed from this manifest to another.
    ///
    /// Args:
    ///     other: The newer manifest.
    ///
    /// Returns:
    ///     The changes by path; none exactly when the two are equal.
    ///
    /// Examples:
    ///     >>> from keepset import Manifest
    ///     >>> one = Manifest.parse(". acbd18db4cc2f85cedef654fccc4a4d8+3 0:3:a\n")
    ///     >>> two = Manifest.parse(". acbd18db4cc2f85cedef654fccc4a4d8+3 0:3:b\n")
    ///     >>> one.diff(two)
    ///     <Diff: 0 added, 0 removed, 0 modified, 1 moved>
    fn diff(&self, py: Python<'_>, other: &Bound<'_, Self>) -> PyResult<PyDiff> {
        let (old, new) = (self.tree(), other.get().tree());
        enter(py, self.size() + other.get().size(), || PyDiff::new(old, new))
    }

    /// A part of the manifest.
    ///
    /// Args:
    ///     include: Patterns of what to take; None takes all. Without a leading slash a pattern begins at any directory;
    ///         one that matches a directory takes all below it.
    ///     exclude: Patterns of what to leave out even so.
    ///
    /// Returns:
    ///     A manifest in normal form.
    ///
    /// Raises:
    ///     keepset.errors.ArgumentError: A pattern cannot be read.
    ///
    /// Examples:
    ///     >>> from keepset import Manifest
    ///     >>> manifest = Manifest.parse(". acbd18db4cc2f85cedef654fccc4a4d8+3 0:3:a.bam 0:3:a.txt\n")
    ///     >>> list(manifest.subset("*.bam").files())
    ///     [('a.bam', 3)]
    #[pyo3(signature = (include = None, exclude = None))]
    fn subset(
        &self,
        py: Python<'_>,
        include: Option<&Bound<'_, PyAny>>,
        exclude: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let (include, exclude) = (read_filters(include)?, read_filters(exclude)?);
        let tree =
            enter(py, self.size(), || keepset_core::subset::subset(self.tree(), include.as_ref(), exclude.as_ref()))?;
        Ok(Self { is_salvaged: self.is_salvaged, ..Manifest::normal(Arc::new(tree)).into() })
    }
}

impl PyManifest {
    fn directory(&self, path: &Bound<'_, PyString>) -> PyResult<NodeId> {
        let node = self.node(path)?;
        if self.tree().kind(node) == NodeKind::File {
            return Err(path_error(path, keepset_core::PathError::NotADirectory));
        }
        Ok(node)
    }
}

fn read_filters(patterns: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Filters>> {
    let Some(patterns) = patterns.filter(|patterns| !patterns.is_none()) else {
        return Ok(None);
    };
    let patterns: Vec<bytes::Bytes> = match patterns.cast::<PyString>() {
        Ok(pattern) => vec![encode(pattern)?],
        Err(_) => patterns.try_iter()?.map(|pattern| encode(pattern?.cast()?)).collect::<PyResult<_>>()?,
    };
    Filters::new(patterns.iter().map(|pattern| &**pattern)).map(Some).map_err(|error| pattern_error(&error))
}
