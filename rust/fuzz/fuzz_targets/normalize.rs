//! Texts that can be read: every form is the twin's to the byte and has the hash that its text has, and normalizing
//! twice is normalizing once.
#![no_main]

use keepset_core::naive::checks::check_writing;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| check_writing(text));
