"""Whatever is sent, the server answers without a failure of its own, and gives nothing to whoever has no token."""

import asyncio
import hashlib
import http.client
import json
import socket
import urllib.parse
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from keepset.serve.app import Guard
from keepset.serve.log import printable_path
from serving import Reply, Server

CANARY = b"nobody without a token may read this"
FOO = "acbd18db4cc2f85cedef654fccc4a4d8"


@pytest.fixture(scope="module")
def secrets(server: Server) -> dict[str, str]:
    """A collection with the canary in it, and a file with it beside the store."""
    (server.store.parent / "outside.txt").write_bytes(CANARY)
    locator = server.put(CANARY)
    text = f". {locator} 0:{len(CANARY)}:canary.txt\n"
    made = server.api("POST", "collections", {"name": "canary", "manifest_text": text}, ensure_unique_name=True)
    return {"uuid": made["uuid"], "pdh": made["portable_data_hash"], "locator": locator, "hash": locator[:32]}


def send(server: Server, method: str, target: bytes, headers: list[tuple[bytes, bytes]], body: bytes) -> Reply:
    """Send bytes as they are: a library would refuse to."""
    lines = [method.encode() + b" " + target + b" HTTP/1.1", b"Host: localhost", b"Connection: close"]
    lines += [name + b": " + value for name, value in headers]
    lines.append(b"Content-Length: %d" % len(body))
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as link:
        link.sendall(b"\r\n".join(lines) + b"\r\n\r\n" + body)
        reply = http.client.HTTPResponse(link, method=method)
        reply.begin()
        return Reply(reply.status, reply.headers, reply.read())


METHODS = st.sampled_from(["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"])
PIECES = """
/ // .. %2e%2e %2f %00 %ff %0d%0a + %2B : @ c arvados v1 collections users current keep_services accessible config
discovery apis rest login logout style.css _health ping {uuid} {pdh} {locator} {hash} canary.txt outside.txt trash
untrash provenance ?zip ?q= ?from= ?api_token= ?_method=GET ?filters= ?select= &limit= [ { null 1 -1 ' <b> access.json
catalog.sqlite blocks etc passwd
"""
PATHS = st.lists(st.sampled_from(PIECES.split()), max_size=8).map("".join)
HEADER_NAMES = st.sampled_from(
    [
        b"Range",
        b"If-Range",
        b"If-None-Match",
        b"X-Request-Id",
        b"X-HTTP-Method-Override",
        b"X-Keep-Storage-Classes",
        b"X-Keep-Desired-Replicas",
        b"X-Keep-Signature",
        b"Content-Type",
        b"Origin",
        b"X-Forwarded-Proto",
        b"Cookie",
        b"Sec-Fetch-Site",
        b"Expect",
    ]
)
HEADER_VALUES = st.sampled_from(
    [
        b"bytes=0-",
        b"bytes=-0",
        b"bytes=99999999999999999999-",
        b"bytes=1-0,2-3",
        b"GET",
        b"application/json",
        b"application/x-www-form-urlencoded",
        b"default",
        b"-1",
        b"1e9",
        b"\xff\xfe",
        b"keepset_token=v2/local-gj3su-000000000000000/x",
        b"https",
        b"cross-site",
        b"*",
        b"",
        b"100-continue",
    ]
)
HEADERS = st.lists(st.tuples(HEADER_NAMES, HEADER_VALUES), max_size=3, unique_by=lambda header: header[0])
BODIES = st.one_of(
    st.binary(max_size=64),
    st.sampled_from([b"", b"{}", b'{"collection":{}}', b"token=x&next=//evil.example", b"collection=%7B%7D", b"[[[["]),
)
KNOWN_HEADERS = """
accept-ranges access-control-allow-headers access-control-allow-methods access-control-allow-origin
access-control-expose-headers access-control-max-age allow cache-control connection content-disposition content-length
content-range content-security-policy content-type cross-origin-resource-policy date etag location referrer-policy
set-cookie transfer-encoding vary x-content-type-options x-keep-replicas-stored x-keep-storage-classes-confirmed
x-request-id
"""


