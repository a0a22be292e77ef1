"""Threads that work ahead, with results in the order of the work, and a way to stop them in the middle of it."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from keepset.errors import ArgumentError

__all__ = ["Jobs", "Stop", "StoppedError", "checked_jobs", "in_order"]

T = TypeVar("T")
R = TypeVar("R")

_DEFAULT_JOBS = 4
"""How many files are worked on at a time, unless somebody says so."""


def checked_jobs(jobs: int | None) -> int:
    """Return how many threads to use.

    Args:
        jobs: What somebody asked for; None for the usual number.

    Raises:
        ArgumentError: Less than one.
    """
    if jobs is not None and jobs < 1:
        raise ArgumentError(f"jobs must be at least 1, not {jobs}")
    return jobs or _DEFAULT_JOBS


class StoppedError(Exception):
    """The work of a thread is not wanted any more. Nobody sees this but the thread."""


class Stop:
    """Tells threads that their work is not wanted any more."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        """Make all that ask from now on stop."""
        self._event.set()

    def check(self) -> None:
        """Go on only if the work is still wanted.

        Raises:
            StoppedError: It is not.
        """
        if self._event.is_set():
            raise StoppedError


class Jobs:
    """Counts how many of the threads are at work, in `with` statements of theirs.

    Args:
        count: How many there are.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._busy = 0
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        """Note that one more is."""
        with self._lock:
            self._busy += 1

    def __exit__(self, *_: object) -> None:
        """Note that one less is."""
        with self._lock:
            self._busy -= 1

    @property
    def idle(self) -> int:
        """How many have nothing to do."""
        return max(self._count - self._busy, 0)


def in_order(work: Callable[[T], R], items: Iterable[T], jobs: int, stop: Stop) -> Iterator[R]:
    """Yield the result of each item, in the order of the items, while threads work on those that follow.

    Args:
        work: What to do with an item. It calls `stop.check()` from time to time if it may take long.
        items: The items. They are drawn a few ahead of the results, so that there may be any number of them.
        jobs: How many threads; with one, everything happens in the caller's.
        stop: Is set when the caller leaves early, also by an exception such as Ctrl-C.
    """
    if jobs == 1:
        yield from map(work, items)
        return
    pending: deque[Future[R]] = deque()
    with ThreadPoolExecutor(jobs, thread_name_prefix="keepset-transfer") as pool:
        try:
            for item in items:
                pending.append(pool.submit(work, item))
                if len(pending) >= 2 * jobs:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        except BaseException:
            stop.set()
            for future in pending:
                future.cancel()
            raise
