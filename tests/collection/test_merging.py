"""What leads from one collection to another, bringing it to a third, and joining collections.

The same cases go through `apply` and `update`, with bytes that are stored and bytes that are still in memory.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Any

import pytest

from contents import STAMP, become, data, folder
from keepset import Manifest, errors
from keepset.collection import ADD, DEL, MOD, TOK, Collection, CollectionReader
from merging_cases import CASES, SECOND
from samples import SIGNATURE, TREE, A, B, C

if TYPE_CHECKING:
    from collections.abc import Callable

    from collection.conftest import Maker, MakerOfSides, Sides, Stored
    from contents import Folder
    from memory_keep import MemoryKeep

cases = pytest.mark.parametrize("case", CASES)
where_bytes_are = pytest.mark.parametrize("stored", ["both", "ours", "theirs", "neither"])


pytestmark = pytest.mark.usefixtures("frozen_time")


# The list.


def names(changes: list[Any]) -> list[tuple[str, str]]:
    return [change[:2] for change in changes]


def test_the_list_has_what_is_gone_then_what_there_is(make: Maker) -> None:
    old = make(f". {A} {B} 0:3:b 3:3:a 0:3:same\n./d {C} 0:5:c\n./d/e {A} 0:3:f\n./gone {A} 0:3:f\n./kind {A} 0:3:f\n")
    new = make(f". {A} {B} 3:3:same2 0:3:kind 0:3:same 0:3:a\n./d {C} 0:4:c\n./d/e {B} 0:3:g\n./new/er {A} 0:3:f\n")
    changes = old.diff(new)
    assert type(changes) is list
    assert names(changes) == [
        (DEL, "./b"),
        (DEL, "./gone"),
        (ADD, "./same2"),
        (MOD, "./kind"),
        (TOK, "./same"),
        (MOD, "./a"),
        (MOD, "./d/c"),
        (DEL, "./d/e/f"),
        (ADD, "./d/e/g"),
        (ADD, "./new"),
    ]
    assert names(old.diff(new, changes_only=True)) == [name for name in names(changes) if name[0] != TOK]
    items = {path: item for _, path, *item in changes}
    assert (items["./b"], items["./new"], items["./same"]) == ([old["b"]], [new["new"]], [old["same"], new["same"]])
    assert items["./kind"] == [old["kind"], new["kind"]]


@pytest.mark.parametrize(("prefix", "path"), [(".", "./a"), ("", "a"), ("x", "x/a"), ("x/y/", "x/y/a"), ("/", "/a")])
def test_paths_begin_with_the_prefix(make: Maker, prefix: str, path: str) -> None:
    changes = make(f". {A} 0:3:a\n./d/e {A} 0:3:f\n").diff(make(), prefix)
    assert [change[1] for change in changes] == [path, path[:-1] + "d"]


def test_subcollections_can_be_compared(make: Maker) -> None:
    collection = make(f". {A} 0:3:a\n./d {A} {B} 0:3:a 3:3:b\n./d/e {A} 0:3:f\n")
    assert names(collection["d"].diff(collection)) == [(DEL, "./b"), (DEL, "./e"), (TOK, "./a"), (ADD, "./d")]
    assert names(collection.diff(collection["d"]["e"], "p")) == [(DEL, "p/a"), (DEL, "p/d"), (ADD, "p/f")]
    assert collection["d"].diff(collection["d"], changes_only=True) == []


def test_items_stay_as_they_were(make: Maker) -> None:
    old, new = make(), make()
    become(old, {"f": b"old", "d": {"g": b"gone"}})
    become(new, {"f": b"new"})
    changes = old.diff(new)
    old.write_bytes("f", b"later")
    new.remove("f")
    (_, _, directory), (_, _, before, after) = changes
    assert folder(directory) == {"g": b"gone"}
    assert (before.readfrom(0, 9, 0), after.readfrom(0, 9, 0)) == (b"old", b"new")
    for item in (directory, before, after):
        assert not item.writable()
    with pytest.raises(OSError, match="read-only") as caught:
        before.writeto(0, b"x", 0)
    assert caught.value.errno == errno.EROFS


def test_copies_for_the_list_can_be_made_somewhere(make: Maker) -> None:
    old, new, holding = make(), make(), make()
    become(old, {"f": b"old", "d": {"g": b"gone"}, "same": b"s"})
    become(new, {"f": b"new", "same": b"s"})
    changes = old.diff(new, holding_collection=holding)
    assert names(changes) == names(old.diff(new))
    items = [item for _, _, *items in changes for item in items]
    assert all(item.parent is holding and item.writable() for item in items)
    assert folder(holding) == {}
    old.apply(changes)
    assert folder(old) == {"f": b"new", "same": b"s"}


@pytest.mark.parametrize("other", [None, "text", 5, object()])
def test_what_is_no_collection_is_refused(make: Maker, other: Any) -> None:
    collection = make(TREE)
    for work in (collection.diff, collection.merge_from, collection.update):
        if other is not None or work != collection.update:
            with pytest.raises(errors.ArgumentError, match="collection"):
                work(other)
    assert (collection.committed(), collection.manifest_text()) == (True, TREE)


@pytest.mark.usefixtures("stored")
def test_manifests_and_readers_are_collections(make: Maker, keep: MemoryKeep) -> None:
    text = f". {A} 0:3:n\n"
    for other in (Manifest.parse(text), CollectionReader(text, keep_client=keep)):
        collection = make(TREE)
        collection.apply(collection.diff(other))
        assert folder(collection) == {"n": b"aaa"}
        collection = make(TREE)
        collection.update(other)
        assert folder(collection) == {"n": b"aaa"}
        collection = make(TREE)
        collection["d"].merge_from(other)
        assert folder(collection["d"]) == {"c": b"ccccc", "e": {"f": b"aaa"}, "n": b"aaa"}
    assert names(CollectionReader(TREE).diff(Manifest.parse(TREE), changes_only=True)) == []


# Bringing changes to a collection.


@cases
@where_bytes_are
def test_what_comes_of_changes_on_both_sides(sides: MakerOfSides, case: str, stored: Stored) -> None:
    base_tree, our_tree, their_tree, expected = CASES[case]
    base, ours, theirs = sides(base_tree, our_tree, their_tree, stored)
    copy = ours.clone()
    ours.update(theirs)
    copy.apply(base.diff(theirs))
    assert folder(ours) == expected
    assert folder(copy) == expected
    assert folder(theirs) == their_tree
    for result in (ours, copy):
        assert folder(Collection(result.manifest_text(), keep_client=result._my_keep())) == expected


@cases
@where_bytes_are
def test_what_leads_to_a_collection_makes_it(sides: MakerOfSides, case: str, stored: Stored) -> None:
    base_tree, our_tree, their_tree, _ = CASES[case]
    _, ours, theirs = sides(base_tree, our_tree, their_tree, stored)
    changes = ours.diff(theirs)
    ours.manifest_text()  # what was in memory when the list was made is stored now
    ours.apply(changes)
    assert folder(ours) == their_tree


@cases
def test_changes_are_brought_to_a_subcollection(sides: MakerOfSides, make: Maker, case: str) -> None:
    base_tree, our_tree, their_tree, expected = CASES[case]
    base, ours, theirs = sides(base_tree, our_tree, their_tree)
    top = make()
    top.mkdirs("p").merge_from(ours)
    top["p"].apply(base.diff(theirs))
    assert folder(top) == {"p": expected}
    top.mkdirs("q").merge_from(ours)
    top.apply(base.diff(theirs, "q"))
    assert folder(top) == {"p": expected, "q": expected}


def test_l11_a_conflict_that_comes_twice_has_two_names(sides: MakerOfSides) -> None:
    base, ours, theirs = sides({"f": b"0"}, {"f": b"1"}, {"f": b"2"})
    changes = base.diff(theirs)
    ours.apply(changes)
    ours.apply(changes)
    assert folder(ours) == {"f": b"1", f"f{STAMP}": b"2", f"f{SECOND}": b"2"}


def test_changes_that_have_been_made_are_none(sides: MakerOfSides) -> None:
    base, ours, theirs = sides({"f": b"0", "g": b"0"}, {"f": b"0", "g": b"0"}, {"f": b"2", "h": b"2"})
    changes = base.diff(theirs)
    for _ in range(2):
        ours.apply(changes)
        assert folder(ours) == {"f": b"2", "h": b"2"}


def test_an_empty_list_changes_nothing(make: Maker) -> None:
    collection = make(TREE)
    collection.apply([])
    assert collection.committed()
    collection.apply(collection.diff(collection))
    assert not collection.committed()  # as 3.2.1: whoever applies a list wants to save it
    assert collection.manifest_text() == TREE


def test_equal_files_take_the_better_signature(make: Maker) -> None:
    old, new = (f". {A}{SIGNATURE}{expiry} 0:3:f\n" for expiry in ("70000000", "7fffffff"))
    for text, other in ((old, new), (new, old)):
        collection = make(text)
        collection.apply(collection.diff(make(other)))
        assert collection.manifest_text() == new
        collection = make(text)
        collection.merge_from(make(other))
        assert [segment.locator for segment in collection["f"].segments()] == [new.split()[1]]


ITEM = Collection(f". {A} 0:3:n\n")["n"]


@pytest.mark.parametrize(
    "change",
    [
        (),
        (ADD,),
        (ADD, "n"),
        (ADD, "n", ITEM, ITEM),
        (DEL, "n", ITEM, ITEM),
        (MOD, "n", ITEM),
        (TOK, "n", ITEM),
        (MOD, "n", ITEM, ITEM, ITEM),
        ("write", "n", ITEM),
        (None, "n", ITEM),
        (ADD, "n", None),
        (ADD, "n", b"bytes"),
        (MOD, "n", ITEM, "text"),
        (ADD, 5, ITEM),
        (ADD, b"n", ITEM),
        (ADD, None, ITEM),
        "add",
        None,
        5,
        *((ADD, path, ITEM) for path in ("", ".", "..", "./", "/", "/n", "n/", "a//n", "../n", "d/../n", "d/./n")),
        (ADD, "\ud800", ITEM),
        (DEL, "..", ITEM),
    ],
    ids=repr,
)
def test_a_list_with_a_bad_change_does_nothing(make: Maker, change: Any) -> None:
    collection = make(TREE)
    told: list[Any] = []
    collection.subscribe(lambda *event: told.append(event))
    for bad in ([change], [(ADD, "good", ITEM), change]):
        with pytest.raises(errors.ArgumentError):
            collection.apply(bad)
    assert (collection.committed(), told, collection.manifest_text()) == (True, [], TREE)


def test_readers_are_not_changed() -> None:
    reader = CollectionReader(TREE)
    changes = reader.diff(Collection())
    for directory in (reader, reader["d"]):
        for work in (
            lambda directory=directory: directory.apply(changes),
            lambda directory=directory: directory.merge_from(Collection()),
            lambda: reader.update(Collection()),
            lambda: reader.update(),
        ):
            with pytest.raises(OSError, match="read-only") as caught:
                work()
            assert caught.value.errno == errno.EROFS
    assert reader.manifest_text() == TREE


# Open files.


@pytest.fixture(params=["apply", "update"])
def bring(request: pytest.FixtureRequest) -> Callable[[Sides], None]:
    """Brings what became of one side to the other."""

    def work(sides: Sides) -> None:
        base, ours, theirs = sides
        if request.param == "apply":
            ours.apply(base.diff(theirs))
        else:
            ours.update(theirs)

    return work


def test_a_reader_sees_the_new_bytes(sides: MakerOfSides, bring: Callable[[Sides], None]) -> None:
    three = sides({"f": b"old bytes"}, {"f": b"old bytes"}, {"f": b"new bytes"}, "both")
    ours = three[1]
    with ours.open("f", "rb") as reader:
        assert reader.read(4) == b"old "
        node = ours["f"]
        bring(three)
        assert reader.read() == b"bytes"
        reader.seek(0)
        assert reader.read() == b"new bytes"
        assert ours["f"] is node


def test_a_writer_goes_on(sides: MakerOfSides, bring: Callable[[Sides], None]) -> None:
    same: Folder = {"mine": b"0", "theirs": b"0", "both": b"0"}
    three = sides(same, same, {"mine": b"0", "theirs": b"22", "both": b"22"}, "both")
    ours = three[1]
    writers = {name: ours.open(name, "rb+") for name in same}
    for name in ("mine", "both"):
        writers[name].write(b"1")
    bring(three)
    for writer in writers.values():
        writer.write(b"1")
        writer.close()
    assert folder(ours) == {"mine": b"11", "theirs": b"12", "both": b"11", f"both{STAMP}": b"22"}
    text = ours.manifest_text()
    assert folder(Collection(text, keep_client=ours._my_keep())) == folder(ours)


def test_what_was_removed_there_lives_on_in_its_handles(sides: MakerOfSides, bring: Callable[[Sides], None]) -> None:
    tree: Folder = {"f": b"0", "d": {"g": b"0", "x": b"0"}, "k": b"0"}
    three = sides(tree, tree, {"d": {"g": b"0"}, "k": {"n": b"2"}}, "both")
    ours = three[1]
    with ours.open("f", "ab") as gone, ours.open("k", "rb") as replaced:
        file, directory = ours["f"], ours["d"]
        inside, kind = directory["x"], ours["k"]
        bring(three)
        gone.write(b"1")
        assert (data(file), data(inside), replaced.read(), data(kind)) == (b"01", b"0", b"0", b"0")
    assert ours["d"] is directory
    assert (file.parent, inside.parent, kind.parent) == (ours, directory, ours)
    assert folder(ours) == {"d": {"g": b"0"}, "k": {"n": b"2"}}
    assert folder(Collection(ours.manifest_text(), keep_client=ours._my_keep())) == folder(ours)


def test_bytes_in_memory_are_shared_and_not_stored(make: Maker, keep: MemoryKeep) -> None:
    ours, theirs = make(), make()
    become(theirs, {"f": b"one", "d": {"g": b"two"}})
    ours.apply(ours.diff(theirs))
    ours.mkdirs("e").merge_from(theirs["d"])
    theirs.write_bytes("f", b"other")
    theirs.remove("d", recursive=True)
    assert keep.puts == []
    assert folder(ours) == {"f": b"one", "d": {"g": b"two"}, "e": {"g": b"two"}}
    theirs.manifest_text()
    assert folder(Collection(ours.manifest_text(), keep_client=keep)) == folder(ours)


def test_bytes_in_memory_that_are_not_taken_are_forgotten(sides: MakerOfSides) -> None:
    base, ours, theirs = sides({"f": b"0"}, {"f": b"1"}, {"f": b"1"}, "ours")
    ours.apply(base.diff(theirs))
    assert ours.block_manager.pending() == []
    theirs.write_bytes("g", b"2")
    ours.merge_from(theirs, "ours")
    assert [buffer.data for buffer in ours.block_manager.pending()] == [b"2"]
    with pytest.raises(errors.ArgumentError):
        ours.apply([(ADD, "..", theirs["f"])])
    assert [buffer.data for buffer in ours.block_manager.pending()] == [b"2"]


def test_a_writer_on_the_other_side_goes_on(make: Maker) -> None:
    ours, theirs = make(), make()
    with theirs.open("f", "wb") as writer:
        writer.write(b"one")
        ours.apply(ours.diff(theirs))
        writer.write(b"two")
        ours.mkdirs("d").merge_from(theirs)
        writer.seek(0)
        writer.write(b"O")
    assert folder(ours) == {"f": b"one", "d": {"f": b"onetwo"}}
    assert folder(theirs) == {"f": b"Onetwo"}
    assert folder(Collection(ours.manifest_text(), keep_client=ours._my_keep())) == folder(ours)
