"""Beside `arvados.events` of arvados-python-client 3.2.1, on the same servers: the same requests, the same events."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any

import pytest

from api_server import TOKEN, Answer, ApiServer
from certificates import make_certificate
from event_server import EventServer, Told, encrypting, event, wait_until
from keepset import events
from keepset.api import api as our_client
from keepset.catalog.local import LocalCatalog

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    official = pytest.importorskip("arvados.events")
    official_api = pytest.importorskip("arvados.api")

if TYPE_CHECKING:
    import contextlib
    import ssl
    from collections.abc import Callable
    from pathlib import Path

    from cluster_log import ClusterLog
    from keepset.api import ThreadSafeAPIClient

# The official client calls the library in a way that it was told to give up.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

CREATED = [["event_type", "in", ["create"]]]
DELETED = [["event_type", "in", ["delete"]]]
KINDS = ["create", "delete", "update"]


def official_client(cluster: ApiServer, stack: contextlib.ExitStack) -> Any:
    """Their client; the one that threads share would have connections of its own in each, which nobody closes."""
    client = official_api.api_client("v1", discoveryServiceUrl=cluster.template, token=TOKEN)
    stack.callback(client.close)
    return client


@pytest.fixture
def both(client: ThreadSafeAPIClient, cluster: ApiServer, log: ClusterLog, stack: contextlib.ExitStack) -> list[Any]:
    """For each library the module and its client of the API."""
    theirs = official_client(cluster, stack)
    cluster.requests.clear()
    return [(events, client), (official, theirs)]


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """What encrypts, with a certificate that is trusted: the official client knows no servers without."""
    certificate, key = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    return encrypting(certificate, key)


def poll(module: Any, api: Any, log: ClusterLog, filters: Any, last_log_id: int, count: int) -> list[Any]:
    """Follow the log until so many events were told, and return what was told."""
    told = Told()
    client = module.PollClient(api, filters, told, 0.01, last_log_id)
    client.start()
    told.wait(count)
    asked = len(log.queries)
    wait_until(lambda: len(log.queries) > asked + 1)
    client.close(timeout=30)
    return told.messages


@pytest.mark.parametrize(("filters", "last_log_id", "count"), [(None, 0, 10), (CREATED, 2, 3), (DELETED, 100, 0)])
def test_the_same_requests_and_the_same_events(
    cluster: ApiServer, log: ClusterLog, both: list[Any], filters: Any, last_log_id: int, count: int
) -> None:
    for number in range(1, 11):
        log.write(number, kind=KINDS[number % 3])
    found = []
    for module, api in both:
        messages = poll(module, api, log, filters, last_log_id, count)
        queries, log.queries = log.queries, []
        wire = [(request.raw, request.content) for request in cluster.requests]
        cluster.requests.clear()
        found.append((messages, list(dict.fromkeys(map(json.dumps, queries))), list(dict.fromkeys(wire))))
    assert found[0] == found[1]
    assert [message["id"] for message in found[0][0][1:]] == [
        line["id"]
        for line in log.lines
        if line["id"] > last_log_id and (not filters or line["event_type"] in filters[0][2])
    ]


@pytest.mark.parametrize("at", ["2999-01-01T00:00:00Z", "2001-01-01T00:00:00Z"])
def test_the_same_beginning(log: ClusterLog, both: list[Any], at: str) -> None:
    log.write(1, 2, at=at)
    found = []
    for number, (module, api) in enumerate(both, 3):
        told = Told()
        client = module.PollClient(api, CREATED, told, 0.01)
        client.start()
        wait_until(lambda: len(log.queries) >= 2)
        log.write(number)
        told.wait(1)
        client.close(timeout=30)
        assert told.numbers == [number]
        found.append(log.queries[:2])
        log.queries.clear()
        log.lines = log.lines[:2]
    assert found[0] == found[1]


def test_each_works_with_the_other_ones_api(log: ClusterLog, both: list[Any]) -> None:
    log.write(1, 2, 3)
    (ours, our_api), (theirs, their_api) = both
    for module, api in [(ours, their_api), (theirs, our_api)]:
        messages = poll(module, api, log, None, 1, 2)
        assert [message.get("id") for message in messages] == [None, 2, 3]


def test_a_refusal_by_the_other_ones_api_is_understood(
    cluster: ApiServer, both: list[Any], interrupts: list[int]
) -> None:
    (ours, _), (_, their_api) = both
    cluster.handlers["GET logs"] = lambda request: Answer(403)
    client = ours.PollClient(their_api, None, print, 0.01, 1)
    client.start()
    client.run_forever()
    wait_until(lambda: interrupts)
    assert len(cluster.requests) == 1


def test_they_lose_what_a_second_subscription_chooses(log: ClusterLog, both: list[Any]) -> None:
    """The defect of 3.2.1 that our `test_each_subscription_gets_all_of_its_own` is about."""
    for number in range(1, 5):
        log.write(number, kind=KINDS[number % 2])
    found = []
    for module, api in both:
        told = Told()
        client = module.PollClient(api, CREATED, told, 0.01, 0)
        client.subscribe(DELETED, 0)
        client.start()
        wait_until(lambda: len(log.queries) >= 4)
        client.close(timeout=30)
        found.append(told.numbers)
        log.queries.clear()
    assert found == [[2, 4, 1, 3], [2, 4]]


def follow(
    module: Any, server: EventServer, work: Callable[[Any, Any, Any], object], last_log_id: int | None
) -> list[Any]:
    """Do something while events are followed, and return what was told."""
    told = Told()
    server.publish(*(event(number, KINDS[number % 3]) for number in range(1, 10)))
    client = module.EventClient(server.url, CREATED, told, last_log_id)
    server.wait_for(1)
    told.wait(2 if last_log_id else 0)
    work(server, client, told)
    server.publish(event(100))
    wait_until(lambda: 100 in told.numbers)
    client.close(1001, "enough")
    wait_until(lambda: not server._subscriptions)
    return told.messages


def publish(server: EventServer, client: Any, told: Told) -> None:
    server.publish(*(event(number, KINDS[number % 3]) for number in range(10, 20)))


def subscribe(server: EventServer, client: Any, told: Told) -> None:
    client.subscribe(DELETED, 9)
    server.wait_for(2)
    publish(server, client, told)
    client.unsubscribe(CREATED)
    client.subscribe([["event_type", "in", ["create", "update"]]])
    server.wait_for(4)


def drop(server: EventServer, client: Any, told: Told) -> None:
    publish(server, client, told)
    server.drop()
    wait_until(lambda: server.closings)
    server.publish(*(event(number, KINDS[number % 3]) for number in range(20, 30)))
    server.wait_for(2)
    wait_until(lambda: 27 in told.numbers)


@pytest.mark.parametrize("work", [publish, subscribe, drop])
@pytest.mark.parametrize("last_log_id", [None, 3])
def test_the_same_over_a_websocket(context: ssl.SSLContext, work: Any, last_log_id: int | None) -> None:
    found = []
    for module in (official, events):
        with EventServer(context).running() as server:
            told = follow(module, server, work, last_log_id)
            # From where it goes on behind a lost connection is another matter.
            asked = [{"method": one["method"], "filters": one["filters"]} for one in server.asked]
            found.append((told, asked, server.closings[-1], server.targets))
    assert found[0] == found[1]
    assert found[0][2] == (1001, "enough")


@pytest.mark.parametrize("switched_off", [False, True])
def test_the_same_choice(
    context: ssl.SSLContext,
    tmp_path: Path,
    stack: contextlib.ExitStack,
    monkeypatch: pytest.MonkeyPatch,
    switched_off: bool,
) -> None:
    if switched_off:
        for module in (official, events):
            monkeypatch.setitem(module.config.settings(), "ARVADOS_DISABLE_WEBSOCKETS", "1")
    server = stack.enter_context(EventServer(context).running())
    catalog = LocalCatalog(tmp_path / "other.sqlite", lambda block: True)
    stack.callback(catalog.close)
    cluster = stack.enter_context(ApiServer(catalog, websocketUrl=server.place).running())
    cluster.handlers["GET logs"] = lambda request: Answer(body={"items": [], "items_available": 0})
    ours = stack.enter_context(our_client(version="v1", discoveryServiceUrl=cluster.template, token=TOKEN))
    names = []
    for module, client in [(events, ours), (official, official_client(cluster, stack))]:
        follower = module.subscribe(client, None, print, 99)
        follower.close(timeout=30)
        names.append(type(follower).__name__)
    assert names == [["EventClient", "PollClient"][switched_off]] * 2
    assert server.targets == [f"/websocket?api_token={TOKEN}"] * (0 if switched_off else 2)
