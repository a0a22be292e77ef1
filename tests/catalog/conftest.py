"""A catalog that takes every block for stored, a clock that goes when it is told to, and both over HTTP."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from api_server import TOKEN, ApiServer
from keepset import config
from keepset.api import ThreadSafeAPIClient, api
from keepset.catalog import discovery, transport
from keepset.catalog.local import LocalCatalog, LocalCollections
from stores import Clock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for module in ("local", "upkeep"):
        monkeypatch.setattr(f"keepset.catalog.{module}.now", clock)
    return clock


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[LocalCatalog]:
    catalog = LocalCatalog(tmp_path / "catalog.sqlite", lambda block: True)
    yield catalog
    catalog.close()


@pytest.fixture
def collections(catalog: LocalCatalog) -> LocalCollections:
    return catalog.collections()


@pytest.fixture
def no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No cluster is configured, the caches are empty, and nobody waits between two attempts."""
    for name in [name for name in os.environ if name.startswith("ARVADOS_") or name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    for name in ("KEEP_LOCAL_STORE", "CACHE_DIRECTORY", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr(config, "_settings", None)
    monkeypatch.setattr(discovery, "_texts", {})


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that clients have waited between attempts, which they do not really."""
    found: list[float] = []
    monkeypatch.setattr(transport, "sleep", found.append)
    return found


@pytest.fixture
def server(catalog: LocalCatalog, no_settings: None, waits: list[float]) -> Iterator[ApiServer]:
    """An API server on the catalog of the test."""
    with ApiServer(catalog).running() as server:
        yield server


@pytest.fixture
def client(server: ApiServer) -> Iterator[ThreadSafeAPIClient]:
    """A client of that server."""
    with api(version="v1", discoveryServiceUrl=server.template, token=TOKEN) as client:
        yield client
