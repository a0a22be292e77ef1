"""Paths inside a manifest: putting them together, and describing what they name."""

import re
from typing import Any

from keepset import Manifest
from keepset.cli.inputs import Source
from keepset.errors import ArgumentError
from keepset.manifest import Stat

__all__ = ["describe", "join", "literal_pattern", "select"]


def join(directory: str, name: str) -> str:
    """Give the path of a name in a directory; the root is the empty path."""
    return f"{directory}/{name}" if directory else name


def describe(source: Source, stat: Stat) -> dict[str, Any]:
    """Describe a file or directory for JSON, the same way in every command."""
    entry = {"manifest": source.file, "path": stat.path, "name": stat.name, "type": stat.type, "size": stat.size}
    if stat.is_dir():
        entry["file_count"] = stat.file_count
    return entry


def literal_pattern(path: str) -> str:
    """Write the pattern that matches this one path, and below it, and nothing else."""
    return "/" + re.sub(r"([*?\[\]{}\\])", r"\\\1", path)


def select(manifest: Manifest, include: list[str] | None, exclude: list[str] | None = None) -> Manifest:
    """Give the part of a manifest that patterns choose.

    Raises:
        ArgumentError: When a pattern is none.
    """
    for pattern in (include or []) + (exclude or []):
        if not _is_utf8(pattern):
            raise ArgumentError(f"a pattern cannot hold bytes that are not UTF-8; write ? for each of them: {pattern}")
    return manifest.subset(include=include, exclude=exclude)


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
