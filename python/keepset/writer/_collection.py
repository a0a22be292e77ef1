"""Local files, and what a program gives, written into a collection from front to back."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keepset import config, errors
from keepset._directory import CollectionBase
from keepset._writers import _WriterFile
from keepset._writing import plain_bytes
from keepset.arvfile import split
from keepset.manifest import Manifest
from keepset.transfer._local import collection_name
from keepset.transfer._parallel import Stop, checked_jobs, in_order
from keepset.writer._cutting import BlockWriter
from keepset.writer._sources import NOTHING, Directory, Entry, Rest, Source, read_ahead, walk

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["CollectionWriter", "name_of"]


class CollectionWriter(BlockWriter, CollectionBase):
    r"""Writes a collection that there is not yet, one file after the other.

    Blocks are uploaded while writing goes on. An upload that failed is reported by what is called next; its bytes are
    kept, and `manifest_text` tries again. One thread at a time may use a writer.

    Args:
        api_client: What makes the record, and has the Keep client: `open_store(…)`, or a client of the Arvados API;
            the default one, if it is None.
        num_retries: How often requests are tried again.
        replication: On how many services blocks are stored; two, if it is None.

    Examples:
        >>> from tempfile import TemporaryDirectory
        >>> from keepset import CollectionReader, CollectionWriter, open_store
        >>> with TemporaryDirectory() as folder, open_store(folder) as store:
        ...     writer = CollectionWriter(store)
        ...     writer.start_new_file("a.txt")
        ...     writer.write(b"foo")
        ...     with writer.open("./b", "c.txt") as file:
        ...         _ = file.write(b"bar")
        ...     print(writer.manifest_text(), end="")
        ...     list(CollectionReader(writer.finish(), store))
        . acbd18db4cc2f85cedef654fccc4a4d8+3 0:3:a.txt
        ./b 37b51d194a7513e45b56f6524f2d51f2+3 0:3:c.txt
        ['a.txt', 'b']
    """

    def __init__(self, api_client: Any = None, num_retries: int = 0, replication: int | None = None) -> None:
        super().__init__(api_client, num_retries, 2 if replication is None else replication)
        self._queued_file: Source | None = None
        self._left: Rest = NOTHING
        self._last_open: _WriterFile | None = None

    # Local files.

    def write_file(self, source: Any, filename: str | None = None) -> None:
        """Write a file of the current stream from a local one.

        Args:
            source: Its path, or a file object, which is read to its end and not closed.
            filename: Its name in the stream; that of the local file, if it is None.

        Raises:
            ArgumentError: There is no name.
            OSError: It cannot be read.
            KeepWriteError: A block could not be stored. `do_queued_work` goes on with the file.
            WriterUseError: An earlier file is still queued, or the current one has no name.
        """
        if self._queued_file is not None:
            raise errors.WriterUseError("another file is still queued: call do_queued_work() first")
        opened = Source(source) if hasattr(source, "read") else Source.open(os.fsdecode(source))
        self._queue_file(opened, filename)
        self.do_queued_work()

    def write_directory_tree(
        self, path: str | os.PathLike[str], stream_name: str = ".", max_manifest_depth: int = -1
    ) -> None:
        """Write all files in and below a local directory, in an order that depends on their names only.

        Each directory becomes a stream. Symbolic links are followed. Directories without files leave no trace.

        Args:
            path: The directory.
            stream_name: The stream of the files in it.
            max_manifest_depth: How many levels of directories below it become streams; files that are deeper belong
                to the stream of the last level, with a path for a name. Less than 0 for all levels.

        Raises:
            OSError: Something cannot be read, or is neither a file nor a directory. `do_queued_work` goes on behind it.
            KeepWriteError: A block could not be stored. `do_queued_work` goes on where it was.
            WriterUseError: The current file has no name.
        """
        top = str(Path(os.fsdecode(path)).absolute())
        os.scandir(top).close()  # a name that was mistyped leaves nothing queued
        directory = Directory(top, stream_name or ".", max_manifest_depth)
        self._left = Rest.of([*self._left.directories, directory], self._left.names_left)
        self.do_queued_work()

    def do_queued_work(self) -> None:
        """Write what an error has kept `write_file` or `write_directory_tree` from writing, or what a state has left.

        Raises:
            OSError: As theirs.
            KeepWriteError: As theirs.
        """
        if self._queued_file is not None:
            self._work_file(self._queued_file)
        if self._left:
            for entry in in_order(read_ahead, walk(self._left), checked_jobs(None), Stop()):
                self._take(entry)
            self._left = NOTHING

    def _take(self, entry: Entry) -> None:
        """Write a file of a tree. What cannot be read is told of once, and left out."""
        if entry.stream_name != self.current_stream_name():
            self.start_new_stream(entry.stream_name)
        self.finish_current_file()
        self._left = entry.rest
        if entry.problem is not None:
            raise entry.problem
        source = entry.source or Source.open(entry.path)
        self._queue_file(source, entry.name)
        self._work_file(source)

    def _queue_file(self, source: Source, filename: str | None) -> None:
        try:
            self.start_new_file(name_of(source) if filename is None else filename)
        except BaseException:
            source.close()
            raise
        self._queued_file = source

    def _work_file(self, source: Source) -> None:
        source.go_to(self._current_stream_length - self._current_file_pos)
        while True:
            self._report()
            data = source.file.read(config.KEEP_BLOCK_SIZE - self._data_buffer_len)
            if not data:
                break
            self._append(plain_bytes(data))
        self._queued_file = None
        self.finish_current_file()
        source.close()

    # The collection.

    def open(self, streampath: str, filename: str | None = None) -> _WriterFile:
        """Return a file object for a new file. Only one can be open at a time.

        Args:
            streampath: The path of the file; or of its stream, if there is a `filename`.
            filename: The name of the file.

        Raises:
            ArgumentError: No file can have that name.
            WriterUseError: Another one is open.
        """
        if filename is None:
            streampath, filename = split(streampath)
        if self._last_open is not None and not self._last_open.closed:
            raise errors.WriterUseError(f"{filename!r} cannot be opened while {self._last_open.name!r} is open")
        if streampath != self.current_stream_name():
            self.start_new_stream(streampath)
        self.start_new_file(filename)
        self._last_open = _WriterFile(self, filename)
        return self._last_open

    def manifest_text(self) -> str:
        """End the current stream, wait for all uploads, and return the manifest, as it was written.

        Raises:
            KeepWriteError: Some blocks could not be stored. Nothing is lost: call this again.
            ManifestError: Something is both a file and a directory.
            WriterUseError: The current file or stream has no name, or local files are still queued.
        """
        return self._manifest().text

    def portable_data_hash(self) -> str:
        """Return the hash of `stripped_manifest`.

        Raises:
            KeepWriteError: As `manifest_text` does.
        """
        return self._manifest().portable_data_hash

    def data_locators(self) -> list[str]:
        """Return the locators of all blocks of finished streams, in order.

        Raises:
            KeepWriteError: As `manifest_text` does.
        """
        self._settle()
        return [locator for stream in self._finished_streams for locator in stream.blocks]

    def finish(self) -> str:
        """Store the manifest in Keep, and return its locator, with which a `CollectionReader` reads the collection.

        Raises:
            KeepWriteError: It, or a block of the collection, could not be stored. Nothing is lost: call this again.
        """
        text = self.manifest_text().encode("utf-8", "surrogateescape")
        locator: str = self._my_keep().put(text, copies=self.replication, num_retries=self.num_retries)
        return locator

    def save_new(self, name: str | None = None) -> dict[str, Any]:
        """Make a record of the collection.

        Args:
            name: Its name, which is changed if another record has it; one with the time, if it is None.

        Returns:
            The record.

        Raises:
            ApiError: The catalog refuses it.
            KeepWriteError: As `manifest_text` does.
        """
        name = name or time.strftime("New collection %Y-%m-%d %H:%M:%S %Z", time.localtime())
        body = {"name": name, "manifest_text": self.manifest_text()}
        request = self._my_api().collections().create(ensure_unique_name=True, body=body)
        record: dict[str, Any] = request.execute(num_retries=self.num_retries)
        return record

    def _manifest(self) -> Manifest:
        if self._queued_file is not None or self._left:
            raise errors.WriterUseError("local files are still queued: call do_queued_work() first")
        self.finish_current_stream()
        self._settle()
        return Manifest.parse("".join([stream.text() for stream in self._finished_streams]))

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Store the manifest in Keep, unless there was an exception; end the threads."""
        try:
            if exc_type is None:
                self.finish()
        finally:
            if self._queued_file is not None:
                self._queued_file.close()
            if self._block_manager is not None:
                self._block_manager.stop_threads()


def name_of(source: Source) -> str:
    """Return the name of a local file, as a collection has it.

    Raises:
        ArgumentError: It has none.
    """
    path = source.path or getattr(source.file, "name", None)
    if not isinstance(path, (str, bytes, os.PathLike)):
        raise errors.ArgumentError("the source has no name of its own: say filename=")
    return collection_name(os.path.basename(os.fsdecode(path)))  # noqa: PTH119
