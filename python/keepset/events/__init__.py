"""What happens on a cluster, told as it happens, under the names of `arvados.events`.

A cluster writes a line of its log for whatever is created, changed or deleted. `subscribe` starts a thread that follows
this log and calls a function for each line of it that filters choose: over a websocket (`EventClient`, which needs the
extra `keepset[events]`), or else by asking for new lines again and again (`PollClient`). What happens to one collection
object in this process is another thing: `Collection.subscribe`.
"""

from __future__ import annotations

import logging
import urllib.parse
from typing import TYPE_CHECKING, Any

from keepset import config, errors
from keepset.events._address import Address
from keepset.events._following import EventCallback, Filter, FilterCondition
from keepset.events.polling import PollClient
from keepset.events.websocket import EventClient, WSMethod

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["EventCallback", "EventClient", "Filter", "FilterCondition", "PollClient", "WSMethod", "subscribe"]

_log = logging.getLogger(__name__)


def subscribe(
    api: Any,
    filters: Filter | None,
    on_event: EventCallback,
    poll_fallback: float = 15,
    last_log_id: int | None = None,
) -> EventClient | PollClient:
    """Start a thread that calls a function for each event on a cluster.

    Args:
        api: A client of the cluster's API. It is used in the thread, too.
        filters: Which events; None for all.
        on_event: Called with each event, one after the other, and with `{"status": 200}` for a subscription that the
            server has accepted.
        poll_fallback: How many seconds to wait between two looks at the log where there is no websocket, or
            `ARVADOS_DISABLE_WEBSOCKETS` is set; 0 for a websocket or nothing.
        last_log_id: The `id` of the last event that is known already; None for those that happen from now on.

    Returns:
        What follows the events, and has `subscribe`, `unsubscribe`, `run_forever` and `close`.

    Raises:
        FeatureNotEnabledError: The cluster has no log; or, with a `poll_fallback` of 0, no websocket.
        ConfigError: With a `poll_fallback` of 0, the extra is not installed, or the address of the websocket is none.
        ApiError: With a `poll_fallback` of 0, the server refuses the connection.
        ApiConnectionError: With a `poll_fallback` of 0, it cannot be reached.
    """
    description: Mapping[str, Any] = getattr(api, "_rootDesc", {})
    if not poll_fallback:
        return _over_websocket(api, description, filters, on_event, last_log_id)
    if config.flag_is_true("ARVADOS_DISABLE_WEBSOCKETS"):
        _log.info("events are polled, since ARVADOS_DISABLE_WEBSOCKETS is set")
    else:
        try:
            return _over_websocket(api, description, filters, on_event, last_log_id)
        except errors.KeepsetError as error:
            _log.warning("events are polled, since there is no websocket: %s", error)
    if "logs" not in description.get("resources", {}):
        raise errors.FeatureNotEnabledError("there are no events to follow: this API has no resource logs")
    client = PollClient(api, filters, on_event, poll_fallback, last_log_id)
    client.start()
    return client


def _over_websocket(
    api: Any,
    description: Mapping[str, Any],
    filters: Filter | None,
    on_event: EventCallback,
    last_log_id: int | None,
) -> EventClient:
    endpoint = description.get("websocketUrl")
    if not endpoint:
        raise errors.FeatureNotEnabledError("the cluster names no address for websockets")
    url = Address(f"{endpoint}?api_token={urllib.parse.quote(api.api_token)}")
    return EventClient(url, filters, on_event, last_log_id, insecure=getattr(api, "insecure", None))
