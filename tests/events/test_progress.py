"""From where a new connection goes on."""

from __future__ import annotations

import pytest

from keepset.events import _progress
from keepset.events._following import Subscription
from keepset.events._progress import Progress


@pytest.fixture
def progress(monkeypatch: pytest.MonkeyPatch) -> Progress:
    monkeypatch.setattr(_progress, "REMEMBERED", 3)
    return Progress()


def come(progress: Progress, *numbers: int) -> list[int]:
    """Have events come, and return those that are new."""
    return [number for number in numbers if progress.is_new(number)]


def test_an_event_is_new_once_as_long_as_it_is_remembered(progress: Progress) -> None:
    assert come(progress, 1, 2, 3, 2, 1, 4, 2, 1) == [1, 2, 3, 4, 1]
    assert progress.newest == 4


def test_a_subscription_goes_on_from_what_was_left_behind(progress: Progress) -> None:
    subscription = Subscription([], 10)
    progress.ask(subscription)
    progress.confirm()
    come(progress, 11, 12, 13)
    assert progress.start_of(subscription) == 10
    come(progress, 15, 14)
    assert progress.start_of(subscription) == 12


def test_one_without_a_past_goes_on_from_its_first_event(progress: Progress) -> None:
    subscription = Subscription([], None)
    progress.ask(subscription)
    assert progress.start_of(subscription) is None
    progress.confirm()
    assert progress.start_of(subscription) is None
    come(progress, 11, 12)
    assert progress.start_of(subscription) == 11


def test_one_without_any_event_goes_on_from_that_of_another(progress: Progress) -> None:
    first, second = Subscription([], None), Subscription([["event_type", "in", []]], None)
    progress.ask(first)
    progress.confirm()
    come(progress, 11)
    progress.ask(second)
    assert progress.start_of(second) == 11


def test_one_that_is_not_confirmed_stays_where_it_is(progress: Progress) -> None:
    first, second = Subscription([], 1), Subscription([], 1)
    progress.ask(first)
    progress.ask(second)
    progress.confirm()
    come(progress, *range(2, 20))
    assert (progress.start_of(first), progress.start_of(second)) == (16, 1)
    progress.confirm()
    come(progress, 3, 4, 5, 20)
    assert (progress.start_of(first), progress.start_of(second)) == (19, 3)


def test_a_new_connection_has_confirmed_nothing(progress: Progress) -> None:
    subscription = Subscription([], 1)
    progress.ask(subscription)
    progress.confirm()
    progress.ask(subscription)
    progress.start()
    progress.confirm()
    come(progress, *range(2, 20))
    assert progress.start_of(subscription) == 1


def test_the_end_of_a_subscription_is_confirmed_as_well(progress: Progress) -> None:
    first, second = Subscription([], 1), Subscription([], 1)
    for asked in (first, None, second):
        progress.ask(asked)
    progress.confirm()
    progress.confirm()
    come(progress, *range(2, 8))
    assert (progress.start_of(first), progress.start_of(second)) == (4, 1)
