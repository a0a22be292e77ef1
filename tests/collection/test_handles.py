"""A file or directory has one object as long as anybody holds it, wherever it goes and even when it is removed."""

from __future__ import annotations

import gc
import weakref
from typing import TYPE_CHECKING, Any

import pytest

from contents import folder
from keepset.collection import Collection, Subcollection
from samples import TREE, A, B

if TYPE_CHECKING:
    from collection.conftest import Maker
    from memory_keep import MemoryKeep

pytestmark = pytest.mark.usefixtures("stored")


def test_one_object_for_one_node(make: Maker) -> None:
    collection = make(TREE)
    assert collection["a"] is collection["a"] is collection.find("./a") is dict(collection.items())["a"]
    assert collection["d"]["e"] is collection.find("d/e/") is collection["d"].find("e")
    assert collection["d"].parent is collection["d"].root_collection() is collection["a"].parent is collection
    assert collection.open("a", "rb").arvadosfile is collection["a"] is collection.values()[0]
    made = collection.find_or_create("new", "file")
    assert made is collection["new"]


def test_nobody_holds_it_nothing_is_kept(make: Maker) -> None:
    collection = make(TREE)
    gone = [weakref.ref(collection.find(path)) for path in ("a", "d", "d/e/f")]
    list(collection.items())
    gc.collect()
    assert [reference() for reference in gone] == [None] * 3


def test_attributes_that_a_program_sets_stay(make: Maker) -> None:
    collection = make(TREE)
    for path in ("a", "d", "d/e/f"):
        collection.find(path).fuse_entry = path
    gc.collect()
    collection.rename("d", "moved")
    collection.rename("a", "moved/a")
    assert [collection.find(path).fuse_entry for path in ("moved/a", "moved", "moved/e/f")] == ["a", "d", "d/e/f"]
    other = make()
    other.rename("moved", "here", source_collection=collection)
    gc.collect()
    assert [other.find(path).fuse_entry for path in ("here/a", "here", "here/e/f")] == ["a", "d", "d/e/f"]
    other.copy("here", "copy")
    assert other["copy"]["a"].fuse_entry is None


def test_handles_follow_a_move_and_a_save(make: Maker) -> None:
    collection = make(TREE)
    file, directory = collection.find("d/c"), collection["d"]
    with collection.open("d/c", "r+b") as opened:
        opened.write(b"1")
        collection.rename("d", "x")
        opened.write(b"2")
        assert (file.name, directory.name, file.stream_name()) == ("c", "x", "./x")
        collection.manifest_text()
        opened.write(b"3")
        assert collection.find("x/c") is file is opened.arvadosfile
    assert collection.read_bytes("x/c") == b"123cc"
    assert repr(file) == "<ArvadosFile 'x/c'>"


def test_a_removed_file_can_be_read_and_written_and_put_back(make: Maker) -> None:
    collection = make(TREE)
    file = collection["a"]
    with collection.open("a", "r+b") as opened:
        collection.remove("a")
        assert "a" not in collection
        opened.write(b"new")
        opened.seek(0, 2)
        opened.write(b" and more")
        opened.seek(0)
        assert opened.read() == b"new and more"
    assert file.size() == 12
    assert file.parent is collection
    collection.write_bytes("a", b"other")
    assert collection["a"] is not file
    assert file.readfrom(0, 20, 0) == b"new and more"
    collection.add(file, "back")
    assert collection.read_bytes("back") == b"new and more"
    collection.add(file, "again", reparent=True)
    assert collection["again"] is file
    assert make(collection.manifest_text()).read_bytes("again") == b"new and more"


