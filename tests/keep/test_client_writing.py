"""Writing through the network client: how many replicas, in which classes, and what is told when there are too few."""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from typing import TYPE_CHECKING

import pytest

from gate import PATIENCE, Gate
from keep_server import STORED, Answer, Api, KeepServer, item
from keepset import errors
from keepset.keep import KeepLocator
from samples import A

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fast_clock import ClientOf, FastClock, Servers
    from keepset.keep.client import KeepClient

BLOCK = bytes(range(256)) * 1000
DIGEST = hashlib.md5(BLOCK).hexdigest()
NAME = f"{DIGEST}+{len(BLOCK)}"
PUT = f"PUT {DIGEST}"
SIGNED = "+A0123456789abcdef0123456789abcdef01234567@7fffffff"


def stored(services: Sequence[KeepServer]) -> int:
    """How many services have the block."""
    return sum(DIGEST in service.blocks for service in services)


def requests(services: Sequence[KeepServer]) -> int:
    """How often services were asked."""
    return sum(len(service.requests) for service in services)


def in_order(client: KeepClient, services: Sequence[KeepServer]) -> list[KeepServer]:
    """The services in the order in which they are asked."""
    roots = client.weighted_service_roots(KeepLocator(NAME))
    return sorted(services, key=lambda service: roots.index(service.url))


def answer(replicas: str = "1", classes: str | None = "default=1", body: str = NAME) -> Answer:
    """A reply of success."""
    headers = {"X-Keep-Replicas-Stored": replicas}
    if classes is not None:
        headers["X-Keep-Storage-Classes-Confirmed"] = classes
    return Answer(200, body.encode(), headers)


def test_a_block_is_stored_and_its_signed_locator_returned(server: KeepServer, client_of: ClientOf) -> None:
    server.signature = SIGNED
    client = client_of(server)
    assert client.put(BLOCK, copies=1) == NAME + SIGNED
    assert server.blocks == {DIGEST: BLOCK}
    (request,) = server.requests
    assert request.path == f"/{DIGEST}"
    assert request.headers["Content-Length"] == str(len(BLOCK))
    assert request.headers["X-Keep-Desired-Replicas"] == "1"
    assert request.headers["X-Keep-Storage-Classes"] == "default"
    assert request.headers["Authorization"] == f"Bearer {Api.api_token}"
    assert "Transfer-Encoding" not in request.headers
    assert client.stats()[:6] == (0, 1, 0, 0, 0, len(BLOCK))


@pytest.mark.parametrize("data", [bytearray(b"aaa"), memoryview(b"xaaa")[1:], "aaa"])
def test_whatever_has_bytes(data: bytearray | memoryview | str, server: KeepServer, client_of: ClientOf) -> None:
    assert client_of(server).put(data, 1) == A
    assert list(server.blocks.values()) == [b"aaa"]


def test_the_empty_block_is_stored_like_any_other(server: KeepServer, client_of: ClientOf) -> None:
    assert client_of(server).put(b"", 1) == "d41d8cd98f00b204e9800998ecf8427e+0"
    assert list(server.blocks.values()) == [b""]


def test_a_block_of_64_mebibytes_is_the_largest(server: KeepServer, client_of: ClientOf) -> None:
    block = bytes(64 << 20)
    client = client_of(server)
    name = client.put(memoryview(block), 1)
    assert name == "7f614da9329cd3aebf59b91aadc30bf0+67108864"
    assert client.get(name) == block
    with pytest.raises(errors.BlockTooLargeError):
        client.put(block + b"x", 1)
    assert len(server.requests) == 2


@pytest.mark.parametrize("copies", [0, -1])
def test_h64_no_copies_are_a_hash_with_a_size_and_no_request(
    copies: int, server: KeepServer, client_of: ClientOf
) -> None:
    assert client_of(server).put(BLOCK, copies=copies) == NAME
    assert server.requests == []


