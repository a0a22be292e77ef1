"""Blocks on the disk, in the folder that all Arvados clients of a user share.

    <folder>/<first 3 hexadecimal digits of the MD5>/<MD5>.keepcacheblock

with modes 0700 and 0600. A file is written under a name that begins with `tmp` and then renamed. Whoever uses one holds
a shared lock on it (`flock`), and only who gets an exclusive lock without waiting removes it. The existing clients do
the same, but for one thing: those in Go write in place. So a file may be one that somebody is still writing, or has
changed or cut: what is in it is compared with its hash before it is first used, and again if it has changed since.

Nothing here fails: a cache that cannot be used, or not now, is one without blocks.
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
_REMEMBERED = 1 << 15
_STEP = 1 << 20


class _Mark(NamedTuple):
    """What a file looks like as long as nobody changes it, or puts another one in its place."""

    device: int
    inode: int
    size: int
    modified: int


class _OpenFile:
    """A block's file, whose content is known to be right; locked until nobody has this object any more."""

    __slots__ = ("descriptor", "mark")

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.mark = self._look()

    def _look(self) -> _Mark:
        status = os.fstat(self.descriptor)
        return _Mark(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)

    def has_changed(self) -> bool:
        try:
            return self._look() != self.mark
        except OSError:  # it was on a server that has forgotten it
            return True

    def read(self, start: int, length: int) -> bytes | None:
        """Return so many bytes; None if they are not to be had."""
        try:
            found = os.pread(self.descriptor, length, start)
        except OSError:
            return None
        return found if len(found) == length else None

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
        # What files looked like that were right: one that was closed meanwhile need not be read as a whole again.
        self._right: dict[str, _Mark] = {}
        self._is_usable = True
        self._has_complained = False
        try:
            self._folder = cache_folder("keep") if folder is None else Path(folder)
            _make_folder(self._folder)
        except OSError as error:
            self._folder = Path(error.filename)
            self._is_usable = False
            self._complain(error)
        self.size = sum(found.size for found in self._files())
        self._added = 0  # so many bytes since the folder was looked through
        self.max_bytes = max(max_bytes or self._fair_share(), _LEAST)
        start_anew_after_fork(self)
        self._tidy(self.max_bytes)

    def _start_anew(self) -> None:
        self._lock = threading.Lock()

    def _complain(self, error: OSError) -> None:
        if not self._has_complained:
            self._has_complained = True
            _log.warning("blocks are not cached in %s: %s", self._folder, error.strerror)

    def _fair_share(self) -> int:
        try:
            system = os.statvfs(self._folder)
        except OSError:
            return 0
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
        return None if file is None else file.read(0, file.mark.size)

    def part(self, digest: str, start: int, length: int) -> bytes | None:
        """Return a part of a block without reading the rest, or None if it is not here.

        Args:
            digest: Its hash.
            start: Where the part starts.
            length: How many bytes it has.
        """
        file = self._file(digest)
        return None if file is None else file.read(start, length)

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
            os.utime(file.descriptor, ns=(time.time_ns(), file.mark.modified))  # who tidies up goes by that
        if file.mark == self._right.get(digest) or (_md5(file) == digest and not file.has_changed()):
            return file
        del file
        _remove_unused(path)
        return None

    def _keep_open(self, digest: str, file: _OpenFile) -> None:
        with self._lock:
            self._open[digest] = file
            self._right[digest] = file.mark
            for known, most in ((self._open, self._max_open), (self._right, _REMEMBERED)):
                while len(known) > most:
                    del known[next(iter(known))]

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
                self._complain(error)
                return
            self._make_do_with_less(len(block))
            with suppress(OSError):
                self._write(digest, block)

    def _write(self, digest: str, block: bytes) -> None:
        path = self._path(digest)
        _make_folder(self._folder)  # somebody may have removed everything
        _make_folder(path.parent)
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

    def _make_do_with_less(self, needed: int) -> None:
        """The disk is full, with other things: leave them some of our room, and make room for so many bytes."""
        self.max_bytes = min(self.max_bytes, max(_FULL_DISK_STEP, self.size - _FULL_DISK_STEP))
        self._tidy(min(self.max_bytes, self.size) - needed)

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
        with suppress(OSError):  # a folder that may not be looked into has none
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


def _make_folder(path: Path) -> None:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)


def _md5(file: _OpenFile) -> str | None:
    size = file.mark.size
    if not 0 < size <= KEEP_BLOCK_SIZE:
        return None
    md5 = hashlib.md5(usedforsecurity=False)
    for start in range(0, size, _STEP):
        part = file.read(start, min(_STEP, size - start))
        if part is None:
            return None
        md5.update(part)
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
