"""The tables of a local catalog, and the way from each of their versions to the next.

`PRAGMA user_version` counts the migrations that a database has had. A change of the tables is a new entry at the end of
`MIGRATIONS`, never a change of an old one: databases made by it are out there.
"""

import sqlite3
from pathlib import Path

from keepset import errors

APPLICATION_ID = 0x4B534554
"""Marks a database as a catalog of keepset ("KSET"), for `file` and for us."""

MIGRATIONS = (
    """
    -- Manifest texts, stripped; versions of a collection that differ in other things share one. A text is never
    -- changed, and an id never used twice (AUTOINCREMENT), so that a garbage collection has seen all texts up to the
    -- largest id that it knows.
    CREATE TABLE manifests (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        portable_data_hash TEXT NOT NULL,
        text TEXT NOT NULL,
        file_count INTEGER NOT NULL,
        file_size_total INTEGER NOT NULL
    );
    CREATE INDEX manifests_portable_data_hash ON manifests (portable_data_hash);

    -- Collections and their past versions. Where uuid = current_version_uuid the record is the current one. Times are
    -- texts of one length in UTC, so that they sort; an unnamed collection has no name, since names are unique.
    CREATE TABLE collections (
        id INTEGER PRIMARY KEY,
        uuid TEXT NOT NULL UNIQUE,
        etag TEXT NOT NULL,
        current_version_uuid TEXT NOT NULL,
        version INTEGER NOT NULL,
        preserve_version INTEGER NOT NULL,
        owner_uuid TEXT NOT NULL,
        created_at TEXT NOT NULL,
        modified_at TEXT NOT NULL,
        modified_by_user_uuid TEXT NOT NULL,
        name TEXT,
        description TEXT,
        properties TEXT NOT NULL,
        manifest_id INTEGER NOT NULL REFERENCES manifests (id),
        replication_desired INTEGER,
        storage_classes_desired TEXT NOT NULL,
        trash_at TEXT,
        delete_at TEXT,
        is_trashed INTEGER NOT NULL,
        CHECK ((trash_at IS NULL) = (delete_at IS NULL)),
        CHECK (name <> '')
    );
    CREATE UNIQUE INDEX index_collections_on_owner_uuid_and_name ON collections (owner_uuid, name)
        WHERE is_trashed = 0 AND uuid = current_version_uuid;
    CREATE INDEX collections_current_version_uuid ON collections (current_version_uuid);
    CREATE INDEX collections_manifest_id ON collections (manifest_id);
    CREATE INDEX collections_created_at ON collections (created_at, uuid);
    CREATE INDEX collections_modified_at ON collections (modified_at, uuid);
    CREATE INDEX collections_trash_at ON collections (trash_at) WHERE trash_at IS NOT NULL;
    CREATE INDEX collections_delete_at ON collections (delete_at) WHERE delete_at IS NOT NULL;
    """,
)


def version_of(connection: sqlite3.Connection, path: Path) -> int:
    """Return how many migrations a database has had.

    Args:
        connection: An open database.
        path: Where it is, for messages.

    Raises:
        StoreVersionError: It has had some that this version of keepset does not know.
        StoreError: It is somebody else's database.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if application != APPLICATION_ID and (application or version or tables):
        raise errors.StoreError(f"{path} is a database, but not a catalog of keepset: choose another folder", str(path))
    if version > len(MIGRATIONS):
        raise errors.StoreVersionError(
            f"{path} was made by a later keepset (its schema is {version}, this one knows {len(MIGRATIONS)}):"
            " upgrade keepset, or choose another folder",
            str(path),
        )
    return int(version)


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring a database up to date, whole or not at all; several processes may try at once.

    Args:
        connection: An open database, in autocommit mode.
        path: Where it is, for messages.

    Raises:
        StoreVersionError: It is newer than this version of keepset.
        StoreError: It is somebody else's database.
    """
    if version_of(connection, path) == len(MIGRATIONS):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = version_of(connection, path)  # again: another process may have been faster
        for script in MIGRATIONS[version:]:
            for statement in _statements(script):
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _statements(script: str) -> list[str]:
    """Cut a script into statements: `executescript` would commit first."""
    statements = []
    rest = ""
    for piece in script.split(";")[:-1]:
        rest += f"{piece};"
        if sqlite3.complete_statement(rest):  # else the semicolon was inside a text, a comment or a trigger
            statements.append(rest)
            rest = ""
    return statements
