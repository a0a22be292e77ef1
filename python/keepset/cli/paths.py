"""Paths inside a manifest: putting them together, describing what they name, and choosing some by patterns."""

import re
from dataclasses import dataclass
from typing import Any

import typer

from keepset import Manifest
from keepset.cli.inputs import Source
from keepset.cli.text import one_line, utf8_argument
from keepset.errors import ArgumentError
from keepset.manifest import Stat

__all__ = ["Filters", "describe", "join", "literal_pattern"]


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
    """Write the pattern that matches this one path, and below it, and nothing else; `.` is the root."""
    if path == ".":
        return "/**"
    return "/" + re.sub(r"([*?\[\]{}\\])", r"\\\1", path)


@dataclass(frozen=True, slots=True)
class Filters:
    """The patterns of `--include` and `--exclude`."""

    include: list[str] | None
    exclude: list[str] | None

    def __post_init__(self) -> None:
        """Refuse what is no pattern before any manifest is read."""
        for option, patterns in (("--include", self.include), ("--exclude", self.exclude)):
            for pattern in patterns or []:
                if not pattern:
                    raise typer.BadParameter("an empty pattern", param_hint=option)
                try:
                    Manifest.parse(b"").subset(utf8_argument(pattern))
                except ArgumentError as error:
                    raise typer.BadParameter(one_line(str(error)), param_hint=option) from None

    def apply(self, manifest: Manifest) -> Manifest:
        """Give the part of a manifest that passes."""
        include, exclude = self.patterns()
        return manifest if include is None and exclude is None else manifest.subset(include, exclude)

    def patterns(self) -> tuple[list[str] | None, list[str] | None]:
        """Give the patterns as the library takes them."""
        include = [utf8_argument(pattern) for pattern in self.include or []]
        exclude = [utf8_argument(pattern) for pattern in self.exclude or []]
        return include or None, exclude or None
