r"""Streams of a manifest, line by line, for scripts that look at manifests instead of trees.

The names are those of `arvados.stream` before version 3, which read collections in this way. Blocks that hold no bytes
and names that have to be escaped are right here.

Examples:
    >>> stream = StreamReader(". acbd18db4cc2f85cedef654fccc4a4d8+3 0:1:a 1:2:b\\040c".split())
    >>> stream.name(), list(stream.files())
    ('.', ['a', 'b c'])
    >>> stream.files()["b c"].as_manifest()
    '. acbd18db4cc2f85cedef654fccc4a4d8+3 1:2:b\\040c\n'
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from keepset import errors
from keepset._fetching import Fetcher
from keepset._readers import ArvadosFileReaderBase
from keepset.arvfile import split
from keepset.manifest import Manifest, normalize_stream, unescape
from keepset.ranges import LocatorAndRange, Range, first_block, locators_and_ranges

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from keepset.keep.base import Data

__all__ = [
    "LocatorAndRange",
    "Range",
    "StreamFileReader",
    "StreamReader",
    "first_block",
    "locators_and_ranges",
    "normalize_stream",
    "split",
]

_FILE_TOKEN = re.compile(r"([0-9]+):([0-9]+):(.+)", re.DOTALL)


def _end(parts: list[Range]) -> int:
    """Return where the last of parts in order ends."""
    return parts[-1].range_start + parts[-1].range_size if parts else 0


class _CallableName(str):
    """A name that can be called for the name: file objects have an attribute, and streams had a method."""

    __slots__ = ()

    def __call__(self) -> str:
        return str(self)


class _Unchanging:
    """What never changes has but one version."""

    version = 0


class StreamFileReader(ArvadosFileReaderBase):
    """A binary file object for reading a file of a stream.

    Args:
        stream: The stream: what has `name()`, `readfrom` and `locators_and_ranges`, as `StreamReader` does.
        segments: What the file consists of, in order: how many bytes (`range_size`), from where on in the stream
            (`locator`, a number), and where that is in the file (`range_start`).
        name: Its name.

    Attributes:
        segments: As given.
    """

    _state = _Unchanging()

    def __init__(self, stream: Any, segments: list[Range], name: str) -> None:
        super().__init__(name, "rb", getattr(stream, "num_retries", None))
        self._stream = stream
        self.segments = segments

    @property
    def name(self) -> _CallableName:
        """The name of the file in its stream. It can be called as well."""
        return _CallableName(self._name)

    @property
    def _source(self) -> StreamFileReader:  # type: ignore[override]  # it reads itself
        return self

    def stream_name(self) -> str:
        """Return the name of the stream."""
        return str(self._stream.name())

    def size(self) -> int:
        """Return the number of bytes of the file."""
        return _end(self.segments)

    def as_manifest(self) -> str:
        """Return a manifest with this file alone."""
        parts = [
            part
            for segment in self.segments
            for part in self._stream.locators_and_ranges(segment.locator, segment.range_size)
        ]
        return " ".join(normalize_stream(".", {self._name: parts})) + "\n"

    def _read(self, offset: int, size: int, num_retries: int | None) -> Data:
        if size <= 0:
            return b""
        parts = locators_and_ranges(self.segments, offset, size)
        places = [(int(part.locator or 0) + part.segment_offset, part.segment_size) for part in parts]
        return b"".join(self._stream.readfrom(*place, num_retries=num_retries) for place in places)

    def _segment(self, offset: int, num_retries: int | None) -> tuple[int, int, int, memoryview]:
        del offset, num_retries
        return 0, 0, -1, memoryview(b"")  # the stream keeps the block that was read last


class StreamReader:
    """A stream: what one line of a manifest says.

    Args:
        tokens: The tokens of the line: name, locators, files.
        keep: The Keep client that has the blocks; the default one, if it is None.
        debug: For the sake of the old SDK, which printed the tokens.
        _empty: For the sake of the old SDK.
        num_retries: How often a fetch is tried again.

    Attributes:
        num_retries: As given.

    Raises:
        ManifestError: The tokens are not those of a stream.
        ArgumentError: They are those of several.
    """

    def __init__(
        self,
        tokens: Iterable[str],
        keep: Any = None,
        debug: bool = False,
        _empty: bool = False,
        num_retries: int = 10,
    ) -> None:
        del debug, _empty
        self._tokens = [token for token in " ".join(tokens).removesuffix("\n").split(" ") if token]
        line = " ".join(self._tokens)
        if "\n" in line:
            raise errors.ArgumentError("a stream is one line of a manifest; for more, use CollectionReader.all_streams")
        Manifest.parse(line + "\n")
        self._keep = keep
        self._fetcher: Fetcher | None = None
        self.num_retries = num_retries
        self._data_locators: list[Range] = []
        self._files: dict[str, StreamFileReader] = {}
        for token in self._tokens[1:]:
            self._add(token)

    def _add(self, token: str) -> None:
        found = _FILE_TOKEN.fullmatch(token)
        if found is None:
            self._data_locators.append(Range(token, self.size(), int(token.split("+")[1])))
            return
        position, length, name = int(found[1]), int(found[2]), unescape(found[3])
        if name.rpartition("/")[2] == ".":
            return  # it stands for an empty directory
        file = self._files.setdefault(name, StreamFileReader(self, [], name))
        file.segments.append(Range(position, file.size(), length))

    @classmethod
    def all_of(cls, manifest_text: str, keep: Any = None, num_retries: int = 10) -> list[StreamReader]:
        """Return the streams of a manifest, in order.

        Args:
            manifest_text: The manifest.
            keep: As for the class.
            num_retries: As for the class.
        """
        lines = [line for line in manifest_text.split("\n") if line.strip(" ")]
        return [cls(line.split(" "), keep, num_retries=num_retries) for line in lines]

    def name(self) -> str:
        """Return the name, beginning with `.`."""
        return unescape(self._tokens[0]) if self._tokens else "."

    def files(self) -> dict[str, StreamFileReader]:
        """Return a binary file object for each file, by name; each time the same one."""
        return self._files

    def all_files(self) -> list[StreamFileReader]:
        """Return a binary file object for each file."""
        return list(self._files.values())

    def size(self) -> int:
        """Return the number of bytes of the blocks."""
        return _end(self._data_locators)

    def locators_and_ranges(self, range_start: int, range_size: int) -> list[LocatorAndRange]:
        """Return the parts of blocks that hold a range of the stream.

        Args:
            range_start: Where it starts, in bytes.
            range_size: Its length in bytes.
        """
        return locators_and_ranges(self._data_locators, range_start, range_size)

    def readfrom(self, start: int, size: int, num_retries: int | None = None) -> bytes:
        """Read bytes of the stream: those of its blocks, one after the other.

        Args:
            start: Where to start.
            size: How many bytes; fewer are returned at the end of the stream.
            num_retries: How often a fetch is tried again; None for the stream's number.

        Raises:
            KeepReadError: A block cannot be read.
        """
        retries = self.num_retries if num_retries is None else num_retries
        return b"".join(self._parts(self.locators_and_ranges(start, size), retries))

    def _parts(self, parts: list[LocatorAndRange], num_retries: int) -> Iterator[memoryview]:
        for part in parts:
            block = memoryview(self._my_fetcher().block(str(part.locator), num_retries))
            yield block[part.segment_offset : part.segment_offset + part.segment_size]

    def _my_fetcher(self) -> Fetcher:
        if self._fetcher is None:
            if self._keep is None:
                from keepset.session import default_session

                self._keep = default_session().keep
            self._fetcher = Fetcher(self._keep, threads=0)
        return self._fetcher

    def manifest_text(self, strip: bool = False) -> str:
        """Return the line.

        Args:
            strip: Leave the hints of the locators out.
        """
        locators = [str(part.locator) for part in self._data_locators]
        rest = self._tokens[1 + len(locators) :]
        if strip:
            locators = ["+".join(locator.split("+")[:2]) for locator in locators]
        return " ".join([*self._tokens[:1], *locators, *rest]) + "\n"
