"""Past versions of a collection, and its way to the trash and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import keepset
from contents import become, folder
from keepset import _updating, errors
from keepset.collection import ADD, DEL, MOD, TOK, Collection, CollectionReader
from stores import Clock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from contents import Folder
    from keepset.session import Store

TREES: list[Folder] = [
    {"a": b"1", "b": b"1", "d": {"x": b"1"}},
    {"a": b"2", "b": b"1", "d": {"x": b"1", "y": b"2"}},
    {"b": b"1", "d": {"y": b"2"}, "e": b"3"},
]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that goes when it is told to: a version that has lasted no time is not kept."""
    clock = Clock()
    monkeypatch.setattr("keepset.catalog.local.now", clock)
    return clock


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[Store]:
    with keepset.open_store(tmp_path) as store:
        yield store


@pytest.fixture
def collection(store: Store, clock: Clock) -> Collection:
    """A collection with a version for each tree."""
    collection = Collection(api_client=store)
    become(collection, TREES[0])
    collection.save_new("name")
    for tree in TREES[1:]:
        clock.advance(60)
        become(collection, tree)
        collection.save()
    return collection


def numbers(collection: Collection) -> list[int]:
    return [record["version"] for record in collection.history()]


def test_the_history_of_a_collection(collection: Collection, store: Store) -> None:
    history = collection.history()
    assert [record["version"] for record in history] == [3, 2, 1]
    assert history[0]["uuid"] == collection.manifest_locator()
    assert {record["current_version_uuid"] for record in history} == {collection.manifest_locator()}
    assert not any(record["manifest_text"] for record in history)
    assert Collection(history[2]["uuid"], api_client=store).history() == history
    assert collection.at_version(2).history() == history


def test_a_past_version_is_a_collection_to_be_read(collection: Collection) -> None:
    for number, tree in enumerate(TREES, 1):
        past = collection.at_version(number)
        assert isinstance(past, CollectionReader)
        assert folder(past) == tree
        assert past.portable_data_hash() == past.api_response()["portable_data_hash"]  # type: ignore[index]
    assert folder(collection) == TREES[-1]


@pytest.mark.parametrize("version", [0, 4, -1])
def test_a_version_that_is_not_kept_is_not_found(collection: Collection, version: int) -> None:
    with pytest.raises(errors.NotFoundError, match=f"version {version} of {collection.manifest_locator()}"):
        collection.at_version(version)


def test_versions_can_be_compared(collection: Collection) -> None:
    first, second, third = (collection.at_version(number) for number in (1, 2, 3))
    assert [change[:2] for change in first.diff(second)] == [
        (MOD, "./a"),
        (TOK, "./b"),
        (TOK, "./d/x"),
        (ADD, "./d/y"),
    ]
    changes = first.diff(third, changes_only=True)
    assert [change[:2] for change in changes] == [(DEL, "./a"), (ADD, "./e"), (DEL, "./d/x"), (ADD, "./d/y")]
    assert collection.diff(third, changes_only=True) == []


def test_a_past_version_comes_back(collection: Collection, store: Store, clock: Clock) -> None:
    collection.apply(collection.diff(collection.at_version(1)))
    clock.advance(60)
    collection.save()
    assert folder(Collection(collection.manifest_locator(), api_client=store)) == TREES[0]
    assert numbers(collection) == [4, 3, 2, 1]


def test_one_change_of_the_past_can_be_taken_back(collection: Collection) -> None:
    """What became of version 1 in version 2 is undone, and what came later stays."""
    first, second = collection.at_version(1), collection.at_version(2)
    collection.apply(second.diff(first, changes_only=True))
    names = [name.partition("~")[0] for name in collection]
    assert sorted(names) == ["a", "b", "d", "e"]  # `a` was changed, but is gone by now: what it was is a conflict
    assert folder(collection["d"]) == {}


def test_versions_are_kept_that_are_to_be_preserved(store: Store) -> None:
    collection = Collection(api_client=store)
    collection.write_bytes("f", b"1")
    collection.save_new("name", preserve_version=True)
    for content, preserve_version in ((b"2", False), (b"3", True), (b"4", False), (b"5", False)):
        collection.write_bytes("f", content)
        collection.save(preserve_version=preserve_version)
    kept = {number: collection.at_version(number).read_bytes("f") for number in numbers(collection)}
    assert set(kept.values()) == {b"1", b"2", b"3", b"5"}  # all but 4
    assert kept[max(kept)] == b"5"


def test_h65_pages_of_versions_do_not_overlap(
    collection: Collection, store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """H65: a list in pages repeated the last item of a page. Somebody saves between two pages here."""
    monkeypatch.setattr(_updating, "_PAGE", 2)
    other = Collection(collection.manifest_locator(), api_client=store)
    collections = type(store.collections())
    ask = collections.list

    def list_and_save(self: Any, **options: Any) -> Any:
        answer = ask(self, **options).execute()
        clock.advance(60)
        other.write_bytes("other", clock().encode())
        other.save()
        return type("Answer", (), {"execute": lambda *_, **__: answer})()

    monkeypatch.setattr(collections, "list", list_and_save)
    assert numbers(collection) == [3, 2, 1]
    assert numbers(collection) == [5, 4, 3, 2, 1]


def test_without_a_record_there_are_no_versions(store: Store) -> None:
    collection = Collection(api_client=store)
    by_hash = Collection(". d41d8cd98f00b204e9800998ecf8427e+0 0:0:f\n", api_client=store)
    for one in (collection, by_hash):
        for work in (one.history, one.trash, one.untrash, lambda one=one: one.at_version(1)):
            with pytest.raises(errors.ArgumentError, match="no record"):
                work()


# The trash.


def test_to_the_trash_and_back(collection: Collection, store: Store, clock: Clock) -> None:
    uuid = collection.manifest_locator()
    collection.trash()
    assert collection.get_trash_at() is not None
    assert collection.api_response()["is_trashed"] is True  # type: ignore[index]
    with pytest.raises(errors.ApiError):
        Collection(uuid, api_client=store)
    assert folder(collection) == TREES[-1]
    collection.untrash()
    assert collection.get_trash_at() is None
    assert folder(Collection(uuid, api_client=store)) == TREES[-1]
    assert numbers(collection) == [3, 2, 1]
    with pytest.raises(errors.ApiError, match="not in the trash"):
        collection.untrash()


def test_what_is_in_the_trash_is_not_saved_and_not_lost(collection: Collection, store: Store) -> None:
    collection.write_bytes("new", b"4")
    collection.trash()
    assert not collection.committed()
    for work in (collection.save, collection.update):
        with pytest.raises(errors.ApiError) as caught:
            work()
        assert caught.value.resp.status == 404
    collection.untrash()
    collection.save()
    assert folder(Collection(collection.manifest_locator(), api_client=store)) == TREES[-1] | {"new": b"4"}


def test_what_has_been_deleted_does_not_come_back(collection: Collection, clock: Clock) -> None:
    collection.trash()
    clock.advance(10**9)
    with pytest.raises(errors.ApiError) as caught:
        collection.untrash()
    assert caught.value.resp.status == 404
    assert folder(collection) == TREES[-1]


@pytest.mark.parametrize("method", ["trash", "untrash"])
def test_a_past_version_does_not_take_the_record_along(collection: Collection, store: Store, method: str) -> None:
    with pytest.raises(errors.ApiError, match="past version"):
        getattr(collection.at_version(1), method)()
    assert folder(Collection(collection.manifest_locator(), api_client=store)) == TREES[-1]
