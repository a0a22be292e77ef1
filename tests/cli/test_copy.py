"""`copy`: collections from one place to another."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from keepset import open_store, util
from keepset.collection import Collection
from outcomes import done, refused
from samples import locator
from serving import Server, environment
from stores import save
from trees import noise

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cli.conftest import Command

PROJECT = "zzzzz-j7d0g-000000000000000"

# The command line with a slow Keep service, which writes down each block that it is sent.
SLOW = """
import os, time
from pathlib import Path
from keepset.keep.client import KeepClient

original = KeepClient.put
def put(self, data, *args, **options):
    result = original(self, data, *args, **options)
    with Path("calls").open("a") as calls:
        calls.write("put\\n")
    time.sleep(float(os.environ.get("PAUSE", "0")))
    return result
KeepClient.put = put

from keepset.cli import main
main()
"""


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Server]]:
    """Two servers, by the names of their settings."""
    with ExitStack() as stack:
        running = {name: Server(tmp_path_factory.mktemp(name) / "store", tls=True) for name in ("aaaaa", "bbbbb")}
        for server in running.values():
            stack.callback(server.close)
        yield running


@pytest.fixture
def clusters(servers: dict[str, Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Server]:
    """The same, with files that name them; and settings of the environment that are about something else."""
    home = tmp_path.with_name(f"{tmp_path.name}-config")
    (home / "arvados").mkdir(parents=True)
    for name, server in servers.items():
        lines = [f"{key}={value}" for key, value in server.environment.items()]
        (home / "arvados" / f"{name}.conf").write_text("\n".join(lines))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    monkeypatch.setenv("ARVADOS_KEEP_SERVICES", "http://127.0.0.1:9/")
    return servers


def test_from_one_store_to_another(cli: Command, stored: str) -> None:
    cli("put", "source/a.txt", "--name", "other\u00a0name")
    lines = [line.split("  ") for line in cli("copy", "reads", "other\u00a0name", "./copies").lines]
    assert [line[2] for line in lines] == ["reads", "other\u00a0name"]
    assert [line[1] for line in lines] == [*cli("pdh", "reads").lines, *cli("pdh", "other\u00a0name").lines]
    assert cli("--store", "copies", "cat", f"{lines[0][0]}/d/b.bam").stdout == "bb"
    assert cli("copy", stored, "./copies").lines == ["  ".join(lines[0])]
    done(cli("copy", "reads", "--from", "copies/", "--to-project", PROJECT, "--name", "mine", "-"))
    assert cli("collections", "show", "mine", "--json").json[0]["size"] == 5


def test_json(cli: Command, stored: str) -> None:
    document = cli("copy", "reads", "./copies", "--json").json
    (copied,) = document.pop("collections")
    assert document == {"dry_run": False, "sent": 5}
    pdh = cli("pdh", "reads").lines[0]
    expected = {
        "source": stored,
        "status": "copied",
        "name": "reads",
        "portable_data_hash": pdh,
        "size": 5,
        "error": None,
    }
    assert expected.items() <= copied.items()
    assert copied["uuid"] != stored


def test_a_dry_run_makes_nothing(cli: Command, stored: str) -> None:
    pdh = cli("pdh", "reads").lines[0]
    assert cli("copy", "-n", "reads", "./copies").lines == [f"{stored}  {pdh}  reads"]
    assert not Path("copies").exists()
    done(cli("copy", "reads", "./copies"))
    assert cli("copy", "-n", "reads", "./copies").lines == []
    Path("usual").mkdir()
    assert cli("--store", "usual", "copy", "-n", "reads", "--from", os.environ["KEEPSET_STORE"], "-").lines != []
    assert list(Path("usual").iterdir()) == []


def test_a_forgotten_place_is_no_folder(cli: Command, stored: str) -> None:
    assert "./reads" in refused(cli("copy", stored, "reads"), 3)
    assert not Path("reads").exists()
    assert cli("copy", "./copies").exit_code == 2


@pytest.mark.usefixtures("stored")
def test_where_there_is_nothing(cli: Command) -> None:
    assert "no store in nowhere" in refused(cli("copy", "reads", "--from", "./nowhere", "./copies"), 4)
    assert not Path("nowhere").exists()
    Path("empty.conf").write_text("ARVADOS_DEBUG=\n")
    assert "names no cluster" in refused(cli("copy", "reads", "./empty.conf"), 3)


@pytest.mark.usefixtures("stored")
def test_whole_collections_only(cli: Command) -> None:
    assert "path" in refused(cli("copy", "reads/d", "./copies"), 3)
    assert not Path("copies").exists()
    outcome = cli("copy", "nothing", "reads", "./copies")
    assert (outcome.exit_code, outcome.stdout.count("\n")) == (4, 1)
    assert "nothing" in outcome.stderr


@pytest.mark.usefixtures("changed")
def test_a_version(cli: Command) -> None:
    (line,) = cli("copy", "reads@1", "./copies", "--name", "before").lines
    assert line.split("  ")[1:] == [*cli("pdh", "reads@1").lines, "before"]


@pytest.mark.usefixtures("stored")
def test_a_list(cli: Command) -> None:
    done(cli("put", "source/a.txt", "--name", "with space"))
    Path("list").write_text("reads\r\n\nwith space\n")
    assert [line.split("  ")[2] for line in cli("copy", "--list", "list", "./a").lines] == ["reads", "with space"]
    outcome = cli("copy", "--list", "-", "./b", stdin="with space\nmissing")
    assert (outcome.exit_code, outcome.stdout.count("\n")) == (4, 1)
    refused(cli("copy", "--list", "nowhere", "./c"), 4)


def test_a_project_has_many_pages(cli: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(util, "_PAGE", 3)
    with open_store() as store:
        for number in range(10):
            save(store, b"the same", name=f"c{number}", owner_uuid=PROJECT)
        save(store, b"another", name="elsewhere")
    lines = cli("copy", "--project", PROJECT, "./copies").lines
    assert sorted(line.split("  ")[2] for line in lines) == [f"c{number}" for number in range(10)]


@pytest.mark.usefixtures("stored")
def test_a_project_without_collections(cli: Command) -> None:
    outcome = cli("copy", "--project", PROJECT, "./copies")
    assert (outcome.exit_code, outcome.stdout) == (0, "")
    assert outcome.stderr == f"keepset: no collection belongs to {PROJECT}\n"


def test_a_missing_block_is_named(cli: Command, stored: str) -> None:
    done(cli("put", "source/d", "--name", "good"))
    with open_store() as store:
        uuid = save(store, b"gone", name="bad")["uuid"]
        Path(store.path, "blocks", locator(b"gone")[:3], locator(b"gone")[:32]).unlink()
    outcome = cli("copy", "bad", "good", "./copies")
    assert (outcome.exit_code, outcome.stdout.count("\n")) == (5, 1)
    assert all(part in outcome.stderr for part in ("bad", str(uuid), locator(b"gone")))
    document = cli("copy", "bad", "./copies", "--json")
    assert document.exit_code == 5
    assert document.json["collections"][0]["error"]["code"] == "keep-request"


def test_from_one_server_to_another(cli: Command, clusters: dict[str, Server], stored: str) -> None:
    (first,) = cli("copy", "reads", "aaaaa").lines
    path = Path(os.environ["XDG_CONFIG_HOME"], "arvados", "bbbbb.conf")
    (second,) = cli("copy", first.split("  ")[0], "--from", "aaaaa", path).lines
    assert cli("copy", "reads", "--from", "aaaaa", "bbbbb").lines == [second]
    (third,) = cli("copy", "reads", "--from", "bbbbb", "./back").lines
    assert first.split("  ")[1:] == second.split("  ")[1:] == third.split("  ")[1:]
    assert cli("--store", "back", "cat", "reads/a.txt").stdout == "aaa"
    with open_store(clusters["bbbbb"].store) as store:
        assert Collection(second.split("  ")[0], api_client=store).read_bytes("d/b.bam") == b"bb"


def test_a_killed_copy_goes_on(clusters: dict[str, Server]) -> None:
    contents = {f"{number}": noise(100_000, number) for number in range(20)}
    with open_store() as store:
        collection = Collection(api_client=store, packing=False)
        for name, data in contents.items():
            collection.write_bytes(name, data)
        collection.save_new("killed")
    command = [sys.executable, "-c", SLOW, "copy", "killed", "aaaaa"]
    settings = {name: os.environ[name] for name in ("KEEPSET_STORE", "XDG_STATE_HOME", "ARVADOS_KEEP_SERVICES")}
    process = subprocess.Popen(command, env=environment(PAUSE="0.2", **settings))
    while not Path("calls").exists() or len(Path("calls").read_text().split()) < 9:
        assert process.poll() is None, "it has ended before"
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    sent = len(Path("calls").read_text().split())
    assert sent < 20
    Path("calls").write_text("")
    subprocess.run(command, env=environment(**settings), check=True, stdout=subprocess.DEVNULL)
    # Those on their way when the process was killed may have been stored, and not noted.
    assert 20 - sent <= len(Path("calls").read_text().split()) <= 20 - sent + 4
    assert list(Path(os.environ["XDG_STATE_HOME"]).rglob("*.copy")) == []
    with open_store(clusters["aaaaa"].store) as store:
        (record,) = store.collections().list(filters=[["name", "=", "killed"]]).execute()["items"]
        copy = Collection(record["uuid"], api_client=store)
        assert {name: copy.read_bytes(name) for name in contents} == contents
