"""Files of a block folder: written whole or not at all, locked one by one, their failures named."""

import errno
import fcntl
import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from keepset import errors

TEMPORARY_PREFIX = "tmp"
"""How the names of unfinished files begin: keepstore's begin so, too, and its index passes them over."""

_PIECE = 2**20

# What link() answers with where a file system has no hard links.
_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what goes wrong while a block is read into a `KeepReadError`."""
    try:
        yield
    except errors.KeepsetError:
        raise
    except FileNotFoundError as error:
        raise errors.NotFoundError(f"there is no such block in the store: {path}", path=str(path)) from error
    except OSError as error:
        raise errors.KeepReadError(f"cannot read {path}: {error.strerror}", path=str(path)) from error


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what goes wrong while a block is written, or removed, into a `KeepWriteError`."""
    try:
        yield
    except errors.KeepsetError:
        raise
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise errors.StoreFullError(
                f"cannot write {path}: {error.strerror}; make room (`keepset gc` removes what no collection uses)"
                " and try again",
                path=str(path),
            ) from error
        if error.errno in {errno.EROFS, errno.EACCES, errno.EPERM}:
            raise errors.StoreReadOnlyError(
                f"cannot write {path}: {error.strerror}; the store can only be read as this user", path=str(path)
            ) from error
        raise errors.KeepWriteError(f"cannot write {path}: {error.strerror}", path=str(path)) from error


@contextmanager
def locked(path: Path) -> Iterator[int]:
    """Hold the lock of a block file; gives its descriptor.

    keepstore locks the same files in the same way (`services/keepstore/unix_volume.go`). The lock is that of the open
    file, not of its name: if the name was removed or given to another file while we waited, we look again.

    Raises:
        FileNotFoundError: There is no such file, or no longer.
    """
    while True:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                yield descriptor
                return
        finally:
            _unlock_and_close(descriptor)


def _unlock_and_close(descriptor: int) -> None:
    # Closing is not enough: a process that was forked meanwhile has the same open file, and would keep the lock.
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)


class Unfinished:
    """A file on its way into a folder: it appears under its name whole, and on the disk, or not at all.

    Args:
        folder: Where it is until then; its name must be on the same file system.
        name: What may tell a person whose file that is.

    Attributes:
        descriptor: The open file.
    """

    def __init__(self, folder: Path, name: str = "") -> None:
        while True:
            self._path = folder / f"{TEMPORARY_PREFIX}{name}.{secrets.token_hex(8)}"
            self.descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
            # Says that its writer lives; until then, `remove_abandoned` may take it for a dead one's.
            fcntl.flock(self.descriptor, fcntl.LOCK_EX)
            if os.fstat(self.descriptor).st_nlink:
                break
            _unlock_and_close(self.descriptor)

    def write(self, data: memoryview) -> None:
        """Write bytes behind those that are there.

        Args:
            data: The bytes.
        """
        while data:
            data = data[os.write(self.descriptor, data) :]

    def publish(self, path: Path, *, replace: bool) -> bool:
        """Give it its name.

        Args:
            path: The name; the folder must exist.
            replace: Whether to take the place of a file that has the name already.

        Returns:
            Whether this call has done it: False when the name is taken, or the file was removed by somebody.
        """
        os.fsync(self.descriptor)
        try:
            if replace:
                self._path.replace(path)
            else:
                _link(self._path, path)
        except (FileExistsError, FileNotFoundError):
            return False
        sync_folder(path.parent)
        return True

    def close(self) -> None:
        """Remove what it was called on its way. If it was not published, it is gone."""
        with suppress(FileNotFoundError):
            self._path.unlink()
        _unlock_and_close(self.descriptor)


def publish(path: Path, data: memoryview, *, replace: bool) -> bool:
    """Write a file whose bytes are all there; see `Unfinished.publish`.

    Args:
        path: Its name; the folder must exist.
        data: Its bytes.
        replace: Whether to take the place of a file that has the name already.
    """
    with closing(Unfinished(path.parent, path.name)) as file:
        file.write(data)
        return file.publish(path, replace=replace)


def _link(temporary: Path, path: Path) -> None:
    """Give a file its final name unless that is taken.

    A rename would replace a file of that name, also one that a garbage collection holds the lock of and is about to
    remove: it would then remove the new one.
    """
    try:
        path.hardlink_to(temporary)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if path.exists():
            raise FileExistsError from error
        temporary.replace(path)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable: those that were just made, by this process or another."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_abandoned(temporary: Path, before_ns: int) -> int:
    """Remove an unfinished file whose writer is dead.

    Args:
        temporary: The file.
        before_ns: It must have been written to before this moment, in nanoseconds of the epoch.

    Returns:
        How many bytes that has freed.
    """
    with suppress(FileNotFoundError):
        descriptor = os.open(temporary, os.O_RDONLY | os.O_CLOEXEC)
        try:
            with suppress(BlockingIOError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                status = os.fstat(descriptor)
                if status.st_mtime_ns <= before_ns:
                    temporary.unlink()
                    return status.st_size
        finally:
            _unlock_and_close(descriptor)
    return 0


def holds(descriptor: int, data: memoryview) -> bool:
    """Tell whether an open file holds exactly these bytes."""
    return os.fstat(descriptor).st_size == data.nbytes and holds_at(descriptor, 0, data)


def holds_at(descriptor: int, start: int, data: memoryview) -> bool:
    """Tell whether an open file holds these bytes from some place on."""
    held = bytearray()
    for at in range(0, data.nbytes, _PIECE):
        piece = data[at : at + _PIECE]
        if len(held) != piece.nbytes:
            held = bytearray(piece.nbytes)
        # A bytearray is compared at the speed of memory, a memoryview one element at a time.
        if os.preadv(descriptor, [held], start + at) != piece.nbytes or held != piece:
            return False
    return True


def same(first: int, second: int, size: int) -> bool:
    """Tell whether two open files begin with the same bytes, so many of them."""
    if os.path.sameopenfile(first, second):
        return True
    places = range(0, size, _PIECE)
    return all(holds_at(first, at, memoryview(piece)) for at, piece in zip(places, pieces(second, size), strict=True))


def pieces(descriptor: int, size: int) -> Iterator[bytes]:
    """Yield the first bytes of an open file, a piece at a time."""
    for start in range(0, size, _PIECE):
        yield os.pread(descriptor, min(_PIECE, size - start), start)


def md5_of(file: Path | int) -> str:
    """Return the MD5 of a file in hexadecimal, without holding all of it in memory."""
    with open(file, "rb", buffering=0, closefd=not isinstance(file, int)) as opened:
        return hashlib.file_digest(opened, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
