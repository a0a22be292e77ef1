"""Twenty thousand small manifests, one call each, in one call, and on two threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from benches import corpora
from benches.python.conftest import scaled
from benches.python.targets import SMALL
from keepset import Manifest

if TYPE_CHECKING:
    from benches.python.conftest import Measure

THREADS = "parse_many on two threads over one"
ROUNDS = 20


@pytest.fixture(scope="module")
def texts() -> list[bytes]:
    """The texts."""
    return corpora.small_manifests(scaled(20_000, 10))


def test_parse(texts: list[bytes], measure: Measure) -> None:
    measure(
        "parse",
        SMALL,
        lambda: [Manifest.parse(text) for text in texts],
        rounds=ROUNDS,
        items=len(texts),
        unit="manifest",
        size=sum(map(len, texts)),
    )


def test_parse_and_drop(texts: list[bytes], measure: Measure) -> None:
    def parse_and_drop() -> None:
        for text in texts:
            Manifest.parse(text)

    measure(
        "parse and drop",
        SMALL,
        parse_and_drop,
        rounds=ROUNDS,
        items=len(texts),
        unit="manifest",
        size=sum(map(len, texts)),
    )


def test_parse_many(texts: list[bytes], measure: Measure) -> None:
    manifests = measure(
        "parse_many",
        SMALL,
        lambda: Manifest.parse_many(texts),
        rounds=ROUNDS,
        items=len(texts),
        unit="manifest",
        size=sum(map(len, texts)),
    )
    assert len(manifests) == len(texts)


def test_portable_data_hash(texts: list[bytes], measure: Measure) -> None:
    measure(
        "portable_data_hash",
        SMALL,
        lambda manifests: [manifest.normalized().portable_data_hash for manifest in manifests],
        setup=lambda: (Manifest.parse_many(texts),),
        rounds=ROUNDS,
        items=len(texts),
        unit="manifest",
    )


def test_two_threads(texts: list[bytes], measure: Measure) -> None:
    halves = [texts[: len(texts) // 2], texts[len(texts) // 2 :]]
    with ThreadPoolExecutor(2) as pool:
        measure(
            THREADS,
            SMALL,
            lambda: list(pool.map(Manifest.parse_many, halves)),
            rounds=ROUNDS * 2,
            items=len(texts),
            unit="manifest",
            size=sum(map(len, texts)),
        )


def test_one_thread(texts: list[bytes], measure: Measure) -> None:
    measure(THREADS, SMALL, lambda: Manifest.parse_many(texts), rounds=ROUNDS * 2, baseline="one thread")


@pytest.mark.official
def test_official_parse(texts: list[bytes], measure: Measure) -> None:
    official = pytest.importorskip("benches.python.official")
    decoded = [text.decode() for text in texts]
    measure("parse", SMALL, lambda: [official.load(text) for text in decoded], rounds=1, baseline="3.2.1")


@pytest.mark.official
def test_official_portable_data_hash(texts: list[bytes], measure: Measure) -> None:
    official = pytest.importorskip("benches.python.official")
    collections = [official.load(text.decode()) for text in texts]
    hashes = measure(
        "portable_data_hash",
        SMALL,
        lambda: [collection.portable_data_hash() for collection in collections],
        rounds=1,
        baseline="3.2.1",
    )
    assert hashes == [manifest.normalized().portable_data_hash for manifest in Manifest.parse_many(texts)]
