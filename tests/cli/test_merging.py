"""`merge`: collections brought into one, and three-way merges of manifests and collections."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from keepset import Manifest, open_store
from keepset.collection import Collection
from outcomes import done, refused
from samples import A, B, C

if TYPE_CHECKING:
    from cli.conftest import Command

BASE = f". {A} {B} {C} 0:3:both 0:3:ours 0:3:theirs 3:3:kept 0:3:gone\n"
OURS = f". {A} {B} {C} 3:3:both 3:3:ours 0:3:theirs 3:3:kept 0:3:gone\n"
THEIRS = f". {A} {B} {C} 6:5:both 0:3:ours 6:5:theirs 3:3:kept 0:3:new\n"


@pytest.fixture
def other(cli: Command, stored: str) -> str:
    """The UUID of a collection `other`, of which `a.txt` is not that of `reads`, and `d/b.bam` is."""
    Path("more/d").mkdir(parents=True)
    Path("more/a.txt").write_bytes(b"more")
    Path("more/d/c.bam").write_bytes(b"cc")
    (line,) = cli("put", "more", "--name", "other").lines
    done(cli("cp", "reads/d/b.bam", "other/d/"))
    return line.split()[0]


@pytest.fixture
def _three() -> None:
    for name, text in (("base", BASE), ("ours", OURS), ("theirs", THEIRS)):
        Path(name).write_text(text)


def files(cli: Command, collection: str) -> list[str]:
    return sorted(cli("find", collection, "--type", "f").lines)


class TestIntoACollection:
    def test_adds_and_keeps_the_version_before(self, cli: Command, stored: str, other: str) -> None:
        (line,) = cli("merge", "reads", "other", "--on-conflict", "ours").lines
        assert line == f"{stored}  {cli('pdh', 'reads').lines[0]}"
        assert files(cli, "reads") == ["a.txt", "d/b.bam", "d/c.bam"]
        assert cli("cat", "reads/a.txt", "reads/d/c.bam").stdout == "aaacc"
        assert len(cli("history", "reads").lines) == 2
        assert files(cli, "reads@1") == ["a.txt", "d/b.bam"]
        assert files(cli, "other") == ["a.txt", "d/b.bam", "d/c.bam"]

    @pytest.mark.parametrize(
        ("policy", "expected"),
        [
            ("ours", {"a.txt": "aaa"}),
            ("theirs", {"a.txt": "more"}),
            ("rename", {"a.txt": "aaa", "a~2.txt": "more"}),
            ("concatenate", {"a.txt": "aaamore"}),
        ],
    )
    def test_conflicts(self, cli: Command, other: str, policy: str, expected: dict[str, str]) -> None:
        assert cli("merge", "reads", other, "--on-conflict", policy).exit_code == 0
        assert files(cli, "reads") == sorted([*expected, "d/b.bam", "d/c.bam"])
        assert {path: cli("cat", f"reads/{path}").stdout for path in expected} == expected

    def test_a_conflict_stops_all(self, cli: Command, other: str) -> None:
        Path("harmless").write_text("")
        done(cli("put", "harmless", "--name", "third"))
        message = refused(cli("merge", "reads", "third", "other"), 3)
        assert message == (
            "keepset: not the same in reads and in other: a.txt; nothing was done (--on-conflict says what becomes of"
            " such paths)"
        )
        assert files(cli, "reads") == ["a.txt", "d/b.bam"]

    def test_names_the_first_conflicts_only(self, cli: Command, stored: str) -> None:
        names = [f"{number}\n" for number in range(9)]
        for folder in ("x", "y"):
            Path(folder).mkdir()
            for name in names:
                Path(folder, name).write_text(folder)
            done(cli("put", folder))
        assert "in y: $'0\\n', $'1\\n', $'2\\n', $'3\\n', $'4\\n' and 4 more; nothing" in refused(
            cli("merge", "keep:x", "keep:y"), 3
        ).replace("keep:", "")

    def test_several_and_of_every_kind(self, cli: Command, other: str, changed: str) -> None:
        done(cli("extract", "other", "d/c.bam", "-o", "manifest"))
        text = cli("extract", "other", "d/b.bam").stdout
        assert cli("merge", changed, "reads@1", "manifest", "-", "--on-conflict", "ours", stdin=text).exit_code == 0
        assert files(cli, "reads") == ["a.txt", "d/b.bam", "d/c.bam", "new"]

    def test_nothing_new_saves_nothing(self, cli: Command, other: str) -> None:
        (line,) = cli("merge", "other", "reads@1", "--on-conflict", "ours", "-n", "--json").json
        assert line["summary"]["added"] == 1
        before = cli("history", "reads", "--json").json
        assert cli("merge", "reads", "reads").exit_code == 0
        assert cli("history", "reads", "--json").json == before

    def test_dry_run(self, cli: Command, other: str) -> None:
        assert cli("merge", "-n", "reads", "other", "--on-conflict", "theirs").lines == [
            "M a.txt 3 -> 4",
            "A d/c.bam",
        ]
        assert refused(cli("merge", "-n", "reads", "other"), 3)
        assert files(cli, "reads") == ["a.txt", "d/b.bam"]

    def test_json(self, cli: Command, stored: str, other: str) -> None:
        (told,) = cli("merge", "reads", "other", "--on-conflict", "rename", "--json").json
        assert (told["manifests"], told["dry_run"]) == (["reads", "other"], False)
        assert (told["uuid"], told["name"], told["portable_data_hash"]) == (
            stored,
            "reads",
            cli("pdh", "reads").lines[0],
        )
        assert [change["path"] for change in told["changes"]] == ["a~2.txt", "d/c.bam"]
        (told,) = cli("merge", "reads", "other", "--on-conflict", "theirs", "--json", "-n").json
        assert "uuid" not in told
        assert (told["dry_run"], told["summary"]["modified"]) == (True, 1)


class TestElsewhere:
    def test_a_new_collection(self, cli: Command, stored: str, other: str) -> None:
        (line,) = cli("merge", "reads", "other", "--on-conflict", "theirs", "--name", "both").lines
        assert line.split()[0] not in (stored, other)
        assert cli("cat", "both/a.txt", "reads/a.txt").stdout == "moreaaa"
        done(cli("strip", "reads", "-o", "manifest"))
        portable_data_hash = cli("pdh", "other").lines[0]
        assert cli("merge", "manifest", "--name", "x", portable_data_hash, "--on-conflict", "ours").exit_code == 0
        assert files(cli, "x") == ["a.txt", "d/b.bam", "d/c.bam"]
        assert "'both'" in refused(cli("merge", "reads", "reads", "--name", "both"), 3)

    def test_a_manifest(self, cli: Command, other: str) -> None:
        text = cli("merge", "reads", "other", "--on-conflict", "theirs", "-o", "-").stdout
        assert sorted(path for path, _ in Manifest.parse(text).files()) == ["a.txt", "d/b.bam", "d/c.bam"]
        assert cli("merge", "reads", "other", "--on-conflict", "theirs", "-o", "out").lines == []
        assert Path("out").read_text() == text
        assert files(cli, "reads") == ["a.txt", "d/b.bam"]

    @pytest.mark.parametrize("first", ["small", "-", "reads@1", "hash"])
    def test_what_has_no_record(self, cli: Command, stored: str, first: str) -> None:
        name = cli("pdh", "reads").lines[0] if first == "hash" else first
        message = refused(cli("merge", name, "reads", stdin=Path("small").read_bytes()), 3)
        assert "there is no record to save this to" in message
        assert "keepset union" in message


@pytest.mark.usefixtures("_three")
class TestThreeWay:
    def test_of_manifests(self, cli: Command) -> None:
        outcome = cli("merge", "--base", "base", "ours", "theirs", "--on-conflict", "ours")
        assert (outcome.exit_code, outcome.stderr) == (0, "")
        merged = Manifest.parse(outcome.stdout)
        assert merged == Manifest.parse(f". {A} {B} {C} 3:3:both 3:3:ours 6:5:theirs 3:3:kept 0:3:new\n")
        assert Path("ours").read_text() == OURS

    @pytest.mark.parametrize(
        ("policy", "sizes"), [("ours", [3]), ("theirs", [5]), ("conflict-file", [3, 5]), ("error", None)]
    )
    def test_conflicts(self, cli: Command, policy: str, sizes: list[int] | None) -> None:
        outcome = cli("merge", "--base", "base", "-", "theirs", "--on-conflict", policy, stdin=OURS)
        if sizes is None:
            assert "changed both in <stdin> and in theirs: both; nothing was done" in refused(outcome, 3)
            return
        found = {path: size for path, size in Manifest.parse(outcome.stdout).files() if path.startswith("both")}
        assert [found[path] for path in sorted(found)] == sizes
        assert all(path == "both" or path.endswith("~conflict~") for path in found)

    def test_what_would_change(self, cli: Command) -> None:
        lines = cli("merge", "--base", "base", "ours", "theirs", "--on-conflict", "theirs", "-n").lines
        assert sorted(lines) == ["M both 3 -> 5", "M theirs 3 -> 5", "R gone -> new"]

    def test_json(self, cli: Command) -> None:
        arguments = ["merge", "--json", "--base", "base", "ours", "theirs", "--on-conflict", "ours"]
        (told,) = cli(*arguments).json
        assert (told["manifests"], told["output"], told["file_count"]) == (["ours", "theirs", "base"], None, 5)
        (told,) = cli(*arguments, "-o", "out").json
        assert (told["output"], told["summary"]["moved"]) == ("out", 1)
        assert Path("out").exists()

    def test_of_collections(self, cli: Command, changed: str) -> None:
        with open_store() as store:
            branch = Collection(changed, api_client=store).at_version(1).clone()
            branch.write_bytes("d/b.bam", b"changed")
            branch.write_bytes("more", b"more")
            branch.save_new("branch")
        assert "changed both in reads and in branch: d/b.bam" in refused(
            cli("merge", "--base", "reads@1", "reads", "branch"), 3
        )
        (line,) = cli("merge", "--base", "reads@1", "branch", "reads", "--on-conflict", "theirs", "--name", "x").lines
        assert (files(cli, "x"), files(cli, "branch")) == (
            ["a.txt", "d/b.bam", "more", "new"],
            ["a.txt", "d/b.bam", "more"],
        )
        arguments = ["merge", "--base", "reads@1", "reads", "branch", "--on-conflict", "theirs"]
        (line,) = cli(*arguments).lines
        assert line.split()[0] == changed
        assert files(cli, "reads") == ["a.txt", "d/b.bam", "more", "new"]
        assert cli("cat", "reads/a.txt", "reads/d/b.bam").stdout == "AAAAchanged"
        assert len(cli("history", "reads").lines) == 3


class TestRefused:
    @pytest.mark.parametrize(
        "arguments",
        [
            ["reads"],
            ["reads", ""],
            ["", "small"],
            ["-", "-"],
            ["reads", "small", "--name", ""],
            ["reads", "small", "--name", "x", "-o", "y"],
            ["reads", "small", "-o", "."],
            ["reads", "small", "--on-conflict", "conflict-file"],
            ["reads", "small", "--on-conflict", "nope"],
            ["--base", "small", "small", "small", "--on-conflict", "rename"],
            ["--base", "small", "small", "small", "--on-conflict", "concatenate"],
            ["--base", "small", "small", "small", "small"],
        ],
    )
    def test_wrong_usage(self, cli: Command, arguments: list[str]) -> None:
        assert cli("merge", *arguments).exit_code == 2

    def test_what_is_not_there_or_no_manifest(self, cli: Command, stored: str) -> None:
        Path("bad").write_text("bad\n")
        before = cli("pdh", "reads").lines
        for arguments, exit_code in (
            (["reads", "nope"], 4),
            (["nope", "reads"], 4),
            (["reads", "small", "bad"], 3),
            (["reads@7", "small", "--name", "x"], 4),
            (["--base", "nope", "small", "small"], 4),
            (["reads", "source"], 5),
        ):
            outcome = cli("merge", *arguments)
            assert (outcome.exit_code, outcome.stdout) == (exit_code, "")
            assert outcome.stderr.startswith("keepset: ")
            assert outcome.stderr.count("\n") == 1
        assert cli("pdh", "reads").lines == before

    def test_blocks_that_the_store_does_not_have(self, cli: Command, stored: str) -> None:
        assert "reads" not in refused(cli("merge", "reads", "small", "--on-conflict", "ours"), 3)
        assert files(cli, "reads") == ["a.txt", "d/b.bam"]

    def test_two_at_a_time_lose_nothing(self, script: str, cli: Command, stored: str) -> None:
        for number in range(4):
            Path(f"part{number}").write_text(str(number))
            done(cli("put", f"part{number}", "--name", f"other{number}"))
        processes = [
            subprocess.Popen([script, "merge", "reads", f"other{number}"], stdout=subprocess.DEVNULL, env=os.environ)
            for number in range(4)
        ]
        assert [process.wait() for process in processes] == [0] * 4
        assert files(cli, "reads") == ["a.txt", "d/b.bam", *(f"part{number}" for number in range(4))]
