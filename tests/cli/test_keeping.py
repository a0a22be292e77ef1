"""How a collection is kept: the options of `put` that say whose it is, where its blocks are, and for how long."""

from __future__ import annotations

import time
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from api_server import TOKEN, Answer, ApiServer
from keep_server import KeepServer
from keepset.catalog.local import LocalCatalog
from outcomes import done, refused
from serving import Server
from trees import MIB

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cli.conftest import Command

PROJECT = "zzzzz-j7d0g-000000000000000"
USER = "local-tpzed-000000000000000"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("server") / "store", "--storage-class", "archive")
    yield server
    server.close()


@pytest.fixture
def cluster(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    """The server, which the settings name, without collections."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path.with_name(f"{tmp_path.name}-cache")))
    monkeypatch.setattr("keepset.config._settings", server.environment)
    for record in server.api("GET", "collections")["items"]:
        server.api("DELETE", f"collections/{record['uuid']}")
    return server


@pytest.fixture(params=["store", "cluster"])
def place(request: pytest.FixtureRequest) -> str:
    """A local store, and a cluster, one after the other."""
    if request.param == "cluster":
        request.getfixturevalue("cluster")
    return str(request.param)


def put(cli: Command, *arguments: str | Path) -> dict[str, Any]:
    """Store something, and give the record."""
    (line,) = cli("put", *arguments).lines
    (record,) = cli("collections", "show", line.split()[0], "--json").json
    return dict(record)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(f"{text[:26]}+00:00")


@contextmanager
def time_zone(name: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Be elsewhere for a while."""
    monkeypatch.setenv("TZ", name)
    time.tzset()
    try:
        yield
    finally:
        monkeypatch.delenv("TZ")
        time.tzset()


@pytest.mark.usefixtures("place")
class TestRecords:
    def test_unless_told(self, cli: Command, source: Path) -> None:
        record = put(cli, source)
        assert (record["owner_uuid"], record["replication_desired"], record["trash_at"]) == (USER, None, None)
        assert record["storage_classes_desired"] == ["default"]

    def test_all_at_once(self, cli: Command, source: Path) -> None:
        options = ["--storage-class", "default", "--storage-class", "archive", "--replication", "3"]
        record = put(cli, source, "--project", PROJECT, *options, "--trash-at", "2099-01-02T03:04:05+01:00")
        assert (record["owner_uuid"], record["replication_desired"]) == (PROJECT, 3)
        assert record["storage_classes_desired"] == ["archive", "default"]
        assert moment(record["trash_at"]) == datetime(2099, 1, 2, 2, 4, 5, tzinfo=UTC)
        shown = dict(line.split(maxsplit=1) for line in cli("collections", "show", record["uuid"]).lines)
        assert (shown["owner"], shown["copies"], shown["classes"]) == (PROJECT, "3", "archive, default")

    def test_a_number_of_days(self, cli: Command, source: Path) -> None:
        before = datetime.now(UTC)
        trash_at = moment(put(cli, source, "--trash-after", "7")["trash_at"])
        assert before + timedelta(days=7) <= trash_at <= datetime.now(UTC) + timedelta(days=7)

    def test_a_collection_that_there_is(self, cli: Command, source: Path) -> None:
        record = put(cli, source, "--name", "reads", "--trash-at", "2098-01-01", "--replication", "2")
        again = put(cli, source, "--update", "reads", "--trash-at", "2099-01-01T00:00Z")
        assert moment(again["trash_at"]) == datetime(2099, 1, 1, tzinfo=UTC)
        assert put(cli, source, "--update", "reads")["trash_at"] == again["trash_at"]
        assert (again["uuid"], again["replication_desired"]) == (record["uuid"], 2)

    def test_a_name_is_taken_within_a_project(self, cli: Command, source: Path) -> None:
        first = put(cli, source, "--name", "reads", "--project", PROJECT)["uuid"]
        assert first in refused(cli("put", source, "--name", "reads", "--project", PROJECT), 3)
        second = put(cli, source, "--name", "reads")["uuid"]
        assert second in refused(cli("put", source, "--name", "reads"), 3)

    def test_those_of_a_project_are_listed(self, cli: Command, source: Path) -> None:
        inside, outside = put(cli, source, "--project", PROJECT)["uuid"], put(cli, source)["uuid"]
        assert [line.split()[0] for line in cli("collections", "list", "--project", PROJECT).lines] == [inside]
        assert [line.split()[0] for line in cli("collections", "list", "--project", USER).lines] == [outside]
        done(cli("collections", "trash", inside))
        assert cli("collections", "list", "--project", PROJECT).lines == []
        trash = [line.split()[0] for line in cli("collections", "list", "--project", PROJECT, "--trash").lines]
        assert inside in trash
        assert outside not in trash


class TestTimes:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("2099-07-01", datetime(2099, 7, 1, 21, 59, 59, tzinfo=UTC)),
            ("20990101", datetime(2099, 1, 1, 22, 59, 59, tzinfo=UTC)),
            ("2099-07-01T12:00", datetime(2099, 7, 1, 10, tzinfo=UTC)),
            ("2099-01-01 12:00:30", datetime(2099, 1, 1, 11, 0, 30, tzinfo=UTC)),
            ("2099-01-01T12:00Z", datetime(2099, 1, 1, 12, tzinfo=UTC)),
        ],
    )
    def test_are_those_of_the_clocks_here(
        self, cli: Command, source: Path, monkeypatch: pytest.MonkeyPatch, text: str, expected: datetime
    ) -> None:
        with time_zone("CET-1CEST,M3.5.0,M10.5.0/3", monkeypatch):
            assert moment(put(cli, source, "--trash-at", text)["trash_at"]) == expected

    @pytest.mark.parametrize("text", ["", "tomorrow", "2099", "2099-13-01", "0001-01-01", "9999-12-31T23:59-05:00"])
    def test_that_are_none(self, cli: Command, source: Path, text: str) -> None:
        outcome = cli("put", source, "--trash-at", text)
        assert outcome.exit_code == 2
        assert "--trash-at" in outcome.stderr

    def test_that_are_over(self, cli: Command, source: Path) -> None:
        assert "still to come" in cli("put", source, "--trash-at", "2020-01-01").stderr


