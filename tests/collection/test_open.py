"""Files of a collection behave as those that `builtins.open` gives: the same bytes, positions and exceptions.

Every history runs on a real file and on one of a collection, whose blocks are so small that it crosses their edges.
"""

from __future__ import annotations

import errno
import io
import itertools
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from keepset import errors
from keepset.collection import CollectionReader
from memory_keep import MemoryKeep
from small_blocks import small_blocks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from collection.conftest import Maker
    from keepset.collection import Collection

Step: TypeAlias = "Callable[[Any], object]"

CONTENT = b"one\ntwo\r\nthree\rfour\n\n\xc3\xa9t\xc3\xa9 \xe2\x82\xac\nlast line without end"
BINARY_MODES = ["rb", "wb", "ab", "xb", "r+b", "w+b", "a+b", "x+b", "rb+", "wb+", "ab+", "xb+"]
TEXT_MODES = ["r", "w", "a", "x", "r+", "w+", "a+", "x+", "rt", "wt", "at", "xt", "r+t", "wt+"]
ENCODINGS = ["utf-8", "utf-16", "latin-1"]
NEWLINES = [None, "", "\n", "\r\n"]


@pytest.fixture(autouse=True, params=[7, 1 << 26], ids=["small blocks", "full blocks"])
def blocks(request: pytest.FixtureRequest) -> Iterator[None]:
    with small_blocks(request.param):
        yield


@pytest.fixture
def twins(tmp_path: Path, make: Maker) -> Twins:
    return Twins(tmp_path, make())


def is_read_only(mode: str) -> bool:
    return mode[0] == "r" and "+" not in mode


def reads(mode: str) -> bool:
    """Whether a file of that mode can be read; those of a collection always can."""
    return mode[0] == "r" or "+" in mode


class Twins:
    """A real file and one of a collection, of the same content, which are opened in the same way."""

    def __init__(self, folder: Path, collection: Collection) -> None:
        self.path = folder / "file"
        self.collection = collection

    def fill(self, content: bytes | None) -> Twins:
        """Give both the same content; none, if it is None."""
        if content is not None:
            self.path.write_bytes(content)
            self.collection.write_bytes("file", content)
        return self

    def run(self, mode: str, *steps: Step, **text: Any) -> None:
        """Open both, do the steps with each, and compare what comes of them."""
        real, real_error = result(lambda: self.path.open(mode, **text))
        ours, error = result(lambda: self.collection.open("file", mode, **text))
        assert error == real_error
        if error is None:
            with real, ours:
                if "a" in mode and "b" in mode and "+" in mode:  # ours starts at the start, as in 3.2.1
                    assert ours.tell() == real.seek(0)
                assert (ours.writable(), ours.seekable(), ours.isatty()) == (real.writable(), True, False)
                for number, step in enumerate(steps):
                    expected = outcome(step, real, flush="a" in mode and "b" in mode)
                    assert outcome(step, ours) == expected, f"step {number}"
        if self.path.exists():
            assert self.collection.read_bytes("file") == self.path.read_bytes()


def outcome(step: Step, file: Any, flush: bool = False) -> tuple[Any, ...]:
    """What a step returns or raises, and where the file is afterwards.

    A real file that is appended to knows its position only when it is flushed.
    """
    value, error = result(lambda: step(file))
    if flush and not file.closed:
        file.flush()
    return value, error, *result(file.tell)


def result(work: Callable[[], Any]) -> tuple[Any, str | None]:
    """What work returns, or the name of the builtin exception that it raises."""
    try:
        return work(), None
    except (OSError, ValueError, TypeError, StopIteration) as error:
        if isinstance(error, io.UnsupportedOperation):
            return None, "UnsupportedOperation"
        return None, next(kind.__name__ for kind in type(error).__mro__ if kind.__module__ == "builtins")


# Single steps, which the histories below are made of.


def read(size: int | None = -1) -> Step:
    return lambda file: file.read(size)


def write(data: bytes | bytearray | memoryview | str) -> Step:
    return lambda file: file.write(data)


def seek(offset: int, whence: int = 0) -> Step:
    return lambda file: file.seek(offset, whence)


def truncate(*size: int) -> Step:
    return lambda file: file.truncate(*size)


def readline(*size: int) -> Step:
    return lambda file: file.readline(*size)


def readlines(*size: int) -> Step:
    return lambda file: file.readlines(*size)


def some_lines(count: int) -> Step:
    return lambda file: list(itertools.islice(file, count))


def readinto(size: int) -> Step:
    def step(file: Any) -> bytes:
        buffer = bytearray(b"." * size)
        length = file.readinto(buffer)
        assert buffer[length:] == b"." * (size - length)
        return bytes(buffer[:length])

    return step


def peek(file: Any) -> bool:
    """What `peek` shows is what `read` gives next; how much it shows is not defined."""
    position = file.tell()
    shown = bytes(file.peek(3))
    assert file.tell() == position
    following = file.read(len(shown))
    file.seek(position)
    assert shown == following
    return bool(shown)


