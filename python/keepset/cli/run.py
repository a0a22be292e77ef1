"""One run of a command: its output, its progress, what it reports and what it exits with.

A command does its work in `with Run() as run:`. Whatever goes wrong in there becomes one line on standard error and an
exit code; what concerns one input alone does not keep the command from the next one.
"""

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

import typer

from keepset import Manifest
from keepset.cli.exits import ExitCode
from keepset.cli.inputs import Mode, Source
from keepset.cli.output import ClosedPipeError, Output, OutputError
from keepset.cli.paths import Filters
from keepset.cli.progress import Progress
from keepset.cli.stores import Stores
from keepset.cli.text import one_line, quote
from keepset.errors import (
    ApiConnectionError,
    ApiError,
    InternalError,
    KeepRequestError,
    KeepsetError,
    ManifestError,
    NotFoundError,
    PathIsADirectoryError,
    PathNotADirectoryError,
    PathNotFoundError,
    StoreError,
    TransferError,
)

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Run", "View"]

_LONGEST = 1000
"""So many characters of an error are shown: what a service answered about a block comes last."""


@dataclass(frozen=True, slots=True)
class View:
    """What a command looks at: a manifest, filtered, and a path that is there."""

    source: Source
    manifest: Manifest
    path: str

    @property
    def is_file(self) -> bool:
        """Whether the path is a file."""
        return bool(self.path) and self.manifest.stat(self.path).is_file()

    def children(self, path: str) -> tuple[list[str], list[str]]:
        """Give the names of the directories and of the files in a directory."""
        _, directories, files = next(self.manifest.walk(path))
        return directories, files


class Run:
    """See the module."""

    def __init__(self) -> None:
        self.exit_code = ExitCode.OK
        self._inputs = 1
        self.progress = Progress()
        self.output = Output(self.progress)
        self.stores = Stores()

    def __enter__(self) -> "Run":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: "TracebackType | None"
    ) -> None:
        if error is None:
            try:
                self.output.flush()
            except (ClosedPipeError, OutputError, KeyboardInterrupt) as late:
                error = late
        self.progress.stop()
        self.stores.close()
        if isinstance(error, (typer.Exit, typer.BadParameter, SystemExit)):
            return
        self._report(error)
        if error is not None or self.exit_code:
            raise typer.Exit(self.exit_code) from None

    def _report(self, error: BaseException | None) -> None:
        match error:
            case None | ClosedPipeError():
                pass
            case KeyboardInterrupt():
                self.found(ExitCode.INTERRUPTED)
            case OutputError():
                self.fail(ExitCode.FAILED_IO, str(error))
            case MemoryError():
                self.fail(ExitCode.FAILED_IO, "out of memory")
            case InternalError():
                self.fail(ExitCode.BUG, f"a bug in keepset, please report it: {one_line(str(error))}")
            case KeepsetError() | OSError():
                self.fail(*_explain(error, None))
            case _:
                traceback.print_exception(error)
                self.fail(ExitCode.BUG, "a bug in keepset, please report it with the lines above")

    def found(self, code: ExitCode) -> None:
        """Note what the run is to exit with; the highest code wins."""
        self.exit_code = max(self.exit_code, code)

    def fail(self, code: ExitCode, message: str) -> None:
        """Report a failure in one line on standard error, and go on."""
        self.found(code)
        self.note(f"keepset: {message}")

    def note(self, message: str) -> None:
        """Print one line on standard error."""
        if sys.stderr is not None:
            with self.progress.hidden(), suppress(OSError):  # nobody may be listening there either
                print(message, file=sys.stderr, flush=True)

    def each(self, sources: list[Source]) -> Iterator[Source]:
        """Go over the inputs, with progress."""
        self._inputs = len(sources)
        self.progress.expect(len(sources))
        for source in sources:
            if source.is_typed:
                self.progress.stop()  # it would write over what is being typed
            self.progress.describe(f"Reading {source.name}")
            yield source
            self.progress.advance()

    @contextmanager
    def attempt(self, source: Source | str) -> Iterator[None]:
        """Report what goes wrong with one input, or argument, and let the command go on with the next."""
        try:
            yield
        except InternalError:
            raise
        except (KeepsetError, OSError) as error:
            self.output.flush()
            code, message = _explain(error, source)
            if isinstance(error, FileNotFoundError) and not isinstance(error, KeepsetError) and self._inputs > 1:
                message += " (a path inside a manifest is written MANIFEST/PATH)"
            self.fail(code, message)

    def manifests(self, sources: list[Source], mode: Mode) -> Iterator[tuple[Source, Manifest]]:
        """Go over the inputs with their manifests, without those that cannot be read: they are reported."""
        for source in self.each(sources):
            with self.attempt(source):
                yield source, source.load(mode)

    def views(self, sources: list[Source], mode: Mode, filters: Filters) -> Iterator[View]:
        """Go over what the arguments name, without what cannot be read or is not there: that is reported."""
        for source in self.each(sources):
            with self.attempt(source):
                yield _view(source, mode, filters)


