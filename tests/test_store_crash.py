"""Processes that are killed at any moment, and a garbage collection that runs beside them: no record loses a block."""

import hashlib
import random
import time
from pathlib import Path

import pytest

from keepset import Manifest
from keepset.errors import BlockDamagedError
from keepset.session import Store, open_store
from stores import kill, process, run

ROUNDS = 20
"""How many writers are killed in each test. 200 were by hand; docs/design.md says with what result."""

# Saves one record after another, each of a few blocks, changes it once or twice, and now and then trashes one. Every
# writer has blocks of its own, and stores each again and again. With a third argument, a block looks old before it is
# stored again, so that a garbage collection may be about to remove it.
WRITE = """
import itertools, os, random, sys
from keepset.errors import ApiError
from keepset.session import open_store
store = open_store(sys.argv[1])
seed = sys.argv[2]
randomness = random.Random(seed)
collections = store.collections()

def put():
    data = f"{seed} {randomness.randrange(40)} ".encode() * 1000
    locator = store.keep.put(data, copies=0)
    if len(sys.argv) > 3 and store.keep.exists(locator):
        try:
            os.utime(store.keep.path / locator[:3] / locator[:32], (1, 1))
        except FileNotFoundError:
            pass
    return store.keep.put(data)

def text():
    locators = [put() for _ in range(randomness.randrange(1, 4))]
    size = sum(int(locator.split("+")[1]) for locator in locators)
    return f". {' '.join(locators)} 0:{size}:file\\n"

def save(call, **attributes):
    try:
        made = call(**attributes).execute()
    except ApiError as error:
        assert "not in this store" in str(error)
        print("refused", "-", "-", flush=True)
        return None
    print("made", made["uuid"], made["portable_data_hash"], flush=True)
    return made["uuid"]

for number in itertools.count():
    uuid = save(collections.create, body={"name": f"{seed} {number}", "manifest_text": text()})
    for preserve in (False, True)[: randomness.randrange(3)]:
        if uuid:
            save(collections.update, uuid=uuid, body={"manifest_text": text(), "preserve_version": preserve})
    if uuid and number % 7 == 6:
        collections.delete(uuid=uuid).execute()
        print("trashed", uuid, "-", flush=True)
"""

COLLECT = """
import sys, time
from keepset.session import open_store
store = open_store(sys.argv[1])
print("ready", flush=True)
while True:
    store.gc(older_than=float(sys.argv[2]))
    time.sleep(0.001)
"""


def check(store: Store) -> int:
    """Every record, past version and trashed one can be read, to the byte; returns how many there are."""
    assert list(store.verify()) == []
    request = store.collections().list(
        select=["uuid", "manifest_text", "portable_data_hash", "file_size_total"],
        include_trash=True,
        include_old_versions=True,
        limit=1000,
    )
    reply = request.execute()
    for item in reply["items"]:
        manifest = Manifest.parse(item["manifest_text"], mode="strict")
        assert manifest.portable_data_hash == item["portable_data_hash"]
        assert manifest.data_size == item["file_size_total"]
        for block in manifest.blocks():
            data = store.keep.get(block)
            assert hashlib.md5(data).hexdigest() == block[:32]
    return int(reply["items_available"])


def check_what_was_said(store: Store, lines: list[str]) -> None:
    """What a writer has said is saved is saved; the last line may have been cut off."""
    last: dict[str, tuple[str, str]] = {}
    for line in lines:
        done, uuid, portable_data_hash = line.split()
        last[uuid] = (done, portable_data_hash)
    for uuid, (done, portable_data_hash) in last.items():
        record = store.collections().get(uuid=uuid, include_trash=True).execute()
        if done == "trashed":
            assert record["is_trashed"]
        elif uuid != lines[-1].split()[1]:  # else it may have been changed again before the writer died
            assert record["portable_data_hash"] == portable_data_hash


