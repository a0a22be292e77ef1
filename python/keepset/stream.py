"""Streams of a manifest, line by line, for scripts that look at manifests instead of trees."""

from __future__ import annotations

from typing import TYPE_CHECKING

from keepset.ranges import LocatorAndRange, Range, locators_and_ranges

if TYPE_CHECKING:
    from collections.abc import Iterator

    from keepset._readers import ArvadosFileReader
    from keepset.collection import Collection

__all__ = ["StreamReader"]


class StreamReader:
    """A stream: a directory with the blocks and the files that its line names.

    Args:
        collection: The collection that the files are read from.
        name: The name of the stream, not escaped.
        locators: Its blocks, in order.
        file_names: The paths of its files from the stream, in order.
    """

    def __init__(self, collection: Collection, name: str, locators: list[str], file_names: list[str]) -> None:
        self._collection = collection
        self._name = name
        self._file_names = file_names
        self._data_locators: list[Range] = []
        start = 0
        for locator in locators:
            size = int(locator.split("+")[1])
            self._data_locators.append(Range(locator, start, size))
            start += size

    @classmethod
    def all_of(cls, collection: Collection) -> list[StreamReader]:
        """Return the streams of a collection's manifest, in order."""
        from keepset.manifest import Manifest, unescape

        streams = []
        for line in collection.manifest_text().split("\n"):
            tokens = [token for token in line.split(" ") if token]
            if not tokens:
                continue
            locators = []
            for token in tokens[1:]:
                if ":" in token:
                    break
                locators.append(token)
            files = dict.fromkeys(unescape(token.split(":", 2)[2]) for token in tokens[1 + len(locators) :])
            manifest = Manifest.parse(line + "\n")
            name = unescape(tokens[0])
            names = [
                file for file in files if f"{name}/{file}" in manifest and manifest.stat(f"{name}/{file}").is_file()
            ]
            streams.append(cls(collection, name, locators, names))
        return streams

    def name(self) -> str:
        """Return the name, beginning with `.`."""
        return self._name

    def files(self) -> dict[str, ArvadosFileReader]:
        """Return a binary file object for each file, by name."""
        return {name: self._collection.open(f"{self._name}/{name}", "rb") for name in self._file_names}

    def all_files(self) -> Iterator[ArvadosFileReader]:
        """Yield a binary file object for each file."""
        yield from self.files().values()

    def size(self) -> int:
        """Return the number of bytes of the blocks."""
        return sum(part.range_size for part in self._data_locators)

    def locators_and_ranges(self, range_start: int, range_size: int) -> list[LocatorAndRange]:
        """Return the parts of blocks that hold a range of the stream.

        Args:
            range_start: Where it starts, in bytes.
            range_size: Its length in bytes.
        """
        return locators_and_ranges(self._data_locators, range_start, range_size)
