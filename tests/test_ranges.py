"""`keepset.ranges`: a model of bytes, the official client beside it, and the edges where that one is wrong."""

import copy
import pickle
from collections import deque
from collections.abc import Sequence
from itertools import permutations

import pytest
from arvados._internal import streams as official
from hypothesis import given
from hypothesis import strategies as st

from keepset.errors import ArgumentError
from keepset.ranges import LocatorAndRange, Range, first_block, locators_and_ranges, replace_range

Content = list[tuple[str | int | None, int]]
"""The block of each byte, and its place in that block."""


def content(ranges: Sequence[Range]) -> Content:
    return [(item.locator, item.segment_offset + byte) for item in ranges for byte in range(item.range_size)]


def found_content(found: Sequence[LocatorAndRange]) -> Content:
    return [(part.locator, part.segment_offset + byte) for part in found for byte in range(part.segment_size)]


def in_a_row(*items: tuple[str, int] | tuple[str, int, int], start: int = 0) -> list[Range]:
    """Ranges one behind the other, from their locators, sizes and segment offsets."""
    ranges = []
    for locator, size, *offset in items:
        ranges.append(Range(locator, start, size, *offset))
        start += size
    return ranges


def lists(min_size: int = 0) -> st.SearchStrategy[list[Range]]:
    """Lists without gaps; `min_size` is that of a range."""
    item = st.tuples(st.sampled_from("abc"), st.integers(min_size, 5), st.integers(0, 7))
    return st.lists(item, max_size=12).map(lambda items: in_a_row(*items))


def as_official(ranges: Sequence[Range]) -> list[official.Range]:
    return [official.Range(it.locator, it.range_start, it.range_size, it.segment_offset) for it in ranges]


def as_ours(ranges: Sequence[official.Range]) -> list[Range]:
    return [Range(it.locator, it.range_start, it.range_size, it.segment_offset) for it in ranges]


# Beside the official client, on lists that it can handle.


@given(lists(min_size=1).filter(bool), st.integers(-3, 70))
def test_first_block_is_that_of_the_official_client(ranges: list[Range], start: int) -> None:
    assert first_block(ranges, start) == official.first_block(as_official(ranges), start)


@given(lists(min_size=1).filter(bool), st.integers(-3, 70), st.integers(0, 70), st.none() | st.integers(0, 4))
def test_locators_and_ranges_is_that_of_the_official_client(
    ranges: list[Range], start: int, size: int, limit: int | None
) -> None:
    expected = official.locators_and_ranges(as_official(ranges), start, size, limit)
    found = locators_and_ranges(ranges, start, size, limit)
    assert [repr(part) for part in found] == [repr(part) for part in expected]


@given(lists(min_size=1), st.integers(0, 70), st.integers(0, 20), st.sampled_from("abc"), st.integers(0, 7))
def test_replace_range_is_that_of_the_official_client(
    ranges: list[Range], start: int, size: int, locator: str, segment_offset: int
) -> None:
    expected = as_official(ranges)
    official.replace_range(expected, start, size, locator, segment_offset)
    replace_range(ranges, start, size, locator, segment_offset)
    # It leaves a range without bytes behind when it overwrites from the very start of a range across its end.
    assert ranges == [item for item in as_ours(expected) if item.range_size > 0]


def test_gaps_are_treated_as_by_the_official_client() -> None:
    ranges = [Range("a", 5, 10), Range("b", 20, 10)]
    theirs = as_official(ranges)
    for start in range(40):
        assert first_block(ranges, start) == official.first_block(theirs, start)
        for size in range(30):
            expected = official.locators_and_ranges(theirs, start, size)
            assert repr(locators_and_ranges(ranges, start, size)) == repr(expected)
            ours, replaced = list(ranges), as_official(ranges)
            replace_range(ours, start, size, "c", 3)
            official.replace_range(replaced, start, size, "c", 3)
            assert ours == [item for item in as_ours(replaced) if item.range_size > 0]


def test_ranges_equal_those_of_the_official_client() -> None:
    assert Range("a", 1, 2, 3) == official.Range("a", 1, 2, 3)
    assert LocatorAndRange("a", 1, 2, 3) == official.LocatorAndRange("a", 1, 2, 3)


# Against the bytes.