def write_and_kill(store: Store, seed: int, randomness: random.Random) -> None:
    with process(WRITE, store.path, seed) as writer:
        assert writer.stdout is not None
        said = writer.stdout.readline()
        time.sleep(randomness.random() * 0.15)
        kill(writer)
        said += writer.stdout.read()
    lines = said.splitlines(keepends=True)
    check_what_was_said(store, [line for line in lines if line.endswith("\n")])


@pytest.mark.timeout(600)
def test_a_writer_that_is_killed_leaves_nothing_wrong(tmp_path: Path) -> None:
    randomness = random.Random(7)
    with open_store(tmp_path / "store") as store:
        for turn in range(ROUNDS):
            write_and_kill(store, turn, randomness)
            assert list(store.verify()) == []
        assert check(store) >= ROUNDS
    with open_store(tmp_path / "store") as store:  # by somebody who opens it for the first time
        assert check(store) >= ROUNDS


@pytest.mark.timeout(600)
def test_writers_and_collectors_that_are_killed(tmp_path: Path) -> None:
    """The collection removes whatever no record names, however young: a save may fail then, but none goes wrong."""
    randomness = random.Random(9)
    with open_store(tmp_path / "store") as store:
        for turn in range(ROUNDS):
            with process(COLLECT, store.path, 0) as collector, process(WRITE, store.path, turn) as writer:
                time.sleep(0.2 + randomness.random() * 0.2)
                for victim in randomness.sample([collector, writer], 2):
                    kill(victim)
            assert list(store.verify()) == []
        assert check(store) > 0


def test_gc_beside_writers_loses_nothing(tmp_path: Path) -> None:
    with open_store(tmp_path / "store") as store:
        with (
            process(COLLECT, store.path, 3600) as collector,
            process(WRITE, store.path, 1, "old") as one,
            process(WRITE, store.path, 2, "old") as two,
        ):
            time.sleep(2.5)
            assert [running.poll() for running in (collector, one, two)] == [None] * 3
            for running in (collector, one, two):
                kill(running)
            assert one.stdout is not None
            said = one.stdout.read().splitlines()
        assert len(said) > 10
        assert not [line for line in said if line.startswith("refused")]
        assert check(store) > 10


APPEND = """
import sys
from keepset import Manifest
from keepset.errors import ConflictError
from keepset.session import open_store
store = open_store(sys.argv[1])
for number in range(15):
    block = store.keep.put(sys.argv[3].encode() + b"%d" % number)
    while True:
        record = store.collections().get(uuid=sys.argv[2]).execute()
        line = f". {block} 0:{block.split('+')[1]}:{sys.argv[3]}{number}\\n"
        try:
            body = {"manifest_text": record["manifest_text"] + line}
            store.collections().update(uuid=sys.argv[2], body=body, if_match=record["etag"]).execute()
            break
        except ConflictError:
            pass
"""


def test_processes_that_save_one_collection_lose_no_file(tmp_path: Path) -> None:
    with open_store(tmp_path / "store") as store:
        uuid = store.collections().create(body={"name": "shared"}).execute()["uuid"]
        run(*[(APPEND, store.path, uuid, name) for name in "abc"])
        record = store.collections().get(uuid=uuid).execute()
        files = {path for path, _ in Manifest.parse(record["manifest_text"]).files()}
        assert files == {f"{name}{number}" for name in "abc" for number in range(15)}
        check(store)


def test_damage_to_one_block_leaves_the_rest_readable(tmp_path: Path) -> None:
    with open_store(tmp_path / "store") as store:
        good, bad = store.keep.put(b"good"), store.keep.put(b"bad!")
        text = f". {good} {bad} 0:4:good 4:4:bad\n"
        uuid = store.collections().create(body={"manifest_text": text}).execute()["uuid"]
        next(store.keep.path.rglob(bad[:32])).write_bytes(b"bad?")
        assert store.collections().get(uuid=uuid).execute()["manifest_text"] == text
        assert store.keep.get(good) == b"good"
        with pytest.raises(BlockDamagedError):
            store.keep.get(bad)
        (problem,) = store.verify()
        assert (problem.locator, problem.uuids) == (bad, (uuid,))
