"""Small files share blocks, and which blocks there are depends on the order of closing alone."""

from __future__ import annotations

import pickle
import sys
import threading
import zipfile
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from keepset import Manifest
from memory_keep import MemoryKeep, random_delays
from samples import SIGNATURE, A, locator
from small_blocks import small_blocks

if TYPE_CHECKING:
    from types import FrameType

    from collection.conftest import Maker
    from keepset.collection import Collection

EXPIRES = SIGNATURE + "7fffffff"


def blocks(collection: Collection) -> list[str]:
    """The locators of a collection's blocks, in order, after storing what is in memory."""
    return list(Manifest.parse(collection.manifest_text()).blocks())


def test_l20_small_files_are_packed_together(make: Maker, keep: MemoryKeep) -> None:
    """L20: each small file got a block of its own."""
    collection = make()
    for number in range(100):
        with collection.open(f"{number}", "wb") as file:
            file.write(b"%03d" % number)
    assert keep.puts == []
    assert len(blocks(collection)) == len(keep.puts) == 1
    assert keep.blocks[keep.puts[0][:32]] == b"".join(b"%03d" % number for number in range(100))
    assert [collection.read_bytes(f"{number}") for number in (0, 57, 99)] == [b"000", b"057", b"099"]


def test_l20_each_file_gets_its_own_block_if_asked_to(make: Maker, keep: MemoryKeep) -> None:
    """L20: packing can be opted out of, for a collection or a file."""
    collection = make(packing=False)
    for number in range(3):
        with collection.open(f"{number}", "wb") as file:
            file.write(b"%03d" % number)
        assert keep.puts == [locator(b"%03d" % earlier) for earlier in range(number + 1)]
    assert blocks(collection) == keep.puts
    packed = make()
    for name, flush in [("a", True), ("b", False), ("c", None)]:
        file = packed.open(name, "wb")
        file.write(name.encode() * 4)
        file.close(flush=flush)
    assert keep.puts[3:] == [locator(b"aaaa")]
    assert blocks(packed) == [locator(b"aaaa"), locator(b"bbbbcccc")]
    unpacked = make(packing=False)
    for name in "de":
        file = unpacked.open(name, "wb")
        file.write(name.encode() * 4)
        file.close(flush=False)
    assert blocks(unpacked) == [locator(b"ddddeeee")]


def test_a_text_a_zip_and_a_pickle_share_one_block(make: Maker, keep: MemoryKeep) -> None:
    collection = make()
    with collection.open("text", "w", encoding="utf-16") as file:
        print("a line", file=file, flush=True)
        print("another", file=file)
    with collection.open("zip", "wb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", "content " * 100)
        archive.writestr("b/c", b"more")
    with collection.open("pickle", "wb") as file:
        pickle.dump([1, "two"], file)
        file.flush()
    assert len(blocks(collection)) == 1
    with collection.open("zip", "rb") as file, zipfile.ZipFile(file) as archive:
        assert archive.read("a") == b"content " * 100
    with collection.open("pickle", "rb") as file:
        assert pickle.load(file) == [1, "two"]
    assert collection.read_text("text", "utf-16") == "a line\nanother\n"
    assert blocks(collection)[0][:32] in keep.blocks


def test_large_files_are_not_packed_with_small_ones(make: Maker, keep: MemoryKeep) -> None:
    with small_blocks(64):
        collection = make()
        for name, size in [("a", 10), ("large", 33), ("b", 10), ("larger", 70), ("c", 32), ("d", 32)]:
            collection.write_bytes(name, name[0].encode() * size)
        text = collection.manifest_text()
    sizes = sorted(int(block.split("+")[1]) for block in keep.puts)
    # 33 alone; 70 is 64 and the rest; 10 + 10 + 32 fit, and the last 32 do not.
    assert sizes == [6, 32, 33, 52, 64]
    for name, size in [("a", 10), ("large", 33), ("b", 10), ("larger", 70), ("c", 32), ("d", 32)]:
        assert make(text).read_bytes(name) == name[0].encode() * size


def test_a_file_that_is_written_again_is_packed_once(make: Maker) -> None:
    collection = make()
    for text in (b"first", b"second", b"third"):
        collection.write_bytes("f", text)
    collection.write_bytes("g", b"other")
    assert make(collection.manifest_text()).read_bytes("f") == b"third"
    # What was written over is not stored.
    assert blocks(collection) == [locator(b"thirdother")]


