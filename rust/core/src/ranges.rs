//! The arithmetic of data locators: a list of ranges that lie one behind the other, each the bytes of some block.
//!
//! This serves Python's `keepset.ranges`; a file of a tree is made of [pieces](crate::pieces) instead. The list stays
//! where it is: it is reached through [`RangeList`], a search touches O(log n) of its items, and an edit comes back
//! as a [`Replacement`] for the owner to carry out.
//!
//! The ranges of a list are expected in order, without overlap; gaps are allowed. Ranges without bytes never take part
//! in a lookup (regressions L1), and an edit drops those it meets. A list that breaks these rules gets answers without
//! meaning, never a panic.

use std::convert::Infallible;
use std::ops;

/// `size` bytes that are found from `segment_offset` on in some block, and stand from `start` on in the list.
///
/// ```
/// use keepset_core::ranges::BlockRange;
/// let range = BlockRange::new(10, 5, 2).unwrap();
/// assert_eq!((range.start(), range.size(), range.end()), (10, 5, 15));
/// assert_eq!((range.segment_offset(), range.segment_end()), (2, 7));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct BlockRange {
    // Invariant: start + size and segment_offset + size do not overflow.
    start: u64,
    size: u64,
    segment_offset: u64,
}

impl BlockRange {
    /// A range, unless one of its ends is 2^64 or more.
    ///
    /// ```
    /// use keepset_core::ranges::BlockRange;
    /// assert!(BlockRange::new(u64::MAX, 0, 0).is_some());
    /// assert!(BlockRange::new(u64::MAX, 1, 0).is_none());
    /// assert!(BlockRange::new(0, 1, u64::MAX).is_none());
    /// ```
    #[inline]
    pub fn new(start: u64, size: u64, segment_offset: u64) -> Option<Self> {
        start.checked_add(size)?;
        segment_offset.checked_add(size)?;
        Some(Self { start, size, segment_offset })
    }

    /// Where its first byte stands in the list.
    ///
    /// ```
    /// # use keepset_core::ranges::BlockRange;
    /// assert_eq!(BlockRange::new(10, 5, 2).unwrap().start(), 10);
    /// ```
    #[inline]
    pub fn start(self) -> u64 {
        self.start
    }

    /// The number of its bytes.
    ///
    /// ```
    /// # use keepset_core::ranges::BlockRange;
    /// assert_eq!(BlockRange::new(10, 5, 2).unwrap().size(), 5);
    /// ```
    #[inline]
    pub fn size(self) -> u64 {
        self.size
    }

    /// One past its last byte in the list.
    ///
    /// ```
    /// # use keepset_core::ranges::BlockRange;
    /// assert_eq!(BlockRange::new(10, 5, 2).unwrap().end(), 15);
    /// ```
    #[inline]
    pub fn end(self) -> u64 {
        self.start + self.size
    }

    /// Where its first byte is in the block.
    ///
    /// ```
    /// # use keepset_core::ranges::BlockRange;
    /// assert_eq!(BlockRange::new(10, 5, 2).unwrap().segment_offset(), 2);
    /// ```
    #[inline]
    pub fn segment_offset(self) -> u64 {
        self.segment_offset
    }

    /// One past its last byte in the block.
    ///
    /// ```
    /// # use keepset_core::ranges::BlockRange;
    /// assert_eq!(BlockRange::new(10, 5, 2).unwrap().segment_end(), 7);
    /// ```
    #[inline]
    pub fn segment_end(self) -> u64 {
        self.segment_offset + self.size
    }

    /// Whether the byte at `position` of the list is one of its bytes.
    ///
    /// ```
    /// # use keepset_core::ranges::BlockRange;
    /// let range = BlockRange::new(10, 5, 2).unwrap();
    /// assert!(range.contains(10) && range.contains(14) && !range.contains(15));
    /// ```
    #[inline]
    pub fn contains(self, position: u64) -> bool {
        self.start <= position && position < self.end()
    }

    /// What of it lies in `start..end`; nothing if that is no byte.
    ///
    /// ```
    /// # use keepset_core::ranges::BlockRange;
    /// let range = BlockRange::new(10, 5, 2).unwrap();
    /// assert_eq!(range.intersect(12, 99), BlockRange::new(12, 3, 4));
    /// assert_eq!(range.intersect(15, 99), None);
    /// ```
    #[inline]
    pub fn intersect(self, start: u64, end: u64) -> Option<Self> {
        let (start, end) = (start.max(self.start), end.min(self.end()));
        let size = end.checked_sub(start).filter(|size| *size > 0)?;
        Some(Self { start, size, segment_offset: self.segment_offset + (start - self.start) })
    }

