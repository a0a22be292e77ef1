"""The inputs of a command: manifest files and collections, with a path inside them or not, and standard input."""

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import typer

from keepset import Manifest
from keepset.cli.files import is_directory
from keepset.cli.stores import Stores
from keepset.cli.text import one_line, utf8_argument
from keepset.errors import AmbiguousReferenceError, KeepsetError, ManifestError, ReferenceNotFoundError
from keepset.references import Reference, find_file, resolve

__all__ = [
    "STANDARD_INPUT",
    "Mode",
    "Source",
    "parse_manifest",
    "read_standard_input",
    "whole_manifests",
    "with_paths",
]

STANDARD_INPUT = "-"
_STANDARD_INPUT_FILES = (STANDARD_INPUT, "/dev/stdin")
_TOKENS = re.compile(rb"(?:^|[ \n])(?:[0-9a-f]{32}\+[0-9]|[0-9]+:[0-9]+:[^ \n])")

Mode = Literal["compat", "strict"]


@dataclass(frozen=True, slots=True)
class Source:
    """A manifest file, a collection, or standard input as `-`, and a path within; the root is the empty path.

    `file` is the input as the command line calls it.
    """

    file: str
    path: str = ""
    collection: Callable[[], bytes] | None = field(default=None, compare=False)
    """Gives the manifest of a collection; None for what is none."""
    record: str | None = field(default=None, compare=False)
    """The UUID of a collection that can be saved."""
    text: bytes | None = field(default=None, compare=False)
    """What has been read already."""
    problem: KeepsetError | None = field(default=None, compare=False)
    """Why it is not known what is meant; the other inputs are read all the same."""

    @property
    def is_standard_input(self) -> bool:
        """Whether this is standard input."""
        return self.file == STANDARD_INPUT

    @property
    def is_directory(self) -> bool:
        """Whether this is a local directory, which only few commands can read. Whatever else has its name is meant."""
        is_other = self.is_standard_input or self.collection is not None or self.problem is not None
        return not is_other and not self.path and is_directory(self.file)

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
        if self.problem is not None:
            raise self.problem
        if self.text is not None:
            return self.text
        if self.collection is not None:
            return self.collection()
        return read_standard_input() if self.is_standard_input else Path(self.file).read_bytes()

    def load(self, mode: Mode) -> Manifest:
        """Read and parse; refuse what is no manifest at all."""
        return parse_manifest(self.read(), mode)


def read_standard_input() -> bytes:
    """Read all of standard input."""
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


def whole_manifests(arguments: list[str] | None, stores: Stores) -> list[Source]:
    """Read arguments as manifests; without any, as standard input, unless that is a terminal."""
    return _sources(arguments, lambda argument: _whole(argument, stores))


def with_paths(arguments: list[str] | None, stores: Stores) -> list[Source]:
    """Read arguments as manifests with or without a path inside: `MANIFEST` or `MANIFEST/PATH`."""
    return _sources(arguments, lambda argument: _split(argument, stores))


def _sources(arguments: list[str] | None, read_argument: Callable[[str], Source]) -> list[Source]:
    if not arguments:
        if sys.stdin is not None and sys.stdin.isatty():
            raise typer.BadParameter("name a manifest file or a collection, or - to type a manifest")
        arguments = [STANDARD_INPUT]
    if "" in arguments:
        raise typer.BadParameter("an empty argument names no manifest")
    sources = [read_argument(argument) for argument in arguments]
    if sum(source.is_standard_input for source in sources) > 1:
        raise typer.BadParameter("standard input can be read only once")
    return sources


def _whole(argument: str, stores: Stores) -> Source:
    if argument in _STANDARD_INPUT_FILES:
        return Source(STANDARD_INPUT)
    source = _resolved(argument, stores)
    # A path inside is not taken here: as a file, it will not be found.
    return source if source.problem or (source.collection and not source.path) else Source(argument)


def _split(argument: str, stores: Stores) -> Source:
    for name in _STANDARD_INPUT_FILES:
        if argument == name:
            return Source(STANDARD_INPUT)
        if argument.startswith(f"{name}/"):
            return Source(STANDARD_INPUT, _clean(argument[len(name) :]))
    return _resolved(argument, stores)


def _resolved(argument: str, stores: Stores) -> Source:
    found = find_file(argument)
    try:
        if found is not None and stores.is_cluster():
            # Reading a file must not take the network; whoever means a collection of that name writes keep: before it.
            return Source(found.target, found.path)
        reference = resolve(argument, stores.existing)
    except AmbiguousReferenceError as error:
        return Source(argument, problem=error)
    except KeepsetError as error:
        # A store that cannot be asked must not keep anybody from reading a file; and a file that is not there is
        # reported as by any other program.
        if found is not None:
            return Source(found.target, found.path)
        return Source(argument, problem=None if isinstance(error, ReferenceNotFoundError) else error)
    if reference.kind == "file":
        return Source(reference.target, reference.path)
    record = reference.target if reference.is_record else None
    return Source(reference.name, reference.path, collection=lambda: _manifest(reference, stores), record=record)


def _manifest(reference: Reference, stores: Stores) -> bytes:
    text: str = reference.open(stores.reading()).manifest_text()
    return text.encode("utf-8", "surrogateescape")


def _clean(path: str) -> str:
    return utf8_argument("/".join(part for part in path.split("/") if part not in ("", ".")))
