"""The known defects H38 to H47 of other clients, over HTTP: what becomes of a record that others save, too."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import pytest

from api_server import Answer, ApiServer
from keepset import Collection, Manifest, errors
from keepset.config import EMPTY_BLOCK_LOCATOR
from memory_keep import MemoryKeep
from samples import A, B, C

if TYPE_CHECKING:
    from keepset.api import ThreadSafeAPIClient
    from keepset.catalog.local import LocalCatalog, LocalCollections

SIGNATURE = f"+A{'9' * 40}@60000000"
REMOTE = f"+Rzzzzz-{'1' * 40}@7fffffff"
TEXT = f". {A} 0:3:a\n./d {B} 0:3:b\n"

Open: TypeAlias = Callable[[], Collection]


class SigningKeep(MemoryKeep):
    """Signs what it stores, and what another cluster has signed."""

    def __init__(self) -> None:
        super().__init__([b"aaa", b"bbb"])
        self.signature = SIGNATURE
        self.refreshed: list[str] = []

    def refresh_signature(self, loc: str) -> str:
        """Have the block here."""
        self.refreshed.append(loc)
        return loc.split("+R")[0] + SIGNATURE


@pytest.fixture
def keep() -> SigningKeep:
    """The Keep of the cluster."""
    return SigningKeep()


@pytest.fixture
def record(server: ApiServer, collections: LocalCollections) -> str:
    """A record with two files, on a server that signs."""
    server.is_signing = True
    return str(collections.create(body={"name": "shared", "manifest_text": TEXT}).execute()["uuid"])


@pytest.fixture
def opened(client: ThreadSafeAPIClient, keep: SigningKeep, record: str) -> Open:
    """Opens the record."""
    return lambda: Collection(record, api_client=client, keep_client=keep)


def names(collection: Collection) -> list[str]:
    return [path for path, _ in collection.files()]


def text_of(collection: Collection) -> str:
    return collection.manifest_text()


def written(server: ApiServer) -> int:
    return sum(request.method in ("PUT", "POST") for request in server.requests)


def test_h38_ones_own_save_is_no_conflict(opened: Open) -> None:
    collection = opened()
    for number in range(3):
        collection.write_bytes("a", str(number).encode())
        collection.save()
        collection.update()
    assert names(collection) == ["a", "d/b"]
    assert collection.committed()


def test_h39_new_signatures_are_taken_where_nothing_else_has_changed(opened: Open) -> None:
    collection = opened()
    before = text_of(collection)
    collection.update()
    after = text_of(collection)
    assert after != before
    assert Manifest.parse(after) == Manifest.parse(before)
    assert collection.committed()


def test_h40_signatures_alone_are_no_conflict(opened: Open) -> None:
    collection = opened()
    collection.write_bytes("a", b"mine")
    collection.update()
    collection.update()
    collection.save()
    assert names(collection) == ["a", "d/b"]
    assert collection.read_bytes("a") == b"mine"


def test_h41_what_others_have_changed_alone_is_nothing_to_save(server: ApiServer, opened: Open) -> None:
    collection, other = opened(), opened()
    other.write_bytes("new", b"new")
    other.save()
    collection.update()
    assert collection.committed()
    assert set(names(collection)) == {"a", "d/b", "new"}
    before = written(server)
    collection.save()
    assert written(server) == before


def test_h42_its_own_client_is_asked(
    catalog: LocalCatalog, opened: Open, monkeypatch: pytest.MonkeyPatch, server: ApiServer
) -> None:
    with ApiServer(catalog).running() as another:
        monkeypatch.setenv("ARVADOS_API_HOST", another.host)
        monkeypatch.setenv("ARVADOS_API_TOKEN", "another")
        collection = opened()
        collection.update()
        collection.write_bytes("a", b"mine")
        collection.save()
        collection.update(opened())
        assert another.requests == []
        assert another.discoveries == 0


def test_h43_the_hash_is_that_of_the_server(server: ApiServer, opened: Open, collections: LocalCollections) -> None:
    collection = opened()
    recorded = collections.get(uuid=collection.manifest_locator() or "").execute()["portable_data_hash"]
    before = len(server.requests)
    assert collection.portable_data_hash() == recorded
    assert len(server.requests) == before


def test_h44_an_answer_that_was_long_on_its_way_restores_nothing(server: ApiServer, opened: Open, record: str) -> None:
    collection = opened()
    late = server.usual(server.requests[-1])
    other = opened()
    other.write_bytes("new", b"new")
    other.save()
    collection.update()
    server.script(f"collections/{record}", late)
    collection.update()
    assert "new" in names(collection)


def test_h45_an_unusual_text_is_not_saved_again(
    server: ApiServer, opened: Open, collections: LocalCollections, record: str
) -> None:
    unusual = f"./d {B} 0:3:b\n. {A} 0:1:a 1:2:a 0:0:z\n"
    collections.update(uuid=record, body={"manifest_text": unusual}).execute()
    collection = opened()
    collection.save()
    collection.update()
    collection.save()
    assert written(server) == 0
    assert Manifest.parse(text_of(collection)).stripped().text == unusual


def test_h46_a_hash_brings_no_blocks_home(client: ThreadSafeAPIClient, keep: SigningKeep) -> None:
    collection = Collection(f". {A}{REMOTE} 0:3:a\n", api_client=client, keep_client=keep)
    assert collection.portable_data_hash() == Manifest.parse(f". {A} 0:3:a\n").portable_data_hash
    assert collection.has_remote_blocks()
    assert keep.refreshed == []


def test_remote_blocks_are_brought_home_before_a_save(server: ApiServer, opened: Open, keep: SigningKeep) -> None:
    collection = opened()
    source = Collection(f". {A}{REMOTE} {C}{REMOTE} 0:8:a\n", keep_client=keep)
    collection.copy("a", "copy", source_collection=source)
    assert collection.has_remote_blocks()
    collection.save()
    assert keep.refreshed == [C + REMOTE]  # this cluster has signed the other one already
    (request,) = [request for request in server.requests if request.method == "PUT"]
    sent = request.body["collection"]["manifest_text"]
    assert request.body["replace_files"] == {"/copy": "manifest_text/copy"}
    assert (sent.count("+A"), sent.count("+R")) == (2, 0)


def test_h47_without_such_blocks_nobody_is_asked(opened: Open, keep: SigningKeep) -> None:
    collection = opened()
    collection.write_bytes("new", b"new")
    collection.save()
    assert keep.refreshed == []


def test_what_is_sent_is_signed(server: ApiServer, opened: Open) -> None:
    """A cluster refuses locators without a signature for whoever sends them."""
    collection = opened()
    collection.write_bytes("new", b"new")
    collection.write_bytes("empty", b"")
    with collection.open("d/b", "ab") as file:
        file.write(b"more")
    collection.save()
    (request,) = [request for request in server.requests if request.method == "PUT"]
    text = request.body["collection"]["manifest_text"]
    locators = [token for token in text.split() if "+" in token and not token.startswith(EMPTY_BLOCK_LOCATOR)]
    assert len(locators) >= 2
    assert all("+A" in token for token in locators)


def test_a_signature_that_has_ended_is_asked_for_anew(
    server: ApiServer, opened: Open, keep: SigningKeep, record: str
) -> None:
    """What a script does when reading fails: `update` brings signatures, and reading goes on."""
    collection = opened()
    first = collection["a"].segments()[0].locator
    collection.update()
    assert collection["a"].segments()[0].locator != first
    server.script(f"collections/{record}", Answer(401, {"errors": ["Not logged in"]}))
    with pytest.raises(errors.ApiError, match="Not logged in"):
        collection.update()
    assert collection.read_bytes("a") == b"aaa"
