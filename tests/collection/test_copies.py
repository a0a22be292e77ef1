"""Collections that are pickled and copied."""

from __future__ import annotations

import copy
import pickle
from typing import TYPE_CHECKING, Any

import pytest

import keepset
from contents import folder
from keepset.collection import Collection, CollectionReader
from samples import A, B, locator

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from collection.conftest import Maker
    from memory_keep import MemoryKeep


def test_l19_a_collection_can_be_pickled(make: Maker, keep: MemoryKeep) -> None:
    """L19: it could not, because of its locks and clients."""
    collection = make(f". {A} {B} 0:6:f\n", num_retries=3, replication_desired=1, put_threads=4)
    unchanged = pickle.loads(pickle.dumps(collection))
    assert (unchanged.committed(), unchanged.manifest_text()) == (True, f". {A} {B} 0:6:f\n")
    collection.write_bytes("d/new", b"pending")
    assert keep.puts == []
    loaded = pickle.loads(pickle.dumps(collection))
    assert keep.puts == [locator(b"pending")]  # stored first
    assert loaded == collection
    assert (loaded.num_retries, loaded.replication_desired, loaded.put_threads, loaded.packing) == (3, 1, 4, True)
    assert not pickle.loads(pickle.dumps(make(packing=False))).packing
    assert (loaded.committed(), loaded.manifest_locator(), type(loaded)) == (False, None, Collection)
    assert make(loaded.manifest_text()).read_bytes("d/new") == b"pending"
    reader = CollectionReader(f". {A} 0:3:f\n", keep_client=keep)
    assert type(pickle.loads(pickle.dumps(reader))) is CollectionReader


def test_l19_a_pickled_collection_keeps_its_record(tmp_path: Path) -> None:
    """L19: what is loaded can be saved where the other one was."""
    with keepset.open_store(tmp_path) as store:
        collection = Collection(api_client=store)
        collection.write_bytes("f", b"data")
        collection.save_new("name", properties={"a": 1})
        loaded = pickle.loads(pickle.dumps(collection))
        assert (loaded.manifest_locator(), loaded.get_properties()) == (collection.manifest_locator(), {"a": 1})
        assert loaded.portable_data_hash() == collection.portable_data_hash()


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize("make_copy", [copy.copy, copy.deepcopy], ids=["copy", "deepcopy"])
def test_l19_a_copy_goes_its_own_way(make_copy: Callable[[Any], Any], make: Maker) -> None:
    """L19: `copy.deepcopy` failed likewise."""
    collection = make(f". {A} {B} 0:6:f\n./d {B} 0:3:g\n")
    collection.write_bytes("pending", b"pending")
    other = make_copy(collection)
    assert (other == collection, other is collection, type(other)) == (True, False, Collection)
    collection.write_bytes("pending", b"changed")
    other.write_bytes("f", b"other")
    other.remove("d", recursive=True)
    assert folder(collection) == {"f": b"aaabbb", "d": {"g": b"bbb"}, "pending": b"changed"}
    assert folder(other) == {"f": b"other", "pending": b"pending"}
    assert folder(make(other.manifest_text())) == folder(other)
