"""Connections of urllib3 that all Keep clients of a process share.

They differ from urllib3's in three things. A connection that the server has closed while it lay in the pool says so, so
that the request can go out again at once. Sending has a time of its own, where urllib3 gives it that of connecting. And
a body can be read as it arrives, into a buffer that is there already.
"""

from __future__ import annotations

import functools
import http.client
import io
import os
import urllib.request
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from keepset import util

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    from urllib3.response import BaseHTTPResponse

__all__ = ["Body", "StaleConnection", "manager_for", "raw_reply"]

_HOSTS = 64
_CONNECTIONS_PER_HOST = 32


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


class _PromptReader(io.BufferedReader):
    """Fills a buffer with what has arrived, instead of waiting for as much as it takes: else speed cannot be seen."""

    def readinto(self, buffer: Any, /) -> int:
        return self.readinto1(buffer)


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
        self.raw.fp = _PromptReader(self.raw.fp.detach())
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
    pass


class _UnverifiedConnection(_TlsConnection):
    """A connection whose certificate nobody wants checked, so that urllib3 need not warn of each."""

    def connect(self) -> None:
        super().connect()
        self.is_verified = True


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class _UnverifiedPool(HTTPSConnectionPool):
    ConnectionCls = _UnverifiedConnection


def raw_reply(reply: BaseHTTPResponse) -> http.client.HTTPResponse:
    """Return what is beneath a reply whose body was not read yet."""
    raw = cast("_Exchanges", reply.connection).raw
    assert raw is not None
    return raw


def manager_for(url: str, insecure: bool) -> urllib3.PoolManager:
    """Return what has connections to a service, and makes new ones.

    The proxy that the environment names (`https_proxy`, `no_proxy`) is used, as libcurl does for 3.2.1.

    Args:
        url: The service.
        insecure: Whether any certificate will do.
    """
    parts = urlsplit(url)
    proxy = urllib.request.getproxies().get(parts.scheme)
    if proxy and urllib.request.proxy_bypass(parts.hostname or ""):
        proxy = None
    return _manager(proxy, insecure, None if insecure else util.ca_certs_path())


@functools.cache
def _manager(proxy: str | None, insecure: bool, authorities: str | None) -> urllib3.PoolManager:
    options: dict[str, Any] = {"num_pools": _HOSTS, "maxsize": _CONNECTIONS_PER_HOST, "ca_certs": authorities}
    if insecure:
        options |= {"cert_reqs": "CERT_NONE", "assert_hostname": False}
    manager = urllib3.ProxyManager(proxy, **options) if proxy else urllib3.PoolManager(**options)
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _UnverifiedPool if insecure else _TlsPool}
    return manager


# A child must not talk on the connections of its parent.
os.register_at_fork(after_in_child=_manager.cache_clear)
