"""Blocks on the disk, in the folder that all Arvados clients of a user share.

    <folder>/<first 3 hexadecimal digits of the MD5>/<MD5>.keepcacheblock

with modes 0700 and 0600. A file is written under a name that begins with `tmp` and then renamed. Whoever uses one holds
a shared lock on it (`flock`), and only who gets an exclusive lock without waiting removes it. The existing clients do
the same, but for one thing: those in Go write in place. So a file may be one that somebody is still writing, or has
changed or cut: what is in it is compared with its hash before it is first used, and again if it has changed since.

Nothing here fails: a cache that cannot be used is one without blocks.
"""

import errno
import fcntl
import hashlib
import logging
import os
import resource
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from keepset.config import KEEP_BLOCK_SIZE, cache_folder
from keepset.keep._forks import start_anew_after_fork

__all__ = ["DiskBlocks"]

_log = logging.getLogger(__name__)

_SUFFIX = ".keepcacheblock"
_TEMPORARY = "tmp"
_LAYOUT_DIGITS = 3
_HASH_DIGITS = 32
_ABANDONED_AFTER = 60.0
_LEAST = KEEP_BLOCK_SIZE
_FILES_WITHOUT_BOUND = 4096
_FULL_DISK_STEP = 256 << 20


class _OpenFile:
    """A block's file, whose content is known to be right; locked until nobody has this object any more."""

    __slots__ = ("descriptor", "mark")

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.mark = self._look()

    def _look(self) -> tuple[int, int]:
        status = os.fstat(self.descriptor)
        return status.st_size, status.st_mtime_ns

    @property
    def size(self) -> int:
        return self.mark[0]

    def has_changed(self) -> bool:
        return self._look() != self.mark

    def read(self, start: int, length: int) -> bytes:
        return os.pread(self.descriptor, length, start)

    def __del__(self, close: Callable[[int], None] = os.close) -> None:
        close(self.descriptor)


class _Found(NamedTuple):
    """A file in the folder."""

    used: float
    size: int
    path: Path


