"""Streams of manifests and the file objects that they have, beside `io.BytesIO` and the naive reader."""

from __future__ import annotations

import bz2
import io
from collections import defaultdict
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

import keepset
import reference
from keepset import errors
from keepset.collection import CollectionReader
from keepset.stream import LocatorAndRange, Range, StreamFileReader, StreamReader, split
from memory_keep import MemoryKeep
from samples import BLOCKS, DATA, SIGNATURE, TREE, A, B, C, E, locator
from strategies import compat_texts

if TYPE_CHECKING:
    from pathlib import Path

SIGNED = f"{A}{SIGNATURE}65000000"
COUNT = [
    ".",
    locator(b"01234"),
    locator(b"34567"),
    locator(b"67890"),
    "1:3:count.txt",
    "6:3:count.txt",
    "11:3:count.txt",
]
"""A file with the bytes 123456789, in three parts of three blocks."""


@pytest.fixture
def keep() -> MemoryKeep:
    return MemoryKeep([*DATA, b"01234", b"34567", b"67890"])


@pytest.fixture
def count(keep: MemoryKeep) -> StreamFileReader:
    return StreamReader(COUNT, keep).files()["count.txt"]


def path_of(stream: StreamReader, file: StreamFileReader) -> str:
    return "/".join(part for part in f"{stream.name()}/{file.name}".split("/") if part not in ("", "."))


@given(compat_texts())
def test_the_files_are_those_that_the_text_says(text: bytes) -> None:
    spans: dict[str, list[reference.Span]] = defaultdict(list)
    for stream in StreamReader.all_of(text.decode("utf-8", "surrogateescape")):
        for file in stream.all_files():
            found = spans[path_of(stream, file)]
            for segment in file.segments:
                for part in stream.locators_and_ranges(int(segment.locator or 0), segment.range_size):
                    digest, size = str(part.locator).split("+")[:2]
                    found.append(reference.Span(digest, int(size), part.segment_offset, part.segment_size))
    expected = reference.parse(text)
    assert {path: reference.join(found) for path, found in spans.items()} == {
        path: expected.content(path) for path in expected.files
    }


@st.composite
def files(draw: st.DrawFn) -> tuple[StreamFileReader, bytes]:
    """A file of a stream, and its bytes."""
    blocks = draw(st.lists(st.sampled_from(sorted(BLOCKS)), min_size=1, max_size=5))
    stored = b"".join(BLOCKS[block] for block in blocks)
    tokens, content = [".", *blocks], b""
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(stored)))
        end = draw(st.integers(start, len(stored)))
        tokens.append(f"{start}:{end - start}:f")
        content += stored[start:end]
    return StreamReader(tokens, MemoryKeep(DATA)).files()["f"], content


@given(files(), st.lists(st.tuples(st.sampled_from(["read", "seek", "readline", "readfrom"]), st.integers(0, 40))))
def test_reading_is_that_of_a_file(
    file_and_content: tuple[StreamFileReader, bytes], calls: list[tuple[str, int]]
) -> None:
    file, content = file_and_content
    twin = io.BytesIO(content)
    for name, number in calls:
        if name == "readfrom":
            assert file.readfrom(number, 7) == content[number : number + 7]
        else:
            assert getattr(file, name)(number) == getattr(twin, name)(number)
        assert file.tell() == twin.tell()
    assert file.read() == twin.read()
    assert file.size() == len(content)


def test_a_stream_has_what_its_line_says(keep: MemoryKeep) -> None:
    stream = StreamReader(["./d\\040e", SIGNED, B, "0:2:b", "3:3:a\\072", "2:1:b"], keep)
    assert stream.name() == "./d e"
    assert list(stream.files()) == ["b", "a:"]
    assert [file.name for file in stream.all_files()] == ["b", "a:"]
    assert stream.files()["b"].segments == [Range(0, 0, 2), Range(2, 2, 1)]
    assert stream.size() == 6
    assert stream.locators_and_ranges(2, 2) == [LocatorAndRange(SIGNED, 3, 2, 1), LocatorAndRange(B, 3, 0, 1)]
    assert (stream.files()["b"].read(), stream.files()["a:"].read()) == (b"aaa", b"bbb")


