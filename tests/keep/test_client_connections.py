"""Connections: kept, shared, lost, verified; and what must not be seen of the token."""

from __future__ import annotations

import logging
import os
import pickle
import traceback
from typing import TYPE_CHECKING

import pytest

from certificates import make_certificate
from keep_server import Answer, Api, KeepServer, item
from keepset import errors
from keepset._secrets import Secret
from keepset.keep import KeepBlockCache
from keepset.keep._connections import manager_for
from keepset.keep.client import KeepClient
from samples import A, locator

if TYPE_CHECKING:
    from pathlib import Path

    from fast_clock import ClientOf, FastClock

BLOCK = bytes(range(256)) * 1000
TOKEN = Api.api_token


def test_clients_share_connections_and_keep_them(server: KeepServer, client_of: ClientOf) -> None:
    for number in range(3):
        client = client_of(server)
        client.put(bytes([number]), 1)
        client.get(server.add(BLOCK))
        client.head(A) if A[:32] in server.blocks else client.put(b"aaa", 1)
        with pytest.raises(errors.NotFoundError):
            client.get(locator(b"absent"))
    assert server.connections == 1


@pytest.mark.parametrize(
    "answer",
    [
        Answer(body=BLOCK, chunked=True),
        Answer(404, b"x" * 200),
        Answer(400, b"content hash does not match\n"),
    ],
)
def test_a_connection_is_kept_after_a_reply_that_was_read(
    answer: Answer, server: KeepServer, client_of: ClientOf
) -> None:
    client = client_of(server)
    server.next.append(answer)
    try:
        client.get(locator(BLOCK))
    except errors.KeepReadError:
        assert answer.status != 200
    assert client.get(server.add(b"aaa")) == b"aaa"
    assert server.connections == 1


@pytest.mark.parametrize("answer", [Answer(404, b"x" * 2000), Answer(200, BLOCK + b"x"), Answer(body=BLOCK, cut=9)])
def test_a_connection_with_unread_bytes_is_not_used_again(
    answer: Answer, server: KeepServer, client_of: ClientOf
) -> None:
    client = client_of(server, num_retries=0)
    server.next.append(answer)
    with pytest.raises(errors.KeepReadError):
        client.get(locator(BLOCK))
    assert client.get(server.add(b"aaa")) == b"aaa"
    assert server.connections == 2


def test_a_connection_that_the_service_closes_is_not_used_again(
    server: KeepServer, client_of: ClientOf, clock: FastClock
) -> None:
    client = client_of(server)
    server.next += [
        Answer(403, b"no\n", {"Connection": "close"}, closes=True),
        Answer(body=b"aaa", headers={"Connection": "close"}, closes=True),
    ]
    with pytest.raises(errors.NotFoundError):
        client.get(A)
    assert client.get(A) == b"aaa"
    assert client.put(BLOCK, 1) == locator(BLOCK)
    assert server.connections == 3
    assert clock.pauses == []


