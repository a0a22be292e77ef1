"""Real processes that are interrupted and killed in the middle of `put` and `get`, and what goes on from there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from trees import MIB, contents, noise

if TYPE_CHECKING:
    from cli.conftest import Command

# The command line on a slow Keep, which writes down what it is asked for, and a note at every file.
SLOW = """
import os, time
from pathlib import Path
from keepset.keep.local import LocalKeep
from keepset.transfer import _checkpoint

_checkpoint._FIRST = _checkpoint._INTERVAL = _checkpoint._PATIENCE = 0

def slow(name):
    original = getattr(LocalKeep, name)
    def call(self, data, *args, **options):
        result = original(self, data, *args, **options)
        with Path("calls").open("a") as calls:
            calls.write(f"{name}\\n")
        time.sleep(float(os.environ.get("PAUSE", "0")))
        return result
    setattr(LocalKeep, name, call)

slow("put")
slow("get")

from keepset.cli import main, signals
signals._SECONDS = int(os.environ.get("LIMIT", signals._SECONDS))
main()
"""

FILES = {f"f{index:02}": noise(9 * MIB, index) for index in range(20)} | {"large": noise(140 * MIB)}


class Slow:
    """Runs commands on a slow Keep."""

    def run(self, *arguments: str) -> list[str]:
        """Run a command to its end; give what Keep was asked for."""
        Path("calls").write_text("")
        subprocess.run([sys.executable, "-c", SLOW, *arguments], check=True, stdout=subprocess.DEVNULL)
        return Path("calls").read_text().split()

    def stopped(self, number: int, calls: int, *arguments: str, pause: float = 0.5) -> int:
        """Run a command until Keep has been asked so often, send a signal, and give the exit code."""
        Path("calls").write_text("")
        process = subprocess.Popen([sys.executable, "-c", SLOW, *arguments], env=os.environ | {"PAUSE": str(pause)})
        while len(Path("calls").read_text().split()) < calls:
            assert process.poll() is None, "it has ended before"
            time.sleep(0.01)
        process.send_signal(number)
        return process.wait()


@pytest.fixture
def source() -> Path:
    folder = Path("source")
    folder.mkdir()
    for name, data in FILES.items():
        (folder / name).write_bytes(data)
    return folder


def blocks() -> dict[str, int]:
    """The stored blocks, and when each was written or put again."""
    folder = Path(os.environ["KEEPSET_STORE"], "blocks")
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("???/*") if not path.name.startswith("tmp")}


def notes() -> list[Path]:
    """What uploads have noted."""
    return list(Path(os.environ["XDG_STATE_HOME"]).rglob("*.json"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_put_goes_on(keepset: Command, source: Path, number: signal.Signals) -> None:
    # Blocks are 63, 63 and 54 MiB of small files, and 64, 64 and 12 MiB of the large one.
    # A kill leaves no time to note what was stored last.
    is_kill = number == signal.SIGKILL
    code = Slow().stopped(number, 4 if is_kill else 2, "put", "source", "--name", "x", "-j", "2")
    assert code == {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGKILL: -signal.SIGKILL}[number]
    assert keepset("ls").lines == []
    before = blocks()
    assert len(before) >= 2
    assert len(notes()) == 1
    again = Slow().run("put", "source", "--name", "x")
    after = blocks()
    unchanged = [name for name, moment in before.items() if after[name] == moment]
    assert len(unchanged) >= (2 if is_kill else len(before))
    assert again.count("put") == 6 - len(unchanged)
    assert len(after) == 6
    assert notes() == []
    keepset("get", "x", "copy")
    assert contents(Path("copy")) == FILES
    keepset("put", "source", "--name", "at-once")
    assert keepset("pdh", "x").lines == keepset("pdh", "at-once").lines


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_get_goes_on(keepset: Command, source: Path, number: signal.Signals) -> None:
    keepset("put", "source", "--name", "x", "--include", "large", "--include", "f0?")
    Slow().stopped(number, 2, "get", "x", "copy", "-j", "1", "--include", "large")
    assert [path.name.startswith(".large.") for path in Path("copy").iterdir()] == [True]
    # Three blocks, of which one or two are there.
    assert len(Slow().run("get", "x", "copy", "--include", "large")) < 3
    assert contents(Path("copy")) == {"large": FILES["large"]}
    Slow().run("get", "x", "copy")
    assert Slow().run("get", "x", "copy").count("get") <= 2  # what is packed is compared
    assert contents(Path("copy")) == {name: data for name, data in FILES.items() if name == "large" or name < "f10"}


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_keep_that_does_not_answer_is_not_waited_for(number: signal.Signals, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIMIT", "1")
    code = Slow().stopped(number, 1, "get", "reads", "copy", pause=100_000)
    assert code == {signal.SIGINT: 130, signal.SIGTERM: 143}[number]


TOLD_TWICE = """
import signal
from keepset.cli import signals
signals._limit(130)
signal.alarm(5)
signals._limit(143)
print(signal.alarm(0))
"""


def test_to_be_told_again_gives_no_more_time() -> None:
    # In a process of its own: that of the tests has an alarm already.
    left = subprocess.run([sys.executable, "-c", TOLD_TWICE], check=True, capture_output=True, text=True).stdout
    assert 0 < int(left) <= 5