def _view(source: Source, mode: Mode, filters: Filters) -> View:
    manifest = source.load(mode)
    if source.path:
        manifest.stat(source.path)  # a path that is missing is an error, one that the filters empty is not
    kept = filters.apply(manifest)
    if source.path and source.path not in kept:
        return View(source, Manifest.parse(b""), "")
    return View(source, kept, source.path)


def _explain(error: KeepsetError | OSError, source: Source | str | None) -> tuple[ExitCode, str]:
    name = f"{source.name}: " if isinstance(source, Source) else f"{one_line(source)}: " if source else ""
    match error:
        case ManifestError():
            return ExitCode.BAD_INPUT, _explain_manifest(error, source)
        case PathNotFoundError() | PathIsADirectoryError() | PathNotADirectoryError():
            where = "manifest" if isinstance(source, Source) and source.collection is None else "collection"
            return ExitCode.NOT_FOUND, f"{name}{error.strerror} in the {where}: {one_line(str(error.filename))}"
        case ApiError():
            return _api_exit_code(error.status_code), f"{name}{one_line(error.message, _LONGEST)}"
        case TransferError() | StoreError() | ApiConnectionError():
            return ExitCode.FAILED_IO, one_line(str(error), _LONGEST)
        case KeepRequestError() if not isinstance(error, NotFoundError):
            return ExitCode.FAILED_IO, f"{name}{one_line(str(error), _LONGEST)}"
        case KeepsetError():
            code = ExitCode.NOT_FOUND if isinstance(error, FileNotFoundError) else ExitCode.BAD_INPUT
            return code, f"{name}{one_line(str(error), _LONGEST)}"
        case FileNotFoundError() | NotADirectoryError():
            return ExitCode.NOT_FOUND, f"{_with_path(error, name)}{error.strerror}"
        case OSError():
            return ExitCode.FAILED_IO, f"{_with_path(error, name)}{error.strerror or error}"


def _with_path(error: OSError, name: str) -> str:
    return name or (f"{one_line(str(error.filename))}: " if error.filename else "")


def _api_exit_code(status: int) -> ExitCode:
    if status == HTTPStatus.NOT_FOUND:
        return ExitCode.NOT_FOUND
    is_refused = status != HTTPStatus.CONFLICT and status < HTTPStatus.INTERNAL_SERVER_ERROR
    return ExitCode.BAD_INPUT if is_refused else ExitCode.FAILED_IO


def _explain_manifest(error: ManifestError, source: Source | str | None) -> str:
    notes = "".join(f" ({note})" for note in getattr(error, "__notes__", ()))
    what = f"{one_line(error.message, _LONGEST)} [{error.code}]{notes}"
    if not isinstance(source, Source) or error.line is None:
        return what
    advice = "keepset validate" if source.is_standard_input else f"keepset validate {quote(source.file)}"
    return f"{source.name}:{error.line}:{error.column}: {what} ('{advice}' lists every problem)"
