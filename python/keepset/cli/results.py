"""Where the manifests that a command makes go: standard output, a file, or the file that each came from."""

from pathlib import Path
from typing import Any

import typer

from keepset import Manifest
from keepset.cli.exits import ExitCode
from keepset.cli.files import replacing
from keepset.cli.inputs import STANDARD_INPUT, Source
from keepset.cli.run import Run
from keepset.cli.text import one_line

__all__ = ["deliver", "describe_result", "targets"]


def targets(sources: list[Source], output: Path | None, in_place: bool, json: bool) -> list[Path | None]:
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
        return [Path(source.file) for source in sources]
    if output is not None and output.is_dir():
        if has_standard_input:
            raise typer.BadParameter("a manifest from standard input has no name to get in a directory")
        return [output / Path(source.file).name for source in sources]
    if len(sources) > 1 and not (json and output is None):
        raise typer.BadParameter(
            "several results need --in-place, or a directory for --output; to join manifests, use 'keepset union'"
        )
    return [None if output is None or str(output) == STANDARD_INPUT else output for _ in sources]


def deliver(run: Run, manifest: Manifest, target: Path | None) -> bool:
    """Write a manifest where it goes, and say whether that succeeded."""
    if target is None:
        run.output.manifest(manifest)
        return True
    run.progress.describe(f"Writing {one_line(str(target))}")
    try:
        with replacing(target) as file:
            manifest.write_to(file)
    except OSError as error:
        run.fail(ExitCode.FAILED_IO, f"cannot write {one_line(str(target))}: {error.strerror or error}")
        return False
    return True


def describe_result(manifest: Manifest, target: Path | None) -> dict[str, Any]:
    """Describe a manifest that was made, for JSON; the text is there when it went nowhere else."""
    result: dict[str, Any] = {
        "output": None if target is None else str(target),
        "portable_data_hash": manifest.portable_data_hash,
        "file_count": manifest.file_count,
        "size": manifest.data_size,
    }
    return result if target is not None else result | {"text": manifest.text}
