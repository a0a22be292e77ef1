//! Tokens of a manifest text: where they end, what they are made of, and the numbers in them.
//!
//! Nothing here allocates. Eight bytes are looked at a time, as one little-endian word ("SWAR"); the twins in
//! `naive::lexer` look at one byte at a time. Only the space and the newline delimit (facts: other white space is
//! refused by the parser, not treated as a separator).

const LOW_BITS: u64 = 0x0101_0101_0101_0101;
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

/// What a token is made of, apart from ordinary ASCII.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct TokenFlags(u8);

impl TokenFlags {
    /// It has a `/`.
    pub const SLASH: Self = Self(1);
    /// It has a `\`.
    pub const BACKSLASH: Self = Self(2);
    /// It has a byte of 0x80 or more.
    pub const HIGH: Self = Self(4);
    /// It has a tab, CR, VT, FF or one of FS to US.
    pub const WHITE_SPACE: Self = Self(8);
    /// It has another control character below 0x20.
    pub const CONTROL: Self = Self(16);

    /// Whether any of these flags is set.
    #[inline]
    pub fn any(self, flags: Self) -> bool {
        self.0 & flags.0 != 0
    }

    /// Both sets of flags.
    #[inline]
    #[must_use]
    pub const fn or(self, flags: Self) -> Self {
        Self(self.0 | flags.0)
    }
}

/// The end of a token, and what it is made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Token {
    /// One past the last byte: at a space, a newline or the end of the text.
    pub end: usize,
    /// What the bytes from the start of the scan to `end` are made of.
    pub flags: TokenFlags,
}

#[inline]
fn word_at(text: &[u8], at: usize) -> Option<u64> {
    let bytes = text.get(at..at + 8)?;
    Some(u64::from_le_bytes(bytes.try_into().ok()?))
}

/// The high bit of each byte that is zero. Bits above the lowest one set may be wrong; the lowest is right.
#[inline]
fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(LOW_BITS) & !word & HIGH_BITS
}

/// Whether two names are equal. Names are short, so that calling a library takes longer.
#[inline]
pub(crate) fn is_equal(left: &[u8], right: &[u8]) -> bool {
    let length = left.len();
    if length != right.len() {
        return false;
    }
    let Some(last) = length.checked_sub(8) else {
        return left == right;
    };
    (0..last).step_by(8).chain([last]).all(|at| word_at(left, at) == word_at(right, at))
}

/// Finds the end of the token that starts at `start`.
///
/// ```
/// use keepset_core::lexer::{scan_token, TokenFlags};
/// let token = scan_token(b"./a/b next", 0);
/// assert_eq!(token.end, 5);
/// assert!(token.flags.any(TokenFlags::SLASH) && !token.flags.any(TokenFlags::BACKSLASH));
/// ```
#[inline]
pub fn scan_token(text: &[u8], start: usize) -> Token {
    scan::<true>(text, start)
}

/// Finds the end of the hints that start at `start`; of the flags only those of control characters are told.
#[inline]
pub fn scan_hints(text: &[u8], start: usize) -> Token {
    scan::<false>(text, start)
}

#[inline]
fn scan<const IS_NAME: bool>(text: &[u8], start: usize) -> Token {
    let mut at = start;
    let (mut slash, mut backslash, mut high) = (0, 0, 0);
    let mut control = TokenFlags::default();
    while let Some(word) = word_at(text, at) {
        // Bytes up to 0x20 stop the fast scan: a delimiter, or a control character that gets a second look.
        let stops = word.wrapping_sub(LOW_BITS * 0x21) & !word & HIGH_BITS;
        if IS_NAME {
            let inside = if stops == 0 { u64::MAX } else { (stops & stops.wrapping_neg()) - 1 };
            slash |= zero_bytes(word ^ (LOW_BITS * u64::from(b'/'))) & inside;
            backslash |= zero_bytes(word ^ (LOW_BITS * u64::from(b'\\'))) & inside;
            high |= word & HIGH_BITS & inside;
        }
        if stops == 0 {
            at += 8;
            continue;
        }
        at += (stops.trailing_zeros() / 8) as usize;
        match classify_stop(text[at]) {
            None => return Token { end: at, flags: flags_of(slash, backslash, high).or(control) },
            Some(flag) => control = control.or(flag),
        }
        at += 1;
    }
    let mut flags = flags_of(slash, backslash, high).or(control);
    while let Some(&byte) = text.get(at) {
        match byte {
            0x00..=0x20 => match classify_stop(byte) {
                None => break,
                Some(flag) => flags = flags.or(flag),
            },
            b'/' if IS_NAME => flags = flags.or(TokenFlags::SLASH),
            b'\\' if IS_NAME => flags = flags.or(TokenFlags::BACKSLASH),
            0x80.. if IS_NAME => flags = flags.or(TokenFlags::HIGH),
            _ => {}
        }
        at += 1;
    }
    Token { end: at, flags }
}

