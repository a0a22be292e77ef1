"""Turns at changing the records of a store, so that whoever saves in a loop does not keep others from it.

That nothing is lost rests on the condition of each update. But who merges what others have saved takes longer than who
just saves, and would be late again and again.
"""

import fcntl
import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["turn"]

_PATIENCE = 5.0
"""After so many seconds one goes on out of turn: whoever has it may be waiting for a lock that the caller holds."""


@contextmanager
def turn(folder: Path) -> Iterator[None]:
    """Wait for one's turn, and let nobody else of those who do so go on meanwhile: processes and threads.

    Args:
        folder: The folder of the store.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:  # the catalog says better what is wrong
        yield
        return
    try:
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end:
            with suppress(BlockingIOError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            time.sleep(random.uniform(0.0002, 0.001))
        yield
    finally:
        os.close(descriptor)
