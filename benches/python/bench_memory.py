"""Memory, each figure from a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from benches.python.conftest import TEXTS
from benches.python.targets import DEEP, HOSTILE, MANY, MILLION, ONE
from keepset import Manifest

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_benchmark.fixture import BenchmarkFixture

    from benches.python.report import Report

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
ROOT = Path(__file__).resolve().parent.parent.parent
STEPS = ["load", "normalize", "strip", "portable_data_hash", "files", "diff"]


def run(*arguments: str) -> dict[str, int]:
    """Runs the measuring process."""
    command = [sys.executable, "-m", "benches.python.resident", *arguments]
    result = subprocess.run(command, check=True, capture_output=True, cwd=ROOT)
    return cast("dict[str, int]", json.loads(result.stdout))


@pytest.mark.parametrize("name", [MANY, MILLION, DEEP, ONE])
def test_resident(name: str, text_file: Callable[[str], Path], report: Report, benchmark: BenchmarkFixture) -> None:
    path = text_file(name)
    measured = benchmark.pedantic(run, ("keepset", str(path)), rounds=1)
    files = Manifest.load(path).file_count
    report.row("resident", name).figures = {"bytes_per_file": measured["resident"] / files}


@pytest.mark.official
@pytest.mark.parametrize("name", [MANY, DEEP])
def test_official_resident(
    name: str, text_file: Callable[[str], Path], report: Report, benchmark: BenchmarkFixture
) -> None:
    pytest.importorskip("benches.python.official")
    path = text_file(name)
    measured = benchmark.pedantic(run, ("official", str(path)), rounds=1)
    files = Manifest.load(path).file_count
    report.row("resident, 3.2.1", name).figures = {"bytes_per_file": measured["resident"] / files}


@pytest.mark.parametrize("step", STEPS)
def test_peak(step: str, text_file: Callable[[str], Path], report: Report, benchmark: BenchmarkFixture) -> None:
    measured = benchmark.pedantic(run, ("keepset", str(text_file(HOSTILE)), step), rounds=1)
    times = measured["peak"] / len(TEXTS[HOSTILE]())
    report.row(f"peak, {step}", HOSTILE).figures = {"times_text": times}
