"""A server of events over real websockets, that does what a test tells it to.

It answers as an Arvados cluster does: a subscription is confirmed first, then what it chooses of the past is sent, and
only then the next message is read. What is published meanwhile comes in between.
"""

from __future__ import annotations

import contextlib
import json
import ssl
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Protocol

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import Server, ServerConnection, serve

from gate import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from websockets.http11 import Request, Response

    from keepset.events import EventClient, Filter

TOKEN = "v2/zzzzz-gj3su-000000000000000/thesecretofthistoken"


def event(number: int, kind: str = "create") -> dict[str, Any]:
    """An event, as it is in the log of a cluster."""
    return {"id": number, "event_type": kind, "object_uuid": f"zzzzz-4zz18-{number:015}"}


def encrypting(certificate: Path, key: Path) -> ssl.SSLContext:
    """What a server encrypts with.

    It gives no tickets for later sessions. The library reads in one thread and writes in another, which OpenSSL does
    not stand while a ticket is read. Over a network a ticket comes after the first request was written; not so on one
    machine, where one connection in a thousand would hang.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.num_tickets = 0
    return context


def matches(conditions: list[list[Any]], found: dict[str, Any]) -> bool:
    """Tell whether an event fulfils the conditions that the server looks at."""
    return all(found["event_type"] in operand for name, _, operand in conditions if name == "event_type")


class Told:
    """What an `on_event` was called with."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []

    def __call__(self, message: dict[str, Any]) -> None:
        self.messages.append(message)

    @property
    def numbers(self) -> list[int]:
        """The events among them, by `id`."""
        return [message["id"] for message in self.messages if message.get("id")]

    def wait(self, count: int) -> list[int]:
        """Wait until so many events were told, and return them."""
        wait_until(lambda: len(self.numbers) >= count)
        return self.numbers


def wait_until(is_so: Callable[[], object]) -> None:
    """Wait until something is so."""
    end = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < end, "it has not become so"
        time.sleep(0.005)


class Follow(Protocol):
    """Makes a client, which is closed when the test is over."""

    def __call__(self, filters: Filter | None = None, last_log_id: int | None = None, told: Any = None) -> EventClient:
        """Make it."""


class _Dropped(Exception):
    """The connection was dropped while something was to be sent."""


class EventServer:
    """The server, in a thread of this process.

    Args:
        context: What to encrypt with; None for clear text.

    Attributes:
        url: Its address, with a token.
        log: All events so far.
        asked: The messages of clients.
        targets: What was asked for over HTTP.
        closings: For each connection that is over, the code and the reason of the client.
        refusals: The statuses with which the next clients are refused.
        budgets: After so many events the next connections are dropped.
        before_past: Called before events of the past are sent.
    """

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.log: list[dict[str, Any]] = []
        self.asked: list[dict[str, Any]] = []
        self.targets: list[str] = []
        self.closings: list[tuple[int | None, str | None]] = []
        self.refusals: deque[int] = deque()
        self.budgets: deque[int] = deque()
        self.before_past: Callable[[], object] = lambda: None
        self._subscriptions: dict[ServerConnection, list[list[Any]]] = {}
        self._lock = threading.Lock()
        self._left: dict[ServerConnection, int] = {}
        self._server: Server = serve(
            self._serve, "127.0.0.1", 0, ssl=context, process_request=self._receive, close_timeout=1
        )
        self.place = f"ws{'s' if context else ''}://localhost:{self._server.socket.getsockname()[1]}/websocket"
        self.url = f"{self.place}?api_token={TOKEN}"

    @contextlib.contextmanager
    def running(self) -> Iterator[EventServer]:
        """Serve while the block runs."""
        thread = threading.Thread(target=self._server.serve_forever)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join()

    def publish(self, *events: dict[str, Any]) -> None:
        """Have something happen, and tell who wants to know."""
        for one in events:
            with self._lock:
                self.log.append(one)
                subscribed = [(connection, list(found)) for connection, found in self._subscriptions.items()]
            for connection, subscriptions in subscribed:
                if any(matches(conditions, one) for conditions in subscriptions):
                    with contextlib.suppress(_Dropped, ConnectionClosed):
                        self._tell(connection, one)

    def say(self, message: str | bytes) -> None:
        """Send something to every client."""
        for connection in list(self._subscriptions):
            connection.send(message)

    def drop(self) -> None:
        """Have all connections break, without a word."""
        for connection in list(self._subscriptions):
            connection.close_socket()

    def take_leave(self, code: int) -> None:
        """Close all connections as the protocol has it."""
        for connection in list(self._subscriptions):
            connection.close(code)

    def wait_for(self, count: int) -> list[dict[str, Any]]:
        """Wait until clients have sent so many messages, which were answered, and return them."""
        wait_until(lambda: len(self.asked) >= count)
        return self.asked

    def _receive(self, connection: ServerConnection, request: Request) -> Response | None:
        self.targets.append(request.path)
        if self.refusals:
            return connection.respond(self.refusals.popleft(), f"no, {TOKEN} may not\n")
        return None

    def _serve(self, connection: ServerConnection) -> None:
        if self.budgets:
            self._left[connection] = self.budgets.popleft()
        self._subscriptions[connection] = []
        try:
            while True:
                self._answer(connection, json.loads(connection.recv()))
        except (ConnectionClosed, _Dropped):
            self.closings.append((connection.close_code, connection.close_reason))
        finally:
            del self._subscriptions[connection]

    def _answer(self, connection: ServerConnection, message: dict[str, Any]) -> None:
        conditions = message["filters"]
        subscriptions = self._subscriptions[connection]
        is_known = message["method"] == "subscribe" or conditions in subscriptions
        connection.send(json.dumps({"status": 200 if is_known else 400}))
        with self._lock:  # an event is of the past or a new one, never both
            if message["method"] == "subscribe":
                subscriptions.append(conditions)
            elif is_known:
                subscriptions.remove(conditions)
            past = [one for one in self.log if message.get("last_log_id") and one["id"] > message["last_log_id"]]
        self.asked.append(message)
        self.before_past()
        for one in past:
            if matches(conditions, one):
                self._tell(connection, one)

    def _tell(self, connection: ServerConnection, one: dict[str, Any]) -> None:
        left = self._left.get(connection)
        if left == 0:
            connection.close_socket()
            raise _Dropped
        if left is not None:
            self._left[connection] = left - 1
        connection.send(json.dumps(one))
