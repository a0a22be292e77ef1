"""What a create or update request may say, checked: everything that can be known without the record itself.

The rules and their statuses are those of the API server (`services/api/app/models`: `collection.rb`,
`arvados_model.rb`, `concerns/trashable.rb`).
"""

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from keepset.catalog.fields import FIELDS, later, parse_time
from keepset.catalog.filters import refuse
from keepset.errors import ApiError, ManifestError
from keepset.manifest import Manifest

TRASH_LIFETIME = 1_209_600.0
"""For how long a collection stays in the trash, in seconds: `Collections.DefaultTrashLifetime`, two weeks."""

SIGNING_TTL = 1_209_600.0
"""For how long somebody may still read what was just deleted, in seconds: `Collections.BlobSigningTTL`, two weeks."""

_NAME_LENGTH = 255
_DESCRIPTION_LENGTH = 524_288
_OWNER = re.compile("[0-9a-z]{5}-(?:tpzed|j7d0g)-[0-9a-z]{15}")

# The store computes these; as on the server, what a client says of them does not count.
_IGNORED = {
    "kind",
    "etag",
    "created_at",
    "modified_at",
    "modified_by_user_uuid",
    "unsigned_manifest_text",
    "file_count",
    "file_size_total",
}
# A client who writes back a whole record repeats these, and may not change them.
FIXED = ("uuid", "version", "current_version_uuid")


class ManifestChange(NamedTuple):
    """A manifest that is to be saved.

    Attributes:
        text: Its text, without hints.
        portable_data_hash: The hash of that.
        manifest: The same, parsed.
    """

    text: str
    portable_data_hash: str
    manifest: Manifest

    def block_locators(self) -> set[str]:
        """The blocks that it names, the empty one apart."""
        return {locator for locator in self.manifest.blocks() if not locator.endswith("+0")}


class Changes(NamedTuple):
    """A checked request.

    Attributes:
        columns: What becomes of the columns of the table `collections`.
        manifest: The new manifest, if there is one.
        trash: `trash_at`, `delete_at` and `is_trashed`, as far as they are given.
        fixed: What is said of the fields in `FIXED`.
        hash: What the hash in the portable data hash is said to be, if anything.
    """

    columns: Mapping[str, Any] = {}
    manifest: ManifestChange | None = None
    trash: Mapping[str, Any] = {}
    fixed: Mapping[str, Any] = {}
    hash: str | None = None


def check(body: object) -> Changes:
    """Check the body of a create or update request.

    Args:
        body: The attributes, either as they are or as the item `collection`.

    Returns:
        What it says.

    Raises:
        ApiError: It says what cannot be: 400 if it is no such body, else mostly 422.
    """
    if not isinstance(body, Mapping):
        raise ApiError.of(400, f"the body must be a dictionary of attributes: {body!r}")
    attributes = body.get("collection", body)
    if not isinstance(attributes, Mapping):
        raise ApiError.of(400, f"'collection' must be a dictionary of attributes: {attributes!r}")
    if attributes is not body and len(body) > 1:
        others = ", ".join(sorted(str(name) for name in body if name != "collection"))
        raise ApiError.of(
            400, f"beside 'collection' there is {others}, which a local store does not take: save a whole manifest"
        )
    columns: dict[str, Any] = {}
    manifest = None
    trash: dict[str, Any] = {}
    fixed: dict[str, Any] = {}
    stated_hash = None
    for name, value in attributes.items():
        if name in _CHECKS:
            columns[name] = _CHECKS[name](value)
        elif name == "manifest_text":
            manifest = _manifest(value)
        elif name == "portable_data_hash":
            stated_hash = None if value is None else str(value)[:32]
        elif name in {"trash_at", "delete_at"}:
            trash[name] = _time(name, value)
        elif name == "is_trashed":
            trash[name] = _boolean(name, value)
        elif name in FIXED:
            fixed[name] = value
        elif name in {"replication_confirmed", "replication_confirmed_at", "storage_classes_confirmed_at"}:
            _unconfirmed(name, value, None)
        elif name == "storage_classes_confirmed":
            _unconfirmed(name, value, [])
        elif name not in _IGNORED:
            refuse(f"a collection has no attribute {name!r}; it has {', '.join(FIELDS)}")
    return Changes(columns, manifest, trash, fixed, stated_hash)


