"""`CollectionWriter` and local files: single ones, and trees in an order that depends on names only."""

from __future__ import annotations

import io
import os
import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from keepset import CollectionReader, CollectionWriter, errors
from memory_keep import MemoryKeep, StubApi
from samples import A, B, E, locator
from small_blocks import small_blocks

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def tree(tmp_path: Path) -> Callable[..., Path]:
    """Make a directory with these files, each of which has its path for contents."""

    def make(*paths: str) -> Path:
        for path in paths:
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(path)
        return tmp_path

    return make


def stream(name: str, *paths: str, without: str = "") -> str:
    """The line of a stream with these files, each of which has its path for contents; they lose a prefix in it."""
    parts, position = [], 0
    for path in paths:
        parts.append(f"{position}:{len(path)}:{path.removeprefix(without)}")
        position += len(path)
    return f"{name} {locator(''.join(paths).encode())} {' '.join(parts)}\n"


# Single files.


def test_a_file_keeps_its_name_or_gets_another(tree: Callable[..., Path], writer: CollectionWriter) -> None:
    top = tree("a", "b", "d/c")
    writer.write_file(top / "a")
    writer.write_file(str(top / "b"), "x/y")
    writer.write_file(os.fsencode(top / "d" / "c"))
    with (top / "a").open("rb") as file, (top / "b").open() as text:
        writer.write_file(file)
        writer.write_file(text, "b")
        assert not file.closed
        assert not text.closed
    assert writer.manifest_text() == f". {locator(b'abd/cab')} 0:1:a 1:1:x/y 2:3:c 5:1:a 6:1:b\n"


def test_a_file_object_without_a_name_needs_one(writer: CollectionWriter) -> None:
    with pytest.raises(errors.ArgumentError, match="filename="):
        writer.write_file(io.BytesIO(b"aaa"))
    writer.write_file(io.BytesIO(b"aaa"), "a")
    assert writer.manifest_text() == f". {A} 0:3:a\n"


def test_files_cross_the_ends_of_blocks(keep: MemoryKeep, tmp_path: Path, writer: CollectionWriter) -> None:
    sizes = [5, 16, 0, 40, 1]
    files = {f"{number}": random.Random(number).randbytes(size) for number, size in enumerate(sizes)}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    with small_blocks(16):
        writer.write_directory_tree(tmp_path)
    reader = CollectionReader(writer.finish(), StubApi(keep))
    assert {path: reader.read_bytes(path) for path, _ in reader.files()} == files
    everything = b"".join(files.values())
    assert writer.data_locators() == [locator(everything[start : start + 16]) for start in range(0, 62, 16)]


@pytest.mark.parametrize("source", ["nothing", "."])
def test_a_file_that_cannot_be_opened_leaves_nothing_behind(
    tree: Callable[..., Path], writer: CollectionWriter, source: str
) -> None:
    top = tree("a")
    for call in (writer.write_file, writer.write_directory_tree):
        with pytest.raises(OSError, match=r"No such file|Is a directory|Not a directory"):
            call(top / ("a" if source == "." and call == writer.write_directory_tree else source))
    writer.write_file(top / "a")
    assert writer.manifest_text() == stream(".", "a")


def test_a_file_whose_name_is_refused_is_not_left_open(tree: Callable[..., Path], writer: CollectionWriter) -> None:
    top = tree("a")
    with pytest.raises(errors.ArgumentError):
        writer.write_file(top / "a", "..")  # an open file would warn when it goes
    writer.write_file(top / "a")
    assert writer.manifest_text() == stream(".", "a")


def test_a_pipe_can_be_read(writer: CollectionWriter) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"aaa")
    os.close(writing)
    writer.write_file(f"/dev/fd/{reading}", "a")
    os.close(reading)
    assert writer.manifest_text() == f". {A} 0:3:a\n"


# Trees.

FILES = ["b", "d/x", "d/e/x", "d/e/f/x", "a", "c/x"]


@pytest.mark.parametrize(
    ("depth", "expected"),
    [
        (0, [(".", ["a", "b", "c/x", "d/e/f/x", "d/e/x", "d/x"], "")]),
        (1, [(".", ["a", "b"], ""), ("./c", ["c/x"], "c/"), ("./d", ["d/e/f/x", "d/e/x", "d/x"], "d/")]),
        (
            2,
            [
                *[(".", ["a", "b"], ""), ("./c", ["c/x"], "c/"), ("./d", ["d/x"], "d/")],
                ("./d/e", ["d/e/f/x", "d/e/x"], "d/e/"),
            ],
        ),
        (
            -1,
            [
                *[(".", ["a", "b"], ""), ("./c", ["c/x"], "c/"), ("./d", ["d/x"], "d/")],
                *[("./d/e", ["d/e/x"], "d/e/"), ("./d/e/f", ["d/e/f/x"], "d/e/f/")],
            ],
        ),
    ],
)
def test_how_deep_streams_go(
    tree: Callable[..., Path], writer: CollectionWriter, depth: int, expected: list[tuple[str, list[str], str]]
) -> None:
    writer.write_directory_tree(tree(*FILES), max_manifest_depth=depth)
    text = "".join(stream(name, *paths, without=prefix) for name, paths, prefix in expected)
    assert writer.manifest_text() == text


