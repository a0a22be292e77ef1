"""`keepset copy`: collections from one cluster or store to another."""

import hashlib
import json as json_text
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from keepset.cli.inputs import STANDARD_INPUT
from keepset.cli.options import DryRun, Json, owner_option
from keepset.cli.output import encode_json
from keepset.cli.places import USUAL, Use, opened
from keepset.cli.run import Run
from keepset.cli.text import one_line, utf8_argument
from keepset.cli.transfers import shown_progress
from keepset.errors import ArgumentError
from keepset.references import resolve
from keepset.transfer import Copied, CopiedCollection, copy_collections
from keepset.util import keyset_list_all

__all__ = ["copy"]


def copy(
    arguments: Annotated[
        list[str],
        typer.Argument(
            metavar="[COLLECTION...] PLACE", help="The collections, and where they go to.", show_default=False
        ),
    ],
    source: Annotated[str, typer.Option("--from", metavar="PLACE", help="Where the collections are.")] = USUAL,
    project: Annotated[str | None, owner_option("--project", "Copy all collections of this project.")] = None,
    list_file: Annotated[
        str | None,
        typer.Option(
            "--list",
            metavar="FILE",
            help="Copy the collections that this file names, one a line; - is standard input.",
            show_default=False,
        ),
    ] = None,
    to_project: Annotated[str | None, owner_option("--to-project", "The project that the copies belong to.")] = None,
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", help="Another name for the copy of one collection.", show_default=False),
    ] = None,
    storage_classes: Annotated[
        bool, typer.Option("--storage-classes", help="Let copies desire the same storage classes.")
    ] = False,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", "-j", min=1, metavar="N", help="Copy N blocks at a time (4).", show_default=False),
    ] = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Copy collections from one cluster or store to another.

    A PLACE is the folder of a local store, written with a slash (./data); the name of a settings file beside the usual
    one (zzzzz for zzzzz.conf), or its path; or -, which is what the other commands work on.

    Copies keep name, properties, description and portable data hash. Blocks that are there are not sent again, neither
    after an interruption; collections that are there are left alone. Prints UUID, portable data hash and name of each.
    """
    *named, target = arguments
    if not named and project is None and list_file is None:
        raise typer.BadParameter(f"what is to be copied to {target}? Name a collection, or --project, or --list")
    with Run() as run, ExitStack() as stack:
        run.progress.describe("Looking for the collections")
        where_from, from_text = stack.enter_context(opened(source, run.stores, "read"))
        found = _Found(run, where_from)
        for argument in [*named, *_listed(list_file)]:
            found.add(argument)
        found.add_project(project)
        use: Use = "write" if found.arguments and not dry_run else "rehearse"
        where_to, to_text = stack.enter_context(opened(target, run.stores, use))
        _read_once(where_from.keep)
        options = {"project": to_project, "name": None if name is None else utf8_argument(name)}
        shown = _Shown(run, found.arguments, dry_run=dry_run, json=json)
        result = copy_collections(
            found.arguments,
            where_from,
            where_to,
            **options,
            storage_classes=storage_classes,
            jobs=jobs,
            dry_run=dry_run,
            checkpoint=_checkpoint(from_text, to_text, list(found.arguments), options),
            progress=shown_progress(run, "Copying"),
            report=shown.add,
        )
        shown.finish(result)


class _Found:
    """The collections to be copied, by UUID or portable data hash, with what the user calls them."""

    def __init__(self, run: Run, api: Any) -> None:
        self.arguments: dict[str, str] = {}
        self._run = run
        self._api = api

    def add(self, argument: str) -> None:
        """Find what an argument names; what cannot be found is reported."""
        with self._run.attempt(argument):
            reference = resolve(argument, lambda: self._api, files=False)
            if reference.path:
                raise ArgumentError("names a path in a collection, and whole ones are copied only")
            target = reference.target
            if reference.version is not None:
                target = reference.open(self._api).manifest_locator()
            self.arguments.setdefault(target, argument)

    def add_project(self, project: str | None) -> None:
        """Find the collections of a project; that there are none may well be a mistake, and is said."""
        if project is None:
            return
        owned = [["owner_uuid", "=", project]]
        records = list(keyset_list_all(self._api.collections().list, filters=owned, select=["uuid", "name"]))
        if not records:
            self._run.note(f"keepset: no collection belongs to {one_line(project)}")
        for record in records:
            self.arguments.setdefault(record["uuid"], record["name"] or record["uuid"])


class _Shown:
    """Prints what becomes of collections."""

    def __init__(self, run: Run, arguments: dict[str, str], *, dry_run: bool, json: bool) -> None:
        self._run = run
        self._arguments = arguments
        self._dry_run = dry_run
        self._json = json

    def add(self, copied: CopiedCollection) -> None:
        """Print a line, or report what went wrong."""
        output = self._run.output
        if copied.error is not None:
            with self._run.attempt(self._arguments[copied.source]):
                raise copied.error
        elif not self._json and not (self._dry_run and copied.status == "unchanged"):
            output.line(f"{copied.uuid or copied.source}  {copied.portable_data_hash}  {output.name(copied.name)}")
            output.flush()

    def finish(self, result: Copied) -> None:
        """Print the JSON document."""
        if self._json:
            collections = [_described(copied) for copied in result.collections]
            document = {"dry_run": self._dry_run, "sent": result.sent, "collections": collections}
            self._run.output.line(encode_json(document))


def _described(copied: CopiedCollection) -> dict[str, Any]:
    error = copied.error
    told = None if error is None else {"code": getattr(error, "code", ""), "message": str(error)}
    return copied._asdict() | {"error": told}


def _listed(file: str | None) -> Iterator[str]:
    """Yield the lines of a file that are not empty."""
    if file is None:
        return
    data = sys.stdin.buffer.read() if file == STANDARD_INPUT else Path(file).read_bytes()
    for line in data.decode("utf-8", "surrogateescape").split("\n"):
        if reference := line.removesuffix("\r"):
            yield reference


def _read_once(keep: Any) -> None:
    """Let a Keep client forget what it has read: nobody asks for a block again."""
    keep.block_cache.cache_max = 1


def _checkpoint(*what: Any) -> Path:
    """Return the file in which this very command notes what it has sent."""
    import platformdirs

    digest = hashlib.sha256(json_text.dumps(what).encode()).hexdigest()[:32]
    return platformdirs.user_state_path("keepset", appauthor=False) / "transfers" / f"{digest}.copy"
