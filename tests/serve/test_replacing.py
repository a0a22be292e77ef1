"""`replace_files` and `replace_segments`, by the rules of the API server."""

from typing import Any

import pytest

from serving import Reply, Server

BASE = {"a": b"aaa", "d/b": b"bbb", "d/e/c": b"ccccc"}


def text_of(server: Server, files: dict[str, bytes]) -> str:
    """Store files, one a block, and give their manifest."""
    lines = []
    for path, data in files.items():
        folder, _, name = path.rpartition("/")
        lines.append(f"./{folder} {server.put(data)} 0:{len(data)}:{name}\n".replace("./ ", ". "))
    return "".join(lines)


def make(server: Server, files: dict[str, bytes] | None = None) -> dict[str, Any]:
    """Make a collection of some files."""
    body = {"manifest_text": text_of(server, BASE if files is None else files)}
    record: dict[str, Any] = server.api("POST", "collections", body)
    return record


def content(server: Server, uuid: str) -> dict[str, bytes]:
    """Read all files of a collection, as the web page gives them; an empty directory is None."""
    from keepset import Manifest

    manifest = Manifest.parse(server.api("GET", f"collections/{uuid}")["manifest_text"])
    return {path: server.request("GET", f"/c/{uuid}/{path}").body for path, _ in manifest.files()}


def replace(server: Server, uuid: str, sources: object, **body: Any) -> Reply:
    """Ask for a replacement."""
    wrapped = {"collection": body, "replace_files": sources}
    return server.request("PUT", f"/arvados/v1/collections/{uuid}", wrapped)


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        ({"/a": ""}, {"d/b": b"bbb", "d/e/c": b"ccccc"}),
        ({"/d": ""}, {"a": b"aaa"}),
        ({"/nothing": ""}, BASE),
        ({"/x/y/z": "current/a"}, {**BASE, "x/y/z": b"aaa"}),
        ({"/a": "current/d/b", "/d/b": "current/a"}, {"a": b"bbb", "d/b": b"aaa", "d/e/c": b"ccccc"}),
        ({"/a": "current/d"}, {"a/b": b"bbb", "a/e/c": b"ccccc", "d/b": b"bbb", "d/e/c": b"ccccc"}),
        ({"/d": "current/a"}, {"a": b"aaa", "d": b"aaa"}),
        ({"/": "current/d"}, {"b": b"bbb", "e/c": b"ccccc"}),
        ({"/": "current/"}, BASE),
        ({"/": "", "/only": "current/a"}, {"only": b"aaa"}),
        ({"/d": "", "/d/new": "current/a"}, {"a": b"aaa", "d/new": b"aaa"}),
        ({"/all": "current"}, {**BASE, **{f"all/{path}": data for path, data in BASE.items()}}),
    ],
)
def test_targets_become_their_sources(server: Server, sources: dict[str, str], expected: dict[str, bytes]) -> None:
    uuid = make(server)["uuid"]
    reply = replace(server, uuid, sources)
    assert reply.status == 200, reply.body
    assert content(server, uuid) == expected


def test_files_come_from_other_collections_and_from_the_request(server: Server) -> None:
    other = make(server, {"from/x": b"other"})
    uuid = make(server)["uuid"]
    sources = {"/one": f"{other['portable_data_hash']}/from/x", "/two": "manifest_text/new"}
    reply = replace(server, uuid, sources, manifest_text=text_of(server, {"new": b"new", "left": b"out"}))
    assert reply.status == 200, reply.body
    assert content(server, uuid) == {**BASE, "one": b"other", "two": b"new"}


def test_a_new_collection_is_made_of_sources(server: Server) -> None:
    other = make(server)
    body = {"collection": {"name": "made of sources"}, "replace_files": {"/x": f"{other['portable_data_hash']}/d"}}
    made = server.api("POST", "collections", body)
    assert content(server, made["uuid"]) == {"x/b": b"bbb", "x/e/c": b"ccccc"}


