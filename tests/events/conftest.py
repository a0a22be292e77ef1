"""A server of events, a log of a cluster, clients of both, and interrupts that are only noted."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from typing import TYPE_CHECKING, Any

import pytest

from api_server import TOKEN, ApiServer
from cluster_log import ClusterLog
from event_server import EventServer, Told
from gate import PATIENCE
from keepset import config
from keepset.api import ThreadSafeAPIClient, api
from keepset.catalog import discovery, transport
from keepset.catalog.local import LocalCatalog
from keepset.events import EventClient, websocket
from keepset.events._following import Follower

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from event_server import Follow
    from keepset.events import Filter


@pytest.fixture(autouse=True)
def nobody_stays() -> Iterator[None]:
    """What is closed ends soon, though its server is gone: in other tests, it would go on asking."""
    yield
    for thread in threading.enumerate():
        if isinstance(thread, Follower):
            thread.join(PATIENCE)
            assert not thread.is_alive()


@pytest.fixture(autouse=True)
def no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No cluster is configured, the caches are empty, and nobody waits for long between two attempts."""
    for name in [name for name in os.environ if name.startswith("ARVADOS_") or name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    for name in ("CACHE_DIRECTORY", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr(config, "_settings", None)
    monkeypatch.setattr(discovery, "_texts", {})
    monkeypatch.setattr(transport, "sleep", lambda seconds: None)
    monkeypatch.setattr(websocket, "_LONGEST_PAUSE", 0.01)


@pytest.fixture(autouse=True)
def interrupts() -> Iterator[list[int]]:
    """The interrupts of the program so far: what would be a `KeyboardInterrupt` is noted here."""
    found: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: found.append(number))
    yield found
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def stack() -> Iterator[contextlib.ExitStack]:
    """What is to be closed when the test is over."""
    with contextlib.ExitStack() as stack:
        yield stack


@pytest.fixture
def told() -> Told:
    """A function that notes what it is told."""
    return Told()


@pytest.fixture
def server() -> Iterator[EventServer]:
    """A server of events."""
    with EventServer().running() as server:
        yield server


@pytest.fixture
def follow(server: EventServer, told: Told, stack: contextlib.ExitStack) -> Follow:
    """Makes a client of that server."""
    usual = told

    def make(filters: Filter | None = None, last_log_id: int | None = None, told: Any = None) -> EventClient:
        client = EventClient(server.url, filters, told or usual, last_log_id)
        stack.callback(client.close)
        server.wait_for(1)
        return client

    return make


@pytest.fixture
def cluster(tmp_path: Path, stack: contextlib.ExitStack, request: pytest.FixtureRequest) -> ApiServer:
    """An API server; what an indirect parameter says is in its description besides."""
    catalog = LocalCatalog(tmp_path / "catalog.sqlite", lambda block: True)
    stack.callback(catalog.close)
    changes: dict[str, Any] = getattr(request, "param", {})
    return stack.enter_context(ApiServer(catalog, **changes).running())


@pytest.fixture
def log(cluster: ApiServer) -> ClusterLog:
    """The log of that cluster."""
    log = ClusterLog()
    cluster.handlers["GET logs"] = log.answer
    return log


@pytest.fixture
def client(cluster: ApiServer, stack: contextlib.ExitStack) -> ThreadSafeAPIClient:
    """A client of that API."""
    return stack.enter_context(api(version="v1", discoveryServiceUrl=cluster.template, token=TOKEN))