@pytest.mark.parametrize(
    "options",
    [
        ["--project", "reads"],
        ["--project", "zzzzz-4zz18-000000000000000"],
        ["--storage-class", ""],
        ["--storage-class", "hot,archive"],
        ["--replication", "0"],
        ["--trash-after", "0"],
        ["--trash-after", "1000000"],
        ["--trash-after", "1", "--trash-at", "2099-01-01"],
        ["--update", "reads", "--project", PROJECT],
        ["--update", "reads", "--storage-class", "archive"],
        ["--update", "reads", "--replication", "2"],
    ],
)
def test_wrong_usage(cli: Command, stored: str, options: list[str]) -> None:
    assert cli("put", "source", *options).exit_code == 2
    assert len(cli("ls").lines) == 1


def test_an_owner_who_is_not_there(cli: Command, cluster: Server, source: Path) -> None:
    other = "local-tpzed-111111111111111"
    assert f"there is no project {other}" in refused(cli("put", source, "--project", other), 4)
    assert put(cli, source, "--project", USER)["owner_uuid"] == USER


class TestWhatIsSent:
    """To a cluster that has projects, which `keepset serve` does not, and to its Keep."""

    @pytest.fixture
    def keep(self) -> Iterator[KeepServer]:
        with KeepServer() as server:
            server.stored = {"X-Keep-Replicas-Stored": "2", "X-Keep-Storage-Classes-Confirmed": "archive=2"}
            yield server

    @pytest.fixture
    def api(self, keep: KeepServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiServer]:
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path.with_name(f"{tmp_path.name}-cache")))
        catalog = LocalCatalog(tmp_path / "catalog.sqlite", lambda block: True)
        with closing(catalog), ApiServer(catalog).running() as server:
            offered = Answer(body={"StorageClasses": {"default": {"Default": True}, "archive": {"Default": False}}})
            server.handlers["GET config"] = lambda _: offered
            server.handlers[f"GET groups/{PROJECT}"] = lambda _: Answer(body={"uuid": PROJECT})
            settings = {"ARVADOS_API_HOST": server.url, "ARVADOS_API_TOKEN": TOKEN, "ARVADOS_KEEP_SERVICES": keep.url}
            monkeypatch.setattr("keepset.config._settings", settings)
            yield server

    def test_all(self, cli: Command, api: ApiServer, keep: KeepServer, source: Path) -> None:
        options = ["--storage-class", "archive", "--replication", "2"]
        done(cli("put", source, "--project", PROJECT, *options, "--trash-at", "2099-01-01T00:00Z"))
        (block,) = keep.requests
        assert (block.headers["X-Keep-Storage-Classes"], block.headers["X-Keep-Desired-Replicas"]) == ("archive", "2")
        (record,) = [request.body for request in api.requests if request.method == "POST"]
        fields = ("owner_uuid", "storage_classes_desired", "replication_desired", "trash_at")
        assert [record[field] for field in fields] == [PROJECT, ["archive"], 2, "2099-01-01T00:00:00.000000Z"]

    def test_nothing_where_something_is_not_there(
        self, cli: Command, api: ApiServer, keep: KeepServer, source: Path
    ) -> None:
        told = refused(cli("put", source, "--storage-class", "archive", "--storage-class", "tape"), 3)
        assert told == "keepset: the cluster has no storage class tape, but default, archive"
        other = "zzzzz-j7d0g-111111111111111"
        assert f"there is no project {other}" in refused(cli("put", source, "--project", other), 4)
        api.script(f"groups/{PROJECT}", Answer(403, {"errors": ["not yours"]}))
        assert "not yours" in refused(cli("put", source, "--project", PROJECT), 3)
        assert {request.method for request in api.requests} == {"GET"}
        assert keep.requests == []

    def test_a_cluster_that_tells_nothing_of_classes_is_believed_to_have_them(
        self, cli: Command, api: ApiServer, keep: KeepServer, source: Path
    ) -> None:
        api.handlers["GET config"] = lambda _: Answer(body={"ClusterID": "zzzzz"})
        done(cli("put", source, "--storage-class", "archive", "--replication", "2"))
        assert keep.requests[0].headers["X-Keep-Storage-Classes"] == "archive"


