"""The Arvados API: which function answers which request, and which status which error has."""

import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import unquote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from keepset import errors
from keepset.catalog.fields import LOCAL_USER, Record
from keepset.serve import discovery
from keepset.serve.bodies import declared_length, read_body
from keepset.serve.calls import Call, read_call
from keepset.serve.collections import Collections
from keepset.serve.replies import Data, Refusal, json_reply
from keepset.serve.replies import errors as error_reply
from keepset.serve.service import Caller, Service, raw_path, root_of

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

__all__ = ["PREFIX", "Api", "status_of"]

PREFIX = "/arvados/v1"

_LARGEST_PUBLIC = 1 << 16
"""How long a request may be that needs no token."""

_log = logging.getLogger("keepset.serve")

# What anybody may see, made of the URL of the server and its settings.
_PUBLIC: dict[str, Callable[[str, Service], Record]] = {
    "config": lambda root, service: discovery.configuration(root, service.signer.lifetime, service.storage_classes),
    "keep_services": lambda root, _: discovery.keep_services(root),
    "keep_services/accessible": lambda root, _: discovery.keep_services(root),
}
_USER = {"users/current", f"users/{LOCAL_USER}"}
_WITHOUT_UUID = {"GET": Collections.search, "POST": Collections.create}
_WITH_UUID = {
    "GET": Collections.get,
    "PUT": Collections.update,
    "PATCH": Collections.update,
    "DELETE": Collections.delete,
}
_ACTIONS = {
    ("POST", "trash"): Collections.trash,
    ("POST", "untrash"): Collections.untrash,
    ("GET", "provenance"): Collections.relatives,
    ("GET", "used_by"): Collections.relatives,
}


class Api:
    """The application below `/arvados/v1`.

    Args:
        service: What is served.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer a request."""
        request = Request(scope, receive)
        try:
            reply = await self._answer(request)
        except Refusal as refusal:
            reply = error_reply(refusal.status, refusal.message)
        await reply(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            return json_reply({})
        path = unquote(raw_path(request).removeprefix(f"{PREFIX}/"))
        caller = self._service.caller(request)
        if caller is None and path not in _PUBLIC:
            raise Refusal(401, "Not logged in: the request has no token, or one that is not valid here")
        limit = discovery.LARGEST_REQUEST if caller else _LARGEST_PUBLIC
        # A text is there several times: as it came, as JSON, as a manifest, and in the reply.
        async with self._service.budget.hold(4 * declared_length(request, limit)):
            body = await read_body(request, limit)
            return await run_in_threadpool(self._carry_out, request, path, caller, body)

    def _carry_out(self, request: Request, path: str, caller: Caller | None, body: bytearray) -> Data:
        call = read_call(request, body)
        is_reading = call.method in {"GET", "HEAD"}
        if is_reading and path in _PUBLIC:
            return json_reply(_PUBLIC[path](root_of(request), self._service))
        if caller is None or not (is_reading or caller.may_write):
            raise Refusal(403, "Forbidden: this takes a token that allows writing")
        if is_reading and path in _USER:
            return json_reply(discovery.user())
        collections = Collections(self._service.store.collections(), self._service.signer, caller.token)
        try:
            return json_reply(_dispatch(collections, path, call))
        except errors.KeepsetError as error:
            status = status_of(error)
            if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                _log.error("%s %s: %s", call.method, path, error)
            raise Refusal(status, getattr(error, "reason", str(error))) from error


def _dispatch(collections: Collections, path: str, call: Call) -> Record:
    method = "GET" if call.method == "HEAD" else call.method
    match path.split("/"):
        case ["collections"] if method in _WITHOUT_UUID:
            return _WITHOUT_UUID[method](collections, call)
        case ["collections", uuid] if method in _WITH_UUID:
            return _WITH_UUID[method](collections, uuid, call)
        case ["collections", uuid, action] if (method, action) in _ACTIONS:
            return _ACTIONS[method, action](collections, uuid, call)
        case ["users", uuid] if method == "GET":
            raise Refusal(404, f"there is no user {uuid} in this store")
    raise Refusal(405, "API endpoint not found")


def status_of(error: errors.KeepsetError) -> int:
    """Return the HTTP status of an error of the store.

    Args:
        error: The error.
    """
    match error:
        case errors.ApiError():
            return error.status_code
        case errors.StoreReadOnlyError():
            return HTTPStatus.FORBIDDEN
        case errors.StoreFullError():
            return HTTPStatus.INSUFFICIENT_STORAGE
        case errors.StoreBusyError():
            return HTTPStatus.SERVICE_UNAVAILABLE
        case errors.NotFoundError():
            return HTTPStatus.NOT_FOUND
        case errors.ArgumentError():
            return HTTPStatus.BAD_REQUEST
    return HTTPStatus.INTERNAL_SERVER_ERROR
