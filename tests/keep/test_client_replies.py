"""Replies that are hardly HTTP, or that never end: an error with a name, at once or when the time is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from keep_server import Answer
from keepset import errors
from samples import A

if TYPE_CHECKING:
    from fast_clock import ClientOf
    from keep_server import KeepServer

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (CHUNKED + b"-5\r\naaaaaaaaaaaa", "negative length"),
        (CHUNKED + b"zz\r\naaa\r\n0\r\n\r\n", "IncompleteRead"),
        (CHUNKED + b"3\r\naa", "IncompleteRead"),
        (CHUNKED + b"2\r\naa\r\n0\r\n\r\n", "ended after 2 of 3 bytes"),
        (OK + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\naaa", "multiple"),
        (OK + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\nbbb", "checksum mismatch"),
        (OK + b"Content-Length: -3\r\n\r\naa", "ended after 2 of 3 bytes"),
        (OK + b"X: 1\r\n" * 200 + b"\r\naaa", "more than 100 headers"),
        (OK + b"X: " + b"x" * 70_000 + b"\r\n\r\naaa", "LineTooLong"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", "0 bytes were announced"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "BadStatusLine"),
        (b"HTTP/1.1 99 Low\r\n\r\n", "BadStatusLine"),
        (b"\r\n\r\n", "BadStatusLine"),
    ],
)
def test_what_is_no_reply_may_be_one_the_next_time(
    raw: bytes, told: str, server: KeepServer, client_of: ClientOf
) -> None:
    server.always = Answer(raw=raw)
    with pytest.raises(errors.KeepReadError, match=f"after 2 attempts: .* responded with 0 .*{told}"):
        client_of(server, num_retries=1).get(A)
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "raw",
    [
        CONTINUE + OK + b"Content-Length: 3\r\n\r\naaa",
        CONTINUE + CONTINUE + CHUNKED + b"1\r\na\r\n2\r\naa\r\n0\r\nX-Trailer: 1\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\naaa",
        OK + b"Content-Length: 3\r\nContent-Length: 3\r\nContent-Encoding: gzip\r\n\r\naaa",
    ],
)
def test_what_is_an_unusual_reply(raw: bytes, server: KeepServer, client_of: ClientOf) -> None:
    server.always = Answer(raw=raw)
    assert client_of(server, num_retries=0).get(A) == b"aaa"


def test_a_server_that_says_to_go_on_is_given_the_block(server: KeepServer, client_of: ClientOf) -> None:
    server.always = Answer(raw=CONTINUE + OK + b"Content-Length: 36\r\n\r\n" + A.encode() + b"\n\n")
    assert client_of(server, num_retries=0).put(b"aaa", 1) == A
    assert server.requests[0].body == b"aaa"


@pytest.mark.parametrize(
    ("raw", "piece"),
    [
        (OK + b"X: " + b"x" * 60_000, 1),
        (CONTINUE * 1000, len(CONTINUE)),
        (CHUNKED + b"0" * 60_000, 1),
        (CHUNKED + b"1;" + b"x" * 60_000, 1),
        (CHUNKED + b"3\r\naaa\r\n0\r\n" + b"X: 1\r\n" * 1000, 6),
        (OK + b"Content-Length: 3\r\n\r\n", 1),
    ],
    ids=["header", "continue", "chunk size", "chunk extension", "trailer", "nothing behind a slow head"],
)
@pytest.mark.parametrize("deadline", [None, 0.2])
def test_a_reply_that_comes_byte_by_byte_is_given_up(
    raw: bytes, piece: int, deadline: float | None, server: KeepServer, client_of: ClientOf
) -> None:
    # All of it would take minutes, and no byte comes late.
    server.always = Answer(raw=raw, piece=piece, pause=0.05)
    timeout = (2, 0.2, 1000) if deadline is None else (2, 256, 32768)
    client = client_of(server, timeout=timeout, deadline=deadline, num_retries=0)
    with pytest.raises(errors.KeepReadError, match=r"timed out|only \d+ bytes|is over"):
        client.get(A)


@pytest.mark.parametrize("call", ["head", "put"])
def test_a_head_that_comes_byte_by_byte_is_given_up(call: str, server: KeepServer, client_of: ClientOf) -> None:
    server.always = Answer(raw=OK + b"X: " + b"x" * 60_000, piece=1, pause=0.05)
    client = client_of(server, timeout=(2, 0.2, 1000), num_retries=0)
    with pytest.raises(errors.KeepRequestError, match="timed out"):
        client.put(b"aaa", 1) if call == "put" else client.head(A)
