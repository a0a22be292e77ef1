"""`keepset version`: which keepset this is."""

import platform
from typing import Annotated

import typer

from keepset import __version__
from keepset._core import DEBUG_BUILD
from keepset.cli.options import Json
from keepset.cli.output import encode_json
from keepset.cli.run import Run

__all__ = ["VersionOption", "version"]


def version(json: Json = False) -> None:
    """Print the version of keepset."""
    with Run() as run:
        if json:
            facts = {"version": __version__, "debug_build": DEBUG_BUILD, "python": platform.python_version()}
            run.output.line(encode_json(facts))
        else:
            run.output.line(f"keepset {__version__}{' (debug build)' if DEBUG_BUILD else ''}")


def _print_version(wanted: bool) -> None:
    if wanted:
        version()
        raise typer.Exit


VersionOption = Annotated[
    bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
]
