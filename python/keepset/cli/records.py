"""Collections of the store as commands use them: to be read, to be changed, and described."""

from collections.abc import Iterator
from typing import Any

from keepset.cli.run import Run
from keepset.cli.text import one_line
from keepset.errors import ArgumentError
from keepset.references import Reference, resolve

__all__ = ["describe_record", "editable", "find_record", "find_whole_record", "list_records", "readable"]

_PAGE = 1000
_FIELDS = [
    "uuid",
    "owner_uuid",
    "name",
    "portable_data_hash",
    "file_count",
    "file_size_total",
    "created_at",
    "modified_at",
    "version",
    "replication_desired",
    "storage_classes_desired",
    "trash_at",
    "delete_at",
    "is_trashed",
]


def readable(run: Run, argument: str) -> tuple[Any, str]:
    """Return a collection, and the path in it, that an argument names; manifest files count."""
    reference = resolve(argument, run.stores.reading)
    return reference.open(run.stores.reading()), reference.path


def editable(run: Run, argument: str) -> tuple[Any, str]:
    """Return a collection that can be saved, and the path in it.

    Raises:
        ArgumentError: What the argument names has no record.
    """
    reference = find_record(run, argument)
    return reference.open(run.stores.reading()), reference.path


def find_record(run: Run, argument: str, *, include_trash: bool = False) -> Reference:
    """Find the record that an argument names.

    Raises:
        ArgumentError: It names something that is no record.
    """
    reference = resolve(argument, run.stores.reading, files=False, include_trash=include_trash)
    if reference.version is not None:
        raise ArgumentError(
            f"{one_line(argument)} is a version of a collection, which never changes: name it without the version"
        )
    if not reference.is_record:
        raise ArgumentError(
            f"{one_line(argument)} is what a collection holds, which never changes: name it, or its UUID"
        )
    return reference


def find_whole_record(run: Run, argument: str, *, include_trash: bool = False) -> str:
    """Find the record that an argument names, for what is done to all of it, and give its UUID.

    Raises:
        ArgumentError: The argument names a path in a collection, or something that is no record.
    """
    reference = find_record(run, argument, include_trash=include_trash)
    if reference.path:
        raise ArgumentError(f"{one_line(argument)} is a path in a collection, and this is done to whole ones only")
    return reference.target


def list_records(run: Run, *, trashed: bool = False, project: str | None = None) -> Iterator[dict[str, Any]]:
    """List the collections of the store or of a project, or those in the trash, by name."""
    store = run.stores.existing()
    if store is None:
        return
    owned = [] if project is None else [["owner_uuid", "=", project]]
    offset = 0
    while True:
        page = (
            store.collections()
            .list(
                filters=[["is_trashed", "=", trashed], *owned],
                select=_FIELDS,
                order=["name", "uuid"],
                limit=_PAGE,
                offset=offset,
                count="none",
                include_trash=trashed,
            )
            .execute()["items"]
        )
        yield from page
        if len(page) < _PAGE:
            return
        offset += len(page)


def describe_record(record: dict[str, Any]) -> dict[str, Any]:
    """Describe a record for JSON, the same way in every command."""
    description = {field: record[field] for field in _FIELDS}
    description["size"] = description.pop("file_size_total")
    return description
