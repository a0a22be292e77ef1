"""The large corpora: everything on one of them, ours first, then the official client's.

Ours comes first so that the client's millions of objects do not lengthen the garbage collections in our timings.
"""

from __future__ import annotations

import collections
import gc
import hashlib
import pickle
import random
from typing import TYPE_CHECKING, Any

import pytest

from benches.python.targets import (
    DEEP,
    INTERLEAVED,
    INTERLEAVED_SHUFFLED,
    MANY,
    MILLION,
    ONE,
    ONE_SHUFFLED,
)
from keepset import Manifest

if TYPE_CHECKING:
    from benches.python.conftest import Corpus, Measure

ALL = [MANY, MILLION, DEEP, INTERLEAVED, INTERLEAVED_SHUFFLED, ONE, ONE_SHUFFLED]
MANY_FILES = [MANY, MILLION, DEEP, ONE, ONE_SHUFFLED]
MILLIONS = [MILLION, ONE, ONE_SHUFFLED]
# The client's diff takes a minute and more on a million files, and two of its collections to load.
DIFFED_BY_OFFICIAL = [MANY, MILLION, DEEP, ONE]
LOOKUPS = 10_000

over_all = pytest.mark.parametrize("corpus", ALL, indirect=True)
over_many_files = pytest.mark.parametrize("corpus", MANY_FILES, indirect=True)
over_millions = pytest.mark.parametrize("corpus", MILLIONS, indirect=True)


def rounds(corpus: Corpus, *, nanoseconds: float = 100) -> int:
    """Returns how often to run an operation of ours: for about two seconds, at so many nanoseconds a token."""
    return min(max(round(2e9 / (corpus.tokens * nanoseconds)), 7), 50)


def official_rounds(corpus: Corpus) -> int:
    """Returns how often to run an operation of the official client: once when it takes over some five seconds."""
    return 3 if corpus.tokens < 150_000 else 1


def fresh(corpus: Corpus) -> tuple[Manifest]:
    """Returns a manifest that has answered nothing yet, so has nothing kept from an earlier round."""
    return (Manifest.parse(corpus.text),)


def lookups(corpus: Corpus) -> list[str]:
    """Returns random paths, one in ten of them not there."""
    paths = [path for path, _ in corpus.manifest.files()]
    chosen = random.Random(corpus.name).choices(paths, k=LOOKUPS)
    return [path + ".no" if index % 10 == 9 else path for index, path in enumerate(chosen)]


# ours


@over_all
def test_load(corpus: Corpus, measure: Measure) -> None:
    manifest = measure(
        "load",
        corpus.name,
        lambda: Manifest.parse(corpus.text),
        rounds=rounds(corpus),
        items=corpus.tokens,
        unit="token",
        size=len(corpus.text),
    )
    assert bytes(manifest) == corpus.text


@over_all
def test_normalize(corpus: Corpus, measure: Measure) -> None:
    text = measure(
        "normalize",
        corpus.name,
        lambda manifest: bytes(manifest.normalized()),
        setup=lambda: fresh(corpus),
        rounds=rounds(corpus),
        items=corpus.tokens,
        unit="token",
        size=len(corpus.text),
    )
    assert text.endswith(b"\n")


@over_all
def test_strip(corpus: Corpus, measure: Measure) -> None:
    text = measure(
        "strip",
        corpus.name,
        lambda manifest: bytes(manifest.stripped()),
        setup=lambda: fresh(corpus),
        rounds=rounds(corpus),
        items=corpus.tokens,
        unit="token",
        size=len(corpus.text),
    )
    assert b"+A" not in text


@over_all
def test_portable_data_hash(corpus: Corpus, measure: Measure) -> None:
    measure(
        "portable_data_hash",
        corpus.name,
        lambda manifest: manifest.normalized().portable_data_hash,
        setup=lambda: fresh(corpus),
        rounds=rounds(corpus, nanoseconds=200),
        items=corpus.tokens,
        unit="token",
        size=len(corpus.text),
    )


@over_all
def test_writing_and_md5(corpus: Corpus, measure: Measure) -> None:
    def write_and_hash(manifest: Manifest) -> tuple[str, int]:
        text = bytes(manifest.normalized().stripped())
        return hashlib.md5(text, usedforsecurity=False).hexdigest(), len(text)

    digest, size = measure(
        "portable_data_hash over writing + MD5",
        corpus.name,
        write_and_hash,
        setup=lambda: fresh(corpus),
        rounds=rounds(corpus, nanoseconds=200),
        baseline="writing + MD5",
    )
    assert corpus.manifest.normalized().portable_data_hash == f"{digest}+{size}"
    report = measure.report
    hashed = report.row("portable_data_hash", corpus.name)
    row = report.row("portable_data_hash over writing + MD5", corpus.name)
    row.cold_seconds, row.best_seconds, row.rounds = hashed.cold_seconds, hashed.best_seconds, hashed.rounds


@over_all
def test_diff(corpus: Corpus, measure: Measure) -> None:
    before, after = Manifest.parse(corpus.text), Manifest.parse(corpus.changed_text)
    changes = measure(
        "diff",
        corpus.name,
        lambda: before.diff(after),
        rounds=rounds(corpus, nanoseconds=20),
        items=before.file_count,
        unit="file",
    )
    assert len(changes) > 0


@over_all
def test_equality(corpus: Corpus, measure: Measure) -> None:
    before, after = Manifest.parse(corpus.text), Manifest.parse(bytes(bytearray(corpus.text)))
    equal = measure(
        "==",
        corpus.name,
        lambda: before == after,
        rounds=rounds(corpus, nanoseconds=50),
        items=before.file_count,
        unit="file",
    )
    assert equal


