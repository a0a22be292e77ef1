"""`ls`, `tree` and `find`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from cli.conftest import Command


class TestLs:
    def test_lists_the_root_by_name_with_a_slash_behind_directories(self, cli: Command) -> None:
        assert cli("ls", "small").lines == ["a.txt", "b.bam", "both", "d/", "void/"]

    def test_sorts_by_code_point_and_not_by_the_slash(self, cli: Command, make: Callable[..., Path]) -> None:
        manifest = make("m", "a.b", "a/x", "B", "é", "b")
        assert cli("ls", manifest).lines == ["B", "a/", "a.b", "b", "é"]

    def test_lists_a_directory_inside(self, cli: Command) -> None:
        assert cli("ls", "small/d").lines == ["c.bam", "e/"]
        assert cli("ls", "small/./d//e/").lines == ["deep.txt", "empty"]

    def test_lists_an_empty_directory_as_nothing(self, cli: Command) -> None:
        assert cli("ls", "small/void").lines == []

    def test_names_a_file_as_it_was_asked_for(self, cli: Command) -> None:
        assert cli("ls", "small/d/c.bam").lines == ["d/c.bam"]
        assert cli("ls", "-l", "small/d/c.bam").lines == ["- 5 d/c.bam"]

    def test_long_has_type_and_size_in_columns(self, cli: Command) -> None:
        assert cli("ls", "-l", "small").lines == ["- 3 a.txt", "- 3 b.bam", "- 6 both", "d 8 d/", "d 0 void/"]

    def test_human_sizes(self, cli: Command) -> None:
        path = Path(__file__).parent.parent / "data" / "1000G_ref_manifest"
        assert cli("ls", "-lh", "--include", "human_g1k_v37.fasta.gz*", path).lines == [
            "- 830M human_g1k_v37.fasta.gz",
            "-   93 human_g1k_v37.fasta.gz.md5",
        ]

    def test_by_size_and_reversed(self, cli: Command) -> None:
        assert cli("ls", "-S", "small").lines == ["d/", "both", "a.txt", "b.bam", "void/"]
        assert cli("ls", "-Sr", "small").lines == ["void/", "b.bam", "a.txt", "both", "d/"]
        assert cli("ls", "-r", "small").lines == ["void/", "d/", "both", "b.bam", "a.txt"]

    def test_recursive_has_a_block_for_each_directory(self, cli: Command) -> None:
        assert cli("ls", "-R", "small").stdout == (
            ".:\na.txt\nb.bam\nboth\nd/\nvoid/\n\nd:\nc.bam\ne/\n\nd/e:\ndeep.txt\nempty\n\nvoid:\n"
        )
        assert cli("ls", "-R", "small/d").stdout == "d:\nc.bam\ne/\n\nd/e:\ndeep.txt\nempty\n"

    def test_several_manifests_have_titles(self, cli: Command) -> None:
        assert cli("ls", "small", "small/d").stdout == (
            "small:\na.txt\nb.bam\nboth\nd/\nvoid/\n\nsmall/d:\nc.bam\ne/\n"
        )

    def test_print0_ends_names_with_nul_and_has_no_titles(self, cli: Command) -> None:
        assert cli("ls", "-0", "small/d").stdout == "c.bam\0e/\0"
        assert cli("ls", "-R0", "small/d").stdout == "d/c.bam\0d/e/\0d/e/deep.txt\0d/e/empty\0"

    def test_filters(self, cli: Command) -> None:
        assert cli("ls", "--include", "*.bam", "small").lines == ["b.bam", "d/"]
        assert cli("ls", "--include", "*.bam", "--exclude", "/d", "small").lines == ["b.bam"]

    def test_a_path_that_the_filters_empty_is_not_a_missing_one(self, cli: Command) -> None:
        assert cli("ls", "--include", "/a.txt", "small/d").lines == []

    def test_json_describes_each_entry(self, cli: Command) -> None:
        document = cli("ls", "--json", "small/d").json
        assert document == [
            {"manifest": "small", "path": "d/c.bam", "name": "c.bam", "type": "file", "size": 5},
            {"manifest": "small", "path": "d/e", "name": "e", "type": "directory", "size": 3, "file_count": 2},
        ]

    def test_json_has_one_entry_per_line(self, cli: Command) -> None:
        lines = cli("ls", "--json", "-R", "small").stdout.splitlines()
        assert lines[0] == "["
        assert lines[-1] == "]"
        assert len(lines) == 2 + 9
        assert cli("ls", "--json", "small/void").stdout == "[]\n"


class TestTree:
    def test_draws_files_and_directories_by_name(self, cli: Command) -> None:
        assert cli("tree", "small").stdout == (
            "small\n"
            "├── a.txt\n"
            "├── b.bam\n"
            "├── both\n"
            "├── d\n"
            "│   ├── c.bam\n"
            "│   └── e\n"
            "│       ├── deep.txt\n"
            "│       └── empty\n"
            "└── void\n"
            "\n"
            "3 directories, 6 files\n"
        )

    def test_level_and_directories_only(self, cli: Command) -> None:
        assert cli("tree", "-L", "1", "-d", "small").lines == [
            "small",
            "├── d",
            "└── void",
            "",
            "2 directories, 0 files",
        ]

    def test_sizes(self, cli: Command) -> None:
        assert cli("tree", "-s", "small/d/e").lines[:2] == [
            "[          3]  small/d/e",
            "├── [          3]  deep.txt",
        ]
        assert cli("tree", "-h", "small/d/e").lines[0] == "[   3]  small/d/e"

    def test_of_a_file_is_that_file(self, cli: Command) -> None:
        assert cli("tree", "small/a.txt").lines == ["small/a.txt", "", "0 directories, 0 files"]

    @pytest.mark.parametrize("arguments", [[], ["-L", "1"], ["-L", "2"], ["-d"], ["-d", "-L", "1"]])
    def test_json_nests_what_the_drawing_shows(self, cli: Command, arguments: list[str]) -> None:
        def names(node: dict[str, object]) -> list[str]:
            contents = node.get("contents", [])
            assert isinstance(contents, list)
            return [name for child in contents for name in (str(child["name"]), *names(child))]

        (root,) = cli("tree", "--json", *arguments, "small").json
        drawn = [line.split("── ")[1] for line in cli("tree", *arguments, "small").lines if "── " in line]
        assert names(root) == drawn

    def test_json_of_one_directory(self, cli: Command) -> None:
        assert cli("tree", "--json", "small/d/e", "small/a.txt").json == [
            {
                "manifest": "small",
                "path": "d/e",
                "name": "e",
                "type": "directory",
                "size": 3,
                "file_count": 2,
                "contents": [
                    {"manifest": "small", "path": "d/e/deep.txt", "name": "deep.txt", "type": "file", "size": 3},
                    {"manifest": "small", "path": "d/e/empty", "name": "empty", "type": "file", "size": 0},
                ],
            },
            {"manifest": "small", "path": "a.txt", "name": "a.txt", "type": "file", "size": 3},
        ]

    def test_json_leaves_out_contents_below_the_level(self, cli: Command) -> None:
        (root,) = cli("tree", "--json", "-L", "1", "small").json
        assert [name for name in root["contents"] if "contents" in name] == []

    def test_a_tree_far_deeper_than_the_recursion_limit(self, cli: Command) -> None:
        Path("deep").write_text("." + "/d" * 3000 + " d41d8cd98f00b204e9800998ecf8427e+0 0:0:bottom\n")
        assert cli("tree", "deep").lines[-1] == "3000 directories, 1 file"
        assert cli("tree", "--json", "deep").stdout.count('"contents"') == 3001
        assert cli("ls", "-R", "deep").lines[-1] == "bottom"


class TestFind:
    def test_prints_all_paths_but_the_top(self, cli: Command) -> None:
        assert sorted(cli("find", "small").lines) == [
            "a.txt",
            "b.bam",
            "both",
            "d",
            "d/c.bam",
            "d/e",
            "d/e/deep.txt",
            "d/e/empty",
            "void",
        ]

    def test_below_a_path(self, cli: Command) -> None:
        assert sorted(cli("find", "small/d").lines) == ["d/c.bam", "d/e", "d/e/deep.txt", "d/e/empty"]
        assert cli("find", "small/a.txt").lines == ["a.txt"]

    @pytest.mark.parametrize(
        ("arguments", "expected"),
        [
            (["--name", "*.bam"], ["b.bam", "d/c.bam"]),
            (["--name", "*.bam", "--name", "e*"], ["b.bam", "d/c.bam", "d/e", "d/e/empty"]),
            (["--name", "*.BAM"], []),
            (["--iname", "*.BAM"], ["b.bam", "d/c.bam"]),
            (["--name", "?.txt"], ["a.txt"]),
            (["--name", "[ab].*"], ["a.txt", "b.bam"]),
            (["--name", "a\\.t?t"], ["a.txt"]),
            (["--name", "\\*.bam"], []),
            (["--path", "d/*"], ["d/c.bam", "d/e", "d/e/deep.txt", "d/e/empty"]),
            (["--path", "d/?/*"], ["d/e/deep.txt", "d/e/empty"]),
            (["--type", "d"], ["d", "d/e", "void"]),
            (["--type", "f", "--name", "e*"], ["d/e/empty"]),
            (["--max-depth", "1"], ["a.txt", "b.bam", "both", "d", "void"]),
            (["-d", "2", "--type", "d"], ["d", "d/e", "void"]),
            (["--max-depth", "0"], []),
            (["--size", "3"], ["a.txt", "b.bam", "d/e", "d/e/deep.txt"]),
            (["--size", "+3"], ["both", "d", "d/c.bam"]),
            (["--size", "-3", "--type", "f"], ["d/e/empty"]),
            (["--size", "+3", "--size", "-6"], ["d/c.bam"]),
            (["--size", "+1K"], []),
            (["--size", "-0.01K", "--name", "both"], ["both"]),
            (["--include", "*.bam", "--type", "f"], ["b.bam", "d/c.bam"]),
            (["--exclude", "/d"], ["a.txt", "b.bam", "both", "void"]),
        ],
    )
    def test_tests(self, cli: Command, arguments: list[str], expected: list[str]) -> None:
        assert sorted(cli("find", "small", *arguments).lines) == expected

    def test_depth_counts_from_the_path_given(self, cli: Command) -> None:
        assert cli("find", "small/d", "-d", "1", "--type", "d").lines == ["d/e"]

    def test_several_manifests_are_named_as_arguments_are_written(self, cli: Command) -> None:
        found = cli("find", "--name", "c.bam", "small", "small/d").lines
        assert found == ["small/d/c.bam", "small/d/c.bam"]
        assert cli("ls", found[0]).lines == ["d/c.bam"]

    def test_long_and_print0(self, cli: Command) -> None:
        assert cli("find", "small", "-l", "--name", "both").lines == ["             6 both"]
        assert cli("find", "small", "-0", "--name", "*.bam").stdout == "b.bam\0d/c.bam\0"

    @pytest.mark.parametrize("size", ["", "M", "1X", "++1", "1-", "1.K", "٣"])
    def test_a_size_that_is_none_is_wrong_usage(self, cli: Command, size: str) -> None:
        assert cli("find", "small", "--size", size).exit_code == 2

    def test_json(self, cli: Command) -> None:
        assert cli("find", "--json", "--name", "d*", "small").json == [
            {"manifest": "small", "path": "d", "name": "d", "type": "directory", "size": 8, "file_count": 3},
            {"manifest": "small", "path": "d/e/deep.txt", "name": "deep.txt", "type": "file", "size": 3},
        ]

    def test_a_backslash_takes_the_meaning_from_a_star(self, cli: Command, make: Callable[..., Path]) -> None:
        manifest = make("m", "*", "[", "a", "a\\134b")
        assert cli("find", manifest, "--name", "\\*", "--name", "\\[").lines == ["*", "["]
        assert cli("find", manifest, "--name", "a\\\\b").lines == ["a\\b"]

    def test_newlines_and_dots_in_names_match(self, cli: Command, make: Callable[..., Path]) -> None:
        manifest = make("m", "a\\012b", ".hidden")
        assert cli("find", manifest, "-0", "--name", "a*b").stdout == "a\nb\0"
        assert cli("find", manifest, "--name", "*").stdout == "a\nb\n.hidden\n"
