"""Bytes in memory on their way to a block, and how those of small files come together in one."""

from __future__ import annotations

import hashlib
import itertools
from typing import TYPE_CHECKING, TypeAlias

from keepset._core import join, prefer_large_pages

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from concurrent import futures

    from keepset._rooms import Rooms

__all__ = ["BLOCK_SIZE", "PACKED_SIZE", "Buffer", "Packer", "Place", "block_locator"]

BLOCK_SIZE = 1 << 26
"""The largest block, in bytes: 64 MiB."""
PACKED_SIZE = BLOCK_SIZE // 2
"""The largest file, in bytes, that is packed together with others."""

_MANY = 1 << 23
"""From so many bytes on, a buffer that grows is in a room."""

_cells = itertools.count(1)


Place: TypeAlias = tuple[str, int]
"""Where the bytes of a buffer are stored: a locator, and where they start in its block."""


class Buffer:
    """Bytes in memory, to which bytes are appended until they are stored."""

    # Of the block that has these bytes alone, once it is stored.
    locator: str | None = None
    # The buffer that the bytes were copied into together with others, and where they start there.
    pack: Buffer | None = None
    start = 0
    future: futures.Future[None] | None = None
    error: Exception | None = None
    # Not all of the bytes may be in use: some may have been written over, or cut off.
    is_overwritten = False
    # Nothing is appended any more.
    is_sealed = False
    # Several files refer to the bytes, so that none of them can be left out.
    is_shared = False
    # The bytes stay here after an upload: they may still be packed.
    keeps_bytes = False

    def __init__(self, data: bytes | bytearray | memoryview | None, cell: int | None = None) -> None:
        """Make a buffer of these bytes; with a cell of its own, if none is given."""
        self.cell = next(_cells) if cell is None else cell
        # None once the bytes are in a pack or stored, and nobody needs them here. What was written in one go stays the
        # object that it was, since most files are; a `bytearray` takes its place when more comes, and the start of a
        # room when there is a lot.
        self.data = data

    def twin(self) -> Buffer:
        """Return a buffer of the same cell and bytes for another block manager. Both are sealed."""
        self.is_sealed = True
        data = None if self.locator else self.data
        # One that cannot be written to: a room goes back to where it is from, and not to two places at a time.
        twin = Buffer(data.toreadonly() if isinstance(data, memoryview) else data, self.cell)
        twin.is_sealed = True
        twin.locator = self.locator
        if self.pack is not None:
            twin.pack, twin.start = self.pack.twin(), self.start
        return twin

    @property
    def size(self) -> int:
        """The number of bytes in memory."""
        return len(self.data) if self.data else 0

    def append(self, data: bytes | memoryview, rooms: Rooms) -> None:
        """Put bytes behind those that there are; all together are a block at most.

        Args:
            data: The bytes.
            rooms: Where there is memory for many.
        """
        before = self.data or b""
        start, end = len(before), len(before) + len(data)
        if isinstance(before, memoryview):
            room = memoryview(before.obj)
        elif end >= _MANY or rooms.has_free():
            room = rooms.take()
            room[:start] = before
        else:
            if isinstance(before, bytes):
                before = bytearray(before)
            before += data
            if end.bit_length() != start.bit_length():
                prefer_large_pages(before)  # it grows into other memory from time to time
            self.data = before
            return
        room[start:end] = data
        self.data = room[:end]

    def drop(self, rooms: Rooms) -> None:
        """Forget the bytes.

        Args:
            rooms: Where the memory of many goes back to.
        """
        room = self.data.obj if isinstance(self.data, memoryview) and not self.data.readonly else None
        self.data = None
        if room is not None:
            rooms.give_back(room)

    def place(self) -> Place | None:
        """Return where the bytes are stored, or None if they are not yet."""
        pack = self.pack
        if pack is not None and pack.locator is not None:
            return pack.locator, self.start
        return None if self.locator is None else (self.locator, 0)

    def is_pending(self) -> bool:
        """Return whether there are bytes here that are neither stored nor packed."""
        return self.locator is None and self.pack is None and bool(self.data)

    def read(self, start: int, length: int) -> bytes | None:
        """Return bytes, or None if they are not in memory any more."""
        if self.pack is not None:
            return self.pack.read(self.start + start, length)
        data = self.data
        return None if data is None else bytes(data[start : start + length])


def block_locator(buffers: Iterable[Buffer]) -> str:
    """Return the locator, without a signature, of a block that has the bytes of buffers, one after the other."""
    digest = hashlib.md5(usedforsecurity=False)
    size = 0
    for buffer in buffers:
        digest.update(buffer.data or b"")
        size += buffer.size
    return f"{digest.hexdigest()}+{size}"


class Packer:
    """Small files that have been closed, in order of closing, until there are enough of them for a block."""

    def __init__(self) -> None:
        """Start with none."""
        self._waiting: dict[int, Buffer] = {}
        self.size = 0

    def add(self, buffer: Buffer) -> bool:
        """Seal a buffer and put it behind the others, unless it waits already.

        Returns:
            Whether it waits now. It does not if all that waits would be more than a block.
        """
        if buffer.cell in self._waiting:
            return True
        size = self.size + len(buffer.data or b"")
        if size > BLOCK_SIZE:
            return False
        buffer.is_sealed = True
        self._waiting[buffer.cell] = buffer
        self.size = size
        return True

    def forget(self, buffer: Buffer) -> None:
        """Take a buffer out, if it waits."""
        if self._waiting.pop(buffer.cell, None) is not None:
            self.size -= buffer.size

    def groups(self) -> Iterator[list[Buffer]]:
        """Divide what waits into blocks."""
        group: list[Buffer] = []
        size = 0
        for buffer in self._waiting.values():
            if size + buffer.size > BLOCK_SIZE:
                yield group
                group, size = [], 0
            group.append(buffer)
            size += buffer.size
        if group:
            yield group

    def plan(self) -> dict[int, Place]:
        """Return where the bytes of each cell will be, once what waits is packed and stored."""
        places = {}
        for group in self.groups():
            locator = block_locator(group)
            offset = 0
            for buffer in group:
                places[buffer.cell] = (locator, offset)
                offset += buffer.size
        return places

    def pack(self) -> list[Buffer]:
        """Make one buffer of each group. Nothing waits any more."""
        packs = []
        for group in self.groups():
            if len(group) == 1:
                packs += group
                continue
            parts = [buffer.data or b"" for buffer in group]
            pack = Buffer(join(parts, sum(map(len, parts))))
            pack.is_sealed = True
            for buffer, start in zip(group, itertools.accumulate(map(len, parts), initial=0), strict=False):
                buffer.pack, buffer.start, buffer.data = pack, start, None
            packs.append(pack)
        self._waiting.clear()
        self.size = 0
        return packs
