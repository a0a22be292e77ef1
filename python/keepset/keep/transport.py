"""One request to one Keep service, and what became of it.

Whatever goes wrong is an `HttpError` with the status, or with 0 where there was none: no connection, a body that is
short, slow, too long or not the block. Nothing is tried again here, except on a connection that had been closed before
the request went out.
"""

from __future__ import annotations

import hashlib
import http.client
import io
import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from urllib3 import Timeout
from urllib3.exceptions import HTTPError, ProtocolError

from keepset._core import prefer_large_pages
from keepset._secrets import Secret
from keepset.config import KEEP_BLOCK_SIZE
from keepset.errors import HttpError
from keepset.keep._connections import Body, StaleConnection, manager_for, raw_reply, watch
from keepset.keep.timing import Clock, Pace, Timeouts, TooSlow
from keepset.retry import check_http_response_success

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from urllib3.response import BaseHTTPResponse

__all__ = ["Reply", "Terms", "Transport"]

_log = logging.getLogger(__name__)

_SLICE = 1 << 20
_LONGEST_EXPLANATION = 300
_LONGEST_LOCATOR = 4096
_SHORTEST = 0.001  # a timeout of 0 would mean not to wait at all


class Terms(NamedTuple):
    """On which terms a request is made.

    Attributes:
        timeouts: How long to wait.
        deadline: The moment when the whole operation must be over; None for never.
        headers: The headers of the operation.
    """

    timeouts: Timeouts
    deadline: float | None
    headers: Mapping[str, str]


class Reply(NamedTuple):
    """What a service has answered to a request that it has fulfilled.

    Attributes:
        headers: The headers.
        text: The body, as far as it is a locator.
    """

    headers: Mapping[str, str]
    text: str


class Transport:
    """Makes requests with a token.

    Args:
        token: The token; empty for none.
        insecure: Whether any certificate will do.
        clock: The clock.

    Attributes:
        token: As given. It may be changed, for the requests to come.
    """

    def __init__(self, token: Secret, insecure: bool, clock: Clock) -> None:
        self.token = token
        self._insecure = insecure
        self._clock = clock

    def get(self, url: str, digest: str, size: int | None, terms: Terms, spare: io.BytesIO | None = None) -> bytes:
        """Fetch a block, and compare it with its hash as it arrives.

        Args:
            url: The URL.
            digest: The hash.
            size: How many bytes it has; None if that is not known.
            terms: The terms.
            spare: Memory of that size to read it into, if there is any.

        Raises:
            HttpError: The service does not have it, or what it sends is something else.
        """
        with self._exchange("GET", url, None, terms) as reply:
            return _block(reply, digest, size, spare)

    def head(self, url: str, terms: Terms) -> Reply:
        """Ask for a block without its bytes.

        Args:
            url: The URL.
            terms: The terms.

        Raises:
            HttpError: The service does not have it.
        """
        with self._exchange("HEAD", url, None, terms) as reply:
            return Reply(reply.headers, "")

    def put(self, url: str, data: memoryview, terms: Terms) -> Reply:
        """Store a block.

        Args:
            url: The URL.
            data: Its bytes, which are not copied.
            terms: The terms.

        Raises:
            HttpError: The service has not stored it.
        """
        with self._exchange("PUT", url, data, terms) as reply:
            return Reply(reply.headers, _text(reply, _LONGEST_LOCATOR))

    def _pace(self, terms: Terms) -> Pace:
        return Pace(terms.timeouts, self._clock, terms.deadline)

    @contextmanager
    def _exchange(self, method: str, url: str, data: memoryview | None, terms: Terms) -> Iterator[BaseHTTPResponse]:
        """Give the reply, if it is one of success. Its connection can be used again if all of it was read."""
        started = self._clock.now()
        outcome: object = "interrupted"
        try:
            reply = self._open(method, url, data, terms)
            outcome = reply.status
            raw = raw_reply(reply)
            watch(reply, self._pace(terms).moved)
            try:
                if not check_http_response_success(reply.status):
                    explanation = _text(reply, _LONGEST_EXPLANATION)
                    raise HttpError(reply.status, self._harmless(f"{reply.reason}: {explanation}".strip(": ")))
                yield reply
            finally:
                if raw.length == 0:
                    raw.close()  # it is at its end, which `read1` does not see
                if not raw.isclosed():
                    reply.close()
                reply.release_conn()
        except (HTTPError, http.client.HTTPException, OSError, TooSlow) as error:
            outcome = self._harmless(str(error) or type(error).__name__)
            raise HttpError(0, outcome) from None
        finally:
            # Without the signature: whoever has both the locator and a token may read the block.
            where = url.partition("+")[0]
            request_id = terms.headers.get("X-Request-Id")
            _log.debug("[%s] %s %s: %s, %.3f s", request_id, method, where, outcome, self._clock.now() - started)

    def _open(self, method: str, url: str, data: memoryview | None, terms: Terms) -> BaseHTTPResponse:
        headers = dict(terms.headers)
        if self.token:
            headers["Authorization"] = Secret(f"Bearer {self.token}")
        timeouts = terms.timeouts
        if terms.deadline is not None:
            timeouts = timeouts.within(max(terms.deadline - self._clock.now(), _SHORTEST))
        while True:
            body = None
            if data is not None:
                headers["Content-Length"] = str(data.nbytes)
                body = Body(_slices(data, self._pace(terms)), timeouts.window)
            try:
                return manager_for(url, self._insecure).urlopen(
                    method,
                    url,
                    body=body,
                    headers=headers,
                    timeout=Timeout(connect=timeouts.connect, read=timeouts.window),
                    retries=False,
                    redirect=False,
                    preload_content=False,
                    decode_content=False,
                )
            except ProtocolError as error:
                if not isinstance(error.args[-1], StaleConnection):
                    raise

    def _harmless(self, text: str) -> str:
        """Return what somebody else says, in one line that goes into messages and logs: without the token."""
        printable = "".join(c if c.isprintable() else " " for c in text)
        return self.token.redact(" ".join(printable.split()))


