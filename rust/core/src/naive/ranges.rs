//! The slow twin of [`crate::ranges`]: every range is looked at, one after the other.

use crate::ranges::{BlockRange, Located};

/// Twin of [`crate::ranges::first_block`].
pub fn first_block<T>(list: &[(T, BlockRange)], position: u64) -> Option<usize> {
    list.iter().position(|(_, range)| range.contains(position))
}

/// Twin of [`crate::ranges::locators_and_ranges`].
pub fn locators_and_ranges<T>(list: &[(T, BlockRange)], start: u64, size: u64, limit: Option<usize>) -> Vec<Located> {
    if first_block(list, start).is_none() {
        return Vec::new();
    }
    let part = |(index, (_, range)): (usize, &(T, BlockRange))| {
        let part = range.intersect(start, start.saturating_add(size))?;
        Some(Located { index, block_size: range.size(), part })
    };
    list.iter().enumerate().filter_map(part).take(limit.unwrap_or(usize::MAX)).collect()
}

/// Twin of [`crate::ranges::replace_range`].
pub fn replace_range<T: Clone + PartialEq>(list: &mut Vec<(T, BlockRange)>, new: BlockRange, locator: &T) {
    if new.size() == 0 {
        return;
    }
    let end = list.iter().filter(|(_, range)| range.size() > 0).map(|(_, range)| range.end()).max();
    if end.is_none_or(|end| end == new.start()) {
        while list.pop_if(|(_, range)| range.size() == 0).is_some() {}
        if let Some((last, range)) = list.last_mut()
            && last == locator
            && range.is_followed_by(new)
            && let Some(longer) = BlockRange::new(range.start(), range.size() + new.size(), range.segment_offset())
        {
            *range = longer;
        } else {
            list.push((locator.clone(), new));
        }
        return;
    }
    if first_block(list, new.start()).is_none() {
        return;
    }
    let mut before = Vec::new();
    let mut after = Vec::new();
    for (old, range) in list.drain(..) {
        if range.size() == 0 && range.start() <= new.start() {
            before.push((old, range));
        } else if range.size() == 0 && range.start() >= new.end() {
            after.push((old, range));
        } else {
            before.extend(range.intersect(0, new.start()).map(|head| (old.clone(), head)));
            after.extend(range.intersect(new.end(), u64::MAX).map(|tail| (old, tail)));
        }
    }
    list.extend(before);
    list.push((locator.clone(), new));
    list.extend(after);
}
