"""Collections from one store or cluster to another."""

from __future__ import annotations

import gc
import os
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, cast

import pytest

from keepset import Manifest, open_store
from keepset.api import api
from keepset.collection import Collection
from keepset.errors import ArgumentError, NotFoundError
from keepset.transfer import copy_collections
from samples import SIGNATURE, locator
from serving import Server, run_command
from stores import run, save
from trees import MIB, CountingKeep, noise

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from keepset.session import Store
    from keepset.transfer import CopiedCollection

UNUSUAL = ("a\u00a0b", "c\u2028d", "e\u0085f", "g h\ti", "back\\slash", "ünï😀")


class Place:
    """A catalog with a Keep client that notes what it is asked for."""

    def __init__(self, api_client: Any, keep: Any = None) -> None:
        self._api_client = api_client
        self.keep: Any = keep or CountingKeep(api_client.keep)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._api_client, name)

    def records(self) -> dict[str, dict[str, Any]]:
        """All records, with their texts, by name."""
        items = self.collections().list(limit=1000, order=["uuid"]).execute()["items"]
        return {item["name"]: self.collections().get(uuid=item["uuid"]).execute() for item in items}


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Server]]:
    """Two servers, each with keys and tokens of its own."""
    with ExitStack() as stack:
        running = [Server(tmp_path_factory.mktemp(name) / "store", tls=True) for name in ("from", "to")]
        for server in running:
            stack.callback(server.close)
        yield running[0], running[1]


def client(server: Server, token: str | None = None) -> Any:
    return api("v1", host=server.host, token=token or server.token, insecure=True, cache=False)


@pytest.fixture(params=["stores", "servers"])
def places(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Place, Place]]:
    """Where to copy from and to: two stores, and two servers, which are emptied."""
    if request.param == "servers":
        pair = tuple(map(client, request.getfixturevalue("servers")))
        for found in pair:
            for item in found.collections().list(select=["uuid"], limit=1000).execute()["items"]:
                found.collections().delete(uuid=item["uuid"]).execute()
        yield Place(pair[0]), Place(pair[1])
        return
    with open_store(tmp_path / "from") as first, open_store(tmp_path / "to") as second:
        yield Place(first), Place(second)


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[tuple[Place, Place]]:
    """Two stores."""
    with open_store(tmp_path / "from") as first, open_store(tmp_path / "to") as second:
        yield Place(first), Place(second)


def make(place: Place, name: str, files: dict[str, bytes], **attributes: Any) -> str:
    """Save a collection of these files, each a block of its own, and return its UUID."""
    collection = Collection(api_client=place, keep_client=place.keep, packing=False)
    for path, data in files.items():
        collection.write_bytes(path, data)
    collection.save_new(name)
    uuid: str = collection.manifest_locator() or ""
    if attributes:
        place.collections().update(uuid=uuid, body=attributes).execute()
    return uuid


def contents(place: Place, uuid: str | None) -> dict[str, bytes]:
    collection = Collection(uuid, api_client=place, keep_client=place.keep)
    return {path: collection.read_bytes(path) for path, _ in collection.snapshot().files()}


def statuses(results: tuple[CopiedCollection, ...]) -> list[str]:
    return [result.status for result in results]


def test_a_copy_has_the_same_bytes_and_attributes(places: tuple[Place, Place]) -> None:
    source, target = places
    files = {"a": noise(100, 1), "d/b": noise(5000, 2), "d/empty": b""}
    attributes = {"description": "what it is", "properties": {"sample": ["x", 1]}, "replication_desired": 1}
    uuid = make(source, "reads", files, **attributes)
    result = copy_collections([uuid], source, target)
    (copied,) = result.collections
    assert (copied.source, copied.status, copied.name, copied.error) == (uuid, "copied", "reads", None)
    assert (copied.size, result.sent) == (5100, 5100)
    assert contents(target, copied.uuid) == files
    record, before = target.records()["reads"], source.records()["reads"]
    assert {field: record[field] for field in attributes} == attributes
    assert record["portable_data_hash"] == before["portable_data_hash"] == copied.portable_data_hash


def test_l06_unusual_names_stay_as_they_are(places: tuple[Place, Place]) -> None:
    source, target = places
    uuid = make(source, "a\u00a0\u2028b", {f"{name}/{name}": name.encode() for name in UNUSUAL})
    (copied,) = copy_collections([uuid], source, target).collections
    assert copied.name == "a\u00a0\u2028b"
    assert contents(target, copied.uuid) == {f"{name}/{name}": name.encode() for name in UNUSUAL}


