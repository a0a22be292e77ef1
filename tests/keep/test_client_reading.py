"""Reading through the network client, from services that do as they should, and from some that do not."""

from __future__ import annotations

import hashlib
import threading
from typing import TYPE_CHECKING

import pytest

from gate import PATIENCE, Gate
from keep_server import Answer, Api, KeepServer, item
from keepset import errors
from keepset.collection import Collection
from keepset.keep import BlockClient, KeepLocator
from samples import A, B, E, locator

if TYPE_CHECKING:
    from fast_clock import ClientOf, FastClock, Servers

BLOCK = bytes(range(256)) * 1000
GET = f"GET {hashlib.md5(BLOCK).hexdigest()}"
SIGNED = "+A0123456789abcdef0123456789abcdef01234567@7fffffff"


def test_a_block_is_fetched_once_and_checked(server: KeepServer, client_of: ClientOf) -> None:
    name = server.add(BLOCK)
    client = client_of(server)
    assert isinstance(client, BlockClient)
    assert client.get(name) == client.get(name + "+Kzzzzz") == BLOCK
    assert type(client.get(name)) is bytes
    assert server.names() == [GET]
    (request,) = server.requests
    assert request.path == f"/{name}"
    assert request.headers["Authorization"] == f"Bearer {Api.api_token}"
    assert request.headers["Accept"] == "application/octet-stream"
    assert request.headers["X-Request-Id"].startswith("req-")
    assert client.stats()[:5] == (3, 0, 2, 1, len(BLOCK))


def test_several_blocks_at_once(server: KeepServer, client_of: ClientOf) -> None:
    names = [server.add(b"aaa"), server.add(b"bbb")]
    assert client_of(server).get(",".join(names)) == b"aaabbb"


def test_the_locator_goes_out_with_all_its_hints(server: KeepServer, client_of: ClientOf) -> None:
    name = server.add(BLOCK) + SIGNED + "+Zblah"
    client_of(server).get(name)
    assert server.requests[0].path == f"/{name}"


def test_without_a_token_none_is_sent(server: KeepServer, client_of: ClientOf) -> None:
    client = client_of(api_client=None, proxy=server.url, api_token="")
    assert client.get(server.add(BLOCK)) == BLOCK
    assert "Authorization" not in server.requests[0].headers


def test_the_empty_block_is_known_and_not_fetched(server: KeepServer, client_of: ClientOf) -> None:
    client = client_of(server)
    assert client.get(E) == client.get(E + SIGNED) == b""
    assert server.requests == []


def test_h58_a_block_without_a_size_is_read_to_its_end(server: KeepServer, client_of: ClientOf) -> None:
    client = client_of(server)
    for answer in (Answer(body=BLOCK), Answer(body=BLOCK, announced=-1), Answer(body=BLOCK, chunked=True)):
        server.next.append(answer)
        client.block_cache.clear()
        assert client.get(locator(BLOCK)[:32]) == BLOCK


def test_a_block_without_a_size_is_no_larger_than_blocks_are(server: KeepServer, client_of: ClientOf) -> None:
    server.always = Answer(body=BLOCK, announced=(64 << 20) + 1, closes=True)
    with pytest.raises(errors.KeepReadError, match="no block has more than 67108864"):
        client_of(server, num_retries=0).get(locator(BLOCK)[:32])


