"""The fields of a collection record: what kind each is, how the database gives it, and how the API shows it.

As `services/api/app/models/collection.rb` (`api_accessible`) and `sdk/go/arvados/collection.go` have them.
"""

import json
import re
import time
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, NamedTuple, TypeAlias

Record: TypeAlias = dict[str, Any]
"""A reply of the API: what JSON can say."""

KIND = "arvados#collection"

LOCAL_USER = "local-tpzed-000000000000000"
"""Who owns what nobody else is said to own: the only user of a local store."""


class Kind(Enum):
    """What a field holds, which decides what it can be compared with."""

    TEXT = "text"
    TIME = "time"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    JSON = "json"


class Field(NamedTuple):
    """A field of the record.

    Attributes:
        kind: What it holds.
        sql: Its value, in a query over `collections AS c JOIN manifests AS m` with a parameter `:now`.
        filterable: Whether a filter or an order may name it.
        shown: Whether it is part of the record.
    """

    kind: Kind
    sql: str
    filterable: bool = True
    shown: bool = True


FIELDS = {
    "uuid": Field(Kind.TEXT, "c.uuid"),
    "etag": Field(Kind.TEXT, "c.etag", filterable=False),
    "owner_uuid": Field(Kind.TEXT, "c.owner_uuid"),
    "created_at": Field(Kind.TIME, "c.created_at"),
    "modified_at": Field(Kind.TIME, "c.modified_at"),
    "modified_by_user_uuid": Field(Kind.TEXT, "c.modified_by_user_uuid"),
    "name": Field(Kind.TEXT, "c.name"),
    "description": Field(Kind.TEXT, "c.description"),
    "properties": Field(Kind.JSON, "c.properties"),
    "portable_data_hash": Field(Kind.TEXT, "m.portable_data_hash"),
    "manifest_text": Field(Kind.TEXT, "m.text", filterable=False),
    "unsigned_manifest_text": Field(Kind.TEXT, "m.text", filterable=False),
    "replication_desired": Field(Kind.INTEGER, "c.replication_desired"),
    # No keep-balance looks after a local store, so nothing is ever confirmed.
    "replication_confirmed": Field(Kind.INTEGER, "NULL"),
    "replication_confirmed_at": Field(Kind.TIME, "NULL"),
    "storage_classes_desired": Field(Kind.JSON, "c.storage_classes_desired"),
    "storage_classes_confirmed": Field(Kind.JSON, "'[]'"),
    "storage_classes_confirmed_at": Field(Kind.TIME, "NULL"),
    "trash_at": Field(Kind.TIME, "c.trash_at"),
    "delete_at": Field(Kind.TIME, "c.delete_at"),
    # The column is only as new as the last write; the time tells.
    "is_trashed": Field(Kind.BOOLEAN, "(c.trash_at IS NOT NULL AND c.trash_at <= :now)"),
    "version": Field(Kind.INTEGER, "c.version"),
    "current_version_uuid": Field(Kind.TEXT, "c.current_version_uuid"),
    "preserve_version": Field(Kind.BOOLEAN, "c.preserve_version"),
    "file_count": Field(Kind.INTEGER, "m.file_count"),
    "file_size_total": Field(Kind.INTEGER, "m.file_size_total"),
    "file_names": Field(Kind.TEXT, "keepset_file_names(m.text)", shown=False),
}

SHOWN = [name for name, field in FIELDS.items() if field.shown]

TEXTS = ["manifest_text", "unsigned_manifest_text"]
"""What can be large: a list has it only when it is asked for."""


def to_record(names: Sequence[str], row: Iterable[Any]) -> Record:
    """Make a record of what the database gives.

    Args:
        names: The fields.
        row: Their values, in the same order.
    """
    return {"kind": KIND} | {name: _to_json(name, value) for name, value in zip(names, row, strict=True)}


def _to_json(name: str, value: object) -> object:
    if name == "name":
        return value or ""
    match FIELDS[name].kind:
        case Kind.JSON:
            return json.loads(str(value))
        case Kind.BOOLEAN:
            return bool(value)
        case _:
            return value


def record_by_hash(portable_data_hash: str, manifest_text: str, trash_at: str | None) -> Record:
    """Make the reply to a request for a portable data hash: what the text decides, and zero values.

    Args:
        portable_data_hash: The hash, which also stands as the UUID.
        manifest_text: The text.
        trash_at: When the last record with that text goes to the trash, if ever.
    """
    empty = {Kind.TEXT: "", Kind.TIME: None, Kind.INTEGER: 0, Kind.BOOLEAN: False}
    record: Record = {"kind": KIND} | {name: empty.get(FIELDS[name].kind) for name in SHOWN}
    return record | {
        "uuid": portable_data_hash,
        "portable_data_hash": portable_data_hash,
        "manifest_text": manifest_text,
        "trash_at": trash_at,
        "description": None,
        "properties": {},
        "replication_desired": None,
        "replication_confirmed": None,
        "storage_classes_desired": [],
        "storage_classes_confirmed": [],
    }


def now() -> str:
    """Return the present moment, as the server writes it: microseconds, with the digits of nanoseconds."""
    return _format(datetime(1970, 1, 1) + timedelta(microseconds=time.time_ns() // 1000))


def later(moment: str, seconds: float) -> str:
    """Return the moment so many seconds after another (before it, when negative).

    Args:
        moment: A moment, as `now` gives it.
        seconds: How much later.
    """
    try:
        return _format(datetime.fromisoformat(moment[:26]) + timedelta(seconds=seconds))
    except OverflowError:
        return _format(datetime.max)


def _format(moment: datetime) -> str:
    return f"{moment.isoformat(timespec='microseconds')}000Z"


_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d)(?::(\d\d)(?:\.(\d+))?)?)?\s*(Z|[+-]\d\d(?::?\d\d)?)?",
    re.ASCII | re.IGNORECASE,
)


def parse_time(text: str) -> str | None:
    """Read a time as the API takes it (ISO 8601, UTC unless it says otherwise) and write it as the API does.

    Args:
        text: A time.

    Returns:
        The time, with nine digits behind the second, or None when it is not one.

    Examples:
        >>> parse_time("2026-01-02T03:04:05.5+01:00")
        '2026-01-02T02:04:05.500000000Z'
        >>> parse_time("yesterday")
    """
    match = _TIME.fullmatch(text.strip())
    if match is None:
        return None
    date, clock, second, fraction, zone = match.groups()
    try:
        moment = datetime.fromisoformat(f"{date}T{clock or '00:00'}:{second or '00'}")
        if zone and zone not in "Zz":
            digits = zone[1:].replace(":", "").ljust(4, "0")
            offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
            moment -= offset if zone[0] == "+" else -offset
    except (ValueError, OverflowError):
        return None
    return f"{moment.isoformat(timespec='seconds')}.{(fraction or '')[:9].ljust(9, '0')}Z"
