"""Trash, and the way back."""

import pytest

from keepset.catalog.local import LocalCollections
from samples import A
from stores import Clock, refused

FORTNIGHT = 1_209_600
TEXT = f". {A} 0:3:a\n"


def test_trash_and_untrash(collections: LocalCollections, clock: Clock) -> None:
    made = collections.create(body={"name": "one", "manifest_text": TEXT}).execute()
    trashed = collections.trash(uuid=made["uuid"]).execute()
    assert (trashed["is_trashed"], trashed["trash_at"]) == (True, clock())
    assert trashed["delete_at"] == clock.after(FORTNIGHT)
    refused(404, collections.get(uuid=made["uuid"]))
    refused(404, collections.get(uuid=made["portable_data_hash"]))
    assert "untrash" in refused(404, collections.update(uuid=made["uuid"], body={"name": "x"}))
    assert collections.get(uuid=made["uuid"], include_trash=True).execute() == trashed
    assert collections.list().execute()["items"] == []
    assert collections.list(include_trash=True).execute()["items_available"] == 1
    clock.advance(60)
    assert collections.trash(uuid=made["uuid"]).execute() == trashed  # once is enough
    back = collections.untrash(uuid=made["uuid"]).execute()
    assert (back["is_trashed"], back["trash_at"], back["delete_at"]) == (False, None, None)
    assert back["manifest_text"] == TEXT
    assert (back["version"], back["name"]) == (1, "one")
    assert "not in the trash" in refused(422, collections.untrash(uuid=made["uuid"]))


def test_delete_keeps_a_record_for_as_long_as_signatures_last(collections: LocalCollections, clock: Clock) -> None:
    made = collections.create(body={}).execute()
    deleted = collections.delete(uuid=made["uuid"]).execute()
    assert (deleted["is_trashed"], deleted["delete_at"]) == (True, clock.after(FORTNIGHT))
    clock.advance(FORTNIGHT - 1)
    collections.get(uuid=made["uuid"], include_trash=True).execute()
    clock.advance(1)
    refused(404, collections.get(uuid=made["uuid"], include_trash=True))
    refused(404, collections.untrash(uuid=made["uuid"]))
    assert collections.list(include_trash=True).execute()["items"] == []


def test_delete_shortens_what_trash_has_given(collections: LocalCollections, clock: Clock) -> None:
    long = {"trash_at": clock(), "delete_at": clock.after(9 * FORTNIGHT)}
    made = collections.create(body=long).execute()
    assert made["delete_at"] == long["delete_at"]
    clock.advance(5)
    assert collections.delete(uuid=made["uuid"]).execute()["delete_at"] == clock.after(FORTNIGHT - 5)
    assert collections.delete(uuid=made["uuid"]).execute()["delete_at"] == clock.after(FORTNIGHT - 5)


def test_a_time_to_come_takes_effect_when_it_comes(collections: LocalCollections, clock: Clock) -> None:
    made = collections.create(body={"name": "one", "trash_at": clock.after(60)}).execute()
    assert (made["is_trashed"], made["delete_at"]) == (False, clock.after(60 + FORTNIGHT))
    clock.advance(59)
    assert collections.get(uuid=made["uuid"]).execute()["is_trashed"] is False
    refused(422, collections.create(body={"name": "one"}))
    clock.advance(1)
    refused(404, collections.get(uuid=made["uuid"]))
    assert collections.get(uuid=made["uuid"], include_trash=True).execute()["is_trashed"] is True
    filters = [["is_trashed", "=", True]]
    assert collections.list(filters=filters, include_trash=True).execute()["items_available"] == 1
    collections.create(body={"name": "one"}).execute()  # the name is free
    assert "ensure_unique_name" in refused(422, collections.untrash(uuid=made["uuid"]))
    back = collections.untrash(uuid=made["uuid"], ensure_unique_name=True).execute()
    assert back["name"] == f"one ({made['uuid'][-15:]})"


def test_times_that_have_passed_become_now(collections: LocalCollections, clock: Clock) -> None:
    made = collections.create(body={}).execute()
    changed = collections.update(uuid=made["uuid"], body={"trash_at": "1999-01-01"}).execute()
    assert (changed["trash_at"], changed["delete_at"], changed["is_trashed"]) == (clock(), clock.after(FORTNIGHT), True)


def test_is_trashed_can_be_set_by_itself(collections: LocalCollections, clock: Clock) -> None:
    made = collections.create(body={}).execute()
    unchanged = collections.update(uuid=made["uuid"], body={"is_trashed": False}).execute()
    assert unchanged == made
    changed = collections.update(uuid=made["uuid"], body={"is_trashed": True}).execute()
    assert (changed["trash_at"], changed["is_trashed"]) == (clock(), True)


def test_a_time_to_come_can_be_taken_back(collections: LocalCollections, clock: Clock) -> None:
    made = collections.create(body={"trash_at": clock.after(60)}).execute()
    changed = collections.update(uuid=made["uuid"], body={"trash_at": None}).execute()
    assert (changed["trash_at"], changed["delete_at"]) == (None, None)


def test_an_early_time_of_deletion_is_put_off(collections: LocalCollections, clock: Clock) -> None:
    """Whoever has read the record just now may read its blocks for two weeks."""
    made = collections.create(body={"trash_at": clock.after(60), "delete_at": clock.after(61)}).execute()
    assert made["delete_at"] == clock.after(FORTNIGHT)


def test_an_unbelievably_late_time(collections: LocalCollections) -> None:
    made = collections.create(body={"trash_at": "9999-12-31T00:00:00Z"}).execute()
    assert made["delete_at"].startswith("9999-12-31T23:59:59")


@pytest.mark.parametrize(
    "body", [{"delete_at": 3600}, {"trash_at": 3600, "delete_at": None}, {"trash_at": 2, "delete_at": 1}]
)
def test_times_that_contradict_each_other_are_refused(
    collections: LocalCollections, clock: Clock, body: dict[str, float | None]
) -> None:
    times = {name: None if seconds is None else clock.after(seconds) for name, seconds in body.items()}
    refused(422, collections.create(body=times))
    made = collections.create(body={}).execute()
    refused(422, collections.update(uuid=made["uuid"], body=times))


def test_trash_keeps_no_past_version_and_takes_them_along(collections: LocalCollections, clock: Clock) -> None:
    made = collections.create(body={"name": "one"}).execute()
    clock.advance(60)
    collections.update(uuid=made["uuid"], body={"name": "two"}).execute()
    clock.advance(60)
    trashed = collections.trash(uuid=made["uuid"]).execute()
    assert trashed["version"] == 2
    everything = {"include_old_versions": True, "include_trash": True}
    items = collections.list(**everything).execute()["items"]  # type: ignore[arg-type]
    assert {item["trash_at"] for item in items} == {clock()}
    assert len(items) == 2
    assert collections.list(include_old_versions=True).execute()["items"] == []
    collections.untrash(uuid=made["uuid"]).execute()
    assert len(collections.list(include_old_versions=True).execute()["items"]) == 2
