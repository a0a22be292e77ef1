"""Calls of the API: what goes over the wire, and what comes back."""

from __future__ import annotations

import asyncio
import inspect
import json
import pydoc
import threading
from typing import TYPE_CHECKING, Any

import pytest

from api_server import TOKEN, Answer, ApiServer, Recorded
from keepset import errors, util
from keepset.api import ThreadSafeAPIClient, api_client
from keepset.catalog.base import Catalog

if TYPE_CHECKING:
    from keepset.catalog.local import LocalCollections
    from keepset.catalog.rest import Request

PDH = "83367e8913dcec0bf3fc25ed5a27eacb+49"


def last(server: ApiServer) -> str:
    """The first line of the last request, without what all have."""
    return server.requests[-1].raw.replace("/arvados/v1/", "")


def test_records_come_and_go(client: ThreadSafeAPIClient, collections: LocalCollections) -> None:
    made = client.collections().create(body={"name": "first"}).execute()
    assert made == collections.get(uuid=made["uuid"]).execute()
    changed = client.collections().update(uuid=made["uuid"], body={"name": "second"}).execute()
    assert client.collections().get(uuid=made["uuid"]).execute() == changed
    client.collections().trash(uuid=made["uuid"]).execute()
    assert client.collections().list().execute()["items"] == []
    client.collections().untrash(uuid=made["uuid"]).execute()
    assert [one["name"] for one in client.collections().list(select=["name"]).execute()["items"]] == ["second"]
    client.collections().delete(uuid=made["uuid"]).execute()
    assert collections.list().execute()["items_available"] == 0


def test_it_is_a_catalog(client: ThreadSafeAPIClient) -> None:
    catalog: Catalog = client  # a type checker agrees
    assert isinstance(catalog, Catalog)


def test_values_with_a_structure_go_as_json(client: ThreadSafeAPIClient, server: ApiServer) -> None:
    filters = [["name", "ilike", "%ä & b+c%"], ["version", ">", 1]]
    client.collections().list(
        filters=filters, order=["name desc", "uuid"], limit=7, include_trash=True, count="none", where=None
    ).execute()
    query = server.requests[-1].query
    assert json.loads(query.pop("filters")) == filters
    assert json.loads(query.pop("order")) == ["name desc", "uuid"]
    assert query == {"limit": "7", "include_trash": "true", "count": "none", "alt": "json"}


def test_text_goes_as_it_is(client: ThreadSafeAPIClient, server: ApiServer) -> None:
    client.collections().list(order="name").execute()
    assert last(server) == "GET collections?order=name&alt=json"


@pytest.mark.parametrize(
    ("uuid", "path"),
    [
        (PDH, "83367e8913dcec0bf3fc25ed5a27eacb%2B49"),
        ("../users/current", "..%2Fusers%2Fcurrent"),
        ("a?b#c%2f", "a%3Fb%23c%252f"),
    ],
)
def test_what_is_in_a_path_stays_in_its_place(
    client: ThreadSafeAPIClient, server: ApiServer, uuid: str, path: str
) -> None:
    with pytest.raises(errors.ApiError):
        client.collections().get(uuid=uuid).execute()
    assert last(server) == f"GET collections/{path}?alt=json"


@pytest.mark.parametrize("uuid", ["", ".", ".."])
def test_a_path_that_would_lead_elsewhere_is_refused(client: ThreadSafeAPIClient, server: ApiServer, uuid: str) -> None:
    with pytest.raises(errors.ApiArgumentError, match="names something"):
        client.collections().get(uuid=uuid)
    assert server.requests == []


def test_a_body_is_json(client: ThreadSafeAPIClient, server: ApiServer) -> None:
    client.collections().create(body={"name": "é", "properties": {"a": [1, None]}}, ensure_unique_name=False).execute()
    assert last(server) == "POST collections?ensure_unique_name=false&alt=json"
    assert json.loads(server.requests[-1].content) == {"name": "é", "properties": {"a": [1, None]}}
    assert server.requests[-1].headers["content-type"] == "application/json"


def test_headers(client: ThreadSafeAPIClient, server: ApiServer) -> None:
    client.users().current().execute()
    headers = server.requests[-1].headers
    assert headers["authorization"] == f"Bearer {TOKEN}"
    assert headers["accept"] == "application/json"
    assert "gzip" in headers["accept-encoding"]
    assert headers["user-agent"].startswith("keepset/")
    assert headers["x-request-id"].startswith("req-")


