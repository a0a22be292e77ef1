"""Events by looking at the log of a cluster again and again: for clusters, and programs, without websockets."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Any

from keepset.events._following import EventCallback, Filter, FilterCondition, Follower, Subscription, pauses
from keepset.retry import check_http_response_success

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PollClient"]

_CLOCK_SKEW = 2 * 60 * 60
"""By so many seconds the clock of the cluster may differ from ours."""
_TOO_MANY_REQUESTS = 429

_log = logging.getLogger("keepset.events")


class PollClient(Follower):
    """Asks for new lines of the log; `start` begins.

    Each subscription has got as far as its own last event. One that several of them choose is told once.

    Args:
        api: A client of the cluster's API, used in the thread.
        filters: Which events; None for all.
        on_event: Called with each event.
        poll_time: How many seconds to wait between two looks.
        last_log_id: The `id` of the last event that is known already; None for those from the first look on.
    """

    def __init__(
        self,
        api: Any,
        filters: Filter | None,
        on_event: EventCallback,
        poll_time: float = 15,
        last_log_id: int | None = None,
    ) -> None:
        super().__init__(Subscription(filters, last_log_id))
        self.api = api
        self.on_event = on_event
        self.poll_time = poll_time
        self.last_log_id = last_log_id
        self._newest = last_log_id
        self._since: list[FilterCondition] | None = None
        self._told: set[int] = set()  # beyond where one of the subscriptions has got

    def run(self) -> None:
        """Look at the log until somebody calls `close`; what the thread does."""
        try:
            self._tell(self.on_event, {"status": 200})
            while not self.is_closed.is_set():
                self._look()
                self.is_closed.wait(self.poll_time)
        finally:
            self.is_closed.set()

    def subscribe(self, f: Filter | None, last_log_id: int | None = None) -> None:
        """Have other events told, too. `{"status": 200}` is told at once, by the thread that calls this.

        Args:
            f: Which; None for all.
            last_log_id: The `id` of the last event that is known already; None for those that no look has seen yet.
        """
        self.on_event({"status": 200})
        subscription = Subscription(f, self._newest if last_log_id is None else last_log_id)
        subscription.since = self._since
        self._subscriptions.append(subscription)

    def unsubscribe(self, f: Filter | None) -> None:
        """Have events told no more.

        Args:
            f: Which, as `subscribe` was told.

        Raises:
            ArgumentError: Nobody has subscribed to these.
        """
        self._subscriptions.remove(self._find(f))

    def close(self, code: int | None = None, reason: str | None = None, timeout: float = 0) -> None:
        """Have nothing told any more, and wait for a callback that is being called; unless this one is called by it.

        Args:
            code: For the sake of `EventClient`.
            reason: The same.
            timeout: How many seconds to wait for the thread, which may be in the middle of a request; 0 for the
                callback alone, as long as it takes.
        """
        self.is_closed.set()
        if threading.current_thread() is self or not self.is_alive():
            return
        if timeout:
            self.join(timeout)
        else:
            self._await_callback(0)

    def _look(self) -> None:
        """Tell what is new, of each subscription page by page."""
        behind = list(self._subscriptions)
        while behind:
            behind = [one for one in behind if one in self._subscriptions and self._next_page(one)]

    def _next_page(self, subscription: Subscription) -> bool:
        """Tell what is on the next page of a subscription, and return whether there is another."""
        if subscription.after is None and subscription.since is None:
            self._find_start(subscription)
            return False
        newest = self._newest
        page = self._ask(order="id asc", filters=subscription.filters + _beyond(subscription))
        for event in page["items"]:
            if subscription not in self._subscriptions:
                return False
            subscription.after = event["id"]
            self._tell_once(event)
        is_last = page.get("items_available", 0) <= len(page["items"]) or not page["items"]
        if is_last and newest is not None:
            # What others had seen before this page was asked for would have been on it.
            subscription.after = max(newest, subscription.after or 0)
        self._forget()
        return not is_last

    def _find_start(self, subscription: Subscription) -> None:
        """Decide where a subscription begins: behind the newest event of the last two hours, if there is one.

        With a condition on the time the server need not search all of its log.
        """
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - _CLOCK_SKEW))
        since: list[FilterCondition] = [["created_at", ">=", moment]]
        page = self._ask(order="id desc", limit=1, filters=subscription.filters + since)
        if page["items"]:
            subscription.after = page["items"][0]["id"]
            self._newest = max(subscription.after, self._newest or 0)
        else:
            subscription.since = self._since = since

    def _tell_once(self, event: dict[str, Any]) -> None:
        """Tell an event, unless another subscription has brought it already."""
        number = event["id"]
        self._newest = max(number, self._newest or 0)
        if number not in self._told:
            self._told.add(number)
            self._tell(self.on_event, event)

    def _forget(self) -> None:
        """Forget what no subscription will bring again."""
        least = min((one.after or 0 for one in self._subscriptions), default=0)
        self._told = {number for number in self._told if number > least}

    def _ask(self, **query: Any) -> Mapping[str, Any]:
        """Ask for a page of the log, again and again; an empty one if this has been closed, or is so now."""
        problem: Exception | None = None
        for pause in pauses(self.poll_time):
            if self.is_closed.wait(pause):
                return _NOTHING
            try:
                # The client's own retries would go on for minutes after `close`.
                page: Mapping[str, Any] = self.api.logs().list(**query).execute(num_retries=0)
            except Exception as error:  # noqa: BLE001  # the client may be that of another library
                problem = error
                if _is_final(error):
                    break
                _log.warning("the log of the cluster cannot be read: %s", error)
            else:
                return page
        self._give_up(f"the log of the cluster cannot be read: {problem}")
        return _NOTHING


_NOTHING: Mapping[str, Any] = {"items": [], "items_available": 0}


def _beyond(subscription: Subscription) -> list[FilterCondition]:
    """Return the condition that what is known already does not fulfil."""
    if subscription.after is not None:
        return [["id", ">", str(subscription.after)]]
    return subscription.since or []


def _is_final(error: Exception) -> bool:
    """Tell whether asking again will not help: the arguments are wrong, or the server refuses them.

    Errors of other libraries' clients are told by their `status_code`, too.
    """
    if isinstance(error, AttributeError | TypeError):
        return True
    status = getattr(error, "status_code", None)
    return isinstance(status, int) and status != _TOO_MANY_REQUESTS and check_http_response_success(status) is False
