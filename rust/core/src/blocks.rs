//! The block table: one entry per distinct digest and size.
//!
//! Two locators are one block when digest and size agree, whatever their hints (regressions L5, H18). When a block
//! arrives with several sets of hints the best one is kept: a local signature (`+A`), then a remote one (`+R`), then
//! none; of two of a kind the one that expires last.

use crate::ids::{BlockId, Id, IndexVec};
use crate::signature::parse_signature;
use crate::text::TextRange;
use foldhash::fast::RandomState;
use std::hash::BuildHasher;

/// The digest of a block without data.
pub const EMPTY_DIGEST: [u8; 16] =
    [0xd4, 0x1d, 0x8c, 0xd9, 0x8f, 0x00, 0xb2, 0x04, 0xe9, 0x80, 0x09, 0x98, 0xec, 0xf8, 0x42, 0x7e];

/// The locator of a block without data.
pub const EMPTY_LOCATOR: &[u8] = b"d41d8cd98f00b204e9800998ecf8427e+0";

/// The largest block that is accepted.
pub const MAX_BLOCK_SIZE: u32 = i32::MAX as u32;

/// A block, named by the MD5 and the number of its bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Block {
    /// MD5 of the bytes.
    pub digest: [u8; 16],
    /// Number of bytes. Invariant: at most [`MAX_BLOCK_SIZE`], unless the block is [pending](Block::pending).
    pub size: u32,
    /// The hints, from the first `+` behind the size; empty if there are none. Invariant: in the text they stand behind
    /// a locator of the block.
    pub hints: TextRange,
}

/// The size of a block whose bytes are still in memory: no block that is stored has it.
const PENDING_SIZE: u32 = u32::MAX;

impl Block {
    /// The block that stands for the bytes of a cell, which are still in memory. It has room for any number of them.
    pub fn pending(cell: u64) -> Self {
        let mut digest = [0; 16];
        digest[..8].copy_from_slice(&cell.to_le_bytes());
        Self { digest, size: PENDING_SIZE, hints: TextRange::EMPTY }
    }

    /// The cell that holds the bytes, if they are still in memory.
    #[inline]
    pub fn cell(&self) -> Option<u64> {
        let [low @ .., _, _, _, _, _, _, _, _] = self.digest;
        (self.size == PENDING_SIZE).then(|| u64::from_le_bytes(low))
    }

    /// The locator as it stands in the text, if it was read there with its size in canonical form.
    #[inline]
    pub(crate) fn locator_in<'t>(&self, text: &'t [u8]) -> Option<&'t [u8]> {
        let hints = self.hints.bounds_in_text()?;
        let digits = self.size.checked_ilog10().unwrap_or(0) as usize + 1;
        let plus = hints.start.checked_sub(digits + 1)?;
        // A size with zeros in front has one of them there.
        let digest = plus.checked_sub(32)?;
        (text.get(plus) == Some(&b'+')).then(|| &text[digest..hints.end])
    }

    /// Whether the two are the same bytes.
    #[inline]
    pub fn is_same(&self, other: &Self) -> bool {
        self.digest == other.digest && self.size == other.size
    }
}

/// How good a set of hints is for reading the block; the greater is preferred.
pub(crate) fn rank(hints: &[u8]) -> Option<impl Ord> {
    hints.split(|byte| *byte == b'+').filter_map(parse_signature).map(|signature| signature.rank()).max()
}

/// The blocks of a tree under construction, found by digest and size.
///
/// The index is an open-addressing table of ids. Blocks come in batches, one list of a stream at a time: the slots of a
/// whole batch are read before the first is used, so that the cache misses of a large table overlap.
#[derive(Debug, Default)]
pub struct BlockInterner {
    /// In order of first appearance.
    pub blocks: IndexVec<BlockId, Block>,
    /// A power of two of slots, at most half of them taken. Empty while there are few blocks.
    slots: Vec<Slot>,
    hasher: RandomState,
    /// The block that followed the last one found.
    expected: usize,
}

/// A place of the index, free or taken. With a part of the hash in it few blocks are looked at in vain, each of which
/// would be a cache miss.
#[derive(Clone, Copy, Debug)]
struct Slot {
    /// The raw id plus one, or 0.
    id: u32,
    print: u32,
}

impl Slot {
    const FREE: Self = Self { id: 0, print: 0 };

    #[inline]
    fn of(id: BlockId, hash: u64) -> Self {
        Self { id: id.raw() + 1, print: print(hash) }
    }
}

#[inline]
fn print(hash: u64) -> u32 {
    (hash >> 32) as u32
}

