//! The one doorway to work that takes long: it lets other Python threads run, and turns a panic of the engine, which
//! would be a bug, into an exception that `except Exception` catches.

use crate::error::InternalError;
use pyo3::marker::Ungil;
use pyo3::prelude::*;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Inputs of fewer bytes are worked on without letting go of the GIL: letting go costs about 60 ns.
const SMALL: usize = 4096;

/// Runs `work`, which handles about `size` bytes, detached if that is worth it.
pub(crate) fn enter<T: Send + Ungil>(
    py: Python<'_>,
    size: usize,
    work: impl FnOnce() -> T + Send + Ungil,
) -> PyResult<T> {
    let guarded = move || catch_unwind(AssertUnwindSafe(work));
    let result = if size < SMALL { guarded() } else { py.detach(guarded) };
    result.map_err(|panic| {
        let message = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("unknown");
        InternalError::new_err(format!("the engine failed, which is a bug of keepset: {message}"))
    })
}