#[inline]
fn flags_of(slash: u64, backslash: u64, high: u64) -> TokenFlags {
    TokenFlags(u8::from(slash != 0) | u8::from(backslash != 0) << 1 | u8::from(high != 0) << 2)
}

/// `None` for a delimiter, otherwise what kind of control character it is.
#[inline]
fn classify_stop(byte: u8) -> Option<TokenFlags> {
    match byte {
        b' ' | b'\n' => None,
        b'\t' | 0x0b..=0x0d | 0x1c..=0x1f => Some(TokenFlags::WHITE_SPACE),
        _ => Some(TokenFlags::CONTROL),
    }
}

/// Reads 32 lower-case hexadecimal digits as 16 bytes.
///
/// ```
/// use keepset_core::lexer::read_digest;
/// assert_eq!(read_digest(b"d41d8cd98f00b204e9800998ecf8427e+0", 0).unwrap()[..2], [0xd4, 0x1d]);
/// assert!(read_digest(b"D41D8CD98F00B204E9800998ECF8427E+0", 0).is_none());
/// ```
#[inline]
pub fn read_digest(text: &[u8], start: usize) -> Option<[u8; 16]> {
    let digits: &[u8; 32] = text.get(start..start + 32)?.try_into().ok()?;
    let mut digest = [0; 16];
    let mut valid = true;
    for (digits, bytes) in digits.chunks_exact(8).zip(digest.chunks_exact_mut(4)) {
        let word = u64::from_le_bytes(digits.try_into().ok()?);
        let letter = (word >> 6) & LOW_BITS;
        let nibbles = (word & (LOW_BITS * 0x0f)).wrapping_add(letter * 9);
        // The digits are right exactly when writing the nibbles out again gives the same bytes.
        let over_nine = (nibbles.wrapping_add(LOW_BITS * 6) >> 4) & LOW_BITS;
        let written = nibbles.wrapping_add(LOW_BITS * 0x30).wrapping_add(over_nine * 0x27);
        valid &= written == word && nibbles & (LOW_BITS * 0xf0) == 0;
        let pairs = ((nibbles << 4) | (nibbles >> 8)) & 0x00ff_00ff_00ff_00ff;
        let pairs = (pairs | (pairs >> 8)) & 0x0000_ffff_0000_ffff;
        let pairs = pairs | (pairs >> 16);
        bytes.copy_from_slice(&pairs.to_le_bytes()[..4]);
    }
    valid.then_some(digest)
}

/// A decimal number in a text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Number {
    /// Its value, or `None` if it is 2^64 or more.
    pub value: Option<u64>,
    /// One past its last digit; equal to the start if there is no digit.
    pub end: usize,
}

/// Reads ASCII decimal digits; leading zeros are allowed.
#[inline]
pub fn read_number(text: &[u8], start: usize) -> Number {
    let Some((high, count)) = word_at(text, start).map(leading_digits) else {
        return read_number_slowly(text, start);
    };
    if count < 8 {
        return Number { value: Some(high), end: start + count };
    }
    match word_at(text, start + 8).map(leading_digits) {
        Some((low, count)) if count < 8 => {
            Number { value: Some(high.wrapping_mul(POWERS[count]).wrapping_add(low)), end: start + 8 + count }
        }
        _ => read_number_slowly(text, start),
    }
}

static POWERS: [u64; 8] = [1, 10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000];

/// The value of the digits at the start of a word, and how many there are.
#[inline]
fn leading_digits(word: u64) -> (u64, usize) {
    let digits = word ^ (LOW_BITS * 0x30);
    // Set in each byte that is over nine. A carry may set bits above the lowest; the lowest is right.
    let others = (digits.wrapping_add(LOW_BITS * 0x76) | digits) & HIGH_BITS;
    let count = (others.trailing_zeros() / 8) as usize;
    if count == 0 {
        return (0, 0);
    }
    // Zeros in front make eight digits of them, which are joined to pairs, fours and one number.
    let digits = digits << (64 - 8 * count);
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = pairs.wrapping_mul(100).wrapping_add(pairs >> 16) & 0x0000_ffff_0000_ffff;
    (fours.wrapping_mul(10_000).wrapping_add(fours >> 32) & 0xffff_ffff, count)
}

fn read_number_slowly(text: &[u8], start: usize) -> Number {
    let mut at = start;
    let mut value = Some(0_u64);
    while let Some(digit) = text.get(at).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit <= 9) {
        value = value.and_then(|value| value.checked_mul(10)?.checked_add(u64::from(digit)));
        at += 1;
    }
    Number { value, end: at }
}