def test_directories_of_one_level_come_before_those_below_them(
    tree: Callable[..., Path], writer: CollectionWriter
) -> None:
    writer.write_directory_tree(tree("a/b/x", "c/x", "a/x", "d/e/x"))
    names = [line.split()[0] for line in writer.manifest_text().splitlines()]
    assert names == ["./a", "./c", "./a/b", "./d/e"]


@pytest.mark.parametrize("name", ["root", "./root"])
def test_the_stream_of_a_tree(tree: Callable[..., Path], writer: CollectionWriter, name: str) -> None:
    writer.write_directory_tree(str(tree("a", "d/b")), name)
    assert writer.manifest_text() == stream("./root", "a") + stream("./root/d", "d/b", without="d/")


def test_a_tree_goes_on_with_the_stream_that_has_its_name(tree: Callable[..., Path], writer: CollectionWriter) -> None:
    top = tree("a", "b")
    writer.write_file(top / "a", "first")
    writer.write_directory_tree(top, "")
    assert writer.manifest_text() == f". {locator(b'aab')} 0:1:first 1:1:a 2:1:b\n"
    writer.write_directory_tree(top)
    assert writer.manifest_text().splitlines(keepends=True)[1:] == [stream(".", "a", "b")]


def test_directories_without_files_leave_no_trace(tree: Callable[..., Path], writer: CollectionWriter) -> None:
    top = tree("a")
    (top / "empty" / "nothing").mkdir(parents=True)
    writer.write_directory_tree(top)
    assert writer.manifest_text() == stream(".", "a")


def test_large_files_of_a_tree_are_not_read_ahead(tmp_path: Path, writer: CollectionWriter) -> None:
    data = random.Random(0).randbytes(5 << 20)
    (tmp_path / "a").write_bytes(data)
    (tmp_path / "b").write_bytes(b"b")
    writer.write_directory_tree(tmp_path)
    assert writer.manifest_text() == f". {locator(data + b'b')} 0:{5 << 20}:a {5 << 20}:1:b\n"


def test_names_that_are_no_text(tmp_path: Path, writer: CollectionWriter) -> None:
    for name in (b"tab\tnew\nline", b"\xff", "é".encode(), b"z"):
        (Path(os.fsdecode(os.fsencode(tmp_path))) / os.fsdecode(name)).write_bytes(b"")
    writer.write_directory_tree(tmp_path)
    assert writer.manifest_text() == f". {E} 0:0:tab\\011new\\012line 0:0:z 0:0:é 0:0:\\377\n"


def test_links_are_followed(tree: Callable[..., Path], tmp_path: Path, writer: CollectionWriter) -> None:
    top = tree("a", "d/b") / "d"
    (top / "link").symlink_to("../a")
    (top / "twice").symlink_to("../outside")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "x").write_text("x")
    writer.write_directory_tree(top)
    assert writer.manifest_text() == f". {locator(b'd/ba')} 0:3:b 3:1:link\n./twice {locator(b'x')} 0:1:x\n"


# What cannot be written.


def dangling(path: Path) -> None:
    path.symlink_to("nothing")


def circle(path: Path) -> None:
    path.symlink_to("..")