@over_many_files
def test_files_iterated(corpus: Corpus, measure: Measure) -> None:
    manifest = corpus.manifest
    measure(
        "files, iterated",
        corpus.name,
        lambda: collections.deque(manifest.files(), maxlen=0),
        rounds=7,
        items=corpus.files,
        unit="file",
    )


@over_many_files
def test_files_in_a_list(corpus: Corpus, measure: Measure) -> None:
    manifest = corpus.manifest
    files = measure(
        "files, in a list",
        corpus.name,
        lambda: list(manifest.files()),
        rounds=7,
        items=corpus.files,
        unit="file",
    )
    assert len(files) == manifest.file_count


@over_many_files
def test_walk(corpus: Corpus, measure: Measure) -> None:
    manifest = corpus.manifest
    measure(
        "walk",
        corpus.name,
        lambda: collections.deque(manifest.walk(), maxlen=0),
        rounds=7,
        items=corpus.files,
        unit="file",
    )


@over_millions
def test_path_in_manifest(corpus: Corpus, measure: Measure) -> None:
    paths = lookups(corpus)
    # Not the one that has been asked already: the first round builds the index.
    (manifest,) = fresh(corpus)
    found = measure(
        "path in manifest",
        corpus.name,
        lambda: sum([path in manifest for path in paths]),
        rounds=20,
        items=len(paths),
        unit="lookup",
    )
    assert found == len(paths) * 9 // 10


@over_millions
def test_stat(corpus: Corpus, measure: Measure) -> None:
    paths = [path.removesuffix(".no") for path in lookups(corpus)]
    (manifest,) = fresh(corpus)
    stats = measure(
        "stat",
        corpus.name,
        lambda: [manifest.stat(path) for path in paths],
        rounds=20,
        items=len(paths),
        unit="lookup",
    )
    assert all(stat.is_file() for stat in stats)


@over_all
def test_pickle(corpus: Corpus, measure: Measure) -> None:
    manifest = corpus.manifest
    copy = measure(
        "pickle there and back",
        corpus.name,
        lambda: pickle.loads(pickle.dumps(manifest, protocol=pickle.HIGHEST_PROTOCOL)),
        rounds=7,
        size=len(corpus.text),
    )
    assert copy.file_count == manifest.file_count


# the official client's


def loaded_by_official(corpus: Corpus) -> Any:
    """Returns the collection that the load benchmark made, or another when only some benchmarks were chosen."""
    official = pytest.importorskip("benches.python.official")
    if corpus.official is None:
        corpus.official = official.load(corpus.text.decode())
    return corpus.official


@pytest.mark.official
@over_all
def test_official_load(corpus: Corpus, measure: Measure) -> None:
    official = pytest.importorskip("benches.python.official")
    text = corpus.text.decode()
    corpus.official = measure(
        "load", corpus.name, lambda: official.load(text), rounds=official_rounds(corpus), baseline="3.2.1"
    )


@pytest.mark.official
@over_all
def test_official_normalize(corpus: Corpus, measure: Measure) -> None:
    collection = loaded_by_official(corpus)
    text: str = measure(
        "normalize",
        corpus.name,
        lambda: collection.manifest_text(normalize=True),
        rounds=official_rounds(corpus),
        baseline="3.2.1",
    )
    assert text.encode() == bytes(corpus.manifest.normalized())


@pytest.mark.official
@over_all
def test_official_strip(corpus: Corpus, measure: Measure) -> None:
    collection = loaded_by_official(corpus)
    text: str = measure(
        "strip",
        corpus.name,
        lambda: collection.manifest_text(strip=True),
        rounds=official_rounds(corpus),
        baseline="3.2.1",
    )
    assert text.encode() == bytes(corpus.manifest.stripped())


@pytest.mark.official
@over_all
def test_official_portable_data_hash(corpus: Corpus, measure: Measure) -> None:
    collection = loaded_by_official(corpus)
    portable_data_hash = measure(
        "portable_data_hash",
        corpus.name,
        collection.portable_data_hash,
        rounds=official_rounds(corpus),
        baseline="3.2.1",
    )
    assert portable_data_hash == corpus.manifest.normalized().portable_data_hash


@pytest.mark.official
@over_many_files
def test_official_files(corpus: Corpus, measure: Measure) -> None:
    official = pytest.importorskip("benches.python.official")
    collection = loaded_by_official(corpus)
    files = measure(
        "files, in a list", corpus.name, lambda: list(official.files(collection)), rounds=3, baseline="3.2.1"
    )
    assert len(files) == corpus.manifest.file_count


@pytest.mark.official
@over_millions
def test_official_exists(corpus: Corpus, measure: Measure) -> None:
    collection = loaded_by_official(corpus)
    paths = lookups(corpus)
    found = measure(
        "path in manifest",
        corpus.name,
        lambda: sum([collection.exists(path) for path in paths]),
        rounds=5,
        baseline="3.2.1",
    )
    assert found == len(paths) * 9 // 10


@pytest.mark.official
@pytest.mark.parametrize("corpus", DIFFED_BY_OFFICIAL, indirect=True)
def test_official_diff(corpus: Corpus, measure: Measure) -> None:
    official = pytest.importorskip("benches.python.official")
    before = loaded_by_official(corpus)
    after = official.load(corpus.changed_text.decode())

    def compare() -> int:
        return len(before.diff(after))

    # Only the number is kept: the client's changes hold copies of its objects.
    assert measure("diff", corpus.name, compare, rounds=official_rounds(corpus), baseline="3.2.1") > 0
    gc.collect()
