"""The network client beneath collections: ours, and those of the official client; and the client that is a folder."""

from __future__ import annotations

import os
import random
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest

from disk_blocks import read_lengths
from gate import PATIENCE
from keep_server import Answer, Api, KeepServer
from keepset import errors
from keepset.collection import Collection, CollectionReader
from keepset.keep import BlockClient, KeepBlockCache, KeepLocator
from keepset.keep.client import KeepClient
from keepset.keep.flat import FlatKeep
from memory_keep import StubApi
from samples import A, E, locator

if TYPE_CHECKING:
    from pathlib import Path

    from fast_clock import ClientOf, Servers

MEBIBYTE = 1 << 20


def fetches(*servers: KeepServer) -> Counter[str]:
    """How often each block was fetched."""
    names = [request.path[1:33] for server in servers for request in server.requests if request.method == "GET"]
    return Counter(names)


def test_a_collection_goes_there_and_comes_back(servers: Servers, client_of: ClientOf) -> None:
    several = servers(3)
    client = client_of(*several)
    files = {f"d{number % 3}/f{number}": os.urandom(number * 100_000) for number in range(8)}
    with Collection(keep_client=client, api_client=StubApi()) as collection:
        for path, data in files.items():
            with collection.open(path, "wb") as file:
                file.write(data)
        text = collection.manifest_text()
    assert sum(len(server.requests) for server in several) == 2
    reader = Collection(text, keep_client=client_of(*several))
    assert {path: reader.read_bytes(path) for path, _ in reader.files()} == files


def test_no_upload_is_copied(server: KeepServer, client_of: ClientOf) -> None:
    client = client_of(server)
    assert client.takes_views
    collection = Collection(keep_client=client, api_client=StubApi(), replication_desired=1)
    with collection.open("f", "wb") as file:
        file.write(bytes(70 * MEBIBYTE))
    collection.manifest_text()
    assert sorted(len(block) for block in server.blocks.values()) == [6 * MEBIBYTE, 64 * MEBIBYTE]


