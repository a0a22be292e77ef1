"""The usual form of messages."""

import logging

import arvados.logging as official

import keepset.logging


def test_the_form_is_that_of_the_official_client() -> None:
    assert keepset.logging.log_format == official.log_format
    assert keepset.logging.log_date_format == official.log_date_format
    record = logging.LogRecord("keepset", logging.WARNING, "path", 1, "a %s", ("message",), None)
    assert keepset.logging.log_handler.format(record) == official.log_handler.format(record)
    assert f"keepset[{record.process}] WARNING: a message" in keepset.logging.log_handler.format(record)


def test_nothing_is_attached_unasked() -> None:
    assert keepset.logging.log_handler not in logging.getLogger("keepset").handlers