READING: list[Step] = [
    read(4), read(0), readline(), peek, readinto(9), readline(2), read(6), some_lines(2), seek(0), some_lines(3),
    readlines(8), seek(-5, 2), read(100), read(), readline(), peek, seek(100), read(5), seek(3), seek(2, 1), read(None),
    seek(0), readlines(), seek(1), lambda file: file.read1(3), lambda file: b"".join(iter(lambda: file.read1(), b"")),
    seek(0), lambda file: list(file), seek(0), lambda file: next(file),
]  # fmt: skip
WRITING: list[Step] = [
    write(b"new"), write(b""), write(bytearray(b"abc\ndef\n")), write(memoryview(b"view")), seek(2), write(b"XX"),
    seek(0, 2), lambda file: file.writelines([b"line\n", b"", b"other\n"]), seek(-3, 1), write(b"0123456789" * 3),
    lambda file: file.flush(), seek(60), write(b"after a gap"), truncate(65), truncate(), seek(4), truncate(), seek(50),
    truncate(40), seek(10, 1), write(b"!"), truncate(70), seek(0, 1),
]  # fmt: skip
WRONG: list[Step] = [
    seek(-1), seek(-1000, 1), seek(-1000, 2), seek(0, 7), lambda file: file.seek(1.5), lambda file: file.write(None),
    lambda file: file.write(5), truncate(-1), lambda file: file.truncate(1.5), lambda file: file.writelines(None),
]  # fmt: skip
WRONG_READING: list[Step] = [
    lambda file: file.read("all"), lambda file: file.read(1.5), lambda file: file.readline("x"),
    lambda file: file.readinto(b"constant"), lambda file: file.readinto(5), lambda file: file.peek("x"),
]  # fmt: skip


@pytest.mark.parametrize("content", [CONTENT, b"", None], ids=["full", "empty", "missing"])
@pytest.mark.parametrize("mode", BINARY_MODES)
def test_binary_modes(mode: str, content: bytes | None, twins: Twins) -> None:
    if mode[0] == "r" and "+" in mode and content is None:
        content = b""  # such a file is made here: see below
    writing = [] if is_read_only(mode) else WRITING
    reading = [seek(0), *READING] if reads(mode) else []
    twins.fill(content).run(mode, seek(0, 1), *reading, *writing, *reading, *writing)


@pytest.mark.parametrize("mode", BINARY_MODES)
def test_wrong_arguments_are_the_same_errors(mode: str, twins: Twins) -> None:
    wrong = [*WRONG, *(WRONG_READING if reads(mode) else [])]
    twins.fill(None if mode[0] == "x" else CONTENT).run(mode, *wrong, seek(3), *wrong)


@pytest.mark.parametrize("mode", ["rb", "r", "r+", "wb", "a"])
def test_a_closed_file_refuses_everything(mode: str, twins: Twins) -> None:
    twins.fill(CONTENT)
    names = ["tell", "flush", "__enter__", *(["read", "readline", "readlines", "__next__"] if reads(mode) else [])]
    steps: list[Step] = [lambda file, name=name: getattr(file, name)() for name in names]  # type: ignore[misc]
    steps += [seek(0)] if is_read_only(mode) else [seek(0), truncate(), write("" if "b" not in mode else b"")]
    twins.run(mode, lambda file: file.close(), lambda file: file.close(), lambda file: file.closed, *steps)


@pytest.mark.parametrize("newline", NEWLINES)
@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("mode", TEXT_MODES)
def test_text_modes(mode: str, encoding: str, newline: str | None, twins: Twins) -> None:
    text = "one\ntwo\r\nthree\rfour\n\n\u00e9t\u00e9 \u00a7\n" + "a longer line " * 9 + "\nlast"
    reading: list[Step] = [
        read(3), readline(), readline(4), lambda file: list(file), read(), seek(0), readlines(), seek(0), readlines(9),
        seek(0), readline(), lambda file: file.newlines, seek(0, 2), read(5), lambda file: file.seek(0), read(20),
        lambda file: file.seek(file.tell()), read(),
    ]  # fmt: skip
    writing: list[Step] = [
        write("\u00fcber\n"), lambda file: file.writelines(["a\r\n", "b\n", "c"]), lambda file: file.flush(), seek(0),
        write("x\n"), seek(0, 2), write("end\n"), lambda file: file.flush(), truncate(40), seek(0, 2), write("!"),
    ]  # fmt: skip
    steps = [*(reading if reads(mode) else []), *([] if is_read_only(mode) else writing)]
    back = [seek(0), *reading] if reads(mode) else []
    content = None if mode[0] == "x" else text.encode(encoding)
    twins.fill(content).run(mode, *steps, *back, encoding=encoding, newline=newline)


@pytest.mark.parametrize("mode", TEXT_MODES)
def test_a_text_file_knows_its_mode(mode: str, make: Maker) -> None:
    collection = make()
    if mode[0] != "x":
        collection.write_bytes("file", b"")
    with collection.open("file", mode) as file:
        assert file.name == "file"
        assert sorted(file.mode) == sorted(mode.replace("t", ""))


