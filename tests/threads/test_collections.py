"""Threads that share a collection or a record: no deadlock, no torn read, no update that is lost.

KEEPSET_SECONDS says how long the threads go on; it was 30 by hand.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import threading
import time
from random import Random
from typing import TYPE_CHECKING

import pytest

import keepset
from gate import PATIENCE, Gate
from keepset.collection import Collection
from memory_keep import MemoryKeep, random_delays
from small_blocks import small_blocks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SECONDS = float(os.environ.get("KEEPSET_SECONDS", "2"))
THREADS = 8
RECORD = 24


def record(number: int, turn: int) -> bytes:
    """Bytes of which any part shows who wrote them: a torn read is one whose halves do not fit."""
    return b"%03d%05d" % (number, turn % 100_000) * 3


class Workers:
    """Threads that share a collection until the time is over or one of them fails."""

    def __init__(self, collection: Collection) -> None:
        self.collection = collection
        self.failures: list[BaseException] = []
        self.end = time.monotonic() + SECONDS
        self.turns = [0] * THREADS

    def run(self, work: Callable[[Workers, int, Random, int], None]) -> None:
        """Let all threads do the work again and again."""
        threads = [threading.Thread(target=self._loop, args=(work, number), daemon=True) for number in range(THREADS)]
        faulthandler.dump_traceback_later(SECONDS + 25, exit=False)
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(timeout=SECONDS + 20)
            assert not [thread.name for thread in threads if thread.is_alive()], "a deadlock"
        finally:
            faulthandler.cancel_dump_traceback_later()
        if self.failures:
            raise self.failures[0]
        assert all(self.turns)

    def _loop(self, work: Callable[[Workers, int, Random, int], None], number: int) -> None:
        random = Random(number)
        try:
            while time.monotonic() < self.end and not self.failures:
                work(self, number, random, self.turns[number])
                self.turns[number] += 1
        except BaseException as failure:  # noqa: BLE001 - it is raised by the thread of the test
            self.failures.append(failure)


@contextlib.contextmanager
def shared(packing: bool) -> Iterator[Collection]:
    keep = MemoryKeep()
    keep.before_put = random_delays(0, longest=0.003)
    with small_blocks(200):
        collection = Collection(keep_client=keep, packing=packing, put_threads=3)
        yield collection
        fresh = Collection(collection.manifest_text(), keep_client=keep)
        for path, size in fresh.files():
            data = fresh.read_bytes(path)
            assert data == collection.read_bytes(path)
            assert len(data) == size
            if "shared" not in path:
                check(data)


def check(data: bytes) -> None:
    """Whether it is made of whole records."""
    assert len(data) % RECORD == 0
    for start in range(0, len(data), RECORD):
        whole = data[start : start + RECORD]
        assert whole == whole[:8] * 3, whole


def everything(workers: Workers, number: int, random: Random, turn: int) -> None:
    """Do one thing of many, mostly in a place that the other threads use as well."""
    collection = workers.collection
    place = f"d{random.randrange(3)}"
    name = f"{place}/{random.randrange(6)}"
    choice = random.randrange(12)
    # What is missing, there already, or a directory by now is nobody's fault: others work here, too.
    with contextlib.suppress(FileNotFoundError, FileExistsError, NotADirectoryError, IsADirectoryError):
        if choice < 3:
            with collection.open(f"own {number}", "ab") as file:
                file.write(record(number, turn))
            data = collection.read_bytes(f"own {number}")
            check(data)
            assert data[-RECORD:] == record(number, turn)
        elif choice < 5:
            with collection.open(name, "wb") as file:
                file.write(record(number, turn))
        elif choice == 5:
            with collection.open("shared", "r+b") as file:
                file.seek(random.randrange(5) * RECORD)
                file.write(record(number, turn))
        elif choice == 6:
            collection.rename(name, f"{place}/{random.randrange(6)}", overwrite=True)
        elif choice == 7:
            collection.copy(name, f"d{random.randrange(3)}/{random.randrange(6)}", overwrite=True)
        elif choice == 8:
            collection.remove(random.choice([name, place]), recursive=True)
        elif choice == 9:
            collection.save_new(create_collection_record=False)
        elif choice == 10:
            check(Collection(collection.manifest_text(), keep_client=collection._my_keep()).read_bytes(f"own {number}"))
        else:
            for item in collection.values():
                item.committed()
            assert collection.portable_data_hash()


@pytest.mark.timeout(SECONDS + 60)
@pytest.mark.parametrize("packing", [True, False], ids=["packing", "not packing"])
def test_eight_threads_write_read_move_and_save_one_collection(packing: bool) -> None:
    with shared(packing) as collection:
        collection.write_bytes("shared", b"".join(record(0, 0) for _ in range(5)))
        for number in range(THREADS):
            collection.write_bytes(f"own {number}", b"")
        Workers(collection).run(everything)


@pytest.mark.timeout(SECONDS + 60)
@pytest.mark.parametrize("packing", [True, False], ids=["packing", "not packing"])
def test_a_read_is_never_torn(packing: bool) -> None:
    """One record is written over again and again, by half of the threads, and read by the others."""

    def work(workers: Workers, number: int, random: Random, turn: int) -> None:
        if number % 2:
            check(bytes(workers.collection["d"]["f"].readfrom(0, RECORD, 0)))
            return
        with workers.collection.open("d/f", "r+b") as file:
            for _ in range(random.randrange(1, 4)):
                file.seek(0)
                file.write(record(number, turn))
            if random.random() < 0.2:
                file.flush()
        if random.random() < 0.05:
            workers.collection.manifest_text()

    with shared(packing) as collection:
        collection.write_bytes("d/f", record(0, 0))
        Workers(collection).run(work)


@pytest.mark.timeout(SECONDS + 60)
def test_two_collections_are_copied_and_moved_into_each_other() -> None:
    """Whoever locks two does it in one order."""
    keep = MemoryKeep()
    with small_blocks(100):
        pair = [Collection(keep_client=keep) for _ in range(2)]
        for collection in pair:
            for number in range(4):
                collection.write_bytes(f"{number}", record(number, 0))

        def work(workers: Workers, number: int, random: Random, turn: int) -> None:
            here, there = pair if number % 2 else pair[::-1]
            name = f"{random.randrange(4)}"
            with contextlib.suppress(FileNotFoundError, FileExistsError):
                if random.random() < 0.4:
                    here.rename(name, name, source_collection=there, overwrite=True)
                elif random.random() < 0.7:
                    here.copy(name, name, source_collection=there, overwrite=True)
                else:
                    here.write_bytes(name, record(number, turn))
                check(here.read_bytes(name))
            assert (here == there) in (True, False)  # takes both locks as well

        Workers(pair[0]).run(work)
        for collection in pair:
            fresh = Collection(collection.manifest_text(), keep_client=keep)
            for name in fresh:
                check(fresh.read_bytes(name))


def test_a_read_does_not_wait_for_an_upload() -> None:
    keep = MemoryKeep()
    collection = Collection(keep_client=keep)
    collection.write_bytes("f", b"data")
    saving = threading.Thread(target=collection.manifest_text)
    with Gate() as gate:
        keep.before_put = gate.pass_through
        saving.start()
        gate.await_somebody()
        assert collection.read_bytes("f") == b"data"
        with collection.open("f", "ab") as file:
            file.write(b" and more")
        collection.rename("f", "g")
        assert collection.read_bytes("g") == b"data and more"
    saving.join(PATIENCE)
    # What came meanwhile is simply not yet saved.
    assert not collection.committed()
    assert Collection(collection.manifest_text(), keep_client=keep).read_bytes("g") == b"data and more"


def test_of_two_who_save_at_once_neither_loses_anything(tmp_path: Path) -> None:
    """As for two processes, in `stateful/test_merging`: the plain name is the last one's, beside it is the other's."""
    with keepset.open_store(tmp_path) as store:
        collection = Collection(api_client=store)
        collection.write_bytes("f", b"0")
        collection.save_new("shared")
        uuid = collection.manifest_locator()
        seen: list[bytes] = []
        for turn in range(5):
            both = [Collection(uuid, api_client=store) for _ in range(2)]
            barrier = threading.Barrier(2)

            def save(one: Collection, content: bytes, barrier: threading.Barrier) -> None:
                one.write_bytes("f", content)
                barrier.wait(timeout=PATIENCE)
                one.save()

            contents = [b"%d one" % turn, b"%d other" % turn]
            pairs = zip(both, contents, strict=True)
            threads = [threading.Thread(target=save, args=(*pair, barrier)) for pair in pairs]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(timeout=PATIENCE)
            saved = Collection(uuid, api_client=store)
            last = saved.read_bytes("f")
            assert last in contents
            seen += [content for content in contents if content != last]
            conflicts = [name for name in saved if name.startswith("f~") and name.endswith("~conflict~")]
            assert sorted(map(saved.read_bytes, conflicts)) == sorted(seen)


def test_nobody_waits_for_the_uploads_of_a_writer() -> None:
    keep = MemoryKeep()
    with small_blocks(100):
        collection = Collection(keep_client=keep, put_threads=1)
        collection.write_bytes("f", b"data")
        # More than the pool takes: the writer waits.
        writing = threading.Thread(target=collection.write_bytes, args=("g", bytes(1000)))
        with Gate() as gate:
            keep.before_put = gate.pass_through
            writing.start()
            gate.await_somebody()
            assert collection.read_bytes("f") == b"data"
            collection.rename("f", "h")
        writing.join(PATIENCE)
        assert collection.read_bytes("g") == bytes(1000)
        collection.manifest_text()
