"""The web page without a browser: what it says, what it lets through, and how files and archives come."""

import hashlib
import html
import http.client
import io
import re
import urllib.parse
import zipfile
from http.cookies import SimpleCookie
from typing import Any

import pytest

from serving import Reply, Server

EVIL = "<script>alert(1)</script>"


def make(server: Server, files: dict[str, bytes], **attributes: Any) -> str:
    """Make a collection; returns its UUID."""
    lines = []
    for path, data in files.items():
        folder, _, name = path.rpartition("/")
        stream = f"./{folder}" if folder else "."
        lines.append(f"{stream} {server.put(data)} 0:{len(data)}:{name}\n")
    uuid: str = server.api("POST", "collections", {"manifest_text": "".join(lines), **attributes})["uuid"]
    return uuid


def log_in(server: Server, **fields: str) -> Reply:
    """Send the form."""
    body = urllib.parse.urlencode({"token": server.token, **fields}).encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return server.request("POST", "/login", body, token=None, headers=headers)


def test_without_a_token_there_is_the_form(server: Server) -> None:
    uuid = make(server, {"a.txt": b"a"})
    for path in ("/", f"/c/{uuid}/", f"/c/{uuid}/a.txt?x=1", f"/c/{uuid}/%FF%0Ax%25%3F/"):
        reply = server.request("GET", path, token=None)
        assert reply.status == 303
        assert reply.headers["Location"] == f"/login?next={urllib.parse.quote(path, safe='')}"
    assert b'name="token"' in server.request("GET", "/login", token=None).body


def test_the_form_gives_a_cookie_that_only_reads_pages(server: Server) -> None:
    reply = log_in(server, next="/?q=x")
    assert (reply.status, reply.headers["Location"]) == (303, "/?q=x")
    (morsel,) = SimpleCookie(reply.headers["Set-Cookie"]).values()
    assert (morsel["httponly"], morsel["samesite"], morsel["secure"]) == (True, "strict", "")
    cookie = {"Cookie": f"{morsel.key}={morsel.coded_value}"}
    assert server.request("GET", "/", token=None, headers=cookie).status == 200
    assert server.request("GET", "/arvados/v1/collections", token=None, headers=cookie).status == 401
    assert server.request("POST", "/", b"x", token=None, headers=cookie).status == 401
    gone = server.request("POST", "/logout", b"", token=None, headers=cookie)
    assert (gone.status, 'keepset_token=""' in gone.headers["Set-Cookie"]) == (303, True)


def test_the_form_leads_to_where_one_came_from(server: Server) -> None:
    path = "/c/local-4zz18-000000000000000/100%25%20of%20%FF%0A%3F/?from=5"
    asked = server.request("GET", path, token=None).headers["Location"]
    form = server.request("GET", asked, token=None).body.decode()
    (target,) = re.findall('name="next" value="([^"]*)"', form)
    assert log_in(server, next=html.unescape(target)).headers["Location"] == path


def test_over_tls_the_cookie_is_secure(tls_server: Server) -> None:
    assert "; Secure" in log_in(tls_server).headers["Set-Cookie"]


def test_a_wrong_token_gives_no_cookie(server: Server) -> None:
    reply = log_in(server, token=f"{server.token}x")
    assert (reply.status, reply.headers["Set-Cookie"]) == (403, None)
    assert b'role="alert"' in reply.body


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", "/\\evil.example", "/\r\nA: b", ""])
def test_the_form_leads_to_no_other_site(server: Server, target: str) -> None:
    assert log_in(server, next=target).headers["Location"] == "/"


@pytest.mark.parametrize("path", ["/login", "/logout"])
def test_forms_of_other_sites_are_refused(server: Server, path: str) -> None:
    reply = server.request("POST", path, b"", token=None, headers={"Sec-Fetch-Site": "cross-site"})
    assert (reply.status, reply.headers["Set-Cookie"]) == (403, None)


def test_a_form_that_is_too_large_is_refused(server: Server) -> None:
    assert server.request("POST", "/login", b"x" * 5000, token=None).status == 413


def test_names_and_texts_are_escaped_everywhere(server: Server) -> None:
    uuid = make(server, {"<b>&d/x": b"x"}, name=f"{EVIL[:-9]}", description=EVIL)
    for path in (f"/?q={urllib.parse.quote(EVIL)}", "/?q=alert", f"/c/{uuid}/", f"/c/{uuid}/%3Cb%3E&d/", "/c/%3Cb%3E/"):
        reply = server.request("GET", path)
        assert reply.headers["Content-Type"] == "text/html; charset=utf-8"
        assert "default-src 'none'" in reply.headers["Content-Security-Policy"]
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
        assert b"<script" not in reply.body
        assert b"<b>" not in reply.body


