"""`keepset union`: several manifests joined into one."""

from typing import Annotated, Literal

import typer

from keepset import Manifest
from keepset.cli.inputs import whole_manifests
from keepset.cli.options import Json, ModeOption, OutputFile, WholeManifests
from keepset.cli.results import deliver, describe_result
from keepset.cli.run import Run

__all__ = ["union"]


def union(
    manifests: WholeManifests = None,
    output: OutputFile = None,
    on_conflict: Annotated[
        Literal["error", "concatenate"],
        typer.Option(
            "--on-conflict",
            help="When a path holds different files: stop, or join their bytes in the order of the manifests.",
        ),
    ] = "error",
    json: Json = False,
    mode: ModeOption = "compat",
) -> None:
    """Join manifests into one.

    The result has all their files; no data moves. A file that is the same in several is there once. Two different files
    at one path are an error, unless --on-conflict says otherwise.
    """
    if output is not None and output.is_dir():
        raise typer.BadParameter(f"{output} is a directory", param_hint="--output")
    with Run() as run:
        sources = whole_manifests(manifests)
        loaded = []
        for source in run.each(sources):
            with run.attempt(source):
                loaded.append(source.load(mode))
        if run.exit_code:
            return
        run.progress.describe("Joining manifests")
        result = Manifest.union(loaded, on_conflict=on_conflict)
        target = None if output is None or str(output) == "-" else output
        if not json:
            deliver(run, result, target)
        elif target is None or deliver(run, result, target):
            with run.output.array() as array:
                array.append({"manifests": [source.file for source in sources], **describe_result(result, target)})
