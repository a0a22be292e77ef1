"""The same actions by our client and by the official one against one `keepset serve`: what differs, and what must not.

Each script runs in a process of its own, once with `arvados` and once with `keepset` in its place, and each reads what
the other has written. (`tests/serve/test_official.py` holds the server against either of them.)
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from serving import Server, environment

pytest.importorskip("arvados")

if TYPE_CHECKING:
    from collections.abc import Iterator

CLIENTS = ("arvados", "keepset")
FILES = {"README": b"read me\n", "d/empty": b"", "d/with space": b"x" * 1000, "d/e/\u00e9.bin": bytes(range(256)) * 999}

START = """
import json, sys
import {0} as arvados, {0}.util
from {0}.collection import Collection
library, other = sys.argv[1:]
api = arvados.api()
def answer(value): print(json.dumps(value))
"""


class Both:
    """Runs what is the same for both clients.

    Args:
        server: The server.
        home: A folder for their caches and settings.
    """

    def __init__(self, server: Server, home: Path) -> None:
        self.server = server
        self._home = home

    def run(self, client: str, *command: str | Path) -> str:
        """Run a program with the settings of a client; returns what it prints."""
        home = self._home / client
        homes = {"HOME": str(home), "XDG_CACHE_HOME": str(home / "cache"), "XDG_STATE_HOME": str(home / "state")}
        done = subprocess.run(
            list(map(str, command)),
            env=environment(**self.server.environment | homes),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def tool(self, name: str, *arguments: str | Path) -> str:
        """Run a command of ours, or one of theirs."""
        return self.run("tools", Path(sys.executable).with_name(name), *arguments)

    def script(self, text: str) -> list[Any]:
        """Run a script with each client in turn; returns the answers."""
        return [
            json.loads(self.run(client, sys.executable, "-c", START.format(client) + text, client, other))
            for client, other in zip(CLIENTS, reversed(CLIENTS), strict=True)
        ]

    def records(self, *names: str) -> list[dict[str, Any]]:
        """What the server has of records, without what differs between any two."""
        found = []
        for name in names:
            listed = self.server.api("GET", "collections", filters=[["name", "=", name]])["items"]
            record = self.server.api("GET", f"collections/{listed[0]['uuid']}")
            fields = ("portable_data_hash", "properties", "file_count", "file_size_total", "storage_classes_desired")
            found.append({field: record[field] for field in fields} | {"version": record["version"]})
        return found


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    server = Server(tmp_path_factory.mktemp("both") / "store", tls=True)
    yield Both(server, tmp_path_factory.mktemp("home"))
    server.close()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, data in FILES.items():
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return tmp_path / "tree"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_trees_that_are_put_are_the_same_to_all_who_list_and_get_them(both: Both, tree: Path, tmp_path: Path) -> None:
    both.tool("arv-put", "--no-progress", "--name", "by arv-put", f"{tree}/")
    both.tool("keepset", "put", "--name", "by keepset", tree)
    theirs, ours = both.records("by arv-put", "by keepset")
    sizes = ("file_count", "file_size_total")
    assert [theirs[size] for size in sizes] == [ours[size] for size in sizes] == [4, sum(map(len, FILES.values()))]
    for number, name in enumerate(("by arv-put", "by keepset")):
        uuid = json.loads(both.tool("keepset", "collections", "show", "--json", name))[0]["uuid"]
        assert both.tool("arv-ls", uuid).split("\n")[:-1] == [f"./{path}" for path in sorted(FILES, key=_as_listed)]
        listed = json.loads(both.tool("keepset", "find", uuid, "--type", "f", "--json"))
        assert {entry["path"]: entry["size"] for entry in listed} == {path: len(data) for path, data in FILES.items()}
        (tmp_path / f"arv-get {number}").mkdir()
        both.tool("arv-get", "--no-progress", f"{uuid}/", tmp_path / f"arv-get {number}")
        both.tool("keepset", "get", uuid, tmp_path / f"keepset {number}")
        assert contents(tmp_path / f"arv-get {number}") == contents(tmp_path / f"keepset {number}") == FILES


def _as_listed(path: str) -> tuple[str, str]:
    stream, _, name = path.rpartition("/")
    return stream, name


def test_collections_are_the_same_whoever_saves_them(both: Both) -> None:
    saved, read = (
        both.script(script)
        for script in (
            """
made = Collection(replication_desired=1)
made.packing = False  # as 3.2.1, which knows no such attribute: each file that is closed is a block
for name in ('a', 'd/b', 'd/c'):
    with made.open(name, 'wb') as file:
        file.write(name.encode() * 1000)
made.save_new(f'saved by {library}', properties={'kind': 'test'}, storage_classes=['default'])
mine, theirs = Collection(made.manifest_locator()), Collection(made.manifest_locator())
theirs.copy('d/c', 'd/theirs')
theirs.save()
mine.rename('a', 'd/renamed')
mine.remove('d/b')
mine.update()
mine.save()
answer([sorted(mine['d']), mine.portable_data_hash(), mine.portable_manifest_text()])
""",
            """
uuid = api.collections().list(filters=[['name', '=', f'saved by {other}']]).execute()['items'][0]['uuid']
found = Collection(uuid)
def content(name):
    with found.open(f'd/{name}', 'rb') as file:
        return file.read().decode()
answer([{name: content(name) for name in found['d']}, found.portable_data_hash(), found.get_properties()])
""",
        )
    )
    assert saved[0] == saved[1]
    assert read[0] == read[1]
    assert saved[0][0] == ["c", "renamed", "theirs"]
    assert read[0] == [
        {"c": "d/c" * 1000, "theirs": "d/c" * 1000, "renamed": "a" * 1000},
        saved[0][1],
        {"kind": "test"},
    ]
    theirs, ours = both.records(*(f"saved by {client}" for client in CLIENTS))
    assert theirs == ours


def test_blocks_have_the_same_locators_whoever_puts_them(both: Both) -> None:
    put = both.script("""
keep = arvados.KeepClient(api)
large = b'large' * 9_000_000
blocks = [keep.put(b'one', copies=1), keep.put(b'', copies=2), keep.put(large, copies=2, classes=['default'])]
data = [keep.get(block) for block in blocks]
answer([[block.partition('+A')[0] for block in blocks], [len(part) for part in data], [keep.head(b) for b in blocks]])
""")
    assert put[0] == put[1]
    assert put[0][1:] == [[3, 0, 45_000_000], [True] * 3]


def test_all_records_are_listed_alike(both: Both) -> None:
    both.script("""
for number in range(7):
    api.collections().create(body={'name': f'{library} {number}', 'properties': {'number': number}}).execute()
answer(None)
""")
    listed = both.script("""
found = arvados.util.keyset_list_all(
    lambda **options: api.collections().list(**(options | {'limit': 3})),
    filters=[['name', 'like', '% _']], select=['uuid', 'name', 'created_at', 'properties'])
answer([dict(item) for item in found])
""")
    assert listed[0] == listed[1]
    assert sorted(item["name"] for item in listed[0]) == sorted(f"{c} {number}" for c in CLIENTS for number in range(7))
