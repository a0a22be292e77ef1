"""Many clients at once, and a server that is ended, politely or not: what was acknowledged is there."""

import hashlib
import http.client
import os
import random
import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from keepset import open_store
from samples import locator as bare_locator
from serving import Server

SECONDS = float(os.environ.get("KEEPSET_SERVE_SECONDS", "2"))
ROUNDS = int(os.environ.get("KEEPSET_SERVE_ROUNDS", "3"))
CLIENTS = 50
SIZES = [1, 1000, 100_000, 1 << 20, (3 << 20) + 1]
"""Of blocks: the largest come in several parts."""


def save_one(server: Server, data: bytes) -> str:
    """Store a block and a collection; returns its UUID."""
    locator = server.put(data)
    body = {"manifest_text": f". {locator} 0:{len(data)}:file\n"}
    uuid: str = server.api("POST", "collections", body)["uuid"]
    return uuid


def read_one(server: Server, uuid: str) -> bytes:
    """Read the file of such a collection through the API and Keep."""
    text = server.api("GET", f"collections/{uuid}")["manifest_text"]
    return server.request("GET", f"/{text.split()[1]}").body


def in_threads(count: int, work: Callable[[int], None]) -> list[Exception]:
    """Run something in many threads; returns what they raised."""
    raised: list[Exception] = []

    def run(number: int) -> None:
        try:
            work(number)
        except (OSError, AssertionError, http.client.HTTPException) as error:
            raised.append(error)

    threads = [threading.Thread(target=run, args=[number]) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


@pytest.mark.timeout(60 + 3 * SECONDS)
def test_fifty_clients_at_once_lose_nothing(own_server: Server) -> None:
    saved: dict[str, str] = {}
    give_up = time.monotonic() + SECONDS

    def work(number: int) -> None:
        chosen = random.Random(number)
        while time.monotonic() < give_up:
            data = chosen.randbytes(chosen.choice(SIZES))
            uuid = save_one(own_server, data)
            saved[uuid] = bare_locator(data)
            assert read_one(own_server, uuid) == data

    assert in_threads(CLIENTS, work) == []
    assert len(saved) >= CLIENTS
    assert own_server.stop() == 0
    with open_store(own_server.store) as store:
        assert list(store.verify()) == []
        for uuid, locator in saved.items():
            text = store.collections().get(uuid=uuid).execute()["manifest_text"]
            assert text == f". {locator} 0:{locator.partition('+')[2]}:file\n"


@pytest.mark.parametrize("round_number", range(ROUNDS))
def test_a_kill_during_uploads_loses_nothing_that_was_acknowledged(own_server: Server, round_number: int) -> None:
    blocks: dict[str, bytes] = {}
    records: dict[str, bytes] = {}
    acknowledged = threading.Event()

    def work(number: int) -> None:
        chosen = random.Random(number * 1000 + round_number)
        while True:
            data = chosen.randbytes(chosen.choice(SIZES))
            blocks[own_server.put(data)] = data
            records[save_one(own_server, data)] = data
            acknowledged.set()

    def kill(number: int) -> None:
        acknowledged.wait(30)
        time.sleep(random.Random(round_number).uniform(0, 0.3))
        own_server.kill()

    raised = in_threads(9, lambda number: work(number) if number else kill(number))
    assert len(raised) == 8
    assert all(isinstance(error, OSError | http.client.HTTPException) for error in raised), raised
    own_server.start()
    for uuid, data in records.items():
        assert read_one(own_server, uuid) == data
    for locator, data in blocks.items():
        assert own_server.request("GET", f"/{locator}").body == data
    assert own_server.stop() == 0
    with open_store(own_server.store) as store:
        assert list(store.verify()) == []


def test_a_term_signal_lets_a_request_finish(own_server: Server) -> None:
    data = b"half now, and half later"
    digest = hashlib.md5(data, usedforsecurity=False).hexdigest()
    head = f"PUT /{digest} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {own_server.token}\r\n"
    with socket.create_connection(("127.0.0.1", own_server.port), timeout=30) as link:
        link.sendall(f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data[:10])
        time.sleep(0.2)  # until the server has begun with it
        own_server.process.terminate()
        wait_until_refused(own_server.port)
        link.sendall(data[10:])
        assert link.recv(4096).startswith(b"HTTP/1.1 200 ")
    assert own_server.process.wait(30) == 0


def wait_until_refused(port: int) -> None:
    """Wait until the server takes no new connections."""
    for _ in range(300):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=30).close()
        except ConnectionRefusedError:
            return
        time.sleep(0.02)
    pytest.fail("the server goes on listening")


def test_two_writers_of_one_collection_do_not_undo_each_other(own_server: Server) -> None:
    uuid = own_server.api("POST", "collections", {"name": "shared"})["uuid"]
    locator = own_server.put(b"x")

    def work(number: int) -> None:
        body: dict[str, Any] = {
            "collection": {"manifest_text": f". {locator} 0:1:new\n"},
            "replace_files": {f"/{number}": "manifest_text/new"},
        }
        own_server.api("PUT", f"collections/{uuid}", body)

    assert in_threads(20, work) == []
    assert own_server.api("GET", f"collections/{uuid}")["file_count"] == 20


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of a process is read from /proc")
def test_memory_stays_flat_under_large_blocks(own_server: Server) -> None:
    data = bytes(1 << 26)

    def work(number: int) -> None:
        assert own_server.request("GET", f"/{own_server.put(data)}").status == 200

    assert in_threads(16, work) == []
    # 16 blocks come in, and 16 go out: 2 GiB.
    assert peak_of(own_server) < 250_000


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of a process is read from /proc")
def test_memory_stays_flat_under_slow_readers_of_files(own_server: Server) -> None:
    with ExitStack() as links:
        for number in range(8):
            locator = own_server.put(bytes([number]) * (1 << 26))
            made = own_server.api("POST", "collections", {"manifest_text": f". {locator} 0:{1 << 26}:large\n"})
            link = links.enter_context(socket.create_connection(("127.0.0.1", own_server.port), timeout=30))
            head = (
                f"GET /c/{made['uuid']}/large HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {own_server.token}\r\n\r\n"
            )
            link.sendall(head.encode())
            received = b""
            while len(received.partition(b"\r\n\r\n")[2]) < 1000:
                received += link.recv(1000)
            assert received.startswith(b"HTTP/1.1 200 ")
        # Eight blocks are half a gigabyte.
        assert peak_of(own_server) < 250_000


def peak_of(server: Server) -> int:
    """The most memory that the process has had, in KiB."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
