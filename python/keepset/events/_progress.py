"""Which events have come over a websocket, and from where a new connection has to go on.

Three things make this more than the `id` of the last event. The server does not say for which subscription an event is;
what it sends of the past comes for one subscription after the other; and new events come in between. So each
subscription goes on from an event that lies some way back, and what comes again is told only once.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from keepset.events._following import Subscription

__all__ = ["Progress"]

REMEMBERED = 1000
"""So many events are known to have come. New ones overtake old ones by far fewer."""


class Progress:
    """What has come, and what the server has confirmed.

    Attributes:
        newest: The largest `id` of an event; None if there was none yet.
    """

    def __init__(self) -> None:
        self.newest: int | None = None
        # For each event the subscriptions that were complete: of which it was not the past that came.
        self._seen: OrderedDict[int, tuple[Subscription, ...]] = OrderedDict()
        self._complete: tuple[Subscription, ...] = ()
        self._asked: deque[Subscription | None] = deque()

    def start(self) -> None:
        """Note that a new connection was made, over which nothing has been asked for yet."""
        self._complete = ()
        self._asked.clear()

    def ask(self, subscription: Subscription | None) -> None:
        """Note what is sent to the server.

        Args:
            subscription: A subscription; None for the end of one.
        """
        self._asked.append(subscription)

    def confirm(self) -> None:
        """Note that the server has answered: it answers in order, and before it sends anything of the past."""
        subscription = self._asked.popleft() if self._asked else None
        if subscription is not None:
            self._complete = (*self._complete, subscription)

    def is_new(self, number: int) -> bool:
        """Note that an event has come, and tell whether for the first time.

        Args:
            number: Its `id`.
        """
        if number in self._seen:
            return False
        self.newest = max(number, self.newest or 0)
        self._seen[number] = self._complete
        for subscription in self._complete:
            if subscription.after is None:
                subscription.after = number
        if len(self._seen) > REMEMBERED:
            left_behind, complete = self._seen.popitem(last=False)
            for subscription in complete:
                subscription.after = max(left_behind, subscription.after or 0)
        return True

    def start_of(self, subscription: Subscription) -> int | None:
        """Return the `last_log_id` with which a subscription goes on over a new connection.

        Args:
            subscription: The subscription.
        """
        return self.newest if subscription.after is None else subscription.after
