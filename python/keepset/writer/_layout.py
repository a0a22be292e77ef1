"""Files laid end to end in streams: what a manifest that is written from front to back says, apart from the bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from keepset import errors
from keepset.config import EMPTY_BLOCK_LOCATOR
from keepset.manifest import escape

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["FilePart", "FinishedStream", "StreamLayout"]


class FilePart(NamedTuple):
    """A file, or a part of one that another of the same name adds to: where it is in its stream, and its name."""

    start: int
    size: int
    name: str


class FinishedStream(NamedTuple):
    """A stream that nothing is added to any more. Locators of blocks that are on their way are still to come."""

    name: str
    locators: list[str]
    files: list[FilePart]

    @classmethod
    def restored(cls, name: str, locators: Iterable[str], files: Iterable[Iterable[Any]]) -> FinishedStream:
        """Make one of the lists that JSON makes of one."""
        return cls(name, list(locators), [FilePart(*part) for part in files])

    @property
    def blocks(self) -> list[str]:
        """Its locators as a manifest has them: there is at least one."""
        return self.locators or [EMPTY_BLOCK_LOCATOR]

    def text(self) -> str:
        """Return its line of a manifest."""
        parts = [f"{part.start}:{part.size}:{escape('/'.join(_components(part.name)))}" for part in self.files]
        return f"{escape('/'.join(['.', *_components(self.name)]))} {' '.join([*self.blocks, *parts])}\n"


class StreamLayout:
    """Where files begin and end in streams, and what they are called.

    A name may hold any character: the manifest escapes what has a meaning in it.
    """

    def __init__(self) -> None:
        self._finished_streams: list[FinishedStream] = []
        self._begin_stream(".")

    def _begin_stream(self, name: str | None) -> None:
        self._current_stream_name = name
        self._current_stream_locators: list[str] = []
        self._current_stream_files: list[FilePart] = []
        self._current_stream_length = 0
        self._current_file_name: str | None = None
        self._current_file_pos = 0

    # Files.

    def start_new_file(self, newfilename: str | None = None) -> None:
        """End the current file, and begin another.

        Args:
            newfilename: Its name; None if it gets one later.

        Raises:
            ArgumentError: No file can have that name.
            WriterUseError: The current file has bytes and no name.
        """
        self.finish_current_file()
        self.set_current_file_name(newfilename)

    def set_current_file_name(self, newfilename: str | None) -> None:
        """Name the file that is being written.

        Args:
            newfilename: Its name, or its path from the stream. None takes the name away.

        Raises:
            ArgumentError: No file can have that name.
        """
        if newfilename is not None and not _components(newfilename):
            raise errors.ArgumentError(f"no file can be called {newfilename!r}")
        self._current_file_name = newfilename

    def current_file_name(self) -> str | None:
        """Return the name of the file that is being written; None if it has none yet."""
        return self._current_file_name

    def finish_current_file(self) -> None:
        """End the file that is being written, if there is one.

        Raises:
            WriterUseError: It has bytes and no name.
        """
        size = self._current_stream_length - self._current_file_pos
        if self._current_file_name is None:
            if size:
                raise errors.WriterUseError(
                    f"there are {size} bytes at {self._current_file_pos} in stream {self._current_stream_name!r} that"
                    " belong to no file: call set_current_file_name() first"
                )
            return
        self._current_stream_files.append(FilePart(self._current_file_pos, size, self._current_file_name))
        self._current_file_pos = self._current_stream_length
        self._current_file_name = None

    # Streams.

    def start_new_stream(self, newstreamname: str = ".") -> None:
        """End the current stream, and begin another.

        Args:
            newstreamname: Its name; one that there was already adds to that directory.

        Raises:
            ArgumentError: No stream can have that name.
            WriterUseError: The current file or the current stream has no name.
        """
        self.finish_current_stream()
        self.set_current_stream_name(newstreamname)

    def set_current_stream_name(self, newstreamname: str) -> None:
        """Name the stream that is being written.

        Args:
            newstreamname: Its name, with or without `./` before it; empty for `.`.

        Raises:
            ArgumentError: No stream can have that name.
        """
        _components(newstreamname)
        self._current_stream_name = newstreamname or "."

    def current_stream_name(self) -> str | None:
        """Return the name of the stream that is being written; None after the end of one."""
        return self._current_stream_name

    def finish_current_stream(self) -> None:
        """End the stream that is being written, with its last block. What comes next needs a new one.

        Raises:
            WriterUseError: The current file or the stream has no name.
        """
        self.finish_current_file()
        if self._current_stream_files:
            if self._current_stream_name is None:
                raise errors.WriterUseError(
                    f"there are {len(self._current_stream_files)} files behind the end of a stream:"
                    " call set_current_stream_name() first"
                )
            self._end_of_data()
            stream = FinishedStream(
                self._current_stream_name, self._current_stream_locators, self._current_stream_files
            )
            self._finished_streams.append(stream)
        self._begin_stream(None)

    def _end_of_data(self) -> None:
        """Make a block of what is left of the current stream."""
        raise NotImplementedError


def _components(path: Any) -> list[str]:
    """Return the names that a path consists of.

    Raises:
        ArgumentError: It leads upwards, or is no text.
    """
    if not isinstance(path, str):
        raise errors.ArgumentError(f"a name must be a text, not {type(path).__name__}")
    components = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in components:
        raise errors.ArgumentError(f"a name must not lead upwards: {path!r}")
    return components
