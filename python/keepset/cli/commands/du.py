"""`keepset du`: how much there is below each directory."""

import sys
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from keepset.cli.inputs import with_paths
from keepset.cli.options import Exclude, Human, Include, Json, Manifests, MaxDepth, ModeOption
from keepset.cli.paths import Filters
from keepset.cli.run import Run, View
from keepset.cli.text import size_text

__all__ = ["du"]


def du(
    manifests: Manifests = None,
    max_depth: MaxDepth = None,
    summarize: Annotated[bool, typer.Option("--summarize", "-s", help="Print the total only.")] = False,
    total: Annotated[bool, typer.Option("--total", "-c", help="Print a grand total at the end.")] = False,
    human: Human = False,
    json: Json = False,
    include: Include = None,
    exclude: Exclude = None,
    mode: ModeOption = "compat",
) -> None:
    """Measure each directory.

    Prints the bytes in the files below it; a directory comes after what is in it, as with du. Bytes are those of the
    files: a block that two files share counts twice. `keepset stat` gives what is stored.
    """
    if summarize and max_depth:
        raise typer.BadParameter("--summarize and --max-depth contradict each other")
    depth = 0 if summarize else max_depth
    filters = Filters(include, exclude)
    grand_total = 0
    with Run() as run:
        sources = with_paths(manifests, run.stores)
        views = run.views(sources, mode, filters)
        if json:
            run.output.json(item for view in views for item in _described(view, depth))
            return
        for view in views:
            grand_total += view.manifest.stat(view.path).size
            shown = view.source.inside if len(sources) > 1 else (lambda path: path or ".")
            run.output.lines(
                f"{size_text(size, human)}\t{run.output.name(shown(path))}" for path, size in _sizes(view, depth)
            )
        if total:
            run.output.line(f"{size_text(grand_total, human)}\ttotal")


def _described(view: View, depth: int | None) -> Iterator[dict[str, Any]]:
    for path, size in _sizes(view, depth):
        yield {"manifest": view.source.file, "path": path or ".", "size": size}


def _sizes(view: View, depth: int | None) -> Iterator[tuple[str, int]]:
    """Give directories with their sizes, each after those below it."""
    if view.is_file or depth == 0:
        yield view.path, view.manifest.stat(view.path).size
        return
    top_depth = _depth(view.path)
    open_directories: list[tuple[str, int]] = []
    engine_depth = None if depth is None else min(depth + top_depth, sys.maxsize)
    for engine_path, size in view.manifest.du(engine_depth).items():
        path = "" if engine_path == "." else engine_path
        if view.path and path != view.path and not path.startswith(view.path + "/"):
            continue
        while open_directories and _depth(open_directories[-1][0]) >= _depth(path):
            yield open_directories.pop()
        open_directories.append((path, size))
    yield from reversed(open_directories)


def _depth(path: str) -> int:
    return path.count("/") + 1 if path else 0