def test_a_text_that_is_not_normal_stays_as_it_is(stores: tuple[Place, Place]) -> None:
    source, target = stores
    for data in (b"foo", b"bar"):
        source.keep.put(data)
    foo, bar = locator(b"foo"), locator(b"bar").replace("+3", "+003")
    text = f". {bar} {foo}{SIGNATURE}7fffffff+Kzzzzz {bar} 1:2:b 0:1:a 6:3:b\n./x {foo} 0:3:{foo}\n"
    record = source.collections().create(body={"name": "odd", "manifest_text": text}).execute()
    (copied,) = copy_collections([record["uuid"]], source, target).collections
    assert copied.error is None
    assert target.records()["odd"]["manifest_text"] == Manifest.parse(text).stripped().text
    assert contents(target, copied.uuid) == {"b": b"arbar", "a": b"b", f"x/{foo}": b"foo"}


def test_h61_each_block_is_sent_once(places: tuple[Place, Place]) -> None:
    source, target = places
    shared = noise(1000, 3)
    signed = source.keep.put(shared)
    twice = f". {signed} {signed} {signed} 0:1500:a 1500:1500:b\n./c {signed} 0:1000:d\n"
    first = source.collections().create(body={"name": "twice", "manifest_text": twice}).execute()["uuid"]
    second = make(source, "other", {"x": shared, "y": b"y"})
    result = copy_collections([first, second, first], source, target, jobs=3)
    assert statuses(result.collections) == ["copied", "copied"]
    assert sorted(target.keep.puts) == [1, 1000]
    assert result.sent == 1001
    assert contents(target, result.collections[0].uuid)["c/d"] == shared


def test_what_is_there_is_left_alone(places: tuple[Place, Place]) -> None:
    source, target = places
    uuid = make(source, "reads", {"a": b"aaa"})
    (first,) = copy_collections([uuid], source, target).collections
    again = copy_collections([uuid], source, target)
    assert (again.sent, again.collections[0].uuid, again.collections[0].status) == (0, first.uuid, "unchanged")
    renamed = copy_collections([uuid], source, target, name="other")
    assert (renamed.sent, renamed.collections[0].status, renamed.collections[0].name) == (0, "copied", "other")
    assert target.keep.puts == [3]
    assert contents(target, renamed.collections[0].uuid) == {"a": b"aaa"}
    assert sorted(target.records()) == ["other", "reads"]


def test_other_contents_of_that_name_are_an_error(places: tuple[Place, Place]) -> None:
    source, target = places
    wanted, taken = make(source, "reads", {"a": b"new"}), make(target, "reads", {"a": b"old"})
    good = make(source, "good", {"a": b"aaa"})
    target.keep.puts.clear()
    first, second = copy_collections([wanted, good], source, target).collections
    assert (first.status, first.uuid, second.status) == ("failed", None, "copied")
    assert taken in str(first.error)
    assert target.keep.puts == [3]
    assert contents(target, taken) == {"a": b"old"}


def test_a_block_that_the_source_lacks_is_named(stores: tuple[Place, Place], tmp_path: Path) -> None:
    source, target = stores
    bad = make(source, "bad", {"a": b"gone", "b": b"here"})
    good = make(source, "good", {"b": b"here", "c": b"ccc"})
    missing = locator(b"gone")
    (tmp_path / "from" / "blocks" / missing[:3] / missing[:32]).unlink()
    source.keep.block_cache.clear()
    first, second = copy_collections([bad, "x", good], source, target).collections[::2]
    assert (first.status, second.status) == ("failed", "copied")
    assert missing in str(first.error)
    assert isinstance(first.error.request_errors()[missing], NotFoundError)  # type: ignore[union-attr]
    assert list(target.records()) == ["good"]
    assert contents(target, second.uuid) == {"b": b"here", "c": b"ccc"}


def test_what_cannot_be_read_is_told(stores: tuple[Place, Place]) -> None:
    source, target = stores
    good = make(source, "good", {"a": b"aaa"})
    told: list[CopiedCollection] = []
    result = copy_collections(["zzzzz-4zz18-000000000000000", good], source, target, report=told.append)
    assert statuses(result.collections) == ["failed", "copied"]
    assert result.collections == tuple(told)
    assert (told[0].name, told[0].portable_data_hash) == ("", "")


def test_a_dry_run_does_nothing(stores: tuple[Place, Place]) -> None:
    source, target = stores
    new, there = make(source, "new", {"a": b"aaa", "b": b"aaa"}), make(source, "there", {"c": b"c"})
    make(target, "there", {"c": b"c"})
    target.keep.puts.clear()
    result = copy_collections([new, there], source, target, dry_run=True)
    assert statuses(result.collections) == ["copied", "unchanged"]
    assert (result.collections[0].uuid, result.sent, target.keep.puts) == (None, 3, [])
    assert list(target.records()) == ["there"]