def test_the_text_of_a_stream_is_its_line() -> None:
    tokens = ["./d\\040e", SIGNED, f"{B}+Kzzzzz", "0:2:b", "0:0:\\056", "2:1:b"]
    stream = StreamReader(tokens)
    assert stream.manifest_text() == " ".join(tokens) + "\n"
    assert stream.manifest_text(strip=True) == f"./d\\040e {A} {B} 0:2:b 0:0:\\056 2:1:b\n"


def test_a_stream_reads_across_its_blocks(keep: MemoryKeep) -> None:
    stream = StreamReader([".", A, B, C, "0:11:f"], keep)
    assert stream.readfrom(2, 5) == b"abbbc"
    assert stream.readfrom(9, 99) == b"cc"
    assert stream.readfrom(0, 0) == stream.readfrom(11, 1) == b""


def test_a_stream_says_how_often_to_try_again() -> None:
    class Asked(MemoryKeep):
        def get(self, locator: str, **options: object) -> bytes:
            asked.append(options["num_retries"])
            return super().get(locator)

    asked: list[object] = []
    stream = StreamReader([".", A, B, "0:3:f"], Asked(DATA), num_retries=4)
    stream.readfrom(0, 1)
    stream.readfrom(3, 1, num_retries=2)
    assert stream.files()["f"].num_retries == 4
    stream.files()["f"].read(1, 3)
    assert asked == [4, 2, 3]


def test_a_block_that_is_read_in_parts_is_fetched_once(keep: MemoryKeep) -> None:
    file = StreamReader([".", C, "0:5:f"], keep).files()["f"]
    for position in (4, 0, 2):
        file.seek(position)
        file.read(1)
    assert keep.gets.total() == 1


def test_blocks_come_from_the_default_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KEEP_LOCAL_STORE", "ARVADOS_API_HOST", "ARVADOS_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KEEPSET_STORE", str(tmp_path))
    with keepset.open_store() as store:
        store.keep.put(b"aaa")
        assert StreamReader([".", A, "0:3:f"]).readfrom(1, 2) == b"aa"


def test_only_empty_directories_and_blocks_are_no_files() -> None:
    assert StreamReader(["./d", E, "0:0:\\056", "0:0:sub/."]).all_files() == []
    assert StreamReader([".", E, "0:0:f"]).files()["f"].read() == b""
    empty = StreamReader([], _empty=True)
    assert (empty.name(), empty.size(), empty.files(), empty.readfrom(0, 1)) == (".", 0, {}, b"")


@pytest.mark.parametrize("tokens", [[".", "x"], [".", A, "0:4:f"], [".", A, "0:3:f", B], [".", A, "0:3:../f"]])
def test_what_is_no_stream_is_refused(tokens: list[str]) -> None:
    with pytest.raises(errors.SyntaxError) as caught:
        StreamReader(tokens)
    assert isinstance(caught.value, errors.ManifestError)


def test_several_lines_are_refused() -> None:
    assert StreamReader(f". {A} 0:3:f\n".split(" ")).name() == "."
    with pytest.raises(errors.ArgumentError, match="one line"):
        StreamReader(TREE.split(" "))


# The file objects.


def test_a_file_is_a_buffered_file_object(count: StreamFileReader) -> None:
    assert isinstance(count, io.BufferedIOBase)
    assert (count.readable(), count.seekable(), count.writable(), count.mode) == (True, True, False, "rb")
    assert io.TextIOWrapper(count, "ascii").read() == "123456789"
    assert count.size() == 9
    assert count.stream_name() == "."


def test_the_name_is_an_attribute_and_a_method(count: StreamFileReader) -> None:
    assert count.name == count.name() == "count.txt"
    assert type(count.name()) is str


def test_a_file_is_closed_behind_its_with_statement(count: StreamFileReader) -> None:
    with count as file:
        assert file.read(2) == b"12"
    with pytest.raises(ValueError, match="closed"):
        count.read(1)


def test_h24_h25_h26_reads_are_whole_and_share_one_position(count: StreamFileReader) -> None:
    assert count.read(8) == b"12345678"
    count.seek(-3, io.SEEK_END)
    assert count.tell() == 6
    assert (count.readline(2), count.read(5), count.tell()) == (b"78", b"9", 9)