def pipe(path: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize("depth", [-1, 0])
@pytest.mark.parametrize(
    ("make", "message"), [(dangling, "No such file"), (circle, "would never end"), (pipe, "named pipe")]
)
def test_what_cannot_be_written_is_told_of_and_left_out_if_one_goes_on(
    tree: Callable[..., Path], writer: CollectionWriter, make: Callable[[Path], None], message: str, depth: int
) -> None:
    top = tree("a", "d/b", "d/c")
    make(top / "d" / "bad")
    with pytest.raises(OSError, match=message) as caught:
        writer.write_directory_tree(top, max_manifest_depth=depth)
    assert caught.value.filename == str(top / "d" / "bad")
    with pytest.raises(errors.WriterUseError, match="do_queued_work"):
        writer.manifest_text()
    writer.do_queued_work()
    if depth:
        assert writer.manifest_text() == stream(".", "a") + stream("./d", "d/b", "d/c", without="d/")
    else:
        assert writer.manifest_text() == stream(".", "a", "d/b", "d/c")


def test_links_between_directories_that_lead_in_circles(tree: Callable[..., Path], writer: CollectionWriter) -> None:
    top = tree("a/x", "b/y")
    (top / "a" / "to-b").symlink_to("../b")
    (top / "b" / "to-a").symlink_to("../a")
    problems = []
    calls: list[Callable[[], None]] = [lambda: writer.write_directory_tree(top), writer.do_queued_work]
    for call in calls:
        with pytest.raises(errors.TransferError, match="would never end") as caught:
            call()
        problems.append(os.path.relpath(caught.value.filename, top))
    writer.do_queued_work()
    assert problems == ["a/to-b/to-a", "b/to-a/to-b"]
    names = [line.split()[0] for line in writer.manifest_text().splitlines()]
    assert names == ["./a", "./b", "./a/to-b", "./b/to-a"]


def test_a_directory_that_vanishes(
    tree: Callable[..., Path], writer: CollectionWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    top, scandir = tree("a/x", "b/y"), os.scandir

    def scan(path: Any) -> Any:
        if os.fspath(path).rstrip("/").endswith("/a"):
            raise FileNotFoundError(2, "gone", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", scan)
    with pytest.raises(FileNotFoundError, match="gone"):
        writer.write_directory_tree(top)
    writer.do_queued_work()
    assert writer.manifest_text() == stream("./b", "b/y", without="b/")


def test_bytes_without_a_name_stand_in_the_way_of_a_tree(tree: Callable[..., Path], writer: CollectionWriter) -> None:
    writer.write(b"aaa")
    with pytest.raises(errors.WriterUseError, match="no file"):
        writer.write_directory_tree(tree("d/a", "d/b") / "d")
    writer.set_current_file_name("first")
    writer.do_queued_work()
    assert writer.manifest_text() == f". {locator(b'aaad/ad/b')} 0:3:first 3:3:a 6:3:b\n"


def test_after_a_problem_another_tree_is_added_behind(tree: Callable[..., Path], writer: CollectionWriter) -> None:
    top = tree("one/a", "one/c", "two/d")
    (top / "one" / "b").symlink_to("nothing")
    with pytest.raises(FileNotFoundError):
        writer.write_directory_tree(top / "one")
    writer.write_directory_tree(top / "two", "two")
    assert writer.manifest_text() == stream(".", "one/a", "one/c", without="one/") + stream(
        "./two", "two/d", without="two/"
    )


def test_keep_fails_in_the_middle_of_a_tree(
    keep: MemoryKeep, tree: Callable[..., Path], writer: CollectionWriter
) -> None:
    def fail(data: bytes) -> None:
        raise errors.KeepWriteError("no space")

    keep.before_put = fail
    top = tree(*(f"{number:04}" for number in range(100)))
    calls: list[Callable[[], None]] = [lambda: writer.write_directory_tree(top), writer.do_queued_work]
    with small_blocks(6):
        for call in calls:
            with pytest.raises(errors.KeepWriteError):
                call()
        keep.before_put = lambda data: None
        while writer._left or writer._queued_file:
            try:
                writer.do_queued_work()
            except errors.KeepWriteError:  # of an upload that had been started before
                continue
    everything = "".join(f"{number:04}" for number in range(100)).encode()
    blocks = [locator(everything[start : start + 6]) for start in range(0, 400, 6)]
    parts = " ".join(f"{4 * number}:4:{number:04}" for number in range(100))
    assert writer.manifest_text() == f". {' '.join(blocks)} {parts}\n"


class Interrupted(io.FileIO):
    """A file that Ctrl-C hits when a read is done."""

    interrupts = 2

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(-1 if size is None else size)
        if data and self.interrupts:
            self.interrupts -= 1
            raise KeyboardInterrupt
        return data


def test_an_interrupted_read_loses_nothing(
    tmp_path: Path, writer: CollectionWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").write_bytes(b"aaabbb")
    monkeypatch.setattr("builtins.open", lambda path, mode, buffering: Interrupted(path, mode))
    with pytest.raises(KeyboardInterrupt):
        writer.write_file(tmp_path / "a")
    with pytest.raises(errors.WriterUseError, match="queued"):
        writer.write_file(tmp_path / "a")
    with pytest.raises(KeyboardInterrupt):
        writer.do_queued_work()
    with small_blocks(3):
        writer.do_queued_work()
    assert writer.manifest_text() == f". {A} {B} 0:6:a\n"


def test_leaving_the_context_closes_the_file_that_was_being_read(
    tmp_path: Path, writer: CollectionWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").write_bytes(b"aaa")
    file = Interrupted(tmp_path / "a")
    monkeypatch.setattr("builtins.open", lambda path, mode, buffering: file)
    with pytest.raises(KeyboardInterrupt), writer:
        writer.write_file(tmp_path / "a")
    assert file.closed
