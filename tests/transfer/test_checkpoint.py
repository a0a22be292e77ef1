"""Uploads that are interrupted, and go on."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest

from keepset.collection import Collection
from keepset.transfer import Checkpoint, Transferred, upload
from trees import MIB, CountingKeep, noise

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from keepset.session import Store

# Small files of 9 MiB, of which seven go into a block, and a large one in the middle.
FILES = {f"f{index:02}": noise(9 * MIB, index) for index in range(20)} | {"f10-large": noise(70 * MIB)}
pytestmark = pytest.mark.filterwarnings("ignore:a collection with unsaved data was dropped:ResourceWarning")


class Interrupted(BaseException):
    """What Ctrl-C is, but only for this test."""


class Uploads:
    """The same upload again and again."""

    def __init__(self, store: Store, top: Path, checkpoint: Checkpoint) -> None:
        self.store = store
        self.keep = CountingKeep(store.keep)
        self.top = top
        self.checkpoint = checkpoint

    def run(self, limit: float = float("inf"), jobs: int = 3) -> tuple[Transferred | None, Any]:
        """Upload into a new collection; go no further than `limit` bytes."""

        def stop(done: int, total: int, path: str) -> None:
            if done > limit:
                raise Interrupted

        self.keep.puts.clear()
        collection = Collection(api_client=self.store, keep_client=self.keep)
        try:
            result = upload(collection, self.top, jobs=jobs, progress=stop, checkpoint=self.checkpoint)
        except Interrupted:
            collection._my_block_manager()._buffers.clear()  # as in a process that has ended
            return None, collection
        collection.save_new(ensure_unique_name=True)
        return result, collection


@pytest.fixture
def uploads(store: Store, tree: Callable[..., Path], tmp_path: Path) -> Uploads:
    return Uploads(store, tree(FILES), Checkpoint(tmp_path / "state" / "note.json"))


def test_goes_on_and_gets_the_same_hash(uploads: Uploads) -> None:
    uploads.run(limit=230 * MIB)
    assert uploads.checkpoint.path.exists()
    stored = sum(uploads.keep.puts)
    assert stored >= 126 * MIB
    result, collection = uploads.run()
    assert result is not None
    assert "f10-large" in result.resumed
    assert sum(uploads.keep.puts) == 250 * MIB - stored
    assert {name: collection.read_bytes(name) for name in collection} == FILES
    uploads.checkpoint.remove()
    assert not uploads.checkpoint.path.exists()
    again, other = uploads.run(jobs=1)
    assert again is not None
    assert again.resumed == ()
    assert other.portable_data_hash() == collection.portable_data_hash()


def test_goes_on_several_times(uploads: Uploads) -> None:
    total = 0
    for limit in (40, 80, 120, 160, 200, 240):
        uploads.run(limit=limit * MIB)
        total += sum(uploads.keep.puts)
    _, collection = uploads.run()
    assert total + sum(uploads.keep.puts) == 250 * MIB
    uploads.checkpoint.remove()
    assert uploads.run()[1].portable_data_hash() == collection.portable_data_hash()


def test_goes_on_in_the_middle_of_a_large_file(store: Store, tree: Callable[..., Path], tmp_path: Path) -> None:
    uploads = Uploads(store, tree({"a": b"a", "b": noise(150 * MIB)}), Checkpoint(tmp_path / "note"))
    uploads.run(limit=140 * MIB)
    assert sorted(uploads.keep.puts) == [64 * MIB, 64 * MIB]
    result, collection = uploads.run()
    assert result is not None
    assert (result.copied, result.size) == (("a", "b"), 22 * MIB + 1)
    assert sorted(uploads.keep.puts) == [1, 22 * MIB]
    assert collection.read_bytes("b") == noise(150 * MIB)
    uploads.checkpoint.remove()
    assert uploads.run()[1].portable_data_hash() == collection.portable_data_hash()


def test_reads_again_what_has_changed(uploads: Uploads) -> None:
    uploads.run(limit=230 * MIB)
    (uploads.top / "f01").write_bytes(noise(9 * MIB, 99))
    (uploads.top / "f10-large").touch()
    result, collection = uploads.run()
    assert result is not None
    assert result.resumed == ()
    assert collection.read_bytes("f01") == noise(9 * MIB, 99)
    uploads.checkpoint.remove()
    assert uploads.run()[1].portable_data_hash() == collection.portable_data_hash()


def test_a_smaller_file_that_would_have_fitted_in_the_block_before(uploads: Uploads) -> None:
    uploads.run(limit=230 * MIB)
    (uploads.top / "f07").write_bytes(b"small")
    result, collection = uploads.run()
    assert result is not None
    assert result.resumed == ("f10-large",)
    uploads.checkpoint.remove()
    assert uploads.run()[1].portable_data_hash() == collection.portable_data_hash()


def test_a_file_that_is_gone_and_one_that_is_new(uploads: Uploads) -> None:
    uploads.run(limit=230 * MIB)
    (uploads.top / "f08").unlink()
    (uploads.top / "f09b").write_bytes(b"new")
    result, collection = uploads.run()
    assert result is not None
    assert result.resumed == (*(f"f{index:02}" for index in range(7)), "f10-large")
    uploads.checkpoint.remove()
    assert uploads.run()[1].portable_data_hash() == collection.portable_data_hash()


def test_stores_again_what_is_gone(uploads: Uploads) -> None:
    uploads.run(limit=230 * MIB)
    stored = len(uploads.keep.puts)
    assert stored > 2
    uploads.store.gc(older_than=0)
    result, collection = uploads.run()
    assert result is not None
    assert result.resumed == ()
    assert {name: collection.read_bytes(name) for name in collection} == FILES


def test_takes_over_everything_if_only_saving_was_interrupted(uploads: Uploads) -> None:
    collection = Collection(api_client=uploads.store)
    upload(collection, uploads.top, checkpoint=uploads.checkpoint)
    result, _ = uploads.run()
    assert result is not None
    # What waits to be packed with more is not stored before the collection is.
    assert sum(len(FILES[name]) for name in result.copied) < 64 * MIB
    collection.save_new("first")


@pytest.mark.parametrize(
    "note", ["", "{}", "[]", "null", '{"format": 1}', '{"format": 2}', '{"format": 1, "files": [], "manifest": "x"}']
)
def test_a_damaged_note_is_none(uploads: Uploads, note: str) -> None:
    uploads.run(limit=100 * MIB)
    assert json.loads(uploads.checkpoint.path.read_text())["format"] == 1
    uploads.checkpoint.path.write_text(note)
    assert uploads.checkpoint.read() is None


def test_goes_on_without_a_note_that_cannot_be_written(
    store: Store, tree: Callable[..., Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    collection = Collection(api_client=store)
    with caplog.at_level(logging.WARNING, "keepset"):
        upload(collection, tree({"a": b"a"}), checkpoint=Checkpoint(tmp_path / "file" / "note"))
    assert "cannot note" in caplog.text
    collection.save_new("a")


def test_notes_differ_by_source_target_and_patterns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    paths = {
        Checkpoint.of(*arguments).path
        for arguments in (
            ("a", "x"),
            ("b", "x"),
            ("a", "y"),
            ("a", "x", "*.bam"),
            ("a", "x", None, "*.bam"),
            ("a", "x", ["*.bam", "d"]),
        )
    }
    assert len(paths) == 6
    assert Checkpoint.of("a", "x", ["d", "*.bam"]).path in paths
    assert all(path.is_relative_to(tmp_path / "state" / "keepset") for path in paths)
