"""Uploads that fail are told once, lose nothing, and are tried again."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from keepset import errors
from samples import locator
from small_blocks import small_blocks

if TYPE_CHECKING:
    from collections.abc import Callable

    from collection.conftest import Maker
    from memory_keep import MemoryKeep

both = pytest.mark.parametrize("packing", [True, False], ids=["packing", "not packing"])


class Failing:
    """A `before_put` that fails so many times."""

    def __init__(self, times: int, error: Exception | None = None) -> None:
        self.times = times
        self.error = error or OSError("the server is on fire")

    def __call__(self, data: bytes) -> None:
        if self.times:
            self.times -= 1
            raise self.error


def write_and_fail(opened: Any) -> None:
    with opened as file:
        file.write(b"data")
        raise LookupError


@both
@pytest.mark.parametrize("times", [1, 3])
def test_a_failed_upload_is_told_by_the_next_save_and_nothing_is_lost(
    packing: bool, times: int, make: Maker, keep: MemoryKeep
) -> None:
    collection = make(packing=packing)
    keep.before_put = Failing(times)
    contents = {f"{number}": b"%d" % number * 10 for number in range(3)}
    failures = 0
    for name, data in contents.items():
        file = collection.open(name, "wb")
        file.write(data)
        try:
            file.close()
        except errors.KeepWriteError:
            failures += 1
        assert file.closed
    while True:
        try:
            text = collection.save_new(create_collection_record=False)
        except errors.KeepWriteError:
            failures += 1
            assert {name: collection.read_bytes(name) for name in collection} == contents
        else:
            break
    assert failures == times
    fresh = make(text)
    assert {name: fresh.read_bytes(name) for name in fresh} == contents


def test_the_error_names_the_block_and_what_the_client_said(make: Maker, keep: MemoryKeep) -> None:
    collection = make()
    collection.write_bytes("f", b"data")
    keep.before_put = Failing(1)
    with pytest.raises(errors.KeepWriteError) as caught:
        collection.manifest_text()
    assert [str(problem) for problem in caught.value.request_errors().values()] == ["the server is on fire"]
    assert list(caught.value.request_errors()) == [locator(b"data")]
    assert collection.manifest_text() == f". {locator(b'data')} 0:4:f\n"


OPERATIONS: dict[str, Callable[[Any, Any], object]] = {
    "write": lambda file, collection: file.write(b"y"),
    "flush": lambda file, collection: file.flush(),
    "close": lambda file, collection: file.close(),
    "save": lambda file, collection: collection.save_new(create_collection_record=False),
    "text": lambda file, collection: collection.manifest_text(),
    "flush of the collection": lambda file, collection: collection.flush(),
}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_failure_in_the_background_is_told_by_the_next(operation: str, make: Maker, keep: MemoryKeep) -> None:
    with small_blocks(8):
        collection = make(put_threads=1)
        file = collection.open("f", "wb")
        failed = threading.Event()

        def fail(data: bytes) -> None:
            failed.set()
            raise OSError("the server is on fire")

        keep.before_put = fail
        file.write(b"x" * 8)
        assert failed.wait(timeout=30)
        collection._my_block_manager().stop_threads()
        keep.before_put = lambda data: None
        if operation == "write":
            with pytest.raises(errors.KeepWriteError):
                OPERATIONS[operation](file, collection)
        else:
            # The others try again at once, and have nothing to tell if that goes well.
            OPERATIONS[operation](file, collection)
        if not file.closed:
            file.write(b"z")
            file.close()
        expected = b"x" * 8 + (b"" if operation == "close" else b"z")
        assert collection.read_bytes("f") == expected
        text = collection.manifest_text()
    assert make(text).read_bytes("f") == expected


@both
def test_a_failed_flush_can_be_tried_again(packing: bool, make: Maker, keep: MemoryKeep) -> None:
    collection = make(packing=packing)
    with collection.open("f", "wb") as file:
        file.write(b"data")
        keep.before_put = Failing(2)
        for _ in range(2):
            with pytest.raises(errors.KeepWriteError):
                file.flush()
        assert file.tell() == 4
        file.flush()
        assert keep.puts == [locator(b"data")]
        file.write(b" more")
    assert collection.read_bytes("f") == b"data more"


def test_a_block_of_zeros_that_cannot_be_stored(make: Maker, keep: MemoryKeep) -> None:
    with small_blocks(1 << 17):
        collection = make()
        with collection.open("f", "wb") as file:
            file.write(b"head")
            keep.before_put = Failing(1)
            with pytest.raises(OSError, match="on fire"):
                file.truncate(1 << 20)
            assert file.size() == 4
            file.truncate(1 << 20)
            assert file.size() == 1 << 20
        assert collection.read_bytes("f")[:5] == b"head\0"


def test_a_failure_while_closing_after_an_error_tells_both(make: Maker, keep: MemoryKeep) -> None:
    keep.before_put = Failing(1)
    collection = make(packing=False)
    with pytest.raises(errors.KeepWriteError) as caught:
        write_and_fail(collection.open("f", "wb"))
    assert isinstance(caught.value.__context__, LookupError)
    assert make(collection.manifest_text()).read_bytes("f") == b"data"
