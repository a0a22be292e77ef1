"""Files whose parent is an object of another library, or a stand-in for one, with nothing but a block manager."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from keepset.collection import Collection
    from keepset.keep.base import Data

__all__ = ["root_of"]


class _BorrowedKeep:
    """Fetches blocks through the block manager of a parent, under the names that 3.2.1 calls there."""

    def __init__(self, parent: Any) -> None:
        self._parent = parent

    def get(self, loc_s: str, /, *, num_retries: int | None = None) -> Data:
        data: Data = self._parent._my_block_manager().get_block_contents(loc_s, num_retries=num_retries)
        return data


def root_of(parent: Any) -> Collection:
    """Return the root collection of a parent; one of its own for a parent that is not ours.

    Args:
        parent: A collection, or what has a `_my_block_manager()` with `get_block_contents`.
    """
    from keepset.collection import Collection

    root = parent.root_collection()
    if isinstance(root, Collection):
        return root
    return Collection(keep_client=_BorrowedKeep(parent))
