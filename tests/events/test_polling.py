"""`PollClient` on the log of an API server, and on one that fails."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from api_server import Answer, ApiServer, refusal
from event_server import Told, wait_until
from gate import Gate
from keepset.events import PollClient

if TYPE_CHECKING:
    import contextlib

    from cluster_log import ClusterLog
    from keepset.api import ThreadSafeAPIClient
    from keepset.events import Filter

CREATED: Filter = [["event_type", "=", "create"]]
DELETED: Filter = [["event_type", "=", "delete"]]
OK = {"status": 200}
RECENT = ["created_at", ">="]


class Follow(Protocol):
    """Makes a client and starts it; it is closed when the test is over."""

    def __call__(self, filters: Filter | None = None, last_log_id: int | None = None, told: Any = None) -> PollClient:
        """Make it."""


@pytest.fixture
def follow(client: ThreadSafeAPIClient, log: ClusterLog, told: Told, stack: contextlib.ExitStack) -> Follow:
    usual = told

    def make(filters: Filter | None = None, last_log_id: int | None = None, told: Any = None) -> PollClient:
        made = PollClient(client, filters, told or usual, 0.01, last_log_id)
        stack.callback(made.close, timeout=30)
        made.start()
        return made

    return make


def test_events_come_page_by_page_in_order(log: ClusterLog, told: Told, follow: Follow) -> None:
    log.write(5, 3, 4, 1, 2, 9, 8, 7)
    follow(last_log_id=2)
    assert told.wait(6) == [3, 4, 5, 7, 8, 9]
    assert told.messages[0] == OK
    wait_until(lambda: len(log.queries) >= 3)
    assert log.queries[:3] == [("id asc", [["id", ">", number]]) for number in ("2", "5", "9")]


def test_what_has_happened_before_is_not_told(log: ClusterLog, told: Told, follow: Follow) -> None:
    log.write(1, 2, 3)
    follow(CREATED)
    wait_until(lambda: len(log.queries) >= 2)
    log.write(4, kind="delete")
    log.write(5)
    assert told.wait(1) == [5]
    assert log.queries[:2] == [("id desc", [*CREATED, RECENT]), ("id asc", [*CREATED, ["id", ">", "3"]])]


def test_what_is_hours_old_is_not_even_looked_for(log: ClusterLog, told: Told, follow: Follow) -> None:
    log.write(1, at="2001-01-01T00:00:00Z")
    follow()
    wait_until(lambda: len(log.queries) >= 3)
    log.write(2)
    assert told.wait(1) == [2]
    queries = list(log.queries)
    assert queries[0] == ("id desc", [RECENT])
    assert queries[1:3] == [("id asc", [RECENT])] * 2
    wait_until(lambda: log.queries[-1] == ("id asc", [["id", ">", "2"]]))


def test_each_subscription_gets_all_of_its_own(
    client: ThreadSafeAPIClient, log: ClusterLog, told: Told, stack: contextlib.ExitStack
) -> None:
    """3.2.1 has one position for all: what is before the last event of another subscription is lost."""
    for number in range(1, 9):
        log.write(number, kind=["create", "delete"][number % 2])
    made = PollClient(client, CREATED, told, 0.01, last_log_id=0)
    stack.callback(made.close)
    made.subscribe(DELETED, last_log_id=0)
    made.start()
    told.wait(8)
    assert sorted(told.numbers) == list(range(1, 9))
    log.write(9, kind="delete")
    assert told.wait(9)[-1] == 9


def test_an_event_that_two_subscriptions_bring_is_told_once(log: ClusterLog, told: Told, follow: Follow) -> None:
    log.write(*range(1, 9))
    client = follow(last_log_id=0)
    client.subscribe(CREATED, last_log_id=0)
    client.subscribe([["id", ">", "5"]], last_log_id=0)
    told.wait(8)
    asked = len(log.queries)
    wait_until(lambda: len(log.queries) > asked + 6)
    log.write(9)
    assert told.wait(9) == list(range(1, 10))
    wait_until(lambda: not client._told)


def test_a_new_subscription_begins_where_the_others_are(log: ClusterLog, told: Told, follow: Follow) -> None:
    log.write(1, 2)
    log.write(3, kind="delete")
    client = follow(CREATED, last_log_id=0)
    told.wait(2)
    client.subscribe(DELETED)
    assert client.filters == [CREATED, DELETED]
    log.write(4, kind="delete")
    assert told.wait(4) == [1, 2, 3, 4]
    assert told.messages.count(OK) == 2


def test_the_end_of_a_subscription(log: ClusterLog, told: Told, follow: Follow) -> None:
    client = follow(CREATED, last_log_id=0)
    client.subscribe(None)
    client.unsubscribe(CREATED)
    client.unsubscribe([])
    with pytest.raises(ValueError, match="event_type"):
        client.unsubscribe(CREATED)
    assert client.filters == []
    client.subscribe(DELETED)
    log.write(1)
    log.write(2, kind="delete")
    assert told.wait(1) == [2]


@pytest.mark.parametrize("answer", [Answer(500), Answer(503), refusal(429, "too many"), Answer(fault="reset")])
def test_what_may_pass_loses_nothing(
    log: ClusterLog, cluster: ApiServer, told: Told, follow: Follow, answer: Answer, interrupts: list[int]
) -> None:
    cluster.script("logs", *[answer] * 14)  # more than the API client tries by itself
    log.write(*range(1, 9))
    follow(last_log_id=0)
    assert told.wait(8) == list(range(1, 9))
    assert interrupts == []


@pytest.mark.parametrize("status", [400, 401, 403, 422])
def test_a_refusal_ends_it_and_interrupts_the_program(
    log: ClusterLog,
    cluster: ApiServer,
    follow: Follow,
    status: int,
    interrupts: list[int],
    caplog: pytest.LogCaptureFixture,
) -> None:
    cluster.script("logs", *[refusal(status, "you may not")] * 2)
    client = follow(last_log_id=0)
    client.run_forever()
    client.join()
    wait_until(lambda: interrupts)
    assert len([request for request in cluster.requests if request.path == "logs"]) == 1
    assert "the log of the cluster cannot be read" in caplog.text
    assert "you may not" in caplog.text


def test_a_server_that_is_lost_for_good_interrupts_the_program(
    log: ClusterLog, cluster: ApiServer, follow: Follow, interrupts: list[int]
) -> None:
    cluster.handlers["GET logs"] = lambda request: Answer(500)
    client = follow(last_log_id=0)
    client.run_forever()
    wait_until(lambda: interrupts)
    assert len(cluster.requests) == 26 * 11


def test_an_api_without_a_log_ends_it(told: Told, interrupts: list[int]) -> None:
    client = PollClient(object(), None, told, 0.01)
    client.start()
    client.run_forever()
    wait_until(lambda: interrupts)


def test_a_callback_that_fails_interrupts_the_program_and_is_called_again(
    log: ClusterLog, told: Told, follow: Follow, interrupts: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    def fail(message: dict[str, Any]) -> None:
        told(message)
        if message.get("id") != 2:
            raise KeyError("this one")

    log.write(1, 2)
    client = follow(last_log_id=0, told=fail)
    assert told.wait(2) == [1, 2]
    wait_until(lambda: interrupts)
    assert "KeyError: 'this one'" in caplog.text
    assert not client.is_closed.is_set()


def test_close_within_a_callback(log: ClusterLog, told: Told, follow: Follow) -> None:
    def close(message: dict[str, Any]) -> None:
        told(message)
        if message.get("id"):
            client.close(timeout=30)

    log.write(1, 2)
    client = follow(last_log_id=0, told=close)
    client.run_forever()
    client.join()
    assert told.numbers == [1]


def test_close_waits_for_a_callback_and_not_for_a_request(
    log: ClusterLog, cluster: ApiServer, told: Told, follow: Follow
) -> None:
    with Gate() as callback, Gate() as request:

        def wait(message: dict[str, Any]) -> None:
            callback.pass_through()
            told(message)

        def answer(recorded: Any) -> Answer:
            request.pass_through()
            return log.answer(recorded)

        cluster.handlers["GET logs"] = answer
        client = follow(last_log_id=0, told=wait)
        callback.await_somebody()
        closing = threading.Thread(target=client.close)
        closing.start()
        wait_until(client.is_closed.is_set)
        assert closing.is_alive()
        callback.open()
        closing.join()

        log.write(1)
        second = follow(last_log_id=0)
        request.await_somebody()
        second.close(1000, "enough")
        second.close(timeout=0.01)
        assert second.is_alive()
    second.join()
    assert told.messages == [OK, OK]


def test_close_before_it_has_started(client: ThreadSafeAPIClient, told: Told) -> None:
    made = PollClient(client, None, told)
    made.close()
    made.start()
    made.join()
    assert told.messages == []