    /// Whether `next` goes on where it ends, in the list and in the block.
    ///
    /// ```
    /// # use keepset_core::ranges::BlockRange;
    /// let range = BlockRange::new(10, 5, 2).unwrap();
    /// assert!(range.is_followed_by(BlockRange::new(15, 1, 7).unwrap()));
    /// assert!(!range.is_followed_by(BlockRange::new(15, 1, 8).unwrap()));
    /// ```
    #[inline]
    pub fn is_followed_by(self, next: Self) -> bool {
        self.end() == next.start && self.segment_end() == next.segment_offset
    }
}

/// A list of ranges that belongs to somebody else, and that reading may fail on (a Python list, say).
///
/// Slices of `BlockRange` and of `(locator, BlockRange)` are such lists.
pub trait RangeList {
    /// Why an item could not be read.
    type Error;

    /// The number of items.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The item at `index`, which is less than the length.
    ///
    /// # Errors
    /// When the list does not give it.
    fn range(&self, index: usize) -> Result<BlockRange, Self::Error>;
}

impl RangeList for [BlockRange] {
    type Error = Infallible;

    fn len(&self) -> usize {
        self.len()
    }

    fn range(&self, index: usize) -> Result<BlockRange, Infallible> {
        Ok(self[index])
    }
}

impl<L> RangeList for [(L, BlockRange)] {
    type Error = Infallible;

    fn len(&self) -> usize {
        self.len()
    }

    fn range(&self, index: usize) -> Result<BlockRange, Infallible> {
        Ok(self[index].1)
    }
}

/// The number of ranges that start before `position`, or at it if `inclusive`.
fn starting_before<L: RangeList + ?Sized>(list: &L, position: u64, inclusive: bool) -> Result<usize, L::Error> {
    let (mut low, mut high) = (0, list.len());
    while low < high {
        let middle = low + (high - low) / 2;
        let start = list.range(middle)?.start;
        if start < position || (inclusive && start == position) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low)
}

/// The index of the range that holds the byte at `position`.
///
/// # Errors
/// Those of the list.
///
/// ```
/// use keepset_core::ranges::{BlockRange, first_block};
/// let range = |start, size| BlockRange::new(start, size, 0).unwrap();
/// let list = [range(0, 3), range(3, 0), range(3, 3)];
/// assert_eq!(first_block(&list[..], 3), Ok(Some(2)));
/// assert_eq!(first_block(&list[..], 6), Ok(None));
/// ```
pub fn first_block<L: RangeList + ?Sized>(list: &L, position: u64) -> Result<Option<usize>, L::Error> {
    // Of several ranges that start at one place only the last can have bytes, so there is one candidate.
    match starting_before(list, position, true)?.checked_sub(1) {
        Some(candidate) => Ok(list.range(candidate)?.contains(position).then_some(candidate)),
        None => Ok(None),
    }
}

/// A part of one range of a list: one answer of [`locators_and_ranges`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Located {
    /// Which range of the list it is.
    pub index: usize,
    /// The size of that whole range.
    pub block_size: u64,
    /// The part that was asked for.
    pub part: BlockRange,
}

/// The parts of the ranges that hold the `size` bytes from `start` on, in order, at most `limit` of them.
///
/// Nothing is found when no range holds `start` itself, as with arvados-python-client 3.2.1; bytes beyond the end of
/// the list are left out.
///
/// # Errors
/// Those of the list.
///
/// ```
/// use keepset_core::ranges::{BlockRange, locators_and_ranges};
/// let range = |start, size, offset| BlockRange::new(start, size, offset).unwrap();
/// let list = [range(0, 10, 0), range(10, 10, 40)];
/// let found = locators_and_ranges(&list[..], 8, 4, None).unwrap();
/// assert_eq!(found.iter().map(|it| it.index).collect::<Vec<_>>(), [0, 1]);
/// assert_eq!(found[1].part, range(10, 2, 40));
/// assert_eq!(locators_and_ranges(&list[..], 8, 4, Some(1)).unwrap().len(), 1);
/// ```
pub fn locators_and_ranges<L: RangeList + ?Sized>(
    list: &L,
    start: u64,
    size: u64,
    limit: Option<usize>,
) -> Result<Vec<Located>, L::Error> {
    let mut found = Vec::new();
    let limit = limit.unwrap_or(usize::MAX);
    if size == 0 || limit == 0 {
        return Ok(found);
    }
    let Some(first) = first_block(list, start)? else {
        return Ok(found);
    };
    let end = start.saturating_add(size); // no range reaches beyond u64::MAX
    for index in first..list.len() {
        let range = list.range(index)?;
        if range.start >= end || found.len() == limit {
            break;
        }
        if let Some(part) = range.intersect(start, end) {
            found.push(Located { index, block_size: range.size, part });
        }
    }
    Ok(found)
}

