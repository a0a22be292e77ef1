"""The seeded corpora of the benchmarks: what their documentation says of their shape is true, and they never change."""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from benches import corpora

LOCATOR = re.compile(rb"[0-9a-f]{32}\+\d+(\+A[0-9a-f]{40}@[0-9a-f]{8})?")
TOKEN = re.compile(rb"(\d+):(\d+):(\S+)")

SMALL: dict[str, Callable[[], bytes]] = {
    "many_directories": lambda: corpora.many_directories(3, 7),
    "million_files": lambda: corpora.million_files(20, 3),
    "deep_paths": lambda: corpora.deep_paths(3, 4),
    "interleaved": lambda: corpora.interleaved(3, 40),
    "interleaved_shuffled": lambda: corpora.interleaved(3, 40, shuffled=True),
    "one_directory": lambda: corpora.one_directory(50),
    "one_directory_shuffled": lambda: corpora.one_directory(50, shuffled=True),
    "small_manifests": lambda: b"".join(corpora.small_manifests(5, 4)),
    "hostile_spans": lambda: corpora.hostile_spans(6, 9),
    "deep_directories": lambda: corpora.deep_directories(20),
    "changed": lambda: corpora.changed(corpora.one_directory(50), every=5),
}


def parts(line: bytes) -> tuple[bytes, list[bytes], list[tuple[int, int, bytes]]]:
    """Splits a line into the stream's name, its locators and its file tokens."""
    name, *tokens = line.split(b" ")
    locators = [token for token in tokens if b":" not in token]
    files = [TOKEN.fullmatch(token) for token in tokens if b":" in token]
    return name, locators, [(int(file[1]), int(file[2]), file[3]) for file in files if file]


@pytest.fixture(params=SMALL)
def text(request: pytest.FixtureRequest) -> bytes:
    """A small text of each corpus."""
    return SMALL[request.param]()


def test_a_corpus_is_a_well_formed_manifest(text: bytes) -> None:
    assert text.endswith(b"\n")
    for line in text.splitlines():
        name, locators, files = parts(line)
        assert re.fullmatch(rb"\.(/[^/ ]+)*", name)
        assert locators
        assert all(LOCATOR.fullmatch(locator) for locator in locators)
        size = sum(int(locator.split(b"+")[1]) for locator in locators)
        assert files
        assert len(locators) + len(files) + 1 == len(line.split(b" "))
        assert all(position + length <= size for position, length, _ in files)


def test_a_corpus_is_the_same_on_every_call(text: bytes, request: pytest.FixtureRequest) -> None:
    assert SMALL[request.node.callspec.params["text"]]() == text


def test_the_corpora_are_the_same_on_every_machine() -> None:
    digest = hashlib.md5(b"".join(make() for make in SMALL.values())).hexdigest()
    # The results in benches/record are compared over time: with a new value here they have to be measured anew.
    assert digest == "77383adb605f2f36bfbbd5c400cbb909"


def test_many_directories_packs_files_into_full_blocks() -> None:
    lines = corpora.many_directories(3, 7).splitlines()
    assert len(lines) == 3
    for line in lines:
        _, locators, files = parts(line)
        assert len(files) == 7
        assert [int(locator.split(b"+")[1]) for locator in locators[:-1]] == [corpora.BLOCK] * (len(locators) - 1)


def test_million_files_has_one_signed_block_a_file() -> None:
    lines = corpora.million_files(20, 3).splitlines()
    assert [len(parts(line)[2]) for line in lines] == [7, 7, 6]
    assert len({locator for line in lines for locator in parts(line)[1]}) == 20
    assert all(b"+A" in locator for line in lines for locator in parts(line)[1])


def test_deep_paths_has_two_directories_in_each() -> None:
    names = [parts(line)[0] for line in corpora.deep_paths(3, 4).splitlines()]
    assert len(set(names)) == 8
    assert {name.count(b"/") for name in names} == {3}


def test_interleaved_files_take_turns_and_shuffling_only_reorders() -> None:
    _, locators, in_order = parts(corpora.interleaved(3, 40).rstrip())
    shuffled_locators, shuffled = parts(corpora.interleaved(3, 40, shuffled=True).rstrip())[1:]
    assert [name for _, _, name in in_order[:4]] == [b"chan-000.raw", b"chan-001.raw", b"chan-002.raw", b"chan-000.raw"]
    assert [position for position, _, _ in in_order] == sorted(position for position, _, _ in in_order)
    assert len(in_order) == 120
    assert shuffled != in_order
    assert sorted(shuffled) == sorted(in_order)
    assert shuffled_locators == locators


def test_one_directory_sorted_or_in_random_order() -> None:
    in_order = [name for _, _, name in parts(corpora.one_directory(50).rstrip())[2]]
    shuffled = [name for _, _, name in parts(corpora.one_directory(50, shuffled=True).rstrip())[2]]
    assert in_order == sorted(in_order)
    assert shuffled != in_order
    assert sorted(shuffled) == in_order


def test_small_manifests_differ() -> None:
    texts = corpora.small_manifests(5, 4)
    assert len(set(texts)) == 5
    assert all(len(parts(text.rstrip())[2]) == 4 for text in texts)


def test_hostile_spans_cover_every_block() -> None:
    _, locators, files = parts(corpora.hostile_spans(6, 9).rstrip())
    assert len(locators) == 9
    assert [(position, size) for position, size, _ in files] == [(0, 9)] * 6


def test_deep_directories_nest() -> None:
    assert parts(corpora.deep_directories(20).rstrip())[0] == b"." + b"/d" * 20


def test_changed_touches_one_token_in_so_many() -> None:
    before = set(corpora.one_directory(400).rstrip().split(b" "))
    after = set(corpora.changed(corpora.one_directory(400), every=10).rstrip().split(b" "))
    assert len(before - after) == 30  # ten with one byte less, ten renamed, ten dropped
    assert len(after - before) == 30  # ten with one byte less, ten renamed, ten added


def test_a_large_corpus_is_kept_and_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEEPSET_CORPORA", str(tmp_path))
    monkeypatch.setattr(corpora, "KEPT_FROM", 0)
    text = corpora.one_directory(10)
    (path,) = tmp_path.iterdir()
    assert path.read_bytes() == text
    path.write_bytes(b"from the file")
    assert corpora.one_directory(10) == b"from the file"
