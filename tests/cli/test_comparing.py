"""`diff` of manifests, collections, versions, directories in them, and local directories."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from outcomes import done, refused

if TYPE_CHECKING:
    from cli.conftest import Command, Outcome

CHANGES = ["A new", "D d/b.bam", "M a.txt 3 -> 4"]


@pytest.fixture
def local(source: Path) -> Path:
    """A directory that differs from `source`, and so from `reads@1`, as version 2 of `reads` does."""
    shutil.copytree(source, "local")
    Path("local/a.txt").write_bytes(b"AAAA")
    Path("local/new").write_bytes(b"new")
    shutil.rmtree("local/d")
    return Path("local")


def changes(outcome: Outcome) -> list[str]:
    """The changes that `diff` has printed, in an order of their own."""
    assert (outcome.exit_code, outcome.stderr) == (1, "")
    return sorted(outcome.stdout.splitlines())


class TestKinds:
    @pytest.mark.parametrize("old", ["reads@1", "{uuid}@1", "source", "./source", "manifest"])
    @pytest.mark.parametrize("new", ["reads", "reads@2", "{uuid}", "local", "./local/"])
    def test_all_that_hold_the_same_compare_the_same(
        self, cli: Command, changed: str, local: Path, old: str, new: str
    ) -> None:
        done(cli("normalize", "reads@1", "-o", "manifest"))
        before, after = (name.format(uuid=changed) for name in (old, new))
        assert changes(cli("diff", before, after)) == CHANGES
        assert cli("diff", before, before).exit_code == cli("diff", after, after).exit_code == 0

    def test_what_put_would_store(self, cli: Command, stored: str, source: Path) -> None:
        for arguments in (["reads", "source"], ["source", "reads"], ["source", "./source"]):
            outcome = cli("diff", *arguments)
            assert (outcome.exit_code, outcome.stdout) == (0, "")
        portable_data_hash = cli("pdh", "reads").lines[0]
        Path("source/a.txt").write_bytes(b"xxx")
        assert changes(cli("diff", portable_data_hash, "source")) == ["M a.txt 3 -> 3"]
        assert cli("pdh", "reads").lines == [portable_data_hash]
        assert len(cli("ls").lines) == 1

    def test_moves(self, cli: Command, stored: str, source: Path) -> None:
        (source / "a.txt").rename(source / "d" / "z.txt")
        assert changes(cli("diff", "reads", "source")) == ["R a.txt -> d/z.txt"]
        assert changes(cli("diff", "source", "reads", "--no-renames")) == ["A a.txt", "D d/z.txt"]

    def test_directories_in_them(self, cli: Command, stored: str, source: Path) -> None:
        assert cli("diff", "reads/d", "source/d").exit_code == 0
        assert changes(cli("diff", "reads/d", "reads/void")) == ["D b.bam"]
        piped = Path("small").read_bytes()
        assert cli("diff", "small/d", "/dev/stdin/d", stdin=piped).exit_code == 0
        assert changes(cli("diff", "reads/void", "/dev/stdin/d/e", stdin=piped)) == ["A deep.txt", "A empty"]
        for argument in ("reads/a.txt", "small/a.txt"):
            assert "not a directory" in refused(cli("diff", argument, "source"), 4)
        assert "no such file or directory" in refused(cli("diff", "source", "reads/nope"), 4)

    def test_filters_count_on_both_sides(self, cli: Command, stored: str, local: Path) -> None:
        assert changes(cli("diff", "reads", "local", "--include", "*.txt")) == ["M a.txt 3 -> 4"]
        assert changes(cli("diff", "local", "reads", "--exclude", "/*.txt")) == ["A d/b.bam", "D new"]

    def test_json(self, cli: Command, stored: str, local: Path) -> None:
        told = cli("diff", "--json", "reads", "./local").json
        assert (told["old"], told["new"], told["identical"]) == ("reads", "./local", False)
        assert told["summary"] == {"added": 1, "removed": 1, "modified": 1, "moved": 0, "size_change": 2}
        assert cli("diff", "--json", "./local", "./local").json["changes"] == []


class TestNames:
    def test_a_directory_counts_where_nothing_else_has_its_name(self, cli: Command, stored: str, local: Path) -> None:
        local.rename("reads")
        assert cli("diff", "reads", "source").exit_code == 0
        assert changes(cli("diff", "reads", "./reads")) == CHANGES
        Path("reads/d").mkdir()
        assert cli("diff", "reads/d", "source/d").exit_code == 0
        assert changes(cli("diff", "reads/d", "./reads/d")) == ["D b.bam"]

    def test_what_is_not_there(self, cli: Command, source: Path) -> None:
        for arguments in (["source", "nope"], ["nope", "source"], ["source/nope", "source"]):
            assert "No such file or directory" in refused(cli("diff", *arguments), 4)
        assert cli("diff", "source").exit_code == 2
        assert cli("diff", "source", "").exit_code == 2

    def test_a_directory_is_no_manifest_elsewhere(self, cli: Command, source: Path) -> None:
        assert "Is a directory" in refused(cli("ls", "source"), 5)


class TestFailures:
    def test_needs_no_store_unless_bytes_must_be_fetched(
        self, cli: Command, stored: str, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        done(cli("normalize", "reads", "-o", "manifest"))
        monkeypatch.setenv("KEEPSET_STORE", str(tmp_path / "nowhere"))
        assert cli("diff", "source", "./source").exit_code == 0
        Path("source/a.txt").write_bytes(b"other")
        Path("source/d/b.bam").write_bytes(b"other")
        assert len(changes(cli("diff", "./manifest", "source"))) == 2
        Path("source/a.txt").write_bytes(b"xxx")
        assert "there is no store" in refused(cli("diff", "./manifest", "source"), 4)
        assert not (tmp_path / "nowhere").exists()

    def test_a_store_that_cannot_be_used_keeps_nobody_from_comparing_directories(
        self, cli: Command, stored: str, source: Path
    ) -> None:
        Path(os.environ["KEEPSET_STORE"], "catalog.sqlite").write_bytes(b"damaged" * 1000)
        assert cli("diff", "./source", "./source").exit_code == 0

    def test_a_block_that_is_damaged(self, cli: Command, stored: str, source: Path) -> None:
        (block,) = Path(os.environ["KEEPSET_STORE"], "blocks").glob("*/*")
        block.write_bytes(b"XXXXX")
        assert "is not the block" in refused(cli("diff", "reads", "source"), 5)

    def test_what_could_not_be_stored(self, cli: Command, stored: str, source: Path) -> None:
        (source / "link").symlink_to("nowhere")
        os.mkfifo(source / "pipe")
        assert "source/link: a symbolic link to what is not there" in refused(cli("diff", "reads", "source"), 5)
        assert cli("diff", "reads", "source", "--exclude", "link", "--exclude", "pipe").exit_code == 0

    def test_by_a_process(self, keepset: Command, stored: str, local: Path) -> None:
        assert changes(keepset("diff", "reads", "local", "--jobs", "1")) == CHANGES
        assert keepset("diff", "-q", b"./local", "local").exit_code == 0
        assert keepset("diff", "reads", b"\xff").exit_code == 4
