"""`keepset pdh`: the portable data hash of a manifest."""

from typing import Annotated

import typer

from keepset.cli.inputs import whole_manifests
from keepset.cli.options import Json, ModeOption, WholeManifests
from keepset.cli.run import Run

__all__ = ["pdh"]


def pdh(
    manifests: WholeManifests = None,
    normalized: Annotated[bool, typer.Option("--normalized", "-n", help="Of the normal form instead.")] = False,
    json: Json = False,
    mode: ModeOption = "compat",
) -> None:
    """Print the portable data hash.

    That of the text as it stands, without hints: the one that the server computes. Of several manifests, each with its
    name, as md5sum does.
    """
    with Run() as run:
        sources = whole_manifests(manifests, run.stores)
        hashes = (
            (source.file, (manifest.normalized() if normalized else manifest).portable_data_hash)
            for source, manifest in run.manifests(sources, mode)
        )
        if json:
            run.output.json({"manifest": file, "portable_data_hash": value} for file, value in hashes)
            return
        for file, value in hashes:
            run.output.line(value if len(sources) == 1 else f"{value}  {run.output.name(file)}")
