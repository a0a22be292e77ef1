"""Past versions, and changes on the condition that nobody else has made one."""

from pathlib import Path
from typing import Any

import pytest

from keepset.catalog.local import IDLE_SECONDS, LocalCatalog, LocalCollections
from keepset.errors import ApiError, ConflictError
from samples import A, B, C
from stores import Clock, refused, run

TEXTS = [f". {block} 0:3:a\n" for block in (A, B, C)]


def versions(collections: LocalCollections, uuid: str) -> list[dict[str, Any]]:
    filters = [["current_version_uuid", "=", uuid]]
    select = ["uuid", "version", "name", "manifest_text", "modified_at", "created_at", "owner_uuid", "etag"]
    request = collections.list(filters=filters, include_old_versions=True, order="version asc", select=select)
    return list(request.execute()["items"])


def test_a_change_keeps_the_old_state(collections: LocalCollections, clock: Clock) -> None:
    made = collections.create(body={"name": "one", "manifest_text": TEXTS[0]}).execute()
    clock.advance(IDLE_SECONDS)
    changed = collections.update(uuid=made["uuid"], body={"manifest_text": TEXTS[1]}).execute()
    assert (changed["uuid"], changed["current_version_uuid"], changed["version"]) == (made["uuid"], made["uuid"], 2)
    past, current = versions(collections, made["uuid"])
    assert past["uuid"] not in {made["uuid"], None}
    assert (past["version"], past["manifest_text"], past["modified_at"]) == (1, TEXTS[0], made["modified_at"])
    assert past["created_at"] == made["created_at"]
    assert (current["uuid"], current["manifest_text"]) == (made["uuid"], TEXTS[1])
    assert collections.list().execute()["items_available"] == 1
    got = collections.get(uuid=past["uuid"]).execute()
    assert (got["manifest_text"], got["current_version_uuid"]) == (TEXTS[0], made["uuid"])
    refused(404, collections.get(uuid=past["uuid"], include_old_versions=False))
    assert collections.get(uuid=made["portable_data_hash"]).execute()["manifest_text"] == TEXTS[0]


@pytest.mark.parametrize("call", ["update", "trash", "delete", "untrash"])
def test_past_versions_cannot_be_changed(collections: LocalCollections, clock: Clock, call: str) -> None:
    made = collections.create(body={"name": "one"}).execute()
    clock.advance(60)
    collections.update(uuid=made["uuid"], body={"name": "two"}).execute()
    past = versions(collections, made["uuid"])[0]["uuid"]
    options = {"body": {"name": "three"}} if call == "update" else {}
    assert "past version" in refused(422, getattr(collections, call)(uuid=past, **options))


def test_what_has_not_lasted_is_not_kept(collections: LocalCollections, clock: Clock) -> None:
    made = collections.create(body={"name": "0"}).execute()
    for number in range(1, 5):
        clock.advance(IDLE_SECONDS - 1)
        assert collections.update(uuid=made["uuid"], body={"name": str(number)}).execute()["version"] == 1
    assert len(versions(collections, made["uuid"])) == 1


def test_what_is_to_be_preserved_is_kept_however_short_it_has_lasted(
    collections: LocalCollections, clock: Clock
) -> None:
    made = collections.create(body={"name": "one"}).execute()
    kept = collections.update(uuid=made["uuid"], body={"preserve_version": True}).execute()
    assert (kept["version"], kept["preserve_version"]) == (1, True)
    changed = collections.update(uuid=made["uuid"], body={"name": "two"}).execute()
    assert (changed["version"], changed["preserve_version"]) == (2, False)
    changed = collections.update(uuid=made["uuid"], body={"name": "three", "preserve_version": True}).execute()
    assert (changed["version"], changed["preserve_version"]) == (3, True)
    assert [past["name"] for past in versions(collections, made["uuid"])] == ["one", "two", "three"]


