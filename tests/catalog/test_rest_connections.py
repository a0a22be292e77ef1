"""Connections: they are used again, by way of a proxy if there is one, and never by two processes."""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING

import pytest

from api_server import TOKEN, Answer, ApiServer
from keepset import _pools
from keepset._pools import pool_manager
from keepset.api import ThreadSafeAPIClient, api

if TYPE_CHECKING:
    from collections.abc import Iterator

CURRENT = "users/current"


@pytest.fixture(autouse=True)
def own_pools(no_settings: None) -> Iterator[None]:
    """No connections of other tests are there, and none are left to them."""
    _pools._pool_manager.cache_clear()
    yield
    _pools._pool_manager.cache_clear()


def count(server: ApiServer) -> int:
    """How many connections the requests have come by."""
    return len({request.peer for request in server.requests})


def test_connections_are_used_again_by_all_clients(server: ApiServer) -> None:
    for _ in range(3):
        client = api("v1", discoveryServiceUrl=server.template, token=TOKEN)
        client.users().current().execute()
        client.config()
    assert count(server) == 1


def test_nobody_waits_when_the_server_has_closed_an_idle_connection(
    client: ThreadSafeAPIClient, server: ApiServer, waits: list[float]
) -> None:
    server.script(CURRENT, *[Answer(body={}, fault="close")] * 3)
    for _ in range(4):
        client.users().current().execute()
    assert not any(waits)
    assert count(server) == 4


def test_a_fork_makes_connections_of_its_own(client: ThreadSafeAPIClient, server: ApiServer) -> None:
    client.users().current().execute()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            client.users().current().execute()
            status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    client.users().current().execute()
    parent, forked, again = [request.peer for request in server.requests]
    assert parent == again != forked


@pytest.mark.parametrize("secret", ["", "me:p%40ss@"])
def test_a_proxy_is_asked(server: ApiServer, monkeypatch: pytest.MonkeyPatch, secret: str) -> None:
    monkeypatch.setenv("http_proxy", f"http://{secret}{server.host}")
    server.script("http://cluster.example/", Answer(body={"by": "proxy"}))
    reply = pool_manager("http://cluster.example/").request("GET", "http://cluster.example/")
    assert reply.json() == {"by": "proxy"}
    given = server.requests[-1].headers.get("proxy-authorization", "").removeprefix("Basic ")
    assert base64.b64decode(given) == (b"me:p@ss" if secret else b"")


def test_a_proxy_is_not_asked_for_this_machine(server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://localhost:1")
    monkeypatch.setenv("no_proxy", "")
    assert api("v1", discoveryServiceUrl=server.template, token=TOKEN).users().current().execute()


def test_a_proxy_may_be_named_without_a_scheme(server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", server.host)
    server.script("http://cluster.example/", Answer(body=1))
    assert pool_manager("http://cluster.example/").request("GET", "http://cluster.example/").json() == 1
