//! Where the bytes of names and hints are: in the text as given, or in the side arena.

use std::ops::Range;

/// A range of bytes in the text or in the side arena of a tree.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TextRange {
    start: u32,
    /// The length, and in the top bit whether the range is in the side arena.
    length: u32,
}

const IN_ARENA: u32 = 1 << 31;

/// The longest text and the longest side arena: so any range of them fits.
pub const MAX_TEXT: usize = (IN_ARENA - 1) as usize;

impl TextRange {
    /// No bytes.
    pub const EMPTY: Self = Self { start: 0, length: 0 };

    /// A range of the text. Invariant: `end <= MAX_TEXT`.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "texts are at most MAX_TEXT long")]
    pub fn in_text(start: usize, end: usize) -> Self {
        debug_assert!(start <= end && end <= MAX_TEXT);
        Self { start: start as u32, length: (end - start) as u32 }
    }

    /// A range of the side arena.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "arenas are at most MAX_TEXT long")]
    pub fn in_arena(start: usize, end: usize) -> Self {
        debug_assert!(start <= end && end <= MAX_TEXT);
        Self { start: start as u32, length: (end - start) as u32 | IN_ARENA }
    }

    /// Number of bytes.
    #[inline]
    #[expect(clippy::len_without_is_empty, reason = "nobody asks")]
    pub fn len(self) -> usize {
        (self.length & !IN_ARENA) as usize
    }

    /// Where the bytes start and end, if they are in the text.
    #[inline]
    pub fn bounds_in_text(self) -> Option<Range<usize>> {
        let start = self.start as usize;
        (self.length & IN_ARENA == 0).then(|| start..start + self.len())
    }

    /// The bytes.
    #[inline]
    pub fn of<'t>(self, text: &'t [u8], arena: &'t [u8]) -> &'t [u8] {
        let source = if self.length & IN_ARENA == 0 { text } else { arena };
        &source[self.start as usize..self.start as usize + self.len()]
    }
}
