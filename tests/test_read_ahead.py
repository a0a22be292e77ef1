"""Blocks are fetched before a sequential reader asks for them, in stream order, and none for anybody else."""

from __future__ import annotations

import os
import threading
from collections import defaultdict
from typing import TYPE_CHECKING

import pytest

from keepset import _fetching
from keepset.collection import Collection
from keepset.errors import KeepReadError
from memory_keep import MemoryKeep
from samples import locator

if TYPE_CHECKING:
    from keepset.arvfile import ArvadosFile

pytestmark = pytest.mark.usefixtures("slow_keep")

PATIENCE = 30
BLOCKS = [bytes([number]) * 10 for number in range(65, 75)]
LOCATORS = [locator(block) for block in BLOCKS]
ONE_FILE = f". {' '.join(LOCATORS)} 0:100:file\n"


class WatchedKeep(MemoryKeep):
    """Tells when somebody has begun to fetch a block, and lets it wait if a test says so."""

    def __init__(self) -> None:
        super().__init__(BLOCKS)
        self.begun: defaultdict[str, threading.Event] = defaultdict(threading.Event)
        self.gates: dict[str, threading.Event] = {}
        self.running = self.most_running = 0
        self._count = threading.Lock()

    def get(self, locator: str, **options: object) -> bytes:
        with self._count:
            self.running += 1
            self.most_running = max(self.running, self.most_running)
        self.begun[locator].set()
        try:
            if gate := self.gates.get(locator):
                assert gate.wait(PATIENCE)
            return super().get(locator, **options)
        finally:
            with self._count:
                self.running -= 1

    def has_begun(self, *numbers: int) -> bool:
        """Wait until blocks are being fetched."""
        return all(self.begun[LOCATORS[number]].wait(PATIENCE) for number in numbers)

    def fetched(self) -> list[int]:
        """Which blocks were asked for."""
        return sorted(number for number, name in enumerate(LOCATORS) if self.begun[name].is_set())


