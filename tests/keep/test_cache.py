"""Blocks that stay here: which ones, how many bytes, and who fetches them."""

import functools
import io
import os
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from gate import PATIENCE, Gate
from keepset import errors
from keepset.collection import Collection
from keepset.keep import KeepBlockCache
from keepset.keep.flat import FlatKeep
from keepset.keep.local import LocalKeep
from samples import A, B, locator


def await_waiting(threads: list[threading.Thread]) -> None:
    """Wait until all threads do."""
    end = time.monotonic() + PATIENCE
    while any(sys._current_frames()[thread.ident or 0].f_code.co_name != "wait" for thread in threads):
        assert time.monotonic() < end
        time.sleep(0.001)


class Source:
    """Counts how often each block is fetched from it: as many bytes as its name says, times its first letter."""

    def __init__(self) -> None:
        self.fetched: Counter[str] = Counter()

    def block(self, cache: KeepBlockCache, name: str) -> bytes:
        def fetch() -> bytes:
            self.fetched[name] += 1
            return name[0].encode() * int(name[1:])

        return cache.block(name, fetch)


def test_a_block_is_fetched_once() -> None:
    cache, source = KeepBlockCache(), Source()
    assert cache.get("a3") is None
    assert source.block(cache, "a3") == source.block(cache, "a3") == cache.get("a3") == b"aaa"
    assert source.fetched == {"a3": 1}


def test_there_is_room_for_256_mebibytes() -> None:
    assert KeepBlockCache().cache_max == 256 << 20


def test_the_block_that_nobody_asked_for_the_longest_goes_first() -> None:
    cache, source = KeepBlockCache(10), Source()
    for name in ("a4", "b4", "a4", "c4"):
        source.block(cache, name)
    assert [cache.get(name) for name in ("a4", "b4", "c4")] == [b"aaaa", None, b"cccc"]
    cache.get("a4")
    source.block(cache, "d6")
    assert [cache.get(name) for name in ("a4", "c4", "d6")] == [b"aaaa", None, b"dddddd"]
    assert source.fetched == {"a4": 1, "b4": 1, "c4": 1, "d6": 1}


def test_bytes_are_counted_and_not_blocks() -> None:
    cache, source = KeepBlockCache(10), Source()
    for number in range(10):
        source.block(cache, f"{chr(97 + number)}1")
    assert all(cache.get(f"{chr(97 + number)}1") for number in range(10))
    source.block(cache, "x5")
    assert [bool(cache.get(f"{chr(97 + number)}1")) for number in range(10)] == [False] * 5 + [True] * 5


def test_a_block_that_is_too_large_is_given_and_not_kept() -> None:
    cache, source = KeepBlockCache(3), Source()
    source.block(cache, "b3")
    assert source.block(cache, "a4") == source.block(cache, "a4") == b"aaaa"
    assert source.block(cache, "b3") == b"bbb"
    assert source.fetched == {"a4": 2, "b3": 1}


def test_readers_of_one_block_share_a_fetch() -> None:
    cache = KeepBlockCache()
    gate = Gate()
    fetches: list[bytes] = []
    found: list[bytes] = []

    def fetch() -> bytes:
        gate.pass_through()
        fetches.append(b"aaa")
        return fetches[-1]

    readers = [threading.Thread(target=lambda: found.append(cache.block(A, fetch))) for _ in range(5)]
    for reader in readers:
        reader.start()
    gate.await_somebody()
    assert cache.block(B, lambda: b"bbb") == b"bbb"  # who wants another one does not wait
    gate.open()
    for reader in readers:
        reader.join(PATIENCE)
    assert found == [b"aaa"] * 5
    assert fetches == [b"aaa"]


