"""Reading ahead: which blocks a sequential reader will ask for next, behind the end of the file, too.

The order is that of the stream. Nodes of the tree are numbered in order of arrival, so the file behind a file of a
stream has the next number. Where that is not so, as between files that were moved, nothing is read ahead.
"""

from __future__ import annotations

import itertools
import threading
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from keepset._core import Tree

__all__ = ["ReadAhead"]

_Place: TypeAlias = int | str

_OVERLAP = 1 << 16
"""A reader that fills its buffer anew may begin so far before the end of what it had."""
_FILES = 16
"""Of how many files the position is remembered."""
_REACH = 1 << 16
"""How many files further on the next block may be: small ones share a block with many others."""
_PARTS = 64
"""How many parts of a file are looked at."""


class ReadAhead:
    """Follows the readers of a collection.

    Args:
        count: How many blocks should be ahead of a reader.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._lock = threading.Lock()
        # By file: where a sequential reader goes on, and the block that its last bytes were in, if it was sequential.
        self._positions: dict[int, tuple[int, _Place | None]] = {}

    def following(self, tree: Tree, file: int, start: int, plan: Sequence[tuple[_Place, int, int]]) -> list[str]:
        """Note what is read, and return the blocks that will be read next; none if nobody knows.

        Args:
            tree: The tree, which must not change meanwhile.
            file: The file.
            start: Where in the file the bytes begin.
            plan: The parts that are read, at least one.
        """
        end = start + sum(length for _, _, length in plan)
        place = plan[-1][0]
        with self._lock:
            expected, last = self._positions.pop(file, (-1, None))
            is_sequential = expected - _OVERLAP <= start <= expected < end
            at_end = end == tree.size(file)
            goes_on = next(_files_behind(tree, file), file) if at_end else file
            self._positions[goes_on] = (0 if at_end else end, place if is_sequential else None)
            if len(self._positions) > _FILES:
                del self._positions[next(iter(self._positions))]
        if not is_sequential or place == last:
            return []
        return list(itertools.islice(_blocks_behind(tree, file, end, place), self._count))


def _blocks_behind(tree: Tree, file: int, start: int, place: _Place) -> Iterator[str]:
    """Yield the stored blocks behind a position in a stream that are others than that one."""
    seen = {place}
    for node in itertools.chain([file], _files_behind(tree, file)):
        plan = tree.read_plan(node, start, tree.size(node), _PARTS)
        for found, _, _ in plan:
            if found not in seen and isinstance(found, str):
                seen.add(found)
                yield found
        if len(plan) == _PARTS:
            return
        start = 0


def _files_behind(tree: Tree, file: int) -> Iterator[int]:
    """Yield the files that follow a file in its stream and are not empty."""
    directory = tree.parent(file)
    for node in range(file + 1, file + _REACH):
        try:
            if directory is None or tree.parent(node) != directory or tree.is_directory(node):
                return
        except IndexError:  # the last one
            return
        if tree.size(node):
            yield node
