//! A block locator as a value: `<md5>[+size][+hints]`, for programs that handle locators one by one.
//!
//! The grammar is the widest that the existing servers and clients agree on: 32 hexadecimal digits in either case, a
//! size that may be missing, then hints of an upper-case letter and any of `A-Z a-z 0-9 @ _ -`. A hint that begins
//! with `A` must be a signature. Everything else is refused. Locators *in a manifest* are the lexer's business.

use crate::signature::parse_signature;
use std::fmt::{self, Write as _};
use std::hash::{Hash, Hasher};

const DIGEST_LEN: usize = 32;
/// `A`, 40 digits, `@`, 8 digits.
const PERMISSION_HINT_LEN: usize = 50;

/// A block locator.
///
/// Two are equal when they are written alike, and they are written in one form: the size without leading zeros, then
/// the signature with its timestamp padded to eight digits, then the other hints in the order they were given.
///
/// ```
/// use keepset_core::keep_locator::KeepLocator;
/// let locator: KeepLocator = "acbd18db4cc2f85cedef654fccc4a4d8+03+Kzzzzz".parse()?;
/// assert_eq!(locator.size(), Some(3));
/// assert_eq!(locator.to_string(), "acbd18db4cc2f85cedef654fccc4a4d8+3+Kzzzzz");
/// # Ok::<(), keepset_core::keep_locator::KeepLocatorError>(())
/// ```
#[derive(Clone, Debug)]
pub struct KeepLocator {
    /// Invariant: the written form, all ASCII; the other fields say where its parts are.
    text: Box<str>,
    size: Option<u64>,
    stripped_len: usize,
    perm_expiry: Option<u32>,
}

impl KeepLocator {
    /// Reads a locator.
    ///
    /// # Errors
    /// When the text, all of it, is not a locator.
    ///
    /// ```
    /// use keepset_core::keep_locator::KeepLocator;
    /// assert!(KeepLocator::parse("acbd18db4cc2f85cedef654fccc4a4d8").is_ok());
    /// let error = KeepLocator::parse("acbd18db4cc2f85cedef654fccc4a4d8+3+bad").unwrap_err();
    /// assert_eq!(error.offset(), 35);
    /// ```
    pub fn parse(text: &str) -> Result<Self, KeepLocatorError> {
        use KeepLocatorErrorKind as Kind;

        let digits = text.bytes().take_while(u8::is_ascii_hexdigit).count();
        if digits != DIGEST_LEN {
            return Err(KeepLocatorError { kind: Kind::Digest, offset: digits.min(DIGEST_LEN) });
        }
        let (digest, rest) = text.split_at(DIGEST_LEN);
        let mut written = String::with_capacity(text.len() + 8);
        written.push_str(digest);

        let mut parts = rest.split('+');
        if parts.next() != Some("") {
            return Err(KeepLocatorError { kind: Kind::Digest, offset: DIGEST_LEN });
        }
        let mut offset = DIGEST_LEN + 1;
        let mut hints = parts.clone();
        let mut size = None;
        if let Some(part) = parts.next()
            && !part.starts_with(|first: char| first.is_ascii_uppercase())
        {
            let number = parse_size(part).map_err(|kind| KeepLocatorError { kind, offset })?;
            size = Some(number);
            push_size(&mut written, number);
            offset += part.len() + 1;
            hints = parts;
        }

        let stripped_len = written.len();
        let mut permission = None;
        for hint in hints.clone() {
            check_hint(hint).map_err(|kind| KeepLocatorError { kind, offset })?;
            if hint.starts_with('A') {
                let bad = KeepLocatorError { kind: Kind::Signature, offset };
                let signature = parse_signature(hint.as_bytes()).ok_or(bad)?;
                permission = Some((&hint[1..41], signature.expiry)); // of several the last counts, as in 3.2.1
            }
            offset += hint.len() + 1;
        }
        if let Some((signature, expiry)) = permission {
            push_permission_hint(&mut written, signature, expiry);
        }
        for hint in hints.filter(|hint| !hint.starts_with('A')) {
            written.push('+');
            written.push_str(hint);
        }
        let perm_expiry = permission.map(|(_, expiry)| expiry);
        Ok(Self { text: written.into_boxed_str(), size, stripped_len, perm_expiry })
    }

