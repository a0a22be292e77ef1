"""What `import keepset` costs over an interpreter that imports nothing."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

    from benches.python.report import Report

ROUNDS = 20


def seconds(code: str) -> float:
    """Runs a fresh interpreter."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-I", "-c", code], check=True)
    return time.perf_counter() - start


def over_empty(code: str, rounds: int) -> tuple[float, float]:
    """Returns what `code` takes over an empty interpreter: in the first round, and at best."""
    # By turns, so that a slow moment of the machine hits both.
    pairs = [(seconds("pass"), seconds(code)) for _ in range(rounds)]
    empty = min(pair[0] for pair in pairs)
    return pairs[0][1] - pairs[0][0], min(pair[1] for pair in pairs) - empty


def test_import(report: Report, benchmark: BenchmarkFixture) -> None:
    row = report.row("import", "")
    row.cold_seconds, row.best_seconds = benchmark.pedantic(over_empty, ("import keepset", ROUNDS), rounds=1)
    row.rounds = ROUNDS


@pytest.mark.official
def test_official_import(report: Report, benchmark: BenchmarkFixture) -> None:
    pytest.importorskip("benches.python.official")
    row = report.row("import", "")
    _, row.baseline_seconds = benchmark.pedantic(over_empty, ("import arvados.collection", 5), rounds=1)
    row.baseline_rounds = 5
