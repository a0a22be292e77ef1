r"""Small blocks with real contents, and the texts that several tests begin with.

The blocks are what their locators say: the MD5 and size are those of the bytes in `BLOCKS`. So a test can read a file
through a manifest and compare bytes.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from keepset import Manifest


def locator(data: bytes) -> str:
    """The bare locator of a block."""
    return f"{hashlib.md5(data, usedforsecurity=False).hexdigest()}+{len(data)}"


A = locator(b"aaa")
B = locator(b"bbb")
C = locator(b"ccccc")
E = locator(b"")

DATA = [b"aaa", b"bbb", b"ccccc", b"x", b"0123456789", b"foo", b""]
BLOCKS = {locator(data): data for data in DATA}
"""What the blocks hold, by bare locator."""

TREE = f". {A} {B} 0:3:a 3:3:b\n./d {C} 0:5:c\n./d/e {A} 0:3:f\n"
"""A manifest with files in three directories."""

SIGNATURE = "+A" + "0123456789abcdef" * 2 + "01234567@"
"""A local signature, but for its eight digits of time."""


def strip_hints(text: str) -> str:
    """A locator without its hints."""
    return "+".join(text.split("+")[:2])


def content(manifest: Manifest, path: str, offset: int = 0, size: int | None = None) -> bytes:
    """The bytes of a file, put together from `BLOCKS` as a read plan says."""
    parts = []
    for text, start, length in manifest.read_plan(path, offset, size):
        data = BLOCKS[strip_hints(text)]
        assert length > 0
        assert start + length <= len(data), "the plan reads beyond a block"
        parts.append(data[start : start + length])
    return b"".join(parts)


def contents(manifest: Manifest) -> dict[str, bytes]:
    """All the files with their bytes."""
    return {path: content(manifest, path) for path, _ in manifest.files()}
