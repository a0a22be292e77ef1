"""The operations of arvados-python-client that the benchmarks stand beside, without an API server or Keep."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from arvados.collection import Collection, RichCollectionBase

if TYPE_CHECKING:
    from collections.abc import Iterator


def load(text: str) -> Any:
    """Parses a manifest.

    A manifest text needs no request, but writing it does ask the API client for the default replication, and comparing
    hands on both clients: these answer as much as that takes.
    """
    return Collection(
        text,
        api_client=SimpleNamespace(_rootDesc={}),
        keep_client=SimpleNamespace(num_retries=0, num_prefetch_threads=0),
        apiconfig={"ARVADOS_API_HOST": "api.invalid"},  # else the user's own settings are read
    )


def files(collection: Any) -> Iterator[tuple[str, int]]:
    """Yields path and size of each file, with the loop that the client's cookbook gives."""
    todo = [("", collection)]
    while todo:
        prefix, directory = todo.pop()
        for name, item in directory.items():
            path = os.path.join(prefix, name)  # noqa: PTH118 (as the client itself joins)
            if isinstance(item, RichCollectionBase):
                todo.append((path, item))
            else:
                yield path, item.size()
