"""Local files and directories into a collection.

Files are closed one after the other, in an order that depends on names only: the manifest, and so the portable data
hash, is the same whatever the number of threads that read ahead, and (see `_resume`) whether there were interruptions.
"""

import os
from collections.abc import Callable
from typing import Any, BinaryIO, NamedTuple

from keepset import errors
from keepset.blocks import BLOCK_SIZE
from keepset.manifest import Manifest
from keepset.transfer._checkpoint import Checkpoint, Stored
from keepset.transfer._compare import PIECE, Blocks, matching
from keepset.transfer._estimate import size_of_upload
from keepset.transfer._local import LocalFile, LocalTree, scan
from keepset.transfer._parallel import Stop, checked_jobs, in_order
from keepset.transfer._resume import taken_over
from keepset.transfer._values import Counter, Patterns, Progress, Transferred

__all__ = ["upload", "upload_stream"]

_READ_AHEAD = 4 << 20
"""Files up to this size are read ahead whole; larger ones when it is their turn."""


class _Task(NamedTuple):
    file: LocalFile
    name: str  # in the collection
    stored: int | None  # how many bytes an earlier attempt has stored

    @property
    def is_stored(self) -> bool:
        return self.stored == self.file.size


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
    follow_links: bool = True,
    jobs: int | None = None,
    dry_run: bool = False,
    progress: Progress | None = None,
    checkpoint: Checkpoint | None = None,
    warn: Callable[[str], object] | None = None,
) -> Transferred:
    """Copy a local file, or the contents of a directory, into a collection. Saving it is up to the caller.

    Directories are made, empty ones as well. A file that the collection has already with the same bytes is left alone;
    one that differs is replaced.

    Args:
        collection: A collection or subcollection.
        local_path: The file, or the directory whose contents are copied.
        path: The directory that they go to, made if it is missing. For a file, the directory, if there is one of that
            name or a slash at the end, or else the new name.
        include: Patterns of what to take, as `Manifest.subset` reads them, from `local_path`.
        exclude: Patterns of what to leave out even so.
        follow_links: Whether what symbolic links lead to is stored. Otherwise they are left out, but for `local_path`
            itself.
        jobs: How many files are read at a time; None for four.
        dry_run: Say what would be done, and do nothing.
        progress: Called with bytes done, bytes in all, and the path.
        checkpoint: Where to note what is stored, and what an earlier attempt has noted. The caller removes it when the
            collection is saved.
        warn: Called with a line, before anything is stored, if the manifest will be larger than servers take.

    Raises:
        ArgumentError: A pattern is none, or `jobs` is less than 1.
        PathIsADirectoryError: A file would take the place of a directory. Nothing has been changed.
        PathNotADirectoryError: Likewise the other way round.
        TransferError: Something that is wanted cannot be copied, or a file changed while it was read.
        KeepWriteError: A block could not be stored.
        OSError: A file cannot be read.
    """
    jobs = checked_jobs(jobs)
    tree = scan(os.fspath(local_path), include, exclude, follow_links=follow_links)
    before = collection.snapshot()
    prefix = _prefix(tree, before, path)
    names = {file.name: prefix if tree.is_file else f"{prefix}{file.name}" for file in tree.files}
    empty = [f"{prefix}{name}" for name in tree.empty]
    _check(before, list(names.values()), [*empty, prefix.rstrip("/") if not tree.is_file else ""])
    if warn is not None:
        _warn(before, {names[file.name]: file.size for file in tree.files}, empty, warn)
    root = collection.root_collection()
    if not dry_run and not root.writable():
        raise errors.ArgumentError("the collection is read-only")
    stored = checkpoint.read() if checkpoint and not dry_run else None
    sizes = taken_over(tree.files, names, stored, before, root.block_manager) if stored else {}
    tasks = [_Task(file, names[file.name], sizes.get(file.name)) for file in tree.files]
    counter = Counter(sum(file.size for file in tree.files), progress)
    run = _Run(collection, counter, stored, checkpoint if not dry_run else None, before, dry_run=dry_run)
    try:
        for prepared in in_order(run.prepare, tasks, jobs, run.stop):
            run.finish(prepared)
    finally:
        run.note()
    if not dry_run:
        for name in [*empty, *([prefix] if prefix and not tree.is_file else [])]:
            collection.find_or_create(name.rstrip("/"), "collection")
    left_out = tuple(f"{prefix}{name}" for name in tree.links)
    return Transferred(tuple(run.copied), tuple(run.unchanged), tuple(run.resumed), run.size, left_out)


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


