"""Bytes that are being written, and those that are read: buffers, packing, the queue of uploads, and stored blocks.

Each open writer fills a *buffer*, known to the tree by the number of its *cell*. A full buffer is sealed and uploaded
by a small pool while the program goes on. Small files that are closed wait in order of closing, and are packed together
into blocks at the latest when everything is committed, so that the blocks depend on that order only, never on threads.

A buffer ends with a *place*: the locator of the block that has its bytes, and where they start in it. Bytes are let go
only then; an upload that fails leaves them where they are, is reported once, and is tried again by the next commit.
"""

from __future__ import annotations

import os
import threading
import warnings
import weakref
from typing import TYPE_CHECKING

from keepset import errors
from keepset._buffers import BLOCK_SIZE, PACKED_SIZE, Buffer, Packer, Place, block_locator
from keepset._fetching import Fetcher
from keepset._rooms import Rooms
from keepset._signatures import Signatures
from keepset._uploads import Uploads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from keepset.keep.base import BlockClient, Data

__all__ = ["BLOCK_SIZE", "PACKED_SIZE", "BlockManager", "Buffer", "CellGone", "Place"]

_WORTH_A_VIEW = 1 << 14
"""Fewer bytes are sooner copied than looked at through a view, which most callers would copy."""


_WORTH_A_BLOCK = 1 << 20
"""For fewer bytes a client is asked for a part of a block that it has, before it is asked for the whole block."""


class CellGone(Exception):
    """A file was written over after a read of it was planned: plan it anew."""


