"""Lists: order, pages, select, distinct, and the official client's own paging over them."""

import warnings
from typing import Any

import pytest

from keepset.catalog.local import LocalCollections
from samples import A
from stores import Clock, refused

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    official = pytest.importorskip("arvados.util")

TEXT = f". {A} 0:3:a\n"


@pytest.fixture
def seven(collections: LocalCollections, clock: Clock) -> LocalCollections:
    """Seven records, `0` to `6`, a second apart; every other has no number of copies."""
    for number in range(7):
        copies = None if number % 2 else number % 4
        collections.create(body={"name": str(number), "replication_desired": copies, "manifest_text": TEXT}).execute()
        clock.advance(1)
    return collections


def names(collections: LocalCollections, **options: Any) -> str:
    return "".join(item["name"] for item in collections.list(**options).execute()["items"])


def test_a_reply_has_the_servers_form(seven: LocalCollections) -> None:
    reply = seven.list(limit=2, offset=1).execute()
    items = reply.pop("items")
    assert reply == {"kind": "arvados#collectionList", "offset": 1, "limit": 2, "items_available": 7}
    whole = seven.get(uuid=items[0]["uuid"]).execute()
    assert items[0] == whole | {"manifest_text": "", "unsigned_manifest_text": ""}
    assert "items_available" not in seven.list(count="none").execute()


def test_the_latest_modification_comes_first(seven: LocalCollections) -> None:
    assert names(seven) == "6543210"
    uuid = seven.list(filters=[["name", "=", "2"]]).execute()["items"][0]["uuid"]
    seven.update(uuid=uuid, body={"description": "changed"}).execute()
    assert names(seven) == "2654310"


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("name", "0123456"),
        (["name desc"], "6543210"),
        (["collections.name DESC"], "6543210"),
        ("replication_desired asc, name asc", "0426135"),
        (["replication_desired desc", "name desc"], "5316240"),  # null is larger than any number
        (["replication_desired"], "4062531"),  # what is equal: the latest modification first
        ([], "6543210"),
        (("created_at asc",), "0123456"),
    ],
)
def test_orders(seven: LocalCollections, order: object, expected: str) -> None:
    assert names(seven, order=order) == expected


@pytest.mark.parametrize("order", ["nosuch", "name up", "name asc desc", "", ["file_names"], "manifest_text", 3, [3]])
def test_orders_that_are_refused(seven: LocalCollections, order: Any) -> None:
    refused(422, seven.list(order=order))


def test_pages(seven: LocalCollections) -> None:
    assert [names(seven, order="name", limit=3, offset=offset) for offset in (0, 3, 6, 9)] == ["012", "345", "6", ""]
    assert seven.list(limit=0).execute()["items"] == []
    assert seven.list(limit=0).execute()["items_available"] == 7


def test_a_page_has_a_hundred_records_and_never_more_than_a_thousand(collections: LocalCollections) -> None:
    for _ in range(101):
        collections.create(body={}).execute()
    reply = collections.list().execute()
    assert (len(reply["items"]), reply["limit"], reply["items_available"]) == (100, 100, 101)
    reply = collections.list(limit=5000).execute()
    assert (len(reply["items"]), reply["limit"]) == (101, 1000)


@pytest.mark.parametrize(
    "options",
    [
        {"limit": -1},
        {"limit": "all"},
        {"limit": True},
        {"offset": -1},
        {"offset": 2**63},
        {"count": "some"},
        {"select": 3},
    ],
)
def test_what_is_refused(seven: LocalCollections, options: dict[str, Any]) -> None:
    refused(422, seven.list(**options))


def test_select(seven: LocalCollections) -> None:
    reply = seven.list(select=["name"], limit=1).execute()
    assert reply["items"] == [{"kind": "arvados#collection", "name": "6", "etag": reply["items"][0]["etag"]}]
    item = seven.list(select=["manifest_text", "unsigned_manifest_text"]).execute()["items"][0]
    assert item["manifest_text"] == item["unsigned_manifest_text"] == TEXT
    refused(422, seven.list(select=["nosuch"]))


def test_distinct(seven: LocalCollections) -> None:
    reply = seven.list(select=["replication_desired"], distinct=True, order="replication_desired").execute()
    assert [item["replication_desired"] for item in reply["items"]] == [0, 2, None]
    assert reply["items_available"] == 3
    assert reply["items"][0] == {"kind": "arvados#collection", "replication_desired": 0}
    assert len(seven.list(select=["portable_data_hash"], distinct=True, limit=1).execute()["items"]) == 1
    refused(422, seven.list(distinct=True))
    refused(422, seven.list(select=["name"], distinct=True, order="version"))


@pytest.mark.parametrize("ascending", [True, False])
@pytest.mark.parametrize("order_key", ["created_at", "name", "uuid", "modified_at"])
def test_the_official_paging_sees_every_record_once(
    collections: LocalCollections, clock: Clock, ascending: bool, order_key: str
) -> None:
    made = []
    for number in range(25):
        made.append(collections.create(body={"name": str(number)}).execute()["uuid"])
        clock.advance(number % 4 // 3)  # several at one moment

    def fetch(**options: Any) -> object:
        return collections.list(**options | {"limit": 4})

    items = list(official.keyset_list_all(fetch, order_key=order_key, ascending=ascending, select=["name"]))
    assert sorted(item["uuid"] for item in items) == sorted(made)
    keys = [item[order_key] for item in items]
    assert keys == sorted(keys, reverse=not ascending)


def test_trash_and_past_versions_are_left_out_unless_asked_for(seven: LocalCollections, clock: Clock) -> None:
    clock.advance(60)
    uuids = {item["name"]: item["uuid"] for item in seven.list().execute()["items"]}
    seven.update(uuid=uuids["3"], body={"name": "x"}).execute()
    seven.trash(uuid=uuids["5"]).execute()
    assert names(seven, order="name") == "01246x"
    assert names(seven, order="name", include_trash=True) == "012456x"
    assert names(seven, order="name", include_old_versions=True) == "012346x"
    assert names(seven, order="name", include_old_versions=True, include_trash=True) == "0123456x"
