"""Collects what the benchmarks measure, holds it against the targets, and writes the table and the record."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from benches.python.targets import TARGETS, Metric, Target

if TYPE_CHECKING:
    from collections.abc import Iterator

OFFICIAL = "3.2.1"
RECORD = Path(__file__).resolve().parent.parent / "record"


@dataclass
class Row:
    """What one operation took on one corpus, and what it is compared with."""

    operation: str
    corpus: str
    unit: str = ""
    items: int = 0
    text_bytes: int = 0
    cold_seconds: float | None = None
    best_seconds: float | None = None
    rounds: int = 0
    baseline: str = OFFICIAL
    baseline_seconds: float | None = None
    baseline_rounds: int = 0
    # Whatever is not a time.
    figures: dict[str, float] = field(default_factory=dict)

    def metric(self, name: Metric) -> float | None:
        """Returns a figure of this row, if all that it follows from was measured."""
        if name in self.figures:
            return self.figures[name]
        if not self.best_seconds:
            return None
        if name == "ns_per_item" and self.items:
            return self.best_seconds / self.items * 1e9
        if name == "milliseconds":
            return self.best_seconds * 1e3
        if name == "ratio" and self.baseline_seconds:
            return self.baseline_seconds / self.best_seconds
        if name == "share" and self.baseline_seconds:
            return self.best_seconds / self.baseline_seconds
        return None

    def verdicts(self) -> Iterator[tuple[Target, float | None]]:
        """Yields each target of this row with the value to hold against it."""
        for target in TARGETS:
            if target.applies_to(self.operation, self.corpus):
                yield target, self.metric(target.metric)


def _time(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if seconds >= 1:
        return f"{seconds:.2f} s"
    if seconds >= 1e-3:
        return f"{seconds * 1e3:.3g} ms"
    return f"{seconds * 1e6:.3g} us"


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _value(metric: Metric, value: float) -> str:
    unit = {
        "ratio": "x",
        "share": "x",
        "ns_per_item": " ns",
        "bytes_per_file": " B/file",
        "times_text": "x the text",
        "milliseconds": " ms",
        "processor_per_gib": " s of CPU/GiB",
        "resident_mib": " MiB",
    }[metric]
    return _number(value) + unit


def _verdict(target: Target, value: float | None) -> str:
    if value is None:
        return "not measured"
    if target.is_met_by(value):
        return "met"
    short = target.value / value if target.bound == "at least" else value / target.value
    return f"SHORT by {short:.2f}x ({_value(target.metric, value)})"


class Report:
    """The rows of one run."""

    def __init__(self, *, scale: float) -> None:
        self.scale = scale
        self.rows: dict[tuple[str, str], Row] = {}

    def row(self, operation: str, corpus: str) -> Row:
        """Returns the row of an operation on a corpus, new when there is none yet."""
        return self.rows.setdefault((operation, corpus), Row(operation, corpus))

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Returns the headings and the cells of the table, rows of one operation together."""
        headings = [
            "operation",
            "corpus",
            "cold",
            "best",
            "each",
            "MB/s",
            "beside",
            "takes",
            "ratio",
            "target",
            "verdict",
        ]
        operations = list(dict.fromkeys(row.operation for row in self.rows.values()))
        rows = sorted(self.rows.values(), key=lambda row: operations.index(row.operation))
        return headings, [self._cells(row) for row in rows]

    def _cells(self, row: Row) -> list[str]:
        verdicts = list(row.verdicts())
        per_item = row.metric("ns_per_item")
        ratio = row.metric("ratio")
        figures = ", ".join(_value(name, row.figures[name]) for name in row.figures if name in _METRICS)  # type: ignore[arg-type]
        return [
            row.operation,
            row.corpus,
            _time(row.cold_seconds),
            _time(row.best_seconds) or figures,
            f"{_number(per_item)} ns/{row.unit}" if per_item else "",
            _number(row.text_bytes / row.best_seconds / 1e6) if row.text_bytes and row.best_seconds else "",
            row.baseline if row.baseline_seconds else "",
            _time(row.baseline_seconds),
            f"{_number(ratio)}x" if ratio else "",
            "; ".join(f"{target.bound} {_value(target.metric, target.value)}" for target, _ in verdicts),
            "; ".join(_verdict(target, value) for target, value in verdicts),
        ]

    def markdown(self) -> str:
        """Returns the record as a Markdown page."""
        about = environment()
        headings, rows = self.table()
        lines = [
            f"# {about['machine']}",
            "",
            *(f"- {name}: {value}" for name, value in about.items() if name != "machine"),
            f"- scale: {self.scale:g} (1 is full size)",
            "",
            "Written by `make bench`; `../README.md` says what the columns mean and how they are measured.",
            "",
            f"| {' | '.join(headings)} |",
            f"| {' | '.join('---' for _ in headings)} |",
            *(f"| {' | '.join(cells)} |" for cells in rows),
        ]
        return "\n".join(lines) + "\n"

    def lines(self) -> list[str]:
        """Returns the table in columns, for a terminal."""
        headings, rows = self.table()
        widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
        return [
            "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()
            for cells in [headings, *rows]
        ]

    def shortfalls(self) -> list[str]:
        """Returns one line for each target that is not met."""
        return [
            f"{row.operation}, {row.corpus}: {target.bound} {_value(target.metric, target.value)}:"
            f" {_verdict(target, value)}"
            for row in self.rows.values()
            for target, value in row.verdicts()
            if value is None or not target.is_met_by(value)
        ]

    def write(self, directory: Path) -> Path:
        """Writes the record of this machine, as JSON and as Markdown; returns the path of the latter."""
        about = environment()
        directory.mkdir(parents=True, exist_ok=True)
        rows = [
            asdict(row)
            | {
                "targets": [
                    asdict(target) | {"measured": value, "met": value is not None and target.is_met_by(value)}
                    for target, value in row.verdicts()
                ]
            }
            for row in self.rows.values()
        ]
        slug = re.sub(r"[^a-z0-9]+", "-", about["machine"].lower()).strip("-")
        record = {"environment": about, "scale": self.scale, "rows": rows}
        (directory / f"{slug}.json").write_text(json.dumps(record, indent=1) + "\n")
        path = directory / f"{slug}.md"
        path.write_text(self.markdown())
        return path


