//! Any bytes: reading never panics and never hangs, engine and twin come to the same verdict and the same tree, and
//! the tree survives being written and read again. Salvage and validation see the same bytes.
#![no_main]

use keepset_core::naive::checks::check_reading;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| check_reading(text));