def test_the_list_is_searched_by_name_and_by_file_and_has_pages(server: Server) -> None:
    make(server, {"needle_in.txt": b"x"}, name="haystack 100%")
    for words in ("haystack 100%", "HAYSTACK", "needle_in"):
        assert b"haystack 100%" in server.request("GET", f"/?q={urllib.parse.quote(words)}").body
    for words in ("haystack 100_", "needle%in", "no such"):
        assert (
            b"haystack" not in server.request("GET", f"/?q={urllib.parse.quote(words)}").body.partition(b"<table>")[2]
        )
    assert b"Previous page" in server.request("GET", "/?from=500").body


def test_directories_have_sizes_links_and_a_way_up(server: Server) -> None:
    uuid = make(server, {"top.txt": b"x" * 2000, "d/e/deep": b"y"}, name="a tree")
    page = server.request("GET", f"/c/{uuid}/").body.decode()
    assert 'href="./d/"' in page
    assert ">2.0K</td>" in page
    assert server.api("GET", f"collections/{uuid}")["portable_data_hash"] in page
    below = server.request("GET", f"/c/{uuid}/d/e/").body.decode()
    assert 'href="./deep"' in below
    assert f'href="/c/{uuid}/d/"' in below
    assert server.request("GET", f"/c/{uuid}/d").headers["Location"] == f"/c/{uuid}/d/"


def test_a_hash_is_browsed_too(server: Server) -> None:
    uuid = make(server, {"by_hash": b"x"})
    digest = server.api("GET", f"collections/{uuid}")["portable_data_hash"]
    assert server.request("GET", f"/c/{digest}/by_hash").body == b"x"
    assert server.request("GET", f"/c/{urllib.parse.quote(digest)}/").status == 200


def test_large_directories_have_pages(server: Server) -> None:
    locator = server.put(b"x")
    files = " ".join(f"0:1:f{number:04}" for number in range(1200))
    uuid = server.api("POST", "collections", {"manifest_text": f". {locator} {files}\n"})["uuid"]
    first, last = (server.request("GET", f"/c/{uuid}/?from={start}").body for start in (0, 1000))
    assert (first.count(b"<tr>"), last.count(b"<tr>")) == (501, 201)
    assert b'href="?from=500"' in first
    assert b"f1199" in last
    assert b"Next page" not in last


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/c/{uuid}/nothing", 404),
        ("/c/{uuid}/a/below", 404),
        ("/c/{uuid}/..", 404),
        ("/c/{uuid}/%2e%2e/%2e%2e/access.json", 404),
        ("/c/{uuid}//a", 200),
        ("/c/local-4zz18-000000000000000/", 404),
        ("/c/", 404),
        ("/c/%2e%2e/", 404),
    ],
)
def test_what_is_not_there_is_a_page_that_says_so(server: Server, path: str, status: int) -> None:
    reply = server.request("GET", path.format(uuid=make(server, {"a": b"a"})))
    assert reply.status == status


FILE = b"0123456789"


@pytest.mark.parametrize(
    ("span", "status", "body", "content_range"),
    [
        ("bytes=0-3", 206, b"0123", "bytes 0-3/10"),
        ("bytes=4-", 206, b"456789", "bytes 4-9/10"),
        ("bytes=-2", 206, b"89", "bytes 8-9/10"),
        ("bytes=-99", 206, FILE, "bytes 0-9/10"),
        ("bytes=8-99", 206, b"89", "bytes 8-9/10"),
        ("bytes=10-", 416, b"", "bytes */10"),
        ("bytes=-0", 416, b"", "bytes */10"),
        ("bytes=3-1", 200, FILE, None),
        ("bytes=0-1,3-4", 200, FILE, None),
        ("lines=1-2", 200, FILE, None),
        ("bytes=-", 200, FILE, None),
    ],
)
def test_ranges(server: Server, span: str, status: int, body: bytes, content_range: str | None) -> None:
    text = f". {server.put(FILE[:4])} {server.put(FILE[4:])} 0:10:f.txt\n"
    uuid = server.api("POST", "collections", {"manifest_text": text})["uuid"]
    reply = server.request("GET", f"/c/{uuid}/f.txt", headers={"Range": span})
    assert (reply.status, reply.body, reply.headers["Content-Range"]) == (status, body, content_range)
    head = server.request("HEAD", f"/c/{uuid}/f.txt", headers={"Range": span})
    assert (head.status, head.body) == (status, b"")
    if status != 416:
        assert head.headers["Content-Length"] == str(len(body))


def test_a_file_that_has_not_changed_is_not_sent_again(server: Server) -> None:
    uuid = make(server, {"f.txt": FILE})
    etag = server.request("GET", f"/c/{uuid}/f.txt").headers["ETag"]
    assert server.request("GET", f"/c/{uuid}/f.txt", headers={"If-None-Match": etag}).status == 304
    ranged = {"Range": "bytes=0-1", "If-Range": etag}
    assert server.request("GET", f"/c/{uuid}/f.txt", headers=ranged).status == 206
    assert server.request("GET", f"/c/{uuid}/f.txt", headers={**ranged, "If-Range": '"other"'}).status == 200