def test_l01_a_block_without_bytes_hides_nothing(keep: MemoryKeep) -> None:
    stream = StreamReader([".", A, E, B, "0:6:foo", "3:3:bar"], keep)
    assert (stream.files()["foo"].read(), stream.files()["bar"].read()) == (b"aaabbb", b"bbb")


def test_lines_and_chunks(keep: MemoryKeep) -> None:
    blocks = [b"one\ntw", b"o\n\nfour"]
    keep.blocks.update(MemoryKeep(blocks).blocks)
    stream = StreamReader([".", *map(locator, blocks), "0:13:f"], keep)
    file = stream.files()["f"]
    lines = [b"one\n", b"two\n", b"\n", b"four"]
    assert list(file) == lines
    file.seek(0)
    assert file.readlines() == lines
    file.seek(0)
    assert list(file.readall(5)) == [b"one\nt", b"wo\n\nf", b"our"]
    file.seek(1)
    assert list(file.decompress(bytes.upper, 7)) == [b"NE\nTWO\n", b"\nFOUR"]
    assert stream.files()["f"] is file


def test_compressed_files_are_read_by_their_names(keep: MemoryKeep) -> None:
    packed = bz2.compress(b"many bytes")
    keep.put(packed)
    file = StreamReader([".", locator(packed), f"0:{len(packed)}:f.bz2"], keep).files()["f.bz2"]
    assert b"".join(file.readall_decompressed()) == b"many bytes"
    assert file.decompressed_name() == "f"


def test_a_file_as_a_manifest(count: StreamFileReader) -> None:
    one, two, three = COUNT[1:4]
    assert count.as_manifest() == f". {one} {two} {three} 1:3:count.txt 6:3:count.txt 11:3:count.txt\n"
    assert StreamReader(["./d", E, "0:0:a\\040b"]).files()["a b"].as_manifest() == f". {E} 0:0:a\\040b\n"


def test_a_file_reads_from_whatever_is_like_a_stream() -> None:
    class Digits:
        def name(self) -> str:
            return "./digits"

        def readfrom(self, start: int, size: int, num_retries: int | None = None) -> bytes:
            return b"0123456789"[start : start + size]

    file = StreamFileReader(Digits(), [Range(7, 0, 2), Range(1, 2, 3)], "some")
    assert (file.read(), file.stream_name(), file.num_retries) == (b"78123", "./digits", None)


# What collections have of it.


def test_a_collection_lists_its_streams_and_files(keep: MemoryKeep) -> None:
    reader = CollectionReader(TREE, keep_client=keep, num_retries=3)
    assert [(stream.name(), stream.num_retries) for stream in reader.all_streams()] == [
        (".", 3),
        ("./d", 3),
        ("./d/e", 3),
    ]
    assert {path_of(stream, file): file.read() for stream in reader.all_streams() for file in stream.all_files()} == {
        "a": b"aaa",
        "b": b"bbb",
        "d/c": b"ccccc",
        "d/e/f": b"aaa",
    }
    assert [file.name() for file in reader.all_files()] == ["a", "b", "c", "f"]
    assert "".join(stream.manifest_text() for stream in reader.all_streams()) == reader.manifest_text() == TREE


def test_normalizing_changes_the_streams_alone(keep: MemoryKeep) -> None:
    text = f". {B} {A} 3:3:d/x 0:3:b\n. {A} 0:3:a\n"
    reader = CollectionReader(text, keep_client=keep)
    reader.normalize()
    assert [stream.manifest_text() for stream in reader.all_streams()] == [
        f". {A} {B} 0:3:a 3:3:b\n",
        f"./d {A} 0:3:x\n",
    ]
    assert [file.read() for file in reader.all_files()] == [b"aaa", b"bbb", b"aaa"]
    assert reader.manifest_text() == text


# The function beside them.


def test_a_path_is_split_into_stream_and_file() -> None:
    assert [split(path) for path in ("a", "./d/a", "d/e/")] == [(".", "a"), ("./d", "a"), ("d/e", "")]
