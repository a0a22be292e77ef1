"""Time: pauses between rounds, services that are slow, and operations that must be over at some time."""

from __future__ import annotations

import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest

from fast_clock import FastClock
from gate import PATIENCE
from keep_server import STORED, Answer, Api, item
from keepset import errors
from keepset.keep.timing import Clock, Pace, Rounds, Timeouts, TooSlow
from samples import A

if TYPE_CHECKING:
    from fast_clock import ClientOf
    from keep_server import KeepServer

BLOCK = bytes(200_000)


class StillClock(FastClock):
    """A clock that goes on only when somebody waits."""

    def now(self) -> float:
        return sum(self.pauses)


def test_the_clock_of_everybody() -> None:
    clock = Clock()
    before = clock.now()
    clock.sleep(0.01)
    assert clock.now() - before >= 0.01
    assert len({clock.jitter() for _ in range(10)}) > 1
    assert all(0 <= clock.jitter() < 1 for _ in range(10))


def test_pauses_grow_up_to_a_minute() -> None:
    clock = StillClock()
    assert list(Rounds(10, clock, None)) == list(range(11))
    assert clock.pauses == [4, 8, 16, 32, 60, 60, 60, 60, 60, 60]


def test_pauses_are_not_the_same_for_everybody() -> None:
    clock = StillClock()
    clock.jitter = lambda: 0.0  # type: ignore[method-assign]
    list(Rounds(3, clock, None))
    assert clock.pauses == [2, 4, 8]


def test_a_round_that_took_long_shortens_the_pause() -> None:
    clock = StillClock()
    for number in Rounds(2, clock, None):
        clock.sleep([3, 100, 0][number])
    assert clock.pauses == [3, 1, 100, 0, 0]


def test_no_round_begins_behind_the_deadline() -> None:
    clock = StillClock()
    assert list(Rounds(10, clock, 30)) == [0, 1, 2, 3]
    assert clock.pauses == [4, 8, 16]
    assert list(Rounds(-1, clock, None)) == [0]


def test_how_many_rounds_there_were() -> None:
    rounds = Rounds(1, StillClock(), None)
    next(iter(rounds))
    assert str(rounds) == "1 attempt"
    list(rounds)
    assert str(rounds) == "2 attempts"


@pytest.mark.parametrize(
    ("value", "timeouts"), [(5, (5, 5, 32768)), ((2, 7), (2, 7, 32768)), ((2, 256, 100), (2, 256, 100))]
)
def test_how_timeouts_are_given(value: float | tuple[float, ...], timeouts: tuple[float, ...]) -> None:
    assert Timeouts.of(value) == timeouts


@pytest.mark.parametrize("value", [(), (1,), (1, 2, 3, 4)])
def test_what_is_no_timeout(value: tuple[float, ...]) -> None:
    with pytest.raises(errors.ArgumentError):
        Timeouts.of(value)


def test_the_time_to_connect_doubles_up_to_a_minute() -> None:
    found = [Timeouts(2, 256).in_round(number).connect for number in (0, 1, 2, 4, 5, 10, 1000)]
    assert found == [2, 4, 8, 32, 60, 60, 60]
    assert Timeouts(90, 256).in_round(3) == (90, 256, 32768)


def test_what_is_too_slow() -> None:
    clock = StillClock()
    pace = Pace(Timeouts(2, 10, 100), clock, None)
    for count in (0, 1000, 999):
        clock.sleep(5)
        pace.moved(count)
    clock.sleep(5)
    with pytest.raises(TooSlow, match="only 999 bytes in 10 s"):
        pace.moved(0)


def test_a_transfer_ends_with_the_operation() -> None:
    clock = StillClock()
    pace = Pace(Timeouts(2, 10, 0), clock, 3)
    pace.moved(1)
    clock.sleep(3)
    with pytest.raises(TooSlow, match="is over"):
        pace.moved(1)


# Over HTTP.


