"""Writing a file so that it is there whole or not at all."""

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

__all__ = ["is_directory", "replacing"]


def is_directory(path: str) -> bool:
    """Say whether a path is a directory; what is too long, or not ours to look at, is none: its use will fail."""
    return os.path.isdir(path)  # noqa: PTH112 - Path.is_dir raises an error then


@contextmanager
def replacing(target: Path) -> Iterator[BinaryIO]:
    """Open a file for writing that takes the place of `target` when all is written.

    The data goes to a temporary file in the same directory and is renamed over the target at the end, so that an
    error or Ctrl-C leaves the target as it was, and no half-written file beside it. An existing target keeps its
    permissions, a new one gets those of the umask. A symbolic link stays, and what it points to is replaced. What is
    not a regular file (a device, a named pipe) is written directly.
    """
    target = Path(os.path.realpath(target))
    mode = _mode(target)
    if mode is not None and not stat.S_ISREG(mode):
        with target.open("wb") as file:
            yield file
        return
    if mode is not None and not os.access(target, os.W_OK):
        # A rename asks the directory only; a file that is read-only should not be replaced behind its owner's back.
        raise PermissionError(errno.EACCES, "Permission denied", str(target))
    temporary = target.with_name(f".{target.name[:100]}.{secrets.token_hex(6)}.tmp")
    try:
        with temporary.open("xb") as file:
            if mode is not None:
                temporary.chmod(stat.S_IMODE(mode))
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException:
        with suppress(FileNotFoundError):
            temporary.unlink()
        raise


def _mode(path: Path) -> int | None:
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        return None
