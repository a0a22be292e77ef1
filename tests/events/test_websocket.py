"""`EventClient` against a server of events that tells, refuses, hangs up and lies."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from event_server import TOKEN, EventServer, Told, event, wait_until
from gate import Gate
from keepset import errors
from keepset.events import EventClient, websocket
from silent_server import SilentServer

if TYPE_CHECKING:
    import contextlib

    from event_server import Follow
    from keepset.events import Filter

CREATED: Filter = [["event_type", "in", ["create"]]]
DELETED: Filter = [["event_type", "in", ["delete"]]]
OK = {"status": 200}


def test_events_are_told_in_order_behind_the_confirmation(server: EventServer, told: Told, follow: Follow) -> None:
    client = follow()
    server.publish(event(1), event(2, "delete"), event(3))
    assert told.wait(3) == [1, 2, 3]
    assert told.messages == [OK, event(1), event(2, "delete"), event(3)]
    assert server.asked == [{"method": "subscribe", "filters": []}]
    assert server.targets == [f"/websocket?api_token={TOKEN}"]
    assert client.last_log_id == 3
    assert client.daemon


def test_several_subscriptions_and_the_end_of_one(server: EventServer, told: Told, follow: Follow) -> None:
    client = follow(CREATED)
    client.subscribe(DELETED)
    server.wait_for(2)
    server.publish(event(1, "update"), event(2, "delete"), event(3))
    assert told.wait(2) == [2, 3]
    client.unsubscribe(CREATED)
    server.wait_for(3)
    server.publish(event(4), event(5, "delete"))
    assert told.wait(3) == [2, 3, 5]
    assert client.filters == [DELETED]
    assert server.asked[1:] == [
        {"method": "subscribe", "filters": DELETED},
        {"method": "unsubscribe", "filters": CREATED},
    ]


def test_what_nobody_has_subscribed_to_cannot_be_ended(follow: Follow) -> None:
    client = follow(CREATED)
    with pytest.raises(ValueError, match="delete"):
        client.unsubscribe(DELETED)
    client.unsubscribe(CREATED)
    client.subscribe(None)
    client.unsubscribe([])
    assert client.filters == []


def test_events_of_the_past(server: EventServer, told: Told, follow: Follow) -> None:
    server.publish(*map(event, range(1, 6)))
    client = follow(CREATED, last_log_id=2)
    assert told.wait(3) == [3, 4, 5]
    server.publish(event(6, "delete"))
    client.subscribe(DELETED, last_log_id=5)
    assert told.wait(4) == [3, 4, 5, 6]
    assert [message.get("last_log_id") for message in server.asked] == [2, 5]


def test_an_event_that_two_subscriptions_bring_is_told_once(server: EventServer, told: Told, follow: Follow) -> None:
    server.publish(event(1), event(2, "delete"))
    client = follow(CREATED, last_log_id=0)
    client.subscribe(None, last_log_id=0)
    client.subscribe(DELETED, last_log_id=1)
    server.wait_for(3)
    server.publish(event(3))
    assert told.wait(2) == [2, 3]


def test_a_lost_connection_is_made_again_without_losing_or_repeating(
    server: EventServer, told: Told, follow: Follow
) -> None:
    follow(CREATED)
    server.publish(event(1), event(2))
    told.wait(2)
    server.drop()
    wait_until(lambda: server.closings)
    server.publish(event(3), event(4, "delete"), event(5))
    server.wait_for(2)
    server.publish(event(6))
    assert told.wait(5) == [1, 2, 3, 5, 6]
    assert server.asked[1]["filters"] == CREATED


def test_a_connection_lost_again_and_again_tells_each_event_once(
    server: EventServer, told: Told, follow: Follow
) -> None:
    server.publish(*map(event, range(1, 60)))
    server.budgets.extend([0, 1, 20, 3, 30, 0, 31, 40])
    follow(CREATED, last_log_id=1)
    assert told.wait(58) == list(range(2, 60))
    assert len(server.targets) == 9


def test_a_connection_lost_in_the_past_of_the_second_subscription_loses_nothing(
    server: EventServer, told: Told, follow: Follow
) -> None:
    """What the server sends of the past comes for one subscription after the other, so that `id`s go back."""
    kinds = ["create", "delete"]
    server.publish(*(event(number, kinds[number % 2]) for number in range(1, 41)))
    server.budgets.append(20 + 7)
    client = follow(CREATED, last_log_id=1)
    told.wait(20)
    client.subscribe(DELETED, last_log_id=1)
    server.wait_for(4)
    server.publish(event(41))
    wait_until(lambda: 41 in told.numbers)
    assert sorted(told.numbers) == list(range(2, 42))


def test_a_new_event_in_the_middle_of_the_past_hides_nothing(server: EventServer, told: Told, follow: Follow) -> None:
    server.publish(event(1), event(2), event(3))
    server.before_past = lambda: server.publish(event(4)) if len(server.asked) == 1 else None
    server.budgets.append(2)  # 4, and of the past 2
    follow(CREATED, last_log_id=1)
    server.wait_for(2)
    assert told.wait(3) == [4, 2, 3]


def test_a_subscription_while_the_connection_is_lost_is_made_up_for(
    server: EventServer, told: Told, follow: Follow
) -> None:
    client = follow(CREATED)
    server.refusals.extend([503] * 5)
    server.drop()
    client.subscribe(DELETED)
    wait_until(lambda: any(message["filters"] == DELETED for message in server.asked))
    server.publish(event(1, "delete"))
    assert told.wait(1) == [1]


@pytest.mark.parametrize("code", [1000, 1001, 1011])
def test_a_server_that_takes_its_leave_is_connected_to_again(
    server: EventServer, told: Told, follow: Follow, code: int
) -> None:
    follow()
    server.take_leave(code)
    server.wait_for(2)
    server.publish(event(1))
    assert told.wait(1) == [1]


@pytest.mark.parametrize("message", ["", "{", "[1]", "null", '"text"', "1", "[" * 100_000, b"\xff\xfe", b"{}"])
def test_what_is_no_event_is_passed_over(server: EventServer, told: Told, follow: Follow, message: str | bytes) -> None:
    follow()
    server.say(message)
    server.publish(event(1))
    told.wait(1)
    assert told.messages == [OK, event(1)]
    assert len(server.targets) == 1


def test_messages_without_an_id_are_told_each_time(server: EventServer, told: Told, follow: Follow) -> None:
    follow()
    server.say('{"id": null, "a": 1}')
    server.say('{"a": 2}')
    server.say('{"a": 2}')
    server.publish(event(1))
    told.wait(1)
    assert told.messages[1:-1] == [{"id": None, "a": 1}, {"a": 2}, {"a": 2}]


def test_a_refused_subscription_is_told(server: EventServer, told: Told, follow: Follow) -> None:
    client = follow()
    server._subscriptions[next(iter(server._subscriptions))].clear()
    client.unsubscribe([])
    wait_until(lambda: len(told.messages) == 2)
    assert told.messages == [OK, {"status": 400}]


def test_a_large_message_is_no_reason_to_hang_up(server: EventServer, told: Told, follow: Follow) -> None:
    follow()
    server.publish(event(1) | {"properties": {"text": "x" * (2 << 20)}})
    assert told.wait(1) == [1]
    assert len(server.targets) == 1


def test_a_callback_that_fails_interrupts_the_program_and_is_called_again(
    server: EventServer, told: Told, follow: Follow, interrupts: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    def fail(message: dict[str, Any]) -> None:
        told(message)
        if message.get("id") == 1:
            raise KeyError("this one")

    client = follow(told=fail)
    server.publish(event(1), event(2))
    assert told.wait(2) == [1, 2]
    wait_until(lambda: interrupts)
    assert len(interrupts) == 1
    assert "KeyError: 'this one'" in caplog.text
    assert not client.is_closed.is_set()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # pytest's view of `SystemExit`
def test_a_callback_that_exits_ends_the_client(server: EventServer, follow: Follow) -> None:
    def leave(message: dict[str, Any]) -> None:
        raise SystemExit

    client = follow(told=leave)
    client.run_forever()
    client.join()
    wait_until(lambda: server.closings)


def test_close_tells_the_server_why(server: EventServer, told: Told, follow: Follow) -> None:
    client = follow()
    client.close(4000, "enough", timeout=30)
    client.join()
    wait_until(lambda: server.closings)
    assert server.closings == [(4000, "enough")]
    client.close()
    server.publish(event(1))
    client.run_forever()
    assert told.numbers == []
    assert len(server.targets) == 1


def test_close_within_a_callback(
    server: EventServer, told: Told, follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There are more events behind it than the library has room for, so somebody has to go on reading them."""
    monkeypatch.setattr(websocket, "_CLOSING_SECONDS", 1000.0)

    def close(message: dict[str, Any]) -> None:
        told(message)
        if message.get("id"):
            client.close(1001, "in time")

    server.publish(*map(event, range(1, 5000)))
    with Gate() as gate:
        server.before_past = gate.pass_through
        client = follow(last_log_id=1, told=close)
    client.run_forever()
    client.join()
    assert told.numbers == [2]
    wait_until(lambda: server.closings)
    assert server.closings == [(1001, "in time")]


