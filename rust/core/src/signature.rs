//! Permission signatures: the hints `A<40 hex>@<1-8 hex>` (local) and `R<cluster>-<40 hex>@<8 hex>` (remote).
//!
//! This is the one parser of both. Everything else that begins with `A` or `R` is a hint of no meaning to us.

/// Whose signature it is. The greater is preferred for reading a block.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum SignatureKind {
    /// Made by another cluster, named in the hint (`+R`).
    Remote,
    /// Made by the cluster that handed out the locator (`+A`).
    Local,
}

/// A permission signature, as it stands in a hint.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Signature<'h> {
    /// Whose it is.
    pub kind: SignatureKind,
    /// The 40 hexadecimal digits, in the case they were given.
    pub signature: &'h [u8],
    /// When it ends, in seconds since 1970 in UTC.
    pub expiry: u32,
}

impl Signature<'_> {
    /// What to compare when one block comes with several signatures: a local one is better than a remote one, and of
    /// two of a kind the one that expires later. `None`, no signature, is less than any rank.
    ///
    /// ```
    /// use keepset_core::signature::parse_signature;
    /// let sooner = parse_signature(b"A0123456789012345678901234567890123456789@5f000000");
    /// let later = parse_signature(b"A0123456789012345678901234567890123456789@6f000000");
    /// let remote = parse_signature(b"Rzzzzz-0123456789012345678901234567890123456789@7f000000");
    /// assert!(later.map(|it| it.rank()) > sooner.map(|it| it.rank()));
    /// assert!(sooner.map(|it| it.rank()) > remote.map(|it| it.rank()));
    /// assert!(remote.map(|it| it.rank()) > None);
    /// ```
    #[inline]
    pub fn rank(&self) -> (SignatureKind, u32) {
        (self.kind, self.expiry)
    }
}

/// The signature in a hint, which is given without its `+`.
///
/// ```
/// use keepset_core::signature::{SignatureKind, parse_signature};
/// let local = parse_signature(b"A0123456789abcdef0123456789abcdef01234567@6553f100").unwrap();
/// assert_eq!(local.kind, SignatureKind::Local);
/// assert_eq!(local.signature, b"0123456789abcdef0123456789abcdef01234567");
/// assert_eq!(local.expiry, 1_700_000_000);
///
/// let remote = parse_signature(b"Rzzzzz-0123456789abcdef0123456789abcdef01234567@6553f100").unwrap();
/// assert_eq!(remote.kind, SignatureKind::Remote);
///
/// assert_eq!(parse_signature(b"Kzzzzz"), None);
/// assert_eq!(parse_signature(b"A0123@6553f100"), None);
/// ```
#[inline]
pub fn parse_signature(hint: &[u8]) -> Option<Signature<'_>> {
    let (kind, rest) = match hint.split_first()? {
        (b'A', rest) => (SignatureKind::Local, rest),
        (b'R', rest) => {
            let (cluster, rest) = rest.split_first_chunk::<5>()?;
            if !cluster.iter().all(u8::is_ascii_alphanumeric) {
                return None;
            }
            (SignatureKind::Remote, rest.strip_prefix(b"-")?)
        }
        _ => return None,
    };
    let (signature, rest) = rest.split_first_chunk::<40>()?;
    // Without an early exit the compiler checks the 40 bytes side by side.
    if !signature.iter().fold(true, |good, byte| good & byte.is_ascii_hexdigit()) {
        return None;
    }
    let digits = rest.strip_prefix(b"@")?;
    let short = kind == SignatureKind::Local && !digits.is_empty() && digits.len() < 8;
    if digits.len() != 8 && !short {
        return None;
    }
    let mut expiry = 0;
    for digit in digits {
        expiry = expiry << 4 | char::from(*digit).to_digit(16)?;
    }
    Some(Signature { kind, signature, expiry })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "0123456789abcdef0123456789ABCDEF01234567";

    fn expiry(hint: &str) -> Option<u32> {
        parse_signature(hint.as_bytes()).map(|it| it.expiry)
    }

    #[test]
    fn a_local_timestamp_has_one_to_eight_digits() {
        assert_eq!(expiry(&format!("A{HEX}@0")), Some(0));
        assert_eq!(expiry(&format!("A{HEX}@fFfFfFfF")), Some(u32::MAX));
        assert_eq!(expiry(&format!("A{HEX}@")), None);
        assert_eq!(expiry(&format!("A{HEX}@100000000")), None);
        assert_eq!(expiry(&format!("A{HEX}@6553f10g")), None);
        assert_eq!(expiry(&format!("A{HEX}@+553f100")), None);
    }

    #[test]
    fn a_remote_timestamp_has_eight_digits() {
        assert_eq!(expiry(&format!("Rzz9zz-{HEX}@00000001")), Some(1));
        assert_eq!(expiry(&format!("Rzzzzz-{HEX}@1")), None);
        assert_eq!(expiry(&format!("Rzzzzz-{HEX}@000000001")), None);
    }

    #[test]
    fn what_is_almost_a_signature_is_none() {
        for hint in [
            String::new(),
            "A".into(),
            "R".into(),
            format!("A{HEX}"),
            format!("A{HEX}6553f100"),
            format!("A{}@6553f100", &HEX[1..]),
            format!("A{HEX}0@6553f100"),
            format!("A{}g@6553f100", &HEX[1..]),
            format!("a{HEX}@6553f100"),
            format!("+A{HEX}@6553f100"),
            format!("Rzzzz-{HEX}@6553f100"),
            format!("Rzzzzzz-{HEX}@6553f100"),
            format!("Rzz_zz-{HEX}@6553f100"),
            format!("R{HEX}@6553f100"),
        ] {
            assert_eq!(parse_signature(hint.as_bytes()), None, "{hint}");
        }
    }
}
