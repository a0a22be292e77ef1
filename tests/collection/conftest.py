"""A Keep in memory for each test of collections, and collections on it that end with nothing unsaved."""

from collections.abc import Iterator
from typing import Any, Literal, Protocol, TypeAlias

import pytest

from contents import Folder, become
from keepset import CollectionWriter, Manifest
from keepset.collection import Collection
from memory_keep import MemoryKeep, StubApi
from samples import DATA


class Maker(Protocol):
    """Makes a collection from what `Collection` takes, on the Keep of the test unless it names another one."""

    def __call__(self, source: Any = None, **options: Any) -> Collection: ...


@pytest.fixture
def keep() -> MemoryKeep:
    """The Keep of the test."""
    return MemoryKeep()


@pytest.fixture
def writer(keep: MemoryKeep) -> CollectionWriter:
    """A writer on the Keep of the test."""
    return CollectionWriter(StubApi(keep))


@pytest.fixture
def stored(keep: MemoryKeep) -> None:
    """The blocks of the samples are in the Keep of the test."""
    keep.blocks.update(MemoryKeep(DATA).blocks)


@pytest.fixture
def make(keep: MemoryKeep) -> Iterator[Maker]:
    """Makes collections; what is not saved at the end is, since they warn of data that would be lost."""
    made: list[Collection] = []

    def new(source: Any = None, **options: Any) -> Collection:
        made.append(Collection(source, **{"keep_client": keep} | options))
        return made[-1]

    yield new
    for collection in made:
        collection.manifest_text()
        collection.stop_threads()


Sides: TypeAlias = tuple[Collection, Collection, Collection]
"""What two collections began with, and the two."""


Stored: TypeAlias = Literal["ours", "theirs", "both", "neither"]
"""Whose new bytes are stored; the others are in memory."""


class MakerOfSides(Protocol):
    """Makes a collection, and two that have become of it."""

    def __call__(self, base: Folder, ours: Folder, theirs: Folder, stored: Stored = "neither") -> Sides: ...


@pytest.fixture
def sides(make: Maker) -> MakerOfSides:
    """Makes collections to be brought together."""

    def new(base: Folder, ours: Folder, theirs: Folder, stored: Stored = "neither") -> Sides:
        began = make()
        become(began, base)
        text = began.manifest_text()
        here, there = make(Manifest.parse(text)), make(Manifest.parse(text))
        for name, side, tree in (("ours", here, ours), ("theirs", there, theirs)):
            become(side, tree)
            if stored in (name, "both"):
                side.flush()
        return began, here, there

    return new
