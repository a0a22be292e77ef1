"""A clock that does not wait, and the fixtures' types."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

from keepset.keep.timing import Clock

if TYPE_CHECKING:
    from keep_server import KeepServer
    from keepset.keep.client import KeepClient


class FastClock(Clock):
    """A clock on which a pause is over at once.

    Attributes:
        pauses: How long each was.
    """

    def __init__(self) -> None:
        self.pauses: list[float] = []

    def now(self) -> float:
        """Return the time, as if the pauses had been made."""
        return time.monotonic() + sum(self.pauses)

    def sleep(self, seconds: float) -> None:
        """Note a pause."""
        self.pauses.append(seconds)

    def jitter(self) -> float:
        """Return the number with which pauses are longest."""
        return 1.0


class Servers(Protocol):
    """Makes services, which stop when the test is over."""

    def __call__(self, count: int) -> list[KeepServer]:
        """Make so many."""


class ClientOf(Protocol):
    """Makes a client of services."""

    def __call__(self, *servers: KeepServer, kind: str = "disk", **options: object) -> KeepClient:
        """Make it; the options are those of the client."""
