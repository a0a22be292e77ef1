"""What the tests of transfers share: a store, and local trees."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from keepset import open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from keepset.session import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store of the test's own."""
    with open_store(tmp_path / "store") as store:
        yield store


@pytest.fixture
def tree(tmp_path: Path) -> Callable[..., Path]:
    """Make a directory with these files, by path; None makes an empty directory."""

    def make(files: dict[str, bytes | None], name: str = "source") -> Path:
        top = tmp_path / name
        top.mkdir()
        for path, data in files.items():
            if data is None:
                (top / path).mkdir(parents=True)
            else:
                (top / path).parent.mkdir(parents=True, exist_ok=True)
                (top / path).write_bytes(data)
        return top

    return make
