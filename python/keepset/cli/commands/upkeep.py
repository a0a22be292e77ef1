"""`keepset verify` and `keepset gc`: looking after the store."""

import re
from typing import Annotated

import typer

from keepset.cli.exits import ExitCode
from keepset.cli.options import DryRun, Human, Json
from keepset.cli.output import encode_json
from keepset.cli.run import Run
from keepset.cli.text import counted, one_line, size_text
from keepset.cli.transfers import shown_progress

__all__ = ["gc", "verify"]

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_AGE = re.compile(r"(\d+(?:\.\d+)?)([smhdw]?)")


def verify(
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing; the exit code tells.")] = False,
    json: Json = False,
) -> None:
    """Check the store: the catalog, every block against its hash, and that all blocks are there.

    One problem per line: its code, what is wrong and what to do, and the collections that it is about. The exit code is
    1 if there are problems.
    """
    with Run() as run:
        store = run.stores.local()
        found = 0
        with run.output.array(json) as array:
            for problem in store.verify(shown_progress(run, "Checking")):
                found += 1
                run.found(ExitCode.FOUND)
                if array is not None:
                    array.append(problem._asdict() | {"uuids": list(problem.uuids)})
                elif not quiet:
                    of = f" [{', '.join(problem.uuids)}]" if problem.uuids else ""
                    run.output.line(f"{problem.code}: {one_line(problem.message, 400)}{of}")
                    run.output.flush()
        if not json and not quiet:
            run.output.flush()
            run.note(f"the store is checked, {counted(found, 'problem', 'problems') if found else 'no problems'}")


def gc(
    older_than: Annotated[
        str,
        typer.Option(
            "--older-than",
            metavar="AGE",
            help="Leave blocks alone that were stored less than this ago: a number with s, m, h, d or w.",
        ),
    ] = "2w",
    dry_run: DryRun = False,
    human: Human = False,
    json: Json = False,
) -> None:
    """Delete the blocks that no collection uses, and the collections whose time in the trash is over.

    Collections in the trash and past versions count. AGE must be longer than your longest job takes from storing its
    first block to saving its collection.
    """
    seconds = _seconds(older_than)
    with Run() as run:
        run.progress.describe("Collecting")
        collected = run.stores.local().gc(seconds, dry_run)
        count, size = len(collected.locators), collected.size
        if json:
            run.output.line(encode_json({"dry_run": dry_run, "locators": collected.locators, "size": size}))
        else:
            done = "would be deleted" if dry_run else "deleted"
            run.output.line(f"{counted(count, 'block', 'blocks')}, {size_text(size, human)} bytes {done}")


def _seconds(age: str) -> float:
    match = _AGE.fullmatch(age)
    if match is None:
        raise typer.BadParameter(
            f"{age!r} is not an age: expected a number with s, m, h, d or w, such as 3d", param_hint="--older-than"
        )
    return float(match[1]) * _UNITS[match[2] or "s"]
