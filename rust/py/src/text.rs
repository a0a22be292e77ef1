//! Bytes in, strings out.
//!
//! A name is bytes; Python sees it as UTF-8 with `surrogateescape` (PEP 383), so that any name comes back as it was.

use crate::error::ArgumentError;
use bytes::Bytes;
use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyString};

/// The bytes of a text argument. A `bytes` is shared, anything else is copied once.
pub(crate) fn read(text: &Bound<'_, PyAny>) -> PyResult<Bytes> {
    let py = text.py();
    let bytes = if let Ok(bytes) = text.cast_exact::<PyBytes>() {
        bytes.clone()
    } else if let Ok(text) = text.cast::<PyString>() {
        return encode(text);
    } else if is_buffer(text) {
        py.get_type::<PyBytes>().call1((text,))?.cast_into::<PyBytes>()?
    } else {
        let name = text.get_type().name()?;
        return Err(PyTypeError::new_err(format!("a manifest is str, bytes, bytearray or memoryview, not {name}")));
    };
    Ok(Bytes::from_owner(PyBackedBytes::from(bytes)))
}

fn is_buffer(object: &Bound<'_, PyAny>) -> bool {
    use pyo3::types::{PyByteArray, PyMemoryView};
    object.is_instance_of::<PyBytes>()
        || object.is_instance_of::<PyByteArray>()
        || object.is_instance_of::<PyMemoryView>()
}

/// The bytes of a string.
pub(crate) fn encode(text: &Bound<'_, PyString>) -> PyResult<Bytes> {
    let py = text.py();
    let encoded = text.call_method1(intern!(py, "encode"), (intern!(py, "utf-8"), intern!(py, "surrogateescape")));
    let encoded = encoded.map_err(|error| ArgumentError::new_err(format!("not text: {}", error.value(py))))?;
    Ok(Bytes::from_owner(PyBackedBytes::from(encoded.cast_into::<PyBytes>()?)))
}

/// Calls `use_path` with the bytes of a path.
pub(crate) fn with_path<T>(path: &Bound<'_, PyString>, use_path: impl FnOnce(&[u8]) -> T) -> PyResult<T> {
    // A `str` without surrogates lends its UTF-8.
    match path.to_str() {
        Ok(path) => Ok(use_path(path.as_bytes())),
        Err(_) => Ok(use_path(&encode(path)?)),
    }
}

/// The string for bytes.
#[inline]
pub(crate) fn to_str<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(PyString::new(py, text).into_any()),
        Err(_) => PyBytes::new(py, bytes)
            .call_method1(intern!(py, "decode"), (intern!(py, "utf-8"), intern!(py, "surrogateescape"))),
    }
}

/// Undoes `unescape`: the name as a manifest writes it.
///
/// Args:
///     path: A name or a path. Slashes stay.
///
/// Returns:
///     The same with a space, control characters, `:`, `\` and bytes that are not UTF-8 as octal escapes.
///
/// Examples:
///     >>> import keepset
///     >>> keepset.escape("a b")
///     'a\\040b'
#[pyfunction]
pub(crate) fn escape<'py>(path: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>> {
    let path_bytes = encode(path)?;
    to_str(path.py(), &keepset_core::escape::escape(&path_bytes))
}

/// The name that a manifest's escaped form stands for.
///
/// Args:
///     path: An escaped name. An escape is a byte: several of them can be one character.
///
/// Returns:
///     The name. What is no escape from `\000` to `\377` stays as it is.
///
/// Examples:
///     >>> import keepset
///     >>> keepset.unescape("caf\\303\\251")
///     'café'
#[pyfunction]
pub(crate) fn unescape<'py>(path: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>> {
    let path_bytes = encode(path)?;
    to_str(path.py(), &keepset_core::escape::unescape(&path_bytes))
}
