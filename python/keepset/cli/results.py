"""Where the manifests that a command makes go: standard output, a file, or the file that each came from."""

from os.path import realpath
from pathlib import Path
from typing import Any

import typer

from keepset import Manifest
from keepset.cli.exits import ExitCode
from keepset.cli.files import is_directory, replacing
from keepset.cli.inputs import STANDARD_INPUT, Source
from keepset.cli.output import JsonArray
from keepset.cli.run import Run
from keepset.cli.text import one_line

__all__ = ["deliver", "target_file", "targets"]


def target_file(output: str | None) -> Path | None:
    """Give the one file that --output names; None is standard output.

    Raises:
        typer.BadParameter: When it is no name of a file.
    """
    if output in (None, STANDARD_INPUT):
        return None
    if not output or is_directory(output):
        raise typer.BadParameter(f"{output} is a directory" if output else "no name", param_hint="--output")
    return Path(output)


def targets(sources: list[Source], output: str | None, in_place: bool, json: bool) -> list[Path | None]:
    """Give the file that each result goes to; None is standard output.

    Several manifests one after the other are the text of another manifest, their concatenation, which nobody means
    to make this way: `keepset union` joins manifests, and checks.

    Raises:
        typer.BadParameter: When results would run into one, or there is no file to write back to.
    """
    has_standard_input = any(source.is_standard_input for source in sources)
    if in_place:
        if output is not None:
            raise typer.BadParameter("--in-place and --output contradict each other")
        if has_standard_input:
            raise typer.BadParameter("standard input cannot be written back with --in-place")
        if any(source.collection is not None for source in sources):
            raise typer.BadParameter("a collection cannot be written back with --in-place")
        return [Path(source.file) for source in sources]
    if output and is_directory(output):
        if has_standard_input:
            raise typer.BadParameter("a manifest from standard input has no name to get in a directory")
        files = [Path(output) / Path(source.file).name for source in sources]
        if len(set(map(realpath, files))) < len(files):
            raise typer.BadParameter("several manifests of the same name cannot go into one directory")
        return list(files)
    target = target_file(output)
    if len(sources) > 1 and not (json and target is None):
        raise typer.BadParameter(
            "several results need --in-place, or a directory for --output; to join manifests, use 'keepset union'"
        )
    return [target for _ in sources]


def deliver(run: Run, result: Manifest, target: Path | None, array: JsonArray | None, **origin: Any) -> None:
    """Write a manifest where it goes, and with --json tell so; one that goes nowhere is in what is told."""
    if target is not None:
        if not _write(run, result, target):
            return
    elif array is None:
        run.output.manifest(result)
    if array is not None:
        array.append(origin | _describe(result, target))


def _write(run: Run, manifest: Manifest, target: Path) -> bool:
    """Write a file, and say whether that succeeded."""
    run.progress.describe(f"Writing {one_line(str(target))}")
    try:
        with replacing(target) as file:
            manifest.write_to(file)
    except OSError as error:
        run.fail(ExitCode.FAILED_IO, f"cannot write {one_line(str(target))}: {error.strerror or error}")
        return False
    return True


def _describe(manifest: Manifest, target: Path | None) -> dict[str, Any]:
    description: dict[str, Any] = {
        "output": None if target is None else str(target),
        "portable_data_hash": manifest.portable_data_hash,
        "file_count": manifest.file_count,
        "size": manifest.data_size,
    }
    return description if target is not None else description | {"text": manifest.text}
