"""The database itself: its schema, and disks, processes and forks that make trouble."""

import errno
import gc
import os
import sqlite3
import threading
import warnings
from pathlib import Path
from typing import Any

import pytest

from keepset import errors
from keepset.catalog import database, schema
from keepset.catalog.local import LocalCatalog
from samples import A
from stores import kill, process, run, small_disk, without_write_permission

TEXT = f". {A} 0:3:a\n"

# Python 3.12 and later warn of every fork beside threads, which is what some of these tests are about.
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


def yes(block: str) -> bool:
    return True


def opened(path: Path, **options: Any) -> LocalCatalog:
    return LocalCatalog(path, yes, **options)


def test_the_schema_has_a_version_and_a_mark(tmp_path: Path) -> None:
    opened(tmp_path / "c").close()
    with sqlite3.connect(tmp_path / "c") as raw:
        assert raw.execute("PRAGMA user_version").fetchone() == (len(schema.MIGRATIONS),)
        assert raw.execute("PRAGMA application_id").fetchone() == (int.from_bytes(b"KSET", "big"),)
        assert raw.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    raw.close()


def test_an_older_schema_is_brought_up_to_date_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = opened(tmp_path / "c")
    made = catalog.collections().create(body={"name": "old"}).execute()
    catalog.close()
    later = "ALTER TABLE collections ADD COLUMN mood TEXT; UPDATE collections SET mood = 'fine';"
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, later))
    for _ in range(2):
        catalog = opened(tmp_path / "c")
        with catalog.database.read() as connection:
            assert connection.execute("SELECT mood FROM collections").fetchall() == [("fine",)]
        assert catalog.collections().get(uuid=made["uuid"]).execute() == made
        catalog.close()


def test_a_migration_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened(tmp_path / "c").close()
    with monkeypatch.context() as broken:
        broken.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, "CREATE TABLE extra (x); SELECT * FROM nosuch;"))
        with pytest.raises(errors.StoreError, match="nosuch"):
            opened(tmp_path / "c")
    catalog = opened(tmp_path / "c")
    with catalog.database.read() as connection:
        assert not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'extra'").fetchall()
    catalog.close()


def test_a_later_schema_is_refused(tmp_path: Path) -> None:
    opened(tmp_path / "c").close()
    raw = sqlite3.connect(tmp_path / "c")
    raw.execute("PRAGMA user_version = 99")
    raw.close()
    with pytest.raises(errors.StoreVersionError, match=r"its schema is 99.*upgrade keepset") as caught:
        opened(tmp_path / "c")
    assert caught.value.filename == str(tmp_path / "c")


def test_somebody_elses_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    raw = sqlite3.connect(tmp_path / "c")
    raw.execute("CREATE TABLE mine (x)")
    raw.close()
    with pytest.raises(errors.StoreError, match="not a catalog of keepset"):
        opened(tmp_path / "c")
    raw = sqlite3.connect(tmp_path / "c")
    assert raw.execute("SELECT name FROM sqlite_schema").fetchall() == [("mine",)]
    raw.close()


@pytest.mark.parametrize("where", [0, 3000])
def test_a_damaged_database_is_named(tmp_path: Path, where: int) -> None:
    catalog = opened(tmp_path / "c")
    for number in range(30):
        catalog.collections().create(body={"name": str(number), "description": "x" * 500}).execute()
    catalog.close()
    with (tmp_path / "c").open("r+b") as file:
        file.seek(where)
        file.write(b"\xff" * 60_000)
    with pytest.raises(errors.StoreDamagedError, match="restore it from a copy"):  # noqa: PT012 - either may find it
        catalog = opened(tmp_path / "c")
        try:
            catalog.collections().list(limit=1000).execute()
        finally:
            catalog.close()


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(errors.StoreError, match="unable to open"):
        opened(tmp_path / "nosuch" / "c")


def test_a_full_disk(tmp_path: Path) -> None:
    with small_disk("1m") as folder:
        catalog = opened(folder / "c")
        collections = catalog.collections()
        made = []
        with pytest.raises(errors.StoreFullError, match="no space left") as caught:  # noqa: PT012
            for number in range(100):
                body = {"name": str(number), "description": "x" * 50_000}
                made.append(collections.create(body=body).execute())
        assert caught.value.errno == errno.ENOSPC
        assert isinstance(caught.value, errors.KeepWriteError)
        reply = collections.list(order="created_at").execute()
        assert [item["uuid"] for item in reply["items"]] == [record["uuid"] for record in made]
        catalog.close()
        catalog = opened(folder / "c")
        assert catalog.collections().list().execute()["items_available"] == len(made)
        catalog.close()


@pytest.mark.parametrize("still_open", [False, True])
def test_a_read_only_folder(tmp_path: Path, still_open: bool) -> None:
    folder = tmp_path / "store"
    folder.mkdir()
    writer = opened(folder / "c")
    made = writer.collections().create(body={"name": "one", "manifest_text": TEXT}).execute()
    if not still_open:
        writer.close()
    with without_write_permission(folder):
        catalog = opened(folder / "c")
        assert catalog.collections().get(uuid=made["uuid"]).execute() == made
        assert catalog.collections().list(filters=[["name", "like", "o%"]]).execute()["items_available"] == 1
        with pytest.raises(errors.StoreReadOnlyError) as caught:
            catalog.collections().create(body={}).execute()
        assert isinstance(caught.value, PermissionError)
        catalog.close()
        with pytest.raises(errors.StoreError):
            opened(folder / "new")
    writer.close()


