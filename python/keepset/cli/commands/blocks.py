"""`keepset blocks`: the data blocks that a manifest, or a part of it, is made of."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from keepset.cli.inputs import with_paths
from keepset.cli.options import Exclude, Include, Json, Manifests, ModeOption, Print0
from keepset.cli.paths import Filters, literal_pattern
from keepset.cli.run import Run, View

__all__ = ["blocks"]


def blocks(
    manifests: Manifests = None,
    stripped: Annotated[
        bool, typer.Option("--stripped", "-s", help="Digest and size only, without signatures and other hints.")
    ] = False,
    print0: Print0 = False,
    json: Json = False,
    include: Include = None,
    exclude: Exclude = None,
    mode: ModeOption = "compat",
) -> None:
    """Print the locators of the blocks.

    Each distinct block once, in the order of the manifest. Of a path, or with filters, only the blocks that those files
    use.
    """
    filters = Filters(include, exclude)
    with Run() as run:
        views = run.views(with_paths(manifests, run.stores), mode, filters)
        if json:
            run.output.json(item for view in views for item in _described(view, stripped))
            return
        for view in views:
            run.output.lines(_locators(view, stripped), "\0" if print0 else "\n")


def _locators(view: View, stripped: bool) -> Iterator[str]:
    manifest = view.manifest
    if view.path:
        manifest = manifest.subset(literal_pattern(view.path)).normalized()
    return (manifest.stripped() if stripped else manifest).blocks()


def _described(view: View, stripped: bool) -> Iterator[dict[str, Any]]:
    name = view.source.file
    for locator in _locators(view, stripped):
        digest, size, *hints = locator.split("+")
        yield {"manifest": name, "locator": locator, "digest": digest, "size": int(size), "hints": hints}
