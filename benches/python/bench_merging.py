"""Comparing collections of 100,000 files, and bringing them together, beside the official client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from benches import corpora
from benches.python.conftest import scaled
from benches.python.libraries import OURS, Library, over_both

if TYPE_CHECKING:
    from collections.abc import Callable

    from benches.python.conftest import Measure

UUID = "zzzzz-4zz18-000000000000000"


class Catalog:
    """A catalog of one record, which answers at once and refuses to overwrite what has not been seen.

    Attributes:
        text: The manifest of the record.
    """

    api_token = ""
    insecure = False

    def __init__(self, library: Library, text: str) -> None:
        self._rootDesc = {"uuidPrefix": "zzzzz"}
        self.keep = library.keep
        self.text = text

    def config(self) -> dict[str, Any]:
        return {"StorageClasses": {}}

    def collections(self) -> Catalog:
        return self

    def get(self, uuid: str) -> Catalog:
        return self

    def update(self, uuid: str, body: dict[str, Any], if_match: str | None = None) -> Catalog:
        self.text = body["manifest_text"]
        return self

    def execute(self, **_: object) -> dict[str, Any]:
        return {"uuid": UUID, "manifest_text": self.text, "portable_data_hash": "", "etag": "1"}


@pytest.fixture(scope="module")
def text() -> str:
    """100,000 files in 100 directories."""
    return corpora.many_directories(scaled(100), 1000).decode()


def edited(collection: Any, name: str, number: int) -> Any:
    """Makes some edits to a collection."""
    for directory in list(collection)[:number]:
        with collection.open(f"{directory}/{name}", "wb") as file:
            file.write(name.encode())
    return collection


def touch(changes: list[Any]) -> int:
    """Looks at every item of a list."""
    return sum(1 for _, _, *items in changes for _ in items)


@over_both
def test_diff(library: Library, compare: Callable[..., Any], text: str) -> None:
    old, new = library.collection(text), library.collection(corpora.changed(text.encode()).decode())
    changes = compare("diff of collections", lambda: old.diff(new), rounds=3, items=scaled(100) * 1000, unit="file")
    assert touch(changes) > len(changes)


@over_both
def test_diff_and_look(library: Library, compare: Callable[..., Any], text: str) -> None:
    old, new = library.collection(text), library.collection(corpora.changed(text.encode()).decode())
    count = compare(
        "diff of collections, each item looked at",
        lambda: touch(old.diff(new)),
        rounds=3,
        items=scaled(100) * 1000,
        unit="file",
    )
    assert count > scaled(100) * 1000


@over_both
def test_changes_only(library: Library, compare: Callable[..., Any], text: str) -> None:
    """The official client has nothing but the whole list."""
    old, new = library.collection(text), library.collection(corpora.changed(text.encode()).decode())
    options = {"changes_only": True} if library.name == OURS else {}
    changes = compare(
        "diff of collections, changes only",
        lambda: old.diff(new, **options),
        rounds=3,
        items=scaled(100) * 1000,
        unit="file",
    )
    assert any(kind == "add" for kind, *_ in changes)


@over_both
def test_apply(library: Library, compare: Callable[..., Any], text: str) -> None:
    end = library.collection(corpora.changed(text.encode(), every=1).decode())
    changes = [change for change in library.collection(text).diff(end) if change[0] != "tok"]
    assert len(changes) >= scaled(100) * 1000
    applied = compare(
        "apply",
        lambda collection: collection.apply(changes) or collection,
        setup=lambda: (library.collection(text),),
        rounds=3 if library.name == OURS else 1,
        items=len(changes),
        unit="change",
    )
    assert applied == end


@over_both
def test_update(library: Library, compare: Callable[..., Any], text: str) -> None:
    """With ten edits here and ten in the record."""
    theirs = edited(library.collection(text), "theirs", 10).manifest_text()

    made = []

    def both_edited() -> tuple[Any]:
        catalog = Catalog(library, text)
        made.append(edited(library.load(UUID, catalog), "ours", 10))
        catalog.text = theirs
        return (made[-1],)

    def update(collection: Any) -> Any:
        collection.update()
        return collection

    collection = compare("update, ten edits on each side", update, setup=both_edited, rounds=3)
    directory = collection[next(iter(collection))]
    assert "ours" in directory
    assert "theirs" in directory
    for collection in made:  # nothing unsaved is dropped
        collection.manifest_text()


@over_both
def test_save(library: Library, compare: Callable[..., Any], text: str) -> None:
    collection = compare(
        "save after one edit",
        lambda collection: collection.save() and collection,
        setup=lambda: (edited(library.load(UUID, Catalog(library, text)), "ours", 1),),
        rounds=3,
        size=len(text),
    )
    assert collection.committed()


@pytest.mark.parametrize("work", ["save", "manifest_text"])
def test_save_over_writing(measure: Measure, text: str, work: str) -> None:
    """A save, and nothing but writing the text of what is saved."""
    library = Library(OURS)
    result = measure(
        "save after one edit over writing the text",
        "collections",
        lambda collection: getattr(collection, work)(),
        setup=lambda: (edited(library.load(UUID, Catalog(library, text)), "ours", 1),),
        rounds=10,
        size=len(text),
        baseline=None if work == "save" else "manifest_text",
    )
    assert "4:ours" in result
