//! From a position in a stream to the block that holds it.
//!
//! Tokens mostly walk forward, so the last answer and the block behind it are tried first. In a stream whose blocks are
//! of one size, as those of large files are, the others are found by division. Any other stream that shows random access
//! gets an index: buckets of equal width over the stream, each naming the block at its start.

/// The blocks of the stream that is being read, by where they start.
#[derive(Debug, Default)]
pub(crate) struct StreamIndex {
    /// Where each block starts. Blocks without bytes are left out, so that starts increase strictly (L1).
    starts: Vec<u64>,
    length: u64,
    /// The size of the first block.
    width: u64,
    /// Whether all blocks but the last have that size.
    is_even: bool,
    /// The last answer, and where that block starts.
    cursor: usize,
    cursor_start: u64,
    misses: usize,
    buckets: Vec<u32>,
    shift: u32,
}

/// Streams with fewer blocks are searched without buckets.
const SMALL: usize = 32;

impl StreamIndex {
    pub(crate) fn clear(&mut self) {
        self.starts.clear();
        self.buckets.clear();
        self.length = 0;
        self.cursor = 0;
        self.cursor_start = 0;
        self.misses = 0;
    }

    /// How many blocks there is room for.
    pub(crate) fn capacity(&self) -> usize {
        self.starts.capacity()
    }

    /// Adds a block of `size` bytes, which is not 0.
    #[inline]
    pub(crate) fn push(&mut self, size: u32) {
        if self.starts.is_empty() {
            self.width = u64::from(size);
            self.is_even = true;
        }
        self.is_even &= self.length == self.width * self.starts.len() as u64;
        self.starts.push(self.length);
        self.length += u64::from(size);
    }

    /// Number of bytes of the stream.
    #[inline]
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// The number of the block that holds the byte at `position`, and where in it. `position` is less than the length.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "an offset is less than the size of a block")]
    pub(crate) fn find(&mut self, position: u64) -> (usize, u32) {
        let end = self.starts.get(self.cursor + 1).copied().unwrap_or(self.length);
        // One comparison for both sides: two would be guessed wrong where access is random.
        if position.wrapping_sub(self.cursor_start) >= end - self.cursor_start {
            self.cursor = self.search(position);
            self.cursor_start = self.starts[self.cursor];
        }
        (self.cursor, (position - self.cursor_start) as u32)
    }

    fn search(&mut self, position: u64) -> usize {
        if self.is_even {
            #[expect(clippy::cast_possible_truncation, reason = "there are as many blocks as fit in memory")]
            return ((position / self.width) as usize).min(self.starts.len() - 1);
        }
        let next = self.cursor + 1;
        if self.starts.get(next).is_some_and(|start| *start <= position)
            && self.starts.get(next + 1).is_none_or(|end| position < *end)
        {
            return next;
        }
        self.misses += 1;
        if self.buckets.is_empty() {
            if self.starts.len() < SMALL || self.misses < self.starts.len() / 4 {
                return self.starts.partition_point(|start| *start <= position) - 1;
            }
            self.make_buckets();
        }
        #[expect(clippy::cast_possible_truncation, reason = "there are as many buckets as fit in memory")]
        let bucket = (position >> self.shift) as usize;
        let low = self.buckets[bucket] as usize;
        let high = self.buckets.get(bucket + 1).map_or(self.starts.len(), |high| *high as usize + 1);
        low + self.starts[low..high].partition_point(|start| *start <= position) - 1
    }

    /// Between one and two buckets for each block.
    fn make_buckets(&mut self) {
        let width = self.length / self.starts.len() as u64;
        self.shift = width.max(1).ilog2();
        let count = (self.length >> self.shift) + 1;
        let mut block = 0;
        for bucket in 0..count {
            while self.starts.get(block + 1).is_some_and(|start| *start <= bucket << self.shift) {
                block += 1;
            }
            #[expect(clippy::cast_possible_truncation, reason = "a text has fewer tokens than u32::MAX")]
            self.buckets.push(block as u32);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn finds_the_block_that_a_scan_finds(
            sizes in prop_oneof![
                prop::collection::vec(1u32..2000, 1..200),
                (1u32..100, 1usize..100, 1u32..200).prop_map(|(size, count, last)| [vec![size; count], vec![last]].concat()),
            ],
            positions in prop::collection::vec(any::<prop::sample::Index>(), 1..300),
        ) {
            let mut index = StreamIndex::default();
            for size in &sizes {
                index.push(*size);
            }
            let length: u64 = sizes.iter().map(|size| u64::from(*size)).sum();
            for position in positions {
                let position = position.index(usize::try_from(length).unwrap()) as u64;
                let mut rest = position;
                let mut block = 0;
                while rest >= u64::from(sizes[block]) {
                    rest -= u64::from(sizes[block]);
                    block += 1;
                }
                prop_assert_eq!(index.find(position), (block, u32::try_from(rest).unwrap()));
            }
        }
    }
}
