"""Locks of collections, and the order in which they are taken.

One lock protects a root collection with all its files and subcollections: `collection.lock`. The order is

1. the lock of the root collection (of two, the one that was made first),
2. the lock of its block manager,
3. the lock inside a Rust object, which is held for one call only.

Whoever holds one may take a later one, never an earlier one. Nothing waits for the network under 1 or 2: a read takes
its plan under the lock and fetches without it, an upload is waited for without it. Callbacks run without any of them.
"""

from __future__ import annotations

import errno
import functools
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from keepset._node import Node

__all__ = ["Lock", "NoopLock", "check_writable", "hold", "hold_both", "must_be_writable", "synchronized"]

P = ParamSpec("P")
T = TypeVar("T")


class Lock(Protocol):
    """What is asked of a lock here."""

    def acquire(self) -> bool:
        """Wait for the lock and take it."""

    def release(self) -> None:
        """Let it go."""

    def __enter__(self) -> object: ...
    def __exit__(self, exc_type: Any, exc_value: Any, traceback: Any, /) -> None: ...


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


def hold(node: Node) -> Lock:
    """Take the lock of the root of a file or directory, which another thread may be moving to another root.

    Whoever holds it can call methods that take the lock as well: it is the same one until it is released. With
    `node.lock` alone, one could get the lock of the root that the node was moved from, and wait for the other's.

    Args:
        node: The file or directory.

    Returns:
        The lock, to be released. This is no context manager since each write goes through it, and a class of Python
        takes three times as long.
    """
    while True:
        root = node._root
        lock = root._lock
        lock.acquire()
        if node._root is root:
            return lock
        lock.release()


def hold_both(one: Node, other: Node) -> tuple[Lock, Lock]:
    """Take the locks of the roots of two files or directories, as `hold` does; that of the older root first.

    Args:
        one: The first. Both may have the same root.
        other: The second.

    Returns:
        The locks, each of which is to be released.
    """
    while True:
        root, other_root = one._root, other._root
        first, second = root._lock, other_root._lock
        if root._serial > other_root._serial:
            first, second = second, first
        first.acquire()
        second.acquire()
        if one._root is root and other._root is other_root:
            return first, second
        second.release()
        first.release()


def synchronized(orig_func: Callable[Concatenate[L, P], T]) -> Callable[Concatenate[L, P], T]:
    """Make a method run under `self.lock`.

    Args:
        orig_func: The method; its object has a `lock`.

    Returns:
        The method, locked.
    """

    @functools.wraps(orig_func)
    def locked(self: L, /, *args: P.args, **kwargs: P.kwargs) -> T:
        with self.lock:
            return orig_func(self, *args, **kwargs)

    return locked


def check_writable(item: _Writable) -> None:
    """Refuse to change what cannot be written.

    Args:
        item: What is to be changed.

    Raises:
        OSError: The collection is read-only (`EROFS`).
    """
    if not item.writable():
        raise OSError(errno.EROFS, "the collection is read-only")


def must_be_writable(orig_func: Callable[Concatenate[W, P], T]) -> Callable[Concatenate[W, P], T]:
    """Make a method refuse to run on what cannot be written.

    Args:
        orig_func: The method; its object has a method `writable`.

    Returns:
        The method, which raises `OSError` with `EROFS` if the collection is read-only.
    """

    @functools.wraps(orig_func)
    def checked(self: W, /, *args: P.args, **kwargs: P.kwargs) -> T:
        check_writable(self)
        return orig_func(self, *args, **kwargs)

    return checked
