"""Events over a websocket, told at the moment that they happen. It needs the extra `keepset[events]`."""

from __future__ import annotations

import enum
import json
import logging
import threading
import time
from typing import TYPE_CHECKING, Any

from keepset import config, errors
from keepset.events._address import Address
from keepset.events._following import EventCallback, Filter, Follower, Subscription, pauses
from keepset.events._progress import Progress

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from keepset.events._connection import Connection

__all__ = ["EventClient", "WSMethod"]

_LONGEST_PAUSE = 15.0
_GOOD_SECONDS = 15.0
"""A connection that held for so long was a good one, behind which counting begins anew."""
_CLOSING_SECONDS = 10.0
_LONGEST_REASON = 123  # what a frame has room for
_NO_CODES = {1004, 1005, 1006, *range(1015, 3000)}
"""What is never sent, or means nothing."""

_log = logging.getLogger("keepset.events")


class WSMethod(enum.Enum):
    """What a message asks a server of events to do."""

    SUBSCRIBE = "subscribe"
    SUB = SUBSCRIBE
    UNSUBSCRIBE = "unsubscribe"
    UNSUB = UNSUBSCRIBE


class EventClient(Follower):
    """Follows events over a connection, which is made anew when it is lost. It starts by itself.

    Events of the time between come then, as far as the server has them (ten minutes); each is told once.

    Args:
        url: The address of the server, with the token: `wss://…?api_token=…`.
        filters: Which events; None for all.
        on_event_cb: Called with each message of the server: events, and `{"status": 200}` for what it has accepted.
        last_log_id: The `id` of the last event that is known already; None for those that happen from now on.
        insecure: Whether to trust every certificate; None for what `ARVADOS_API_HOST_INSECURE` says.

    Attributes:
        url: As given; it does not show in a `repr`.
        last_log_id: As given, and then the largest `id` of an event that was told.

    Raises:
        ConfigError: The extra is not installed, or the address cannot be right.
        ApiError: The server refuses the connection.
        ApiConnectionError: The server cannot be reached.
    """

    def __init__(
        self,
        url: str,
        filters: Filter | None,
        on_event_cb: EventCallback,
        last_log_id: int | None = None,
        *,
        insecure: bool | None = None,
    ) -> None:
        url = address = Address(url)  # not even a traceback is to show it
        super().__init__(Subscription(filters, last_log_id))
        self.url = address
        self.on_event_cb = on_event_cb
        self.last_log_id = last_log_id
        if insecure is None:
            insecure = config.flag_is_true("ARVADOS_API_HOST_INSECURE")
        self._context = address.context(insecure=insecure)
        self._farewell = (1000, "", _CLOSING_SECONDS)
        self._asking = threading.Lock()  # the server answers in the order in which it was asked
        self._progress = Progress()
        self._pauses = pauses(_LONGEST_PAUSE)
        self._connect()
        self.start()

    def run(self) -> None:
        """Tell what comes until somebody calls `close`; what the thread does."""
        self.name = f"ArvadosWebsockets-{self.ident}"
        try:
            while not self.is_closed.is_set():
                connection = self._connection
                # Also what comes after `close`: the library reads the server's leave-taking behind it.
                while (message := connection.receive()) is not None:
                    self._take(message)
                self.on_closed()
                if self._connection is connection:
                    break  # nobody has connected again
        finally:
            self.is_closed.set()
            self._connection.close(*self._farewell)

    def subscribe(self, f: Filter | None, last_log_id: int | None = None) -> None:
        """Have other events told, too. Those that other subscriptions have brought lately are not told again.

        Args:
            f: Which; None for all.
            last_log_id: The `id` of the last event that is known already; None for those that happen from now on.
        """
        subscription = Subscription(f, last_log_id)
        with self._asking:
            self._ask(WSMethod.SUBSCRIBE, subscription, last_log_id)
            self._subscriptions.append(subscription)

    def unsubscribe(self, f: Filter | None) -> None:
        """Have events told no more.

        Args:
            f: Which, as `subscribe` was told.

        Raises:
            ArgumentError: Nobody has subscribed to these.
        """
        with self._asking:
            subscription = self._find(f)
            self._subscriptions.remove(subscription)
            self._ask(WSMethod.UNSUBSCRIBE, subscription)

    def close(self, code: int = 1000, reason: str = "", timeout: float = 0) -> None:
        """Close the connection, and have nothing told any more.

        A callback that is being called is waited for; unless this one is called by it, and then the connection is
        closed behind it.

        Args:
            code: What the server is told.
            reason: Why.
            timeout: How many seconds to wait for the server, and then for the callback; 0 for ten.

        Raises:
            ArgumentError: There is no such code, or the reason is too long.
        """
        if not (1000 <= code < 5000 and code not in _NO_CODES):
            raise errors.ArgumentError(f"a websocket cannot be closed with the code {code}")
        if len(reason.encode()) > _LONGEST_REASON:
            raise errors.ArgumentError(f"a reason has at most {_LONGEST_REASON} bytes")
        seconds = timeout or _CLOSING_SECONDS
        self._farewell = (code, reason, seconds)
        self.is_closed.set()
        if threading.current_thread() is self:  # which has to read on, while somebody else waits for the server
            threading.Thread(target=self._connection.close, args=self._farewell, daemon=True).start()
        else:
            self._connection.close(*self._farewell)
            self._await_callback(seconds)

    def on_closed(self) -> None:
        """Connect again, unless somebody has called `close`; called when the connection is lost."""
        if self.is_closed.is_set():
            return
        if time.monotonic() - self._connected_at >= _GOOD_SECONDS:
            self._pauses = pauses(_LONGEST_PAUSE)
        _log.warning("%s: the connection is lost", self.url.place)
        for pause in self._pauses:
            if self.is_closed.wait(pause):
                return
            try:
                self._connect()
            except (errors.ApiError, errors.ApiConnectionError) as error:
                _log.warning("not connected again: %s", error)
            else:
                _log.warning("%s: connected again", self.url.place)
                return
        self._give_up(f"{self.url.place}: the connection is lost for good")

    def on_event(self, m: dict[str, Any]) -> None:
        """Tell a message, and note its `id`; called with each message of the server that is not known yet.

        Args:
            m: The message.
        """
        if isinstance(number := m.get("id"), int):
            self.last_log_id = max(number, self.last_log_id or 0)
        self._tell(self.on_event_cb, m)

    def _connect(self) -> None:
        """Make a connection, and ask for everything that was asked for.

        Raises:
            ConfigError: The extra is not installed.
            ApiError: The server refuses it.
            ApiConnectionError: The server cannot be reached.
        """
        connection = _opener()(self.url, self._context)
        with self._asking:
            self._connection, self._connected_at = connection, time.monotonic()
            self._progress.start()
            for subscription in self._subscriptions:
                self._ask(WSMethod.SUBSCRIBE, subscription, self._progress.start_of(subscription))

    def _ask(self, method: WSMethod, subscription: Subscription, last_log_id: int | None = None) -> None:
        """Send a message. One for which the connection is lost already is made up for by the next."""
        message: dict[str, Any] = {"method": method.value, "filters": subscription.filters}
        if last_log_id is not None:
            message["last_log_id"] = last_log_id
        text = json.dumps(message)
        self._progress.ask(subscription if method is WSMethod.SUBSCRIBE else None)
        self._connection.send(text)

    def _take(self, text: str | bytes) -> None:
        """Find out what a message is, and tell it if it is new."""
        try:
            message = json.loads(text)
        except (ValueError, RecursionError):
            message = None
        if not isinstance(message, dict):
            _log.warning("%s: a message of %d characters is no JSON object, and passed over", self.url.place, len(text))
            return
        number = message.get("id")
        if isinstance(number, int):
            if not self._progress.is_new(number):
                return
            self._pauses = pauses(_LONGEST_PAUSE)  # it was a good connection
        elif "status" in message:
            self._progress.confirm()
        if message:  # an empty one only shows that the server is there
            self.on_event(message)


def _opener() -> Callable[[Address, ssl.SSLContext | None], Connection]:
    """Return what opens connections.

    Raises:
        ConfigError: The extra is not installed.
    """
    try:
        from keepset.events._connection import open_connection
    except ImportError as error:
        raise errors.ConfigError(f"websockets need the extra: pip install 'keepset[events]' ({error})") from error
    return open_connection
