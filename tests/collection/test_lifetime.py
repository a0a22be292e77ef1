"""What becomes of data that nobody saves, and of a process that forks."""

from __future__ import annotations

import gc
import os
import threading
import warnings
from typing import TYPE_CHECKING, Any

import pytest

from keepset.collection import Collection
from small_blocks import small_blocks

if TYPE_CHECKING:
    from collection.conftest import Maker
    from memory_keep import MemoryKeep


def drop(held: list[Any]) -> None:
    """Let go of the only references."""
    held.clear()
    gc.collect()


def test_unsaved_data_is_warned_of(keep: MemoryKeep) -> None:
    collection = Collection(keep_client=keep)
    collection.write_bytes("f", b"data")
    held = [collection]
    del collection
    with pytest.warns(ResourceWarning, match="unsaved data"):
        drop(held)


def test_nothing_unsaved_is_not_warned_of(keep: MemoryKeep) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        collection = Collection(keep_client=keep)
        collection.write_bytes("f", b"data")
        collection.manifest_text()
        collection.write_bytes("g", b"data")
        collection.remove("g")
        collection.write_bytes("empty", b"")
        del collection
        gc.collect()


@pytest.mark.parametrize("mode", ["wb", "w"])
def test_an_open_writer_is_warned_of_and_keeps_its_data(mode: str, make: Maker) -> None:
    collection = make()
    file = collection.open("f", mode)
    data: Any = b"data" if "b" in mode else "data"
    file.write(data)
    held = [file]
    del file
    with pytest.warns(ResourceWarning, match="'f' was dropped before it was closed"):
        drop(held)
    assert collection["f"].closed()
    assert make(collection.manifest_text()).read_bytes("f") == b"data"


def test_a_reader_is_not_warned_of(make: Maker) -> None:
    collection = make()
    collection.write_bytes("f", b"data")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        collection.open("f", "rb").read()
        gc.collect()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
@pytest.mark.parametrize("when", ["while writing", "while uploading"])
def test_a_fork_leaves_the_data_to_the_parent(when: str, make: Maker, keep: MemoryKeep) -> None:
    with small_blocks(16):
        collection = make()
        file = collection.open("f", "wb")
        go_on = threading.Event()
        if when == "while uploading":
            keep.before_put = lambda data: go_on.wait(timeout=30) and None
        file.write(b"0123456789" * 2)
        child = os.fork()
        if child == 0:
            try:
                keep.before_put = lambda data: None
                good = collection["f"].readfrom(0, 99, 0) == b"0123456789" * 2
                own = Collection(keep_client=keep)
                own.write_bytes("g", b"child's own " * 3)
                good = good and Collection(own.manifest_text(), keep_client=keep).read_bytes("g") == b"child's own " * 3
                file.write(b"in the child")
                good = good and b"in the child" in collection.read_bytes("f")
                good = good and "0:32:f" in collection.manifest_text()
                os._exit(0 if good else 1)
            finally:
                os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        go_on.set()
        file.write(b" in the parent")
        file.close()
        text = collection.manifest_text()
    assert make(text).read_bytes("f") == b"0123456789" * 2 + b" in the parent"