    /// The written form.
    ///
    /// ```
    /// use keepset_core::keep_locator::KeepLocator;
    /// let text = "acbd18db4cc2f85cedef654fccc4a4d8+3+Z\
    ///             +A0123456789012345678901234567890123456789@553f100";
    /// assert_eq!(
    ///     KeepLocator::parse(text)?.as_str(),
    ///     "acbd18db4cc2f85cedef654fccc4a4d8+3+A0123456789012345678901234567890123456789@0553f100+Z",
    /// );
    /// # Ok::<(), keepset_core::keep_locator::KeepLocatorError>(())
    /// ```
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The digest: 32 hexadecimal digits, in the case they were given.
    ///
    /// ```
    /// # use keepset_core::keep_locator::KeepLocator;
    /// let locator = KeepLocator::parse("ACBD18DB4CC2F85CEDEF654FCCC4A4D8+3")?;
    /// assert_eq!(locator.md5sum(), "ACBD18DB4CC2F85CEDEF654FCCC4A4D8");
    /// # Ok::<(), keepset_core::keep_locator::KeepLocatorError>(())
    /// ```
    pub fn md5sum(&self) -> &str {
        &self.text[..DIGEST_LEN]
    }

    /// The number of bytes of the block, if the locator says it.
    ///
    /// ```
    /// # use keepset_core::keep_locator::KeepLocator;
    /// assert_eq!(KeepLocator::parse("acbd18db4cc2f85cedef654fccc4a4d8+3")?.size(), Some(3));
    /// assert_eq!(KeepLocator::parse("acbd18db4cc2f85cedef654fccc4a4d8")?.size(), None);
    /// # Ok::<(), keepset_core::keep_locator::KeepLocatorError>(())
    /// ```
    pub fn size(&self) -> Option<u64> {
        self.size
    }

    /// Digest and size, without any hint.
    ///
    /// ```
    /// # use keepset_core::keep_locator::KeepLocator;
    /// let locator = KeepLocator::parse("acbd18db4cc2f85cedef654fccc4a4d8+3+Kzzzzz")?;
    /// assert_eq!(locator.stripped(), "acbd18db4cc2f85cedef654fccc4a4d8+3");
    /// # Ok::<(), keepset_core::keep_locator::KeepLocatorError>(())
    /// ```
    pub fn stripped(&self) -> &str {
        &self.text[..self.stripped_len]
    }

    /// The hints other than the signature, each without its `+`.
    ///
    /// ```
    /// # use keepset_core::keep_locator::KeepLocator;
    /// let locator = KeepLocator::parse("acbd18db4cc2f85cedef654fccc4a4d8+3+Kzzzzz+Z")?;
    /// assert_eq!(locator.hints().collect::<Vec<_>>(), ["Kzzzzz", "Z"]);
    /// # Ok::<(), keepset_core::keep_locator::KeepLocatorError>(())
    /// ```
    pub fn hints(&self) -> impl Iterator<Item = &str> {
        self.text[self.hints_start()..].split('+').skip(1)
    }

    /// The signature as a hint, without its `+`.
    ///
    /// ```
    /// # use keepset_core::keep_locator::KeepLocator;
    /// let signed = "acbd18db4cc2f85cedef654fccc4a4d8+3+A0123456789012345678901234567890123456789@1";
    /// assert_eq!(
    ///     KeepLocator::parse(signed)?.permission_hint(),
    ///     Some("A0123456789012345678901234567890123456789@00000001"),
    /// );
    /// # Ok::<(), keepset_core::keep_locator::KeepLocatorError>(())
    /// ```
    pub fn permission_hint(&self) -> Option<&str> {
        self.perm_expiry.map(|_| &self.text[self.stripped_len + 1..self.hints_start()])
    }

    /// The 40 hexadecimal digits of the signature.
    ///
    /// ```
    /// # use keepset_core::keep_locator::KeepLocator;
    /// let signed = "acbd18db4cc2f85cedef654fccc4a4d8+3+A0123456789012345678901234567890123456789@1";
    /// assert_eq!(KeepLocator::parse(signed)?.perm_sig(), Some("0123456789012345678901234567890123456789"));
    /// # Ok::<(), keepset_core::keep_locator::KeepLocatorError>(())
    /// ```
    pub fn perm_sig(&self) -> Option<&str> {
        self.permission_hint().map(|hint| &hint[1..41])
    }

