"""Trying again what may work the next time, under the names of `arvados.retry`.

Example:
    >>> answers = iter([503, 200])
    >>> loop = RetryLoop(num_retries=2, success_check=check_http_response_success)
    >>> for tries_left in loop:
    ...     loop.save_result(next(answers))
    >>> loop.success(), loop.last_result(), loop.attempts_str()
    (True, 200, '2 attempts')
"""

from __future__ import annotations

import functools
import inspect
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from keepset import errors

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

__all__ = ["RetryLoop", "check_http_response_success", "retry_method"]

_T = TypeVar("_T")
_F = TypeVar("_F", bound="Callable[..., Any]")

_TEMPORARY = frozenset({408, 409, 423, 500, 502, 503, 504})
"""Statuses after which the same request may succeed; all clients of Arvados agree on these."""


class RetryLoop(Generic[_T]):
    """An iterator whose loop runs until it has saved a result that is final, or tried too often.

    Each round is given the number of tries that are left after it.

    Args:
        num_retries: How often to try again: the loop runs at most once more than that.
        success_check: What a result means: True for success, False for a failure that is final, None for one that may
            pass. Without it, any result is a success.
        backoff_start: The wait in seconds that grows; 0 for no waiting at all. The first one is already this number
            times `backoff_growth`, as in 3.2.1.
        backoff_growth: By how much each wait is multiplied.
        save_results: How many results are kept, the last ones.
        max_wait: The longest wait in seconds. A wait is the time from the start of one round to the start of the next.

    Attributes:
        results: The results that are kept, the oldest first.
        tries_left: How many rounds there still can be.
    """

    def __init__(
        self,
        num_retries: int,
        success_check: Callable[[_T], bool | None] = lambda result: True,
        backoff_start: float = 0,
        backoff_growth: float = 2,
        save_results: int = 1,
        max_wait: float = 60,
    ) -> None:
        self.tries_left = num_retries + 1
        self.check_result = success_check
        self.backoff_wait = backoff_start
        self.backoff_growth = backoff_growth
        self.max_wait = max_wait
        self.next_start_time: float = 0
        self.results: deque[_T] = deque(maxlen=save_results)
        self._attempts = 0
        self._running: bool | None = None
        self._success: bool | None = None

    def __iter__(self) -> Self:
        """Return the loop itself: it can be run once."""
        return self

    def __next__(self) -> int:
        """Wait until the next round may start, and return how many tries are left after it."""
        if self._running is None:
            self._running = True
        if self.tries_left < 1 or not self.running():
            self._running = False
            raise StopIteration
        # A clock that was set back must not make the wait longer.
        time.sleep(min(max(0, self.next_start_time - time.time()), self.backoff_wait))
        self.backoff_wait = min(self.backoff_wait * self.backoff_growth, self.max_wait)
        self.next_start_time = time.time() + self.backoff_wait
        self.tries_left -= 1
        return self.tries_left

    def running(self) -> bool | None:
        """Return whether the loop goes on; None before it has begun."""
        return self._running and self._success is None

    def save_result(self, result: _T) -> None:
        """Note what a round has led to; a final result ends the loop.

        Args:
            result: The result.

        Raises:
            AssertionError: The loop has not begun or has ended.
        """
        if not self.running():
            raise errors.AssertionError("a result was saved while the loop was not running")
        self.results.append(result)
        self._success = self.check_result(result)
        self._attempts += 1

    def success(self) -> bool | None:
        """Return what the last result means: True for success, False for a final failure, None for neither."""
        return self._success

    def last_result(self) -> _T:
        """Return the result that was saved last.

        Raises:
            AssertionError: There is none.
        """
        if not self.results:
            raise errors.AssertionError("there is no result: none was saved yet")
        return self.results[-1]

    def attempts(self) -> int:
        """Return how many results were saved, of all kinds."""
        return self._attempts

    def attempts_str(self) -> str:
        """Return how many results were saved, for people."""
        return "1 attempt" if self._attempts == 1 else f"{self._attempts} attempts"


def check_http_response_success(status_code: int) -> bool | None:
    """Tell what the status of a reply means for trying again; made to be a `success_check`.

    Args:
        status_code: The HTTP status.

    Returns:
        True for success (2xx); None if the same request may succeed later, which is also assumed of what is no status
        at all; False otherwise.

    Examples:
        >>> [check_http_response_success(status) for status in (200, 404, 503, 0)]
        [True, False, None, None]
    """
    if 200 <= status_code < 300:
        return True
    if status_code in _TEMPORARY or not 100 <= status_code < 600:
        return None
    return False


def retry_method(orig_func: _F) -> _F:
    """Have a method take the `num_retries` attribute of its object where no `num_retries` is passed, or None.

    Args:
        orig_func: A method with a parameter `num_retries`.
    """
    position = _position_of("num_retries", orig_func)

    @functools.wraps(orig_func)
    def with_num_retries(self: Any, *args: Any, **kwargs: Any) -> Any:
        if position is not None and len(args) > position:
            if args[position] is None:
                args = (*args[:position], self.num_retries, *args[position + 1 :])
        elif kwargs.get("num_retries") is None:
            kwargs["num_retries"] = self.num_retries
        return orig_func(self, *args, **kwargs)

    return with_num_retries  # type: ignore[return-value]  # it takes what the method takes


def _position_of(name: str, method: Callable[..., Any]) -> int | None:
    """Return which of the arguments behind `self` has this name; None if it is passed by name alone."""
    parameters = list(inspect.signature(method).parameters.values())[1:]
    for index, parameter in enumerate(parameters):
        if parameter.name == name and parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
            return index
    return None
