"""A guided tour: the real commands on a real manifest and a real tree, then a million files beside the official client.

`make demo` runs it on a release build. Every command is printed before it runs, in a folder that is removed at the end;
the exit code is 1 if one of them does not do what the tour says.
"""

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import NamedTuple, TypeVar

from rich.console import Console
from rich.table import Table
from rich.text import Text

from keepset import Manifest
from keepset._core import DEBUG_BUILD

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("KEEPSET_CORPORA", "")  # what is generated here is not kept

from benches import corpora  # noqa: E402 - not installed: found by the path above

MANIFEST = "1000G_ref_manifest"
QUICK_FILES = 50_000
T = TypeVar("T")


class Command(NamedTuple):
    """A command line, and the exit code that it must have."""

    line: str
    exit_code: int = 0


class Chapter(NamedTuple):
    """A part of the tour."""

    title: str
    text: str
    commands: list[Command]


CHAPTERS = [
    Chapter(
        "List",
        f"{MANIFEST} is the manifest of a real collection. The commands are called, and behave, as at any shell.",
        [
            Command(f"keepset ls {MANIFEST} | head -n 4"),
            Command(f"keepset ls -lhS {MANIFEST} --include '*.vcf.gz' | head -n 4"),
        ],
    ),
    Chapter(
        "Measure",
        "How much there is in the files, and how much is stored.",
        [Command(f"keepset stat -h {MANIFEST}"), Command(f"keepset du -h {MANIFEST} --include '*.vcf.gz'")],
    ),
    Chapter(
        "Query",
        "Files by name and size, one file with the blocks it lies in, and JSON for programs.",
        [
            Command(f"keepset find {MANIFEST} --name 'NA12878*' --size +1M -lh"),
            Command(f"keepset blocks {MANIFEST}/human_g1k_v37.dict.gz"),
            Command(f"keepset find {MANIFEST} --json --name '*.dict.gz'"),
        ],
    ),
    Chapter(
        "Normalise and hash",
        "The normal form is the official client's, byte for byte; the hash is that of the text as it stands.",
        [
            Command(f"sed 's/ 0:/ 0:1:first 0:/' {MANIFEST} > untidy"),
            Command(f"keepset normalize --check {MANIFEST} untidy", exit_code=1),
            Command("keepset normalize untidy -o tidy"),
            Command(f"keepset pdh {MANIFEST} untidy tidy"),
        ],
    ),
    Chapter(
        "Validate",
        "Everything that is wrong, with its place. A copy with two damaged tokens:",
        [
            Command(f"keepset validate {MANIFEST}"),
            Command(f"sed 's/ 0:/ 99999999999:/; s/:human_g1k_v37.dict.gz /:..\\/dict /' {MANIFEST} > damaged"),
            Command("keepset validate damaged", exit_code=1),
            Command("keepset ls damaged", exit_code=3),
        ],
    ),
    Chapter(
        "Compare",
        "An edited copy: one file renamed, one dropped, one a byte shorter.",
        [
            Command(
                "sed 's/:human_g1k_v37.dict.gz /:dictionary.gz /; s/ [0-9]*:[0-9]*:1000G_omni2.5.b37.vcf.gz.md5//;"
                f" s/:869925027:/:869925026:/' {MANIFEST} > edited"
            ),
            Command(f"keepset diff --stat {MANIFEST} edited", exit_code=1),
        ],
    ),
    Chapter(
        "Take apart and join",
        "No data moves: a part of a manifest is a manifest, and so are several together.",
        [
            Command(f"keepset extract {MANIFEST} '*.md5' -o checksums"),
            Command(f"keepset extract {MANIFEST} --exclude '*.md5' -o data"),
            Command(f"keepset union checksums data | keepset diff --stat {MANIFEST} -"),
        ],
    ),
]


# What is not of the library itself, or differs from one installation to the next.
LEFT_OUT = ["__pycache__", "site-packages", "dist-packages", "config-*"]
QUICK = ["email", "json", "asyncio"]


def tree_chapters(quick: bool) -> list[Chapter]:
    """Give the part of the tour that stores a real tree: the standard library, or with `quick` a part of it."""
    library = shlex.quote(sysconfig.get_path("stdlib"))
    chosen = [f"--exclude '{pattern}'" for pattern in LEFT_OUT]
    if quick:
        chosen += [f"--include /{name}" for name in QUICK]
    left_out = " ".join(f"-x '{pattern}'" for pattern in LEFT_OUT)
    same = f"diff -r {left_out} {library} copy"
    if quick:
        same = f"for part in {' '.join(QUICK)}; do diff -r -x __pycache__ {library}/$part copy/$part || exit; done"
    return [
        Chapter(
            "Store",
            "The standard library of this Python, in a store of its own. It is a folder; no cluster is needed.",
            [
                Command(f"keepset put {library} --name library {' '.join(chosen)}"),
                Command("keepset ls -lh"),
                Command("keepset stat -h library"),
                Command("keepset find library --size +40K -lh --name '*.py' | head -n 5"),
            ],
        ),
        Chapter(
            "Edit",
            "Collections are changed without moving data: what is copied refers to the same blocks.",
            [
                Command("echo 'Worth reading.' | keepset put - --filename README --name reading"),
                Command("keepset cp library/json library/email reading/"),
                Command("keepset mv reading/json reading/attic/json"),
                Command("keepset rm -r reading/email/mime"),
                Command("keepset tree -L 2 -h reading | head -n 12"),
                Command("keepset cat reading/README"),
                Command("keepset collections list -h"),
            ],
        ),
        Chapter(
            "Fetch and compare",
            "Back to the disk, and compared byte for byte. Again, and nothing is left to do.",
            [
                Command("keepset get library copy"),
                Command(same),
                Command("keepset get library copy --dry-run"),
                Command("keepset verify"),
            ],
        ),
    ]


