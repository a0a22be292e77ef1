"""`keepset.normalize_stream`, beside that of the official client."""

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from types import MappingProxyType

import pytest
from arvados._internal import streams as official
from hypothesis import given
from hypothesis import strategies as st

from keepset import normalize_stream
from keepset.errors import ArgumentError
from keepset.ranges import LocatorAndRange, Range, locators_and_ranges
from samples import SIGNATURE, A, B, C, E

# Names of blocks that have none yet, and locators: each with its size.
SIZES = {A: 3, B: 3, C: 5, f"{A[:32]}+4": 4, "aaa": 10, "bufferblock3": 7, "": 2, A[:32]: 3, f"{A[:32]}+Z": 3}
REMOTE = SIGNATURE.replace("+A", "+Rzzzzz-")


def part(locator: str, segment_offset: int, segment_size: int, block_size: int = 3) -> LocatorAndRange:
    return LocatorAndRange(locator, block_size, segment_offset, segment_size)


@st.composite
def parts(draw: st.DrawFn) -> LocatorAndRange:
    locator = draw(st.sampled_from(sorted(SIZES)))
    start = draw(st.integers(0, SIZES[locator] - 1))
    return part(locator, start, draw(st.integers(1, SIZES[locator] - start)), SIZES[locator])


names = st.text(st.characters(exclude_categories=["Cs"]), max_size=4) | st.text("ab :\\/.\t\n\x00", max_size=4)


@given(names, st.dictionaries(names, st.lists(parts(), max_size=6), max_size=6))
def test_it_is_that_of_the_official_client(name: str, stream: dict[str, list[LocatorAndRange]]) -> None:
    assert normalize_stream(name, stream) == official.normalize_stream(name, stream)


def test_files_are_sorted_by_code_point() -> None:
    order = ["", " ", "10", "9", "A", "a", "a-b", "a.b", "a/c", "ab", "\u00e9", "\uffff", "\U0001f600"]
    tokens = normalize_stream(".", {name: [] for name in reversed(order)})
    assert tokens == official.normalize_stream(".", {name: [] for name in order})
    assert tokens[2:4] == ["0:0:", "0:0:\\040"]
    assert tokens[-2:] == ["0:0:\uffff", "0:0:\U0001f600"]


def test_a_stream_without_data_has_the_empty_block() -> None:
    assert normalize_stream(".", {}) == [".", E]
    assert normalize_stream("./d", {"f": [], "e": []}) == ["./d", E, "0:0:e", "0:0:f"]


def test_what_a_lookup_finds_can_be_written() -> None:
    blocks = [Range(A, 0, 3), Range(B, 3, 3), Range(C, 6, 5)]
    stream = {"f": locators_and_ranges(blocks, 1, 9), "g": locators_and_ranges(blocks, 0, 3)}
    assert normalize_stream(".", stream) == [".", A, B, C, "1:9:f", "0:3:g"]


def test_any_mapping_of_any_iterables_will_do() -> None:
    class Frozen(Mapping[str, list[LocatorAndRange]]):
        def __getitem__(self, key: str) -> list[LocatorAndRange]:
            if key != "f":
                raise KeyError(key)
            return [part(A, 0, 3)]

        def __iter__(self) -> Iterator[str]:
            return iter(["f"])

        def __len__(self) -> int:
            return 1

    expected = [".", A, "0:3:f"]
    assert normalize_stream(".", Frozen()) == expected
    assert normalize_stream(".", OrderedDict(f=[part(A, 0, 3)])) == expected
    assert normalize_stream(".", MappingProxyType({"f": (part(A, 0, 3),)})) == expected
    assert normalize_stream(stream_name=".", stream={"f": iter([part(A, 0, 3)])}) == expected  # type: ignore[dict-item]


