"""Shapes that defeat recursion, or that would burst when cut into segments."""

from __future__ import annotations

import collections
import pickle
from typing import TYPE_CHECKING

import pytest

from benches import corpora
from benches.python.targets import HOSTILE, NESTED
from keepset import Manifest

if TYPE_CHECKING:
    from collections.abc import Callable

    from benches.python.conftest import Corpus, Measure

STEPS: dict[str, Callable[[Manifest], object]] = {
    "normalize": lambda manifest: bytes(manifest.normalized()),
    "strip": lambda manifest: bytes(manifest.stripped()),
    "portable_data_hash": lambda manifest: manifest.normalized().portable_data_hash,
    "diff": lambda manifest: manifest.diff(Manifest.parse(corpora.changed(bytes(manifest)))),
    "files, iterated": lambda manifest: collections.deque(manifest.files(), maxlen=0),
    # 100,000 nested directories have ten gigabytes of paths.
    "walk": lambda manifest: collections.deque(manifest.walk(), maxlen=0),
    "pickle there and back": lambda manifest: pickle.loads(pickle.dumps(manifest)),
}

over_shapes = pytest.mark.parametrize("corpus", [NESTED, HOSTILE], indirect=True)


@over_shapes
def test_load(corpus: Corpus, measure: Measure) -> None:
    measure(
        "load",
        corpus.name,
        lambda: Manifest.parse(corpus.text),
        rounds=5,
        items=corpus.text.count(b" ") + corpus.text.count(b"/"),
        unit="token",
        size=len(corpus.text),
    )


@pytest.mark.parametrize("step", STEPS)
@over_shapes
def test_step(corpus: Corpus, step: str, measure: Measure) -> None:
    measure(step, corpus.name, lambda: STEPS[step](corpus.manifest), rounds=1 if step == "walk" else 3)
