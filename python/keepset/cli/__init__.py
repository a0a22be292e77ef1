"""The command line `keepset`: `ls`, `find`, `diff` and more, on manifest files and standard input.

This package, and nothing else in keepset, uses Typer and Rich; `import keepset` loads none of it.
"""

import os
import sys
from contextlib import suppress

from keepset.cli.exits import ExitCode
from keepset.cli.signals import clean_up_on_signals

__all__ = ["main"]


def main() -> None:
    """Run the command line: the console script `keepset`."""
    try:
        clean_up_on_signals()
        if os.environ.get("ARVADOS_DEBUG"):
            _log_to_standard_error()
        from keepset.cli.app import app

        # A path inside standard input starts like an option.
        app(args=[f"/dev/stdin{arg[1:]}" if arg.startswith("-/") else arg for arg in sys.argv[1:]])
    except KeyboardInterrupt:  # before or after the command itself
        sys.exit(ExitCode.INTERRUPTED)
    except OSError as error:  # from printing help; what commands print is their own concern
        with suppress(OSError):
            print(f"keepset: cannot write: {error.strerror or error}", file=sys.stderr, flush=True)
        os._exit(ExitCode.FAILED_IO)  # without trying once more to print what is left


def _log_to_standard_error() -> None:
    import logging

    from keepset.logging import log_handler

    logging.getLogger("keepset").setLevel(logging.DEBUG)
    logging.getLogger("keepset").addHandler(log_handler)