def test_a_mapping_that_changes_meanwhile_does_no_harm() -> None:
    stream: dict[str, object] = {}

    class Greedy:
        def __iter__(self) -> Iterator[LocatorAndRange]:
            stream.clear()
            return iter([part(A, 0, 3)])

    stream.update({"f": Greedy(), "g": [part(B, 0, 3)]})
    assert normalize_stream(".", stream) == [".", A, B, "0:3:f", "3:3:g"]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("segments", "what"),
    [
        ([part(A, 0, 4)], "segment 0 of 'f': it reaches beyond"),
        ([part(A, 0, 3), part(A, 3, 1)], "segment 1 of 'f': it reaches beyond"),
        ([part(A, 2**64 - 1, 2)], "segment 0 of 'f': it reaches beyond"),
        ([part(A, 0, 3, 4)], "segment 0 of 'f': the block has 3 bytes"),
        ([part("x", 0, 3, 4), part("x", 0, 3, 5)], "segment 1 of 'f': the block has 4 bytes"),
        ([part("x", 0, 3, 2**64 - 1), part("y", 0, 3, 2**64 - 1)], r"segment 0 of 'f': .* 2\^64 bytes or more"),
        ([LocatorAndRange(None, 3, 0, 3)], "segment 0 of 'f': it has no locator"),
    ],
)
def test_tokens_that_would_point_at_other_data_are_refused(segments: list[LocatorAndRange], what: str) -> None:
    with pytest.raises(ArgumentError, match=what):
        normalize_stream(".", {"e": [part(B, 0, 1)], "f": segments})


def test_wrong_types_are_refused() -> None:
    with pytest.raises(TypeError, match=r"segment 0 of 'f' must be a keepset\.ranges\.LocatorAndRange"):
        normalize_stream(".", {"f": [A]})  # type: ignore[list-item]
    with pytest.raises(TypeError):
        normalize_stream(".", {b"f": []})  # type: ignore[dict-item]
    with pytest.raises(TypeError):
        normalize_stream(".", ["f"])  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        normalize_stream(".", {"f": None})  # type: ignore[dict-item]


# Regressions.


def test_l01_segments_without_bytes_are_dropped_with_their_blocks() -> None:
    assert normalize_stream(".", {"f": [part(A, 0, 3), part(E, 0, 0, 0), part(B, 0, 3)]}) == [".", A, B, "0:6:f"]
    assert normalize_stream(".", {"f": [part(A, 2, 0)]}) == [".", E, "0:0:f"]
    assert normalize_stream(".", {"f": [part(E + "+Z", 0, 0, 0)], "g": [part(A, 1, 1)]}) == [".", A, "0:0:f", "1:1:g"]


def test_l03_l04_names_are_bytes_and_only_what_must_be_escaped_is() -> None:
    stream: dict[str, list[LocatorAndRange]] = {"\u00e9t\u00e9": [], "a\u00a0b": [], "bad\udce9": [], "a:b\\c d": []}
    tokens = normalize_stream("./\u2028 \udcff", stream)
    assert tokens == [
        "./\u2028\\040\\377",
        E,
        "0:0:a\\072b\\134c\\040d",
        "0:0:a\u00a0b",
        "0:0:bad\\351",
        "0:0:\u00e9t\u00e9",
    ]
    with pytest.raises(ArgumentError, match="surrogate"):
        normalize_stream(".", {"\ud800": []})


def test_l05_a_block_with_two_signatures_is_listed_once_with_the_newest() -> None:
    older, newer, remote = f"{A}{SIGNATURE}65000000", f"{A}{SIGNATURE}66000000", f"{A}{REMOTE}67000000"
    for given_order in ([older, newer, remote, A], [newer, A, older, remote], [A, remote, newer, older]):
        stream = {f"f{index}": [part(locator, 0, 3)] for index, locator in enumerate(given_order)}
        assert normalize_stream(".", stream) == [".", newer, "0:3:f0", "0:3:f1", "0:3:f2", "0:3:f3"]
    assert normalize_stream(".", {"f": [part(A, 0, 3), part(remote, 0, 3)]}) == [".", remote, "0:3:f", "0:3:f"]
    joined = {"f": [part(older, 0, 1), part(newer, 1, 1), part(A, 2, 1)]}
    assert normalize_stream(".", joined) == [".", newer, "0:3:f"]


def test_l05_same_digest_of_another_size_is_another_block() -> None:
    other = f"{A[:32]}+4"
    assert normalize_stream(".", {"f": [part(A, 0, 3), part(other, 0, 4, 4)]}) == [".", A, other, "0:7:f"]


def test_h05_empty_files_share_one_empty_block() -> None:
    assert normalize_stream(".", {"a": [], "b": []}) == [".", E, "0:0:a", "0:0:b"]


def test_h17_a_block_used_twice_is_listed_once() -> None:
    stream = {"f": [part(A, 0, 3), part(B, 0, 3), part(A, 0, 3)]}
    assert normalize_stream(".", stream) == [".", A, B, "0:6:f", "0:3:f"]


def test_h19_touching_segments_are_merged() -> None:
    block = [part("x", start, 100, 300) for start in (0, 100, 200)]
    assert normalize_stream(".", {"f": block}) == [".", "x", "0:300:f"]
