"""`keepset plan` and `keepset repack`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from keepset import Manifest, open_store
from keepset.collection import Collection
from replace_server import content, update
from samples import A, B
from trees import contents

if TYPE_CHECKING:
    from cli.conftest import Command


@pytest.fixture
def edited(cli: Command) -> str:
    """The small manifest with one directory renamed and one file replaced."""
    text = Path("small").read_text().replace("./d/e", "./f").replace("3:3:b.bam", "0:1:b.bam")
    Path("edited").write_text(text)
    return "edited"


class TestPlan:
    def test_for_people(self, cli: Command, edited: str) -> None:
        assert cli("plan", "small", edited).lines == [
            "M          1  /b.bam",
            "D          3  /d/e/",
            "R          3  /f/ <- /d/e/",
            "1 removed, 1 modified, 1 moved; 98 bytes of text to be sent",
        ]
        assert cli("plan", "small", "./small").lines == ["nothing to do"]

    def test_the_body_of_the_request(self, cli: Command, edited: str) -> None:
        body = cli("plan", "small", edited, "--json").json
        assert body["replace_files"] == {"/b.bam": "manifest_text/b.bam", "/d/e": "", "/f": "current/d/e"}
        assert update(Path("small").read_text(), body) == content(Path(edited).read_text())
        assert cli("plan", "small", "./small", "--json").json == {"collection": {}}

    def test_other_collections_are_sources(self, cli: Command) -> None:
        Path("part").write_text(f". {B} 0:3:x\n")
        Path("whole").write_text(f"./d {B} 0:3:y\n")
        Path("empty").write_text("")
        part, whole = (Manifest.parse(Path(name).read_text()).portable_data_hash for name in ("part", "whole"))
        assert cli("plan", "empty", "whole", "--source", "part", "--json").json == {
            "collection": {},
            "replace_files": {"/d/y": f"{part}/x"},
        }
        assert cli("plan", "empty", "whole", "--source", "part", "--source", "whole").lines[0] == (
            f"C          3  /d/ <- {whole}/d/"
        )

    def test_sizes_with_a_unit(self, cli: Command) -> None:
        Path("empty").write_text("")
        Path("big").write_text(f". {'0' * 32}+{10 << 20} 0:{10 << 20}:big\n")
        assert cli("plan", "empty", "big", "-h").lines == [
            "A        10M  /big",
            "1 added; 59 bytes of text to be sent",
        ]

    def test_what_cannot_be_read(self, cli: Command) -> None:
        outcome = cli("plan", "small", "nope")
        assert (outcome.exit_code, outcome.stdout) == (4, "")
        assert cli("plan", "-", "-").exit_code == 2


@pytest.fixture
def pieces(cli: Command) -> str:
    """A collection of three blocks."""
    for name in ("a", "b", "c"):
        Path(name).write_text(name)
        target = ("--name", "pieces") if name == "a" else ("--update", "pieces")
        assert cli("put", name, *target).exit_code == 0
    return "pieces"


class TestRepack:
    def test_packs_and_saves(self, cli: Command, pieces: str) -> None:
        assert cli("repack", pieces, "--dry-run").lines == ["pieces: 3 blocks -> 1, 3 bytes to be moved"]
        assert len(cli("blocks", pieces).lines) == 3
        assert cli("repack", pieces).lines == ["pieces: 3 blocks -> 1, 3 bytes moved"]
        assert len(cli("blocks", pieces).lines) == 1
        assert cli("repack", pieces).lines == ["pieces: 1 block, nothing to pack"]
        assert cli("get", pieces, "copy").exit_code == 0
        assert contents(Path("copy")) == {"a": b"a", "b": b"b", "c": b"c"}

    def test_json(self, cli: Command, pieces: str) -> None:
        (before,) = cli("repack", pieces, "--dry-run", "--json").json
        (after,) = cli("repack", pieces, "--json").json
        with open_store() as store:
            record = store.collections().get(uuid=after["uuid"]).execute()
        assert after == {
            "uuid": record["uuid"],
            "name": "pieces",
            "portable_data_hash": record["portable_data_hash"],
            "dry_run": False,
            "block_count": 3,
            "new_block_count": 1,
            "size": 3,
        }
        assert before == after | {"dry_run": True, "portable_data_hash": before["portable_data_hash"]}
        assert before["portable_data_hash"] != after["portable_data_hash"]

    def test_only_blocks_that_are_smaller(self, cli: Command, pieces: str) -> None:
        assert cli("repack", pieces, "--small", "1").lines == ["pieces: 3 blocks, nothing to pack"]
        assert cli("repack", pieces, "--small", "2").lines == ["pieces: 3 blocks -> 1, 3 bytes moved"]
        assert cli("repack", pieces, "--small", "little").exit_code == 2
        assert "small_size" in cli("repack", pieces, "--small", "1G").stderr

    def test_one_that_fails_keeps_nobody_else_from_it(self, cli: Command, pieces: str) -> None:
        with open_store() as store:
            Collection(api_client=store).save_new("other")
        outcome = cli("repack", "nope", f"{pieces}/a", pieces, "other")
        assert outcome.exit_code == 4
        assert outcome.stdout == "pieces: 3 blocks -> 1, 3 bytes moved\nother: 0 blocks, nothing to pack\n"
        assert outcome.stderr.count("\n") == 2
        assert "packed as a whole" in outcome.stderr

    def test_a_manifest_file_is_none_of_the_store(self, cli: Command, pieces: str) -> None:
        Path("file").write_text(f". {A} 0:3:x\n")
        assert cli("repack", "./file").exit_code != 0
