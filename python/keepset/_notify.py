"""Events of collections: what happened to which name, told to at most one callback for each collection object.

A change collects its events while it holds the lock, and delivers them afterwards on the thread that made it, in order
of change: first to the callback of the collection that the name is in, then to that of the root.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ADD", "DEL", "MOD", "TOK", "WRITE", "Callback", "Event"]

ADD: Literal["add"] = "add"
"""A name is new; the item is the file or subcollection."""
DEL: Literal["del"] = "del"
"""A name is gone; the item is what it was, or None."""
MOD: Literal["mod"] = "mod"
"""A name stands for other content; the item is the pair of old and new."""
TOK: Literal["tok"] = "tok"
"""The signatures of a file have been renewed; the item is the pair of old and new."""
WRITE: Literal["write"] = "write"
"""A file has been written to; the item is the pair of the file with itself."""

Callback: TypeAlias = "Callable[[str, Any, str, Any], object]"
Event: TypeAlias = "tuple[Any, str, str, Any]"
"""The collection, then what `Collection.notify` takes besides it: kind, name, item."""


def deliver(events: list[Event]) -> None:
    """Tell the callbacks, in order of change.

    Args:
        events: What happened; the list is emptied.
    """
    pending, events[:] = events[:], []
    for collection, kind, name, item in pending:
        collection.notify(kind, collection, name, item)
