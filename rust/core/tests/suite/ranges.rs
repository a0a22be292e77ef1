//! The arithmetic of lists of ranges: beside its twin over histories of edits, beside the bytes that a list stands for,
//! and at its limits.

use keepset_core::naive::histories::check_ranges;
use keepset_core::ranges::{BlockRange, RangeList, first_block, locators_and_ranges, plan_replacement, replace_range};
use proptest::prelude::*;
use std::convert::Infallible;

type List = Vec<(u8, BlockRange)>;

fn range(start: u64, size: u64, segment_offset: u64) -> BlockRange {
    BlockRange::new(start, size, segment_offset).unwrap()
}

/// Lists in order, some ranges without bytes, some behind a gap.
fn lists(gaps: impl Strategy<Value = u64>) -> impl Strategy<Value = List> {
    let sizes = prop_oneof![2 => Just(0_u64), 5 => 1..6_u64];
    proptest::collection::vec((0..3_u8, gaps, sizes, 0..6_u64), 0..12).prop_map(|items| {
        let mut position = 0;
        let mut list = List::new();
        for (locator, gap, size, segment_offset) in items {
            position += gap;
            list.push((locator, range(position, size, segment_offset)));
            position += size;
        }
        list
    })
}

/// The locator and the place in the block of each byte of a list without gaps.
fn content(list: &[(u8, BlockRange)]) -> Vec<(u8, u64)> {
    let bytes = |(locator, range): &(u8, BlockRange)| {
        let locator = *locator;
        (range.segment_offset()..range.segment_end()).map(move |offset| (locator, offset))
    };
    list.iter().flat_map(bytes).collect()
}

proptest! {
    #[test]
    fn a_history_of_edits_is_that_of_the_twin(
        list in lists(prop_oneof![6 => Just(0_u64), 1 => 1..4_u64]),
        edits in proptest::collection::vec((0..60_u64, 0..30_u64, 0..3_u8, 0..9_u64), 1..8),
    ) {
        let edit = |(start, size, locator, offset)| (locator, range(start, size, offset));
        let edits: Vec<_> = edits.into_iter().map(edit).collect();
        check_ranges(list, &edits);
    }

    #[test]
    fn replace_range_overwrites_these_bytes_and_no_others(
        mut list in lists(Just(0)),
        edits in proptest::collection::vec((0..40_usize, 0..30_u64, 0..3_u8, 0..9_u64), 1..8),
    ) {
        for (start, size, locator, segment_offset) in edits {
            let mut expected = content(&list);
            let start = start.min(expected.len());
            let new = (0..size).map(|byte| (locator, segment_offset + byte));
            let end = expected.len().min(start + usize::try_from(size).unwrap());
            expected.splice(start..end, new);
            replace_range(&mut list, range(start as u64, size, segment_offset), &locator);
            prop_assert_eq!(content(&list), expected);
            prop_assert!(list.windows(2).all(|pair| pair[0].1.end() == pair[1].1.start()));
        }
    }

    #[test]
    fn a_list_without_order_does_no_harm(
        list in proptest::collection::vec((0..3_u8, any::<(u64, u64, u64)>()), 0..8),
        edit in any::<(u64, u64, u64)>(),
    ) {
        let clamp = |(start, size, offset): (u64, u64, u64)| {
            range(start, size.min(u64::MAX - start).min(u64::MAX - offset), offset)
        };
        let mut list: List = list.into_iter().map(|(locator, numbers)| (locator, clamp(numbers))).collect();
        let edit = clamp(edit);
        let _ = first_block(&list[..], edit.start());
        let _ = locators_and_ranges(&list[..], edit.start(), edit.size(), None);
        replace_range(&mut list, edit, &1);
    }
}

#[test]
fn a_lookup_touches_few_items() {
    struct Counting(std::cell::Cell<usize>);
    impl RangeList for Counting {
        type Error = Infallible;
        fn len(&self) -> usize {
            1 << 20
        }
        fn range(&self, index: usize) -> Result<BlockRange, Infallible> {
            self.0.set(self.0.get() + 1);
            Ok(range(index as u64 * 8, 8, 0))
        }
    }
    let list = Counting(std::cell::Cell::new(0));
    assert_eq!(first_block(&list, 800_003), Ok(Some(100_000)));
    assert!(list.0.get() <= 22, "{} items", list.0.get());
}

#[test]
fn an_error_of_the_list_comes_back() {
    struct Broken;
    impl RangeList for Broken {
        type Error = &'static str;
        fn len(&self) -> usize {
            4
        }
        fn range(&self, _: usize) -> Result<BlockRange, Self::Error> {
            Err("broken")
        }
    }
    assert_eq!(first_block(&Broken, 1), Err("broken"));
    assert_eq!(locators_and_ranges(&Broken, 1, 1, None), Err("broken"));
    assert_eq!(plan_replacement(&Broken, range(1, 1, 0), |_| Ok(true)), Err("broken"));
}

#[test]
fn l01_ranges_without_bytes_do_not_disturb_a_lookup() {
    for empties in 0..9 {
        let mut list = vec![range(0, 3, 0)];
        list.extend(vec![range(3, 0, 0); empties]);
        list.push(range(3, 3, 0));
        list.extend(vec![range(6, 0, 0); empties]);
        assert_eq!(first_block(&list[..], 2), Ok(Some(0)));
        assert_eq!(first_block(&list[..], 3), Ok(Some(empties + 1)));
        assert_eq!(first_block(&list[..], 6), Ok(None));
        let found = locators_and_ranges(&list[..], 0, 6, None).unwrap();
        assert_eq!(found.iter().map(|it| it.part.size()).collect::<Vec<_>>(), [3, 3]);
    }
}

#[test]
fn h20_each_of_many_ranges_is_found() {
    for count in 1..40 {
        let list: Vec<_> = (0..count).map(|index| range(index * 10, 10, 0)).collect();
        for position in 0..count * 10 {
            let index = usize::try_from(position / 10).unwrap();
            assert_eq!(first_block(&list[..], position), Ok(Some(index)));
        }
        assert_eq!(first_block(&list[..], count * 10), Ok(None));
    }
}

#[test]
fn the_largest_numbers_do_not_overflow() {
    let list = [range(0, u64::MAX, 0)];
    let found = locators_and_ranges(&list[..], 5, u64::MAX, None).unwrap();
    assert_eq!(found[0].part, range(5, u64::MAX - 5, 5));
    let mut list = vec![(0, list[0])];
    replace_range(&mut list, range(u64::MAX - 1, 1, 0), &1);
    assert_eq!(list, [(0, range(0, u64::MAX - 1, 0)), (1, range(u64::MAX - 1, 1, 0))]);
}
