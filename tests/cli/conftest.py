"""What the tests of the command line share: a small manifest, and two ways to run `keepset`.

`cli` runs a command within this process, which is quick. `keepset` starts the installed script, for what only a
process has: pipes, signals, terminals, locales.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer.testing

from keepset import open_store
from keepset.cli.app import app
from keepset.collection import Collection
from outcomes import FILES
from samples import SIGNATURE, A, B, C, E

SMALL = (
    f". {A}{SIGNATURE}6f000000 {B} 0:3:a.txt 3:3:b.bam 0:6:both\n"
    f"./d {C} 0:5:c.bam\n"
    f"./d/e {A}{SIGNATURE}6f000000 0:3:deep.txt 0:0:empty\n"
    f"./void {E} 0:0:\\056\n"
)
"""Five directories deep and wide enough to tell the commands' answers apart; it is in normal form."""


class Outcome:
    """What a command printed, and what it exited with."""

    def __init__(self, exit_code: int, stdout: bytes, stderr: bytes) -> None:
        self.exit_code = exit_code
        self.stdout_bytes = stdout
        self.stdout = stdout.decode("utf-8", "surrogateescape")
        self.stderr = stderr.decode()

    @property
    def lines(self) -> list[str]:
        """The lines of standard output, of a command that succeeded."""
        assert self.exit_code == 0, self.stderr
        assert self.stderr == ""
        return self.stdout.splitlines()

    @property
    def json(self) -> Any:
        """The JSON document on standard output."""
        return json.loads(self.stdout_bytes)


Command = Callable[..., Outcome]


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run in a folder with the manifest `small`, whatever terminal and settings whoever runs the tests has."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small").write_text(SMALL)
    for name in ("COLUMNS", "TERM", "NO_COLOR", "FORCE_COLOR", "LC_ALL"):
        monkeypatch.delenv(name, raising=False)
    for name in ("KEEP_LOCAL_STORE", "ARVADOS_API_HOST", "ARVADOS_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KEEPSET_STORE", str(tmp_path.with_name(f"{tmp_path.name}-store")))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path.with_name(f"{tmp_path.name}-state")))


@pytest.fixture
def cli() -> Command:
    """Run a command within this process."""

    def run(*arguments: str | Path, stdin: str | bytes = b"") -> Outcome:
        if isinstance(stdin, str):
            stdin = stdin.encode("utf-8", "surrogateescape")
        result = typer.testing.CliRunner().invoke(app, [str(argument) for argument in arguments], input=stdin)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Outcome(result.exit_code, result.stdout_bytes, result.stderr_bytes)

    return run


@pytest.fixture
def script() -> str:
    """The installed console script."""
    return str(Path(sys.executable).with_name("keepset"))


@pytest.fixture
def keepset(script: str) -> Command:
    """Run the installed script as a process."""

    def run(*arguments: str | bytes | Path, stdin: bytes = b"", **environment: str) -> Outcome:
        result = subprocess.run(
            [script, *arguments], input=stdin, capture_output=True, check=False, env=os.environ | environment
        )
        return Outcome(result.returncode, result.stdout, result.stderr)

    return run


@pytest.fixture
def make() -> Callable[..., Path]:
    """Write a manifest with one file of three bytes of each name, given as it is written in a manifest."""

    def write(file: str, *names: str) -> Path:
        path = Path(file)
        path.write_bytes(f". {A} {' '.join(f'0:3:{name}' for name in names)}\n".encode("utf-8", "surrogateescape"))
        return path

    return write


@pytest.fixture
def source() -> Path:
    """A directory with `FILES`."""
    for path, data in FILES.items():
        place = Path("source") / path
        if data is None:
            place.mkdir(parents=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
    return Path("source")


@pytest.fixture
def stored(cli: Command, source: Path) -> str:
    """The UUID of a collection `reads` with `FILES`."""
    (line,) = cli("put", source, "--name", "reads").lines
    return line.split()[0]


@pytest.fixture
def changed(stored: str) -> str:
    """The UUID of `reads`, which has a version 2: `a.txt` is other bytes, `d` is gone, and `new` is there."""
    with open_store() as store:
        collection = Collection(stored, api_client=store)
        collection.write_bytes("a.txt", b"AAAA")
        collection.remove("d", recursive=True)
        collection.write_bytes("new", b"new")
        collection.save(preserve_version=True)
    return stored
