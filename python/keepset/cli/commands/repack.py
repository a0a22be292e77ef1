"""`keepset repack`: fewer and larger blocks for collections of the store."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from keepset.cli.options import DryRun, Human, Jobs, Json
from keepset.cli.records import editable
from keepset.cli.run import Run
from keepset.cli.text import counted, one_line, parse_size, size_text
from keepset.cli.transfers import shown_progress
from keepset.errors import ArgumentError

if TYPE_CHECKING:
    from keepset.plan import Repacking

__all__ = ["repack"]


def repack(
    collections: Annotated[list[str], typer.Argument(metavar="COLLECTION...", help="Names or UUIDs.")],
    small: Annotated[
        str | None,
        typer.Option(
            "--small", metavar="SIZE", help="Pack blocks of which less than SIZE is used (32M).", show_default=False
        ),
    ] = None,
    dry_run: DryRun = False,
    human: Human = False,
    json: Json = False,
    jobs: Jobs = None,
) -> None:
    """Pack small blocks of collections into larger ones. The files stay what they are; the portable data hash changes.

    Prints how many blocks there were and are, and how many bytes were moved. The old blocks stay until nothing names
    them any more and 'keepset gc' deletes them.
    """
    small_size = None if small is None else _size(small)
    with Run() as run, run.output.array(json) as array:
        for argument in collections:
            with run.attempt(argument):
                collection, packing = _repack(run, argument, small_size, dry_run, jobs)
                if array is not None:
                    array.append(_described(collection, packing, dry_run))
                else:
                    run.output.line(f"{run.output.name(argument)}: {_line(packing, dry_run, human)}")


def _size(text: str) -> int:
    try:
        return parse_size(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--small") from None


def _repack(
    run: Run, argument: str, small_size: int | None, dry_run: bool, jobs: int | None
) -> tuple[Any, "Repacking"]:
    collection, path = editable(run, argument)
    if path:
        raise ArgumentError("a collection is packed as a whole")
    run.progress.describe(f"Looking at {one_line(argument)}")
    packing = collection.repack(
        small_size=small_size, jobs=jobs, dry_run=dry_run, progress=shown_progress(run, "Packing")
    )
    if not dry_run:
        collection.save()
    return collection, packing


def _line(packing: "Repacking", dry_run: bool, human: bool) -> str:
    if not packing:
        return f"{counted(packing.block_count, 'block', 'blocks')}, nothing to pack"
    arrow = f"{counted(packing.block_count, 'block', 'blocks')} -> {packing.new_block_count}"
    return f"{arrow}, {size_text(packing.size, human)} bytes {'to be moved' if dry_run else 'moved'}"


def _described(collection: Any, packing: "Repacking", dry_run: bool) -> dict[str, Any]:
    record = collection.api_response() or {}
    return {
        "uuid": record.get("uuid"),
        "name": record.get("name"),
        "portable_data_hash": record.get("portable_data_hash"),
        "dry_run": dry_run,
        "block_count": packing.block_count,
        "new_block_count": packing.new_block_count,
        "size": packing.size,
    }
