"""Disks that are full, read-only or broken: an error with a name, no half-made file, and the rest stays readable."""

import errno
import os
from pathlib import Path

import pytest

from keepset import errors
from keepset.keep.flat import FlatKeep
from keepset.keep.local import LocalKeep
from samples import A, B
from stores import Full, make_old, small_disk, without_write_permission

CLIENTS = [LocalKeep, FlatKeep]


def unfinished(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and len(path.name) != 32]


@pytest.mark.parametrize("client", CLIENTS)
def test_a_full_disk(client: type[LocalKeep | FlatKeep]) -> None:
    with small_disk("1m") as folder:
        keep = client(folder)
        stored = [keep.put(bytes([number]) * 200_000) for number in range(4)]
        with pytest.raises(errors.StoreFullError, match="No space left") as caught:
            keep.put(b"x" * 500_000)
        assert isinstance(caught.value, errors.KeepWriteError)
        assert caught.value.errno == errno.ENOSPC
        assert not unfinished(folder)
        for number, block in enumerate(stored):
            assert keep.get(block) == bytes([number]) * 200_000
        assert list(keep.verify()) == []


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("function", ["write", "fsync", "open"])
@pytest.mark.parametrize(
    ("number", "error"),
    [
        (errno.ENOSPC, errors.StoreFullError),
        (errno.EDQUOT, errors.StoreFullError),
        (errno.EROFS, errors.StoreReadOnlyError),
        (errno.EIO, errors.KeepWriteError),
    ],
)
def test_a_write_that_fails_at_any_step(
    client: type[LocalKeep | FlatKeep],
    function: str,
    number: int,
    error: type[errors.KeepWriteError],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keep = client(tmp_path)
    keep.put(b"aaa")
    with monkeypatch.context() as broken:
        broken.setattr(os, function, Full(number))
        with pytest.raises(error, match=os.strerror(number)) as caught:
            keep.put(b"bbb")
    assert caught.value.filename is not None
    assert B[:32] in caught.value.filename
    assert isinstance(caught.value.__cause__, OSError)
    assert not unfinished(tmp_path)
    assert keep.get(A) == b"aaa"
    assert not keep.exists(B)
    assert keep.get(keep.put(b"bbb")) == b"bbb"


@pytest.mark.parametrize("client", CLIENTS)
def test_a_write_that_is_interrupted_leaves_nothing(
    client: type[LocalKeep | FlatKeep], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(descriptor: int, data: memoryview) -> int:
        raise KeyboardInterrupt

    keep = client(tmp_path)
    with monkeypatch.context() as broken:
        broken.setattr(os, "write", interrupt)
        with pytest.raises(KeyboardInterrupt):
            keep.put(b"bbb")
    assert not unfinished(tmp_path)


def test_a_disk_that_takes_only_a_little_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, data[:2]))
    keep = LocalKeep(tmp_path)
    assert keep.get(keep.put(b"0123456789a")) == b"0123456789a"


@pytest.mark.parametrize("client", CLIENTS)
def test_a_folder_that_may_only_be_read(client: type[LocalKeep | FlatKeep], tmp_path: Path) -> None:
    keep = client(tmp_path)
    keep.put(b"aaa")
    with without_write_permission(tmp_path):
        with pytest.raises(errors.StoreReadOnlyError, match="Permission denied") as caught:
            keep.put(b"bbb")
        assert isinstance(caught.value, PermissionError)
        assert keep.get(A) == b"aaa"
        assert list(keep.verify()) == []
    assert not unfinished(tmp_path)


def test_a_folder_that_may_only_be_read_cannot_be_collected(tmp_path: Path) -> None:
    keep = LocalKeep(tmp_path)
    keep.put(b"aaa")
    make_old(tmp_path / A[:3] / A[:32])
    with without_write_permission(tmp_path):
        assert keep.collect(lambda digest: False, dry_run=True).locators == [A]
        with pytest.raises(errors.StoreReadOnlyError):
            keep.collect(lambda digest: False)
        with pytest.raises(errors.StoreReadOnlyError):
            keep.put(b"aaa")  # it cannot be made young
        assert keep.get(A) == b"aaa"


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(errors.KeepWriteError, match="file"):
        LocalKeep(tmp_path / "file" / "blocks")


def test_a_link_to_nowhere_is_no_endless_loop(tmp_path: Path) -> None:
    keep = LocalKeep(tmp_path)
    (tmp_path / A[:3]).mkdir()
    (tmp_path / A[:3] / A[:32]).symlink_to(tmp_path / "nowhere")
    with pytest.raises(errors.KeepWriteError, match="neither opened nor made"):
        keep.put(b"aaa")
    assert not list(tmp_path.rglob("tmp*"))


def test_a_file_that_cannot_be_read_is_reported(tmp_path: Path) -> None:
    keep = LocalKeep(tmp_path)
    keep.put(b"aaa")
    keep.put(b"bbb")
    (tmp_path / A[:3] / A[:32]).unlink()
    (tmp_path / A[:3] / A[:32]).mkdir()
    with pytest.raises(errors.KeepReadError, match="Is a directory"):
        keep.get(A[:32])
    assert [problem.code for problem in keep.verify()] == ["block-unreadable"]
    assert keep.get(B) == b"bbb"


def test_a_file_system_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep = LocalKeep(tmp_path)
    monkeypatch.setattr(os, "link", Full(errno.EOPNOTSUPP))
    assert keep.get(keep.put(b"aaa")) == b"aaa"
    assert keep.put(b"aaa") == A
    assert not unfinished(tmp_path)
