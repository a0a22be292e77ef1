"""Blocks of a local store that come and go in parts, as a server has them: none is ever held whole."""

import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from keepset import errors
from keepset.config import KEEP_BLOCK_SIZE
from keepset.keep import _files
from keepset.keep._folder import BlockFolder, check_size, damaged, parse_locator

__all__ = ["BlockOpener", "IncomingBlock", "OpenBlock"]

_REMEMBERED = 1 << 16


class IncomingBlock:
    """A block on its way into a store. Not safe for threads: one part after the other; but anybody may close it.

    Invariant: what has come is the start of the unfinished file, or, as long as there is none, of the stored one.

    Args:
        keep: The store.
        expected: The hash that the block should have. If that is stored already, what comes is compared, and nothing
            is written as long as it is the same.

    Attributes:
        size: How many bytes have come.

    Example:
        >>> from contextlib import closing
        >>> from tempfile import TemporaryDirectory
        >>> from keepset.keep.local import LocalKeep
        >>> with TemporaryDirectory() as folder, closing(IncomingBlock(LocalKeep(folder))) as block:
        ...     block.add(b"f")
        ...     block.add(b"oo")
        ...     block.publish()
        'acbd18db4cc2f85cedef654fccc4a4d8+3'
    """

    def __init__(self, keep: BlockFolder, expected: str | None = None) -> None:
        self.size = 0
        self._lock = threading.Lock()  # a file that is closed while it is written to may be another one by then
        self._is_closed = False
        self._keep = keep
        self._hash = hashlib.md5(usedforsecurity=False)
        self._unfinished: _files.Unfinished | None = None
        self._stored: int | None = None
        if expected is not None:
            with suppress(OSError):
                self._stored = os.open(keep.path_of(expected), os.O_RDONLY | os.O_CLOEXEC)

    @property
    def hash(self) -> str:
        """The MD5 of what has come, in hexadecimal."""
        return self._hash.hexdigest()

    def add(self, part: bytes) -> None:
        """Take the next part.

        Args:
            part: Its bytes.

        Raises:
            BlockTooLargeError: Together they are more than 64 MiB.
            KeepWriteError: It cannot be written.
            ValueError: The block is closed.
        """
        if not part:
            return
        if self.size + len(part) > KEEP_BLOCK_SIZE:
            raise errors.BlockTooLargeError(f"more than {KEEP_BLOCK_SIZE} bytes: Keep takes no larger block")
        self._hash.update(part)
        data = memoryview(part)
        with self._opened(), _files.writing(self._keep.path):
            if self._unfinished is not None or not self._is_stored(data):
                self._file().write(data)
        self.size += len(part)

    @contextmanager
    def _opened(self) -> Iterator[None]:
        with self._lock:
            if self._is_closed:
                raise ValueError("the block is closed")
            yield

    def _is_stored(self, data: memoryview) -> bool:
        return self._stored is not None and _files.holds_at(self._stored, self.size, data)

    def _file(self) -> _files.Unfinished:
        if self._unfinished is None:
            self._unfinished = _files.Unfinished(self._keep.path)
            for piece in _files.pieces(self._stored, self.size) if self._stored is not None else ():
                self._unfinished.write(memoryview(piece))
        return self._unfinished

    def publish(self) -> str:
        """Have it stored; when this returns, it is on the disk.

        Returns:
            The locator.

        Raises:
            KeepWriteError: As for `LocalKeep.put`.
            ValueError: The block is closed.
        """
        digest = self.hash
        if self.size:
            with self._opened():
                self._keep.settle(digest, self._is_in, self._give_name)
        return f"{digest}+{self.size}"

    def _give_name(self, path: Path, replace: bool) -> bool:
        return self._file().publish(path, replace=replace)

    def _is_in(self, descriptor: int) -> bool:
        own = self._stored if self._unfinished is None else self._unfinished.descriptor
        assert own is not None, "the invariant of the class"
        return os.fstat(descriptor).st_size == self.size and _files.same(descriptor, own, self.size)

    def close(self) -> None:
        """Leave nothing behind but what was published. Who is adding a part, or publishing, is waited for."""
        with self._lock:
            self._is_closed = True
            if self._stored is not None:
                os.close(self._stored)
                self._stored = None
            if self._unfinished is not None:
                self._unfinished.close()
                self._unfinished = None


class OpenBlock:
    """A block that is read part by part; it can be removed meanwhile.

    Args:
        descriptor: The open file, which this closes.
        path: Its name.
        size: Its size in bytes.

    Attributes:
        size: As given.
    """

    def __init__(self, descriptor: int, path: Path, size: int) -> None:
        self.size = size
        self._descriptor = descriptor
        self._path = path

    def read(self, start: int, end: int) -> bytes:
        """Return a part.

        Args:
            start: Where it starts.
            end: Where it ends.

        Raises:
            KeepReadError: It cannot be read, or ends early.
        """
        try:
            part = os.pread(self._descriptor, end - start, start)
        except OSError as error:
            raise errors.KeepReadError(f"cannot read {self._path}: {error.strerror}", path=str(self._path)) from error
        if len(part) != end - start:
            raise errors.BlockDamagedError(f"{self._path} became shorter while it was read", path=str(self._path))
        return part

    def close(self) -> None:
        """Close it."""
        os.close(self._descriptor)


class BlockOpener:
    """Opens blocks of a store. Each is compared with its hash, and again when its file was touched since.

    Args:
        keep: The store.

    Example:
        >>> from contextlib import closing
        >>> from tempfile import TemporaryDirectory
        >>> from keepset.keep.local import LocalKeep
        >>> with TemporaryDirectory() as folder:
        ...     keep = LocalKeep(folder)
        ...     with closing(BlockOpener(keep).open(keep.put(b"foo"))) as block:
        ...         print(block.read(1, block.size))
        b'oo'
    """

    def __init__(self, keep: BlockFolder) -> None:
        self._keep = keep
        self._lock = threading.Lock()
        # What the files were when they were compared, by hash; the one that was asked for last at the end.
        self._compared: dict[str, tuple[int, ...]] = {}

    def open(self, locator: str) -> OpenBlock:
        """Open a block.

        Args:
            locator: Its locator; hints do not matter.

        Raises:
            NotFoundError: It is not stored here.
            BlockDamagedError: What is stored has another hash or size.
            KeepReadError: It cannot be read.
            ArgumentError: That is not a locator.
        """
        digest, size = parse_locator(locator)
        path = self._keep.path_of(digest)
        with _files.reading(path):
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                status = os.fstat(descriptor)
                check_size(path, status.st_size, size)
                self._compare(digest, descriptor, path, status)
            except BaseException:
                os.close(descriptor)
                raise
        return OpenBlock(descriptor, path, status.st_size)

    def _compare(self, digest: str, descriptor: int, path: Path, status: os.stat_result) -> None:
        state = status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
        with self._lock:
            known = self._compared.get(digest)
        if known != state and _files.md5_of(descriptor) != digest:
            raise damaged(path)
        with self._lock:
            self._compared.pop(digest, None)
            self._compared[digest] = state
            if len(self._compared) > _REMEMBERED:
                del self._compared[next(iter(self._compared))]