@pytest.mark.parametrize("copies", [1, 2, 3, 5])
def test_as_many_replicas_as_were_asked_for(copies: int, servers: Servers, client_of: ClientOf) -> None:
    several = servers(5)
    client = client_of(*several)
    assert client.put(BLOCK, copies=copies) == NAME
    assert stored(several) == requests(several) == copies
    assert all(DIGEST in service.blocks for service in in_order(client, several)[:copies])


def test_an_upload_on_its_way_counts(servers: Servers, client_of: ClientOf) -> None:
    several = servers(4)
    client = client_of(*several)
    first, second, *_ = in_order(client, several)
    with Gate() as gate:
        second.next.append(Answer(200, NAME.encode(), STORED, before=gate.pass_through))
        writer = threading.Thread(target=client.put, args=[BLOCK])
        writer.start()
        gate.await_somebody()
        while client.stats().uploaded < len(BLOCK):
            time.sleep(0.001)
        time.sleep(0.05)  # long enough for another request, which there must not be
        assert first.requests
        assert requests(several) == 2
    writer.join(PATIENCE)
    assert requests(several) == 2


def test_another_service_takes_the_place_of_one_that_fails(servers: Servers, client_of: ClientOf) -> None:
    several = servers(4)
    client = client_of(*several)
    first, second, third, fourth = in_order(client, several)
    first.always = Answer(503)
    second.always = Answer(507, b"insufficient storage\n")
    assert client.put(BLOCK) == NAME
    assert [len(service.requests) for service in (first, second, third, fourth)] == [1, 1, 1, 1]
    assert stored(several) == 2


def test_one_proxy_that_stores_both(servers: Servers, client_of: ClientOf) -> None:
    proxies = servers(2)
    for proxy in proxies:
        proxy.always = answer("2", None)
    client = client_of(*proxies, kind="proxy", api_client=Api(*proxies, kind="proxy", classes=()))
    assert client.put(BLOCK) == NAME
    assert requests(proxies) == 1


def test_two_proxies_that_store_one_each_are_asked_one_after_the_other(servers: Servers, client_of: ClientOf) -> None:
    proxies = servers(2)
    client = client_of(*proxies, kind="proxy")
    first, second = in_order(client, proxies)
    with Gate() as gate:
        first.next.append(Answer(200, NAME.encode(), STORED, before=gate.pass_through))
        writer = threading.Thread(target=client.put, args=[BLOCK])
        writer.start()
        gate.await_somebody()
        assert second.requests == []
    writer.join(PATIENCE)
    assert [proxy.requests[0].headers["X-Keep-Desired-Replicas"] for proxy in (first, second)] == ["2", "2"]


def test_one_proxy_that_stores_one_of_two_is_an_error_at_once(
    server: KeepServer, client_of: ClientOf, clock: FastClock
) -> None:
    with pytest.raises(errors.KeepWriteError, match=r"wanted \(2, \['default'\]\) copies but wrote \(1, \[\]\)"):
        client_of(server, kind="proxy").put(BLOCK)
    assert len(server.requests) == 1
    assert clock.pauses == []


def test_what_failed_is_tried_again_and_what_was_stored_is_not(
    servers: Servers, client_of: ClientOf, clock: FastClock
) -> None:
    several = servers(4)
    client = client_of(*several, num_retries=1)
    good, *bad = in_order(client, several)
    for service in bad:
        service.always = Answer(503, b"queue full\n")
    with pytest.raises(errors.KeepWriteError, match=r"after 2 attempts \(wanted .* but wrote \(1, \[\]\)\)") as caught:
        client.put(BLOCK)
    assert len(good.requests) == 1
    assert [len(service.requests) for service in bad] == [2, 2, 2]
    assert len(clock.pauses) == 1
    assert set(caught.value.request_errors()) == {service.url for service in bad}
    assert "503 Service Unavailable: queue full" in str(caught.value)


