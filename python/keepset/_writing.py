"""Writing a file of a collection: what becomes of the bytes, from the buffer to the block."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from keepset._node import Node
from keepset._notify import MOD, WRITE, deliver
from keepset.blocks import BLOCK_SIZE, PACKED_SIZE
from keepset.locking import hold, must_be_writable

if TYPE_CHECKING:
    from keepset._edits import RichCollectionBase
    from keepset._writers import ArvadosFileWriter
    from keepset.blocks import BlockManager, Buffer

__all__ = ["WritingState", "WrittenFile", "plain_bytes"]

_LITERAL_ZEROS = 1 << 16
"""Gaps up to so many bytes are written as zeros; longer ones refer to the padding block."""


def plain_bytes(data: Any) -> bytes | memoryview:
    """Return what is to be written: a `bytes`, which need not be copied, as it is, and a view of anything else."""
    if isinstance(data, bytes):
        return data
    return data.encode() if isinstance(data, str) else memoryview(data).cast("B")


class WritingState:
    """What writing to a file needs, apart from the handle, whose attributes are watched."""

    __slots__ = ("buffer", "version", "writers")

    def __init__(self) -> None:
        """Start with nothing written."""
        self.buffer: Buffer | None = None
        # Grows with each change, so that readers know when what they have read ahead is out of date.
        self.version = 0
        # The file objects that write to the file, by `id`: they must not be kept alive by it.
        self.writers: set[int] = set()


_UNTOUCHED = WritingState()
"""Shared by all files that nothing is written to."""


class WrittenFile(Node):
    """The part of `ArvadosFile` that changes its bytes."""

    if TYPE_CHECKING:

        @property
        def name(self) -> str: ...
        @property
        def parent(self) -> RichCollectionBase: ...

        def size(self) -> int: ...

    # `_touch` gives a file one of its own.
    _state = _UNTOUCHED

    @must_be_writable
    def writeto(self, offset: int, data: bytes | bytearray | memoryview | str, num_retries: int | None = None) -> int:
        """Write bytes.

        Args:
            offset: Where to start; a gap behind the end of the file is filled with zeros.
            data: The bytes, or a text to be written as UTF-8.
            num_retries: For the sake of 3.2.1: uploads use the collection's number.

        Returns:
            The number of bytes written: all of them.

        Raises:
            KeepWriteError: An earlier upload failed. Its bytes are kept; these ones are not written.
        """
        plain = plain_bytes(data)
        self._write(offset, plain)
        return len(plain)

    def _write(self, offset: int | None, rest: bytes | memoryview, writer: ArvadosFileWriter | None = None) -> None:
        """Write bytes. The collection is known to be writable.

        Args:
            offset: Where to start; at the end of the file, if it is None.
            rest: The bytes.
            writer: A file object whose position to write at instead, and to move.
        """
        root = self._root
        manager = root._block_manager or root._my_block_manager()
        if manager.uploads.failed:
            manager.report()
        left = len(rest)
        if not left:
            return
        if offset:
            self._store_padding(offset)
        while left:
            full: list[Buffer] = []
            # What no other thread can see half done is a write of up to a block; a longer one is not held in memory.
            lock = root._lock
            lock.acquire()
            if self._root is not root:  # what `hold` does, without a call
                lock.release()
                lock, root = hold(self), self._root
            try:
                manager = root._block_manager or root._my_block_manager()
                if writer is not None:  # another thread that writes with it goes on behind
                    offset = writer._position
                    writer._position = offset + left
                    writer = None
                while left and len(full) < 2:
                    written, sealed = self._write_some(manager, offset, rest)
                    left -= written
                    if offset is not None:
                        offset += written
                    if sealed:
                        full.append(sealed)
                    if left:
                        rest = memoryview(rest)[written:]
            finally:
                lock.release()
            for buffer in full:
                manager.upload(buffer)
        if root._listeners:
            self._tell(WRITE)

    def _write_some(
        self, manager: BlockManager, offset: int | None, part: bytes | memoryview
    ) -> tuple[int, Buffer | None]:
        """Write as much as the current buffer takes, or end it. To be called under the lock.

        Returns:
            How many bytes were written, and a buffer that is to be uploaded.
        """
        root = self._root
        tree = root._tree
        size = tree.size(self._id)
        if offset is None:
            offset = size
        elif offset > size:
            self._extend(offset)
        state = self._state
        if state is _UNTOUCHED:
            state = self._touch()
        buffer = state.buffer
        length = len(part)
        if buffer is None:
            room, start = BLOCK_SIZE, 0
            if length > room:
                part, length = memoryview(part)[:room], room
            state.buffer = buffer = manager.begin(part)
            root._open_files[self._id] = self
        else:
            room = BLOCK_SIZE - buffer.size
            if length > room:
                return 0, self._make_room(min(length, BLOCK_SIZE))
            end = manager.append(buffer, part)
            if end is None:
                state.buffer = None
                return 0, None
            start = end
        if tree.write(self._id, offset, buffer.cell, start, length):
            buffer.is_overwritten = True
        state.version += 1
        return length, self._seal() if length == room else None

    def _touch(self) -> WritingState:
        """Return the state that belongs to this file alone."""
        state = self._state
        if state is _UNTOUCHED:
            state = vars(self).setdefault("_state", WritingState())  # one step, whatever other threads do
        return state

    def _tell(self, event: str) -> None:
        """Tell the callbacks, if there are any, that the bytes have changed. To be called without the lock."""
        if self._root._listeners:
            deliver([(self.parent, event, self.name, (self, self))])

    def _make_room(self, size: int) -> Buffer | None:
        """End the current buffer, as 3.2.1 does where a write does not fit, unless what was overwritten makes room."""
        sealed = self._seal()
        if sealed and sealed.size + size <= BLOCK_SIZE:
            self._touch().buffer, sealed = sealed, None
            self._root._open_files[self._id] = self
        return sealed

    def _seal(self) -> Buffer | None:
        """End the current buffer. One not written from start to end is replaced by what is left, in order."""
        buffer = self._state.buffer
        if buffer is None:
            return None
        self._state.buffer = None
        self._root._open_files.pop(self._id, None)
        if buffer.data is None:
            return None
        if not buffer.is_overwritten:
            return buffer
        parts = [part for part in self._tree.read_plan(self._id, 0, self.size()) if part[0] == buffer.cell]
        live = sum(length for _, _, length in parts)
        offsets = [offset for _, offset, _ in parts]
        if buffer.is_shared or (live == buffer.size and offsets == sorted(offsets)):
            return buffer
        manager = self._root._my_block_manager()
        if live == 0:
            manager.release(buffer)
            return None
        compact = manager.begin(b"".join([buffer.data[offset : offset + length] for _, offset, length in parts]))
        position = start = 0
        for place, _, length in self._tree.read_plan(self._id, 0, self.size()):
            if place == buffer.cell:
                self._tree.write(self._id, position, compact.cell, start, length)
                start += length
            position += length
        manager.release(buffer)
        return compact

    def _fits_literally(self, gap: int) -> bool:
        return self._root.packing and gap <= _LITERAL_ZEROS

    def _store_padding(self, size: int) -> None:
        """Store the block of zeros that filling up needs, so that nobody waits for that under the lock."""
        gap = size - self.size()
        if gap > 0 and not self._fits_literally(gap):
            self._root._my_block_manager().padding()

    def _extend(self, size: int) -> None:
        """Fill up with zeros. To be called under the lock."""
        gap = size - self.size()
        manager, buffer = self._root._my_block_manager(), self._state.buffer
        room = BLOCK_SIZE if buffer is None else BLOCK_SIZE - buffer.size
        if self._fits_literally(gap) and gap < room and self._write_some(manager, None, bytes(gap))[0]:
            return
        padding = manager.padding()
        while gap > 0:
            length = min(gap, BLOCK_SIZE)
            self._tree.write(self._id, self.size(), padding, 0, length)
            gap -= length

    def _truncate(self, size: int) -> None:
        dropped = () if size else self._tree.cells_below(self._id)
        self._tree.truncate(self._id, size)
        if self._state.buffer is not None:
            self._state.buffer.is_overwritten = True
        self._touch().version += 1
        for cell in dropped:
            self._release(cell)

    def _release(self, cell: int) -> None:
        """Forget bytes that this file does not refer to any more, unless another one may."""
        manager = self._root._my_block_manager()
        buffer = manager.find(cell)
        if buffer is not None and not buffer.is_shared and buffer is not self._state.buffer:
            manager.release(buffer)

    def _set_replaced(self) -> None:
        """Note that the file has been given other bytes."""
        state = self._touch()
        state.version += 1
        if state.buffer is not None:
            state.buffer.is_overwritten = True

    def _changed(self) -> None:
        self._touch().version += 1
        self._tree.set_uncommitted(self._id)

    @must_be_writable
    def truncate(self, size: int) -> None:
        """Make the file so long: drop what is behind, or fill up with zeros.

        Args:
            size: In bytes.
        """
        self._store_padding(size)
        with self.lock:
            if size < self.size():
                self._truncate(size)
            elif size > self.size():
                self._extend(size)
                self._touch().version += 1

    @must_be_writable
    def flush(self, sync: bool = True, num_retries: int | None = None) -> None:
        """Store what is in memory as the file's own block.

        Args:
            sync: Wait for it.
            num_retries: For the sake of 3.2.1: uploads use the collection's number.

        Raises:
            KeepWriteError: It could not be stored. The bytes are kept, and saving tries again.
        """
        with self.lock:
            if self.committed():
                return
            manager = self._root._my_block_manager()
            self._seal()
            cells = self._tree.cells_below(self._id)
        manager.store(cells, wait=sync)
        self._tell(MOD)

    def _flush_for_now(self) -> None:
        """Store what is in memory, but keep it there: a small file will be packed when it is closed."""
        with self.lock:
            if self.committed():
                return
            manager = self._root._my_block_manager()
            self._seal()
            cells = self._tree.cells_below(self._id)
            keeps = self._root.packing and self.size() <= PACKED_SIZE
        manager.store(cells, keep_bytes=keeps)
        self._tell(MOD)

    def add_writer(self, writer: object) -> None:
        """Note that a file object writes to the file.

        Args:
            writer: The file object.
        """
        self._touch().writers.add(id(writer))

    def _forget_writer(self, writer: object) -> None:
        self._state.writers.discard(id(writer))

    def remove_writer(self, writer: object, flush: bool | None) -> None:
        """Note that a file object does not write any more.

        Args:
            writer: The file object.
            flush: Store the file's bytes now as its own block (True), pack them with those of other small files
                (False), or do what `Collection.packing` says (None).

        Raises:
            KeepWriteError: An upload failed. The bytes are kept, and saving tries again.
        """
        root = self._root
        lock = root._lock
        lock.acquire()
        if self._root is not root:  # what `hold` does, without a call
            lock.release()
            lock, root = hold(self), self._root
        try:
            state = self._state
            state.writers.discard(id(writer))
            packs = root.packing if flush is None else not flush
            if packs and state.writers:
                return
            if packs and state.buffer is not None:
                self._seal()
            unsaved = root._tree.unsaved(self._id)
            if unsaved is None:
                return
            manager = root._block_manager or root._my_block_manager()
        finally:
            lock.release()
        cells, size = unsaved
        if not packs:
            self.flush()
            return
        if size <= PACKED_SIZE:
            manager.pack_later(cells)
        else:
            manager.store(cells, wait=False)
        if root._listeners:
            self._tell(MOD)
        if manager.uploads.failed:
            manager.report()

    def closed(self) -> bool:
        """Return whether no file object writes to the file."""
        return not self._state.writers
