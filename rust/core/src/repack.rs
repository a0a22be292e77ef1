//! Packing: which bytes of little used blocks go together into fuller ones.
//!
//! Blocks are taken in order of first use in the normal form, and each new block is filled until the next one's bytes do
//! not fit. So the answer depends on the tree alone, and what has been packed is not packed again: of two new blocks
//! that follow each other the bytes would not fit into one.

use crate::ids::{BlockId, EntryId, Id};
use crate::runs::{Leaps, Part, Run, parts};
use crate::tree::Tree;

/// Bytes of a block.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Extent {
    /// The block.
    pub block: BlockId,
    /// Where in it they start.
    pub offset: u32,
    /// Their number, never 0.
    pub length: u32,
}

impl Extent {
    fn end(&self) -> u32 {
        self.offset + self.length
    }
}

/// What packing would do.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Packing {
    /// What each new block gets, one after the other. It takes the place of at least two blocks.
    pub blocks: Vec<Vec<Extent>>,
    /// The number of blocks that files use now.
    pub used: usize,
}

/// Plans to pack the blocks of which fewer than `small` bytes are used into blocks of at most `limit`. Bytes that no
/// file uses are left behind, as are those in memory. `small` is at most half of `limit`.
///
/// ```
/// use keepset_core::repack::packing;
/// use keepset_core::{Mode, Tree};
/// let text = ". acbd18db4cc2f85cedef654fccc4a4d8+3 37b51d194a7513e45b56f6524f2d51f2+3 0:3:a 4:2:b\n";
/// let packing = packing(&Tree::parse(text.into(), Mode::Strict)?, 32, 64);
/// let ranges: Vec<(u32, u32)> = packing.blocks[0].iter().map(|extent| (extent.offset, extent.length)).collect();
/// assert_eq!((packing.blocks.len(), packing.used, ranges), (1, 2, vec![(0, 3), (1, 2)]));
/// # Ok::<(), keepset_core::Error>(())
/// ```
pub fn packing(tree: &Tree, small: u64, limit: u64) -> Packing {
    debug_assert!(small <= limit / 2);
    let mut usage = Usage::of(tree);
    join(&mut usage.extents);
    let mut items: Vec<(u32, &[Extent])> =
        usage.extents.chunk_by(|left, right| left.block == right.block).map(|item| (usage.rank(item), item)).collect();
    items.sort_unstable_by_key(|(rank, _)| *rank);
    let used = items.len();
    let mut blocks: Vec<Vec<&[Extent]>> = Vec::new();
    let mut room = 0;
    for (_, item) in items {
        let size: u64 = item.iter().map(|extent| u64::from(extent.length)).sum();
        if size >= small {
            continue;
        }
        match blocks.last_mut() {
            Some(block) if size <= room => block.push(item),
            _ => {
                blocks.push(vec![item]);
                room = limit;
            }
        }
        room -= size;
    }
    blocks.retain(|block| block.len() > 1);
    Packing { blocks: blocks.into_iter().map(|items| items.concat()).collect(), used }
}

/// The distinct parts of blocks that files are made of and that lie in `extents`, by block and place. They are what the
/// server knows as segments.
pub fn segments_within(tree: &Tree, extents: &[Extent]) -> Vec<Extent> {
    let mut extents = extents.to_vec();
    extents.sort_unstable();
    let mut segments = Usage::of(tree).extents;
    segments.sort_unstable();
    segments.dedup();
    segments.retain(|segment| {
        let behind = extents.partition_point(|extent| (extent.block, extent.offset) <= (segment.block, segment.offset));
        behind > 0 && {
            let extent = extents[behind - 1];
            extent.block == segment.block && segment.end() <= extent.end()
        }
    });
    segments
}

/// Joins extents that touch or overlap, by block and place.
fn join(extents: &mut Vec<Extent>) {
    extents.sort_unstable();
    extents.dedup_by(|next, extent| {
        let is_joined = extent.block == next.block && next.offset <= extent.end();
        if is_joined {
            extent.length = extent.end().max(next.end()) - extent.offset;
        }
        is_joined
    });
}

/// What files use of blocks.
struct Usage {
    /// In order of use, with repetitions.
    extents: Vec<Extent>,
    /// By block: how many others are used before it.
    ranks: Vec<u32>,
    /// How many blocks have a rank.
    ranked: u32,
}

impl Usage {
    fn of(tree: &Tree) -> Self {
        let mut usage = Self { extents: Vec::new(), ranks: vec![u32::MAX; tree.blocks().len()], ranked: 0 };
        let mut seen = Leaps::new(tree.entries.len());
        for part in tree.descend_sorted(Tree::ROOT).flat_map(|file| parts(tree, tree.pieces(file))) {
            match part {
                Part::Run(run) => usage.add(tree, run),
                Part::Long { start, end } => {
                    let mut entry = seen.find(start);
                    while entry < end {
                        let block = tree.entry_block(EntryId::from_index(entry));
                        usage.add(tree, Run { block, offset: 0, length: tree.blocks()[block].size });
                        seen.join(entry);
                        entry = seen.find(entry);
                    }
                }
            }
        }
        usage
    }

    fn add(&mut self, tree: &Tree, Run { block, offset, length }: Run) {
        if tree.blocks()[block].cell().is_some() {
            return;
        }
        let rank = &mut self.ranks[block.index()];
        if *rank == u32::MAX {
            *rank = self.ranked;
            self.ranked += 1;
        }
        self.extents.push(Extent { block, offset, length });
    }

    /// When the block of extents is first used.
    fn rank(&self, extents: &[Extent]) -> u32 {
        extents.first().map_or(u32::MAX, |extent| self.ranks[extent.block.index()])
    }
}