@pytest.mark.parametrize(
    ("status", "is_final", "error"),
    [
        (404, True, errors.NotFoundError),
        (403, True, errors.NotFoundError),  # a bad signature, before 3.0
        (410, True, errors.NotFoundError),
        (400, True, errors.KeepReadError),  # a bad signature, today
        (401, True, errors.KeepReadError),  # one that has expired
        (405, True, errors.KeepReadError),
        (422, True, errors.KeepReadError),  # one that has expired, behind a keepproxy
        (429, True, errors.KeepReadError),
        (501, True, errors.KeepReadError),
        (507, True, errors.KeepReadError),
        (302, True, errors.KeepReadError),
        (408, False, errors.KeepReadError),
        (409, False, errors.KeepReadError),
        (423, False, errors.KeepReadError),
        (500, False, errors.KeepReadError),
        (502, False, errors.KeepReadError),  # damaged on the disk
        (503, False, errors.KeepReadError),
        (504, False, errors.KeepReadError),
    ],
)
@pytest.mark.parametrize("method", ["get", "head"])
def test_statuses(
    status: int,
    is_final: bool,
    error: type[errors.KeepReadError],
    method: str,
    server: KeepServer,
    client_of: ClientOf,
    clock: FastClock,
) -> None:
    server.always = Answer(status, b"what is wrong\n", {"Location": "http://127.0.0.1:9/"})
    client = client_of(server, num_retries=2)
    with pytest.raises(errors.KeepReadError) as caught:
        getattr(client, method)(A)
    assert type(caught.value) is error
    assert len(server.requests) == (1 if is_final else 3)
    assert clock.pauses == pytest.approx([] if is_final else [4, 8], abs=1)
    (problem,) = caught.value.request_errors().items()
    assert problem[0] == server.url
    assert isinstance(problem[1], errors.HttpError)
    assert problem[1].status_code == status
    if method == "get":
        assert "what is wrong" in str(caught.value)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(body=BLOCK, cut=1000),
        Answer(body=BLOCK, cut=1000, resets=True),
        Answer(body=BLOCK, cut=0),
        Answer(body=BLOCK[:-1], announced=-1),
        Answer(body=BLOCK[:-1]),
        Answer(body=BLOCK + b"x"),
        Answer(body=b""),
        Answer(body=bytes(len(BLOCK))),
        Answer(body=BLOCK, announced=(64 << 20) + 1),
        Answer(body=BLOCK, announced=1 << 40),
        Answer(body=BLOCK[:-1], chunked=True),
        Answer(resets=True),
        Answer(closes=True, cut=0, announced=len(BLOCK)),
    ],
    ids=lambda answer: f"{len(answer.body)}-{answer.announced}-{answer.cut}-{answer.resets}-{answer.chunked}",
)
def test_what_is_not_the_block_is_asked_for_again(
    answer: Answer, server: KeepServer, client_of: ClientOf, clock: FastClock
) -> None:
    name = server.add(BLOCK)
    server.next.append(answer)
    assert client_of(server).get(name) == BLOCK
    assert server.names() == [GET, GET]
    assert len(clock.pauses) == 1


def test_another_service_is_asked_before_one_is_asked_again(
    servers: Servers, client_of: ClientOf, clock: FastClock
) -> None:
    both = servers(2)
    name = both[0].add(BLOCK)
    both[1].add(BLOCK)
    client = client_of(*both)
    first = client.weighted_service_roots(KeepLocator(name))[0]
    bad, good = sorted(both, key=lambda service: service.url != first)
    bad.always = Answer(503)
    assert client.get(name) == BLOCK
    assert (bad.names(), good.names()) == ([GET], [GET])
    assert clock.pauses == []


def test_only_services_that_may_have_it_yet_are_asked_again(servers: Servers, client_of: ClientOf) -> None:
    absent, busy = servers(2)
    busy.next += [Answer(503), Answer(503)]
    assert client_of(absent, busy, num_retries=2).get(busy.add(BLOCK)) == BLOCK
    assert (len(absent.requests), len(busy.requests)) == (1, 3)


def test_absent_everywhere_is_not_found_at_once(servers: Servers, client_of: ClientOf, clock: FastClock) -> None:
    several = servers(3)
    with pytest.raises(errors.NotFoundError) as caught:
        client_of(*several).get(A + SIGNED)
    assert [problem.status_code for problem in caught.value.request_errors().values()] == [404] * 3  # type: ignore[attr-defined]
    assert clock.pauses == []


def test_absent_here_and_refused_there_is_not_known_to_be_absent(servers: Servers, client_of: ClientOf) -> None:
    one, other = servers(2)
    other.always = Answer(401, b"expired signature\n")
    with pytest.raises(errors.KeepReadError) as caught:
        client_of(one, other).get(A)
    assert not isinstance(caught.value, errors.NotFoundError)
    assert "404 Not Found: file does not exist" in str(caught.value)
    assert "401 Unauthorized: expired signature" in str(caught.value)