    /// When the signature ends, in seconds since 1970 in UTC.
    ///
    /// ```
    /// # use keepset_core::keep_locator::KeepLocator;
    /// let signed = "acbd18db4cc2f85cedef654fccc4a4d8+3+A0123456789012345678901234567890123456789@6553f100";
    /// assert_eq!(KeepLocator::parse(signed)?.perm_expiry(), Some(1_700_000_000));
    /// # Ok::<(), keepset_core::keep_locator::KeepLocatorError>(())
    /// ```
    pub fn perm_expiry(&self) -> Option<u32> {
        self.perm_expiry
    }

    fn hints_start(&self) -> usize {
        self.stripped_len + self.perm_expiry.map_or(0, |_| 1 + PERMISSION_HINT_LEN)
    }
}

fn push_size(written: &mut String, size: u64) {
    written.push('+');
    written.push_str(itoa::Buffer::new().format(size));
}

fn push_permission_hint(written: &mut String, signature: &str, expiry: u32) {
    written.push_str("+A");
    written.push_str(signature);
    // Writing to a String cannot fail.
    let _ = write!(written, "@{expiry:08x}");
}

fn parse_size(part: &str) -> Result<u64, KeepLocatorErrorKind> {
    if part.is_empty() || !part.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(KeepLocatorErrorKind::Size);
    }
    part.parse().map_err(|_| KeepLocatorErrorKind::SizeTooLarge)
}

fn check_hint(hint: &str) -> Result<(), KeepLocatorErrorKind> {
    let good = match hint.as_bytes() {
        [b'A'..=b'Z', rest @ ..] => {
            rest.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'@' | b'_' | b'-'))
        }
        _ => false,
    };
    if good { Ok(()) } else { Err(KeepLocatorErrorKind::Hint) }
}

impl PartialEq for KeepLocator {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for KeepLocator {}

impl Hash for KeepLocator {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl fmt::Display for KeepLocator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.text)
    }
}

impl std::str::FromStr for KeepLocator {
    type Err = KeepLocatorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// Why a text is not a locator, and where.
///
/// ```
/// use keepset_core::keep_locator::KeepLocator;
/// let error = KeepLocator::parse("acbd18db4cc2f85cedef654fccc4a4d8+3k").unwrap_err();
/// assert_eq!(error.to_string(), "the size must be a decimal number, at character 34");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeepLocatorError {
    kind: KeepLocatorErrorKind,
    offset: usize,
}

impl KeepLocatorError {
    /// What is wrong.
    ///
    /// ```
    /// use keepset_core::keep_locator::{KeepLocator, KeepLocatorErrorKind};
    /// assert_eq!(KeepLocator::parse("abc").unwrap_err().kind(), KeepLocatorErrorKind::Digest);
    /// ```
    pub fn kind(self) -> KeepLocatorErrorKind {
        self.kind
    }

    /// The offset of the part that is wrong: in bytes, which before it are as many characters.
    ///
    /// ```
    /// use keepset_core::keep_locator::KeepLocator;
    /// assert_eq!(KeepLocator::parse("abc").unwrap_err().offset(), 3);
    /// ```
    pub fn offset(self) -> usize {
        self.offset
    }
}

impl fmt::Display for KeepLocatorError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}, at character {}", self.kind, self.offset + 1)
    }
}

impl std::error::Error for KeepLocatorError {}

/// What can be wrong with a locator.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum KeepLocatorErrorKind {
    /// It does not begin with 32 hexadecimal digits and no more.
    Digest,
    /// What follows the digest is neither a size nor a hint.
    Size,
    /// The size does not fit in 64 bits.
    SizeTooLarge,
    /// A hint with a character that a hint cannot have, or an empty one.
    Hint,
    /// A hint that begins with `A` and is not a signature.
    Signature,
}

impl fmt::Display for KeepLocatorErrorKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Digest => "a locator must begin with exactly 32 hexadecimal digits",
            Self::Size => "the size must be a decimal number",
            Self::SizeTooLarge => "the size must be below 2^64",
            Self::Hint => "a hint must be an upper-case letter, then letters, digits, @, _ or -",
            Self::Signature => {
                "a hint that begins with A must be a signature: A, 40 hexadecimal digits, @ and 1 to 8 more"
            }
        })
    }
}
