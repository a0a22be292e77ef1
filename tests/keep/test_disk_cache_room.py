"""A cache on the disk: how much room it takes, and what happens where there is none."""

from __future__ import annotations

import errno
import os
import shutil
import time
from typing import TYPE_CHECKING

import pytest

from disk_blocks import MEBIBYTE, add, block_of, digest_of, file_of, has
from keepset.keep import KeepBlockCache
from keepset.keep.disk_cache import DiskBlocks
from stores import small_disk, without_write_permission

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that is not there yet."""
    return tmp_path / "cache" / "keep"


def test_the_block_that_nobody_used_for_the_longest_goes_first(folder: Path) -> None:
    blocks = [block_of(number) for number in range(6)]
    disk = DiskBlocks(folder, max_bytes=64 * MEBIBYTE)
    for number, block in enumerate(blocks[:4]):
        add(disk, block)
        os.utime(file_of(folder, block), (1000 + number, file_of(folder, block).stat().st_mtime))
    disk.clear()
    assert has(disk, blocks[0])  # it is young again
    add(disk, *blocks[4:])
    assert [has(disk, block) for block in blocks] == [True, False, False, True, True, True]
    assert disk.size == 64 * MEBIBYTE


def test_what_another_process_uses_stays(folder: Path) -> None:
    blocks = [block_of(number) for number in range(6)]
    other = DiskBlocks(folder, max_bytes=64 * MEBIBYTE)
    add(other, blocks[0])
    disk = DiskBlocks(folder, max_bytes=64 * MEBIBYTE)
    add(disk, *blocks[1:])
    assert file_of(folder, blocks[0]).exists()
    assert sum(has(DiskBlocks(folder, max_bytes=1 << 40), block) for block in blocks) == 4
    other.clear()


def test_too_many_blocks_at_the_start_are_removed(folder: Path) -> None:
    add(DiskBlocks(folder, max_bytes=1 << 40), *[block_of(number) for number in range(6)])
    disk = DiskBlocks(folder, max_bytes=64 * MEBIBYTE)
    assert disk.size == 64 * MEBIBYTE
    assert len(list(folder.rglob("*.keepcacheblock"))) == 4


def test_there_is_room_for_at_least_one_block(folder: Path) -> None:
    assert DiskBlocks(folder, max_bytes=1).max_bytes == 64 * MEBIBYTE
    assert DiskBlocks(folder).max_bytes >= 64 * MEBIBYTE


def test_what_dead_writers_have_left_goes_and_what_live_ones_write_stays(folder: Path) -> None:
    add(DiskBlocks(folder), b"foo")
    dead, alive = (folder / "acb" / f"tmp{name}.keepcacheblock" for name in ("dead", "alive"))
    for path in (dead, alive):
        path.write_bytes(b"x")
    os.utime(dead, (time.time() - 61, time.time() - 61))
    assert DiskBlocks(folder).size == 3
    assert [path.exists() for path in (dead, alive)] == [False, True]


def fail_to_write(monkeypatch: pytest.MonkeyPatch, code: int, times: int = 1 << 30) -> None:
    """Have the next writes fail."""
    write, left = os.write, [times]

    def failing(descriptor: int, data: bytes) -> int:
        if left[0] > 0:
            left[0] -= 1
            raise OSError(code, os.strerror(code))
        return write(descriptor, data)

    monkeypatch.setattr("os.write", failing)


def test_on_a_full_disk_room_is_made_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = DiskBlocks(folder, max_bytes=1 << 40)
    blocks = [block_of(number, 64 * MEBIBYTE) for number in range(7)]
    add(disk, *blocks[:6])
    disk.clear()
    fail_to_write(monkeypatch, errno.ENOSPC, times=1)
    add(disk, blocks[6])
    assert has(disk, blocks[6])
    assert disk.max_bytes == 256 * MEBIBYTE
    assert len(list(folder.rglob("*"))) - len(list(folder.iterdir())) <= 4


def test_on_a_small_disk_that_is_full_new_blocks_take_the_place_of_old_ones() -> None:
    with small_disk("1m") as disk_folder:
        disk = DiskBlocks(disk_folder / "keep")
        most = disk.max_bytes
        blocks = [block_of(number, 200_000) for number in range(12)]
        for number, block in enumerate(blocks):
            add(disk, block)
            assert has(disk, block)
            disk.clear()  # else nothing may be removed
            os.utime(file_of(disk_folder / "keep", block), (1000 + number, 1000 + number))
        kept = [has(disk, block) for block in blocks]
        assert kept == [False] * (12 - sum(kept)) + [True] * sum(kept)
        assert sum(kept) >= 4
        assert disk.max_bytes == most
        assert [path for path in disk_folder.rglob("tmp*") if path.is_file()] == []


def test_a_folder_that_somebody_removes_is_made_again(folder: Path) -> None:
    disk = DiskBlocks(folder)
    add(disk, b"foo")
    shutil.rmtree(folder.parent)
    add(disk, b"bar")
    assert has(disk, b"bar")
    assert folder.stat().st_mode & 0o777 == 0o700


def test_from_a_folder_that_may_only_be_read_blocks_are_read(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    add(DiskBlocks(folder), b"foo")
    with without_write_permission(folder):
        cache = KeepBlockCache(disk_cache=True, disk_cache_dir=folder)
        assert cache.get(digest_of(b"foo")) == b"foo"
        assert cache.block(digest_of(b"bar"), lambda: b"bar") == b"bar"
        assert cache.block(digest_of(b"f"), lambda: b"f") == b"f"
    assert caplog.text.count("blocks are not cached in") == 1
    cache.block(digest_of(b"g"), lambda: b"g")
    assert file_of(folder, b"g").exists()  # it may be written again


def test_readers_do_without_a_folder_that_may_not_be_looked_into(folder: Path) -> None:
    add(DiskBlocks(folder), b"foo")
    other = folder.parent.parent / "other"
    other.mkdir()
    folder.parent.chmod(0o000)
    with without_write_permission(other):  # which no user without rights has in the first one, either
        cache = KeepBlockCache(disk_cache=True, disk_cache_dir=folder)
        assert cache.get(digest_of(b"foo")) is None
        assert cache.block(digest_of(b"foo"), lambda: b"foo") == b"foo"
        assert cache.disk_size == 0
    folder.parent.chmod(0o700)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS])
def test_readers_do_without_a_disk_that_cannot_be_written(
    code: int, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = KeepBlockCache(disk_cache=True, disk_cache_dir=folder)
    fail_to_write(monkeypatch, code)
    assert cache.block(digest_of(b"foo"), lambda: b"foo") == b"foo"
    assert [path for path in folder.rglob("*") if path.is_file()] == []


def test_readers_do_without_a_folder_that_cannot_be_made(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_bytes(b"")
    cache = KeepBlockCache(disk_cache=True, disk_cache_dir=tmp_path / "file" / "keep")
    assert cache.block(digest_of(b"foo"), lambda: b"foo") == b"foo"
    assert cache.get(digest_of(b"foo")) == b"foo"
    assert "blocks are not cached in" in caplog.text


def test_readers_do_without_a_usual_folder_that_cannot_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "arvados").write_bytes(b"")
    monkeypatch.delenv("CACHE_DIRECTORY", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    cache = KeepBlockCache(1, overflow=True)
    for _ in range(3):
        assert cache.block(digest_of(b"f"), lambda: b"f") == b"f"
        assert cache.block(digest_of(b"g"), lambda: b"g") == b"g"
    assert caplog.text.count("blocks are not cached in") == 1