/// Up to this many blocks are compared one by one; hashing pays only beyond.
const SMALL: usize = 16;
/// How many cache misses can be under way together.
const BATCH: usize = 32;

impl BlockInterner {
    /// Forgets the blocks.
    pub fn clear(&mut self) {
        self.blocks.as_vec_mut().clear();
        // Clearing a large table would cost more than the next small manifest does.
        if self.slots.len() > 256 * SMALL {
            self.slots = Vec::new();
        } else {
            self.slots.clear();
        }
        self.expected = 0;
    }

    /// Makes room for this many blocks.
    pub fn reserve(&mut self, additional: usize) {
        self.blocks.as_vec_mut().reserve(additional);
        if additional > SMALL {
            self.rehash((self.blocks.len() + additional) * 2);
        }
    }

    /// The ids of blocks, which are added if they are new. `bytes_of` reads a range of hints.
    pub fn intern<'t>(
        &mut self,
        new: &[Block],
        bytes_of: impl Fn(TextRange) -> &'t [u8] + Copy,
        mut found: impl FnMut(&Block, BlockId),
    ) {
        let mut hashes = [0; BATCH];
        for batch in new.chunks(BATCH) {
            if !self.slots.is_empty() || self.blocks.len() + batch.len() > SMALL {
                for (hash, block) in hashes.iter_mut().zip(batch) {
                    *hash = self.hash(block);
                }
            }
            if !self.slots.is_empty() {
                let touched = hashes.iter().fold(0, |touched, hash| touched | self.slots[self.slot(*hash)].id);
                std::hint::black_box(touched);
            }
            for (block, hash) in batch.iter().zip(hashes) {
                let id = self.intern_one(*block, hash, bytes_of);
                found(block, id);
            }
        }
    }

    #[inline]
    fn intern_one<'t>(&mut self, block: Block, hash: u64, bytes_of: impl Fn(TextRange) -> &'t [u8]) -> BlockId {
        // Streams often repeat a list of blocks: try the one that followed last time.
        let known = match self.blocks.get(self.expected) {
            Some(known) if known.is_same(&block) => Some(BlockId::from_index(self.expected)),
            _ if self.slots.is_empty() => {
                self.blocks.iter().position(|known| known.is_same(&block)).map(BlockId::from_index)
            }
            _ => self.find(&block, hash),
        };
        let id = match known {
            Some(id) => {
                self.prefer(id, block.hints, bytes_of);
                id
            }
            None => self.add(block, hash),
        };
        self.expected = id.index() + 1;
        id
    }

    #[inline]
    fn find(&self, block: &Block, hash: u64) -> Option<BlockId> {
        let mut slot = self.slot(hash);
        loop {
            let taken = self.slots[slot];
            let id = BlockId::from_raw(taken.id.checked_sub(1)?);
            if taken.print == print(hash) && self.blocks[id].is_same(block) {
                return Some(id);
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
    }

    #[inline]
    fn add(&mut self, block: Block, hash: u64) -> BlockId {
        let id = self.blocks.push(block);
        let count = self.blocks.len();
        if self.slots.len() >= count * 2 {
            self.insert(id, hash);
        } else if count > SMALL {
            self.rehash(count * 4);
        }
        id
    }

    #[inline]
    fn insert(&mut self, id: BlockId, hash: u64) {
        let mut slot = self.slot(hash);
        while self.slots[slot].id != 0 {
            slot = (slot + 1) & (self.slots.len() - 1);
        }
        self.slots[slot] = Slot::of(id, hash);
    }

    fn rehash(&mut self, slots: usize) {
        self.slots.clear();
        self.slots.resize(slots.next_power_of_two(), Slot::FREE);
        for id in self.blocks.ids() {
            self.insert(id, self.hash(&self.blocks[id]));
        }
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "the low bits are meant")]
    fn slot(&self, hash: u64) -> usize {
        hash as usize & (self.slots.len() - 1)
    }

    /// The digest is hashed again with a seed: it comes from the text, so that a sender could choose colliding ones.
    #[inline]
    fn hash(&self, block: &Block) -> u64 {
        self.hasher.hash_one((u128::from_le_bytes(block.digest), block.size))
    }

    #[inline]
    fn prefer<'t>(&mut self, id: BlockId, hints: TextRange, bytes_of: impl Fn(TextRange) -> &'t [u8]) {
        let known = &mut self.blocks[id];
        if hints != known.hints && hints.len() != 0 {
            let (old, new) = (bytes_of(known.hints), bytes_of(hints));
            if old != new && rank(new) > rank(old) {
                known.hints = hints;
            }
        }
    }
}
