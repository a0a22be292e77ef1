"""`normalize`, `strip`, `extract` and `union`: the commands that write manifests."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from keepset import Manifest
from samples import SIGNATURE, A, B, C

if TYPE_CHECKING:
    from collections.abc import Callable

    from cli.conftest import Command

UNTIDY = f". {A}{SIGNATURE}6f000000 {B} 3:3:b 0:3:a\n"
NORMAL = f". {A}{SIGNATURE}6f000000 {B} 0:3:a 3:3:b\n"


class TestNormalizeAndStrip:
    def test_normalize_writes_the_normal_form(self, cli: Command) -> None:
        assert cli("normalize", stdin=UNTIDY).stdout == NORMAL
        assert cli("normalize", "--strip", stdin=UNTIDY).stdout == f". {A} {B} 0:3:a 3:3:b\n"

    def test_strip_changes_nothing_but_hints(self, cli: Command) -> None:
        assert cli("strip", stdin=UNTIDY).stdout == f". {A} {B} 3:3:b 0:3:a\n"

    def test_output_to_a_file(self, cli: Command) -> None:
        assert cli("normalize", "-o", "out", stdin=UNTIDY).lines == []
        assert Path("out").read_text() == NORMAL
        assert cli("normalize", "-o", "-", stdin=UNTIDY).stdout == NORMAL

    def test_output_over_the_input(self, cli: Command) -> None:
        Path("m").write_text(UNTIDY)
        assert cli("normalize", "m", "-o", "m").lines == []
        assert Path("m").read_text() == NORMAL

    def test_a_file_that_is_replaced_keeps_its_permissions_and_links(self, cli: Command) -> None:
        Path("m").write_text(UNTIDY)
        Path("m").chmod(0o640)
        Path("link").symlink_to("m")
        assert cli("normalize", "-i", "link").lines == []
        assert Path("m").read_text() == NORMAL
        assert Path("m").stat().st_mode & 0o777 == 0o640
        assert Path("link").is_symlink()

    def test_what_is_no_regular_file_is_written_directly(self, cli: Command) -> None:
        os.mkfifo("pipe")
        reader = os.open("pipe", os.O_RDONLY | os.O_NONBLOCK)
        assert cli("normalize", "-o", "pipe", stdin=UNTIDY).lines == []
        assert os.read(reader, 1000).decode() == NORMAL
        os.close(reader)
        assert cli("normalize", "-o", "/dev/null", stdin=UNTIDY).lines == []

    def test_a_file_that_cannot_be_written(self, cli: Command) -> None:
        for output, why in {"no/m": "No such file or directory", "small/m": "Not a directory"}.items():
            outcome = cli("strip", "small", "-o", output)
            assert (outcome.exit_code, outcome.stdout) == (5, "")
            assert outcome.stderr == f"keepset: cannot write {output}: {why}\n"

    def test_in_place_and_into_a_directory(self, cli: Command) -> None:
        for name in ("m", "n"):
            Path(name).write_text(UNTIDY)
        Path("directory").mkdir()
        assert cli("normalize", "m", "n", "-o", "directory").lines == []
        assert Path("m").read_text() == UNTIDY
        assert cli("normalize", "-i", "m", "n").lines == []
        for name in ("m", "n", "directory/m", "directory/n"):
            assert Path(name).read_text() == NORMAL

    @pytest.mark.parametrize(
        "arguments",
        [
            ["small", "small"],
            ["small", "small", "-o", "out"],
            ["-i", "-"],
            ["-i"],
            ["-i", "small", "-o", "out"],
            ["-", "-o", "."],
            ["-", "-"],
            ["small", "-o", ""],
            ["small", "./small", "-o", "."],
        ],
    )
    def test_results_that_would_run_into_one_are_refused(self, cli: Command, arguments: list[str]) -> None:
        text = Path("small").read_text()
        outcome = cli("normalize", *arguments)
        assert outcome.exit_code == 2
        assert outcome.stdout == ""
        assert [path.name for path in Path().iterdir()] == ["small"]
        assert Path("small").read_text() == text

    def test_a_bad_one_among_many_keeps_its_text_and_the_others_are_written(self, cli: Command) -> None:
        for name, text in {"m": UNTIDY, "bad": f". {A} 0:99:a\n", "n": UNTIDY}.items():
            Path(name).write_text(text)
        outcome = cli("normalize", "-i", "m", "bad", "missing", "n")
        assert outcome.exit_code == 4
        assert [line.split(":")[1].strip() for line in outcome.stderr.splitlines()] == ["bad", "missing"]
        assert Path("m").read_text() == Path("n").read_text() == NORMAL
        assert Path("bad").read_text() == f". {A} 0:99:a\n"

    def test_check_names_what_is_not_in_normal_form(self, cli: Command) -> None:
        Path("m").write_text(UNTIDY)
        Path("n").write_text(NORMAL)
        outcome = cli("normalize", "--check", "m", "n")
        assert (outcome.exit_code, outcome.stdout) == (1, "m: not in normal form\n")
        assert cli("normalize", "--check", "n").lines == []
        assert cli("normalize", "--check", "n", "-o", "out").exit_code == 2

    def test_json_has_the_text_only_when_it_went_nowhere_else(self, cli: Command) -> None:
        Path("m").write_text(UNTIDY)
        facts = {"portable_data_hash": Manifest.parse(NORMAL).portable_data_hash, "file_count": 2, "size": 6}
        assert cli("normalize", "--json", "m", "-", stdin=UNTIDY).json == [
            {"manifest": "m", "output": None, **facts, "text": NORMAL},
            {"manifest": "-", "output": None, **facts, "text": NORMAL},
        ]
        assert cli("normalize", "--json", "-i", "m").json == [{"manifest": "m", "output": "m", **facts}]
        assert Path("m").read_text() == NORMAL


class TestExtract:
    def test_files_and_directories_keep_their_paths(self, cli: Command) -> None:
        assert cli("extract", "small", "d/c.bam", "./a.txt").stdout == f". {A}{SIGNATURE}6f000000 0:3:a.txt\n" + (
            f"./d {C} 0:5:c.bam\n"
        )
        extracted = cli("extract", "small", "d").stdout
        assert cli("find", "-", stdin=extracted).lines == cli("find", "--path", "d*", "small").lines

    def test_patterns(self, cli: Command) -> None:
        assert cli("find", stdin=cli("extract", "small", "*.bam").stdout).lines == ["b.bam"]
        assert cli("find", "--type", "f", stdin=cli("extract", "small", "**/*.bam").stdout).lines == [
            "b.bam",
            "d/c.bam",
        ]
        by_filter = cli("extract", "small", "--include", "*.bam", "--exclude", "/d").stdout
        assert cli("find", stdin=by_filter).lines == ["b.bam"]

    def test_a_name_is_taken_at_its_word_before_it_is_a_pattern(self, cli: Command, make: Callable[..., Path]) -> None:
        names = ["a*", "ab", "x[1]", "x1", "{p,q}", "p", "?", "y", "b\\134*", "b*"]
        manifest = make("m", *names)
        for name in ("a*", "x[1]", "{p,q}", "?", "b\\*", "b*"):
            assert cli("find", stdin=cli("extract", manifest, name).stdout).lines == [name]

    def test_paths_of_find_go_into_extract(self, cli: Command) -> None:
        paths = cli("find", "small").lines
        extracted = Manifest.parse(cli("extract", "small", *paths).stdout)
        assert extracted == Manifest.parse(Path("small").read_text())

    def test_an_empty_directory(self, cli: Command) -> None:
        assert cli("find", stdin=cli("extract", "small", "void").stdout).lines == ["void"]

    def test_nothing_is_written_when_a_path_is_missing(self, cli: Command) -> None:
        outcome = cli("extract", "small", "a.txt", "nope", "*.nope", "-o", "out")
        assert outcome.exit_code == 4
        assert outcome.stderr == (
            "keepset: small: no such file or directory in the manifest: nope\n"
            "keepset: small: no such file or directory in the manifest: *.nope\n"
        )
        assert not Path("out").exists()

    def test_what_to_extract_must_be_said(self, cli: Command) -> None:
        assert cli("extract", "small").exit_code == 2
        assert cli("extract", "small", "").exit_code == 2
        assert cli("find", stdin=cli("extract", "small", ".").stdout).lines == cli("find", "small").lines
        assert cli("extract").exit_code == 2

    def test_a_path_that_is_not_there_and_no_pattern_either(self, cli: Command, make: Callable[..., Path]) -> None:
        outcome = cli("extract", "small", "d/[")
        assert outcome.exit_code == 4
        assert outcome.stderr == "keepset: small: no such file or directory in the manifest: d/[\n"
        assert cli("find", stdin=cli("extract", make("m", "[", "b"), "[").stdout).lines == ["["]

    def test_json(self, cli: Command) -> None:
        (result,) = cli("extract", "--json", "small", "d/c.bam").json
        assert result["manifest"] == "small"
        assert result["text"] == f"./d {C} 0:5:c.bam\n"
        (result,) = cli("extract", "--json", "small", "d/c.bam", "-o", "out").json
        assert result["output"] == "out"
        assert Path("out").read_text() == f"./d {C} 0:5:c.bam\n"


class TestUnion:
    def test_joins(self, cli: Command, make: Callable[..., Path]) -> None:
        assert cli("find", stdin=cli("union", make("m", "a", "b"), make("n", "b", "c")).stdout).lines == ["a", "b", "c"]

    def test_of_one_and_with_standard_input(self, cli: Command) -> None:
        assert cli("union", stdin=NORMAL).stdout == NORMAL
        assert cli("union", "small", "-", "-o", "out", stdin=NORMAL).lines == []
        assert "b" in Manifest.load("out")

    def test_conflicts_stop_or_are_concatenated(self, cli: Command, make: Callable[..., Path]) -> None:
        first = make("m", "x")
        Path("n").write_text(f". {B} 0:3:x\n")
        outcome = cli("union", first, "n", "-o", "out")
        assert outcome.exit_code == 3
        assert outcome.stderr.startswith("keepset: x is not the same file in all the manifests [content-conflict]")
        assert "--on-conflict concatenate" in outcome.stderr
        assert not Path("out").exists()
        assert cli("union", "--on-conflict", "concatenate", first, "n").stdout == f". {A} {B} 0:6:x\n"

    def test_a_file_and_a_directory_of_one_name_is_always_an_error(
        self, cli: Command, make: Callable[..., Path]
    ) -> None:
        outcome = cli("union", "--on-conflict", "concatenate", make("m", "x"), make("n", "x/y"))
        assert outcome.exit_code == 3
        assert "[path-conflict]" in outcome.stderr

    @pytest.mark.parametrize("output", ["", "."])
    def test_the_output_must_be_a_file(self, cli: Command, output: str) -> None:
        assert cli("union", "small", "-o", output).exit_code == 2

    def test_nothing_is_written_when_an_input_is_bad(self, cli: Command) -> None:
        outcome = cli("union", "small", "missing", "-o", "out")
        assert outcome.exit_code == 4
        assert not Path("out").exists()

    def test_json(self, cli: Command, make: Callable[..., Path]) -> None:
        (result,) = cli("union", "--json", make("m", "a"), make("n", "b")).json
        assert result["manifests"] == ["m", "n"]
        assert result["text"] == f". {A} 0:3:a 0:3:b\n"