def test_a_portable_data_hash_and_a_project(stores: tuple[Place, Place]) -> None:
    source, target = stores
    make(source, "reads", {"a": b"aaa"})
    pdh = source.records()["reads"]["portable_data_hash"]
    project = "zzzzz-j7d0g-000000000000000"
    (copied,) = copy_collections([pdh], source, target, project=project, name="mine").collections
    assert (copied.name, target.records()["mine"]["owner_uuid"]) == ("mine", project)
    assert statuses(copy_collections([pdh], source, target, name="mine").collections) == ["copied"]


def test_collections_without_contents_or_name(places: tuple[Place, Place]) -> None:
    source, target = places
    create = source.collections().create
    empty = [create(body={"name": name}).execute()["uuid"] for name in ("one", "two")]
    nameless = create(body={"properties": {"a": "b"}}).execute()["uuid"]
    first = copy_collections([*empty, nameless], source, target)
    assert (statuses(first.collections), first.sent) == (["copied"] * 3, 0)
    assert target.records()[first.collections[2].name]["properties"] == {"a": "b"}
    assert statuses(copy_collections([*empty, nameless], source, target).collections) == ["unchanged"] * 3


class _Hinting(Place):
    """A catalog that puts hints behind locators of three bytes: in each reply the next one, and the last again."""

    def __init__(self, api_client: Any, *hints: str) -> None:
        super().__init__(api_client)
        self._hints = list(hints)

    def collections(self) -> Any:
        return self

    def get(self, uuid: str) -> Any:
        record = super().__getattr__("collections")().get(uuid=uuid).execute()
        hint = self._hints.pop(0) if len(self._hints) > 1 else self._hints[0]
        record["manifest_text"] = record["manifest_text"].replace("+3 ", f"+3{hint} ")
        return type("Request", (), {"execute": lambda _, num_retries: record})()


def test_n13_signatures_of_the_source_are_renewed(stores: tuple[Place, Place]) -> None:
    source, target = stores
    uuid = make(source, "reads", {"a": b"aaa", "b": b"bbb"})
    hinting = _Hinting(source, f"{SIGNATURE}00000001", f"{SIGNATURE}7fffffff")
    (copied,) = copy_collections([uuid], hinting, target).collections
    assert copied.error is None
    assert [gotten[-8:] for gotten in hinting.keep.gets] == ["7fffffff"] * 2


def test_odd_hints_concern_their_collection_alone(stores: tuple[Place, Place]) -> None:
    source, target = stores
    odd, good = make(source, "odd", {"a": b"aaa"}), make(source, "good", {"b": b"four"})
    first, second = copy_collections([odd, good], _Hinting(source, "+Afoo"), target).collections
    assert (first.status, second.status) == ("failed", "copied")
    assert locator(b"aaa") in str(first.error)


def test_storage_classes_on_request(stores: tuple[Place, Place]) -> None:
    source, target = stores
    first = make(source, "one", {"a": b"a"}, storage_classes_desired=["archive"])
    second = make(source, "two", {"a": b"b"}, storage_classes_desired=["archive"])
    copy_collections([first], source, target)
    copy_collections([second], source, target, storage_classes=True)
    desired = {name: record["storage_classes_desired"] for name, record in target.records().items()}
    assert desired["two"] == ["archive"] != desired["one"]


def test_one_name_for_several_collections_is_refused(stores: tuple[Place, Place]) -> None:
    source, target = stores
    with pytest.raises(ArgumentError, match="single"):
        copy_collections(["a", "b"], source, target, name="x")
    with pytest.raises(ArgumentError, match="jobs"):
        copy_collections(["a"], source, target, jobs=0)


def test_a_thousand_small_collections(stores: tuple[Place, Place]) -> None:
    source, target = stores
    uuids = [
        str(save(cast("Store", source), f"{number}".encode(), name=f"c{number}")["uuid"]) for number in range(1000)
    ]
    seen: list[tuple[int, int, str]] = []
    result = copy_collections(uuids, source, target, progress=lambda *step: seen.append(step))
    assert [copied.source for copied in result.collections] == uuids
    assert set(statuses(result.collections)) == {"copied"}
    total = sum(len(f"{number}") for number in range(1000))
    assert {step[1] for step in seen} == {total}
    assert [step[0] for step in seen] == sorted(step[0] for step in seen)
    assert seen[-1][0] == total == result.sent


class _Block(bytes):
    """A block that is counted as long as it is in memory."""

    alive = most = 0

    def __new__(cls, data: bytes) -> _Block:
        cls.alive += 1
        cls.most = max(cls.most, cls.alive)
        return super().__new__(cls, data)

    def __del__(self) -> None:
        type(self).alive -= 1


