"""A place where a thread of a test waits until the test lets it go on."""

from __future__ import annotations

import threading

PATIENCE = 30
"""After so many seconds nothing will come any more."""


class Gate:
    """Closed at first, and open for good once it is opened: at the latest at the end of a `with` statement."""

    def __init__(self) -> None:
        self._reached = threading.Event()
        self._opened = threading.Event()

    def __enter__(self) -> Gate:
        return self

    def __exit__(self, *_: object) -> None:
        self.open()

    def pass_through(self, *_: object) -> None:
        """Wait until it is open. What it is called with does not matter."""
        self._reached.set()
        assert self._opened.wait(PATIENCE)

    def await_somebody(self) -> None:
        """Wait until somebody has come to it."""
        assert self._reached.wait(PATIENCE)

    def open(self) -> None:
        """Let everybody through."""
        self._opened.set()
