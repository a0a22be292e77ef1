"""`keepset validate`: everything that is wrong with a manifest, and where."""

import sys
from typing import Annotated, Any

import typer

from keepset import Manifest
from keepset.cli.exits import ExitCode
from keepset.cli.inputs import Mode, Source, parse_manifest, whole_manifests
from keepset.cli.options import Json, WholeManifests
from keepset.cli.run import Run
from keepset.cli.text import counted, one_line
from keepset.manifest import Problem

__all__ = ["validate"]


def validate(
    manifests: WholeManifests = None,
    limit: Annotated[
        int, typer.Option("--limit", min=0, metavar="N", help="Report at most N problems of a manifest; 0 for all.")
    ] = 1000,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing; the exit code tells.")] = False,
    json: Json = False,
    mode: Annotated[
        Mode,
        typer.Option("--mode", help="Check against the documented grammar (strict), or what can be loaded (compat)."),
    ] = "strict",
) -> None:
    """Report every problem, with line and column.

    One per line: FILE:LINE:COLUMN: CODE: what is wrong, and with which token. The exit code is 1 if there are problems.
    A summary goes to standard error.
    """
    most = limit or sys.maxsize
    checked = faulty = total = 0
    with Run() as run:
        sources = whole_manifests(manifests, run.stores)
        with run.output.array(json) as array:
            for source in run.each(sources):
                with run.attempt(source):
                    problems, is_complete = _problems(source, mode, most)
                    checked += 1
                    faulty += bool(problems)
                    total += len(problems)
                    if problems:
                        run.found(ExitCode.FOUND)
                    if array is not None:
                        array.append(_report(source, problems, is_complete))
                    elif not quiet:
                        run.output.lines(_line(source, problem) for problem in problems)
                        if not is_complete:
                            run.output.line(f"{source.name}: more than {limit} problems (--limit 0 reports all)")
        if not json and not quiet and checked:
            run.output.flush()
            run.note(_summary(checked, faulty, total))


def _problems(source: Source, mode: Mode, most: int) -> tuple[list[Problem], bool]:
    """Give the problems of a manifest, and whether these are all."""
    text = source.read()
    if mode == "strict":
        problems = Manifest.validate(text, min(most + 1, sys.maxsize))
    else:
        _, problems = Manifest.salvage(text)
        if not problems:
            parse_manifest(text, mode)
    return problems[:most], len(problems) <= most


def _line(source: Source, problem: Problem) -> str:
    where = f"{source.name}:{problem.line}:{problem.column}"
    return f"{where}: {problem.code}: {one_line(problem.message, 400)}"


def _report(source: Source, problems: list[Problem], is_complete: bool) -> dict[str, Any]:
    fields = ("code", "message", "line", "column", "offset", "token")
    listed = [{field: getattr(problem, field) for field in fields} for problem in problems]
    return {"manifest": source.file, "valid": not problems, "complete": is_complete, "problems": listed}


def _summary(checked: int, faulty: int, total: int) -> str:
    manifests = counted(checked, "manifest", "manifests")
    if not faulty:
        return f"{manifests} checked, no problems"
    return f"{manifests} checked, {counted(total, 'problem', 'problems')}" + (
        f" in {faulty} of them" if checked > 1 else ""
    )
