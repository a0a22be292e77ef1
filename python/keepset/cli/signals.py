"""What a command does when it is told to end: by Ctrl-C, by a kill, or because the terminal is closed.

It cleans up, as every `with` statement does on an exception. That waits for threads, which may themselves wait for a
server that is gone, and try again for minutes. So there is a limit; a store, a checkpoint and a half-fetched file are
made for a process that ends at any moment.
"""

import os
import signal
import sys
from contextlib import suppress
from typing import NoReturn

from keepset.cli.exits import ExitCode

__all__ = ["clean_up_on_signals"]

_SECONDS = 10
_SHOW_CURSOR = "\x1b[?25h"


def clean_up_on_signals() -> None:
    """Have signals raise an exception, and end the process if it has not ended soon after."""
    # What is ignored already (by nohup) stays so.
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, _exit)
    if signal.getsignal(signal.SIGINT) == signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)


def _exit(number: int, frame: object) -> NoReturn:
    _limit(128 + number)
    sys.exit(128 + number)


def _interrupt(number: int, frame: object) -> NoReturn:
    _limit(ExitCode.INTERRUPTED)
    raise KeyboardInterrupt


def _limit(exit_code: int) -> None:
    def end(number: int, frame: object) -> NoReturn:
        with suppress(OSError):
            if os.isatty(2):
                os.write(2, _SHOW_CURSOR.encode())  # progress hides it
            os.write(2, b"keepset: did not wait any longer for what was on its way\n")
        os._exit(exit_code)

    if signal.getsignal(signal.SIGALRM) == signal.SIG_DFL:  # whoever is told again has no more time
        signal.signal(signal.SIGALRM, end)
        signal.alarm(_SECONDS)