def _slices(data: memoryview, pace: Pace) -> Iterator[memoryview]:
    for start in range(0, data.nbytes, _SLICE):
        part = data[start : start + _SLICE]
        yield part
        pace.moved(part.nbytes)


def _block(reply: BaseHTTPResponse, digest: str, size: int | None, spare: io.BytesIO | None) -> bytes:
    """Read a block.

    A `BytesIO` gives away the `bytes` that it was filled in, so the block is never copied.

    Raises:
        HttpError: It is not that block.
    """
    promised = raw_reply(reply).length
    if size is not None and promised not in (None, size):
        raise HttpError(0, f"{promised} bytes were announced, and the block has {size}")
    room = promised if size is None else size
    room = KEEP_BLOCK_SIZE if room is None else room
    if room > KEEP_BLOCK_SIZE:
        raise HttpError(0, f"{room} bytes were announced, and no block has more than {KEEP_BLOCK_SIZE}")
    buffer = io.BytesIO(bytes(room)) if spare is None else spare
    md5 = hashlib.md5(usedforsecurity=False)
    with buffer.getbuffer() as view:
        prefer_large_pages(view)
        count = _fill(view, reply, md5)
    if size is not None and count < size:
        raise HttpError(0, f"the reply ended after {count} of {size} bytes")
    if md5.hexdigest() != digest:
        raise HttpError(0, f"checksum mismatch: {count} bytes with MD5 {md5.hexdigest()} came for block {digest}")
    buffer.truncate(count)
    return buffer.getvalue()


def _fill(view: memoryview, reply: BaseHTTPResponse, md5: hashlib._Hash) -> int:
    """Read into a view until it is full or the body ends; return how many bytes there are."""
    raw = raw_reply(reply)
    count = 0
    while count < view.nbytes:
        part = view[count : count + _SLICE]
        if raw.chunked:
            data = raw.read1(part.nbytes)
            read = len(data)
            if read > part.nbytes:  # http.client reads on in a chunk of less than no bytes
                raise HttpError(0, "a chunk of a negative length came")
            part[:read] = data
        else:
            read = raw.readinto(part)
        if not read:
            break
        md5.update(part[:read])
        count += read
    if raw.chunked and not raw.isclosed():
        raw.read1(1)  # the last chunk, which is empty; then the connection can be used again
    return count


def _text(reply: BaseHTTPResponse, limit: int) -> str:
    """Read a body that is a short text, or the start of one."""
    raw = raw_reply(reply)
    found = b""
    while len(found) < limit and (part := raw.read1(limit - len(found))):
        found += part
    return found.decode(errors="replace").strip()
