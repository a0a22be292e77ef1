"""What tests of commands that work on a store share: the files of a collection, and what commands ended with."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cli.conftest import Outcome

FILES: dict[str, bytes | None] = {"a.txt": b"aaa", "d/b.bam": b"bb", "void": None}


def refused(outcome: Outcome, exit_code: int) -> str:
    """Give the one line on standard error of a command that has printed nothing else."""
    assert (outcome.exit_code, outcome.stdout) == (exit_code, "")
    assert outcome.stderr.count("\n") == 1
    return outcome.stderr.rstrip("\n")


def done(outcome: Outcome) -> None:
    """Make sure that a command has succeeded, and said nothing on standard error."""
    assert (outcome.exit_code, outcome.stderr) == (0, "")
