"""Time: how long to wait for a service, and when to try again."""

import random
import time
from collections.abc import Iterator
from typing import NamedTuple

from keepset import errors

__all__ = ["Clock", "Pace", "Rounds", "Timeouts", "TooSlow"]

_DEFAULT_FLOOR = 32768
_LONGEST_CONNECT = 60.0
_LONGEST_PAUSE = 60.0
_FIRST_PAUSE = 4.0


class Clock:
    """What tells the time and waits; tests put another one in its place."""

    def now(self) -> float:
        """Return the time in seconds, on a clock that nobody sets back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    def jitter(self) -> float:
        """Return a random number between 0 and 1."""
        return random.random()


class Timeouts(NamedTuple):
    """How long to wait for a service.

    Attributes:
        connect: So many seconds for a connection.
        window: In each window of so many seconds,
        floor: so many bytes per second must come, or go, on average.
    """

    connect: float
    window: float
    floor: float = _DEFAULT_FLOOR

    @classmethod
    def of(cls, value: float | tuple[float, ...]) -> "Timeouts":
        """Take what 3.2.1 takes: one number for connection and window, both of them, or all three.

        Raises:
            ArgumentError: It is none of these.
        """
        if isinstance(value, int | float):
            return cls(value, value)
        if len(value) not in (2, 3):
            raise errors.ArgumentError(f"a timeout is a number or a tuple of two or three, not {value!r}")
        return cls(*value)

    def in_round(self, number: int) -> "Timeouts":
        """Return the timeouts of a round, the first of which is 0: a busy service gets twice the time to connect.

        It does not grow beyond a minute. That of 3.2.1 has no bound: it is five hours in round 11.
        """
        longest = max(self.connect, _LONGEST_CONNECT)
        return self._replace(connect=min(self.connect * 2 ** min(number, 16), longest))

    def within(self, seconds: float) -> "Timeouts":
        """Return the timeouts for somebody who has only so much time left."""
        return self._replace(connect=min(self.connect, seconds), window=min(self.window, seconds))


class TooSlow(Exception):
    """A transfer stays below the floor, or the time for it is over."""


class Pace:
    """Looks whether a transfer is fast enough.

    Args:
        timeouts: The window and the floor.
        clock: The clock.
        deadline: The moment on it when the whole operation must be over; None for never.
    """

    def __init__(self, timeouts: Timeouts, clock: Clock, deadline: float | None) -> None:
        self._timeouts = timeouts
        self._clock = clock
        self._deadline = deadline
        self._start = clock.now()
        self._moved = 0

    def moved(self, count: int) -> None:
        """Note that so many bytes have come, or gone.

        Raises:
            TooSlow: They came too slowly.
        """
        self._moved += count
        now = self._clock.now()
        if self._deadline is not None and now >= self._deadline:
            raise TooSlow("the time for this operation is over")
        elapsed = now - self._start
        if elapsed >= self._timeouts.window:
            if self._moved < self._timeouts.floor * elapsed:
                raise TooSlow(f"only {self._moved} bytes in {elapsed:.0f} s")
            self._start, self._moved = now, 0


class Rounds:
    """Asks all services again and again, with pauses that grow and are not the same for everybody.

    The pauses, from the start of a round to that of the next, are those of 3.2.1 (4, 8, 16, 32, 60, 60 … s), of which
    between half and all is waited: clients that failed at one moment do not come back at one moment.

    Args:
        num_retries: How many rounds follow the first one.
        clock: The clock.
        deadline: The moment on it after which none begins; None for never.

    Attributes:
        count: How many have begun.
    """

    def __init__(self, num_retries: int, clock: Clock, deadline: float | None) -> None:
        self._most = max(num_retries, 0) + 1
        self._clock = clock
        self.deadline = deadline
        self.count = 0

    def __iter__(self) -> Iterator[int]:
        """Yield the numbers of the rounds, each when its time has come."""
        while self.count < self._most:
            started = self._clock.now()
            self.count += 1
            yield self.count - 1
            if self.count < self._most and not self._pause(started):
                return

    def _pause(self, started: float) -> bool:
        longest = min(_FIRST_PAUSE * 2 ** min(self.count - 1, 16), _LONGEST_PAUSE)
        next_start = started + longest * (1 + self._clock.jitter()) / 2
        if self.deadline is not None and next_start >= self.deadline:
            return False
        self._clock.sleep(max(0.0, next_start - self._clock.now()))
        return True

    def __str__(self) -> str:
        """Say how many rounds there were, for people."""
        return "1 attempt" if self.count == 1 else f"{self.count} attempts"
