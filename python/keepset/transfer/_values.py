"""What a transfer tells: the result at the end, and how far it has come on the way."""

import threading
from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeAlias

__all__ = ["Counter", "Patterns", "Progress", "Transferred"]

Progress: TypeAlias = Callable[[int, int, str], object]
"""Called with the bytes done, the bytes in all, and the path that is being worked on. Never by two threads at once."""

Patterns: TypeAlias = str | Iterable[str] | None
"""As `Manifest.subset` takes them."""


class Transferred(NamedTuple):
    """What was done or, for a dry run, what would be.

    Attributes:
        copied: The files that were copied, by their paths in the collection.
        unchanged: Those that were there already, with the same bytes, and were left alone.
        resumed: Those that an earlier, interrupted upload had stored.
        size: The bytes of the copied files.
        left_out: The symbolic links that an upload was told not to follow.
    """

    copied: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    resumed: tuple[str, ...] = ()
    size: int = 0
    left_out: tuple[str, ...] = ()

    @classmethod
    def joined(cls, results: "Iterable[Transferred]") -> "Transferred":
        """Return what several transfers have done together.

        Args:
            results: What each has done.
        """
        results = list(results)
        return cls(
            tuple(path for result in results for path in result.copied),
            tuple(path for result in results for path in result.unchanged),
            tuple(path for result in results for path in result.resumed),
            sum(result.size for result in results),
            tuple(path for result in results for path in result.left_out),
        )


class Counter:
    """Adds up what threads have done, and tells.

    Args:
        total: The bytes in all.
        progress: Whom to tell; None for nobody.
    """

    def __init__(self, total: int, progress: Progress | None) -> None:
        self._total = total
        self._progress = progress
        self._done = 0
        self._lock = threading.Lock()

    def add(self, size: int, path: str) -> None:
        """Note that so many more bytes of a file are done.

        Args:
            size: The bytes.
            path: The file.
        """
        if self._progress is not None:
            with self._lock:
                self._done += size
                self._progress(self._done, self._total, path)
