"""`keepset diff`: what changed from one manifest, collection or local directory to another."""

import threading
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from keepset import Manifest
from keepset.cli.changes import Changes
from keepset.cli.exits import ExitCode
from keepset.cli.inputs import Mode, Source, with_paths
from keepset.cli.options import Exclude, Human, Include, Jobs, Json, ModeOption, Print0
from keepset.cli.output import encode_json
from keepset.cli.paths import Filters
from keepset.cli.run import Run
from keepset.cli.stores import Stores
from keepset.cli.transfers import shown_progress
from keepset.errors import PathNotADirectoryError
from keepset.transfer import comparable

__all__ = ["diff"]


def diff(
    old: Annotated[str, typer.Argument(metavar="OLD", help="What was before; - is a manifest on standard input.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="What is after, likewise.")],
    stat: Annotated[bool, typer.Option("--stat", help="End with a summary of the changes.")] = False,
    short_stat: Annotated[bool, typer.Option("--shortstat", help="Print the summary only.")] = False,
    name_only: Annotated[bool, typer.Option("--name-only", help="Print the changed paths only.")] = False,
    no_renames: Annotated[
        bool, typer.Option("--no-renames", help="Report what moved as removed here and added there.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing; the exit code tells.")] = False,
    human: Human = False,
    print0: Print0 = False,
    json: Json = False,
    jobs: Jobs = None,
    include: Include = None,
    exclude: Exclude = None,
    mode: ModeOption = "compat",
) -> None:
    """Print what changed from OLD to NEW.

    Each is a manifest file, a collection, a version of one (COLLECTION@VERSION), a directory in one of these
    (COLLECTION/PATH), or a local directory, which is written ./DIRECTORY if a collection has its name.

    A added, D removed, M modified with both sizes, R moved with the same content. Signatures, the order of blocks and
    the way a text is cut make no difference. The exit code is 1 if there are changes, else 0.
    """
    filters = Filters(include, exclude)
    with Run() as run:
        sources = with_paths([old, new], run.stores)
        sides = [side for source in run.each(sources) for side in _sides(run, source, mode)]
        if run.exit_code:
            return
        run.progress.describe("Comparing")
        include_patterns, exclude_patterns = filters.patterns()
        old_side, new_side = sides
        before, after = comparable(
            old_side,
            new_side,
            _Keep(run.stores),
            include=include_patterns,
            exclude=exclude_patterns,
            renames=not no_renames,
            jobs=jobs,
            progress=shown_progress(run, "Comparing"),
        )
        changes = Changes(before.diff(after), renames=not no_renames)
        if changes:
            run.found(ExitCode.FOUND)
        if json:
            run.output.lines(_json([old, new], changes), end="")
        elif not quiet:
            end = "\0" if print0 else "\n"
            if name_only:
                run.output.lines((change.name(run.output) for change in changes), end)
            elif not short_stat:
                run.output.lines((change.line(run.output, human) for change in changes), end)
            if stat or short_stat:
                run.output.line(changes.summary(human))


class _Keep:
    """Fetches blocks; without a store, that is an error not before one is needed."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._lock = threading.Lock()

    def get(self, locator: str, **options: Any) -> Any:
        with self._lock:
            keep = self._stores.reading().keep
        return keep.get(locator, **options)


def _sides(run: Run, source: Source, mode: Mode) -> Iterator[Manifest | str]:
    """Give what an argument names; nothing, if that cannot be read, which is reported."""
    with run.attempt(source):
        yield source.file if source.is_directory else _directory(source.load(mode), source.path)


def _directory(manifest: Manifest, path: str) -> Manifest:
    if not path:
        return manifest
    if not manifest.stat(path).is_dir():
        raise PathNotADirectoryError("not a directory", path)
    from keepset.collection import CollectionReader

    below: Manifest = CollectionReader(manifest).find(path).snapshot()
    return below


def _json(names: list[str], changes: Changes) -> Iterator[str]:
    """Write one object, with one change per line."""
    head = encode_json(
        {"old": names[0], "new": names[1], "identical": not changes, "summary": changes.counts()},
    )
    yield head[:-1] + ', "changes": ['
    separator = "\n"
    for change in changes:
        yield separator + encode_json(change.described())
        separator = ",\n"
    yield "]}\n" if separator == "\n" else "\n]}\n"
