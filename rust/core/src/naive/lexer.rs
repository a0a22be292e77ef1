//! The slow twin of [`crate::lexer`]: one byte at a time.

use crate::lexer::{Number, Token, TokenFlags};

/// Twin of [`crate::lexer::scan_token`].
pub fn scan_token(text: &[u8], start: usize) -> Token {
    let mut flags = TokenFlags::default();
    let mut end = start;
    while end < text.len() && text[end] != b' ' && text[end] != b'\n' {
        flags = flags.or(match text[end] {
            b'/' => TokenFlags::SLASH,
            b'\\' => TokenFlags::BACKSLASH,
            0x80..=0xff => TokenFlags::HIGH,
            b'\t' | b'\r' | 0x0b | 0x0c | 0x1c | 0x1d | 0x1e | 0x1f => TokenFlags::WHITE_SPACE,
            0x00..=0x1f => TokenFlags::CONTROL,
            _ => TokenFlags::default(),
        });
        end += 1;
    }
    Token { end, flags }
}

/// Twin of [`crate::lexer::read_digest`].
pub fn read_digest(text: &[u8], start: usize) -> Option<[u8; 16]> {
    let mut digest = [0; 16];
    for index in 0..32 {
        let digit = match text.get(start + index)? {
            digit @ b'0'..=b'9' => digit - b'0',
            letter @ b'a'..=b'f' => letter - b'a' + 10,
            _ => return None,
        };
        digest[index / 2] = digest[index / 2] * 16 + digit;
    }
    Some(digest)
}

/// Twin of [`crate::lexer::read_number`].
pub fn read_number(text: &[u8], start: usize) -> Number {
    let mut value = Some(0_u64);
    let mut end = start;
    while end < text.len() && text[end].is_ascii_digit() {
        let digit = u64::from(text[end] - b'0');
        value = value.and_then(|value| value.checked_mul(10)).and_then(|value| value.checked_add(digit));
        end += 1;
    }
    Number { value, end }
}
