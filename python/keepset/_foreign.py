"""Objects of other libraries: collections, files, API clients, and parents that have nothing but a block manager."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from keepset import errors
from keepset._node import Node
from keepset.manifest import Manifest

if TYPE_CHECKING:
    from keepset._record import Record
    from keepset.collection import Collection
    from keepset.keep.base import Data

__all__ = ["keep_of", "ours", "root_of"]


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


def ours(item: Any, root: Record) -> Any:
    """Return a file or collection of this library; one of another library, and a manifest, is read.

    Args:
        item: A file or collection, a `Manifest`, or what has a method `manifest_text`.
        root: The collection whose clients read what is not ours.

    Raises:
        ArgumentError: It is none of these.
    """
    if isinstance(item, Node):
        return item
    from keepset.collection import CollectionReader

    manifest = item
    if not isinstance(item, Manifest):
        if not hasattr(item, "manifest_text"):
            raise errors.ArgumentError(f"neither a file nor a collection: {type(item).__name__}")
        manifest = Manifest.parse(item.manifest_text())
    reader = CollectionReader(manifest, api_client=root._api_client, keep_client=root._keep_client)
    if item is manifest or hasattr(item, "keys"):
        return reader
    return next(iter(reader.values()))


def keep_of(api_client: Any) -> Any:
    """Return the Keep client of an API client; a new one where it has none, as those that `api_client` of 3.2.1 makes.

    Args:
        api_client: The API client, or a store.
    """
    if hasattr(api_client, "keep"):
        return api_client.keep
    from keepset.keep.client import KeepClient

    return KeepClient(api_client=api_client)