@given(lists(), st.integers(0, 70), st.integers(0, 70))
def test_a_lookup_finds_the_bytes(ranges: list[Range], start: int, size: int) -> None:
    found = locators_and_ranges(ranges, start, size)
    assert found_content(found) == content(ranges)[start : start + size]
    assert all(part.segment_size > 0 for part in found)
    for limit in range(len(found) + 1):
        assert locators_and_ranges(ranges, start, size, limit) == found[:limit]
    index = first_block(ranges, start)
    if start < len(content(ranges)):
        assert index is not None
        assert content(ranges[:index]) == content(ranges)[: ranges[index].range_start]
        assert ranges[index].range_start <= start < ranges[index].range_start + ranges[index].range_size
    else:
        assert index is None


@given(
    lists(),
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 20), st.sampled_from("abc"), st.integers(0, 7)), max_size=10),
)
def test_edits_overwrite_these_bytes_and_no_others(ranges: list[Range], edits: list[tuple[int, int, str, int]]) -> None:
    same = ranges
    for wanted, size, locator, segment_offset in edits:
        expected = content(ranges)
        start = min(wanted, len(expected))
        expected[start : start + size] = [(locator, segment_offset + byte) for byte in range(size)]
        replace_range(ranges, start, size, locator, segment_offset)
        assert content(ranges) == expected
        assert [item.range_start for item in ranges] == [
            sum(item.range_size for item in ranges[:index]) for index in range(len(ranges))
        ]
    assert ranges is same


# Edges.


def test_the_empty_list() -> None:
    assert first_block([], 0) is None
    assert locators_and_ranges([], 0, 5) == []
    ranges: list[Range] = []
    replace_range(ranges, 7, 3, "a", 2)
    assert ranges == [Range("a", 7, 3, 2)]


def test_nothing_is_found_outside_the_list() -> None:
    ranges = in_a_row(("a", 10), ("b", 10))
    for start in (-1, -(2**70), 20, 2**64 - 1, 2**64, 2**70):
        assert first_block(ranges, start) is None
        assert locators_and_ranges(ranges, start, 5) == []
    assert locators_and_ranges(ranges, 15, 2**64 - 1) == [LocatorAndRange("b", 10, 5, 5)]
    assert locators_and_ranges(ranges, 15, 0) == []


@pytest.mark.parametrize(("start", "size"), [(21, 5), (2**40, 5), (0, 0), (20, 0)])
def test_a_replacement_outside_the_list_or_without_bytes_does_nothing(start: int, size: int) -> None:
    ranges = in_a_row(("a", 10), ("b", 10))
    replace_range(ranges, start, size, "c", 0)
    assert ranges == in_a_row(("a", 10), ("b", 10))


def test_an_append_lengthens_the_last_range_if_the_block_goes_on() -> None:
    ranges = in_a_row(("a", 10), ("b", 10, 5))
    replace_range(ranges, 20, 3, "b", 15)
    assert ranges == in_a_row(("a", 10), ("b", 13, 5))
    replace_range(ranges, 23, 3, "b", 19)
    assert ranges == in_a_row(("a", 10), ("b", 13, 5), ("b", 3, 19))
    replace_range(ranges, 26, 3, "a", 22)
    assert ranges == in_a_row(("a", 10), ("b", 13, 5), ("b", 3, 19), ("a", 3, 22))


def test_a_replacement_may_go_over_the_end() -> None:
    ranges = in_a_row(("a", 10), ("b", 10))
    replace_range(ranges, 5, 100, "c", 1)
    assert ranges == in_a_row(("a", 5), ("c", 100, 1))


def test_a_replacement_of_whole_ranges_leaves_nothing_of_them() -> None:
    ranges = in_a_row(("a", 10), ("b", 10), ("c", 10))
    replace_range(ranges, 0, 20, "d", 0)
    assert ranges == in_a_row(("d", 20), ("c", 10))


def test_numbers_that_cannot_be_right_are_refused() -> None:
    ranges = in_a_row(("a", 10))
    for call in (
        lambda: Range("a", -1, 1),
        lambda: Range("a", 0, -1),
        lambda: Range("a", 0, 1, -1),
        lambda: Range("a", 2**64, 0),
        lambda: Range("a", 2**64 - 1, 1),
        lambda: Range("a", 0, 1, 2**64 - 1),
        lambda: LocatorAndRange("a", -1, 0, 0),
        lambda: LocatorAndRange("a", 0, 2**64, 0),
        lambda: LocatorAndRange("a", 0, 0, -1),
        lambda: locators_and_ranges(ranges, 0, -1),
        lambda: locators_and_ranges(ranges, 0, 2**64),
        lambda: locators_and_ranges(ranges, 0, 1, -1),
        lambda: replace_range(ranges, -1, 1, "b", 0),
        lambda: replace_range(ranges, 0, -1, "b", 0),
        lambda: replace_range(ranges, 0, 1, "b", -1),
        lambda: replace_range(ranges, 2**64 - 1, 1, "b", 0),
    ):
        with pytest.raises(ArgumentError, match="must"):
            call()
    assert ranges == in_a_row(("a", 10))
    with pytest.raises(ArgumentError, match="new_segment_offset must not be negative"):
        replace_range(ranges, 0, 1, "b", -1)


