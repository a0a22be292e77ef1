"""Heads of requests: how long they may be, and how long they may take."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import uvicorn
from uvicorn.server import ServerState

from keepset.serve import protocol

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

HEAD = b"POST / HTTP/1.1\r\nHost: x\r\n"
FILLER = b"X-Filler: " + b"x" * 1000 + b"\r\n"
LONG = FILLER * 300


async def app(scope: "Scope", receive: "Receive", send: "Send") -> None:
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"8")]})
    await send({"type": "http.response.body", "body": b"%08d" % size})


@asynccontextmanager
async def connection() -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    config = uvicorn.Config(app, log_config=None)
    config.load()
    state = ServerState()

    def make() -> protocol.Protocol:
        return protocol.Protocol(config=config, server_state=state, app_state={})

    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    yield reader, writer
    writer.close()
    server.close()


def answer(*sent: bytes) -> bytes:
    """What comes back for these bytes, up to the end of the connection."""

    async def main() -> bytes:
        async with asyncio.timeout(20), connection() as (reader, writer):
            for data in sent:
                writer.write(data)
                await asyncio.sleep(0.01)
            try:
                return await reader.read()
            except ConnectionResetError:
                return b"reset"

    return asyncio.run(main())


@pytest.mark.parametrize(
    "sent",
    [
        (HEAD, LONG),
        (b"GET /" + b"x" * 300_000,),
        (HEAD, b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n", LONG),
    ],
    ids=["headers", "path", "trailers"],
)
def test_a_head_without_end_is_refused(sent: tuple[bytes, ...]) -> None:
    assert answer(*sent).startswith((b"HTTP/1.1 400 ", b"reset"))


def test_a_long_head_and_a_longer_body_are_taken() -> None:
    body = b"y" * 3_000_000
    head = HEAD + FILLER * 60 + b"Connection: close\r\nContent-Length: 3000000\r\n\r\n"
    assert answer(head, body).endswith(b"03000000")
    pieces = b"".join(b"5\r\nxxxxx\r\n" for _ in range(100_000))
    chunked = HEAD + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert answer(chunked, pieces, b"0\r\n\r\n").endswith(b"00500000")


@pytest.mark.parametrize("sent", [b"", b"GET", HEAD], ids=["nothing", "some", "more"])
def test_who_does_not_come_to_the_end_of_a_head_is_cut_off(monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    monkeypatch.setattr(protocol, "IDLE_SECONDS", 0.2)
    assert answer(sent) == b""


def test_a_request_that_takes_longer_than_its_head_may_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "IDLE_SECONDS", 0.2)

    async def main() -> bytes:
        async with asyncio.timeout(20), connection() as (reader, writer):
            for _ in range(2):
                writer.write(HEAD + b"Content-Length: 2\r\n\r\na")
                await asyncio.sleep(0.5)
                writer.write(b"b")
                answered = await reader.readuntil(b"00000002")
            return answered

    assert asyncio.run(main()).startswith(b"HTTP/1.1 200 ")
