"""Connections of urllib3 that all Keep clients of a process share.

They differ from urllib3's in four things. A connection that the server has closed while it lay in the pool says so, so
that the request can go out again at once. Sending has a time of its own, where urllib3 gives it that of connecting. A
body can be read as it arrives, into a buffer that is there already. And whatever arrives can be watched, so that nobody
can keep us waiting with a byte now and then: not in a body, nor in front of it, between its chunks or behind it.
"""

from __future__ import annotations

import errno
import http.client
import io
import ssl
import time
from typing import TYPE_CHECKING, Any, cast

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from keepset._pools import PoolClasses, Unverified, pool_manager

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

    import urllib3
    from urllib3.response import BaseHTTPResponse

__all__ = ["Body", "StaleConnection", "manager_for", "raw_reply", "watch"]


class StaleConnection(http.client.RemoteDisconnected):
    """The server had closed a connection that was used before: it has not looked at the request."""


class Body:
    """What is sent.

    Args:
        parts: Its bytes, in order.
        window: How many seconds there are for each part.
    """

    def __init__(self, parts: Iterator[memoryview], window: float) -> None:
        self._parts = parts
        self.window = window

    def __iter__(self) -> Iterator[memoryview]:
        """Yield the parts, once."""
        return self._parts


class _Arrivals(io.RawIOBase):
    """What comes from a socket, however little at a time: TLS brings 16 KiB.

    Args:
        raw: The socket, as a file.
        sock: The socket.
        watcher: Told how many bytes have come, whenever some have; what it raises is raised.
    """

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, watcher: Callable[[int], object]) -> None:
        self._raw = raw  # holds the socket open
        self._receive = sock.recv_into
        self.watcher = watcher

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        count = self._receive(buffer)
        self.watcher(count)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


def _all_within(seconds: float | None) -> Callable[[int], object]:
    """Return a watcher for what has to be there after so many seconds, however many bytes it is."""
    end = None if seconds is None else time.monotonic() + seconds

    def watcher(_: int) -> None:
        if end is not None and time.monotonic() > end:
            raise TimeoutError("timed out")

    return watcher


class _Exchanges:
    """What our connections have beside urllib3's; to be mixed in."""

    sock: socket.socket | None
    # Of the reply that is being read.
    raw: http.client.HTTPResponse | None = None
    # Whether this connection has brought a reply, and had done so before the current request.
    _has_answered = False
    _is_reused = False
    _window: float | None = None

    def connect(self) -> None:
        self._has_answered = False
        super().connect()  # type: ignore[misc]

    def request(self, method: str, url: str, body: Any = None, *args: Any, **options: Any) -> None:
        self._is_reused = self.sock is not None and self._has_answered
        self._window = body.window if isinstance(body, Body) else None
        super().request(method, url, body, *args, **options)  # type: ignore[misc]

    def send(self, data: Any) -> None:
        if self._window is not None and self.sock is not None:
            self.sock.settimeout(self._window)
        super().send(data)  # type: ignore[misc]

    def response_class(self, sock: socket.socket, *args: Any, **options: Any) -> http.client.HTTPResponse:
        self.raw = http.client.HTTPResponse(sock, *args, **options)
        # The timeout of a socket is for each of its reads; until somebody else watches, it is for all that comes.
        self.raw.fp = io.BufferedReader(_Arrivals(self.raw.fp.detach(), sock, _all_within(sock.gettimeout())))
        return self.raw

    def getresponse(self) -> BaseHTTPResponse:
        try:
            reply = super().getresponse()  # type: ignore[misc]
        except (ConnectionResetError, BrokenPipeError) as error:  # RemoteDisconnected is one of the former
            if self._is_reused:
                raise StaleConnection(*error.args) from error
            raise
        self._has_answered = True
        return cast("BaseHTTPResponse", reply)


class _Connection(_Exchanges, HTTPConnection):  # type: ignore[misc]  # http.client takes a function for the class, too
    pass


class _TlsConnection(_Exchanges, HTTPSConnection):  # type: ignore[misc]
    def send(self, data: Any) -> None:
        try:
            super().send(data)
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError) as error:
            # What a plain connection calls this: urllib3 looks then whether the service has said why it has hung up.
            raise BrokenPipeError(errno.EPIPE, str(error)) from error


class _UnverifiedConnection(Unverified, _TlsConnection):  # type: ignore[misc]
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class _UnverifiedPool(HTTPSConnectionPool):
    ConnectionCls = _UnverifiedConnection


_CLASSES = PoolClasses(_Pool, _TlsPool, _UnverifiedPool)


def raw_reply(reply: BaseHTTPResponse) -> http.client.HTTPResponse:
    """Return what is beneath a reply whose body was not read yet."""
    raw = cast("_Exchanges", reply.connection).raw
    assert raw is not None
    return raw


def watch(reply: BaseHTTPResponse, watcher: Callable[[int], object]) -> None:
    """Have somebody told of all that comes from now on.

    Args:
        reply: A reply whose body was not read yet.
        watcher: Told how many bytes have come; what it raises ends the reading.
    """
    cast("_Arrivals", raw_reply(reply).fp.raw).watcher = watcher


def manager_for(url: str, insecure: bool) -> urllib3.PoolManager:
    """Return what has connections to a service, and makes new ones.

    Args:
        url: The service.
        insecure: Whether any certificate will do.
    """
    return pool_manager(url, insecure=insecure, classes=_CLASSES)