_METRICS = frozenset(get_args(Metric))


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def _output(*command: str) -> str:
    """Returns what a command prints; "unknown" when it is missing or fails."""
    if shutil.which(command[0]) is None:
        return "unknown"
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parent)
    return result.stdout.strip() if result.returncode == 0 else "unknown"


def _processor() -> str:
    """Returns the model of the processor: the kernel's name for it, with family and model where there are such."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine()
    found = dict(re.findall(r"^(model name|cpu family|model)\s*:\s*(.+)$", text, re.MULTILINE))
    name = found.get("model name", platform.machine())
    numbers = [found[key] for key in ("cpu family", "model") if key in found]
    return f"{name} (family {numbers[0]} model {numbers[1]})" if len(numbers) == 2 else name


def environment() -> dict[str, str]:
    """Describes the machine without naming it, and the versions at work."""
    cores = os.cpu_count() or 1
    return {
        "machine": os.environ.get("BENCH_MACHINE") or f"{_processor()}, {cores} cores",
        "system": f"{platform.system()} {platform.machine()}",
        "date": datetime.now(UTC).date().isoformat(),
        "commit": _output("git", "describe", "--always", "--dirty", "--abbrev=10"),
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "Rust": _output("rustc", "--version"),
        "keepset": _version("keepset"),
        "arvados-python-client": _version("arvados-python-client"),
        "pytest-benchmark": _version("pytest-benchmark"),
        "options": " ".join(sys.argv[1:]),
    }
