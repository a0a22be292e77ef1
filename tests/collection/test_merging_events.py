"""What callbacks are told when collections are brought together, and what they may do meanwhile."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

import keepset
from contents import STAMP, become, folder
from keepset import errors
from keepset.collection import ADD, DEL, MOD, TOK, Collection
from merging_cases import SECOND
from samples import SIGNATURE, A, B

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from collection.conftest import Maker, MakerOfSides, Sides
    from contents import Folder

pytestmark = pytest.mark.usefixtures("frozen_time")


BASE: Folder = {
    "mine": b"0",
    "theirs": b"0",
    "gone": b"0",
    "file": b"0",
    "directory": {"x": b"0"},
    "d": {"e": {"f": b"0", "gone": b"0"}},
    "removed": {"x": b"0"},
    "all": {"x": b"0"},
}
OURS: Folder = {name: node for name, node in BASE.items() if name != "removed"} | {"mine": b"1"}
THEIRS: Folder = {
    "mine": b"2",
    "theirs": b"2",
    "file": {"x": b"2"},
    "directory": b"2",
    "d": {"e": {"f": b"2", "new": b"2"}},
    "removed": {"x": b"2"},
    "n": {"m": {"x": b"2"}},
}
TOLD = [
    (DEL, ".", "gone", "file"),
    (DEL, ".", "all", "directory"),
    (MOD, ".", "directory", ("directory", "file")),
    (ADD, ".", f"mine{STAMP}", "file"),
    (MOD, ".", "theirs", "the same"),
    (DEL, "./d/e", "gone", "file"),
    (MOD, "./d/e", "f", "the same"),
    (ADD, "./d/e", "new", "file"),
    (MOD, ".", "file", ("file", "directory")),
    (ADD, ".", "n", "directory"),
    (ADD, ".", "removed", "directory"),
    (ADD, "./removed", f"x{STAMP}", "file"),
]
"""What both ways tell, in the order of the manifests."""

Told: TypeAlias = tuple[str, str, str, object]


class Listener:
    """Notes what it is told of a collection, and looks whether it is so."""

    def __init__(self, collection: Collection) -> None:
        self.told: list[Told] = []
        self.collection = collection
        collection.subscribe(self)

    def __call__(self, event: str, parent: Any, name: str, item: Any) -> None:
        self.told.append((event, parent.stream_name(), name, self.kind(item)))
        new = item[1] if isinstance(item, tuple) else item
        assert new.parent is parent
        assert new.name == name
        assert (event != DEL and parent[name] is new) or (event == DEL and name not in parent)
        assert self.is_free()

    @staticmethod
    def kind(item: Any) -> object:
        if isinstance(item, tuple):
            old, new = item
            return "the same" if old is new else (Listener.kind(old), Listener.kind(new))
        return "directory" if hasattr(item, "items") else "file"

    def is_free(self) -> bool:
        """Whether another thread could have the lock."""
        got: list[bool] = []

        def look() -> None:
            lock: Any = self.collection.lock
            got.append(lock.acquire(timeout=5))
            lock.release()

        other = threading.Thread(target=look)
        other.start()
        other.join()
        return got == [True]


@pytest.fixture(params=["apply", "update"])
def bring(request: pytest.FixtureRequest) -> Callable[[Sides], None]:
    """Brings what became of one side to the other."""

    def work(three: Sides) -> None:
        base, ours, theirs = three
        if request.param == "apply":
            ours.apply(Collection(base.manifest).diff(theirs.manifest))
        else:
            ours.update(theirs)

    return work


def test_what_is_told_of_changes_on_both_sides(sides: MakerOfSides, bring: Callable[[Sides], None]) -> None:
    three = sides(BASE, OURS, THEIRS)
    ours = three[1]
    listener = Listener(ours)
    bring(three)
    assert listener.told == TOLD
    # Changes that have been made already are none; a conflict is one each time.
    del listener.told[:]
    bring(three)
    assert listener.told == [
        (ADD, ".", f"mine{SECOND}", "file"),
        (ADD, "./removed", f"x{SECOND}", "file"),
    ]


def test_the_collection_of_a_name_is_told_first(sides: MakerOfSides, bring: Callable[[Sides], None]) -> None:
    three = sides(BASE, OURS, THEIRS)
    ours = three[1]
    order: list[tuple[str, str]] = []
    for owner in ("d/e", "d"):
        ours.find(owner).subscribe(lambda event, _parent, name, _item, owner=owner: order.append((owner, name)))
    ours.subscribe(lambda event, parent, name, item: order.append((".", name)))
    bring(three)
    assert order[5:11] == [("d/e", "gone"), (".", "gone"), ("d/e", "f"), (".", "f"), ("d/e", "new"), (".", "new")]
    assert [name for owner, name in order if owner == "."] == [told[2] for told in TOLD]


@pytest.mark.parametrize("work", ["apply", "update", "merge_from"])
def test_new_signatures_are_told_of(make: Maker, work: str) -> None:
    old, new = (f"./d {A}{SIGNATURE}{expiry} {B} 0:3:f 3:3:g\n" for expiry in ("70000000", "7fffffff"))
    collection, other = make(old), make(new)
    listener = Listener(collection)
    for _ in range(2):
        if work == "apply":
            collection.apply(collection.diff(other))
        else:
            getattr(collection, work)(other)
    assert listener.told == [(TOK, "./d", "f", "the same")]


def test_what_is_told_of_collections_that_are_joined(make: Maker) -> None:
    here, there = make(), make()
    become(here, {"f": b"1", "x": b"1", "d": {"g": b"1"}})
    become(there, {"f": b"2", "x": {"y": b"2"}, "d": {"g": b"2", "h": b"2"}, "n": {"m": b"2"}})
    listener = Listener(here)
    with pytest.raises(errors.MergeConflictError):
        here.merge_from(there)
    here.merge_from(make(), "theirs")
    assert listener.told == []
    here.clone().merge_from(there, "theirs")
    here.merge_from(there, "rename")
    assert sorted(listener.told) == [
        (ADD, ".", "f~2", "file"),
        (ADD, ".", "n", "directory"),
        (ADD, ".", "x~2", "directory"),
        (ADD, "./d", "g~2", "file"),
        (ADD, "./d", "h", "file"),
    ]
    del listener.told[:]
    here.merge_from(there, "theirs")
    assert sorted(listener.told, key=str) == [
        (MOD, ".", "f", "the same"),
        (MOD, ".", "x", ("file", "directory")),
        (MOD, "./d", "g", "the same"),
    ]
    del listener.told[:]
    here["d"].merge_from(there["d"], "concatenate")
    assert listener.told == [(MOD, "./d", "g", "the same"), (MOD, "./d", "h", "the same")]


def test_a_callback_that_raises_leaves_all_changes_made(sides: MakerOfSides, bring: Callable[[Sides], None]) -> None:
    quiet, loud = sides(BASE, OURS, THEIRS), sides(BASE, OURS, THEIRS)
    bring(quiet)

    def callback(*event: Any) -> None:
        raise LookupError(event[2])

    ours = loud[1]
    ours.subscribe(callback)
    with pytest.raises(LookupError, match="gone"):
        bring(loud)
    assert folder(ours) == folder(quiet[1])
    assert ours.lock.acquire(blocking=False)  # type: ignore[attr-defined]
    ours.lock.release()  # type: ignore[attr-defined]
    ours.unsubscribe()
    assert folder(Collection(ours.manifest_text(), keep_client=ours._my_keep())) == folder(ours)


def test_a_callback_may_change_what_is_brought_together(sides: MakerOfSides, bring: Callable[[Sides], None]) -> None:
    quiet, busy = sides(BASE, OURS, THEIRS), sides(BASE, OURS, THEIRS)
    bring(quiet)
    ours = busy[1]
    told: list[tuple[str, str]] = []

    def callback(event: str, parent: Any, name: str, item: Any) -> None:
        told.append((event, name))
        if len(told) == 1:
            ours.remove("directory")
            ours.rename("d", "moved")
            ours.write_bytes("theirs", b"edited")

    ours.subscribe(callback)
    bring(busy)
    expected = folder(quiet[1])
    del expected["directory"]
    expected["moved"] = expected.pop("d")
    assert folder(ours) == expected | {"theirs": b"edited"}
    assert [event for event in TOLD if (event[0], event[2]) not in told] == []
    assert folder(Collection(ours.manifest_text(), keep_client=ours._my_keep())) == folder(ours)


def test_what_a_callback_does_while_a_save_brings_both_together(tmp_path: Path) -> None:
    with keepset.open_store(tmp_path) as store:
        first = Collection(api_client=store)
        first.write_bytes("f", b"0")
        first.save_new("name")
        second = Collection(first.manifest_locator(), api_client=store)
        first.write_bytes("theirs", b"2")
        first.save()
        second.write_bytes("ours", b"1")

        def callback(event: str, parent: Any, name: str, item: Any) -> None:
            if name == "theirs":
                parent.write_bytes("callback", b"3")

        second.subscribe(callback)
        second.save()
        second.unsubscribe()
        assert second.committed()
        saved = Collection(first.manifest_locator(), api_client=store)
        assert folder(saved) == {"f": b"0", "theirs": b"2", "ours": b"1", "callback": b"3"}


def test_a_callback_that_raises_while_a_save_brings_both_together_loses_nothing(tmp_path: Path) -> None:
    with keepset.open_store(tmp_path) as store:
        first = Collection(api_client=store)
        first.write_bytes("f", b"0")
        first.save_new("name")
        second = Collection(first.manifest_locator(), api_client=store)
        first.write_bytes("f", b"2")
        first.save()
        second.write_bytes("f", b"1")

        def callback(*event: Any) -> None:
            raise LookupError

        second.subscribe(callback)
        with pytest.raises(LookupError):
            second.save()
        assert not second.committed()
        second.unsubscribe()
        second.save()
        saved = Collection(first.manifest_locator(), api_client=store)
        assert folder(saved) == {"f": b"1", f"f{STAMP}": b"2"}
