"""What a Keep client has done so far, in numbers."""

import threading
from typing import NamedTuple

from keepset.keep._forks import start_anew_after_fork

__all__ = ["Counter", "KeepStats"]


class Counter:
    """A number that several threads add to; programs for 3.2.1 read it by `get`."""

    def __init__(self) -> None:
        self._value = 0
        start_anew_after_fork(self)

    def _start_anew(self) -> None:
        self._lock = threading.Lock()

    def add(self, count: int) -> None:
        """Add to it."""
        with self._lock:
            self._value += count

    def get(self) -> int:
        """Return it."""
        return self._value


class KeepStats(NamedTuple):
    """What a client has done since it was made.

    Attributes:
        gets: How often it was asked for a block, or whether there is one.
        puts: How often it was given a block.
        hits: How many blocks, or parts of one, were in its cache.
        misses: How many blocks were asked of services.
        downloaded: How many bytes of blocks have come.
        uploaded: How many bytes of blocks were stored, each replica counted.
        memory: How many bytes of blocks are in memory.
        disk: How many bytes of blocks are on the disk; 0 if the disk was not needed.
    """

    gets: int
    puts: int
    hits: int
    misses: int
    downloaded: int
    uploaded: int
    memory: int
    disk: int