def test_a_service_that_nobody_runs(servers: Servers, client_of: ClientOf, clock: FastClock) -> None:
    api = Api()
    with KeepServer() as gone:
        api.items = [item(gone.port, 0)]
    with pytest.raises(errors.KeepReadError, match=r"after 3 attempts: service http.* responded with 0 .*refused"):
        client_of(api_client=api, num_retries=2).get(A)
    assert api.lookups == 3
    assert len(clock.pauses) == 2


def test_one_id_for_all_requests_of_an_operation_and_in_its_error(servers: Servers, client_of: ClientOf) -> None:
    several = servers(2)
    for service in several:
        service.always = Answer(503)
    client = client_of(*several, num_retries=1)
    with pytest.raises(errors.KeepReadError) as caught:
        client.get(A)
    with pytest.raises(errors.KeepReadError, match=r"^\[mine-1\]"):
        client.head(A, request_id="mine-1")
    ids = [request.headers["X-Request-Id"] for service in several for request in service.requests]
    assert len(set(ids)) == 2
    assert ids.count("mine-1") == 4
    assert str(caught.value).startswith(f"[{ids[0]}] ")


def test_the_api_clients_id_is_used(server: KeepServer, client_of: ClientOf) -> None:
    client = client_of(server)
    assert client.api_client is not None
    client.api_client.request_id = "req-of-a-container"
    name = server.add(BLOCK)
    for operation in (client.get, client.head, client.refresh_signature):
        operation(name)
    client.put(b"aaa", copies=1)
    assert [request.headers["X-Request-Id"] for request in server.requests] == ["req-of-a-container"] * 4


@pytest.mark.parametrize("name", ["req\r\nX-Evil: 1", "", "é", "a b", "x" * 256])
def test_an_id_that_is_no_header_is_refused(name: str, server: KeepServer, client_of: ClientOf) -> None:
    if name:
        with pytest.raises(errors.ArgumentError, match="request id"):
            client_of(server).get(A, request_id=name)
    else:
        client_of(server).get(server.add(b"aaa"), request_id=name)
        assert server.requests[0].headers["X-Request-Id"].startswith("req-")


def test_a_locator_that_is_none(server: KeepServer, client_of: ClientOf) -> None:
    client = client_of(server)
    for call in (client.get, client.head, client.get_from_cache, client.refresh_signature):
        with pytest.raises(ValueError):  # noqa: PT011 - whatever the engine says
            call("../../etc/passwd")
    with pytest.raises(errors.KeepReadError, match="none has more than 67108864 bytes"):
        client.get(f"{A[:32]}+67108865")
    assert server.requests == []


def test_a_size_that_is_wrong_is_an_error_also_where_the_block_is_in_memory(
    server: KeepServer, client_of: ClientOf
) -> None:
    client = client_of(server)
    client.get(server.add(BLOCK))
    with pytest.raises(errors.BlockDamagedError, match="its locator says 3"):
        client.get(f"{locator(BLOCK)[:32]}+3")


def test_head_asks_without_fetching(server: KeepServer, client_of: ClientOf) -> None:
    client = client_of(server)
    assert client.head(server.add(BLOCK)) is True
    assert server.requests[0].method == "HEAD"
    assert client.get_from_cache(locator(BLOCK)) is None
    with pytest.raises(errors.NotFoundError):
        client.head(B)


def test_a_remote_block_is_signed_anew(server: KeepServer, client_of: ClientOf) -> None:
    remote = f"{A}+Rzzzzz-0123456789abcdef0123456789abcdef01234567@7fffffff"
    server.next += [Answer(headers={"X-Keep-Locator": A + SIGNED}), Answer()]
    client = client_of(server)
    assert client.refresh_signature(remote) == A + SIGNED
    (request,) = server.requests
    assert request.method == "HEAD"
    assert request.headers["X-Keep-Signature"].startswith("local, 20")
    assert client.refresh_signature(A + SIGNED) == A + SIGNED


