"""Local trees beside collections: what is the same by content, and how little is read to tell."""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING, Any

import pytest

from keepset import Manifest, errors
from keepset.collection import Collection
from keepset.transfer import comparable
from memory_keep import MemoryKeep
from samples import A, B, locator
from small_blocks import small_blocks

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from keepset.manifest import Diff

    Files = dict[str, bytes | None]
    Make = Callable[..., Path]


def manifest_of(source: Path, keep: MemoryKeep) -> Manifest:
    """The manifest that `upload` makes of a directory."""
    collection = Collection(keep_client=keep)
    collection.upload(source)
    return Manifest.parse(collection.manifest_text())


def difference(old: Any, new: Any, keep: Any = None, **options: Any) -> Diff:
    """What `comparable` finds different."""
    before, after = comparable(old, new, keep, **options)
    return before.diff(after)


def told(changes: Diff) -> list[tuple[str, ...]]:
    """The changes, in an order of their own."""
    return sorted((change.kind, *filter(None, (change.old_path, change.path))) for change in changes)


def random_files(source: random.Random) -> Files:
    """A few files of few sizes and contents, so that much is the same, and directories that are empty."""
    files: Files = {}
    for _ in range(source.randrange(12)):
        name = "/".join(source.choice("abc") for _ in range(source.randint(1, 3)))
        size = source.choice([0, 1, 3, 3, 20, 64, 65, 200])
        files[name] = bytes([source.choice(b"xy")]) * size if source.random() < 0.9 else None
    return {name: data for name, data in files.items() if not any(name.startswith(f"{other}/") for other in files)}


def only_in(files: Files, others: Files) -> set[str]:
    """The files and empty directories that the others do not have; not a directory that has something in it there."""
    return {
        path
        for path, data in files.items()
        if path not in others and (data is not None or not any(other.startswith(f"{path}/") for other in others))
    }


def expected(old: Files, new: Files) -> set[tuple[str, str]]:
    """The slow twin: every path by itself, without moves."""
    changes = {("removed", path) for path in only_in(old, new)} | {("added", path) for path in only_in(new, old)}
    for path in old.keys() & new.keys():
        if old[path] is None or new[path] is None:
            changes |= {("removed", path), ("added", path)} if old[path] != new[path] else set()
        elif old[path] != new[path]:
            changes.add(("modified", path))
    return changes


class TestAnswers:
    @pytest.mark.parametrize("seed", range(40))
    def test_are_those_of_comparing_every_file(self, tree: Make, seed: int) -> None:
        source = random.Random(seed)
        old_files, new_files = random_files(source), random_files(source)
        old, new = tree(old_files, "old"), tree(new_files, "new")
        with small_blocks(64):
            keep = MemoryKeep()
            before_path, after_path = os.fspath(old), os.fspath(new)
            for before, after in (
                (before_path, after_path),
                (manifest_of(old, keep), after_path),
                (before_path, manifest_of(new, keep)),
            ):
                changes = difference(before, after, keep, renames=False)
                assert {(change.kind, change.path) for change in changes} == expected(old_files, new_files)
                for change in difference(before, after, keep).moved:
                    assert old_files[str(change.old_path)] == new_files[change.path]

    def test_that_nothing_has_changed(self, tree: Make) -> None:
        files: Files = {"a": b"aaa", "d/b": b"b" * 200, "d/empty": b"", "void/x": None, "odd \udcff\n": b"odd"}
        source = os.fspath(tree(files))
        with small_blocks(64):
            keep = MemoryKeep()
            stored = manifest_of(tree(files, "again"), keep)
            for old, new in ((source, stored), (stored, source), (source, source), (stored, stored)):
                before, after = comparable(old, new, keep)
                assert before == after

    def test_moves(self, tree: Make) -> None:
        old: Files = {"a/x": b"one", "a/y": b"two", "large": b"L" * 200, "a/z": b"one"}
        new: Files = {"b/x": b"one", "b/y": b"TWO", "c/large": b"L" * 200, "b/z": b"one"}
        before, after = os.fspath(tree(old, "old")), os.fspath(tree(new, "new"))
        with small_blocks(64):
            keep = MemoryKeep()
            stored = manifest_of(tree(old, "same"), keep)
            for first in (before, stored):
                assert told(difference(first, after, keep)) == [
                    ("added", "b/y"),
                    ("moved", "a/x", "b/x"),
                    ("moved", "a/z", "b/z"),
                    ("moved", "large", "c/large"),
                    ("removed", "a/y"),
                ]

    def test_blocks_of_any_cut(self, tree: Make) -> None:
        blocks = [b"aaa", b"bbb", b"c" * 70]
        text = f". {' '.join(map(locator, blocks))} 0:76:whole 1:70:part 3:0:empty 2:2:moved\n"
        source = tree({"whole": b"aaabbb" + b"c" * 70, "part": b"aabbb" + b"c" * 65, "empty": b"", "new": b"ab"})
        with small_blocks(64):
            changes = difference(Manifest.parse(text), os.fspath(source), MemoryKeep(blocks))
        assert told(changes) == [("moved", "moved", "new")]

    def test_patterns_count_on_both_sides(self, tree: Make) -> None:
        stored = Manifest.parse(f"./d {A} 0:3:a 0:3:gone.txt\n")
        source = os.fspath(tree({"d/a": b"xxx", "d/new.txt": b"new!", "void": None, "skip/x.txt": b""}))
        changes = difference(stored, source, include="*.txt", exclude="skip")
        assert told(changes) == [("added", "d/new.txt"), ("removed", "d/gone.txt")]


