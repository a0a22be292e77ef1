"""Blocks that are kept, so that readers who come back to one find it here: in memory, and on the disk."""

import functools
import io
import os
import sys
import threading
from collections.abc import Callable

from keepset.keep._forks import start_anew_after_fork
from keepset.keep.disk_cache import DiskBlocks
from keepset.keep.stats import Counter

__all__ = ["KeepBlockCache"]

_DEFAULT_MAX = 256 << 20
_REMEMBERED = 1 << 15


def _references() -> int:
    """Return how many references a block has that is nobody's but one function's. From Python 3.14 on it is one."""
    block = bytes(2)
    return sys.getrefcount(block)


_UNSHARED = _references()


class _Fetch:
    """A block on its way, for those who wait for it: they are given it also where there is no room to keep it.

    Attributes:
        is_over: Set when it has come, or will not come.
        block: The block, when it has come.
        spare: Memory for it, if there is any; see `KeepBlockCache.take_spare`.
    """

    def __init__(self) -> None:
        self.is_over = threading.Event()
        self.block: bytes | None = None
        self.spare: io.BytesIO | None = None


class KeepBlockCache:
    """Keeps the blocks that were asked for last. All readers of a client share it; safe for threads.

    What is put in is believed, so it must have been compared with its hash; what comes from the disk is compared here.

    Args:
        cache_max: How many bytes may be kept, in memory or, with `disk_cache`, on the disk; None or 0 for 256 MiB in
            memory, and a fair share of the disk.
        max_slots: How many files on the disk are held open; blocks in memory are not counted, only their bytes.
        disk_cache: Whether to keep all blocks on the disk, for other processes and later ones, too.
        disk_cache_dir: The folder for them; None for the one that all Arvados clients share (`~/.cache/arvados/keep`).
        overflow: Whether to keep those blocks on the disk that are asked for again after they had to leave memory. Who
            goes to and fro between more blocks than there is memory for has each fetched twice, and then no more;
            who reads everything once writes nothing.

    Attributes:
        cache_max: How many bytes may be kept in memory.
        hits_counter: How often a block, or a part of one, was asked for that was here.
        misses_counter: How often one was fetched.

    Example:
        >>> cache = KeepBlockCache()
        >>> cache.block("acbd18db4cc2f85cedef654fccc4a4d8", lambda: b"foo")
        b'foo'
        >>> cache.get("acbd18db4cc2f85cedef654fccc4a4d8")
        b'foo'
    """

    def __init__(
        self,
        cache_max: int | None = None,
        max_slots: int = 0,
        disk_cache: bool = False,
        disk_cache_dir: str | os.PathLike[str] | None = None,
        *,
        overflow: bool = False,
    ) -> None:
        self._keeps_all = disk_cache
        self._keeps_what_comes_back = overflow
        most_on_disk = cache_max if disk_cache and cache_max else 0
        self._make_disk = functools.partial(DiskBlocks, disk_cache_dir, most_on_disk, max_slots)
        self._disk = self._make_disk() if disk_cache else None
        self.cache_max = (cache_max if not disk_cache else None) or _DEFAULT_MAX
        # By digest, the one that was asked for last at the end. None for those that are being fetched: what comes first
        # need not be what is read first.
        self._blocks: dict[str, bytes | None] = {}
        self._size = 0
        # What is being fetched will need so much room.
        self._promised = 0
        self.hits_counter, self.misses_counter = Counter(), Counter()
        # Those that had to leave memory, the last one at the end.
        self._left: dict[str, None] = {}
        start_anew_after_fork(self)

    def _start_anew(self) -> None:
        self._lock = threading.Lock()
        self._fetching: dict[str, _Fetch] = {}
        self._promised = 0

    def get(self, locator: str) -> bytes | None:
        """Return a block if it is here.

        Args:
            locator: Its locator, or its MD5 in hexadecimal.
        """
        digest = locator[:32]
        with self._lock:
            block = self._touch(digest)
        return self._disk.read(digest) if block is None and self._disk else block

    def part(self, locator: str, start: int, length: int) -> bytes | None:
        """Return a part of a block if the block is here. One on the disk is not read as a whole.

        Args:
            locator: Its locator, or its MD5 in hexadecimal.
            start: Where the part starts.
            length: How many bytes it has.
        """
        digest = locator[:32]
        with self._lock:
            block = self._touch(digest)
        if block is None:
            part = self._disk.part(digest, start, length) if self._disk else None
        else:
            part = block[start : start + length] if start + length <= len(block) else None
        if part is not None:
            self.hits_counter.add(1)
        return part

    def clear(self) -> None:
        """Forget all blocks in memory. Those on the disk are not this process's alone."""
        with self._lock:
            self._blocks.clear()
            self._size = 0
        if self._disk:
            self._disk.clear()

    @property
    def memory_size(self) -> int:
        """How many bytes are in memory."""
        return self._size

    @property
    def disk_size(self) -> int:
        """How many bytes are on the disk, as far as this process knows; 0 if it has not used the disk yet."""
        return self._disk.size if self._disk else 0

    def block(self, locator: str, fetch: Callable[[], bytes], size: int = 0) -> bytes:
        """Return a block, which is fetched if it is not here. Readers that want it at the same time share one fetch.

        Args:
            locator: Its locator, or its MD5 in hexadecimal.
            fetch: Fetches it. What it raises is raised; whoever else has waited for the block tries again.
            size: How many bytes it has, if that is known: there is room for them before they come.
        """
        digest = locator[:32]
        size = size if size <= self.cache_max else 0  # it will not be kept
        while True:
            with self._lock:
                block = self._touch(digest)
                if block is not None:
                    self.hits_counter.add(1)
                    return block
                other = self._fetching.get(digest)
                if other is None:
                    own = self._fetching[digest] = _Fetch()
                    self._promised += size
                    self._blocks[digest] = None
                    own.spare = self._make_room(size)
                    break
            other.is_over.wait()
            if other.block is not None:
                self.hits_counter.add(1)
                return other.block
        try:
            block = own.block = self._from_disk(digest) or self._fetched(digest, fetch)
            with self._lock:
                self._add(digest, block)
            return block
        finally:
            with self._lock:
                self._promised -= size
                if self._blocks.get(digest, b"") is None:  # it did not come, or is not kept
                    del self._blocks[digest]
                self._make_room()
                del self._fetching[digest]
            own.is_over.set()

    def take_spare(self, locator: str) -> io.BytesIO | None:
        """Give away the memory of a block that had to leave for one that is being fetched, if both have one size.

        It is there already, where the pages of new memory are cleared first, which takes a tenth of a fetch. A block
        that somebody else has is not given away; and a `BytesIO` would make a copy before it lets others write to it.

        Args:
            locator: The locator of the block that is being fetched, or its MD5 in hexadecimal.
        """
        with self._lock:
            fetch = self._fetching.get(locator[:32])
            if fetch is None or fetch.spare is None:
                return None
            spare, fetch.spare = fetch.spare, None
        # A `bytes` remembers its `hash()`, which is that of the old block: only one that changes its size forgets it.
        size = spare.seek(0, io.SEEK_END)
        spare.write(b"\0")
        spare.truncate(size)
        return spare

    def _from_disk(self, digest: str) -> bytes | None:
        block = self._disk.read(digest) if self._disk else None
        self.hits_counter.add(block is not None)
        return block

    def _fetched(self, digest: str, fetch: Callable[[], bytes]) -> bytes:
        self.misses_counter.add(1)
        block = fetch()
        if self._keeps_all or digest in self._left:
            self._to_disk(digest, block)
        return block

    def _to_disk(self, digest: str, block: bytes) -> None:
        with self._lock:
            self._left.pop(digest, None)
            if self._disk is None:
                self._disk = self._make_disk()
        self._disk.add(digest, block)

    def _touch(self, digest: str) -> bytes | None:
        block = self._blocks.get(digest)
        if block is not None:
            del self._blocks[digest]
            self._blocks[digest] = block
        return block

    def _add(self, digest: str, block: bytes) -> None:
        if len(block) <= self.cache_max:
            self._blocks[digest] = block
            self._size += len(block)

    def _make_room(self, size: int = 0) -> io.BytesIO | None:
        """Let blocks go until the others fit; return the memory of one that had this size."""
        spare = None
        while self._size and self._size + self._promised > self.cache_max:
            digest, block = next((digest, block) for digest, block in self._blocks.items() if block is not None)
            del self._blocks[digest]
            self._size -= len(block)
            if len(block) == size and sys.getrefcount(block) == _UNSHARED:
                spare = io.BytesIO(block)
            if self._keeps_what_comes_back:
                self._left[digest] = None
                if len(self._left) > _REMEMBERED:
                    del self._left[next(iter(self._left))]
        return spare
