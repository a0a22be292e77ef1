"""`EventClient` and servers that refuse, cannot be reached, or are not to be trusted; nobody sees the token."""

from __future__ import annotations

import logging
import traceback
from typing import TYPE_CHECKING

import pytest

from certificates import make_certificate
from event_server import TOKEN, EventServer, Told, encrypting, event, wait_until
from keepset import config, errors
from keepset.events import EventClient

if TYPE_CHECKING:
    import contextlib
    from pathlib import Path

    from event_server import Follow

SECRET = TOKEN.rpartition("/")[2]


@pytest.mark.parametrize("status", [401, 429, 500])
def test_a_refusal_is_an_error_without_the_token(server: EventServer, told: Told, status: int) -> None:
    server.refusals.append(status)
    with pytest.raises(errors.ApiError) as found:
        EventClient(server.url, None, told)
    assert found.value.status_code == status
    assert str(status) in str(found.value)
    shown = "".join(traceback.TracebackException.from_exception(found.value, capture_locals=True).format())
    own_frames = shown.partition("keepset/events")[2]
    assert own_frames
    assert SECRET not in own_frames
    assert SECRET.encode() not in found.value.content
    assert found.value.__context__ is None


@pytest.mark.parametrize("status", [401, 429, 500])
def test_a_refusal_to_connect_again_is_tried_again(
    server: EventServer, told: Told, follow: Follow, status: int, interrupts: list[int]
) -> None:
    follow()
    server.refusals.extend([status] * 10)
    server.drop()
    server.wait_for(2)
    server.publish(event(1))
    assert told.wait(1) == [1]
    assert len(server.targets) == 12
    assert interrupts == []


def test_a_server_that_is_lost_for_good_interrupts_the_program(
    server: EventServer, follow: Follow, interrupts: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    client = follow()
    server.refusals.extend([500] * 100)
    server.drop()
    client.run_forever()
    client.join()
    wait_until(lambda: interrupts)
    assert len(server.targets) == 1 + 26
    assert f"{server.place}: the connection is lost for good" in caplog.text


def test_a_server_that_always_hangs_up_is_given_up(
    server: EventServer, follow: Follow, interrupts: list[int], told: Told
) -> None:
    server.publish(event(1))
    server.before_past = server.drop
    client = follow(last_log_id=7)
    client.run_forever()
    assert len(server.targets) == 1 + 26
    wait_until(lambda: interrupts)


def test_a_server_that_cannot_be_reached(told: Told) -> None:
    with EventServer().running() as server:
        url = server.url
    with pytest.raises(errors.ApiConnectionError, match=r"ws://localhost:\d+/websocket: ") as found:
        EventClient(url, None, told)
    assert SECRET not in str(found.value)
    assert found.value.__context__ is None


@pytest.mark.parametrize("url", ["https://x.example/websocket", "x.example", "wss://", "ws://[", "wss:///websocket"])
def test_what_is_no_address(url: str, told: Told) -> None:
    with pytest.raises(errors.ConfigError, match="not an address") as found:
        EventClient(f"{url}?api_token={TOKEN}", None, told)
    assert SECRET not in str(found.value)


def test_a_token_is_not_sent_in_clear_text_to_others(told: Told) -> None:
    with pytest.raises(errors.ConfigError, match="without TLS") as found:
        EventClient(f"ws://zzzzz.invalid/websocket?api_token={TOKEN}", None, told)
    assert SECRET not in str(found.value)
    with pytest.raises(errors.ApiConnectionError):
        EventClient(f"ws://zzzzz.invalid/websocket?api_token={TOKEN}", None, told, insecure=True)


def test_no_token_in_log_and_repr(
    server: EventServer, told: Told, follow: Follow, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "keepset")
    client = follow()
    server.say("no JSON")
    server.refusals.extend([401, 500])
    server.drop()
    server.wait_for(2)
    server.publish(event(1))
    told.wait(1)
    client.close()
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("keepset")]
    assert any("connected again" in message for message in ours)
    assert SECRET not in "".join(ours)
    assert SECRET not in repr([client, client.url, vars(client)])
    assert client.url == server.url


def test_certificates_are_checked(
    tmp_path: Path, told: Told, stack: contextlib.ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = make_certificate(tmp_path)
    server = stack.enter_context(EventServer(encrypting(certificate, key)).running())

    with pytest.raises(errors.ApiConnectionError, match="CERTIFICATE_VERIFY_FAILED"):
        EventClient(server.url, None, told)

    EventClient(server.url, None, told, insecure=True).close()
    config.settings()["ARVADOS_API_HOST_INSECURE"] = "true"
    EventClient(server.url, None, told).close()
    with pytest.raises(errors.ApiConnectionError, match="CERTIFICATE_VERIFY_FAILED"):
        EventClient(server.url, None, told, insecure=False)

    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    EventClient(server.url, None, told, insecure=False).close()
    assert len(server.targets) == 3
