"""The resource `collections` over HTTP: bodies of each form, statuses, signatures, versions, pages."""

import json
import urllib.parse
from typing import Any

import pytest

from serving import Server

FOO = "acbd18db4cc2f85cedef654fccc4a4d8"
FOO_PDH = "83367e8913dcec0bf3fc25ed5a27eacb+49"
EMPTY_PDH = "d41d8cd98f00b204e9800998ecf8427e+0"


def make(server: Server, **attributes: Any) -> dict[str, Any]:
    """Make a collection with the file `foo.txt`."""
    text = f". {server.put(b'foo')} 0:3:foo.txt\n"
    record: dict[str, Any] = server.api("POST", "collections", {"manifest_text": text, **attributes})
    return record


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ('{"name": "plain"}', "application/json"),
        ('{"collection": {"name": "plain"}}', "application/json; charset=utf-8"),
        ('{"collection": "{\\"name\\": \\"plain\\"}", "ensure_unique_name": true}', "application/json"),
        ("collection=%7B%22name%22%3A%22plain%22%7D&ensure_unique_name=1", "application/x-www-form-urlencoded"),
        ("collection=%7B%22name%22%3A%22plain%22%7D", "Application/X-WWW-Form-URLencoded; charset=UTF-8"),
        ('{"name": "plain"}', "text/plain"),
    ],
)
def test_a_record_comes_in_each_form(server: Server, body: str, kind: str) -> None:
    path = "/arvados/v1/collections?ensure_unique_name=true&alt=json&prettyPrint=1"
    reply = server.request("POST", path, body.encode(), headers={"Content-Type": kind})
    assert reply.status == 200, reply.body
    assert reply.json["name"].startswith("plain")
    assert reply.headers["Content-Type"] == "application/json"


def test_a_record_is_signed_for_whoever_reads_it_and_stored_without(server: Server) -> None:
    made = make(server)
    assert made["manifest_text"].startswith(f". {FOO}+3+A")
    assert made["portable_data_hash"] == FOO_PDH
    bare = server.api("GET", f"collections/{made['uuid']}", select=["unsigned_manifest_text"])
    assert bare["unsigned_manifest_text"] == f". {FOO}+3 0:3:foo.txt\n"
    assert set(bare) == {"kind", "etag", "unsigned_manifest_text"}
    locator = made["manifest_text"].split()[1]
    assert server.request("GET", f"/{locator}").body == b"foo"


@pytest.mark.parametrize("separator", ["+", "%2B"])
def test_a_hash_finds_the_record_also_with_hints(server: Server, separator: str) -> None:
    make(server)
    path = f"/arvados/v1/collections/{FOO_PDH.replace('+', separator)}"
    for hints in ("", f"{separator}Zhint"):
        reply = server.request("GET", f"{path}{hints}").json
        assert (reply["uuid"], reply["portable_data_hash"]) == (FOO_PDH, FOO_PDH)
        assert reply["manifest_text"].startswith(f". {FOO}+3+A")


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_put_and_patch_change_a_record(server: Server, method: str) -> None:
    made = make(server)
    changed = server.api(method, f"collections/{made['uuid']}", {"description": method})
    assert (changed["description"], changed["portable_data_hash"]) == (method, FOO_PDH)


@pytest.mark.parametrize("how", ["header", "form", "query", "json"])
def test_a_get_may_come_as_a_post(server: Server, how: str) -> None:
    made = make(server)
    question = {"filters": json.dumps([["uuid", "=", made["uuid"]]]), "select": '["uuid"]'}
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    path = "/arvados/v1/collections"
    if how == "header":
        headers["X-HTTP-Method-Override"] = "GET"
    elif how == "query":
        path += "?_method=GET"
    else:
        question["_method"] = "GET"
    body = urllib.parse.urlencode(question).encode()
    if how == "json":
        headers["Content-Type"] = "application/json"
        body = json.dumps(question).encode()
    reply = server.request("POST", path, body, headers=headers).json
    assert [item["uuid"] for item in reply["items"]] == [made["uuid"]]


def test_a_list_has_texts_only_when_they_are_selected(server: Server) -> None:
    made = make(server)
    only = [["uuid", "=", made["uuid"]]]
    (plain,) = server.api("GET", "collections", filters=only)["items"]
    assert (plain["manifest_text"], plain["unsigned_manifest_text"]) == ("", "")
    (full,) = server.api("GET", "collections", filters=only, select=["uuid", "manifest_text"])["items"]
    assert full["manifest_text"].startswith(f". {FOO}+3+A")
    assert set(full) == {"kind", "etag", "uuid", "manifest_text"}


