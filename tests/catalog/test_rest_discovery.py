"""The description of the API: how long it is kept, and what is believed of it."""

from __future__ import annotations

import json
import os
import threading
import time
import warnings
from typing import TYPE_CHECKING, Any

import pytest

from api_server import DISCOVERY, TOKEN, Answer, ApiServer, discovery_document
from keepset import errors
from keepset.api import ThreadSafeAPIClient, ThreadSafeHTTPCache, api, http_cache
from keepset.catalog import discovery
from stores import Full

if TYPE_CHECKING:
    from pathlib import Path

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    official = pytest.importorskip("arvados.api")

HOUR = 3600


@pytest.fixture
def cache(tmp_path: Path, no_settings: None) -> Path:
    """The folder that descriptions are kept in."""
    return tmp_path / "cache" / "arvados" / "discovery"


def connect(server: ApiServer, **options: Any) -> ThreadSafeAPIClient:
    return api("v1", discoveryServiceUrl=server.template, token=TOKEN, **options)


def forget() -> None:
    """Be a new process."""
    discovery._texts.clear()


def let_pass(folder: Path, seconds: float) -> None:
    """Let the files in a folder have been written some time ago."""
    for file in folder.iterdir():
        moment = time.time() - seconds
        os.utime(file, (moment, moment))


def test_it_is_kept_in_memory_and_on_the_disk(server: ApiServer, cache: Path) -> None:
    first = connect(server)
    assert connect(server)._rootDesc == first._rootDesc
    for file in cache.iterdir():
        file.unlink()
    assert connect(server)._rootDesc == first._rootDesc
    connect(server, cache=False)
    assert server.discoveries == 2
    forget()
    connect(server)
    forget()
    connect(server)
    assert server.discoveries == 3


def test_clients_do_not_share_what_they_change(server: ApiServer) -> None:
    connect(server)._rootDesc.clear()
    assert connect(server)._rootDesc["uuidPrefix"] == "local"


@pytest.mark.parametrize(
    ("cache_control", "age", "discoveries"),
    [
        ("max-age=7200", HOUR, 1),
        ("public, max-age=7200", 3 * HOUR, 2),
        ("max-age=999999999", 47 * HOUR, 1),
        ("max-age=999999999", 49 * HOUR, 2),
        ("no-store, max-age=7200", 0, 2),
        ("", 0, 2),
    ],
)
def test_the_server_says_for_how_long(
    server: ApiServer, cache: Path, cache_control: str, age: float, discoveries: int
) -> None:
    server.discovery_headers = {"Cache-Control": cache_control}
    connect(server)
    forget()
    let_pass(cache, age)
    connect(server)
    assert server.discoveries == discoveries


@pytest.mark.parametrize("content", [b"", b"{", b"\r\n\r\n{}", b"cache-control: max-age=9999\r\n\r\n{}", b"\xff" * 100])
def test_a_damaged_file_is_replaced(server: ApiServer, cache: Path, content: bytes) -> None:
    connect(server)
    (file,) = cache.iterdir()
    before = file.read_bytes()
    file.write_bytes(content)
    forget()
    assert connect(server)._rootDesc["name"] == "arvados"
    assert server.discoveries == 2
    assert json.loads(file.read_bytes().partition(b"\r\n\r\n")[2]) == json.loads(before.partition(b"\r\n\r\n")[2])


def test_the_official_client_reads_what_is_kept_here(server: ApiServer, cache: Path) -> None:
    connect(server)
    theirs = official.api("v1", discoveryServiceUrl=server.template, token=TOKEN)
    assert theirs._rootDesc["rootUrl"] == connect(server)._rootDesc["rootUrl"]
    theirs.close_connections()
    assert server.discoveries == 1


def test_what_the_official_client_keeps_is_read_here(server: ApiServer, cache: Path) -> None:
    theirs = official.api("v1", discoveryServiceUrl=server.template, token=TOKEN)
    assert connect(server)._rootDesc["rootUrl"] == theirs._rootDesc["rootUrl"]
    theirs.close_connections()
    assert server.discoveries == 1