@pytest.mark.parametrize(
    ("sources", "status"),
    [
        ({"a": ""}, 400),
        ({"/a/": ""}, 400),
        ({"//a": ""}, 400),
        ({"/./a": ""}, 400),
        ({"/d/../a": ""}, 400),
        ({"/x": "current/nothing"}, 400),
        ({"/x": "current/a/below"}, 400),
        ({"/x": "current//a"}, 400),
        ({"/x": "current/../a"}, 400),
        ({"/x": "elsewhere/a"}, 400),
        ({"/x": "manifest_text/a"}, 400),
        ({"/x": f"{'0' * 32}+1/a"}, 404),
        ({"/x": "current/a", "/x/y": ""}, 400),
        ({"/": "current/d", "/y": "current/a"}, 400),
        ({"/a/b": "current/d"}, 400),
        ({"/": "current/a"}, 400),
        ({"/x": 7}, 400),
        (["/x"], 400),
        ("text", 400),
    ],
)
def test_what_breaks_a_rule_changes_nothing(server: Server, sources: object, status: int) -> None:
    made = make(server)
    reply = replace(server, made["uuid"], sources)
    assert reply.status == status, reply.body
    assert server.api("GET", f"collections/{made['uuid']}")["etag"] == made["etag"]


def test_h66_malformed_manifest_is_a_bad_request(server: Server) -> None:
    uuid = make(server)["uuid"]
    for text in ("nonsense", ". 0:0:a", "\ud800"):
        assert replace(server, uuid, {"/x": "manifest_text/a"}, manifest_text=text).status == 400
        assert replace(server, uuid, {"/x": "current/a"}, manifest_text=text).status == 400


def test_a_manifest_text_that_no_source_names_is_a_bad_request(server: Server) -> None:
    uuid = make(server)["uuid"]
    assert replace(server, uuid, {"/x": "current/a"}, manifest_text=text_of(server, {"y": b"y"})).status == 400


def test_a_source_of_the_request_must_be_signed(server: Server) -> None:
    uuid = make(server)["uuid"]
    bare = ". acbd18db4cc2f85cedef654fccc4a4d8+3 0:3:foo\n"
    assert replace(server, uuid, {"/x": "manifest_text/foo"}, manifest_text=bare).status == 403


def test_names_are_kept_byte_for_byte(server: Server) -> None:
    text = f". {server.put(b'odd')} 0:3:a\\040b\\134\\377\u00e9\n"
    uuid = server.api("POST", "collections", {"manifest_text": text})["uuid"]
    reply = replace(server, uuid, {"/d": "current/", "/x": ""})
    assert reply.status == 200, reply.body
    unsigned = server.api("GET", f"collections/{uuid}", select=["unsigned_manifest_text"])["unsigned_manifest_text"]
    assert unsigned.count("0:3:a\\040b\\134\\377\u00e9\n") == 2


def segments(server: Server, uuid: str, pairs: dict[str, str]) -> Reply:
    """Ask for other segments."""
    body = {"collection": {}, "replace_segments": pairs}
    return server.request("PUT", f"/arvados/v1/collections/{uuid}", body)


def test_segments_move_to_another_block(server: Server) -> None:
    uuid = make(server)["uuid"]
    packed = server.put(b"aaabbb")
    a, b = server.put(b"aaa"), server.put(b"bbb")
    reply = segments(server, uuid, {f"{a} 0 3": f"{packed} 0 3", f"{b[:34]} 0 3": f"{packed} 3 3"})
    assert reply.status == 200, reply.body
    assert content(server, uuid) == BASE
    text = reply.json["manifest_text"]
    assert packed[:34] in text
    assert a[:32] not in text


def test_a_segment_that_is_not_there_spares_all_of_its_new_block(server: Server) -> None:
    made = make(server)
    packed, other = server.put(b"aaabbb"), server.put(b"cccccx")
    a, c, absent = server.put(b"aaa"), server.put(b"ccccc"), server.put(b"zzz")
    pairs = {f"{a} 0 3": f"{packed} 0 3", f"{absent} 0 3": f"{packed} 3 3", f"{c} 0 5": f"{other} 0 5"}
    text = segments(server, made["uuid"], pairs).json["manifest_text"]
    assert (packed[:32] in text, other[:32] in text) == (False, True)


@pytest.mark.parametrize(
    ("new", "status"),
    [("{packed} 0 2", 400), ("{packed} 4 3", 400), ("{packed}", 400), ("{packed} 0 x", 400), ("{bare} 0 3", 403)],
)
def test_a_segment_that_does_not_fit_is_refused(server: Server, new: str, status: int) -> None:
    uuid = make(server)["uuid"]
    packed = server.put(b"aaabbb")
    reply = segments(server, uuid, {f"{server.put(b'aaa')} 0 3": new.format(packed=packed, bare=packed[:34])})
    assert reply.status == status, reply.body
