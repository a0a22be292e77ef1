"""What is stored and saved when, and what is left out until then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import keepset
from keepset import Manifest
from keepset.collection import Collection
from memory_keep import MemoryKeep, StubApi
from samples import SIGNATURE, A, locator

if TYPE_CHECKING:
    from pathlib import Path

    from collection.conftest import Maker

both = pytest.mark.parametrize("packing", [True, False], ids=["packing", "not packing"])


def test_h37_what_is_pending_is_left_out_in_subdirectories_too(make: Maker, keep: MemoryKeep) -> None:
    """H37: `only_committed` held for the root alone."""
    keep.put(b"aaa")
    collection = make(f". {A} 0:3:f\n./d {A} 0:3:g\n")
    collection.write_bytes("d/e/pending", b"pending")
    collection.write_bytes("pending", b"pending")
    text = collection.manifest_text(only_committed=True)
    assert dict(Manifest.parse(text).files()) == {"f": 3, "pending": 0, "d/g": 3, "d/e/pending": 0}
    assert Manifest.parse(collection["d"].manifest_text("./x", only_committed=True)).listdir("x") == ["g", "e"]
    assert keep.puts == [A]
    collection.manifest_text()
    assert dict(Manifest.parse(collection.manifest_text(only_committed=True)).files())["d/e/pending"] == 7


def test_only_committed_keeps_the_stored_part_of_a_file(make: Maker, keep: MemoryKeep) -> None:
    keep.put(b"aaa")
    collection = make(f". {A} 0:3:f\n")
    with collection.open("f", "ab") as file:
        file.write(b"more")
        assert collection.manifest_text(only_committed=True) == f". {A} 0:3:f\n"
        file.flush()
        assert dict(Manifest.parse(collection.manifest_text(only_committed=True)).files()) == {"f": 7}


def test_what_was_flushed_is_stored_though_it_may_still_be_packed(make: Maker, keep: MemoryKeep) -> None:
    collection = make()
    with collection.open("f", "wb") as file:
        file.write(b"flushed")
        file.flush()
    collection.write_bytes("g", b"not")
    text = collection.manifest_text(only_committed=True)
    assert text == f". {locator(b'flushed')} 0:7:f 0:0:g\n"
    # That asks, and decides nothing.
    assert collection.portable_manifest_text() == f". {locator(b'flushednot')} 0:7:f 7:3:g\n"
    assert collection.manifest_text() == collection.portable_manifest_text()
    assert keep.puts == [locator(b"flushed"), locator(b"flushednot")]


def test_a_text_without_hints_stores_nothing(make: Maker, keep: MemoryKeep) -> None:
    collection = make()
    with collection.open("f", "wb") as file:
        file.write(b"open")
        collection.write_bytes("g", b"closed")
        expected = collection.portable_manifest_text()
        assert collection.portable_data_hash() == Manifest.parse(expected).portable_data_hash
        assert (keep.puts, collection.read_bytes("f")) == ([], b"open")
    assert collection.portable_manifest_text(stream_name="./x").startswith("./x ")


@both
def test_the_hash_is_that_of_what_is_saved(packing: bool, make: Maker, keep: MemoryKeep) -> None:
    keep.signature = SIGNATURE + "7fffffff"
    collection = make(packing=packing)
    for number in range(5):
        collection.write_bytes(f"d/{number}", b"%d" % number * 4)
    expected = collection.portable_data_hash()
    text = collection.save_new(create_collection_record=False)
    assert Manifest.parse(text).portable_data_hash == expected == collection.portable_data_hash()
    assert collection.stripped_manifest() == Manifest.parse(text).stripped().text != text


def test_without_a_record_the_manifest_is_stored(make: Maker, keep: MemoryKeep) -> None:
    keep.signature = SIGNATURE + "7fffffff"
    collection = make(api_client=StubApi(keep))
    collection.write_bytes("d/f", b"aaa")
    text = collection.save_new(create_collection_record=False)
    assert collection.manifest_locator() is None
    stored = keep.puts[-1]
    assert keep.blocks[stored[:32]] == Manifest.parse(text).stripped().text.encode() != text.encode()
    assert stored == collection.portable_data_hash()
    assert make(stored, api_client=StubApi(keep)).read_bytes("d/f") == b"aaa"


def change_and_fail(collection: Collection) -> None:
    with collection:
        collection.write_bytes("f", b"third")
        raise LookupError


def test_a_context_saves_the_record(tmp_path: Path) -> None:
    with keepset.open_store(tmp_path) as store:
        with Collection(api_client=store) as collection:
            collection.write_bytes("f", b"first")
            collection.save_new("name")
            collection.write_bytes("f", b"second")
        uuid = collection.manifest_locator()
        assert Collection(uuid, api_client=store).read_bytes("f") == b"second"
        changed = Collection(uuid, api_client=store)
        with pytest.raises(LookupError):
            change_and_fail(changed)
        assert Collection(uuid, api_client=store).read_bytes("f") == b"second"
        changed.save()
        assert Collection(uuid, api_client=store).read_bytes("f") == b"third"


def test_who_saves_second_brings_both_together(tmp_path: Path) -> None:
    with keepset.open_store(tmp_path) as store:
        first = Collection(api_client=store)
        first.write_bytes("f", b"0")
        first.save_new("name")
        second = Collection(first.manifest_locator(), api_client=store)
        for number, collection in enumerate((first, second)):
            collection.write_bytes(f"{number}", b"%d" % number)
        first.save()
        second.save()
        assert second.committed()
        assert sorted(Collection(first.manifest_locator(), api_client=store)) == ["0", "1", "f"]
        first.write_bytes("f", b"1")
        first.save(merge=False)
        assert sorted(Collection(first.manifest_locator(), api_client=store)) == ["0", "f"]


def test_what_is_wanted_of_blocks_goes_to_the_record_and_the_client(keep: MemoryKeep) -> None:
    class Noting(MemoryKeep):
        def put(self, data: Any, copies: int = 2, *arguments: Any, classes: Any = None, **options: Any) -> str:
            wanted.append((copies, classes))
            return super().put(data, copies)

    wanted: list[tuple[int, Any]] = []
    api = StubApi(Noting())
    collection = Collection(
        api_client=api, keep_client=api.keep, replication_desired=3, storage_classes_desired=["hot"]
    )
    collection.write_bytes("f", b"data")
    collection.save_new("name", properties={"a": "b"})
    assert wanted == [(3, ["hot"])]
    record = api.records[collection.manifest_locator() or ""]
    assert (record["replication_desired"], record["storage_classes_desired"]) == (3, ["hot"])
    loaded = Collection(collection.manifest_locator(), api_client=api, keep_client=api.keep)
    assert (loaded.replication_desired, loaded.storage_classes_desired()) == (3, ["hot"])
    own = Collection(collection.manifest_locator(), api_client=api, keep_client=api.keep, replication_desired=1)
    assert own.replication_desired == 1
    own.write_bytes("g", b"more")
    own.save(storage_classes=["cold"])
    assert wanted[1:] == [(1, ["cold"])]
    assert api.records[collection.manifest_locator() or ""]["storage_classes_desired"] == ["cold"]


def test_a_client_whose_put_has_its_own_order_of_arguments(make: Maker) -> None:
    stored: dict[str, bytes] = {}

    class Odd:
        def put(self, data: bytes, num_retries: Any = None, copies: Any = None, classes: Any = None) -> str:
            assert (copies, num_retries) == (2, 10)
            stored[locator(data)] = data
            return locator(data)

        def get(self, name: str, num_retries: int = 0) -> bytes:
            return stored[name]

    collection = make(keep_client=Odd())
    collection.write_bytes("f", b"data")
    assert make(collection.manifest_text(), keep_client=Odd()).read_bytes("f") == b"data"
