"""Servers that refuse, break off or do not answer: what is tried again, what is raised, and that no token gets out."""

from __future__ import annotations

import datetime
import email.utils
import logging
import pickle
import ssl
import threading
import traceback
from typing import TYPE_CHECKING, Any

import pytest

from api_server import TOKEN, Answer, ApiServer, refusal
from certificates import make_certificate
from keepset import errors
from keepset.api import ThreadSafeAPIClient, api
from keepset.catalog import transport
from keepset.catalog.transport import LONGEST_WAIT, Transport

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from keepset.catalog.local import LocalCatalog

SECRET = TOKEN.rpartition("/")[2]
CURRENT = "users/current"


def ask(client: ThreadSafeAPIClient, num_retries: int = 0) -> Any:
    return client.users().current().execute(num_retries=num_retries)


@pytest.fixture
def impatient(server: ApiServer) -> Iterator[ThreadSafeAPIClient]:
    """A client that does not try again by itself."""
    with api("v1", discoveryServiceUrl=server.template, token=TOKEN, num_retries=0) as client:
        yield client


@pytest.fixture
def hasty(impatient: ThreadSafeAPIClient, server: ApiServer) -> ThreadSafeAPIClient:
    """One that does not wait for long either; the description it has from the other one."""
    return api("v1", discoveryServiceUrl=server.template, token=TOKEN, num_retries=0, timeout=0.3)


@pytest.mark.parametrize("status", [408, 409, 423, 429, 500, 501, 502, 503, 504, 507])
def test_what_may_pass_is_tried_again(
    impatient: ThreadSafeAPIClient, server: ApiServer, waits: list[float], status: int
) -> None:
    server.script(CURRENT, refusal(status, "not now"), refusal(status, "not now"))
    assert ask(impatient, num_retries=2)["path"] == CURRENT
    assert len(server.requests) == 3
    assert len({request.headers["x-request-id"] for request in server.requests}) == 1
    assert all(0 <= wait <= longest for wait, longest in zip(waits, (2, 4), strict=True))


@pytest.mark.parametrize("status", [300, 302, 400, 401, 403, 404, 405, 413, 422])
def test_what_will_not_pass_is_not_tried_again(
    client: ThreadSafeAPIClient, server: ApiServer, waits: list[float], status: int
) -> None:
    server.script(CURRENT, refusal(status, "no", "never"))
    with pytest.raises(errors.ApiError) as caught:
        ask(client)
    error = caught.value
    assert (error.resp.status, error.status_code, error.reason) == (status, status, "no; never")
    assert error.content == b'{"errors": ["no", "never"]}'
    assert error.uri == f"{server.url}/arvados/v1/users/current?alt=json"
    assert len(server.requests) == 1
    assert waits == []


def test_a_redirection_is_not_followed_with_the_token(client: ThreadSafeAPIClient, server: ApiServer) -> None:
    server.script(CURRENT, Answer(302, b"", {"Location": f"{server.url}/arvados/v1/vocabulary"}))
    with pytest.raises(errors.ApiError, match="302"):
        ask(client)
    assert [request.path for request in server.requests] == [CURRENT]


def test_the_last_answer_is_the_one_that_is_raised(
    impatient: ThreadSafeAPIClient, server: ApiServer, waits: list[float]
) -> None:
    server.script(CURRENT, refusal(500, "first"), refusal(409, "locked"), refusal(503, "last"))
    with pytest.raises(errors.ApiError, match="last") as caught:
        ask(impatient, num_retries=2)
    assert caught.value.status_code == 503
    assert len(waits) == 2


@pytest.mark.parametrize(("of_client", "of_call", "attempts"), [(0, 0, 1), (3, 0, 4), (1, 2, 3), (3, 2, 4)])
def test_the_larger_number_of_retries_counts(server: ApiServer, of_client: int, of_call: int, attempts: int) -> None:
    server.handlers[f"GET {CURRENT}"] = lambda request: refusal(500, "broken")
    client = api("v1", discoveryServiceUrl=server.template, token=TOKEN, num_retries=of_client)
    with client, pytest.raises(errors.ApiError):
        ask(client, of_call)
    assert len(server.requests) == attempts


