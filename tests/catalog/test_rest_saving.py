"""Saving to a cluster, on which others save, too: the server changes the paths that were changed, and no others."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from api_server import TOKEN, Answer, ApiServer, Recorded, discovery_document, refusal
from keepset import Collection, Manifest, errors
from keepset.api import ThreadSafeAPIClient, api
from memory_keep import MemoryKeep

if TYPE_CHECKING:
    from collections.abc import Iterator

    from keepset.catalog.local import LocalCatalog, LocalCollections

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    official = pytest.importorskip("arvados.api")
    official_collection = pytest.importorskip("arvados.collection")

FILES = {"a": b"aaa", "d/b": b"bbb", "d/e/c": b"ccccc"}

Open: TypeAlias = Callable[..., Collection]


@pytest.fixture
def keep() -> MemoryKeep:
    """The Keep of all writers."""
    return MemoryKeep()


@pytest.fixture
def uuid(client: ThreadSafeAPIClient, keep: MemoryKeep, server: ApiServer) -> str:
    """A record with three files."""
    collection = Collection(api_client=client, keep_client=keep)
    for path, data in FILES.items():
        collection.write_bytes(path, data)
    collection.save_new("shared")
    server.requests.clear()
    found = collection.manifest_locator()
    assert found is not None
    return found


@pytest.fixture
def opened(client: ThreadSafeAPIClient, keep: MemoryKeep, uuid: str) -> Open:
    """Opens the record."""
    return lambda api_client=client: Collection(uuid, api_client=api_client, keep_client=keep)


def contents(collection: Collection) -> dict[str, bytes]:
    return {path: collection.read_bytes(path) for path, _ in collection.files()}


def edit(collection: Collection, **files: str | None) -> Collection:
    """Write files, or remove them."""
    for path, text in files.items():
        if text is None:
            collection.remove(path)
        else:
            collection.write_bytes(path, text.encode())
    return collection


def saves(server: ApiServer) -> list[Recorded]:
    return [request for request in server.requests if request.method == "PUT"]


def meanwhile(server: ApiServer, uuid: str, act: Callable[[], object]) -> None:
    """Have somebody else save between the next look at the record and the save that follows it."""

    def handle(request: Recorded) -> Answer:
        del server.handlers[f"PUT collections/{uuid}"]
        act()
        return server.usual(request)

    server.handlers[f"PUT collections/{uuid}"] = handle


def test_only_what_has_changed_is_sent(server: ApiServer, opened: Open, collections: LocalCollections) -> None:
    collection = edit(opened(), new="new")
    collection.rename("d/e", "moved")
    collection.remove("a")
    collection.save()
    (request,) = saves(server)
    assert request.body["replace_files"] == {
        "/a": "",
        "/d/e": "",
        "/moved": "current/d/e",
        "/new": "manifest_text/new",
    }
    assert dict(Manifest.parse(request.body["collection"]["manifest_text"]).files()) == {"new": 3}
    assert collection.committed()
    expected = {"d/b": b"bbb", "moved/c": b"ccccc", "new": b"new"}
    assert contents(collection) == contents(opened()) == expected
    record = collections.get(uuid=collection.manifest_locator() or "").execute()
    assert record["portable_data_hash"] == collection.portable_data_hash()
    assert record["manifest_text"] == collection.manifest_text()


def test_the_record_is_looked_at_immediately_before(server: ApiServer, opened: Open, uuid: str) -> None:
    collection = edit(opened(), new="new")
    edit(opened(), other="other").save()
    server.requests.clear()
    collection.save()
    assert [request.raw.partition("?")[0] for request in server.requests] == [
        f"GET /arvados/v1/collections/{uuid}",
        f"PUT /arvados/v1/collections/{uuid}",
    ]
    assert saves(server)[0].body["replace_files"] == {"/new": "manifest_text/new"}
    assert contents(opened()) == FILES | {"new": b"new", "other": b"other"}


def test_nothing_is_sent_of_what_has_not_changed(server: ApiServer, opened: Open) -> None:
    collection = opened()
    collection.save()
    edit(collection, new="new")
    edit(collection, new=None)
    assert not collection.committed()
    collection.save()
    assert saves(server) == []
    assert collection.committed()


def test_fields_go_with_the_changes_or_alone(server: ApiServer, opened: Open) -> None:
    collection = edit(opened(), new="new")
    collection.save(properties={"k": "v"}, preserve_version=True, storage_classes=["default"])
    collection.save(properties={"k": "w"})
    first, second = [request.body for request in saves(server)]
    assert first["collection"].items() >= {"properties": {"k": "v"}, "preserve_version": True}.items()
    assert first["collection"]["storage_classes_desired"] == ["default"]
    assert second == {"properties": {"k": "w"}}
    assert opened().get_properties() == {"k": "w"}


def test_what_another_saves_meanwhile_stays(server: ApiServer, opened: Open, uuid: str) -> None:
    collection = edit(opened(), a="mine")
    other = edit(opened(), **{"d/b": "theirs", "new": "theirs"})
    meanwhile(server, uuid, other.save)
    collection.save()
    expected = FILES | {"a": b"mine", "d/b": b"theirs", "new": b"theirs"}
    assert contents(opened()) == expected
    assert contents(collection) == expected  # it has been told by the reply
    assert collection.committed()
    edit(collection, more="more").save()
    assert contents(opened()) == expected | {"more": b"more"}


def test_of_two_who_save_the_same_path_between_look_and_save_the_later_one_wins(
    server: ApiServer, opened: Open, uuid: str
) -> None:
    collection = edit(opened(), a="mine")
    meanwhile(server, uuid, edit(opened(), a="theirs").save)
    collection.save()
    assert contents(opened()) == contents(collection) == FILES | {"a": b"mine"}


def test_the_same_path_before_the_look_is_a_conflict_file(opened: Open) -> None:
    collection = edit(opened(), a="mine")
    edit(opened(), a="theirs").save()
    collection.save()
    found = contents(opened())
    assert found["a"] == b"mine"
    assert [data for path, data in found.items() if path.endswith("~conflict~")] == [b"theirs"]


def test_a_source_that_goes_meanwhile(server: ApiServer, opened: Open, uuid: str) -> None:
    collection = opened()
    collection.rename("d/e/c", "moved")
    meanwhile(server, uuid, edit(opened(), **{"d/e/c": None}).save)
    collection.save()
    assert contents(opened()) == contents(collection) == {"a": b"aaa", "d/b": b"bbb", "moved": b"ccccc"}
    assert len(saves(server)) == 3  # ours that was refused, theirs, and ours again


@pytest.mark.parametrize(
    "act",
    [
        lambda collection: collection.rename("d/e/c", "moved"),
        lambda collection: collection.write_bytes("a", b"mine"),
        lambda collection: collection.remove("d/b"),
    ],
    ids=["rename", "edit", "remove"],
)
def test_a_save_whose_reply_is_lost_is_done_once(
    server: ApiServer, opened: Open, uuid: str, act: Callable[[Collection], object]
) -> None:
    def lost(request: Recorded) -> Answer:
        del server.handlers[f"PUT collections/{uuid}"]
        server.usual(request)
        return Answer(fault="reset")

    server.handlers[f"PUT collections/{uuid}"] = lost
    collection = opened()
    act(collection)
    expected = contents(collection)
    collection.save()
    assert len(saves(server)) == 2
    assert contents(opened()) == contents(collection) == expected
    assert collection.committed()


def test_somebody_who_is_always_ahead(server: ApiServer, opened: Open, uuid: str) -> None:
    number = iter(range(1000))

    def ahead(request: Recorded) -> Answer:
        usual = server.handlers.pop(f"PUT collections/{uuid}")
        edit(opened(), other=str(next(number))).save()
        server.handlers[f"PUT collections/{uuid}"] = usual
        return refusal(400, "no")

    collection = edit(opened(), a="mine")
    server.handlers[f"PUT collections/{uuid}"] = ahead
    with pytest.raises(errors.ConflictError, match="no"):
        collection.save()
    assert not collection.committed()
    server.handlers.clear()
    collection.save()
    assert contents(opened())["a"] == b"mine"


def test_a_writer_during_the_save_is_not_saved_and_not_lost(server: ApiServer, opened: Open, uuid: str) -> None:
    collection = edit(opened(), a="first")
    meanwhile(server, uuid, lambda: edit(collection, a="second", late="late"))
    collection.save()
    assert contents(opened())["a"] == b"first"
    assert not collection.committed()
    assert contents(collection) == FILES | {"a": b"second", "late": b"late"}
    collection.save()
    assert contents(opened()) == FILES | {"a": b"second", "late": b"late"}


def test_whoever_does_not_merge_sends_everything(server: ApiServer, opened: Open, uuid: str) -> None:
    collection = edit(opened(), a="mine")
    edit(opened(), new="theirs").save()
    server.requests.clear()
    collection.save(merge=False)
    (request,) = server.requests
    assert dict(Manifest.parse(request.body["manifest_text"]).files()).keys() == FILES.keys()
    assert contents(opened()) == FILES | {"a": b"mine"}


def older(catalog: LocalCatalog) -> ApiServer:
    """A server that does not know of `replace_files`."""
    resources = discovery_document("")["resources"]
    del resources["collections"]["methods"]["update"]["parameters"]["replace_files"]
    return ApiServer(catalog, resources=resources)


def test_an_older_server_is_sent_everything_after_a_look(catalog: LocalCatalog, opened: Open) -> None:
    with older(catalog).running() as server:
        client = api("v1", discoveryServiceUrl=server.template, token=TOKEN)
        collection = edit(opened(client), a="mine")
        edit(opened(client), new="theirs").save()
        server.requests.clear()
        collection.save()
        assert [request.method for request in server.requests] == ["GET", "PUT"]
        assert "replace_files" not in server.requests[1].body
        assert contents(opened()) == FILES | {"a": b"mine", "new": b"theirs"}


@pytest.mark.parametrize("status", [400, 413])
def test_a_server_that_cannot_do_it_is_sent_everything(server: ApiServer, opened: Open, uuid: str, status: int) -> None:
    def picky(request: Recorded) -> Answer:
        return refusal(status, "no current/") if "replace_files" in request.body else server.usual(request)

    server.handlers[f"PUT collections/{uuid}"] = picky
    collection = edit(opened(), a="mine")
    collection.save()
    assert [("replace_files" in request.body) for request in saves(server)] == [True, False]
    assert collection.committed()
    assert contents(opened()) == FILES | {"a": b"mine"}


@pytest.mark.parametrize("status", [401, 403, 404, 422])
def test_a_refusal_of_another_kind_is_raised(server: ApiServer, opened: Open, uuid: str, status: int) -> None:
    server.handlers[f"PUT collections/{uuid}"] = lambda request: refusal(status, "no")
    collection = edit(opened(), a="mine")
    with pytest.raises(errors.ApiError, match="no") as caught:
        collection.save()
    assert caught.value.status_code == status
    assert len(saves(server)) == 1
    assert contents(collection)["a"] == b"mine"


def test_the_content_of_a_record_of_another_cluster_is_not_saved(catalog: LocalCatalog, opened: Open) -> None:
    with ApiServer(catalog, uuidPrefix="other").running() as server:
        collection = opened(api("v1", discoveryServiceUrl=server.template, token=TOKEN))
        collection.save(properties={"k": "v"})
        edit(collection, a="mine")
        with pytest.raises(AssertionError, match="another cluster"):
            collection.save()
        assert len(saves(server)) == 1
        collection.save_new("copy")


@pytest.fixture
def theirs(server: ApiServer) -> Iterator[Any]:
    """The official API client of the server."""
    client = official.api("v1", discoveryServiceUrl=server.template, token=TOKEN)
    yield client
    client.close_connections()


def test_the_official_api_object_in_our_collection(server: ApiServer, opened: Open, uuid: str, theirs: Any) -> None:
    collection = edit(opened(theirs), a="mine")
    meanwhile(server, uuid, edit(opened(), new="theirs").save)
    collection.save()
    assert contents(opened(theirs)) == FILES | {"a": b"mine", "new": b"theirs"}
    assert "replace_files" in saves(server)[0].body
    server.handlers[f"PUT collections/{uuid}"] = lambda request: (
        refusal(400, "no") if "replace_files" in request.body else server.usual(request)
    )
    edit(collection, a="again").save()
    assert contents(opened())["a"] == b"again"


def test_our_api_object_in_the_official_collection(
    client: ThreadSafeAPIClient, keep: MemoryKeep, opened: Open, uuid: str
) -> None:
    collection = official_collection.Collection(uuid, api_client=client, keep_client=keep)
    with collection.open("d/new", "w") as file:
        file.write("new")
    collection.rename("a", "renamed")
    collection.save()
    assert contents(opened()) == {"renamed": b"aaa", "d/b": b"bbb", "d/e/c": b"ccccc", "d/new": b"new"}
    made = official_collection.Collection(api_client=client, keep_client=keep)
    made.save_new(name="another")
    reader = official_collection.CollectionReader(made.manifest_locator(), api_client=client, keep_client=keep)
    assert list(reader) == []


@pytest.mark.parametrize("seed", range(5))
def test_writers_of_different_files_lose_nothing(server: ApiServer, opened: Open, uuid: str, seed: int) -> None:
    """One of them saves within the save of another, again and again, each at paths of its own."""
    chance = random.Random(seed)
    expected = dict(FILES)

    def work(collection: Collection, own: str) -> None:
        path = f"{own}/{chance.choice('xyz')}/{chance.choice('123')}"
        if path in expected and chance.random() < 0.4:
            collection.remove(path)
            del expected[path]
        else:
            expected[path] = str(chance.random()).encode()
            collection.write_bytes(path, expected[path])

    writers = {own: opened() for own in ("p", "q", "r")}
    for _ in range(15):
        (outer, first), (inner, second) = chance.sample(sorted(writers.items()), 2)
        work(first, outer)
        work(second, inner)
        meanwhile(server, uuid, second.save)
        first.save()
        assert contents(opened()) == expected
        assert first.committed()