SERVED = Chapter(
    "Share",
    "The same store over HTTP, as a cluster: the commands find it by its address and a token, as they do an Arvados"
    " cluster, and so do arv-put, arv-get and a browser.",
    [
        Command("keepset ls -lh"),
        Command("echo 'Sent over HTTP.' | keepset put - --filename note.txt --name sent"),
        Command("keepset cat sent/note.txt"),
        Command("keepset get reading fetched"),
        Command("cat fetched/README"),
        Command("keepset diff --shortstat sent reading", exit_code=1),
    ],
)


class Tour:
    """Runs commands in a folder and keeps count of those that go wrong."""

    def __init__(self, console: Console, folder: Path) -> None:
        self.console = console
        self.folder = folder
        self.failures = 0
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        self.environment = os.environ | {
            "PATH": path,
            "KEEPSET_STORE": str(folder / "store"),
            "XDG_STATE_HOME": str(folder / "state"),
            "XDG_CACHE_HOME": str(folder / "cache"),
        }
        for name in ("KEEP_LOCAL_STORE", "ARVADOS_API_HOST", "ARVADOS_API_TOKEN", "ARVADOS_KEEP_SERVICES"):
            self.environment.pop(name, None)

    def chapter(self, chapter: Chapter) -> None:
        """Run a part of the tour."""
        self.title(chapter.title, chapter.text)
        for command in chapter.commands:
            self.run(command)

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Serve the store, and have the commands use the server."""
        cluster = ("ARVADOS_API_HOST", "ARVADOS_API_TOKEN", "ARVADOS_API_HOST_INSECURE")
        serve = [shutil.which("keepset", path=self.environment["PATH"]) or "keepset", "serve"]
        token = subprocess.check_output([*serve, "--new-token"], env=self.environment, text=True).strip()
        options = ["--self-signed", "--port", "0"]
        with subprocess.Popen(
            [*serve, *options],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # a line for each request
            text=True,
        ) as server:
            assert server.stdout is not None
            line = server.stdout.readline().strip()
            shown = f"keepset serve {' '.join(options)} &"
            self.console.print(Text.assemble(("\n$ ", "bold green"), (shown, "bold")))
            self.console.print(line, highlight=False)
            host = line.removeprefix("listening on https://").rstrip("/")
            self.environment.update(zip(cluster, (host, token, "1"), strict=True))
            try:
                yield
            finally:
                server.terminate()
                for name in cluster:
                    del self.environment[name]
        self.check(server.returncode == 0, f"the server ended with exit code {server.returncode}")

    def title(self, title: str, text: str) -> None:
        """Print what comes now."""
        self.console.print()
        self.console.rule(f"[bold]{title}", align="left")
        self.console.print(text, highlight=False)

    def run(self, command: Command) -> float:
        """Print a command, run it with its output where ours goes, and give the seconds that it took."""
        self.console.print(Text.assemble(("\n$ ", "bold green"), (command.line, "bold")))
        sys.stdout.flush()  # the command writes to the same file
        started = time.perf_counter()
        result = subprocess.run(
            ["bash", "-o", "pipefail", "-c", command.line],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            check=False,
        )
        seconds = time.perf_counter() - started
        self.check(
            result.returncode == command.exit_code, f"exit code {result.returncode}, expected {command.exit_code}"
        )
        return seconds

    def check(self, is_right: bool, what: str) -> None:
        """Say so when something is not as it should be."""
        if not is_right:
            self.failures += 1
            self.console.print(f"[bold red]failed:[/] {what}")


class Timings(NamedTuple):
    """Seconds, and what to check the results of two implementations by."""

    load: float
    normalize: float
    hash: float
    diff: float
    portable_data_hash: str
    normal_form: bytes


def timed(function: Callable[[], T]) -> tuple[T, float]:
    """Run a function and give its result and the seconds."""
    started = time.perf_counter()
    result = function()
    return result, time.perf_counter() - started


def measure(text: bytes, edited: bytes) -> Timings:
    """Measure keepset; each step begins with manifests that have answered nothing yet."""
    _, load = timed(lambda: Manifest.parse(text))
    fresh = Manifest.parse(text)
    normal_form, normalize = timed(lambda: bytes(fresh.normalized()))
    fresh = Manifest.parse(text)
    value, hashing = timed(lambda: fresh.normalized().portable_data_hash)
    before, after = Manifest.parse(text), Manifest.parse(edited)
    _, diff = timed(lambda: len(before.diff(after)))
    return Timings(load, normalize, hashing, diff, value, normal_form)


def measure_official(console: Console, official: ModuleType, text: bytes, edited: bytes) -> Timings:
    """Measure the official client."""
    before_text, after_text = text.decode(), edited.decode()

    def step(what: str, function: Callable[[], T]) -> tuple[T, float]:
        with console.status(f"arvados-python-client {what}"):
            return timed(function)

    collection, load = step("loads", lambda: official.load(before_text))
    normal_form, normalize = step("normalises", lambda: collection.manifest_text(normalize=True))
    value, hashing = step("hashes", collection.portable_data_hash)
    other, _ = step("loads the edited copy (not counted)", lambda: official.load(after_text))
    _, diff = step("compares", lambda: collection.diff(other))
    return Timings(load, normalize, hashing, diff, value, normal_form.encode())


def find_official() -> ModuleType | None:
    """Import what runs the official client, if that is installed."""
    try:
        from benches.python import official
    except ImportError:
        return None
    return official


def table(ours: Timings, theirs: Timings | None) -> Table:
    """Put the timings side by side."""
    rows = Table("in one process", show_edge=False, box=None, padding=(0, 2, 0, 0))
    rows.add_column("keepset", justify="right")
    if theirs is not None:
        rows.add_column("arvados-python-client", justify="right")
        rows.add_column("times", justify="right")
    for what in ("load", "normalize", "hash", "diff"):
        mine: float = getattr(ours, what)
        cells = [what, f"{mine:.3f} s"]
        if theirs is not None:
            other: float = getattr(theirs, what)
            cells += [f"{other:.2f} s", f"{other / mine:,.0f}"]
        rows.add_row(*cells)
    return rows


def large(tour: Tour, files: int) -> None:
    """Put a generated manifest through load, normalise, hash and diff, as commands and beside the official client."""
    console = tour.console
    tour.title(
        f"{files:,} files",
        "A generated manifest, one signed block for each file, and a copy in which one file in a hundred is changed,"
        " renamed, dropped or doubled.",
    )
    with console.status("generating"):
        text = corpora.million_files(files, -(-files // 1000))
        edited = corpora.changed(text)
        (tour.folder / "large").write_bytes(text)
        (tour.folder / "edited_large").write_bytes(edited)
    for command in (
        Command("keepset stat -h large"),
        Command("keepset normalize --strip large -o normal"),
        Command("keepset pdh --normalized large"),
        Command("keepset diff --shortstat large edited_large", exit_code=1),
    ):
        seconds = tour.run(command)
        console.print(f"[dim]{seconds:.2f} s, the start of Python and reading the file included", highlight=False)
    ours = measure(text, edited)
    official = find_official()
    theirs = None
    console.print()
    if official is None:
        console.print("arvados-python-client is not installed: pip install it to see it beside.", highlight=False)
    else:
        if files > 200_000:
            console.print(
                "Now the same with arvados-python-client; a million files take it 10 to 60 seconds a step.",
                highlight=False,
            )
        theirs = measure_official(console, official, text, edited)
        tour.check(ours.normal_form == theirs.normal_form, "the official client writes another normal form")
        tour.check(ours.portable_data_hash == theirs.portable_data_hash, "the official client has another hash")
    console.print(table(ours, theirs))


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--files", type=int, default=1_000_000, help="of the generated manifest (1,000,000)")
    parser.add_argument(
        "--quick", dest="files", action="store_const", const=QUICK_FILES, help="50,000 files, and a small tree"
    )
    return parser.parse_args()


def main() -> int:
    """Give the tour."""
    files = max(arguments().files, 100)
    console = Console(soft_wrap=True)
    if DEBUG_BUILD:
        console.print("[yellow]A development build, whose timings say nothing; `make demo` makes a release build.")
    with tempfile.TemporaryDirectory(prefix="keepset-demo-") as folder:
        tour = Tour(console, Path(folder))
        shutil.copy(ROOT / "tests" / "data" / MANIFEST, folder)
        for chapter in [*CHAPTERS, *tree_chapters(quick=files <= QUICK_FILES)]:
            tour.chapter(chapter)
        with tour.serving():
            tour.chapter(SERVED)
        large(tour, files)
    console.print()
    if tour.failures:
        console.print(f"[bold red]{tour.failures} of the steps went wrong")
        return 1
    console.print("[bold]That was it.[/] `keepset --help` and docs/cli.md have the rest.", highlight=False)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
