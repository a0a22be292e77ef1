"""Requests to an API server: one at a time, tried again while that may help.

What is tried again, and how long is waited, is what googleapiclient and 3.2.1 do between them: all of 5xx, 408, 409,
423, 429, and connections that fail; a random part of 2, 4, 8, … seconds, here at most a minute. A server that says
when to come back (`Retry-After`) is believed up to that minute. The first time that a server closes the connection, the
request goes out again at once. A certificate that is not to be trusted will not become so by asking again, and a server
that speaks no TLS does not learn it.
"""

from __future__ import annotations

import datetime
import email.utils
import logging
import re
from random import random
from time import monotonic, sleep
from typing import TYPE_CHECKING, NamedTuple

import urllib3
from urllib3.exceptions import HTTPError, ProtocolError, SSLError

from keepset import __version__, errors
from keepset._pools import pool_manager
from keepset._secrets import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Reply", "Transport"]

LONGEST_WAIT = 60.0
_CONNECT_SECONDS = 30.0
_TEMPORARY = frozenset({408, 409, 423, 429})
_NO_TLS = re.compile("wrong.version.number|record.layer.failure", re.IGNORECASE)  # as the OpenSSL at hand puts it

_log = logging.getLogger("keepset.api")


class Reply(NamedTuple):
    """What a server answered.

    Attributes:
        status: The HTTP status.
        reason: What the server calls it.
        headers: The headers, with names in lower case.
        body: The body.
    """

    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes


class _Failure(NamedTuple):
    """Why there was no answer.

    Attributes:
        reason: What the library says.
        is_final: Whether there never will be one: the address is none, or the certificate not to be trusted.
        is_abrupt: Whether the server has closed the connection: perhaps before it had the request, since it was idle.
    """

    reason: str
    is_final: bool
    is_abrupt: bool


