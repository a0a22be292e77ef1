//! Portable data hashes.

use md5::{Digest, Md5};

/// Hashes a text that arrives in chunks.
#[derive(Clone, Debug, Default)]
pub struct TextDigest {
    state: Md5,
    length: u64,
}

impl TextDigest {
    /// Adds the next chunk.
    pub fn update(&mut self, chunk: &[u8]) {
        self.length += chunk.len() as u64;
        self.state.update(chunk);
    }

    /// `md5hex+length`.
    ///
    /// ```
    /// let mut digest = keepset_core::digest::TextDigest::default();
    /// assert_eq!(digest.clone().finish(), "d41d8cd98f00b204e9800998ecf8427e+0");
    /// digest.update(b". acbd18db4cc2f85cedef654fccc4a4d8+3 0:3:foo.txt\n");
    /// assert_eq!(digest.finish(), "83367e8913dcec0bf3fc25ed5a27eacb+49");
    /// ```
    pub fn finish(self) -> String {
        use std::fmt::Write;
        let mut hash = String::with_capacity(43);
        for byte in self.state.finalize() {
            // Writing to a string cannot fail.
            let _ = write!(hash, "{byte:02x}");
        }
        let _ = write!(hash, "+{}", self.length);
        hash
    }
}