def test_full_services_are_not_asked_again(servers: Servers, client_of: ClientOf, clock: FastClock) -> None:
    several = servers(4)
    client = client_of(*several)
    good, *full = in_order(client, several)
    for service in full:
        service.always = Answer(507)
    with pytest.raises(errors.KeepWriteError):
        client.put(BLOCK)
    assert requests(several) == 4
    assert len(good.requests) == 1
    assert clock.pauses == []


@pytest.mark.parametrize("status", [400, 401, 403, 404, 411, 413, 422, 429, 501, 507, 302])
def test_statuses_that_are_final(status: int, server: KeepServer, client_of: ClientOf) -> None:
    server.always = Answer(status)
    with pytest.raises(errors.KeepWriteError, match=f"responded with {status}"):
        client_of(server).put(BLOCK, 1)
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [408, 409, 423, 500, 502, 503, 504])
def test_statuses_that_may_pass(status: int, server: KeepServer, client_of: ClientOf) -> None:
    server.next += [Answer(status), Answer(status), None]
    assert client_of(server).put(BLOCK, 1) == NAME
    assert len(server.requests) == 3


@pytest.mark.parametrize("answer", [Answer(resets=True), Answer(resets=True, reads=False)])
def test_a_service_that_hangs_up(answer: Answer, server: KeepServer, client_of: ClientOf, clock: FastClock) -> None:
    server.next.append(answer)
    block = bytes(8 << 20)
    assert client_of(server).put(block, 1).endswith("+8388608")
    assert len(server.requests) == 2
    assert len(clock.pauses) == 1


@pytest.mark.parametrize("is_reused", [False, True])
@pytest.mark.parametrize("status", [403, 413, 507])
def test_a_service_that_answers_before_it_has_read_all_is_heard(
    status: int, is_reused: bool, server: KeepServer, client_of: ClientOf
) -> None:
    client = client_of(server)
    if is_reused:
        client.put(b"aaa", 1)
    server.always = Answer(status, b"why\n", reads=False, closes=True)
    with pytest.raises(errors.KeepWriteError, match=f"responded with {status} .*: why"):
        client.put(bytes(8 << 20), 1)
    assert len(server.requests) == 1 + is_reused


def test_services_that_only_read_are_not_written_to(servers: Servers, client_of: ClientOf) -> None:
    several = servers(2)
    api = Api()
    api.items = [item(service.port, number, read_only=True) for number, service in enumerate(several)]
    client = client_of(api_client=api)
    with pytest.raises(errors.KeepWriteError, match="no Keep services available"):
        client.put(BLOCK)
    assert requests(several) == 0
    api.items[1] = item(several[1].port, 1)
    client.build_services_list(force_rebuild=True)
    client.put(BLOCK, 1)
    assert [len(service.requests) for service in several] == [0, 1]
    assert client.get(several[0].add(b"aaa")) == b"aaa"


@pytest.mark.parametrize(
    "body",
    [
        "",
        "acbd18db4cc2f85cedef654fccc4a4d8+3",
        f"{DIGEST}+2",
        DIGEST,
        "<html>",
        f"{NAME}0",  # ten times as many bytes
        f"{NAME} 0:1:f",  # what it would be in a manifest
        f"{NAME}+Kzzzzz\n./d",
        f"{NAME}+Anothing",
    ],
)
def test_a_reply_that_is_no_locator_of_the_block_is_not_believed(
    body: str, server: KeepServer, client_of: ClientOf
) -> None:
    server.next.append(answer(body=body))
    assert client_of(server).put(BLOCK, 1) == NAME
    assert len(server.requests) == 2


def test_a_reply_without_a_number_speaks_of_one_replica(servers: Servers, client_of: ClientOf) -> None:
    several = servers(2)
    several[0].always = Answer(200, NAME.encode())
    several[1].always = answer("many")
    assert client_of(*several, api_client=Api(*several, classes=())).put(BLOCK) == NAME
    assert requests(several) == 2


# Storage classes.


