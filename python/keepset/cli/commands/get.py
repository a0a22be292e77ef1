"""`keepset get` and `keepset cat`: files of a collection to the local disk, or to standard output."""

from typing import Annotated

import typer

from keepset.cli.inputs import STANDARD_INPUT
from keepset.cli.options import DryRun, Exclude, Include, Jobs, Json
from keepset.cli.output import encode_json
from keepset.cli.paths import Filters
from keepset.cli.records import readable
from keepset.cli.run import Run
from keepset.cli.transfers import described, shown_progress
from keepset.errors import PathIsADirectoryError, PathNotFoundError
from keepset.transfer import download

__all__ = ["cat", "get"]

_PIECE = 1 << 20


def get(
    source: Annotated[str, typer.Argument(metavar="COLLECTION[/PATH]", help="What to copy.")],
    destination: Annotated[
        str,
        typer.Argument(
            metavar="[DESTINATION]", help="The directory that it goes to; for a single file also the new name."
        ),
    ] = ".",
    dry_run: DryRun = False,
    json: Json = False,
    jobs: Jobs = None,
    include: Include = None,
    exclude: Exclude = None,
) -> None:
    """Copy files of a collection to the local disk.

    The contents of a collection, or of a directory of it, go into the directory DESTINATION. What is there and
    identical is left alone. No file has its name before it is whole, and all is checked. The same command goes on
    after an interruption.
    """
    if destination in ("", STANDARD_INPUT):
        raise typer.BadParameter("a directory or a file name; 'keepset cat' writes to standard output")
    filters = Filters(include, exclude)
    with Run() as run:
        collection, path = readable(run, source)
        include_patterns, exclude_patterns = filters.patterns()
        result = download(
            collection,
            destination,
            path or ".",
            include=include_patterns,
            exclude=exclude_patterns,
            jobs=jobs,
            dry_run=dry_run,
            progress=shown_progress(run, "Copying"),
        )
        if json:
            run.output.line(encode_json({"source": source, "destination": destination} | described(result, dry_run)))
        elif dry_run:
            run.output.lines(run.output.name(name) for name in result.copied)


def cat(
    sources: Annotated[list[str], typer.Argument(metavar="COLLECTION/PATH...", help="The files.")],
) -> None:
    """Write files to standard output, one after the other."""
    with Run() as run:
        for source in sources:
            with run.attempt(source):
                collection, path = readable(run, source)
                item = collection.find(path or ".")
                if item is None:
                    raise PathNotFoundError("no such file or directory", path)
                if hasattr(item, "keys"):
                    raise PathIsADirectoryError("is a directory", path or ".")
                run.progress.describe("Reading")
                position, size = 0, item.size()
                while position < size:
                    data = item.readfrom(position, min(_PIECE, size - position), return_memoryview=True)
                    run.output.data(data)
                    position += len(data)
