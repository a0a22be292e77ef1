"""What is written to a file is what is read from it, wherever the edges of blocks are, and however it was written."""

from __future__ import annotations

import io
import itertools
import os
import pickle
import threading
from typing import TYPE_CHECKING, Any

import pytest

from gate import PATIENCE, Gate
from keepset import Manifest
from keepset.arvfile import ArvadosFile, ArvadosFileReader, ArvadosFileWriter
from keepset.blocks import BlockManager, Buffer
from keepset.ranges import Range
from samples import A, B, C, E, locator
from small_blocks import small_blocks

if TYPE_CHECKING:
    from collection.conftest import Maker
    from memory_keep import MemoryKeep

both = pytest.mark.parametrize("packing", [True, False], ids=["packing", "not packing"])
FULL = 1 << 26


pytestmark = pytest.mark.usefixtures("stored")


# Reading.


def test_h24_reads_go_on_where_the_last_one_ended(make: Maker, keep: MemoryKeep) -> None:
    """H24: the position advanced cumulatively over the segments of a file."""
    blocks = [keep.put(data) for data in (b"0123456789", b"abcde", b"ABCDE")]
    file = make(f". {' '.join(blocks)} 0:20:f\n").open("f", "rb")
    assert [file.read(6) for _ in range(4)] == [b"012345", b"6789ab", b"cdeABC", b"DE"]


def test_h25_lines_and_bytes_share_one_position(make: Maker) -> None:
    """H25: a read after a line did not go on behind the line."""
    collection = make()
    collection.write_bytes("f", b"line\nthe rest\nand more\n")
    with collection.open("f", "rb") as file:
        assert (file.readline(), file.read(5), file.readline()) == (b"line\n", b"the r", b"est\n")
        assert (next(file), file.tell()) == (b"and more\n", 23)


def test_h26_a_read_is_short_only_at_the_end(make: Maker) -> None:
    """H26: a read ended at the edge of a block, which gzip does not take."""
    file = make(f". {A} {B} {A} 0:9:f\n").open("f", "rb")
    assert (file.read(8), file.read(8), file.read(8)) == (b"aaabbbaa", b"a", b"")
    buffer = bytearray(8)
    assert file.seek(0) == 0
    assert (file.readinto(buffer), bytes(buffer)) == (8, b"aaabbbaa")


def test_l15_lines_of_a_binary_file_are_bytes(make: Maker) -> None:
    """L15: lines of a binary file were text, which bytes that are no UTF-8 made fail."""
    collection = make()
    collection.write_bytes("f", b"\xff\nb\n\xfe")
    with collection.open("f", "rb") as file:
        assert isinstance(file, io.BufferedIOBase)
        assert list(file) == [b"\xff\n", b"b\n", b"\xfe"]
        file.seek(0)
        assert file.readline() == b"\xff\n"
        assert file.readlines() == [b"b\n", b"\xfe"]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_l15_every_pickle_protocol(protocol: int, make: Maker) -> None:
    """L15: protocol 0 reads lines."""
    collection = make()
    value = {"a": [1, 2.5, None], "text": "\u20ac\n", "bytes": b"\xff\n"}
    with collection.open("f", "wb") as file:
        pickle.dump(value, file, protocol)
    with collection.open("f", "rb") as file:
        assert pickle.load(file) == value


# Writing.


@both
@pytest.mark.parametrize("size", [63, 64, 65, 100, 128, 129, 1000])
def test_h27_one_write_may_be_larger_than_a_block(size: int, packing: bool, make: Maker, keep: MemoryKeep) -> None:
    """H27: a write of more than a block failed, in several ways one after the other."""
    data = bytes(index % 251 for index in range(size))
    with small_blocks(64):
        collection = make(packing=packing)
        with collection.open("f", "wb") as file:
            assert file.write(data) == size
            assert file.tell() == size
        collection.write_bytes("g", data[:5])
        text = collection.manifest_text()
        assert collection.read_bytes("f") == data
    assert all(int(block.split("+")[1]) <= 64 for block in keep.puts)
    assert make(text).read_bytes("f") == data