def test_a_service_that_is_slower_than_the_floor_is_given_up(server: KeepServer, client_of: ClientOf) -> None:
    # All of it would take minutes; nor does any of it come late.
    server.next.append(Answer(body=BLOCK, piece=10, pause=0.01))
    assert client_of(server, timeout=(2, 0.2, 100_000)).get(server.add(BLOCK)) == BLOCK
    assert len(server.requests) == 2


def test_a_service_that_is_slow_and_above_the_floor_is_not(server: KeepServer, client_of: ClientOf) -> None:
    server.next.append(Answer(body=BLOCK, piece=20_000, pause=0.05))
    assert client_of(server, timeout=(2, 0.2, 1000)).get(server.add(BLOCK)) == BLOCK
    assert len(server.requests) == 1


@pytest.mark.parametrize("call", ["get", "head", "put"])
def test_a_service_that_says_nothing_is_given_up(call: str, server: KeepServer, client_of: ClientOf) -> None:
    name = server.add(BLOCK)
    server.next.append(Answer(pause=1, before=lambda: time.sleep(1)))
    client = client_of(server, timeout=(2, 0.2, 1))
    assert client.put(BLOCK, 1) == name if call == "put" else getattr(client, call)(name)
    assert len(server.requests) == 2


def test_a_slow_explanation_is_given_up(server: KeepServer, client_of: ClientOf) -> None:
    server.always = Answer(404, bytes(300), piece=1, pause=0.05)
    with pytest.raises(errors.KeepReadError, match="only"):
        client_of(server, timeout=(2, 0.2, 1000), num_retries=0).get(A)


def test_a_service_that_does_not_read_is_given_up(client_of: ClientOf) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        api = Api()
        api.items = [item(deaf.getsockname()[1], 0)]
        client = client_of(api_client=api, timeout=(2, 0.2, 1), num_retries=0)
        with pytest.raises(errors.KeepWriteError, match="responded with 0"):
            client.put(bytes(32 << 20), 1)


def test_a_service_that_reads_slower_than_the_floor_is_given_up(client_of: ClientOf) -> None:
    with socket.create_server(("127.0.0.1", 0)) as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)

        def read() -> None:
            with slow.accept()[0] as connection:
                while connection.recv(1 << 17):
                    time.sleep(0.02)

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        api = Api()
        api.items = [item(slow.getsockname()[1], 0)]
        # All of it would take ten seconds or more, and no part of it is late.
        client = client_of(api_client=api, timeout=(2, 0.5, 1 << 30), num_retries=0)
        with pytest.raises(errors.KeepWriteError, match=r"only \d+ bytes"):
            client.put(bytes(64 << 20), 1)
        reader.join(PATIENCE)


def test_a_service_has_longer_to_read_than_to_connect(server: KeepServer, client_of: ClientOf) -> None:
    block = bytes(32 << 20)  # more than fits between the two
    name = server.add(block)
    reply = Answer(body=name.encode(), headers=STORED, before_reading=lambda: time.sleep(1))
    server.next.append(reply)
    assert client_of(server, timeout=(0.2, 20, 1), num_retries=0).put(block, 1) == name


def test_an_operation_is_over_when_it_must_be(server: KeepServer, client_of: ClientOf, clock: FastClock) -> None:
    server.always = Answer(503)
    client = client_of(server, deadline=30)
    with pytest.raises(errors.KeepReadError, match="after 4 attempts"):
        client.get(A)
    assert clock.pauses == pytest.approx([4, 8, 16], abs=1)
    server.always = Answer(body=BLOCK, piece=1000, pause=0.05)
    with pytest.raises(errors.KeepReadError, match="the time for this operation is over"):
        client_of(server, deadline=0.2).get(server.add(BLOCK))
    server.always = Answer(body=BLOCK, before=lambda: time.sleep(1))
    with pytest.raises(errors.KeepReadError, match="timed out"):
        client_of(server, deadline=0.2).get(server.add(BLOCK))
