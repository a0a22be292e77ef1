"""A whole cluster, API and Keep: our objects and those of the official client in each other's places."""

from __future__ import annotations

import gc
import itertools
import sys
import warnings
from typing import TYPE_CHECKING, Any

import pytest

import keepset.keep
from api_server import TOKEN, Answer, ApiServer
from keep_server import KeepServer
from keepset import Collection, CollectionReader, CollectionWriter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from keepset.api import ThreadSafeAPIClient

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    official = pytest.importorskip("arvados")
    official_collection = pytest.importorskip("arvados.collection")

SIDES = ("ours", "theirs")


@pytest.fixture(autouse=True)
def no_complaints_about_the_official_client() -> Iterator[None]:
    """It leaves its sockets to the garbage collector, which is to find them here."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture
def services(server: ApiServer) -> Iterator[list[KeepServer]]:
    """Three Keep services, as many as the cluster wants copies."""
    with KeepServer() as first, KeepServer() as second, KeepServer() as third:
        found = [first, second, third]
        items = [
            {
                "uuid": f"zzzzz-bi6l4-{number:015d}",
                "service_host": "127.0.0.1",
                "service_port": service.port,
                "service_ssl_flag": False,
                "service_type": "disk",
                "read_only": False,
            }
            for number, service in enumerate(found)
        ]
        server.handlers["GET keep_services/accessible"] = lambda request: Answer(body={"items": items})
        yield found


@pytest.fixture
def apis(server: ApiServer, client: ThreadSafeAPIClient, services: list[KeepServer]) -> Iterator[dict[str, Any]]:
    """Our API client and theirs."""
    theirs = official.api("v1", discoveryServiceUrl=server.template, token=TOKEN)
    yield {"ours": client, "theirs": theirs}
    theirs.close_connections()


def keep_of(api: Any, side: str) -> Any:
    return (keepset.keep if side == "ours" else official.keep).KeepClient(api_client=api)


def contents(collection: Any) -> bytes:
    with collection.open("d/a", "rb") as file:
        data: bytes = file.read()
    return data


@pytest.mark.parametrize(("api", "keep", "kind"), list(itertools.product(SIDES, SIDES, SIDES)))
def test_what_one_writes_the_others_read(apis: dict[str, Any], api: str, keep: str, kind: str) -> None:
    make: Any = Collection if kind == "ours" else official_collection.Collection
    collection = make(api_client=apis[api], keep_client=keep_of(apis[api], keep))
    with collection.open("d/a", "wb") as file:
        file.write(b"hello" * 1000)
    collection.save_new("made")
    uuid = collection.manifest_locator()
    for side in SIDES:
        assert contents(CollectionReader(uuid, apis[side])) == b"hello" * 1000
        assert contents(official_collection.CollectionReader(uuid, api_client=apis[side])) == b"hello" * 1000
    collection.stop_threads()


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.usefixtures("services")
def test_an_api_client_without_a_keep_client_will_do(server: ApiServer, side: str) -> None:
    library: Any = sys.modules["keepset.api" if side == "ours" else "arvados.api"]
    api = library.api_client("v1", server.template, TOKEN)
    assert not hasattr(api, "keep")
    collection = Collection(api_client=api)
    collection.write_bytes("d/a", b"hello")
    collection.save_new("made")
    assert contents(CollectionReader(collection.manifest_locator() or "", api)) == b"hello"
    writer = CollectionWriter(api)
    with writer.open("b") as file:
        file.write(b"hello")
    assert CollectionReader(writer.finish(), api).read_bytes("b") == b"hello"
    api.close()


def test_a_client_has_the_keep_of_its_cluster(client: ThreadSafeAPIClient, services: list[KeepServer]) -> None:
    collection = Collection(api_client=client)
    collection.write_bytes("a", b"aaa")
    collection.save_new()
    assert [len(service.blocks) for service in services] == [1, 1, 1]  # the cluster's default replication is 3
    assert client.keep is client.keep
    assert {request.headers["Authorization"] for request in services[0].requests} == {f"Bearer {TOKEN}"}