def test_an_old_schema_in_a_read_only_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "store"
    folder.mkdir()
    opened(folder / "c").close()
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, "CREATE TABLE extra (x);"))
    with without_write_permission(folder), pytest.raises(errors.StoreReadOnlyError, match="up to date"):
        opened(folder / "c")


HOLD = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
time.sleep(60)
"""


def test_a_writer_that_waits_too_long_says_so_and_readers_do_not_wait(tmp_path: Path) -> None:
    catalog = opened(tmp_path / "c", busy_seconds=0.2)
    made = catalog.collections().create(body={}).execute()
    with process(HOLD, tmp_path / "c") as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(errors.StoreBusyError, match="another process") as caught:
            catalog.collections().create(body={}).execute()
        assert isinstance(caught.value, TimeoutError)
        assert catalog.collections().get(uuid=made["uuid"]).execute() == made
        kill(holder)
    catalog.collections().create(body={}).execute()
    catalog.close()


OPEN = """
import sys
from keepset.catalog.local import LocalCatalog
catalog = LocalCatalog(sys.argv[1], lambda block: True)
for number in range(20):
    catalog.collections().create(body={"name": sys.argv[2] + str(number)}).execute()
catalog.close()
"""


def test_processes_that_make_one_catalog_at_once(tmp_path: Path) -> None:
    run(*[(OPEN, tmp_path / "c", name) for name in "abcd"])
    catalog = opened(tmp_path / "c")
    assert catalog.collections().list().execute()["items_available"] == 80
    catalog.close()


def test_a_closed_catalog_says_so(tmp_path: Path) -> None:
    catalog = opened(tmp_path / "c")
    catalog.close()
    catalog.close()
    with pytest.raises(errors.StoreClosedError) as caught:
        catalog.collections().list().execute()
    assert isinstance(caught.value, ValueError)
    assert not (tmp_path / "c-wal").exists()


def test_a_catalog_that_nobody_closes_closes_itself(tmp_path: Path) -> None:
    catalog = opened(tmp_path / "c")
    catalog.collections().create(body={}).execute()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        del catalog
        gc.collect()
    assert not (tmp_path / "c-wal").exists()


def test_threads_share_a_catalog(tmp_path: Path) -> None:
    catalog = opened(tmp_path / "c")
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for turn in range(20):
                made = catalog.collections().create(body={"name": f"{number} {turn}"}).execute()
                assert catalog.collections().get(uuid=made["uuid"]).execute() == made
        except BaseException as error:
            failures.append(error)
            raise

    threads = [threading.Thread(target=work, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert catalog.collections().list(limit=1).execute()["items_available"] == 160
    assert 1 <= len(catalog.database._idle) <= 8
    catalog.close()
    assert not catalog.database._idle


def forked(work: Any) -> int:
    """The exit status of a child process that does some work: 0 if it raises nothing."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_child_process_goes_on_with_connections_of_its_own(tmp_path: Path) -> None:
    catalog = opened(tmp_path / "c")
    catalog.collections().create(body={"name": "before"}).execute()

    def in_child() -> None:
        catalog.collections().create(body={"name": "child"}).execute()
        assert forked(lambda: catalog.collections().create(body={"name": "grandchild"}).execute()) == 0
        catalog.close()

    assert forked(in_child) == 0
    catalog.collections().create(body={"name": "after"}).execute()
    items = catalog.collections().list(order="created_at").execute()["items"]
    assert [item["name"] for item in items] == ["before", "child", "grandchild", "after"]
    catalog.close()


def test_a_fork_waits_for_the_transactions_of_other_threads(tmp_path: Path) -> None:
    catalog = opened(tmp_path / "c")
    inside, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        with catalog.database.write():
            inside.set()
            go_on.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    inside.wait()
    threading.Timer(0.2, go_on.set).start()
    assert forked(lambda: catalog.collections().create(body={"name": "child"}).execute()) == 0
    thread.join()
    catalog.collections().create(body={"name": "parent"}).execute()
    assert catalog.collections().list().execute()["items_available"] == 2
    catalog.close()


def test_threads_that_fork_and_threads_that_write(tmp_path: Path) -> None:
    catalog = opened(tmp_path / "c")
    statuses: list[int] = []

    def fork(number: int) -> None:
        for turn in range(5):
            name = f"child {number} {turn}"
            statuses.append(forked(lambda name=name: catalog.collections().create(body={"name": name}).execute()))

    def write(number: int) -> None:
        for turn in range(40):
            catalog.collections().create(body={"name": f"parent {number} {turn}"}).execute()

    threads = [threading.Thread(target=work, args=[number]) for work in (fork, write) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [0] * 10
    assert catalog.collections().list().execute()["items_available"] == 90
    catalog.close()


def test_a_fork_does_not_wait_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_FORK_SECONDS", 0.1)
    catalog = opened(tmp_path / "c")
    with catalog.database.read():
        assert forked(lambda: None) == 0
    catalog.close()
