"""The catalog of a local store: collection records in SQLite, behind the calls of the Arvados API client.

    catalog.collections().get(uuid=...).execute()

Parameters, replies, statuses and errors are those of the API server behind its controller (`services/api`,
`lib/controller`), as an ordinary user meets them, with these differences: there is one user and no permissions, no
signatures, and no blocks but those of the store, which a record must find there when it first names them.
"""

import os
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from keepset.catalog import queries, records
from keepset.catalog.changes import SIGNING_TTL, Changes, check
from keepset.catalog.database import BUSY_SECONDS, Database
from keepset.catalog.fields import Record, later, now
from keepset.catalog.filters import refuse, selected
from keepset.catalog.queries import DEFAULT_FIELDS, DEFAULT_LIMIT
from keepset.errors import ApiError, ConflictError

__all__ = ["LocalCatalog", "LocalCollections", "LocalRequest"]

IDLE_SECONDS = 10.0
"""How long a state must have lasted to be kept as a past version: the server's `Collections.PreserveVersionIfIdle`."""


class LocalRequest:
    """A request that is not carried out yet.

    Args:
        call: Carries it out.
    """

    def __init__(self, call: Callable[[], Record]) -> None:
        self._call = call

    def execute(self, http: object = None, num_retries: int = 0) -> Record:
        """Carry the request out and return the reply; a second call does it again.

        Args:
            http: Taken for the sake of googleapiclient's order of arguments.
            num_retries: Taken for its sake; whoever waits for another process does so anyway.

        Raises:
            ApiError: The request is refused.
            ConflictError: The record is not the one that the change was made for.
            StoreFullError: There is no space left.
            StoreReadOnlyError: The store may not be written to.
            StoreBusyError: Other processes have written for too long.
            StoreClosedError: The store is closed.
            StoreDamagedError: The catalog is damaged.
        """
        return self._call()


