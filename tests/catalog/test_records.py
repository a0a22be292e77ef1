"""Making, reading and changing records: the fields, and what is refused with which status."""

import re
from typing import Any

import pytest

from keepset import Manifest
from keepset.catalog.fields import FIELDS, LOCAL_USER
from keepset.catalog.local import LocalCatalog, LocalCollections
from samples import SIGNATURE, A, B, C, E
from stores import COLLIDING, Clock, refused, text_of

TEXT = f". {A} {B} 0:3:a 3:3:b\n"
PDH = Manifest.parse(TEXT).portable_data_hash
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z")


def test_a_new_record_has_all_fields(collections: LocalCollections) -> None:
    made = collections.create(body={"manifest_text": TEXT, "name": "one", "properties": {"k": [1]}}).execute(
        num_retries=3
    )
    assert made.keys() == {"kind"} | {name for name, field in FIELDS.items() if field.shown}
    assert re.fullmatch("local-4zz18-[0-9a-z]{15}", made["uuid"])
    assert made["etag"]
    assert TIME.fullmatch(made["created_at"])
    assert {name: made[name] for name in made.keys() - {"uuid", "current_version_uuid", "etag", "created_at"}} == {
        "kind": "arvados#collection",
        "owner_uuid": LOCAL_USER,
        "modified_at": made["created_at"],
        "modified_by_user_uuid": LOCAL_USER,
        "name": "one",
        "description": None,
        "properties": {"k": [1]},
        "portable_data_hash": PDH,
        "manifest_text": TEXT,
        "unsigned_manifest_text": "",
        "replication_desired": None,
        "replication_confirmed": None,
        "replication_confirmed_at": None,
        "storage_classes_desired": ["default"],
        "storage_classes_confirmed": [],
        "storage_classes_confirmed_at": None,
        "trash_at": None,
        "delete_at": None,
        "is_trashed": False,
        "version": 1,
        "preserve_version": False,
        "file_count": 2,
        "file_size_total": 6,
    }
    assert made["current_version_uuid"] == made["uuid"]
    assert collections.get(uuid=made["uuid"]).execute() == made


def test_a_record_of_nothing(collections: LocalCollections) -> None:
    nothing: dict[str, Any] = {"manifest_text": None, "name": None, "properties": None, "owner_uuid": None}
    bodies: list[dict[str, Any]] = [{}, {"collection": {}}, nothing]
    for body in bodies:
        made = collections.create(body=body).execute()
        assert (made["name"], made["manifest_text"], made["properties"]) == ("", "", {})
        assert made["portable_data_hash"] == E
        assert (made["file_count"], made["file_size_total"]) == (0, 0)
        assert made["owner_uuid"] == LOCAL_USER


@pytest.mark.parametrize("wrap", [False, True])
def test_a_body_may_be_wrapped(collections: LocalCollections, wrap: bool) -> None:
    attributes = {"manifest_text": TEXT, "name": "one"}
    made = collections.create(body={"collection": attributes} if wrap else attributes).execute()
    assert (made["name"], made["portable_data_hash"]) == ("one", PDH)


def test_signatures_and_hints_are_not_stored(collections: LocalCollections) -> None:
    signed = f". {A}{SIGNATURE}65000000 {B}+Kzzzzz 0:3:a 3:3:b\n"
    made = collections.create(body={"manifest_text": signed, "portable_data_hash": PDH}).execute()
    assert (made["manifest_text"], made["portable_data_hash"]) == (TEXT, PDH)


def test_a_text_is_stored_as_it_stands(collections: LocalCollections) -> None:
    text = f". {B} {A} {A} 3:1:z 0:3:a 00:1:q 0:0:e\n./d {E} 0:0:\\056\n"  # not the normal form
    made = collections.create(body={"manifest_text": text}).execute()
    assert made["manifest_text"] == text
    assert made["portable_data_hash"] == Manifest.parse(text).portable_data_hash
    assert (made["file_count"], made["file_size_total"]) == (4, 5)


def test_texts_of_one_hash_are_not_mixed_up(collections: LocalCollections) -> None:
    # The files of both records hash alike; their manifests do not differ either, since they name the same block.
    first, second = (collections.create(body={"manifest_text": text_of(data)}).execute() for data in COLLIDING)
    assert first["manifest_text"] == second["manifest_text"]
    assert first["uuid"] != second["uuid"]


