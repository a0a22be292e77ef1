"""Local files and directories into a collection.

Files are closed one after the other, in an order that depends on names only: the manifest, and so the portable data
hash, is the same whatever the number of threads that read ahead. It is also the same after an interruption: small
files, which are packed in order of closing, are taken over from the earlier attempt up to the first that has to be
read again, and none behind it; large files have blocks of their own, and are taken over wherever they are.
"""

import os
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

from keepset import errors
from keepset.blocks import PACKED_SIZE
from keepset.manifest import Manifest
from keepset.transfer._checkpoint import Checkpoint, Stored
from keepset.transfer._compare import PIECE, Blocks, matching
from keepset.transfer._local import LocalFile, LocalTree, scan
from keepset.transfer._parallel import Stop, checked_jobs, in_order
from keepset.transfer._values import Counter, Patterns, Progress, Transferred

__all__ = ["upload", "upload_stream"]

_READ_AHEAD = 4 << 20
"""Files up to this size are read ahead whole; larger ones when it is their turn."""


class _Task(NamedTuple):
    file: LocalFile
    name: str  # in the collection
    is_stored: bool  # by an earlier attempt


class _Prepared(NamedTuple):
    task: _Task
    is_there: bool = False
    data: bytes | None = None


def upload(
    collection: Any,
    local_path: str | os.PathLike[str],
    path: str = ".",
    *,
    include: Patterns = None,
    exclude: Patterns = None,
    jobs: int | None = None,
    dry_run: bool = False,
    progress: Progress | None = None,
    checkpoint: Checkpoint | None = None,
) -> Transferred:
    """Copy a local file, or the contents of a directory, into a collection. Saving it is up to the caller.

    Symbolic links are followed: what they lead to is stored. Directories are made, empty ones as well. A file that the
    collection has already with the same bytes is left alone; one that differs is replaced.

    Args:
        collection: A collection or subcollection.
        local_path: The file, or the directory whose contents are copied.
        path: The directory that they go to, made if it is missing. For a file, the directory, if there is one of that
            name or a slash at the end, or else the new name.
        include: Patterns of what to take, as `Manifest.subset` reads them, from `local_path`.
        exclude: Patterns of what to leave out even so.
        jobs: How many files are read at a time; None for four.
        dry_run: Say what would be done, and do nothing.
        progress: Called with bytes done, bytes in all, and the path.
        checkpoint: Where to note what is stored, and what an earlier attempt has noted. The caller removes it when the
            collection is saved.

    Raises:
        ArgumentError: A pattern is none, or `jobs` is less than 1.
        PathIsADirectoryError: A file would take the place of a directory. Nothing has been changed.
        PathNotADirectoryError: Likewise the other way round.
        TransferError: Something that is wanted cannot be copied, or a file changed while it was read.
        KeepWriteError: A block could not be stored.
        OSError: A file cannot be read.
    """
    jobs = checked_jobs(jobs)
    tree = scan(os.fspath(local_path), include, exclude)
    before = collection._snapshot()
    prefix = _prefix(tree, before, path)
    names = {file.name: prefix if tree.is_file else f"{prefix}{file.name}" for file in tree.files}
    empty = [f"{prefix}{name}" for name in tree.empty]
    _check(before, list(names.values()), [*empty, prefix.rstrip("/") if not tree.is_file else ""])
    root = collection.root_collection()
    if not dry_run and not root.writable():
        raise errors.ArgumentError("the collection is read-only")
    stored = checkpoint.read() if checkpoint and not dry_run else None
    tasks = [_Task(file, names[file.name], was_stored) for file, was_stored in _earlier(tree, names, stored, root)]
    counter = Counter(sum(file.size for file in tree.files), progress)
    run = _Run(collection, counter, stored, checkpoint if not dry_run else None, before, dry_run=dry_run)
    try:
        for prepared in in_order(run.prepare, tasks, jobs, run.stop):
            run.finish(prepared)
    except BaseException:
        if not dry_run:
            run.interrupted()
        raise
    if not dry_run:
        for name in [*empty, *([prefix] if prefix and not tree.is_file else [])]:
            collection.mkdirs(name.rstrip("/"))
        if checkpoint is not None:
            checkpoint.write(run.manifest)
    return Transferred(tuple(run.copied), tuple(run.unchanged), tuple(run.resumed), run.size)


def upload_stream(collection: Any, stream: BinaryIO, path: str, *, progress: Progress | None = None) -> Transferred:
    """Copy what a stream has, such as standard input, into a file of a collection.

    Args:
        collection: A collection or subcollection.
        stream: A binary file object.
        path: The file.
        progress: Called with bytes done, and as `bytes in all` the same, for nobody knows.

    Raises:
        KeepWriteError: A block could not be stored.
        OSError: The stream cannot be read.
    """
    size = 0
    with collection.open(path, "wb") as file:
        while data := stream.read(PIECE):
            file.write(data)
            size += len(data)
            if progress is not None:
                progress(size, size, path)
    return Transferred(copied=(path,), size=size)


def _prefix(tree: LocalTree, before: Manifest, path: str) -> str:
    """Return what the names of the tree follow in the collection; for a file, its whole name."""
    clean = "/".join(part for part in path.split("/") if part not in ("", "."))
    is_directory = not clean or path.endswith(("/", "/.")) or (clean in before and before.stat(clean).is_dir())
    if not tree.is_file:
        return f"{clean}/" if clean else ""
    if not is_directory or not tree.files:
        return clean
    return f"{clean}/{tree.files[0].name}" if clean else tree.files[0].name


