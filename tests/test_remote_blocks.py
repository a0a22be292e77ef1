"""Blocks that another cluster has signed are fetched by Keep when a collection is saved, and signed by this one."""

from __future__ import annotations

from typing import Any

import pytest

from keepset import Manifest
from keepset.collection import Collection, CollectionReader
from keepset.errors import KeepReadError
from memory_keep import MemoryKeep, StubApi
from samples import A, B

REMOTE = f"+Rzzzzz-{'1' * 40}@7fffffff"
HOME = f"+A{'2' * 40}@7fffffff"


class FederatedKeep(MemoryKeep):
    """Signs for this cluster what another one has signed.

    Attributes:
        refreshed: The locators that it was asked to sign.
    """

    def __init__(self) -> None:
        super().__init__([b"aaa", b"bbb"])
        self.signature = HOME
        self.refreshed: list[str] = []

    def refresh_signature(self, loc: str) -> str:
        """Have the block here."""
        self.refreshed.append(loc)
        if loc[:32] not in self.blocks:
            raise KeepReadError(f"no {loc}")
        return loc.split("+R")[0] + HOME


@pytest.fixture
def keep() -> FederatedKeep:
    return FederatedKeep()


def saved(collection: Collection) -> str:
    text: str = collection.api_response()["manifest_text"]  # type: ignore[index]
    return text


def make(keep: FederatedKeep, text: str, kind: Any = Collection) -> Collection:
    collection: Collection = kind(text, api_client=StubApi(keep), keep_client=keep)
    return collection


def test_a_new_record_has_signatures_of_this_cluster(keep: FederatedKeep) -> None:
    collection = make(keep, f". {A}{REMOTE} {B}{REMOTE} 0:6:f\n./d {A}{REMOTE} 0:3:a\n")
    assert collection.has_remote_blocks()
    collection.save_new("x")
    assert keep.refreshed == [A + REMOTE, B + REMOTE]  # once each
    assert saved(collection) == f". {A}{HOME} {B}{HOME} 0:6:f\n./d {A}{HOME} 0:3:a\n"
    assert collection.manifest_text() == saved(collection)
    assert not collection.has_remote_blocks()
    assert not collection["f"].has_remote_blocks()
    assert not collection["d"].has_remote_blocks()


def test_an_unmodified_text_keeps_its_form_and_so_its_portable_data_hash(keep: FederatedKeep) -> None:
    text = f". {A}{REMOTE} 1:1:b 0:1:a\n"
    collection = make(keep, text)
    collection.save_new("x")
    assert saved(collection) == f". {A}{HOME} 1:1:b 0:1:a\n"
    assert Manifest.parse(saved(collection)).portable_data_hash == Manifest.parse(text).portable_data_hash


def test_save_brings_home_what_was_copied_from_elsewhere(keep: FederatedKeep) -> None:
    collection = make(keep, f". {B}{HOME} 0:3:b\n")
    collection.save_new("x")
    assert not collection.has_remote_blocks()
    collection.copy("a", "d/a", source_collection=CollectionReader(f". {A}{REMOTE} 0:3:a\n", keep_client=keep))
    assert collection.has_remote_blocks()
    assert collection["d"].has_remote_blocks()
    assert not collection["b"].has_remote_blocks()
    with collection.open("c", "wb") as file:
        file.write(b"ccc")
    collection.save()
    assert keep.refreshed == [A + REMOTE]
    assert REMOTE not in saved(collection)
    assert f"./d {A}{HOME} 0:3:a\n" in saved(collection)
    assert [collection.read_bytes(name) for name in ("b", "c", "d/a")] == [b"bbb", b"ccc", b"aaa"]


def test_only_a_subcollection_with_such_blocks_has_them(keep: FederatedKeep) -> None:
    collection = make(keep, f"./here {A}{HOME} 0:3:a\n./there {B}{REMOTE} 0:3:b\n")
    assert [collection[name].has_remote_blocks() for name in ("here", "there")] == [False, True]


def test_h46_looking_has_no_side_effects(keep: FederatedKeep) -> None:
    collection = make(keep, f". {A}{REMOTE} 0:3:a\n")
    with collection.open("c", "wb") as file:
        file.write(b"ccc")
    collection.portable_data_hash()
    collection.portable_manifest_text()
    assert collection.has_remote_blocks()
    assert REMOTE in collection.manifest_text()
    assert keep.refreshed == []


def test_h47_without_such_blocks_nobody_is_asked(keep: FederatedKeep) -> None:
    collection = make(keep, f". {A}{HOME} 0:3:a+Rzzzzz\n./{A}{REMOTE} {B} 0:3:{A}{REMOTE}\n")
    assert not collection.has_remote_blocks()
    collection.save_new("x")
    assert keep.refreshed == []
    assert saved(collection) == f". {A}{HOME} 0:3:a+Rzzzzz\n./{A}{REMOTE} {B} 0:3:{A}{REMOTE}\n"


def test_an_unmodified_record_is_not_sent_again(keep: FederatedKeep) -> None:
    collection = make(keep, "")
    collection.save_new("x")
    collection._set_manifest(Manifest.parse(f". {A}{REMOTE} 0:3:a\n"))
    collection.save()
    assert keep.refreshed == []


def test_a_program_can_say_what_there_is(keep: FederatedKeep) -> None:
    collection = make(keep, f". {A}{REMOTE} 0:3:a\n")
    collection.set_has_remote_blocks(False)
    assert not collection.has_remote_blocks()
    collection.save_new("x")
    assert keep.refreshed == []
    collection = make(keep, f". {A}{HOME} 0:3:a\n")
    collection.set_has_remote_blocks(True)
    assert collection.has_remote_blocks()
    collection.save_new("x")
    assert not collection.has_remote_blocks()


def test_a_block_that_cannot_be_fetched_is_an_error_and_nothing_is_saved(keep: FederatedKeep) -> None:
    collection = make(keep, f". {A}{REMOTE} 0:3:a\n")
    del keep.blocks[A[:32]]
    with pytest.raises(KeepReadError):
        collection.save_new("x")
    assert collection.api_response() is None
    keep.blocks[A[:32]] = b"aaa"
    collection.save_new("x")
    assert saved(collection) == f". {A}{HOME} 0:3:a\n"


def test_a_block_with_both_signatures_is_fetched_and_gets_one(keep: FederatedKeep) -> None:
    collection = make(keep, f". {A}{REMOTE} 0:3:a\n./d {A}{HOME} 0:3:a\n")
    collection.save_new("x")
    assert saved(collection) == f". {A}{HOME} 0:3:a\n./d {A}{HOME} 0:3:a\n"


def test_the_official_client_asks_for_the_same_signatures(keep: FederatedKeep) -> None:
    official = pytest.importorskip("arvados.collection")
    text = f"./a {A}{REMOTE} 0:3:a\n./b {B}{HOME} {A}{REMOTE} 0:6:b\n"
    theirs = official.Collection(text, api_client=StubApi(keep), keep_client=keep)
    theirs.save_new("x", create_collection_record=False)
    asked = keep.refreshed.copy()
    keep.refreshed.clear()
    ours = make(keep, text)
    assert theirs.manifest_text() == ours.save_new("x", create_collection_record=False)
    assert keep.refreshed == asked == [A + REMOTE]
