"""Collection records in the database: finding them, and the steps of changing them.

Everything here happens inside one transaction of the caller's, on its connection. What is looked at and what is
changed therefore belong together, whatever other processes do.
"""

import secrets
import sqlite3
import string
from collections.abc import Callable, Collection, Mapping
from typing import Any, NoReturn, TypeAlias

from keepset.catalog.changes import EMPTY_MANIFEST, Changes, ManifestChange, trash_times
from keepset.catalog.fields import LOCAL_USER, later
from keepset.catalog.filters import refuse
from keepset.errors import ApiError
from keepset.manifest import Manifest

Row: TypeAlias = dict[str, Any]
"""A row of the table `collections`, by column."""

CLUSTER = "local"
"""The first five characters of the UUIDs that a local store gives."""

# What a change of which is worth keeping the old state for, and what past versions follow their collection in
# (`services/api/app/models/collection.rb`, `versionable_updates?` and `syncable_updates`).
_VERSIONED = {"name", "description", "properties", "manifest_id"}
_SHARED = ("owner_uuid", "trash_at", "delete_at", "is_trashed", "replication_desired", "storage_classes_desired")

_COLUMNS = (
    "uuid",
    "etag",
    "current_version_uuid",
    "version",
    "preserve_version",
    "owner_uuid",
    "created_at",
    "modified_at",
    "modified_by_user_uuid",
    "name",
    "description",
    "properties",
    "manifest_id",
    "replication_desired",
    "storage_classes_desired",
    "trash_at",
    "delete_at",
    "is_trashed",
)

_ALPHABET = string.digits + string.ascii_lowercase
_UNIQUE_NAME_LENGTH = 237


def missing(uuid: str) -> NoReturn:
    """Answer as the server does when there is no such record, or none that may be seen.

    Args:
        uuid: What was asked for.

    Raises:
        ApiError: Always; its status is 404.
    """
    raise ApiError.of(404, f"there is no collection {uuid} in this store")


def sweep(connection: sqlite3.Connection, now: str) -> None:
    """Do what has become due: put into the trash, and delete for good.

    Args:
        connection: In a transaction that may write.
        now: The present moment.
    """
    connection.execute("UPDATE collections SET is_trashed = 1 WHERE trash_at <= ? AND is_trashed = 0", [now])
    if connection.execute("DELETE FROM collections WHERE delete_at <= ?", [now]).rowcount:
        connection.execute("DELETE FROM manifests WHERE id NOT IN (SELECT manifest_id FROM collections)")


def find_current(connection: sqlite3.Connection, uuid: str) -> Row:
    """Return the record that a change is to be made to.

    Args:
        connection: In a transaction, after `sweep`.
        uuid: Its UUID.

    Raises:
        ApiError: 404 if there is none, 422 if it is a past version.
    """
    cursor = connection.execute(f"SELECT {', '.join(_COLUMNS)} FROM collections WHERE uuid = ?", [uuid])
    values = cursor.fetchone()
    if values is None:
        missing(uuid)
    row = dict(zip(_COLUMNS, values, strict=True))
    if row["current_version_uuid"] != uuid:
        refuse(f"{uuid} is a past version of {row['current_version_uuid']}, and those cannot be changed")
    return row


def new_uuid() -> str:
    """Make the UUID of a new record."""
    return f"{CLUSTER}-4zz18-{''.join(secrets.choice(_ALPHABET) for _ in range(15))}"


