"""Local trees: what is in a directory, in an order that depends on names only, and what of it is wanted.

Names in collections are bytes that are UTF-8 where they can be, whatever the locale of this process says; the paths
here are what the operating system gave.
"""

import os
import stat
from collections.abc import Iterable
from typing import NamedTuple

from keepset.errors import TransferError
from keepset.manifest import Manifest, escape
from keepset.transfer._values import Patterns

__all__ = ["EMPTY_BLOCK", "LocalFile", "LocalTree", "collection_name", "local_name", "scan", "unfit"]

EMPTY_BLOCK = "d41d8cd98f00b204e9800998ecf8427e+0"
_KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}

_Identity = tuple[int, int]
"""Device and inode."""
_Pending = tuple[str, str, frozenset[_Identity]]
"""A directory to be looked into: where it is, what the names in it follow, and the directories that it is in."""


class LocalFile(NamedTuple):
    """A file to be copied.

    Attributes:
        name: Its path from the top of the tree, as a collection has it.
        path: Where it is.
        size: Its bytes.
        mtime_ns: When it was last written.
        inode: The number of its inode.
    """

    name: str
    path: str
    size: int
    mtime_ns: int
    inode: int

    @property
    def signature(self) -> list[int]:
        """What changes when the file does, as far as one can tell without reading it."""
        return [self.size, self.mtime_ns, self.inode]


class LocalTree(NamedTuple):
    """What was found.

    Attributes:
        is_file: Whether the top is itself a file, the only one.
        files: The files: those of a directory by name, then those below its subdirectories.
        empty: The directories with nothing in them that was wanted.
        links: The symbolic links that were left out, where they are not followed.
    """

    is_file: bool
    files: list[LocalFile]
    empty: list[str]
    links: list[str]


class _Found(NamedTuple):
    """Everything below a directory, wanted or not."""

    files: list[LocalFile]
    empty: list[str]
    problems: dict[str, TransferError]  # by name
    directories: set[str]  # those that are problems themselves
    links: list[str]  # those that are not followed


def collection_name(name: str) -> str:
    """Give a name of the operating system as collections have it."""
    return os.fsencode(name).decode("utf-8", "surrogateescape")


def local_name(name: str) -> str:
    """Give a name of a collection as the operating system takes it."""
    return os.fsdecode(name.encode("utf-8", "surrogateescape"))


def unfit(status: os.stat_result) -> str:
    """Say why something that is neither a file nor a directory cannot be copied."""
    kind = _KINDS.get(stat.S_IFMT(status.st_mode), "something else")
    return f"neither a file nor a directory but {kind}, which collections cannot hold"


def scan(top: str, include: Patterns = None, exclude: Patterns = None, *, follow_links: bool = True) -> LocalTree:
    """Find what is to be copied.

    Args:
        top: A directory or a file, or a symbolic link to one.
        include: Patterns of what to take.
        exclude: Patterns of what to leave out even so.
        follow_links: Whether what symbolic links below the top lead to is taken.

    Raises:
        ArgumentError: A pattern is none.
        TransferError: Something that is wanted cannot be copied: a link that leads nowhere or into a circle, a pipe.
        OSError: The top cannot be read.
    """
    status = os.stat(top)  # noqa: PTH116 - paths here are texts: there may be a million of them
    is_file = not stat.S_ISDIR(status.st_mode)
    found = _Found([], [], {}, set(), [])
    if is_file:
        _add(found, collection_name(os.path.basename(os.path.abspath(top))), top, status)  # noqa: PTH100, PTH119
    else:
        _walk(found, top, (status.st_dev, status.st_ino), exclude, follow_links=follow_links)
    if include is not None or exclude is not None:
        found = _wanted(found, include, exclude)
    for number, problem in enumerate(found.problems.values()):
        if number == 0 and len(found.problems) > 1:
            problem.add_note(f"and {len(found.problems) - 1} more like this")
        raise problem
    return LocalTree(is_file, found.files, found.empty, found.links)


