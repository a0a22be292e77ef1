"""Keep over HTTP: the statuses and texts of today's keepstore (`services/keepstore`), and a proxy's `POST /`.

Other than at a keepstore, storing a block takes a token: this server is its own proxy.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, NamedTuple

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from keepset import errors
from keepset.config import KEEP_BLOCK_SIZE
from keepset.keep._folder import EMPTY_HASH
from keepset.keep.parts import IncomingBlock, OpenBlock
from keepset.serve.bodies import declared_length, parts
from keepset.serve.replies import CORS, PART, Data, Refusal, Sliced, text
from keepset.serve.service import Caller, Service
from keepset.serve.signatures import Verdict

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

__all__ = ["Keep"]

_REQUEST = re.compile(r"/{1,2}([0-9a-f]{32}.*)", re.DOTALL)
_COPIES = re.compile("[0-9]{1,4}")


class _Locator(NamedTuple):
    """A locator as keepstore takes it apart.

    Attributes:
        text: The locator.
        digest: The hash.
        size: The size, if it says one.
    """

    text: str
    digest: str
    size: int | None

    @property
    def is_empty_block(self) -> bool:
        """Whether it is the block without bytes, which is always there."""
        return self.digest == EMPTY_HASH and not self.size


class Keep:
    """The application that stores blocks and gives them back.

    Args:
        service: What is served.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer a request; the reply goes out while the block counts as held."""
        request = Request(scope, receive)
        try:
            await self._answer(request, send)
        except Refusal as refusal:
            await text(refusal.message, refusal.status)(scope, receive, send)

    async def _answer(self, request: Request, send: "Send") -> None:
        found = _REQUEST.fullmatch(request.scope["path"])
        match request.method:
            case "GET" | "HEAD" if found:
                await self._read(request, _parse(found[1]), send)
            case "PUT" if found:
                await self._write(request, found[1][:32], send)
            case "POST" if request.scope["path"] == "/":
                await self._write(request, None, send)
            case "OPTIONS":
                await Response(headers=CORS)(request.scope, request.receive, send)
            case _:
                raise Refusal(400, "Bad Request")

    # Reading.

    async def _read(self, request: Request, locator: _Locator, send: "Send") -> None:
        caller = self._service.caller(request)
        if caller is None:
            raise Refusal(401, "no authorization token in request, or one that is not valid here")
        if request.method == "GET" and locator.size is None and locator.digest != EMPTY_HASH:
            raise Refusal(405, "the locator has no size")
        self._check_signature(locator, caller)
        if request.method == "HEAD":
            size = await run_in_threadpool(self._size, locator)
            headers = {**CORS, "Content-Length": str(size), "Vary": "X-Keep-Signature"}
            reply = Response(None, 200, headers, "application/octet-stream")
            await reply(request.scope, request.receive, send)
            return
        headers = {**CORS, "Vary": "X-Keep-Signature", "X-Content-Type-Options": "nosniff"}
        if locator.is_empty_block:
            await Data(b"", 200, headers)(request.scope, request.receive, send)
            return
        async with self._service.budget.hold(min(locator.size or 0, 2 * PART)):
            block = await run_in_threadpool(self._open, locator)
            with closing(block):
                await Sliced(_pieces(block), block.size, 200, headers)(request.scope, request.receive, send)

    def _check_signature(self, locator: _Locator, caller: Caller) -> None:
        match self._service.signer.check(locator.text, caller.token, time.time()):
            case Verdict.EXPIRED:
                raise Refusal(401, "expired signature")
            case Verdict.INVALID | Verdict.MISSING:
                raise Refusal(400, "invalid signature")

    def _open(self, locator: _Locator) -> OpenBlock:
        with _refusing():
            try:
                return self._service.opener.open(f"{locator.digest}+{locator.size}")
            except errors.BlockDamagedError:
                self._size(locator)  # it may be the locator that is wrong
                raise

    def _size(self, locator: _Locator) -> int:
        """Return the size of a stored block, which must be that of the locator if it says one."""
        if locator.is_empty_block:
            return 0
        keep = self._service.store.keep
        with _refusing():
            try:
                if locator.size is not None:
                    keep.head(f"{locator.digest}+{locator.size}")
                    return locator.size
                entry = next(keep.index(locator.digest), None)
            except errors.BlockDamagedError as error:
                raise Refusal(400, "invalid locator: what is stored under this hash has another size") from error
        if entry is None:
            raise Refusal(404, "file does not exist")
        return entry.size

    # Writing.

    async def _write(self, request: Request, digest: str | None, send: "Send") -> None:
        caller = self._service.caller(request)
        if caller is None or not caller.may_write:
            raise Refusal(403 if caller else 401, "storing a block takes a token that allows writing")
        length = declared_length(request, KEEP_BLOCK_SIZE)
        self._check_classes(request)
        async with self._service.budget.hold(min(length, 2 * PART)):
            locator = await self._take(request, digest)
        signer = self._service.signer
        signed = signer.sign(locator, caller.token, int(time.time()) + signer.lifetime)
        copies = _copies(request)
        headers = {
            **CORS,
            # There is one copy, on one disk; who asks for two must not wait for a second server.
            "X-Keep-Replicas-Stored": str(copies),
            "X-Keep-Storage-Classes-Confirmed": ", ".join(f"{name}={copies}" for name in self._service.storage_classes),
        }
        reply = text(signed, 200, headers)
        await reply(request.scope, request.receive, send)

    def _check_classes(self, request: Request) -> None:
        """Refuse what is to have none of the storage classes that are here; as keepstore, one of them is enough."""
        wanted = {name.strip() for name in request.headers.get("x-keep-storage-classes", "").split(",")} - {""}
        offered = self._service.storage_classes
        if wanted and wanted.isdisjoint(offered):
            raise Refusal(507, f"insufficient storage: the storage classes here are {', '.join(offered)}")

    async def _take(self, request: Request, expected: str | None) -> str:
        """Store the body of a request; each part is hashed and written while the next one comes."""
        block = IncomingBlock(self._service.store.keep, expected)
        working: asyncio.Future[None] | None = None
        last: list[bytes] = []
        try:
            async for part in parts(request, KEEP_BLOCK_SIZE):
                if working is not None:
                    await working
                if last:
                    working = asyncio.ensure_future(run_in_threadpool(_add, block, last))
                last = part
            if working is not None:
                await working
            return await run_in_threadpool(_finish, block, last, expected)
        finally:
            if working is not None:
                await asyncio.gather(working, return_exceptions=True)
            block.close()


async def _pieces(block: OpenBlock) -> AsyncIterator[bytes]:
    for start in range(0, block.size, PART):
        yield await run_in_threadpool(block.read, start, min(start + PART, block.size))


def _add(block: IncomingBlock, part: list[bytes]) -> None:
    with _refusing():
        for piece in part:
            block.add(piece)


def _finish(block: IncomingBlock, last: list[bytes], expected: str | None) -> str:
    with closing(block), _refusing():
        _add(block, last)
        if expected not in (None, block.hash):
            raise Refusal(400, f"content hash {block.hash} did not match specified locator {expected}")
        return block.publish()


def _parse(text: str) -> _Locator:
    parts = text.split("+")
    if len(parts[0]) != 32 or not all(parts):
        raise Refusal(400, f"invalid locator {text!r}")
    if any(part[0] == "R" for part in parts[1:]) and not any(part[0] == "A" for part in parts[1:]):
        raise Refusal(400, "remote cluster not configured")
    says_size = len(parts) > 1 and parts[1].isascii() and parts[1].isdigit() and len(parts[1]) < 19
    size = int(parts[1]) if says_size else None
    if size is not None and size > KEEP_BLOCK_SIZE:
        raise Refusal(404, "file does not exist")
    return _Locator(text, parts[0], size)


def _copies(request: Request) -> int:
    wanted = request.headers.get("x-keep-desired-replicas", "")
    return max(int(wanted), 1) if _COPIES.fullmatch(wanted) else 1


@contextmanager
def _refusing() -> Iterator[None]:
    """Refuse what the store has an error for."""
    try:
        yield
    except errors.KeepsetError as error:
        raise _refused(error) from error


def _refused(error: errors.KeepsetError) -> Refusal:
    """Return what keepstore says of such a failure."""
    match error:
        case errors.NotFoundError():
            return Refusal(404, "file does not exist")
        case errors.BlockDamagedError():
            return Refusal(502, "checksum mismatch in stored data")
        case errors.BlockCollisionError():
            return Refusal(500, "hash collision")
        case errors.StoreFullError() | errors.StoreReadOnlyError():
            return Refusal(507, "insufficient storage")
    return Refusal(500, str(error))
