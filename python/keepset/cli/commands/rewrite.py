"""`keepset normalize` and `keepset strip`: the same manifest, written another way."""

from collections.abc import Callable
from typing import Annotated

import typer

from keepset import Manifest
from keepset.cli.exits import ExitCode
from keepset.cli.inputs import Mode, whole_manifests
from keepset.cli.options import Json, ModeOption, OutputFile, WholeManifests
from keepset.cli.results import deliver, targets
from keepset.cli.run import Run

__all__ = ["normalize", "strip"]

_InPlace = Annotated[bool, typer.Option("--in-place", "-i", help="Write each manifest back to its own file.")]


def normalize(
    manifests: WholeManifests = None,
    output: OutputFile = None,
    in_place: _InPlace = False,
    strip: Annotated[bool, typer.Option("--strip", help="Drop signatures and other hints, too.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing: name what is not in normal form, and exit with 1.")
    ] = False,
    json: Json = False,
    mode: ModeOption = "compat",
) -> None:
    """Write in normal form.

    Sorted, each block once in a stream, touching ranges joined. Byte for byte what the existing Python SDK writes, so
    that equal collections get equal portable data hashes.
    """
    if check:
        if output is not None or in_place or strip or json:
            raise typer.BadParameter("--check writes nothing and takes no other option but --mode")
        _check(manifests, mode)
    elif strip:
        _rewrite(manifests, output, in_place, json, mode, lambda manifest: manifest.normalized().stripped())
    else:
        _rewrite(manifests, output, in_place, json, mode, Manifest.normalized)


def strip(
    manifests: WholeManifests = None,
    output: OutputFile = None,
    in_place: _InPlace = False,
    json: Json = False,
    mode: ModeOption = "compat",
) -> None:
    """Write without signatures and other hints.

    Nothing else changes. This is the text whose MD5 and length are the portable data hash.
    """
    _rewrite(manifests, output, in_place, json, mode, Manifest.stripped)


def _rewrite(
    manifests: list[str] | None,
    output: str | None,
    in_place: bool,
    json: bool,
    mode: Mode,
    transform: Callable[[Manifest], Manifest],
) -> None:
    with Run() as run:
        sources = whole_manifests(manifests, run.stores)
        goals = dict(zip(sources, targets(sources, output, in_place, json), strict=True))
        with run.output.array(json) as array:
            for source, manifest in run.manifests(sources, mode):
                deliver(run, transform(manifest), goals[source], array, manifest=source.file)


def _check(manifests: list[str] | None, mode: Mode) -> None:
    with Run() as run:
        for source, manifest in run.manifests(whole_manifests(manifests, run.stores), mode):
            if not manifest.is_normalized:
                run.found(ExitCode.FOUND)
                run.output.line(f"{run.output.name(source.file)}: not in normal form")
