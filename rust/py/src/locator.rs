//! `keepset.KeepLocator`.

#![expect(
    clippy::doc_markdown,
    clippy::doc_link_with_quotes,
    reason = "what Python shows is a Python docstring, not Markdown"
)]

use keepset_core::keep_locator::KeepLocator;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDateTime, PyDict, PyString, PyType, PyTzInfo};
use std::time::{SystemTime, UNIX_EPOCH};

pyo3::import_exception!(keepset.errors, ArgumentError);

/// How many characters of a text an error shows.
const SHOWN: usize = 120;

/// A block locator: MD5, size and hints.
///
/// A value: it can be compared, hashed and pickled, and does not change. The grammar is the widest that servers and
/// clients agree on: 32 hexadecimal digits, `+` and a decimal size (which may be missing), then hints, each `+`, an
/// upper-case letter and any letters, digits, `@`, `_` and `-`. A hint that begins with `A` must be a signature.
///
/// Args:
///     locator: The text. All of it must be a locator.
///
/// Raises:
///     keepset.errors.ArgumentError: The text is not a locator. It is a `ValueError` and says what is wrong and where.
///
/// Examples:
///     >>> from keepset import KeepLocator
///     >>> locator = KeepLocator("acbd18db4cc2f85cedef654fccc4a4d8+3+Kzzzzz")
///     >>> locator.md5sum, locator.size, locator.hints
///     ('acbd18db4cc2f85cedef654fccc4a4d8', 3, ['Kzzzzz'])
///     >>> locator.stripped()
///     'acbd18db4cc2f85cedef654fccc4a4d8+3'
#[pyclass(name = "KeepLocator", module = "keepset._core", frozen)]
pub(crate) struct PyKeepLocator {
    inner: KeepLocator,
}

#[pymethods]
impl PyKeepLocator {
    #[new]
    fn new(locator_str: &Bound<'_, PyString>) -> PyResult<Self> {
        // A lone surrogate becomes a replacement character, which no locator has either.
        let text = locator_str.to_string_lossy();
        match KeepLocator::parse(&text) {
            Ok(inner) => Ok(Self { inner }),
            Err(problem) => {
                let short = if text.chars().nth(SHOWN).is_some() {
                    let start: String = text.chars().take(SHOWN).chain(['…']).collect();
                    PyString::new(locator_str.py(), &start)
                } else {
                    locator_str.clone()
                };
                Err(ArgumentError::new_err(format!("not a block locator: {}: {problem}", short.repr()?)))
            }
        }
    }

    /// The digest: 32 hexadecimal digits, in the case they were given.
    #[getter]
    fn md5sum(&self) -> &str {
        self.inner.md5sum()
    }

    /// The number of bytes of the block; None if the locator does not say it.
    #[getter]
    fn size(&self) -> Option<u64> {
        self.inner.size()
    }

    /// The hints other than the signature, each without its `+`.
    #[getter]
    fn hints(&self) -> Vec<&str> {
        self.inner.hints().collect()
    }

    /// The 40 hexadecimal digits of the signature, if there is one.
    #[getter]
    fn perm_sig(&self) -> Option<&str> {
        self.inner.perm_sig()
    }

    /// When the signature ends, as a naive `datetime` in UTC; None without a signature.
    #[getter]
    fn perm_expiry<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Some(expiry) = self.inner.perm_expiry() else {
            return Ok(None);
        };
        let utc = PyTzInfo::utc(py)?;
        with_time_zone(&PyDateTime::from_timestamp(py, f64::from(expiry), Some(&utc))?, None).map(Some)
    }

    /// Digest and size, without any hint.
    fn stripped(&self) -> &str {
        self.inner.stripped()
    }

    /// The signature as a hint, without its `+` and with eight digits of time; None without a signature.
    fn permission_hint(&self) -> Option<&str> {
        self.inner.permission_hint()
    }

    /// Whether the signature has ended. A locator without one never expires.
    ///
    /// Args:
    ///     as_of_dt: The moment to ask about: an aware `datetime`, or a naive one in UTC. Now, if it is None.
    ///
    /// Examples:
    ///     >>> from datetime import datetime
    ///     >>> from keepset import KeepLocator
    ///     >>> locator = KeepLocator("acbd18db4cc2f85cedef654fccc4a4d8+3+A" + 40 * "0" + "@6553f100")
    ///     >>> locator.perm_expiry
    ///     datetime.datetime(2023, 11, 14, 22, 13, 20)
    ///     >>> locator.permission_expired(datetime(2023, 1, 1))
    ///     False
    #[pyo3(signature = (as_of_dt=None))]
    fn permission_expired(&self, py: Python<'_>, as_of_dt: Option<&Bound<'_, PyDateTime>>) -> PyResult<bool> {
        let Some(expiry) = self.inner.perm_expiry() else {
            return Ok(false);
        };
        let Some(moment) = as_of_dt else {
            // Before 1970 by the clock of this machine: nothing has expired.
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            return Ok(u64::from(expiry) <= now.as_secs());
        };
        let aware = if moment.call_method0(intern!(py, "utcoffset"))?.is_none() {
            with_time_zone(moment, Some(&*PyTzInfo::utc(py)?))?
        } else {
            moment.as_any().clone()
        };
        let seconds: f64 = aware.call_method0(intern!(py, "timestamp"))?.extract()?;
        Ok(f64::from(expiry) <= seconds)
    }

    fn __str__(&self) -> &str {
        self.inner.as_str()
    }

    fn __repr__(&self) -> String {
        format!("KeepLocator('{}')", self.inner)
    }

    // Anything else than a locator is not extracted, and PyO3 answers NotImplemented.
    fn __eq__(&self, other: &Bound<'_, Self>) -> bool {
        self.inner == other.get().inner
    }

    fn __hash__(&self, py: Python<'_>) -> PyResult<isize> {
        PyString::new(py, self.inner.as_str()).hash()
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> (Bound<'py, PyType>, (String,)) {
        (slf.get_type(), (slf.get().inner.to_string(),))
    }
}

/// The same reading of the clock, said to be in this time zone.
fn with_time_zone<'py>(
    moment: &Bound<'py, PyDateTime>,
    time_zone: Option<&Bound<'py, PyTzInfo>>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = moment.py();
    let arguments = PyDict::new(py);
    arguments.set_item(intern!(py, "tzinfo"), time_zone)?;
    moment.call_method(intern!(py, "replace"), (), Some(&arguments))
}
