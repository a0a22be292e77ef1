"""Connections to servers, shared by everything in the process that asks the same kind of server."""

from __future__ import annotations

import functools
import os
import urllib.parse
import urllib.request
from typing import Any

import urllib3
import urllib3.connection

__all__ = ["pool_manager"]

_CONNECTIONS_PER_HOST = 16
"""So many idle connections to one server are kept; more are made when they are needed, and dropped afterwards."""


class _UnverifiedConnection(urllib3.connection.HTTPSConnection):
    """A connection whose certificate nobody wants checked, so that urllib3 need not warn of each."""

    def connect(self) -> None:
        """Connect."""
        super().connect()
        self.is_verified = True


class _UnverifiedPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _UnverifiedConnection


def pool_manager(url: str, ca_certs: str | None = None, *, insecure: bool = False) -> urllib3.PoolManager:
    """Return the connections for a server, by way of the proxy that the environment names (`HTTPS_PROXY`).

    Args:
        url: An address of the server.
        ca_certs: A file with the authorities to trust; None for those of the system.
        insecure: Whether to trust every certificate.
    """
    parts = urllib.parse.urlsplit(url)
    proxy = urllib.request.getproxies().get(parts.scheme)
    if proxy and urllib.request.proxy_bypass(parts.hostname or ""):
        proxy = None
    return _pool_manager(proxy, ca_certs, insecure)


@functools.cache
def _pool_manager(proxy: str | None, ca_certs: str | None, insecure: bool) -> urllib3.PoolManager:
    options: dict[str, Any] = {"maxsize": _CONNECTIONS_PER_HOST, "ca_certs": ca_certs}
    if insecure:
        options |= {"cert_reqs": "CERT_NONE", "assert_hostname": False, "ca_certs": None}
    manager = _proxy_manager(proxy, options) if proxy else urllib3.PoolManager(**options)
    if insecure:
        manager.pool_classes_by_scheme = manager.pool_classes_by_scheme | {"https": _UnverifiedPool}
    return manager


def _proxy_manager(proxy: str, options: dict[str, Any]) -> urllib3.ProxyManager:
    parts = urllib.parse.urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    headers = {}
    if parts.username:
        secret = urllib.parse.unquote(f"{parts.username}:{parts.password or ''}")
        headers = urllib3.make_headers(proxy_basic_auth=secret)
    address = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    return urllib3.ProxyManager(address, proxy_headers=headers, **options)


# Two processes must not talk on one connection.
os.register_at_fork(after_in_child=_pool_manager.cache_clear)
