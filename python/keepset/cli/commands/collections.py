"""`keepset collections`: the records of the store."""

from collections.abc import Callable, Iterator
from typing import Annotated, Any

import typer

from keepset.cli.options import Human, Json, owner_option
from keepset.cli.output import Output
from keepset.cli.records import describe_record, find_whole_record, list_records
from keepset.cli.run import Run
from keepset.cli.text import moment, size_text, utf8_argument

__all__ = ["SUBCOMMANDS"]

_Collections = Annotated[list[str], typer.Argument(metavar="COLLECTION...", help="Names or UUIDs.")]
_TITLES = {
    "uuid": "UUID",
    "name": "name",
    "portable_data_hash": "PDH",
    "owner_uuid": "owner",
    "size": "size",
    "file_count": "files",
    "created_at": "created",
    "modified_at": "modified",
    "version": "version",
    "replication_desired": "copies",
    "storage_classes_desired": "classes",
    "trash_at": "trash",
    "delete_at": "deletion",
}


def list_(
    trashed: Annotated[bool, typer.Option("--trash", help="List the trash instead.")] = False,
    project: Annotated[str | None, owner_option("--project", "List those that belong to this project only.")] = None,
    human: Human = False,
    json: Json = False,
) -> None:
    """List the collections of the store by name: UUID, size, number of files, when it was changed, and name."""
    with Run() as run:
        records = (describe_record(record) for record in list_records(run, trashed=trashed, project=project))
        if json:
            run.output.json(records)
        else:
            run.output.lines(_row(run.output, record, human) for record in records)


def _row(output: Output, record: dict[str, Any], human: bool) -> str:
    size = size_text(record["size"], human)
    name = output.name(record["name"] or "")
    numbers = f"{size:>{6 if human else 14}} {record['file_count']:>8}"
    return f"{record['uuid']} {numbers} {moment(record['modified_at'])} {name}"


def show(collections: _Collections, human: Human = False, json: Json = False) -> None:
    """Describe collections, also those in the trash."""
    with Run() as run:

        def records() -> Iterator[dict[str, Any]]:
            for argument in collections:
                with run.attempt(argument):
                    uuid = find_whole_record(run, argument, include_trash=True)
                    request = run.stores.reading().collections().get(uuid=uuid, include_trash=True)
                    yield describe_record(request.execute())

        if json:
            run.output.json(records())
            return
        for number, record in enumerate(records()):
            if number:
                run.output.line()
            run.output.lines(_facts(run.output, record, human))


def _facts(output: Output, record: dict[str, Any], human: bool) -> Iterator[str]:
    for key, title in _TITLES.items():
        value = record[key]
        if value is None:
            continue
        if key == "size":
            value = size_text(value, human)
        elif key.endswith("_at"):
            value = moment(value)
        elif key == "name":
            value = output.name(value)
        elif key == "storage_classes_desired":
            value = output.name(", ".join(value))
        yield f"{output.styled(f'{title:8}', 'faint')}  {value}"


def rename(
    collection: Annotated[str, typer.Argument(metavar="COLLECTION", help="A name or a UUID.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="The new name.")],
) -> None:
    """Give a collection another name."""
    with Run() as run:
        uuid = find_whole_record(run, collection)
        run.stores.reading().collections().update(uuid=uuid, body={"name": utf8_argument(name)}).execute()


def trash(collections: _Collections) -> None:
    """Put collections into the trash, where they stay for two weeks."""
    with Run() as run:
        _change(run, collections, run.stores.reading().collections().trash, include_trash=False)


def untrash(collections: _Collections) -> None:
    """Take collections out of the trash. In a store, one whose name is taken meanwhile gets another one."""
    with Run() as run:
        untrash: Any = run.stores.reading().collections().untrash
        options = {} if run.stores.is_cluster() else {"ensure_unique_name": True}  # which no cluster tells of
        _change(run, collections, lambda uuid: untrash(uuid=uuid, **options), include_trash=True)


def _change(run: Run, arguments: list[str], request: Callable[..., Any], *, include_trash: bool) -> None:
    for argument in arguments:
        with run.attempt(argument):
            request(uuid=find_whole_record(run, argument, include_trash=include_trash)).execute()


SUBCOMMANDS: dict[str, Callable[..., None]] = {
    "list": list_,
    "show": show,
    "rename": rename,
    "trash": trash,
    "untrash": untrash,
}