def test_h32_cells_are_not_used_again(make: Maker) -> None:
    """H32: the number of a buffer that was removed was given to another one, and other files read that."""
    collection = make()
    collection.write_bytes("a", b"aaaa")
    reader = collection.open("a", "rb")
    seen = {segment.locator for segment in collection["a"].segments()}
    for number in range(20):
        collection.write_bytes("b", b"%02d" % number)
        (segment,) = collection["b"].segments()
        assert segment.locator not in seen
        seen.add(segment.locator)
        collection.remove("b")
    collection.remove("a")
    collection.write_bytes("c", b"cccc")
    assert reader.read() == b"aaaa"
    assert collection.read_bytes("c") == b"cccc"


def test_h33_packing_keeps_the_stored_head_of_a_file(make: Maker, keep: MemoryKeep) -> None:
    """H33: packing the tail of a file replaced the whole file."""
    keep.put(b"aaa")
    collection = make(f". {A} 0:3:f\n")
    with collection.open("f", "ab") as file:
        file.write(b"tail")
    collection.write_bytes("g", b"other")
    text = collection.manifest_text()
    assert text == f". {A} {locator(b'tailother')} 0:7:f 7:5:g\n"
    assert make(text).read_bytes("f") == b"aaatail"


@pytest.mark.parametrize("packing", [True, False])
def test_h34_blocks_that_were_stored_in_the_background_are_signed(packing: bool, make: Maker, keep: MemoryKeep) -> None:
    """H34: a block whose upload was still running was named without its signature."""
    keep.signature = EXPIRES
    keep.before_put = random_delays(1, longest=0.02)
    with small_blocks(40):
        collection = make(packing=packing, put_threads=3)
        for number in range(30):
            file = collection.open(f"{number}", "wb")
            file.write(b"%02d" % number * 3)
            file.close(flush=False)
        text = collection.manifest_text()
    assert all(block.endswith(EXPIRES) for block in Manifest.parse(text).blocks())
    assert EXPIRES not in collection.portable_manifest_text()
    assert EXPIRES not in collection.manifest_text(strip=True)


