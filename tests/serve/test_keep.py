"""Keep over HTTP: each row of the table of statuses, and bodies of all sizes."""

import hashlib
import socket
import time
from pathlib import Path

import pytest

from keepset.keep.client import KeepClient
from serving import Reply, Server

FOO = "acbd18db4cc2f85cedef654fccc4a4d8"
EMPTY = "d41d8cd98f00b204e9800998ecf8427e"
LARGEST = 1 << 26


def digest(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def put(server: Server, data: bytes, **headers: str) -> Reply:
    return server.request("PUT", f"/{digest(data)}", data, headers={k.replace("_", "-"): v for k, v in headers.items()})


@pytest.mark.parametrize("data", [b"", b"x", b"some bytes" * 100, bytes(LARGEST)], ids=["empty", "one", "some", "full"])
def test_a_block_comes_back(server: Server, data: bytes) -> None:
    reply = put(server, data)
    assert (reply.status, reply.headers["X-Keep-Replicas-Stored"]) == (200, "1")
    assert reply.headers["X-Keep-Storage-Classes-Confirmed"] == "default=1"
    locator = reply.body.decode()
    assert locator.endswith("\n")
    assert locator.startswith(f"{digest(data)}+{len(data)}+A")
    got = server.request("GET", f"/{locator.strip()}")
    assert (got.status, got.headers["Content-Length"], got.body) == (200, str(len(data)), data)
    head = server.request("HEAD", f"/{locator.strip()}")
    assert (head.status, head.headers["Content-Length"], head.body) == (200, str(len(data)), b"")


def test_what_comes_behind_the_hash_in_a_put_does_not_matter(server: Server) -> None:
    reply = server.request("PUT", f"/{FOO}+99+Zblah", b"foo")
    assert (reply.status, reply.body[:34]) == (200, f"{FOO}+3".encode())


def test_the_post_of_a_proxy_needs_no_hash(server: Server) -> None:
    assert server.put(b"foo").startswith(f"{FOO}+3+A")


def test_as_many_copies_are_confirmed_as_were_wanted(server: Server) -> None:
    reply = put(server, b"copies", X_Keep_Desired_Replicas="3", X_Keep_Storage_Classes="archive, default")
    assert reply.headers["X-Keep-Replicas-Stored"] == "3"
    assert reply.headers["X-Keep-Storage-Classes-Confirmed"] == "default=3"


def test_a_storage_class_that_is_not_here_is_refused(server: Server) -> None:
    assert put(server, b"classes", X_Keep_Storage_Classes="archive").status == 507


def test_storage_classes_can_be_offered(tmp_path: Path) -> None:
    server = Server(tmp_path / "store", "--storage-class", "archive", "--storage-class", "default")
    try:
        reply = put(server, b"classes", X_Keep_Storage_Classes="archive, tape", X_Keep_Desired_Replicas="2")
        assert reply.headers["X-Keep-Storage-Classes-Confirmed"] == "default=2, archive=2"
        assert put(server, b"classes", X_Keep_Storage_Classes="tape").status == 507
        offered = server.api("GET", "config")["StorageClasses"]
        assert {name: settings["Default"] for name, settings in offered.items()} == {"default": True, "archive": False}
        client = KeepClient(proxy=server.url, api_token=server.token, local_store="")
        assert client.put(b"archived", classes=["archive"]).startswith(digest(b"archived"))
    finally:
        server.close()


def test_another_content_is_refused_stored_nowhere_and_the_connection_goes_on(server: Server) -> None:
    connection = server.connect()
    authorization = {"Authorization": f"Bearer {server.token}"}
    connection.request("PUT", f"/{FOO}", b"not foo at all", authorization)
    reply = connection.getresponse()
    assert reply.status == 400
    assert b"did not match specified locator" in reply.read()
    assert not list((server.store / "blocks").rglob(digest(b"not foo at all")))
    connection.request("PUT", f"/{FOO}", b"foo", authorization)
    assert connection.getresponse().read().startswith(FOO.encode())
    connection.close()


def test_a_body_without_a_length_is_taken_and_bounded(server: Server) -> None:
    def send(size: int) -> int:
        connection = server.connect()
        chunks = (bytes(1 << 20) for _ in range(size >> 20))
        try:
            headers = {"Authorization": f"Bearer {server.token}", "Transfer-Encoding": "chunked"}
            connection.request("POST", "/", chunks, headers, encode_chunked=True)
        except (BrokenPipeError, ConnectionResetError):
            return 413
        status = connection.getresponse().status
        connection.close()
        return status

    assert send(5 << 20) == 200
    assert send(LARGEST + (8 << 20)) == 413


def test_a_block_that_is_too_large_is_refused_before_it_is_sent(server: Server) -> None:
    connection = server.connect()
    connection.putrequest("PUT", f"/{FOO}")
    connection.putheader("Authorization", f"Bearer {server.token}")
    connection.putheader("Content-Length", str(LARGEST + 1))
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()


def test_expect_100_continue_is_answered(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as link:
        head = f"PUT /{FOO} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {server.token}\r\n"
        link.sendall(f"{head}Content-Length: 3\r\nExpect: 100-continue\r\n\r\n".encode())
        assert link.recv(4096).startswith(b"HTTP/1.1 100 ")
        link.sendall(b"foo")
        assert link.recv(4096).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    ("method", "locator", "status", "message"),
    [
        ("GET", "{foo}", 405, "no size"),
        ("GET", "{foo}+3", 400, "invalid signature"),
        ("HEAD", "{foo}+3", 400, ""),
        ("GET", "{foo}+3{bad}", 400, "invalid signature"),
        ("GET", "{foo}+3{old}", 401, "expired signature"),
        ("GET", "{absent}", 404, "file does not exist"),
        ("HEAD", "{absent}", 404, ""),
        ("GET", "{foo}++9", 400, "invalid locator"),
        ("GET", "{foo}+3+Rzzzzz-" + "0" * 40 + "@7fffffff", 400, "remote cluster not configured"),
        ("GET", "{foo}+4{good}", 400, "another size"),
        ("GET", "{foo}+99999999999{good}", 404, "file does not exist"),
        ("GET", EMPTY, 400, "invalid signature"),
        ("PATCH", "{foo}", 400, "Bad Request"),
        ("DELETE", "{foo}", 400, "Bad Request"),
        ("POST", "{foo}", 400, "Bad Request"),
        ("GET", "nothing", 400, "Bad Request"),
        ("GET", "mounts", 400, "Bad Request"),
        ("PUT", "acbd", 400, "Bad Request"),
    ],
)
def test_what_is_wrong_has_the_status_of_keepstore(
    server: Server, method: str, locator: str, status: int, message: str
) -> None:
    signed = server.put(b"foo")
    gone = server.put(b"to be removed")
    next((server.store / "blocks").rglob(gone[:32])).unlink()
    hint = signed.removeprefix(f"{FOO}+3")
    names = {
        "foo": FOO,
        "good": hint,
        "absent": gone,
        "bad": f"{hint[:-9]}@7fffffff",
        "old": f"{hint[:-9]}@00000001",
    }
    reply = server.request(method, f"/{locator.format(**names)}")
    assert reply.status == status
    assert message in reply.body.decode()


def test_head_without_a_size_gives_the_size(server: Server) -> None:
    signed = server.put(b"foo")
    reply = server.request("HEAD", f"//{signed.replace('+3', '')}")
    assert (reply.status, reply.headers["Content-Length"]) == (200, "3")


def test_a_signature_is_its_token_s_only(server: Server) -> None:
    signed = server.put(b"foo")
    assert server.request("GET", f"/{signed}", token=server.reading_token).status == 400
    manifest = f". {signed} 0:3:foo\n"
    made = server.api("POST", "collections", {"manifest_text": manifest})
    read = server.request("GET", f"/arvados/v1/collections/{made['uuid']}", token=server.reading_token).json
    theirs = read["manifest_text"].split()[1]
    assert server.request("GET", f"/{theirs}", token=server.reading_token).body == b"foo"
    assert server.request("GET", f"/{theirs}").status == 400


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT"])
def test_nothing_goes_without_a_token(server: Server, method: str) -> None:
    signed = server.put(b"foo")
    for token in (None, "v2/local-gj3su-000000000000000/unknown", f"{server.token}x"):
        assert server.request(method, f"/{signed}", token=token).status == 401
    assert server.request("POST", "/", b"foo", token=None).status == 401


def test_a_reading_token_stores_nothing(server: Server) -> None:
    assert server.request("PUT", f"/{FOO}", b"foo", token=server.reading_token).status == 403
    assert server.request("POST", "/", b"foo", token=server.reading_token).status == 403


@pytest.mark.parametrize("scheme", ["OAuth2 {}", "bearer {}", "basic", "query"])
def test_a_token_may_come_in_each_way(server: Server, scheme: str) -> None:
    import base64

    signed = server.put(b"foo")
    if scheme == "query":
        reply = server.request("GET", f"/{signed}?api_token={server.token}", token=None)
    else:
        basic = f"Basic {base64.b64encode(f'user:{server.token}'.encode()).decode()}"
        value = basic if scheme == "basic" else scheme.format(server.token)
        reply = server.request("GET", f"/{signed}", headers={"Authorization": value})
    assert reply.body == b"foo"


def test_a_damaged_block_is_told_from_a_wrong_locator(server: Server) -> None:
    signed = server.put(b"to be damaged")
    next((server.store / "blocks").rglob(signed[:32])).write_bytes(b"to be DAMAGED")
    assert server.request("GET", f"/{signed}").status == 502
    assert put(server, b"to be damaged").status == 500


def test_options_answers_scripts_of_other_sites(server: Server) -> None:
    reply = server.request("OPTIONS", f"/{FOO}", token=None)
    assert (reply.status, reply.headers["Access-Control-Allow-Origin"]) == (200, "*")


def test_a_request_id_comes_back_and_a_wrong_one_does_not(server: Server) -> None:
    own = "req-0123456789abcdefghij"
    assert server.request("GET", "/_health/ping", headers={"X-Request-Id": own}).headers["X-Request-Id"] == own
    made = server.request("GET", "/_health/ping", headers={"X-Request-Id": "a b"}).headers["X-Request-Id"]
    assert made.startswith("req-")
    assert len(made) == 24


def test_nothing_is_read_for_who_has_left(server: Server) -> None:
    signed = server.put(bytes(LARGEST))
    connection = server.connect()
    headers = {"Authorization": f"Bearer {server.token}", "X-Request-Id": "req-has-left"}
    connection.request("GET", f"/{signed}", headers=headers)
    connection.getresponse().read(100)
    connection.close()
    seen = len(server.log_lines(0))
    while not (lines := [line for line in server.log_lines(0) if line["request_id"] == "req-has-left"]):
        seen = len(server.log_lines(seen + 1))
    assert lines[0]["sent"] < LARGEST


def test_slow_bodies_do_not_hold_up_others(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as link:
        head = f"PUT /{FOO} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {server.token}\r\n"
        link.sendall(f"{head}Content-Length: {LARGEST}\r\n\r\nfirst bytes".encode())
        time.sleep(0.1)
        assert server.put(b"meanwhile").startswith(digest(b"meanwhile"))