class DiskBlocks:
    """The folder; safe for threads and processes.

    Args:
        folder: The folder; None for the usual one.
        max_bytes: How many bytes of blocks there may be; 0 for the least of a tenth of the file system and a quarter of
            what is free on it, or taken by blocks already.
        max_open: How many files are held open at most; 0 for an eighth of what this process may open.
    """

    def __init__(self, folder: str | os.PathLike[str] | None = None, max_bytes: int = 0, max_open: int = 0) -> None:
        self._max_open = max_open or _fair_number_of_files()
        self._open: dict[str, _OpenFile] = {}  # the one that was used last at the end
        self._is_usable = True
        try:
            self._folder = cache_folder("keep") if folder is None else Path(folder)
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            self._folder = Path(error.filename)
            self._give_up(error)
        self.size = sum(found.size for found in self._files())
        self._added = 0  # so many bytes since the folder was looked through
        self.max_bytes = max(max_bytes or self._fair_share(), _LEAST)
        start_anew_after_fork(self)
        self._tidy(self.max_bytes)

    def _start_anew(self) -> None:
        self._lock = threading.Lock()

    def _give_up(self, error: OSError) -> None:
        self._is_usable = False
        _log.warning("blocks are not cached in %s: %s", self._folder, error.strerror)

    def _fair_share(self) -> int:
        if not self._is_usable:
            return 0
        system = os.statvfs(self._folder)
        free = system.f_bavail * system.f_bsize + self.size
        return min(system.f_blocks * system.f_bsize // 10, free // 4)

    def _path(self, digest: str) -> Path:
        return self._folder / digest[:_LAYOUT_DIGITS] / f"{digest}{_SUFFIX}"

    def read(self, digest: str) -> bytes | None:
        """Return a block, or None if it is not here.

        Args:
            digest: Its hash.
        """
        file = self._file(digest)
        if file is None:
            return None
        block = file.read(0, file.size)
        return block if len(block) == file.size else None

    def part(self, digest: str, start: int, length: int) -> bytes | None:
        """Return a part of a block without reading the rest, or None if it is not here.

        Args:
            digest: Its hash.
            start: Where the part starts.
            length: How many bytes it has.
        """
        file = self._file(digest)
        if file is None:
            return None
        part = file.read(start, length)
        return part if len(part) == length else None

    def _file(self, digest: str) -> _OpenFile | None:
        """Return the file of a block, which is opened and checked if it is not known."""
        with self._lock:
            file = self._open.pop(digest, None)
            if file is not None and not file.has_changed():
                self._open[digest] = file
                return file
        try:
            file = self._checked(digest)
        except OSError:  # not there, mostly
            return None
        if file is not None:
            self._keep_open(digest, file)
        return file

    def _checked(self, digest: str) -> _OpenFile | None:
        path = self._path(digest)
        file = _OpenFile(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
        fcntl.flock(file.descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        with suppress(OSError):  # of another user, perhaps
            os.utime(file.descriptor, ns=(time.time_ns(), file.mark[1]))  # who tidies up goes by that
        if _md5(file) == digest and not file.has_changed():
            return file
        del file
        _remove_unused(path)
        return None

    def _keep_open(self, digest: str, file: _OpenFile) -> None:
        with self._lock:
            self._open[digest] = file
            while len(self._open) > self._max_open:
                del self._open[next(iter(self._open))]

    def add(self, digest: str, block: bytes) -> None:
        """Store a block, if there is room for it or can be made.

        Args:
            digest: Its hash, with which it was compared.
            block: Its bytes.
        """
        if not (self._is_usable and block and len(block) <= self.max_bytes):
            return
        self._tidy(self.max_bytes - len(block))
        try:
            self._write(digest, block)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                self._give_up(error)
                return
            self._make_do_with_less()
            with suppress(OSError):
                self._write(digest, block)

    def _write(self, digest: str, block: bytes) -> None:
        path = self._path(digest)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        temporary = path.with_name(f"{_TEMPORARY}{secrets.token_hex(8)}{_SUFFIX}")
        descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            rest = memoryview(block)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
            temporary.rename(path)
        except BaseException:
            os.close(descriptor)
            temporary.unlink(missing_ok=True)
            raise
        with self._lock:
            self.size += len(block)
            self._added += len(block)
        self._keep_open(digest, _OpenFile(descriptor))

    def _make_do_with_less(self) -> None:
        """The disk is full, with other things: leave them some of our room."""
        self.max_bytes = max(_FULL_DISK_STEP, self.size - _FULL_DISK_STEP)
        self._tidy(self.max_bytes - KEEP_BLOCK_SIZE)

    def _tidy(self, limit: int) -> None:
        """Remove the blocks that nobody has used for the longest time, if all take more than so many bytes.

        Those that are in use, here or in another process, stay: who has one open has locked it.
        """
        if self.size <= limit and self._added <= self.max_bytes // 8:
            return
        found = sorted(self._files())
        # Other processes may have removed some, or added.
        self.size, self._added = sum(file.size for file in found), 0
        for file in found:
            if self.size <= limit:
                return
            with self._lock:
                self._open.pop(file.path.name[:_HASH_DIGITS], None)
            if _remove_unused(file.path):
                self.size -= file.size

    def _files(self) -> Iterator[_Found]:
        """List the blocks. What writers have left who are dead is removed on the way."""
        for path in self._folder.glob(f"{'[0-9a-f]' * _LAYOUT_DIGITS}/*{_SUFFIX}"):
            with suppress(OSError):
                status = path.stat()
                if not path.name.startswith(_TEMPORARY):
                    yield _Found(status.st_atime, status.st_size, path)
                elif time.time() - status.st_mtime > _ABANDONED_AFTER:
                    path.unlink()

    def clear(self) -> None:
        """Close all files. They stay in the folder, which is not this process's alone."""
        with self._lock:
            self._open.clear()


def _fair_number_of_files() -> int:
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return _FILES_WITHOUT_BOUND if most == resource.RLIM_INFINITY else max(most // 8, 1)


def _md5(file: _OpenFile) -> str:
    if not 0 < file.size <= KEEP_BLOCK_SIZE:
        return ""
    md5 = hashlib.md5(usedforsecurity=False)
    for start in range(0, file.size, 1 << 20):
        md5.update(file.read(start, 1 << 20))
    return md5.hexdigest()


def _remove_unused(path: Path) -> bool:
    """Remove a file that nobody uses; whether it is gone."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                path.unlink()
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
