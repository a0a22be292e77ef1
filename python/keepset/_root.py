"""What the root of a collection does for all that belongs to it: the table of handles, and moving nodes about."""

from __future__ import annotations

import errno
import weakref
from typing import TYPE_CHECKING, Any

from keepset import errors
from keepset._node import ROOT, set_id, set_root
from keepset._notify import ADD, DEL, MOD, Event

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from keepset._core import Tree
    from keepset._edits import RichCollectionBase
    from keepset.blocks import BlockManager
    from keepset.locking import Lock

__all__ = ["Reference", "Root", "forgetter"]


class Reference(weakref.ref[Any]):
    """A weak reference to a handle that knows the number of its node."""

    __slots__ = ("node",)
    node: int


def forgetter(handles: dict[int, Reference]) -> Callable[[Reference], None]:
    """Return what takes a handle that is gone out of a table. It must not keep the root alive."""

    def forget(reference: Reference) -> None:
        # This runs at any moment, and must not wait for a lock. Between the two looks there is no call, during which
        # another thread could put another handle there.
        node = reference.node
        try:
            if handles[node] is reference:
                del handles[node]
        except KeyError:
            pass

    return forget


class Root:
    """The part of `Collection` that the methods of its files and directories call. All under its lock."""

    if TYPE_CHECKING:
        _tree: Tree
        _lock: Lock

        def _my_block_manager(self) -> BlockManager: ...
        def _settled_tree(self) -> Tree: ...
        def clone(self, *, readonly: bool) -> Any: ...

        _file_class: type
        _directory_class: type

    _handles: dict[int, Reference]
    _forget: Callable[[Reference], None]
    # How many callbacks there are: without any, no event is made.
    _listeners = 0
    # Handles that stay: a program has put an attribute or a callback on them.
    _pinned: dict[int, Any]
    # Files with a buffer that is being filled: it must not go with the handle.
    _open_files: dict[int, Any]

    def _handle(self, node: int, is_directory: bool) -> Any:
        """Return the object of a node. To be called under the lock."""
        reference = self._handles.get(node)
        handle: Any = None if reference is None else reference()
        if handle is None:
            if node == ROOT:
                return self
            handle = object.__new__(self._directory_class if is_directory else self._file_class)
            set_root(handle, self)  # type: ignore[arg-type]  # a root is a `Collection`
            set_id(handle, node)
            self._handles[node] = reference = Reference(handle, self._forget)
            reference.node = node
        return handle

    def _collection(self, node: int) -> RichCollectionBase:
        handle: RichCollectionBase = self._handle(node, True)
        return handle

    def _hold(self, handle: Any) -> None:
        """Enter a new handle into the table."""
        reference = Reference(handle, self._forget)
        node = reference.node = handle._id
        self._handles[node] = reference

    def _live(self, node: int) -> Any:
        """Return the object of a node if there is one."""
        reference = self._handles.get(node)
        return None if reference is None else reference()

    def _snapshot(self) -> tuple[Root, Tree]:
        """Return a read-only collection that stays as this one is, and its tree with bytes in memory named by hash."""
        with self._lock:
            seen = self._settled_tree()
            snapshot: Root = self.clone(readonly=True)
            return snapshot, snapshot._tree if seen is self._tree else seen

    # What the methods above leave to the root. All to be called under the lock.

    def _remove(self, node: int, events: list[Event]) -> None:
        handle = self._handle(node, self._tree.is_directory(node)) if self._listeners else self._live(node)
        if handle is not None:
            collection = self._collection(self._tree.parent(node) or ROOT)
            handle._parent_if_detached = collection
            if self._listeners:
                events.append((collection, DEL, self._tree.name(node), handle))
        self._tree.detach(node)

    def _discard(self, node: int, events: list[Event]) -> None:
        """Remove a node, and forget bytes in memory that only it had, unless somebody holds it."""
        cells = self._tree.cells_below(node)
        held = cells and any(self._tree.is_at_or_below(handle, node) for handle in list(self._handles))
        self._remove(node, events)
        if cells and not held:
            manager = self._my_block_manager()
            for cell in cells:
                buffer = manager.find(cell)
                if buffer is not None and not buffer.is_shared:
                    manager.release(buffer)

    def _note(self, done: Sequence[tuple[str, int, int]], events: list[Event]) -> None:
        """Tell the handles what the engine has done to the tree, and make the events of it.

        Args:
            done: Kind and node; of DEL also the directory that it was in, of MOD the node that it replaced, or itself.
            events: Takes the events.
        """
        if not (self._listeners or self._handles):
            return
        tree = self._tree
        for kind, node, other in done:
            old = node if kind == DEL else other
            is_gone = kind == DEL or (kind == MOD and other != node)
            handle = self._handle(old, tree.is_directory(old)) if self._listeners else self._live(old)
            if handle is None:
                continue
            parent = self._collection(other if kind == DEL else tree.parent(node) or ROOT)
            if is_gone:
                handle._parent_if_detached = parent
            elif kind == MOD:
                handle._set_replaced()
            if self._listeners:
                new = handle if node == old else self._handle(node, tree.is_directory(node))
                events.append((parent, kind, tree.name(node), new if kind in (ADD, DEL) else (handle, new)))

    def _put(
        self, origin: Root, node: int, directory: int, name: str, overwrite: bool, moves: bool, events: list[Event]
    ) -> None:
        """Put a file or directory of a root, or a copy of it, into a directory of this one."""
        if name in ("", ".", "..") or "/" in name:
            raise errors.ArgumentError(f"not a name for a file or a collection: {name!r}")
        old = self._tree.child(directory, name)
        if old is not None and not overwrite:
            raise FileExistsError(errno.EEXIST, "the name exists", name)
        if old is None or origin is not self or old[0] != node:
            self._take(origin, node, directory, name, old, moves, events)

    def _take(
        self,
        origin: Root,
        node: int,
        directory: int,
        name: str,
        old: tuple[int, bool] | None,
        moves: bool,
        events: list[Event],
    ) -> None:
        """Do what `_put` does, in the place of what has the name."""
        tree = self._tree
        if moves and node == ROOT:
            raise errors.ArgumentError("a root collection cannot be moved; copy it")
        if moves and origin is self and tree.is_at_or_below(directory, node):
            raise OSError(errno.EINVAL, "a collection cannot be moved into itself", name)
        replaced = None
        if old is not None:
            replaced = self._handle(*old) if self._listeners else None
            if moves and origin is self and tree.is_at_or_below(node, old[0]):
                raise OSError(errno.EINVAL, "a collection cannot take the place of one that it is in", name)
            # What is copied is what is there before the old one goes.
            if not moves and origin is self and self._overlap(node, old[0]):
                node = self._detached_copy(node)
                moves = True
            self._discard(old[0], [])
        if moves and origin is self:
            if tree.parent(node) is not None:
                self._remove(node, events)
            tree.attach(node, directory, name)
            new = node
        elif origin is self:
            self._share(node)
            new = tree.copy_within(node, directory, name)
        else:
            if cells := origin._tree.cells_below(node):
                origin._lend_buffers(cells, self)
            new = tree.copy_from(origin._tree, node, directory, name)
            if moves:
                origin._remove(node, events)
                origin._move_handles(node, self, new)
        if self._listeners:
            handle = self._handle(new, tree.is_directory(new))
            event = (MOD, name, (replaced, handle)) if old is not None else (ADD, name, handle)
            events.append((self._collection(directory), *event))

    def _detached_copy(self, node: int) -> int:
        """Return a copy of a file or directory that is not part of the collection."""
        source = self._handle(node, self._tree.is_directory(node))
        copy: int = source.clone(source.parent, source.name)._id
        return copy

    def _overlap(self, one: int, other: int) -> bool:
        return self._tree.is_at_or_below(one, other) or self._tree.is_at_or_below(other, one)

    def _share(self, node: int) -> None:
        """Note that two files will refer to the bytes in memory of this one; of all, removed ones too, for the root."""
        cells = self._tree.cells_below(node) if node != ROOT else self._tree.pending_cells()
        if cells:
            self._my_block_manager().share(cells)

    def _lend_buffers(self, cells: list[int], to: Root) -> None:
        """Let another collection refer to bytes in memory of this one."""
        manager, other = self._my_block_manager(), to._my_block_manager()
        if other is manager:
            manager.share(cells)
        else:
            other.adopt(manager.lend(cells))

    def _move_handles(self, node: int, to: Root, new_node: int) -> None:
        """Make the handles at and below a node those of its copy in another collection."""
        moved = dict(zip(self._tree.descend(node), to._tree.descend(new_node), strict=True))
        for old_id in [old_id for old_id in self._handles if old_id in moved]:
            handle = self._handles.pop(old_id)()
            if handle is not None:
                set_root(handle, to)  # type: ignore[arg-type]  # a root is a `Collection`
                set_id(handle, moved[old_id])
                to._hold(handle)
        for table, target in ((self._pinned, to._pinned), (self._open_files, to._open_files)):
            for old_id in [old_id for old_id in table if old_id in moved]:
                target[moved[old_id]] = table.pop(old_id)
