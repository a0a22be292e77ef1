"""`keepset plan`: the request that makes one collection of another on a server."""

from typing import Annotated

import typer

from keepset.cli.inputs import whole_manifests
from keepset.cli.options import Human, Json, ModeOption
from keepset.cli.output import encode_json
from keepset.cli.run import Run
from keepset.cli.text import size_text

__all__ = ["plan"]


def plan(
    base: Annotated[str, typer.Argument(metavar="BASE", help="What the server has; - is standard input.")],
    edited: Annotated[str, typer.Argument(metavar="EDITED", help="What it is to have; - is standard input.")],
    sources: Annotated[
        list[str] | None,
        typer.Option(
            "--source",
            metavar="MANIFEST",
            help="Another collection that the server has, to copy from. Repeatable.",
            show_default=False,
        ),
    ] = None,
    human: Human = False,
    json: Json = False,
    mode: ModeOption = "compat",
) -> None:
    """Print how a server can make EDITED of BASE without being sent all of it.

    A added and M modified (these are sent), C copied and R moved (by the server), D removed. With --json it is the body
    of the request to update the collection: replace_files and, if there is anything new, its manifest.
    """
    with Run() as run:
        from keepset.plan import plan_edit

        inputs = whole_manifests([base, edited, *(sources or [])], run.stores)
        manifests = [manifest for _, manifest in run.manifests(inputs, mode)]
        if run.exit_code:
            return
        run.progress.describe("Planning")
        planned = plan_edit(manifests[0], manifests[1], manifests[2:])
        if json:
            run.output.line(encode_json(planned.as_request()))
        else:
            run.output.line(planned.preview(run.output.name, lambda size: size_text(size, human)))