@pytest.mark.parametrize("size", [4, 11], ids=["crowded out", "larger than the cache"])
def test_readers_of_one_block_share_a_fetch_also_where_it_is_not_kept(size: int) -> None:
    cache, gate, other_gate = KeepBlockCache(10), Gate(), Gate()
    fetches: list[bytes] = []
    found: list[bytes] = []

    def fetch() -> bytes:
        gate.pass_through()
        fetches.append(b"a" * size)
        return fetches[-1]

    def fetch_other() -> bytes:
        other_gate.pass_through()
        return b"b" * 10

    with other_gate:
        # There is room for this one alone, and it is still on its way when the first has come.
        other = threading.Thread(target=cache.block, args=[B, fetch_other, 10])
        other.start()
        other_gate.await_somebody()
        readers = [threading.Thread(target=lambda: found.append(cache.block(A, fetch, size))) for _ in range(5)]
        with gate:
            for reader in readers:
                reader.start()
            await_waiting(readers)
        for reader in readers:
            reader.join(PATIENCE)
        assert cache.get(A) is None
    other.join(PATIENCE)
    assert found == [b"a" * size] * 5
    assert len(fetches) == 1
    assert (cache.hits_counter.get(), cache.misses_counter.get()) == (4, 2)


def test_h56_an_error_is_for_one_reader_and_the_others_try_again() -> None:
    cache = KeepBlockCache()
    gate = Gate()

    def fail() -> bytes:
        gate.pass_through()
        raise errors.KeepReadError("not now")

    def first() -> None:
        with pytest.raises(errors.KeepReadError, match="not now"):
            cache.block(A, fail)
        told.set()

    told = threading.Event()
    found: list[bytes] = []
    threads = [threading.Thread(target=first)]
    threads[0].start()
    gate.await_somebody()
    threads += [threading.Thread(target=lambda: found.append(cache.block(A, lambda: b"aaa"))) for _ in range(3)]
    for thread in threads[1:]:
        thread.start()
    gate.open()
    for thread in threads:
        thread.join(PATIENCE)
    assert told.is_set()
    assert found == [b"aaa"] * 3


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_does_not_wait_for_a_thread_that_it_has_not() -> None:
    cache = KeepBlockCache()
    gate = Gate()

    def fetch() -> bytes:
        gate.pass_through()
        return b"aaa"

    reader = threading.Thread(target=lambda: cache.block(A, fetch))
    reader.start()
    gate.await_somebody()
    child = os.fork()
    if child == 0:
        os._exit(cache.block(A, lambda: b"aaa") != b"aaa")
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    gate.open()
    reader.join(PATIENCE)
    assert cache.get(A) == b"aaa"


@pytest.mark.parametrize("kind", [LocalKeep, FlatKeep])
def test_h57_a_block_is_known_by_its_hash_whatever_hints_come_with_it(
    kind: type[LocalKeep | FlatKeep], tmp_path: Path
) -> None:
    keep = kind(tmp_path)
    keep.put(b"aaa")
    assert keep.get(A) == b"aaa"
    for file in tmp_path.rglob(A[:32]):
        file.unlink()
    assert keep.get(f"{A}+Kzzzzz") == keep.get(A[:32]) == keep.get(A.upper()) == b"aaa"
    with pytest.raises(errors.NotFoundError):
        kind(tmp_path).get(A)


@pytest.mark.parametrize("kind", [LocalKeep, FlatKeep])
def test_a_wrong_size_is_an_error_also_where_the_block_is_in_memory(
    kind: type[LocalKeep | FlatKeep], tmp_path: Path
) -> None:
    keep = kind(tmp_path)
    keep.put(b"aaa")
    keep.get(A)
    with pytest.raises(errors.BlockDamagedError, match="either is wrong"):
        keep.get(f"{A[:32]}+4")


def test_what_is_damaged_is_not_kept(tmp_path: Path) -> None:
    keep = LocalKeep(tmp_path)
    keep.put(b"aaa")
    (file,) = tmp_path.rglob(A[:32])
    file.write_bytes(b"aaq")
    for _ in range(2):
        with pytest.raises(errors.BlockDamagedError):
            keep.get(A)
    assert keep.get_from_cache(A) is None
    file.write_bytes(b"aaa")
    assert keep.get(A) == b"aaa"


