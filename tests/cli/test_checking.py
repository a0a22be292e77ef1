"""`validate` and `diff`: the commands whose exit code is an answer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from keepset import Manifest
from samples import SIGNATURE, A, B, C

if TYPE_CHECKING:
    from cli.conftest import Command

BAD = f". {A} 0:3:a 2:2:b\n./d {B} 9:9:c\n"


class TestValidate:
    def test_a_good_manifest(self, cli: Command) -> None:
        outcome = cli("validate", "small")
        assert (outcome.exit_code, outcome.stdout) == (0, "")
        assert outcome.stderr == "1 manifest checked, no problems\n"

    def test_every_problem_with_its_place(self, cli: Command) -> None:
        Path("bad").write_text(BAD)
        outcome = cli("validate", "small", "bad")
        assert outcome.exit_code == 1
        assert outcome.stdout == (
            "bad:1:44: segment-out-of-range: beyond the end of the 3-byte stream: '2:2:b'\n"
            "bad:2:40: segment-out-of-range: beyond the end of the 3-byte stream: '9:9:c'\n"
        )
        assert outcome.stderr == "2 manifests checked, 2 problems in 1 of them\n"

    def test_limit(self, cli: Command) -> None:
        assert cli("validate", "--limit", "1", stdin=BAD).stdout.splitlines()[1:] == [
            "<stdin>: more than 1 problems (--limit 0 reports all)"
        ]
        assert cli("validate", "--limit", "2", stdin=BAD).stdout.count("\n") == 2
        assert cli("validate", "--limit", "0", stdin=BAD * 600).stdout.count("\n") == 1200

    def test_quiet_tells_by_the_exit_code_alone(self, cli: Command) -> None:
        outcome = cli("validate", "-q", stdin=BAD)
        assert (outcome.exit_code, outcome.stdout, outcome.stderr) == (1, "", "")

    def test_a_compat_text_passes_only_as_such(self, cli: Command) -> None:
        text = f"d {A}  0:3:a"
        assert cli("validate", stdin=text).exit_code == 1
        assert cli("validate", "--mode", "compat", stdin=text).exit_code == 0
        outcome = cli("validate", "--mode", "compat", stdin=f"d {A}  0:4:a")
        assert outcome.exit_code == 1
        assert "segment-out-of-range" in outcome.stdout

    def test_what_is_no_manifest_does_not_pass_in_any_mode(self, cli: Command) -> None:
        assert cli("validate", stdin="hello\n").exit_code == 1
        assert cli("validate", "--mode", "compat", stdin="hello\n").exit_code == 3

    def test_a_problem_is_one_line_whatever_its_token(self, cli: Command) -> None:
        outcome = cli("validate", stdin=b". \x1b[31mred\x07\xff\r" + b"x" * 5000 + b"\n")
        lines = outcome.stdout.splitlines()
        assert len(lines) == outcome.stdout.count("\n")
        assert all(line.startswith("<stdin>:1:") and len(line) < 500 and line.isprintable() for line in lines)

    def test_a_file_that_cannot_be_read_outweighs_problems(self, cli: Command) -> None:
        Path("bad").write_text(BAD)
        assert cli("validate", "bad", "missing").exit_code == 4

    def test_json(self, cli: Command) -> None:
        outcome = cli("validate", "--json", "--limit", "1", "small", "-", stdin=BAD)
        assert outcome.exit_code == 1
        assert outcome.stderr == ""
        good, bad = outcome.json
        assert good == {"manifest": "small", "valid": True, "complete": True, "problems": []}
        assert (bad["manifest"], bad["valid"], bad["complete"]) == ("-", False, False)
        (problem,) = bad["problems"]
        assert problem == {
            "code": "segment-out-of-range",
            "message": "beyond the end of the 3-byte stream: '2:2:b'",
            "line": 1,
            "column": 44,
            "offset": 43,
            "token": "2:2:b",
        }


OLD = f". {A} {B} {C} 0:3:gone 3:3:here 6:5:longer 0:2:same\n"
NEW = f". {A} {B} {C} 3:3:there 6:4:longer 0:2:same 0:1:fresh\n./empty d41d8cd98f00b204e9800998ecf8427e+0 0:0:\\056\n"


@pytest.fixture
def _old_and_new() -> None:
    Path("old").write_text(OLD)
    Path("new").write_text(NEW)


@pytest.mark.usefixtures("_old_and_new")
class TestDiff:
    CHANGES = ("A empty/", "A fresh", "D gone", "M longer 5 -> 4", "R here -> there")

    def test_changes(self, cli: Command) -> None:
        outcome = cli("diff", "old", "new")
        assert outcome.exit_code == 1
        assert sorted(outcome.stdout.splitlines()) == sorted(self.CHANGES)
        assert outcome.stderr == ""

    def test_no_changes(self, cli: Command) -> None:
        Path("same").write_text(f". {B}{SIGNATURE}6f000000 {A} {C} 3:3:gone 0:3:here 6:5:longer 3:2:same\n")
        outcome = cli("diff", "--stat", "old", "same")
        assert (outcome.exit_code, outcome.stdout) == (0, "no changes\n")

    def test_summary(self, cli: Command) -> None:
        assert cli("diff", "--shortstat", "old", "new").stdout == (
            "2 added, 1 removed, 1 modified, 1 moved; -3 bytes\n"
        )
        assert cli("diff", "--stat", "old", "new").stdout.splitlines()[-1].startswith("2 added, 1 removed")
        assert cli("diff", "--shortstat", "new", "old").stdout.endswith("; +3 bytes\n")

    def test_name_only(self, cli: Command) -> None:
        names = ["empty/", "fresh", "gone", "longer", "there"]
        assert sorted(cli("diff", "--name-only", "old", "new").stdout.splitlines()) == names
        assert sorted(cli("diff", "--name-only", "-0", "old", "new").stdout.split("\0")) == ["", *names]

    def test_no_renames(self, cli: Command) -> None:
        lines = cli("diff", "--no-renames", "--stat", "old", "new").stdout.splitlines()
        assert sorted(lines[:-1]) == sorted([*self.CHANGES[:-1], "A there", "D here"])
        assert lines[-1] == "3 added, 2 removed, 1 modified; -3 bytes"

    def test_quiet(self, cli: Command) -> None:
        outcome = cli("diff", "-q", "old", "new")
        assert (outcome.exit_code, outcome.stdout) == (1, "")

    def test_filters_and_human(self, cli: Command) -> None:
        assert cli("diff", "--include", "long*", "old", "new").stdout == "M longer 5 -> 4\n"
        assert cli("diff", "--include", "same", "old", "new").exit_code == 0

    def test_one_of_them_on_standard_input(self, cli: Command) -> None:
        assert cli("diff", "old", "-", stdin=OLD).exit_code == 0
        assert cli("diff", "-", "new", stdin=OLD).exit_code == 1
        assert cli("diff", "-", "-", stdin=OLD).exit_code == 2

    def test_an_input_that_cannot_be_read_is_not_a_difference(self, cli: Command) -> None:
        assert cli("diff", "old", "missing").exit_code == 4
        assert cli("diff", "old", "-", stdin=BAD).exit_code == 3

    def test_json(self, cli: Command) -> None:
        outcome = cli("diff", "--json", "old", "new")
        assert outcome.exit_code == 1
        document = outcome.json
        changes = sorted(document.pop("changes"), key=lambda change: str(change["path"]))
        assert document == {
            "old": "old",
            "new": "new",
            "identical": False,
            "summary": {"added": 2, "removed": 1, "modified": 1, "moved": 1, "size_change": -3},
        }
        assert changes == [
            {"kind": "added", "type": "directory", "path": "empty", "new_size": 0},
            {"kind": "added", "type": "file", "path": "fresh", "new_size": 1},
            {"kind": "removed", "type": "file", "path": "gone", "old_size": 3},
            {"kind": "modified", "type": "file", "path": "longer", "old_size": 5, "new_size": 4},
            {
                "kind": "moved",
                "type": "file",
                "path": "there",
                "old_path": "here",
                "old_size": 3,
                "new_size": 3,
            },
        ]
        assert cli("diff", "--json", "old", "old").json["changes"] == []

    def test_agrees_with_equality(self, cli: Command) -> None:
        assert (Manifest.load("old") == Manifest.load("new")) is (cli("diff", "-q", "old", "new").exit_code == 0)