@pytest.fixture
def slow_keep(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes any Keep count as one that is worth a thread."""
    monkeypatch.setattr(_fetching, "_WORTH_A_THREAD", 0.0)


@pytest.fixture
def keep() -> WatchedKeep:
    return WatchedKeep()


def file_of(keep: WatchedKeep, text: str = ONE_FILE, get_threads: int | None = None) -> ArvadosFile:
    file: ArvadosFile = Collection(text, keep_client=keep, get_threads=get_threads)["file"]
    return file


def settle(file: ArvadosFile) -> None:
    """Wait for what is being fetched."""
    file.parent.root_collection().stop_threads()


def test_the_blocks_behind_a_sequential_reader_are_fetched(keep: WatchedKeep) -> None:
    file = file_of(keep)
    assert file.readfrom(0, 5) == b"AAAAA"
    assert keep.fetched() == [0]
    assert file.readfrom(5, 5) == b"AAAAA"
    assert keep.has_begun(1, 2)
    assert file.readfrom(10, 5) == b"BBBBB"
    assert keep.has_begun(3)
    settle(file)
    assert keep.fetched() == [0, 1, 2, 3]


@pytest.mark.parametrize("size", [1, 3, 10, 25, 100])
def test_each_block_is_fetched_once(keep: WatchedKeep, size: int) -> None:
    file = file_of(keep)
    parts = [file.readfrom(start, size) for start in range(0, 100, size)]
    assert b"".join(parts) == b"".join(BLOCKS)
    settle(file)
    assert set(keep.gets.values()) == {1}
    assert len(keep.gets) == 10


def test_a_reader_with_a_buffer_reads_ahead() -> None:
    blocks = [os.urandom(100_000) for _ in range(4)]
    keep = MemoryKeep(blocks)
    begun: defaultdict[str, threading.Event] = defaultdict(threading.Event)
    keep.before_get = lambda name: begun[name].set()
    text = f". {' '.join(map(locator, blocks))} 0:400000:file\n"
    with Collection(text, keep_client=keep) as collection, collection.open("file", "rb") as file:
        parts = []
        while file.tell() < 100_000:
            parts.append(file.read(777))
        assert begun[locator(blocks[2])].wait(PATIENCE)
        parts += file.readall()
    assert b"".join(parts) == b"".join(blocks)
    assert set(keep.gets.values()) == {1}


def test_one_large_read_fetches_its_blocks_side_by_side(keep: WatchedKeep) -> None:
    file = file_of(keep)
    keep.gates[LOCATORS[0]] = threading.Event()
    data: list[bytes | memoryview] = []
    reader = threading.Thread(target=lambda: data.append(file.readfrom(0, 100)))
    reader.start()
    assert keep.has_begun(0, 1, 2)
    assert keep.fetched() == [0, 1, 2]
    keep.gates[LOCATORS[0]].set()
    reader.join(PATIENCE)
    assert data == [b"".join(BLOCKS)]


def test_reading_ahead_crosses_files_of_a_stream(keep: WatchedKeep) -> None:
    tokens = "0:10:a 10:0:empty 10:5:b 15:10:c 25:5:d 30:70:e"
    collection = Collection(f". {' '.join(LOCATORS)} {tokens}\n", keep_client=keep)
    assert collection["a"].readfrom(0, 10) == b"AAAAAAAAAA"
    assert collection["b"].readfrom(0, 5) == b"BBBBB"
    assert keep.has_begun(2, 3)
    assert collection["c"].readfrom(0, 10) == b"BBBBBCCCCC"
    assert keep.has_begun(4)
    collection.stop_threads()
    assert keep.fetched() == [0, 1, 2, 3, 4]


def test_small_files_of_a_block_fetch_the_next_one(keep: WatchedKeep) -> None:
    tokens = " ".join(f"{start}:1:{start:03}" for start in range(100))
    collection = Collection(f". {' '.join(LOCATORS)} {tokens}\n", keep_client=keep)
    for number in range(2):
        collection[f"{number:03}"].readfrom(0, 1)
    assert keep.has_begun(1, 2)
    data = [collection[f"{number:03}"].readfrom(0, 1) for number in range(2, 100)]
    collection.stop_threads()
    assert b"AA" + b"".join(map(bytes, data)) == b"".join(BLOCKS)
    assert set(keep.gets.values()) == {1}


def test_reading_ahead_ends_with_the_stream(keep: WatchedKeep) -> None:
    text = f"./a {LOCATORS[0]} {LOCATORS[1]} 0:20:a\n./b {LOCATORS[2]} 0:10:b\n"
    collection = Collection(text, keep_client=keep)
    file = collection.find("a/a")
    for start in range(0, 20, 5):
        file.readfrom(start, 5)
    collection.stop_threads()
    assert keep.fetched() == [0, 1]


@pytest.mark.parametrize("starts", [[90, 80, 70, 60, 50], [0, 20, 40, 60, 80], [50, 0, 90, 20, 70], [0, 0, 0]], ids=str)
def test_random_access_fetches_nothing_else(keep: WatchedKeep, starts: list[int]) -> None:
    file = file_of(keep)
    for start in starts:
        assert file.readfrom(start, 4) == BLOCKS[start // 10][:4]
    settle(file)
    assert keep.fetched() == sorted({start // 10 for start in starts})


def test_small_reads_here_and_there_fetch_nothing_else(keep: WatchedKeep) -> None:
    file = file_of(keep)
    with file.parent.open("file", "rb") as reader:
        for start in (70, 10, 40, 10):
            reader.seek(start)
            assert reader.read(3) == BLOCKS[start // 10][:3]
    settle(file)
    assert keep.fetched() == [1, 4, 7]


@pytest.mark.parametrize("threads", [1, 3, 5])
def test_get_threads_bounds_what_is_fetched_ahead(keep: WatchedKeep, threads: int) -> None:
    file = file_of(keep, get_threads=threads)
    gates = {name: threading.Event() for name in LOCATORS[1:]}
    keep.gates.update(gates)
    for start in (0, 2, 4, 6, 8):
        file.readfrom(start, 2)
    assert keep.has_begun(*range(1, threads + 1))
    assert keep.fetched() == list(range(threads + 1))
    for gate in gates.values():
        gate.set()
    settle(file)
    assert keep.fetched() == list(range(threads + 1))
    assert keep.most_running == threads


def test_no_get_threads_fetch_nothing_ahead(keep: WatchedKeep) -> None:
    file = file_of(keep, get_threads=0)
    threads = threading.active_count()
    assert b"".join(file.readfrom(start, 5) for start in range(0, 50, 5)) == b"".join(BLOCKS[:5])
    assert keep.fetched() == [0, 1, 2, 3, 4]
    assert threading.active_count() == threads


@pytest.mark.parametrize("threads", [0, 1])
def test_the_keep_client_says_how_many_if_nobody_else_does(keep: WatchedKeep, threads: int) -> None:
    keep.num_prefetch_threads = threads
    file = file_of(keep)
    for start in (0, 5):
        file.readfrom(start, 5)
    assert keep.has_begun(*range(threads + 1))
    settle(file)
    assert keep.fetched() == list(range(threads + 1))


def test_a_block_that_could_not_be_fetched_ahead_is_asked_for_again(keep: WatchedKeep) -> None:
    file = file_of(keep)
    failing = {LOCATORS[1]}

    def fail_once(name: str) -> None:
        if name in failing:
            failing.remove(name)
            raise KeepReadError("not now")

    keep.before_get = fail_once
    assert b"".join(file.readfrom(start, 5) for start in range(0, 100, 5)) == b"".join(BLOCKS)
    assert not failing


def test_a_block_that_cannot_be_read_is_an_error_for_who_needs_it(keep: WatchedKeep) -> None:
    file = file_of(keep)

    def fail(name: str) -> None:
        if name == LOCATORS[2]:
            raise KeepReadError("never")

    keep.before_get = fail
    assert b"".join(file.readfrom(start, 5) for start in range(0, 20, 5)) == b"".join(BLOCKS[:2])
    with pytest.raises(KeepReadError, match="never"):
        file.readfrom(20, 5)


def test_what_nobody_came_for_makes_room() -> None:
    blocks = [bytes([number]) * 10 for number in range(40)]
    keep = MemoryKeep(blocks)
    begun: defaultdict[str, threading.Event] = defaultdict(threading.Event)
    keep.before_get = lambda name: begun[name].set()
    names = [locator(block) for block in blocks]
    with Collection(f". {' '.join(names)} 0:400:file\n", keep_client=keep, get_threads=1) as collection:
        file = collection["file"]
        file.readfrom(300, 2)
        file.readfrom(302, 2)
        assert begun[names[31]].wait(PATIENCE)
        for start in range(0, 200, 5):  # the only place is taken, for some time
            file.readfrom(start, 5)
        assert begun[names[20]].wait(PATIENCE)


def test_files_that_are_being_written_are_read_ahead_as_far_as_they_are_stored(keep: WatchedKeep) -> None:
    collection = Collection(ONE_FILE, keep_client=keep)
    file = collection["file"]
    file.writeto(15, b"new")
    data = b"".join(file.readfrom(start, 5) for start in range(0, 100, 5))
    expected = bytearray(b"".join(BLOCKS))
    expected[15:18] = b"new"
    assert data == bytes(expected)
    collection.stop_threads()
    assert all(count <= 2 for count in keep.gets.values())
    collection.manifest_text()


def test_a_keep_that_answers_at_once_is_asked_by_the_reader_itself(
    keep: WatchedKeep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_fetching, "_WORTH_A_THREAD", PATIENCE)
    file = file_of(keep)
    assert b"".join(file.readfrom(start, 5) for start in range(0, 50, 5)) == b"".join(BLOCKS[:5])
    settle(file)
    assert keep.fetched() == [0, 1, 2, 3, 4]


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_fetches_for_itself(keep: WatchedKeep) -> None:
    file = file_of(keep)
    gate = keep.gates[LOCATORS[1]] = threading.Event()
    file.readfrom(0, 5)
    file.readfrom(5, 5)
    assert keep.has_begun(1)
    child = os.fork()
    if child == 0:
        keep.gates.clear()
        os._exit(file.readfrom(10, 10) != BLOCKS[1])
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    gate.set()
    assert file.readfrom(10, 10) == BLOCKS[1]
    settle(file)
