//! Slow, obvious twins of the clever routines, for tests only.
//!
//! A twin does the plainest thing that follows from the specification and shares no routine with what it is the twin
//! of. [`checks`] and [`plan_checks`] say what must hold between the two; the property tests in `tests/` and the fuzz targets call it with
//! inputs of their own, so that what one of them finds the other can replay.

pub mod checks;
pub mod diff;
pub mod escape;
pub mod histories;
pub mod lexer;
pub mod manifest;
pub mod merge;
pub mod merge_checks;
pub mod normalize;
pub mod pieces;
pub mod plan;
pub mod plan_checks;
pub mod ranges;
pub mod repack;
pub mod strip;
pub mod union;
