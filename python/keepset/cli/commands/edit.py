"""`keepset cp`, `mv`, `rm` and `mkdir`: changing collections of the store. No data moves."""

from collections.abc import Callable
from typing import Annotated, Any

import typer

from keepset.cli.paths import join
from keepset.cli.records import editable, find_record, readable
from keepset.cli.run import Run
from keepset.errors import ArgumentError, PathNotFoundError
from keepset.references import resolve

__all__ = ["cp", "mkdir", "mv", "rm"]

_Paths = Annotated[list[str], typer.Argument(metavar="COLLECTION/PATH...", help="What it is about.")]
_Arguments = Annotated[
    list[str],
    typer.Argument(metavar="SOURCE... TARGET", help="COLLECTION/PATH each; a TARGET that is a directory keeps names."),
]
_NoClobber = Annotated[
    bool, typer.Option("--no-clobber", "-n", help="Do not replace a file that is there: report it instead.")
]


class _Edits:
    """The collections that a command changes, each opened once, and saved at the end."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._collections: dict[str, Any] = {}

    def editable(self, argument: str) -> tuple[Any, str]:
        """Give a collection to be changed, and the path in it."""
        reference = find_record(self._run, argument)
        if reference.target not in self._collections:
            self._collections[reference.target], _ = editable(self._run, reference.target)
        return self._collections[reference.target], reference.path

    def readable(self, argument: str) -> tuple[Any, str]:
        """Give a collection to be read, and the path in it."""
        reference = resolve(argument, self._run.stores.reading)
        if reference.is_record and reference.target in self._collections:
            return self._collections[reference.target], reference.path
        return readable(self._run, argument)

    def save(self) -> None:
        """Save what has changed: the first that was opened first, so that a move loses nothing half-way."""
        for collection in self._collections.values():
            collection.save()


def cp(arguments: _Arguments, no_clobber: _NoClobber = False) -> None:
    """Copy files and directories within a collection, or from one to another.

    Directories are copied whole. A file that has the name is replaced, a directory never. Missing directories on the
    way to TARGET are made. What is copied from may also be named by its hash, or by a manifest file.
    """
    _copy_or_move(arguments, no_clobber, moves=False)


def mv(arguments: _Arguments, no_clobber: _NoClobber = False) -> None:
    """Move or rename files and directories within a collection, or from one to another.

    A file that has the name is replaced, a directory never. Missing directories on the way to TARGET are made.
    """
    _copy_or_move(arguments, no_clobber, moves=True)


def _copy_or_move(arguments: list[str], no_clobber: bool, *, moves: bool) -> None:
    if len(arguments) < 2:
        raise typer.BadParameter("name what to copy or move, and where to")
    *sources, target_argument = arguments
    with Run() as run:
        edits = _Edits(run)
        target, directory = edits.editable(target_argument)
        there = target.find(directory or ".")
        is_directory = target_argument.endswith("/") or hasattr(there, "keys")
        if len(sources) > 1 and not is_directory:
            raise typer.BadParameter(f"{target_argument} is no directory, which several sources need")
        for argument in sources:
            with run.attempt(argument):
                source, path = (edits.editable if moves else edits.readable)(argument)
                _bring(source, path, target, directory, is_directory, no_clobber, moves)
        edits.save()


def _bring(
    source: Any, path: str, target: Any, directory: str, is_directory: bool, no_clobber: bool, moves: bool
) -> None:
    item = source.find(path or ".")
    if item is None:
        raise PathNotFoundError("no such file or directory", path)
    if moves and not path:
        raise ArgumentError("that is a whole collection: copy it with 'keepset cp', or 'keepset collections rename' it")
    if not path and is_directory:
        # The contents of all of a collection go to where a directory is.
        for name in list(item):
            _bring(source, name, target, directory, is_directory, no_clobber, moves)
        return
    name = path.rpartition("/")[2]
    place = join(directory, name) if is_directory else directory
    there = target.find(place)
    if there is item and moves:
        raise ArgumentError("that is the same place")
    overwrite = there is not None and not hasattr(there, "keys") and not hasattr(item, "keys") and not no_clobber
    parent = place.rpartition("/")[0]
    if parent:
        target.find_or_create(parent, "collection")
    (target.rename if moves else target.copy)(item, place, overwrite=overwrite)


def rm(
    paths: _Paths,
    recursive: Annotated[
        bool, typer.Option("--recursive", "-r", help="Also directories that are not empty, with all below them.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", "-f", help="Say nothing about what is not there.")] = False,
) -> None:
    """Remove files and directories of a collection.

    An empty directory needs no option. `keepset collections trash` removes a whole collection.
    """

    def remove(collection: Any, path: str) -> None:
        if collection.find(path) is None:
            if force:
                return
            raise PathNotFoundError("no such file or directory", path)
        collection.remove(path, recursive=recursive)

    _each(paths, remove, "'keepset collections trash' removes it")


def mkdir(
    paths: _Paths,
    parents: Annotated[
        bool, typer.Option("--parents", "-p", help="Make the directories on the way, too; one that is there is fine.")
    ] = False,
) -> None:
    """Make directories in a collection."""

    def make(collection: Any, path: str) -> None:
        above = path.rpartition("/")[0]
        if not parents and collection.find(path) is not None:
            raise ArgumentError("there is something of this name already")
        if not parents and above and collection.find(above) is None:
            raise PathNotFoundError("no such file or directory", above)
        collection.find_or_create(path, "collection")

    _each(paths, make, "it has a root directory already")


def _each(paths: list[str], change: Callable[[Any, str], None], advice: str) -> None:
    with Run() as run:
        edits = _Edits(run)
        for argument in paths:
            with run.attempt(argument):
                collection, path = edits.editable(argument)
                if not path:
                    raise ArgumentError(f"that is a whole collection: {advice}")
                change(collection, path)
        edits.save()
