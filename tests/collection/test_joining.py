"""`merge_from`: all that is in one collection comes to another, and directories that both have are joined."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from contents import become, folder
from keepset import errors
from keepset.collection import Collection
from samples import locator

if TYPE_CHECKING:
    from collection.conftest import Maker
    from contents import Folder
    from keepset._merging import OnClash
    from memory_keep import MemoryKeep

# Of each policy: what comes of what is here and what is there, or the paths that are in the way.
HERE: Folder = {"a.txt": b"1", "d": {"x": b"1", "same": b"s"}, "file": b"1", "directory": {"y": b"1"}, ".hidden": b"1"}
THERE: Folder = {
    "new": {"n": b"2"},
    "a.txt": b"2",
    "d": {"x": b"2", "same": b"s", "z": b"2"},
    "file": {"y": b"2"},
    "directory": b"2",
    ".hidden": b"2",
}
ADDED: Folder = {"new": {"n": b"2"}}
RESULTS: dict[OnClash, Folder] = {
    "ours": HERE | ADDED | {"d": {"x": b"1", "same": b"s", "z": b"2"}},
    "theirs": HERE | THERE,
    "rename": HERE
    | ADDED
    | {
        "a~2.txt": b"2",
        "d": {"x": b"1", "x~2": b"2", "same": b"s", "z": b"2"},
        "file~2": {"y": b"2"},
        "directory~2": b"2",
        ".hidden~2": b"2",
    },
}


def filled(make: Maker, tree: Folder, *, stored: bool = False) -> Collection:
    """A collection in which `d/same`, if the tree has it, is in the same block as in all others."""
    collection = make(f"./d {locator(b's')} 0:1:same\n")
    collection._my_keep().put(b"s")
    become(collection, tree)
    if stored:
        collection.flush()
    return collection


both = pytest.mark.parametrize("stored", [True, False], ids=["stored", "in memory"])


@pytest.mark.parametrize("on_conflict", RESULTS)
@both
def test_what_comes_of_names_that_both_have(make: Maker, on_conflict: OnClash, stored: bool) -> None:
    here, there = filled(make, HERE, stored=stored), filled(make, THERE, stored=stored)
    here.merge_from(there, on_conflict)
    assert folder(here) == RESULTS[on_conflict]
    assert folder(there) == THERE
    assert folder(Collection(here.manifest_text(), keep_client=here._my_keep())) == RESULTS[on_conflict]


@both
def test_nothing_is_done_about_a_conflict_unless_asked(make: Maker, stored: bool) -> None:
    here = make(filled(make, HERE).manifest_text())
    told: list[Any] = []
    here.subscribe(lambda *event: told.append(event))
    with pytest.raises(errors.MergeConflictError) as caught:
        here.merge_from(filled(make, THERE, stored=stored))
    assert sorted(caught.value.paths) == [".hidden", "a.txt", "d/x", "directory", "file"]
    assert (folder(here), here.committed(), told) == (HERE, True, [])


@both
def test_files_can_be_concatenated(make: Maker, keep: MemoryKeep, stored: bool) -> None:
    here = filled(make, {"f": b"one ", "d": {"g": b"three "}, "empty": b""}, stored=stored)
    there = filled(make, {"f": b"two", "d": {"g": b"four"}, "empty": b"", "n": b"new"}, stored=stored)
    with here.open("f", "rb") as reader:
        assert reader.read() == b"one "
        here.merge_from(there, "concatenate")
        assert reader.read() == b"two"
    expected: Folder = {"f": b"one two", "d": {"g": b"three four"}, "empty": b"", "n": b"new"}
    assert folder(here) == expected
    assert folder(Collection(here.manifest_text(), keep_client=keep)) == expected


@pytest.mark.parametrize("swapped", [False, True])
def test_a_file_and_a_directory_cannot_be_concatenated(make: Maker, swapped: bool) -> None:
    trees: list[Folder] = [{"x": b"1", "f": b"1"}, {"x": {"y": b"2"}, "f": b"2"}]
    here, there = reversed(trees) if swapped else trees
    collection = filled(make, here)
    with pytest.raises(errors.MergeConflictError) as caught:
        collection.merge_from(filled(make, there), "concatenate")
    assert (caught.value.paths, folder(collection)) == (["x"], here)


def test_l07_a_root_is_joined_with_a_root(make: Maker) -> None:
    """L7: copying the root of another collection made a directory that was called `.`, which no manifest may have."""
    here, there = filled(make, {"d": {"e": {"f": b"1"}}}), filled(make, {"d": {"e": {"g": b"2"}}, "h": b"2"})
    here.merge_from(there)
    assert folder(here) == {"d": {"e": {"f": b"1", "g": b"2"}}, "h": b"2"}
    assert [line.split()[0] for line in here.manifest_text().splitlines()] == [".", "./d/e"]


def test_names_are_chosen_that_nobody_has(make: Maker) -> None:
    here = filled(make, {"a.tar.gz": b"1", "a.tar~2.gz": b"1", "b": b"1", "no.": b"1"})
    here.merge_from(filled(make, {"a.tar.gz": b"2", "a.tar~2.gz": b"2", "b": b"2", "no.": b"2", "b~2": b"2"}), "rename")
    kept: Folder = {"a.tar.gz": b"1", "a.tar~2.gz": b"1", "b": b"1", "no.": b"1"}
    added: Folder = {"a.tar~3.gz": b"2", "a.tar~2~2.gz": b"2", "b~2": b"2", "no~2.": b"2", "b~2~2": b"2"}
    assert folder(here) == kept | added


def test_what_both_have_in_memory_is_the_same(make: Maker) -> None:
    here, there = filled(make, {"f": b"same"}), filled(make, {"f": b"same"}, stored=True)
    here.merge_from(there)
    there.merge_from(here)
    other = filled(make, {"f": b"same"})
    here.merge_from(other)
    assert folder(here) == folder(there) == {"f": b"same"}


@pytest.mark.parametrize("on_conflict", ["error", "ours", "theirs", "rename"])
def test_a_collection_has_all_that_it_has(make: Maker, on_conflict: OnClash) -> None:
    here = filled(make, HERE)
    here.merge_from(here, on_conflict)
    here.merge_from(here.clone(), on_conflict)
    assert folder(here) == HERE


def test_a_directory_and_one_inside_it(make: Maker) -> None:
    inside: Folder = {"e": {"f": b"0"}, "g": b"0"}
    here = filled(make, {"d": inside})
    here.merge_from(here["d"])
    assert folder(here) == {"d": inside, **inside}
    here = filled(make, {"d": inside})
    here["d"].merge_from(here)
    assert folder(here) == {"d": {"d": inside, **inside}}
    here = filled(make, {"d": inside})
    here.merge_from(here, "concatenate")
    assert folder(here) == {"d": {"e": {"f": b"00"}, "g": b"00"}}


def test_an_unknown_policy_is_refused(make: Maker) -> None:
    here = filled(make, {"f": b"1"})
    works: list[Any] = [here.merge_from, here.update]
    for work in works:
        with pytest.raises(errors.ArgumentError, match="on_conflict"):
            work(filled(make, {"f": b"2"}), on_conflict="newest")
    assert folder(here) == {"f": b"1"}


def test_handles_stay_those_of_the_same_file(make: Maker) -> None:
    here = filled(make, HERE)
    file, directory, replaced = here["a.txt"], here["d"], here["file"]
    with here.open("a.txt", "ab") as writer:
        writer.write(b"!")
        here.merge_from(filled(make, THERE), "theirs")
        writer.write(b"?")
    assert here["a.txt"] is file
    assert here["d"] is directory
    assert here["file"] is not replaced
    assert replaced.readfrom(0, 9, 0) == b"1"
    assert folder(here) == HERE | THERE | {"a.txt": b"2?"}
