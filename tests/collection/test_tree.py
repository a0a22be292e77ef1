"""Finding, removing, copying and moving: what happens to the names, and which errors say that it cannot."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import pytest

from contents import files, folder, in_order
from keepset import Manifest, errors
from keepset.collection import COLLECTION, FILE, Collection, CollectionReader, Subcollection
from samples import TREE, A, B, C, E

if TYPE_CHECKING:
    from collection.conftest import Maker

pytestmark = pytest.mark.usefixtures("stored")


# Copying.


@pytest.mark.parametrize("target", [".", "./", ""])
def test_l07_copying_a_root_puts_its_contents_into_the_target(target: str, make: Maker) -> None:
    """L7: `copy('.', '.', source_collection=…)` made a directory that was called `.`."""
    source, collection = make(TREE), make(f". {C} 0:5:own\n")
    collection.copy(".", target, source_collection=source)
    assert files(folder(collection)) == {"own": b"ccccc", "a": b"aaa", "b": b"bbb", "d/c": b"ccccc", "d/e/f": b"aaa"}
    assert "./." not in collection.manifest_text()
    Manifest.parse(collection.manifest_text(), mode="strict")
    assert make(collection.manifest_text()) == collection


def test_l07_copying_a_root_into_a_subcollection(make: Maker) -> None:
    """L7: the contents of a root go into the subcollection as well as into a root."""
    source, collection = make(TREE), make()
    collection.copy(".", "new/", source_collection=source)
    collection.mkdirs("old").copy(".", ".", source_collection=source)
    assert in_order(folder(collection["old"])) == in_order(folder(source))


def test_l07_copying_a_root_joins_directories(make: Maker) -> None:
    """L7: what the target has in a directory of that name stays beside what is copied."""
    source, target = make(f"./d {A} 0:3:a 0:3:b\n"), make(f"./d {B} 0:3:a 0:3:c\n")
    with pytest.raises(FileExistsError, match=r"d/a"):
        target.copy(".", "", source_collection=source)
    assert sorted(target["d"]) == ["a", "c"]
    target.copy(".", "", source_collection=source, overwrite=True)
    assert target.manifest_text() == f"./d {A} {B} 0:3:a 0:3:b 3:3:c\n"


def test_l07_copying_a_root_over_what_is_there(make: Maker) -> None:
    """L7: `overwrite` holds for each of the names."""
    source, collection = make(TREE), make(f". {C} 0:5:a\n")
    with pytest.raises(FileExistsError):
        collection.copy(".", ".", source_collection=source)
    assert folder(collection) == {"a": b"ccccc"}
    collection.copy(".", ".", source_collection=source, overwrite=True)
    assert folder(collection) == folder(source)


def test_h48_overwriting_looks_at_the_name_in_the_target(make: Maker) -> None:
    """H48: the name was looked for in the collection that `copy` was called on."""
    collection = make(f". {A} 0:3:f\n./d {C} 0:5:f\n./e {B} 0:3:g\n")
    with pytest.raises(FileExistsError) as caught:
        collection.copy("f", "d/f")
    assert caught.value.errno == errno.EEXIST
    collection.copy("f", "d/f", overwrite=True)
    assert collection.read_bytes("d/f") == b"aaa"
    # Not in the target, though here: no reason to refuse.
    collection.copy("f", "e/f")
    collection.copy("e/g", "d/", overwrite=False)
    collection.rename("e/g", "d/g", overwrite=True)
    assert files(folder(collection)) == {"f": b"aaa", "d/f": b"aaa", "d/g": b"bbb", "e/f": b"aaa"}


@pytest.mark.parametrize("method", ["copy", "rename"])
def test_h48_overwriting_with_what_comes_from_a_larger_collection(method: str, make: Maker) -> None:
    """H48: the numbers of its nodes were looked up in the wrong collection as well."""
    source = make("".join(f"./d{number} {B} 0:3:f\n" for number in range(100)))
    collection = make(f". {A} 0:3:f\n./d {A} 0:3:g\n")
    getattr(collection, method)("d99/f", "f", source_collection=source, overwrite=True)
    getattr(collection, method)("d98", "d/g", source_collection=source, overwrite=True)
    assert files(folder(collection)) == {"f": b"bbb", "d/g/f": b"bbb"}
    assert source.exists("d98/f") == (method == "copy")


def test_a_copy_is_another_file(make: Maker) -> None:
    collection = make(TREE)
    collection.copy("d", "copy")
    with collection.open("copy/c", "r+b") as file:
        file.write(b"X")
    assert (collection.read_bytes("d/c"), collection.read_bytes("copy/c")) == (b"ccccc", b"Xcccc")
    collection.copy("d", "d/e")  # into itself: what is copied is what was there before
    assert files(folder(collection["d"])) == {"c": b"ccccc", "e/f": b"aaa", "e/d/c": b"ccccc", "e/d/e/f": b"aaa"}


def test_add_copies_and_moves(make: Maker) -> None:
    collection, other = make(TREE), make(f". {B} 0:3:x\n")
    collection.add(other["x"], "x")
    collection["d"].add(other["x"], "moved", reparent=True)
    assert (list(other), collection.read_bytes("x"), collection.read_bytes("d/moved")) == ([], b"bbb", b"bbb")
    with pytest.raises(FileExistsError):
        collection.add(collection["x"], "a")
    for name in ("", ".", "..", "a/b"):
        with pytest.raises(errors.ArgumentError):
            collection.add(collection["x"], name)
    collection.add(collection["x"], "a", overwrite=True)
    assert collection.read_bytes("a") == b"bbb"
    with pytest.raises(errors.ArgumentError):
        collection.add(other, "other", reparent=True)
    collection.add(other, "other")
    assert len(collection["other"]) == 0


# Moving.


@pytest.mark.parametrize("target", ["a/b2", "a/c/b2", "a/c", "a/"])
def test_l08_a_directory_cannot_be_moved_into_itself(target: str, make: Maker) -> None:
    """L8: the directory became its own parent, and everything after that a RecursionError."""
    collection = make(f"./a {A} 0:3:b\n./a/c {B} 0:3:d\n")
    before = collection.manifest_text()
    with pytest.raises(OSError, match="into itself") as caught:
        collection.rename("a", target, overwrite=True)
    assert caught.value.errno == errno.EINVAL
    assert collection.manifest_text() == before
    with pytest.raises(OSError, match="into itself"):
        collection["a"]["c"].add(collection["a"], "x", reparent=True)
    assert files(folder(collection)) == {"a/b": b"aaa", "a/c/d": b"bbb"}


def test_h55_a_moved_subtree_and_a_child_moved_out_of_it_know_where_they_are(make: Maker) -> None:
    """H55: after a subtree and then a part of it had been moved, that part still believed to be in the old place."""
    collection = make(f"./a {A} 0:3:f\n./a/b {A} 0:3:g\n./a/b/c {A} 0:3:h\n")
    b, g, c, h = (collection.find(path) for path in ("a/b", "a/b/g", "a/b/c", "a/b/c/h"))
    collection.rename("a", "moved")
    assert [item.stream_name() for item in (b, g, c, h)] == ["./moved/b", "./moved/b", "./moved/b/c", "./moved/b/c"]
    collection.rename("moved/b", "b")
    collection.rename("b/c", "c")
    assert [item.stream_name() for item in (b, g, c, h)] == ["./b", "./b", "./c", "./c"]
    assert (b.parent, g.parent, c.parent, h.parent) == (collection, b, collection, c)
    assert all(item.parent[item.name] is item for item in (b, g, c, h))
    other = make()
    other.rename("c", "taken", source_collection=collection)
    assert [item.root_collection() for item in (b, c)] == [collection, other]
    assert (c.parent is other, h.parent is c, h.stream_name(), "c" in collection) == (True, True, "./taken", False)
    h.writeto(0, b"X", 0)
    assert other.read_bytes("taken/h") == b"Xaa"
    assert (other.committed(), h.committed()) == (False, False)


def test_moving_into_a_directory_and_over_one(make: Maker) -> None:
    collection = make(TREE)
    collection.rename("a", "d")
    collection.rename("b", "d/e/")
    assert files(folder(collection)) == {"d/a": b"aaa", "d/c": b"ccccc", "d/e/b": b"bbb", "d/e/f": b"aaa"}
    with pytest.raises(OSError, match="one that it is in") as caught:
        collection.add(collection.find("d/e"), "d", overwrite=True, reparent=True)
    assert caught.value.errno == errno.EINVAL
    for source, target, error in [
        ("none", "x", FileNotFoundError),
        ("d/a", "none/x", FileNotFoundError),
        ("d/a", "d/c/x", NotADirectoryError),
        ("d/a", "d/c", FileExistsError),
    ]:
        with pytest.raises(error):
            collection.rename(source, target)


# Finding and making.


def test_h49_find_gives_none_for_what_is_not_there(make: Maker) -> None:
    """H49: a missing parent was an AttributeError."""
    collection = make(TREE)
    for path in ("no", "no/file", "no/dir/", "d/no", "d/no/x", "./no", "..", "d/.."):
        assert collection.find(path) is None, path
        assert not collection.exists(path)
    for path in ("/x", "/", "/a", "d//c", "a/b", "a/", "d/c/x", "d/c/x/y"):
        with pytest.raises(NotADirectoryError) as caught:
            collection.find(path)
        assert caught.value.errno == errno.ENOTDIR
    with pytest.raises(errors.ArgumentError):
        collection.find("")
    assert collection.find(".") is collection
    assert collection.find("./d/") is collection.find("d") is collection["d"]


def test_l16_removing_below_a_file(make: Maker) -> None:
    """L16: removing `a/b` where `a` is a file was an AttributeError."""
    collection = make(TREE)
    for path in ("a/b", "a/", "a/b/c", "d/c/x"):
        with pytest.raises(NotADirectoryError) as caught:
            collection.remove(path)
        assert caught.value.errno == errno.ENOTDIR
    assert collection.manifest_text() == TREE


@pytest.mark.parametrize("path", ["a", "a/", "d/c", "a/b", "a/b/c"])
def test_l17_a_file_where_a_collection_is_wanted(path: str, make: Maker) -> None:
    """L17: `find_or_create` returned the file when a collection was asked for."""
    collection = make(TREE)
    with pytest.raises(NotADirectoryError) as caught:
        collection.find_or_create(path, COLLECTION)
    assert caught.value.errno == errno.ENOTDIR
    with pytest.raises((NotADirectoryError, FileExistsError)):
        collection.mkdirs(path)
    assert collection.manifest_text() == TREE


def test_find_or_create(make: Maker) -> None:
    collection = make(TREE)
    assert collection.find_or_create("a", FILE) is collection["a"]
    assert collection.find_or_create("d", COLLECTION) is collection.find_or_create("d", FILE) is collection["d"]
    assert collection.find_or_create("x/y/z", FILE).stream_name() == "./x/y"
    assert isinstance(collection.find_or_create("x/w/", FILE), Subcollection)
    assert collection.find_or_create("", COLLECTION) is collection.find_or_create(".", COLLECTION) is collection
    for path in ("..", "x/..", "x/../y", "x/./y"):
        with pytest.raises(errors.ArgumentError):
            collection.find_or_create(path, FILE)
    with pytest.raises(errors.ArgumentError):
        collection.find_or_create("x", "link")
    with pytest.raises(FileExistsError):
        collection.mkdirs("d/e")


def test_h50_removing_recursively_keeps_the_parent(make: Maker) -> None:
    """H50: removing a directory below the first level failed, or took its parent along."""
    collection = make(f"./a/b/c/d {A} 0:3:efg.txt\n")
    for path in ("a", "a/b", "a/b/c", "a/b/c/d"):
        with pytest.raises(OSError, match="not empty") as caught:
            collection.remove(path)
        assert caught.value.errno == errno.ENOTEMPTY
    collection.remove("a/b", recursive=True)
    assert folder(collection) == {"a": {}}
    assert collection.manifest_text() == f"./a {E} 0:0:\\056\n"
    collection.remove("a")
    assert folder(collection) == {}
    assert collection.manifest_text() == ""
    with pytest.raises(FileNotFoundError):
        collection.remove("a")
    for path in ("", ".", "./"):
        with pytest.raises(errors.ArgumentError):
            collection.remove(path)


# What is empty is there.


def test_h51_an_empty_collection_is_a_collection(make: Maker) -> None:
    """H51: whoever asked `if collection:` took an empty one for none."""
    collection = make()
    assert not collection
    assert len(collection) == 0
    assert CollectionReader("", keep_client=collection._my_keep()) == collection
    empty = collection.mkdirs("empty")
    assert collection.find("empty") is empty
    assert collection.exists("empty")
    # A target, a parent and a source that are empty.
    other = make(TREE)
    copy = other["d"].clone(empty, "copy")
    assert copy.root_collection() is collection
    assert copy.parent is empty
    assert Subcollection(empty, "new").parent is empty
    file = other["a"].clone(empty, "file")
    assert (file.parent is empty, file.readfrom(0, 9, 0)) == (True, b"aaa")
    empty.copy("a", "a", source_collection=other)
    with pytest.raises(FileNotFoundError):
        empty.copy("b", "b", source_collection=collection.mkdirs("also empty"))
    collection.copy("also empty", "empty/below")
    assert folder(collection) == {"empty": {"a": b"aaa", "below": {}}, "also empty": {}}


def test_h51_replacing_an_empty_collection_is_a_change(make: Maker) -> None:
    """H51: what was empty was told as new when it was replaced."""
    collection = make(TREE)
    old = collection.mkdirs("empty")
    events: list[tuple[object, ...]] = []
    collection.subscribe(lambda *event: events.append(event))
    collection.add(collection["a"], "empty", overwrite=True)
    assert events == [("mod", collection, "empty", (old, collection["empty"]))]


def test_h51_a_context_that_begins_empty(make: Maker) -> None:
    with make() as collection:
        assert isinstance(collection, Collection)
        assert list(collection.keys()) == collection.values() == collection.items() == []


# Iterating.


def test_order_is_that_of_the_manifest_then_of_arrival(make: Maker) -> None:
    collection = make(f". {A} 0:3:z 0:3:a\n./m {A} 0:3:f\n")
    collection.write_bytes("b", b"1")
    collection.rename("z", "y")
    assert list(collection) == list(collection.keys()) == ["a", "m", "b", "y"]
    assert [name for name, _ in collection.items()] == [item.name for item in collection.values()] == list(collection)
    assert Manifest.parse(collection.manifest_text()).listdir() == ["a", "b", "y", "m"]


def test_changing_while_iterating(make: Maker) -> None:
    collection = make(TREE)
    keys = collection.keys()
    names = iter(collection)
    collection.copy(next(names), "copy")
    with pytest.raises(RuntimeError):
        next(names)
    assert len(keys) == 4
    for item in collection.values():
        del collection[item.name]
    assert list(keys) == []
    with pytest.raises(KeyError):
        del collection["a"]
    with pytest.raises(KeyError):
        collection["a"]
