"""What file objects ask of what they read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from keepset.keep.base import Data

__all__ = ["Source"]


class _Versioned(Protocol):
    @property
    def version(self) -> int:
        """Another number after each change."""


class Source(Protocol):
    """What a file object reads: an `ArvadosFile`, or a file of a stream."""

    @property
    def _state(self) -> _Versioned: ...

    def size(self) -> int:
        """Return the number of bytes."""

    def _read(self, offset: int, size: int, num_retries: int | None) -> Data:
        """Return bytes, fewer than asked for only at the end of the file."""

    def _segment(self, offset: int, num_retries: int | None) -> tuple[int, int, int, memoryview]:
        """Return the part of the file around a byte: start, end, version, bytes; nothing if it is not in one block."""