def test_waits_grow_and_are_random_and_bounded(
    impatient: ThreadSafeAPIClient, server: ApiServer, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    server.handlers[f"GET {CURRENT}"] = lambda request: refusal(500, "broken")
    parts = iter([1.0, 0.5, 0.0, 1.0, 1.0, 0.75, 1.0])
    monkeypatch.setattr(transport, "random", lambda: next(parts))
    with pytest.raises(errors.ApiError):
        ask(impatient, num_retries=7)
    assert waits == [2, 2, 0, 16, 32, 48, LONGEST_WAIT]


@pytest.mark.parametrize(
    ("retry_after", "least", "most"),
    [
        ("7", 7, 7),
        ("3600", LONGEST_WAIT, LONGEST_WAIT),
        ("-1", 0, 2),
        ("soon", 0, 2),
        ("", 0, 2),
        ("Wed, 99999999999999999999 Oct 2015 07:28:00 GMT", 0, 2),
        (email.utils.format_datetime(datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)), 60, 60),
        ("Wed, 21 Oct 2015 07:28:00 -0000", 0, 2),
    ],
)
def test_a_server_says_when_to_come_back(
    impatient: ThreadSafeAPIClient,
    server: ApiServer,
    waits: list[float],
    retry_after: str,
    least: float,
    most: float,
) -> None:
    server.script(CURRENT, Answer(503, {}, {"Retry-After": retry_after}))
    assert ask(impatient, num_retries=1)
    assert len(waits) == 1
    assert least <= waits[0] <= most


@pytest.mark.parametrize("fault", ["reset", "short", "slow"])
def test_a_broken_connection_is_tried_again(
    hasty: ThreadSafeAPIClient, server: ApiServer, waits: list[float], fault: str
) -> None:
    server.script(CURRENT, Answer(body={"name": "x" * 100}, fault=fault))
    assert ask(hasty, num_retries=50)["path"] == CURRENT  # on a busy machine, one of them is in time
    assert waits
    assert (waits[0] == 0) == (fault != "slow")  # an idle connection may just have been closed


def test_a_server_that_breaks_off_again_is_waited_for(
    impatient: ThreadSafeAPIClient, server: ApiServer, waits: list[float]
) -> None:
    server.script(CURRENT, *[Answer(fault="reset")] * 3)
    assert ask(impatient, num_retries=3)["path"] == CURRENT
    assert waits[0] == 0 < waits[1] < 4
    assert 0 < waits[2] < 8


@pytest.mark.parametrize("fault", ["reset", "short", "slow"])
def test_a_connection_that_stays_broken(hasty: ThreadSafeAPIClient, server: ApiServer, fault: str) -> None:
    server.script(CURRENT, Answer(fault=fault))
    with pytest.raises(ConnectionError, match=rf"\[req-\w+\] GET {server.url}/arvados/v1/{CURRENT}: ") as caught:
        ask(hasty)
    assert isinstance(caught.value, errors.ApiConnectionError)


def test_no_server(no_settings: None, waits: list[float]) -> None:
    with pytest.raises(errors.ApiConnectionError, match="refused"):
        api("v1", discoveryServiceUrl="http://localhost:1/{api}/{apiVersion}", token=TOKEN, num_retries=2)
    assert len(waits) == 2


@pytest.mark.parametrize("host", ["zzzzz.example:port", "zzzzz.example:99999", "zzzzz..example", "[::1", ":443"])
def test_what_is_no_address_will_not_become_one(no_settings: None, waits: list[float], host: str) -> None:
    with pytest.raises(errors.ApiConnectionError, match=r"\[req-\w+\] GET https://"):
        api("v1", host=host, token=TOKEN)
    assert waits == []


@pytest.mark.parametrize("proxy", ["socks5://localhost:1", "http://localhost:port"])
def test_a_proxy_that_cannot_be_one(
    no_settings: None, waits: list[float], monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("https_proxy", proxy)
    with pytest.raises(errors.ApiConnectionError, match=r"socks5|localhost:port"):
        api("v1", host="zzzzz.example", token=TOKEN)
    assert waits == []


def test_every_error_has_the_identifier_of_the_request(client: ThreadSafeAPIClient, server: ApiServer) -> None:
    server.script(CURRENT, refusal(404, "nothing"))
    with pytest.raises(errors.ApiError) as caught:
        ask(client)
    sent = server.requests[-1].headers["x-request-id"]
    assert caught.value.request_id == sent
    assert str(caught.value) == f"404 Not Found: nothing [{sent}]"
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.request_id) == (str(caught.value), sent)


def test_an_identifier_that_the_server_names_is_not_told_twice(client: ThreadSafeAPIClient, server: ApiServer) -> None:
    server.script(CURRENT, Answer(404, {"errors": ["nothing (req-server)"]}, {"X-Request-Id": "req-server"}))
    with pytest.raises(errors.ApiError) as caught:
        ask(client)
    assert caught.value.request_id == "req-server"
    assert str(caught.value) == "404 Not Found: nothing (req-server)"


