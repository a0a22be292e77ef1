"""Trying again: the loop, the statuses and the decorator, beside those of the official client."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import arvados.retry as official
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepset import errors, retry

if TYPE_CHECKING:
    from collections.abc import Iterable

RESULTS = st.lists(st.sampled_from([True, False, None]), max_size=6)


class Clock:
    """A clock that only moves while somebody sleeps, and in the rounds of a loop."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def time(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("time.time", clock.time)
    monkeypatch.setattr("time.sleep", clock.sleep)
    return clock


def run(loop: Any, results: Iterable[bool | None], check: bool = True) -> list[object]:
    """All that can be seen of a loop whose rounds have these results."""
    seen: list[object] = [loop.running()]
    for tries_left, result in zip(loop, results, strict=False):
        seen.append((tries_left, loop.running()))
        if check:
            loop.save_result(result)
        seen.append((loop.success(), loop.attempts(), loop.attempts_str(), list(loop.results), loop.tries_left))
    return [*seen, loop.running(), loop.success()]


@given(st.integers(-1, 4), RESULTS, st.integers(0, 3))
def test_a_loop_is_that_of_the_official_client(num_retries: int, results: list[bool | None], kept: int) -> None:
    arguments = (num_retries, lambda result: result, 0, 2, kept)
    assert run(retry.RetryLoop(*arguments), results) == run(official.RetryLoop(*arguments), results)


def test_any_result_ends_a_loop_without_a_check() -> None:
    loop = retry.RetryLoop[str](5)
    for _ in loop:
        loop.save_result("any")
    assert (loop.success(), loop.last_result(), loop.attempts_str(), loop.tries_left) == (True, "any", "1 attempt", 5)


def test_a_loop_without_results_runs_as_often_as_it_may() -> None:
    loop = retry.RetryLoop[str](3)
    assert list(loop) == [3, 2, 1, 0]
    assert (loop.success(), loop.attempts_str(), loop.running(), list(loop)) == (None, "0 attempts", False, [])


def test_results_belong_into_a_running_loop() -> None:
    loop = retry.RetryLoop[str](1)
    with pytest.raises(errors.AssertionError):
        loop.save_result("too early")
    with pytest.raises(AssertionError):
        loop.last_result()
    for _ in loop:
        loop.save_result("in time")
    with pytest.raises(errors.AssertionError):
        loop.save_result("too late")
    assert list(loop.results) == ["in time"]


@pytest.mark.parametrize("options", [{}, {"backoff_growth": 3}, {"max_wait": 9}, {"backoff_start": 0}])
def test_waits_grow_as_those_of_the_official_client(options: dict[str, Any], clock: Clock) -> None:
    waits = []
    for kind in (retry.RetryLoop, official.RetryLoop):
        clock.slept.clear()
        assert len(list(kind(4, **({"backoff_start": 2} | options)))) == 5
        waits.append(list(clock.slept))
    assert waits[0] == waits[1]
    if not options:
        assert waits[0] == [0, 4, 8, 16, 32]


def test_a_slow_round_shortens_the_wait(clock: Clock) -> None:
    for _ in retry.RetryLoop[str](2, backoff_start=2):
        clock.now += 3
    assert clock.slept == [0, 1, 5]


def test_a_clock_that_is_set_back_does_not_lengthen_the_wait(clock: Clock) -> None:
    for _ in retry.RetryLoop[str](2, backoff_start=2):
        clock.now -= 500
    assert clock.slept == [0, 4, 8]


@given(st.integers(-100, 1000))
def test_statuses_mean_what_they_mean_to_the_official_client(status: int) -> None:
    assert retry.check_http_response_success(status) is official.check_http_response_success(status)


class Tried:
    """Methods that say how often they would try again."""

    num_retries = 7

    @retry.retry_method
    def by_name(self, argument: str, *, num_retries: int | None = None) -> tuple[str, int | None]:
        """Say it."""
        return argument, num_retries

    @retry.retry_method
    def by_position(self, argument: str, num_retries: int | None = None) -> tuple[str, int | None]:
        return argument, num_retries

    @classmethod
    @retry.retry_method
    def of_class(cls, num_retries: int | None = None) -> int | None:
        return num_retries


@pytest.mark.parametrize("method", ["by_name", "by_position"])
def test_a_method_takes_the_number_of_its_object_unless_it_is_given_one(method: str) -> None:
    tried = Tried()
    tried.num_retries = 3
    call = getattr(tried, method)
    assert call("a") == call("a", num_retries=None) == ("a", 3)
    assert call(argument="a", num_retries=0) == ("a", 0)
    assert Tried.of_class() == 7


def test_the_number_can_be_passed_by_position() -> None:
    assert Tried().by_position("a", 0) == ("a", 0)
    assert Tried().by_position("a", None) == ("a", 7)
    assert Tried.of_class(2) == 2


def test_a_decorated_method_keeps_its_name_and_docstring() -> None:
    assert (Tried.by_name.__name__, Tried.by_name.__doc__) == ("by_name", "Say it.")


def test_a_client_waits_between_its_tries(clock: Clock) -> None:
    answers = itertools.chain([503, 500], itertools.repeat(200))
    loop = retry.RetryLoop[int](5, retry.check_http_response_success, backoff_start=1)
    for _ in loop:
        loop.save_result(next(answers))
    assert (loop.success(), loop.last_result(), loop.attempts(), clock.slept) == (True, 200, 3, [0, 2, 4])
