"""`diff`, `apply` and `update` beside those of the official client, over drawn trees: the same lists, the same results.

Except where that is wrong:

* H38: what both sides have made alike is a conflict to it, with itself. Each such file is left out of its result.
* L16, L17: a path below what is a file here is an error to it, after the changes before that have been made.
* L11: a conflict whose name is taken is an error to it; the names that are drawn are never taken.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from contents import STAMP, become, find, folder
from keepset import Manifest
from keepset.collection import DEL, MOD, Collection
from memory_keep import MemoryKeep, StubApi
from merging_cases import CASES

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    official = pytest.importorskip("arvados.collection")

if TYPE_CHECKING:
    from collections.abc import Callable

    from contents import Folder

    Load: TypeAlias = Callable[[str], Any]

pytestmark = pytest.mark.usefixtures("frozen_time")
drawn = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # the moment is the same for all examples

names = st.sampled_from(["a", "b", "c"])
files = st.sampled_from([b"", b"0", b"1", b"22"])
trees = st.dictionaries(
    names,
    st.recursive(files, lambda below: st.dictionaries(names, below, max_size=3), max_leaves=4),
    max_size=3,
)


@st.composite
def edited(draw: st.DrawFn, tree: Folder) -> Folder:
    """A tree of which some things have been changed, removed and added."""
    result: Folder = {}
    for name, node in tree.items():
        what = draw(st.sampled_from(["keep", "keep", "keep", "change", "remove"]))
        if what == "change":
            result[name] = draw(edited(node) if isinstance(node, dict) and draw(st.booleans()) else trees | files)
        elif what == "keep":
            result[name] = node
    return result | draw(trees) if draw(st.booleans()) else result


@st.composite
def histories(draw: st.DrawFn) -> tuple[Folder, Folder, Folder]:
    """What two sides began with, and the two."""
    base = draw(trees)
    return base, draw(edited(base)), draw(edited(base))


class Both:
    """Makes collections of both libraries on one Keep."""

    def __init__(self) -> None:
        self.keep = MemoryKeep()
        self.api = StubApi(self.keep)
        self.api.config = lambda: {"StorageClasses": {}}  # type: ignore[attr-defined]  # its `update` asks for it

    def ours(self, text: str = "") -> Collection:
        """Make a collection of ours."""
        return Collection(Manifest.parse(text), keep_client=self.keep, packing=False)

    def theirs(self, text: str = "") -> Any:
        """Make a collection of the official client."""
        return official.Collection(text or None, api_client=self.api, keep_client=self.keep, num_retries=0)

    def text(self, tree: Folder) -> str:
        """Return the manifest of a tree."""
        text: str = self.made(self.ours, tree).manifest_text(normalize=True)
        return text

    @staticmethod
    def made(load: Load, tree: Folder) -> Any:
        """Make a collection that has a tree in its order."""
        collection = load("")
        become(collection, tree)
        return collection


def is_below_a_file(tree: Folder, path: str) -> bool:
    """L16, L17: whether a file is in the way."""
    parts = path.split("/")
    return any(isinstance(find(tree, "/".join(parts[:end])), bytes) for end in range(1, len(parts)))


def changes(base: Folder, theirs: Folder) -> list[tuple[str, str]]:
    """What the list has of each path, without `./`."""
    both = Both()
    found = both.made(both.ours, base).diff(both.made(both.ours, theirs), "")
    return [(kind, path) for kind, path, *_ in found]


def without_h38(result: Folder, base: Folder, ours: Folder, theirs: Folder) -> Folder:
    """Leave out the conflicts of what both sides have made alike."""
    for kind, path in changes(base, theirs):
        if kind == MOD and find(ours, path) == find(theirs, path):
            directory, _, name = path.rpartition("/")
            parent = find(result, directory) if directory else result
            assert isinstance(parent, dict)
            assert parent.pop(name + STAMP) == find(theirs, path)
    return result


Bring: TypeAlias = "Callable[[Both, Load, Folder, Folder, Folder], Any]"


def by_apply(both: Both, load: Load, base: Folder, ours: Folder, theirs: Folder) -> Any:
    collection = load(both.text(ours))
    collection.apply(load(both.text(base)).diff(load(both.text(theirs))))
    return collection


def by_update(both: Both, load: Load, base: Folder, ours: Folder, theirs: Folder) -> Any:
    collection = load(both.text(base))
    become(collection, ours)
    collection.update(load(both.text(theirs)))
    return collection


def check(bring: Bring, base: Folder, ours: Folder, theirs: Folder) -> None:
    """Hold the two results against each other."""
    both = Both()
    result = bring(both, both.ours, base, ours, theirs)
    assert folder(both.ours(result.manifest_text())) == folder(result)
    if any(is_below_a_file(ours, path) for _, path in changes(base, theirs)):
        return
    expected = without_h38(folder(bring(both, both.theirs, base, ours, theirs)), base, ours, theirs)
    assert folder(result) == expected


ways = pytest.mark.parametrize("bring", [by_apply, by_update])


@pytest.mark.parametrize("case", [case for case in CASES if case != "the name of the conflict is taken"])
@ways
def test_the_same_comes_of_the_named_cases(case: str, bring: Bring) -> None:
    base, ours, theirs, _ = CASES[case]
    check(bring, base, ours, theirs)


@drawn
@given(histories())
@ways
def test_the_same_comes_of_changes_on_both_sides(bring: Bring, history: tuple[Folder, Folder, Folder]) -> None:
    check(bring, *history)


def told(collection: Any, other: Any, prefix: str) -> list[tuple[object, ...]]:
    """The list of a diff, with what the items are in place of the items."""
    found = collection.diff(other, prefix)
    return [(kind, path, *(folder({"": item})[""] for item in items)) for kind, path, *items in found]


@drawn
@given(histories(), st.sampled_from([".", "", "x", "x/y"]))
@example(({"a": {"b": b"0"}, "b": {}}, {}, {"b": b"1", "a": {"c": {}}}), ".")
def test_the_same_lists(history: tuple[Folder, Folder, Folder], prefix: str) -> None:
    both = Both()
    base, ours, theirs = history
    for old, new in ((base, ours), (base, theirs), (ours, theirs)):
        of_ours, of_theirs = (
            told(both.made(load, old), both.made(load, new), prefix) for load in (both.ours, both.theirs)
        )
        assert of_ours == of_theirs
        assert type(both.ours().diff(both.ours())) is list


@drawn
@given(histories())
def test_a_collection_of_the_official_client_is_one_like_any_other(history: tuple[Folder, Folder, Folder]) -> None:
    both = Both()
    base, ours, theirs = history
    results = []
    for load in (both.ours, both.theirs):
        other = both.made(load, theirs)
        changed = both.made(both.ours, ours)
        changed.apply(both.made(both.ours, base).diff(other))
        updated = both.ours(both.text(base))
        become(updated, ours)
        updated.update(other)
        joined = both.made(both.ours, ours)
        joined.merge_from(other, "rename")
        results.append([folder(collection) for collection in (changed, updated, joined)])
        for directory in (name for name, node in theirs.items() if isinstance(node, dict)):
            other_directory = other[directory]
            assert [kind for kind, *_ in both.ours().diff(other_directory)].count(DEL) == 0
            joined.merge_from(other_directory, "theirs")
            results[-1].append(folder(joined))
    assert results[0] == results[1]
