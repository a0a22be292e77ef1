"""Standard output as bytes: fast for millions of lines, exact for names that are not UTF-8, safe at a terminal.

The text layer of `sys.stdout` is passed by: it encodes by the locale and fails on names that the locale cannot write.
"""

import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from itertools import islice
from typing import TYPE_CHECKING, Any, BinaryIO

from keepset.cli.text import quote

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from keepset import Manifest
    from keepset.cli.progress import Progress

__all__ = ["ClosedPipeError", "JsonArray", "Output", "OutputError", "encode_json"]

_BATCH = 4096
_STYLES = {"directory": "1;34", "added": "32", "removed": "31", "modified": "33", "moved": "36", "faint": "2"}


class ClosedPipeError(Exception):
    """The reader of our output has gone, as `head` does. Not an error: there is nobody left to print for."""


class OutputError(Exception):
    """Standard output cannot be written: a full disk, or closed from the start."""


# ASCII only, so that JSON is readable whatever the locale. A byte that is not UTF-8 becomes a lone surrogate.
encode_json = json.JSONEncoder(ensure_ascii=True, separators=(", ", ": ")).encode


class Output:
    """Standard output, written in batches."""

    def __init__(self, progress: "Progress") -> None:
        self._progress = progress
        self._stream: BinaryIO | None = sys.stdout.buffer if sys.stdout is not None else None
        self.is_terminal = sys.stdout is not None and sys.stdout.isatty()
        self.has_color = self.is_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        self._parts: list[str] = []

    def name(self, name: str) -> str:
        """Give a name as it is to be printed: escaped at a terminal, itself in a pipe or file."""
        return quote(name) if self.is_terminal else name

    def styled(self, text: str, style: str) -> str:
        """Colour a text at a terminal that has colours."""
        return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if self.has_color else text

    def line(self, text: str = "") -> None:
        """Print a line."""
        self._parts += (text, "\n")
        if len(self._parts) >= _BATCH:
            self.flush()

    def lines(self, texts: Iterable[str], end: str = "\n") -> None:
        """Print many lines, from an iterator of any length without keeping them."""
        self.flush()
        texts = iter(texts)
        while batch := list(islice(texts, _BATCH)):
            batch.append("")
            self._parts.append(end.join(batch))
            self.flush()

    def manifest(self, manifest: "Manifest") -> None:
        """Write the text of a manifest."""
        self.flush()
        with self._writing() as stream:
            manifest.write_to(stream)

    def data(self, data: bytes | memoryview) -> None:
        """Write bytes as they are."""
        self.flush()
        with self._writing() as stream:
            stream.write(data)

    def array(self, wanted: bool) -> "AbstractContextManager[JsonArray | None]":
        """Start a JSON document that is an array, if --json wants one."""
        return JsonArray(self) if wanted else nullcontext()

    def json(self, items: Iterable[Mapping[str, Any]]) -> None:
        """Print a JSON document that is an array of these."""
        with JsonArray(self) as array:
            array.extend(items)

    def flush(self) -> None:
        """Hand everything on to the operating system."""
        if not self._parts:
            return
        data = "".join(self._parts).encode("utf-8", "surrogateescape")
        self._parts.clear()
        with self._writing() as stream:
            stream.write(data)

    @contextmanager
    def _writing(self) -> Iterator[BinaryIO]:
        if self._stream is None:
            raise OutputError("standard output is closed")
        try:
            if self.is_terminal:
                with self._progress.hidden():
                    yield self._stream
                    self._stream.flush()
            else:
                yield self._stream
                self._stream.flush()
        except BrokenPipeError:
            self._abandon()
            raise ClosedPipeError from None
        except OSError as error:
            self._abandon()
            raise OutputError(f"cannot write to standard output: {error.strerror or error}") from None

    def _abandon(self) -> None:
        """Let the interpreter flush what is left into nothing, else it complains on its way out."""
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, sys.stdout.fileno())
        os.close(nothing)


class JsonArray:
    """A JSON array with one element per line, written as the elements come.

    It is closed only when all went well: a document cut short by an error must not look complete.
    """

    def __init__(self, output: Output) -> None:
        self._output = output
        self._opening = "["

    def __enter__(self) -> "JsonArray":
        return self

    def __exit__(self, exception_type: object, *_: object) -> None:
        if exception_type is None:
            self._output.line("[]" if self._opening else "\n]")

    def extend(self, items: Iterable[Mapping[str, Any]]) -> None:
        """Write elements."""
        self._output.lines((self._separated(encode_json(item)) for item in items), end="")

    def append(self, item: Mapping[str, Any]) -> None:
        """Write one element."""
        self.extend([item])

    def append_text(self, parts: Iterable[str]) -> None:
        """Write one element that is too large to be one text."""
        self._output.lines([self._separated("")], end="")
        self._output.lines(parts, end="")

    def _separated(self, element: str) -> str:
        separator, self._opening = self._opening or ",", ""
        return f"{separator}\n{element}"