def test_what_is_no_range_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match=r"data_locators\[1\] must be a keepset\.ranges\.Range"):
        locators_and_ranges([Range("a", 0, 1), "b"], 0, 9)  # type: ignore[list-item]
    with pytest.raises(TypeError):
        first_block(5, 0)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        Range("a", 1.0, 1)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        Range(b"a", 1, 1)  # type: ignore[arg-type]


def test_the_largest_numbers() -> None:
    ranges = [Range("a", 0, 2**64 - 1)]
    assert locators_and_ranges(ranges, 5, 2**64 - 1) == [LocatorAndRange("a", 2**64 - 1, 5, 2**64 - 6)]
    replace_range(ranges, 2**64 - 2, 1, "b", 0)
    assert ranges == [Range("a", 0, 2**64 - 2), Range("b", 2**64 - 2, 1)]


class Counting(Sequence[Range]):
    """A sequence of two hundred thousand ranges that counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def __len__(self) -> int:
        return 200_000

    def __getitem__(self, index: int) -> Range:  # type: ignore[override]
        self.asked += 1
        return Range(str(index), index * 8, 8)


def test_a_lookup_touches_few_items_of_any_sequence() -> None:
    ranges = Counting()
    assert first_block(ranges, 1_000_003) == 125_000
    assert ranges.asked < 25
    assert locators_and_ranges(ranges, 1_000_003, 8) == [
        LocatorAndRange("125000", 8, 3, 5),
        LocatorAndRange("125001", 8, 0, 3),
    ]
    assert ranges.asked < 60
    assert first_block(tuple(in_a_row(("a", 3), ("b", 3))), 3) == 1
    assert first_block(deque(in_a_row(("a", 3), ("b", 3))), 3) == 1


# The classes.


def test_ranges_are_values() -> None:
    for value, other in (
        (Range("a", 1, 2, 3), [Range("b", 1, 2, 3), Range("a", 0, 2, 3), Range("a", 1, 0, 3), Range("a", 1, 2)]),
        (
            LocatorAndRange("a", 9, 2, 3),
            [
                LocatorAndRange("b", 9, 2, 3),
                LocatorAndRange("a", 8, 2, 3),
                LocatorAndRange("a", 9, 0, 3),
                LocatorAndRange("a", 9, 2, 0),
            ],
        ),
    ):
        twin = pickle.loads(pickle.dumps(value))
        assert twin == value
        assert hash(twin) == hash(value)
        assert repr(twin) == repr(value)
        assert copy.copy(value) == copy.deepcopy(value) == value
        assert eval(repr(value)) == value
        assert all(value != unequal for unequal in other)
        assert len({value, twin, *other}) == len(other) + 1
        assert value != "a"
        assert value is not None
        for name in ("locator", "segment_offset", "anything"):
            with pytest.raises(AttributeError):
                setattr(value, name, 1)
    assert repr(Range("a", 1, 2)) == "Range('a', 1, 2, 0)"
    assert repr(LocatorAndRange("a", 9, 2, 3)) == "LocatorAndRange('a', 9, 2, 3)"
    assert Range(range_size=2, range_start=1, locator="a") == Range("a", 1, 2, 0)


def test_locators_are_kept_and_not_copied() -> None:
    locator = "acbd18db4cc2f85cedef654fccc4a4d8+3"
    ranges = [Range(locator, 0, 3)]
    assert ranges[0].locator is locator
    assert locators_and_ranges(ranges, 0, 1)[0].locator is locator
    replace_range(ranges, 1, 1, "x", 0)
    assert ranges[2].locator is locator


def test_a_locator_may_be_any_text_or_none() -> None:
    class Text(str):
        __slots__ = ()

    assert type(Range(Text("a"), 0, 1).locator) is str
    assert Range("\udcff", 0, 1).locator == "\udcff"
    assert locators_and_ranges([Range(None, 0, 3)], 1, 1)[0].locator is None


def test_a_locator_may_be_a_place_in_a_stream() -> None:
    assert repr(Range(6, 3, 3)) == "Range(6, 3, 3, 0)"
    assert locators_and_ranges([Range(6, 0, 3), Range(True, 3, 3)], 2, 2) == [
        LocatorAndRange(6, 3, 2, 1),
        LocatorAndRange(1, 3, 0, 1),
    ]
    with pytest.raises(TypeError, match="a locator must be a str or an int"):
        Range(1.5, 0, 1)  # type: ignore[arg-type]


# Regressions.


def test_l01_zero_length_ranges_take_no_part_in_lookups() -> None:
    for empties in range(8):
        nothing = [("E", 0)] * empties
        ranges = in_a_row(*nothing, ("a", 3), *nothing, ("b", 3), *nothing)
        theirs = [LocatorAndRange("a", 3, 0, 3), LocatorAndRange("b", 3, 0, 3)]
        assert locators_and_ranges(ranges, 0, 6) == theirs
        assert locators_and_ranges(ranges, 0, 6, 2) == theirs
        assert locators_and_ranges(ranges, 3, 3) == theirs[1:]
        assert first_block(ranges, 3) == 2 * empties + 1
        assert first_block(ranges, 6) is None


def test_l01_zero_length_ranges_do_not_disturb_edits() -> None:
    ranges = in_a_row(("a", 3), ("E", 0), ("b", 3), ("E", 0))
    replace_range(ranges, 2, 2, "c", 0)
    assert content(ranges) == [("a", 0), ("a", 1), ("c", 0), ("c", 1), ("b", 1), ("b", 2)]
    replace_range(ranges, 6, 1, "b", 3)
    assert ranges == in_a_row(("a", 2), ("c", 2), ("b", 3, 1))
    for only_empties in ([Range("E", 0, 0)], [Range("E", 0, 0), Range("E", 0, 0)]):
        replace_range(only_empties, 0, 3, "a", 0)
        assert only_empties == [Range("a", 0, 3)]


def test_l01_an_edit_leaves_no_zero_length_range_behind() -> None:
    ranges = in_a_row(("a", 3), ("b", 3))
    replace_range(ranges, 0, 4, "c", 0)
    assert ranges == in_a_row(("c", 4), ("b", 2, 1))


def test_h19_appended_ranges_are_joined() -> None:
    ranges: list[Range] = []
    for start in (0, 100, 200):
        replace_range(ranges, start, 100, "buffer", start)
    assert ranges == [Range("buffer", 0, 300)]


def test_h20_each_of_many_blocks_is_found() -> None:
    for count in range(1, 20):
        ranges = in_a_row(*((str(index), 10) for index in range(count)))
        for start in range(count * 10):
            assert first_block(ranges, start) == start // 10
            assert locators_and_ranges(ranges, start, 1) == [LocatorAndRange(str(start // 10), 10, start % 10, 1)]


def test_h24_reads_of_segments_go_on_where_the_last_one_ended() -> None:
    ranges = in_a_row(("a", 10), ("b", 5, 2), ("a", 5, 7))
    read: Content = []
    for start in (0, 6, 12, 18):
        read += found_content(locators_and_ranges(ranges, start, 6))
    assert read == content(ranges)


def test_h28_records_written_in_any_order_end_up_in_their_places() -> None:
    for order in permutations(range(5)):
        ranges = [Range("padding", 0, 50)]
        for turn, record in enumerate(order):
            replace_range(ranges, record * 10, 10, "buffer", turn * 10)
        expected = [("buffer", order.index(record) * 10 + byte) for record in range(5) for byte in range(10)]
        assert content(ranges) == expected
        assert all(item.range_size == 10 for item in ranges)


def test_h29_padding_may_be_the_same_block_again_and_again() -> None:
    ranges: list[Range] = []
    for start in (0, 64, 128):
        replace_range(ranges, start, 64, "zeros", 0)
    assert ranges == in_a_row(("zeros", 64), ("zeros", 64), ("zeros", 64))


def test_h33_replacing_the_tail_keeps_the_head() -> None:
    ranges = in_a_row(("committed", 30), ("buffer", 5))
    replace_range(ranges, 30, 5, "packed", 100)
    assert ranges == in_a_row(("committed", 30), ("packed", 5, 100))
