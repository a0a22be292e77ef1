"""Bringing in what others have saved, and saving when they have been first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import keepset
from contents import STAMP, become, folder
from keepset import Manifest, _saving, errors, session
from keepset.collection import Collection
from memory_keep import MemoryKeep, StubApi, StubRequest
from merging_cases import SECOND
from samples import DATA, SIGNATURE, A, B

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from collection.conftest import Maker, MakerOfSides
    from contents import Folder
    from keepset._updating import OnConflict
    from keepset.session import Store

pytestmark = pytest.mark.usefixtures("frozen_time")

UUID = "zzzzz-4zz18-000000000000000"
OLD, NEW = (f"{A}{SIGNATURE}{expiry}" for expiry in ("70000000", "7fffffff"))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with keepset.open_store(tmp_path) as store:
        yield store


@pytest.fixture
def api() -> StubApi:
    """An API with one record, which no condition protects."""
    api = StubApi(MemoryKeep(DATA))
    api.create({"manifest_text": f". {OLD} 0:3:f\n"})
    return api


@pytest.fixture
def loaded(make: Maker, api: StubApi) -> Callable[[], Collection]:
    """Loads that record."""
    return lambda: make(UUID, api_client=api, keep_client=api.keep)


def saved(store: Store, tree: Folder) -> str:
    """Save a collection, and return its UUID."""
    with Collection(api_client=store) as collection:
        become(collection, tree)
        collection.save_new("name")
    return str(collection.manifest_locator())


def in_record(store: Store, uuid: str) -> Folder:
    return folder(Collection(uuid, api_client=store))


def names(api: StubApi) -> list[str]:
    """The names in the record."""
    return sorted(Manifest.parse(api.records[UUID]["manifest_text"]).listdir())


# The list of regressions.


def test_h38_ones_own_save_is_no_change_of_others(store: Store) -> None:
    collection = Collection(saved(store, {"f": b"0"}), api_client=store)
    for content in (b"1", b"2"):
        collection.write_bytes("f", content)
        collection.save()
        collection.update()
        collection.write_bytes("g", content)
        collection.update()
        collection.save()
    assert folder(collection) == {"f": b"2", "g": b"2"}
    assert collection.committed()


def test_h39_new_signatures_are_taken_for_the_same_content(api: StubApi, loaded: Callable[[], Collection]) -> None:
    collection = loaded()
    api.records[UUID]["manifest_text"] = f". {NEW} 0:3:f\n"
    collection.update()
    assert collection.manifest_text() == f". {NEW} 0:3:f\n"
    assert [segment.locator for segment in collection["f"].segments()] == [NEW]
    assert collection.committed()


def test_h40_new_signatures_are_no_conflict(api: StubApi, loaded: Callable[[], Collection]) -> None:
    collection = loaded()
    collection.copy("f", "kept")
    collection.write_bytes("f", b"edited")
    api.records[UUID]["manifest_text"] = f". {NEW} 0:3:f\n"
    collection.update()
    assert folder(collection) == {"f": b"edited", "kept": b"aaa"}
    assert [segment.locator for segment in collection["kept"].segments()] == [NEW]
    assert not collection.committed()


def test_h41_what_others_have_saved_is_no_change_here(store: Store) -> None:
    uuid = saved(store, {"f": b"0"})
    collection, other = (Collection(uuid, api_client=store) for _ in range(2))
    other.write_bytes("g", b"2")
    other.save()
    collection.update()
    assert collection.committed()
    assert folder(collection) == {"f": b"0", "g": b"2"}
    assert collection.api_response() == other.api_response()


def test_h41_whoever_has_made_the_same_changes_has_none(store: Store) -> None:
    uuid = saved(store, {"f": b"0"})
    collection, other = (Collection(uuid, api_client=store) for _ in range(2))
    for side in (collection, other):
        side.write_bytes("f", b"1")
        side.manifest_text()
    other.save()
    assert not collection.committed()
    collection.update()
    assert collection.committed()


def test_h42_the_client_is_the_collections_own(
    api: StubApi, loaded: Callable[[], Collection], monkeypatch: pytest.MonkeyPatch
) -> None:
    def default_session(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(session, "default_session", default_session)
    collection = loaded()
    api.records[UUID]["manifest_text"] = f". {NEW} 0:3:g\n"
    collection.update()
    assert folder(collection) == {"g": b"aaa"}


def test_h43_the_hash_of_what_was_loaded_is_that_of_the_record(api: StubApi, loaded: Callable[[], Collection]) -> None:
    """Its text may not be in normal form, and then the hash that we would record is another one."""
    api.update(UUID, {"manifest_text": f". {A} {B} 3:3:b 0:3:a\n"})
    recorded = api.records[UUID]["portable_data_hash"]
    collection = loaded()
    assert collection.portable_data_hash() == recorded
    collection.update()
    assert collection.portable_data_hash() == recorded
    collection.remove("b")
    assert collection.portable_data_hash() == Manifest.parse(f". {A} 0:3:a\n").portable_data_hash


def test_h44_an_answer_that_was_on_its_way_for_long_changes_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    uuid = saved(store, {"f": b"0"})
    late = store.collections().get(uuid=uuid).execute()
    collection = Collection(uuid, api_client=store)
    collection.write_bytes("f", b"1")
    collection.save()
    monkeypatch.setattr(type(store.collections()), "get", lambda *_, **__: StubRequest(late))
    collection.update()
    assert folder(collection) == {"f": b"1"}
    assert collection.committed()


def test_h45_an_unusual_text_is_not_saved_again(
    api: StubApi, loaded: Callable[[], Collection], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f". {B} {A} 3:3:a 0:3:b\n"
    api.records[UUID]["manifest_text"] = text
    collection = loaded()
    monkeypatch.setattr(StubApi, "update", lambda *_, **__: pytest.fail("saved"))
    assert collection.save() == text
    collection.update()
    assert collection.save() == text


def test_h66_a_record_with_a_bad_text_changes_nothing(api: StubApi, loaded: Callable[[], Collection]) -> None:
    collection = loaded()
    collection.write_bytes("g", b"1")
    api.records[UUID]["manifest_text"] = f". {A} 0:300:f\n"
    for work in (collection.update, collection.save):
        with pytest.raises(errors.ArgumentError) as caught:
            work()
        assert isinstance(caught.value, errors.ManifestError)
        assert folder(collection) == {"f": b"aaa", "g": b"1"}
    collection.save(merge=False)
    assert names(api) == ["f", "g"]


# What becomes of conflicts.

BASE: Folder = {"same": b"0", "f": b"0", "x": b"0", "d": {"y": b"0"}, "gone": b"0"}
OURS: Folder = {"same": b"0", "f": b"1", "x": {"n": b"1"}, "d": b"1", "new": b"1", "both": b"1"}
THEIRS: Folder = {"same": b"2", "f": b"2", "x": b"2", "d": {"y": b"2"}, "both": b"2", "gone": b"2", "other": b"2"}
POLICIES: dict[OnConflict, Folder] = {
    "conflict-file": OURS
    | {"same": b"2", "other": b"2"}
    | {f"{name}{STAMP}": THEIRS[name] for name in ("f", "x", "d", "both", "gone")},
    "ours": OURS | {"same": b"2", "other": b"2"},
    "theirs": THEIRS | {"new": b"1"},
}


@pytest.mark.parametrize("on_conflict", POLICIES)
def test_what_becomes_of_conflicts(sides: MakerOfSides, on_conflict: OnConflict) -> None:
    _, ours, theirs = sides(BASE, OURS, THEIRS)
    ours.update(theirs, on_conflict=on_conflict)
    assert folder(ours) == POLICIES[on_conflict]
    ours.update(theirs, on_conflict=on_conflict if on_conflict != "conflict-file" else "ours")
    assert folder(ours) == POLICIES[on_conflict]


def test_conflicts_of_the_other_side_keep_their_names(sides: MakerOfSides) -> None:
    """Both sides may have saved and brought together within one second."""
    base: Folder = {"f": b"0", "x": {"g": b"0"}}
    their_conflicts: Folder = {f"f{STAMP}": b"9", f"x{STAMP}": {"h": b"9"}}
    _, ours, theirs = sides(base, {"f": b"1", "x": b"1"}, {"f": b"2", "x": {"g": b"2"}, **their_conflicts})
    ours.update(theirs)
    assert folder(ours) == {"f": b"1", f"f{SECOND}": b"2", "x": b"1", f"x{SECOND}": {"g": b"2"}, **their_conflicts}


def test_a_conflict_can_be_an_error(sides: MakerOfSides) -> None:
    _, ours, theirs = sides(BASE, OURS, THEIRS)
    told: list[Any] = []
    ours.subscribe(lambda *event: told.append(event))
    with pytest.raises(errors.MergeConflictError) as caught:
        ours.update(theirs, on_conflict="error")
    assert sorted(caught.value.paths) == ["both", "d/y", "f", "gone", "x"]
    assert (folder(ours), told) == (OURS, [])


def test_a_conflict_with_the_record_can_be_an_error(store: Store) -> None:
    uuid = saved(store, {"f": b"0"})
    collection, other = (Collection(uuid, api_client=store) for _ in range(2))
    for number, side in enumerate((collection, other), 1):
        side.write_bytes("f", b"%d" % number)
    other.save()
    for _ in range(2):  # nothing has been done, so that it is a conflict again
        with pytest.raises(errors.MergeConflictError):
            collection.update(on_conflict="error")
    collection.update(on_conflict="ours")
    collection.save()
    assert in_record(store, uuid) == {"f": b"1"}


def test_without_a_record_there_must_be_another_collection() -> None:
    with pytest.raises(errors.ArgumentError, match="no record"):
        Collection().update()


def test_what_is_at_a_hash_does_not_change(store: Store) -> None:
    locator = Collection(saved(store, {"f": b"0"}), api_client=store).portable_data_hash()
    collection = Collection(locator, api_client=store)
    collection.write_bytes("f", b"1")
    collection.update()
    assert folder(collection) == {"f": b"1"}
    collection.save_new("other")


# Saving.


def test_the_plain_name_is_the_last_savers(store: Store) -> None:
    uuid = saved(store, {"f": b"0"})
    sides = [Collection(uuid, api_client=store) for _ in range(2)]
    for number, side in enumerate(sides, 1):
        side.write_bytes("f", b"%d" % number)
    for side in sides:
        side.save()
    assert in_record(store, uuid) == {"f": b"2", f"f{STAMP}": b"1"}
    sides[0].save()
    assert folder(sides[0]) == {"f": b"1"}  # it has nothing to save, and is not asked to look
    sides[0].update()
    assert folder(sides[0]) == folder(sides[1])


def test_open_files_go_on_while_a_save_brings_both_together(store: Store) -> None:
    uuid = saved(store, {"f": b"0", "g": b"0"})
    collection, other = (Collection(uuid, api_client=store) for _ in range(2))
    become(other, {"f": b"2", "g": b"22"})
    other.save()
    with collection.open("f", "rb+") as writer, collection.open("g", "rb") as reader:
        writer.write(b"1")
        collection.save()
        assert reader.read() == b"22"
        writer.write(b"1")
    collection.save()
    assert in_record(store, uuid) == {"f": b"11", f"f{STAMP}": b"2", "g": b"22"}


def in_the_trash_and_back(collection: Collection) -> None:
    collection.trash()
    collection.untrash()


def save_a_field(collection: Collection) -> None:
    collection.save(properties={"a": 1}, merge=False)


@pytest.mark.parametrize("work", [in_the_trash_and_back, save_a_field])
def test_a_change_of_fields_does_not_hide_what_others_have_saved(
    store: Store, work: Callable[[Collection], None]
) -> None:
    uuid = saved(store, {"f": b"0"})
    collection, other = (Collection(uuid, api_client=store) for _ in range(2))
    other.write_bytes("g", b"2")
    other.save()
    work(collection)
    assert collection.portable_data_hash() == collection.manifest.portable_data_hash
    collection.write_bytes("h", b"1")
    collection.save()
    assert in_record(store, uuid) == {"f": b"0", "g": b"2", "h": b"1"}


def test_a_record_without_conditions_is_looked_at_before_it_is_written(
    api: StubApi, loaded: Callable[[], Collection]
) -> None:
    collection = loaded()
    api.update(UUID, {"manifest_text": f". {NEW} 0:3:f 0:2:theirs\n"})
    collection.write_bytes("ours", b"1")
    collection.save()
    assert names(api) == ["f", "ours", "theirs"]
    api.update(UUID, {"manifest_text": f". {NEW} 0:3:f 0:2:theirs\n"})
    collection.write_bytes("ours", b"2")
    collection.save(merge=False)
    assert names(api) == ["f", "ours", "theirs"]


def test_somebody_who_is_always_first(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    uuid = saved(store, {"f": b"0"})
    collection, other = (Collection(uuid, api_client=store) for _ in range(2))
    update = _saving.SavedRecord.update
    rounds: list[int] = []

    def save_first(self: _saving.SavedRecord, *arguments: Any, **options: Any) -> None:
        update(self, *arguments, **options)
        if self is collection and len(rounds) < 5:
            rounds.append(len(rounds))
            other.write_bytes("other", b"%d" % len(rounds))
            other.save()

    monkeypatch.setattr(_saving.SavedRecord, "update", save_first)
    monkeypatch.setattr(_saving, "_ATTEMPTS", 4)
    other.write_bytes("other", b"0")
    other.save()
    collection.write_bytes("mine", b"1")
    with pytest.raises(errors.ConflictError):
        collection.save()
    assert (len(rounds), folder(collection)["mine"], collection.committed()) == (3, b"1", False)
    collection.save()  # when the other one has stopped
    assert in_record(store, uuid) == {"f": b"0", "mine": b"1", "other": b"5"}
