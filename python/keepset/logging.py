"""How messages of the log look, under the names of `arvados.logging`.

The package logs below the logger `keepset` and, as a library should, attaches no handler to it: a program that wants
the usual form calls `logging.getLogger("keepset").addHandler(log_handler)`.
"""

import logging

__all__ = ["log_date_format", "log_format", "log_handler"]

log_format = "%(asctime)s %(name)s[%(process)d] %(levelname)s: %(message)s"
"""The form of a message: when, who, which process, how bad, what."""
log_date_format = "%Y-%m-%d %H:%M:%S"
"""The form of the time in it."""

log_handler = logging.StreamHandler()
"""Writes messages in this form to the standard error."""
log_handler.setFormatter(logging.Formatter(log_format, log_date_format))
