"""How large the manifest of a local tree will be, before anything is stored."""

import json
import os
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from keepset.blocks import BLOCK_SIZE, PACKED_SIZE
from keepset.manifest import Manifest, escape
from keepset.transfer._local import scan
from keepset.transfer._values import Patterns

__all__ = ["MAX_REQUEST_SIZE", "ManifestSize", "estimate_manifest_size", "size_of_upload"]

MAX_REQUEST_SIZE = 1 << 27
"""The bytes that an Arvados server takes in a request, unless it is configured otherwise: `API.MaxRequestSize`."""

_SIGNATURE = f"+A{'0' * 40}@{'0' * 8}"
_EMPTY_BLOCK = "d41d8cd98f00b204e9800998ecf8427e+0"
_MOST_PER_CHARACTER = 7
"""More than a character of a name, or of a text, has in a request: an escape in the manifest is escaped in JSON."""
_MOST_PER_BLOCK = 256
"""More than a file adds beside its path, for each of its blocks: a signed locator, and numbers."""


class ManifestSize(NamedTuple):
    """How large a manifest will be, and what that means.

    Attributes:
        text: The bytes of the text.
        request: The bytes that it has in a request, where JSON escapes some characters.
        limit: The bytes that the server takes.
    """

    text: int
    request: int
    limit: int = MAX_REQUEST_SIZE

    @property
    def warning(self) -> str | None:
        """What to tell people if the server will refuse the manifest; None if it will not."""
        if self.request <= self.limit:
            return None
        return (
            f"the manifest will have {self.request / 2**20:.1f} MiB, and a server takes {self.limit / 2**20:.1f} MiB"
            " (API.MaxRequestSize): put the files into several collections, or into archives"
        )


def estimate_manifest_size(
    local_path: str | os.PathLike[str],
    *,
    include: Patterns = None,
    exclude: Patterns = None,
    follow_links: bool = True,
    signed: bool = True,
    max_request_size: int = MAX_REQUEST_SIZE,
) -> ManifestSize:
    """Tell how large the manifest of a local file or directory will be. No file is read.

    Small files are packed as `upload` does. The answer is exact, unless blocks turn out to be the same: then it is too
    large.

    Args:
        local_path: What would be uploaded to the root of a new collection.
        include: As for `upload`.
        exclude: As for `upload`.
        follow_links: As for `upload`.
        signed: Whether to count the signatures that servers want.
        max_request_size: What the server takes: `maxRequestSize` in its discovery document.

    Raises:
        ArgumentError: A pattern is none.
        TransferError: Something that is wanted cannot be uploaded.
        OSError: The directory cannot be read.

    Example:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     for name in ("a", "b"):
        ...         _ = (Path(folder) / name).write_text(name)
        ...     size = estimate_manifest_size(folder)
        >>> size.text, size.warning
        (100, None)
    """
    tree = scan(os.fspath(local_path), include, exclude, follow_links=follow_links)
    text = _text({file.name: file.size for file in tree.files}, tree.empty, _SIGNATURE if signed else "")
    return _size_of(text, max_request_size)


def size_of_upload(before: Manifest, sizes: Mapping[str, int], empty: Iterable[str]) -> ManifestSize | None:
    """Tell how large the manifest of a collection will be at most; None if any server will take it.

    Args:
        before: What is in the collection.
        sizes: The sizes of the files to be uploaded, by path.
        empty: The empty directories to be made.
    """
    known = before.normalized().text
    bound = _MOST_PER_CHARACTER * (len(known) + sum(map(len, sizes)))
    bound += _MOST_PER_BLOCK * sum(1 + size // PACKED_SIZE for size in sizes.values())
    if bound <= MAX_REQUEST_SIZE:
        return None
    return _size_of(known + _text(sizes, empty, _SIGNATURE), MAX_REQUEST_SIZE)


def _size_of(text: str, limit: int) -> ManifestSize:
    return ManifestSize(len(text.encode("utf-8", "surrogateescape")), len(json.dumps(text)), limit)


def _text(sizes: Mapping[str, int], empty: Iterable[str], signature: str) -> str:
    """Write the manifest, with hashes that are made up."""
    layout = _Layout()
    places = {name: layout.place(size) for name, size in sizes.items()}
    locators = [f"{number:032x}+{size}{signature}" for number, size in enumerate(layout.blocks)]
    lines = []
    for name, (first, end, offset) in places.items():
        directory, _, base = name.rpartition("/")
        blocks = " ".join(locators[first:end]) or _EMPTY_BLOCK
        lines.append(
            f"{escape(f'./{directory}') if directory else '.'} {blocks} {offset}:{sizes[name]}:{escape(base)}\n"
        )
    lines += [f"{escape(f'./{name}')} {_EMPTY_BLOCK} 0:0:\\056\n" for name in empty]
    return Manifest.parse("".join(lines)).normalized().text


class _Layout:
    """The blocks that files get which are closed one after the other."""

    def __init__(self) -> None:
        self.blocks: list[int] = []
        """Their sizes."""
        self._pack: int | None = None

    def place(self, size: int) -> tuple[int, int, int]:
        """Place a file behind the others.

        Returns:
            Its first block, the one behind its last, and where in the first it starts.
        """
        if not size:
            return 0, 0, 0
        if size > PACKED_SIZE:
            first = len(self.blocks)
            self.blocks += [min(BLOCK_SIZE, size - start) for start in range(0, size, BLOCK_SIZE)]
            return first, len(self.blocks), 0
        if self._pack is None or self.blocks[self._pack] + size > BLOCK_SIZE:
            self._pack = len(self.blocks)
            self.blocks.append(0)
        offset = self.blocks[self._pack]
        self.blocks[self._pack] += size
        return self._pack, self._pack + 1, offset