@pytest.mark.parametrize("call", ["get", "put"])
def test_a_connection_that_was_closed_meanwhile_costs_no_round(
    call: str, server: KeepServer, client_of: ClientOf, clock: FastClock
) -> None:
    client = client_of(server)
    client.get(server.add(b"aaa"))
    # The request is on its way when the connection ends: there is no reply, and no new connection before.
    server.next.append(Answer(resets=True))
    assert client.put(BLOCK, 1) if call == "put" else client.get(server.add(BLOCK))
    assert server.connections == 2
    assert clock.pauses == []
    server.next += [Answer(resets=True), Answer(resets=True)]  # the second is that of a new connection
    assert client.get(server.add(b"bbb"))
    assert len(clock.pauses) == 1


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_child_has_connections_of_its_own(server: KeepServer, client_of: ClientOf) -> None:
    client = client_of(server)
    client.get(server.add(BLOCK))
    name = server.add(b"aaa")
    child = os.fork()
    if child == 0:
        good = client.get(name) == b"aaa" and client.get(locator(BLOCK)) == BLOCK and client.put(b"bbb", 1)
        os._exit(0 if good else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert server.connections == 2
    assert client.get(name) == b"aaa"
    assert server.connections == 2


# TLS.


@pytest.fixture
def secure(tmp_path: Path) -> tuple[KeepServer, Path]:
    """A service with a certificate, and the file with that."""
    certificate = make_certificate(tmp_path)
    return KeepServer(certificate), certificate[0]


def secure_api(server: KeepServer, insecure: bool = False) -> Api:
    """An API client that knows it."""
    api = Api()
    api.items = [item(server.port, 0, service_ssl_flag=True) | {"service_host": "localhost"}]
    api.insecure = insecure
    return api


def test_a_certificate_that_nobody_knows_is_refused(
    secure: tuple[KeepServer, Path], client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    with secure[0] as server:
        client = client_of(api_client=secure_api(server), num_retries=0)
        with pytest.raises(errors.KeepReadError, match="certificate verify failed"):
            client.get(server.add(BLOCK))
        with pytest.raises(errors.KeepWriteError, match="certificate verify failed"):
            client.put(BLOCK)
        assert server.requests == []


def test_authorities_that_somebody_names_are_believed(
    secure: tuple[KeepServer, Path], client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(secure[1]))
    with secure[0] as server:
        client = client_of(api_client=secure_api(server), num_retries=0)
        client.put(BLOCK, 1)
        assert client.get(locator(BLOCK)) == BLOCK
        assert server.connections == 1


def test_any_certificate_will_do_if_somebody_says_so(
    secure: tuple[KeepServer, Path], client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    with secure[0] as server:
        client = client_of(api_client=secure_api(server, insecure=True))
        assert client.get(server.add(BLOCK)) == BLOCK
        monkeypatch.setattr("keepset.config._settings", {"ARVADOS_API_HOST_INSECURE": "true"})
        other = client_of(api_client=None, proxy=server.url, api_token="t")
        assert other.get(locator(BLOCK)) == BLOCK


@pytest.mark.parametrize("is_reused", [False, True])
def test_a_service_that_answers_before_it_has_read_all_is_heard_through_tls(
    is_reused: bool, secure: tuple[KeepServer, Path], client_of: ClientOf
) -> None:
    with secure[0] as server:
        client = client_of(api_client=secure_api(server, insecure=True))
        if is_reused:
            client.put(b"aaa", 1)
        server.always = Answer(507, b"insufficient storage\n", reads=False, closes=True)
        with pytest.raises(errors.KeepWriteError, match=r"responded with 507 .*: insufficient storage"):
            client.put(bytes(8 << 20), 1)
        assert len(server.requests) == 1 + is_reused


def test_a_tls_connection_that_was_closed_meanwhile_costs_no_round(
    secure: tuple[KeepServer, Path], client_of: ClientOf, clock: FastClock
) -> None:
    with secure[0] as server:
        client = client_of(api_client=secure_api(server, insecure=True))
        client.put(b"aaa", 1)
        for call in (lambda: client.put(bytes(8 << 20), 1), lambda: client.get(server.add(BLOCK))):
            server.next.append(Answer(resets=True, reads=False))
            assert call()
        assert clock.pauses == []
        assert len(server.requests) == 5


# Proxies of the environment.


def test_the_proxy_of_the_environment_is_used_but_for_hosts_that_it_excepts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", "localhost,.internal")
    assert str(manager_for("https://keep.example/", insecure=False).proxy) == "http://proxy.example:3128"
    assert manager_for("https://keep.internal/", insecure=False).proxy is None
    monkeypatch.delenv("http_proxy", raising=False)
    assert manager_for("http://keep.example/", insecure=False).proxy is None


def test_a_request_goes_through_the_proxy(server: KeepServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.setenv("no_proxy", "")
    server.next.append(Answer(body=b"aaa"))
    client = KeepClient(proxy="http://keep.example:25107/", api_token="t", block_cache=KeepBlockCache())
    assert client.get(A) == b"aaa"
    assert server.requests[0].path == f"http://keep.example:25107/{A}"


# What must not be seen.


def test_the_token_is_in_no_message(server: KeepServer, client_of: ClientOf, caplog: pytest.LogCaptureFixture) -> None:
    secret = TOKEN.rpartition("/")[2]
    server.always = Answer(403, f"Bearer {TOKEN} may not do this, nor {secret}".encode(), {"X-Token": TOKEN})
    client = client_of(server, num_retries=1)
    texts = [repr(client), repr(client.api_token), f"{vars(client)}"]
    with caplog.at_level(logging.DEBUG):
        for call in (lambda: client.get(A), lambda: client.head(A), lambda: client.put(BLOCK)):
            with pytest.raises(errors.KeepRequestError) as caught:
                call()
            texts += ["".join(traceback.format_exception(caught.value)), repr(caught.value), str(caught.value)]
            texts.append(repr(pickle.dumps(caught.value)))
            trace = caught.value.__traceback__
            while trace is not None:
                if trace.tb_frame.f_code.co_filename != __file__:
                    texts.append(repr(trace.tb_frame.f_locals))
                trace = trace.tb_next
    texts += [record.getMessage() for record in caplog.records]
    assert "may not do this" in "".join(texts)
    assert len(texts) > 20
    assert [text for text in texts if "s3cr3tt0k3n" in text] == []


@pytest.mark.parametrize("answer", [Answer(403), Answer(resets=True), Answer(body=bytes(len(BLOCK)))])
def test_an_error_keeps_no_request_and_no_buffer(answer: Answer, server: KeepServer, client_of: ClientOf) -> None:
    server.always = answer
    client = client_of(server, num_retries=0)
    for call in (lambda: client.get(locator(BLOCK)), lambda: client.put(BLOCK)):
        with pytest.raises(errors.KeepRequestError) as caught:
            call()
        assert caught.value.__context__ is None
        (problem,) = caught.value.request_errors().values()
        assert (problem.__traceback__, problem.__context__, problem.__cause__) == (None, None, None)


def test_what_a_service_says_stays_in_one_line(server: KeepServer, client_of: ClientOf) -> None:
    server.always = Answer(404, b"one\r\n  two\x1b[2J\x00three\n")
    with pytest.raises(errors.NotFoundError) as caught:
        client_of(server).get(A)
    assert str(caught.value).endswith("responded with 404 Not Found: one two [2J three")


def test_a_secret_is_a_text_that_does_not_show() -> None:
    assert (f"{Secret('abc')}", repr({"k": Secret("abc")})) == ("abc", "{'k': '…'}")


@pytest.mark.parametrize(
    ("token", "shown"),
    [
        ("v2/zzzzz-gj3su-000000000000000/a1b2", "v2/zzzzz-gj3su-000000000000000/… …"),
        ("a1b2", "… …"),
        ("x/a1b2", "… a1b2"),
        ("v2/u/", "… a1b2"),
        ("", " a1b2"),
    ],
)
def test_what_others_say_is_told_without_the_secret(token: str, shown: str) -> None:
    assert Secret(token).redact(f"{token} a1b2") == shown


@pytest.mark.parametrize("token", ["a\nb", "a\r\nX-Evil: 1", "é", "a\x00b"])
def test_a_token_that_is_no_header_is_refused_without_being_shown(token: str) -> None:
    with pytest.raises(errors.ConfigError, match="the token has characters") as caught:
        KeepClient(proxy="http://keep.example/", api_token=token)
    assert token not in str(caught.value)


def test_requests_are_logged_without_signatures(
    server: KeepServer, client_of: ClientOf, caplog: pytest.LogCaptureFixture
) -> None:
    signed = server.add(BLOCK) + "+A0123456789abcdef0123456789abcdef01234567@7fffffff"
    with caplog.at_level(logging.DEBUG, "keepset"):
        client_of(server).get(signed, request_id="req-1")
    (message,) = [record.getMessage() for record in caplog.records if record.name.startswith("keepset")]
    assert message.startswith(f"[req-1] GET {server.url}{locator(BLOCK)[:32]}: 200, 0.")
