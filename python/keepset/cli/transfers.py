"""What the commands that copy have in common: how they show their progress, and how they describe the result."""

from typing import Any

from keepset.cli.run import Run
from keepset.cli.text import one_line
from keepset.transfer import Progress, Transferred

__all__ = ["described", "shown_progress"]


def shown_progress(run: Run, verb: str) -> Progress:
    """Return what shows the progress of a transfer.

    Args:
        run: Where to show it.
        verb: What is done to the files.
    """

    def show(completed: int, total: int, path: str) -> None:
        run.progress.measure(completed, total, f"{verb} {one_line(path, 40)}")

    return show


def described(result: Transferred, dry_run: bool) -> dict[str, Any]:
    """Describe the result for JSON."""
    return {
        "dry_run": dry_run,
        "copied": list(result.copied),
        "unchanged": list(result.unchanged),
        "resumed": list(result.resumed),
        "size": result.size,
    }