def calls(work: Any) -> int:
    """How many functions of Python or C work calls."""
    count = 0

    def profile(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        del frame, argument
        count += event in ("call", "c_call")

    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def test_h35_closing_does_not_look_at_all_that_waits(make: Maker) -> None:
    """H35: each close went through all buffers."""
    collection = make()

    def write(name: str) -> None:
        with collection.open(name, "wb") as file:
            file.write(b"data")

    write("first")
    few = calls(lambda: write("with few"))
    for number in range(2000):
        write(f"{number}")
    assert calls(lambda: write("with many")) <= few + 10


def test_h35_a_file_that_is_opened_again_is_counted_once(make: Maker, keep: MemoryKeep) -> None:
    """H35: what waits was counted again with each close, until small files were uploaded for nothing."""
    with small_blocks(64):
        collection = make()
        for _ in range(50):
            collection.write_bytes("f", b"0123456789")
        with collection.open("g", "wb") as file:
            file.write(b"0123456789")
        for _ in range(20):
            with collection.open("g", "r+b") as file:
                file.seek(3)
                file.write(b"x")
        assert keep.puts == []
        assert collection.read_bytes("g") == b"012x456789"
        text = collection.manifest_text()
    assert make(text).read_bytes("g") == b"012x456789"
    assert len(keep.puts) == 1


def test_what_is_removed_before_it_is_stored_is_not_stored(make: Maker, keep: MemoryKeep) -> None:
    collection = make()
    for name in ("keep", "drop", "d/drop"):
        collection.write_bytes(name, name.encode())
    collection.remove("drop")
    collection.remove("d", recursive=True)
    assert blocks(collection) == keep.puts == [locator(b"keep")]


def test_copies_share_what_is_packed(make: Maker, keep: MemoryKeep) -> None:
    collection, other = make(), make()
    collection.write_bytes("f", b"0123456789")
    collection.copy("f", "copy")
    other.copy("f", "f", source_collection=collection)
    collection.write_bytes("f", b"changed")
    clone = collection.clone()
    expected = {"f": b"changed", "copy": b"0123456789"}
    for made in (collection, clone):
        assert {name: made.read_bytes(name) for name in made} == expected
    texts = [made.manifest_text() for made in (collection, clone, other)]
    for text, content in zip(texts, (expected, expected, {"f": b"0123456789"}), strict=True):
        fresh = make(text)
        assert {name: fresh.read_bytes(name) for name in fresh} == content


def test_what_is_copied_before_it_is_stored_is_stored_by_both(make: Maker) -> None:
    keeps = MemoryKeep(), MemoryKeep()
    source, target = (make(keep_client=keep) for keep in keeps)
    source.write_bytes("d/a", b"first")
    with source.open("open", "wb") as file:
        file.write(b"before")
        target.copy("d", "d", source_collection=source)
        target.copy("open", "open", source_collection=source)
        file.write(b" and after")
        target.copy("open", "later", source_collection=source)
    source.write_bytes("d/b", b"second")
    # Packed there, but not stored.
    keeps[0].before_put = refuse
    with pytest.raises(OSError, match="no"):
        source.manifest_text()
    target.copy("d/b", "packed", source_collection=source)
    expected = {"d/a": b"first", "open": b"before", "later": b"before and after", "packed": b"second"}
    text = target.manifest_text()
    fresh = make(text, keep_client=keeps[1])
    assert {path: fresh.read_bytes(path) for path in expected} == expected
    keeps[0].before_put = lambda data: None
    fresh = make(source.manifest_text(), keep_client=keeps[0])
    assert fresh.read_bytes("open") == b"before and after"


def refuse(data: bytes) -> None:
    raise OSError("no")


# The same for every run.


def build(keep: MemoryKeep, make: Maker, packing: bool, seed: int) -> str:
    """Make the same collection with uploads of random speed, ending some of them on the way."""
    keep.before_put = random_delays(seed, longest=0.003)
    random = Random(0)
    collection = make(keep_client=keep, packing=packing, put_threads=4)
    for number in range(40):
        with collection.open(f"d{number % 3}/{number}", "wb") as file:
            for _ in range(random.randrange(1, 4)):
                file.write(random.randbytes(random.choice([1, 20, 70, 200])))
                if random.random() < 0.1:
                    file.flush()
        if number % 7 == 3:
            collection.copy(f"d{number % 3}/{number}", f"copies/{number}")
        if number % 11 == 5:
            collection.remove(f"d{number % 3}/{number}")
        if number % 13 == 6:
            collection.rename(f"d{number % 3}/{number}", f"moved {number}")
        if Random(seed).random() < 0.5:
            collection.manifest_text(only_committed=True)
    expected = collection.portable_data_hash()
    collection.save_new(create_collection_record=False)
    assert collection.portable_data_hash() == expected
    return expected


@pytest.mark.parametrize("packing", [True, False], ids=["packing", "not packing"])
def test_a_build_gives_one_hash_however_fast_uploads_are(packing: bool, make: Maker) -> None:
    with small_blocks(128):
        hashes = {build(MemoryKeep(), make, packing, seed) for seed in range(50)}
    assert len(hashes) == 1


def test_files_closed_in_one_order_by_many_threads_give_one_hash(make: Maker) -> None:
    """Threads write at the same time, and close in turn: the order of closing is all that counts."""

    def once(seed: int) -> str:
        keep = MemoryKeep()
        keep.before_put = random_delays(seed)
        collection = make(keep_client=keep, put_threads=3)
        turns = [threading.Event() for _ in range(9)]

        def work(number: int) -> None:
            with collection.open(f"{number}", "wb") as file:
                for part in range(20):
                    file.write(b"%d %02d " % (number, part))
                assert turns[number].wait(timeout=30)
            turns[number + 1].set()

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        turns[0].set()
        for thread in threads:
            thread.join(timeout=30)
        return collection.portable_data_hash()

    with small_blocks(256):
        assert len({once(seed) for seed in range(10)}) == 1


@pytest.mark.parametrize("packing", [True, False])
def test_a_large_file_is_cut_where_3_2_1_cuts_it(packing: bool, make: Maker) -> None:
    """A write that does not fit into the block goes into the next one, so that equal uploads have equal hashes."""
    with small_blocks(10):
        collection = make(packing=packing)
        with collection.open("f", "wb") as file:
            for _ in range(4):
                file.write(b"aaaa")
            file.write(b"b" * 25)
        assert blocks(collection) == [locator(b"a" * 8), locator(b"b" * 10), locator(b"b" * 5)]