def trash_times(
    given: Mapping[str, Any], trash_at: str | None, delete_at: str | None, now: str
) -> tuple[str | None, str | None]:
    """Work out when a record goes to the trash and when it is gone.

    Args:
        given: What the request says, as in `Changes.trash`.
        trash_at: What the record says now.
        delete_at: Likewise.
        now: The present moment.

    Returns:
        The new `trash_at` and `delete_at`.

    Raises:
        ApiError: (422) The two contradict each other.
    """
    new_trash, new_delete = given.get("trash_at", trash_at), given.get("delete_at", delete_at)
    if given.get("is_trashed") and "trash_at" not in given and not (trash_at and trash_at <= now):
        new_trash, given = now, {**given, "trash_at": now}
    if new_trash is not None and new_trash != trash_at:
        new_trash = max(new_trash, now)
    if "delete_at" not in given:
        if new_trash != trash_at:
            new_delete = None if new_trash is None else later(new_trash, TRASH_LIFETIME)
    elif new_trash is not None and new_delete is not None and new_delete >= new_trash:
        # Who has read the record lately may go on to read its blocks for as long as signatures are valid.
        earliest = later(min(now, trash_at or now), SIGNING_TTL)
        new_delete = max(new_delete, min(earliest, delete_at or earliest))
    if (new_trash is None) != (new_delete is None):
        refuse("delete_at must be set if trash_at is, and must be null if not")
    if new_trash is not None and new_delete is not None and new_delete < new_trash:
        refuse(f"delete_at ({new_delete}) must not be before trash_at ({new_trash})")
    return new_trash, new_delete


def _manifest(value: object) -> ManifestChange:
    if value is None:
        value = ""
    if not isinstance(value, str):
        refuse(f"manifest_text must be a text, not {type(value).__name__}")
    try:
        manifest = Manifest.parse(value, mode="strict").stripped()
    except ManifestError as error:
        refuse(f"invalid manifest: {error}")
    if manifest.data_size >= 2**63:
        refuse("invalid manifest: its files add up to 8 EiB or more")
    return ManifestChange(manifest.text, manifest.portable_data_hash, manifest)


def _name(value: object) -> str | None:
    name = _text("name", value, _NAME_LENGTH)
    if name in {".", ".."} or (name and "/" in name):
        refuse(f"a name may be neither '.' nor '..', and have no '/' in it: {name!r}")
    return name or None


def _description(value: object) -> str | None:
    return _text("description", value, _DESCRIPTION_LENGTH)


def _text(name: str, value: object, length: int) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        refuse(f"{name} must be a text: {value!r}")
    if len(value) > length:
        refuse(f"{name} is too long: {len(value)} characters, and at most {length} are allowed")
    return _storable(name, value)


def _storable(name: str, value: str) -> str:
    """Refuse what no database takes as text."""
    if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
        refuse(f"{name} has a character in it that cannot be stored (NUL, or half a surrogate pair)")
    return value


def _properties(value: object) -> str:
    if value is not None and not isinstance(value, dict):
        refuse(f"properties must be an object, not {type(value).__name__}")
    try:
        return _storable("properties", json.dumps(value or {}, allow_nan=False, ensure_ascii=False, sort_keys=True))
    except (TypeError, ValueError, RecursionError) as error:
        refuse(f"properties must be what JSON can say: {error}")


def _owner(value: object) -> str | None:
    if value is not None and not (isinstance(value, str) and _OWNER.fullmatch(value)):
        refuse(f"owner_uuid must be the UUID of a user or of a group: {value!r}")
    return value


def _replication(value: object) -> int | None:
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**31):
        refuse(f"replication_desired must be a number of copies, or null: {value!r}")
    return value


def _storage_classes(value: object) -> str:
    if value is None:
        value = ["default"]
    if not isinstance(value, list | tuple) or not value or not all(isinstance(name, str) and name for name in value):
        refuse(f"storage_classes_desired must be a list of at least one name: {value!r}")
    return _storable("storage_classes_desired", json.dumps(list(value), ensure_ascii=False))


def _preserve_version(value: object) -> bool:
    return _boolean("preserve_version", value)


def _boolean(name: str, value: object) -> bool:
    if value is not None and not isinstance(value, bool):
        refuse(f"{name} must be true or false: {value!r}")
    return bool(value)


def _time(name: str, value: object) -> str | None:
    if value is None:
        return None
    moment = parse_time(value) if isinstance(value, str) else None
    if moment is None:
        refuse(f"{name} must be a time, as in '2026-01-02T03:04:05Z', or null: {value!r}")
    return moment


def _unconfirmed(name: str, value: object, nothing: object) -> None:
    if value not in (None, nothing):
        raise ApiError.of(403, f"{name} is not for clients to set, only to reset: {value!r}")


_CHECKS = {
    "name": _name,
    "description": _description,
    "properties": _properties,
    "owner_uuid": _owner,
    "replication_desired": _replication,
    "storage_classes_desired": _storage_classes,
    "preserve_version": _preserve_version,
}

EMPTY_MANIFEST = _manifest("")
"""What a new collection has that is given none."""
