"""What a `CollectionWriter` calls things, and where they are: names and positions of files and streams."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from keepset import CollectionWriter, Manifest, errors
from memory_keep import MemoryKeep, read_back
from samples import A, C, E, locator

if TYPE_CHECKING:
    from collections.abc import Callable


def test_files_and_streams_follow_each_other(writer: CollectionWriter) -> None:
    assert writer.current_stream_name() == "."
    assert writer.current_file_name() is None
    writer.set_current_file_name("a")
    writer.write(b"aaa")
    assert writer.current_file_name() == "a"
    writer.start_new_file("b")
    writer.write(b"bbb")
    writer.start_new_stream("d")
    assert (writer.current_stream_name(), writer.current_file_name()) == ("d", None)
    writer.write(b"ccccc")
    writer.set_current_file_name("c")  # in time: a name is needed at the end only
    expected = f". {locator(b'aaabbb')} 0:3:a 3:3:b\n./d {C} 0:5:c\n"
    assert writer.manifest_text() == expected
    assert writer.manifest_text() == expected
    assert writer.current_stream_name() is None


def test_the_hash_is_that_of_the_official_writer(writer: CollectionWriter) -> None:
    for stream, name in [(".", "foo.txt"), (".", "bar.txt"), ("baz", "baz.txt")]:
        with writer.open(stream, name) as file:
            file.write(name[:3].encode())
    assert writer.portable_data_hash() == "23ca013983d6239e98931cc779e68426+114"


def test_what_is_empty(writer: CollectionWriter) -> None:
    assert writer.data_locators() == []
    writer.start_new_file("z")
    writer.write(b"")
    writer.start_new_stream("nothing")
    writer.start_new_stream("d")
    writer.start_new_file("first")
    writer.start_new_file("a")
    writer.write(b"aaa")
    assert writer.manifest_text() == f". {E} 0:0:z\n./d {A} 0:0:first 0:3:a\n"
    assert writer.data_locators() == [E, A]


def test_nothing_at_all(keep: MemoryKeep, writer: CollectionWriter) -> None:
    assert writer.manifest_text() == ""
    assert writer.portable_data_hash() == E
    assert read_back(writer, keep) == {}


def test_the_order_is_that_of_writing_and_a_name_may_come_again(keep: MemoryKeep, writer: CollectionWriter) -> None:
    for name in ("b", "a", "b"):
        writer.start_new_file(name)
        writer.write(name * 3)
    writer.start_new_stream(".")
    writer.start_new_file("a")
    writer.write(b"aaa")
    text = f". {locator(b'bbbaaabbb')} 0:3:b 3:3:a 6:3:b\n. {A} 0:3:a\n"
    assert writer.manifest_text() == text
    assert read_back(writer, keep) == {"b": b"bbbbbb", "a": b"aaaaaa"}


@pytest.mark.parametrize(
    "name", ["tab\tnew\nline", "a b", "a:b", "\\040", "a\\b", "é", "\udcff", "\0", "-", "...", "d/./e//f", "/g", "h/"]
)
def test_any_name_can_be_written(keep: MemoryKeep, writer: CollectionWriter, name: str) -> None:
    """Old versions refused tabs and newlines, and wrote backslashes that were read as something else."""
    path = "/".join(part for part in name.split("/") if part not in ("", "."))
    writer.start_new_stream(name)
    writer.start_new_file(name)
    assert (writer.current_stream_name(), writer.current_file_name()) == (name, name)
    writer.write(b"aaa")
    Manifest.parse(writer.manifest_text(), mode="strict")
    assert read_back(writer, keep) == {f"{path}/{path}": b"aaa"}


@pytest.mark.parametrize("name", ["", ".", "/", "./", "..", "a/../b", b"a", 1])
def test_a_file_cannot_be_called_this(writer: CollectionWriter, name: Any) -> None:
    with pytest.raises(errors.ArgumentError):
        writer.start_new_file(name)
    writer.start_new_file("a")
    with pytest.raises(errors.ArgumentError):
        writer.set_current_file_name(name)
    assert writer.current_file_name() == "a"


@pytest.mark.parametrize("name", ["..", "../a", "./a/..", b"a", None])
def test_a_stream_cannot_be_called_this(writer: CollectionWriter, name: Any) -> None:
    with pytest.raises(errors.ArgumentError):
        writer.set_current_stream_name(name)


@pytest.mark.parametrize(("name", "token"), [("", "."), ("./", "."), ("./a", "./a"), ("a", "./a"), ("/a//b/", "./a/b")])
def test_the_names_of_streams(writer: CollectionWriter, name: str, token: str) -> None:
    writer.start_new_stream(name)
    assert writer.current_stream_name() == (name or ".")
    writer.start_new_file("a")
    writer.write(b"aaa")
    assert writer.manifest_text() == f"{token} {A} 0:3:a\n"


def test_bytes_without_a_name_are_not_lost(writer: CollectionWriter) -> None:
    writer.write(b"aaa")
    calls: list[Callable[[], object]] = [
        writer.manifest_text,
        writer.finish_current_file,
        writer.finish_current_stream,
        lambda: writer.start_new_file("b"),
        lambda: writer.start_new_stream("b"),
        lambda: writer.open("b"),
    ]
    for call in calls:
        with pytest.raises(errors.AssertionError, match="3 bytes at 0"):
            call()
    writer.set_current_file_name("a")
    writer.start_new_file()
    assert writer.current_file_name() is None
    assert writer.manifest_text() == f". {A} 0:3:a\n"


def test_behind_the_end_of_a_stream_there_must_be_another(writer: CollectionWriter) -> None:
    writer.finish_current_stream()
    writer.start_new_file("a")
    writer.write(b"aaa")
    with pytest.raises(errors.WriterUseError, match="1 files"):
        writer.manifest_text()
    writer.set_current_stream_name("d")
    assert writer.manifest_text() == f"./d {A} 0:3:a\n"


def test_a_name_cannot_be_a_file_and_a_directory(writer: CollectionWriter) -> None:
    writer.open("a").close()
    writer.open("a/b").close()
    with pytest.raises(errors.ManifestError, match="both"):
        writer.manifest_text()