class TestReading:
    """Without a Keep client, so that whatever is fetched is an error."""

    def test_whole_blocks_are_not_fetched(self, tree: Make) -> None:
        stored = Manifest.parse(f". {A} {B} 0:3:a 3:3:b 0:6:both\n")
        source = os.fspath(tree({"a": b"aaa", "b": b"xxx", "both": b"aaabbb"}))
        assert told(difference(stored, source)) == [("modified", "b")]
        assert told(difference(stored, os.fspath(tree({"c": b"bbb"}, "moved"))))[0] == ("moved", "b", "c")

    def test_files_are_not_read_when_sizes_tell(self, tree: Make, monkeypatch: pytest.MonkeyPatch) -> None:
        source = tree({"a": b"aaaa", "new": b"new files", "b": b"bbb"})
        stored = Manifest.parse(f". {A} {B} 0:3:a 3:3:b 0:1:gone\n")
        read: list[str] = []
        monkeypatch.setattr("keepset.transfer._comparable.open", _noting(read), raising=False)
        assert told(difference(os.fspath(source), stored)) == [
            ("added", "gone"),
            ("modified", "a"),
            ("removed", "new"),
        ]
        assert read == ["b"]
        assert difference(os.fspath(source), os.fspath(tree({"x": b"x", "y": b"yyyy"}, "other")))
        assert sorted(read) == ["a", "b", "y"]

    def test_progress_ends_with_all_bytes_that_decide(self, tree: Make) -> None:
        source = os.fspath(tree({"a": b"a" * 200, "b": b"bbb", "other": b"size"}))
        stored = Manifest.parse(f". {locator(b'x' * 64)} {A} 0:64:a 0:64:a 0:64:a 0:8:a 64:3:b\n")
        steps: list[tuple[int, int]] = []
        with small_blocks(64):
            difference(stored, source, jobs=1, progress=lambda *step: steps.append(step[:2]))
        assert steps[-1] == (203, 203)
        assert steps == sorted(steps)

    def test_nothing_that_a_manifest_says_passes_for_an_unread_file(self, tree: Make) -> None:
        stored = Manifest.parse(f". {'0' * 32}+3 0:3:a\n")
        assert told(difference(stored, os.fspath(tree({"a": b"aaa"})))) == [("modified", "a")]


class TestFailures:
    def test_a_block_that_is_missing(self, tree: Make) -> None:
        stored = Manifest.parse(f". {locator(b'packed')} 0:3:a\n")
        keep = MemoryKeep()

        def missing(locator: str) -> None:
            raise errors.NotFoundError(f"no block {locator}")

        keep.before_get = missing
        with pytest.raises(errors.NotFoundError):
            difference(stored, os.fspath(tree({"a": b"pac"})), keep)

    def test_what_could_not_be_stored(self, tree: Make) -> None:
        source = tree({"a": b"aaa"})
        (source / "link").symlink_to("nowhere")
        with pytest.raises(errors.TransferError):
            difference(os.fspath(source), Manifest.parse(""))
        assert told(difference(os.fspath(source), Manifest.parse(""), exclude="link")) == [("removed", "a")]

    def test_a_directory_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            difference(os.fspath(tmp_path / "nope"), Manifest.parse(""))

    def test_jobs(self) -> None:
        with pytest.raises(errors.ArgumentError):
            difference(Manifest.parse(""), Manifest.parse(""), jobs=0)


def _noting(read: list[str]) -> Callable[..., Any]:
    def noting(path: str, *args: Any, **options: Any) -> Any:
        read.append(os.path.basename(path))  # noqa: PTH119 - as it is given
        return open(path, *args, **options)  # noqa: PTH123

    return noting
