"""Callbacks of a collection are told the same, in the same order, as those of the official client.

It tells MOD of a file with itself whenever it flushes one: before a move, while saving, and, for the copy, before the
ADD of a copy. In those cases (`WORKS_THAT_ALSO_FLUSH`) that is left out of the comparison.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from keepset.collection import Collection
from memory_keep import MemoryKeep, StubApi
from samples import DATA, A, B, C

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    official = pytest.importorskip("arvados.collection")

if TYPE_CHECKING:
    from collections.abc import Callable

TREE = f". {A} {B} 0:3:a 3:3:b\n./d {C} 0:5:c\n./d/e {A} 0:3:f\n"

Event: TypeAlias = tuple[str, str, str, str, object]
Work: TypeAlias = "Callable[[Any, Any], object]"


def write(path: str, mode: str, *parts: bytes) -> Work:
    def work(here: Any, there: Any) -> None:
        del there
        with here.open(path, mode) as file:
            for part in parts:
                file.write(part)

    return work


def in_steps(here: Any, there: Any) -> None:
    del there
    file = here.open("a", "rb+")
    file.write(b"x")
    file.write(b"y")
    file.flush()
    file.truncate(1)
    file.write(b"z")
    file.close()


WORKS: dict[str, Work] = {
    "write": write("a", "wb", b"x"),
    "write twice": write("a", "rb+", b"x", b"y"),
    "append": write("a", "ab", b"x"),
    "a new file": write("new", "wb", b"x"),
    "a new file, deep": write("x/y/z", "wb", b"x"),
    "an empty file": write("new", "wb"),
    "below": write("d/c", "wb", b"x"),
    "in steps": in_steps,
    "open to read": lambda here, there: here.open("a", "rb").close(),
    "open to write": lambda here, there: here.open("a", "rb+").close(),
    "mkdirs": lambda here, there: here.mkdirs("p/q"),
    "make a file": lambda here, there: here.find_or_create("p/q", "file"),
    "find it": lambda here, there: here.find_or_create("d/c", "file"),
    "remove a file": lambda here, there: here.remove("a"),
    "remove a directory": lambda here, there: here.remove("d", recursive=True),
    "remove below": lambda here, there: here.remove("d/e/f"),
    "del": lambda here, there: here.__delitem__("a"),
    "replace the contents": lambda here, there: here["a"].replace_contents(here["b"]),
    "replace with the same": lambda here, there: here["a"].replace_contents(there["a"]),
    "truncate": lambda here, there: here["a"].truncate(1),
    "write to the node": lambda here, there: here["a"].writeto(1, b"x", 0),
    "write nothing": lambda here, there: here["a"].writeto(1, b"", 0),
    "write behind the end": lambda here, there: here["a"].writeto(10, b"x", 0),
    "flush what is saved": lambda here, there: here["a"].flush(),
    "write and flush": lambda here, there: (here["d"]["c"].writeto(0, b"x", 0), here["d"]["c"].flush()),
    "set the segments": lambda here, there: here["a"].set_segments(here["b"].segments()),
}
WORKS_THAT_ALSO_FLUSH: dict[str, Work] = {
    "rename a file": lambda here, there: here.rename("a", "z"),
    "rename over a file": lambda here, there: here.rename("a", "b", overwrite=True),
    "rename into a directory": lambda here, there: here.rename("a", "d/"),
    "rename out of a directory": lambda here, there: here.rename("d/c", "z"),
    "rename a directory": lambda here, there: here.rename("d", "z"),
    "rename from elsewhere": lambda here, there: here.rename("d/c", "z", source_collection=there),
    "copy a file": lambda here, there: here.copy("a", "z"),
    "copy over a file": lambda here, there: here.copy("a", "b", overwrite=True),
    "copy a directory": lambda here, there: here.copy("d", "z"),
    "copy into a new directory": lambda here, there: here.copy("a", "n/z"),
    "copy from elsewhere": lambda here, there: here.copy("d", "d/", source_collection=there),
    "add": lambda here, there: here["d"].add(here["a"], "z"),
    "flush everything": lambda here, there: (here["a"].writeto(0, b"x", 0), here.flush()),
    "save": lambda here, there: (here["a"].writeto(0, b"x", 0), here.save_new(create_collection_record=False)),
}


def events_of(make: Callable[[str, MemoryKeep], Any], work: Work) -> list[Event]:
    """What the callbacks are told: whose it is, the kind, the collection and the name, and what the item is."""
    keep = MemoryKeep(DATA)
    here, there = make(TREE, keep), make(TREE, keep)
    told: list[Event] = []

    def callback(owner: str) -> Callable[..., None]:
        def note(event: str, parent: Any, name: str, item: Any) -> None:
            told.append((owner, event, parent.stream_name(), name, kind(item)))

        return note

    def kind(item: Any) -> object:
        if isinstance(item, tuple):
            return (*map(kind, item), item[0] is item[1])
        return type(item).__name__

    listeners = {"here": here, "here/d": here["d"], "there": there}
    for owner, listener in listeners.items():
        listener.subscribe(callback(owner))
    work(here, there)
    for listener in listeners.values():
        listener.unsubscribe()
    here.manifest_text()
    return told


def ours(work: Work) -> list[Event]:
    return events_of(lambda text, keep: Collection(text, keep_client=keep), work)


def theirs(work: Work) -> list[Event]:
    def make(text: str, keep: MemoryKeep) -> Any:
        return official.Collection(text, api_client=StubApi(keep), keep_client=keep, num_retries=0)

    return events_of(make, work)


def without_flushes(events: list[Event]) -> list[Event]:
    return [event for event in events if event[1] != "mod" or not isinstance(event[4], tuple) or not event[4][2]]


@pytest.mark.parametrize("name", WORKS)
def test_the_same_events(name: str) -> None:
    assert ours(WORKS[name]) == theirs(WORKS[name])


@pytest.mark.parametrize("name", WORKS_THAT_ALSO_FLUSH)
def test_the_same_events_but_for_flushes(name: str) -> None:
    expected = without_flushes(theirs(WORKS_THAT_ALSO_FLUSH[name]))
    assert expected
    assert without_flushes(ours(WORKS_THAT_ALSO_FLUSH[name])) == expected