def test_a_removed_subcollection_goes_on_by_itself(make: Maker) -> None:
    collection = make(TREE)
    directory, below = collection["d"], collection.find("d/e/f")
    collection.remove("d", recursive=True)
    assert sorted(folder(directory)) == ["c", "e"]
    assert (directory["e"]["f"] is below, below.readfrom(0, 3, 0)) == (True, b"aaa")
    assert (directory.parent, directory.root_collection()) == (collection, collection)
    directory.write_bytes("new", b"new")
    directory.remove("c")
    directory.rename("e/f", "f")
    assert folder(directory) == {"e": {}, "new": b"new", "f": b"aaa"}
    assert folder(collection) == {"a": b"aaa", "b": b"bbb"}
    assert collection.portable_manifest_text() == f". {A} {B} 0:3:a 3:3:b\n"
    collection.add(directory, "back", reparent=True)
    assert collection["back"] is directory
    assert folder(collection)["back"] == {"e": {}, "new": b"new", "f": b"aaa"}


def test_an_overwritten_file_is_what_it_was(make: Maker) -> None:
    collection = make(TREE)
    old, reader = collection["a"], collection.open("a", "rb")
    collection.rename("b", "a", overwrite=True)
    assert collection.read_bytes("a") == b"bbb"
    assert (reader.read(), old.readfrom(0, 9, 0)) == (b"aaa", b"aaa")
    collection.write_bytes("new", b"in memory")
    pending = collection.open("new", "rb")
    collection.copy("a", "new", overwrite=True)
    collection.manifest_text()
    assert (pending.read(), collection.read_bytes("new")) == (b"in memory", b"bbb")


def test_a_file_moved_to_another_collection_takes_its_writer_along(make: Maker) -> None:
    collection, other = make(TREE), make()
    with collection.open("new", "wb") as opened:
        opened.write(b"before ")
        other.rename("new", "here", source_collection=collection)
        opened.write(b"after")
        assert other["here"] is opened.arvadosfile
    assert "new" not in collection
    assert other.read_bytes("here") == b"before after"
    assert make(other.manifest_text()).read_bytes("here") == b"before after"


def test_a_subcollection_is_made_apart_and_added(make: Maker) -> None:
    collection = make(TREE)
    apart = Subcollection(collection, "apart")
    apart.write_bytes("x/y", b"data")
    assert "apart" not in collection
    assert (apart.name, apart.parent, apart.num_retries) == ("apart", collection, collection.num_retries)
    collection.add(apart, "added")
    assert collection.read_bytes("added/x/y") == b"data"
    copy = collection["d"].clone()
    assert (copy == collection["d"], copy is collection["d"], copy.name) == (True, False, "d")


def test_saved_state_of_files_and_directories(make: Maker) -> None:
    collection = make(TREE)
    items = [collection, collection["a"], collection["d"], collection.find("d/e"), collection.find("d/e/f")]
    assert [item.committed() for item in items] == [True] * 5
    assert [item.modified() for item in items] == [False] * 5
    collection.find("d/e/f").writeto(0, b"X", 0)
    assert [item.committed() for item in items] == [False, True, False, False, False]
    collection.set_unmodified()
    assert [item.committed() for item in items] == [True] * 5
    items[3].set_committed(False)
    assert [item.modified() for item in items] == [True, False, True, True, False]
    items[0].set_committed()
    collection.rename("a", "d/a")
    assert [item.committed() for item in (collection, items[2], items[3])] == [False, False, True]


def test_a_callback_keeps_its_collection(make: Maker) -> None:
    collection = make(TREE)
    seen: list[Any] = []
    collection["d"].subscribe(lambda *event: seen.append(event))
    gc.collect()
    new = collection.find_or_create("d/new", "file")
    assert seen == [("add", collection["d"], "new", new)]
    collection["d"].unsubscribe()
    collection.find_or_create("d/other", "file")
    assert len(seen) == 1


def test_thousands_of_collections_leave_nothing(keep: MemoryKeep) -> None:
    references = []
    for number in range(200):
        collection = Collection(TREE, keep_client=keep)
        collection.write_bytes("new", b"%d" % number)
        collection["d"].mark = collection
        collection.manifest_text()
        references.append(weakref.ref(collection))
    del collection
    gc.collect()
    assert not any(reference() for reference in references)