def _walk(found: _Found, top: str, identity: _Identity, exclude: Patterns, *, follow_links: bool) -> None:
    pending: list[_Pending] = [(top, "", frozenset([identity]))]
    while pending:
        path, prefix, above = pending.pop()
        try:
            with os.scandir(path) as entries:
                children = sorted((collection_name(entry.name), entry) for entry in entries)
        except OSError as error:
            if not prefix:
                raise
            _refuse(found, prefix[:-1], path, error.strerror or str(error), is_directory=True)
            continue
        if not follow_links:
            found.links.extend(prefix + child for child, entry in children if entry.is_symlink())
            children = [(child, entry) for child, entry in children if not entry.is_symlink()]
        if not children and prefix:
            found.empty.append(prefix[:-1])
        below = []
        for child, entry in children:
            name = prefix + child
            try:
                status = entry.stat()
            except OSError as error:
                what = "a symbolic link to what is not there, or to itself" if entry.is_symlink() else error.strerror
                _refuse(found, name, entry.path, what or str(error))
                continue
            if not stat.S_ISDIR(status.st_mode):
                _add(found, name, entry.path, status)
                continue
            identity = (status.st_dev, status.st_ino)
            if identity in above:
                what = "a symbolic link to a directory that it is in: following it would never end"
                _refuse(found, name, entry.path, what, is_directory=True)
            else:
                below.append((entry.path, f"{name}/", above | {identity}))
        if exclude is not None:
            below = _entered(below, exclude)
        pending += reversed(below)


def _entered(below: list[_Pending], exclude: Patterns) -> list[_Pending]:
    """Leave out the directories that are excluded, and so all below them; there may be a lot of it."""
    kept = _manifest([], (prefix[:-1] for _, prefix, _ in below)).subset(None, exclude)
    return [directory for directory in below if directory[1][:-1] in kept]


def _add(found: _Found, name: str, path: str, status: os.stat_result) -> None:
    if stat.S_ISREG(status.st_mode):
        found.files.append(LocalFile(name, path, status.st_size, status.st_mtime_ns, status.st_ino))
    else:
        _refuse(found, name, path, unfit(status))


def _refuse(found: _Found, name: str, path: str, what: str, *, is_directory: bool = False) -> None:
    found.problems[name] = TransferError(what, path)
    if is_directory:
        found.directories.add(name)


def _wanted(found: _Found, include: Patterns, exclude: Patterns) -> _Found:
    """Choose by the engine's own rules: those of `Manifest.subset`, on a manifest with all the names."""
    others = [name for name in found.problems if name not in found.directories]
    names = [file.name for file in found.files] + others
    kept = _manifest(names, [*found.empty, *found.directories]).subset(include, exclude)
    files = {path for path, _ in kept.files()}
    empty = {path.removeprefix("./") for path, below, inside in kept.walk() if not below and not inside}
    # By themselves: a directory with nothing but links in it is as empty as others.
    links = {path for path, _ in _manifest(found.links, []).subset(include, exclude).files()}
    return _Found(
        [file for file in found.files if file.name in files],
        [name for name in found.empty if name in empty],
        {
            name: problem
            for name, problem in found.problems.items()
            if name in (empty if name in found.directories else files)
        },
        found.directories,
        [name for name in found.links if name in links],
    )


def _manifest(names: Iterable[str], directories: Iterable[str]) -> Manifest:
    """Write names of files and of empty directories as a manifest."""
    streams: dict[str, list[str]] = {}
    for name in names:
        directory, _, base = name.rpartition("/")
        streams.setdefault(directory, []).append(f"0:0:{escape(base)}")
    for directory in directories:
        streams[directory] = ["0:0:\\056"]
    return Manifest.parse("".join(_line(directory, tokens) for directory, tokens in streams.items()))


def _line(directory: str, tokens: Iterable[str]) -> str:
    return f"{escape(f'./{directory}') if directory else '.'} {EMPTY_BLOCK} {' '.join(tokens)}\n"
