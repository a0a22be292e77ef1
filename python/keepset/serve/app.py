"""Which part of the server answers which request."""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Mount, Route, Router, request_response

from keepset.serve.api import PREFIX, Api
from keepset.serve.blocks import Keep
from keepset.serve.discovery import discovery_document
from keepset.serve.listing import problem
from keepset.serve.log import AccessLog, printable_path
from keepset.serve.pages import COLLECTION, Pages, page
from keepset.serve.replies import Refusal, errors, json_reply
from keepset.serve.service import Service, root_of

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Guard", "build"]

_log = logging.getLogger("keepset.serve")


def build(service: Service, write_log: Callable[[str], object]) -> "ASGIApp":
    """Put the application together.

    Args:
        service: What is served.
        write_log: Takes the lines of the access log.
    """
    pages = Pages(service)

    async def discovery(request: Request) -> Response:
        document = discovery_document(root_of(request), service.signer.lifetime)
        return json_reply(document, headers={"Cache-Control": "max-age=86400, public"})

    routes = [
        Route("/_health/ping", _ping),
        Route("/discovery/v1/apis/arvados/v1/rest", discovery),
        Mount(PREFIX, Api(service)),
        Route("/style.css", pages.style),
        Route("/login", pages.show_login, methods=["GET"]),
        Route("/login", pages.log_in, methods=["POST"]),
        Route("/logout", pages.log_out, methods=["POST"]),
    ]
    keep = Keep(service)
    collections, collection = request_response(pages.collections), request_response(pages.collection)

    async def others(scope: "Scope", receive: "Receive", send: "Send") -> None:
        # No routes: `/` is also where a proxy takes blocks, and a route does not match names with a newline in them.
        app: ASGIApp = keep
        if scope["method"] in {"GET", "HEAD"} and scope["path"] == "/":
            app = collections
        elif scope["method"] in {"GET", "HEAD"} and scope["path"].startswith(COLLECTION):
            app = collection
        await app(scope, receive, send)

    router = Router(routes, redirect_slashes=False, default=others)
    return AccessLog(Guard(ExceptionMiddleware(router, handlers={Refusal: _refused})), write_log)


async def _ping(request: Request) -> Response:
    return json_reply({"health": "OK"})


async def _refused(request: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, Refusal)
    return page(problem(refusal.status, refusal.message), refusal.status)


class Guard:
    """The last resort: what nobody expected becomes a line in the log and a reply without details.

    Args:
        app: Answers.
    """

    def __init__(self, app: "ASGIApp") -> None:
        self._app = app

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer a request."""
        started = False

        async def noting_send(message: "Message") -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, noting_send)
        except ClientDisconnect:
            pass  # nobody is there to be answered
        except Exception:
            if started:
                raise  # uvicorn logs it and closes the connection: a reply that ends early must not look whole
            _log.exception("%s %s", scope["method"], printable_path(scope))
            await errors(500, "internal error; the log of the server has more")(scope, receive, send)
