//! Octal escapes. An escape is a *byte*: `caf\303\251` is `café` (regressions L4).
//!
//! Written escapes are those of the existing Python SDK, 0x00 to 0x20, `:` and `\`, and besides every byte that is not
//! part of valid UTF-8, which the API server refuses raw.

use std::borrow::Cow;

const PLAIN: u8 = 0;
const ESCAPED: u8 = 1;
const HIGH: u8 = 2;

/// How a byte is written.
static CLASS: [u8; 256] = {
    let mut class = [PLAIN; 256];
    let mut byte = 0;
    while byte < 256 {
        if byte <= 0x20 || byte == b':' as usize || byte == b'\\' as usize {
            class[byte] = ESCAPED;
        } else if byte >= 0x80 {
            class[byte] = HIGH;
        }
        byte += 1;
    }
    class
};

/// Whether a name is written as it is.
#[inline]
pub fn is_plain(name: &[u8]) -> bool {
    let mut class = 0;
    for byte in name {
        class |= CLASS[usize::from(*byte)];
    }
    class == PLAIN || (class == HIGH && std::str::from_utf8(name).is_ok())
}

/// The written form of a name.
///
/// ```
/// use keepset_core::escape::escape;
/// assert_eq!(&*escape(b"a b:c"), b"a\\040b\\072c");
/// assert_eq!(&*escape("é".as_bytes()), "é".as_bytes());
/// assert_eq!(&*escape(b"\xff"), b"\\377");
/// ```
pub fn escape(name: &[u8]) -> Cow<'_, [u8]> {
    if is_plain(name) {
        return Cow::Borrowed(name);
    }
    let mut out = Vec::with_capacity(name.len() + 12);
    escape_into(name, &mut out);
    Cow::Owned(out)
}

/// Appends the written form of a name.
pub fn escape_into(name: &[u8], out: &mut Vec<u8>) {
    for chunk in name.utf8_chunks() {
        for &byte in chunk.valid().as_bytes() {
            if CLASS[usize::from(byte)] == ESCAPED { push_octal(byte, out) } else { out.push(byte) }
        }
        chunk.invalid().iter().for_each(|byte| push_octal(*byte, out));
    }
}

fn push_octal(byte: u8, out: &mut Vec<u8>) {
    out.extend([b'\\', b'0' + (byte >> 6), b'0' + ((byte >> 3) & 7), b'0' + (byte & 7)]);
}

/// The name that a written form stands for. What is not an escape from `\000` to `\377` stays as it is.
///
/// ```
/// use keepset_core::escape::unescape;
/// assert_eq!(&*unescape(b"caf\\303\\251"), "café".as_bytes());
/// assert_eq!(&*unescape(b"a\\400\\9\\"), b"a\\400\\9\\");
/// ```
pub fn unescape(written: &[u8]) -> Cow<'_, [u8]> {
    let Some(first) = memchr::memchr(b'\\', written) else {
        return Cow::Borrowed(written);
    };
    let mut out = Vec::with_capacity(written.len());
    out.extend_from_slice(&written[..first]);
    let mut rest = &written[first..];
    while let [byte, tail @ ..] = rest {
        if let Some(code) = escape_at(rest) {
            out.push(code);
            rest = &rest[4..];
        } else {
            out.push(*byte);
            rest = tail;
        }
    }
    Cow::Owned(out)
}

/// The byte that the escape at the start of `rest` stands for, if there is one.
pub(crate) fn escape_at(rest: &[u8]) -> Option<u8> {
    match rest {
        [b'\\', high @ b'0'..=b'3', middle @ b'0'..=b'7', low @ b'0'..=b'7', ..] => {
            Some((high - b'0') << 6 | (middle - b'0') << 3 | (low - b'0'))
        }
        _ => None,
    }
}

/// Whether every backslash starts an escape from `\000` to `\377`.
pub fn has_only_good_escapes(written: &[u8]) -> bool {
    let mut rest = written;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        if escape_at(&rest[at..]).is_none() {
            return false;
        }
        rest = &rest[at + 4..];
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn unescape_undoes_escape(name: Vec<u8>) {
            let written = escape(&name);
            prop_assert_eq!(&*unescape(&written), &name[..]);
        }

        #[test]
        fn escaped_names_are_utf_8_without_delimiters(name: Vec<u8>) {
            let written = escape(&name);
            prop_assert!(std::str::from_utf8(&written).is_ok());
            prop_assert!(written.iter().all(|byte| *byte > b' ' && *byte != b':'));
            prop_assert!(has_only_good_escapes(&written));
        }
    }
}
