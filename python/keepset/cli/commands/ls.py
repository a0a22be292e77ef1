"""`keepset ls`: what is in a directory of a collection, or in the store."""

import sys
from collections.abc import Iterator
from typing import Annotated, Any, NamedTuple

import typer

from keepset.cli.inputs import STANDARD_INPUT, Source, read_standard_input, with_paths
from keepset.cli.options import Exclude, Human, Include, Json, Manifests, ModeOption, Print0
from keepset.cli.output import Output
from keepset.cli.paths import Filters, describe, join
from keepset.cli.records import describe_record, list_records
from keepset.cli.run import Run, View
from keepset.cli.text import size_text
from keepset.manifest import Stat

__all__ = ["ls"]


class _Layout(NamedTuple):
    """How a listing is ordered and printed."""

    long: bool
    recursive: bool
    human: bool
    by_size: bool
    reverse: bool
    print0: bool


def ls(
    manifests: Manifests = None,
    long: Annotated[bool, typer.Option("--long", "-l", help="Print type and size before each name.")] = False,
    recursive: Annotated[bool, typer.Option("--recursive", "-R", help="List the directories below, too.")] = False,
    human: Human = False,
    by_size: Annotated[bool, typer.Option("--by-size", "-S", help="Sort by size, largest first.")] = False,
    reverse: Annotated[bool, typer.Option("--reverse", "-r", help="Reverse the order.")] = False,
    print0: Print0 = False,
    json: Json = False,
    include: Include = None,
    exclude: Exclude = None,
    mode: ModeOption = "compat",
) -> None:
    """List a directory, or the collections of the store.

    Sorted by name, in order of code points; a directory has a slash behind its name. Without an argument, and with
    nothing on standard input, the collections are listed.
    """
    layout = _Layout(long, recursive, human, by_size, reverse, print0)
    filters = Filters(include, exclude)
    with Run() as run:
        given = _given_input() if not manifests else b""
        if not manifests and not given:
            if include or exclude:
                raise typer.BadParameter("patterns choose files of a collection, and none is named")
            _list_store(run, layout, json)
            return
        sources = [Source(STANDARD_INPUT, text=given)] if given else with_paths(manifests, run.stores)
        views = run.views(sources, mode, filters)
        if json:
            run.output.json(item for view in views for item in _described(view, layout))
            return
        has_titles = (recursive or len(sources) > 1) and not print0
        gap = ""
        for view in views:
            for directory in _directories(view, layout):
                if has_titles:
                    title = view.source.inside(directory) if len(sources) > 1 else directory or "."
                    run.output.line(f"{gap}{run.output.name(title)}:")
                    gap = "\n"
                _print_directory(run.output, view, directory, layout)


def _given_input() -> bytes:
    """Read what somebody has piped in; nothing at a terminal, where a manifest is typed after `-` only."""
    return b"" if sys.stdin is None or sys.stdin.isatty() else read_standard_input()


def _list_store(run: Run, layout: _Layout, json: bool) -> None:
    """List the collections; one without a name by its UUID, so that every line can be passed on."""
    records = [describe_record(record) for record in list_records(run)]
    records.sort(key=lambda record: record["name"] or record["uuid"], reverse=layout.reverse and not layout.by_size)
    if layout.by_size:
        records.sort(key=lambda record: record["size"], reverse=not layout.reverse)
    if json:
        run.output.json(records)
        return
    sizes = [size_text(record["size"], layout.human) for record in records]
    width = max(map(len, sizes), default=0)
    run.output.lines(
        (
            (f"d {size:>{width}} " if layout.long else "") + _shown(run.output, f"{record['name'] or record['uuid']}/")
            for record, size in zip(records, sizes, strict=True)
        ),
        "\0" if layout.print0 else "\n",
    )


def _directories(view: View, layout: _Layout) -> Iterator[str]:
    """Give the directories to list; a file is listed as if it were one."""
    pending = [view.path]
    while pending:
        directory = pending.pop()
        yield directory
        if layout.recursive and not view.is_file:
            names, _ = view.children(directory)
            pending += [join(directory, name) for name in sorted(names, reverse=not layout.reverse)]


def _paths(view: View, directory: str, layout: _Layout) -> list[str]:
    """Give what is in a directory, sorted by name, with a slash behind each directory."""
    if view.is_file:
        return [directory]
    directories, files = view.children(directory)
    is_directory = frozenset(directories)
    names = sorted(directories + files, reverse=layout.reverse)
    return [join(directory, name) + "/" * (name in is_directory) for name in names]


def _stats(view: View, directory: str, layout: _Layout) -> list[Stat]:
    stats = [view.manifest.stat(path) for path in _paths(view, directory, layout)]
    if layout.by_size:
        stats.sort(key=lambda stat: stat.size, reverse=not layout.reverse)
    return stats


def _described(view: View, layout: _Layout) -> Iterator[dict[str, Any]]:
    for directory in _directories(view, layout):
        for stat in _stats(view, directory, layout):
            yield describe(view.source, stat)


def _print_directory(output: Output, view: View, directory: str, layout: _Layout) -> None:
    prefixes: list[str] = []
    if layout.long or layout.by_size:
        stats = _stats(view, directory, layout)
        paths = [stat.path + "/" * stat.is_dir() for stat in stats]
        if layout.long:
            sizes = [size_text(stat.size, layout.human) for stat in stats]
            width = max(map(len, sizes), default=0)
            prefixes = [
                f"{'d' if stat.is_dir() else '-'} {size:>{width}} " for stat, size in zip(stats, sizes, strict=True)
            ]
    else:
        paths = _paths(view, directory, layout)
    # Without titles, only the whole path says where a name is.
    start = 0 if view.is_file or (layout.print0 and layout.recursive) else len(join(directory, ""))
    shown = (_shown(output, path[start:]) for path in paths)
    if prefixes:
        shown = (prefix + name for prefix, name in zip(prefixes, shown, strict=True))
    output.lines(shown, "\0" if layout.print0 else "\n")


def _shown(output: Output, name: str) -> str:
    if not output.is_terminal:
        return name
    return output.styled(output.name(name), "directory") if name.endswith("/") else output.name(name)
