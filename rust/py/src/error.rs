//! From the engine's errors to exceptions and `Problem`s.

use crate::text::{encode, to_str};
use bytes::Bytes;
use keepset_core::error::{Position, PositionCursor};
use keepset_core::{Error, ErrorKind, PathError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

pyo3::import_exception!(keepset.errors, ArgumentError);
pyo3::import_exception!(keepset.errors, InternalError);
pyo3::import_exception!(keepset.errors, ManifestError);
pyo3::import_exception!(keepset.errors, MergeConflictError);
pyo3::import_exception!(keepset.errors, PathIsADirectoryError);
pyo3::import_exception!(keepset.errors, PathNotADirectoryError);
pyo3::import_exception!(keepset.errors, PathNotFoundError);

/// A message shows at most this many bytes of a token.
const SHOWN: usize = 100;

/// The token as a message shows it: on one line, and not too long.
fn shown(token: &[u8]) -> String {
    let cut = &token[..token.len().min(SHOWN)];
    let text: String = String::from_utf8_lossy(cut).chars().flat_map(char::escape_debug).collect();
    let dots = if cut.len() < token.len() { "…" } else { "" };
    format!("'{text}{dots}'")
}

fn message(error: &Error, text: &[u8]) -> String {
    let token = error.token(text);
    if token.is_empty() { error.to_string() } else { format!("{error}: {}", shown(token)) }
}

/// The exception for a text that cannot be read.
pub(crate) fn manifest_error(py: Python<'_>, error: &Error, text: &[u8]) -> PyErr {
    let position = error.position(text);
    let make = || {
        let keywords = PyDict::new(py);
        keywords.set_item("code", error.kind.code())?;
        keywords.set_item("line", position.line)?;
        keywords.set_item("column", position.column)?;
        keywords.set_item("offset", error.span.start)?;
        keywords.set_item("token", to_str(py, error.token(text))?)?;
        let message = if text.is_empty() {
            message(error, text)
        } else {
            format!("line {}, column {}: {}", position.line, position.column, message(error, text))
        };
        py.get_type::<ManifestError>().call((message,), Some(&keywords))
    };
    match make() {
        Ok(exception) => PyErr::from_value(exception),
        Err(failure) => failure,
    }
}

/// The exception for a path that leads nowhere.
pub(crate) fn path_error(path: &Bound<'_, PyString>, error: PathError) -> PyErr {
    let path = path.clone().unbind();
    match error {
        PathError::NotFound => PathNotFoundError::new_err(("no such file or directory", path)),
        PathError::NotADirectory => PathNotADirectoryError::new_err(("not a directory", path)),
    }
}

/// One thing that is wrong with a manifest text, and where.
///
/// `Manifest.validate` and `Manifest.salvage` make these. Two are equal when they say the same.
#[pyclass(name = "Problem", module = "keepset._core", frozen, eq)]
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct PyProblem {
    /// The stable name of the kind of problem, such as "segment-out-of-range".
    #[pyo3(get)]
    code: String,
    /// What is wrong and what to do, in words.
    #[pyo3(get)]
    message: String,
    /// The line, counted from 1.
    #[pyo3(get)]
    line: usize,
    /// The column in characters, counted from 1.
    #[pyo3(get)]
    column: usize,
    /// The byte of the UTF-8 text, counted from 0.
    #[pyo3(get)]
    offset: usize,
    /// Part of the text: many problems can be about one token that is nearly all of it.
    token: Bytes,
}

impl PyProblem {
    /// The problems of a text, which are in order of place.
    pub(crate) fn all(errors: &[Error], text: &Bytes) -> Vec<Self> {
        let mut cursor = PositionCursor::new(text);
        errors
            .iter()
            .map(|error| {
                let Position { line, column } = cursor.advance_to(error.span.start);
                Self {
                    code: error.kind.code().to_owned(),
                    message: message(error, text),
                    line,
                    column,
                    offset: error.span.start,
                    token: text.slice_ref(error.token(text)),
                }
            })
            .collect()
    }
}

#[pymethods]
impl PyProblem {
    #[new]
    fn new(
        code: String,
        message: String,
        line: usize,
        column: usize,
        offset: usize,
        token: &Bound<'_, PyString>,
    ) -> PyResult<Self> {
        Ok(Self { code, message, line, column, offset, token: encode(token)? })
    }

    /// The token that is wrong; bytes that are not UTF-8 are surrogate escapes.
    #[getter]
    fn token<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        to_str(py, &self.token)
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
        let it = slf.get();
        let fields = (&it.code, &it.message, it.line, it.column, it.offset, it.token(slf.py())?);
        (slf.get_type(), fields).into_pyobject(slf.py())
    }

    fn __hash__(&self, py: Python<'_>) -> PyResult<isize> {
        (&self.code, self.offset, self.token(py)?).into_pyobject(py)?.hash()
    }

    fn __repr__(&self) -> String {
        format!("Problem(code={:?}, line={}, column={}, message={:?})", self.code, self.line, self.column, self.message)
    }

    fn __str__(&self) -> String {
        format!("line {}, column {}: {}: {}", self.line, self.column, self.code, self.message)
    }
}

/// Every code that a `Problem` or a `ManifestError` can carry.
#[pyfunction]
pub(crate) fn error_codes() -> Vec<&'static str> {
    ErrorKind::CODES.to_vec()
}
