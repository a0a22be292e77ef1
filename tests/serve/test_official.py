"""The official client and its tools, arvados-python-client 3.2.1, against our server: processes, TLS, real trees.

The scripts run with our client, too: the same calls, with the same outcome.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from serving import Server, environment

Run = Callable[..., str]
Script = Callable[[str], Any]


@pytest.fixture
def official(tls_server: Server, tmp_path: Path) -> Run:
    """Run a tool of the official client, or a script that uses it; returns what it prints."""

    def run(program: str, *arguments: str | Path, **settings: str) -> str:
        home = {"HOME": str(tmp_path / "home"), "XDG_CACHE_HOME": str(tmp_path / "home" / "cache")}
        is_script = "\n" in program
        command = [sys.executable, "-c", program] if is_script else [str(Path(sys.executable).with_name(program))]
        done = subprocess.run(
            [*command, *map(str, arguments)],
            env=environment(**tls_server.environment | home | settings),
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture(params=["arvados", "keepset"])
def in_json(official: Run, request: pytest.FixtureRequest) -> Script:
    """Run a script with `api`, `arvados`, `Collection` and the name of the `library`; returns its `answer`."""
    start = (
        f"import {request.param} as arvados, {request.param}.util, json\n"
        f"from {request.param}.collection import Collection\n"
        "api = arvados.api()\n"
        f"library = '{request.param}'\n"
        "def answer(value): print(json.dumps(value))\n"
    )
    return lambda script: json.loads(official(f"{start}{script}\n"))


def make_tree(folder: Path) -> dict[str, bytes]:
    """Make files of all kinds: empty, with odd names, larger than a block in all."""
    contents = {
        "README.txt": b"read me\n",
        "empty": b"",
        "d/with space.txt": b"x" * 1000,
        "d/e/\u00e9\u4e2d.bin": os.urandom(70_000),
        "d/large.bin": os.urandom(3 << 20),
    }
    for name, data in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return contents


def test_arv_put_and_arv_get_bring_a_tree_back(official: Run, tls_server: Server, tmp_path: Path) -> None:
    contents = make_tree(tmp_path / "tree")
    uuid = official("arv-put", "--no-progress", "--name", "a tree", tmp_path / "tree").strip()
    record = tls_server.api("GET", f"collections/{uuid}")
    assert record["name"] == "a tree"
    assert (record["file_count"], record["file_size_total"]) == (5, sum(map(len, contents.values())))
    (tmp_path / "got").mkdir()
    official("arv-get", "--no-progress", f"{uuid}/", tmp_path / "got")
    top = tmp_path / "got"
    got = {path.relative_to(top).as_posix(): path.read_bytes() for path in top.rglob("*") if path.is_file()}
    assert got == {f"tree/{name}": data for name, data in contents.items()}


def test_what_one_client_stores_the_other_fetches(official: Run, tmp_path: Path) -> None:
    contents = make_tree(tmp_path / "both")
    theirs = official("arv-put", "--no-progress", tmp_path / "both").strip()
    official("keepset", "put", "--name", "stored by keepset", tmp_path / "both")
    (tmp_path / "by arv-get").mkdir()
    official("arv-get", "--no-progress", f"{named(official, 'stored by keepset')}/", tmp_path / "by arv-get")
    official("keepset", "get", theirs, tmp_path / "by keepset")
    for name, data in contents.items():
        assert (tmp_path / "by arv-get" / name).read_bytes() == data
        assert (tmp_path / "by keepset" / "both" / name).read_bytes() == data


def named(official: Run, name: str) -> str:
    """The UUID of a collection, by our command."""
    uuid: str = json.loads(official("keepset", "collections", "show", "--json", name))[0]["uuid"]
    return uuid


def test_arv_ls_lists_by_uuid_and_by_hash(official: Run, tmp_path: Path) -> None:
    contents = make_tree(tmp_path / "listed")
    uuid = official("arv-put", "--no-progress", tmp_path / "listed").strip()
    lines = official("arv-ls", "-s", uuid).splitlines()
    assert {line.split(maxsplit=1)[1] for line in lines} == {f"./listed/{name}" for name in contents}
    digest = official("arv-put", "--no-progress", "--portable-data-hash", tmp_path / "listed").strip()
    assert official("arv-ls", "-s", digest).splitlines() == lines


def test_the_certificate_is_checked_where_it_is_named(official: Run, tls_server: Server, tmp_path: Path) -> None:
    make_tree(tmp_path / "checked")
    checking = {"ARVADOS_API_HOST_INSECURE": "0", "SSL_CERT_FILE": str(tls_server.store / "serve-127.0.0.1.crt")}
    uuid = official("arv-put", "--no-progress", tmp_path / "checked", **checking).strip()
    assert official("arv-get", "--no-progress", f"{uuid}/checked/README.txt", "-", **checking) == "read me\n"


def test_arv_put_twice_goes_on_from_its_cache(official: Run, tmp_path: Path) -> None:
    # It asks for each block of its cache with HEAD.
    make_tree(tmp_path / "again")
    first = official("arv-put", "--no-progress", "--portable-data-hash", tmp_path / "again")
    assert official("arv-put", "--no-progress", "--portable-data-hash", tmp_path / "again") == first


def test_arv_put_does_as_its_options_say(official: Run, tls_server: Server, tmp_path: Path) -> None:
    (tmp_path / "first").write_bytes(b"first")
    (tmp_path / "second").write_bytes(b"second")
    put = ("arv-put", "--no-progress")
    owner = tls_server.api("GET", "users/current")["uuid"]
    uuid = official(*put, "--project-uuid", owner, "--trash-after", "30", "first").strip()
    record = tls_server.api("GET", f"collections/{uuid}")
    assert record["owner_uuid"] == owner
    assert record["trash_at"] > record["created_at"]
    official(*put, "--update-collection", uuid, "second")
    assert official("arv-ls", uuid).splitlines() == ["./first", "./second"]
    assert official(*put, "--stream", "first").startswith(". 8b04d5e3775d298e78455efc5ca404d5+5+A")
    locator = official(*put, "--raw", "--no-cache", "first").strip()
    assert tls_server.request("GET", f"/{locator}").body == b"first"


def test_a_collection_is_saved_opened_updated_and_saved_again(in_json: Script, tls_server: Server) -> None:
    said = in_json(
        """
