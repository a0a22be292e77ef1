"""`keepset pdh`: the portable data hash of a manifest."""

from typing import Annotated

import typer

from keepset.cli.inputs import Mode, Source, whole_manifests
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
        sources = whole_manifests(manifests)
        if json:
            run.array(
                sources,
                lambda source: [{"manifest": source.file, "portable_data_hash": _hash(source, normalized, mode)}],
            )
            return
        for source in run.each(sources):
            with run.attempt(source):
                value = _hash(source, normalized, mode)
                run.output.line(value if len(sources) == 1 else f"{value}  {run.output.name(source.file)}")


def _hash(source: Source, normalized: bool, mode: Mode) -> str:
    manifest = source.load(mode)
    return (manifest.normalized() if normalized else manifest).portable_data_hash
