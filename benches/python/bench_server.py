"""Both clients, and their commands, against one `keepset serve`: each job is a process of its own.

The jobs of the clients go without TLS, which would be a part of what is measured; the commands with it, since those of
3.2.1 speak nothing else to an API server. The server's store is in memory where the machine has a file system for that:
how long its disk takes is neither client's doing. `KEEPSET_BENCH_STORE` names another folder for it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

import pytest

from benches.python import transfer
from benches.python.conftest import scaled
from benches.python.targets import COMMANDS, SERVER_OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pytest_benchmark.fixture import BenchmarkFixture

    from benches.python.report import Report

ROOT = Path(__file__).resolve().parent.parent.parent
KEEPSET = [sys.executable, "-c", "from keepset.cli import main; main()"]
LARGE = scaled(1 << 30, 1 << 26) >> 26 << 26
SMALL = scaled(10_000, 100) * 4096
JOBS = dict(zip(("write", "read", "files", "open", "random", "disk"), SERVER_OPERATIONS, strict=True))
ROUNDS = {"write": 3, "read": 3, "random": 2, "disk": 2}
TREES = {
    "1 GiB in 8 files": lambda folder: transfer.large(folder, folder.name, max(scaled(2), 1), files=8),
    "2,000 files of 4 KiB": lambda folder: transfer.small(folder, folder.name, scaled(2000, 20)),
}

pytestmark = [
    pytest.mark.official,
    pytest.mark.skipif(sys.platform != "linux", reason="the unit of the resident memory is Linux's"),
]


class Side(NamedTuple):
    """A client, where its jobs leave what the next ones need, and the store of the server."""

    name: str
    url: str
    folder: Path
    store: Path
    environment: dict[str, str]

    def run(self, job: str, size: int) -> dict[str, float]:
        """Runs a job."""
        command = [sys.executable, "-m", "benches.python.keep_job", self.name, job, self.url, str(size)]
        result = subprocess.run(
            [*command, str(self.folder)], check=True, stdout=subprocess.PIPE, cwd=ROOT, env=self.environment
        )
        measured: dict[str, float] = json.loads(result.stdout)
        return measured

    def seconds(self, *command: object) -> float:
        """Runs a command, and returns how long it took."""
        started = time.monotonic()
        arguments = [str(part) for part in command]
        subprocess.run(
            arguments, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=self.environment
        )
        return time.monotonic() - started


@pytest.fixture(scope="module")
def sides(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Side]]:
    """Ours, and the official one, on one server; the parameters are options of it."""
    pytest.importorskip("arvados")
    with tempfile.TemporaryDirectory(dir=_place()) as folder:
        yield from _served(Path(folder) / "store", request.param, tmp_path_factory)


def _place() -> str | None:
    memory = Path("/dev/shm")  # a folder of one's own is made there
    return os.environ.get("KEEPSET_BENCH_STORE") or (str(memory) if memory.is_dir() else None)


def _served(store: Path, options: Sequence[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Side]]:
    serve = [*KEEPSET, "serve", "--store", str(store)]
    token = subprocess.run([*serve, "--new-token"], check=True, capture_output=True, text=True).stdout.strip()
    with subprocess.Popen(
        [*serve, *options, "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        assert server.stdout is not None
        url = server.stdout.readline().split()[-1]
        settings = {
            "ARVADOS_API_HOST": urlsplit(url).netloc,
            "ARVADOS_API_TOKEN": token,
            "ARVADOS_API_HOST_INSECURE": "1",
        }
        made = []
        for name in ("keepset", "official"):
            folder = tmp_path_factory.mktemp(name)
            home = {"HOME": str(folder), "XDG_CACHE_HOME": str(folder / "cache"), "XDG_STATE_HOME": str(folder)}
            # As if both were installed: not compiled each time.
            compiled = {"PYTHONPYCACHEPREFIX": str(store.parent / "compiled"), "PYTHONDONTWRITEBYTECODE": ""}
            made.append(Side(name, url, folder, store, {**os.environ, **settings, **home, **compiled}))
        yield made
        server.terminate()


@pytest.mark.parametrize("sides", [()], ids=["plain"], indirect=True)
@pytest.mark.parametrize("job", JOBS)
def test_job(job: str, sides: list[Side], report: Report, benchmark: BenchmarkFixture) -> None:
    """Both sides in turn, so that what else the machine does falls on both."""
    count, size = ROUNDS.get(job, 1), SMALL if job in ("files", "open") else LARGE

    def run() -> list[dict[str, float]]:
        if job == "write":  # what was written before is not needed, and takes memory
            for block in (sides[0].store / "blocks").glob("*/*"):
                block.unlink()
        return [side.run(job, size) for side in sides]

    rounds = [run() for _ in range(count - 1)]
    rounds.append(benchmark.pedantic(run, rounds=1))
    ours, theirs = ([measured[side] for measured in rounds] for side in range(2))
    row = report.row(JOBS[job], f"{size >> 20} MiB")
    row.figures["resident_mib"] = max(measured["peak"] for measured in ours) / (1 << 20)
    is_transfer = job in ("write", "read")
    if is_transfer:
        row.text_bytes = size
        row.figures["processor_per_gib"] = min(measured["processor"] for measured in ours) * (1 << 30) / size
    else:
        row.unit, row.items = "read" if job in ("random", "disk") else "file", 1
    row.rounds = row.baseline_rounds = count
    row.best_seconds, row.baseline_seconds = (
        min(measured["seconds"] / (1 if is_transfer else measured["items"]) for measured in side)
        for side in (ours, theirs)
    )


@pytest.mark.parametrize("sides", [("--self-signed",)], ids=["tls"], indirect=True)
@pytest.mark.parametrize("name", TREES)
def test_commands(name: str, sides: list[Side], report: Report, benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """`put` and `get` beside `arv-put` and `arv-get`."""
    make: Callable[[Path], transfer.Tree] = TREES[name]
    trees = {side.name: make(tmp_path / f"{side.name}-tree") for side in sides}
    arv_put, arv_get = (Path(sys.executable).with_name(command) for command in ("arv-put", "arv-get"))

    def put_and_get(side: Side) -> tuple[float, float]:
        copy, tree = tmp_path / side.name, trees[side.name]
        if side.name == "keepset":
            put = side.seconds(*KEEPSET, "put", "--name", name, tree.folder)
            return put, side.seconds(*KEEPSET, "get", name, copy)
        copy.mkdir()
        put = side.seconds(arv_put, "--no-progress", "--no-resume", "--name", f"{name}, official", f"{tree.folder}/")
        show = [*KEEPSET, "collections", "show", "--json", f"{name}, official"]
        shown = subprocess.run(show, check=True, stdout=subprocess.PIPE, env=side.environment)
        return put, side.seconds(arv_get, "--no-progress", f"{json.loads(shown.stdout)[0]['uuid']}/", copy)

    ours, theirs = benchmark.pedantic(lambda: [put_and_get(side) for side in sides], rounds=1)
    for operation, mine, other in zip(COMMANDS, ours, theirs, strict=True):
        row = report.row(operation, name)
        row.best_seconds, row.baseline_seconds, row.text_bytes = mine, other, trees["keepset"].size
        row.rounds = row.baseline_rounds = 1
    for side in sides:
        transfer.same(trees[side.name], tmp_path / side.name)