def test_pages_and_counts(server: Server) -> None:
    for number in range(5):
        make(server, name=f"paged {number}")
    only = [["name", "like", "paged %"]]
    page = server.api("GET", "collections", filters=only, order="name desc", limit=2, offset=1)
    assert [item["name"] for item in page["items"]] == ["paged 3", "paged 2"]
    assert (page["items_available"], page["kind"]) == (5, "arvados#collectionList")
    assert "items_available" not in server.api("GET", "collections", filters=only, count="none")


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "collections/local-4zz18-000000000000000", None, 404),
        ("GET", f"collections/{'0' * 32}+1", None, 404),
        ("PUT", "collections/local-4zz18-000000000000000", {"name": "x"}, 404),
        ("DELETE", "collections/local-4zz18-000000000000000", None, 404),
        ("POST", "collections", {"manifest_text": "nonsense"}, 422),
        ("POST", "collections", {"manifest_text": f". {FOO}+3 0:3:a\n"}, 403),
        ("POST", "collections", {"manifest_text": f". {FOO}+3+R12345-{'0' * 40}@7fffffff 0:3:a\n"}, 403),
        ("POST", "collections", {"name": "a/b"}, 422),
        ("POST", "collections", {"name": "x" * 256}, 422),
        ("POST", "collections", {"properties": []}, 422),
        ("POST", "collections", {"storage_classes_desired": []}, 422),
        ("POST", "collections", {"portable_data_hash": FOO_PDH}, 422),
        ("POST", "collections", {"colour": "red"}, 422),
        ("POST", "collections", {"replace_files": {"/a": ""}}, 422),
        ("POST", "collections", {"replication_confirmed": 2}, 403),
        ("GET", 'collections?filters=[["colour","=","red"]]', None, 422),
        ("GET", 'collections?filters=[["name","near","red"]]', None, 422),
        ("GET", "collections?filters=[[", None, 400),
        ("GET", "collections?select=colour", None, 422),
        ("GET", "collections?limit=many", None, 422),
        ("GET", "collections?count=[]", None, 422),
        ("GET", "collections?where=%7B%22name%22:1%7D", None, 422),
        ("GET", 'collections?distinct=true&select=["manifest_text"]', None, 422),
        ("GET", "nothing", None, 405),
        ("PATCH", "collections", {}, 405),
        ("POST", "users/current", {}, 405),
        ("GET", "collections/%00", None, 404),
        ("GET", "collections/..%2f..%2fetc%2fpasswd", None, 405),
    ],
)
def test_what_is_wrong_has_its_status_and_a_reason(
    server: Server, method: str, path: str, body: dict[str, Any] | None, status: int
) -> None:
    reply = server.request(method, f"/arvados/v1/{path}".replace('"', "%22"), body)
    assert reply.status == status, reply.body
    (reason,) = reply.json["errors"]
    assert f"({reply.headers['X-Request-Id']})" in reason
    assert reply.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("body", [b"{", b"[1]", b"\xff\xfe", b'"text"', b"[" * 100_000, b'{"collection": 7}'])