@pytest.mark.parametrize("size", [FULL - 1, FULL, FULL + 1])
def test_h27_around_64_mib(size: int, make: Maker, keep: MemoryKeep) -> None:
    """H27: the edge itself failed last."""
    data = bytes(1 << 20) * 63 + b"x" * (size - 63 * (1 << 20))
    collection = make()
    with collection.open("f", "wb") as file:
        assert file.write(data) == size
    collection.manifest_text()
    assert sum(int(block.split("+")[1]) for block in keep.puts) == size
    with collection.open("f", "rb") as file:
        assert file.read() == data


@both
@pytest.mark.parametrize("flush", [False, True], ids=["in memory", "flushed"])
@pytest.mark.parametrize("order", [[4, 3, 2, 1, 0], [3, 2, 0, 4, 1], [0, 1, 2, 3, 4], [1, 1, 0, 4, 3, 2]])
def test_h28_records_written_in_any_order(order: list[int], flush: bool, packing: bool, make: Maker) -> None:
    """H28: pieces of a buffer that are no neighbours were joined."""
    collection = make(packing=packing)
    with collection.open("f", "wb") as file:
        for number in order:
            file.seek(10 * number)
            file.write(b"%d" % number * 10)
            if flush:
                file.flush()
    expected = b"".join(b"%d" % number * 10 for number in range(5))
    assert collection.read_bytes("f") == expected
    assert make(collection.manifest_text()).read_bytes("f") == expected


@both
def test_h29_a_sparse_file_repeats_one_block_of_zeros(packing: bool, make: Maker, keep: MemoryKeep) -> None:
    """H29: seeking behind the end and writing there was refused."""
    with small_blocks(1 << 17):
        size = 1 << 17
        collection = make(packing=packing)
        with collection.open("f", "wb") as file:
            assert file.seek(2 * size + 2) == 2 * size + 2
            assert file.write(b"0123456789") == 10
        assert collection.read_bytes("f") == bytes(2 * size + 2) + b"0123456789"
        text = collection.portable_manifest_text()
        zeros = locator(bytes(size))
        assert text == f". {zeros} {locator(b'0123456789')} 0:{size}:f 0:{size}:f 0:2:f {size}:10:f\n"
        collection.manifest_text()
    assert sorted(keep.puts) == sorted([zeros, locator(b"0123456789")])


def test_h29_the_block_of_zeros_is_stored_while_others_go_on(make: Maker, keep: MemoryKeep) -> None:
    with small_blocks(1 << 17):
        collection = make()
        collection.write_bytes("other", b"other")
        file = collection.open("f", "wb")
        thread = threading.Thread(target=file.truncate, args=(1 << 18,))
        with Gate() as gate:
            keep.before_put = gate.pass_through
            thread.start()
            gate.await_somebody()
            assert collection.read_bytes("other") == b"other"
            collection.rename("other", "renamed")
        thread.join(PATIENCE)
        assert file.size() == 1 << 18
        file.close()


@both
def test_h29_a_short_gap_is_filled_with_zeros(packing: bool, make: Maker) -> None:
    collection = make(packing=packing)
    with collection.open("f", "wb") as file:
        file.write(b"ab")
        file.seek(5)
        file.write(b"c")
        file.truncate(8)
    assert collection.read_bytes("f") == b"ab\0\0\0c\0\0"


def test_h30_truncating_leaves_the_position(make: Maker) -> None:
    """H30: the position went along with the end."""
    collection = make(f". {locator(b'0123456789')} {A} 0:13:f\n")
    with collection.open("f", "r+b") as file:
        assert file.read(12) == b"0123456789aa"
        assert file.truncate(8) == 8
        assert file.tell() == 12
        assert file.read(5) == b""
        assert file.write(b"!") == 1
        assert (file.seek(0), file.read()) == (0, b"01234567\0\0\0\0!")


@pytest.mark.parametrize("mode", ["ab+", "ab"])
def test_h31_appending_moves_the_position_to_the_end(mode: str, make: Maker) -> None:
    """H31: the position stayed where it was before the write."""
    collection = make(f". {A} 0:3:f\n")
    with collection.open("f", mode) as file:
        assert file.tell() == (0 if "+" in mode else 3)
        file.seek(0)
        assert file.read() == b"aaa"
        file.seek(0)
        file.write(b"b")
        assert (file.tell(), file.read()) == (4, b"")
        file.seek(1)
        file.write(b"c")
        assert (file.tell(), file.seek(0), file.read()) == (5, 0, b"aaabc")


