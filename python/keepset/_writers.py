"""The file objects for writing that collections and writers open. What becomes of the bytes is the file's affair."""

from __future__ import annotations

import errno
import operator
import warnings
from typing import TYPE_CHECKING, Any

from keepset._readers import ArvadosFileReader, FileLikeObjectBase
from keepset._writing import plain_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from typing_extensions import Buffer as ReadableBuffer

    from keepset.arvfile import ArvadosFile

__all__ = ["ArvadosFileWriter", "_WriterFile"]


class ArvadosFileWriter(ArvadosFileReader):
    """A binary file object for writing and reading.

    Args:
        arvadosfile: The file.
        mode: A mode of `open` that writes.
        num_retries: How often a fetch is tried again; None for the collection's number.
    """

    _is_dropped = False

    def __init__(self, arvadosfile: ArvadosFile, mode: str, num_retries: int | None = None) -> None:
        # What the base class does, since small files are opened by the million.
        self._name = arvadosfile._root._tree.name(arvadosfile._id)
        self.mode = mode
        self._source = arvadosfile
        self.num_retries = num_retries
        if mode[0] == "a" and mode != "ab+":  # what is opened to be read as well starts at the start, as in 3.2.1
            self._position = arvadosfile.size()
        arvadosfile._touch().writers.add(id(self))

    def writable(self) -> bool:
        """Return that it can be written."""
        return True

    def write(self, data: ReadableBuffer | str, num_retries: int | None = None) -> int:
        """Write bytes at the position; with mode `a`, at the end of the file.

        Args:
            data: The bytes, or a text to be written as UTF-8.
            num_retries: For the sake of 3.2.1: uploads use the collection's number.

        Returns:
            The number of bytes written: all of them.

        Raises:
            KeepWriteError: An earlier upload failed; nothing has been written.
            ValueError: The file is closed.
        """
        if self._is_closed:
            raise ValueError("I/O operation on closed file")
        plain = data if isinstance(data, bytes) else plain_bytes(data)
        file = self._source
        if self.mode[0] == "a":
            file._write(None, plain)
            self._position = file.size()
            return len(plain)
        position = self._position
        try:
            file._write(position, plain, self)
        except BaseException:
            self._position = position
            raise
        return len(plain)

    def writelines(self, seq: Iterable[Any], num_retries: int | None = None) -> None:
        """Write one thing after the other.

        Args:
            seq: What `write` takes.
            num_retries: For the sake of 3.2.1.
        """
        for data in seq:
            self.write(data, num_retries)

    @FileLikeObjectBase._before_close
    def truncate(self, size: int | None = None) -> int:
        """Make the file so long, and leave the position where it is.

        Args:
            size: In bytes; the position, if it is None.

        Returns:
            The size.

        Raises:
            OSError: The size is negative (`EINVAL`).
            ValueError: The file is closed.
        """
        size = self._position if size is None else operator.index(size)
        if size < 0:
            raise OSError(errno.EINVAL, "the size must not be negative")
        self._source.truncate(size)
        return size

    def flush(self) -> None:
        """Store what has been written, and wait for it.

        A file that text is written to is left to packing.

        Raises:
            KeepWriteError: It could not be stored. The bytes are kept, and saving tries again.
            ValueError: The file is closed.
        """
        if self._is_closed:
            raise ValueError("I/O operation on closed file")
        if not self._is_wrapped:
            self._source._flush_for_now()

    def close(self, flush: bool | None = None) -> None:
        """End writing.

        Args:
            flush: Store the file's bytes now as its own block (True), pack them with those of other small files
                (False), or do what `Collection.packing` says (None).

        Raises:
            KeepWriteError: An upload failed. The bytes are kept, and saving tries again.
        """
        if self._is_closed:
            return
        try:
            if self._is_dropped:
                self._source._forget_writer(self)
            else:
                self._source.remove_writer(self, flush)
        finally:
            self._is_closed = True

    def _dealloc_warn(self, source: object) -> None:
        """Warn of a file that was not closed. Its bytes wait for the collection to be saved.

        `io.TextIOWrapper` calls this if it is dropped, before it writes the last of its text and closes this file.
        """
        del source
        self._is_dropped = True
        warnings.warn(f"{self.name!r} was dropped before it was closed", ResourceWarning, stacklevel=1)

    def __del__(self) -> None:
        """Close the file, if it was dropped, without storing anything."""
        if not self._is_closed:
            try:
                self._dealloc_warn(self)
            finally:
                self.close()


class _WriterFile(FileLikeObjectBase):
    """A file object for a writer of an older kind, with `write`, `flush_data` and `finish_current_file`.

    Args:
        coll_writer: The writer.
        name: The name of the file.
    """

    def __init__(self, coll_writer: Any, name: str) -> None:
        super().__init__(name, "wb")
        self.dest = coll_writer

    def writable(self) -> bool:
        """Return that it can be written."""
        return True

    @FileLikeObjectBase._before_close
    def write(self, data: Any) -> int:
        """Write bytes."""
        self.dest.write(data)
        return len(data)

    @FileLikeObjectBase._before_close
    def flush(self) -> None:
        """Make the writer store what it has."""
        self.dest.flush_data()

    def close(self) -> None:
        """End the file."""
        if not self.closed:
            super().close()
            self.dest.finish_current_file()
