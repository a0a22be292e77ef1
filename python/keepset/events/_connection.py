"""One connection to a server of events. All that is known of the library `websockets` is here.

Whoever knows the address knows the token in it, so neither the library's log nor its errors are shown as they are.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.sync.client import connect

from keepset import __version__, errors
from keepset._pools import is_loopback

if TYPE_CHECKING:
    import ssl

    from websockets.http11 import Response
    from websockets.sync.client import ClientConnection

    from keepset.events._address import Address

__all__ = ["Connection", "open_connection"]

_QUEUED = 1024
"""So many messages wait for a slow callback: a server closes the connection when it cannot send."""
_LARGEST = 64 * 2**20
"""A larger message is refused; the library's 1 MiB would be too little for some, which would come again and again."""


class Connection:
    """A connection that was opened. Any number of threads may use it.

    Args:
        connection: That of the library.
    """

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    def send(self, text: str) -> None:
        """Send a message; not if the connection is lost, of which `receive` will tell.

        Args:
            text: The message.
        """
        try:
            self._connection.send(text)
        except ConnectionClosed:
            _log.debug("not sent, since the connection is lost")

    def receive(self) -> str | bytes | None:
        """Wait for a message and return it; None if the connection is lost or closed."""
        try:
            return self._connection.recv()
        except ConnectionClosed as error:
            _log.debug("the connection is lost: %s", error)
            return None

    def close(self, code: int, reason: str, seconds: float) -> None:
        """Take leave of the server, and close the connection.

        Args:
            code: What it is told.
            reason: Why.
            seconds: How long to wait for its answer.
        """
        self._connection.close_timeout = seconds
        self._connection.close(code, reason)


class _NoDebugging(logging.LoggerAdapter[logging.Logger]):
    """A log for the library, which at the level of debugging writes down the address."""

    def isEnabledFor(self, level: int) -> bool:
        return level > logging.DEBUG and super().isEnabledFor(level)


_log = logging.getLogger("keepset.events")
_library_log = _NoDebugging(_log, {})


def open_connection(address: Address, context: ssl.SSLContext | None) -> Connection:
    """Return a new connection.

    Args:
        address: The address.
        context: What encrypts; None for clear text.

    Raises:
        ApiError: The server refuses it.
        ApiConnectionError: The server cannot be reached, or speaks something else.
    """
    outcome = _open(address, context)
    # Not raised where it failed: the frames below have the address.
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def _open(address: Address, context: ssl.SSLContext | None) -> Connection | errors.KeepsetError:
    try:
        opened = connect(
            address,
            ssl=context,
            user_agent_header=f"keepset/{__version__}",
            proxy=None if is_loopback(address.host) else True,
            max_size=_LARGEST,
            max_queue=_QUEUED,
            logger=_library_log,
        )
        # It is closed when somebody says so, not at the end of a block.
        return Connection(opened.__enter__())
    except (OSError, ValueError, WebSocketException) as error:
        if isinstance(error, InvalidStatus):
            return _refusal(error.response, address)
        return errors.ApiConnectionError(f"{address.place}: {address.redact(str(error) or type(error).__name__)}")


def _refusal(response: Response, address: Address) -> errors.ApiError:
    headers = {name.lower(): address.redact(value) for name, value in response.headers.raw_items()}
    content = address.redact((response.body or b"").decode("utf-8", "replace")).encode()
    reason = address.redact(response.reason_phrase)
    return errors.ApiError.of_reply(response.status_code, reason, headers, content, address.place)
