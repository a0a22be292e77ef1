"""Files of a collection to the local disk.

A file is written under another name in the directory that it belongs to, and renamed when it is whole. The other name
says what is to be in it, so that a later download finds what an interrupted one has left, and goes on behind the part
of it that proves to be right.
"""

import os
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NamedTuple

from keepset import errors
from keepset.manifest import Manifest
from keepset.transfer._compare import Blocks, matching
from keepset.transfer._local import local_name
from keepset.transfer._parallel import Jobs, Stop, checked_jobs, in_order
from keepset.transfer._values import Counter, Patterns, Progress, Transferred
from keepset.transfer._writing import Unfinished

__all__ = ["download"]

_UNIT = 2000
"""Files that share a block are the work of one thread, which fetches the block once; but not more of them than this."""


class _File(NamedTuple):
    name: str  # in the manifest
    target: str
    size: int
    has_target: bool = False  # there is a file already


class _Outcome(NamedTuple):
    file: _File
    copied: bool
    error: errors.KeepReadError | None = None


def download(
    collection: Any,
    local_path: str | os.PathLike[str],
    path: str = ".",
    *,
    include: Patterns = None,
    exclude: Patterns = None,
    jobs: int | None = None,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Transferred:
    """Copy a file, or the contents of a directory, of a collection to the local disk.

    What is there and identical is left alone; what is there and differs is replaced. What is in memory only is stored
    first. Nothing but contents is copied: new files get the permissions and times that new files get.

    Args:
        collection: A collection or subcollection.
        local_path: The directory that contents go to, made if it is missing. For a file, the directory, if there is
            one of that name, or else the new name.
        path: What to copy.
        include: Patterns of what to take, as `Manifest.subset` reads them, from `path`.
        exclude: Patterns of what to leave out even so.
        jobs: How many files are written at a time; None for four. Where there are fewer, the blocks of these are
            fetched side by side.
        dry_run: Say what would be done, and do nothing.
        progress: Called with bytes done, bytes in all, and the path.

    Raises:
        ArgumentError: A pattern is none, or `jobs` is less than 1.
        PathNotFoundError: There is nothing at `path`.
        TransferError: A file or directory cannot get its name there. Nothing has been written.
        KeepReadError: Some files could not be read; the others are there.
        OSError: A file cannot be written.
    """
    jobs = checked_jobs(jobs)
    item = collection.find(path)
    if item is None:
        raise errors.PathNotFoundError("no such file or directory", path)
    is_directory = hasattr(item, "keys")
    manifest = _manifest(item, is_directory=is_directory).subset(include, exclude)
    busy = Jobs(jobs)
    fetcher = collection.root_collection().block_manager.fetcher(jobs - 1)
    top = os.fspath(local_path)
    directories, files = _layout(manifest, top, is_directory=is_directory)
    if not dry_run:
        for directory in directories:
            os.makedirs(directory, exist_ok=True)  # noqa: PTH103 - paths are texts here: there may be a million
    counter = Counter(sum(file.size for file in files), progress)
    stop = Stop()

    def work(unit: list[_File]) -> list[_Outcome]:
        with busy:
            blocks = Blocks(fetcher, busy)
            return [_bring(file, manifest, blocks, counter, stop, dry_run=dry_run) for file in unit]

    try:
        outcomes = [outcome for unit in in_order(work, _units(manifest, files), jobs, stop) for outcome in unit]
    finally:
        fetcher.stop_threads()
    if failed := {outcome.file.name: outcome.error for outcome in outcomes if outcome.error is not None}:
        message = f"{len(failed)} of {len(files)} files could not be read"
        raise errors.KeepReadError(message, failed, label="file")
    return Transferred(
        copied=tuple(outcome.file.name for outcome in outcomes if outcome.copied),
        unchanged=tuple(outcome.file.name for outcome in outcomes if not outcome.copied),
        size=sum(outcome.file.size for outcome in outcomes if outcome.copied),
    )


def _manifest(item: Any, *, is_directory: bool) -> Manifest:
    """Return the manifest of a directory, or one with a file alone."""
    if is_directory:
        return Manifest.parse(item.manifest_text())
    only = "/" + re.sub(r"([*?\[\]{}\\])", r"\\\1", item.name)
    return Manifest.parse(item.parent.manifest_text()).subset(only)


def _layout(manifest: Manifest, top: str, *, is_directory: bool) -> tuple[list[str], list[_File]]:
    """Say where everything goes, and make sure that it can."""
    if not is_directory:
        files = [_File(name, top, size) for name, size in manifest.files()]
        if os.path.isdir(top):  # noqa: PTH112
            files = [_File(name, _inside(top, name), size) for name, size in manifest.files()]
        directories = []
    else:
        files = [_File(name, _inside(top, name), size) for name, size in manifest.files()]
        directories = [_inside(top, directory.removeprefix("./")) for directory, _, _ in manifest.walk()]
    for directory in directories:
        _check_directory(directory, is_top=directory == top)
    return directories, [file._replace(has_target=_has_file(file.target)) for file in files]


def _inside(top: str, name: str) -> str:
    """Return the local path of a name. A manifest has no `..`, but what has should never get any further than here."""
    if name in ("", "."):
        return top
    if "\0" in name or not {"", ".", ".."}.isdisjoint(name.split("/")):
        raise errors.TransferError(f"no file can have the name that it has in the collection: {name!r}", top)
    return os.path.join(top, local_name(name))  # noqa: PTH118


def _check_directory(path: str, *, is_top: bool) -> None:
    with suppress(FileNotFoundError):
        # A link that somebody has put there would lead out of the target; the target itself may be one.
        status = os.stat(path) if is_top else os.lstat(path)  # noqa: PTH116
        if stat.S_ISLNK(status.st_mode):
            raise errors.TransferError("a directory is to be here, and a symbolic link is: remove it first", path)
        if not stat.S_ISDIR(status.st_mode):
            raise errors.TransferError("a directory is to be here, and a file is: remove it first", path)


def _has_file(path: str) -> bool:
    """Tell whether there is a file, and refuse what is not one."""
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return False
    if stat.S_ISDIR(mode):
        raise errors.TransferError("a file is to be here, and a directory is: remove it first", path)
    if not stat.S_ISREG(mode):
        kind = "a symbolic link" if stat.S_ISLNK(mode) else "something else"
        raise errors.TransferError(f"a file is to be here, and {kind} is: remove it first", path)
    return True


def _units(manifest: Manifest, files: list[_File]) -> Iterator[list[_File]]:
    """Put files together that begin in one block."""
    units: dict[str, list[_File]] = {}
    for file in files:
        plan = manifest.read_plan(file.name, 0, 1)
        units.setdefault(plan[0][0] if plan else "", []).append(file)
    for unit in units.values():
        for start in range(0, len(unit), _UNIT):
            yield unit[start : start + _UNIT]


def _bring(file: _File, manifest: Manifest, blocks: Blocks, counter: Counter, stop: Stop, *, dry_run: bool) -> _Outcome:
    stop.check()
    plan = manifest.read_plan(file.name)
    try:
        if file.has_target and _is_there(file, plan, blocks, stop):
            counter.add(file.size, file.name)
            return _Outcome(file, copied=False)
        if dry_run:
            counter.add(file.size, file.name)
        else:
            with Unfinished(file.target, plan, file.size) as unfinished:
                unfinished.fill(blocks, stop, lambda size: counter.add(size, file.name))
    except errors.KeepReadError as error:
        return _Outcome(file, copied=False, error=error)
    return _Outcome(file, copied=True)


def _is_there(file: _File, plan: list[tuple[str, int, int]], blocks: Blocks, stop: Stop) -> bool:
    try:
        descriptor = os.open(file.target, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    except PermissionError:  # what cannot be read can be replaced all the same
        return False
    try:
        if os.fstat(descriptor).st_size != file.size:
            return False
        return matching(descriptor, plan, blocks, stop) == (len(plan), file.size)
    finally:
        os.close(descriptor)