@pytest.mark.parametrize("header", ["", B + SIGNED, f"{A}0{SIGNED}", f"{A} 0:3:f", f"{A}+Anothing"])
def test_a_remote_block_that_comes_back_without_a_signature_for_it(
    header: str, server: KeepServer, client_of: ClientOf
) -> None:
    server.always = Answer(headers={"X-Keep-Locator": header})
    client = client_of(server)
    assert client.api_client is not None
    client.api_client.request_id = "req-mine"
    with pytest.raises(errors.KeepReadError, match=rf"^\[req-mine\] no service has signed {A[:32]}"):
        client.refresh_signature(f"{A}+Rzzzzz-0123456789abcdef0123456789abcdef01234567@7fffffff")
    assert server.requests[0].headers["X-Request-Id"] == "req-mine"


# Threads.


def test_readers_of_one_block_share_a_fetch(server: KeepServer, client_of: ClientOf) -> None:
    name = server.add(BLOCK)
    client = client_of(server)
    with Gate() as gate:
        server.next.append(Answer(body=BLOCK, before=gate.pass_through))
        found: list[bytes] = []
        readers = [threading.Thread(target=lambda: found.append(client.get(name))) for _ in range(8)]
        for reader in readers:
            reader.start()
        gate.await_somebody()
    for reader in readers:
        reader.join(PATIENCE)
    assert found == [BLOCK] * 8
    assert server.names() == [GET]


def test_h57_a_block_that_was_fetched_ahead_is_found_whatever_hints_it_has(
    server: KeepServer, client_of: ClientOf
) -> None:
    name = server.add(BLOCK)
    client = client_of(server)
    with Gate() as gate:
        server.next.append(Answer(body=BLOCK, before=gate.pass_through))
        client.block_prefetch(name + SIGNED)
        gate.await_somebody()
    client.stop_prefetch_threads()
    client.block_prefetch(name + "+Kzzzzz")
    assert client.get(name) == BLOCK
    assert client.get_from_cache(name + SIGNED) == BLOCK
    client.stop_prefetch_threads()
    assert server.names() == [GET]


@pytest.mark.parametrize(
    ("status", "text"),
    [(400, "invalid signature"), (401, "expired signature"), (403, "invalid signature"), (422, "expired signature")],
)
def test_h62_an_expired_or_foreign_signature_is_told_at_once(
    status: int, text: str, servers: Servers, client_of: ClientOf, clock: FastClock
) -> None:
    several = servers(3)
    for service in several:
        service.always = Answer(status, f"{text}\n".encode())
    with pytest.raises(errors.KeepReadError, match=text):
        client_of(*several).get(A + SIGNED)
    assert [len(service.requests) for service in several] == [1, 1, 1]
    assert clock.pauses == []


def test_h61_the_same_block_again_and_again_comes_to_an_end(server: KeepServer, client_of: ClientOf) -> None:
    name = server.add(BLOCK)
    client = client_of(server)
    text = f". {name} {name} {name} 0:{3 * len(BLOCK)}:f\n"
    assert Collection(text, keep_client=client).read_bytes("f") == BLOCK * 3
    assert client.get(f"{name},{name}") == BLOCK * 2
    for _ in range(4):
        client.block_prefetch(name)
    assert server.names() == [GET]


def test_what_goes_wrong_ahead_is_told_to_who_reads(server: KeepServer, client_of: ClientOf) -> None:
    client = client_of(server)
    with Gate() as gate:
        server.next.append(Answer(404, before=gate.pass_through))
        client.block_prefetch(A)
        gate.await_somebody()
    client.stop_prefetch_threads()
    assert server.add(b"aaa") == A
    assert client.get(A) == b"aaa"
    assert len(server.requests) == 2


def test_without_threads_nothing_is_fetched_ahead(server: KeepServer, client_of: ClientOf) -> None:
    client = client_of(server, num_prefetch_threads=0)
    client.block_prefetch(server.add(BLOCK))
    client.stop_prefetch_threads()
    assert server.requests == []