def insert(
    connection: sqlite3.Connection,
    changes: Changes,
    now: str,
    ensure_unique_name: bool,
    block_exists: Callable[[str], bool],
) -> str:
    """Make a record.

    Args:
        connection: In a transaction that may write, after `sweep`.
        changes: What it says.
        now: The present moment.
        ensure_unique_name: Whether to change its name if that is taken.
        block_exists: Tells whether a block is stored.

    Returns:
        Its UUID.

    Raises:
        ApiError: (422) Its blocks are not there, its name is taken, or it contradicts itself.
    """
    uuid = new_uuid()
    manifest = changes.manifest or EMPTY_MANIFEST
    _check_hash(changes, manifest.portable_data_hash)
    _check_blocks(manifest.block_locators(), block_exists)
    trash_at, delete_at = trash_times(changes.trash, None, None, now)
    row: Row = {
        "uuid": uuid,
        "etag": _new_etag(),
        "current_version_uuid": uuid,
        "version": 1,
        "preserve_version": False,
        "owner_uuid": LOCAL_USER,
        "created_at": now,
        "modified_at": now,
        "modified_by_user_uuid": LOCAL_USER,
        "name": None,
        "description": None,
        "properties": "{}",
        "manifest_id": _store_manifest(connection, manifest),
        "replication_desired": None,
        "storage_classes_desired": '["default"]',
        "trash_at": trash_at,
        "delete_at": delete_at,
        "is_trashed": trash_at is not None and trash_at <= now,
    }
    row |= _without_null_owner(changes.columns)
    if ensure_unique_name:
        _make_name_unique(connection, row)
    _write(connection, "INSERT INTO collections ({columns}) VALUES ({values})", row)
    return uuid


def update(
    connection: sqlite3.Connection,
    row: Row,
    changes: Changes,
    now: str,
    idle_seconds: float,
    block_exists: Callable[[str], bool],
) -> None:
    """Change a record; a change that changes nothing leaves it as it is, to the etag.

    Args:
        connection: In a transaction that may write, after `sweep`.
        row: The record, as `find_current` gives it.
        changes: What becomes of it.
        now: The present moment.
        idle_seconds: For how long a state must have lasted to be kept as a past version, as the server's
            `Collections.PreserveVersionIfIdle`; negative for never.
        block_exists: Tells whether a block is stored.

    Raises:
        ApiError: (422) New blocks are not there, the new name is taken, or it contradicts itself.
    """
    for name, value in changes.fixed.items():
        if value != row[name]:
            refuse(f"{name} cannot be changed: it is {row[name]!r}")
    new = row | _without_null_owner(changes.columns)
    new["trash_at"], new["delete_at"] = trash_times(changes.trash, row["trash_at"], row["delete_at"], now)
    new["is_trashed"] = new["trash_at"] is not None and new["trash_at"] <= now
    new["manifest_id"] = _change_manifest(connection, row["manifest_id"], changes, block_exists)
    changed = {name for name in _COLUMNS if new[name] != row[name]}
    if not changed:
        return
    if changed & _VERSIONED and _is_worth_keeping(row, changes, now, idle_seconds):
        new["version"] += 1
        new["preserve_version"] = changes.columns.get("preserve_version", False)
        past = row | {"uuid": new_uuid(), "etag": _new_etag()}
        _write(connection, "INSERT INTO collections ({columns}) VALUES ({values})", past)
    new |= {"etag": _new_etag(), "modified_at": now, "modified_by_user_uuid": LOCAL_USER}
    _write(connection, "UPDATE collections SET ({columns}) = ({values}) WHERE uuid = :uuid", new)
    if changed & set(_SHARED):
        assignments = ", ".join(f"{name} = :{name}" for name in _SHARED)
        connection.execute(
            f"UPDATE collections SET {assignments} WHERE current_version_uuid = :uuid AND uuid <> :uuid", new
        )
    if new["manifest_id"] != row["manifest_id"]:
        connection.execute(
            "DELETE FROM manifests WHERE id = ? AND id NOT IN (SELECT manifest_id FROM collections)",
            [row["manifest_id"]],
        )


def rename_if_taken(connection: sqlite3.Connection, row: Row) -> dict[str, Any]:
    """Return the change that makes a record's name unique; none if it is, or if it has no name.

    Args:
        connection: In a transaction.
        row: The record.
    """
    renamed = dict(row)
    _make_name_unique(connection, renamed)
    return {"name": renamed["name"]} if renamed["name"] != row["name"] else {}


