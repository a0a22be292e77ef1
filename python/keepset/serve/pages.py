"""The web page: the list of collections, their directories, their files. It works without a script.

It only reads, and it alone takes a cookie, which a form sets and which other sites cannot have sent along.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from keepset import errors
from keepset.serve import listing
from keepset.serve.bodies import read_body
from keepset.serve.files import Span, content_headers, disposition, file_pieces, requested_span, zip_pieces
from keepset.serve.html import STYLE, document, tag
from keepset.serve.listing import Found
from keepset.serve.replies import Data, Refusal
from keepset.serve.service import Caller, Service, raw_path

__all__ = ["COLLECTION", "Pages"]

COLLECTION = "/c/"
"""Where collections are: behind it come a UUID or a portable data hash, and a path."""

_COOKIE = "keepset_token"
_LONGEST_FORM = 4096
_NUMBER = re.compile("[0-9]{1,9}")

_SAFETY = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src data:; form-action 'self';"
    " frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private, no-cache",
}


def page(content: bytes, status: int = 200) -> Data:
    """Make the reply of a page.

    Args:
        content: The page.
        status: The HTTP status.
    """
    return Data(content, status, _SAFETY, "text/html; charset=utf-8")


class Pages:
    """The functions behind the routes of the web page.

    Args:
        service: What is served.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    async def style(self, request: Request) -> Response:
        """Answer with the style sheet."""
        headers = {"Cache-Control": "max-age=3600", "X-Content-Type-Options": "nosniff"}
        return Response(STYLE, media_type="text/css", headers=headers)

    async def show_login(self, request: Request) -> Response:
        """Answer with the form that asks for a token."""
        return page(_login_form(_local(request.query_params.get("next", "/"))))

    async def log_in(self, request: Request) -> Response:
        """Take the token, and give a cookie for it."""
        _check_site(request)
        form = parse_qs((await read_body(request, _LONGEST_FORM)).decode("utf-8", "replace"))
        token = form.get("token", [""])[0].strip()
        target = _local(form.get("next", ["/"])[0])
        if self._service.known(request, token) is None:
            return page(_login_form(target, "That token is not valid here."), 403)
        reply = RedirectResponse(target, 303, _SAFETY)
        reply.set_cookie(
            _COOKIE, quote(token), httponly=True, samesite="strict", secure=request.scope["scheme"] == "https", path="/"
        )
        return reply

    async def log_out(self, request: Request) -> Response:
        """Take the cookie back."""
        _check_site(request)
        reply = RedirectResponse("/login", 303, _SAFETY)
        reply.delete_cookie(_COOKIE, httponly=True, samesite="strict", path="/")
        return reply

    async def collections(self, request: Request) -> Response:
        """Answer with the list of collections."""
        return await self._answer(request, self._collections)

    async def collection(self, request: Request) -> Response:
        """Answer with a directory, a file, or a folder as a zip archive."""
        return await self._answer(request, self._collection)

    async def _answer(self, request: Request, respond: Callable[[Request], Response]) -> Response:
        if self._caller(request) is None:
            # As it was sent: a name need not be UTF-8.
            asked = f"{raw_path(request)}?{request.scope['query_string'].decode('latin-1')}".rstrip("?")
            query = urlencode({"next": asked})
            return RedirectResponse(f"/login?{query}", 303, _SAFETY)
        try:
            return await run_in_threadpool(respond, request)
        except errors.ApiError as error:
            raise Refusal(error.status_code, error.reason) from error
        except (errors.PathNotFoundError, errors.PathNotADirectoryError) as error:
            raise Refusal(404, "There is nothing at this address.") from error

    def _caller(self, request: Request) -> Caller | None:
        cookie = unquote(request.cookies.get(_COOKIE, ""))
        return self._service.known(request, cookie) or self._service.caller(request)

    def _collections(self, request: Request) -> Response:
        words = request.query_params.get("q", "").replace("\0", "")
        first = _number(request, "from")
        escaped = re.sub(r"([\\%_])", r"\\\1", words)
        filters = [["any", "ilike", f"%{escaped}%"]] if words else []
        found = (
            self._service.store.collections()
            .list(filters=filters, order=["name asc", "uuid asc"], limit=listing.PAGE, offset=first)
            .execute()
        )
        return page(listing.collections(found, words, first))

    def _collection(self, request: Request) -> Response:
        found = self._found(request)
        if found.is_file:
            return self._file(request, found)
        if request.query_params.get("zip") is not None:
            name = f"{found.name}.zip"
            headers = {**_SAFETY, "Content-Disposition": disposition(name, attached=True)}
            pieces = zip_pieces(self._service.opener, found.manifest, found.path)
            return StreamingResponse(_unless_head(request, pieces), 200, headers, "application/zip")
        if not request.scope["path"].endswith("/"):
            return RedirectResponse(found.address, 303, _SAFETY)
        return page(listing.directory(found, _number(request, "from")))

    def _found(self, request: Request) -> Found:
        parts = raw_path(request).removeprefix(COLLECTION).split("/", 1)
        reference, path = (unquote(part, errors="surrogateescape") for part in [*parts, ""][:2])
        record = self._service.store.collections().get(uuid=reference).execute()
        return Found(reference, path.strip("/"), record)

    def _file(self, request: Request, found: Found) -> Response:
        size = found.manifest.stat(found.path).size
        etag = f'"{found.record["portable_data_hash"]}"'
        headers = {**content_headers(found.name), "Accept-Ranges": "bytes", "ETag": etag, "Cache-Control": "private"}
        if etag in request.headers.get("if-none-match", ""):
            return Response(None, 304, headers)
        is_current = request.headers.get("if-range", etag) == etag
        span = requested_span(request.headers.get("range"), size) if is_current else None
        if span is None:
            return self._bytes(request, found, Span(0, size), headers, 200)
        if span.start >= span.end:
            return Response(None, 416, {"Content-Range": f"bytes */{size}"})
        headers["Content-Range"] = f"bytes {span.start}-{span.end - 1}/{size}"
        return self._bytes(request, found, span, headers, 206)

    def _bytes(self, request: Request, found: Found, span: Span, headers: dict[str, str], status: int) -> Response:
        pieces = file_pieces(self._service.opener, found.manifest, found.path, span)
        headers["Content-Length"] = str(span.end - span.start)
        return StreamingResponse(_unless_head(request, pieces), status, headers)


