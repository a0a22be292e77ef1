"""Collections at the command line: naming them, storing and fetching, changing, looking after the store."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from outcomes import FILES, done, refused
from trees import contents

if TYPE_CHECKING:
    from cli.conftest import Command


class TestPut:
    def test_prints_uuid_and_hash(self, cli: Command, source: Path) -> None:
        (line,) = cli("put", source).lines
        uuid, portable_data_hash = line.split("  ")
        assert cli("pdh", "keep:source").lines == cli("pdh", uuid).lines == [portable_data_hash]
        assert cli("get", portable_data_hash, "copy").lines == []
        assert contents(Path("copy")) == FILES

    def test_warns_of_a_manifest_that_servers_refuse(
        self, cli: Command, source: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert cli("put", source, "--name", "small", "--json").json["warnings"] == []
        monkeypatch.setattr("keepset.transfer._estimate.MAX_REQUEST_SIZE", 100)
        outcome = cli("put", source, "--name", "large", "--json")
        (warning,) = outcome.json["warnings"]
        assert warning.startswith("the manifest will have 0.0 MiB")
        assert outcome.stderr == f"keepset: {warning}\n"
        assert outcome.exit_code == 0
        assert cli("ls", "large").lines == cli("ls", "keep:small").lines

    def test_several_sources_keep_their_names(self, cli: Command, source: Path) -> None:
        done(cli("put", source, source / "a.txt", "small", "-", "--name", "x", "--filename", "in", stdin="piped"))
        assert sorted(cli("find", "x", "--type", "f").lines) == [
            "a.txt",
            "in",
            "small",
            "source/a.txt",
            "source/d/b.bam",
        ]
        assert cli("cat", "x/in", "x/a.txt").stdout == "pipedaaa"

    def test_json(self, cli: Command, source: Path) -> None:
        told = cli("put", "--json", source, "--include", "*.txt").json
        assert (told["name"], told["copied"], told["size"], told["dry_run"]) == ("source", ["a.txt"], 3, False)
        assert cli("put", "--json", "-n", source).json["copied"] == ["a.txt", "d/b.bam"]

    def test_updates(self, cli: Command, source: Path, stored: str) -> None:
        (source / "a.txt").write_bytes(b"new")
        assert cli("put", source, "--update", "reads", "-n").lines == ["a.txt"]
        assert cli("cat", "reads/a.txt").stdout == "aaa"
        told = cli("put", source, "--update", "reads", "--json").json
        assert (told["uuid"], told["copied"], told["unchanged"]) == (stored, ["a.txt"], ["d/b.bam"])
        done(cli("put", source, "--update", f"{stored}/d/sub"))
        assert cli("cat", "reads/a.txt", "reads/d/sub/a.txt").stdout == "newnew"

    def test_a_name_that_is_taken(self, cli: Command, source: Path, stored: str) -> None:
        assert stored in refused(cli("put", source, "--name", "reads"), 3)
        shutil.move(source, "reads")
        assert len(cli("put", "reads").lines) == 1  # a name that nobody has asked for gets a number
        assert len(cli("ls").lines) == 2

    @pytest.mark.parametrize("link", ["nowhere", "."])
    def test_links_that_cannot_be_followed(self, cli: Command, source: Path, link: str) -> None:
        (source / "link").symlink_to(link)
        assert refused(cli("put", source), 5).startswith("keepset: source/link: a symbolic link to")
        assert cli("ls").lines == []
        done(cli("put", source, "--exclude", "link"))

    @pytest.mark.parametrize(
        "arguments",
        [
            [],
            ["source", "--name", "x", "--update", "y"],
            ["source", "--name", ""],
            ["-", "-"],
            ["source", "--filename", "x"],
            ["source", "--jobs", "0"],
            ["source", "--include", "["],
        ],
    )
    def test_wrong_usage(self, cli: Command, source: Path, arguments: list[str]) -> None:
        assert cli("put", *arguments).exit_code == 2

    def test_what_is_not_there(self, cli: Command, source: Path) -> None:
        assert refused(cli("put", "nope"), 4) == "keepset: nope: No such file or directory"
        assert "there is no store" in refused(cli("put", source, "--update", "nope"), 4)
        assert not Path(os.environ["KEEPSET_STORE"]).exists()

    def test_leaves_no_note(self, cli: Command, source: Path) -> None:
        done(cli("put", source))
        assert list(Path(os.environ["XDG_STATE_HOME"]).rglob("*.json")) == []


class TestGet:
    def test_what_is_identical_is_left_alone(self, cli: Command, stored: str) -> None:
        assert sorted(cli("get", "reads", "copy", "-n").lines) == ["a.txt", "d/b.bam"]
        assert not Path("copy").exists()
        assert cli("get", "reads", "copy").lines == []
        os.utime("copy/a.txt", (1, 1))
        told = cli("get", "reads", "copy", "--json").json
        assert (told["copied"], sorted(told["unchanged"])) == ([], ["a.txt", "d/b.bam"])
        assert Path("copy/a.txt").stat().st_mtime == 1

    def test_parts(self, cli: Command, stored: str) -> None:
        done(cli("get", "reads/d", "copy"))
        assert contents(Path("copy")) == {"b.bam": b"bb"}
        done(cli("get", f"{stored}/d/b.bam"))
        assert Path("b.bam").read_bytes() == b"bb"
        done(cli("get", "reads", "other", "--include", "*.txt"))
        assert contents(Path("other")) == {"a.txt": b"aaa"}

    def test_by_a_manifest_file(self, cli: Command, stored: str) -> None:
        done(cli("normalize", "reads", "-o", "manifest"))
        done(cli("get", "manifest/d", "copy"))
        assert contents(Path("copy")) == {"b.bam": b"bb"}

    def test_what_is_in_the_way(self, cli: Command, stored: str) -> None:
        Path("copy/a.txt").mkdir(parents=True)
        assert "copy/a.txt: a file is to be here" in refused(cli("get", "reads", "copy"), 5)
        assert refused(cli("get", "reads/nope", "copy"), 4).endswith(
            "no such file or directory in the collection: nope"
        )
        assert cli("get", "reads", "-").exit_code == 2

    def test_a_block_that_is_damaged(self, cli: Command, stored: str) -> None:
        (block,) = Path(os.environ["KEEPSET_STORE"], "blocks").glob("*/*")
        block.write_bytes(b"XXXXX")
        assert "2 of 2 files could not be read" in refused(cli("get", "reads", "copy"), 5)
        assert "is not the block" in refused(cli("cat", "reads/a.txt"), 5)


class TestNames:
    @pytest.mark.parametrize(
        "command", ["ls", "find", "du", "blocks", "pdh", "validate", "normalize", "strip", "union"]
    )
    def test_all_that_read_manifests_read_collections(self, cli: Command, stored: str, command: str) -> None:
        done(cli("strip", stored, "-o", "manifest"))
        portable_data_hash = cli("pdh", "manifest").lines[0]
        expected = cli(command, "manifest")
        for name in ("reads", stored, "keep:reads", f"keep:{stored}", portable_data_hash):
            outcome = cli(command, name)
            assert (outcome.exit_code, outcome.stdout) == (0, expected.stdout)

    def test_what_prints_the_name_prints_that_of_the_command_line(self, cli: Command, stored: str) -> None:
        for name in ("reads", stored, "keep:reads"):
            assert cli("tree", name).lines[0] == name
            assert cli("stat", "--json", name).json[0]["manifest"] == name

    def test_paths_inside(self, cli: Command, stored: str) -> None:
        assert cli("ls", "reads/d").lines == cli("ls", f"{stored}/d/").lines == ["b.bam"]
        assert cli("find", "reads", "small", "--name", "b.bam").lines == ["reads/d/b.bam", "small/b.bam"]
        assert cli("ls", "reads/d/b.bam", "--json").json[0]["manifest"] == "reads"
        assert (
            refused(cli("ls", "reads/nope"), 4) == "keepset: reads: no such file or directory in the collection: nope"
        )

    def test_comparing_and_extracting(self, cli: Command, stored: str) -> None:
        outcome = cli("diff", "reads", "small", "--name-only")
        assert outcome.exit_code == 1
        assert "d/b.bam" in outcome.stdout
        assert cli("extract", "reads", "d").stdout.endswith("b.bam\n")
        assert cli("normalize", "-i", "reads").exit_code == 2

    def test_a_file_and_a_name(self, cli: Command, stored: str) -> None:
        shutil.copy("small", "reads")
        outcome = cli("ls", "reads", "small")
        assert outcome.exit_code == 3
        assert "write ./reads for the file, keep:reads for the collection" in outcome.stderr
        assert "a.txt" in outcome.stdout  # of the other one
        assert cli("ls", "./reads").lines != cli("ls", "keep:reads").lines

    def test_a_store_that_cannot_be_used_keeps_nobody_from_reading_files(self, cli: Command, stored: str) -> None:
        expected = cli("ls", "small").lines
        Path(os.environ["KEEPSET_STORE"], "catalog.sqlite").write_bytes(b"damaged" * 1000)
        assert cli("ls", "small").lines == expected
        assert cli("ls", "reads").exit_code == 5

    def test_a_cluster_keeps_nobody_from_reading_files(self, keepset: Command, stored: str) -> None:
        expected = keepset("ls", "small").lines
        for settings in ({"ARVADOS_API_TOKEN": "token"}, {}):  # one that is not there, and half of one
            assert keepset("ls", "small", ARVADOS_API_HOST="localhost:1", **settings).lines == expected

    def test_reading_makes_no_store(self, cli: Command) -> None:
        for arguments in (["ls"], ["ls", "small"], ["collections", "list"]):
            assert cli(*arguments).exit_code == 0
        for arguments in (
            ["ls", "nope"],
            ["get", "nope"],
            ["verify"],
            ["gc"],
            ["rm", "nope/x"],
            ["get", "0" * 32 + "+1"],
        ):
            refused(cli(*arguments), 4)
        assert not Path(os.environ["KEEPSET_STORE"]).exists()

    def test_the_store_that_is_named(self, cli: Command, source: Path) -> None:
        done(cli("--store", "other", "put", source))
        assert cli("--store", "other", "ls").lines == ["source/"]
        assert cli("ls").lines == []


class TestLs:
    def test_of_the_store(self, cli: Command, stored: str) -> None:
        done(cli("put", "small", "--name", "manifest"))
        assert cli("ls").lines == ["manifest/", "reads/"]
        assert cli("ls", "-r").lines == ["reads/", "manifest/"]
        size = Path("small").stat().st_size
        assert cli("ls", "-lS").lines == [f"d {size} manifest/", "d   5 reads/"]
        assert [entry["name"] for entry in cli("ls", "--json").json] == ["manifest", "reads"]
        assert cli("ls", "--include", "x").exit_code == 2

    def test_what_is_piped_in_is_a_manifest(self, cli: Command, stored: str) -> None:
        assert cli("ls", stdin=Path("small").read_bytes()).lines == cli("ls", "small").lines


class TestEdits:
    def test_copies(self, cli: Command, stored: str) -> None:
        done(cli("put", "small", "--name", "other"))
        done(cli("cp", "reads/a.txt", "reads/d/b.bam", "other/new/"))
        done(cli("cp", "reads", "other/all/"))
        done(cli("cp", "other/small", "reads/a.txt"))
        assert sorted(cli("find", "other", "--type", "f").lines) == [
            "all/a.txt",
            "all/d/b.bam",
            "new/a.txt",
            "new/b.bam",
            "small",
        ]
        assert cli("cat", "reads/a.txt").stdout == Path("small").read_text()
        assert cli("cat", "other/all/a.txt").stdout == "aaa"

    def test_replaces_files_only(self, cli: Command, stored: str) -> None:
        assert cli("cp", "-n", "reads/a.txt", "reads/d/b.bam").exit_code != 0
        done(cli("mkdir", "reads/x", "reads/x/d"))
        assert cli("cp", "reads/d", "reads/x").exit_code != 0
        assert cli("cat", "reads/d/b.bam").stdout == "bb"
        done(cli("cp", "reads/a.txt", "reads/d/b.bam"))
        assert cli("cat", "reads/d/b.bam").stdout == "aaa"

    def test_moves(self, cli: Command, stored: str) -> None:
        done(cli("mv", "reads/a.txt", "reads/d/"))
        done(cli("mv", "reads/d", "reads/e/f"))
        assert cli("find", "reads", "--type", "f").lines == ["e/f/a.txt", "e/f/b.bam"]
        done(cli("put", "small", "--name", "other"))
        done(cli("mv", "reads/e", "other/"))
        assert cli("find", "reads").lines == ["void"]
        assert cli("cat", "other/e/f/a.txt").stdout == "aaa"
        assert "whole collection" in refused(cli("mv", "reads", "other/"), 3)
        assert "same place" in refused(cli("mv", "other/small", "other/small"), 3)

    def test_removes(self, cli: Command, stored: str) -> None:
        assert "not empty" in refused(cli("rm", "reads/d"), 5)
        done(cli("rm", "reads/void", "reads/a.txt"))
        outcome = cli("rm", "reads/nope", "reads/d/b.bam")
        assert (outcome.exit_code, cli("find", "reads").lines) == (4, ["d"])
        done(cli("rm", "-rf", "reads/d", "reads/nope"))
        assert cli("find", "reads").lines == []
        assert "collections trash" in refused(cli("rm", "-r", "reads"), 3)

    def test_makes_directories(self, cli: Command, stored: str) -> None:
        refused(cli("mkdir", "reads/x/y"), 4)
        refused(cli("mkdir", "reads/d"), 3)
        done(cli("mkdir", "-p", "reads/x/y", "reads/d"))
        assert "x/y" in cli("find", "reads").lines

    def test_what_cannot_be_changed(self, cli: Command, stored: str) -> None:
        portable_data_hash = cli("pdh", "reads").lines[0]
        for arguments in (["rm", f"{portable_data_hash}/a.txt"], ["cp", "reads/a.txt", f"{portable_data_hash}/b"]):
            assert "never changes" in refused(cli(*arguments), 3)
        assert cli("cp", "reads/a.txt").exit_code == 2
        assert cli("cp", "reads/a.txt", "reads/d/b.bam", "reads/x").exit_code == 2
        assert refused(cli("cat", "reads"), 4).endswith("is a directory in the collection: .")


class TestRecords:
    def test_listed_and_described(self, cli: Command, stored: str) -> None:
        (line,) = cli("collections", "list").lines
        assert line.split()[:3] == [stored, "5", "2"]
        shown = cli("collections", "show", "reads", "--json").json
        assert (shown[0]["uuid"], shown[0]["size"], shown[0]["is_trashed"]) == (stored, 5, False)
        assert cli("collections", "show", "reads").lines[:2] == [f"UUID      {stored}", "name      reads"]

    def test_renamed(self, cli: Command, stored: str) -> None:
        done(cli("put", "small", "--name", "other"))
        assert "other" in refused(cli("collections", "rename", "reads", "other"), 3)
        done(cli("collections", "rename", "reads", "new"))
        assert cli("ls").lines == ["new/", "other/"]

    def test_trashed_and_taken_out(self, cli: Command, stored: str) -> None:
        done(cli("collections", "trash", "reads"))
        assert cli("ls").lines == []
        assert cli("collections", "list", "--trash").lines[0].split()[0] == stored
        assert cli("collections", "show", "reads", "--json").json[0]["is_trashed"]
        assert cli("collections", "trash", "reads", stored).exit_code != 0
        done(cli("collections", "untrash", "reads"))
        assert cli("ls").lines == ["reads/"]


class TestUpkeep:
    def test_verify(self, cli: Command, stored: str) -> None:
        outcome = cli("verify")
        assert (outcome.exit_code, outcome.stdout) == (0, "")
        assert outcome.stderr == "the store is checked, no problems\n"
        (block,) = Path(os.environ["KEEPSET_STORE"], "blocks").glob("*/*")
        block.write_bytes(b"XXXXX")
        outcome = cli("verify")
        assert outcome.exit_code == 1
        assert outcome.stdout.startswith("block-damaged: ")
        assert outcome.stdout.endswith(f"[{stored}]\n")
        assert cli("verify", "-q").stdout == ""
        assert cli("verify", "--json").json[0]["uuids"] == [stored]

    def test_gc(self, cli: Command, stored: str) -> None:
        done(cli("put", "small"))
        done(cli("collections", "trash", "reads"))
        assert cli("gc", "--older-than", "0").lines == ["0 blocks, 0 bytes deleted"]
        stray = Path(os.environ["KEEPSET_STORE"], "blocks", "47b")
        stray.mkdir(exist_ok=True)
        (stray / "47bce5c74f589f4867dbd57e9ca9f808").write_bytes(b"aaa")
        assert cli("gc").lines == ["0 blocks, 0 bytes deleted"]
        assert cli("gc", "-n", "--older-than", "0s").lines == ["1 block, 3 bytes would be deleted"]
        assert cli("gc", "--older-than", "0s", "--json").json["locators"] == ["47bce5c74f589f4867dbd57e9ca9f808+3"]
        assert cli("get", "keep:small", "copy").exit_code == 0

    @pytest.mark.parametrize("age", ["", "x", "-1d", "1y"])
    def test_ages_that_are_none(self, cli: Command, age: str) -> None:
        assert cli("gc", f"--older-than={age}").exit_code == 2
