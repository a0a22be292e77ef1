"""`ResumableCollectionWriter`: from every state, another writer makes what the first would have made."""

from __future__ import annotations

import copy
import json
import os
import signal
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import keepset
import keepset.collection
from keepset import CollectionReader, ResumableCollectionWriter, errors, open_store
from memory_keep import MemoryKeep, StubApi
from noting_writer import Noting, play
from samples import SIGNATURE, A, E, locator
from small_blocks import small_blocks
from stores import process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

GOOD, EXPIRED = SIGNATURE + "7fffffff", SIGNATURE + "10000000"


def through_json(state: dict[str, Any]) -> dict[str, Any]:
    again: dict[str, Any] = json.loads(json.dumps(state))
    return again


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A file that is to be written."""
    (tmp_path / "a").write_bytes(b"aaa")
    return tmp_path / "a"


@pytest.fixture
def writer(keep: MemoryKeep) -> ResumableCollectionWriter:
    """A writer on the Keep of the test."""
    return ResumableCollectionWriter(StubApi(keep))


# From each state.


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """Files to be written: some long, some short, in several directories."""
    for path, size in [("long", 50), *[(f"tree/{name}", 7) for name in ("a", "b/x", "b/y", "b/z/x", "c", "d/empty/x")]]:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(f"{path} ".encode() * size)
    (tmp_path / "tree" / "b" / "nothing").touch()
    (tmp_path / "tree" / "d" / "\udcff").write_bytes(b"no text")
    return tmp_path


@pytest.mark.parametrize("size", [1 << 26, 100, 16])
def test_every_state_leads_to_the_same_manifest(top: Path, keep: MemoryKeep, size: int) -> None:
    keep.signature = GOOD
    with small_blocks(size):
        writer = Noting(StubApi(keep))
        writer.note()
        expected = play(writer, top)
        assert len(writer.states) > 8
        for state in writer.states:
            resumed = Noting.from_state(json.loads(state), StubApi(keep))
            assert play(resumed, top) == expected
            assert type(resumed.seen) is deque
            assert resumed.seen == writer.seen
            if resumed.states:
                assert resumed.states[-1] == writer.states[-1]


# Goes on from the state that the process before has left, if there was one, and is killed when it has left its own; a
# process that comes to the end prints the manifest.
KILLED = """
import json, os, signal, sys
from pathlib import Path
from noting_writer import Noting, play
from keepset import config, open_store
store, top, state = map(Path, sys.argv[1:])
os.chdir("/")

class Killed(Noting):
    def note(self):
        super().note()
        state.with_suffix(".new").write_text(self.states[-1])
        state.with_suffix(".new").replace(state)
        os.kill(os.getpid(), signal.SIGKILL)

