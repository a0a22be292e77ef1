"""`history`, and versions wherever a collection is expected."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from outcomes import done, refused

if TYPE_CHECKING:
    from cli.conftest import Command


class TestHistory:
    def test_newest_first(self, cli: Command, changed: str) -> None:
        second, first = (line.split() for line in cli("history", "reads").lines)
        assert [row[0] for row in (second, first)] == ["2", "1"]
        assert [row[2:] for row in (second, first)] == [
            ["7", "2", *cli("pdh", "reads").lines],
            ["5", "2", *cli("pdh", "reads@1").lines],
        ]
        assert cli("history", changed, "-h").lines[0].split()[2:4] == ["7", "2"]

    def test_json(self, cli: Command, changed: str) -> None:
        second, first = cli("history", "--json", changed).json
        (shown,) = cli("collections", "show", "reads", "--json").json
        assert second == shown
        assert (first["version"], first["size"], first["name"]) == (1, 5, "reads")
        assert first["uuid"] != changed

    def test_of_what_has_none(self, cli: Command, stored: str) -> None:
        assert len(cli("history", "reads").lines) == 1
        portable_data_hash = cli("pdh", "reads").lines[0]
        assert "never changes" in refused(cli("history", portable_data_hash), 3)
        assert "without the version" in refused(cli("history", "reads@1"), 3)
        assert "a path in a collection" in refused(cli("history", "reads/d"), 3)
        assert "no such collection" in refused(cli("history", "small"), 4)
        assert cli("history").exit_code == 2


class TestVersions:
    @pytest.mark.parametrize("name", ["reads@1", "keep:reads@1", "{uuid}@1"])
    def test_are_read_like_collections(self, cli: Command, changed: str, name: str) -> None:
        name = name.format(uuid=changed)
        assert cli("ls", name).lines == ["a.txt", "d/", "void/"]
        assert cli("cat", f"{name}/a.txt").stdout == "aaa"
        assert cli("stat", "--json", f"{name}/d").json[0]["manifest"] == name
        done(cli("get", f"{name}/d/b.bam", "copy"))
        assert cli("find", name, "reads", "--type", "f").lines == [
            f"{name}/a.txt",
            f"{name}/d/b.bam",
            "reads/a.txt",
            "reads/new",
        ]

    def test_are_compared(self, cli: Command, changed: str) -> None:
        assert sorted(cli("diff", "reads@1", "reads").stdout.splitlines()) == ["A new", "D d/b.bam", "M a.txt 3 -> 4"]
        assert cli("diff", "reads@2", "reads").exit_code == 0

    def test_bring_back_what_was(self, cli: Command, changed: str) -> None:
        done(cli("cp", "reads@1/a.txt", "reads@1/d", "reads/"))
        assert cli("cat", "reads/a.txt", "reads/d/b.bam").stdout == "aaabb"

    def test_that_have_not_been_kept(self, cli: Command, changed: str) -> None:
        assert refused(cli("ls", "reads@3"), 4) == f"keepset: reads@3: version 3 of {changed} has not been kept"
        assert "no such collection" in refused(cli("get", "reads@0"), 4)

    @pytest.mark.parametrize(
        "arguments",
        [
            ["rm", "reads@1/a.txt"],
            ["mkdir", "reads@1/x"],
            ["mv", "reads@1/a.txt", "reads/x"],
            ["cp", "reads/a.txt", "reads@2/x"],
            ["put", "small", "--update", "reads@2"],
            ["collections", "rename", "reads@2", "x"],
            ["collections", "trash", "reads@1"],
        ],
    )
    def test_are_never_changed(self, cli: Command, changed: str, arguments: list[str]) -> None:
        assert "a version of a collection, which never changes" in refused(cli(*arguments), 3)
        assert cli("collections", "list").lines[0].split()[1:3] == ["7", "2"]


def test_a_path_does_not_stand_for_its_collection(cli: Command, stored: str) -> None:
    for arguments in (["trash", "reads/d"], ["rename", "reads/d", "x"], ["show", "reads/d"]):
        assert "a path in a collection" in refused(cli("collections", *arguments), 3)
    assert cli("ls").lines == ["reads/"]
