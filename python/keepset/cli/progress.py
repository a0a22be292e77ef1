"""A sign of life on standard error for whatever takes over a second, at a terminal and nowhere else.

The engine answers a question in one call that releases the interpreter, so there is nothing to count within it: one
input gets a spinner with the elapsed time, several get a bar over the inputs. What copies bytes counts them, and gets a
bar with rate and time left. A thread draws them. It costs nothing until the second has passed: Rich is imported then.
"""

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from rich.progress import Progress as RichProgress

__all__ = ["Progress"]

DELAY = 1.0
_STEP = 0.1


class Progress:
    """What is being done, for how long, and how many inputs are behind us."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._stopped = threading.Event()
        self._started = self._silent_since = time.monotonic()
        self._description = ""
        self._total = 1
        self._completed = 0
        self._in_bytes = False
        self._display: RichProgress | None = None
        self._thread: threading.Thread | None = None
        if sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
            self._thread = threading.Thread(target=self._watch, name="keepset-progress", daemon=True)
            self._thread.start()

    def describe(self, description: str) -> None:
        """Say what is being done now."""
        with self._lock:
            self._description = description
            self._update()

    def expect(self, total: int) -> None:
        """Say how many inputs there are."""
        with self._lock:
            self._total = total

    def advance(self) -> None:
        """Count one input as done."""
        with self._lock:
            self._completed += 1
            self._update()

    def measure(self, completed: int, total: int, description: str) -> None:
        """Say how many bytes are done, of how many, and with what; as often as one likes.

        Args:
            completed: The bytes done.
            total: The bytes in all.
            description: What is being done.
        """
        if not self._in_bytes:
            with self.hidden():  # what is shown now has no place for bytes
                self._in_bytes = True
        # Numbers that do not fit together for a tenth of a second do no harm: the thread shows them, under the lock.
        self._completed, self._total, self._description = completed, total, description

    def hidden(self) -> "AbstractContextManager[None]":
        """Keep the screen free while something else is printed there; the second then counts anew."""
        return nullcontext() if self._thread is None else self._hidden()

    @contextmanager
    def _hidden(self) -> Iterator[None]:
        with self._lock:
            if self._display is not None:
                self._display.stop()
                self._display = None
            try:
                yield
            finally:
                self._silent_since = time.monotonic()

    def stop(self) -> None:
        """Take the display away for good."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()
        with self.hidden():
            pass

    def _watch(self) -> None:
        while not self._stopped.wait(_STEP):
            with self._lock:
                if self._display is None and time.monotonic() - self._silent_since >= DELAY:
                    self._show()
                if self._in_bytes:
                    self._update()

    def _show(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            MofNCompleteColumn,
            ProgressColumn,
            SpinnerColumn,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )
        from rich.progress import Progress as RichProgress

        columns: list[ProgressColumn] = [SpinnerColumn(), TextColumn("{task.description}", markup=False)]
        if self._in_bytes:
            columns += [BarColumn(), DownloadColumn(binary_units=True), TransferSpeedColumn(), TimeRemainingColumn()]
        elif self._total > 1:
            columns += [BarColumn(), MofNCompleteColumn()]
        display = RichProgress(*columns, TimeElapsedColumn(), console=Console(stderr=True), transient=True)
        task = display.add_task(self._description, total=self._total)
        display.tasks[task].start_time = display.get_time() - (time.monotonic() - self._started)
        self._display = display
        self._update()
        display.start()

    def _update(self) -> None:
        if self._display is not None:
            task = self._display.task_ids[0]
            self._display.update(task, description=self._description, completed=self._completed, total=self._total)
