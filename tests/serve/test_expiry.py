"""Signatures that end while somebody reads, over HTTP: on a server whose signatures are valid for seconds."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

import keepset
from keepset import Collection, _signatures
from keepset.api import api
from serving import Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from keepset.api import ThreadSafeAPIClient

SECONDS = 3
DATA = {"a": b"a" * 1000, "b": b"b" * 2000, "c": b"c" * 3000}


@pytest.fixture(scope="module")
def brief_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server."""
    server = Server(tmp_path_factory.mktemp("brief") / "store", "--signature-ttl", str(SECONDS))
    yield server
    server.close()


@pytest.fixture
def client(brief_server: Server) -> ThreadSafeAPIClient:
    host = f"http://{brief_server.host}/discovery/v1/apis/{{api}}/{{apiVersion}}/rest"
    return api(discoveryServiceUrl=host, token=brief_server.token, cache=False)


@pytest.fixture
def record(brief_server: Server) -> str:
    """A record, each file of which is a block; saved without the server, since that may take its time."""
    with keepset.open_store(brief_server.store) as store:
        texts = [store.keep.put(data) + f" 0:{len(data)}:{name}" for name, data in DATA.items()]
        body = {"manifest_text": "".join(f". {text}\n" for text in texts)}
        return str(store.collections().create(body=body).execute()["uuid"])


def opened(locator: str, client: ThreadSafeAPIClient) -> Collection:
    """Open a collection on a Keep client of its own, which has nothing in its cache."""
    return Collection(locator, api_client=client, keep_client=keepset.KeepClient(client))


def wait_for_the_end(collection: Collection) -> None:
    """Wait until the server refuses the signatures."""
    ends = [int(locator.rpartition("@")[2], 16) for locator in collection.manifest.blocks()]
    time.sleep(max(0, max(ends) + 1 - time.time()))


def clock_that_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    del monkeypatch


def clock_that_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the server knows that they have ended."""
    monkeypatch.setattr(_signatures, "now", lambda: time.time() - 86_400)


@pytest.mark.parametrize("set_clock", [clock_that_is_right, clock_that_is_slow])
def test_readers_and_downloads_go_on_with_new_ones_which_they_ask_for_once(
    brief_server: Server,
    client: ThreadSafeAPIClient,
    record: str,
    tmp_path: Path,
    set_clock: Callable[[pytest.MonkeyPatch], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    set_clock(monkeypatch)
    locators = [record, client.collections().get(uuid=record).execute()["portable_data_hash"]]
    read, read_by_hash, downloaded = (opened(locator, client) for locator in [*locators, record])
    wait_for_the_end(downloaded)
    before = len(brief_server.log_lines(0))
    for collection in (read, read_by_hash):
        assert {name: collection.read_bytes(name) for name in DATA} == DATA
    downloaded.download(tmp_path / "copy")
    assert {name: (tmp_path / "copy" / name).read_bytes() for name in DATA} == DATA
    lines = brief_server.log_lines(before + 3 * (1 + len(DATA)))[before:]
    asked = [line["path"].rpartition("/")[2] for line in lines if "/collections/" in line["path"]]
    assert asked == [*locators, record]
    # A clock that is right tells before anything is refused.
    assert (401 in [line["status"] for line in lines]) == (set_clock is clock_that_is_slow)


def test_what_is_saved_long_after_it_was_loaded_is_taken(client: ThreadSafeAPIClient, record: str) -> None:
    changed, copied = (opened(record, client) for _ in range(2))
    changed.rename("a", "renamed")
    wait_for_the_end(copied)
    copied.save_new("copy")
    changed.save(merge=False)
    for collection, name in ((copied, "a"), (changed, "renamed")):
        assert opened(str(collection.manifest_locator()), client).read_bytes(name) == DATA["a"]
