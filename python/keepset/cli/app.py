"""The commands put together: what `keepset --help` shows, in its order."""

from collections.abc import Callable

import typer

from keepset.cli.commands.blocks import blocks
from keepset.cli.commands.collections import SUBCOMMANDS
from keepset.cli.commands.copy import copy
from keepset.cli.commands.diff import diff
from keepset.cli.commands.du import du
from keepset.cli.commands.edit import cp, mkdir, mv, rm
from keepset.cli.commands.extract import extract
from keepset.cli.commands.find import find
from keepset.cli.commands.get import cat, get
from keepset.cli.commands.history import history
from keepset.cli.commands.ls import ls
from keepset.cli.commands.merge import merge
from keepset.cli.commands.pdh import pdh
from keepset.cli.commands.plan import plan
from keepset.cli.commands.put import put
from keepset.cli.commands.repack import repack
from keepset.cli.commands.rewrite import normalize, strip
from keepset.cli.commands.serve import serve
from keepset.cli.commands.stat import stat
from keepset.cli.commands.tree import tree
from keepset.cli.commands.union import union
from keepset.cli.commands.upkeep import gc, verify
from keepset.cli.commands.validate import validate
from keepset.cli.commands.version import VersionOption, version
from keepset.cli.options import StoreOption
from keepset.cli.stores import choose

__all__ = ["app"]

_EXIT_CODES = (
    "Exit codes: 0 fine, 1 differences or problems found, 2 wrong usage, 3 bad input, 4 not found, 5 cannot read or"
    " write, 70 a bug, 130 interrupted."
)


app = typer.Typer(
    name="keepset",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
    epilog=_EXIT_CODES,
)


@app.callback()
def keepset(version: VersionOption = False, store: StoreOption = None) -> None:
    """Store files in Arvados Keep collections, and list, compare and rewrite collections and their manifests.

    A collection is called by its name, UUID or portable data hash, or by a file with its manifest; a path inside is
    written COLLECTION/PATH. `keepset COMMAND --help` tells more.
    """
    choose(store)


_PANELS: dict[str, list[Callable[..., None]]] = {
    "Store and fetch": [put, get, cat, copy],
    "Change a collection": [cp, mv, rm, mkdir, merge],
    "Look": [ls, tree, find, du, stat, blocks, pdh, history],
    "Check and compare": [validate, diff, plan],
    "Make a manifest": [normalize, strip, extract, union],
    "Look after the store": [repack, verify, gc, serve],
    "About": [version],
}


def _help(command: Callable[..., None]) -> str:
    """Give the docstring with its paragraphs unwrapped: Typer would break the lines where the source does."""
    paragraphs = (command.__doc__ or "").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def _add(to: typer.Typer, command: Callable[..., None], name: str | None = None, panel: str | None = None) -> None:
    # -h asks for sizes that people can read where there are sizes, as with ls and du, and for help elsewhere.
    has_human = "human" in command.__annotations__
    to.command(
        name,
        help=_help(command),
        rich_help_panel=panel,
        context_settings={"help_option_names": ["--help"] if has_human else ["--help", "-h"]},
    )(command)


for panel, commands in _PANELS.items():
    for command in commands:
        _add(app, command, panel=panel)

_collections = typer.Typer(
    no_args_is_help=True,
    context_settings={"help_option_names": ["--help", "-h"]},
    help="List, name and trash collections.",
)
for name, command in SUBCOMMANDS.items():
    _add(_collections, command, name)
app.add_typer(_collections, name="collections", rich_help_panel="Look after the store")