class BlockManager:
    """Keeps what a collection, and the clones made of it, write and read.

    Args:
        keep: The client that stores and fetches blocks.
        copies: On how many services each block is stored; None for two.
        put_threads: How many uploads run at a time; None for three: one may wait for a disk while two keep two
            processors busy.
        num_retries: How often an upload is tried again; None for the client's own number.
        storage_classes_func: What says in which storage classes blocks are stored; None for the default ones.
        get_threads: How many blocks are fetched ahead of sequential readers, 0 for none; None for as many as the client
            fetches ahead itself, or two.
        signatures: What knows newer signatures of blocks; None where nobody does.

    Attributes:
        signatures: As given, or what knows none.
    """

    DEFAULT_PUT_THREADS = 3
    DEFAULT_GET_THREADS = 2

    def __init__(
        self,
        keep: BlockClient,
        copies: int | None = None,
        put_threads: int | None = None,
        num_retries: int | None = None,
        storage_classes_func: Callable[[], Sequence[str]] | None = None,
        get_threads: int | None = None,
        signatures: Signatures | None = None,
    ) -> None:
        self._keep = keep
        # Other clients, as 3.2.1's, are given a copy: they take nothing but `bytes`.
        self._takes_views = getattr(keep, "takes_views", False)
        self.copies = copies
        self.put_threads = put_threads or self.DEFAULT_PUT_THREADS
        self.num_retries = num_retries
        self.storage_classes = storage_classes_func or list
        self.lock = threading.Lock()
        self._buffers: dict[int, Buffer] = {}
        self._packer = Packer()
        self._rooms = Rooms(BLOCK_SIZE, self.put_threads)
        self.uploads = Uploads(self.put_threads, self.lock, self._packer, self._rooms)
        self.get_threads = self._usual_get_threads() if get_threads is None else get_threads
        self.signatures = signatures or Signatures()
        self._fetcher = Fetcher(keep, self.get_threads, self.signatures)
        self._padding: str | None = None
        self._process = os.getpid()
        _managers.add(self)

    def _usual_get_threads(self) -> int:
        found = getattr(self._keep, "num_prefetch_threads", None)
        return found if isinstance(found, int) else self.DEFAULT_GET_THREADS

    # Buffers.

    def begin(self, data: bytes | memoryview) -> Buffer:
        """Return a new buffer that starts with these bytes. A `bytes` is kept as it is, not copied."""
        buffer = Buffer(data if data.__class__ is bytes else bytes(data))
        self._buffers[buffer.cell] = buffer
        return buffer

    def append(self, buffer: Buffer, data: bytes | memoryview) -> int | None:
        """Append bytes to a buffer, unless it is sealed.

        Returns:
            Where in the buffer they are, or None if it is sealed.
        """
        with self.lock:
            if buffer.is_sealed or buffer.data is None:
                return None
            start = len(buffer.data)
            buffer.append(data, self._rooms)
            return start

    def share(self, cells: Iterable[int]) -> None:
        """Note that several files refer to the bytes of cells."""
        for cell in cells:
            buffer = self._buffers.get(cell)
            if buffer is not None:
                buffer.is_shared = True

    def find(self, cell: int) -> Buffer | None:
        """Return the buffer of a cell, or None if this manager has no such cell."""
        return self._buffers.get(cell)

    def lend(self, cells: Iterable[int]) -> list[Buffer]:
        """Return twins of buffers for another manager, to which a copied file will refer.

        Args:
            cells: The cells; nothing is appended to them any more.
        """
        with self.lock:
            return [buffer.twin() for cell in cells if (buffer := self._buffers.get(cell))]

    def adopt(self, twins: Iterable[Buffer]) -> None:
        """Take over what another manager has lent."""
        with self.lock:
            for twin in twins:
                known = self._buffers.setdefault(twin.cell, twin)
                if known is not twin:
                    known.is_shared = True
                elif twin.pack is not None:
                    twin.pack = self._buffers.setdefault(twin.pack.cell, twin.pack)

    def release(self, buffer: Buffer) -> None:
        """Forget a buffer to which nothing refers any more."""
        with self.lock:
            self._buffers.pop(buffer.cell, None)
            self._packer.forget(buffer)

    def places(self, cells: Iterable[int]) -> list[tuple[int, str, int]]:
        """Return (cell, locator, offset) of those cells whose bytes are stored."""
        with self.lock:
            return self._places(cells)

    def _places(self, cells: Iterable[int]) -> list[tuple[int, str, int]]:
        buffers = [buffer for cell in cells if (buffer := self._buffers.get(cell))]
        return [(buffer.cell, *place) for buffer in buffers if (place := buffer.place())]

    def settlements(self, cells: Iterable[int]) -> list[tuple[int, str, int]] | None:
        """Return (cell, locator, offset) of cells, which will not be packed any more; None if some are not stored."""
        with self.lock:
            buffers = [buffer for cell in cells if (buffer := self._buffers.get(cell))]
            found = []
            for buffer in buffers:
                pack = buffer.pack
                if pack is not None and pack.locator is not None:  # as most are
                    found.append((buffer.cell, pack.locator, buffer.start))
                elif place := buffer.place():
                    found.append((buffer.cell, *place))
                elif pack or buffer.data:
                    return None
            for buffer in buffers:
                if buffer.data is not None:
                    self._packer.forget(buffer)
                    buffer.keeps_bytes = False
                    buffer.drop(self._rooms)
        return found

    # Packing.

    def pack_later(self, cells: Iterable[int]) -> None:
        """Put the bytes of a small file that was closed behind those that wait to be packed.

        When there are enough of them for a block, they are packed and uploaded.

        Args:
            cells: The cells that the file refers to, in order.
        """
        packs: list[Buffer] = []
        packer = self._packer
        with self.lock:
            for cell in cells:
                buffer = self._buffers.get(cell)
                if buffer is None or not buffer.data or buffer.pack:
                    continue
                if buffer.future or (buffer.locator and not buffer.keeps_bytes):
                    continue
                if not packer.add(buffer):
                    packs += self._pack()
                    packer.add(buffer)
        for pack in packs:
            self.upload(pack)

    def _pack(self) -> list[Buffer]:
        """Make blocks of all that waits. To be called under the lock."""
        packs = self._packer.pack()
        self._buffers.update((pack.cell, pack) for pack in packs)
        return packs

    def preview(self, cells: Iterable[int]) -> list[tuple[int, str, int]]:
        """Return (cell, locator, offset) of each cell as a commit would make them, without any upload.

        Args:
            cells: Those of the tree that asks.

        Returns:
            Locators without signatures for what is not stored yet.
        """
        with self.lock:
            planned = self._packer.plan()
            known = [found for cell in cells if (found := self._buffers.get(cell))]
            return [(buffer.cell, *self._place_to_be(buffer, planned)) for buffer in known]

    def _place_to_be(self, buffer: Buffer, planned: Mapping[int, Place]) -> Place:
        if buffer.pack is not None:
            return self._place_to_be(buffer.pack, planned)[0], buffer.start
        return planned.get(buffer.cell) or (buffer.locator or block_locator([buffer]), 0)

    # Uploading.

    def upload(self, buffer: Buffer) -> None:
        """Start to upload a buffer, which is not appended to from now on. Waits while the pool is busy."""
        self.uploads.start(buffer, self.put)

    def put(self, data: Data) -> str:
        """Store bytes as a block of their own, and return its locator.

        Args:
            data: At most `BLOCK_SIZE` of them.

        Raises:
            KeepWriteError: They could not be stored.
        """
        return self._keep.put(
            memoryview(data) if self._takes_views else bytes(data),
            copies=self.copies or 2,
            num_retries=self.num_retries,
            classes=list(self.storage_classes()),
        )

    def store(self, cells: Iterable[int], *, wait: bool = True, keep_bytes: bool = False) -> None:
        """Upload the bytes of cells.

        Args:
            cells: The cells. Those whose bytes are stored or being stored are not uploaded again.
            wait: Whether to wait for it.
            keep_bytes: Whether the bytes stay in memory, so that they can still be packed.

        Raises:
            KeepWriteError: They could not be stored; they are kept, and the next commit tries again.
        """
        with self.lock:
            buffers = [buffer for cell in cells if (buffer := self._buffers.get(cell))]
            for buffer in buffers:
                if buffer.pack is None:
                    self._packer.forget(buffer)
                    buffer.keeps_bytes = keep_bytes
        buffers = [buffer.pack or buffer for buffer in buffers]
        for stored in buffers:
            self.upload(stored)
        if wait:
            self.uploads.wait(buffers)
            self.report(buffers)

    def report(self, buffers: Iterable[Buffer] | None = None) -> None:
        """Raise what uploads failed with, if anybody has not been told yet.

        Args:
            buffers: Those to report on; None for all.

        Raises:
            KeepWriteError: Uploads failed; the bytes are kept, and the next commit tries again.
        """
        failed = self.uploads.take_failed(buffers)
        if failed:
            problems = {self._place_to_be(buffer, {})[0]: buffer.error for buffer in failed if buffer.error}
            message = "some blocks could not be stored; saving again tries again"
            raise errors.KeepWriteError(message, problems, label="block")

    def pending(self) -> list[Buffer]:
        """Return the buffers whose bytes are not stored."""
        with self.lock:
            return [buffer for buffer in list(self._buffers.values()) if buffer.data and buffer.is_pending()]

    def commit_all(self) -> None:
        """Pack what waits, upload everything that is in memory, and wait for it.

        Raises:
            KeepWriteError: Some blocks could not be stored. Nothing is lost: call this again.
        """
        with self.lock:
            self._pack()
        pending = self.pending()
        for buffer in pending:
            self.upload(buffer)
        self.uploads.wait(pending)
        with self.lock:
            self._rooms.clear()
        self.report(pending)

    def padding(self) -> str:
        """Return the locator of a block of 64 MiB of zeros, which is stored on first use."""
        if self._padding is None:
            self._padding = self.put(bytes(BLOCK_SIZE))
        return self._padding

    def start_put_threads(self) -> None:
        """Do nothing: threads start when there is something to upload."""

    def stop_threads(self) -> None:
        """Wait for the uploads that run, and end the threads. New ones start when they are needed."""
        self._fetcher.stop_threads()
        self.uploads.stop()

    # Reading.

    def read(self, place: int | str, offset: int, length: int, num_retries: int | None = None) -> Data:
        """Return bytes of a cell or of a stored block.

        Args:
            place: The number of the cell, or the locator of the block.
            offset: Where the bytes start in it.
            length: How many bytes.
            num_retries: How often a fetch is tried again; None for the client's own number.

        Returns:
            Exactly so many bytes.

        Raises:
            CellGone: The cell was released, since the file does not refer to it any more.
            KeepReadError: The block cannot be read, or is not the one that the locator names.
        """
        if isinstance(place, int):
            buffer = self._buffers.get(place)
            if buffer is None:
                raise CellGone
            data = buffer.read(offset, length)
            if data is not None:
                return data
            with self.lock:  # it may have been packed during the first look
                data, stored = buffer.read(offset, length), buffer.place()
            if data is not None:
                return data
            if stored is None:
                raise errors.InternalError(f"the bytes of cell {place} are nowhere")
            place, offset = stored[0], stored[1] + offset
        if length < _WORTH_A_BLOCK:
            part = self._fetcher.cached_part(place, offset, length)
            if part is not None:
                return part
        block = self._fetcher.block(place, num_retries)
        if offset + length > len(block):
            message = f"block {place} has {len(block)} bytes, and {offset + length} were asked for"
            raise errors.KeepReadError(message)
        if length < _WORTH_A_VIEW and isinstance(block, bytes):
            return block[offset : offset + length]
        return memoryview(block)[offset : offset + length]

    @property
    def reads_ahead(self) -> bool:
        """Whether it is of use to know what will be read next."""
        return self._fetcher.is_worth_it

    def read_all(
        self, plan: Sequence[tuple[int | str, int, int]], following: Iterable[str] = (), num_retries: int | None = None
    ) -> list[Data]:
        """Return what a plan names, while the blocks behind each part are fetched already.

        Args:
            plan: The parts: the cell or the locator, where the bytes start in it, and how many.
            following: The blocks that will be asked for next.
            num_retries: How often a fetch is tried again; None for the client's own number.

        Raises:
            KeepReadError: A block cannot be read, or is not the one that its locator names.
        """
        places = [*(place for place, _, _ in plan), *following]
        parts = []
        for number, (place, offset, length) in enumerate(plan, 1):
            ahead = [next_one for next_one in places[number : number + self.get_threads] if isinstance(next_one, str)]
            if ahead:
                self._fetcher.prefetch(ahead, place if isinstance(place, str) else "", num_retries)
            parts.append(self.read(place, offset, length, num_retries))
        return parts

    def head(self, locator: str) -> bool:
        """Return whether a block is stored, without its bytes.

        Args:
            locator: The block.

        Raises:
            NotFoundError: It is not; some clients answer with false instead.
        """
        return bool(self._keep.head(locator))

    def fetcher(self, threads: int) -> Fetcher:
        """Return what fetches blocks for somebody who knows which ones come next.

        Args:
            threads: How many blocks are fetched ahead at a time; 0 for none.
        """
        return Fetcher(self._keep, threads, self.signatures)

    def __del__(self) -> None:
        """Warn of bytes that are lost."""
        if os.getpid() == self._process and any(buffer.is_pending() for buffer in self._buffers.values()):
            warnings.warn("a collection with unsaved data was dropped", ResourceWarning, stacklevel=1)
        self.uploads.stop(wait=False)


_managers: weakref.WeakSet[BlockManager] = weakref.WeakSet()


def _start_anew() -> None:
    """Give a forked child locks and threads of its own. What was being uploaded is the parent's affair."""
    for manager in list(_managers):
        manager.lock = threading.Lock()
        manager.uploads.after_fork(manager.lock)
        manager._fetcher.after_fork()
        manager.signatures.after_fork()
        for buffer in manager._buffers.values():
            buffer.future = None


os.register_at_fork(after_in_child=_start_anew)