/// Whose locator a range of a [`Replacement`] has.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Source {
    /// That of the item at this index, before the edit.
    Item(usize),
    /// The new one.
    New,
}

/// An edit of a list: the items to take out, and the ranges to put in their place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Replacement {
    /// The items to take out.
    pub items: ops::Range<usize>,
    /// What comes in their place: at most three.
    pub ranges: Vec<(Source, BlockRange)>,
}

/// How to overwrite the bytes of a list from `new.start()` to `new.end()` with those of `new`.
///
/// A range that is hit in its middle is split. Writing at the very end appends, and lengthens the last range instead
/// when `new` goes on in the same block: `same_locator` says, given the index of an item, whether that is the locator
/// of `new`. Writing over the end makes the list longer. There is nothing to do when `new` is empty, and none when it
/// starts where the list has no bytes, as with arvados-python-client 3.2.1; a list without any bytes takes `new` where
/// it is.
///
/// # Errors
/// Those of the list and of `same_locator`.
///
/// ```
/// use keepset_core::ranges::{BlockRange, Source, plan_replacement};
/// let range = |start, size, offset| BlockRange::new(start, size, offset).unwrap();
/// let list = [range(0, 10, 0)];
/// let edit = plan_replacement(&list[..], range(4, 2, 0), |_| Ok(false)).unwrap().unwrap();
/// assert_eq!(edit.items, 0..1);
/// assert_eq!(
///     edit.ranges,
///     [(Source::Item(0), range(0, 4, 0)), (Source::New, range(4, 2, 0)), (Source::Item(0), range(6, 4, 6))],
/// );
/// ```
pub fn plan_replacement<L: RangeList + ?Sized>(
    list: &L,
    new: BlockRange,
    same_locator: impl FnOnce(usize) -> Result<bool, L::Error>,
) -> Result<Option<Replacement>, L::Error> {
    if new.size == 0 {
        return Ok(None);
    }
    let Some((last, last_range)) = last_with_bytes(list)? else {
        return Ok(Some(Replacement { items: 0..list.len(), ranges: vec![(Source::New, new)] }));
    };
    if last_range.end() == new.start {
        if last_range.is_followed_by(new) && same_locator(last)? {
            let longer = BlockRange { size: last_range.size + new.size, ..last_range };
            let ranges = vec![(Source::Item(last), longer)];
            return Ok(Some(Replacement { items: last..list.len(), ranges }));
        }
        return Ok(Some(Replacement { items: last + 1..list.len(), ranges: vec![(Source::New, new)] }));
    }
    let Some(first) = first_block(list, new.start)? else {
        return Ok(None);
    };
    // The last range that the new one reaches; only this one can have bytes behind it.
    let final_ = starting_before(list, new.end(), false)?.saturating_sub(1).max(first);
    let mut ranges = Vec::with_capacity(3);
    if let Some(head) = list.range(first)?.intersect(0, new.start) {
        ranges.push((Source::Item(first), head));
    }
    ranges.push((Source::New, new));
    if let Some(tail) = list.range(final_)?.intersect(new.end(), u64::MAX) {
        ranges.push((Source::Item(final_), tail));
    }
    Ok(Some(Replacement { items: first..final_ + 1, ranges }))
}

fn last_with_bytes<L: RangeList + ?Sized>(list: &L) -> Result<Option<(usize, BlockRange)>, L::Error> {
    for index in (0..list.len()).rev() {
        let range = list.range(index)?;
        if range.size > 0 {
            return Ok(Some((index, range)));
        }
    }
    Ok(None)
}

/// Overwrites bytes of a list of one's own; see [`plan_replacement`].
///
/// ```
/// use keepset_core::ranges::{BlockRange, replace_range};
/// let range = |start, size, offset| BlockRange::new(start, size, offset).unwrap();
/// let mut list = vec![("a", range(0, 10, 0))];
/// replace_range(&mut list, range(10, 5, 0), &"b");
/// replace_range(&mut list, range(15, 5, 5), &"b");
/// replace_range(&mut list, range(8, 4, 0), &"c");
/// assert_eq!(list, [("a", range(0, 8, 0)), ("c", range(8, 4, 0)), ("b", range(12, 8, 2))]);
/// ```
pub fn replace_range<T: Clone + PartialEq>(list: &mut Vec<(T, BlockRange)>, new: BlockRange, locator: &T) {
    let plan = plan_replacement(&list[..], new, |index| Ok(list[index].0 == *locator));
    let Ok(Some(Replacement { items, ranges })) = plan else {
        return;
    };
    let located = ranges.into_iter().map(|(source, range)| match source {
        Source::Item(index) => (list[index].0.clone(), range),
        Source::New => (locator.clone(), range),
    });
    let located: Vec<_> = located.collect();
    list.splice(items, located);
}
