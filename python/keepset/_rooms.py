"""Memory for large blocks that are being written, which is used again.

The pages of new memory have to be cleared, and those of a buffer that grows are mapped anew: a fifth of what a write
costs a client.
"""

from __future__ import annotations

import mmap
from contextlib import suppress

from keepset._core import prefer_large_pages

__all__ = ["Rooms"]


class Rooms:
    """Gives out rooms, and takes them back. Not safe for threads.

    Args:
        size: How many bytes each has.
        most: How many that nobody uses are kept.
    """

    def __init__(self, size: int, most: int) -> None:
        self._size = size
        self._most = most
        self._free: list[mmap.mmap] = []

    def has_free(self) -> bool:
        """Return whether there is one whose pages are there already."""
        return bool(self._free)

    def take(self) -> memoryview:
        """Give out a room. Its bytes are any; where nobody writes it takes no memory."""
        if self._free:
            return memoryview(self._free.pop())
        room = memoryview(mmap.mmap(-1, self._size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
        prefer_large_pages(room)
        return room

    def give_back(self, room: object) -> None:
        """Take a room back, unless somebody still has a view of it, and reads what was there.

        Args:
            room: What the view that was given out is of.
        """
        if isinstance(room, mmap.mmap) and len(self._free) < self._most:
            # It has views, or the system cannot tell, as macOS.
            with suppress(BufferError, OSError, SystemError, ValueError):
                room.resize(self._size)  # which changes nothing, but is refused while there are views
                self._free.append(room)

    def clear(self) -> None:
        """Let those go that nobody uses."""
        self._free.clear()