@pytest.mark.parametrize(
    "text",
    [
        "\n",
        ". x\n",
        f". {A} 0:4:a\n",
        f". {A} 0:3:a",
        f". {A} 0:3:../a\n",
        f". {A} 0:3:\udcff\n",
        f". {A[:32]} 0:3:a\n",
        3,
    ],
)
def test_a_manifest_that_does_not_hold_is_refused(collections: LocalCollections, text: object) -> None:
    assert "manifest" in refused(422, collections.create(body={"manifest_text": text}))
    made = collections.create(body={"manifest_text": TEXT}).execute()
    refused(422, collections.update(uuid=made["uuid"], body={"manifest_text": text}))
    assert collections.get(uuid=made["uuid"]).execute() == made


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, None),
        (400, "name"),
        (400, {"collection": 3}),
        (400, {"collection": {}, "replace_files": {"/a": ""}}),
        (422, {"nosuch": 1}),
        (422, {"portable_data_hash": "0" * 32 + "+49"}),
        (422, {"name": "."}),
        (422, {"name": ".."}),
        (422, {"name": "a/b"}),
        (422, {"name": "x" * 256}),
        (422, {"name": 3}),
        (422, {"name": "\ud800"}),
        (422, {"name": "a\0b"}),
        (422, {"description": "x" * 524_289}),
        (422, {"properties": []}),
        (422, {"properties": {"x": float("inf")}}),
        (422, {"properties": {"x": object()}}),
        (422, {"storage_classes_desired": []}),
        (422, {"storage_classes_desired": "default"}),
        (422, {"storage_classes_desired": [""]}),
        (422, {"replication_desired": "two"}),
        (422, {"replication_desired": True}),
        (422, {"preserve_version": "yes"}),
        (422, {"owner_uuid": "somebody"}),
        (422, {"owner_uuid": "zzzzz-4zz18-000000000000000"}),
        (422, {"trash_at": "tomorrow"}),
        (403, {"replication_confirmed": 2}),
        (403, {"replication_confirmed_at": "2026-01-01T00:00:00Z"}),
        (403, {"storage_classes_confirmed": ["default"]}),
        (403, {"storage_classes_confirmed_at": "2026-01-01T00:00:00Z"}),
    ],
    ids=repr,
)
def test_what_cannot_be_is_refused(collections: LocalCollections, status: int, body: Any) -> None:
    refused(status, collections.create(body=body))
    made = collections.create(body={"name": "one"}).execute()
    refused(status, collections.update(uuid=made["uuid"], body=body))
    assert collections.get(uuid=made["uuid"]).execute() == made
    assert collections.list().execute()["items_available"] == 1


def test_what_the_store_computes_is_not_taken_from_clients(collections: LocalCollections) -> None:
    body = {
        "manifest_text": TEXT,
        "file_count": 99,
        "file_size_total": 99,
        "modified_at": "1999-01-01T00:00:00Z",
        "unsigned_manifest_text": "x",
        "replication_confirmed": None,
        "storage_classes_confirmed": [],
        "version": 7,
    }
    made = collections.create(body=body).execute()
    assert (made["file_count"], made["file_size_total"], made["version"]) == (2, 6, 1)
    assert made["modified_at"] > "2026"
    refused(403, collections.create(body={"uuid": made["uuid"]}))


def test_the_size_in_a_stated_hash_does_not_count(collections: LocalCollections) -> None:
    made = collections.create(body={"manifest_text": TEXT, "portable_data_hash": PDH[:32] + "+999"}).execute()
    assert made["portable_data_hash"] == PDH
    collections.update(uuid=made["uuid"], body={"portable_data_hash": PDH}).execute()
    refused(422, collections.update(uuid=made["uuid"], body={"portable_data_hash": C}))


def test_a_whole_record_can_be_written_back(collections: LocalCollections) -> None:
    made = collections.create(body={"manifest_text": TEXT, "name": "one"}).execute()
    assert collections.update(uuid=made["uuid"], body=made).execute() == made  # nothing changed: not even the etag
    changed = collections.update(uuid=made["uuid"], body=made | {"description": "new"}).execute()
    assert changed["description"] == "new"
    assert changed["etag"] != made["etag"]
    for name, value in {"uuid": "x", "version": 9, "current_version_uuid": "x"}.items():
        assert name in refused(422, collections.update(uuid=made["uuid"], body=made | {name: value}))


def test_an_update_changes_what_it_names(collections: LocalCollections, clock: Clock) -> None:
    made = collections.create(body={"manifest_text": TEXT, "name": "one", "properties": {"a": 1, "b": 2}}).execute()
    clock.advance(1)
    changed = collections.update(uuid=made["uuid"], body={"properties": {"b": 3}}).execute()
    assert changed["properties"] == {"b": 3}  # as a whole
    differing = {name for name in made if made[name] != changed[name]}
    assert differing == {"properties", "modified_at", "etag"}
    assert changed["modified_at"] == clock()


def test_names_are_unique_for_an_owner(collections: LocalCollections) -> None:
    group = "local-j7d0g-000000000000001"
    made = collections.create(body={"name": "one"}).execute()
    collections.create(body={"name": "one", "owner_uuid": group}).execute()
    other = collections.create(body={"name": "two"}).execute()
    for call in (
        collections.create(body={"name": "one"}),
        collections.update(uuid=other["uuid"], body={"name": "one"}),
        collections.update(uuid=made["uuid"], body={"owner_uuid": group}),
    ):
        assert "index_collections_on_owner_uuid_and_name" in refused(422, call)
    collections.create(body={}).execute()
    collections.create(body={"name": ""}).execute()  # any number may have none


