"""What files and directories of a collection share: where they belong, and whether they have been saved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from keepset._core import Tree
    from keepset.collection import Collection

__all__ = ["ROOT", "Node", "set_id", "set_root"]

ROOT = 0
"""The node of every root collection."""


class Node:
    """A handle: the root collection and the number of a node in its tree."""

    # A walk makes a handle for each file, so that they are kept small and quick to make.
    __slots__ = ("_id", "_root")

    _root: Collection
    _id: int
    if TYPE_CHECKING:

        @property
        def _tree(self) -> Tree: ...

    def __setattr__(self, name: str, value: object) -> None:
        """Set an attribute. One that a program adds keeps the object alive as long as its collection."""
        object.__setattr__(self, name, value)
        if not name.startswith("_") and self._id != ROOT:
            self._root._pinned[self._id] = self

    @property
    def lock(self) -> AbstractContextManager[Any]:
        """The lock of the root collection."""
        return self._root._lock

    def writable(self) -> bool:
        """Return whether the collection can be written."""
        return self._root.writable()

    def committed(self) -> bool:
        """Return whether this, and all below it, is as it was saved."""
        return self._tree.is_committed(self._id)

    def modified(self) -> bool:
        """Return whether this, or anything below it, has changed since it was saved."""
        return not self.committed()

    def set_committed(self, value: bool = True) -> None:
        """Say that this, and all below it, is as it was saved, or (False) that it is not."""
        with self.lock:
            if value:
                self._tree.set_committed(self._id)
            else:
                self._tree.set_uncommitted(self._id)

    def set_unmodified(self) -> None:
        """Say that this, and all below it, is as it was saved."""
        self.set_committed()


set_root: Callable[[Node, Collection], None] = Node.__dict__["_root"].__set__
"""Set the root of a handle, without `Node.__setattr__`."""
set_id: Callable[[Node, int], None] = Node.__dict__["_id"].__set__
"""Set the number of a handle, without `Node.__setattr__`."""
