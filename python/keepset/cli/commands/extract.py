"""`keepset extract`: a part of a manifest, as a manifest."""

from typing import Annotated

import typer

from keepset import Manifest
from keepset.cli.exits import ExitCode
from keepset.cli.inputs import whole_manifests
from keepset.cli.options import Exclude, Include, Json, ModeOption, OutputFile
from keepset.cli.paths import Filters, literal_pattern
from keepset.cli.results import deliver, targets
from keepset.cli.run import Run
from keepset.cli.text import one_line, utf8_argument
from keepset.errors import ArgumentError

__all__ = ["extract"]


def extract(
    manifest: Annotated[str, typer.Argument(metavar="MANIFEST", help="A manifest file; - is standard input.")],
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PATH",
            help="Files and directories as 'find' prints them, or patterns with *, ?, [..] or **; . is all.",
            show_default=False,
        ),
    ] = None,
    output: OutputFile = None,
    json: Json = False,
    include: Include = None,
    exclude: Exclude = None,
    mode: ModeOption = "compat",
) -> None:
    """Write the manifest of some files and directories.

    They keep their paths, and only the blocks they use are named. Nothing is written when a PATH is not there. This
    replaces "arv-normalize --extract".
    """
    if not paths and not include and not exclude:
        raise typer.BadParameter("say what to extract: a PATH, --include or --exclude")
    if "" in (paths or []):
        raise typer.BadParameter("an empty PATH; all of the manifest is .")
    filters = Filters(include, exclude)
    with Run() as run:
        sources = whole_manifests([manifest], run.stores)
        (target,) = targets(sources, output, in_place=False, json=json)
        for source, whole in run.manifests(sources, mode):
            patterns = [_pattern(run, source.name, whole, utf8_argument(path)) for path in paths or []]
            if run.exit_code:
                return
            result = filters.apply(whole.subset(patterns) if patterns else whole)
            with run.output.array(json) as array:
                deliver(run, result, target, array, manifest=source.file)


def _pattern(run: Run, name: str, manifest: Manifest, path: str) -> str:
    """Take a PATH at its word if it is there, for names may hold a star; else as a pattern, if it matches."""
    if path in manifest:
        return literal_pattern(manifest.stat(path).path)
    pattern = path if path.startswith("/") else f"/{path.removeprefix('./')}"
    if not any(special in path for special in "*?[") or not _matches(manifest, pattern):
        run.fail(ExitCode.NOT_FOUND, f"{name}: no such file or directory in the manifest: {one_line(path)}")
    return pattern


def _matches(manifest: Manifest, pattern: str) -> bool:
    try:
        matched = manifest.subset(pattern)
    except ArgumentError:  # no pattern either, but a name with a stray [ in it
        return False
    return bool(matched.file_count or matched.directory_count)
