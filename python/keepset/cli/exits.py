"""The exit codes of the command line: a contract with scripts, documented in `docs/cli.md`."""

from enum import IntEnum

__all__ = ["ExitCode"]


class ExitCode(IntEnum):
    """What a command tells the shell. Where several apply (many inputs), the highest wins."""

    OK = 0
    FOUND = 1
    """`diff` found differences, `validate` found problems, `normalize --check` found another form."""
    USAGE = 2
    """The command line is wrong; Typer itself exits with this code."""
    BAD_INPUT = 3
    """An input is not a manifest, or manifests cannot be joined."""
    NOT_FOUND = 4
    """No such manifest file, or no such path in a manifest."""
    FAILED_IO = 5
    """A file cannot be read or written."""
    BUG = 70
    """keepset itself is wrong (`EX_SOFTWARE`)."""
    INTERRUPTED = 130
    """Ctrl-C, as shells report it."""
