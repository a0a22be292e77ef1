//! The manifest engine of keepset: text, trees and ranges. No Python, no I/O, no threads, no unsafe code.
//!
//! Data flows one way:
//!
//! | step | modules |
//! | --- | --- |
//! | text to tokens | [`lexer`], [`escape`], [`locator`], [`signature`] |
//! | tokens to a tree | [`parser`], [`blocks`], [`tree`] |
//! | questions | [`tree`], [`pieces`], [`content`], [`manifest`] |
//! | a tree to text | [`normalize`], [`strip`](mod@strip), [`digest`] |
//! | the seed's small public pieces | [`keep_locator`], [`ranges`], [`stream`] |
#![forbid(unsafe_code)]

pub mod blocks;
pub mod content;
pub mod digest;
pub mod error;
pub mod escape;
pub mod ids;
pub mod keep_locator;
pub mod lexer;
pub mod locator;
pub mod manifest;
#[cfg(any(test, feature = "naive"))]
pub mod naive;
pub mod normalize;
mod output;
pub mod parser;
pub mod patterns;
pub mod pieces;
pub mod plan;
pub mod ranges;
pub mod repack;
mod runs;
pub mod signature;
pub mod stream;
mod stream_index;
pub mod strip;
pub mod subset;
pub mod text;
pub mod tree;
pub mod union;

pub use error::{Error, ErrorKind, Position, Span};
pub use manifest::{Form, Manifest};
pub use parser::{Mode, Parser};
pub use tree::find::PathError;
pub use tree::{NodeKind, Tree};
