"""The file objects for reading that `Collection.open` returns: binary files, on which `io.TextIOWrapper` puts text.

Those of `keepset.stream` read in the same way; what differs is where the bytes come from (`_source`). Reading
goes through a small buffer that is filled ahead while reading is sequential, and that any write to the file makes void.
"""

from __future__ import annotations

import bz2
import errno
import functools
import io
import operator
import os
import re
import zlib
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from typing_extensions import Buffer as ReadableBuffer

    from keepset._source import Source
    from keepset.arvfile import ArvadosFile
    from keepset.keep.base import Data

__all__ = ["ArvadosFileReader", "ArvadosFileReaderBase", "FileLikeObjectBase"]

P = ParamSpec("P")
T = TypeVar("T")
F = TypeVar("F", bound="FileLikeObjectBase")

_AHEAD = 1 << 16
"""So many bytes are read ahead."""
_ALL = 1 << 62
"""More bytes than any file has."""
_COMPRESSED = re.compile(r"\.(bz2|gz)$")


class FileLikeObjectBase(io.BufferedIOBase):
    """What file objects of collections share.

    Args:
        name: The name of the file.
        mode: The mode in which it was opened.
    """

    mode: str
    _is_closed = False

    def __init__(self, name: str, mode: str) -> None:
        self._name = name
        self.mode = mode

    # In place of those of `io.IOBase`, which take twice as long: small files are opened and closed by the million.

    @property
    def closed(self) -> bool:
        """Whether the file has been closed."""
        return self._is_closed

    def close(self) -> None:
        """Close the file. Other calls than this one raise `ValueError` from now on."""
        self._is_closed = True

    @property
    def name(self) -> str:
        """The name of the file in its collection."""
        return self._name

    def flush(self) -> None:
        """Do nothing, unless the file can be written.

        Raises:
            ValueError: The file is closed.
        """
        if self._is_closed:
            raise ValueError("I/O operation on closed file")

    @staticmethod
    def _before_close(orig_func: Callable[Concatenate[F, P], T]) -> Callable[Concatenate[F, P], T]:
        """Make a method refuse to run on a closed file."""

        @functools.wraps(orig_func)
        def checked(self: F, /, *args: P.args, **kwargs: P.kwargs) -> T:
            if self._is_closed:
                raise ValueError("I/O operation on closed file")
            return orig_func(self, *args, **kwargs)

        return checked


