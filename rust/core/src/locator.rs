//! Block locators as tokens of a manifest: `md5+size+hints`.

use crate::blocks::MAX_BLOCK_SIZE;
use crate::error::ErrorKind;
use crate::lexer::{read_digest, read_number};

/// A locator token up to its hints.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LocatorHead {
    /// MD5 of the block.
    pub digest: [u8; 16],
    /// Number of bytes.
    pub size: u32,
    /// Where the size ends: at the `+` of the hints, or at the end of the token.
    pub end: usize,
}

/// Reads the digest and the size of the locator that starts at `start`. What follows must be a hint or a delimiter.
///
/// # Errors
/// `BadLocator` or `BlockTooLarge`.
///
/// ```
/// use keepset_core::locator::read_head;
/// let head = read_head(b"acbd18db4cc2f85cedef654fccc4a4d8+3+K@xyzzy ", 0).unwrap();
/// assert_eq!((head.size, head.end), (3, 34));
/// ```
#[inline]
pub fn read_head(text: &[u8], start: usize) -> Result<LocatorHead, ErrorKind> {
    let digest = read_digest(text, start).ok_or(ErrorKind::BadLocator)?;
    let number_start = start + 33;
    if text.get(start + 32) != Some(&b'+') {
        return Err(ErrorKind::BadLocator);
    }
    let number = read_number(text, number_start);
    if number.end == number_start || !matches!(text.get(number.end), None | Some(b' ' | b'\n' | b'+')) {
        return Err(ErrorKind::BadLocator);
    }
    let size = number.value.and_then(|value| u32::try_from(value).ok()).filter(|size| *size <= MAX_BLOCK_SIZE);
    Ok(LocatorHead { digest, size: size.ok_or(ErrorKind::BlockTooLarge)?, end: number.end })
}

/// Whether hints are as documented: each `+`, an upper-case letter, then letters, digits, `@`, `_` or `-`.
pub fn are_good_hints(hints: &[u8]) -> bool {
    let good = |hint: &[u8]| match hint {
        [first, rest @ ..] => {
            first.is_ascii_uppercase()
                && rest.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'@' | b'_' | b'-'))
        }
        [] => false,
    };
    match hints {
        [] => true,
        [b'+', rest @ ..] => rest.split(|byte| *byte == b'+').all(good),
        _ => false,
    }
}