def test_each_request_has_an_identifier_of_its_own_or_that_of_the_client(
    client: ThreadSafeAPIClient, server: ApiServer
) -> None:
    client.users().current().execute()
    client.users().current().execute()
    client.request_id = "req-mine"
    client.users().current().execute()
    first, second, third = [request.headers["x-request-id"] for request in server.requests]
    assert first != second
    assert third == "req-mine"


def test_an_identifier_that_is_a_header_is_refused(client: ThreadSafeAPIClient, server: ApiServer) -> None:
    client.request_id = "req-a\r\nX-Evil: 1"
    with pytest.raises(errors.ArgumentError, match="identifier"):
        client.users().current().execute()
    assert server.requests == []


@pytest.mark.parametrize(("count", "command"), [(40, "GET"), (400, "POST")])
def test_a_long_get_goes_as_a_post(client: ThreadSafeAPIClient, server: ApiServer, count: int, command: str) -> None:
    names = [f"n{number}" for number in range(count)]
    client.collections().list(filters=[["name", "in", names]]).execute()
    request = server.requests[-1]
    assert request.raw.startswith(f"{command} /arvados/v1/collections")
    assert (request.method, json.loads(request.query["filters"])) == ("GET", [["name", "in", names]])
    if command == "POST":
        assert "?" not in request.raw
        assert request.headers["content-type"] == "application/x-www-form-urlencoded"


def test_a_compressed_reply(client: ThreadSafeAPIClient, server: ApiServer) -> None:
    server.script("users/current", Answer(body={"name": "x" * 5000}))
    assert client.users().current().execute() == {"name": "x" * 5000}


def test_no_content_is_an_empty_reply(client: ThreadSafeAPIClient, server: ApiServer) -> None:
    server.script("users/current", Answer(204, b""))
    assert client.users().current().execute() == {}


def test_a_method_whose_reply_is_not_described_gives_bytes(client: ThreadSafeAPIClient, server: ApiServer) -> None:
    server.script("logs/export", Answer(body=b"\x00\xff"))
    assert client.logs().export().execute() == b"\x00\xff"
    assert last(server) == "GET logs/export"


def test_a_reply_that_is_no_json(client: ThreadSafeAPIClient, server: ApiServer) -> None:
    server.script("users/current", Answer(body=b"<html>please log in</html>"))
    with pytest.raises(errors.ApiError, match="please log in") as caught:
        client.users().current().execute()
    assert caught.value.request_id == server.requests[-1].headers["x-request-id"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "collections.update needs the argument 'uuid'"),
        ({"uuid": None, "body": {}}, "needs the argument 'uuid'"),
        ({"uuid": "u"}, "needs the argument 'body'"),
        ({"uuid": "u", "body": {}, "nosuch": 1}, "takes no argument 'nosuch', but only: uuid, select, replace_files"),
        ({"uuid": "u", "body": {"a": b"bytes"}}, "body cannot be written as JSON"),
        ({"uuid": "u", "body": {}, "select": {1, 2}}, "select cannot be written as JSON"),
        ({"uuid": "u", "body": {}, "alt": "xml"}, "alt is one of json, not 'xml'"),
    ],
)
def test_arguments_are_checked(client: ThreadSafeAPIClient, arguments: dict[str, object], message: str) -> None:
    with pytest.raises(TypeError, match=message) as caught:
        client.collections().update(**arguments)  # type: ignore[arg-type]  # which is the point
    assert isinstance(caught.value, errors.ArgumentError)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"limit": "many"}, "limit is a number"), ({"include_trash": "false"}, "include_trash is True or False")],
)
def test_types_of_arguments_are_checked(
    client: ThreadSafeAPIClient, arguments: dict[str, object], message: str
) -> None:
    with pytest.raises(errors.ApiArgumentError, match=message):
        client.collections().list(**arguments)  # type: ignore[arg-type]  # which is the point


def test_a_name_that_python_keeps_for_itself_can_be_passed(client: ThreadSafeAPIClient, server: ApiServer) -> None:
    server.script("groups", Answer(body={}))
    client.groups().create(body={}, **{"async": True}).execute()
    assert server.requests[-1].query["async"] == "true"


