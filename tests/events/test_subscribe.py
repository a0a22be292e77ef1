"""`subscribe` takes a websocket, if there is one."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from api_server import TOKEN, ApiServer
from certificates import make_certificate
from cluster_log import ClusterLog
from event_server import EventServer, Told, encrypting, event, wait_until
from keepset import config, errors
from keepset.api import api
from keepset.catalog.local import LocalCatalog
from keepset.events import EventClient, PollClient, WSMethod, subscribe

if TYPE_CHECKING:
    import contextlib
    from pathlib import Path

    from keepset.api import ThreadSafeAPIClient

SECRET = TOKEN.rpartition("/")[2]


def cluster_with(server: EventServer, folder: Path, stack: contextlib.ExitStack) -> ApiServer:
    """A cluster that names the address of a server of events, and has an empty log."""
    catalog = LocalCatalog(folder / "other.sqlite", lambda block: True)
    stack.callback(catalog.close)
    cluster = stack.enter_context(ApiServer(catalog, websocketUrl=server.place).running())
    cluster.handlers["GET logs"] = ClusterLog().answer
    return cluster


@pytest.fixture
def with_websockets(tmp_path: Path, server: EventServer, stack: contextlib.ExitStack) -> ThreadSafeAPIClient:
    """A client of such a cluster."""
    cluster = cluster_with(server, tmp_path, stack)
    return stack.enter_context(api(version="v1", discoveryServiceUrl=cluster.template, token=TOKEN))


def test_a_websocket_if_there_is_one(
    with_websockets: ThreadSafeAPIClient, server: EventServer, told: Told, stack: contextlib.ExitStack
) -> None:
    server.publish(*map(event, range(1, 4)))
    client = subscribe(with_websockets, [["event_type", "in", ["create"]]], told, last_log_id=1)
    stack.callback(client.close)
    assert isinstance(client, EventClient)
    assert told.wait(2) == [2, 3]
    assert server.targets == [f"/websocket?api_token={TOKEN}"]


@pytest.mark.parametrize("poll_fallback", [0, 15])
def test_no_websocket(
    client: ThreadSafeAPIClient, log: ClusterLog, told: Told, caplog: pytest.LogCaptureFixture, poll_fallback: int
) -> None:
    if not poll_fallback:
        with pytest.raises(errors.FeatureNotEnabledError):
            subscribe(client, None, told, poll_fallback)
        return
    log.write(1, 2)
    found = subscribe(client, None, told, poll_fallback, last_log_id=1)
    assert isinstance(found, PollClient)
    assert told.wait(1) == [2]
    assert "no address for websockets" in caplog.text
    found.close()


@pytest.mark.parametrize("status", [401, 429, 500])
def test_a_websocket_that_is_refused(
    with_websockets: ThreadSafeAPIClient,
    server: EventServer,
    told: Told,
    caplog: pytest.LogCaptureFixture,
    status: int,
) -> None:
    server.refusals.extend([status] * 2)
    found = subscribe(with_websockets, None, told, last_log_id=0)
    found.close()
    assert isinstance(found, PollClient)
    assert str(status) in caplog.text
    assert SECRET not in caplog.text
    with pytest.raises(errors.ApiError) as error:
        subscribe(with_websockets, None, told, 0)
    assert error.value.status_code == status


@pytest.mark.parametrize("cluster", [{"websocketUrl": "https://ws.zzzzz.example/websocket"}], indirect=True)
def test_an_address_that_is_none_is_not_logged_with_the_token(
    client: ThreadSafeAPIClient, log: ClusterLog, told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    """3.2.1 logs it with the token."""
    subscribe(client, None, told).close()
    assert "https://ws.zzzzz.example/websocket" in caplog.text
    assert SECRET not in caplog.text


def test_websockets_can_be_switched_off(with_websockets: ThreadSafeAPIClient, server: EventServer, told: Told) -> None:
    config.settings()["ARVADOS_DISABLE_WEBSOCKETS"] = "1"
    found = subscribe(with_websockets, None, told)
    assert isinstance(found, PollClient)
    found.close()
    assert server.targets == []


@pytest.mark.parametrize("insecure", [True, False])
def test_certificates_are_checked_if_the_client_of_the_api_does_so(
    tmp_path: Path, told: Told, stack: contextlib.ExitStack, insecure: bool
) -> None:
    server = stack.enter_context(EventServer(encrypting(*make_certificate(tmp_path))).running())
    cluster = cluster_with(server, tmp_path, stack)
    client = api(version="v1", discoveryServiceUrl=cluster.template, token=TOKEN, insecure=insecure)
    if insecure:
        subscribe(client, None, told, 0).close()
    else:
        with pytest.raises(errors.ApiConnectionError, match="CERTIFICATE_VERIFY_FAILED"):
            subscribe(client, None, told, 0)
    assert len(server.targets) == insecure


def test_a_store_has_no_events(tmp_path: Path, told: Told, stack: contextlib.ExitStack) -> None:
    import keepset

    store = stack.enter_context(keepset.open_store(tmp_path / "store"))
    with pytest.raises(errors.FeatureNotEnabledError, match="no resource logs"):
        subscribe(store, None, told)


WITHOUT_THE_EXTRA = """
import sys
sys.modules["websockets"] = None
import keepset.events, keepset.errors
try:
    keepset.events.EventClient("ws://localhost:1/websocket", None, print)
except keepset.errors.ConfigError as error:
    print(error)
"""
LIGHT = """
import sys, keepset.events
print("websockets" in sys.modules)
"""


def run(script: str) -> str:
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout


def test_without_the_extra_the_error_says_how_to_get_it() -> None:
    assert "pip install 'keepset[events]'" in run(WITHOUT_THE_EXTRA)


def test_the_library_is_loaded_when_it_is_needed() -> None:
    assert run(LIGHT) == "False\n"


def test_methods_are_those_of_the_protocol() -> None:
    methods = {name: method.value for name, method in WSMethod.__members__.items()}
    assert methods == {
        "SUBSCRIBE": "subscribe",
        "SUB": "subscribe",
        "UNSUBSCRIBE": "unsubscribe",
        "UNSUB": "unsubscribe",
    }


def test_polling_without_the_extra(
    with_websockets: ThreadSafeAPIClient, told: Told, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delitem(sys.modules, "keepset.events._connection", raising=False)
    monkeypatch.setitem(sys.modules, "websockets.exceptions", None)
    found = subscribe(with_websockets, None, told, last_log_id=0)
    found.close()
    assert isinstance(found, PollClient)
    wait_until(lambda: "keepset[events]" in caplog.text)
