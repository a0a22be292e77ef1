"""`CollectionWriter`: files laid end to end in streams and blocks, whatever uploads do meanwhile."""

from __future__ import annotations

import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import keepset
import keepset.collection
import keepset.writer
from keepset import CollectionReader, CollectionWriter, errors, open_store
from keepset.collection import Collection
from memory_keep import MemoryKeep, StubApi, random_delays, read_back
from samples import SIGNATURE, A, B, C, E, locator
from small_blocks import small_blocks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EXPIRES = SIGNATURE + "7fffffff"


def test_it_is_found_where_people_look_for_it() -> None:
    assert keepset.collection.CollectionWriter is keepset.writer.CollectionWriter is CollectionWriter
    with pytest.raises(AttributeError, match="Nothing"):
        keepset.collection.Nothing  # type: ignore[attr-defined]  # noqa: B018


# File objects.


def test_file_objects(keep: MemoryKeep, writer: CollectionWriter) -> None:
    with writer.open("a") as file:
        assert (file.name, file.mode, file.writable(), file.readable()) == ("a", "wb", True, False)
        assert (writer.current_stream_name(), writer.current_file_name()) == (".", "a")
        assert file.write(b"aaa") == 3
        file.writelines([b"x", b"y"])
    assert file.closed
    for refused in (lambda: file.write(b"x"), lambda: file.writelines([b"x"]), file.flush):
        with pytest.raises(ValueError, match="closed"):
            refused()
    file.close()
    with writer.open("./d/e", "b") as file:
        file.write(b"bbb")
    with writer.open("d/c") as file:
        file.write(b"ccccc")
    assert writer.manifest_text() == f". {locator(b'aaaxy')} 0:5:a\n./d/e {B} 0:3:b\n./d {C} 0:5:c\n"
    assert read_back(writer, keep) == {"a": b"aaaxy", "d/e/b": b"bbb", "d/c": b"ccccc"}


def test_one_file_object_at_a_time(writer: CollectionWriter) -> None:
    file = writer.open("a")
    with pytest.raises(errors.AssertionError, match="'b' cannot be opened while 'a' is open"):
        writer.open("b")
    file.close()
    writer.open("b").close()
    assert writer.manifest_text() == f". {E} 0:0:a 0:0:b\n"


def test_a_file_object_does_not_take_the_bytes_of_the_file_before(writer: CollectionWriter) -> None:
    writer.start_new_file("a")
    writer.write(b"aaa")
    with writer.open("b") as file:
        file.write(b"bbb")
    assert writer.manifest_text() == f". {locator(b'aaabbb')} 0:3:a 3:3:b\n"


# Blocks.


def test_what_is_flushed_is_a_block_of_its_own_and_stored(keep: MemoryKeep, writer: CollectionWriter) -> None:
    with writer.open("a") as file:
        file.write(b"aaa")
        file.flush()
        assert keep.puts == [A]
        file.write(b"bbb")
        writer.flush_data()
        writer.flush_data()
        assert keep.puts == [A, B]
        file.write(b"ccccc")
    assert keep.puts == [A, B]
    assert writer.manifest_text() == f". {A} {B} {C} 0:11:a\n"


def test_blocks_are_cut_where_they_are_full(keep: MemoryKeep, writer: CollectionWriter) -> None:
    data = bytes(range(40))
    with small_blocks(16):
        writer.start_new_file("a")
        writer.write(data[:10])
        writer.start_new_file("b")
        writer.write(bytearray(data[10:32]))  # to the end of a block
        writer.start_new_file("c")
        writer.write(memoryview(data)[32:])
    expected = [locator(data[:16]), locator(data[16:32]), locator(data[32:])]
    assert writer.manifest_text() == f". {' '.join(expected)} 0:10:a 10:22:b 32:8:c\n"
    assert writer.data_locators() == expected
    assert read_back(writer, keep) == {"a": data[:10], "b": data[10:32], "c": data[32:]}


