"""Scripts written for `arvados.collection`, run with both libraries on one folder of blocks.

Only the imports change. Each script reports what it saw on the way, and hands over the collection that it ended with.
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

import keepset
from contents import Folder, folder, in_order
from keepset.collection import Collection
from memory_keep import StubApi
from samples import locator

if TYPE_CHECKING:
    from collections.abc import Iterator

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    official = pytest.importorskip("arvados")

SCRIPTS = ["walk_and_read", "build_and_save", "combine_and_reorganise"]
BLOCKS = [b"one,two\nthree\n", bytes(range(7, 90)), "Gr\u00fc\u00dfe\nto them\n".encode(), b"x" * 100]
A, B, C, D = map(locator, BLOCKS)
TEXTS = [
    f". {A} {B} 0:40:start.bin 14:14:table.txt\n./sequences {B} {C} 90:9:reads.txt 83:16:all.txt\n"
    f"./sequences/deeper {D} {A} 90:20:last.bin\n",
    f". {C} {D} 0:17:hello.txt 5:50:middle.bin\n./more {A} 0:14:table.csv\n./more/empty {locator(b'')} 0:0:\\056\n",
]

Result: TypeAlias = tuple[dict[str, Any], Folder]


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A `KEEP_LOCAL_STORE` with the blocks of `TEXTS`."""
    monkeypatch.setenv("KEEP_LOCAL_STORE", str(tmp_path))
    for data in BLOCKS:
        (tmp_path / locator(data)[:32]).write_bytes(data)
    yield tmp_path
    assert {locator(path.read_bytes())[:32] for path in tmp_path.iterdir() if re.fullmatch("[0-9a-f]{32}", path.name)}


def run(name: str, library: str, session: dict[str, Any]) -> Result:
    """Run a script with a library."""
    path = Path(__file__).parent / "scripts" / f"{name}.py"
    source, count = re.subn(r"(?m)^(from|import) arvados\b", rf"\1 {library}", path.read_text())
    assert count
    source = source.replace("arvados.errors", f"{library}.errors")
    namespace: dict[str, Any] = {"__name__": name}
    exec(compile(source, str(path), "exec"), namespace)
    report, collection = namespace["main"](TEXTS, session)
    return report, folder(collection)


def theirs(name: str) -> Result:
    """Run a script with the official client on the shared folder."""
    api = StubApi()
    # No prefetching: on a local store, its threads only log that they cannot.
    api.keep = official.KeepClient(api_client=api, num_prefetch_threads=0)
    return run(name, "arvados", {"api_client": api, "keep_client": api.keep})


def ours(name: str, **options: object) -> Result:
    """Run a script with keepset on the shared folder."""
    with keepset.open_store() as store:
        return run(name, "keepset", {"api_client": store, **options})


def without_hashes(report: object) -> object:
    """Leave out of a report what depends on which blocks the data went to: manifests and their hashes."""
    if isinstance(report, dict):
        return {name: without_hashes(value) for name, value in report.items()}
    if isinstance(report, tuple):
        return [without_hashes(value) for value in report]
    if isinstance(report, str) and re.search(r"[0-9a-f]{32}\+[0-9]", report):
        return "a hash"
    return report


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_sees_the_same_with_only_the_import_changed(name: str, shared: Path) -> None:
    del shared
    report, tree = ours(name)
    expected, expected_tree = theirs(name)
    assert without_hashes(report) == without_hashes(expected)
    assert tree == expected_tree


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_gives_the_same_manifests_without_packing(name: str, shared: Path) -> None:
    del shared
    report, tree = ours(name, packing=False)
    expected, expected_tree = theirs(name)
    assert report == expected
    assert tree == expected_tree


def test_each_library_reads_what_the_other_has_written(shared: Path) -> None:
    del shared
    ours("build_and_save")
    with keepset.open_store() as store:
        text = store.collections().list().execute()["items"][0]["manifest_text"]
    api = StubApi()
    keep = official.KeepClient(api_client=api, num_prefetch_threads=0)
    their_own = official.collection.Collection(text, api_client=api, keep_client=keep)
    assert in_order(folder(Collection(text, keep_client=keep))) == in_order(folder(their_own))