config.KEEP_BLOCK_SIZE = 100
opened = open_store(store)
writer = Killed.from_state(json.loads(state.read_text()), opened) if state.exists() else Killed(opened)
print(play(writer, top), end="")
"""


def test_processes_that_are_killed_at_each_step_make_the_same(top: Path, tmp_path: Path) -> None:
    """Each takes up what the one before has left, comes one step further, and is killed."""
    steps, returncode = 0, -signal.SIGKILL
    while returncode == -signal.SIGKILL:
        with process(KILLED, tmp_path / "store", top, tmp_path / "state") as running:
            assert running.stdout is not None
            made = running.stdout.read()
            returncode = running.wait()
        steps += 1
    assert returncode == 0
    with small_blocks(100):
        writer = Noting(StubApi(MemoryKeep()))
        assert play(writer, top) == made
    assert steps == len(writer.states) + 1
    with open_store(tmp_path / "store") as store:
        reader = CollectionReader(made, store)
        assert reader.read_bytes("first") == (top / "long").read_bytes()
        assert reader.read_bytes("flat/b/z/x") == (top / "tree" / "b" / "z" / "x").read_bytes()


def test_a_state_keeps_what_is_not_in_a_block_without_its_bytes(
    source: Path, keep: MemoryKeep, writer: ResumableCollectionWriter
) -> None:
    writer.write_file(source)
    state = through_json(writer.dump_state())
    assert keep.puts == []
    assert "aaa" not in json.dumps(state).replace(str(source), "")
    resumed = ResumableCollectionWriter.from_state(state, StubApi(keep))
    source.unlink()
    assert resumed.manifest_text() == writer.manifest_text() == f". {A} 0:3:a\n"


def test_a_state_is_good_in_any_folder(
    top: Path, keep: MemoryKeep, writer: ResumableCollectionWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(top)
    writer.write_file("long")
    writer.write_directory_tree("tree", "tree")
    state = writer.dump_state()
    monkeypatch.chdir("/")
    resumed = ResumableCollectionWriter.from_state(state, StubApi(keep))
    assert resumed.manifest_text() == writer.manifest_text()


def test_a_state_stays_what_it_was(source: Path, keep: MemoryKeep, writer: ResumableCollectionWriter) -> None:
    writer.write_file(source, "first")
    writer.start_new_stream("d")
    state = writer.dump_state()
    before = through_json(state)
    for _ in range(2):
        resumed = ResumableCollectionWriter.from_state(state, StubApi(keep))
        resumed.write_file(source, "x")
        resumed.manifest_text()
    writer.write_file(source, "second")
    writer.manifest_text()
    assert through_json(state) == before


def test_the_copy_function_is_called_with_each_value(writer: ResumableCollectionWriter) -> None:
    state = writer.dump_state(lambda value: ("copied", value))
    assert {*writer.STATE_PROPS, "_current_file", "_queued_dirents", "_queued_trees"} == set(state)
    assert {copied for copied, _ in state.values()} == {"copied"}


def test_arguments_of_the_constructor_go_through(keep: MemoryKeep, writer: ResumableCollectionWriter) -> None:
    api = StubApi(keep)
    resumed = ResumableCollectionWriter.from_state(writer.dump_state(), api, num_retries=3, replication=5)
    assert (resumed._my_api(), resumed.num_retries, resumed.replication) == (api, 3, 5)


# What has no source.


def test_bytes_without_a_source_are_refused(writer: ResumableCollectionWriter) -> None:
    writer.start_new_file("a")
    with pytest.raises(errors.AssertionError, match="local files only"):
        writer.write(b"aaa")
    with pytest.raises(errors.AssertionError, match="local files only"), writer.open("b") as file:
        file.write(b"aaa")
    with pytest.raises(errors.AssertionError, match="paths only"), Path(os.devnull).open("rb") as file:
        writer.write_file(file)  # type: ignore[arg-type]
    assert writer.manifest_text() == f". {E} 0:0:a 0:0:b\n"


@pytest.mark.parametrize("source", [os.devnull, os.fsencode(os.devnull), Path(os.devnull)])
def test_what_is_no_regular_file_can_be_written_but_not_again(
    keep: MemoryKeep, writer: ResumableCollectionWriter, source: Any
) -> None:
    writer.write_file(source, "empty")
    with pytest.raises(errors.StaleWriterStateError, match="no regular file"):
        ResumableCollectionWriter.from_state(writer.dump_state(), StubApi(keep))
    assert writer.manifest_text() == f". {E} 0:0:empty\n"


# Stale states.


def remove(path: Path) -> None:
    path.unlink()


def touch(path: Path) -> None:
    os.utime(path, (0, 0))


def touch_a_little(path: Path) -> None:
    before = path.stat()
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))


def grow(path: Path) -> None:
    before = path.stat()
    path.write_bytes(b"aaaa")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replace_by_a_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("flush", [True, False])
@pytest.mark.parametrize("change", [remove, touch, touch_a_little, grow, replace_by_a_directory])
def test_a_source_is_not_what_it_was(
    source: Path, keep: MemoryKeep, writer: ResumableCollectionWriter, change: Callable[[Path], None], *, flush: bool
) -> None:
    writer.write_file(source)
    if flush:
        writer.flush_data()
    state = through_json(writer.dump_state())
    writer.check_dependencies()
    change(source)
    with pytest.raises(errors.StaleWriterStateError, match=str(source)):
        ResumableCollectionWriter.from_state(state, StubApi(keep))
    with pytest.raises(errors.StaleWriterStateError, match=str(source)):
        writer.check_dependencies()


def test_a_source_that_is_being_written_is_not_what_it_was(top: Path, keep: MemoryKeep) -> None:
    with small_blocks(16):
        writer = Noting(StubApi(keep))
        writer.write_file(top / "long")
    state = json.loads(writer.states[1])
    assert state["_current_file"] == [str(top / "long"), 32]
    touch(top / "long")
    with pytest.raises(errors.StaleWriterStateError, match="long"):
        Noting.from_state(state, StubApi(keep))


@pytest.mark.parametrize("finish", [True, False])
def test_a_signature_has_expired(
    source: Path, keep: MemoryKeep, writer: ResumableCollectionWriter, *, finish: bool
) -> None:
    keep.signature = EXPIRED
    writer.write_file(source)
    writer.flush_data()
    if finish:
        writer.finish_current_stream()
    with pytest.raises(errors.StaleWriterStateError, match="expired"):
        ResumableCollectionWriter.from_state(writer.dump_state(), StubApi(keep))


def test_a_locator_that_has_expired_is_put_into_a_state(keep: MemoryKeep, writer: ResumableCollectionWriter) -> None:
    state = writer.dump_state(copy.deepcopy)
    state["_current_stream_locators"].append("a" * 32 + "+1" + EXPIRED)
    with pytest.raises(errors.StaleWriterStateError, match="expired"):
        ResumableCollectionWriter.from_state(state, StubApi(keep))


class Refusing(MemoryKeep):
    """A Keep that answers as one does whose signatures another user's are no good for."""

    def head(self, locator: str, **options: object) -> bool:
        raise errors.NotFoundError(f"403 Forbidden: {locator}")