class LocalCatalog:
    """Collection records in a file, for any number of threads and processes at once.

    Args:
        path: The file; it is made if it is not there.
        block_exists: Tells whether a block, given by its locator, is stored. A record is refused that names one which
            is not and which it has not named before.
        idle_seconds: For how long a state must have lasted to be kept as a past version when it is changed; 0 for every
            state, a negative number for none (except those with `preserve_version`).
        busy_seconds: For how long to wait for another process's write.

    Raises:
        StoreVersionError: A later keepset has made it.
        StoreError: It cannot be opened.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     catalog = LocalCatalog(Path(folder) / "catalog.sqlite", lambda locator: True)
        ...     made = catalog.collections().create(body={"name": "empty"}).execute()
        ...     print(made["name"], made["portable_data_hash"], made["version"])
        ...     catalog.close()
        empty d41d8cd98f00b204e9800998ecf8427e+0 1
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        block_exists: Callable[[str], bool],
        idle_seconds: float = IDLE_SECONDS,
        busy_seconds: float = BUSY_SECONDS,
    ) -> None:
        self.database = Database(Path(path).absolute(), busy_seconds)
        self._collections = LocalCollections(self.database, block_exists, idle_seconds)

    def collections(self) -> "LocalCollections":
        """Return the resource `collections`."""
        return self._collections

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        self.database.close()


class LocalCollections:
    """The resource `collections`; `LocalCatalog.collections` returns it.

    Args:
        database: Where the records are.
        block_exists: As for `LocalCatalog`.
        idle_seconds: As for `LocalCatalog`.
    """

    def __init__(self, database: Database, block_exists: Callable[[str], bool], idle_seconds: float) -> None:
        self._database = database
        self._block_exists = block_exists
        self._idle_seconds = idle_seconds

    def get(
        self,
        *,
        uuid: str,
        select: Sequence[str] | None = None,
        include_trash: bool = False,
        include_old_versions: bool = True,
    ) -> LocalRequest:
        """Ask for one record.

        Args:
            uuid: Its UUID (also that of a past version), or a portable data hash: then the reply has only what the
                manifest decides, and zero values.
            select: The fields wanted; None for all but `unsigned_manifest_text`.
            include_trash: Whether a record in the trash counts.
            include_old_versions: Whether a past version counts.
        """

        def call() -> Record:
            names = selected(select, DEFAULT_FIELDS)
            with self._database.read() as connection:
                return queries.get(connection, uuid, names, now(), include_trash, include_old_versions)

        return LocalRequest(call)

    def list(
        self,
        *,
        filters: Sequence[Any] | None = None,
        order: Sequence[str] | str | None = None,
        limit: int = DEFAULT_LIMIT,
        offset: int = 0,
        select: Sequence[str] | None = None,
        count: str = "exact",
        distinct: bool = False,
        include_trash: bool = False,
        include_old_versions: bool = False,
    ) -> LocalRequest:
        """Ask for the records that filters choose, a page at a time.

        Args:
            filters: `[attribute, operator, operand]`, or an expression such as `"(version < file_count)"`; all must
                hold. See https://doc.arvados.org/api/methods.html#filters.
            order: `"attribute"`, `"attribute asc"` or `"attribute desc"`; None for the latest modification first.
            limit: How many records at most; 1000 is the most there are.
            offset: How many to leave out at the beginning.
            select: The fields wanted; None for all but the manifest's text.
            count: `"none"` saves counting all that the filters choose (`items_available`).
            distinct: Whether records that are equal in the selected fields count as one.
            include_trash: Whether records in the trash count.
            include_old_versions: Whether past versions count.
        """

        def call() -> Record:
            query = queries.ListQuery(
                filters or [], order, limit, offset, select, count, distinct, include_trash, include_old_versions
            )
            with self._database.read() as connection:
                return query.run(connection, now())

        return LocalRequest(call)

    def create(
        self, *, body: Mapping[str, Any], ensure_unique_name: bool = False, select: Sequence[str] | None = None
    ) -> LocalRequest:
        """Ask for a new record.

        Args:
            body: Its attributes, as they are or as the item `collection`.
            ensure_unique_name: Whether to change its name when the owner has a collection of that name already.
            select: The fields wanted in the reply; None for all but `unsigned_manifest_text`.
        """

        def call() -> Record:
            checked = check(body)
            if checked.fixed.get("uuid") is not None:
                raise ApiError.of(403, "a new collection is given its UUID by the store, and by nobody else")
            names = selected(select, DEFAULT_FIELDS)
            with self._database.write() as connection:
                moment = now()  # of the transaction, for which others may have had to be waited for
                records.sweep(connection, moment)
                uuid = records.insert(connection, checked, moment, ensure_unique_name, self._block_exists)
                return queries.fetch(connection, uuid, names, moment)

        return LocalRequest(call)

    def update(
        self,
        *,
        uuid: str,
        body: Mapping[str, Any],
        select: Sequence[str] | None = None,
        if_match: str | None = None,
    ) -> LocalRequest:
        """Ask for a change of a record.

        Args:
            uuid: Its UUID.
            body: The attributes that change, as they are or as the item `collection`.
            select: The fields wanted in the reply; None for all but `unsigned_manifest_text`.
            if_match: The `etag` of the record that the change was made from: if the stored one has another, the reply
                is `ConflictError` and nothing is changed. The Arvados API has nothing like it.
        """

        def call() -> Record:
            checked = check(body)
            if not isinstance(if_match, str | None):
                raise ApiError.of(400, f"if_match must be the etag of a record, a text: {if_match!r}")

            def changes(connection: sqlite3.Connection, row: records.Row, moment: str) -> Changes:
                if row["is_trashed"]:
                    raise ApiError.of(404, f"collection {uuid} is in the trash: untrash it first")
                if if_match not in (None, row["etag"]):
                    raise ConflictError.of(
                        409,
                        f"collection {uuid} was changed at {row['modified_at']}, after the record that this change was"
                        " made from had been read: read it again, and make the change again",
                    )
                return checked

            return self._change(uuid, select, changes)

        return LocalRequest(call)

    def delete(self, *, uuid: str, select: Sequence[str] | None = None) -> LocalRequest:
        """Ask to put a record into the trash, and to delete it as soon as that is safe for those who read it now.

        Args:
            uuid: Its UUID.
            select: The fields wanted in the reply.
        """

        def changes(connection: sqlite3.Connection, row: records.Row, moment: str) -> Changes:
            trash_at = row["trash_at"] if row["is_trashed"] else moment
            delete_at = later(trash_at, SIGNING_TTL)
            if row["is_trashed"]:
                delete_at = min(delete_at, row["delete_at"])
            return Changes(trash={"trash_at": trash_at, "delete_at": delete_at})

        return LocalRequest(lambda: self._change(uuid, select, changes))

    def trash(self, *, uuid: str, select: Sequence[str] | None = None) -> LocalRequest:
        """Ask to put a record into the trash.

        Args:
            uuid: Its UUID.
            select: The fields wanted in the reply.
        """

        def changes(connection: sqlite3.Connection, row: records.Row, moment: str) -> Changes:
            return Changes(trash={} if row["is_trashed"] else {"trash_at": moment})

        return LocalRequest(lambda: self._change(uuid, select, changes))

    def untrash(
        self, *, uuid: str, ensure_unique_name: bool = False, select: Sequence[str] | None = None
    ) -> LocalRequest:
        """Ask to take a record out of the trash.

        Args:
            uuid: Its UUID.
            ensure_unique_name: Whether to change its name when that was taken meanwhile. (The API takes this, too, but
                its discovery document does not say so.)
            select: The fields wanted in the reply.
        """
        return LocalRequest(lambda: self._untrash(uuid, ensure_unique_name, select))

    def _untrash(self, uuid: str, ensure_unique_name: bool, select: Sequence[str] | None) -> Record:
        def changes(connection: sqlite3.Connection, row: records.Row, moment: str) -> Changes:
            if not row["is_trashed"]:
                refuse(f"{uuid} is not in the trash, so it cannot be taken out")
            columns = records.rename_if_taken(connection, row) if ensure_unique_name else {}
            return Changes(columns=columns, trash={"trash_at": None})

        return self._change(uuid, select, changes)

    def _change(
        self,
        uuid: str,
        select: Sequence[str] | None,
        changes: Callable[[sqlite3.Connection, records.Row, str], Changes],
    ) -> Record:
        """Change a record by what a function makes of its present state, all in one transaction."""
        names = selected(select, DEFAULT_FIELDS)
        with self._database.write() as connection:
            moment = now()
            records.sweep(connection, moment)
            row = records.find_current(connection, uuid)
            records.update(
                connection, row, changes(connection, row, moment), moment, self._idle_seconds, self._block_exists
            )
            return queries.fetch(connection, uuid, names, moment)
