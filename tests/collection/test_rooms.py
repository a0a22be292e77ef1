"""Memory for large blocks: when it is used again, and when it must not be."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from keepset import _rooms
from keepset._buffers import BLOCK_SIZE, Buffer
from keepset._rooms import Rooms
from keepset.collection import Collection
from memory_keep import MemoryKeep, StubApi
from small_blocks import small_blocks

if TYPE_CHECKING:
    import pytest

KIB = 1 << 10


def test_a_room_is_given_out_again() -> None:
    rooms = Rooms(100, 1)
    view = rooms.take()
    assert (len(view), rooms.has_free()) == (100, False)
    room = view.obj
    del view
    rooms.give_back(room)
    assert rooms.has_free()
    view = rooms.take()
    assert view.obj is room
    other = rooms.take()
    assert other.obj is not room


def test_a_room_that_somebody_looks_at_is_not() -> None:
    rooms = Rooms(100, 2)
    rooms.give_back(rooms.take().obj)
    buffer = Buffer(b"abc")
    buffer.append(b"def", rooms)
    assert isinstance(buffer.data, memoryview)
    looks = buffer.data[1:3]
    buffer.drop(rooms)
    assert not rooms.has_free()
    assert bytes(looks) == b"bc"


def test_a_buffer_moves_into_a_room_when_it_is_large_or_when_one_is_free() -> None:
    rooms = Rooms(BLOCK_SIZE, 1)
    buffer = Buffer(b"x")
    buffer.append(b"y" * ((8 << 20) - 2), rooms)
    assert isinstance(buffer.data, bytearray)
    buffer.append(b"z", rooms)
    assert isinstance(buffer.data, memoryview)
    assert bytes(buffer.data) == b"x" + b"y" * ((8 << 20) - 2) + b"z"
    buffer.drop(rooms)
    other = Buffer(b"x")
    other.append(b"y", rooms)
    assert isinstance(other.data, memoryview)
    assert bytes(other.data) == b"xy"


def test_a_twin_has_its_bytes_for_itself() -> None:
    rooms = Rooms(100, 2)
    rooms.give_back(rooms.take().obj)
    buffer = Buffer(b"abc")
    buffer.append(b"def", rooms)
    twin = buffer.twin()
    buffer.drop(rooms)
    assert not rooms.has_free()
    assert twin.read(0, 6) == b"abcdef"


def test_a_room_goes_back_to_where_it_is_from_alone() -> None:
    rooms, others = Rooms(100, 2), Rooms(100, 2)
    rooms.give_back(rooms.take().obj)
    buffer = Buffer(b"abc")
    buffer.append(b"def", rooms)
    buffer.twin().drop(others)
    assert not others.has_free()
    twin = buffer.twin().twin()
    buffer.drop(Rooms(100, 0))
    twin.drop(others)
    assert not others.has_free()


def test_no_more_are_kept_than_are_wanted() -> None:
    rooms = Rooms(100, 1)
    for room in [rooms.take().obj, rooms.take().obj]:
        rooms.give_back(room)
    rooms.give_back(bytearray(100))  # none of ours
    rooms.take()
    assert not rooms.has_free()
    rooms.give_back(rooms.take().obj)
    rooms.clear()
    assert not rooms.has_free()


def test_a_large_file_takes_few_rooms(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    monkeypatch.setattr(_rooms, "prefer_large_pages", lambda view: made.append(len(view)))
    keep = MemoryKeep()
    pieces = [os.urandom(KIB) for _ in range(7)]
    with small_blocks(64 * KIB):
        collection = Collection(keep_client=keep, api_client=StubApi(), put_threads=2)
        with collection.open("large", "wb") as file, collection.open("between", "wb") as other:
            for number in range(2000):
                file.write(pieces[number % 7])
                other.write(pieces[number % 7][:100])
        assert collection.read_bytes("large") == b"".join(pieces[number % 7] for number in range(2000))
        assert collection.read_bytes("between") == b"".join(pieces[number % 7][:100] for number in range(2000))
        collection.manifest_text()
    assert len(keep.puts) > 33
    # Two files are written to, and two buffers are on their way.
    assert 2 <= len(made) <= 5