@pytest.mark.parametrize(
    ("name", "kind", "how"),
    [
        ("a.txt", "text/plain; charset=utf-8", "inline"),
        ("a.PNG", "image/png", "inline"),
        ("a.html", "application/octet-stream", "attachment"),
        ("a.svg", "application/octet-stream", "attachment"),
        ("a.xhtml", "application/octet-stream", "attachment"),
        ("a.js", "application/octet-stream", "attachment"),
        ("a.css", "application/octet-stream", "attachment"),
        ("html", "application/octet-stream", "attachment"),
        ('q"u;o\u00e9', "application/octet-stream", "attachment"),
    ],
)
def test_a_browser_runs_nothing_of_a_file(server: Server, name: str, kind: str, how: str) -> None:
    uuid = make(server, {name: b"<script>alert(1)</script>"})
    reply = server.request("GET", f"/c/{uuid}/{urllib.parse.quote(name)}")
    assert reply.headers["Content-Type"] == kind
    assert reply.headers["Content-Disposition"] == f"{how}; filename*=UTF-8''{urllib.parse.quote(name, safe='')}"
    assert reply.headers["Content-Security-Policy"].startswith("sandbox;")
    assert reply.headers["X-Content-Type-Options"] == "nosniff"


def test_names_that_are_not_utf8_are_reached(server: Server) -> None:
    text = f". {server.put(b'odd')} 0:3:\\377\\012x 0:3:javascript\\072x\n"
    uuid = server.api("POST", "collections", {"manifest_text": text})["uuid"]
    page = server.request("GET", f"/c/{uuid}/").body.decode()
    links = re.findall(r'href="(\./[^"]+)"', page)
    assert links == ["./javascript%3Ax", "./%FF%0Ax"] or links == ["./%FF%0Ax", "./javascript%3Ax"]
    assert server.request("GET", f"/c/{uuid}/%FF%0Ax").body == b"odd"


def test_a_folder_comes_as_a_zip_archive(server: Server) -> None:
    data = {"d/a": b"a" * 100_000, "d/e/b": b"", "d/e/\u00e9 \u4e2d": b"c", "other": b"no"}
    lines = [f"./d {server.put(data['d/a'])} 0:100000:a\n"]
    lines.append(f"./d/e {server.put(b'c')} 0:0:b 0:1:\u00e9\\040\u4e2d\n")
    lines.append("./d/empty d41d8cd98f00b204e9800998ecf8427e+0 0:0:\\056\n")
    text = f". {server.put(b'no')} 0:2:other\n{''.join(lines)}"
    uuid = server.api("POST", "collections", {"name": "zipped", "manifest_text": text})["uuid"]
    for folder, left in (("", ""), ("d/", "d/"), ("d/e/", "d/e/")):
        reply = server.request("GET", f"/c/{uuid}/{folder}?zip")
        assert reply.headers["Content-Type"] == "application/zip"
        with zipfile.ZipFile(io.BytesIO(reply.body)) as archive:
            assert archive.testzip() is None
            names = {name for name in archive.namelist() if not name.endswith("/")}
            assert names == {path.removeprefix(left) for path in data if path.startswith(left)}
            assert all(archive.read(name) == data[left + name] for name in names)
            assert ("empty/" in archive.namelist()) == (folder == "d/")


def test_a_damaged_block_ends_the_reply_instead_of_passing_for_a_file(server: Server) -> None:
    locator = server.put(b"will be damaged in the middle")
    uuid = server.api("POST", "collections", {"manifest_text": f". {locator} 0:29:f\n"})["uuid"]
    next((server.store / "blocks").rglob(locator[:32])).write_bytes(b"WILL be damaged in the middle")
    connection = server.connect()
    connection.request("GET", f"/c/{uuid}/f", headers={"Authorization": f"Bearer {server.token}"})
    reply = connection.getresponse()
    try:
        received = reply.read() if reply.status == 200 else b""
    except http.client.IncompleteRead as error:
        received = error.partial
    connection.close()
    assert hashlib.md5(received, usedforsecurity=False).hexdigest() != locator[:32]
    assert len(received) < 29


def test_a_large_file_and_its_archive_come_whole(server: Server) -> None:
    block = bytes(range(256)) * 40_000
    locator = server.put(block)
    text = f". {locator} {locator} {locator} 0:{3 * len(block)}:large\n"
    uuid = server.api("POST", "collections", {"manifest_text": text})["uuid"]
    assert server.request("GET", f"/c/{uuid}/large").body == block * 3
    span = {"Range": f"bytes={len(block) - 5}-{2 * len(block) + 4}"}
    assert (
        server.request("GET", f"/c/{uuid}/large", headers=span).body == (block * 3)[len(block) - 5 : 2 * len(block) + 5]
    )
    with zipfile.ZipFile(io.BytesIO(server.request("GET", f"/c/{uuid}/?zip").body)) as archive:
        assert archive.read("large") == block * 3