def test_a_body_that_is_too_large_is_not_sent(client: ThreadSafeAPIClient, server: ApiServer) -> None:
    limit = client._rootDesc["maxRequestSize"]
    with pytest.raises(errors.ApiError, match=str(limit)) as caught:
        client.collections().create(body={"name": "x" * limit}).execute()
    assert caught.value.status_code == 413
    assert caught.value.request_id
    assert server.requests == []
    server.script("collections", Answer(body={}))
    body = {"name": "x" * (limit - len('{"name": ""}'))}
    assert client.collections().create(body=body).execute() == {}
    assert len(server.requests[-1].content) == limit


def shown(error: BaseException) -> str:
    """What anybody may see of an error: the traceback with all local variables, but for those of the tests."""
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    return "\n".join(line for line in told.format(chain=True) if "/tests/" not in line.partition("\n")[0])


@pytest.mark.parametrize(
    "answer",
    [
        refusal(401, f"token {TOKEN} is not known"),
        Answer(403, f"<html>{TOKEN}</html>".encode()),
        Answer(403, {"errors": [f"{SECRET} is not known"]}),
        Answer(302, b"", {"Location": f"https://zzzzz.example/?api_token={TOKEN}"}),
        Answer(403, b"", reason=f"no {TOKEN}"),
        Answer(fault="reset"),
        Answer(body=f"no json, but {TOKEN}".encode()),
    ],
    ids=["refusal", "page", "part", "header", "reason", "reset", "no-json"],
)
def test_no_token_gets_out(
    impatient: ThreadSafeAPIClient, server: ApiServer, answer: Answer, caplog: pytest.LogCaptureFixture
) -> None:
    server.script(CURRENT, answer, answer)
    with caplog.at_level(logging.DEBUG), pytest.raises(errors.KeepsetError) as caught:
        ask(impatient, num_retries=1)
    told = [shown(caught.value), repr(caught.value), str(vars(caught.value)), caplog.text]
    told += [repr(impatient), repr(impatient.users()), repr(impatient.users().current())]
    assert "users/current" in caplog.text
    assert not [text for text in told if SECRET in text]


def test_a_pickle_has_no_token(client: ThreadSafeAPIClient) -> None:
    for one in (client, client.collections(), client.collections().list()):
        with pytest.raises(TypeError, match="has a token"):
            pickle.dumps(one)


@pytest.mark.parametrize("token", [f"{TOKEN}\n", f"{TOKEN} ", "é", f"{TOKEN}\r\nX-Evil: 1"])
def test_a_token_that_cannot_be_one_is_refused_and_not_shown(token: str) -> None:
    with pytest.raises(errors.ConfigError, match="token") as caught:
        Transport(token)
    assert SECRET not in str(caught.value)


def test_a_certificate_must_be_trusted(
    catalog: LocalCatalog, no_settings: None, waits: list[float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = make_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with ApiServer(catalog, context).running() as server:
        with pytest.raises(errors.ApiConnectionError, match="CERTIFICATE_VERIFY_FAILED"):
            api("v1", host=server.host, token=TOKEN)
        assert waits == []  # it will not be trusted the next time either
        with api("v1", host=server.host, token=TOKEN, insecure=True) as client:
            assert ask(client)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        with api("v1", host=server.host, token=TOKEN) as client:
            assert ask(client)
        with pytest.raises(errors.ApiConnectionError, match="mismatch"):
            api("v1", host=server.host.replace("localhost", "127.0.0.1"), token=TOKEN, cache=False)


def test_a_server_without_tls_is_not_asked_again(server: ApiServer, waits: list[float]) -> None:
    with pytest.raises(errors.ApiConnectionError, match="name it http://"):
        api("v1", host=server.host, token=TOKEN)
    assert waits == []


def test_threads_wait_for_themselves_alone(server: ApiServer) -> None:
    """While one request is tried again, others go on."""
    gate = threading.Event()
    server.handlers[f"GET {CURRENT}"] = lambda request: refusal(503, "later") if not gate.is_set() else Answer(body=1)
    with api("v1", discoveryServiceUrl=server.template, token=TOKEN, num_retries=10**6) as client:
        answers: list[object] = []
        thread = threading.Thread(target=lambda: answers.append(ask(client)))
        thread.start()
        assert client.config()["ClusterID"] == "zzzzz"
        gate.set()
        thread.join()
    assert answers == [1]
