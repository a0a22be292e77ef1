"""`keepset history`: the versions of a collection."""

from typing import Annotated, Any

import typer

from keepset.cli.options import Human, Json
from keepset.cli.records import describe_record, find_whole_record
from keepset.cli.run import Run
from keepset.cli.text import moment, size_text

__all__ = ["history"]


def history(
    collection: Annotated[str, typer.Argument(metavar="COLLECTION", help="A name or a UUID.")],
    human: Human = False,
    json: Json = False,
) -> None:
    """List the versions of a collection, the newest first.

    Version, when it was saved, size, number of files and portable data hash. COLLECTION@VERSION names one of them
    wherever a collection is read: `keepset ls reads@2`.
    """
    from keepset.collection import Collection

    with Run() as run:
        uuid = find_whole_record(run, collection)
        versions = map(describe_record, Collection(uuid, api_client=run.stores.reading()).history())
        if json:
            run.output.json(versions)
        else:
            run.output.lines(_row(version, human) for version in versions)


def _row(version: dict[str, Any], human: bool) -> str:
    numbers = f"{size_text(version['size'], human):>{6 if human else 14}} {version['file_count']:>8}"
    return f"{version['version']:>4} {moment(version['modified_at'])} {numbers} {version['portable_data_hash']}"
