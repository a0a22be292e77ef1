"""Stores: blocks and records together; which one is used when nobody says; verify and gc."""

import logging
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import pytest

import keepset
from keepset import config, errors, session
from keepset.catalog.base import Catalog
from keepset.keep.flat import FlatKeep
from keepset.keep.local import SAFETY_AGE, Collected, LocalKeep
from keepset.session import Store, default_session, open_store
from samples import A, B, C, locator
from stores import WEEK, make_old, save, text_of

NOTHING = Collected([], 0)

# Python 3.12 and later warn of a fork beside threads; those of another test's client may still be there.
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing is configured, and the user's data are in a folder of the test's."""
    for name in ["ARVADOS_API_HOST", "ARVADOS_API_TOKEN", "KEEP_LOCAL_STORE", "KEEPSET_STORE"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    config._settings = None
    session._warned.clear()
    yield
    config._settings = None
    for store in session._stores.values():
        store.close()
    session._stores.clear()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "store") as store:
        yield store


def blocks(store: Store) -> set[str]:
    return {entry.locator for entry in store.keep.index()}


def all_old(store: Store) -> None:
    for path in store.keep.path.rglob("?" * 32):
        make_old(path)


def test_a_store_is_a_folder(store: Store, tmp_path: Path) -> None:
    made = save(store, b"aaa", name="one")
    assert {path.name for path in store.path.iterdir()} >= {"blocks", "catalog.sqlite"}
    assert isinstance(store.keep, LocalKeep)
    assert store.keep.path == tmp_path / "store" / "blocks"
    assert isinstance(store, Catalog)
    assert store.collections().get(uuid=str(made["uuid"])).execute() == made
    assert str(tmp_path) in repr(store)
    assert store.path.stat().st_mode & 0o777 == 0o700


def test_what_is_saved_is_there_when_it_is_opened_again(tmp_path: Path) -> None:
    with keepset.open_store(tmp_path / "store") as store:
        made = save(store, b"aaa")
    assert store.closed
    assert "closed" in repr(store)
    with pytest.raises(errors.StoreClosedError):
        store.collections().list().execute()
    with keepset.open_store(str(tmp_path / "store")) as store:
        assert store.collections().get(uuid=str(made["uuid"])).execute() == made
        assert store.keep.get(A) == b"aaa"


def test_a_record_needs_its_blocks(store: Store) -> None:
    with pytest.raises(errors.ApiError, match="not in this store"):
        store.collections().create(body={"manifest_text": text_of(b"aaa")}).execute()
    store.keep.put(b"aaa")
    with pytest.raises(errors.ApiError, match="not in this store"):  # of another size
        store.collections().create(body={"manifest_text": f". {A[:32]}+4 0:4:a\n"}).execute()
    store.collections().create(body={"manifest_text": text_of(b"aaa")}).execute()
    store.collections().create(body={"manifest_text": ". d41d8cd98f00b204e9800998ecf8427e+0 0:0:e\n"}).execute()


def test_gc_removes_what_no_record_names(store: Store) -> None:
    save(store, b"aaa")
    store.keep.put(b"bbb")
    assert store.gc() == NOTHING  # it is young
    all_old(store)
    assert store.gc(older_than=5 * WEEK) == NOTHING
    assert store.gc(dry_run=True) == store.gc() == Collected([B], 3)
    assert blocks(store) == {A}
    assert list(store.verify()) == []
    assert SAFETY_AGE == 2 * WEEK


def test_gc_keeps_what_past_versions_and_the_trash_name(store: Store) -> None:
    made = save(store, b"aaa", preserve_version=True)
    store.keep.put(b"bbb")
    store.collections().update(uuid=str(made["uuid"]), body={"manifest_text": text_of(b"bbb")}).execute()
    trashed = save(store, b"ccccc")
    store.collections().delete(uuid=str(trashed["uuid"])).execute()
    all_old(store)
    assert store.gc() == NOTHING
    assert blocks(store) == {A, B, C}


def test_gc_deletes_what_has_been_in_the_trash_long_enough(store: Store) -> None:
    gone = save(store, b"aaa")
    save(store, b"bbb")
    store.collections().delete(uuid=str(gone["uuid"])).execute()
    all_old(store)
    with store.catalog.database.write() as connection:  # time passes
        connection.execute("UPDATE collections SET delete_at = trash_at")
    assert store.gc(dry_run=True) == Collected([A], 3)
    assert blocks(store) == {A, B}
    assert store.gc() == Collected([A], 3)
    with store.catalog.database.read() as connection:
        assert connection.execute("SELECT count(*) FROM manifests").fetchone() == (1,)


def test_gc_forgets_what_was_overwritten_too_soon_to_be_kept(store: Store) -> None:
    made = save(store, b"aaa")
    store.keep.put(b"bbb")
    store.collections().update(uuid=str(made["uuid"]), body={"manifest_text": text_of(b"bbb")}).execute()
    all_old(store)
    assert store.gc() == Collected([A], 3)
    assert list(store.verify()) == []


def test_verify_finds_everything_at_once(store: Store) -> None:
    uuids = {data: str(save(store, data)["uuid"]) for data in (b"aaa", b"bbb", b"ccccc")}
    also = str(save(store, b"aaa")["uuid"])
    store.keep.put(b"unused")
    assert list(store.verify()) == []
    for data, damage in ((b"aaa", b"aaq"), (b"bbb", b"b"), (b"unused", b"")):
        next(store.keep.path.rglob(locator(data)[:32])).write_bytes(damage)
    next(store.keep.path.rglob(C[:32])).unlink()
    seen: list[tuple[int, int, str]] = []
    problems = {problem.locator[:32]: problem for problem in store.verify(lambda *progress: seen.append(progress))}
    assert {digest: problem.code for digest, problem in problems.items()} == {
        A[:32]: "block-damaged",
        B[:32]: "block-damaged",
        C[:32]: "block-missing",
        locator(b"unused")[:32]: "block-damaged",
    }
    assert problems[A[:32]].uuids == (uuids[b"aaa"], also)
    assert problems[C[:32]].uuids == (uuids[b"ccccc"],)
    assert problems[locator(b"unused")[:32]].uuids == ()
    assert len(seen) == 3


def test_verify_finds_a_damaged_catalog(store: Store) -> None:
    save(store, b"aaa")
    with store.catalog.database._connection() as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute("UPDATE collections SET manifest_id = 99")
    assert [problem.code for problem in store.verify()] == ["catalog-damaged"]


def test_a_keep_local_store_has_its_catalog_beside_its_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEEP_LOCAL_STORE", str(tmp_path))
    monkeypatch.setenv("KEEPSET_STORE", str(tmp_path / "other"))
    with open_store() as store:
        assert isinstance(store.keep, FlatKeep)
        made = save(store, b"aaa")
        assert {A[:32], "catalog.sqlite"} <= {path.name for path in tmp_path.iterdir()}
        assert list(store.verify()) == []
    with open_store(tmp_path) as store:  # the same, by its path
        assert isinstance(store.keep, FlatKeep)
        assert store.collections().get(uuid=str(made["uuid"])).execute() == made
    assert not (tmp_path / "other").exists()
    monkeypatch.setenv("KEEP_LOCAL_STORE", "")  # as if it were not set
    with open_store() as store:
        assert store.path == tmp_path / "other"


def test_gc_never_deletes_a_block_of_a_keep_local_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("KEEP_LOCAL_STORE", str(tmp_path))
    with open_store() as store:
        store.keep.put(b"aaa")
        make_old(tmp_path / A[:32])
        with caplog.at_level(logging.WARNING, "keepset"):
            assert store.gc(older_than=0) == store.gc(older_than=0, dry_run=True) == NOTHING
        assert "KEEP_LOCAL_STORE" in caplog.text
        assert store.keep.get(A) == b"aaa"


def test_a_store_is_no_keep_local_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_store(tmp_path / "store").close()
    monkeypatch.setenv("KEEP_LOCAL_STORE", str(tmp_path / "store"))
    with pytest.raises(errors.StoreError, match="KEEPSET_STORE"):
        open_store()
    monkeypatch.setenv("KEEP_LOCAL_STORE", str(tmp_path / "nosuch"))
    with pytest.raises(errors.StoreError, match="exists"):
        default_session()


def test_the_usual_store_is_announced_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "keepset"):
        store = default_session()
        assert default_session() is store
        store.close()
        assert default_session() is not store
    assert store.path == tmp_path / "data" / "keepset"
    assert [str(store.path) in record.getMessage() for record in caplog.records] == [True]


def test_a_store_that_was_chosen_is_not_announced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("KEEPSET_STORE", str(tmp_path / "chosen"))
    monkeypatch.chdir(tmp_path)
    with caplog.at_level(logging.WARNING, "keepset"):
        assert default_session().path == tmp_path / "chosen"
        monkeypatch.setenv("KEEPSET_STORE", "chosen")
        assert default_session().path == tmp_path / "chosen"
        monkeypatch.delenv("KEEPSET_STORE")
        open_store().close()
    assert not caplog.records


@pytest.mark.parametrize("local", [False, True])
def test_a_cluster_is_not_silently_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, local: bool) -> None:
    if local:
        monkeypatch.setenv("KEEP_LOCAL_STORE", str(tmp_path))
    monkeypatch.setenv("KEEPSET_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("ARVADOS_API_HOST", "zzzzz.example")
    with pytest.raises(ValueError, match="ARVADOS_API_TOKEN is not"):
        default_session()
    monkeypatch.setenv("ARVADOS_API_TOKEN", "secret")
    config.initialize()
    monkeypatch.setattr("keepset.session._clients", {})
    make = Mock()
    monkeypatch.setattr("keepset.api.api", make)
    assert default_session() is default_session() is make.return_value
    make.assert_called_once_with("v1", host="zzzzz.example", token="secret", insecure=False)
    with open_store() as store:  # whoever asks for a local store gets one
        assert store.path == (tmp_path if local else tmp_path / "store")


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(errors.StoreError, match="cannot make a store"):
        open_store(tmp_path / "file" / "store")


def test_the_default_session_survives_a_fork(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEEPSET_STORE", str(tmp_path / "store"))
    store = default_session()
    save(store, b"aaa")
    child = os.fork()
    if child == 0:
        status = 1
        try:
            assert default_session() is store
            save(default_session(), b"bbb")
            status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert store.collections().list().execute()["items_available"] == 2
    assert list(store.verify()) == []


def test_what_a_store_needs_is_loaded_when_it_is_opened(tmp_path: Path) -> None:
    script = (
        "import sys, keepset, keepset.session\n"
        "assert not {'sqlite3', 'platformdirs', 'urllib3', 'typer', 'rich'} & set(sys.modules)\n"
        "keepset.open_store(sys.argv[1])\n"  # never closed, and nothing complains of it
        "assert 'sqlite3' in sys.modules\n"
    )
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", script, str(tmp_path / "store")],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "KEEPSET_ALLOW_DEBUG": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")


def test_the_official_client_reads_the_blocks_of_a_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        keep = pytest.importorskip("arvados.keep")
        collection = pytest.importorskip("arvados.collection")
    monkeypatch.setenv("KEEP_LOCAL_STORE", str(tmp_path))
    with open_store() as store:
        made = save(store, b"0123456789")
        theirs = keep.KeepClient(local_store=str(tmp_path))
        api = SimpleNamespace(_rootDesc={}, keep=theirs)
        reader = collection.CollectionReader(made["manifest_text"], api_client=api, keep_client=theirs)
        with reader.open("file", "rb") as file:
            assert file.read() == b"0123456789"
