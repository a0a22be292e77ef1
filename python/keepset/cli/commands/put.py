"""`keepset put`: local files into a collection of the store."""

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from keepset.catalog.fields import LOCAL_USER
from keepset.cli.inputs import STANDARD_INPUT
from keepset.cli.keeping import Keeping, Project, Replication, StorageClasses, TrashAfter, TrashAt
from keepset.cli.options import DryRun, Exclude, Include, Jobs, Json
from keepset.cli.output import encode_json
from keepset.cli.paths import Filters, join
from keepset.cli.records import editable
from keepset.cli.run import Run
from keepset.cli.text import counted, one_line, utf8_argument
from keepset.cli.transfers import described, shown_progress
from keepset.errors import ArgumentError
from keepset.transfer import Checkpoint, Transferred, upload, upload_stream

__all__ = ["put"]


def put(
    sources: Annotated[
        list[str], typer.Argument(metavar="SOURCE...", help="Files and directories; - is standard input.")
    ],
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", help="The name of the new collection.", show_default=False),
    ] = None,
    update: Annotated[
        str | None,
        typer.Option(
            "--update",
            metavar="COLLECTION[/PATH]",
            help="Add to this collection, or to a directory of it, instead of making a new one.",
            show_default=False,
        ),
    ] = None,
    filename: Annotated[
        str | None,
        typer.Option("--filename", metavar="NAME", help="What to call standard input.", show_default="stdin"),
    ] = None,
    no_follow_links: Annotated[
        bool, typer.Option("--no-follow-links", help="Leave symbolic links out, and say how many.")
    ] = False,
    dry_run: DryRun = False,
    json: Json = False,
    jobs: Jobs = None,
    include: Include = None,
    exclude: Exclude = None,
    project: Project = None,
    storage_class: StorageClasses = None,
    replication: Replication = None,
    trash_after: TrashAfter = None,
    trash_at: TrashAt = None,
) -> None:
    """Store files and directories in a collection.

    The contents of a directory become those of the collection; of several sources, each keeps its name. Symbolic links
    are followed. Prints the UUID and the portable data hash.

    What is stored already is not stored again: neither what the collection to be updated has, nor what the same command
    has stored before it was interrupted.
    """
    if name is not None and update is not None:
        raise typer.BadParameter("--name is for a new collection, --update for one that there is")
    if name == "" or "" in sources:
        raise typer.BadParameter("an empty name")
    if sources.count(STANDARD_INPUT) > 1:
        raise typer.BadParameter("standard input can be read only once")
    if filename is not None and STANDARD_INPUT not in sources:
        raise typer.BadParameter("--filename is for standard input, -")
    filters = Filters(include, exclude)
    keeping = Keeping(project, storage_class, replication, trash_after, trash_at)
    if update is not None and keeping.is_for_new:
        raise typer.BadParameter("--project, --storage-class and --replication are for a new collection")
    with Run() as run:
        putting = _Put(run, filters, keeping, jobs, dry_run=dry_run, follow_links=not no_follow_links)
        putting.run(sources, name, update, utf8_argument(filename or "stdin"), json)


