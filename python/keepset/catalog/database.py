"""The database of a local catalog: connections, transactions, forks, and what can go wrong, by name.

A connection is used by one thread at a time and by the process that opened it only. They are lent out and taken back,
so that there are as many as threads that were at work at once, and `close` closes them all. While one is lent, no code
of a caller runs (no progress report, no loop over results): transactions stay short, and nothing can fork inside one.

SQLite's locks are lost, and its books are wrong, in a child process that inherits a connection, even one that it never
uses (https://www.sqlite.org/howtocorrupt.html, 2.6). So none crosses a fork: before it, we wait until the other threads
have given theirs back, and close them; parent and child open new ones.
"""

import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from keepset import errors
from keepset.catalog import functions, schema

BUSY_SECONDS = 60.0
"""How long to wait for another process's write."""

_FORK_SECONDS = 10.0
_IDLE_CONNECTIONS = 8

_Connections = list[sqlite3.Connection]


class Database:
    """The file `catalog.sqlite`.

    Args:
        path: The file; it is made if it is not there.
        busy_seconds: How long to wait for another process's write before `StoreBusyError`.

    Raises:
        StoreVersionError: A later keepset has made it.
        StoreError: It cannot be opened.
    """

    def __init__(self, path: Path, busy_seconds: float = BUSY_SECONDS) -> None:
        self.path = path
        self._busy_seconds = busy_seconds
        # None: it may be written to. Otherwise how to open what may only be read.
        self._read_only: str | None = None
        self._start_afresh()
        self._idle: _Connections = []
        self._closed = False
        # Also when nobody calls `close`: SQLite then merges its log, and Python has nothing to warn of.
        self._finalizer = weakref.finalize(self, _close_all, self._idle)
        _databases.add(self)
        with self._connection(prepare=True):
            pass

    def _start_afresh(self) -> None:
        """Forget all threads, here and in a process that was just forked."""
        self._condition = threading.Condition()
        self._lent = 0

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Give a connection for a transaction that sees one state of the database, whatever others write."""
        with self._connection() as connection:
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.execute("ROLLBACK")

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """Give a connection for a transaction that is the only one to write; it is kept whole or not at all.

        Raises:
            StoreReadOnlyError: The database may not be written to.
            StoreBusyError: Others have written for too long.
            StoreFullError: There is no space left.
        """
        if self._read_only is not None:
            raise errors.StoreReadOnlyError(
                f"cannot write {self.path}: the store can only be read as this user", path=str(self.path)
            )
        with self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Close all connections, each at the latest when its thread has done with it; a second call does nothing."""
        with self._condition:
            self._closed = True
            _close_all(self._idle)

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    @contextmanager
    def _connection(self, prepare: bool = False) -> Iterator[sqlite3.Connection]:
        with self._condition:
            if self._closed:
                raise errors.StoreClosedError(f"the store is closed: {self.path.parent}")
            connection = self._idle.pop() if self._idle else None
            self._lent += 1
        try:
            with self._named_errors():
                if connection is None:
                    connection = self._prepared() if prepare else self._opened()
                yield connection
        finally:
            self._take_back(connection)

    def _take_back(self, connection: sqlite3.Connection | None) -> None:
        with self._condition:
            self._lent -= 1
            self._condition.notify_all()
            if connection is not None:
                if self._closed or connection.in_transaction or len(self._idle) >= _IDLE_CONNECTIONS:
                    connection.close()
                else:
                    self._idle.append(connection)

    def _opened(self) -> sqlite3.Connection:
        uri = self.path.as_uri() + ("" if self._read_only is None else f"?{self._read_only}")
        connection = sqlite3.connect(
            uri, uri=True, timeout=self._busy_seconds, isolation_level=None, check_same_thread=False
        )
        try:
            functions.register(connection)
            connection.execute("PRAGMA foreign_keys = ON")
            # A record is on the disk when the call that has made it returns, as its blocks are.
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute(f"PRAGMA journal_size_limit = {2**26}")
            connection.execute("SELECT count(*) FROM sqlite_schema")  # whether it can be read at all
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepared(self) -> sqlite3.Connection:
        """Open the database for the first time: for writing if possible, and with its tables up to date."""
        try:
            connection = self._opened()
            try:
                self._use_log(connection)
                schema.migrate(connection, self.path)
            except BaseException:
                connection.close()
                raise
        except sqlite3.OperationalError as error:
            if _primary_code(error) not in {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN} or not self.path.exists():
                raise
            return self._prepared_for_reading(error)
        return connection

    def _use_log(self, connection: sqlite3.Connection) -> None:
        """Switch to the write-ahead log: readers and the writer do not wait for each other."""
        give_up = time.monotonic() + self._busy_seconds
        while True:
            try:
                (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
            except sqlite3.OperationalError as error:
                # SQLite itself does not wait here when another process switches at the same moment.
                if _primary_code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                    raise
                time.sleep(0.01)
                continue
            if mode != "wal":
                raise errors.StoreError(
                    f"{self.path} is on a file system that SQLite cannot share between processes (a network file"
                    " system?): choose a folder on a local disk",
                    str(self.path),
                )
            return

    def _prepared_for_reading(self, cause: sqlite3.OperationalError) -> sqlite3.Connection:
        """Open what cannot be written to."""
        for how in ("mode=ro", "mode=ro&immutable=1"):
            if "immutable" in how and _has_content(self.path.with_name(f"{self.path.name}-wal")):
                break  # it would be read without the latest records, which are still in the log
            self._read_only = how
            with suppress(sqlite3.OperationalError):
                connection = self._opened()
                try:
                    if schema.version_of(connection, self.path) == len(schema.MIGRATIONS):
                        return connection
                except BaseException:
                    connection.close()
                    raise
                connection.close()
                raise errors.StoreReadOnlyError(
                    f"{self.path} was made by an earlier keepset and must be brought up to date once, which takes a"
                    " user who may write there",
                    path=str(self.path),
                )
        raise cause

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise self._named(error) from error
        except sqlite3.DatabaseError as error:
            if _primary_code(error) in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
                raise self._named(error) from error
            raise

    def _named(self, error: sqlite3.DatabaseError) -> errors.KeepsetError:
        path = str(self.path)
        code = _primary_code(error)
        # The log's index lies in shared memory of the same folder; SQLite calls it an I/O error when that has no space.
        if code == sqlite3.SQLITE_FULL or error.sqlite_errorcode == sqlite3.SQLITE_IOERR_SHMSIZE:
            return errors.StoreFullError(f"cannot write {path}: no space left; make room and try again", path=path)
        if code == sqlite3.SQLITE_READONLY:
            return errors.StoreReadOnlyError(f"cannot write {path}: the store can only be read as this user", path=path)
        if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            return errors.StoreBusyError(
                f"{path} has been held by another process for {self._busy_seconds:.0f} s: try again", path
            )
        if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
            return errors.StoreDamagedError(
                f"{path} is damaged ({error}): restore it from a copy; the blocks beside it are not touched", path
            )
        return errors.StoreError(f"cannot use {path}: {error} ({error.sqlite_errorname})", path)

    def _before_fork(self) -> None:
        """Let no connection cross a fork; holds the condition's lock until after it."""
        self._condition.acquire()
        give_up = time.monotonic() + _FORK_SECONDS
        # The forking thread itself has none: no code of a caller runs while a connection is lent.
        while self._lent and self._condition.wait(give_up - time.monotonic()):
            pass
        _close_all(self._idle)


def _primary_code(error: sqlite3.DatabaseError) -> int:
    """Return what went wrong, without the detail in the upper bits; 0 when it did not come from SQLite."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _has_content(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0


def _close_all(connections: _Connections) -> None:
    while connections:
        connections.pop().close()


# All that are open in this process, and those that a fork has closed the connections of.
_databases: weakref.WeakSet[Database] = weakref.WeakSet()
_forking: list[Database] = []
_fork_lock = threading.Lock()


def _before_fork() -> None:
    _fork_lock.acquire()
    _forking[:] = _databases
    for database in _forking:
        database._before_fork()


def _after_fork_in_parent() -> None:
    for database in _forking:
        database._condition.release()
    _forking.clear()
    _fork_lock.release()


def _after_fork_in_child() -> None:
    global _fork_lock
    for database in _forking:
        database._start_afresh()
    _forking.clear()
    _fork_lock = threading.Lock()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
