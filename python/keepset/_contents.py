"""What a collection can be asked beyond the names of 3.2.1: walking, finding, sizes, and whole files at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator

    from keepset.collection import Collection
    from keepset.manifest import Manifest, Stat
    from keepset.transfer import Transferred

__all__ = ["Contents"]

_HERE = "."


class Contents:
    """Questions about a directory of a collection, answered by the engine without an object for each file."""

    if TYPE_CHECKING:
        _root: Collection
        _id: int

        def open(self, path: str, mode: str = "r", encoding: str | None = None) -> Any: ...

    def snapshot(self) -> Manifest:
        """Return what is here as a manifest, with bytes in memory hashed and not stored, unlike `manifest`."""
        return self._root._preview(self._id)

    def files(self) -> Iterator[tuple[str, int]]:
        """Yield the path from here and the size in bytes of each file below."""
        return self.snapshot().files()

    def walk(self, top: str = _HERE) -> Iterator[tuple[str, list[str], list[str]]]:
        """Yield (path, names of directories, names of files) for each directory, as `os.walk` does.

        Args:
            top: Where to begin.

        Raises:
            PathNotFoundError: There is no such path.
            PathNotADirectoryError: It is a file.
        """
        return self.snapshot().walk(top)

    def listdir(self, path: str = _HERE) -> list[str]:
        """Return the names in a directory.

        Args:
            path: From here.
        """
        return self.snapshot().listdir(path)

    def glob(self, pattern: str) -> list[str]:
        """Return the paths that match a pattern, as `pathlib.Path.glob` does.

        Args:
            pattern: `*`, `?` and `[…]` do not cross a slash, `**` does.
        """
        return self.snapshot().glob(pattern)

    def stat(self, path: str = _HERE) -> Stat:
        """Return type and size of what is at a path.

        Args:
            path: From here.
        """
        return self.snapshot().stat(path)

    def du(self, depth: int | None = None) -> dict[str, int]:
        """Return the bytes below each directory, by path.

        Args:
            depth: How many levels down; None for all.
        """
        return self.snapshot().du(depth)

    def read_bytes(self, path: str) -> bytes:
        """Return all bytes of a file.

        Args:
            path: From here.
        """
        with self.open(path, "rb") as file:
            data: bytes = file.read()
        return data

    def read_text(self, path: str, encoding: str | None = None) -> str:
        """Return the text of a file.

        Args:
            path: From here.
            encoding: UTF-8, if it is None.
        """
        with self.open(path, "r", encoding) as file:
            text: str = file.read()
        return text

    def write_bytes(self, path: str, data: bytes | bytearray | memoryview) -> int:
        """Make a file have these bytes, and return their number.

        Args:
            path: From here; missing collections on the way are made.
            data: The bytes.
        """
        with self.open(path, "wb") as file:
            size: int = file.write(data)
        return size

    def write_text(self, path: str, text: str, encoding: str | None = None) -> int:
        """Make a file have this text, and return the number of its characters.

        Args:
            path: From here; missing collections on the way are made.
            text: The text.
            encoding: UTF-8, if it is None.
        """
        with self.open(path, "w", encoding) as file:
            size: int = file.write(text)
        return size

    def upload(
        self,
        local_path: str | os.PathLike[str],
        path: str = _HERE,
        *,
        include: str | Iterable[str] | None = None,
        exclude: str | Iterable[str] | None = None,
        follow_links: bool = True,
        jobs: int | None = None,
        dry_run: bool = False,
        progress: Callable[[int, int, str], object] | None = None,
    ) -> Transferred:
        """Copy a local file or directory into the collection.

        Args:
            local_path: The file, or the directory whose contents are copied.
            path: The collection, or for a file also the name, that it goes to.
            include: Patterns of what to take.
            exclude: Patterns of what to leave out even so.
            follow_links: Whether what symbolic links lead to is stored; otherwise they are left out.
            jobs: How many files are read at a time.
            dry_run: Say what would be done, and do nothing.
            progress: Called with bytes done, bytes in all, and the path.

        Raises:
            OSError: A file cannot be read.
        """
        from keepset import transfer

        return transfer.upload(
            self,
            local_path,
            path,
            include=include,
            exclude=exclude,
            follow_links=follow_links,
            jobs=jobs,
            dry_run=dry_run,
            progress=progress,
        )

    def download(
        self,
        local_path: str | os.PathLike[str],
        path: str = _HERE,
        *,
        include: str | Iterable[str] | None = None,
        exclude: str | Iterable[str] | None = None,
        jobs: int | None = None,
        dry_run: bool = False,
        progress: Callable[[int, int, str], object] | None = None,
    ) -> Transferred:
        """Copy a file or a directory of the collection to the local disk.

        What is there and identical is left alone. No file appears under its name before it is whole.

        Args:
            local_path: The directory that it goes to, or for a file also the name.
            path: What to copy.
            include: Patterns of what to take.
            exclude: Patterns of what to leave out even so.
            jobs: How many files are written at a time.
            dry_run: Say what would be done, and do nothing.
            progress: Called with bytes done, bytes in all, and the path.

        Raises:
            OSError: A file cannot be written.
            KeepReadError: A block cannot be read.
        """
        from keepset import transfer

        return transfer.download(
            self, local_path, path, include=include, exclude=exclude, jobs=jobs, dry_run=dry_run, progress=progress
        )
