"""Stored blocks on their way to readers: some are fetched before they are asked for."""

from __future__ import annotations

import threading
import time
from concurrent import futures
from typing import TYPE_CHECKING

from keepset import errors
from keepset._signatures import Signatures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from keepset.keep.base import BlockClient, Data

__all__ = ["Fetcher"]

_WORTH_A_THREAD = 0.001
"""Blocks that are there in less time than this, in seconds, are sooner fetched than handed over by another thread."""
_PATIENCE = 8
"""A block that nobody has come for is dropped when it has been in the way of so many others."""


class Fetcher:
    """Fetches blocks; threads of its own do so ahead of the readers.

    In memory are at most as many blocks as there are threads, and the last one that somebody has read.

    Args:
        keep: The client that has the blocks.
        threads: How many blocks are fetched ahead at a time; 0 for none.
        signatures: What knows newer signatures of blocks; None where nobody does.
    """

    def __init__(self, keep: BlockClient, threads: int, signatures: Signatures | None = None) -> None:
        self._keep = keep
        self._signatures = signatures or Signatures()
        # Some clients can read a small part of a block that they have, and nothing else of it.
        self._cached_part: Callable[[str, int, int], bytes | None] | None = getattr(keep, "get_part_from_cache", None)
        self.threads = threads
        # Those that are being fetched, or wait for a reader, by digest: the oldest first.
        self._ahead: dict[str, futures.Future[Data]] = {}
        self._last: tuple[str, Data] | None = None
        # Whether fetching takes long enough to be done ahead; the first fetch is not known to be fast.
        self.is_worth_it = threads > 0
        self.after_fork()

    def after_fork(self) -> None:
        """Have a lock and threads of its own, in a new object or in the child of a fork."""
        self._lock = threading.Lock()
        self._pool: futures.ThreadPoolExecutor | None = None
        self._refused = 0
        self._ahead.clear()

    def block(self, locator: str, num_retries: int | None = None) -> Data:
        """Return a block. The last one is kept, for readers that take it in small parts.

        Args:
            locator: The block.
            num_retries: How often a fetch is tried again; None for the client's own number.

        Raises:
            KeepReadError: The block cannot be read.
        """
        digest = locator[:32]
        last = self._last
        if last is not None and last[0] == digest:
            return last[1]
        block = self._fetched_ahead(digest)
        if block is None:
            block = self._fetch(locator, num_retries)
        self._last = (digest, block)
        return block

    def cached_part(self, locator: str, start: int, length: int) -> bytes | None:
        """Return a part of a block, if the client has the block and can read such a part alone.

        Args:
            locator: The block.
            start: Where the part starts.
            length: How many bytes it has.
        """
        digest = locator[:32]
        if self._cached_part is None or digest in self._ahead or (self._last is not None and self._last[0] == digest):
            return None
        return self._cached_part(locator, start, length)

    def _fetched_ahead(self, digest: str) -> Data | None:
        """Wait for a block that is being fetched. What goes wrong there is asked for again, by who needs it."""
        future = self._ahead.get(digest)
        if future is None:
            return None
        try:
            return future.result()
        except Exception:  # noqa: BLE001 - whatever a client raises; it is raised again if it goes on being wrong
            return None
        finally:
            with self._lock:
                self._ahead.pop(digest, None)

    def _fetch(self, locator: str, num_retries: int | None) -> Data:
        started = time.monotonic()
        block = self._get(locator, num_retries)
        self.is_worth_it = self.threads > 0 and time.monotonic() - started >= _WORTH_A_THREAD
        if block is None:
            raise errors.KeepReadError(f"the Keep client gave no data for block {locator}")
        return block

    def _get(self, locator: str, num_retries: int | None) -> Data | None:
        current = self._signatures.current(locator)
        try:
            return self._keep.get(current, num_retries=num_retries)
        except Exception as error:  # another library's client has errors of its own
            renewed = self._signatures.after_refusal(current, error)
            if renewed is None:
                raise
        return self._keep.get(renewed, num_retries=num_retries)

    def prefetch(self, locators: Iterable[str], reading: str = "", num_retries: int | None = None) -> None:
        """Start to fetch blocks that will be asked for soon, as far as there is room for them.

        Args:
            locators: The blocks, the next one first.
            reading: The block that is asked for now: it takes no room any more.
            num_retries: How often a fetch is tried again; None for the client's own number.
        """
        if not self.is_worth_it:
            return
        with self._lock:
            for locator in locators:
                digest = locator[:32]
                if digest in self._ahead or (self._last is not None and self._last[0] == digest):
                    continue
                if not self._has_room(self.threads + (reading[:32] in self._ahead)):
                    return
                if self._pool is None:
                    self._pool = futures.ThreadPoolExecutor(self.threads, thread_name_prefix="keepset-get")
                self._ahead[digest] = self._pool.submit(self._fetch, locator, num_retries)

    def _has_room(self, limit: int) -> bool:
        if len(self._ahead) < limit:
            return True
        self._refused += 1
        if self._refused < _PATIENCE:
            return False
        forgotten = next((digest for digest, future in self._ahead.items() if future.done()), None)
        if forgotten is None:
            return False
        self._refused = 0
        del self._ahead[forgotten]
        return True

    def stop_threads(self) -> None:
        """End the threads, and drop what nobody has come for. New ones start when they are needed."""
        with self._lock:
            pool, self._pool = self._pool, None
            self._ahead.clear()
        if pool is not None:
            pool.shutdown(wait=True, cancel_futures=True)