def test_eight_readers_of_one_collection_fetch_each_block_once(server: KeepServer, client_of: ClientOf) -> None:
    blocks = [os.urandom(MEBIBYTE) for _ in range(12)]
    text = f". {' '.join(map(server.add, blocks))} 0:{12 * MEBIBYTE}:f\n"
    client = client_of(server)
    found: list[bool] = []

    def read(seed: int) -> None:
        chance = random.Random(seed)
        with Collection(text, keep_client=client).open("f", "rb") as file:
            for _ in range(60):
                start = chance.randrange(12 * MEBIBYTE - 5000)
                file.seek(start)
                number, offset = divmod(start, MEBIBYTE)
                found.append(file.read(5000) == b"".join(blocks[number : number + 2])[offset : offset + 5000])
            file.seek(0)
            found.append(file.read() == b"".join(blocks))

    readers = [threading.Thread(target=read, args=[seed]) for seed in range(8)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join(PATIENCE)
    assert found == [True] * 8 * 61
    assert set(fetches(server).values()) == {1}
    assert len(fetches(server)) == 12


def test_blocks_that_somebody_has_stay_what_they_are_while_others_come_and_go(
    server: KeepServer, client_of: ClientOf
) -> None:
    blocks = {server.add(data): data for data in (os.urandom(1 << 16) for _ in range(12))}
    client = client_of(server, block_cache=KeepBlockCache(3 << 16))
    found: list[bool] = []

    def read(seed: int) -> None:
        chance = random.Random(seed)
        held: list[tuple[str, bytes]] = []
        for _ in range(100):
            name = chance.choice(list(blocks))
            held = [*held[-2:], (name, client.get(name))]
            found.extend(block == blocks[name] for name, block in held)

    readers = [threading.Thread(target=read, args=[seed]) for seed in range(4)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join(PATIENCE)
    assert found == [True] * 4 * (1 + 2 + 3 * 98)


def test_h56_small_reads_here_and_there_of_more_than_there_is_memory_for(
    server: KeepServer, client_of: ClientOf, tmp_path: Path
) -> None:
    blocks = [os.urandom(MEBIBYTE) for _ in range(8)]
    text = f". {' '.join(map(server.add, blocks))} 0:{8 * MEBIBYTE}:f\n"
    cache = KeepBlockCache(2 * MEBIBYTE, disk_cache_dir=tmp_path, overflow=True)
    collection = Collection(text, keep_client=client_of(server, block_cache=cache))
    chance = random.Random(0)
    for _ in range(500):
        number, offset = chance.randrange(8), chance.randrange(MEBIBYTE - 4096)
        part = collection["f"].readfrom(number * MEBIBYTE + offset, 4096)
        assert part == blocks[number][offset : offset + 4096]
    assert max(fetches(server).values()) == 2
    assert cache.memory_size <= 2 * MEBIBYTE


def test_a_small_read_of_a_block_on_the_disk_reads_no_more_of_it(
    server: KeepServer, client_of: ClientOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [server.add(os.urandom(MEBIBYTE)) for _ in range(3)]
    first = client_of(server, block_cache=KeepBlockCache(disk_cache=True, disk_cache_dir=tmp_path))
    for name in names:
        first.get(name)
    collection = Collection(
        f". {' '.join(names)} 0:{3 * MEBIBYTE}:f\n",
        keep_client=client_of(server, block_cache=KeepBlockCache(disk_cache=True, disk_cache_dir=tmp_path)),
    )
    file = collection["f"]
    for start in (0, MEBIBYTE, 2 * MEBIBYTE):
        file.readfrom(start, 100)  # whole blocks are looked at before their first use
    lengths = read_lengths(monkeypatch)
    for start in (0, 2 * MEBIBYTE, MEBIBYTE, 0):
        assert len(file.readfrom(start + 5000, 100)) == 100
    assert max(lengths) <= 100
    assert sum(fetches(server).values()) == 3


# The official client.


def test_the_official_collection_writes_and_reads_through_our_client(servers: Servers, client_of: ClientOf) -> None:
    arvados = pytest.importorskip("arvados.collection")
    several = servers(3)
    client = client_of(*several)
    api: Any = StubApi(client)
    data = os.urandom(3 * MEBIBYTE)
    theirs = arvados.Collection(api_client=api, keep_client=client)
    with theirs.open("d/f", "wb") as file:
        file.write(data)
    text = theirs.manifest_text()
    theirs.stop_threads()
    reader = arvados.Collection(text, api_client=api, keep_client=client_of(*several))
    with reader.open("d/f", "rb") as file:
        assert file.read() == data
    reader.stop_threads()
    assert CollectionReader(text, keep_client=client_of(*several)).read_bytes("d/f") == data
    assert sum(request.method == "PUT" for server in several for request in server.requests) == 2


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_official_client_reads_what_ours_has_written(servers: Servers, client_of: ClientOf) -> None:
    keep = pytest.importorskip("arvados.keep")
    several = servers(4)
    block = os.urandom(MEBIBYTE)
    name = client_of(*several).put(block)
    theirs = keep.KeepClient(api_client=Api(*several))
    assert theirs.get(name) == block
    ours = client_of(*several)
    found = KeepLocator(name)
    assert ours.weighted_service_roots(found) == theirs.weighted_service_roots(keep.KeepLocator(name))
    asked = [server for server in several if any(request.method == "GET" for request in server.requests)]
    assert len(asked) == 1  # it looks first where ours has put it


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_what_either_client_has_cached_on_the_disk_the_other_does_not_fetch(
    server: KeepServer, client_of: ClientOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = pytest.importorskip("arvados.keep")
    monkeypatch.delenv("CACHE_DIRECTORY", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    blocks = [os.urandom(MEBIBYTE) for _ in range(4)]
    names = [server.add(block) for block in blocks]

    def theirs() -> Any:
        return keep.KeepClient(api_client=Api(server), block_cache=keep.KeepBlockCache(disk_cache=True))

    def ours() -> KeepClient:
        return client_of(server, block_cache=KeepBlockCache(disk_cache=True))

    assert [theirs().get(name) for name in names[:2]] == blocks[:2]
    assert [ours().get(name) for name in names] == blocks
    assert [bytes(theirs().get(name)) for name in names] == blocks
    assert set(fetches(server).values()) == {1}
    assert len(list((tmp_path / "arvados" / "keep").glob("???/*.keepcacheblock"))) == 4


# What programs for the official client look at, and set.


def test_the_counters_of_the_official_client(servers: Servers, client_of: ClientOf) -> None:
    client = client_of(*servers(2))
    client.put(b"aaa", copies=2)
    client.get(A)
    client.get(A)
    client.head(A)
    assert (client.put_counter.get(), client.get_counter.get()) == (1, 3)
    assert (client.upload_counter.get(), client.download_counter.get()) == (6, 3)
    assert (client.hits_counter.get(), client.misses_counter.get()) == (1, 1)


def test_a_client_says_whether_a_service_is_no_disk(server: KeepServer, client_of: ClientOf, tmp_path: Path) -> None:
    assert not client_of(server).using_proxy
    assert client_of(server, kind="blob").using_proxy
    assert client_of(api_client=None, proxy=server.url).using_proxy
    assert not KeepClient(local_store=str(tmp_path)).using_proxy


def test_the_token_can_be_changed(server: KeepServer, client_of: ClientOf) -> None:
    client = client_of(server)
    server.add(b"aaa")
    client.head(A)
    client.api_token = "another"
    assert (client.api_token, repr(client.api_token)) == ("another", "'…'")
    client.head(A)
    client.api_token = ""
    client.head(A)
    sent = [request.headers.get("Authorization") for request in server.requests]
    assert sent == [f"Bearer {Api.api_token}", "Bearer another", None]
    with pytest.raises(errors.ConfigError):
        client.api_token = "a\nb"


def test_the_number_of_retries_can_be_changed(server: KeepServer, client_of: ClientOf) -> None:
    client = client_of(server)
    client.num_retries = 1
    server.always = Answer(503)
    for operation in (client.get, client.head, client.refresh_signature, client.put):
        server.requests.clear()
        with pytest.raises(errors.KeepRequestError):
            operation(A)
        assert len(server.requests) == 2


def test_a_mock_is_an_api_client_too(server: KeepServer, client_of: ClientOf) -> None:
    api = mock.MagicMock(api_token="token", insecure=False)
    api.keep_services().accessible().execute.return_value = {"items": Api(server).items}
    client = client_of(api_client=api)
    assert client.get(client.put(b"aaa", copies=1)) == b"aaa"
    assert all(request.headers["X-Request-Id"].startswith("req-") for request in server.requests)


# A folder.


def test_a_client_that_is_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client = KeepClient(local_store=str(tmp_path))
    assert isinstance(client, BlockClient)
    name = client.put(b"aaa", copies=2, num_retries=3, request_id="x", classes=["hot"])
    assert name == A
    assert (client.get(name), client.get(name, num_retries=1), client.head(name), client.get(E)) == (
        b"aaa",
        b"aaa",
        True,
        b"",
    )
    assert client.refresh_signature(name) == name
    assert client.get_from_cache(name) == b"aaa"
    assert client.get_part_from_cache(name, 1, 1) == b"a"
    assert client.weighted_service_roots(KeepLocator(name)) == []
    client.build_services_list()
    assert client.stats()[:4] == (4, 1, 2, 1)
    assert (tmp_path / A[:32]).read_bytes() == b"aaa"
    with pytest.raises(FileNotFoundError):
        client.get(locator(b"absent"))
    assert repr(client) == f"KeepClient(local_store={str(tmp_path)!r})"
    monkeypatch.setenv("KEEP_LOCAL_STORE", str(tmp_path))
    assert FlatKeep(tmp_path).get(KeepClient().put(b"bbb")) == b"bbb"


def test_the_folder_of_the_environment_wins_over_services_unless_told_otherwise(
    tmp_path: Path, server: KeepServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEEP_LOCAL_STORE", str(tmp_path))
    api = Api(server)
    KeepClient(api).put(b"aaa", 1)
    assert (len(server.requests), len(list(tmp_path.iterdir()))) == (0, 1)
    KeepClient(api, local_store="").put(b"bbb", 1)
    assert (len(server.requests), len(list(tmp_path.iterdir()))) == (1, 1)
    with pytest.raises(errors.StoreError):
        KeepClient(api, local_store=str(tmp_path / "absent"))


def test_names_that_scripts_import() -> None:
    import keepset

    assert keepset.KeepClient is KeepClient
    assert keepset.keep.KeepClient is KeepClient
    assert KeepClient.DEFAULT_TIMEOUT == (2, 256, 32768)
    assert KeepClient.DEFAULT_PROXY_TIMEOUT == (20, 256, 32768)
