"""What `diff` lists: tuples whose files and subcollections are made when somebody looks at them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import SupportsIndex

    from keepset._root import Root

__all__ = ["Change", "Node"]

Node: TypeAlias = tuple[int, bool]
"""The number of a node, and whether it is a directory."""

_item = tuple.__getitem__


class Change(tuple[Any, ...]):
    """A change of one path: `(ADD, path, new)`, `(DEL, path, old)`, or `(MOD or TOK, path, old, new)`.

    It is a tuple of these to everybody who looks at it. A list of a million changes has no object for each file until
    then.
    """

    __slots__ = ()
    # Beneath, the tuple is: kind, path, snapshot before, node and whether it is a directory, the same after.

    @classmethod
    def of(cls, kind: str, path: str, before: Root, old: Node | None, after: Root, new: Node | None) -> Change:
        """Make a change.

        Args:
            kind: `ADD`, `DEL`, `MOD` or `TOK`.
            path: The path.
            before: The collection that `old` is in.
            old: What was there; None if there was nothing.
            after: The collection that `new` is in.
            new: What is there now.
        """
        return tuple.__new__(cls, (kind, path, before, old, after, new))

    def _whole(self) -> tuple[Any, ...]:
        kind, path, before, old, after, new = tuple.__iter__(self)
        items = [root._handle(*node) for root, node in ((before, old), (after, new)) if node is not None]
        return (kind, path, *items)

    def __len__(self) -> int:
        """Return 4 if there is an item before and after, else 3."""
        return 3 if _item(self, 3) is None or _item(self, 5) is None else 4

    def __iter__(self) -> Iterator[Any]:
        """Yield kind, path and items."""
        return iter(self._whole())

    def __getitem__(self, index: SupportsIndex | slice) -> Any:
        """Return kind, path or an item."""
        return _item(self, index) if index in (0, 1) else self._whole()[index]

    def __contains__(self, value: object) -> bool:
        """Return whether it is kind, path or an item."""
        return value in self._whole()

    def __eq__(self, other: object) -> bool:
        """Return whether the other is a tuple of the same kind and path with equal items."""
        return isinstance(other, tuple) and self._whole() == tuple(other)

    def __ne__(self, other: object) -> bool:
        """Return the opposite of `==`."""
        return not self == other

    __hash__ = None  # type: ignore[assignment]  # files and collections have none

    def __repr__(self) -> str:
        """Return what a tuple would."""
        return repr(self._whole())

    def __add__(self, other: Any) -> tuple[Any, ...]:
        """Return a longer tuple."""
        return self._whole() + tuple(other)

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle as a tuple."""
        return tuple, (self._whole(),)
