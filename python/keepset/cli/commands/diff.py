"""`keepset diff`: what changed from one manifest to another."""

from collections.abc import Iterator
from typing import Annotated, Literal, NamedTuple

import typer

from keepset.cli.exits import ExitCode
from keepset.cli.inputs import whole_manifests
from keepset.cli.options import Exclude, Human, Include, Json, ModeOption, Print0
from keepset.cli.output import Output, encode_json
from keepset.cli.paths import Filters
from keepset.cli.run import Run
from keepset.cli.text import size_text
from keepset.manifest import Diff

__all__ = ["diff"]

_LETTERS = {"added": "A", "removed": "D", "modified": "M", "moved": "R"}


class _Change(NamedTuple):
    """A change as it is printed: a move may have become two of them."""

    kind: Literal["added", "removed", "modified", "moved"]
    type: Literal["file", "directory"]
    path: str
    old_path: str | None
    old_size: int | None
    new_size: int | None


def diff(
    old: Annotated[str, typer.Argument(metavar="OLD", help="The manifest before; - is standard input.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="The manifest after; - is standard input.")],
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
    include: Include = None,
    exclude: Exclude = None,
    mode: ModeOption = "compat",
) -> None:
    """Print what changed from OLD to NEW.

    A added, D removed, M modified with both sizes, R moved with the same content. Signatures, the order of blocks and
    the way a text is cut make no difference. The exit code is 1 if there are changes, else 0.
    """
    filters = Filters(include, exclude)
    with Run() as run:
        sources = whole_manifests([old, new], run.stores)
        loaded = [filters.apply(manifest) for _, manifest in run.manifests(sources, mode)]
        if run.exit_code:
            return
        run.progress.describe("Comparing")
        before, after = loaded
        differences = before.diff(after)
        if differences:
            run.found(ExitCode.FOUND)
        if json:
            run.output.lines(_json([old, new], differences, no_renames), end="")
        elif not quiet:
            end = "\0" if print0 else "\n"
            changes = _changes(differences, no_renames)
            if name_only:
                run.output.lines((_name(run.output, change, change.path) for change in changes), end)
            elif not short_stat:
                run.output.lines((_line(run.output, change, human) for change in changes), end)
            if stat or short_stat:
                run.output.line(_summary(_count(differences, no_renames), human))


def _changes(differences: Diff, no_renames: bool) -> Iterator[_Change]:
    for change in differences:
        if no_renames and change.kind == "moved" and change.old_path is not None:
            yield _Change("removed", change.type, change.old_path, None, change.old_size, None)
            yield _Change("added", change.type, change.path, None, None, change.new_size)
        else:
            yield _Change(change.kind, change.type, change.path, change.old_path, change.old_size, change.new_size)


def _name(output: Output, change: _Change, path: str) -> str:
    return output.name(path + "/" * (change.type == "directory"))


def _line(output: Output, change: _Change, human: bool) -> str:
    start = output.styled(_LETTERS[change.kind], change.kind)
    path = _name(output, change, change.path)
    if change.old_path is not None:
        return f"{start} {_name(output, change, change.old_path)} -> {path}"
    if change.kind == "modified":
        return f"{start} {path} {size_text(change.old_size or 0, human)} -> {size_text(change.new_size or 0, human)}"
    return f"{start} {path}"


def _count(differences: Diff, no_renames: bool) -> dict[str, int]:
    counts = {"added": 0, "removed": 0, "modified": 0, "moved": 0, "size_change": 0}
    for change in _changes(differences, no_renames):
        counts[change.kind] += 1
        counts["size_change"] += (change.new_size or 0) - (change.old_size or 0)
    return counts


def _summary(counts: dict[str, int], human: bool) -> str:
    parts = [f"{count} {kind}" for kind, count in counts.items() if count and kind != "size_change"]
    if not parts:
        return "no changes"
    growth = counts["size_change"]
    return f"{', '.join(parts)}; {'-' if growth < 0 else '+'}{size_text(abs(growth), human)} bytes"


def _json(names: list[str], differences: Diff, no_renames: bool) -> Iterator[str]:
    """Write one object, with one change per line."""
    counts = _count(differences, no_renames)
    head = encode_json({"old": names[0], "new": names[1], "identical": not differences, "summary": counts})
    yield head[:-1] + ', "changes": ['
    separator = "\n"
    for change in _changes(differences, no_renames):
        yield separator + encode_json({key: value for key, value in change._asdict().items() if value is not None})
        separator = ",\n"
    yield "]}\n" if separator == "\n" else "\n]}\n"
