"""The commands on a cluster: `keepset serve` in another process, with TLS and without."""

from __future__ import annotations

import filecmp
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from outcomes import FILES, refused
from serving import Server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cli.conftest import Command

pytestmark = pytest.mark.usefixtures("cluster")


@pytest.fixture(scope="module", params=[False, True], ids=["clear", "tls"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("server") / "store", tls=request.param)
    yield server
    server.close()


@pytest.fixture
def cluster(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The settings, which name the server."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path.with_name(f"{tmp_path.name}-cache")))
    settings = server.environment
    monkeypatch.setattr("keepset.config._settings", settings)
    for record in server.api("GET", "collections")["items"]:
        server.api("DELETE", f"collections/{record['uuid']}")
    return settings


def test_store_and_fetch(cli: Command, source: Path, stored: str) -> None:
    assert cli("ls").lines == ["reads/"]
    assert cli("cat", "reads/a.txt", "reads/d/b.bam").stdout == "aaabb"
    assert cli("get", "reads", "copy").lines == []
    compared = filecmp.dircmp(source, "copy")
    assert (compared.left_only, compared.right_only, compared.diff_files) == ([], [], [])
    assert cli("put", source, "--update", "reads", "--json").json["unchanged"] == [
        path for path, data in FILES.items() if data is not None
    ]


def test_change_a_collection(cli: Command, stored: str) -> None:
    cli("mkdir", "-p", "reads/e/f")
    cli("cp", "reads/d", "reads/e")
    cli("mv", "reads/a.txt", "reads/e/f/")
    cli("rm", "-r", "reads/d", "reads/void")
    assert cli("find", "reads").lines == ["e", "e/d", "e/d/b.bam", "e/f", "e/f/a.txt"]


def test_look_compare_and_merge(cli: Command, source: Path, stored: str) -> None:
    (source / "a.txt").write_text("other")
    cli("put", source, "--name", "other")
    difference = cli("diff", "reads", "other")
    assert (difference.exit_code, difference.stdout.split()[:2]) == (1, ["M", "a.txt"])
    assert "/a.txt" in cli("plan", "reads", "other", "--json").json["replace_files"]
    cli("merge", "reads", "other", "--on-conflict", "theirs")
    assert cli("cat", "reads/a.txt").stdout == "other"
    assert [line.split()[0] for line in cli("history", "reads").lines] == ["2", "1"]
    assert cli("cat", "reads@1/a.txt").stdout == "aaa"


def test_pack_and_list(cli: Command, stored: str) -> None:
    Path("more").write_text("more")
    cli("put", "more", "--update", "reads")
    before = cli("pdh", "reads").lines
    assert cli("repack", "reads").lines == ["reads: 2 blocks -> 1, 9 bytes moved"]
    assert cli("pdh", "reads").lines != before
    cli("collections", "rename", "reads", "again")
    cli("collections", "trash", "again")
    assert cli("ls").lines == []
    cli("collections", "untrash", "again")
    assert cli("collections", "show", "again", "--json").json[0]["uuid"] == stored


def test_a_cluster_is_not_checked_from_here(cli: Command) -> None:
    for command in ("verify", "gc"):
        assert "looks after its blocks" in refused(cli(command), 3)


def test_a_token_that_is_not_valid_is_noticed_before_anything_is_sent(
    cli: Command, server: Server, source: Path, cluster: dict[str, str]
) -> None:
    cluster["ARVADOS_API_TOKEN"] = "v2/local-gj3su-000000000000000/wrong"
    assert "Not logged in" in refused(cli("put", source), 3)
    assert server.log_lines(1)[-1]["method"] == "GET"


def test_why_blocks_are_refused_is_told(
    keepset: Command, server: Server, source: Path, cluster: dict[str, str]
) -> None:
    told = refused(keepset("put", source, **cluster | {"ARVADOS_API_TOKEN": server.reading_token}), 5)
    assert "403 Forbidden: storing a block takes a token" in told
