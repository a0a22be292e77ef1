//! Where written text goes: to a buffer, or to a reader in chunks, as texts can have hundreds of megabytes.

use crate::escape::escape_into;
use crate::text::MAX_TEXT;

/// What text is written to.
pub(crate) trait Output {
    fn bytes(&mut self, bytes: &[u8]);

    /// A digest as 32 hexadecimal digits, and a size.
    fn locator(&mut self, digest: &[u8; 16], size: u32) {
        let mut written = [b'+'; 48];
        for (pair, byte) in written.chunks_exact_mut(2).zip(digest) {
            pair.copy_from_slice(&HEX[usize::from(*byte)]);
        }
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(size).as_bytes();
        let end = 33 + digits.len();
        written[33..end].copy_from_slice(digits);
        self.bytes(&written[..end]);
    }

    /// The start and the length of a file token.
    fn span(&mut self, start: u64, length: u64) {
        let mut written = [b':'; 48];
        written[0] = b' ';
        let mut end = 1;
        for number in [start, length] {
            let mut digits = itoa::Buffer::new();
            let digits = digits.format(number).as_bytes();
            written[end..end + digits.len()].copy_from_slice(digits);
            end += digits.len() + 1;
        }
        self.bytes(&written[..end]);
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

/// As much as stays in the cache of a core.
const CHUNK: usize = 1 << 18;

impl<F: FnMut(&[u8]) -> bool> Chunks<F> {
    pub(crate) fn new(sink: F) -> Self {
        Self { buffer: Vec::new(), sink, has_enough: false }
    }

    /// Gives the last chunk.
    pub(crate) fn finish(mut self) {
        self.flush();
    }

    fn flush(&mut self) {
        self.has_enough = self.has_enough || !(self.buffer.is_empty() || (self.sink)(&self.buffer));
        self.buffer.clear();
    }
}

impl<F: FnMut(&[u8]) -> bool> Output for Chunks<F> {
    #[inline]
    fn bytes(&mut self, bytes: &[u8]) {
        if bytes.len() < CHUNK {
            self.buffer.extend_from_slice(bytes);
        } else {
            self.flush();
            self.has_enough = self.has_enough || !(self.sink)(bytes);
        }
    }

    #[inline]
    fn goes_on(&mut self) -> bool {
        if self.buffer.len() >= CHUNK {
            self.flush();
        }
        !self.has_enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn all_outputs_agree(name: Vec<u8>, start: u64, length: u64, digest: [u8; 16], size: u32) {
            let mut written = Vec::new();
            let large = vec![b'x'; CHUNK];
            let mut chunked = Vec::new();
            let mut chunks = Chunks::new(|chunk: &[u8]| {
                chunked.extend_from_slice(chunk);
                true
            });
            for output in [&mut written as &mut dyn Output, &mut chunks] {
                output.bytes(&name);
                output.locator(&digest, size);
                output.span(start, length);
                output.odd_name(&name);
                output.bytes(&large);
                output.bytes(&name);
            }
            chunks.finish();
            prop_assert_eq!(written, chunked);
        }
    }
}