def _warn(before: Manifest, sizes: dict[str, int], empty: list[str], warn: Callable[[str], object]) -> None:
    size = size_of_upload(before, sizes, empty)
    if size is not None and size.warning is not None:
        warn(size.warning)


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
        self._collection = collection
        self._manager = collection.root_collection().block_manager
        self._fetcher = self._manager.fetcher(0)
        self.stop = Stop()
        self.copied: list[str] = []
        self.unchanged: list[str] = []
        self.resumed: list[str] = []
        self.size = 0
        self._counter = counter
        self._stored = stored
        self._source = self._reader(stored.manifest) if stored else None
        self._checkpoint = checkpoint
        self._before = before
        self._dry_run = dry_run

    def _reader(self, manifest: Manifest) -> Any:
        from keepset.collection import CollectionReader

        return CollectionReader(manifest, block_manager=self._manager)

    def prepare(self, task: _Task) -> _Prepared:
        """Read a file ahead, or find that the collection has it. Threads do this."""
        self.stop.check()
        file, name, _ = task
        if task.stored is not None:
            return _Prepared(task)
        if name in self._before and self._before.stat(name).size == file.size and self._is_same(file, name):
            return _Prepared(task, is_there=True)
        if self._dry_run or file.size > _READ_AHEAD:
            return _Prepared(task)
        with open(file.path, "rb", buffering=0) as local:  # noqa: PTH123
            data = local.read(file.size + 1)
            _check_unchanged(file, local.fileno(), len(data))
        return _Prepared(task, data=data)

    def _is_same(self, file: LocalFile, name: str) -> bool:
        plan = self._before.read_plan(name)
        descriptor = os.open(file.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return matching(descriptor, plan, Blocks(self._fetcher), self.stop) == (len(plan), file.size)
        except errors.NotFoundError:
            return False  # its block is not stored yet, or was lost: in both cases these bytes do
        finally:
            os.close(descriptor)

    def finish(self, prepared: _Prepared) -> None:
        """Put a file into the collection, when it is its turn."""
        task = prepared.task
        file, name, start = task
        done = file.size
        if start is not None:
            self._collection.copy(name, name, source_collection=self._source, overwrite=True)
            done = start
        if task.is_stored:
            self.resumed.append(name)
        elif prepared.is_there:
            self.unchanged.append(name)
        else:
            self.copied.append(name)
            self.size += file.size - (start or 0)
            if not self._dry_run:
                done = start or 0
                self._counter.add(done, name)
                self._write(task, prepared.data)
                done = 0
        self._counter.add(done, name)
        if self._checkpoint is not None:
            self._checkpoint.add(file)
            if self._checkpoint.is_due:
                self._checkpoint.write(self._manifest)

    def _write(self, task: _Task, data: bytes | None) -> None:
        file, name, start = task
        try:
            with self._collection.open(name, "wb" if start is None else "r+b") as writer:
                try:
                    if data is not None:
                        writer.write(data)
                        self._counter.add(len(data), name)
                    else:
                        self._stream(file, name, writer, start or 0)
                except BaseException:
                    self._give_up(file, name)
                    raise
        except BaseException:
            self._collection.remove(name)
            raise

    def _give_up(self, file: LocalFile, name: str) -> None:
        """Note what of a file is stored, and see to it that closing it does not store half of it."""
        if file.size > _READ_AHEAD and self._checkpoint is not None:
            self._keep_beginning(file, name)
            self.note()
            self._checkpoint = None  # what is in the note is going to be removed here
        self._collection.find(name).truncate(0)

    def _stream(self, file: LocalFile, name: str, writer: Any, size: int) -> None:
        with open(file.path, "rb", buffering=0) as local:  # noqa: PTH123
            local.seek(size)
            writer.seek(size)
            while size <= file.size and (data := local.read(PIECE)):
                writer.write(data)
                size += len(data)
                self._counter.add(len(data), name)
                if size % BLOCK_SIZE == 0 and self._checkpoint is not None and self._checkpoint.is_due:
                    self._keep_beginning(file, name)
                    self._checkpoint.write(self._manifest)
            _check_unchanged(file, local.fileno(), size)

    def _keep_beginning(self, file: LocalFile, name: str) -> None:
        """Note what of a large file is stored: whole blocks, so that those that follow become what they would have."""
        item = self._collection.find(name)
        size = item.size() - item.size() % BLOCK_SIZE
        if not size or self._checkpoint is None:
            return
        item.truncate(size)
        item.flush()
        self._checkpoint.begin(file, size)

    def _manifest(self) -> str:
        """Give the manifest of what is stored, and wait for nothing."""
        text: str = self._collection.manifest_text(only_committed=True)
        return text

    def note(self) -> None:
        """Note what is stored, when what is on its way has arrived."""
        if self._checkpoint is not None:
            self._collection.root_collection().stop_threads()
            self._checkpoint.write(self._manifest)


def _check_unchanged(file: LocalFile, descriptor: int, size: int) -> None:
    status = os.fstat(descriptor)
    if size != file.size or [status.st_size, status.st_mtime_ns, status.st_ino] != file.signature:
        raise errors.TransferError("changed while it was copied: copy it again when nobody writes to it", file.path)