@both
def test_h36_a_flush_stores_all_buffers_of_a_file(packing: bool, make: Maker, keep: MemoryKeep) -> None:
    """H36: only the last buffer was stored, and nobody waited for the others."""
    data = b"".join(b"record %03d\n" % number for number in range(10))
    held = threading.Event()
    keep.before_put = lambda block: held.wait(timeout=0.01)
    with small_blocks(48):
        collection = make(packing=packing, put_threads=2)
        with collection.open("f", "wb") as file:
            for start in range(0, len(data), 11):
                file.write(data[start : start + 11])
            file.flush()
            assert b"".join(keep.blocks[block[:32]] for block in keep.puts if block) != b""
            segments = file.arvadosfile.segments()
            manifest = collection.manifest_text(only_committed=True)
            assert Manifest.parse(manifest).stat("f").size == len(data)
        assert sum(part.range_size for part in segments) == len(data)
    stored = {block[:32] for block in keep.puts}
    assert {locator[:32] for locator in Manifest.parse(manifest).blocks()} <= stored


@both
def test_flushing_a_file_object_of_the_collection_stores_everything_below(
    packing: bool, make: Maker, keep: MemoryKeep
) -> None:
    collection = make(packing=packing)
    files = [collection.open(path, "wb") for path in ("a", "d/b", "d/e/c")]
    for number, file in enumerate(files):
        file.write(b"%d" % number)
    collection["d"].flush()
    assert sorted(keep.puts) == sorted([locator(b"1"), locator(b"2")])
    collection.flush()
    assert sorted(keep.puts) == sorted([locator(b"0"), locator(b"1"), locator(b"2")])
    for file in files:
        file.close()


def test_the_node_writes_text_and_says_how_much_as_in_3_2_1(make: Maker) -> None:
    collection = make()
    file = collection.find_or_create("f", "file")
    assert file.writeto(0, "\u20ac", 0) == 3
    assert file.writeto(1, b"", 0) == 0
    assert file.writeto(3, memoryview(b"ab"), 0) == 2
    assert file.readfrom(0, 10, 0) == b"\xe2\x82\xacab"


# Several objects for one file.


def test_two_handles_see_each_others_bytes(make: Maker) -> None:
    collection = make()
    with collection.open("f", "w+b") as one, collection.open("f", "r+b") as other, collection.open("f", "rb") as reader:
        one.write(b"0123456789")
        assert reader.read(4) == b"0123"
        other.seek(2)
        other.write(b"XX")
        assert (reader.read(2), one.seek(0), one.read()) == (b"45", 0, b"01XX456789")
        reader.seek(0)
        assert reader.peek(4)[:4] == b"01XX"
        other.truncate(3)
        assert (reader.read(), one.seek(0, os.SEEK_END)) == (b"01X", 3)
        one.write(b"end")
        assert reader.readline() == b"end"
        assert reader.arvadosfile is one.arvadosfile is collection["f"]
        assert not collection["f"].closed()
    assert collection["f"].closed()
    assert collection.read_bytes("f") == b"01Xend"


def test_iterating_sees_what_is_written_meanwhile(make: Maker) -> None:
    collection = make()
    collection.write_bytes("f", b"a\nb\nc\n")
    with collection.open("f", "r+b") as file, collection.open("f", "rb") as reader:
        lines = iter(reader)
        assert next(lines) == b"a\n"
        file.seek(2)
        file.write(b"B\nC\nD\n")
        assert list(lines) == [b"B\n", b"C\n", b"D\n"]


def test_appending_by_two_handles_loses_nothing(make: Maker) -> None:
    collection = make()
    with collection.open("f", "ab") as one, collection.open("f", "ab") as other:
        for number in range(5):
            one.write(b"%d" % number)
            other.write(b"%d" % number)
    assert collection.read_bytes("f") == b"0011223344"


def test_a_write_into_stored_bytes_leaves_the_block_alone(make: Maker, keep: MemoryKeep) -> None:
    collection = make(f". {C} 0:5:f 1:3:g\n")
    with collection.open("f", "r+b") as file:
        file.seek(2)
        file.write(b"X")
    assert (collection.read_bytes("f"), collection.read_bytes("g")) == (b"ccXcc", b"ccc")
    assert keep.blocks[C[:32]] == b"ccccc"
    assert collection.portable_manifest_text() == f". {C} {locator(b'X')} 0:2:f 5:1:f 3:2:f 1:3:g\n"


