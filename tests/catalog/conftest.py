"""A catalog that takes every block for stored, and a clock that goes when it is told to."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from keepset.catalog.local import LocalCatalog, LocalCollections
from stores import Clock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for module in ("local", "upkeep"):
        monkeypatch.setattr(f"keepset.catalog.{module}.now", clock)
    return clock


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[LocalCatalog]:
    catalog = LocalCatalog(tmp_path / "catalog.sqlite", lambda block: True)
    yield catalog
    catalog.close()


@pytest.fixture
def collections(catalog: LocalCatalog) -> LocalCollections:
    return catalog.collections()