def _is_worth_keeping(row: Row, changes: Changes, now: str, idle_seconds: float) -> bool:
    if row["preserve_version"] or changes.columns.get("preserve_version"):
        return True
    return idle_seconds >= 0 and bool(row["modified_at"] <= later(now, -idle_seconds))


def _change_manifest(
    connection: sqlite3.Connection, old_id: int, changes: Changes, block_exists: Callable[[str], bool]
) -> int:
    """Store the new manifest, if there is one that differs, and return its id."""
    query = "SELECT portable_data_hash, text FROM manifests WHERE id = ?"
    old_hash, old_text = connection.execute(query, [old_id]).fetchone()
    manifest = changes.manifest
    _check_hash(changes, manifest.portable_data_hash if manifest else old_hash)
    if manifest is None or manifest.text == old_text:
        return old_id
    # A block that the record has named before, and that is lost, is not this change's fault.
    _check_blocks(manifest.block_locators().difference(Manifest.parse(old_text).blocks()), block_exists)
    return _store_manifest(connection, manifest)


def _store_manifest(connection: sqlite3.Connection, manifest: ManifestChange) -> int:
    """Store a text, or find it, and return its id. Texts are compared: equal hashes can be made on purpose."""
    found = connection.execute(
        "SELECT id FROM manifests WHERE portable_data_hash = ? AND text = ?",
        [manifest.portable_data_hash, manifest.text],
    ).fetchone()
    if found:
        return int(found[0])
    counts = [manifest.manifest.file_count, manifest.manifest.data_size]
    cursor = connection.execute(
        "INSERT INTO manifests (portable_data_hash, text, file_count, file_size_total) VALUES (?, ?, ?, ?)",
        [manifest.portable_data_hash, manifest.text, *counts],
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def _check_hash(changes: Changes, portable_data_hash: str) -> None:
    if changes.hash is not None and changes.hash != portable_data_hash[:32]:
        refuse(f"portable_data_hash does not match the manifest, whose hash is {portable_data_hash}")


def _check_blocks(locators: Collection[str], block_exists: Callable[[str], bool]) -> None:
    absent = sorted(locator for locator in locators if not block_exists(locator))
    if absent:
        more = f" and {len(absent) - 3} more" if len(absent) > 3 else ""
        refuse(f"the manifest names blocks that are not in this store: {', '.join(absent[:3])}{more}; store them first")


def _without_null_owner(columns: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in columns.items() if (name, value) != ("owner_uuid", None)}


def _make_name_unique(connection: sqlite3.Connection, row: Row) -> None:
    taken = connection.execute(
        "SELECT 1 FROM collections WHERE owner_uuid = :owner_uuid AND name = :name AND uuid <> :uuid"
        " AND uuid = current_version_uuid AND is_trashed = 0",
        row,
    ).fetchone()
    if taken:
        row["name"] = f"{row['name'][:_UNIQUE_NAME_LENGTH]} ({row['uuid'][-15:]})"


def _write(connection: sqlite3.Connection, statement: str, row: Row) -> None:
    columns, values = ", ".join(_COLUMNS), ", ".join(f":{name}" for name in _COLUMNS)
    try:
        connection.execute(statement.format(columns=columns, values=values), row)
    except sqlite3.IntegrityError as error:
        if "collections.owner_uuid, collections.name" not in str(error):
            raise
        refuse(
            'duplicate key value violates unique constraint "index_collections_on_owner_uuid_and_name":'
            f" {row['owner_uuid']} has a collection named {row['name']!r} already; choose another name, or create with"
            " ensure_unique_name"
        )


def _new_etag() -> str:
    """Make a change marker. Not derived from the record: a store restored from a copy must not repeat one."""
    return secrets.token_hex(12)
