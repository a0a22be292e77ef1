"""What the commands take, and what they say to the rest: odd names, odd files, wrong options."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from samples import A

if TYPE_CHECKING:
    from collections.abc import Callable

    from cli.conftest import Command, Outcome

ODD = {
    "with space": "with\\040space",
    "new\nline": "new\\012line",
    "\udcff\udc80": "\\377\\200",
    "star*": "star*",
    "[x]": "[x]",
    "{a,b}": "{a,b}",
    "back\\slash": "back\\134slash",
    "colon:": "colon\\072",
    "-rf": "-rf",
    "…": "…",
    "\x1b[31m": "\\033[31m",
}
"""Names, and how a manifest writes them."""

READING = ["ls", "tree", "find", "du", "stat", "blocks", "pdh", "validate", "normalize", "strip", "union"]


def refused(outcome: Outcome, exit_code: int) -> str:
    """Give the one line on standard error of a command that has printed nothing else."""
    assert (outcome.exit_code, outcome.stdout) == (exit_code, "")
    assert outcome.stderr.endswith("\n")
    assert outcome.stderr.rstrip("\n").isprintable()
    return outcome.stderr.rstrip("\n")


class TestWhatIsNoManifest:
    @pytest.mark.parametrize("command", [command for command in READING if command != "validate"])
    @pytest.mark.parametrize(
        ("text", "where"),
        [
            ("hello\n", "x:1:1: not a manifest"),
            ("\n \n", "x:1:1: not a manifest"),
            (".\n", "x:1:1: not a manifest"),
            (". 0:3\n", "x:1:3: "),
            (f". {A} 0:4:a\n", "x:1:38: "),
            (f". {A} 0:3:a\n./d {A} 0:3:a 1:3:b\n", "x:2:46: "),
        ],
    )
    def test_it_is_refused_in_one_line(self, cli: Command, command: str, text: str, where: str) -> None:
        Path("x").write_text(text)
        line = refused(cli(command, "x"), 3)
        assert line.startswith(f"keepset: {where}")
        assert line.endswith("('keepset validate x' lists every problem)")

    @pytest.mark.parametrize("command", READING)
    def test_a_binary_file(self, cli: Command, command: str) -> None:
        Path("x").write_bytes(bytes(range(256)) * 300)
        outcome = cli(command, "x")
        assert outcome.exit_code == (1 if command == "validate" else 3)
        assert all(line.isprintable() and len(line) < 1000 for line in outcome.stderr.splitlines())

    @pytest.mark.parametrize("command", READING)
    def test_an_empty_file_is_the_empty_manifest(self, cli: Command, command: str) -> None:
        Path("x").touch()
        assert cli(command, "x").exit_code == 0

    def test_the_name_of_the_file_is_safe_to_print_and_to_type(self, cli: Command) -> None:
        name = "my\nmanifest"
        Path(name).write_text("hello\n")
        line = refused(cli("ls", name), 3)
        assert line.startswith("keepset: my\\nmanifest:1:1: ")
        assert line.endswith("('keepset validate $'my\\nmanifest'' lists every problem)")


class TestFilesThatCannotBeRead:
    @pytest.mark.parametrize("command", READING)
    def test_missing(self, cli: Command, command: str) -> None:
        assert refused(cli(command, "nope"), 4) == "keepset: nope: No such file or directory"

    @pytest.mark.parametrize("command", READING)
    def test_a_directory(self, cli: Command, command: str, tmp_path: Path) -> None:
        (tmp_path / "folder").mkdir()
        assert refused(cli(command, "folder"), 5) == "keepset: folder: Is a directory"

    @pytest.mark.parametrize("command", [*READING, "diff", "extract"])
    def test_an_empty_argument_is_wrong_usage(self, cli: Command, command: str) -> None:
        more = {"diff": ["small"], "extract": ["a.txt"]}.get(command, [])
        outcome = cli(command, "", *more)
        assert (outcome.exit_code, outcome.stdout) == (2, "")
        assert "an empty argument names no manifest" in outcome.stderr

    def test_permission_denied(self, cli: Command) -> None:
        Path("small").chmod(0)
        if os.access("small", os.R_OK):
            pytest.skip("whoever runs this may read everything")
        Path("locked").mkdir()
        Path("locked").chmod(0)
        try:
            assert refused(cli("ls", "small"), 5) == "keepset: small: Permission denied"
            assert refused(cli("ls", "locked/m"), 5) == "keepset: locked/m: Permission denied"
            assert refused(cli("ls", "locked/m/d"), 5) == "keepset: locked/m/d: Permission denied"
            outcome = cli("normalize", "-", "-o", "locked/m", stdin=f". {A} 0:3:a\n")
            assert refused(outcome, 5) == "keepset: cannot write locked/m: Permission denied"
        finally:
            Path("locked").chmod(0o700)

    def test_the_others_are_read_all_the_same(self, cli: Command) -> None:
        outcome = cli("pdh", "nope", "small", ".", "small")
        assert outcome.exit_code == 5
        assert [line.split()[-1] for line in outcome.stdout.splitlines()] == ["small", "small"]
        assert outcome.stderr.splitlines() == [
            "keepset: nope: No such file or directory (a path inside a manifest is written MANIFEST/PATH)",
            "keepset: .: Is a directory",
        ]

    def test_json_of_the_others_is_whole(self, cli: Command) -> None:
        outcome = cli("pdh", "--json", "nope", "small")
        assert outcome.exit_code == 4
        assert [entry["manifest"] for entry in outcome.json] == ["small"]


class TestStandardInput:
    def test_is_the_default_and_a_dash(self, cli: Command) -> None:
        text = Path("small").read_text()
        listed = cli("ls", "small").lines
        assert cli("ls", stdin=text).lines == cli("ls", "-", stdin=text).lines == listed
        assert cli("ls", "/dev/stdin", stdin=text).lines == listed

    def test_has_paths_inside(self, keepset: Command) -> None:
        text = Path("small").read_bytes()
        for argument in ("-/d", "/dev/stdin/d", "-/./d//"):
            assert keepset("ls", argument, stdin=text).stdout == "c.bam\ne/\n"

    def test_can_be_read_once(self, cli: Command) -> None:
        assert cli("ls", "-", "small", "/dev/stdin").exit_code == 2

    def test_its_errors_name_it(self, cli: Command) -> None:
        line = refused(cli("ls", stdin="hello\n"), 3)
        assert line.startswith("keepset: <stdin>:1:1: not a manifest")
        assert line.endswith("('keepset validate' lists every problem)")


class TestPaths:
    @pytest.mark.parametrize(("path", "what"), [("nope", "no such"), ("a.txt/x", "not a directory"), ("..", "no such")])
    def test_what_is_not_there(self, cli: Command, path: str, what: str) -> None:
        line = refused(cli("ls", f"small/{path}"), 4)
        assert line.startswith(f"keepset: small: {what}")
        assert line.endswith(f" in the manifest: {path}")

    def test_names_longer_than_any_in_a_file_system(self, cli: Command, make: Callable[..., Path]) -> None:
        name, path = "x" * 5000, "d/" * 5000 + "x"
        manifest = make("m", name, path)
        assert cli("ls", f"{manifest}/{name}").lines == [name]
        assert cli("ls", f"{manifest}/{path}").lines == [path]
        line = refused(cli("ls", f"{manifest}/{path}y"), 4)
        assert line.startswith("keepset: m: no such file or directory in the manifest: d/d/d")
        assert refused(cli("ls", f"nope/{path}"), 5).startswith("keepset: nope/d/d/d")

    def test_a_manifest_below_folders_and_links(self, cli: Command, tmp_path: Path) -> None:
        (tmp_path / "one" / "two").mkdir(parents=True)
        (tmp_path / "small").rename(tmp_path / "one" / "two" / "m")
        (tmp_path / "link").symlink_to("one/two")
        listed = ["c.bam", "e/"]
        assert cli("ls", "one/two/m/d").lines == cli("ls", "./link/../two/m/d/").lines == listed
        assert cli("ls", tmp_path / "link" / "m" / "d").lines == listed

    @pytest.mark.parametrize("name", ODD)
    def test_odd_names_go_from_one_command_to_the_next(
        self, cli: Command, make: Callable[..., Path], name: str
    ) -> None:
        make("m", *ODD.values())
        assert sorted(cli("find", "-0", "m").stdout.split("\0")[:-1]) == sorted(ODD)
        assert cli("ls", f"m/{name}").stdout == f"{name}\n"
        assert cli("stat", "--json", f"m/{name}").json[0]["path"] == name

        assert cli("extract", "m", "--", name).stdout == f". {A} 0:3:{ODD[name]}\n"
        assert cli("blocks", f"m/{name}").lines == [A]

    @pytest.mark.parametrize("locale", ["C", "POSIX", "C.UTF-8"])
    def test_names_do_not_depend_on_the_locale(self, keepset: Command, make: Callable[..., Path], locale: str) -> None:
        make("m", "é\\377", "x")
        assert keepset("ls", b"m/\xc3\xa9\xff", LC_ALL=locale).stdout_bytes == b"\xc3\xa9\xff\n"
        assert keepset("ls", b"m", "--exclude", b"\xc3\xa9*", LC_ALL=locale).lines == ["x"]


class TestFilters:
    @pytest.mark.parametrize("option", ["--include", "--exclude"])
    @pytest.mark.parametrize("pattern", ["[", "d/[", "a{", ""])
    def test_what_is_no_pattern_is_wrong_usage(self, cli: Command, option: str, pattern: str) -> None:
        outcome = cli("ls", "nope", option, pattern)  # before any manifest is looked at
        assert (outcome.exit_code, outcome.stdout) == (2, "")
        assert option in outcome.stderr
        assert "pattern" in outcome.stderr

    @pytest.mark.parametrize(
        ("arguments", "expected"),
        [
            (["--include", "*.bam"], ["b.bam", "d", "d/c.bam"]),
            (["--include", "/*.bam"], ["b.bam"]),
            (["--include", "e/*"], ["d", "d/e", "d/e/deep.txt", "d/e/empty"]),
            (["--include", "d/**"], ["d", "d/c.bam", "d/e", "d/e/deep.txt", "d/e/empty"]),
            (["--include", "e"], ["d", "d/e", "d/e/deep.txt", "d/e/empty"]),
            (["--include", "a.txt/"], []),
            (["--include", "*.{bam,txt}", "--exclude", "/d"], ["a.txt", "b.bam"]),
            (["--include", "*.{b?m,t[w-y]t}", "--exclude", "d**"], ["a.txt", "b.bam"]),
            (["--exclude", "d/", "--exclude", "void"], ["a.txt", "b.bam", "both"]),
            (["--include", "[ab].*", "--include", "both"], ["a.txt", "b.bam", "both"]),
        ],
    )
    def test_are_read_as_rclone_reads_them(self, cli: Command, arguments: list[str], expected: list[str]) -> None:
        assert sorted(cli("find", *arguments, "small").lines) == expected
