"""Connections to servers, shared by everything in the process that asks them the same way."""

from __future__ import annotations

import functools
import ipaddress
import os
import ssl
import urllib.parse
import urllib.request
from typing import Any, NamedTuple

import urllib3
from urllib3.connection import HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util.ssl_ import create_urllib3_context

from keepset.util import ca_certs_path

__all__ = ["PoolClasses", "Unverified", "is_loopback", "pool_manager", "tls_context"]

_HOSTS = 64
_CONNECTIONS_PER_HOST = 32
"""So many idle connections to one server are kept; more are made when they are needed, and dropped afterwards."""


class Unverified:
    """What a connection has whose certificate nobody wants checked, so that urllib3 need not warn of each."""

    is_verified: bool

    def connect(self) -> None:
        """Connect."""
        super().connect()  # type: ignore[misc]  # to be mixed in
        self.is_verified = True


class _UnverifiedConnection(Unverified, HTTPSConnection):
    pass


class _UnverifiedPool(HTTPSConnectionPool):
    ConnectionCls = _UnverifiedConnection


class PoolClasses(NamedTuple):
    """What makes connections.

    Attributes:
        plain: Those in clear text.
        verified: Those to servers whose certificate is checked.
        unverified: Those to any other.
    """

    plain: type[HTTPConnectionPool] = HTTPConnectionPool
    verified: type[HTTPSConnectionPool] = HTTPSConnectionPool
    unverified: type[HTTPSConnectionPool] = _UnverifiedPool


_USUAL = PoolClasses()


def pool_manager(url: str, *, insecure: bool = False, classes: PoolClasses = _USUAL) -> urllib3.PoolManager:
    """Return what has connections to a server, and makes new ones.

    The proxy that the environment names (`https_proxy`, `no_proxy`) is used, as 3.2.1 does; but not for this machine,
    where no proxy finds what is meant, and one would be told a token in clear text.

    Args:
        url: An address of the server.
        insecure: Whether any certificate will do.
        classes: What makes connections.
    """
    parts = urllib.parse.urlsplit(url)
    proxy = urllib.request.getproxies().get(parts.scheme)
    host = parts.hostname or ""
    if proxy and (is_loopback(host) or urllib.request.proxy_bypass(host)):
        proxy = None
    authorities = None if insecure else ca_certs_path()
    return _pool_manager(parts.scheme == "https", proxy, insecure, authorities, classes)


def is_loopback(host: str) -> bool:
    """Tell whether what is sent to a host never leaves this machine.

    Args:
        host: Its name or its address.
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@functools.cache
def _pool_manager(
    encrypted: bool, proxy: str | None, insecure: bool, authorities: str | None, classes: PoolClasses
) -> urllib3.PoolManager:
    options: dict[str, Any] = {"num_pools": _HOSTS, "maxsize": _CONNECTIONS_PER_HOST}
    if insecure:
        options |= {"cert_reqs": "CERT_NONE", "assert_hostname": False}
    if proxy:
        manager: urllib3.PoolManager = _proxy_manager(proxy, options | {"ca_certs": authorities})
    else:
        context = tls_context(insecure=insecure, authorities=authorities) if encrypted else None
        manager = urllib3.PoolManager(**options, ssl_context=context)
    manager.pool_classes_by_scheme = {
        "http": classes.plain,
        "https": classes.unverified if insecure else classes.verified,
    }
    return manager


def tls_context(*, insecure: bool, authorities: str | None) -> ssl.SSLContext:
    """Return what encrypts connections, any number of them: to read the certificates of authorities takes some 30 ms.

    Args:
        insecure: Whether any certificate will do.
        authorities: The file with the certificates of those that are trusted; None for those of the system.
    """
    context = create_urllib3_context()
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif authorities:
        context.load_verify_locations(authorities)
    else:
        context.load_default_certs()
    return context


def _proxy_manager(proxy: str, options: dict[str, Any]) -> urllib3.ProxyManager:
    parts = urllib.parse.urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    headers = {}
    if parts.username:
        secret = urllib.parse.unquote(f"{parts.username}:{parts.password or ''}")
        headers = urllib3.make_headers(proxy_basic_auth=secret)
    address = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    return urllib3.ProxyManager(address, proxy_headers=headers, **options)


# A child must not talk on the connections of its parent.
os.register_at_fork(after_in_child=_pool_manager.cache_clear)
