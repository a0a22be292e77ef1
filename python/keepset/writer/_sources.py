"""Local files on their way into streams: those of a directory tree in the order of the old writers, read ahead.

A tree is written a directory at a time, a stream for each: first the files of a directory by name, then its
subdirectories in their turn, behind those that wait already. From each file on, what is left to do is known, so that
a writer can stop there and another go on.
"""

import io
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from keepset.errors import TransferError
from keepset.transfer._local import collection_name, unfit

__all__ = ["NOTHING", "Directory", "Entry", "Rest", "Source", "read_ahead", "walk"]

_READ_AHEAD = 4 << 20
"""Files up to this size are read ahead whole; larger ones when it is their turn."""


class Directory(NamedTuple):
    """A directory that waits to be written.

    Attributes:
        path: Where it is.
        stream_name: The stream that its files go to.
        max_manifest_depth: How many levels of directories below it become streams of their own. Files that are deeper
            belong to the stream of the last level, with a path. Less than 0 for all levels.
    """

    path: str
    stream_name: str
    max_manifest_depth: int


class Rest(NamedTuple):
    """What is left to do: a window on a list that `walk` adds to, so that making one costs the same for any tree.

    Attributes:
        queue: The directories.
        start: Those before are done.
        end: Those behind were found later.
        names: What is in the directory at `start`, if somebody has looked.
        done: So many of the names are done.
    """

    queue: Sequence[Directory]
    start: int
    end: int
    names: Sequence[str]
    done: int

    @classmethod
    def of(cls, directories: Sequence[Directory], names: Sequence[str] = ()) -> "Rest":
        """Make one of what `directories` and `names_left` of another have said."""
        return cls(directories, 0, len(directories), names, 0)

    @property
    def directories(self) -> list[Directory]:
        """The directories; some names of the first are done already if there are `names_left`."""
        return list(self.queue[self.start : self.end])

    @property
    def names_left(self) -> list[str]:
        """What of the first directory is still to be written; empty if that is all of it."""
        return list(self.names[self.done :])

    def __bool__(self) -> bool:
        """Return whether anything is left."""
        return self.start < self.end


NOTHING = Rest.of(())


class Source(NamedTuple):
    """A file that is being written to a stream.

    Attributes:
        file: Where its bytes come from.
        path: Where it is; empty if only the file object is known, which then is not ours to close.
        status: What the system says of it.
    """

    file: Any
    path: str = ""
    status: os.stat_result | None = None

    @property
    def size(self) -> int:
        """How long the system says that it is."""
        return self.status.st_size if self.status else 0

    @classmethod
    def open(cls, path: str) -> "Source":
        """Open a local file.

        Raises:
            OSError: It cannot be opened.
        """
        file = open(path, "rb", buffering=0)  # noqa: PTH123, SIM115 - closed by whoever writes it to its end
        return cls(file, path, os.fstat(file.fileno()))

    def go_to(self, position: int) -> None:
        """See to it that reading goes on there: an interrupted `read` may have gone further."""
        if self.status is not None and stat.S_ISREG(self.status.st_mode):
            self.file.seek(position)

    def close(self) -> None:
        """Close the file if it is ours."""
        if self.path:
            self.file.close()


class Entry(NamedTuple):
    """A file of a tree whose turn it is, or what is wrong with it.

    Attributes:
        path: Where it is.
        name: Its name, or path, in the stream.
        stream_name: The stream.
        rest: What is left to do behind it.
        problem: Why it cannot be written.
        source: Its bytes, if they have been read ahead.
    """

    path: str
    name: str
    stream_name: str
    rest: Rest
    problem: OSError | None = None
    source: Source | None = None


def walk(rest: Rest) -> Iterator[Entry]:
    """Yield the files that are left to be written. What cannot be read is an entry, too: nothing is raised."""
    queue, names = rest.directories, rest.names_left
    for number, directory in enumerate(queue):  # which grows meanwhile
        path, stream_name, depth = directory
        try:
            names = names or _names(path, whole_tree=depth == 0)
        except OSError as error:
            yield Entry(path, "", stream_name, Rest(queue, number + 1, len(queue), (), 0), error)
            continue
        for done, name in enumerate(names, 1):
            local, own_name = os.path.join(path, name), collection_name(name)  # noqa: PTH118 - there may be a million
            is_directory, problem = _look_at(local)
            if is_directory and problem is None:
                queue.append(Directory(local, f"{stream_name}/{own_name}", depth - 1))
                continue
            start = number if done < len(names) else number + 1
            yield Entry(local, own_name, stream_name, Rest(queue, start, len(queue), names, done), problem)
        names = []


def _names(top: str, *, whole_tree: bool) -> list[str]:
    """Return the names in a directory, or the paths of all files below it, in order."""
    found, pending = [], [""]
    while pending:
        prefix = pending.pop()
        with os.scandir(os.path.join(top, prefix)) as entries:  # noqa: PTH118
            for entry in entries:
                if whole_tree and entry.is_dir() and _look_at(entry.path)[1] is None:
                    pending.append(f"{prefix}{entry.name}/")
                else:
                    found.append(prefix + entry.name)
    return sorted(found, key=collection_name)


def _look_at(path: str) -> tuple[bool, OSError | None]:
    """Return whether a path is a directory, and why it cannot be written."""
    try:
        status = os.stat(path)  # noqa: PTH116
    except OSError as error:
        return False, error
    if stat.S_ISREG(status.st_mode):
        return False, None
    if not stat.S_ISDIR(status.st_mode):
        return False, TransferError(unfit(status), path)
    parents = Path(path).absolute().parents if os.path.islink(path) else ()  # noqa: PTH114
    if any(os.path.samestat(status, os.stat(parent)) for parent in parents):  # noqa: PTH116
        return True, TransferError("a symbolic link to a directory that it is in: following it would never end", path)
    return True, None


def read_ahead(entry: Entry) -> Entry:
    """Read a file before it is its turn, unless it is large. Threads do this."""
    if entry.problem is not None:
        return entry
    try:
        source = Source.open(entry.path)
        with source.file as file:
            if source.size > _READ_AHEAD:
                return entry
            return entry._replace(source=source._replace(file=io.BytesIO(file.read())))
    except OSError as error:
        return entry._replace(problem=error)
