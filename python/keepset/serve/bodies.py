"""What comes in: bodies of bounded size, and a bound on what all requests together hold in memory."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.requests import Request

from keepset.serve.replies import IDLE_SECONDS, PART, Refusal

__all__ = ["Budget", "declared_length", "parts", "read_body"]

_MOST_PIECES = 256  # each may be as small as a byte

_LENGTH = re.compile("[0-9]{1,18}")


class Budget:
    """The bytes that requests may hold at once. Who wants more than is left waits for its turn.

    Args:
        size: How many bytes.
        waiting: How many requests may wait, before more are sent away (`API.MaxQueuedRequests`).
    """

    def __init__(self, size: int, waiting: int = 256) -> None:
        self._size = size
        self._left = size
        self._places = waiting
        self._turn = asyncio.Lock()  # first come, first served: a large one would starve otherwise
        self._returned = asyncio.Event()

    @asynccontextmanager
    async def hold(self, size: int) -> AsyncIterator[None]:
        """Hold some of it.

        Args:
            size: How many bytes; more than there are in all counts as all.

        Raises:
            Refusal: (503) Too many are waiting.
        """
        size = min(size, self._size)
        if not self._places:
            raise Refusal(503, "too many requests are waiting: try again")
        self._places -= 1
        try:
            async with self._turn:
                while self._left < size:
                    self._returned.clear()
                    await self._returned.wait()
                self._left -= size
        finally:
            self._places += 1
        try:
            yield
        finally:
            self._left += size
            self._returned.set()


def declared_length(request: Request, limit: int) -> int:
    """Return how long a body says to be; the limit, if it does not say.

    Args:
        request: The request.
        limit: How long it may be.

    Raises:
        Refusal: (413) It is too long.
    """
    length = request.headers.get("content-length")
    if length is None:
        # Without either header, there is none.
        return limit if "transfer-encoding" in request.headers else 0
    if not _LENGTH.fullmatch(length):
        raise Refusal(400, "the header Content-Length is not a number")
    if int(length) > limit:
        raise Refusal(413, f"the body is larger than {limit} bytes")
    return int(length)


async def read_body(request: Request, limit: int) -> bytearray:
    """Read the body of a request.

    Args:
        request: The request.
        limit: How long it may be.

    Raises:
        Refusal: It is too long (413), or stops coming (408).
        ClientDisconnect: The client has gone away.
    """
    declared_length(request, limit)
    body = bytearray()
    async for piece in _pieces(request):
        body += piece
        if len(body) > limit:
            raise Refusal(413, f"the body is larger than {limit} bytes")
    return body


async def parts(request: Request, limit: int) -> AsyncIterator[list[bytes]]:
    """Yield the body of a request in parts of about `PART` bytes, each as the pieces that came; the last may be empty.

    Args:
        request: The request.
        limit: How long the body may be.

    Raises:
        Refusal: It is too long (413), or stops coming (408).
        ClientDisconnect: The client has gone away.
    """
    declared_length(request, limit)
    pieces: list[bytes] = []
    size = before = 0
    async for piece in _pieces(request):
        pieces.append(piece)
        size += len(piece)
        if size > limit:
            raise Refusal(413, f"the body is larger than {limit} bytes")
        if size - before >= PART or len(pieces) == _MOST_PIECES:
            yield pieces
            pieces, before = [], size
    yield pieces


async def _pieces(request: Request) -> AsyncIterator[bytes]:
    pieces = aiter(request.stream())
    while True:
        try:
            async with asyncio.timeout(IDLE_SECONDS):
                piece = await anext(pieces, None)
        except TimeoutError:
            raise Refusal(408, f"nothing has come for {IDLE_SECONDS:.0f} s") from None
        if piece is None:
            return
        yield piece