def _unless_head(request: Request, pieces: Iterator[Any]) -> Iterator[Any]:
    return iter(()) if request.method == "HEAD" else pieces


def _number(request: Request, name: str) -> int:
    value = request.query_params.get(name, "")
    return int(value) if _NUMBER.fullmatch(value) else 0


def _local(address: str) -> str:
    """Return an address of this server; anything else becomes the list of collections."""
    is_ours = address.startswith("/") and not address.startswith(("//", "/\\")) and address.isprintable()
    return quote(address, safe="/?=&%+:@!$'()*,;~-._") if is_ours else "/"


def _check_site(request: Request) -> None:
    """Refuse a form that another site has sent."""
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        raise Refusal(403, "This form comes from another site.")


def _login_form(target: str, problem: str = "") -> bytes:
    form = tag(
        "form",
        tag("input", type="hidden", name="next", value=target),
        tag(
            "p",
            tag("label", "Token ", for_="token"),
            tag("input", id="token", name="token", type="password", autocomplete="off", required=True, autofocus=True),
            " ",
            tag("button", "Log in"),
        ),
        method="post",
        action="/login",
    )
    advice = tag("p", "A token is made by ", tag("code", "keepset serve --new-token --read-only"), ".")
    alert = tag("p", problem, role="alert") if problem else None
    return document("Log in", tag("main", tag("h1", "Log in"), alert, form, advice))
