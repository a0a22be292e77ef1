//! `keepset.normalize_stream`.

#![expect(clippy::doc_markdown, reason = "what Python shows is a Python docstring, not Markdown")]

use crate::locator::ArgumentError;
use crate::ranges::PyLocatorAndRange;
use keepset_core::stream::{self, StreamSegment};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyMapping, PyString};
use std::borrow::Cow;

/// The bytes of a name: UTF-8, with the bytes that `surrogateescape` stands for.
fn name_bytes<'a>(text: &'a Bound<'_, PyString>) -> PyResult<Cow<'a, [u8]>> {
    if let Ok(text) = text.to_str() {
        return Ok(Cow::Borrowed(text.as_bytes()));
    }
    match text.call_method1("encode", ("utf-8", "surrogateescape")) {
        Ok(bytes) => Ok(Cow::Owned(bytes.cast::<PyBytes>()?.as_bytes().to_vec())),
        Err(_) => Err(ArgumentError::new_err(format!("{} has a surrogate that stands for no byte", text.repr()?))),
    }
}

/// The inverse of [`name_bytes`].
fn name_str<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyString>> {
    match str::from_utf8(bytes) {
        Ok(text) => Ok(PyString::new(py, text)),
        Err(_) => PyString::from_encoded_object(&PyBytes::new(py, bytes), Some(c"utf-8"), Some(c"surrogateescape")),
    }
}

/// The tokens of one manifest stream in normal form.
///
/// Files are sorted by code point; each block comes once, in order of first use; touching spans are merged. Blocks are
/// the same when digest and size agree: of several sets of hints a local signature is written rather than a remote
/// one, a remote one rather than none, and of two of a kind the one that expires last. Segments without bytes are left
/// out. A locator that is no locator (the name of a block still being written, say) stands for itself.
///
/// Args:
///     stream_name: The name, not escaped: `"."`, or beginning with `"./"`.
///     stream: For each file, by its name, the parts of blocks that it consists of.
///
/// Returns:
///     The stream name, the locators and the file tokens: joined by spaces they are a line of a manifest.
///
/// Raises:
///     keepset.errors.ArgumentError: A part reaches beyond its block, or the size of a block is in doubt.
///
/// Examples:
///     >>> from keepset import normalize_stream
///     >>> from keepset.ranges import LocatorAndRange
///     >>> foo = "acbd18db4cc2f85cedef654fccc4a4d8+3"
///     >>> normalize_stream(".", {"o o": [LocatorAndRange(foo, 3, 1, 2)], "empty": []})
///     ['.', 'acbd18db4cc2f85cedef654fccc4a4d8+3', '0:0:empty', '1:2:o\\040o']
#[pyfunction]
pub(crate) fn normalize_stream<'py>(
    stream_name: &Bound<'py, PyString>,
    stream: &Bound<'py, PyMapping>,
) -> PyResult<Vec<Bound<'py, PyString>>> {
    let py = stream_name.py();
    let mut names = Vec::new();
    let mut parts = Vec::new();
    // A list of the items, as reading a sequence of the caller's own making may change the mapping.
    for item in stream.items()? {
        let (name, segments): (Bound<'py, PyString>, Bound<'py, PyAny>) = item.extract()?;
        parts.push(parts_of(&name, &segments)?);
        names.push(name);
    }
    let locators = names.iter().zip(&parts).map(|(name, parts)| locators_of(name, parts));
    let locators: Vec<_> = locators.collect::<PyResult<_>>()?;
    let mut files = Vec::with_capacity(names.len());
    for ((name, parts), locators) in names.iter().zip(&parts).zip(&locators) {
        let segments = parts.iter().zip(locators).map(|(part, locator)| {
            let part = part.get();
            StreamSegment {
                locator,
                block_size: part.block_size,
                segment_offset: part.segment_offset,
                segment_size: part.segment_size,
            }
        });
        files.push((name_bytes(name)?, segments.collect::<Vec<_>>()));
    }
    match stream::normalize_stream(&name_bytes(stream_name)?, &files) {
        Ok(tokens) => tokens.iter().map(|token| name_str(py, token)).collect(),
        Err(error) => Err(wrong_segment(&names[error.file], error.segment, &error.kind)),
    }
}

fn parts_of<'py>(
    name: &Bound<'py, PyString>,
    segments: &Bound<'py, PyAny>,
) -> PyResult<Vec<Bound<'py, PyLocatorAndRange>>> {
    let part = |(index, part): (usize, PyResult<Bound<'py, PyAny>>)| {
        part?.cast_into::<PyLocatorAndRange>().map_err(|error| {
            let found = error.into_inner().get_type();
            let expected = format!("segment {index} of {name:?} must be a keepset.ranges.LocatorAndRange, not {found}");
            PyTypeError::new_err(expected)
        })
    };
    segments.try_iter()?.enumerate().map(part).collect()
}

fn locators_of<'a>(
    name: &Bound<'_, PyString>,
    parts: &'a [Bound<'_, PyLocatorAndRange>],
) -> PyResult<Vec<Cow<'a, [u8]>>> {
    let locator = |(index, part): (usize, &'a Bound<'_, PyLocatorAndRange>)| {
        let locator = part.get().locator.as_ref().and_then(|locator| locator.bind(part.py()).cast().ok());
        locator.map_or_else(|| Err(wrong_segment(name, index, &"it has no locator")), name_bytes)
    };
    parts.iter().enumerate().map(locator).collect()
}

fn wrong_segment(name: &Bound<'_, PyString>, segment: usize, what: &dyn std::fmt::Display) -> PyErr {
    ArgumentError::new_err(format!("segment {segment} of {name:?}: {what}"))
}
