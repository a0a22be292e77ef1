"""What `collect` removes and what it must not, also when somebody comes between."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from keepset.keep import _files
from keepset.keep.local import SAFETY_AGE, Collected, LocalKeep
from samples import A, B, C
from stores import make_old, process

NOTHING = Collected([], 0)


@pytest.fixture
def keep(tmp_path: Path) -> LocalKeep:
    """Three blocks that were stored long ago."""
    keep = LocalKeep(tmp_path / "blocks")
    for data in (b"aaa", b"bbb", b"ccccc"):
        keep.put(data)
    for path in keep.path.rglob("?" * 32):
        make_old(path)
    return keep


def nobody(digest: str) -> bool:
    return False


def stored(keep: LocalKeep) -> set[str]:
    return {entry.locator for entry in keep.index()}


def test_the_safety_age_is_that_of_signatures() -> None:
    assert SAFETY_AGE == 14 * 24 * 3600


def test_what_is_old_and_unused_is_removed(keep: LocalKeep) -> None:
    assert keep.collect({B[:32]}.__contains__) == Collected(sorted([A, C]), 8)
    assert stored(keep) == {B}


def test_what_is_young_stays(keep: LocalKeep) -> None:
    keep.put(b"aaa")
    assert keep.collect(nobody).locators == sorted([B, C])
    assert keep.collect(nobody, older_than=3600) == NOTHING
    assert keep.collect(nobody, older_than=0).locators == [A]


def test_a_dry_run_only_tells(keep: LocalKeep) -> None:
    assert keep.collect({B[:32]}.__contains__, dry_run=True) == Collected(sorted([A, C]), 8)
    assert stored(keep) == {A, B, C}


def test_references_are_looked_at_again(keep: LocalKeep) -> None:
    asked: list[str] = []

    def is_referenced(digest: str) -> bool:
        asked.append(digest)
        return asked.count(digest) > 1  # a record was saved after the first look

    assert keep.collect(is_referenced) == NOTHING
    assert stored(keep) == {A, B, C}
    assert sorted(asked) == sorted([A[:32], B[:32], C[:32]] * 2)


def test_the_age_is_looked_at_again(keep: LocalKeep) -> None:
    def is_referenced(digest: str) -> bool:
        keep.put(b"aaa")  # somebody stores it after the age was looked at first
        return digest != A[:32]

    # The put of the second look would wait for the lock that `collect` holds, were there a second look.
    assert keep.collect(is_referenced) == NOTHING
    assert stored(keep) == {A, B, C}


def test_the_guard_is_entered_before_the_lock_and_around_the_removal(keep: LocalKeep) -> None:
    events: list[str] = []

    @contextmanager
    def guard() -> Iterator[None]:
        events.append("guard")
        with _files.locked(keep.path / A[:3] / A[:32]):
            events.append("the lock is free")
        yield
        events.append("there" if keep.exists(A) else "gone")

    keep.collect(lambda digest: digest != A[:32], guard=guard)
    assert events == ["guard", "the lock is free", "gone"]


def test_a_block_that_somebody_else_removes_is_no_error(keep: LocalKeep) -> None:
    @contextmanager
    def guard() -> Iterator[None]:
        for path in keep.path.rglob("?" * 32):
            path.unlink()
        yield

    assert keep.collect(nobody, guard=guard) == NOTHING


def test_only_blocks_and_unfinished_files_are_removed(keep: LocalKeep) -> None:
    others = [keep.path / "README", keep.path / A[:3] / "note", keep.path / A[:3] / B[:32], keep.path / "x" / A[:32]]
    unfinished = keep.path / A[:3] / f"tmp{A[:32]}.0123456789abcdef"
    for path in [*others, unfinished]:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"0123")
        make_old(path)
    assert keep.collect(nobody, dry_run=True).size == 3 + 3 + 5
    assert unfinished.exists()
    assert keep.collect(nobody) == Collected(sorted([A, B, C]), 3 + 3 + 5 + 4)
    assert not unfinished.exists()
    assert all(path.exists() for path in others)


def test_the_unfinished_file_of_a_living_writer_stays(keep: LocalKeep) -> None:
    # A writer in another process holds the lock of its file, as `publish` does, and sleeps.
    unfinished = keep.path / A[:3] / f"tmp{A[:32]}.0123456789abcdef"
    script = (
        "import fcntl, sys, time\n"
        "file = open(sys.argv[1], 'wb')\n"
        "fcntl.flock(file, fcntl.LOCK_EX)\n"
        "print('locked', flush=True)\n"
        "time.sleep(60)\n"
    )
    with process(script, unfinished) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "locked\n"
        make_old(unfinished)
        keep.collect(nobody)
        assert unfinished.exists()
    keep.collect(nobody)
    assert not unfinished.exists()


def test_a_young_unfinished_file_stays(keep: LocalKeep) -> None:
    unfinished = keep.path / A[:3] / f"tmp{A[:32]}.0123456789abcdef"
    unfinished.write_bytes(b"aa")
    keep.collect(nobody)
    assert unfinished.exists()


def test_a_put_whose_unfinished_file_is_removed_begins_again(keep: LocalKeep, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.fsync
    removed: list[Path] = []

    def fsync(descriptor: int) -> None:
        real(descriptor)
        if not removed:
            for path in keep.path.rglob("tmp*"):
                path.unlink()
                removed.append(path)

    monkeypatch.setattr(os, "fsync", fsync)
    block = keep.put(b"a new block")
    assert len(removed) == 1
    assert keep.get(block) == b"a new block"
    assert not list(keep.path.rglob("tmp*"))