# The node.


def test_a_file_is_made_of_ranges_of_a_stream(make: Maker) -> None:
    collection = make()
    stream = [Range(A, 0, 3), Range(B, 3, 3), Range(C, 6, 5)]
    # As in 3.2.1: the `locator` of such a segment is where it starts in the stream.
    file = ArvadosFile(collection, "f", stream, [Range("1", 0, 4), Range("9", 4, 2), Range(None, 6, 1)])
    assert file.readfrom(0, 100, 0) == b"aabbcca"
    assert file.segments() == [Range(A, 0, 2, 1), Range(B, 2, 2, 0), Range(C, 4, 2, 3), Range(A, 6, 1, 0)]
    assert "f" not in collection
    collection.add(file, "f")
    assert collection.read_bytes("f") == b"aabbcca"
    assert (ArvadosFileReader(file).read(3), ArvadosFileReader(file, "rb", 0).size()) == (b"aab", 7)
    with ArvadosFileWriter(collection["f"], "ab") as writer:
        writer.write(b"!")
    assert collection.read_bytes("f") == b"aabbcca!"


def test_segments_can_be_taken_from_one_file_and_given_to_another(make: Maker) -> None:
    collection = make(f". {A} {B} {E} 1:4:f 0:0:g\n")
    collection["g"].set_segments(collection["f"].segments())
    assert collection["g"] == collection["f"]
    collection["g"].add_segment([Range(C, 0, 5)], 1, 2)
    assert collection.read_bytes("g") == b"aabbcc"
    assert not collection["g"].committed()
    collection["f"].replace_contents(collection["g"])
    assert collection.read_bytes("f") == b"aabbcc"


def test_any_cut_of_a_buffer_reads_right(make: Maker) -> None:
    """Writes that overlap each other in all ways, before and behind one another."""
    for first, second in itertools.product([(0, 4), (2, 3), (3, 6), (8, 2)], repeat=2):
        collection = make()
        expected = bytearray(b".........")
        with collection.open("f", "w+b") as file:
            file.write(expected)
            for (start, length), byte in zip((first, second), (b"1", b"2"), strict=True):
                file.seek(start)
                file.write(byte * length)
                expected[start : start + length] = byte * length
        assert collection.read_bytes("f") == expected
        assert make(collection.manifest_text()).read_bytes("f") == expected


# Reading while others write.


def test_a_read_whose_bytes_are_written_over_meanwhile_is_planned_anew(
    make: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection = make()
    writer = collection.open("f", "w+b")
    writer.write(b"first")
    read = BlockManager.read
    overwrite = [b"after"]

    def overwriting_first(manager: BlockManager, *arguments: Any) -> Any:
        if overwrite:
            writer.seek(0)
            writer.write(overwrite.pop())
            writer.close()  # what is written over is left out of the buffer
        return read(manager, *arguments)

    monkeypatch.setattr(BlockManager, "read", overwriting_first)
    assert collection["f"].readfrom(0, 5, 0) == b"after"


def test_bytes_are_found_while_they_are_packed(make: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between a look for the pack and one for the bytes, they went from here to there."""
    collection = make()
    collection.write_bytes("f", b"bytes")
    collection.write_bytes("g", b"other")
    look = Buffer.read

    def packing_first(buffer: Buffer, start: int, length: int) -> bytes | None:
        monkeypatch.setattr(Buffer, "read", look)
        collection.manifest_text()
        return None

    monkeypatch.setattr(Buffer, "read", packing_first)
    assert collection["f"].readfrom(0, 5, 0) == b"bytes"


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_what_was_written_is_not_the_callers_to_change(kind: Any, make: Maker) -> None:
    """A `bytes` is kept as it is; what can change is copied."""
    source = bytearray(b"first")
    made = make()
    with made.open("f", "wb") as file:
        file.write(kind(source))
        source[:] = b"later"
        assert made.read_bytes("f") == b"first"
        file.write(b" and more")
    assert made.read_bytes("f") == b"first and more"
