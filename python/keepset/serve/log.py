"""A line of JSON about each request, with the id that it has, and one about each event of the server.

No token gets in there: neither the query nor a header is noted, and signatures are cut out of paths.
"""

import json
import logging
import re
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from keepset.catalog.fields import now
from keepset.util import new_request_id

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["AccessLog", "JsonFormatter", "note_caller", "printable_path", "request_id"]

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""The id of the request that is being answered."""

_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")
# Of this server (`+A`) and of others (`+R`), and as a client sends them that encodes too much.
_SIGNATURE = re.compile(r"(?:\+|%2B)(?:A|R[0-9a-z]{5}-)[0-9a-f]+(?:(?:@|%40)[0-9a-f]*)?", re.IGNORECASE)
_CLIENT_LEFT = 499


class JsonFormatter(logging.Formatter):
    """Writes what the server logs besides in lines of JSON, too."""

    def format(self, record: logging.LogRecord) -> str:
        """Write a record."""
        line = {"time": now(), "level": record.levelname.lower(), "message": record.getMessage()}
        if request_id.get():
            line["request_id"] = request_id.get()
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line)


def note_caller(scope: "Scope", uuid: str) -> None:
    """Note whose request it is.

    Args:
        scope: The request.
        uuid: The name of the token.
    """
    scope.setdefault("state", {})["token"] = uuid


def printable_path(scope: "Scope") -> str:
    """Return the path of a request without signatures.

    Args:
        scope: The request.
    """
    return _SIGNATURE.sub("", scope["path"])


class AccessLog:
    """Gives each request its id, and writes the line when it is answered.

    Args:
        app: Answers.
        write: Takes the lines.
    """

    def __init__(self, app: "ASGIApp", write: Callable[[str], object]) -> None:
        self._app = app
        self._write = write

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        identity = _identity(scope)
        request_id.set(identity)
        started = time.monotonic()
        seen: dict[str, int] = {"status": _CLIENT_LEFT, "received": 0, "sent": 0}

        async def counting_receive() -> "Message":
            message = await receive()
            seen["received"] += len(message.get("body", b""))
            return message

        async def counting_send(message: "Message") -> None:
            if message["type"] == "http.response.start":
                seen["status"] = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", identity.encode())]
            seen["sent"] += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, counting_receive, counting_send)
        finally:
            self._write(json.dumps(_line(scope, identity, seen, time.monotonic() - started)))


def _identity(scope: "Scope") -> str:
    given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"").decode("latin-1")
    return given if _ID.fullmatch(given) else new_request_id()


def _line(scope: "Scope", identity: str, seen: dict[str, int], seconds: float) -> dict[str, Any]:
    client = scope.get("client")
    return {
        "time": now(),
        "request_id": identity,
        "client": client[0] if client else None,
        "token": scope.get("state", {}).get("token"),
        "method": scope["method"],
        "path": printable_path(scope),
        **seen,
        "seconds": round(seconds, 4),
    }
