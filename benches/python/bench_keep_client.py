"""The Keep client over HTTP beside the official one: both against one service, each job in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from benches.python.conftest import scaled
from benches.python.targets import KEEP_OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_benchmark.fixture import BenchmarkFixture

    from benches.python.report import Report

ROOT = Path(__file__).resolve().parent.parent.parent
SIZE = scaled(1 << 30, 1 << 26) >> 26 << 26
JOBS = dict(zip(("write", "read", "random", "disk", "thrash"), KEEP_OPERATIONS, strict=True))
ROUNDS = {"write": 3, "read": 3, "random": 3, "disk": 3, "thrash": 1}

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the unit of the resident memory is Linux's")


class Side(NamedTuple):
    """A client, and where its jobs leave what the next ones need."""

    name: str
    url: str
    folder: Path

    def run(self, job: str) -> dict[str, float]:
        """Runs a job."""
        command = [
            sys.executable,
            "-m",
            "benches.python.keep_job",
            self.name,
            job,
            self.url,
            str(SIZE),
            str(self.folder),
        ]
        environment = os.environ | {"XDG_CACHE_HOME": str(self.folder / "cache")}
        result = subprocess.run(command, check=True, capture_output=True, cwd=ROOT, env=environment)
        measured: dict[str, float] = json.loads(result.stdout)
        return measured


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A service in a process of its own."""
    command = [sys.executable, "-m", "keep_server"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "python"), str(ROOT / "tests")])}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as service:
        assert service.stdout is not None
        yield service.stdout.readline().strip()
        service.communicate()


@pytest.fixture(scope="module")
def sides(url: str, tmp_path_factory: pytest.TempPathFactory) -> list[Side]:
    """Ours, and the official one."""
    return [Side(name, url, tmp_path_factory.mktemp(name)) for name in ("keepset", "official")]


@pytest.mark.official
@pytest.mark.parametrize("job", JOBS)
def test_job(job: str, sides: list[Side], report: Report, benchmark: BenchmarkFixture) -> None:
    """Both sides in turn, so that what else the machine does falls on both."""
    pytest.importorskip("arvados")
    rounds = [[side.run(job) for side in sides] for _ in range(ROUNDS[job] - 1)]
    rounds.append(benchmark.pedantic(lambda: [side.run(job) for side in sides], rounds=1))
    ours, theirs = ([measured[side] for measured in rounds] for side in range(2))
    row = report.row(JOBS[job], f"{SIZE >> 20} MiB")
    row.figures["resident_mib"] = max(measured["peak"] for measured in ours) / (1 << 20)
    if job in ("write", "read"):
        row.text_bytes = SIZE
        row.figures["processor_per_gib"] = min(measured["processor"] for measured in ours) * (1 << 30) / SIZE
    else:
        row.unit, row.items = "read", 1
    row.rounds = row.baseline_rounds = len(rounds)
    row.best_seconds = min(seconds_of(measured, job) for measured in ours)
    row.baseline_seconds = min(seconds_of(measured, job) for measured in theirs)


def seconds_of(measured: dict[str, float], job: str) -> float:
    """The time of a transfer, or of one read."""
    return measured["seconds"] / (1 if job in ("write", "read") else measured["items"])
