//! The lexer beside its twin, at every place of a text.

use crate::strategies::{bent_texts, bytes_like};
use keepset_core::{lexer, naive};
use proptest::prelude::*;

fn check(text: &[u8]) {
    for start in 0..=text.len() {
        assert_eq!(lexer::scan_token(text, start), naive::lexer::scan_token(text, start), "token at {start}");
        assert_eq!(lexer::read_digest(text, start), naive::lexer::read_digest(text, start), "digest at {start}");
        assert_eq!(lexer::read_number(text, start), naive::lexer::read_number(text, start), "number at {start}");
    }
}

proptest! {
    #[test]
    fn agrees_with_its_twin_on_texts(text in bent_texts()) {
        check(&text);
    }

    #[test]
    fn agrees_with_its_twin_on_bytes(text: Vec<u8>) {
        check(&text);
    }

    #[test]
    fn agrees_with_its_twin_on_almost_digests(text in bytes_like(b"0123456789abcdef", 32..40)) {
        check(&text);
    }

    #[test]
    fn agrees_with_its_twin_on_numbers(text in "0{0,3}[0-9]{17,21}[: /0-9]{0,2}") {
        check(text.as_bytes());
    }

    #[test]
    fn agrees_with_its_twin_on_long_tokens(text in bytes_like(b"abcdefg\x7f", 8..60)) {
        check(&text);
    }
}

#[test]
fn every_byte_is_one_or_the_other_everywhere_in_a_word() {
    for byte in 0..=u8::MAX {
        for at in 0..17 {
            let mut text = *b"aaaaaaaaaaaaaaaaa 0123456789abcdef0123456789abcdef";
            text[at] = byte;
            text[18 + at] = byte;
            check(&text);
        }
    }
}
