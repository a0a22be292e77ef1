//! Portable data hashes.

use md5::{Digest, Md5};

/// Hashes a text that arrives in pieces.
#[derive(Clone, Debug, Default)]
pub struct TextDigest {
    state: Md5,
    length: u64,
    /// Pieces of a stripped text are short; they are hashed many at a time.
    buffer: Vec<u8>,
}

const BUFFER: usize = 1 << 14;

impl TextDigest {
    /// Adds the next piece.
    pub fn update(&mut self, piece: &[u8]) {
        self.length += piece.len() as u64;
        if self.buffer.len() + piece.len() > BUFFER {
            self.state.update(&self.buffer);
            self.buffer.clear();
            if piece.len() > BUFFER / 4 {
                self.state.update(piece);
                return;
            }
        }
        self.buffer.extend_from_slice(piece);
    }

    /// `md5hex+length`.
    ///
    /// ```
    /// let mut digest = keepset_core::digest::TextDigest::default();
    /// assert_eq!(digest.clone().finish(), "d41d8cd98f00b204e9800998ecf8427e+0");
    /// digest.update(b". acbd18db4cc2f85cedef654fccc4a4d8+3 0:3:foo.txt\n");
    /// assert_eq!(digest.finish(), "83367e8913dcec0bf3fc25ed5a27eacb+49");
    /// ```
    pub fn finish(mut self) -> String {
        use std::fmt::Write;
        self.state.update(&self.buffer);
        let mut hash = String::with_capacity(43);
        for byte in self.state.finalize() {
            // Writing to a string cannot fail.
            let _ = write!(hash, "{byte:02x}");
        }
        let _ = write!(hash, "+{}", self.length);
        hash
    }
}
