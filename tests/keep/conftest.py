"""Services for the tests of the network client, and clients of them."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from fast_clock import FastClock
from keep_server import Api, KeepServer
from keepset.keep import KeepBlockCache
from keepset.keep.client import KeepClient

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fast_clock import ClientOf, Servers


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings of whoever runs the tests do not count."""
    monkeypatch.delenv("KEEP_LOCAL_STORE", raising=False)
    monkeypatch.setattr("keepset.config._settings", {})


@pytest.fixture
def clock() -> FastClock:
    """A clock that does not wait."""
    return FastClock()


@pytest.fixture
def servers() -> Iterator[Servers]:
    """Makes services."""
    with ExitStack() as stack:
        yield lambda count: [stack.enter_context(KeepServer()) for _ in range(count)]


@pytest.fixture
def server(servers: Servers) -> KeepServer:
    """A service."""
    return servers(1)[0]


@pytest.fixture
def client_of(clock: FastClock) -> ClientOf:
    """Makes a client of services."""

    def make(*services: KeepServer, kind: str = "disk", **options: Any) -> KeepClient:
        options.setdefault("api_client", Api(*services, kind=kind))
        options.setdefault("block_cache", KeepBlockCache())
        return KeepClient(clock=clock, **options)

    return make
