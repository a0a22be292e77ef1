"""Whether local bytes are those of a file in a collection, asking Keep for as little as possible.

A part of the file that is a whole block is known by its MD5, so that hashing the local bytes tells. For a part of a
block, as packed small files are, there is no hash: the block is fetched and the bytes are compared.
"""

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeAlias

from keepset.transfer._parallel import Jobs, Stop

if TYPE_CHECKING:
    from keepset._fetching import Fetcher
    from keepset.keep.base import Data

__all__ = ["PIECE", "Blocks", "Plan", "Tell", "local_digest", "matching", "pieces"]

PIECE = 1 << 20
"""How many bytes are read or written at a time, in between which work can be stopped."""

Plan: TypeAlias = Sequence[tuple[str, int, int]]
"""The parts of a file: locator, offset in the block, length."""

Tell: TypeAlias = Callable[[int], object]
"""Called with a number of bytes when so many more are done."""


class Blocks:
    """Fetches blocks for one thread, and keeps the last one: neighbouring files share it.

    What the fetcher itself remembers serves all threads, which would push each other's blocks out of it.

    Args:
        fetcher: Where they come from.
        jobs: The threads that fetch: those that have nothing else to do fetch ahead. Without it, nobody does.
    """

    def __init__(self, fetcher: "Fetcher", jobs: Jobs | None = None) -> None:
        self._fetcher = fetcher
        self._jobs = jobs
        self._last: tuple[str, Data] | None = None

    def part(self, locator: str, offset: int, length: int) -> memoryview:
        """Return bytes of a block.

        Args:
            locator: The block.
            offset: Where they begin.
            length: How many.

        Raises:
            KeepReadError: The block cannot be read.
        """
        if self._last is None or self._last[0] != locator:
            self._last = None  # two blocks at a time would be twice the memory
            self._last = (locator, self._fetcher.block(locator))
        return memoryview(self._last[1])[offset : offset + length]

    def parts(self, plan: Plan) -> Iterator[memoryview]:
        """Yield the bytes of a plan, part by part, while the blocks of the next ones are fetched.

        Args:
            plan: The parts.

        Raises:
            KeepReadError: A block cannot be read.
        """
        for number, (locator, offset, length) in enumerate(plan, 1):
            idle = self._jobs.idle if self._jobs else 0
            self._fetcher.prefetch([part[0] for part in plan[number : number + idle]], locator)
            yield self.part(locator, offset, length)


def matching(
    descriptor: int, plan: Plan, blocks: Blocks, stop: Stop, tell: Tell = lambda size: None
) -> tuple[int, int]:
    """Compare an open file with a plan from its beginning, part by part, as far as they are the same.

    Args:
        descriptor: The local file.
        plan: The parts of the file in the collection.
        blocks: Where its blocks come from.
        stop: Whether to go on.
        tell: Whom to tell of each part that is the same.

    Returns:
        How many parts are the same, and how many bytes these are.

    Raises:
        KeepReadError: A block is needed and cannot be read.
        OSError: The local file cannot be read.
    """
    size = os.fstat(descriptor).st_size
    position = 0
    for number, (locator, offset, length) in enumerate(plan):
        if position + length > size or not _is_same(descriptor, position, (locator, offset, length), blocks, stop):
            return number, position
        position += length
        tell(length)
    return len(plan), position


def local_digest(descriptor: int, position: int, length: int, stop: Stop) -> str:
    """Return the MD5 of a part of an open file, as it stands in the locator of a block.

    Args:
        descriptor: The local file.
        position: Where the part begins.
        length: How long it is.
        stop: Whether to go on.

    Raises:
        OSError: The file cannot be read.
    """
    hashing = hashlib.md5(usedforsecurity=False)
    for start, size in pieces(length):
        stop.check()
        hashing.update(os.pread(descriptor, size, position + start))
    return hashing.hexdigest()


def pieces(length: int) -> list[tuple[int, int]]:
    """Divide a length into pieces: where each starts, and how long it is."""
    return [(start, min(PIECE, length - start)) for start in range(0, length, PIECE)]


def _is_same(descriptor: int, position: int, part: tuple[str, int, int], blocks: Blocks, stop: Stop) -> bool:
    locator, offset, length = part
    digest, block_size = locator.split("+")[:2]
    if offset or length != int(block_size):
        stop.check()
        return os.pread(descriptor, length, position) == bytes(blocks.part(locator, offset, length))
    return local_digest(descriptor, position, length, stop) == digest
