"""`du`, `stat`, `blocks`, `pdh` and `version`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from keepset import Manifest, __version__
from samples import SIGNATURE, A, B, C, E

if TYPE_CHECKING:
    from cli.conftest import Command


class TestDu:
    def test_directories_come_after_what_is_in_them(self, cli: Command) -> None:
        assert cli("du", "small").lines == ["3\td/e", "8\td", "0\tvoid", "20\t."]

    def test_depth(self, cli: Command) -> None:
        assert cli("du", "-d", "1", "small").lines == ["8\td", "0\tvoid", "20\t."]
        assert cli("du", "-s", "small").lines == cli("du", "-d0", "small").lines == ["20\t."]
        assert cli("du", "-s", "-d1", "small").exit_code == 2
        assert cli("du", "-d", str(10**20), "small/d").lines == ["3\td/e", "8\td"]

    def test_of_a_path_and_of_a_file(self, cli: Command) -> None:
        assert cli("du", "small/d").lines == ["3\td/e", "8\td"]
        assert cli("du", "-d0", "small/d").lines == ["8\td"]
        assert cli("du", "small/both").lines == ["6\tboth"]

    def test_does_not_take_one_name_for_the_start_of_another(self, cli: Command) -> None:
        Path("m").write_text(f"./d {A} 0:3:a\n./d/x {A} 0:3:a\n./d.x/y {B} 0:3:b\n")
        assert cli("du", "m/d").lines == ["3\td/x", "6\td"]

    def test_several_manifests_and_the_grand_total(self, cli: Command) -> None:
        assert cli("du", "-s", "-c", "small", "small/d").lines == ["20\tsmall", "8\tsmall/d", "28\ttotal"]

    def test_human_and_filters(self, cli: Command) -> None:
        Path("m").write_text(". 0cc175b9c0f1b6a831c399e269772661+2000000 0:2000000:a 0:100:b\n")
        assert cli("du", "-h", "m").lines == ["2.0M\t."]
        assert cli("du", "--exclude", "a", "m").lines == ["100\t."]

    def test_json(self, cli: Command) -> None:
        assert cli("du", "--json", "-d1", "small").json == [
            {"manifest": "small", "path": "d", "size": 8},
            {"manifest": "small", "path": "void", "size": 0},
            {"manifest": "small", "path": ".", "size": 20},
        ]


class TestStat:
    def test_of_a_manifest(self, cli: Command) -> None:
        text = Path("small").read_text()
        assert cli("stat", "small").lines == [
            "manifest           small",
            "type               manifest",
            "size               20",
            "stored             11",
            "files              6",
            "directories        3",
            "streams            4",
            "blocks             4",
            f"PDH                {Manifest.parse(text).portable_data_hash}",
            "normal form        yes",
            "signatures expire  2029-01-05T01:29:36Z",
        ]

    def test_of_a_file_and_a_directory(self, cli: Command) -> None:
        assert cli("stat", "small/both", "small/d").lines == [
            "manifest  small",
            "path      both",
            "type      file",
            "size      6",
            "segments  2",
            "blocks    2",
            "",
            "manifest  small",
            "path      d",
            "type      directory",
            "size      8",
            "files     3",
        ]

    def test_human(self, cli: Command) -> None:
        Path("m").write_text(". 0cc175b9c0f1b6a831c399e269772661+2000000 0:2000000:a\n")
        assert cli("stat", "-h", "m").lines[2:4] == ["size               2.0M", "stored             2.0M"]

    def test_json_says_when_there_is_no_signature(self, cli: Command) -> None:
        (facts,) = cli("stat", "--json", "--include", "/d/c.bam", "small").json
        assert facts["file_count"] == 1
        assert facts["signatures_expire"] is None
        assert cli("stat", "--include", "/d/c.bam", "small").lines[-1] == "signatures expire  no signatures"


class TestBlocks:
    def test_each_block_once_in_order(self, cli: Command) -> None:
        assert cli("blocks", "small").lines == [f"{A}{SIGNATURE}6f000000", B, C, E]

    def test_stripped(self, cli: Command) -> None:
        assert cli("blocks", "-s", "small").lines == [A, B, C, E]

    def test_of_a_path_only_what_it_uses(self, cli: Command) -> None:
        assert cli("blocks", "small/d/c.bam").lines == [C]
        assert cli("blocks", "-s", "small/both").lines == [A, B]

    def test_print0(self, cli: Command) -> None:
        assert cli("blocks", "-0", "small/d/c.bam").stdout == f"{C}\0"

    def test_json_takes_locators_apart(self, cli: Command) -> None:
        digest, size = A.split("+")
        hint = f"{SIGNATURE}6f000000"
        assert cli("blocks", "--json", "small/d/e").json == [
            {"manifest": "small", "locator": A + hint, "digest": digest, "size": int(size), "hints": [hint[1:]]}
        ]


class TestPdh:
    TEXT = f". {A} 0:1:z 1:1:a\n"  # not in normal form: the two hashes differ

    def test_of_the_text_as_it_stands(self, cli: Command) -> None:
        Path("m").write_text(self.TEXT)
        assert cli("pdh", "m").lines == [Manifest.parse(self.TEXT).portable_data_hash]

    def test_of_the_normal_form(self, cli: Command) -> None:
        normal = Manifest.parse(self.TEXT).normalized().portable_data_hash
        assert normal != Manifest.parse(self.TEXT).portable_data_hash
        assert cli("pdh", "--normalized", "-", stdin=self.TEXT).lines == [normal]

    def test_several_with_their_names(self, cli: Command) -> None:
        hash_ = Manifest.parse(self.TEXT).portable_data_hash
        Path("m").write_text(self.TEXT)
        assert cli("pdh", "m", "m").lines == [f"{hash_}  m", f"{hash_}  m"]

    def test_json(self, cli: Command) -> None:
        hash_ = Manifest.parse(self.TEXT).portable_data_hash
        assert cli("pdh", "--json", stdin=self.TEXT).json == [{"manifest": "-", "portable_data_hash": hash_}]

    def test_of_an_empty_text(self, cli: Command) -> None:
        assert cli("pdh", "/dev/null").lines == ["d41d8cd98f00b204e9800998ecf8427e+0"]


def test_version(cli: Command) -> None:
    assert cli("version").lines[0].split()[:2] == ["keepset", __version__]
    assert cli("--version").lines == cli("version").lines
    assert cli("version", "--json").json["version"] == __version__
