"""Replies that are kept on the disk, in the folder and in the form in which arvados-python-client keeps them.

    ~/.cache/arvados/discovery/<md5 of the address>.tmp

is the headers of a reply, an empty line, and its body. A file is written whole and then given its name, so that any
number of processes may share the folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import time
from pathlib import Path

from keepset.config import cache_folder

__all__ = ["ThreadSafeHTTPCache", "http_cache"]

MAX_AGE = 2 * 86400
"""After so many seconds a file is deleted, by whoever opens the cache next."""


class ThreadSafeHTTPCache:
    """Files by the address that their content is from. A cache that cannot be written keeps nothing, without a word.

    Args:
        path: The folder.
        max_age: How old files may be in seconds; older ones are deleted.
    """

    def __init__(self, path: str | None = None, max_age: float | None = None) -> None:
        self._folder = Path(path or ".")
        if max_age is not None:
            with contextlib.suppress(OSError):
                self._clean(time.time() - max_age)

    def _clean(self, threshold: float) -> None:
        for file in self._folder.glob("*.tmp"):
            with contextlib.suppress(FileNotFoundError):
                if file.lstat().st_mtime < threshold:
                    file.unlink()

    def __str__(self) -> str:
        """Show which folder."""
        return str(self._folder)

    def _file(self, url: str) -> Path:
        return self._folder / f"{hashlib.md5(url.encode(), usedforsecurity=False).hexdigest()}.tmp"

    def get(self, url: str) -> bytes | None:
        """Return what is kept of an address, or None."""
        try:
            return self._file(url).read_bytes()
        except OSError:
            return None

    def age(self, url: str) -> float:
        """Return how many seconds ago something was kept of an address; `inf` if nothing is."""
        try:
            return time.time() - self._file(url).stat().st_mtime
        except OSError:
            return float("inf")

    def set(self, url: str, content: bytes) -> None:
        """Keep something of an address in the place of what was kept before.

        Args:
            url: The address.
            content: The headers, an empty line, the body.
        """
        with contextlib.suppress(OSError):
            descriptor, name = tempfile.mkstemp(suffix=".tmp", dir=self._folder)
            try:
                with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor, not a path
                    file.write(content)
                os.replace(name, self._file(url))  # noqa: PTH105 - likewise a name
            except BaseException:
                os.unlink(name)  # noqa: PTH108
                raise

    def delete(self, url: str) -> None:
        """Keep nothing of an address any more."""
        self._file(url).unlink(missing_ok=True)


def http_cache(data_type: str) -> ThreadSafeHTTPCache | None:
    """Return the cache of one kind of data; None where no folder can be made for it.

    Args:
        data_type: The name of its folder: `discovery`.
    """
    try:
        folder = cache_folder(data_type)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return ThreadSafeHTTPCache(str(folder), max_age=MAX_AGE)
    except OSError:
        return None