made = Collection()
with made.open('d/a.txt', 'w') as file:
    file.write('first')
made.save_new(f'saved by {library}', properties={'kind': 'test'})
mine, theirs = Collection(made.manifest_locator()), Collection(made.manifest_locator())
with theirs.open('d/theirs.txt', 'w') as file:
    file.write('theirs')
theirs.save()
with mine.open('d/mine.txt', 'w') as file:
    file.write('mine')
mine.rename('d/a.txt', 'd/renamed.txt')
mine.update()
mine.save()
with Collection(made.manifest_locator()).open('d/renamed.txt') as file:
    content = file.read()
answer([made.manifest_locator(), mine.portable_data_hash(), sorted(mine['d']), content, made.get_properties()])
""",
    )
    uuid, digest, names, content, properties = said
    assert names == ["mine.txt", "renamed.txt", "theirs.txt"]
    assert (content, properties) == ("first", {"kind": "test"})
    record = tls_server.api("GET", f"collections/{uuid}")
    assert record["portable_data_hash"] == digest == "982e79931fb6fff7d9754f63afcc3282+153"


def test_keep_stores_and_finds_blocks_with_copies_and_classes(in_json: Script) -> None:
    said = in_json(
        """
keep = arvados.KeepClient(api)
locators = [keep.put(b'one', copies=1), keep.put(b'two', copies=2), keep.put(b'', copies=3),
            keep.put(b'large' * 10_000_000, copies=2, classes=['default'])]
data = [keep.get(locator)[:5].decode() for locator in locators]
heads = [keep.head(locator) for locator in locators]
try:
    keep.put(b'nowhere', classes=['archive'], num_retries=0)
except arvados.errors.KeepWriteError as error:
    refused = [failure.status_code for failure in error.request_errors().values()]
try:
    keep.head(locators[0][:-9] + '@00000001', num_retries=0)  # nothing of it is cached
except arvados.errors.KeepReadError as error:
    expired = [failure.status_code for failure in error.request_errors().values()]
answer([data, heads, refused, expired])
""",
    )
    assert said == [["one", "two", "", "large"], [True] * 4, [507], [401]]


def test_keyset_list_all_sees_each_record_once_h65(in_json: Script) -> None:
    said = in_json(
        """
for number in range(25):
    api.collections().create(body={'name': f'{library} {number:02}'}).execute()
listed = arvados.util.keyset_list_all(
    lambda **options: api.collections().list(**(options | {'limit': 4})), filters=[['name', 'like', f'{library} %']])
answer([item['name'] for item in listed])
""",
    )
    assert sorted(name.split()[1] for name in said) == [f"{number:02}" for number in range(25)]


def test_a_long_list_request_arrives_as_a_post(in_json: Script) -> None:
    said = in_json(
        """
made = api.collections().create(body={'name': f'long {library}'}).execute()
names = [f'long {library}'] + [f'no such name {number}' for number in range(500)]
found = api.collections().list(filters=[['name', 'in', names]], select=['name']).execute()
answer([item['name'] == made['name'] for item in found['items']])
""",
    )
    assert said == [True]


def test_refusals_arrive_as_errors_of_the_client(in_json: Script) -> None:
    said = in_json(
        r"""
def refusal(request):
    try:
        request.execute(num_retries=0)
    except arvados.errors.ApiError as error:
        return [error.resp.status, error._get_reason()]
calls = api.collections()
calls.create(body={'name': f'taken by {library}'}).execute()
answer([refusal(calls.get(uuid='local-4zz18-000000000000000')),
        refusal(calls.create(body={'manifest_text': 'nonsense\n'})),
        refusal(calls.create(body={'name': f'taken by {library}'})),
        refusal(calls.create(body={'manifest_text': '. acbd18db4cc2f85cedef654fccc4a4d8+3 0:3:a\n'}))])
""",
    )
    assert [status for status, _ in said] == [404, 422, 422, 403]
    assert "duplicate key value" in said[2][1]
    assert all("(req-" in reason for _, reason in said)


def test_replace_files_from_a_client(in_json: Script, tls_server: Server) -> None:
    said = in_json(
        """
made = Collection()
for name in ('a', 'b'):
    with made.open(name, 'w') as file:
        file.write(name)
made.save_new(f'changed by {library}')
uuid = made.manifest_locator()
changed = api.collections().update(
    uuid=uuid, body={}, replace_files={'/c/d': 'current/a', '/a': ''}).execute()
answer([sorted(name for name in Collection(uuid)), changed['file_count']])
""",
    )
    assert said == [["b", "c"], 2]
