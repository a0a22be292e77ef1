"""Locks of collections, and the order in which they are taken.

One lock protects a root collection with all its files and subcollections: `collection.lock`. The order is

1. the lock of the root collection (of two, the one that was made first),
2. the lock of its block manager,
3. the lock inside a Rust object, which is held for one call only.

Whoever holds one may take a later one, never an earlier one. Nothing waits for the network under 1 or 2: a read takes
its plan under the lock and fetches without it, an upload is waited for without it. Callbacks run without any of them.
"""

from __future__ import annotations

import contextlib
import errno
import functools
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from keepset._node import Node

__all__ = ["Held", "NoopLock", "both_locked", "must_be_writable", "synchronized"]

P = ParamSpec("P")
T = TypeVar("T")


class _Locked(Protocol):
    @property
    def lock(self) -> AbstractContextManager[Any]: ...


class _Writable(Protocol):
    def writable(self) -> bool: ...


L = TypeVar("L", bound=_Locked)
W = TypeVar("W", bound=_Writable)


class NoopLock:
    """A lock that does not lock, for collections that never change.

    Examples:
        >>> with NoopLock():
        ...     pass
    """

    def __enter__(self) -> NoopLock:
        """Do nothing."""
        return self

    def __exit__(self, exc_type: object, exc_value: object, traceback: object) -> None:
        """Do nothing."""

    def acquire(self, blocking: bool = False) -> bool:
        """Do nothing, with success."""
        return True

    def release(self) -> None:
        """Do nothing."""


class Held:
    """The lock of the root of a file or directory, which another thread may be moving to another root.

    Whoever holds this can call methods that take the lock as well: it is the same one until it is released. With
    `node.lock` alone, one could get the lock of the root that the node was moved from, and wait for the other's.

    Args:
        node: The file or directory.
    """

    __slots__ = ("_lock", "_node")

    def __init__(self, node: Node) -> None:
        self._node = node

    def __enter__(self) -> None:
        """Take the lock."""
        while True:
            root = self._node._root
            self._lock = root._lock
            self._lock.__enter__()
            if self._node._root is root:
                return
            self._lock.__exit__(None, None, None)

    def __exit__(self, *exception: object) -> None:
        """Release it."""
        self._lock.__exit__(None, None, None)


@contextlib.contextmanager
def both_locked(one: Node, other: Node) -> Iterator[None]:
    """Hold the locks of the roots of two files or directories; that of the older root is taken first.

    Args:
        one: The first. Both may have the same root.
        other: The second.
    """
    while True:
        roots = one._root, other._root
        first, second = sorted(roots, key=lambda root: root._serial)
        with first._lock, second._lock:
            if one._root is roots[0] and other._root is roots[1]:
                yield
                return
        # Before we had the locks, one of them was moved to another root.


def synchronized(method: Callable[Concatenate[L, P], T]) -> Callable[Concatenate[L, P], T]:
    """Make a method run under `self.lock`.

    Args:
        method: The method; its object has a `lock`.

    Returns:
        The method, locked.
    """

    @functools.wraps(method)
    def locked(self: L, /, *args: P.args, **kwargs: P.kwargs) -> T:
        with self.lock:
            return method(self, *args, **kwargs)

    return locked


def must_be_writable(method: Callable[Concatenate[W, P], T]) -> Callable[Concatenate[W, P], T]:
    """Make a method refuse to run on what cannot be written.

    Args:
        method: The method; its object has a method `writable`.

    Returns:
        The method, which raises `OSError` with `EROFS` if the collection is read-only.
    """

    @functools.wraps(method)
    def checked(self: W, /, *args: P.args, **kwargs: P.kwargs) -> T:
        if not self.writable():
            raise OSError(errno.EROFS, "the collection is read-only")
        return method(self, *args, **kwargs)

    return checked
