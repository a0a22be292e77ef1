"""Options, corpora and the report of the benchmarks. `benches/README.md` says how to run and read them."""

from __future__ import annotations

import gc
import os
import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from benches import corpora
from benches.python import targets
from benches.python.report import OFFICIAL, RECORD, Report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pytest_benchmark.fixture import BenchmarkFixture

    import keepset
    from benches.python.libraries import Library

T = TypeVar("T")

SCALE = float(os.environ.get("BENCH_SCALE", "1"))
REPORT = pytest.StashKey[Report]()


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Undoes, for the benchmarks, what the project's pytest options are for the tests."""
    config.option.benchmark_disable = False
    config.option.benchmark_quiet = True  # the table at the end holds all of it, in order and beside the targets
    config.addinivalue_line("filterwarnings", "default")
    config.addinivalue_line("markers", "official: runs arvados-python-client, which takes most of the time")
    config.stash[REPORT] = Report(scale=SCALE)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The official client needs minutes."""
    for item in items:
        item.add_marker(pytest.mark.timeout(0))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Prints the table, and writes the record after a full run."""
    report = config.stash[REPORT]
    if not report.rows:
        return
    terminalreporter.section("keepset beside what it is compared with")
    for line in report.lines():
        terminalreporter.write_line(line)
    shortfalls = report.shortfalls()
    terminalreporter.section(f"{len(shortfalls)} targets not met" if shortfalls else "every target is met")
    for line in shortfalls:
        terminalreporter.write_line(line)
    incomplete = [name for name in ("deselected", "skipped", "failed", "error") if terminalreporter.stats.get(name)]
    if SCALE != 1:
        incomplete.append(f"BENCH_SCALE={SCALE:g}")
    if incomplete:
        terminalreporter.write_line(f"no record written: {', '.join(incomplete)}")
    else:
        path = report.write(RECORD)
        terminalreporter.write_line(f"recorded in benches/record/{path.name}")


def scaled(full: int, least: int = 1) -> int:
    """Returns a size of this run."""
    return max(round(full * SCALE), least)


TEXTS: dict[str, Callable[[], bytes]] = {
    targets.MANY: lambda: corpora.many_directories(scaled(100), 1000),
    targets.MILLION: lambda: corpora.million_files(scaled(1_000_000, 10), scaled(1000)),
    targets.DEEP: lambda: corpora.deep_paths(9, scaled(512)),
    targets.INTERLEAVED: lambda: corpora.interleaved(400, scaled(6400)),
    targets.INTERLEAVED_SHUFFLED: lambda: corpora.interleaved(400, scaled(6400), shuffled=True),
    targets.ONE: lambda: corpora.one_directory(scaled(1_000_000, 10)),
    targets.ONE_SHUFFLED: lambda: corpora.one_directory(scaled(1_000_000, 10), shuffled=True),
    targets.HOSTILE: corpora.hostile_spans,
    targets.NESTED: lambda: corpora.deep_directories(scaled(100_000)),
}


@dataclass
class Corpus:
    """A text, and what was made of it so far."""

    name: str
    text: bytes
    official: Any = None

    @cached_property
    def tokens(self) -> int:
        """All of them: names of streams, locators and files."""
        return self.text.count(b" ") + self.text.count(b"\n")

    @cached_property
    def files(self) -> int:
        """Distinct paths."""
        return self.manifest.file_count

    @cached_property
    def manifest(self) -> keepset.Manifest:
        """The text, loaded."""
        from keepset import Manifest

        return Manifest.parse(self.text)

    @cached_property
    def changed_text(self) -> bytes:
        """The text with 1 % of its files changed."""
        return corpora.changed(self.text)


@pytest.fixture(scope="session")
def corpus(request: pytest.FixtureRequest) -> Iterator[Corpus]:
    """The corpus that a test is parametrized with. One is held at a time: pytest runs all tests of one together."""
    made = Corpus(request.param, TEXTS[request.param]())
    yield made
    vars(made).clear()  # the official client's objects take gigabytes and stand in cycles
    gc.collect()


@pytest.fixture(scope="session")
def report(request: pytest.FixtureRequest) -> Report:
    """The report of this run."""
    return request.config.stash[REPORT]


@dataclass
class Measure:
    """Times a function with pytest-benchmark and puts it into the report."""

    benchmark: BenchmarkFixture
    report: Report

    def __call__(
        self,
        operation: str,
        corpus: str,
        function: Callable[..., T],
        *,
        setup: Callable[[], tuple[object, ...]] | None = None,
        rounds: int,
        items: int = 0,
        unit: str = "",
        size: int = 0,
        baseline: str | None = None,
    ) -> T:
        """Runs `function` on fresh results of `setup`, `rounds` times.

        The first round is the cold one. With `baseline` it is not ours that is timed, but what ours is compared with.
        """
        self.benchmark.group = f"{operation}, {corpus}"
        prepare: Callable[[], tuple[Any, dict[str, Any]]] | None = None
        if setup is not None:

            def prepare() -> tuple[Any, dict[str, Any]]:
                return setup(), {}

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result: T = self.benchmark.pedantic(function, setup=prepare, rounds=rounds, iterations=1, warmup_rounds=0)
        seconds: list[float] = self.benchmark.stats.stats.data  # type: ignore[union-attr]  # it has just run
        row = self.report.row(operation, corpus)
        if baseline is None:
            row.unit, row.items, row.text_bytes = unit, items, size
            row.cold_seconds, row.best_seconds, row.rounds = seconds[0], min(seconds), len(seconds)
        else:
            row.baseline, row.baseline_seconds, row.baseline_rounds = baseline, min(seconds), len(seconds)
        return result


@pytest.fixture
def measure(benchmark: BenchmarkFixture, report: Report) -> Measure:
    """What times a function."""
    return Measure(benchmark, report)


@pytest.fixture(scope="session")
def text_file(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Writes a corpus to a file, for processes that must not have made it themselves."""

    def write(name: str) -> Path:
        path = tmp_path_factory.mktemp("corpus") / "text"
        path.write_bytes(TEXTS[name]())
        return path

    return write


@pytest.fixture
def library(request: pytest.FixtureRequest) -> Library:
    """The library that a test runs on."""
    from benches.python.libraries import Library

    return Library(request.param)


@pytest.fixture
def compare(library: Library, measure: Measure) -> Callable[..., Any]:
    """Times a function for the library of the test."""

    def run(operation: str, function: Callable[..., Any], *, corpus: str = "collections", **options: Any) -> Any:
        gc.collect()
        if library.name == OFFICIAL:
            options["baseline"] = OFFICIAL
        return measure(operation, corpus, function, rounds=options.pop("rounds", 5), **options)

    return run
