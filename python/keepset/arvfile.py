"""Files of a collection: `ArvadosFile`, the node in the tree, and the file objects that `Collection.open` returns.

An `ArvadosFile` is a handle: the root collection and the number of a node. It is the same object for the same node as
long as anybody holds it. Reading takes a plan from the tree under the lock and fetches without it; writing appends to a
buffer of the block manager and notes in the tree where the bytes are.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from keepset import blocks, errors
from keepset._foreign import root_of
from keepset._notify import ADD, DEL, MOD, TOK, WRITE
from keepset._readers import ArvadosFileReader, ArvadosFileReaderBase, FileLikeObjectBase
from keepset._writers import ArvadosFileWriter
from keepset._writing import WrittenFile
from keepset.blocks import CellGone
from keepset.locator import KeepLocator
from keepset.locking import NoopLock, hold, hold_both, must_be_writable, synchronized
from keepset.ranges import Range, locators_and_ranges

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from keepset._core import Tree
    from keepset.collection import RichCollectionBase
    from keepset.keep.base import Data

__all__ = [
    "ADD",
    "DEL",
    "MOD",
    "TOK",
    "WRITE",
    "ArvadosFile",
    "ArvadosFileReader",
    "ArvadosFileReaderBase",
    "ArvadosFileWriter",
    "NoopLock",
    "must_be_writable",
    "synchronized",
]

_BlockManager = blocks.BlockManager
_FileLikeObjectBase = FileLikeObjectBase


class ArvadosFile(WrittenFile):
    """A file of a collection: the node in the tree, not a file object.

    Args:
        parent: The collection that it will belong to. `RichCollectionBase.add` puts it there. A file of another
            library's collection can be read.
        name: Its name.
        stream: Blocks that `segments` are taken from, in order.
        segments: What the file consists of: how many bytes (`range_size`), from where on in that stream (`locator`, a
            number, as in 3.2.1).

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
        root = self._root = root_of(parent)
        with root.lock:
            self._id = root._tree.create(name, False)
            root._hold(self)
            for segment in segments:
                self.add_segment(stream, int(segment.locator or 0), segment.range_size)
        self._parent_if_detached = parent

    fuse_entry: Any = None
    _parent_if_detached: RichCollectionBase | None = None

    def __repr__(self) -> str:
        """Return the path, for people."""
        return f"<ArvadosFile {self._tree.path(self._id)!r}>"

    # Where it is.

    @property
    def _tree(self) -> Tree:
        return self._root._tree

    @property
    def name(self) -> str:
        """The name of the file in its collection."""
        return self._tree.name(self._id)

    @property
    def parent(self) -> RichCollectionBase:
        """The collection that the file is in; the last one, if it was removed."""
        parent = self._tree.parent(self._id)
        if parent is not None:
            return self._root._collection(parent)
        return self._root if self._parent_if_detached is None else self._parent_if_detached

    def stream_name(self) -> str:
        """Return the path of the collection that the file is in, beginning with `.`."""
        return self.parent.stream_name()

    # What it consists of.

    def size(self) -> int:
        """Return the number of bytes."""
        return self._tree.size(self._id)

    @synchronized
    def segments(self) -> list[Range]:
        """Return the parts of blocks that the file consists of.

        Returns:
            Ranges in order; `locator` is a block's, or the number of a cell while its bytes are in memory.
        """
        start = 0
        parts = []
        for place, offset, length in self._tree.read_plan(self._id, 0, self.size()):
            parts.append(Range(place, start, length, offset))
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
                self._tree.write(self._id, self.size(), part.locator, part.segment_offset, part.range_size)
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
        event = TOK if self == other else MOD
        first, second = hold_both(self, other)
        try:
            if cells := other._tree.cells_below(other._id):
                other._root._lend_buffers(cells, self._root)
            plan = other._tree.read_plan(other._id, 0, other.size())
            self._truncate(0)
            for place, offset, length in plan:
                self._tree.write(self._id, self.size(), place, offset, length)
            self._changed()
        finally:
            second.release()
            first.release()
        self._tell(event)

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

    # Reading.

    def _segment(self, offset: int, num_retries: int | None) -> tuple[int, int, int, memoryview]:
        """Return the part of the file around a byte: start, end, version, bytes; nothing if it is not in one block."""
        version = self._state.version
        with self.lock:
            found = self._tree.segment_at(self._id, offset)
        if found is None or isinstance(found[1], int):
            return 0, 0, -1, memoryview(b"")
        start, place, block_offset, length = found
        data = self._root._my_block_manager().read(place, block_offset, length, num_retries)
        return start, start + length, version, memoryview(data)

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
        data = self._read(offset, size, num_retries)
        return memoryview(data) if return_memoryview else bytes(data)

    def _read(self, offset: int, size: int, num_retries: int | None) -> Data:
        """Do what `readfrom` does; what is in one block may be returned as a view."""
        following: list[str] = []
        lock = hold(self)
        try:
            root = self._root
            plan = root._tree.read_plan(self._id, offset, size) if size > 0 else []
            if not plan:
                return b""
            manager = root._my_block_manager()
            if manager.reads_ahead:
                following = root._my_read_ahead().following(root._tree, self._id, offset, plan)
        finally:
            lock.release()
        try:
            if len(plan) == 1 and not following:
                return manager.read(*plan[0], num_retries)
            parts = manager.read_all(plan, following, num_retries)
        except CellGone:
            return self._read(offset, size, num_retries)
        return parts[0] if len(parts) == 1 else b"".join(parts)


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


def as_text(binary: ArvadosFileReader, encoding: str, errors: str | None, newline: str | None) -> io.TextIOWrapper:
    """Return a text file for a binary file.

    Args:
        binary: The binary file, opened in a text mode.
        encoding: As for `open`.
        errors: As for `open`.
        newline: As for `open`.
    """
    binary._is_wrapped = True
    file = io.TextIOWrapper(binary, encoding, errors, newline)
    file.mode = binary.mode  # type: ignore[misc]  # as `open` does; the class itself has none
    return file
