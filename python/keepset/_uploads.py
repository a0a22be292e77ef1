"""The queue of uploads: full buffers on their way to Keep, a few at a time, and what failed on the way."""

from __future__ import annotations

import threading
from concurrent import futures
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from keepset._buffers import Buffer, Packer
    from keepset._rooms import Rooms
    from keepset.keep.base import Data

__all__ = ["Uploads"]


class Uploads:
    """Sends buffers in the background. The threads start with the first one.

    Args:
        threads: How many uploads run at a time.
        lock: What protects the buffers.
        packer: What else might become of a buffer: one that is sent does not wait there any more.
        rooms: Where the memory of large ones goes back to.
    """

    def __init__(self, threads: int, lock: threading.Lock, packer: Packer, rooms: Rooms) -> None:
        self._threads = threads
        self._lock = lock
        self._packer = packer
        self._rooms = rooms
        self._pool: futures.ThreadPoolExecutor | None = None
        # So many buffers are sent or wait for it: whoever has one more waits, so that memory is bounded.
        self._slots = threading.BoundedSemaphore(threads)
        # Whose upload failed without anybody having been told.
        self.failed: dict[int, Buffer] = {}

    def start(self, buffer: Buffer, send: Callable[[Data], str]) -> None:
        """Start to send a buffer, unless it is stored or on its way. It is not appended to from now on.

        Args:
            buffer: The buffer.
            send: Stores bytes as a block and returns its locator.
        """
        self._slots.acquire()
        with self._lock:
            if buffer.locator or buffer.future or buffer.pack or not buffer.size:
                self._slots.release()
                return
            if self._pool is None:
                self._pool = futures.ThreadPoolExecutor(self._threads, thread_name_prefix="keepset-put")
            self._packer.forget(buffer)
            buffer.error = None
            self.failed.pop(buffer.cell, None)  # whether it fails is to be seen anew
            buffer.is_sealed = True
            buffer.future = self._pool.submit(self._put, buffer, send, self._slots)

    def _put(self, buffer: Buffer, send: Callable[[Data], str], slots: threading.BoundedSemaphore) -> None:
        try:
            locator = send(buffer.data or b"")
            with self._lock:
                buffer.locator = locator
                if not buffer.keeps_bytes:
                    buffer.drop(self._rooms)
        except Exception as error:  # noqa: BLE001  # whatever a client raises is told to whoever writes or saves next
            with self._lock:
                buffer.error = error
                self.failed[buffer.cell] = buffer
        finally:
            with self._lock:
                buffer.future = None
            slots.release()

    def wait(self, buffers: Iterable[Buffer]) -> None:
        """Wait until none of these buffers is on its way."""
        futures.wait([future for buffer in buffers if (future := buffer.future)])

    def take_failed(self, buffers: Iterable[Buffer] | None = None) -> list[Buffer]:
        """Return the buffers, or those among these ones, that failed, which are told of by that."""
        with self._lock:
            cells = list(self.failed) if buffers is None else [buffer.cell for buffer in buffers]
            return [self.failed.pop(cell) for cell in cells if cell in self.failed]

    def stop(self, *, wait: bool = True) -> None:
        """End the threads when they have sent what they have. New ones start when they are needed.

        Args:
            wait: Wait for that.
        """
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=wait)

    def after_fork(self, lock: threading.Lock) -> None:
        """Have threads and a lock of its own: what is on its way is the parent's affair."""
        self._lock = lock
        self._pool = None
        self._slots = threading.BoundedSemaphore(self._threads)