@pytest.mark.parametrize("handler", ["strict", "ignore", "replace", "surrogateescape", "backslashreplace"])
def test_errors_of_decoding_and_encoding(handler: str, twins: Twins) -> None:
    for content, step in [(b"a\xff\xfeb", read()), (b"", write("\u20ac"))]:
        twins.fill(content)
        twins.run("r+", step, encoding="ascii", errors=handler)


@pytest.mark.parametrize("mode", ["x", "xb", "x+", "xb+", "r", "rb"])
def test_existence_is_the_same_error(mode: str, twins: Twins) -> None:
    twins.fill(CONTENT if mode[0] == "x" else None).run(mode)


@pytest.mark.parametrize(
    "mode",
    [
        "",
        "b",
        "t",
        "+",
        "rw",
        "wr",
        "ra",
        "rr",
        "r++",
        "rbt",
        "tb",
        "rbb",
        "q",
        "rq",
        "U",
        "rU",
        "r b",
        "R",
        "xw",
        "+r+",
    ],
)
def test_l14_invalid_modes_are_argument_and_value_errors(mode: str, twins: Twins) -> None:
    """L14: each mode of `open` is taken, and no other."""
    twins.fill(CONTENT).run(mode)
    with pytest.raises(errors.ArgumentError):
        twins.collection.open("file", mode)


@pytest.mark.parametrize("mode", ["+r", "b+r", "+br", "bw", "tw", "b+a", "t+x", "+tw"])
def test_l14_letters_come_in_any_order_as_for_open(mode: str, twins: Twins) -> None:
    """L14: `builtins.open` does not care for the order of letters."""
    steps = [write("1" if "b" not in mode else b"1"), seek(0)]
    twins.fill(None if "x" in mode else CONTENT).run(mode, *steps, *([read(3)] if "+" in mode else []))


def test_l14_read_of_none_reads_all(make: Maker) -> None:
    """L14: `read(None)` was a TypeError."""
    collection = make()
    collection.write_bytes("file", CONTENT)
    for mode in ("rb", "r+b", "w+b", "a+b", "x+b"):
        name = "new" if mode[0] == "x" else "file"
        with collection.open(name, mode) as file:
            if mode[0] in "wx":
                file.write(CONTENT)
            file.seek(4)
            assert file.read(None) == CONTENT[4:]
            file.seek(4)
            assert file.readline(None) == b"two\r\n"
            assert b"".join(file.readlines(None)) == CONTENT[9:]


@pytest.mark.parametrize("mode", ["wb", "ab", "xb", "w", "a", "x"])
def test_what_can_be_written_can_be_read_as_in_3_2_1(mode: str, make: Maker) -> None:
    collection = make()
    data: Any = b"data" if "b" in mode else "data"
    with collection.open("file", mode) as file:
        file.write(data)
        file.seek(0)
        assert file.readable()
        assert file.read() == data


@pytest.mark.parametrize("mode", ["r+", "r+b", "rb+"])
def test_reading_and_writing_makes_a_missing_file_as_in_3_2_1(mode: str, make: Maker) -> None:
    collection = make()
    with collection.open("new/file", mode) as file:
        assert file.size() == 0 if "b" in mode else file.read() == ""
    assert collection["new"]["file"].size() == 0


def test_a_binary_file_takes_text_as_utf8_as_in_3_2_1(make: Maker) -> None:
    collection = make()
    with collection.open("file", "wb") as file:
        assert file.write("\u20ac") == 3
        file.writelines(["a", b"b"])
    assert collection.read_bytes("file") == b"\xe2\x82\xacab"


def test_a_directory_cannot_be_opened(make: Maker) -> None:
    collection = make()
    collection.mkdirs("directory")
    for path, mode in itertools.product(["directory", "directory/", "."], ["r", "w", "rb", "a+"]):
        with pytest.raises(IsADirectoryError) as caught:
            collection.open(path, mode)
        assert caught.value.errno == errno.EISDIR
    with pytest.raises(FileExistsError):
        collection.open("directory", "x")


def test_a_file_is_no_directory(make: Maker) -> None:
    collection = make()
    collection.write_bytes("file", b"data")
    for mode in ("r", "w", "x", "a", "r+"):
        with pytest.raises(NotADirectoryError):
            collection.open("file/below", mode)


def test_a_binary_mode_takes_no_encoding(twins: Twins) -> None:
    for option in ({"encoding": "utf-8"}, {"errors": "strict"}, {"newline": ""}):
        twins.fill(CONTENT).run("rb", **option)
    twins.fill(CONTENT).run("r", newline="\t")


@pytest.mark.parametrize("mode", ["wb", "w", "ab", "xb", "r+", "r+b"])
def test_nothing_is_written_to_a_reader(mode: str) -> None:
    reader = CollectionReader(". acbd18db4cc2f85cedef654fccc4a4d8+3 0:3:foo\n", keep_client=MemoryKeep([b"foo"]))
    with pytest.raises(OSError, match="read-only") as caught:
        reader.open("foo", mode)
    assert caught.value.errno == errno.EROFS
    assert reader.read_bytes("foo") == b"foo"
