"""Reading records: one by its UUID or its portable data hash, and lists of them.

Whether a record is in the trash, or gone, is decided by the clock when it is asked for; what the last write has noted
down may be older.
"""

import re
import sqlite3
from collections.abc import Sequence

from keepset.catalog.fields import FIELDS, SHOWN, TEXTS, Record, record_by_hash, to_record
from keepset.catalog.filters import Parameters, order_by, refuse, selected, where
from keepset.catalog.records import missing

DEFAULT_LIMIT = 100
LARGEST_LIMIT = 1000
"""How many records a list has, if nothing else is said, and at most: the server's `API.MaxItemsPerResponse`."""

DEFAULT_FIELDS = [name for name in SHOWN if name != "unsigned_manifest_text"]
"""What a record shows unless fields are selected."""

_TABLES = "collections AS c JOIN manifests AS m ON m.id = c.manifest_id"
_NOT_GONE = "(c.delete_at IS NULL OR c.delete_at > :now)"
_NOT_TRASHED = "(c.trash_at IS NULL OR c.trash_at > :now)"
_CURRENT = "c.uuid = c.current_version_uuid"

_PORTABLE_DATA_HASH = re.compile(r"([0-9a-f]{32}\+[0-9]+)(\+\S+)*", re.ASCII)


def fetch(connection: sqlite3.Connection, uuid: str, names: Sequence[str], moment: str) -> Record:
    """Return a record.

    Args:
        connection: In a transaction.
        uuid: Its UUID.
        names: The fields wanted; the others are left out, except that a full record shows its texts as `""`.
        moment: The present moment.

    Raises:
        ApiError: (404) There is no such record.
    """
    return _fetch(connection, uuid, names, moment, [_NOT_GONE])


def get(
    connection: sqlite3.Connection,
    uuid: str,
    names: Sequence[str],
    moment: str,
    include_trash: bool,
    include_old_versions: bool,
) -> Record:
    """Return the record of a UUID or a portable data hash.

    Args:
        connection: In a transaction.
        uuid: Either of them; hints behind the hash do not matter.
        names: As for `fetch`.
        moment: The present moment.
        include_trash: Whether a record in the trash counts.
        include_old_versions: Whether a past version counts.

    Raises:
        ApiError: (404) There is no such record.
    """
    conditions = [_NOT_GONE]
    if not include_trash:
        conditions.append(_NOT_TRASHED)
    if not include_old_versions:
        conditions.append(_CURRENT)
    by_hash = _PORTABLE_DATA_HASH.fullmatch(uuid)
    if by_hash is None:
        return _fetch(connection, uuid, names, moment, conditions)
    # Of several, the one that stays longest.
    found = connection.execute(
        f"SELECT m.text, c.trash_at FROM {_TABLES} WHERE m.portable_data_hash = :hash AND {' AND '.join(conditions)}"
        " ORDER BY c.trash_at DESC NULLS FIRST LIMIT 1",
        {"hash": by_hash[1], "now": moment},
    ).fetchone()
    if found is None:
        missing(uuid)
    record = record_by_hash(by_hash[1], *found)
    return record if list(names) == DEFAULT_FIELDS else {name: record[name] for name in ("kind", "etag", *names)}


def _fetch(
    connection: sqlite3.Connection, uuid: str, names: Sequence[str], moment: str, conditions: Sequence[str]
) -> Record:
    columns = list(dict.fromkeys([*names, "etag"]))
    values = connection.execute(
        f"SELECT {_columns(columns)} FROM {_TABLES} WHERE c.uuid = :uuid AND {' AND '.join(conditions)}",
        {"uuid": uuid, "now": moment},
    ).fetchone()
    if values is None:
        missing(uuid)
    record = to_record(columns, values)
    if list(names) == DEFAULT_FIELDS:
        record["unsigned_manifest_text"] = ""  # the server's controller shows it so
    return record


class ListQuery:
    """A list request, compiled; the parameters are those of `LocalCollections.list`.

    Raises:
        ApiError: (422) It cannot be understood.
    """

    def __init__(
        self,
        filters: object,
        order: object,
        limit: int,
        offset: int,
        select: object,
        count: str,
        distinct: bool,
        include_trash: bool,
        include_old_versions: bool,
    ) -> None:
        if count not in {"exact", "none"}:
            refuse(f"count is 'exact' or 'none': {count!r}")
        self._full = select is None
        self._distinct = distinct
        self._count = count == "exact"
        self._limit = min(_natural("limit", limit), LARGEST_LIMIT)
        self._offset = _natural("offset", offset)
        self._names = selected(select, [name for name in SHOWN if name not in TEXTS])
        if not distinct:
            self._names = list(dict.fromkeys([*self._names, "etag"]))
        elif self._full or not self._names:
            refuse("distinct needs the fields that are to be compared: select them")
        self._parameters = Parameters()
        conditions = [_NOT_GONE, where(filters, self._parameters)]
        if not include_trash:
            conditions.append(_NOT_TRASHED)
        if not include_old_versions:
            conditions.append(_CURRENT)
        self._where = " AND ".join(f"({condition})" for condition in conditions)
        self._order = order_by(order if order is not None else [], only=self._names if distinct else None)

    def run(self, connection: sqlite3.Connection, moment: str) -> Record:
        """Return the page.

        Args:
            connection: In a transaction.
            moment: The present moment.
        """
        parameters = self._parameters | {"now": moment, "limit": self._limit, "offset": self._offset}
        source = f"FROM {_TABLES} WHERE {self._where}"
        columns = f"{'DISTINCT ' * self._distinct}{_columns(self._names)}"
        rows = connection.execute(
            f"SELECT {columns} {source} ORDER BY {self._order} LIMIT :limit OFFSET :offset", parameters
        )
        items = [to_record(self._names, values) for values in rows]
        if self._full:
            for item in items:
                item |= dict.fromkeys(TEXTS, "")  # the server's controller shows them so
        reply: Record = {
            "kind": "arvados#collectionList",
            "items": items,
            "offset": self._offset,
            "limit": self._limit,
        }
        if self._count:
            counted = (
                f"SELECT count(*) FROM (SELECT {columns} {source})" if self._distinct else f"SELECT count(*) {source}"
            )
            (reply["items_available"],) = connection.execute(counted, parameters).fetchone()
        return reply


def _columns(names: Sequence[str]) -> str:
    return ", ".join(FIELDS[name].sql for name in names)


def _natural(name: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**63:
        refuse(f"{name} must be a whole number, 0 or more: {value!r}")
    return value