@pytest.mark.usefixtures("place")
def test_an_interrupted_put_goes_on_if_blocks_are_to_be_stored_as_before(cli: Command, source: Path) -> None:
    large = Path("large")
    large.mkdir()
    with (large / "zeros").open("wb") as file:
        file.truncate(64 * MIB)
    (source / "link").symlink_to("missing")
    options = ["--name", "x", "--storage-class", "archive"]
    assert "symbolic link" in refused(cli("put", large, source, *options), 5)
    (source / "link").unlink()
    assert cli("put", large, source, *options[:2], "--project", PROJECT, "--json").json["resumed"] == []
    told = cli("put", large, source, *options, "--trash-after", "1", "--json").json
    assert (told["resumed"], told["size"]) == (["large/zeros"], 5)


class TestLinks:
    @pytest.fixture
    def links(self, source: Path) -> Path:
        (source / "link").symlink_to("a.txt")
        (source / "d" / "up").symlink_to("..")
        return source

    def test_are_left_out_and_counted(self, cli: Command, links: Path) -> None:
        outcome = cli("put", links, "--no-follow-links", "--name", "x")
        assert (outcome.exit_code, outcome.stderr) == (0, "keepset: 2 symbolic links left out\n")
        assert sorted(cli("find", "x", "--type", "f").lines) == ["a.txt", "d/b.bam"]
        outcome = cli("put", links, "--no-follow-links", "--update", "x", "--exclude", "link", "--json", "--dry-run")
        assert (outcome.json["left_out"], outcome.stderr) == (["d/up"], "keepset: 1 symbolic link left out\n")
        assert cli("put", links / "d", "--exclude", "up", "--json").json["left_out"] == []

    def test_that_are_sources(self, cli: Command, links: Path) -> None:
        Path("top").symlink_to("source")
        Path("gone").symlink_to("missing")
        outcome = cli("put", "gone", "top", "small", "--no-follow-links", "--name", "x", "--json")
        assert (outcome.json["left_out"], cli("find", "x").lines) == (["gone", "top"], ["small"])
        assert "nothing but symbolic links" in refused(cli("put", "gone", "top", "--no-follow-links"), 3)
        done(cli("put", "top/", "--exclude", "up", "--exclude", "link", "--no-follow-links", "--name", "y"))
        assert cli("find", "y", "--type", "f").lines == ["a.txt", "d/b.bam"]
