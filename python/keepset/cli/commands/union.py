"""`keepset union`: several manifests joined into one."""

from typing import Annotated, Literal

import typer

from keepset import Manifest
from keepset.cli.inputs import whole_manifests
from keepset.cli.options import Json, ModeOption, OutputFile, WholeManifests
from keepset.cli.results import deliver, target_file
from keepset.cli.run import Run
from keepset.errors import ManifestError

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
    target = target_file(output)
    with Run() as run:
        sources = whole_manifests(manifests, run.stores)
        loaded = [manifest for _, manifest in run.manifests(sources, mode)]
        if run.exit_code:
            return
        run.progress.describe("Joining manifests")
        result = _union(loaded, on_conflict)
        with run.output.array(json) as array:
            deliver(run, result, target, array, manifests=[source.file for source in sources])


def _union(manifests: list[Manifest], on_conflict: Literal["error", "concatenate"]) -> Manifest:
    try:
        return Manifest.union(manifests, on_conflict=on_conflict)
    except ManifestError as error:
        if error.code == "content-conflict":
            error.add_note("--on-conflict concatenate joins the bytes of such files")
        raise