def test_a_block_is_64_mib(keep: MemoryKeep, writer: CollectionWriter) -> None:
    writer.start_new_file("a")
    writer.write(bytes(2**26 + 1))
    assert writer.manifest_text() == f". {locator(bytes(2**26))} {locator(bytes(1))} 0:{2**26 + 1}:a\n"
    assert sorted(len(data) for data in keep.blocks.values()) == [1, 2**26]


def test_what_can_be_written(writer: CollectionWriter) -> None:
    buffer = bytearray(b"b")
    writer.start_new_file("a")
    writer.write("é")
    writer.write(buffer)
    buffer[:] = b"x"  # it is the caller's own
    writer.write([b"c", "d", [memoryview(b"e")], (b for b in (b"f",))])
    for wrong in (1, [1], None):
        with pytest.raises(TypeError):
            writer.write(wrong)
    assert writer.manifest_text() == f". {locator('ébcdef'.encode())} 0:7:a\n"


def test_the_manifest_does_not_depend_on_uploads() -> None:
    texts = set()
    for seed in range(5):
        keep = MemoryKeep()
        keep.before_put = random_delays(seed)
        writer = CollectionWriter(StubApi(keep))
        with small_blocks(8):
            for number in range(30):
                writer.start_new_stream(f"d{number % 7}")
                writer.start_new_file(f"{number}")
                writer.write(f"{number:013}")
        texts.add(writer.manifest_text())
    assert len(texts) == 1


def test_few_blocks_are_in_memory(keep: MemoryKeep, writer: CollectionWriter) -> None:
    made, seen = 0, []

    def slow(block: bytes) -> None:
        seen.append(made - len(keep.puts))
        time.sleep(0.001)

    def data() -> Iterator[bytes]:
        nonlocal made
        for made in range(1, 101):
            yield b"%08d" % made

    keep.before_put = slow
    writer.start_new_file("a")
    with small_blocks(8):
        writer.write(data())
    writer.manifest_text()
    assert len(keep.puts) == 100
    # Two uploads, one that waits for its turn, and what `made` is ahead of the block that it is in.
    assert max(seen) <= 4


# Trouble with Keep.


class Trouble:
    """Makes a Keep fail while it is on."""

    def __init__(self, keep: MemoryKeep) -> None:
        self.is_on = True
        keep.before_put = self

    def __call__(self, data: bytes) -> None:
        if self.is_on:
            raise errors.KeepWriteError("no space")


@pytest.mark.parametrize("method", ["flush_data", "manifest_text", "finish", "portable_data_hash", "save_new"])
def test_a_block_that_is_not_stored_is_told_of_and_tried_again(
    keep: MemoryKeep, writer: CollectionWriter, method: str
) -> None:
    trouble = Trouble(keep)
    writer.start_new_file("a")
    writer.write(b"aaa")
    for _ in range(2):
        with pytest.raises(errors.KeepWriteError):
            getattr(writer, method)()
    trouble.is_on = False
    getattr(writer, method)()
    assert writer.manifest_text() == f". {A} 0:3:a\n"
    assert writer.data_locators() == [A]


def test_the_next_write_says_that_an_upload_has_failed(keep: MemoryKeep, writer: CollectionWriter) -> None:
    trouble = Trouble(keep)
    with small_blocks(4):
        writer.start_new_file("a")
        writer.write(b"0123")
        writer._my_block_manager().stop_threads()  # the upload has failed by now
        with pytest.raises(errors.KeepWriteError):
            writer.write(b"xxxx")
        trouble.is_on = False
        writer.write(b"45")
    assert writer.manifest_text() == f". {locator(b'0123')} {locator(b'45')} 0:6:a\n"


# The collection.


def test_it_can_be_read_from_where_finish_has_stored_it(tmp_path: Path) -> None:
    with open_store(tmp_path / "store") as store:
        writer = CollectionWriter(store)
        with writer.open("d/a") as file:
            file.write(b"aaa")
        found = writer.finish()
        assert found == writer.portable_data_hash()
        assert CollectionReader(found, store).read_bytes("d/a") == b"aaa"


