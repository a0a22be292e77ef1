"""Blocks for a cache on the disk, and how tests ask for them."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from keepset.keep.disk_cache import DiskBlocks

MEBIBYTE = 1 << 20


def digest_of(block: bytes) -> str:
    """The name of a block."""
    return hashlib.md5(block).hexdigest()


def block_of(number: int, size: int = 16 * MEBIBYTE) -> bytes:
    """A block unlike others."""
    return number.to_bytes(4, "big") * (size // 4)


def file_of(folder: Path, block: bytes) -> Path:
    """Where a block is."""
    digest = digest_of(block)
    return folder / digest[:3] / f"{digest}.keepcacheblock"


def add(disk: DiskBlocks, *blocks: bytes) -> None:
    """Store blocks."""
    for block in blocks:
        disk.add(digest_of(block), block)


def has(disk: DiskBlocks, block: bytes) -> bool:
    """Whether a block is there, and is itself."""
    found = disk.read(digest_of(block))
    assert found in (None, block)
    return found is not None


def read_lengths(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many bytes are read at a time from here on."""
    lengths: list[int] = []
    read = os.pread

    def counted(descriptor: int, length: int, start: int) -> bytes:
        lengths.append(length)
        return read(descriptor, length, start)

    monkeypatch.setattr("os.pread", counted)
    return lengths
