"""What a forked child must not share with its parent: locks that another thread may hold, and threads."""

import os
import weakref
from typing import Protocol

__all__ = ["ForkAware", "start_anew_after_fork"]


class ForkAware(Protocol):
    """Something with locks or threads."""

    def _start_anew(self) -> None:
        """Make locks and threads of its own; whoever had the old ones is not here."""


_aware: weakref.WeakSet[ForkAware] = weakref.WeakSet()


def start_anew_after_fork(thing: ForkAware) -> None:
    """Call `_start_anew` now, and in every child that is forked as long as the thing is there."""
    thing._start_anew()
    _aware.add(thing)


def _start_all_anew() -> None:
    for thing in list(_aware):
        thing._start_anew()


os.register_at_fork(after_in_child=_start_all_anew)