def test_readers_that_alternate_between_blocks_read_each_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep = LocalKeep(tmp_path)
    blocks = [bytes([number]) * 1000 for number in range(5)]
    names = [keep.put(block) for block in blocks]
    read: Counter[str] = Counter()
    original = LocalKeep._read

    def counted(self: LocalKeep, digest: str, size: int | None) -> bytes:
        read[digest] += 1
        return original(self, digest, size)

    monkeypatch.setattr(LocalKeep, "_read", counted)
    collection = Collection(f". {' '.join(names)} 0:5000:file\n", keep_client=keep)
    other = Collection(f". {' '.join(names)} 0:5000:file\n", keep_client=keep)
    for start in [4000, 2000, 0, 3000, 1000] * 3:
        for file in (collection["file"], other["file"]):
            assert file.readfrom(start, 1000) == blocks[start // 1000]
    assert read == {locator(block)[:32]: 1 for block in blocks}


def test_a_block_is_found_by_its_locator_and_forgotten() -> None:
    cache = KeepBlockCache(0, 0, False, None)
    assert cache.cache_max == KeepBlockCache().cache_max
    digest = locator(b"aaa")[:32]
    cache.block(digest, lambda: b"aaa")
    assert cache.get(locator(b"aaa") + "+Kzzzzz") == cache.get(digest) == b"aaa"
    cache.clear()
    assert cache.get(digest) is None
    cache.block(digest, lambda: b"bbb")
    assert cache.get(digest) == b"bbb"


def test_a_part_of_a_block_that_is_here() -> None:
    cache = KeepBlockCache()
    assert cache.part(A, 0, 1) is None
    cache.block(A, lambda: b"abc")
    assert (cache.part(A + "+Kzzzzz", 1, 2), cache.part(A, 0, 0), cache.part(A, 2, 2)) == (b"bc", b"", None)
    assert (cache.hits_counter.get(), cache.misses_counter.get()) == (2, 1)


def test_there_is_room_for_a_block_before_it_comes() -> None:
    cache, source = KeepBlockCache(10), Source()
    for name in ("a4", "b4"):
        source.block(cache, name)
    sizes = []

    def fetch() -> bytes:
        sizes.append(cache.memory_size)
        return b"c" * 5

    cache.block("c5", fetch, 5)
    assert (sizes, cache.memory_size) == ([4], 9)
    cache.block("d11", lambda: b"d" * 11, 11)  # it will not be kept, and drives nothing out
    assert cache.memory_size == 9


def test_room_for_a_block_that_does_not_come_is_room_again() -> None:
    cache, source = KeepBlockCache(10), Source()
    for _ in range(3):
        with pytest.raises(errors.KeepReadError):
            cache.block("c9", fail, 9)
    for name in ("a4", "b4"):
        source.block(cache, name)
    assert cache.memory_size == 8


def test_the_memory_of_a_block_that_leaves_is_filled_anew_unless_somebody_has_it() -> None:
    cache, source = KeepBlockCache(10), Source()
    source.block(cache, "a5")
    held = source.block(cache, "b5")
    places = {id(cache.get("a5")): "a", id(held): "b"}  # which makes b the newer one
    cache.get("b5")
    found: list[str | None] = []

    def fetch(data: bytes) -> bytes:
        block = filled(cache.take_spare(f"{data[:1].decode()}5"), data)
        found.append(places.get(id(block)))
        return block

    for data in (b"ccccc", b"ddddd"):
        assert cache.block(f"{data[:1].decode()}5", functools.partial(fetch, data), 5) == data
    assert found == ["a", None]
    assert held == b"bbbbb"
    cache.block("e4", lambda: filled(cache.take_spare("e4"), b"eeee"), 4)  # another size
    assert cache.take_spare("e4") is None


def filled(spare: io.BytesIO | None, data: bytes) -> bytes:
    """Return these bytes, in this memory if there is some."""
    if spare is None:
        return data
    with spare.getbuffer() as view:
        view[:] = data
    return spare.getvalue()


def test_memory_is_for_the_block_that_it_was_freed_for() -> None:
    cache, source = KeepBlockCache(9), Source()
    for name in ("a5", "b4"):
        source.block(cache, name)
    sizes: list[int] = []

    def fetch(name: str) -> bytes:
        if name == "c5":  # and another thread asks for another block before this one has its memory
            cache.block("d4", functools.partial(fetch, "d4"), 4)
        spare = cache.take_spare(name)
        assert spare is not None
        sizes.append(len(spare.getbuffer()))
        return filled(spare, bytes(int(name[1])))

    cache.block("c5", functools.partial(fetch, "c5"), 5)
    assert sizes == [4, 5]


def test_a_block_in_the_memory_of_another_does_not_have_its_hash() -> None:
    cache, source = KeepBlockCache(9), Source()
    hash(source.block(cache, "a5"))
    block = cache.block("b5", lambda: filled(cache.take_spare("b5"), b"bbbbb"), 5)
    assert {block: 1} == {b"bbbbb": 1}


def test_blocks_leave_in_the_order_in_which_they_were_asked_for_not_that_of_coming() -> None:
    cache, first = KeepBlockCache(10), Gate()

    def fetch() -> bytes:
        first.pass_through()
        return b"aaaa"

    reader = threading.Thread(target=lambda: cache.block("a4", fetch, 4))
    reader.start()
    first.await_somebody()
    cache.block("b4", lambda: b"bbbb", 4)
    first.open()
    reader.join(PATIENCE)
    cache.block("c4", lambda: b"cccc", 4)
    assert [cache.get(name) for name in ("a4", "b4", "c4")] == [None, b"bbbb", b"cccc"]


def fail() -> bytes:
    """Fetch nothing."""
    raise errors.KeepReadError("not now")


# Overflowing onto the disk.


def test_blocks_that_are_read_once_are_not_written(tmp_path: Path) -> None:
    cache, source = KeepBlockCache(10, disk_cache_dir=tmp_path / "keep", overflow=True), Source()
    for number in range(20):
        source.block(cache, f"{chr(97 + number)}4")
    assert not (tmp_path / "keep").exists()
    assert cache.disk_size == 0


def test_blocks_that_come_back_are_fetched_twice_and_no_more(tmp_path: Path) -> None:
    cache = KeepBlockCache(10, disk_cache_dir=tmp_path / "keep", overflow=True)
    blocks = {locator(data)[:32]: data for data in (b"aaaa", b"bbbb", b"cccc", b"dddd")}
    fetched: Counter[str] = Counter()

    def fetch(digest: str) -> bytes:
        fetched[digest] += 1
        return blocks[digest]

    for _ in range(10):
        for digest, data in blocks.items():
            assert cache.block(digest, functools.partial(fetch, digest)) == data
    assert set(fetched.values()) == {2}
    assert cache.memory_size <= 10
    assert cache.disk_size == 16
    assert all(cache.part(digest, 1, 2) == data[1:3] for digest, data in blocks.items())


def test_not_all_blocks_that_ever_were_here_are_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("keepset.keep.cache._REMEMBERED", 3)
    cache, source = KeepBlockCache(4, disk_cache_dir=tmp_path / "keep", overflow=True), Source()
    for name in ("a4", "b4", "c4", "d4", "e4", "a4", "b4"):
        source.block(cache, name)
    assert cache.disk_size == 0
    source.block(cache, "d4")
    assert cache.disk_size == 4


def test_on_the_disk_all_blocks_are_kept_for_other_processes(tmp_path: Path) -> None:
    block = locator(b"aaa")[:32]
    for _ in range(2):
        cache = KeepBlockCache(disk_cache=True, disk_cache_dir=str(tmp_path))
        assert cache.block(block, lambda: b"aaa") == b"aaa"
        assert cache.get(block) == b"aaa"
    assert (cache.hits_counter.get(), cache.misses_counter.get(), cache.disk_size) == (1, 0, 3)
    cache.clear()
    assert cache.get(block) == b"aaa"
