"""Storing a block on as many services as it is to be on, and on no more."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from keepset.errors import ArgumentError, HttpError
from keepset.locator import KeepLocator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from keepset.keep.attempts import Operation
    from keepset.keep.replicas import Replicas
    from keepset.keep.services import Service
    from keepset.keep.transport import Reply

    Send = Callable[[Service, list[str]], Reply]

__all__ = ["Placement", "is_locator_of"]


def is_locator_of(text: str, stripped: str) -> bool:
    """Whether a service has answered with a locator of this block, and nothing else: it goes into manifests as it is.

    Args:
        text: The answer.
        stripped: Hash and size of the block.

    Example:
        >>> foo = "acbd18db4cc2f85cedef654fccc4a4d8+3"
        >>> [is_locator_of(text, foo) for text in (f"{foo}+Kzzzzz", f"{foo}3", f"{foo} 0:3:f")]
        [True, False, False]
    """
    try:
        KeepLocator(text)
    except ArgumentError:
        return False
    return text == stripped or text.startswith(f"{stripped}+")


class Placement:
    """One block on its way to services.

    An upload on its way counts as a replica until it has failed, so that no more of them are under way than replicas
    are missing: 3.2.1 starts one more, and stores three replicas where two were asked for.

    Args:
        stripped: Hash and size of the block, of which each reply has to be a locator.
        replicas: The account of what is stored.
        operation: Where the answers of the services are noted.

    Attributes:
        locator: The locator that a service has given; None as long as none has.
    """

    def __init__(self, stripped: str, replicas: Replicas, operation: Operation) -> None:
        self.locator: str | None = None
        self._stripped = stripped
        self._replicas = replicas
        self._operation = operation
        self._changed = threading.Condition()
        self._on_the_way = 0

    def round(self, services: Sequence[Service], send: Send) -> None:
        """Give the block to services until there are enough replicas, or no more services.

        As many of them as replicas are missing at a time, if each stores one. Proxies store several, and say how many:
        they are asked one after the other.

        Args:
            services: The services, in order.
            send: Sends the block to one, for these storage classes.
        """
        waiting = iter(services)
        width = min(self._replicas.missing(), len(services)) if all(service.is_disk for service in services) else 1
        if width < 2:
            self._lane(waiting, send)
            return
        with ThreadPoolExecutor(width - 1, thread_name_prefix="keepset-copies") as pool:
            others = [pool.submit(self._lane, waiting, send) for _ in range(width - 1)]
            self._lane(waiting, send)
        for other in others:
            other.result()

    def _lane(self, waiting: Iterator[Service], send: Send) -> None:
        while (task := self._next(waiting)) is not None:
            service, classes = task
            try:
                self._stored(service, self._checked(send(service, classes)))
            except HttpError as error:
                with self._changed:
                    self._operation.fail(service, error)
            finally:
                with self._changed:
                    self._on_the_way -= 1
                    self._changed.notify_all()

    def _next(self, waiting: Iterator[Service]) -> tuple[Service, list[str]] | None:
        """Return who is to be asked next, and for which classes; waits while those on their way may be enough."""
        with self._changed:
            while missing := self._replicas.missing():
                if self._on_the_way < missing:
                    service = next(waiting, None)
                    if service is None:
                        return None
                    self._on_the_way += 1
                    return service, self._replicas.missing_classes()
                self._changed.wait()
            return None

    def _checked(self, reply: Reply) -> Reply:
        if not is_locator_of(reply.text, self._stripped):
            raise HttpError(0, f"the reply is not a locator of this block: {reply.text[:100]!r}")
        return reply

    def _stored(self, service: Service, reply: Reply) -> None:
        with self._changed:
            self._replicas.add(reply.headers)
            self._operation.settle(service)
            self.locator = reply.text
