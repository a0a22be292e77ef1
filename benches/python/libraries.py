"""The two libraries whose object models are compared, each on a Keep in memory."""

from __future__ import annotations

import hashlib
from types import SimpleNamespace
from typing import Any

import pytest

from benches.python.report import OFFICIAL
from keepset.collection import Collection, RichCollectionBase

OURS = "keepset"
over_both = pytest.mark.parametrize(
    "library", [OURS, pytest.param(OFFICIAL, marks=pytest.mark.official)], indirect=True
)


class MemoryKeep:
    """A Keep client whose blocks are in a dictionary."""

    num_retries = 0
    num_prefetch_threads = 0

    def __init__(self) -> None:
        self.blocks: dict[str, bytes] = {}

    def get(self, locator: str, **_: object) -> bytes:
        return self.blocks[locator[:32]]

    def get_from_cache(self, locator: str) -> bytes | None:
        return self.blocks.get(locator[:32])

    def block_prefetch(self, locator: str) -> None:
        pass

    def put(self, data: bytes, *_: object, **__: object) -> str:
        digest = hashlib.md5(data, usedforsecurity=False).hexdigest()
        self.blocks[digest] = bytes(data)
        return f"{digest}+{len(data)}"


class Library:
    """One of the two libraries."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.keep = MemoryKeep()
        self.collection_class: Any = Collection
        self.directory_class: type = RichCollectionBase
        if name == OFFICIAL:
            official = pytest.importorskip("arvados.collection")
            self.collection_class, self.directory_class = official.Collection, official.RichCollectionBase

    def collection(self, text: str | None = None) -> Any:
        """Makes a collection."""
        return self.load(text, SimpleNamespace(_rootDesc={}, keep=self.keep))

    def load(self, source: str | None, api: Any) -> Any:
        """Makes a collection from a text or from a record of a catalog."""
        settings = {"ARVADOS_API_HOST": "api.invalid"}
        return self.collection_class(source, api_client=api, keep_client=self.keep, num_retries=0, apiconfig=settings)

    def walk(self, collection: Any) -> int:
        """Touches every object."""
        count = 0
        todo = [collection]
        while todo:
            directory = todo.pop()
            for name in directory:
                item = directory[name]
                count += 1
                if isinstance(item, self.directory_class):
                    todo.append(item)
        return count