@pytest.mark.parametrize("other", [MemoryKeep, Refusing])
def test_h62_blocks_that_cannot_be_read_any_more(
    source: Path, writer: ResumableCollectionWriter, other: type[MemoryKeep]
) -> None:
    """H62: a cache of another user was trusted."""
    writer.write_file(source)
    writer.flush_data()
    with pytest.raises(errors.StaleWriterStateError, match=A[:32]):
        ResumableCollectionWriter.from_state(writer.dump_state(), StubApi(other()))


def broken() -> Iterator[Any]:
    yield from (None, [], {}, 1, "text", {"_current_file": None})
    whole = ResumableCollectionWriter().dump_state()
    for name in whole:
        yield {key: value for key, value in whole.items() if key != name}
    for name, value in [
        ("_current_stream_files", [[1]]),
        ("_current_stream_length", "x"),
        ("_finished_streams", [["d"]]),
        ("_current_stream_locators", ["x"]),
        ("_queued_trees", [1]),
        ("_current_file", "x"),
        ("_buffered_parts", [["nothing", 0, 1]]),
        ("_dependencies", {"a": []}),
    ]:
        yield whole | {name: value}


@pytest.mark.parametrize("state", list(broken()))
def test_what_is_no_state(keep: MemoryKeep, state: Any) -> None:
    with pytest.raises(errors.StaleWriterStateError):
        ResumableCollectionWriter.from_state(state, StubApi(keep))


def test_a_source_that_has_become_shorter_since_it_was_looked_at(
    source: Path, keep: MemoryKeep, writer: ResumableCollectionWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer.write_file(source)
    state = writer.dump_state()
    source.write_bytes(b"a")
    monkeypatch.setattr(ResumableCollectionWriter, "check_dependencies", lambda writer: None)
    with pytest.raises(errors.StaleWriterStateError, match="changed"):
        ResumableCollectionWriter.from_state(state, StubApi(keep))


def test_a_state_waits_for_uploads_and_tells_of_those_that_fail(
    source: Path, keep: MemoryKeep, writer: ResumableCollectionWriter
) -> None:
    def fail(data: bytes) -> None:
        raise errors.KeepWriteError("no space")

    keep.before_put = fail
    with small_blocks(3):
        writer.write_file(source)
    with pytest.raises(errors.KeepWriteError):
        writer.dump_state()
    keep.before_put = lambda data: None
    assert writer.dump_state()["_current_stream_locators"] == [locator(b"aaa")]


def test_it_is_found_where_people_look_for_it() -> None:
    assert keepset.collection.ResumableCollectionWriter is keepset.ResumableCollectionWriter