class Transport:
    """Sends requests with a token. Any number of threads may use one.

    Args:
        token: The token. It is kept out of everything that may be shown.
        insecure: Whether to trust every certificate.
        timeout: How many seconds to wait for each part of a reply; None for any time.
        num_retries: How often requests are tried again at least.

    Attributes:
        num_retries: As given.
        max_request_size: How many bytes a body may have; 0 for any number.

    Raises:
        ConfigError: The token has characters that none has.
    """

    def __init__(
        self, token: str, *, insecure: bool = False, timeout: float | None = 300, num_retries: int = 10
    ) -> None:
        if not _is_word(token):  # whose text would be in the error of the library that is to send it
            raise errors.ConfigError("the API token has spaces, line ends, or other characters that no token has")
        self._token = Secret(token)
        self._insecure = insecure
        connect = _CONNECT_SECONDS if timeout is None else min(timeout, _CONNECT_SECONDS)
        self._timeout = urllib3.Timeout(connect=connect, read=timeout)
        self.num_retries = num_retries
        self.max_request_size = 0

    def send(
        self,
        method: str,
        url: str,
        request_id: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        num_retries: int = 0,
    ) -> Reply:
        """Send a request and return the reply, whatever its status is.

        Args:
            method: The HTTP method.
            url: The address.
            request_id: The `X-Request-Id` of all attempts.
            headers: Further headers.
            body: The body.
            num_retries: How often it is tried again, if that is more than usual.

        Raises:
            ArgumentError: The identifier has characters that none has.
            ApiError: The body is larger than the server takes.
            ApiConnectionError: There was no reply.
        """
        if not _is_word(request_id):
            raise errors.ArgumentError(f"not a request identifier: {request_id!r}")
        if body and 0 < self.max_request_size < len(body):
            message = f"the request has {len(body)} bytes, and the server takes {self.max_request_size}"
            raise errors.ApiError.of(413, message, url, request_id)
        outcome = self._send(method, url, request_id, headers or {}, body, max(num_retries, self.num_retries))
        # Not raised where the connection failed: that frame, and those below it, have the token.
        if isinstance(outcome, _Failure):
            raise errors.ApiConnectionError(f"[{request_id}] {method} {_place(url)}: {outcome.reason}")
        return outcome

    def close(self, url: str) -> None:
        """Close the connections that are idle, by which an address was reached; whoever needs one makes a new one."""
        pool_manager(url, insecure=self._insecure).clear()

    def _send(
        self, method: str, url: str, request_id: str, headers: Mapping[str, str], body: bytes | None, retries: int
    ) -> Reply | _Failure:
        for attempt in range(1, retries + 2):
            started = monotonic()
            outcome = self._attempt(method, url, request_id, headers, body)
            told = outcome.reason if isinstance(outcome, _Failure) else f"{outcome.status} {outcome.reason}"
            seconds = monotonic() - started
            _log.debug("[%s] %s %s: %s after %.3f s", request_id, method, _place(url), told, seconds)
            if attempt > retries or not _may_pass(outcome):
                break
            wait = _wait(attempt, outcome)
            place = f"{method} {_place(url)}"
            level = logging.WARNING if wait else logging.DEBUG
            _log.log(level, "[%s] %s: %s; try %d of %d in %.2f s", request_id, place, told, attempt, retries, wait)
            sleep(wait)
        return outcome

    def _attempt(
        self, method: str, url: str, request_id: str, headers: Mapping[str, str], body: bytes | None
    ) -> Reply | _Failure:
        own = {
            "Authorization": Secret(f"Bearer {self._token}"),
            "User-Agent": f"keepset/{__version__}",
            "Accept-Encoding": "gzip, deflate",
            "X-Request-Id": request_id,
        }
        try:
            response = pool_manager(url, insecure=self._insecure).request(
                method,
                url,
                body=body,
                headers={**headers, **own},
                timeout=self._timeout,
                retries=False,
                redirect=False,
            )
        except (HTTPError, ValueError) as error:  # the latter if an address is none: the server's, or a proxy's
            return _failure(error, self.redact(str(error)))
        # The last one of several headers with one name.
        found = {name.lower(): self.redact(value) for name, value in response.headers.items()}
        content = response.data
        if response.status >= 300:  # it will be in an error
            content = self.redact(content.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
        return Reply(response.status, self.redact(response.reason or ""), found, content)

    def redact(self, text: str) -> str:
        """Return what a server says without the token.

        Args:
            text: What it says.
        """
        return self._token.redact(text)


def _is_word(text: str) -> bool:
    return text.isascii() and text.isprintable() and bool(text) and " " not in text


def _failure(error: HTTPError | ValueError, reason: str) -> _Failure:
    is_not_tls = isinstance(error, SSLError) and _NO_TLS.search(reason) is not None
    is_untrusted = isinstance(error, SSLError) and "CERTIFICATE_VERIFY_FAILED" in reason
    if is_not_tls:
        reason += "; if the server speaks no TLS, as `keepset serve` may do, name it http://host:port"
    is_final = is_not_tls or is_untrusted or isinstance(error, ValueError)
    return _Failure(reason, is_final, isinstance(error, ProtocolError))


def _may_pass(outcome: Reply | _Failure) -> bool:
    """Tell whether the same request may have another outcome."""
    if isinstance(outcome, _Failure):
        return not outcome.is_final
    return outcome.status >= 500 or outcome.status in _TEMPORARY


def _wait(attempt: int, outcome: Reply | _Failure) -> float:
    """Return how many seconds to wait after an attempt; the first is 1."""
    if attempt == 1 and isinstance(outcome, _Failure) and outcome.is_abrupt:
        return 0.0
    wait: float = min(random() * 2**attempt, LONGEST_WAIT)
    if isinstance(outcome, Reply) and (asked := outcome.headers.get("retry-after")):
        wait = max(wait, min(_seconds(asked), LONGEST_WAIT))
    return wait


def _seconds(retry_after: str) -> float:
    """Read a `Retry-After`: a number of seconds, or a date. What is neither asks for nothing."""
    if retry_after.isascii() and retry_after.isdigit():
        return float(retry_after)
    try:
        moment = email.utils.parsedate_to_datetime(retry_after)
    except (ValueError, OverflowError):
        return 0.0
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.UTC)
    seconds: float = (moment - datetime.datetime.now(datetime.UTC)).total_seconds()
    return max(0.0, seconds)


def _place(url: str) -> str:
    """Return an address without its query, which may be long."""
    return url.partition("?")[0]
