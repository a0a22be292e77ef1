"""Memory of blocks, on large pages.

Linux hands out memory in pages of 4 KiB, which for a block of 64 MiB takes about half as long as hashing it. Pages of
2 MiB, which are nearly free, it gives to who asks. The engine does the same for its columns (`rust/py/src/memory.rs`).
"""

from __future__ import annotations

import functools
import mmap
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["LARGE", "prefer_large_pages"]

LARGE = 1 << 22
"""From this size on it is worth asking."""


def prefer_large_pages(buffer: bytearray | memoryview) -> None:
    """Ask for large pages for what a buffer will have written to it. Its contents stay, and nobody need grant it.

    Args:
        buffer: The buffer.
    """
    if len(buffer) >= LARGE and (advise := _advise()) is not None:
        advise(buffer)


@functools.cache
def _advise() -> Callable[[bytearray | memoryview], None] | None:
    """Return what calls `madvise`; None where there is no such advice."""
    if sys.platform != "linux":
        return None
    import ctypes  # by large blocks alone: it takes as long to load as the rest of this package

    madvise = ctypes.CDLL(None).madvise
    madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]

    def advise(buffer: bytearray | memoryview) -> None:
        start = ctypes.addressof(ctypes.c_char.from_buffer(buffer))
        before = start % mmap.PAGESIZE
        madvise(start - before, before + len(buffer), mmap.MADV_HUGEPAGE)

    return advise
