"""Blocks in memory, so that readers who come back to a block find it there."""

import os
import threading
import weakref
from collections.abc import Callable

from keepset import errors

__all__ = ["KeepBlockCache"]

_DEFAULT_MAX = 256 << 20


class KeepBlockCache:
    """Keeps the blocks that were asked for last. All readers of a client share it; safe for threads.

    What is put in is believed, so it must have been compared with its hash.

    Args:
        cache_max: How many bytes may be kept; None or 0 for 256 MiB, as arvados-python-client does.
        max_slots: For the sake of 3.2.1: it is bytes that count, not blocks.
        disk_cache: Whether blocks are to be kept on the disk, which there is not yet.
        disk_cache_dir: The folder for them.

    Attributes:
        cache_max: How many bytes may be kept.

    Raises:
        NotImplementedError: A cache on the disk was asked for.

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
        disk_cache_dir: str | None = None,
    ) -> None:
        del max_slots, disk_cache_dir
        if disk_cache:
            raise errors.NotImplementedError("a cache on the disk comes with the network client; leave disk_cache out")
        self.cache_max = cache_max or _DEFAULT_MAX
        # By digest, the one that was asked for last at the end.
        self._blocks: dict[str, bytes] = {}
        self._size = 0
        self._start_anew()
        _caches.add(self)

    def _start_anew(self) -> None:
        self._lock = threading.Lock()
        # Blocks that somebody is fetching; the event is set when that is over.
        self._fetching: dict[str, threading.Event] = {}

    def get(self, locator: str) -> bytes | None:
        """Return a block if it is here.

        Args:
            locator: Its locator, or its MD5 in hexadecimal.
        """
        with self._lock:
            return self._touch(locator[:32])

    def clear(self) -> None:
        """Forget all blocks."""
        with self._lock:
            self._blocks.clear()
            self._size = 0

    def block(self, locator: str, fetch: Callable[[], bytes]) -> bytes:
        """Return a block, which is fetched if it is not here. Readers that want it at the same time share one fetch.

        Args:
            locator: Its locator, or its MD5 in hexadecimal.
            fetch: Fetches it. What it raises is raised; whoever else has waited for the block tries again.
        """
        digest = locator[:32]
        while True:
            with self._lock:
                block = self._touch(digest)
                if block is not None:
                    return block
                fetching = self._fetching.get(digest)
                if fetching is None:
                    self._fetching[digest] = threading.Event()
                    break
            fetching.wait()
        try:
            block = fetch()
            with self._lock:
                self._add(digest, block)
            return block
        finally:
            with self._lock:
                self._fetching.pop(digest).set()

    def _touch(self, digest: str) -> bytes | None:
        block = self._blocks.pop(digest, None)
        if block is not None:
            self._blocks[digest] = block
        return block

    def _add(self, digest: str, block: bytes) -> None:
        if len(block) > self.cache_max:
            return
        self._blocks[digest] = block
        self._size += len(block)
        while self._size > self.cache_max:
            self._size -= len(self._blocks.pop(next(iter(self._blocks))))


_caches: weakref.WeakSet[KeepBlockCache] = weakref.WeakSet()


def _start_anew() -> None:
    """Give the caches of a forked child a lock of their own: whoever had the parent's, or fetched, is not here."""
    for cache in list(_caches):
        cache._start_anew()


os.register_at_fork(after_in_child=_start_anew)
