"""Fetching blocks before they are asked for, in threads that do not keep a program from ending."""

import logging
import queue
import threading
from collections.abc import Callable
from contextlib import suppress

from keepset.errors import KeepsetError
from keepset.keep._forks import start_anew_after_fork

__all__ = ["Prefetcher"]

_log = logging.getLogger(__name__)


class Prefetcher:
    """Fetches blocks in the background. The threads start with the first one.

    Args:
        fetch: Fetches a block, to where it will be looked for.
        threads: How many are fetched at a time; 0 for none.
    """

    def __init__(self, fetch: Callable[[str], object], threads: int) -> None:
        self._fetch = fetch
        self._most = threads
        start_anew_after_fork(self)

    def _start_anew(self) -> None:
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._waiting: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def add(self, locator: str) -> None:
        """Have a block fetched when its turn comes; returns at once."""
        with self._lock:
            if len(self._threads) < self._most:
                # Each is told which queue is its own: `stop` leaves the old one to those that still work.
                thread = threading.Thread(target=self._work, args=[self._waiting], daemon=True, name="keepset-prefetch")
                self._threads.append(thread)
                thread.start()
            if self._threads:
                self._waiting.put(locator)

    def _work(self, waiting: "queue.SimpleQueue[str | None]") -> None:
        while (locator := waiting.get()) is not None:
            try:
                self._fetch(locator)
            except KeepsetError as error:  # whoever reads the block meets it again, and is told
                _log.debug("a block was not fetched ahead: %s", error)

    def stop(self) -> None:
        """End the threads when they have fetched what they are at. New ones start when they are needed."""
        with self._lock:
            threads, waiting = self._threads, self._waiting
            self._threads, self._waiting = [], queue.SimpleQueue()
        with suppress(queue.Empty):
            while True:
                waiting.get_nowait()
        for _ in threads:
            waiting.put(None)
        for thread in threads:
            thread.join()
