"""A Keep client on the services of a cluster: asks them, one after the other, as often as it takes."""

from __future__ import annotations

import logging
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from keepset import errors, util
from keepset.config import KEEP_BLOCK_SIZE
from keepset.errors import HttpError
from keepset.keep._folder import EMPTY_HASH, as_block
from keepset.keep.attempts import Operation
from keepset.keep.replicas import Replicas
from keepset.keep.timing import Rounds
from keepset.keep.transport import Terms
from keepset.keep.writing import Placement, is_locator_of
from keepset.locator import KeepLocator

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from keepset.keep.base import Data
    from keepset.keep.cache import KeepBlockCache
    from keepset.keep.services import Directory, Service
    from keepset.keep.stats import Counter
    from keepset.keep.timing import Clock, Timeouts
    from keepset.keep.transport import Reply, Transport

__all__ = ["NetworkKeep"]

_T = TypeVar("_T")

_log = logging.getLogger(__name__)

_ABSENT = frozenset({403, 404, 410})
"""What services answer with if a block is not there; the first, where they would not tell. As for 3.2.1."""

_REQUEST_ID = re.compile("[!-~]{1,255}")


class NetworkKeep:
    """Gets and puts blocks. `KeepClient` is this, or a folder, and says what the arguments are.

    Args:
        directory: What knows the services.
        transport: What makes the requests.
        block_cache: Where blocks that were fetched are kept.
        default_classes: Says in which storage classes blocks are to be for which none are asked.
        timeout: How long to wait for a service that is a disk.
        proxy_timeout: How long to wait for any other.
        deadline: How many seconds an operation may take in all; None for as long as its rounds do.
        clock: The clock.
        uploaded: Counts the bytes that are stored, those of each replica.
        downloaded: Counts the bytes that are fetched.

    Attributes:
        directory: As given.
    """

    def __init__(
        self,
        directory: Directory,
        transport: Transport,
        block_cache: KeepBlockCache,
        *,
        default_classes: Callable[[], Sequence[str]],
        timeout: Timeouts,
        proxy_timeout: Timeouts,
        deadline: float | None,
        clock: Clock,
        uploaded: Counter,
        downloaded: Counter,
    ) -> None:
        self.directory = directory
        self._clock = clock
        self._uploaded = uploaded
        self._downloaded = downloaded
        self._transport = transport
        self._cache = block_cache
        self._default_classes = default_classes
        self._timeout = timeout
        self._proxy_timeout = proxy_timeout
        self._deadline = deadline
        self._has_told = False

    def _operation(self, request_id: str | None, num_retries: int) -> Operation:
        if request_id is not None and not _REQUEST_ID.fullmatch(request_id):
            raise errors.ArgumentError(f"not a request id: {request_id!r}")
        deadline = None if self._deadline is None else self._clock.now() + self._deadline
        rounds = Rounds(num_retries, self._clock, deadline)
        return Operation(request_id or util.new_request_id(), self.directory, rounds)

    def _terms(self, operation: Operation, service: Service, number: int, headers: Mapping[str, str]) -> Terms:
        # Those of the service that is asked; 3.2.1 takes those of a proxy for all as soon as one is.
        timeouts = self._timeout if service.is_disk else self._proxy_timeout
        headers = {"X-Request-Id": operation.request_id, **headers}
        return Terms(timeouts.in_round(number), operation.rounds.deadline, headers)

    # Reading.

    def get(self, loc_s: str, num_retries: int, request_id: str | None = None) -> bytes:
        """Return a block, from the cache if it is there."""
        locator = KeepLocator(loc_s)
        digest, size = locator.md5sum.lower(), locator.size
        if digest == EMPTY_HASH and not size:
            return b""
        if size is not None and size > KEEP_BLOCK_SIZE:
            raise errors.KeepReadError(f"there is no block {locator}: none has more than {KEEP_BLOCK_SIZE} bytes")
        block = self._cache.block(digest, lambda: self._fetch(locator, request_id, num_retries), size or 0)
        if size not in (None, len(block)):
            raise errors.BlockDamagedError(f"block {digest} has {len(block)} bytes, and its locator says {size}")
        return block

    def _fetch(self, locator: KeepLocator, request_id: str | None, num_retries: int) -> bytes:
        operation = self._operation(request_id, num_retries)
        headers = {"Accept": "application/octet-stream"}
        spare = self._cache.take_spare(locator.md5sum.lower())

        def ask(service: Service, number: int) -> bytes:
            terms = self._terms(operation, service, number, headers)
            return self._transport.get(f"{service.root}{locator}", locator.md5sum.lower(), locator.size, terms, spare)

        block = self._ask_around(locator, operation, ask)
        self._downloaded.add(len(block))
        return block

    def head(self, loc_s: str, num_retries: int, request_id: str | None = None) -> bool:
        """Return True if a block is there."""
        self._head(KeepLocator(loc_s), self._operation(request_id, num_retries), {})
        return True

    def _head(self, locator: KeepLocator, operation: Operation, headers: Mapping[str, str]) -> Reply:
        def ask(service: Service, number: int) -> Reply:
            terms = self._terms(operation, service, number, headers)
            return self._transport.head(f"{service.root}{locator}", terms)

        return self._ask_around(locator, operation, ask)

    def refresh_signature(self, loc: str, num_retries: int, request_id: str | None = None) -> str:
        """Have a block that another cluster has signed fetched; return a locator with a signature of this one."""
        locator = KeepLocator(loc)
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        operation = self._operation(request_id, num_retries)
        reply = self._head(locator, operation, {"X-Keep-Signature": f"local, {now}"})
        signed = reply.headers.get("X-Keep-Locator", "").strip()
        if is_locator_of(signed, locator.stripped()):
            return signed
        if any(hint.startswith("R") for hint in locator.hints):
            told = f"[{operation.request_id}] no service has signed {locator.stripped()}, which is another cluster's"
            raise errors.KeepReadError(told)
        return loc

    def get_from_cache(self, loc_s: str) -> bytes | None:
        """Return a block if it is in the cache."""
        return self._cache.get(KeepLocator(loc_s).md5sum.lower())

    def _ask_around(self, locator: KeepLocator, operation: Operation, ask: Callable[[Service, int], _T]) -> _T:
        """Return what the first service answers that can."""
        for number, services in operation:
            for service in operation.unsettled(services.readers(locator)):
                try:
                    return ask(service, number)
                except HttpError as error:
                    operation.fail(service, error)
        raise _read_error(locator, operation)

    # Writing.

    def put(
        self,
        data: Data | str,
        copies: int,
        num_retries: int,
        request_id: str | None = None,
        classes: Sequence[str] = (),
    ) -> str:
        """Store a block in so many replicas, and no more."""
        block, digest = as_block(data)
        stripped = f"{digest}+{block.nbytes}"
        if copies < 1:
            return stripped
        operation = self._operation(request_id, num_retries)
        replicas = Replicas(copies, classes or self._usual_classes(digest, operation))
        placement = Placement(stripped, replicas, operation)
        for number, services in operation:
            unsettled = operation.unsettled(services.writers(KeepLocator(stripped)))

            def send(service: Service, missing_classes: list[str], number: int = number) -> Reply:
                # All copies are asked for, also when some are there: a proxy may have the same disks behind it as the
                # one that has stored them, and would take the first of them for a new replica.
                headers = {"X-Keep-Desired-Replicas": str(copies)}
                if missing_classes:
                    headers["X-Keep-Storage-Classes"] = ", ".join(missing_classes)
                terms = self._terms(operation, service, number, headers)
                reply = self._transport.put(f"{service.root}{digest}", block, terms)
                self._uploaded.add(block.nbytes)
                return reply

            placement.round(unsettled, send)
            self._tell_of_old_cluster(replicas)
            if placement.locator is not None and not replicas.missing():
                return placement.locator
        raise _write_error(digest, operation, replicas)

    def _usual_classes(self, digest: str, operation: Operation) -> Sequence[str]:
        try:
            return self._default_classes()
        except Exception as error:
            told = f"[{operation.request_id}] failed to write {digest}: the cluster does not tell its storage classes"
            raise errors.KeepWriteError(f"{told}: {error}") from error

    def _tell_of_old_cluster(self, replicas: Replicas) -> None:
        if not (replicas.knows_classes or self._has_told):
            self._has_told = True
            _log.warning("X-Keep-Storage-Classes header not supported by the cluster")


def _read_error(locator: KeepLocator, operation: Operation) -> errors.KeepReadError:
    problems = operation.problems
    told = f"[{operation.request_id}]"
    if not operation.has_services:
        return errors.KeepReadError(f"{told} failed to read {locator}: {operation.why_none()}")
    if problems and all(problem.status_code in _ABSENT for problem in problems.values()):
        return errors.NotFoundError(f"{told} {locator} not found", problems, "service")
    return errors.KeepReadError(f"{told} failed to read {locator} after {operation.rounds}", problems, "service")


def _write_error(digest: str, operation: Operation, replicas: Replicas) -> errors.KeepWriteError:
    told = f"[{operation.request_id}] failed to write {digest}"
    if not operation.has_services:
        return errors.KeepWriteError(f"{told}: {operation.why_none()}")
    message = f"{told} after {operation.rounds} ({replicas})"
    return errors.KeepWriteError(message, operation.problems, "service")