def test_close_waits_for_a_callback(server: EventServer, told: Told, follow: Follow) -> None:
    with Gate() as gate:

        def wait(message: dict[str, Any]) -> None:
            gate.pass_through()
            told(message)

        client = follow(told=wait)
        server.publish(event(1))
        gate.await_somebody()
        closing = threading.Thread(target=client.close)
        closing.start()
        wait_until(client.is_closed.is_set)
        assert closing.is_alive()
    closing.join()
    assert told.messages == [OK]


def test_close_gives_up_waiting_for_a_callback(server: EventServer, follow: Follow) -> None:
    with Gate() as gate:
        client = follow(told=gate.pass_through)
        gate.await_somebody()
        client.close(timeout=0.01)
        assert client.is_alive()
    client.join()


def test_close_returns_though_the_server_does_not_answer(told: Told) -> None:
    with SilentServer() as server:
        client = EventClient(server.url, None, told)
        client.close(timeout=0.01)
        client.join()


def test_close_while_nobody_answers(server: EventServer, follow: Follow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "_LONGEST_PAUSE", 1000.0)
    client = follow()
    server.refusals.extend([500] * 100)
    server.drop()
    wait_until(lambda: len(server.targets) >= 3)
    client.close()
    client.join()


@pytest.mark.parametrize("code", [0, 999, 1005, 1006, 1015, 2999, 5000])
def test_a_code_that_is_none_closes_nothing(server: EventServer, told: Told, follow: Follow, code: int) -> None:
    client = follow()
    with pytest.raises(errors.ArgumentError, match=str(code)):
        client.close(code)
    with pytest.raises(errors.ArgumentError, match="123 bytes"):
        client.close(reason="é" * 62)
    server.publish(event(1))
    assert told.wait(1) == [1]


def test_what_json_cannot_say_is_no_subscription(server: EventServer, told: Told, follow: Follow) -> None:
    client = follow()
    with pytest.raises(TypeError):
        client.subscribe([["event_type", "in", {"create"}]])
    assert client.filters == [[]]


def test_the_hooks_can_be_replaced(server: EventServer, told: Told, stack: contextlib.ExitStack) -> None:
    class Once(EventClient):
        def on_closed(self) -> None:
            told({"status": "closed"})

        def on_event(self, m: dict[str, Any]) -> None:
            super().on_event(m | {"seen": True})

    client = Once(server.url, None, told)
    stack.callback(client.close)
    server.wait_for(1)
    server.drop()
    client.run_forever()
    client.join()
    assert told.messages == [OK | {"seen": True}, {"status": "closed"}]
