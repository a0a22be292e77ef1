"""A cluster as the default session: collections, references and commands work with it."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

import pytest
import typer.testing

import keepset
from api_server import TOKEN, ApiServer
from certificates import make_certificate
from keepset import config, references, session
from keepset.api import ThreadSafeAPIClient
from keepset.cli.app import app
from memory_keep import MemoryKeep
from samples import A

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from keepset.catalog.local import LocalCatalog

DATA = b"foo"
TEXT = f". {A} 0:3:foo.txt\n"


@pytest.fixture
def cluster(
    catalog: LocalCatalog, no_settings: None, waits: list[float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ApiServer]:
    """An API server that the environment names, with a Keep in memory."""
    keep = MemoryKeep([DATA])
    monkeypatch.setattr("keepset.keep.KeepClient", lambda **options: keep)
    monkeypatch.setattr(session, "_clients", {})
    monkeypatch.setenv("KEEPSET_STORE", str(tmp_path / "store"))
    monkeypatch.chdir(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*make_certificate(tmp_path))
    with ApiServer(catalog, context).running() as server:
        monkeypatch.setenv("ARVADOS_API_HOST", server.host)
        monkeypatch.setenv("ARVADOS_API_TOKEN", TOKEN)
        monkeypatch.setenv("ARVADOS_API_HOST_INSECURE", "1")
        yield server
        session.default_session().close()


def run(*arguments: str) -> list[str]:
    """Run a command, and return the lines that it prints."""
    result = typer.testing.CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.stderr or result.exception
    return result.stdout.splitlines()


def test_a_cluster_is_the_default(cluster: ApiServer) -> None:
    found = session.default_session()
    assert isinstance(found, ThreadSafeAPIClient)
    assert found is session.default_session()
    assert found.insecure
    assert session.default_session({}) is not found
    session.default_session({}).close()


def test_the_settings_file_names_a_cluster(cluster: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "config" / "arvados"
    folder.mkdir(parents=True)
    names = ("ARVADOS_API_HOST", "ARVADOS_API_TOKEN", "ARVADOS_API_HOST_INSECURE")
    (folder / "settings.conf").write_text("".join(f"{name}={config.get(name)}\n" for name in names))
    for name in names:
        monkeypatch.delenv(name)
    config.initialize()
    assert isinstance(session.default_session(), ThreadSafeAPIClient)


def test_collections_are_saved_and_opened(cluster: ApiServer) -> None:
    made = keepset.Collection()
    with made.open("d/a.txt", "w") as file:
        file.write("hello")
    made.save_new("greeting")
    uuid = made.manifest_locator()
    assert uuid is not None
    again = keepset.Collection(uuid)
    assert again.read_bytes("d/a.txt") == b"hello"
    assert keepset.CollectionReader(made.portable_data_hash()).read_bytes("d/a.txt") == b"hello"
    found = references.resolve("greeting/d", session.default_session, files=False)
    assert (found.target, found.path) == (uuid, "d")


def test_blocks_are_stored_as_often_as_the_cluster_says(cluster: ApiServer) -> None:
    api: Any = session.default_session()
    assert (
        keepset.Collection(api_client=api)._my_block_manager().copies == api._rootDesc["defaultCollectionReplication"]
    )
    assert keepset.Collection(api_client=api, replication_desired=1)._my_block_manager().copies == 1


def test_commands(cluster: ApiServer, tmp_path: Path) -> None:
    (tmp_path / "local").mkdir()
    (tmp_path / "local" / "a.txt").write_text("hello")
    (line,) = run("put", "local", "--name", "first")
    uuid, portable_data_hash = line.split("  ")
    assert run("ls", "first") == ["a.txt"]
    assert run("pdh", uuid) == [portable_data_hash]
    assert run("cat", "first/a.txt") == ["hello"]
    assert run("mv", "first/a.txt", "first/b.txt") == []
    assert run("get", "first", "copy") == []
    assert (tmp_path / "copy" / "b.txt").read_text() == "hello"
    run("collections", "rename", "first", "second")
    assert run("collections", "list")[0].endswith("second")
    run("collections", "trash", uuid)
    assert run("collections", "list") == []
    run("collections", "untrash", uuid)
    assert run("ls") == ["second/"]
    assert not (tmp_path / "store").exists()


def test_a_file_is_read_without_asking_the_cluster(cluster: ApiServer, tmp_path: Path) -> None:
    (tmp_path / "manifest").write_text(TEXT)
    assert run("ls", "manifest") == run("ls", "manifest/foo.txt") == ["foo.txt"]
    assert cluster.requests == []


def test_a_name_that_somebody_else_uses_is_free(cluster: ApiServer, tmp_path: Path) -> None:
    owner = "zzzzz-tpzed-000000000000001"
    api = session.default_session()
    api.collections().create(body={"name": "taken", "owner_uuid": owner}).execute()
    (tmp_path / "a.txt").write_text("hello")
    run("put", "a.txt", "--name", "taken")
    result = typer.testing.CliRunner().invoke(app, ["put", "a.txt", "--name", "taken"])
    assert (result.exit_code, "--update" in result.stderr) == (3, True)


@pytest.mark.parametrize("command", ["verify", "gc"])
def test_a_cluster_looks_after_itself(cluster: ApiServer, command: str) -> None:
    result = typer.testing.CliRunner().invoke(app, [command])
    assert result.exit_code == 3
    assert "--store" in result.stderr


def test_a_store_that_is_named_comes_first(cluster: ApiServer, tmp_path: Path) -> None:
    keepset.open_store(tmp_path / "other").close()
    assert run("--store", str(tmp_path / "other"), "collections", "list") == []
    assert cluster.discoveries == 0


def test_a_refusal_tells_the_identifier_of_the_request(cluster: ApiServer) -> None:
    result = typer.testing.CliRunner().invoke(app, ["get", "zzzzz-4zz18-000000000000000", "copy"])
    assert result.exit_code == 4
    assert cluster.requests[-1].headers["x-request-id"] in result.stderr
