"""The commands put together: what `keepset --help` shows, in its order."""

from collections.abc import Callable

import typer

from keepset.cli.commands.blocks import blocks
from keepset.cli.commands.diff import diff
from keepset.cli.commands.du import du
from keepset.cli.commands.extract import extract
from keepset.cli.commands.find import find
from keepset.cli.commands.ls import ls
from keepset.cli.commands.pdh import pdh
from keepset.cli.commands.rewrite import normalize, strip
from keepset.cli.commands.stat import stat
from keepset.cli.commands.tree import tree
from keepset.cli.commands.union import union
from keepset.cli.commands.validate import validate
from keepset.cli.commands.version import VersionOption, version

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
def keepset(version: VersionOption = False) -> None:
    """List, measure, compare and rewrite Arvados Keep manifests: files, several, or standard input.

    A path inside a manifest is written MANIFEST/PATH. `keepset COMMAND --help` tells more.
    """


_PANELS: dict[str, list[Callable[..., None]]] = {
    "Look": [ls, tree, find, du, stat, blocks, pdh],
    "Check and compare": [validate, diff],
    "Make a manifest": [normalize, strip, extract, union],
    "About": [version],
}


def _help(command: Callable[..., None]) -> str:
    """Give the docstring with its paragraphs unwrapped: Typer would break the lines where the source does."""
    paragraphs = (command.__doc__ or "").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


for panel, commands in _PANELS.items():
    for command in commands:
        # -h asks for sizes that people can read where there are sizes, as with ls and du, and for help elsewhere.
        has_human = "human" in command.__annotations__
        app.command(
            help=_help(command),
            rich_help_panel=panel,
            context_settings={"help_option_names": ["--help"] if has_human else ["--help", "-h"]},
        )(command)