class _CountedBlocks(CountingKeep):
    def get(self, locator: str, *args: Any, **options: Any) -> Any:
        return _Block(super().get(locator, *args, **options))


def test_memory_has_a_block_for_each_job(stores: tuple[Place, Place]) -> None:
    source, target = stores
    uuid = make(source, "large", {f"{number}": noise(1000, number) for number in range(60)})
    gc.collect()
    _Block.most = 0
    copy_collections([uuid], Place(source, _CountedBlocks(source.keep)), target, jobs=3)
    assert 1 <= _Block.most <= 4
    assert _Block.alive == 0


class _Ends(CountingKeep):
    """A Keep client at which somebody presses Ctrl-C after some blocks."""

    def __init__(self, keep: Any, after: int) -> None:
        super().__init__(keep)
        self._after = after

    def put(self, data: bytes, *args: Any, **options: Any) -> str:
        if len(self.puts) >= self._after:
            raise KeyboardInterrupt
        return super().put(data, *args, **options)


@pytest.fixture
def many(servers: tuple[Server, Server]) -> tuple[Place, Place, str]:
    """Two servers, and the UUID of a collection of ten blocks that the second one has never seen."""
    source, target = (Place(client(server)) for server in servers)
    seed = os.getrandom(8).hex()
    return source, target, make(source, seed, {f"{number}": f"{seed} {number}".encode() for number in range(10)})


def interrupted(many: tuple[Place, Place, str], note: Path) -> None:
    source, target, uuid = many
    with pytest.raises(KeyboardInterrupt):
        copy_collections([uuid], source, Place(target, _Ends(target.keep, 6)), jobs=1, checkpoint=note)


def test_what_was_sent_is_not_sent_again(many: tuple[Place, Place, str], tmp_path: Path) -> None:
    source, target, uuid = many
    note = tmp_path / "state" / "note"
    interrupted(many, note)
    assert note.stat().st_mode & 0o077 == 0
    assert target.api_token not in note.read_text()
    target.keep.puts.clear()
    (copied,) = copy_collections([uuid], source, target, checkpoint=note).collections
    assert (copied.error, len(target.keep.puts)) == (None, 4)
    assert len(contents(target, copied.uuid)) == 10
    assert not note.exists()


@pytest.mark.parametrize("spoiled", ["token", "expired", "forged", "damaged"])
def test_h62_notes_are_not_believed(
    many: tuple[Place, Place, str], servers: tuple[Server, Server], tmp_path: Path, spoiled: str
) -> None:
    source, target, uuid = many
    note = tmp_path / "note"
    interrupted(many, note)
    header, *lines = note.read_text().split("\n")
    assert len(lines) == 7
    if spoiled == "token":
        target = Place(client(servers[1], run_command(servers[1].store, "--new-token")))
    elif spoiled == "expired":
        note.write_text("\n".join([header, *(f"{line[:-8]}00000001" for line in lines if line), ""]))
    elif spoiled == "forged":
        note.write_text("\n".join([header, *(line.replace("+A", "+A0")[:-10] + line[-9:] for line in lines if line)]))
    else:
        note.write_bytes(b"\xff" + note.read_bytes())
    target.keep.puts.clear()
    (copied,) = copy_collections([uuid], source, target, checkpoint=note).collections
    assert (copied.error, len(target.keep.puts)) == (None, 10)
    assert len(contents(target, copied.uuid)) == 10


def test_a_note_that_cannot_be_written_is_done_without(
    many: tuple[Place, Place, str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source, target, uuid = many
    (tmp_path / "file").write_text("")
    (copied,) = copy_collections([uuid], source, target, checkpoint=tmp_path / "file" / "note").collections
    assert copied.error is None
    assert len(caplog.records) == 1


OFFICIAL = """
import sys, arvados
from keepset.transfer import copy_collections
hosts_and_tokens = zip(sys.argv[2::2], sys.argv[3::2])
source, target = (arvados.api("v1", host=host, token=token, insecure=True) for host, token in hosts_and_tokens)
(copied,) = copy_collections([sys.argv[1]], source, target).collections
if copied.error:
    raise copied.error
print(copied.uuid, copied.portable_data_hash)
"""


def test_clients_of_arvados_api(servers: tuple[Server, Server]) -> None:
    data = os.getrandom(2 * MIB)
    source, target = (Place(client(server)) for server in servers)
    uuid = make(source, data[:8].hex(), {"a": data})
    (printed,) = run((OFFICIAL, uuid, *(text for each in servers for text in (each.host, each.token))))
    assert printed.split()[1] == source.collections().get(uuid=uuid).execute()["portable_data_hash"]
    assert contents(target, printed.split()[0]) == {"a": data}
