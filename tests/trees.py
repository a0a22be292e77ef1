"""Local trees in tests: what is in one, Keep clients that count, and blocks large enough to matter."""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from keepset.keep.base import BlockClient

MIB = 1 << 20


def contents(top: Path) -> dict[str, bytes | None]:
    """Everything below a directory, by path: bytes of files, None for directories with nothing in them."""
    found: dict[str, bytes | None] = {}
    for folder, folders, files in os.walk(top, followlinks=True):
        prefix = os.path.relpath(folder, top)
        for name in files:
            path = os.path.join(folder, name)  # noqa: PTH118 - names may be bytes that are no text
            with open(path, "rb") as file:  # noqa: PTH123
                found[os.path.normpath(f"{prefix}/{name}")] = file.read()
        if not folders and not files and prefix != ".":
            found[prefix] = None
    return found


def noise(size: int, seed: int = 0) -> bytes:
    """Bytes that are the same each time, and equal no others."""
    return random.Random(seed).randbytes(size)


class CountingKeep:
    """A Keep client that notes what it is asked for.

    Attributes:
        puts: The sizes of the blocks that were stored.
        gets: The locators of those that were fetched.
    """

    def __init__(self, keep: BlockClient) -> None:
        self._keep = keep
        self.puts: list[int] = []
        self.gets: list[str] = []

    def put(self, data: bytes, *args: Any, **options: Any) -> str:
        self.puts.append(len(data))
        return self._keep.put(data, *args, **options)

    def get(self, locator: str, *args: Any, **options: Any) -> Any:
        self.gets.append(locator)
        return self._keep.get(locator, *args, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._keep, name)