def test_a_folder_that_cannot_be_made_or_written(
    server: ApiServer, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.parent.mkdir(parents=True)
    cache.write_text("in the way")
    assert http_cache("discovery") is None
    connect(server)
    cache.unlink()
    monkeypatch.setattr("os.replace", Full())
    forget()
    connect(server)
    assert list(cache.iterdir()) == []


def test_the_folder_is_made_for_its_owner_alone(no_settings: None, tmp_path: Path) -> None:
    assert str(http_cache("discovery")) == str(tmp_path / "cache" / "arvados" / "discovery")
    assert (tmp_path / "cache" / "arvados" / "discovery").stat().st_mode & 0o777 == 0o700


def test_a_cache_gives_back_what_it_was_given(tmp_path: Path) -> None:
    cache = ThreadSafeHTTPCache(str(tmp_path))
    assert cache.get("a") is None
    cache.set("a", b"1")
    cache.set("a", b"2")
    assert cache.get("a") == b"2"
    assert official.ThreadSafeHTTPCache(str(tmp_path)).get("a") == b"2"
    cache.delete("a")
    cache.delete("a")
    assert cache.get("a") is None


def test_old_files_are_deleted(tmp_path: Path) -> None:
    cache = ThreadSafeHTTPCache(str(tmp_path))
    cache.set("old", b"1")
    (tmp_path / "tmp-of-a-killed-process.tmp").write_bytes(b"")
    let_pass(tmp_path, 50 * HOUR)
    cache.set("new", b"2")
    (tmp_path / "else").write_bytes(b"")
    ThreadSafeHTTPCache(str(tmp_path), max_age=49 * HOUR)
    assert (cache.get("old"), cache.get("new"), len(list(tmp_path.iterdir()))) == (None, b"2", 2)


def test_writers_at_once_leave_a_whole_file(tmp_path: Path) -> None:
    cache = ThreadSafeHTTPCache(str(tmp_path))
    texts = [bytes([number]) * 100_000 for number in range(4)]
    seen: list[bytes | None] = []

    def work(text: bytes) -> None:
        for _ in range(20):
            cache.set("a", text)
            seen.append(cache.get("a"))

    threads = [threading.Thread(target=work, args=(text,)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(seen) <= set(texts)
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    "body", [b"<html>", b"[]", b"{}", b'{"resources": {}, "rootUrl": "x"}', b'{"resources": []}', b"[" * 100_000]
)
def test_what_is_no_description_is_refused(server: ApiServer, body: bytes) -> None:
    server.script(DISCOVERY, Answer(body=body))
    with pytest.raises(errors.ApiError, match="no discovery document"):
        connect(server)


@pytest.mark.parametrize("root", [5, None, "", "/", "ftp://zzzzz.example/", "https:", "http://[::1"])
def test_a_description_says_where_the_api_is(server: ApiServer, root: object) -> None:
    server.script(DISCOVERY, Answer(body=discovery_document("") | {"rootUrl": root}))
    with pytest.raises(errors.ApiError, match="no discovery document"):
        connect(server)


def test_what_came_from_a_server_that_was_not_verified_is_kept_for_those_who_do_not_verify(server: ApiServer) -> None:
    server.script(DISCOVERY, Answer(body=discovery_document("https://else.example"), headers=server.discovery_headers))
    for _ in range(2):
        assert connect(server, insecure=True)._rootDesc["rootUrl"] == "https://else.example/"
        assert connect(server)._rootDesc["rootUrl"] == f"{server.url}/"
        forget()
    assert server.discoveries == 2


def test_a_server_without_a_description(server: ApiServer) -> None:
    server.script(DISCOVERY, Answer(404, {"errors": ["not here"]}))
    with pytest.raises(errors.ApiError, match="not here"):
        connect(server)


def test_the_token_does_not_go_in_clear_text_where_it_came_encrypted() -> None:
    text = json.dumps(discovery_document("http://elsewhere.example")).encode()
    with pytest.raises(errors.ConfigError, match="not encrypted"):
        discovery._parse(text, "https://zzzzz.example/discovery")


def test_another_version(server: ApiServer) -> None:
    with pytest.raises(errors.ApiError):
        api("v7", discoveryServiceUrl=server.template, token=TOKEN)
    assert server.requests[-1].path == "/discovery/v1/apis/arvados/v7/rest"
