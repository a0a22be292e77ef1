"""Local files that are being written: under another name until they are whole."""

import fcntl
import hashlib
import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType

from keepset import errors
from keepset.transfer._compare import Blocks, Plan, matching, pieces
from keepset.transfer._parallel import Stop

__all__ = ["Unfinished"]

_WORTH_KEEPING = 4 << 20
"""Of a file that is shorter, an interrupted download leaves nothing: it is as quickly read again as checked."""
_NAME_BYTES = 100


class Unfinished:
    """A local file that gets its name when it is whole, at the end of a `with` statement.

    The name that it has until then depends on what will be in it, so that the same download finds it again. Another
    process that is writing to it has it locked; then this one takes a name that nobody else has.

    Args:
        target: The name that it will get.
        plan: The parts of blocks that it will consist of.
        size: How long it will be.
    """

    def __init__(self, target: str, plan: Plan, size: int) -> None:
        self._target = target
        self._plan = plan
        self._size = size
        self._done = 0
        directory, name = os.path.split(target)
        start = os.fsdecode(os.fsencode(name)[:_NAME_BYTES])
        self._start = os.path.join(directory, f".{start}.")  # noqa: PTH118
        self.path = ""

    def __enter__(self) -> "Unfinished":
        """Open it, or what is left of an earlier attempt."""
        parts = "".join(f"{locator.split('+')[0]} {offset} {length}\n" for locator, offset, length in self._plan)
        key = hashlib.md5(parts.encode(), usedforsecurity=False).hexdigest()[:16]
        self._descriptor = self._open(key)
        if self._is_ours():
            return self
        os.close(self._descriptor)
        self._descriptor = self._open(secrets.token_hex(8), os.O_EXCL)
        return self

    def _open(self, key: str, flag: int = 0) -> int:
        self.path = f"{self._start}{key}.part"
        return os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | flag, 0o666)

    def _is_ours(self) -> bool:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever had it locked may have finished it meanwhile, and it has its own name now.
            return os.path.samestat(os.fstat(self._descriptor), os.lstat(self.path))
        except OSError:  # locked by another, finished by another, or a file system without locks
            return False

    def fill(self, blocks: Blocks, stop: Stop, tell: Callable[[int], object]) -> None:
        """Write what is missing.

        Args:
            blocks: Where the blocks come from.
            stop: Whether to go on.
            tell: Called with the bytes that are done each time.

        Raises:
            KeepReadError: A block cannot be read.
            OSError: The file cannot be written.
        """
        number = 0
        if os.fstat(self._descriptor).st_size:  # what an earlier attempt has left
            number, self._done = matching(self._descriptor, self._plan, blocks, stop)
            os.ftruncate(self._descriptor, self._done)
        tell(self._done)
        position = self._done
        for data in blocks.parts(self._plan[number:]):
            for start, size in pieces(len(data)):
                stop.check()
                self._write(data[start : start + size], position + start)
                tell(size)
            position += len(data)
            self._done = position
        if os.fstat(self._descriptor).st_size != self._size:
            raise errors.KeepReadError(
                f"{self._target} should have {self._size} bytes, and its blocks do not give them"
            )

    def _write(self, data: memoryview, position: int) -> None:
        try:
            while data:
                written = os.pwrite(self._descriptor, data, position)
                data = data[written:]
                position += written
        except OSError as error:
            error.filename = self._target  # a descriptor has no name, and whose disk is full is to be known
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Give it its name; or leave it for the next attempt if there is enough in it, or remove it."""
        try:
            if kind is None:
                os.replace(self.path, self._target)  # noqa: PTH105
            elif self._done < _WORTH_KEEPING:
                with suppress(FileNotFoundError):
                    os.unlink(self.path)  # noqa: PTH108
        finally:
            os.close(self._descriptor)
