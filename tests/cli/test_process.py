"""What only a process has: pipes, signals, terminals, a full disk, the completion of a shell."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from samples import A

if TYPE_CHECKING:
    from collections.abc import Callable

    from cli.conftest import Command

COMMANDS = {
    "ls": ["ls", "-R"],
    "ls --json": ["ls", "--json"],
    "tree": ["tree"],
    "tree --json": ["tree", "--json"],
    "find": ["find"],
    "find -l": ["find", "-l"],
    "find --json": ["find", "--json"],
    "normalize": ["normalize"],
    "strip": ["strip"],
    "extract": ["extract", "--include", "*"],
    "union": ["union"],
}


@pytest.fixture
def large(make: Callable[..., Path]) -> Path:
    """A manifest whose listing fills every buffer on its way."""
    return make("large", *(f"file-{number:05}" for number in range(20_000)))


class Terminal:
    """A terminal of 80 columns, to which a process writes."""

    def __init__(self) -> None:
        self.own, self.end = pty.openpty()

    def read(self) -> str:
        """Give what was written there, when the process has ended."""
        os.close(self.end)
        parts = []
        try:
            while part := os.read(self.own, 65536):
                parts.append(part)
        except OSError:  # Linux says so when the other end is closed
            pass
        os.close(self.own)
        return b"".join(parts).decode().replace("\r\n", "\n")


class TestPipes:
    @pytest.mark.parametrize("command", COMMANDS)
    def test_a_reader_that_leaves_is_no_error(self, script: str, large: Path, command: str) -> None:
        process = subprocess.Popen(
            [script, *COMMANDS[command], large], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read(1)
        process.stdout.close()
        assert (process.stderr.read(), process.wait()) == ("", 0)
        process.stderr.close()

    def test_a_reader_that_leaves_hides_no_difference(self, script: str, large: Path) -> None:
        shell = subprocess.run(
            ["bash", "-c", f"{script} diff small {large} | head -n 1; exit ${{PIPESTATUS[0]}}"],
            capture_output=True,
            check=False,
            text=True,
        )
        assert (shell.returncode, shell.stderr, shell.stdout.count("\n")) == (1, "", 1)

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is full")
    @pytest.mark.parametrize(
        "arguments", [["ls", "small"], ["normalize", "small"], ["version"], ["--help"], ["ls", "--help"]]
    )
    def test_a_full_disk_is_reported_in_one_line(self, script: str, arguments: list[str]) -> None:
        with Path("/dev/full").open("wb") as full:
            result = subprocess.run([script, *arguments], stdout=full, stderr=subprocess.PIPE, check=False, text=True)
        assert result.returncode == 5
        assert re.fullmatch(r"keepset: cannot write.*: No space left on device\n", result.stderr)

    def test_standard_streams_that_are_closed(self, script: str) -> None:
        def run(redirection: str) -> tuple[int, str]:
            shell = subprocess.run(
                ["bash", "-c", f"{script} ls {redirection}"], capture_output=True, check=False, text=True
            )
            return shell.returncode, shell.stderr

        assert run("small >&-") == (5, "keepset: standard output is closed\n")
        assert run("- <&-") == (5, "keepset: <stdin>: standard input is closed\n")
        assert run("missing 2>&-") == (4, "")


SLOW_WRITER = """
import os, signal, sys
from keepset.cli import main
os.fsync = lambda file: os.kill(os.getpid(), {signal})  # all is written, and nothing renamed yet
sys.argv = ["keepset", "normalize", "small", "-o", {output!r}]
main()
"""

INTERRUPTED_READER = """
import os, signal, sys, threading
from keepset.cli import main
threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
sys.argv = ["keepset", "ls", "-"]
main()
"""


class TestSignals:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    @pytest.mark.parametrize("existed", [True, False])
    def test_leave_no_half_written_file(self, number: signal.Signals, existed: bool, tmp_path: Path) -> None:
        output = tmp_path / "folder" / "out"
        output.parent.mkdir()
        if existed:
            output.write_text("as it was")
        result = subprocess.run(
            [sys.executable, "-c", SLOW_WRITER.format(signal=int(number), output=str(output))],
            capture_output=True,
            check=False,
        )
        assert (result.returncode, result.stdout, result.stderr) == (128 + number, b"", b"")
        assert [path.read_text() for path in output.parent.iterdir()] == ["as it was"] * existed

    def test_end_a_command_that_waits_for_its_input(self) -> None:
        waiting, writing = os.pipe()
        result = subprocess.run(
            [sys.executable, "-c", INTERRUPTED_READER], stdin=waiting, capture_output=True, check=False
        )
        os.close(writing)
        os.close(waiting)
        assert (result.returncode, result.stdout, result.stderr) == (130, b"", b"")


class TestTerminal:
    def shown(self, script: str, *arguments: str, **environment: str) -> str:
        terminal = Terminal()
        subprocess.run(
            [script, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=terminal.end,
            stderr=terminal.end,
            check=False,
            env=os.environ | {"TERM": "xterm", "COLUMNS": "80"} | environment,
        )
        return terminal.read()

    def test_colours_and_how_to_have_none(self, script: str) -> None:
        assert "\x1b[1;34mvoid/\x1b[0m\n" in self.shown(script, "ls", "small")
        plain = "a.txt\nb.bam\nboth\nd/\nvoid/\n"
        assert self.shown(script, "ls", "small", NO_COLOR="1") == plain
        assert self.shown(script, "ls", "small", TERM="dumb") == plain

    def test_names_can_neither_move_the_cursor_nor_pass_for_another(
        self, script: str, make: Callable[..., Path]
    ) -> None:
        make("m", "esc\\033[2J", "a\\040b", "\\342\\200\\256x", "b\\377")
        assert self.shown(script, "find", "m").splitlines() == [
            r"$'esc\033[2J'",
            "'a b'",
            r"$'\u202ex'",
            r"$'b\377'",
        ]

    @pytest.mark.parametrize("arguments", [["find", "--help"], ["ls", "--nope"], ["tree", "small"]])
    def test_any_width_will_do(self, script: str, arguments: list[str]) -> None:
        shown = self.shown(script, *arguments, COLUMNS="1")
        assert shown
        assert "Traceback" not in shown


class TestProgress:
    def errors(self, script: str, *arguments: str, wait: float, until: bytes = b"", **environment: str) -> str:
        """Run on an input that comes late; give what standard error, a terminal, has shown after `until`."""
        terminal = Terminal()
        process = subprocess.Popen(
            [script, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=terminal.end,
            env=os.environ | {"TERM": "xterm", "COLUMNS": "80"} | environment,
        )
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(wait)
        shown = b""
        while until not in shown:  # a busy machine may take its time
            shown += os.read(terminal.own, 65536)
        listed, _ = process.communicate(Path("small").read_bytes())
        assert process.returncode == 0
        assert b"a.txt" in listed
        return terminal.read()

    def test_appears_after_a_second_and_goes_away(self, script: str) -> None:
        shown = self.errors(script, "ls", "small", "-", wait=0.8, until=b"Reading <stdin>")
        assert shown.endswith("\x1b[2K")  # the line is wiped

    def test_does_not_appear_before(self, script: str) -> None:
        assert self.errors(script, "ls", "-", wait=0.2) == ""

    def test_does_not_appear_at_a_terminal_that_can_only_write(self, script: str) -> None:
        assert self.errors(script, "ls", "-", wait=2, TERM="dumb") == ""

    def test_does_not_appear_in_a_pipe(self, script: str) -> None:
        process = subprocess.Popen(
            [script, "pdh"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(2)
        _, errors = process.communicate(f". {A} 0:3:a\n".encode())
        assert errors == b""

    def test_does_not_write_over_what_is_being_typed(self, script: str) -> None:
        terminal = Terminal()
        process = subprocess.Popen(
            [script, "pdh", "-"],
            stdin=terminal.end,
            stdout=subprocess.PIPE,
            stderr=terminal.end,
            env=os.environ | {"TERM": "xterm"},
        )
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(2)
        typed = f". {A} 0:3:a\n"
        os.write(terminal.own, f"{typed}\x04".encode())
        printed, _ = process.communicate()
        assert printed.endswith(b"+43\n")
        assert terminal.read().replace("^D\b\b", "") == typed  # its echo


class TestHelp:
    def test_no_command_shows_them_all(self, cli: Command) -> None:
        outcome = cli()
        assert outcome.exit_code == 2
        shown = outcome.stdout + outcome.stderr
        for name in ("ls", "tree", "find", "du", "stat", "blocks", "normalize", "strip", "pdh", "validate", "diff"):
            assert f" {name} " in shown

    @pytest.mark.parametrize("arguments", [["nope"], ["ls", "--nope"], ["diff", "one"], ["normalize", "--mode", "x"]])
    def test_wrong_usage(self, cli: Command, arguments: list[str]) -> None:
        outcome = cli(*arguments)
        assert (outcome.exit_code, outcome.stdout) == (2, "")
        assert outcome.stderr.startswith("Usage: ")

    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            ("keepset l", ["ls"]),
            ("keepset ls --in", ["--include"]),
            ("keepset find --type ", ["f", "d"]),
            ("keepset union --on-conflict c", ["concatenate"]),
        ],
    )
    def test_completion(self, keepset: Command, words: str, expected: list[str]) -> None:
        outcome = keepset(
            _KEEPSET_COMPLETE="complete_bash", COMP_WORDS=words, COMP_CWORD=str(len(words.split(" ")) - 1)
        )
        assert outcome.stdout.split() == expected