class _Put:
    """One run of the command."""

    def __init__(
        self, run: Run, filters: Filters, keeping: Keeping, jobs: int | None, *, dry_run: bool, follow_links: bool
    ) -> None:
        self._run = run
        self._keeping = keeping
        self._jobs = jobs
        self._dry_run = dry_run
        self._follow_links = follow_links
        self._include, self._exclude = filters.patterns()
        self._checkpoints: list[Checkpoint] = []
        self._warnings: list[str] = []

    def run(self, sources: list[str], name: str | None, update: str | None, filename: str, json: bool) -> None:
        """Do it."""
        for source in sources:
            if source != STANDARD_INPUT and not self._is_left_out(source):
                os.stat(source)  # noqa: PTH116 - before anything is stored
        if all(map(self._is_left_out, sources)):
            raise ArgumentError("there is nothing but symbolic links, which are left out")
        collection, directory = self._target(name, update)
        results = [
            self._bring(collection, source, directory, filename, is_only=len(sources) == 1) for source in sources
        ]
        result = Transferred.joined(results)
        if result.left_out:
            self._run.note(f"keepset: {counted(len(result.left_out), 'symbolic link', 'symbolic links')} left out")
        if self._dry_run:
            self._print(collection, result, None, json)
            return
        self._run.progress.describe("Saving")
        trash_at = self._keeping.trash_moment()
        if update is not None:
            collection.save(trash_at=trash_at)
        else:
            collection.save_new(
                name or _default_name(sources[0], filename),
                owner_uuid=self._keeping.project,
                trash_at=trash_at,
                ensure_unique_name=name is None,
            )
        for checkpoint in self._checkpoints:
            checkpoint.remove()
        self._print(collection, result, collection.manifest_locator(), json)

    def _target(self, name: str | None, update: str | None) -> tuple[Any, str]:
        from keepset.collection import Collection

        if update is not None:
            return editable(self._run, update)
        if self._dry_run:
            return Collection(), ""
        # A token that is not valid is noticed now, and a taken name: not after hours of copying.
        store: Any = self._run.stores.store()
        own = self._own_uuid(store)
        self._keeping.check(store)
        if name is not None:
            same = [["name", "=", name], ["owner_uuid", "=", self._keeping.project or own]]
            taken = store.collections().list(filters=same, select=["uuid"]).execute()["items"]
            if taken:
                raise ArgumentError(
                    f"there is a collection {one_line(name)} already, {taken[0]['uuid']}: --update adds to it"
                )
        return Collection(api_client=store, **self._keeping.storing), ""

    def _own_uuid(self, store: Any) -> str:
        """Return who a new collection belongs to if nobody says."""
        if not self._run.stores.is_cluster():
            return LOCAL_USER
        uuid: str = store.users().current().execute()["uuid"]
        return uuid

    def _is_left_out(self, source: str) -> bool:
        return not self._follow_links and source != STANDARD_INPUT and os.path.islink(source)  # noqa: PTH114 - a text

    def _bring(self, collection: Any, source: str, directory: str, filename: str, *, is_only: bool) -> Transferred:
        if source == STANDARD_INPUT:
            return self._bring_stream(collection, join(directory, filename))
        if self._is_left_out(source):
            return Transferred(left_out=(join(directory, _base_name(source)),))
        is_directory = Path(source).is_dir()
        path = directory if is_only and is_directory else join(directory, _base_name(source))
        self._run.progress.describe(f"Looking at {one_line(source)}")
        result = upload(
            collection,
            source,
            path or ".",
            include=self._include,
            exclude=self._exclude,
            follow_links=self._follow_links,
            jobs=self._jobs,
            dry_run=self._dry_run,
            progress=shown_progress(self._run, "Storing"),
            checkpoint=None if self._dry_run else self._checkpoint(collection, source, path),
            warn=self._warn,
        )
        if not is_only and not self._dry_run:
            # Small files of two sources do not share a block: each can be gone on with by itself.
            collection.manifest_text()
        return result

    def _bring_stream(self, collection: Any, path: str) -> Transferred:
        if self._dry_run:
            return Transferred((path,))
        if sys.stdin is None:
            raise OSError(9, "standard input is closed")
        self._run.progress.describe("Storing standard input")
        return upload_stream(collection, sys.stdin.buffer, path)

    def _checkpoint(self, collection: Any, source: str, path: str) -> Checkpoint:
        # What other options have had stored in other places, or in fewer, has to be stored again.
        storing = " ".join(map(str, self._keeping.storing.values()))
        target = f"{self._run.stores.place()} {collection.manifest_locator() or 'new'} {storing} {path}"
        checkpoint = Checkpoint.of(source, target, self._include, self._exclude)
        self._checkpoints.append(checkpoint)
        return checkpoint

    def _warn(self, warning: str) -> None:
        """Tell before anything of a source is stored, so that there is time to think."""
        self._warnings.append(warning)
        self._run.note(f"keepset: {warning}")

    def _print(self, collection: Any, result: Transferred, uuid: str | None, json: bool) -> None:
        output = self._run.output
        if json:
            record = {} if uuid is None else {"uuid": uuid, "name": (collection.api_response() or {}).get("name")}
            hashes = {} if uuid is None else {"portable_data_hash": collection.portable_data_hash()}
            told = described(result, self._dry_run) | {"left_out": list(result.left_out), "warnings": self._warnings}
            output.line(encode_json(record | hashes | told))
        elif uuid is None:
            output.lines(output.name(path) for path in result.copied)
        else:
            output.line(f"{uuid}  {collection.portable_data_hash()}")


def _base_name(source: str) -> str:
    return utf8_argument(os.path.basename(os.path.abspath(source)))  # noqa: PTH100, PTH119 - links keep their names


def _default_name(source: str, filename: str) -> str | None:
    name = filename if source == STANDARD_INPUT else _base_name(source)
    # Records are text, which names of files need not be.
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace") or None