def test_resources_and_methods_describe_themselves(client: ThreadSafeAPIClient) -> None:
    update = client.collections().update
    assert list(inspect.signature(update).parameters)[:4] == ["uuid", "select", "replace_files", "replace_segments"]
    assert "Do collections.update." in (update.__doc__ or "")
    assert {"collections", "groups", "users", "config", "keep"} <= set(dir(client))
    assert {"get", "list", "untrash", "list_next"} <= set(dir(client.collections()))
    told = pydoc.plain(pydoc.render_doc(update))
    assert "update(*, uuid, select=None, replace_files=None, replace_segments=None, " in told
    assert "uuid: string, required" in told
    with pytest.raises(AttributeError, match=r"no collections\.nosuch"):
        _ = client.collections().nosuch
    with pytest.raises(AttributeError, match="no nosuch"):
        client.nosuch()
    assert not hasattr(client, "_nosuch")


def test_what_scripts_read_of_the_description(client: ThreadSafeAPIClient) -> None:
    assert client._rootDesc["defaultCollectionReplication"] == 3
    assert client._rootDesc["resources"]["collections"]["methods"]["get"]["httpMethod"] == "GET"
    assert client.collections()._resourceDesc["methods"].keys() >= {"get", "list"}
    assert client._schema["Collection"]["uuidPrefix"] == "4zz18"


def test_configuration_and_vocabulary_are_asked_for_once(client: ThreadSafeAPIClient, server: ApiServer) -> None:
    assert client.config()["ClusterID"] == client.config()["ClusterID"] == "zzzzz"
    assert client.vocabulary() is client.vocabulary()
    assert [request.path for request in server.requests] == ["config", "vocabulary"]


def test_all_pages(client: ThreadSafeAPIClient, server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"c{number}" for number in range(7)]
    for name in names:
        client.collections().create(body={"name": name}).execute()
    monkeypatch.setattr(util, "_PAGE", 3)
    found = util.keyset_list_all(client.collections().list, select=["name"], filters=[["name", "like", "c%"]])
    assert [one["name"] for one in found] == names


def test_the_next_page(client: ThreadSafeAPIClient) -> None:
    names = [f"c{number}" for number in range(7)]
    for name in names:
        client.collections().create(body={"name": name}).execute()
    resource, found = client.collections(), []
    request: Request | None = resource.list(order=["name"], limit=3)
    while request is not None:
        page = request.execute()
        found.append([one["name"] for one in page["items"]])
        request = resource.list_next(request, page)
    assert found == [names[:3], names[3:6], names[6:]]


@pytest.mark.parametrize("count", [0, 3])
def test_the_last_page_of_a_list_that_is_not_counted_is_empty(client: ThreadSafeAPIClient, count: int) -> None:
    for number in range(count):
        client.collections().create(body={"name": str(number)}).execute()
    request = client.collections().list(limit=3, count="none")
    following = client.collections().list_next(request, request.execute())
    assert (following is None) == (count == 0)
    assert following is None or client.collections().list_next(following, following.execute()) is None


def test_threads_share_a_client(client: ThreadSafeAPIClient, collections: LocalCollections) -> None:
    def work(number: int) -> None:
        for part in range(5):
            client.collections().create(body={"name": f"{number}.{part}"}).execute()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert collections.list().execute()["items_available"] == 40
    assert client.localapi() is client


def test_a_client_goes_on_after_it_was_closed(client: ThreadSafeAPIClient) -> None:
    client.users().current().execute()
    client.close_connections()
    assert client.users().current().execute()


def test_a_client_without_a_keep(server: ApiServer) -> None:
    client = api_client("v1", server.template, TOKEN)
    assert client.users().current().execute()
    assert not hasattr(client, "keep")


def test_requests_run_side_by_side_under_asyncio(client: ThreadSafeAPIClient, server: ApiServer) -> None:
    together = threading.Barrier(3)

    def answer(request: Recorded) -> Answer:
        together.wait()  # for as long as there are fewer, nobody gets an answer
        return Answer(body={"name": "me"})

    async def ask() -> list[Any]:
        return await asyncio.gather(*(asyncio.to_thread(client.users().current().execute) for _ in range(3)))

    server.handlers["GET users/current"] = answer
    assert asyncio.run(ask()) == [{"name": "me"}] * 3
