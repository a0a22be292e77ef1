//! Seeded manifests for the criterion benchmarks.
//!
//! The shapes are those of `benches/corpora.py` (which documents them); the bytes are not: each
//! language draws from its own generator. Every function gives the same text on every run.

use std::fmt::Write as _;

/// Seed of every corpus.
pub const SEED: u64 = 0x006b_6565_7073_6574;

/// `splitmix64`: small, fast and good enough for names and digests.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// A generator that gives the same numbers for the same seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound` (biased by less than `bound / 2^64`); 0 when `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        u64::try_from((u128::from(self.draw()) * u128::from(bound)) >> 64).unwrap_or(0)
    }

    /// Puts `items` in random order (Fisher-Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = usize::try_from(self.below(last as u64 + 1)).unwrap_or(0);
            items.swap(last, other);
        }
    }

    /// Appends a signed locator of a block of `size` bytes, preceded by a space.
    fn push_locator(&mut self, text: &mut String, size: u64) {
        let digest = (u128::from(self.draw()) << 64) | u128::from(self.draw());
        let signature = (u128::from(self.draw()) << 64) | u128::from(self.draw());
        let tail = self.draw() >> 32;
        push(text, format_args!(" {digest:032x}+{size}+A{signature:032x}{tail:08x}@6a000000"));
    }
}

/// Appends formatted text; writing to a `String` cannot fail.
fn push(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    let _ = text.write_fmt(arguments);
}

/// `directories` streams of `files` small files, which share a few signed 64 MiB blocks.
pub fn many_directories(directories: u64, files: u64) -> String {
    let mut random = Random::new(SEED);
    let mut text = String::new();
    for directory in 0..directories {
        push(&mut text, format_args!("./collection-{directory:05}/sample"));
        let sizes: Vec<u64> = (0..files).map(|_| 1 + random.below(200_000)).collect();
        let mut rest: u64 = sizes.iter().sum();
        while rest > 0 {
            let size = rest.min(1 << 26);
            random.push_locator(&mut text, size);
            rest -= size;
        }
        let mut position = 0;
        for (file, size) in sizes.iter().enumerate() {
            push(&mut text, format_args!(" {position}:{size}:lane-{file:07}.part.fastq.gz"));
            position += size;
        }
        text.push('\n');
    }
    text
}

/// `files` files with one signed block each, `files_per_directory` in a directory.
pub fn one_block_each(files: u64, files_per_directory: u64) -> String {
    let mut random = Random::new(SEED);
    let mut text = String::new();
    let mut first = 0;
    while first < files {
        let count = files_per_directory.max(1).min(files - first);
        push(&mut text, format_args!("./directory-{:05}", first / files_per_directory.max(1)));
        let sizes: Vec<u64> = (0..count).map(|_| 1 + random.below(1 << 26)).collect();
        for size in &sizes {
            random.push_locator(&mut text, *size);
        }
        let mut position = 0;
        for (file, size) in sizes.iter().enumerate() {
            push(&mut text, format_args!(" {position}:{size}:file-{file:07}.bin"));
            position += size;
        }
        text.push('\n');
        first += count;
    }
    text
}

/// `files` small files in one directory, over few large blocks; names sorted or in random order.
pub fn one_directory(files: u64, shuffled: bool) -> String {
    let mut random = Random::new(SEED);
    let mut names: Vec<u64> = (0..files).collect();
    if shuffled {
        random.shuffle(&mut names);
    }
    let sizes: Vec<u64> = names.iter().map(|_| 1 + random.below(1 << 20)).collect();
    let mut text = String::from("./one");
    let mut rest: u64 = sizes.iter().sum();
    while rest > 0 {
        let size = rest.min(1 << 26);
        random.push_locator(&mut text, size);
        rest -= size;
    }
    let mut position = 0;
    for (name, size) in names.iter().zip(&sizes) {
        push(&mut text, format_args!(" {position}:{size}:image-{name:07}.png"));
        position += size;
    }
    text.push('\n');
    text
}

/// One stream in which `files` files take turns, `segments` times, each segment 4 MiB.
pub fn interleaved(files: u64, segments: u64, shuffled: bool) -> String {
    const SEGMENT: u64 = 1 << 22;
    let mut random = Random::new(SEED);
    let total = files * segments;
    let mut text = String::from(".");
    let mut rest = total * SEGMENT;
    while rest > 0 {
        let size = rest.min(1 << 26);
        random.push_locator(&mut text, size);
        rest -= size;
    }
    let mut order: Vec<u64> = (0..total).collect();
    if shuffled {
        random.shuffle(&mut order);
    }
    for segment in order {
        let position = segment * SEGMENT;
        push(&mut text, format_args!(" {position}:{SEGMENT}:channel-{:03}.raw", segment % files.max(1)));
    }
    text.push('\n');
    text
}

/// `count` manifests of `files` files each, over one signed block.
pub fn small_manifests(count: u64, files: u64) -> Vec<String> {
    let mut random = Random::new(SEED);
    (0..count)
        .map(|_| {
            let mut text = String::from(".");
            let sizes: Vec<u64> = (0..files).map(|_| 1 + random.below(1 << 20)).collect();
            random.push_locator(&mut text, sizes.iter().sum());
            let mut position = 0;
            for (file, size) in sizes.iter().enumerate() {
                push(&mut text, format_args!(" {position}:{size}:output-{file:02}.txt"));
                position += size;
            }
            text.push('\n');
            text
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corpora_are_the_same_on_every_call() {
        assert_eq!(many_directories(3, 5), many_directories(3, 5));
        assert_eq!(one_block_each(7, 3), one_block_each(7, 3));
        assert_eq!(one_directory(9, true), one_directory(9, true));
        assert_eq!(interleaved(3, 4, true), interleaved(3, 4, true));
        assert_eq!(small_manifests(3, 2), small_manifests(3, 2));
    }

    #[test]
    fn shuffling_keeps_every_item() {
        let mut items: Vec<u32> = (0..100).collect();
        Random::new(1).shuffle(&mut items);
        assert_ne!(items, (0..100).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn every_stream_has_its_blocks_and_its_files() {
        let text = one_block_each(7, 3);
        assert_eq!(text.lines().count(), 3);
        assert_eq!(text.matches("+A").count(), 7);
        assert_eq!(text.matches(".bin").count(), 7);
        assert_eq!(interleaved(3, 4, false).matches(":channel-").count(), 12);
    }
}
