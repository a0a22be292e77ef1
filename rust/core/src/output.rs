//! Where written text goes: to a reader in chunks, to a buffer of the right size, or nowhere, to learn that size.
//!
//! Texts can have hundreds of megabytes. Writing them twice, once only counted, takes less time than to copy them, as
//! the memory of a copy must be cleared by the system first.

use crate::escape::{escape_into, written_length};
use crate::text::MAX_TEXT;

/// What text is written to.
pub(crate) trait Output {
    fn bytes(&mut self, bytes: &[u8]);

    /// In decimal.
    fn number(&mut self, number: u64) {
        self.bytes(itoa::Buffer::new().format(number).as_bytes());
    }

    /// As 32 hexadecimal digits.
    fn digest(&mut self, digest: &[u8; 16]) {
        let mut digits = [0; 32];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(digest) {
            pair.copy_from_slice(&HEX[usize::from(*byte)]);
        }
        self.bytes(&digits);
    }

    /// A name that must be escaped.
    fn odd_name(&mut self, name: &[u8]) {
        let mut written = Vec::with_capacity(name.len() + 12);
        escape_into(name, &mut written);
        self.bytes(&written);
    }

    /// Whether more is wanted. To be asked often: what was written may be held until then.
    fn goes_on(&mut self) -> bool {
        true
    }
}

/// Two lower-case hexadecimal digits for each byte.
static HEX: [[u8; 2]; 256] = {
    let digits = *b"0123456789abcdef";
    let mut pairs = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        pairs[byte] = [digits[byte >> 4], digits[byte & 15]];
        byte += 1;
    }
    pairs
};

impl Output for Vec<u8> {
    #[inline]
    fn bytes(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }

    #[inline]
    fn goes_on(&mut self) -> bool {
        self.len() <= MAX_TEXT
    }
}

/// Gives the text to a function, chunk by chunk, until that answers false.
pub(crate) struct Chunks<F> {
    buffer: Vec<u8>,
    sink: F,
    has_enough: bool,
}

const CHUNK: usize = 1 << 16;

impl<F: FnMut(&[u8]) -> bool> Chunks<F> {
    pub(crate) fn new(sink: F) -> Self {
        Self { buffer: Vec::new(), sink, has_enough: false }
    }

    /// Gives the last chunk.
    pub(crate) fn finish(mut self) {
        if !self.buffer.is_empty() && !self.has_enough {
            (self.sink)(&self.buffer);
        }
    }
}

impl<F: FnMut(&[u8]) -> bool> Output for Chunks<F> {
    #[inline]
    fn bytes(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    #[inline]
    fn goes_on(&mut self) -> bool {
        if self.buffer.len() >= CHUNK {
            self.has_enough = self.has_enough || !(self.sink)(&self.buffer);
            self.buffer.clear();
        }
        !self.has_enough
    }
}

/// Counts the bytes.
#[derive(Default)]
pub(crate) struct Length(pub(crate) usize);

impl Output for Length {
    #[inline]
    fn bytes(&mut self, bytes: &[u8]) {
        self.0 += bytes.len();
    }

    #[inline]
    fn number(&mut self, number: u64) {
        self.0 += number.checked_ilog10().unwrap_or(0) as usize + 1;
    }

    #[inline]
    fn digest(&mut self, _: &[u8; 16]) {
        self.0 += 32;
    }

    fn odd_name(&mut self, name: &[u8]) {
        self.0 += written_length(name);
    }

    #[inline]
    fn goes_on(&mut self) -> bool {
        self.0 <= MAX_TEXT
    }
}

/// Fills a buffer that has room for all.
pub(crate) struct Fill<'b>(pub(crate) &'b mut [u8]);

impl Output for Fill<'_> {
    #[inline]
    fn bytes(&mut self, bytes: &[u8]) {
        let (filled, rest) = std::mem::take(&mut self.0).split_at_mut(bytes.len());
        filled.copy_from_slice(bytes);
        self.0 = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn all_outputs_agree(name: Vec<u8>, number: u64, digest: [u8; 16]) {
            let mut written = Vec::new();
            let mut length = Length::default();
            let mut buffer = vec![0; 5 * name.len() + 100];
            let mut fill = Fill(&mut buffer);
            for output in [&mut written as &mut dyn Output, &mut length, &mut fill] {
                output.bytes(&name);
                output.number(number);
                output.digest(&digest);
                output.odd_name(&name);
            }
            let rest = fill.0.len();
            prop_assert_eq!(written.len(), length.0);
            prop_assert_eq!(&written[..], &buffer[..buffer.len() - rest]);
        }
    }
}
