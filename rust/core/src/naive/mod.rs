//! Slow, obvious twins of the clever routines, for tests only.

pub mod ranges;
