"""Servers for the tests of this folder: one without and one with TLS, shared, and one of a test's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from serving import Server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server without TLS, shared by all tests: each uses names of its own."""
    running = Server(tmp_path_factory.mktemp("served") / "store")
    yield running
    running.close()


@pytest.fixture(scope="session")
def tls_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with TLS, for the official client, which speaks nothing else."""
    running = Server(tmp_path_factory.mktemp("served-tls") / "store", tls=True)
    yield running
    running.close()


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    """A server that a test may kill."""
    running = Server(tmp_path / "store")
    yield running
    running.close()
