"""Errors of catalogs, with what scripts for the official client look at."""

from keepset.errors._base import ArgumentError, KeepsetError

TYPE_CHECKING = False  # as in `typing`, which is not imported here: `import keepset` is to stay light
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Protocol

    class _Reply(Protocol):
        """The status line of an HTTP reply, as `httplib2.Response` and `_Response` have it."""

        status: int
        reason: str


# Those that this package itself answers with. Not `http.HTTPStatus`, whose names change with Python.
_REASONS = {
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    409: "Conflict",
    413: "Request Entity Too Large",
    422: "Unprocessable Entity",
}


class _Response(dict[str, str]):
    """The status line and the headers of a reply, in the shape of `httplib2.Response`.

    Attributes:
        status: The HTTP status.
        reason: Its name.
    """

    def __init__(
        self, status: int, headers: "Mapping[str, str] | Iterable[tuple[str, str]]" = (), reason: str | None = None
    ) -> None:
        """Make a reply; its reason is the usual one unless it is given."""
        super().__init__(headers)
        self["status"] = str(status)  # as httplib2 has it, and scripts compare it
        self.status = status
        self.reason = _REASONS.get(status, "") if reason is None else reason

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle the arguments of this constructor."""
        return type(self), (self.status, dict(self), self.reason)


class ApiError(KeepsetError, RuntimeError):
    """The catalog (the Arvados API server, or a local one in its place) refuses a request.

    Args:
        resp: The reply's `.status` and `.reason`, and its headers as items.
        content: Its body: JSON whose `errors` say what is wrong.
        uri: What was asked for.

    Attributes:
        resp: As given.
        content: As given.
        uri: As given.
        reason: The `errors` of the body, joined; else the reply's reason.

    Example:
        >>> error = ApiError.of(404, "no such collection")
        >>> error.resp.status, error.reason, error._get_reason()
        (404, 'no such collection', 'no such collection')
    """

    code = "api-error"

    def __init__(self, resp: "_Reply", content: bytes, uri: str | None = None) -> None:
        """Make the error, with the arguments that `arvados.errors.ApiError` takes."""
        super().__init__(resp, content, uri)
        self.resp = resp
        self.content = content
        self.uri = uri
        self.reason = self._get_reason()

    @classmethod
    def of(cls, status: int, message: str, uri: str | None = None, request_id: str = "") -> "ApiError":
        """Make the error of a status and one message, as a server would have sent it."""
        import json

        headers = {"content-type": "application/json"} | ({"x-request-id": request_id} if request_id else {})
        return cls(_Response(status, headers), json.dumps({"errors": [message]}).encode(), uri)

    @classmethod
    def of_reply(cls, status: int, reason: str, headers: "Mapping[str, str]", content: bytes, uri: str) -> "ApiError":
        """Make the error of a reply over HTTP, whose headers have names in lower case."""
        return cls(_Response(status, headers, reason), content, uri)

    @property
    def status_code(self) -> int:
        """The HTTP status."""
        return self.resp.status

    @property
    def request_id(self) -> str:
        """The `X-Request-Id` by which the server's logs know the request; empty for a local catalog."""
        return self.resp.get("x-request-id", "") if isinstance(self.resp, dict) else ""

    @property
    def message(self) -> str:
        """What is wrong, and by which name the server's logs know the request."""
        return self.reason if self.request_id in self.reason else f"{self.reason} [{self.request_id}]"

    def _get_reason(self) -> str:
        """Return what is wrong; scripts for the official client call it by this name."""
        import json

        try:
            told = json.loads(self.content)["errors"]
        except (KeyError, TypeError, ValueError, RecursionError):
            told = None
        if isinstance(told, list) and told:
            return "; ".join(map(str, told))
        return told if isinstance(told, str) and told else self.resp.reason.strip()

    def __str__(self) -> str:
        """Say what was refused and why."""
        return f"{self.resp.status} {self.resp.reason}: {self.message}"


class ConflictError(ApiError):
    """The record is no longer the one that the change was made from; nothing was changed."""

    code = "conflict"


class ApiConnectionError(KeepsetError, ConnectionError):
    """The API server could not be reached, or has broken off, however often it was tried."""

    code = "api-unreachable"


class ApiArgumentError(ArgumentError, TypeError):
    """A method of the API was called with arguments that it does not take."""

    code = "bad-api-argument"
