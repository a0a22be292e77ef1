"""Writing that another process can go on with, from a state that JSON can hold."""

from __future__ import annotations

import copy
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from keepset import errors
from keepset.locator import KeepLocator
from keepset.writer._collection import CollectionWriter, name_of
from keepset.writer._layout import FilePart, FinishedStream
from keepset.writer._sources import Directory, Rest, Source

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Self

__all__ = ["ResumableCollectionWriter"]

_Part = tuple[str, int, int]
"""Bytes of a local file: its path, where they start in it, and how many."""


class ResumableCollectionWriter(CollectionWriter):
    """Writes a collection from local files, and can say how far it has come, so that another process can go on.

    What the other one makes is what this one would have made. A state is a dict that JSON can hold. It has no bytes:
    those that were not in a block yet are read from their files again.

    Args:
        api_client: As for `CollectionWriter`.
        **kwargs: As for `CollectionWriter`.

    Examples:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> from keepset import ResumableCollectionWriter, open_store
        >>> with TemporaryDirectory() as folder, open_store(folder) as store:
        ...     path = Path(folder, "local.txt")
        ...     _ = path.write_text("foo")
        ...     writer = ResumableCollectionWriter(store)
        ...     writer.write_file(path, "a.txt")
        ...     state = writer.dump_state()
        ...     other = ResumableCollectionWriter.from_state(state, store)
        ...     other.write_file(path, "b.txt")
        ...     print(other.manifest_text(), end="")
        . fdba98970961edb29f88241b9d99d890+6 0:3:a.txt 3:3:b.txt
    """

    STATE_PROPS: ClassVar[list[str]] = [
        *("_current_stream_files", "_current_stream_length", "_current_stream_locators", "_current_stream_name"),
        *("_current_file_name", "_current_file_pos", "_finished_streams", "_dependencies", "_buffered_parts"),
    ]
    """The attributes that go into a state. A class that is derived from this one may add its own."""

    def __init__(self, api_client: Any = None, **kwargs: Any) -> None:
        # What the files were like when they were opened, by path: mode, size and time of the last change.
        self._dependencies: dict[str, list[int]] = {}
        # Where the bytes come from that are not in a block yet.
        self._buffered_parts: list[_Part] = []
        super().__init__(api_client, **kwargs)

    @classmethod
    def from_state(cls, state: Mapping[str, Any], *init_args: Any, **init_kwargs: Any) -> Self:
        """Make a writer that goes on from a state. `do_queued_work` then goes on with what was being written.

        Args:
            state: What `dump_state` gave, or JSON made of it.
            *init_args: Arguments of the constructor.
            **init_kwargs: Arguments of the constructor.

        Raises:
            StaleWriterStateError: A source is missing or has changed, a signature has expired, or it is no state.
        """
        writer = cls(*init_args, **init_kwargs)
        try:
            writer._restore(state)
        except errors.StaleWriterStateError:
            raise
        except OSError as error:
            raise errors.StaleWriterStateError(f"a source cannot be read any more: {error}") from error
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            raise errors.StaleWriterStateError(f"not a state of a writer: {error!r}") from error
        return writer

    def _restore(self, state: Mapping[str, Any]) -> None:
        for name in self.STATE_PROPS:
            value, initial = state[name], getattr(self, name, None)
            setattr(self, name, value if value is None or initial is None else type(initial)(value))
        self._current_stream_files = [FilePart(*part) for part in self._current_stream_files]
        self._finished_streams = [FinishedStream.restored(*stream) for stream in self._finished_streams]
        self._left = Rest.of([Directory(*one) for one in state["_queued_trees"]], state["_queued_dirents"])
        self._check_blocks()
        self.check_dependencies()
        self._data_buffer = [_read(*part) for part in self._buffered_parts]
        self._data_buffer_len = sum(map(len, self._data_buffer))
        if state["_current_file"] is not None:
            path, _ = state["_current_file"]
            self._queued_file = Source.open(path)

    def _check_blocks(self) -> None:
        """Make sure that signatures are good. One block is asked for: another user's are no good at all."""
        locators = [locator for stream in self._finished_streams for locator in stream.locators]
        locators += self._current_stream_locators
        if any(KeepLocator(locator).permission_expired() for locator in locators):
            raise errors.StaleWriterStateError("the signature of a block has expired")
        try:
            is_there = not locators or self._my_keep().head(locators[0], num_retries=self.num_retries)
        except Exception as error:  # another library's client raises what it likes
            raise errors.StaleWriterStateError(f"block {locators[0]} cannot be read any more: {error}") from error
        if is_there is False:
            raise errors.StaleWriterStateError(f"block {locators[0]} is not stored any more")

    def check_dependencies(self) -> None:
        """Make sure that the files that were written are what they were.

        Raises:
            StaleWriterStateError: One is missing or has changed, or is no file that can be read again.
        """
        for path, before in self._dependencies.items():
            try:
                now = _signature(os.stat(path))  # noqa: PTH116
            except OSError as error:
                raise errors.StaleWriterStateError(f"{path} cannot be read any more: {error}") from error
            if not (stat.S_ISREG(before[0]) and stat.S_ISREG(now[0])):
                raise errors.StaleWriterStateError(f"{path} is no regular file")
            if now[1:] != before[1:]:
                raise errors.StaleWriterStateError(f"{path} has changed")

    def dump_state(self, copy_func: Callable[[Any], Any] = lambda value: value) -> dict[str, Any]:
        """Say how far the writer has come. Waits for uploads.

        Args:
            copy_func: Is called with each value. Lists and dicts are the state's own anyway; what is in those of
                attributes that a derived class has added may not be.

        Raises:
            KeepWriteError: A block could not be stored.
        """
        self._settle()
        values = {name: getattr(self, name) for name in self.STATE_PROPS}
        values |= {"_queued_trees": self._left.directories, "_queued_dirents": self._left.names_left}
        values["_current_file"] = None
        if self._queued_file is not None:
            values["_current_file"] = [self._queued_file.path, self._current_stream_length - self._current_file_pos]
        return {name: copy_func(copy.copy(value)) for name, value in values.items()}

    def write(self, newdata: Any) -> None:
        """Refuse bytes: nobody could read them again.

        Raises:
            WriterUseError: Always; use `write_file`.
        """
        raise errors.WriterUseError("a resumable writer takes local files only: use write_file()")

    def write_file(self, source: str | bytes | os.PathLike[str], filename: str | None = None) -> None:
        """Write a file of the current stream from a local one.

        Args:
            source: Its path.
            filename: Its name in the stream; that of the local file, if it is None.

        Raises:
            WriterUseError: It is not a path. Otherwise as for `CollectionWriter`.
        """
        if not isinstance(source, (str, bytes, os.PathLike)):
            raise errors.WriterUseError(f"a resumable writer takes paths only, not {type(source).__name__}")
        super().write_file(source, filename)

    def _queue_file(self, source: Source, filename: str | None) -> None:
        name = name_of(source) if filename is None else filename
        # Whoever goes on may do so in another folder.
        source = source._replace(path=str(Path(source.path).absolute()))
        super()._queue_file(source, name)
        if source.status is not None:
            self._dependencies[source.path] = _signature(source.status)

    def _append(self, data: bytes | memoryview) -> None:
        if self._queued_file is not None:
            start = self._current_stream_length - self._current_file_pos
            self._buffered_parts.append((self._queued_file.path, start, len(data)))
        super()._append(data)

    def _upload(self) -> None:
        super()._upload()
        self._buffered_parts = []


def _signature(status: os.stat_result) -> list[int]:
    return [status.st_mode, status.st_size, status.st_mtime_ns]


def _read(path: str, start: int, size: int) -> bytes:
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123
        file.seek(start)
        data = file.read(size)
    if len(data) != size:
        raise errors.StaleWriterStateError(f"{path} has changed")
    return data
