"""Files of a collection: `ArvadosFile`, the node in the tree, and the file objects that `Collection.open` returns.

An `ArvadosFile` is a handle: the root collection and the number of a node. It is the same object for the same node as
long as anybody holds it. Reading takes a plan from the tree under the lock and fetches without it; writing appends to a
buffer of the block manager and notes in the tree where the bytes are.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from keepset import errors
from keepset._notify import ADD, DEL, MOD, TOK, WRITE, deliver
from keepset._readers import ArvadosFileReader, ArvadosFileWriter, FileLikeObjectBase
from keepset.blocks import BLOCK_SIZE, PACKED_SIZE, BlockManager
from keepset.locator import KeepLocator
from keepset.locking import NoopLock, must_be_writable, synchronized
from keepset.ranges import Range, locators_and_ranges

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    from keepset._core import Tree
    from keepset.blocks import Buffer
    from keepset.collection import Collection, RichCollectionBase

__all__ = [
    "ADD",
    "DEL",
    "MOD",
    "TOK",
    "WRITE",
    "ArvadosFile",
    "ArvadosFileReader",
    "ArvadosFileWriter",
    "NoopLock",
    "must_be_writable",
    "synchronized",
]

_BlockManager = BlockManager
_FileLikeObjectBase = FileLikeObjectBase

_LITERAL_ZEROS = 1 << 16
"""Gaps up to so many bytes are written as zeros; longer ones refer to the padding block."""


class ArvadosFile:
    """A file of a collection: the node in the tree, not a file object.

    Args:
        parent: The collection that it will belong to. `RichCollectionBase.add` puts it there.
        name: Its name.
        stream: Blocks that `segments` are taken from, in order.
        segments: What the file consists of: ranges of that stream.

    Attributes:
        fuse_entry: For programs that mount collections; nothing here uses it.
    """

    def __init__(
        self,
        parent: RichCollectionBase,
        name: str,
        stream: Sequence[Range] = (),
        segments: Sequence[Range] = (),
    ) -> None:
        root = parent.root_collection()
        self._root: Collection = root
        with root.lock:
            self._id = root._tree.create(name, False)
            root._hold(self)
            for segment in segments:
                self.add_segment(stream, segment.range_start, segment.range_size)
        self._parent_if_detached: RichCollectionBase | None = parent

    @classmethod
    def _of(cls, root: Collection, node: int) -> ArvadosFile:
        """Make the handle of a node."""
        self = cls.__new__(cls)
        self._root = root
        self._id = node
        return self

    fuse_entry: Any = None
    _parent_if_detached = None
    _buffer: Buffer | None = None
    _writers: frozenset[int] = frozenset()
    _version = 0

    def __setattr__(self, name: str, value: object) -> None:
        """Set an attribute. One that a program adds keeps the handle alive as long as its collection."""
        object.__setattr__(self, name, value)
        if not name.startswith("_"):
            self._root._pinned[self._id] = self

    def __repr__(self) -> str:
        """Return the path, for people."""
        return f"<ArvadosFile {self._tree.path(self._id)!r}>"

    # Where it is.

    @property
    def _tree(self) -> Tree:
        return self._root._tree

    @property
    def lock(self) -> AbstractContextManager[Any]:
        """The lock of the root collection."""
        return self._root.lock

    @property
    def name(self) -> str:
        """The name of the file in its collection."""
        return self._tree.name(self._id)

    @property
    def parent(self) -> RichCollectionBase:
        """The collection that the file is in; the last one, if it was removed."""
        parent = self._tree.parent(self._id)
        if parent is None:
            return self._parent_if_detached or self._root
        return self._root._collection(parent)

    def stream_name(self) -> str:
        """Return the path of the collection that the file is in, beginning with `.`."""
        return self.parent.stream_name()

    def writable(self) -> bool:
        """Return whether the collection can be written."""
        return self._root.writable()

    # What it consists of.

    def size(self) -> int:
        """Return the number of bytes."""
        return self._tree.size(self._id)

    @synchronized
    def segments(self) -> list[Range]:
        """Return the parts of blocks that the file consists of.

        Returns:
            Ranges in order; `locator` is a block's, or the number of a cell as text while its bytes are in memory.
        """
        start = 0
        parts = []
        for place, offset, length in self._tree.read_plan(self._id, 0, self.size()):
            parts.append(Range(str(place), start, length, offset))
            start += length
        return parts

    @must_be_writable
    def set_segments(self, segs: Iterable[Range]) -> None:
        """Make the file consist of these parts of blocks.

        Args:
            segs: Parts as `segments` returns them, in order.

        Raises:
            ArgumentError: A part is none.
        """
        with self.lock:
            self._truncate(0)
            for part in segs:
                if part.locator is None:
                    raise errors.ArgumentError("a segment without a locator")
                place = int(part.locator) if part.locator.isdigit() and "+" not in part.locator else part.locator
                self._tree.write(self._id, self.size(), place, part.segment_offset, part.range_size)
            self._changed()

    @must_be_writable
    def add_segment(self, blocks: Sequence[Range], pos: int, size: int) -> None:
        """Append a range of a stream to the file.

        Args:
            blocks: The blocks of the stream, in order.
            pos: Where in the stream the range starts, in bytes.
            size: Its length in bytes.

        Raises:
            ArgumentError: The stream does not have the range.
        """
        with self.lock:
            parts = locators_and_ranges(blocks, pos, size)
            if sum(part.segment_size for part in parts) != size:
                raise errors.ArgumentError(f"the stream does not have the {size} bytes from {pos} on")
            for part in parts:
                if part.locator is None:
                    raise errors.ArgumentError("a block without a locator")
                self._tree.write(self._id, self.size(), part.locator, part.segment_offset, part.segment_size)
            self._changed()

    @must_be_writable
    def replace_contents(self, other: ArvadosFile) -> None:
        """Make the file have the bytes of another one.

        Args:
            other: A file of this or of another collection.
        """
        events: list[Any] = []
        with self.lock:
            other._root._lend_buffers(other, self._root)
            plan = other._tree.read_plan(other._id, 0, other.size())
            self._truncate(0)
            for place, offset, length in plan:
                self._tree.write(self._id, self.size(), place, offset, length)
            self._changed()
            events.append((self.parent, MOD, self.name, (self, self)))
        deliver(events)

    def clone(self, new_parent: RichCollectionBase, new_name: str) -> ArvadosFile:
        """Return a copy that is not part of any collection yet.

        Args:
            new_parent: The collection that it will belong to.
            new_name: Its name.
        """
        copy = ArvadosFile(new_parent, new_name)
        copy.replace_contents(self)
        return copy

    def __eq__(self, other: object) -> bool:
        """Return whether the other is a file with the same bytes, by block and range."""
        if other is self:
            return True
        if not isinstance(other, ArvadosFile):
            return False
        return self._root._settled_tree().is_same(self._id, other._root._settled_tree(), other._id)

    __hash__ = None  # type: ignore[assignment]  # as in 3.2.1: what can change has no hash

    def manifest_text(
        self,
        stream_name: str = ".",
        portable_locators: bool = False,
        normalize: bool = False,
        only_committed: bool = False,
    ) -> str:
        """Return a manifest with this file alone.

        Args:
            stream_name: The name of the stream.
            portable_locators: Write locators without hints.
            normalize: For the sake of 3.2.1: the text always is in normal form.
            only_committed: Leave out what is not stored, instead of storing it first.
        """
        return self._root._text_of(
            self._id, stream_name, strip=portable_locators, normalize=normalize, only_committed=only_committed
        )

    def has_remote_blocks(self) -> bool:
        """Return whether a block of the file is signed by another cluster (`+R`)."""
        plan = self._tree.read_plan(self._id, 0, self.size())
        return any(isinstance(place, str) and "+R" in place for place, _, _ in plan)

    def permission_expired(self, as_of_dt: datetime | None = None) -> bool:
        """Return whether the signature of a block has ended.

        Args:
            as_of_dt: At which moment, in UTC; now, if it is None.
        """
        plan = self._tree.read_plan(self._id, 0, self.size())
        return any(isinstance(place, str) and KeepLocator(place).permission_expired(as_of_dt) for place, _, _ in plan)

    # Whether it has been saved.

    def committed(self) -> bool:
        """Return whether the file is as it was saved."""
        return self._tree.is_committed(self._id)

    def modified(self) -> bool:
        """Return whether the file has changed since it was saved."""
        return not self.committed()

    def set_committed(self, value: bool = True) -> None:
        """Say that the file is as it was saved, or (False) that it is not."""
        with self.lock:
            if value:
                self._tree.set_committed(self._id)
            else:
                self._tree.set_uncommitted(self._id)

    def set_unmodified(self) -> None:
        """Say that the file is as it was saved."""
        self.set_committed()

    # Reading.

    def readfrom(
        self,
        offset: int,
        size: int,
        num_retries: int | None = None,
        exact: bool = False,
        return_memoryview: bool = False,
    ) -> bytes | memoryview:
        """Read bytes.

        Args:
            offset: Where to start.
            size: How many bytes; fewer are returned at the end of the file.
            num_retries: How often a fetch is tried again; None for the collection's number.
            exact: For the sake of 3.2.1: all that there is is always returned.
            return_memoryview: Return a view, which spares a copy if the bytes are in one block.

        Raises:
            KeepReadError: A block cannot be read.
        """
        if size <= 0:
            return memoryview(b"") if return_memoryview else b""
        with self.lock:
            plan = self._tree.read_plan(self._id, offset, size)
            manager = self._root._my_block_manager() if plan else None
        if manager is None:
            return memoryview(b"") if return_memoryview else b""
        parts = [manager.read(place, start, length, num_retries) for place, start, length in plan]
        if len(parts) == 1:
            return memoryview(parts[0]) if return_memoryview else bytes(parts[0])
        data = b"".join(parts)
        return memoryview(data) if return_memoryview else data

    # Writing.

    @must_be_writable
    def writeto(self, offset: int, data: bytes | bytearray | memoryview, num_retries: int | None = None) -> None:
        """Write bytes.

        Args:
            offset: Where to start; a gap behind the end of the file is filled with zeros.
            data: The bytes.
            num_retries: For the sake of 3.2.1: uploads use the collection's number.

        Raises:
            KeepWriteError: An earlier upload failed. Its bytes are kept; these ones are not written.
        """
        view = memoryview(data).cast("B")
        if not len(view):
            return
        manager = self._root._my_block_manager()
        manager.report()
        with self.lock:
            if offset > self.size():
                self._extend(offset)
        done = 0
        while done < len(view):
            sealed = None
            with self.lock:
                buffer = self._open_buffer()
                part = view[done : done + BLOCK_SIZE - buffer.size]
                start = manager.append(buffer, part)
                if start is None:
                    self._buffer = None
                    continue
                self._tree.write(self._id, offset + done, buffer.cell, start, len(part))
                done += len(part)
                self._version += 1
                if buffer.size == BLOCK_SIZE:
                    sealed = self._seal()
            if sealed:
                manager.upload(sealed)
        deliver([(self.parent, WRITE, self.name, (self, self))])

    def _open_buffer(self) -> Buffer:
        """Return the buffer that is appended to."""
        if self._buffer is None:
            self._buffer = self._root._my_block_manager().buffer()
            self._root._open_files[self._id] = self
        return self._buffer

    def _seal(self) -> Buffer | None:
        """End the current buffer. One that has been overwritten in parts is replaced by one with what is left of it."""
        buffer, self._buffer = self._buffer, None
        self._root._open_files.pop(self._id, None)
        if buffer is None or buffer.data is None:
            return None
        parts = [part for part in self._tree.read_plan(self._id, 0, self.size()) if part[0] == buffer.cell]
        live = sum(length for _, _, length in parts)
        if live == buffer.size or buffer.is_shared:
            return buffer
        manager = self._root._my_block_manager()
        if live == 0:
            manager.release(buffer)
            return None
        compact = manager.buffer()
        position = 0
        for place, offset, length in self._tree.read_plan(self._id, 0, self.size()):
            if place == buffer.cell:
                start = manager.append(compact, memoryview(buffer.data)[offset : offset + length]) or 0
                self._tree.write(self._id, position, compact.cell, start, length)
            position += length
        manager.release(buffer)
        return compact

    def _extend(self, size: int) -> None:
        """Fill up with zeros. To be called under the lock."""
        gap = size - self.size()
        if self._root.packing and gap <= _LITERAL_ZEROS:
            buffer = self._open_buffer()
            if buffer.size + gap <= BLOCK_SIZE:
                start = self._root._my_block_manager().append(buffer, memoryview(bytes(gap)))
                if start is not None:
                    self._tree.write(self._id, self.size(), buffer.cell, start, gap)
                    return
        padding = self._root._my_block_manager().padding()
        while gap > 0:
            length = min(gap, BLOCK_SIZE)
            self._tree.write(self._id, self.size(), padding, 0, length)
            gap -= length

    def _truncate(self, size: int) -> None:
        self._tree.truncate(self._id, size)
        self._version += 1

    def _changed(self) -> None:
        self._version += 1
        self._tree.set_uncommitted(self._id)

    @must_be_writable
    def truncate(self, size: int) -> None:
        """Make the file so long: drop what is behind, or fill up with zeros.

        Args:
            size: In bytes.
        """
        with self.lock:
            if size < self.size():
                self._truncate(size)
            elif size > self.size():
                self._extend(size)
                self._version += 1

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
        deliver([(self.parent, MOD, self.name, (self, self))])

    def _flush_for_now(self) -> None:
        """Store what is in memory, but keep it there: a small file will be packed when it is closed."""
        with self.lock:
            manager = self._root._my_block_manager()
            self._seal()
            cells = self._tree.cells_below(self._id)
            keeps = self._root.packing and self.size() <= PACKED_SIZE
        manager.store(cells, keep_bytes=keeps)

    def add_writer(self, writer: object) -> None:
        """Note that a file object writes to the file.

        Args:
            writer: The file object.
        """
        with self.lock:
            self._writers |= {id(writer)}

    def _forget_writer(self, writer: object) -> None:
        with self.lock:
            self._writers -= {id(writer)}

    def remove_writer(self, writer: object, flush: bool | None) -> None:
        """Note that a file object does not write any more.

        Args:
            writer: The file object.
            flush: Store the file's bytes now as its own block (True), pack them with those of other small files
                (False), or do what `Collection.packing` says (None).

        Raises:
            KeepWriteError: An upload failed. The bytes are kept, and saving tries again.
        """
        with self.lock:
            self._forget_writer(writer)
            if self._writers or self.committed():
                return
            packs = self._root.packing if flush is None else not flush
            manager = self._root._my_block_manager()
            if packs:
                self._seal()
                cells = self._tree.cells_below(self._id)
                small = self.size() <= PACKED_SIZE
        if not packs:
            self.flush()
            return
        if small:
            manager.pack_later(cells)
        else:
            manager.store(cells, wait=False)
        deliver([(self.parent, MOD, self.name, (self, self))])
        manager.report()

    def closed(self) -> bool:
        """Return whether no file object writes to the file."""
        return not self._writers


def split(path: str) -> tuple[str, str]:
    """Divide a path into stream name and file name.

    Args:
        path: The path.

    Examples:
        >>> split("./a/b")
        ('./a', 'b')
    """
    stream_name, _, file_name = path.rpartition("/")
    return (stream_name or ".", file_name)


def open_file(arvfile: ArvadosFile, mode: str, num_retries: int | None, **text: Any) -> io.IOBase:
    """Return a file object for a file of a collection.

    Args:
        arvfile: The file.
        mode: A mode of `open`, checked by the caller.
        num_retries: How often a fetch or an upload is tried again.
        **text: What `io.TextIOWrapper` takes, for text modes.
    """
    is_text = "b" not in mode
    binary: ArvadosFileReader
    if mode[0] == "r" and "+" not in mode:
        binary = ArvadosFileReader(arvfile, mode, num_retries)
    else:
        binary = ArvadosFileWriter(arvfile, mode, num_retries)
    if not is_text:
        return binary
    binary._is_wrapped = True
    return io.TextIOWrapper(binary, **text)  # type: ignore[arg-type]  # it is a BufferedIOBase