def test_a_name_can_be_made_unique(collections: LocalCollections) -> None:
    for name in ("one", "x" * 255):
        collections.create(body={"name": name}).execute()
        made = collections.create(body={"name": name}, ensure_unique_name=True).execute()
        assert made["name"] == f"{name[:237]} ({made['uuid'][-15:]})"
        assert len(made["name"]) <= 255
    assert collections.create(body={"name": "new"}, ensure_unique_name=True).execute()["name"] == "new"


@pytest.mark.parametrize("uuid", ["local-4zz18-000000000000000", "", "nonsense", C])
def test_what_is_not_there_is_not_found(collections: LocalCollections, uuid: str) -> None:
    assert uuid in refused(404, collections.get(uuid=uuid))
    for call in (collections.delete, collections.trash, collections.untrash):
        refused(404, call(uuid=uuid))
    refused(404, collections.update(uuid=uuid, body={}))


def test_select_and_the_unsigned_text(collections: LocalCollections) -> None:
    made = collections.create(body={"manifest_text": TEXT}, select=["uuid"]).execute()
    assert made.keys() == {"kind", "etag", "uuid"}
    got = collections.get(uuid=made["uuid"], select=["unsigned_manifest_text", "name", "kind"]).execute()
    assert got == {"kind": "arvados#collection", "etag": made["etag"], "unsigned_manifest_text": TEXT, "name": ""}
    updated = collections.update(uuid=made["uuid"], body={"name": "x"}, select=["name"]).execute()
    assert updated.keys() == {"kind", "etag", "name"}
    refused(422, collections.get(uuid=made["uuid"], select=["nosuch"]))
    refused(422, collections.get(uuid=made["uuid"], select="uuid"))
    refused(422, collections.get(uuid=made["uuid"], select=["file_names"]))


def test_get_by_portable_data_hash(collections: LocalCollections, clock: Clock) -> None:
    soon = collections.create(body={"manifest_text": TEXT, "trash_at": clock.after(60), "name": "soon"}).execute()
    got = collections.get(uuid=PDH).execute()
    assert (got["uuid"], got["manifest_text"], got["portable_data_hash"]) == (PDH, TEXT, PDH)
    assert got["trash_at"] == soon["trash_at"]
    assert (got["name"], got["owner_uuid"], got["created_at"], got["version"]) == ("", "", None, 0)
    assert (got["properties"], got["storage_classes_desired"], got["is_trashed"]) == ({}, [], False)
    later = collections.create(body={"manifest_text": TEXT, "trash_at": clock.after(120)}).execute()
    assert collections.get(uuid=f"{PDH}+Kzzzzz+A").execute()["trash_at"] == later["trash_at"]
    collections.create(body={"manifest_text": TEXT}).execute()
    assert collections.get(uuid=PDH).execute()["trash_at"] is None
    assert collections.get(uuid=PDH, select=["manifest_text"]).execute() == {
        "kind": "arvados#collection",
        "etag": "",
        "manifest_text": TEXT,
    }
    refused(404, collections.get(uuid=f"{PDH[:32]}+1"))


def test_blocks_that_are_not_stored_are_refused(catalog: LocalCatalog) -> None:
    stored = {A}
    collections = LocalCollections(catalog.database, stored.__contains__, 10)
    assert B in refused(422, collections.create(body={"manifest_text": TEXT}))
    stored.add(B)
    made = collections.create(body={"manifest_text": f"{TEXT}./d {E} 0:0:x\n"}).execute()
    stored.clear()  # what was named before is not asked for again
    collections.update(uuid=made["uuid"], body={"manifest_text": f". {B} {A} 0:6:c\n"}).execute()
    many = f". {A} {B} {C} {'0' * 32}+1 {'1' * 32}+1 {'2' * 32}+1 {'3' * 32}+1 0:0:f\n"
    assert "and 2 more" in refused(422, collections.update(uuid=made["uuid"], body={"manifest_text": many}))
    assert collections.list().execute()["items_available"] == 1


def test_requests_can_be_repeated(collections: LocalCollections) -> None:
    request = collections.create(body={})
    assert request.execute()["uuid"] != request.execute(None, 2)["uuid"]


def test_a_number_that_no_column_holds_is_refused(collections: LocalCollections) -> None:
    size, blocks, files = 2**31 - 1, 50_000, 100_000
    named = " ".join(f"0:{size * blocks}:{number}" for number in range(files))
    text = f". {' '.join([f'{A[:32]}+{size}'] * blocks)} {named}\n"
    assert "8 EiB" in refused(422, collections.create(body={"manifest_text": text}))