def test_only_content_and_description_make_versions(collections: LocalCollections, clock: Clock) -> None:
    made = collections.create(body={"name": "one", "manifest_text": TEXTS[0]}).execute()
    group = "local-j7d0g-000000000000001"
    for body in (
        {"replication_desired": 3},
        {"storage_classes_desired": ["fast"]},
        {"owner_uuid": group},
        {"name": "one"},
        {"trash_at": clock.after(999)},
    ):
        clock.advance(60)
        assert collections.update(uuid=made["uuid"], body=body).execute()["version"] == 1
    for name, value in {"name": "n", "description": "d", "properties": {"p": 1}}.items():
        version = collections.get(uuid=made["uuid"]).execute()["version"]
        clock.advance(60)
        assert collections.update(uuid=made["uuid"], body={name: value}).execute()["version"] == version + 1
    assert {past["owner_uuid"] for past in versions(collections, made["uuid"])} == {group}


def test_past_versions_follow_their_collection_to_another_owner(collections: LocalCollections, clock: Clock) -> None:
    made = collections.create(body={"name": "one"}).execute()
    clock.advance(60)
    collections.update(uuid=made["uuid"], body={"name": "two"}).execute()
    past = versions(collections, made["uuid"])[0]
    group = "local-j7d0g-000000000000001"
    collections.update(uuid=made["uuid"], body={"owner_uuid": group}).execute()
    moved = versions(collections, made["uuid"])[0]
    assert (moved["owner_uuid"], moved["etag"]) == (group, past["etag"])
    collections.create(body={"name": "one", "owner_uuid": group}).execute()  # names of past versions are free


@pytest.mark.parametrize(("idle", "expected"), [(0.0, 3), (-1.0, 1)])
def test_how_long_a_state_must_last_can_be_chosen(tmp_path: Path, idle: float, expected: int) -> None:
    catalog = LocalCatalog(tmp_path / "catalog.sqlite", lambda block: True, idle_seconds=idle)
    collections = catalog.collections()
    made = collections.create(body={"name": "one"}).execute()
    for name in ("two", "three"):
        made = collections.update(uuid=made["uuid"], body={"name": name}).execute()
    assert made["version"] == expected
    catalog.close()


def test_a_change_from_an_old_record_is_a_conflict(collections: LocalCollections) -> None:
    made = collections.create(body={"name": "one", "manifest_text": TEXTS[0]}).execute()
    ours = collections.update(uuid=made["uuid"], body={"manifest_text": TEXTS[1]}, if_match=made["etag"]).execute()
    theirs = collections.update(uuid=made["uuid"], body={"manifest_text": TEXTS[2]}, if_match=made["etag"])
    with pytest.raises(ConflictError, match=made["uuid"]) as caught:
        theirs.execute()
    assert isinstance(caught.value, ApiError)
    assert caught.value.resp.status == 409
    assert collections.get(uuid=made["uuid"]).execute() == ours
    collections.update(uuid=made["uuid"], body={"manifest_text": TEXTS[2]}, if_match=ours["etag"]).execute()


def test_every_change_counts_also_one_that_makes_no_version(collections: LocalCollections) -> None:
    made = collections.create(body={"manifest_text": TEXTS[0]}).execute()
    collections.update(uuid=made["uuid"], body={"manifest_text": TEXTS[1]}).execute()
    collections.update(uuid=made["uuid"], body={"manifest_text": TEXTS[0]}).execute()  # back, and still version 1
    with pytest.raises(ConflictError):
        collections.update(uuid=made["uuid"], body={"name": "x"}, if_match=made["etag"]).execute()


def test_a_condition_is_an_etag(collections: LocalCollections) -> None:
    made = collections.create(body={}).execute()
    request = collections.update(uuid=made["uuid"], body={"name": "x"}, if_match=made["version"])
    assert "etag" in refused(400, request)


COUNT = """
import sys
from keepset.catalog.local import LocalCatalog
from keepset.errors import ConflictError
collections = LocalCatalog(sys.argv[1], lambda block: True).collections()
conflicts = made = 0
while made < 50:
    record = collections.get(uuid=sys.argv[2]).execute()
    properties = {"count": record["properties"]["count"] + 1}
    try:
        collections.update(uuid=sys.argv[2], body={"properties": properties}, if_match=record["etag"]).execute()
        made += 1
    except ConflictError:
        conflicts += 1
print(conflicts)
"""


def test_processes_that_change_one_record_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite"
    catalog = LocalCatalog(path, lambda block: True)
    uuid = catalog.collections().create(body={"properties": {"count": 0}}).execute()["uuid"]
    run(*[(COUNT, path, uuid)] * 3)
    assert catalog.collections().get(uuid=uuid).execute()["properties"] == {"count": 150}
    catalog.close()
