"""Manifests as values: `Manifest`, what it answers with, and the small functions on manifest text.

These are the classes and functions of the compiled engine themselves: there is no Python in between.
"""

from keepset._core import (
    BlockIterator,
    Change,
    ChangeIterator,
    Diff,
    FileIterator,
    Manifest,
    Problem,
    SegmentIterator,
    Stat,
    WalkIterator,
    escape,
    normalize_stream,
    unescape,
)

__all__ = [
    "BlockIterator",
    "Change",
    "ChangeIterator",
    "Diff",
    "FileIterator",
    "Manifest",
    "Problem",
    "SegmentIterator",
    "Stat",
    "WalkIterator",
    "escape",
    "normalize_stream",
    "unescape",
]
