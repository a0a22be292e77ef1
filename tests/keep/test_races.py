"""Several processes on one folder: many that put, one that collects, and some that are killed."""

import os
import random
import threading
import time
from pathlib import Path

import pytest

from keepset.keep import _files
from keepset.keep.local import LocalKeep
from samples import locator
from stores import kill, make_old, process, run

ROUNDS = 20
"""How many writers are killed; 200 was run by hand, see docs/design.md."""

PUT_SAME = """
import sys
from keepset.keep.local import LocalKeep
keep = LocalKeep(sys.argv[1])
for turn in range(40):
    for number in range(5):
        keep.put(b'%d' % number * 1000)
        keep.get(keep.put(b'%d' % number * 1000))
"""

# Blocks of a known content, so that whoever finds one can tell whether it is right.
PUT_UNTIL_KILLED = """
import itertools, sys
from keepset.keep.local import LocalKeep
keep = LocalKeep(sys.argv[1])
for number in itertools.count(int(sys.argv[2])):
    block = keep.put(b'%d' % (number % 1000) * 20_000)
    print(block, flush=True)
"""

COLLECT = """
import sys
from keepset.keep.local import LocalKeep
keep = LocalKeep(sys.argv[1])
print('ready', flush=True)
while True:
    keep.collect(lambda digest: False, older_than=float(sys.argv[2]))
"""


def test_processes_that_store_the_same_blocks(tmp_path: Path) -> None:
    run(*[(PUT_SAME, tmp_path)] * 4)
    keep = LocalKeep(tmp_path)
    assert [entry.locator for entry in keep.index()] == sorted(locator(b"%d" % number * 1000) for number in range(5))
    assert list(keep.verify()) == []
    assert not list(tmp_path.rglob("tmp*"))


def test_threads_that_store_the_same_blocks(tmp_path: Path) -> None:
    keep = LocalKeep(tmp_path)
    barrier = threading.Barrier(8)
    failures: list[BaseException] = []

    def put() -> None:
        barrier.wait()
        try:
            for number in range(30):
                assert keep.get(keep.put(b"%d" % (number % 3))) == b"%d" % (number % 3)
        except BaseException as error:
            failures.append(error)
            raise

    threads = [threading.Thread(target=put) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert list(keep.verify()) == []


@pytest.mark.timeout(300)
def test_a_writer_that_is_killed_leaves_whole_blocks(tmp_path: Path) -> None:
    """What it has said is stored is there; what it was doing is there whole or not at all."""
    keep = LocalKeep(tmp_path)
    randomness = random.Random(5)
    for turn in range(ROUNDS):
        with process(PUT_UNTIL_KILLED, tmp_path, turn * 7) as writer:
            assert writer.stdout is not None
            said = [writer.stdout.readline().strip()]
            time.sleep(randomness.random() * 0.1)
            kill(writer)
            said += writer.stdout.read().splitlines()
        for block in said[:-1] if len(said[-1]) < 34 else said:
            assert keep.head(block)
    assert list(keep.verify()) == []
    for path in tmp_path.rglob("tmp*"):
        make_old(path)
    keep.collect(lambda digest: True)
    assert not list(tmp_path.rglob("tmp*"))


def test_a_put_beside_a_collection_ends_with_the_block_there(tmp_path: Path) -> None:
    """The block is old and unused when the put begins, so that the collection may remove it at any moment."""
    keep = LocalKeep(tmp_path)
    path = tmp_path / locator(b"contested")[:3] / locator(b"contested")[:32]
    with process(COLLECT, tmp_path, 3600) as collector:
        assert collector.stdout is not None
        assert collector.stdout.readline() == "ready\n"
        removed = 0
        for _ in range(300):
            block = keep.put(b"contested")
            assert keep.get(block) == b"contested"
            make_old(path)  # from here on it may be removed
            if random.random() < 0.5:
                time.sleep(random.random() * 0.002)
            removed += not path.exists()
        assert removed  # else the test has shown nothing
        assert collector.poll() is None
    assert list(keep.verify()) == []


def test_a_block_that_appears_and_is_about_to_be_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look and the naming another process stores the block, and a third, which collects, locks it."""
    keep = LocalKeep(tmp_path)
    path = tmp_path / locator(b"x")[:3] / locator(b"x")[:32]
    held, stored = threading.Event(), threading.Event()

    def remove() -> None:
        with _files.locked(path):
            held.set()
            stored.wait(0.3)  # the put must not be over while we hold the lock; it is given the time to try
            path.unlink()

    collector = threading.Thread(target=remove)
    real = os.fsync

    def fsync(descriptor: int) -> None:
        monkeypatch.setattr(os, "fsync", real)
        path.write_bytes(b"x")
        collector.start()
        held.wait()
        real(descriptor)

    keep._make_folder(path.parent)
    monkeypatch.setattr(os, "fsync", fsync)
    keep.put(b"x")
    stored.set()
    collector.join()
    assert keep.get(locator(b"x")) == b"x"
