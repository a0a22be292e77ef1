//! The extension module `keepset._core`: the only door from Python to the engine.
//!
//! This crate knows about Python objects, the GIL and exceptions; it knows nothing about manifests that
//! `keepset-core` does not tell it. What it exports is described by the hand-written stub
//! `python/keepset/_core.pyi`, which `make check` compares with the compiled module.

mod answers;
mod diff;
mod enter;
mod error;
mod locator;
mod manifest;
mod memory;
mod merge;
mod plan;
mod ranges;
mod stream;
mod text;
mod tree;

use pyo3::prelude::*;

/// The compiled engine of keepset.
#[pymodule(gil_used = false)]
mod _core {
    /// The version of the library: that of the Cargo workspace, in which pyproject.toml finds it too.
    #[pymodule_export]
    #[expect(non_upper_case_globals, reason = "a module constant is exported under its Rust name")]
    const __version__: &str = env!("CARGO_PKG_VERSION");

    /// Whether this is a development build, many times slower than a release build.
    #[pymodule_export]
    const DEBUG_BUILD: bool = cfg!(debug_assertions);

    #[pymodule_export]
    use crate::answers::{PyBlockIterator, PyFileIterator, PySegmentIterator, PyStat, PyWalkIterator};
    #[pymodule_export]
    use crate::diff::{PyChange, PyChangeIterator, PyDiff};
    #[pymodule_export]
    use crate::error::{PyProblem, error_codes};
    #[pymodule_export]
    use crate::locator::PyKeepLocator;
    #[pymodule_export]
    use crate::manifest::PyManifest;
    #[pymodule_export]
    use crate::memory::{join, prefer_large_pages};
    #[pymodule_export]
    use crate::merge::{apply_changes, join_directories, list_changes, merge_changes, roots_of};
    #[pymodule_export]
    use crate::plan::{packed_segments, plan_edit, plan_repack, relocate};
    #[pymodule_export]
    use crate::ranges::{PyLocatorAndRange, PyRange, first_block, locators_and_ranges, replace_range};
    #[pymodule_export]
    use crate::stream::normalize_stream;
    #[pymodule_export]
    use crate::text::{escape, unescape};
    #[pymodule_export]
    use crate::tree::PyTree;
}
