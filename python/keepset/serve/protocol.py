"""How requests are taken from a connection: uvicorn's way on httptools, with what that lacks.

httptools takes headers of any length, for as long as anybody likes to send them: here both have an end.
"""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from keepset.serve.replies import IDLE_SECONDS

__all__ = ["Protocol"]

_LONGEST_HEAD = 1 << 18


class Protocol(HttpToolsProtocol):
    """One connection."""

    _waiting: asyncio.TimerHandle | None = None  # until the head of a request is there
    _moved = False  # whether what has come last had some of a body in it, or the end of one
    _head = 0  # the bytes that have come since

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what has come, unless it is a head without end, or what follows the last chunk of a body."""
        self._moved = False
        super().data_received(data)
        self._head = 0 if self._moved else self._head + len(data)
        if self._head > _LONGEST_HEAD:
            self._stop_waiting()
            self.send_400_response(f"The headers are longer than {_LONGEST_HEAD} bytes.")

    def on_message_begin(self) -> None:
        """Begin to wait for the rest of the head."""
        super().on_message_begin()
        self._wait()

    def on_headers_complete(self) -> None:
        """Have the request answered."""
        self._stop_waiting()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of a body."""
        self._moved = True
        if not self.cycle.body:
            self.cycle.body = b""  # type: ignore[assignment]  # so what is added to it and taken from it is not copied
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Take the end of a request."""
        self._moved = True
        super().on_message_complete()

    def _wait(self) -> None:
        self._stop_waiting()
        self._waiting = self.loop.call_later(IDLE_SECONDS, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