def test_classes_that_were_asked_for(servers: Servers, client_of: ClientOf) -> None:
    several = servers(3)
    client = client_of(*several)
    first, second, third = in_order(client, several)
    for service in several:
        service.stored = {"X-Keep-Replicas-Stored": "1", "X-Keep-Storage-Classes-Confirmed": " hot = x"}
    first.stored = second.stored = {**STORED, "X-Keep-Storage-Classes-Confirmed": "default=1, hot=1 ,cold=0"}
    client.put(BLOCK, classes=["hot", "default"])
    assert requests(several) == 2
    assert first.requests[0].headers["X-Keep-Storage-Classes"] == "default, hot"
    assert third.requests == []


def test_a_class_that_is_missing_has_more_services_asked_for_that_class(servers: Servers, client_of: ClientOf) -> None:
    several = servers(3)
    client = client_of(*several)
    first, second, third = in_order(client, several)
    for service, classes in ((first, "default=1"), (second, "archive=1, default=1"), (third, "archive=1")):
        service.stored = {**STORED, "X-Keep-Storage-Classes-Confirmed": classes}
    assert client.put(BLOCK, copies=1, classes=["archive", "default"]) == NAME
    assert [len(service.requests) for service in (first, second, third)] == [1, 1, 0]
    assert second.requests[0].headers["X-Keep-Storage-Classes"] == "archive"


@pytest.mark.parametrize("confirmed", ["", "other=1", "archive=0", "archive"])
def test_a_class_that_nobody_confirms_is_an_error(confirmed: str, servers: Servers, client_of: ClientOf) -> None:
    several = servers(3)
    for service in several:
        service.stored = {**STORED, "X-Keep-Storage-Classes-Confirmed": confirmed}
    with pytest.raises(errors.KeepWriteError, match=r"wanted \(1, \['archive'\]\) copies but wrote \(3, \[\]\)"):
        client_of(*several).put(BLOCK, copies=1, classes=["archive"])
    assert requests(several) == 3


@pytest.mark.parametrize("headers", [{}, {"X-Keep-Storage-Classes-Confirmed": "default=many"}])
def test_an_old_cluster_knows_no_classes(
    headers: dict[str, str], servers: Servers, client_of: ClientOf, caplog: pytest.LogCaptureFixture
) -> None:
    several = servers(3)
    for service in several:
        service.stored = headers
    client = client_of(*several)
    with caplog.at_level(logging.WARNING, "keepset.keep"):
        client.put(BLOCK, classes=["archive"])
        client.put(b"another", classes=["archive"])
    assert requests(several) == 4
    assert [record.message for record in caplog.records] == [
        "X-Keep-Storage-Classes header not supported by the cluster"
    ]


def test_an_api_server_that_does_not_tell_the_classes(server: KeepServer, client_of: ClientOf) -> None:
    client = client_of(server)
    assert isinstance(client.api_client, Api)
    client.get(server.add(b"aaa"))
    client.api_client.error = OSError("the API server is down")
    with pytest.raises(errors.KeepWriteError, match=r"^\[mine-1\] .* storage classes: the API server is down"):
        client.put(BLOCK, request_id="mine-1")
    assert client.put(BLOCK, 1, classes=["default"]) == NAME
    assert len(server.requests) == 2


def test_where_only_services_are_named_there_are_no_classes(server: KeepServer, client_of: ClientOf) -> None:
    server.stored = {"X-Keep-Replicas-Stored": "2"}
    assert client_of(server, proxy=server.url).put(BLOCK) == NAME
    assert "X-Keep-Storage-Classes" not in server.requests[0].headers


def test_many_threads_write_through_one_client(servers: Servers, client_of: ClientOf) -> None:
    several = servers(3)
    client = client_of(*several)
    blocks = [bytes([number]) * 10_000 for number in range(40)]
    names: list[str] = []
    threads = [
        threading.Thread(target=lambda part=part: names.extend(map(client.put, blocks[part::4]))) for part in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert sorted(map(client.get, names)) == blocks
    assert sum(len(service.blocks) for service in several) == 2 * len(blocks)
