"""What all that follow events share: a thread, its end, and the function that it calls."""

from __future__ import annotations

import _thread
import logging
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from keepset import errors

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["EventCallback", "Filter", "FilterCondition", "Follower", "Subscription", "pauses"]

EventCallback: TypeAlias = Callable[[dict[str, Any]], object]
"""What is called with an event."""
FilterCondition: TypeAlias = Sequence[Any]
"""An attribute of an event, an operator, and what to compare with: `["event_type", "in", ["create"]]`."""
Filter: TypeAlias = Sequence[FilterCondition]
"""The conditions that events must fulfil, all of them."""

_RETRIES = 25
_FIRST_PAUSE = 0.2

_log = logging.getLogger("keepset.events")


class Subscription:
    """Which events somebody wants to be told.

    Args:
        filters: The conditions.
        after: The `id` up to which they are known; None if there is no such event yet.

    Attributes:
        filters: As given.
        after: As given, and then that of an event up to which all have been told.
        since: For polling, a condition on the time instead, as long as `after` is None.
    """

    def __init__(self, filters: Filter | None, after: int | None) -> None:
        self.filters: list[FilterCondition] = list(filters or [])
        self.after = after
        self.since: list[FilterCondition] | None = None


class Follower(threading.Thread):
    """A thread that ends with the program, and calls a function until it is closed.

    Args:
        first: What is to be told.

    Attributes:
        is_closed: Set when no more events will be told.
    """

    def __init__(self, first: Subscription) -> None:
        super().__init__(daemon=True)
        self.is_closed = threading.Event()
        self._subscriptions = [first]
        self._telling = threading.RLock()  # a callback may tell something itself, by `on_event`

    @property
    def filters(self) -> list[Filter]:
        """The filters of all subscriptions."""
        return [subscription.filters for subscription in self._subscriptions]

    def run_forever(self) -> None:
        """Wait until somebody calls `close`, or the server is lost for good."""
        # `interrupt_main` does not end a wait: it is seen behind it.
        while not self.is_closed.wait(1):
            pass

    def _find(self, filters: Filter | None) -> Subscription:
        """Return the first subscription with these filters.

        Raises:
            ArgumentError: There is none.
        """
        for subscription in self._subscriptions:
            if subscription.filters == list(filters or []):
                return subscription
        raise errors.ArgumentError(f"nobody has subscribed to {filters!r}")

    def _tell(self, callback: EventCallback, event: dict[str, Any]) -> None:
        """Call the function; if it fails, interrupt the program, which is to decide what becomes of it."""
        with self._telling:
            if self.is_closed.is_set():
                return
            try:
                callback(event)
            except Exception:  # noqa: BLE001  # whatever it is, the thread goes on
                _log.exception("the function that events are told to has failed")
                _thread.interrupt_main()

    def _await_callback(self, seconds: float) -> None:
        """Wait for a function that is being called; 0 for as long as it takes."""
        if self._telling.acquire(timeout=seconds or -1):
            self._telling.release()

    def _give_up(self, reason: str) -> None:
        """End, and interrupt the program, which would wait for events that never come."""
        _log.error("%s", reason)
        self.is_closed.set()
        _thread.interrupt_main()


def pauses(longest: float) -> Iterator[float]:
    """Yield how many seconds to wait before each of 26 attempts; nothing before the first.

    Args:
        longest: The longest pause.

    Example:
        >>> list(pauses(1))[:5]
        [0, 0.2, 0.4, 0.8, 1]
    """
    yield 0
    for doublings in range(_RETRIES):
        yield min(_FIRST_PAUSE * 2**doublings, longest)
