"""The inputs of a command: manifest files, with a path inside them or not, and standard input."""

import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import typer

from keepset import Manifest
from keepset.cli.files import is_directory
from keepset.cli.text import one_line, utf8_argument
from keepset.errors import ManifestError

__all__ = ["STANDARD_INPUT", "Mode", "Source", "parse_manifest", "whole_manifests", "with_paths"]

STANDARD_INPUT = "-"
_STANDARD_INPUT_FILES = (STANDARD_INPUT, "/dev/stdin")
_TOKENS = re.compile(rb"(?:^|[ \n])(?:[0-9a-f]{32}\+[0-9]|[0-9]+:[0-9]+:[^ \n])")

Mode = Literal["compat", "strict"]


@dataclass(frozen=True, slots=True)
class Source:
    """A manifest file, or standard input as `-`, and a path within; the root is the empty path."""

    file: str
    path: str = ""

    @property
    def is_standard_input(self) -> bool:
        """Whether this is standard input."""
        return self.file == STANDARD_INPUT

    @property
    def is_typed(self) -> bool:
        """Whether somebody types this in."""
        return self.is_standard_input and sys.stdin is not None and sys.stdin.isatty()

    @property
    def name(self) -> str:
        """The file as messages name it."""
        return "<stdin>" if self.is_standard_input else one_line(self.file)

    def inside(self, path: str) -> str:
        """Name a path of this manifest as the command line takes it: `MANIFEST/PATH`."""
        return f"{self.file}/{path}" if path else self.file

    def read(self) -> bytes:
        """Read the whole text."""
        return _read_standard_input() if self.is_standard_input else Path(self.file).read_bytes()

    def load(self, mode: Mode) -> Manifest:
        """Read and parse; refuse what is no manifest at all."""
        return parse_manifest(self.read(), mode)


def _read_standard_input() -> bytes:
    if sys.stdin is None:
        raise OSError(9, "standard input is closed")
    return sys.stdin.buffer.read()


def parse_manifest(text: bytes, mode: Mode) -> Manifest:
    """Parse a text that somebody says is a manifest.

    The grammar for loading takes `hello` for a stream without blocks and files. From a program's database that is
    harmless; at a command line it is a mistyped file name, and an empty listing would hide it.

    Raises:
        ManifestError: Also when the text is not empty and has neither a block locator nor a file token.
    """
    manifest = Manifest.parse(text, mode=mode)
    if text and not manifest.block_count and not manifest.file_count and not _TOKENS.search(text):
        token = text.strip()[:40].decode("utf-8", "surrogateescape")
        found = f"starts with {token!r}" if token else "holds white space only"
        message = f"not a manifest, which has block locators and file tokens; this {found}"
        raise ManifestError(message, code="not-a-manifest", line=1, column=1, offset=0, token=token)
    return manifest


def whole_manifests(arguments: list[str] | None) -> list[Source]:
    """Read arguments as manifest files; without any, as standard input, unless that is a terminal."""
    return _sources(arguments, _whole)


def with_paths(arguments: list[str] | None) -> list[Source]:
    """Read arguments as manifest files with or without a path inside: `MANIFEST` or `MANIFEST/PATH`."""
    return _sources(arguments, _split)


def _sources(arguments: list[str] | None, read_argument: Callable[[str], Source]) -> list[Source]:
    if not arguments:
        if sys.stdin is not None and sys.stdin.isatty():
            raise typer.BadParameter("name a manifest file, or - to type a manifest")
        arguments = [STANDARD_INPUT]
    if "" in arguments:
        raise typer.BadParameter("an empty argument names no manifest")
    sources = [read_argument(argument) for argument in arguments]
    if sum(source.is_standard_input for source in sources) > 1:
        raise typer.BadParameter("standard input can be read only once")
    return sources


def _whole(argument: str) -> Source:
    return Source(STANDARD_INPUT if argument in _STANDARD_INPUT_FILES else argument)


def _split(argument: str) -> Source:
    """Split `MANIFEST/PATH` behind the part that is a file: what a file system would never look into."""
    for name in _STANDARD_INPUT_FILES:
        if argument.startswith(f"{name}/"):
            return Source(STANDARD_INPUT, _clean(argument[len(name) :]))
    end = argument.find("/", 1)
    while end > 0 and is_directory(argument[:end]):
        end = argument.find("/", end + 1)
    if end > 0 and os.path.exists(argument[:end]):  # noqa: PTH110 - not an error either, see is_directory
        return Source(argument[:end], _clean(argument[end:]))
    return _whole(argument)


def _clean(path: str) -> str:
    return utf8_argument("/".join(part for part in path.split("/") if part not in ("", ".")))
