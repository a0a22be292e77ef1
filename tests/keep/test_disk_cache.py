"""Blocks on the disk: the files, who may remove them, and what happens to a cache that others meddle with."""

from __future__ import annotations

import errno
import fcntl
import os
import resource
import subprocess
import sys
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from disk_blocks import MEBIBYTE, add, block_of, digest_of, file_of, has, read_lengths
from gate import PATIENCE
from keepset.keep import KeepBlockCache
from keepset.keep.disk_cache import DiskBlocks

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that is not there yet."""
    return tmp_path / "cache" / "keep"


def test_files_are_where_other_clients_look_and_nobody_else_may(folder: Path) -> None:
    add(DiskBlocks(folder), b"foo")
    path = folder / "acb" / "acbd18db4cc2f85cedef654fccc4a4d8.keepcacheblock"
    assert [found for found in folder.rglob("*") if found.is_file()] == [path]
    assert path.read_bytes() == b"foo"
    assert [found.stat().st_mode & 0o777 for found in (path, path.parent, folder)] == [0o600, 0o700, 0o700]


def test_another_process_finds_them(folder: Path) -> None:
    blocks = [block_of(number, 1000) for number in range(5)]
    add(DiskBlocks(folder), *blocks)
    disk = DiskBlocks(folder)
    assert disk.size == 5000
    assert all(has(disk, block) for block in blocks)
    assert disk.part(digest_of(blocks[0]), 10, 20) == blocks[0][10:30]
    assert disk.read(digest_of(b"absent")) is disk.part(digest_of(b"absent"), 0, 1) is None


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # it leaves its files to the collector
def test_the_official_client_and_we_find_each_others_blocks(folder: Path) -> None:
    keep = pytest.importorskip("arvados.keep")
    ours, theirs = block_of(1, 1000), block_of(2, 1000)
    add(DiskBlocks(folder), ours)
    cache = keep.KeepBlockCache(disk_cache=True, disk_cache_dir=str(folder))
    assert bytes(cache.get(digest_of(ours)).get()) == ours
    slot, _ = cache.reserve_cache(digest_of(theirs))
    cache.set(slot, theirs)
    assert has(DiskBlocks(folder), theirs)


def test_the_usual_folder_is_that_of_all_clients(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CACHE_DIRECTORY", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    add(DiskBlocks(), b"foo")
    assert file_of(tmp_path / "arvados" / "keep", b"foo").read_bytes() == b"foo"


def test_h58_the_empty_block_is_never_stored(folder: Path) -> None:
    disk = DiskBlocks(folder)
    add(disk, b"")
    assert not has(disk, b"")
    assert list(folder.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_h58_few_files_are_open_however_many_blocks_there_are(folder: Path) -> None:
    disk = DiskBlocks(folder, max_open=8)
    blocks = [block_of(number, 1000) for number in range(100)]
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    add(disk, *blocks)
    assert all(has(disk, block) for block in blocks)
    assert len(os.listdir("/proc/self/fd")) == before + 8  # noqa: PTH208
    disk.clear()
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
    assert all(has(disk, block) for block in blocks)


@pytest.mark.parametrize(("limit", "open_files"), [(1024, 128), (4, 1), (resource.RLIM_INFINITY, 4096)])
def test_an_eighth_of_what_a_process_may_open(
    limit: int, open_files: int, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resource.getrlimit", lambda _: (limit, limit))
    assert DiskBlocks(folder)._max_open == open_files


# What is not what it should be.


@pytest.mark.parametrize("bad", [b"", b"fo", b"fob", b"foox", bytes(65 * MEBIBYTE)], ids=len)
def test_h59_what_is_not_the_block_is_not_used_and_removed(bad: bytes, folder: Path) -> None:
    add(DiskBlocks(folder), b"foo")
    file = file_of(folder, b"foo")
    file.write_bytes(bad)
    disk = DiskBlocks(folder)
    assert not has(disk, b"foo")
    assert disk.part(digest_of(b"foo"), 0, 2) is None
    assert not file.exists()
    add(disk, b"foo")
    assert has(disk, b"foo")


@pytest.mark.parametrize("bad", [b"fob", b"fo", b"", b"foo" + b"x"], ids=len)
def test_what_somebody_changes_later_is_not_used_either(bad: bytes, folder: Path) -> None:
    disk = DiskBlocks(folder)
    add(disk, b"foo")
    assert has(disk, b"foo")
    time.sleep(0.02)  # the clock of a file system goes in steps
    with file_of(folder, b"foo").open("r+b") as file:
        file.truncate(0)
        file.write(bad)
    assert disk.part(digest_of(b"foo"), 0, 3) is None
    assert not has(disk, b"foo")


def test_a_file_that_somebody_is_still_writing_is_not_used_and_stays(folder: Path) -> None:
    add(DiskBlocks(folder), b"foo")
    file = file_of(folder, b"foo")
    with file.open("r+b") as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        writer.truncate(1)
        disk = DiskBlocks(folder)
        assert not has(disk, b"foo")
        writer.seek(0)
        writer.write(b"foo")
    assert has(disk, b"foo")


def test_a_file_that_is_removed_is_fetched_again(folder: Path) -> None:
    cache = KeepBlockCache(disk_cache=True, disk_cache_dir=folder)
    fetched = [cache.block(digest_of(b"foo"), lambda: b"foo")]
    file_of(folder, b"foo").unlink()
    cache = KeepBlockCache(disk_cache=True, disk_cache_dir=folder)
    fetches = Counter[str]()

    def fetch() -> bytes:
        fetches["foo"] += 1
        return b"foo"

    fetched.append(cache.block(digest_of(b"foo"), fetch))
    assert fetched == [b"foo", b"foo"]
    assert fetches == {"foo": 1}
    assert file_of(folder, b"foo").exists()


@pytest.mark.parametrize("function", ["pread", "fstat"])
def test_readers_do_without_a_file_that_cannot_be_read(
    function: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = KeepBlockCache(disk_cache=True, disk_cache_dir=folder)
    cache.block(digest_of(b"foo"), lambda: b"foo")
    cache = KeepBlockCache(disk_cache=True, disk_cache_dir=folder)
    assert cache.part(digest_of(b"foo"), 0, 1) == b"f"  # it is open now

    def fail(*_: object) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as broken:
        broken.setattr(os, function, fail)
        assert cache.part(digest_of(b"foo"), 0, 1) is None
        assert cache.get(digest_of(b"foo")) is None
        assert cache.block(digest_of(b"foo"), lambda: b"foo") == b"foo"


def test_h56_more_blocks_than_files_may_be_open_are_looked_at_as_a_whole_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = [block_of(number, MEBIBYTE) for number in range(5)]
    add(DiskBlocks(folder), *blocks)
    disk = DiskBlocks(folder, max_open=1)
    lengths = read_lengths(monkeypatch)
    for turn in range(3):
        assert [disk.part(digest_of(block), 4096, 100) for block in blocks] == [block[4096:4196] for block in blocks]
        assert sum(lengths) == len(blocks) * (MEBIBYTE + 100 * (turn + 1))


@pytest.mark.parametrize("bad", [b"fob", b"fo"], ids=len)
def test_what_was_right_and_has_changed_since_is_looked_at_again(bad: bytes, folder: Path) -> None:
    disk = DiskBlocks(folder, max_open=1)
    add(disk, b"foo", b"bar")  # the first is closed again
    other = folder / "other"
    other.write_bytes(bad)
    changed = file_of(folder, b"foo").stat()
    os.utime(other, ns=(changed.st_atime_ns, changed.st_mtime_ns))
    other.rename(file_of(folder, b"foo"))  # as young as the one before
    assert not has(disk, b"foo")
    assert has(disk, b"bar")


# Together.


def test_threads_that_read_while_blocks_come_and_go(folder: Path) -> None:
    disk = DiskBlocks(folder, max_bytes=64 * MEBIBYTE, max_open=2)
    blocks = [block_of(number, 8 * MEBIBYTE) for number in range(12)]
    names = [digest_of(block) for block in blocks]
    wrong: list[object] = []

    def read(first: int) -> None:
        for turn in range(60):
            number = (first * 5 + turn * 7) % len(blocks)
            part = disk.part(names[number], 4096, 100)
            if part is None:
                disk.add(names[number], blocks[number])
            elif part != blocks[number][4096:4196]:
                wrong.append(number)

    threads = [threading.Thread(target=read, args=[first]) for first in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert wrong == []


READER = """
import hashlib, sys
from keepset.keep.disk_cache import DiskBlocks
disk = DiskBlocks(sys.argv[1], max_bytes=64 << 20, max_open=2)
blocks = [number.to_bytes(4, "big") * (2 << 20) for number in range(12)]
names = [hashlib.md5(block).hexdigest() for block in blocks]
for turn in range(40):
    number = (int(sys.argv[2]) * 5 + turn * 7) % 12
    found = disk.read(names[number])
    if found is None:
        disk.add(names[number], blocks[number])
    assert found in (None, blocks[number])
"""


def test_processes_that_share_a_folder_that_is_too_small(folder: Path) -> None:
    readers = [subprocess.Popen([sys.executable, "-c", READER, folder, str(number)]) for number in range(3)]
    assert [reader.wait(PATIENCE) for reader in readers] == [0, 0, 0]


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_reads_on(folder: Path) -> None:
    disk = DiskBlocks(folder)
    add(disk, b"foo")
    with disk._lock:
        child = os.fork()
        if child == 0:
            add(disk, b"bar")
            os._exit(0 if has(disk, b"foo") and has(disk, b"bar") else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert has(disk, b"bar")