@given(METHODS, PATHS, HEADERS, BODIES, st.sampled_from(["none", "unknown", "read", "write"]))
@example("GET", "/c/{uuid}/../../access.json", [], b"", "write")
@example("GET", "/c/{uuid}/%2e%2e/%2e%2e/outside.txt", [], b"", "write")
@example("GET", "/login?next=%0d%0aSet-Cookie:%20a=b", [], b"", "none")
@example("POST", "/login", [(b"Content-Type", b"application/x-www-form-urlencoded")], b"next=%0d%0aa:b&token=x", "none")
@example("GET", "/c/{uuid}/canary.txt", [(b"Range", b"bytes=-0")], b"", "read")
@example("PUT", "/{hash}", [(b"Expect", b"100-continue")], b"x", "write")
def test_no_request_makes_the_server_fail_or_tell(
    server: Server,
    secrets: dict[str, str],
    method: str,
    path: str,
    headers: list[tuple[bytes, bytes]],
    body: bytes,
    who: str,
) -> None:
    for name, value in secrets.items():
        path = path.replace(f"{{{name}}}", value)
    token = {"none": "", "unknown": "v2/x/y", "read": server.reading_token, "write": server.token}[who]
    authorization = [(b"Authorization", b"Bearer " + token.encode())] if token else []
    target = path if path.startswith("/") else f"/{path}"
    reply = send(server, method, target.encode("latin-1"), [*headers, *authorization], body)
    assert reply.status < 500 or reply.status == 507, reply.body
    assert {name.lower() for name in reply.headers} <= set(KNOWN_HEADERS.split())
    assert (server.store / "access.json").read_bytes() not in reply.body
    if who in ("none", "unknown"):
        assert CANARY not in reply.body
        assert secrets["pdh"] not in reply.body.decode("latin-1").replace(path, "")
    elif "outside.txt" in target and "canary.txt" not in target and secrets["hash"] not in target:
        assert CANARY not in reply.body or "zip" in target


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=8) | st.just("\ud800\0"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
ATTRIBUTE_NAMES = """
uuid name description properties manifest_text portable_data_hash owner_uuid trash_at delete_at is_trashed
replication_desired storage_classes_desired preserve_version version kind colour
"""
ATTRIBUTES = st.dictionaries(
    st.sampled_from(ATTRIBUTE_NAMES.split()),
    JSON
    | st.sampled_from(["", "2026-01-01T00:00:00Z", ". d41d8cd98f00b204e9800998ecf8427e+0 0:0:a\n", f". {FOO}+3\n"]),
    max_size=4,
)
PATHS_INSIDE = st.sampled_from(["/", "/a", "/a/b", "//", "current/a", "manifest_text/", "current", "", "\ud800"])
OPTION_NAMES = """
filters order select limit offset count distinct include_trash include_old_versions ensure_unique_name replace_files
replace_segments where _method
"""
OPTIONS = st.dictionaries(
    st.sampled_from(OPTION_NAMES.split()),
    JSON
    | st.sampled_from([["uuid"], ["manifest_text"], "name desc", [["any", "ilike", "%a%"]], [["name", "in", [1]]]])
    | st.dictionaries(PATHS_INSIDE, PATHS_INSIDE, max_size=2)
    | st.just({f"{FOO}+3 0 3": f"{FOO}+3 0 3"}),
    max_size=3,
)


def as_json(value: object) -> bytes:
    return json.dumps(value).encode()


@given(st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE"]), ATTRIBUTES, OPTIONS, st.booleans(), st.booleans())
@example("POST", {"manifest_text": "\ud800"}, {}, True, False)
@example("PUT", {}, {"replace_files": {"/a": "current/"}}, True, True)
@example("GET", {}, {"count": []}, True, False)
def test_no_content_makes_the_api_fail(
    server: Server,
    secrets: dict[str, str],
    method: str,
    attributes: dict[str, Any],
    options: dict[str, Any],
    wrapped: bool,
    has_uuid: bool,
) -> None:
    body = {"collection": attributes, **options} if wrapped else {**attributes, **options}
    path = f"/arvados/v1/collections{'/' + secrets['uuid'] if has_uuid and method != 'DELETE' else ''}"
    reply = send(server, method, path.encode(), [(b"Authorization", b"Bearer " + server.token.encode())], as_json(body))
    assert reply.status in (200, 400, 403, 404, 405, 422), reply.body
    assert reply.status == 200 or reply.json["errors"]


@given(OPTIONS)
def test_no_query_makes_the_api_fail(server: Server, options: dict[str, Any]) -> None:
    query = urllib.parse.urlencode({name: json.dumps(value) for name, value in options.items()})
    headers = [(b"Authorization", b"Bearer " + server.token.encode())]
    reply = send(server, "GET", f"/arvados/v1/collections?{query}".encode(), headers, b"")
    assert reply.status in (200, 400, 422), reply.body


@given(st.text(max_size=30), st.integers(-(10**12), 10**12))
@example("%_\\", 0)
@example("'\"<script>", 500)
def test_no_search_makes_the_page_fail(server: Server, words: str, first: int) -> None:
    query = urllib.parse.urlencode({"q": words.encode("utf-8", "surrogatepass"), "from": first})
    reply = server.request("GET", f"/?{query}")
    assert reply.status == 200
    assert b"<script>" not in reply.body


def test_what_is_no_http_is_a_bad_request(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as link:
        link.sendall(b"\x16\x03\x01 not HTTP at all\r\n\r\n")
        assert link.recv(4096).startswith(b"HTTP/1.1 400 ")


def test_a_websocket_is_no_way_around(server: Server) -> None:
    count = len(server.log_lines(0))
    for path in ("/", "/arvados/v1/collections", f"/{FOO}+3"):
        upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
        reply = server.request(
            "GET", path, token=None, headers={**upgrade, "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="}
        )
        assert reply.status in (303, 401), path
    assert len(server.log_lines(count + 3)) == count + 3


def test_headers_without_end_are_refused(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as link:
        link.sendall(b"GET / HTTP/1.1\r\n")
        received = b""
        try:
            for _ in range(4096):
                link.sendall(b"X-Filler: " + b"x" * 1000 + b"\r\n")
            received = link.recv(4096)
        except (BrokenPipeError, ConnectionResetError):
            received = b"HTTP/1.1 400 "
        assert received.startswith(b"HTTP/1.1 400 ")


def test_tokens_and_signatures_are_in_no_log(server: Server) -> None:
    count = len(server.log_lines(0))
    signed = server.put(b"foo")
    server.request("GET", f"/{signed}?api_token={server.token}", headers={"X-Request-Id": "req-log-test"})
    lines = server.log_lines(count + 2)
    line = next(line for line in lines if line["request_id"] == "req-log-test")
    assert (line["method"], line["path"], line["status"], line["sent"]) == ("GET", f"/{FOO}+3", 200, 3)
    assert line["token"] == server.token.split("/")[1]
    text = Path(server.log).read_text()
    assert server.token not in text
    assert server.token.rpartition("/")[2] not in text
    assert signed.partition("+A")[2][:40] not in text


@pytest.mark.parametrize(
    "path",
    ["/{foo}+3+A{sig}", "/{foo}+3%2BA{sig}", "/{foo}+3%252bA{encoded}", "/{foo}+3+Rzzzzz-{sig}+Kx", "/x+A{sig}/y"],
)
def test_no_form_of_a_signature_is_in_the_log(server: Server, path: str) -> None:
    count = len(server.log_lines(0))
    signature = hashlib.sha1(path.encode(), usedforsecurity=False).hexdigest()
    names = {"foo": FOO, "sig": f"{signature}@7fffffff", "encoded": f"{signature}%40"}
    server.request("GET", path.format(**names))
    server.log_lines(count + 1)
    assert signature not in Path(server.log).read_text()


def test_names_that_look_like_hints_are_logged_as_they_are() -> None:
    for path in ("/c/local-4zz18-000000000000000/x+Alpha+Release.txt", "/c/local-4zz18-000000000000000/a+R.txt"):
        assert printable_path({"path": path}) == path


def test_a_failure_is_logged_without_the_signature_and_told_without_details(caplog: pytest.LogCaptureFixture) -> None:
    async def failing(scope: object, receive: object, send: object) -> None:
        raise RuntimeError("nobody expected this")

    async def receive() -> dict[str, Any]:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        sent.append(message)

    sent: list[dict[str, Any]] = []
    signature = "0123456789" * 4
    scope = {"type": "http", "method": "GET", "path": f"/{FOO}+3+A{signature}@7fffffff", "headers": []}
    asyncio.run(Guard(failing)(scope, receive, send))
    assert sent[0]["status"] == 500
    assert b"nobody expected this" not in sent[1]["body"]
    assert "nobody expected this" in caplog.text
    assert FOO in caplog.text
    assert signature not in caplog.text
