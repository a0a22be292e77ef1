"""The usual form of messages."""

import logging
import subprocess
import sys

import arvados.logging as official
import pytest

import keepset.logging
from keepset import config
from serving import environment


def run(script: str, **variables: str) -> str:
    """Run a script in a process of its own, and return what it prints."""
    command = [sys.executable, "-c", script]
    return subprocess.run(command, env=environment(**variables), check=True, capture_output=True, text=True).stdout


def test_the_form_is_that_of_the_official_client() -> None:
    assert keepset.logging.log_format == official.log_format
    assert keepset.logging.log_date_format == official.log_date_format
    record = logging.LogRecord("keepset", logging.WARNING, "path", 1, "a %s", ("message",), None)
    assert keepset.logging.log_handler.format(record) == official.log_handler.format(record)
    assert f"keepset[{record.process}] WARNING: a message" in keepset.logging.log_handler.format(record)


def test_no_import_attaches_a_handler() -> None:
    script = (
        "import importlib, logging, pkgutil, keepset\n"
        "names = [one.name for one in pkgutil.walk_packages(keepset.__path__, 'keepset.')]\n"
        "for name in names: importlib.import_module(name)\n"
        "print(len(names) > 100, [logging.getLogger(name).handlers for name in ('', 'keepset', *names)])\n"
    )
    found = run(script)
    assert found.startswith("True [[], ")
    assert "Handler" not in found


@pytest.mark.parametrize(
    ("debug", "before", "after"),
    [("1", logging.NOTSET, logging.DEBUG), ("", logging.NOTSET, logging.NOTSET), ("1", logging.ERROR, logging.ERROR)],
)
def test_the_settings_say_how_much_is_logged(
    monkeypatch: pytest.MonkeyPatch, debug: str, before: int, after: int
) -> None:
    monkeypatch.setattr(config, "_settings", None)
    monkeypatch.setenv("ARVADOS_DEBUG", debug)
    log = logging.getLogger("keepset")
    usual, handlers = log.level, log.handlers[:]
    log.setLevel(before)
    config.initialize(lambda name: [])
    found = log.level
    log.setLevel(usual)
    assert found == after
    assert log.handlers == handlers  # none of ours; other tests may have run a command in this process


def test_a_client_whose_cluster_is_named_asks_the_settings_how_much_is_logged() -> None:
    script = (
        "import logging, keepset, keepset.api\n"
        "try: keepset.api('v1', host='[', token='t', num_retries=0)\n"
        "except keepset.errors.ApiConnectionError: print(logging.getLogger('keepset').level)\n"
    )
    assert run(script, ARVADOS_DEBUG="1") == f"{logging.DEBUG}\n"