def _check(before: Manifest, files: list[str], directories: list[str]) -> None:
    """Refuse what would take the place of something of another kind."""
    if not before.file_count and not before.directory_count:
        return
    parents = {name.rpartition("/")[0] for name in files} | set(directories)
    for name in sorted(parents - {""}):
        parts = name.split("/")
        for end in range(1, len(parts) + 1):
            above = "/".join(parts[:end])
            if above in before and before.stat(above).is_file():
                raise errors.PathNotADirectoryError("a directory is to be here, and there is a file", above)
    for name in files:
        if name in before and before.stat(name).is_dir():
            raise errors.PathIsADirectoryError("a file is to be here, and there is a directory", name)


def _earlier(
    tree: LocalTree, names: dict[str, str], stored: Stored | None, root: Any
) -> Iterator[tuple[LocalFile, bool]]:
    """Say of each file whether it can be taken over from the earlier attempt; see the module."""
    keep: Any = root._my_keep() if stored else None
    in_turn = True
    for file in tree.files:
        is_packed = 0 < file.size <= PACKED_SIZE
        was_stored = stored is not None and stored.has(file, names[file.name], keep) and (in_turn or not is_packed)
        if is_packed:
            in_turn = in_turn and was_stored
        yield file, was_stored


class _Run:
    """An upload that is going on.

    Args:
        collection: As for `upload`.
        counter: Whom to tell.
        stored: What an earlier attempt has stored.
        checkpoint: Where to note what is stored.
        before: What the collection had.
        dry_run: Whether to change nothing.
    """

    def __init__(
        self,
        collection: Any,
        counter: Counter,
        stored: Stored | None,
        checkpoint: Checkpoint | None,
        before: Manifest,
        *,
        dry_run: bool,
    ) -> None:
        self.stop = Stop()
        self.copied: list[str] = []
        self.unchanged: list[str] = []
        self.resumed: list[str] = []
        self.size = 0
        self._collection = collection
        self._counter = counter
        self._stored = stored
        self._source = self._reader(stored.manifest) if stored else None
        self._checkpoint = checkpoint
        self._before = before
        self._dry_run = dry_run

    def _reader(self, manifest: Manifest) -> Any:
        from keepset.collection import CollectionReader

        root = self._collection.root_collection()
        return CollectionReader(manifest, api_client=root._api_client, keep_client=root._keep_client)

    def manifest(self) -> str:
        """Give the manifest of what is stored, and wait for nothing."""
        text: str = self._collection.manifest_text(only_committed=True)
        return text

    def prepare(self, task: _Task) -> _Prepared:
        """Read a file ahead, or find that the collection has it. Threads do this."""
        self.stop.check()
        file, name, is_stored = task
        if is_stored:
            return _Prepared(task)
        if name in self._before and self._before.stat(name).size == file.size:
            plan = self._before.read_plan(name)
            blocks = Blocks(self._collection.root_collection()._my_block_manager())
            descriptor = os.open(file.path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                if matching(descriptor, plan, blocks, self.stop) == (len(plan), file.size):
                    return _Prepared(task, is_there=True)
            finally:
                os.close(descriptor)
        if self._dry_run or file.size > _READ_AHEAD:
            return _Prepared(task)
        with open(file.path, "rb", buffering=0) as local:  # noqa: PTH123
            data = local.read(file.size + 1)
            _check_unchanged(file, local.fileno(), len(data))
        return _Prepared(task, data=data)

    def finish(self, prepared: _Prepared) -> None:
        """Put a file into the collection, when it is its turn."""
        file, name, is_stored = prepared.task
        done = file.size
        if is_stored:
            self._collection.copy(name, name, source_collection=self._source, overwrite=True)
            self.resumed.append(name)
        elif prepared.is_there:
            self.unchanged.append(name)
        else:
            self.copied.append(name)
            self.size += file.size
            if not self._dry_run:
                done = 0
                self._write(file, name, prepared.data)
        self._counter.add(done, name)
        if self._checkpoint is not None:
            self._checkpoint.add(file, self.manifest)

    def _write(self, file: LocalFile, name: str, data: bytes | None) -> None:
        writer = self._collection.open(name, "wb")
        try:
            with writer:
                if data is not None:
                    writer.write(data)
                    self._counter.add(len(data), name)
                else:
                    self._stream(file, name, writer)
        except BaseException:
            self._collection.remove(name)  # not half of it
            raise

    def _stream(self, file: LocalFile, name: str, writer: Any) -> None:
        size = 0
        with open(file.path, "rb", buffering=0) as local:  # noqa: PTH123
            while size <= file.size and (data := local.read(PIECE)):
                writer.write(data)
                size += len(data)
                self._counter.add(len(data), name)
            _check_unchanged(file, local.fileno(), size)

    def interrupted(self) -> None:
        """Note what is stored; what is on its way may arrive first."""
        if self._checkpoint is not None:
            self._collection.root_collection().stop_threads()
            self._checkpoint.write(self.manifest)


def _check_unchanged(file: LocalFile, descriptor: int, size: int) -> None:
    status = os.fstat(descriptor)
    if size != file.size or [status.st_size, status.st_mtime_ns, status.st_ino] != file.signature:
        raise errors.TransferError("changed while it was copied: copy it again when nobody writes to it", file.path)