def test_a_body_that_is_no_record_is_a_bad_request(server: Server, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    assert server.request("POST", "/arvados/v1/collections", body, headers=headers).status == 400


@pytest.mark.parametrize("depth", [101, 500, 900, 100_000])
def test_json_that_is_nested_too_deep_is_a_bad_request(server: Server, depth: int) -> None:
    deep = "[" * depth + "]" * depth
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for body, headers in [
        (f'{{"properties": {{"x": {deep}}}}}', {}),
        (f'{{"_method": "GET", "filters": [["name", "=", {deep}]]}}', {}),
        (f"collection={deep}", form),
        (f"_method=GET&filters={deep}", form),
    ]:
        reply = server.request("POST", "/arvados/v1/collections", body.encode(), headers=headers)
        assert (reply.status, len(reply.json["errors"])) == (400, 1), reply.body


def test_json_of_a_hundred_levels_is_taken(server: Server) -> None:
    properties: Any = "deep"
    for _ in range(99):
        properties = {"in": properties}
    made = server.api("POST", "collections", {"properties": properties})
    assert made["properties"] == properties
    found = server.api("GET", "collections", filters=[["properties.in", "=", properties["in"]]], select=["uuid"])
    assert [item["uuid"] for item in found["items"]] == [made["uuid"]]


def test_a_body_that_is_too_large_is_refused_before_it_is_sent(server: Server) -> None:
    connection = server.connect()
    connection.putrequest("POST", "/arvados/v1/collections")
    connection.putheader("Authorization", f"Bearer {server.token}")
    connection.putheader("Content-Length", str((1 << 27) + 1))
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()


def test_a_name_that_is_taken_is_refused_or_changed(server: Server) -> None:
    make(server, name="unique")
    reply = server.request("POST", "/arvados/v1/collections", {"name": "unique"})
    assert reply.status == 422
    assert "duplicate key value violates unique constraint" in reply.json["errors"][0]
    made = server.api("POST", "collections", {"name": "unique"}, ensure_unique_name=True)
    assert made["name"] == f"unique ({made['uuid'][-15:]})"


def test_trash_untrash_and_delete(server: Server) -> None:
    uuid = make(server, name="to be trashed")["uuid"]
    trashed = server.api("POST", f"collections/{uuid}/trash")
    assert trashed["is_trashed"]
    assert "+A" not in trashed["manifest_text"]
    assert server.request("GET", f"/arvados/v1/collections/{uuid}").status == 404
    found = server.api("GET", f"collections/{uuid}", include_trash=True)
    assert found["manifest_text"] == f". {FOO}+3 0:3:foo.txt\n"
    restored = server.api("POST", f"collections/{uuid}/untrash")
    assert "+A" in restored["manifest_text"]
    assert server.request("POST", f"/arvados/v1/collections/{uuid}/untrash").status == 422
    assert server.api("DELETE", f"collections/{uuid}")["is_trashed"]


def test_a_signature_ends_when_the_record_goes_to_the_trash(server: Server) -> None:
    made = make(server, trash_at="2038-01-19T03:14:07Z", delete_at="2039-01-19T03:14:07Z")
    later = int(made["manifest_text"].split()[1].partition("@")[2], 16)
    soon = server.api("PUT", f"collections/{made['uuid']}", {"trash_at": "2026-11-26T00:00:00Z"})
    assert int(soon["manifest_text"].split()[1].partition("@")[2], 16) <= later


def test_past_versions_are_found(server: Server) -> None:
    uuid = make(server, name="versioned", preserve_version=True)["uuid"]
    changed = server.api("PUT", f"collections/{uuid}", {"name": "versioned again"})
    assert changed["version"] == 2
    history = server.api(
        "GET",
        "collections",
        filters=[["current_version_uuid", "=", uuid]],
        include_old_versions=True,
        order=["version asc"],
    )
    assert [(item["version"], item["name"]) for item in history["items"]] == [(1, "versioned"), (2, "versioned again")]
    past = history["items"][0]["uuid"]
    assert server.request("PUT", f"/arvados/v1/collections/{past}", {"name": "x"}).status == 422


@pytest.mark.parametrize("relation", ["provenance", "used_by"])
def test_relatives_are_unknown(server: Server, relation: str) -> None:
    assert server.api("GET", f"collections/{make(server)['uuid']}/{relation}") == {}
    assert server.request("GET", f"/arvados/v1/collections/{'0' * 32}+1/{relation}").status == 404


@pytest.mark.parametrize(
    "path", ["collections", "users/current", "users/local-tpzed-000000000000000", f"collections/{EMPTY_PDH}"]
)
def test_nothing_is_read_without_a_token(server: Server, path: str) -> None:
    for token in (None, "v2/local-gj3su-000000000000000/unknown", "local"):
        reply = server.request("GET", f"/arvados/v1/{path}", token=token)
        assert (reply.status, "Not logged in" in reply.json["errors"][0]) == (401, True)


@pytest.mark.parametrize(("path", "status"), [("collections", 401), ("config", 413)])
def test_a_large_body_without_a_token_is_not_read(server: Server, path: str, status: int) -> None:
    connection = server.connect()
    connection.putrequest("POST", f"/arvados/v1/{path}")
    connection.putheader("Content-Length", str(1 << 27))
    connection.endheaders()
    assert connection.getresponse().status == status
    connection.close()


def test_a_reading_token_changes_nothing(server: Server) -> None:
    uuid = make(server)["uuid"]
    token = server.reading_token
    assert server.request("GET", f"/arvados/v1/collections/{uuid}", token=token).status == 200
    for method, path in [("POST", ""), ("PUT", f"/{uuid}"), ("DELETE", f"/{uuid}"), ("POST", f"/{uuid}/trash")]:
        assert server.request(method, f"/arvados/v1/collections{path}", {}, token=token).status == 403
    override = {"X-HTTP-Method-Override": "GET"}
    assert server.request("POST", "/arvados/v1/collections", b"", token=token, headers=override).status == 200


def test_what_a_cluster_says_of_itself(server: Server) -> None:
    discovery = server.request("GET", "/discovery/v1/apis/arvados/v1/rest", token=None).json
    assert (discovery["rootUrl"], discovery["uuidPrefix"]) == (server.url, "local")
    for name in ("maxRequestSize", "defaultCollectionReplication", "blobSignatureTtl", "schemas", "revision"):
        assert discovery[name]
    config = server.request("GET", "/arvados/v1/config", token=None).json
    assert config["StorageClasses"] == {"default": {"Default": True, "Priority": 0}}
    (service,) = server.request("GET", "/arvados/v1/keep_services/accessible", token=None).json["items"]
    assert (service["service_host"], service["service_port"], service["service_ssl_flag"]) == (
        "127.0.0.1",
        server.port,
        False,
    )
    user = server.api("GET", "users/current")
    assert user["is_active"]
    assert server.api("GET", f"users/{user['uuid']}") == user
    assert server.request("GET", "/arvados/v1/users/local-tpzed-111111111111111").status == 404


@pytest.mark.parametrize("host", ["example.org:443", "evil.example/path?", "[::1]:80", 'a"b'])
def test_the_address_is_the_one_that_the_client_knows_and_never_more(server: Server, host: str) -> None:
    headers = {"Host": host}
    url = server.request("GET", "/discovery/v1/apis/arvados/v1/rest", token=None, headers=headers).json["rootUrl"]
    is_a_host = host in ("example.org:443", "[::1]:80")
    assert url == (f"http://{host}/" if is_a_host else server.url)
