//! The tests of the engine from outside: properties for drawn inputs, the shared vectors, and plain tests of what
//! fuzzing and drawing have found.
//!
//! All are one program, which links once and shares the strategies. What the properties say stands in
//! `keepset_core::naive`, where the fuzz targets find it too.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod escape;
mod findings;
mod keep_locator;
mod lexer;
mod manifest;
mod pieces;
mod plan;
mod ranges;
mod strategies;
mod stream;
mod vectors;
