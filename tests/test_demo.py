"""The guided tour of `make demo`, with a small manifest in place of a million files."""

from __future__ import annotations

import importlib.util
import io
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

if TYPE_CHECKING:
    from types import ModuleType

DEMO = Path(__file__).parent.parent / "scripts" / "demo.py"


@pytest.fixture
def demo(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script as a module."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setenv("KEEPSET_CORPORA", "")
    specification = importlib.util.spec_from_file_location("demo", DEMO)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_the_whole_tour() -> None:
    result = subprocess.run(
        [sys.executable, DEMO, "--files", "2000"], capture_output=True, check=False, text=True, timeout=60
    )
    assert (result.returncode, result.stderr) == (0, "")
    for command in (
        "ls",
        "stat",
        "find",
        "normalize",
        "pdh",
        "validate",
        "diff",
        "extract",
        "union",
        "put",
        "cp",
        "mv",
        "get",
        "serve",
    ):
        assert f"\n$ keepset {command} " in result.stdout
    assert "\nSent over HTTP.\n" in result.stdout
    assert "R human_g1k_v37.dict.gz -> dictionary.gz\n" in result.stdout
    assert "damaged:1:7403: segment-out-of-range: " in result.stdout
    for what in ("load", "normalize", "hash", "diff"):
        assert f"\n{what} " in result.stdout


def test_a_step_that_fails_is_counted_and_named(demo: ModuleType, tmp_path: Path) -> None:
    console = Console(file=io.StringIO())
    tour = demo.Tour(console, tmp_path)
    tour.run(demo.Command("exit 3", exit_code=3))
    assert tour.failures == 0
    tour.run(demo.Command("keepset ls missing | cat"))
    assert tour.failures == 1
    assert isinstance(console.file, io.StringIO)
    assert "failed: exit code 4, expected 0" in console.file.getvalue()


def test_a_tour_with_a_failure_exits_with_1(demo: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "CHAPTERS", [demo.Chapter("One", "", [demo.Command("false")])])
    monkeypatch.setattr(demo, "SERVED", demo.Chapter("Share", "", []))
    monkeypatch.setattr(demo, "large", lambda tour, files: None)
    monkeypatch.setattr(sys, "argv", ["demo.py"])
    assert demo.main() == 1


def test_goes_without_the_official_client(demo: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(demo, "find_official", lambda: None)
    console = Console(file=io.StringIO())
    demo.large(demo.Tour(console, tmp_path), 100)
    assert isinstance(console.file, io.StringIO)
    assert "arvados-python-client is not installed" in console.file.getvalue()
