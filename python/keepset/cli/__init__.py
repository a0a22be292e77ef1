"""The command line `keepset`: `ls`, `find`, `diff` and more, on manifest files and standard input.

This package, and nothing else in keepset, uses Typer and Rich; `import keepset` loads none of it.
"""

import signal
import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line: the console script `keepset`."""
    try:
        # A kill should clean up as Ctrl-C does. Python turns SystemExit into a normal way out of every `with`.
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
        from keepset.cli.app import app

        # A path inside standard input starts like an option.
        app(args=[f"/dev/stdin{arg[1:]}" if arg.startswith("-/") else arg for arg in sys.argv[1:]])
    except KeyboardInterrupt:  # before or after the command itself
        sys.exit(130)
