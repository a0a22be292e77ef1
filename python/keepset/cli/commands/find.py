"""`keepset find`: the paths of a manifest that pass tests."""

import re
from collections.abc import Callable, Iterator
from fnmatch import translate
from typing import Annotated, Literal, NamedTuple

import typer

from keepset.cli.inputs import with_paths
from keepset.cli.options import Exclude, Human, Include, Json, Manifests, MaxDepth, ModeOption, Print0
from keepset.cli.paths import Filters, describe, join
from keepset.cli.run import Run, View
from keepset.cli.text import parse_size, size_text, utf8_argument
from keepset.manifest import Stat

__all__ = ["find"]


class _Tests(NamedTuple):
    """What a path must pass; None passes all."""

    name: Callable[[str], object] | None
    path: Callable[[str], object] | None
    size: Callable[[int], bool] | None
    type: Literal["f", "d"] | None
    max_depth: int | None


def find(
    manifests: Manifests = None,
    name: Annotated[
        list[str] | None,
        typer.Option("--name", metavar="PATTERN", help="The last component matches; *, ?, [..]. Repeatable: any."),
    ] = None,
    iname: Annotated[
        list[str] | None, typer.Option("--iname", metavar="PATTERN", help="As --name, upper and lower case alike.")
    ] = None,
    path: Annotated[
        list[str] | None,
        typer.Option("--path", metavar="PATTERN", help="The whole path matches; * crosses slashes. Repeatable: any."),
    ] = None,
    size: Annotated[
        list[str] | None,
        typer.Option(
            "--size", metavar="[+-]N[KMGTPE]", help="More (+), less (-) or exactly N bytes. Repeatable: all of them."
        ),
    ] = None,
    type_: Annotated[
        Literal["f", "d"] | None, typer.Option("--type", help="Files only (f), or directories only (d).")
    ] = None,
    max_depth: MaxDepth = None,
    long: Annotated[bool, typer.Option("--long", "-l", help="Print the size before each path.")] = False,
    human: Human = False,
    print0: Print0 = False,
    json: Json = False,
    include: Include = None,
    exclude: Exclude = None,
    mode: ModeOption = "compat",
) -> None:
    """Print the paths that pass tests.

    In the order of the manifest; where several kinds of tests are given, all must be passed. With several manifests
    each path has its manifest before it, as other commands take it: MANIFEST/PATH.
    """
    tests = _Tests(_names(name, iname), _any_of(path, 0), _sizes(size), type_, max_depth)
    filters = Filters(include, exclude)
    with Run() as run:
        sources = with_paths(manifests, run.stores)
        views = run.views(sources, mode, filters)
        if json:
            run.output.json(describe(view.source, stat) for view in views for stat in _stats(view, tests))
            return
        for view in views:
            prefix = view.source.inside(" ")[:-1] if len(sources) > 1 else ""
            lines: Iterator[str]
            if long or human:
                lines = (
                    f"{size_text(stat.size, human):>{6 if human else 14}} {run.output.name(prefix + stat.path)}"
                    for stat in _stats(view, tests)
                )
            elif prefix or run.output.is_terminal:
                lines = (run.output.name(prefix + found) for found in _paths(view, tests))
            else:
                lines = _paths(view, tests)
            run.output.lines(lines, "\0" if print0 else "\n")


def _any_of(patterns: list[str] | None, flags: int) -> Callable[[str], object] | None:
    if not patterns:
        return None
    return re.compile("|".join(_expression(utf8_argument(pattern)) for pattern in patterns), flags).match


def _expression(pattern: str) -> str:
    r"""Write a shell pattern as a regular expression; as for find, `\*` is a star and nothing else."""

    def literal(pair: re.Match[str]) -> str:
        return f"[{pair[1]}]" if pair[1] in "*?[" else pair[1]

    return translate(re.sub(r"\\(.)", literal, pattern, flags=re.DOTALL))


def _names(exact: list[str] | None, either_case: list[str] | None) -> Callable[[str], object] | None:
    first, second = _any_of(exact, 0), _any_of(either_case, re.IGNORECASE)
    if first and second:
        return lambda name: first(name) and second(name)
    return first or second


def _sizes(texts: list[str] | None) -> Callable[[int], bool] | None:
    lowest, highest = 0, None
    for text in texts or []:
        try:
            size = parse_size(text[text.startswith(("+", "-")) :])
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="--size") from None
        if not text.startswith("-"):
            lowest = max(lowest, size + text.startswith("+"))
        if not text.startswith("+"):
            limit = size - text.startswith("-")
            highest = limit if highest is None else min(highest, limit)
    if not texts:
        return None
    return lambda size: lowest <= size and (highest is None or size <= highest)


def _paths(view: View, tests: _Tests) -> Iterator[str]:
    if tests.size is not None:
        return (stat.path for stat in _stats(view, tests))
    return _candidates(view, tests)


def _stats(view: View, tests: _Tests) -> Iterator[Stat]:
    """Look up the size of those paths only that pass the other tests."""
    for path in _candidates(view, tests):
        stat = view.manifest.stat(path)
        if tests.size is None or tests.size(stat.size):
            yield stat


def _candidates(view: View, tests: _Tests) -> Iterator[str]:
    """Give the paths that pass every test but the size; the path that the search starts from is not among them."""
    if view.is_file:
        if tests.type != "d" and _passes(view.path, tests):
            yield view.path
        return
    top_depth = view.path.count("/") + 1 if view.path else 0
    for directory, names, files in view.manifest.walk(view.path):
        depth = directory.count("/") + 1 - top_depth if directory else 0
        if depth and tests.type != "f" and _passes(directory, tests):
            yield directory
        if tests.max_depth is not None and depth >= tests.max_depth:
            names.clear()
            continue
        if tests.type != "d":
            yield from _files(directory, files, tests)


def _files(directory: str, names: list[str], tests: _Tests) -> Iterator[str]:
    if tests.name is not None:
        names = [name for name in names if tests.name(name)]
    for name in names:
        path = join(directory, name)
        if tests.path is None or tests.path(path):
            yield path


def _passes(path: str, tests: _Tests) -> bool:
    return (tests.name is None or bool(tests.name(path.rpartition("/")[2]))) and (
        tests.path is None or bool(tests.path(path))
    )