def test_a_record(tmp_path: Path) -> None:
    with open_store(tmp_path / "store") as store:
        writer = CollectionWriter(store)
        with writer.open("a") as file:
            file.write(b"aaa")
        first, second, third = writer.save_new("x"), writer.save_new("x"), writer.save_new()
        assert first["name"] == "x"
        assert second["name"].startswith("x (")
        assert third["name"].startswith("New collection ")
        for record in (first, second, third):
            assert record["portable_data_hash"] == writer.portable_data_hash()
            assert Collection(record["uuid"], store).read_bytes("a") == b"aaa"


def test_signatures_are_in_the_manifest_and_not_in_the_hash(keep: MemoryKeep, writer: CollectionWriter) -> None:
    keep.signature = EXPIRES
    with writer.open("a") as file:
        file.write(b"aaa")
    assert writer.manifest_text() == f". {A}{EXPIRES} 0:3:a\n"
    assert writer.stripped_manifest() == f". {A} 0:3:a\n"
    assert writer.portable_data_hash() == locator(f". {A} 0:3:a\n".encode())
    assert writer.data_locators() == [A + EXPIRES]
    assert writer.finish() == locator(f". {A}{EXPIRES} 0:3:a\n".encode()) + EXPIRES
    assert read_back(writer, keep) == {"a": b"aaa"}


@pytest.mark.parametrize(("replication", "copies"), [(None, 2), (3, 3)])
def test_how_blocks_are_stored(replication: int | None, copies: int) -> None:
    class Asked(MemoryKeep):
        def put(self, data: Any, copies: int = 2, num_retries: int | None = None, **options: Any) -> str:  # type: ignore[override]
            asked.append((copies, num_retries))
            return super().put(data, **options)

    asked: list[tuple[int, int | None]] = []
    writer = CollectionWriter(StubApi(Asked()), 7, replication)
    writer.open("a").close()
    writer.start_new_file("b")
    writer.write(b"bbb")
    writer.finish()
    assert asked == [(copies, 7), (copies, 7)]


def test_leaving_the_context_stores_the_manifest(keep: MemoryKeep) -> None:
    with CollectionWriter(StubApi(keep)) as writer, writer.open("a") as file:
        file.write(b"aaa")
    assert keep.puts == [A, locator(f". {A} 0:3:a\n".encode())]
    with pytest.raises(ZeroDivisionError), CollectionWriter(StubApi(keep)) as writer:
        writer.write(1 // 0)
    assert len(keep.puts) == 2


# All of it, beside the plainest way to say what should come out.

NAMES = st.sampled_from(["a", "b c", "d/e", "\t", "é"])
STREAMS = st.sampled_from([".", "s", "./s", "t\n/u"])
STEPS = st.one_of(
    st.tuples(st.just("file"), NAMES),
    st.tuples(st.just("stream"), STREAMS),
    st.tuples(st.just("write"), st.binary(max_size=40)),
    st.tuples(st.just("flush"), st.none()),
)


@given(st.lists(STEPS, max_size=30), st.integers(1, 20))
def test_everything_written_is_read_back(steps: list[tuple[str, Any]], size: int) -> None:
    keep, expected, stream, name = MemoryKeep(), defaultdict(bytes), "", "first"
    writer = CollectionWriter(StubApi(keep))
    writer.start_new_file(name)
    expected[name] = b""
    with small_blocks(size):
        for step, value in steps:
            if step == "write":
                writer.write(value)
                expected[stream + name] += value
            elif step == "flush":
                writer.flush_data()
            else:
                if step == "stream":
                    writer.start_new_stream(value)
                    stream = "" if value == "." else f"{value.removeprefix('./')}/"
                else:
                    name = value
                writer.start_new_file(name)
                expected[stream + name] += b""
    assert read_back(writer, keep) == expected
    for line in writer.manifest_text().splitlines():
        blocks = [token for token in line.split(" ")[1:] if "+" in token]
        assert all(int(token.partition("+")[2]) <= size for token in blocks)
