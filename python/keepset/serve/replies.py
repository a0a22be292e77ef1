"""What goes out: replies in slices, and refusals."""

import asyncio
import json
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any

from starlette.requests import ClientDisconnect
from starlette.responses import Response

from keepset.serve.log import request_id

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

__all__ = ["CORS", "IDLE_SECONDS", "PART", "Data", "Refusal", "Sliced", "errors", "json_reply", "text"]

IDLE_SECONDS = 60.0
"""For how long a client may neither send nor take anything: it holds memory that others wait for."""

PART = 1 << 20
"""How many bytes a request holds at a time, and as many more that are being written, or sent."""

CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, HEAD, PUT, POST, PATCH, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, X-Http-Method-Override, X-Keep-Desired-Replicas,"
    " X-Keep-Signature, X-Keep-Storage-Classes, X-Request-Id",
    "Access-Control-Expose-Headers": "X-Keep-Locator, X-Keep-Replicas-Stored,"
    " X-Keep-Storage-Classes-Confirmed, X-Request-Id",
    "Access-Control-Max-Age": "86400",
}
"""For scripts of other sites. Nothing that they can reach takes a cookie: they need a token of their own."""


class Refusal(Exception):
    """A request is not carried out.

    Args:
        status: The HTTP status.
        message: Why not.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message


class Sliced(Response):
    """A reply that goes out piece by piece, so that what waits for a slow client is one of them.

    Args:
        pieces: The bytes.
        size: How many they are in all.
        status: The HTTP status.
        headers: Its headers.
        media_type: What the bytes are.
    """

    def __init__(
        self,
        pieces: AsyncIterable[bytes | memoryview],
        size: int,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        media_type: str = "application/octet-stream",
    ) -> None:
        super().__init__(None, status, headers, media_type)
        self._pieces = pieces
        self._size = size
        self.headers["Content-Length"] = str(size)

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Send it.

        Raises:
            ClientDisconnect: The client takes nothing: what it holds up may be wanted by others.
        """
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        if scope["method"] == "HEAD" or not self._size:
            await send({"type": "http.response.body"})
            return
        leaving = asyncio.ensure_future(_end(receive))
        try:
            left = self._size
            async for piece in self._pieces:
                left -= len(piece)
                async with asyncio.timeout(IDLE_SECONDS):
                    await send({"type": "http.response.body", "body": piece, "more_body": left > 0})
                if leaving.done() and left:
                    raise ClientDisconnect  # to send to who has left is no error, and would go on for nobody
        except TimeoutError:
            raise ClientDisconnect from None
        finally:
            leaving.cancel()


async def _end(receive: "Receive") -> None:
    """Wait until the client has left."""
    while (await receive())["type"] != "http.disconnect":
        pass


class Data(Sliced):
    """A reply whose bytes are all there.

    Args:
        content: The bytes.
        status: The HTTP status.
        headers: Its headers.
        media_type: What the bytes are.
    """

    def __init__(
        self,
        content: bytes,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        media_type: str = "application/octet-stream",
    ) -> None:
        super().__init__(_slices(content), len(content), status, headers, media_type)


async def _slices(content: bytes) -> AsyncIterator[memoryview]:
    view = memoryview(content)
    for start in range(0, len(view), PART):
        yield view[start : start + PART]


def json_reply(document: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Data:
    """Make a reply of the API.

    Args:
        document: What it says.
        status: The HTTP status.
        headers: More headers.
    """
    content = json.dumps(document, separators=(",", ":")).encode()
    return Data(content, status, {**CORS, "X-Content-Type-Options": "nosniff", **(headers or {})}, "application/json")


def errors(status: int, message: str) -> Data:
    """Make a refusal of the API.

    Args:
        status: The HTTP status.
        message: Why.
    """
    return json_reply({"errors": [f"{message} ({request_id.get()})"]}, status)


def text(message: str, status: int = 200, headers: Mapping[str, str] | None = None) -> Data:
    """Make a reply of Keep: a line.

    Args:
        message: The line.
        status: The HTTP status.
        headers: More headers.
    """
    headers = {**CORS, "X-Content-Type-Options": "nosniff", **(headers or {})}
    return Data(f"{message}\n".encode(), status, headers, "text/plain; charset=utf-8")