class ArvadosFileReaderBase(FileLikeObjectBase):
    """A binary file object for reading. A subclass says what it reads.

    Args:
        name: The name of the file.
        mode: A mode of `open`.
        num_retries: How often a fetch is tried again; None for the number of what it reads from.

    Attributes:
        num_retries: As given.
    """

    _source: Source
    _is_wrapped = False
    _position = 0
    _buffer: bytes = b""
    _buffer_start = 0
    _buffer_version = -1
    # Where a sequential reader would go on.
    _next = 0
    # The part of the file that was read last, if it is in one stored block: start, end, version, bytes.
    _segment_read: tuple[int, int, int, memoryview] = (0, 0, -1, memoryview(b""))

    def __init__(self, name: str, mode: str, num_retries: int | None = None) -> None:
        super().__init__(name, mode)
        self.num_retries = num_retries

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def seekable(self) -> bool:
        """Return that it can be positioned."""
        return True

    def size(self) -> int:
        """Return the number of bytes of the file."""
        return self._source.size()

    def tell(self) -> int:
        """Return the position, in bytes."""
        if self._is_closed:
            raise ValueError("I/O operation on closed file")
        return self._position

    def seek(self, pos: int, whence: int = os.SEEK_SET) -> int:
        """Set the position.

        Args:
            pos: In bytes, from the start, the current position or the end.
            whence: `os.SEEK_SET`, `os.SEEK_CUR` or `os.SEEK_END`.

        Returns:
            The position from the start. It may be behind the end.

        Raises:
            OSError: It would be before the start.
            ValueError: The file is closed, or `whence` is none of these.
        """
        pos, position = operator.index(pos), self.tell()
        base = position if whence == os.SEEK_CUR else 0
        if whence == os.SEEK_END:
            base = self.size()
        elif whence not in (os.SEEK_SET, os.SEEK_CUR):
            raise ValueError(f"whence must be 0, 1 or 2, not {whence}")
        if base + pos < 0:
            raise OSError(errno.EINVAL, "the position would be before the start of the file")
        self._position = base + pos
        return self._position

    def _get(self, offset: int, size: int, num_retries: int | None = None) -> Data:
        """Return bytes, fewer than asked for only at the end of the file."""
        start = offset - self._buffer_start
        if start >= 0 and start + size <= len(self._buffer) and self._buffer_version == self._source._state.version:
            self._next = offset + size
            return self._buffer[start : start + size]
        segment = self._segment_read
        if segment[0] <= offset and offset + size <= segment[1] and segment[2] == self._source._state.version:
            self._next = offset + size
            return segment[3][offset - segment[0] : offset + size - segment[0]]
        retries = self.num_retries if num_retries is None else num_retries
        if size >= _AHEAD or offset != self._next:
            if size < _AHEAD:
                self._segment_read = self._source._segment(offset, retries)
            found = self._source._read(offset, size, retries)
            self._next = offset + len(found)
            return found
        version = self._source._state.version
        self._buffer = bytes(self._source._read(offset, _AHEAD, retries))
        self._buffer_start, self._buffer_version = offset, version
        data = self._buffer[:size]
        self._next = offset + len(data)
        return data

    def read(  # type: ignore[override]  # more arguments than the base class has
        self, size: int | None = -1, num_retries: int | None = None, return_memoryview: bool = False
    ) -> bytes | memoryview:
        """Read bytes from the position on.

        Args:
            size: How many; fewer are returned only at the end of the file. All, if it is negative or None.
            num_retries: How often a fetch is tried again.
            return_memoryview: Return a view, which spares a copy if the bytes are in one block.

        Raises:
            KeepReadError: A block cannot be read.
            ValueError: The file is closed.
        """
        if self._is_closed:
            raise ValueError("I/O operation on closed file")
        if size is None or size < 0:
            retries = self.num_retries if num_retries is None else num_retries
            data = self._source._read(self._position, _ALL, retries)
            self._position = self._next = self._position + len(data)
        else:
            data = self._get(self._position, size, num_retries)
            self._position += len(data)
        if return_memoryview:
            return memoryview(data)
        return data if isinstance(data, bytes) else bytes(data)

    def read1(self, size: int = -1) -> bytes:
        """Read at most so many bytes, in one go."""
        return bytes(self.read(_AHEAD if size < 0 else size))

    @FileLikeObjectBase._before_close
    def peek(self, size: int = 0) -> bytes:
        """Return bytes from the position on, at least one unless at the end, without moving the position."""
        return bytes(self._get(self._position, max(size, 1) if size < _AHEAD else _AHEAD))

    @FileLikeObjectBase._before_close
    def readinto(self, b: ReadableBuffer) -> int:
        """Read bytes into a buffer.

        Args:
            b: The buffer.

        Returns:
            The number of bytes read: as many as fit, unless at the end.
        """
        with memoryview(b).cast("B") as target:
            data = self._get(self._position, len(target))
            target[: len(data)] = data
        self._position += len(data)
        return len(data)

    @FileLikeObjectBase._before_close
    def readfrom(
        self, offset: int, size: int, num_retries: int | None = None, return_memoryview: bool = False
    ) -> bytes | memoryview:
        """Read bytes from anywhere, without moving the position.

        Args:
            offset: Where to start.
            size: How many bytes; fewer are returned only at the end of the file.
            num_retries: How often a fetch is tried again.
            return_memoryview: Return a view.
        """
        retries = self.num_retries if num_retries is None else num_retries
        data = self._source._read(offset, size, retries)
        return memoryview(data) if return_memoryview else bytes(data)

    def readall(self, size: int = 1 << 20, num_retries: int | None = None) -> Iterator[bytes]:
        """Yield what is left of the file in chunks.

        Args:
            size: The size of a chunk in bytes.
            num_retries: How often a fetch is tried again.
        """
        while data := self.read(size, num_retries):
            yield bytes(data)

    @FileLikeObjectBase._before_close
    def readline(self, size: int | None = -1, num_retries: int | None = None) -> bytes:
        r"""Read up to the next newline, that included.

        Args:
            size: Read at most so many bytes; no limit, if it is negative or None.
            num_retries: How often a fetch is tried again.
        """
        limit = None if size is None or size < 0 else int(min(size, 1 << 62))
        parts: list[bytes] = []
        length = 0
        while limit is None or length < limit:
            start = self._position - self._buffer_start
            if not (self._buffer_version == self._source._state.version and 0 <= start < len(self._buffer)):
                self._next = self._position
                if not self._get(self._position, 1, num_retries):
                    break
                start = self._position - self._buffer_start
            end = len(self._buffer) if limit is None else min(len(self._buffer), start + limit - length)
            newline = self._buffer.find(b"\n", start, end)
            part = self._buffer[start : end if newline < 0 else newline + 1]
            self._position += len(part)
            if newline >= 0 and not parts:
                return part
            parts.append(part)
            length += len(part)
            if newline >= 0:
                break
        return b"".join(parts)

    def __next__(self) -> bytes:
        """Return the next line."""
        line = self.readline()
        if not line:
            raise StopIteration
        return line

    def __iter__(self) -> Iterator[bytes]:
        """Yield the lines from the position on, which follows them."""
        while True:
            start, version = self._position, self._source._state.version
            lines = bytes(self._get(start, _AHEAD)).split(b"\n")
            rest = lines.pop()  # the start of the next line
            for text in lines:
                line = text + b"\n"
                self._position += len(line)
                expected = self._position
                yield line
                if self._position != expected or self._source._state.version != version:
                    break  # the caller has moved on, or the rest is out of date
            else:
                if lines and rest:
                    continue
                line = self.readline()
                if not line:
                    return
                yield line

    def readlines(self, sizehint: float | None = -1, num_retries: int | None = None) -> list[bytes]:
        """Read lines.

        Args:
            sizehint: Stop after the line with which there are so many bytes; no limit, if it is not positive.
            num_retries: How often a fetch is tried again.
        """
        lines = []
        length = 0
        while line := self.readline(-1, num_retries):
            lines.append(line)
            length += len(line)
            if sizehint is not None and 0 < sizehint <= length:
                break
        return lines

    def decompress(
        self, decompress: Callable[[bytes], bytes], size: int, num_retries: int | None = None
    ) -> Iterator[bytes]:
        """Yield what is left of the file, decompressed.

        Args:
            decompress: What decompresses the next bytes.
            size: How many bytes are read at a time.
            num_retries: How often a fetch is tried again.
        """
        for chunk in self.readall(size, num_retries):
            data = decompress(chunk)
            if data:
                yield data

    def readall_decompressed(self, size: int = 1 << 20, num_retries: int | None = None) -> Iterator[bytes]:
        """Yield all of the file in chunks, decompressed if its name ends with `.bz2` or `.gz`.

        Args:
            size: How many bytes are read at a time.
            num_retries: How often a fetch is tried again.
        """
        self.seek(0)
        if self.name.endswith(".bz2"):
            return self.decompress(bz2.BZ2Decompressor().decompress, size, num_retries)
        if self.name.endswith(".gz"):
            return self.decompress(zlib.decompressobj(16 + zlib.MAX_WBITS).decompress, size, num_retries)
        return self.readall(size, num_retries)

    def decompressed_name(self) -> str:
        """Return the name without `.bz2` or `.gz`."""
        return _COMPRESSED.sub("", self.name)


class ArvadosFileReader(ArvadosFileReaderBase):
    """A binary file object for reading a file of a collection.

    Args:
        arvadosfile: The file.
        mode: A mode of `open`.
        num_retries: How often a fetch is tried again; None for the collection's number.

    Attributes:
        num_retries: As given.
    """

    _source: ArvadosFile

    def __init__(self, arvadosfile: ArvadosFile, mode: str = "r", num_retries: int | None = None) -> None:
        self._name = arvadosfile._root._tree.name(arvadosfile._id)
        self.mode = mode
        self._source = arvadosfile
        self.num_retries = num_retries

    @property
    def arvadosfile(self) -> ArvadosFile:
        """The file."""
        return self._source

    def stream_name(self) -> str:
        """Return the path of the collection that the file is in, beginning with `.`."""
        return self._source.stream_name()
