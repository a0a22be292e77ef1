"""`keepset merge`: other collections brought into one, or what two have made of a third."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Literal

import typer

from keepset import Manifest
from keepset.cli.changes import Changes
from keepset.cli.inputs import Mode, Source, whole_manifests
from keepset.cli.options import DryRun, Json, ModeOption, OutputFile
from keepset.cli.output import JsonArray
from keepset.cli.results import deliver, target_file
from keepset.cli.run import Run
from keepset.cli.text import quote, utf8_argument
from keepset.errors import ArgumentError, MergeConflictError

__all__ = ["merge"]

_OnConflict = Literal["error", "ours", "theirs", "rename", "concatenate", "conflict-file"]
_ONLY_WITHOUT_BASE = ("rename", "concatenate")
_ONLY_WITH_BASE = ("conflict-file",)
_SHOWN = 5


def merge(
    collection: Annotated[
        str, typer.Argument(metavar="COLLECTION", help="What the others are brought into; - is standard input.")
    ],
    others: Annotated[
        list[str], typer.Argument(metavar="OTHER...", help="Collections, versions, manifest files; with --base one.")
    ],
    base: Annotated[
        str | None,
        typer.Option(
            "--base",
            metavar="BASE",
            help="What both come from: what OTHER has changed since then is brought in, removals included.",
            show_default=False,
        ),
    ] = None,
    on_conflict: Annotated[
        _OnConflict,
        typer.Option(
            "--on-conflict",
            help="What becomes of different files at one path: stop, keep ours, take theirs, give theirs a free name"
            " (rename; conflict-file with --base), or put theirs behind ours (concatenate).",
        ),
    ] = "error",
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", help="Save as a new collection instead.", show_default=False),
    ] = None,
    output: OutputFile = None,
    dry_run: DryRun = False,
    json: Json = False,
    mode: ModeOption = "compat",
) -> None:
    """Bring other collections into a collection. No data moves.

    Directories that both have are joined; files that are the same are no conflict. With --base, it is a three-way
    merge. Prints the UUID and the portable data hash, or, with --dry-run, what would change, as diff does.

    COLLECTION is saved, and what it was before is kept as a version. With --base it can be a manifest as well: the
    result is then written to standard output.
    """
    _check(base, others, on_conflict, name, output)
    target = target_file(output)
    arguments = [collection, *others] if base is None else [collection, *others, base]
    with Run() as run:
        first, *sources = whole_manifests(arguments, run.stores)
        loaded = [(source.name, manifest) for source, manifest in run.manifests(sources, mode)]
        is_written = output is not None or (base is not None and first.record is None and name is None)
        with run.attempt(first):
            ours = _opened(run, first, mode, name, is_written=is_written)
        if run.exit_code:
            return
        run.progress.describe("Merging")
        changes = _brought(ours, first.name, loaded, base is not None, on_conflict)
        with run.output.array(json) as array:
            facts = {"manifests": arguments, "dry_run": dry_run} | (changes.described() if json else {})
            if dry_run:
                _preview(run, changes, array, facts)
            elif is_written:
                deliver(run, ours.snapshot(), target, array, **facts)
            else:
                _save(run, ours, name, changes, array, facts)


def _check(base: str | None, others: list[str], on_conflict: _OnConflict, name: str | None, output: str | None) -> None:
    """Refuse what contradicts itself."""
    if base is not None and len(others) > 1:
        raise typer.BadParameter("with --base there is one OTHER only")
    if on_conflict in (_ONLY_WITHOUT_BASE if base is not None else _ONLY_WITH_BASE):
        raise typer.BadParameter(
            f"{on_conflict} is for a merge {'without' if base is not None else 'with'} --base",
            param_hint="--on-conflict",
        )
    if name == "":
        raise typer.BadParameter("an empty name", param_hint="--name")
    if name is not None and output is not None:
        raise typer.BadParameter("--name and --output contradict each other")


def _opened(run: Run, first: Source, mode: Mode, name: str | None, *, is_written: bool) -> Any:
    """Open what the others are brought into, so that it can be saved if it is to be."""
    from keepset.collection import Collection

    if is_written:
        return Collection(first.load(mode))
    if name is not None:
        return Collection(first.load(mode), api_client=run.stores.reading())
    if first.record is not None:
        return Collection(first.record, api_client=run.stores.reading())
    first.load(mode)  # what is not there cannot be anything else either
    raise ArgumentError(
        "there is no record to save this to: --name makes one, --output writes a manifest, and 'keepset union' joins"
        " manifests"
    )


def _brought(ours: Any, name: str, others: list[tuple[str, Manifest]], has_base: bool, on_conflict: str) -> Changes:
    """Bring the others into a collection, in memory, and tell what that has changed."""
    before = ours.snapshot()
    if has_base:
        (other_name, other), (_, base) = others
        with _conflicts_told(f"changed both in {name} and in {other_name}"):
            _merge_three(ours, base, other, on_conflict)
    else:
        for other_name, other in others:
            with _conflicts_told(f"not the same in {name} and in {other_name}"):
                ours.merge_from(other, on_conflict)
    return Changes(before.diff(ours.snapshot()))


def _merge_three(ours: Any, base: Manifest, theirs: Manifest, on_conflict: str) -> None:
    from keepset.collection import Collection

    merged: Any = Collection(base)
    merged.update(ours)  # with no changes of its own it becomes what the other one is
    merged.update(theirs, on_conflict=on_conflict)
    ours.update(merged)


@contextmanager
def _conflicts_told(what: str) -> Iterator[None]:
    """Say what the conflicts are, and which option decides them."""
    try:
        yield
    except MergeConflictError as error:
        shown = ", ".join(map(quote, error.paths[:_SHOWN]))
        more = f" and {len(error.paths) - _SHOWN} more" if len(error.paths) > _SHOWN else ""
        raise ArgumentError(
            f"{what}: {shown}{more}; nothing was done (--on-conflict says what becomes of such paths)"
        ) from None


def _preview(run: Run, changes: Changes, array: JsonArray | None, facts: dict[str, Any]) -> None:
    if array is not None:
        array.append(facts)
    else:
        run.output.lines(change.line(run.output, human=False) for change in changes)


def _save(
    run: Run, ours: Any, name: str | None, changes: Changes, array: JsonArray | None, facts: dict[str, Any]
) -> None:
    run.progress.describe("Saving")
    if name is not None:
        ours.save_new(utf8_argument(name))
    elif changes:
        ours.save(preserve_version=True)
    uuid, portable_data_hash = ours.manifest_locator(), ours.portable_data_hash()
    if array is not None:
        saved = {"uuid": uuid, "name": ours.api_response()["name"], "portable_data_hash": portable_data_hash}
        array.append(facts | saved)
    else:
        run.output.line(f"{uuid}  {portable_data_hash}")
