"""Differences between directories of collections, and bringing them from one to another."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from keepset import errors
from keepset._changes import Change
from keepset._core import apply_changes, join_directories, list_changes, roots_of
from keepset._directory import Directory
from keepset._foreign import ours
from keepset._notify import ADD, DEL, MOD, TOK, Event, deliver
from keepset.locking import hold, hold_both, must_be_writable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from keepset._core import Tree
    from keepset._root import Root

__all__ = ["Merging", "stamp"]

OnClash: TypeAlias = Literal["error", "ours", "theirs", "rename", "concatenate"]


def stamp() -> str:
    """Return the time, as it stands in the names of conflict files: UTC."""
    return time.strftime("%Y%m%d-%H%M%S", time.gmtime())


class Merging(Directory):
    """The part of `RichCollectionBase` that compares collections and brings changes to them."""

    def diff(
        self, end_collection: Any, prefix: str = ".", holding_collection: Any = None, *, changes_only: bool = False
    ) -> list[Any]:
        r"""Return what leads from this collection to another: a list for `apply`.

        Of each directory first what is gone comes, then what the other has, both in order of appearance. A directory
        that both have is told by what is in it.

        Args:
            end_collection: The other collection; one of another library and a `Manifest` will do.
            prefix: What the paths begin with.
            holding_collection: Where copies of the files and subcollections are made that stand in the list. Without
                it they are those of read-only snapshots of both collections.
            changes_only: Leave out the files that are equal, which are listed since their signatures may differ.

        Returns:
            Tuples: `(ADD, path, new)`, `(DEL, path, old)`, `(MOD, path, old, new)` and, for equal files,
            `(TOK, path, old, new)`.

        Raises:
            ArgumentError: The other one is no collection.

        Examples:
            >>> from keepset import Collection
            >>> old = Collection(". acbd18db4cc2f85cedef654fccc4a4d8+3 0:3:a 0:3:b\n")
            >>> new = Collection(". acbd18db4cc2f85cedef654fccc4a4d8+3 0:3:b 0:3:c\n")
            >>> [change[:2] for change in old.diff(new)]
            [('del', './a'), ('tok', './b'), ('add', './c')]
        """
        end = ours(end_collection, self._root)
        start, start_tree = self._root._snapshot()
        stop, stop_tree = end._root._snapshot()
        if prefix and not prefix.endswith("/"):
            prefix += "/"
        rows = list_changes(start_tree, self._id, stop_tree, end._id, prefix, changes_only=changes_only)
        changes = [Change.of(kind, path, start, old, stop, new) for kind, path, old, new in rows]
        if holding_collection is None:
            return changes
        return [(kind, path, *(item.clone(holding_collection, "") for item in items)) for kind, path, *items in changes]

    @must_be_writable
    def apply(self, changes: Iterable[Sequence[Any]]) -> None:
        """Bring changes to this collection.

        A change whose path is as it expects is made. One that has been made here already is none. Otherwise what is
        here stays, and what the change brings is put beside it as `name~YYYYMMDD-HHMMSS~conflict~`; what was changed
        here and removed there stays.

        Args:
            changes: A list as `diff` returns it.

        Raises:
            ArgumentError: Something in the list is no change. Nothing has been done.
        """
        listed = [change if isinstance(change, Change) else self._listed(change) for change in changes]
        if not listed:
            return
        roots = [(root, *self._borrow(root)) for root in roots_of(listed)]
        events: list[Event] = []
        lock = hold(self)
        try:
            settled = self._root._settled_tree()
            has_bytes_in_memory = settled is not self._tree or any(tree is not named for _, tree, named in roots)
            seen = settled.clone() if has_bytes_in_memory else None
            done = apply_changes(self._tree, self._id, roots, listed, stamp(), seen)
            self._tree.set_uncommitted(self._id)
            self._root._note(done, events)
        finally:
            self._root._release_dead(cell for _, tree, _ in roots for cell in tree.pending_cells())
            lock.release()
        deliver(events)

    def _listed(self, change: Sequence[Any]) -> Change:
        """Return a change of the caller's own making as one of `diff`."""
        match change:
            case (kind, str(path), *given) if kind in (ADD, DEL, MOD, TOK) and len(given) == 1 + (kind in (MOD, TOK)):
                items = [ours(item, self._root) for item in given]
            case _:
                raise errors.ArgumentError(f"not a change as diff returns it: {change!r}")
        nodes = [(item._id, isinstance(item, Directory)) for item in items]
        old, new = (None if kind == ADD else nodes[0]), (None if kind == DEL else nodes[-1])
        return Change.of(kind, path, items[0]._root, old, items[-1]._root, new)

    def _borrow(self, origin: Any) -> tuple[Tree, Tree]:
        """Let this collection refer to bytes in memory of another one.

        Returns:
            The tree of the other one, as it is now, and what is compared in its place.
        """
        first, second = hold_both(self, origin)
        try:
            tree = origin._tree.clone()
            cells = tree.pending_cells()
            if not cells:
                return tree, tree
            origin._lend_buffers(cells, self._root)
            return tree, origin._settled_tree()
        finally:
            second.release()
            first.release()

    @must_be_writable
    def merge_from(self, other: Any, on_conflict: OnClash = "error") -> None:
        r"""Put copies of all that is in another collection here. Directories that both have are joined.

        Args:
            other: The other collection; one of another library and a `Manifest` will do.
            on_conflict: What becomes of a name that both have, if it is not the same file: "error" does nothing at
                all, "ours" leaves the other out, "theirs" lets it take the place, "rename" gives it a free name
                (`name~2.txt` beside `name.txt`), and "concatenate" puts its bytes behind those of the file here.

        Raises:
            ArgumentError: The other one is no collection, or `on_conflict` is none of these.
            MergeConflictError: Both have a name, and that is an error. Nothing has been done.

        Examples:
            >>> from keepset import Collection
            >>> collection = Collection("./d acbd18db4cc2f85cedef654fccc4a4d8+3 0:3:a\n")
            >>> collection.merge_from(Collection("./d 37b51d194a7513e45b56f6524f2d51f2+3 0:3:a 0:3:b\n"), "rename")
            >>> sorted(collection["d"])
            ['a', 'a~2', 'b']
        """
        origin = ours(other, self._root)
        events: list[Event] = []
        first, second = hold_both(self, origin)
        try:
            self._join(origin._root, origin._id, self._id, on_conflict, events)
        finally:
            second.release()
            first.release()
        deliver(events)

    def _join(self, origin: Root, node: int, directory: int, on_conflict: OnClash, events: list[Event]) -> None:
        """Do what `merge_from` does, from a node of a root to a directory of this one. Under the locks of both."""
        cells = origin._tree.cells_below(node)
        if cells:
            origin._lend_buffers(cells, self._root)
        seen = self._root._settled_tree()
        try:
            done = join_directories(
                self._tree,
                directory,
                origin._tree,
                node,
                on_conflict,
                None if seen is self._tree else seen,
                origin._settled_tree(),
            )
            self._root._note(done, events)
        finally:
            self._root._release_dead(cells)
