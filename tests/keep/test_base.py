"""One protocol, and who follows it: our clients and the official one, in both of its forms."""

import inspect
import warnings
from pathlib import Path
from typing import Any

import pytest

from keepset.collection import Collection
from keepset.config import KEEP_BLOCK_SIZE
from keepset.keep import BlockClient, KeepLocator
from keepset.keep.flat import FlatKeep
from keepset.keep.local import LocalKeep
from samples import A

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    official = pytest.importorskip("arvados.keep")

CALLS: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("get", (A,), {"num_retries": 3}),
    ("put", (b"aaa", 2, 3), {"classes": ["default"]}),
    ("head", (A,), {"num_retries": 3}),
    ("get_from_cache", (A,), {}),
    ("refresh_signature", (A,), {}),
]


def test_every_call_is_one_that_is_checked() -> None:
    declared = {name for name, value in vars(BlockClient).items() if inspect.isfunction(value) and name[0] != "_"}
    assert {name for name, _, _ in CALLS} == declared


@pytest.mark.parametrize(("name", "arguments", "options"), CALLS)
def test_the_protocol_asks_for_nothing_that_the_official_client_does_not_take(
    name: str, arguments: tuple[Any, ...], options: dict[str, Any]
) -> None:
    inspect.signature(getattr(BlockClient, name)).bind(None, *arguments, **options)
    inspect.signature(getattr(official.KeepClient, name)).bind(None, *arguments, **options)
    local_form = getattr(official.KeepClient, f"local_store_{name}", None)
    if local_form is not None:
        inspect.signature(local_form).bind(None, *arguments, **options)


def test_our_clients_follow_it(tmp_path: Path) -> None:
    for client in (LocalKeep(tmp_path), FlatKeep(tmp_path)):
        assert isinstance(client, BlockClient)
        for name, arguments, options in CALLS:
            inspect.signature(getattr(client, name)).bind(*arguments, **options)
        stored = client.put(b"aaa", 2, 3, classes=["default"])
        assert client.get_from_cache(stored) is None
        assert client.get(stored, num_retries=3) == b"aaa"
        assert client.head(stored, num_retries=3)
        assert client.get_from_cache(stored) == b"aaa"
        client.block_prefetch(stored)
        client.block_prefetch(A[:-1] + "4")
        assert client.refresh_signature(stored) == stored
        assert str(tmp_path) in repr(client)


class Watched:
    """A Keep client that notes what kind of data it is given."""

    def __init__(self, keep: LocalKeep) -> None:
        self.keep = keep
        self.kinds: list[type] = []

    def put(self, data: Any, **_: object) -> str:
        """Store a block."""
        self.kinds.append(type(data))
        return self.keep.put(data)

    def get(self, loc_s: str, num_retries: int | None = None) -> bytes:
        """Fetch a block."""
        return self.keep.get(loc_s, num_retries)


class Ours(Watched):
    """One that takes more than the official client."""

    takes_views = LocalKeep.takes_views


@pytest.mark.parametrize(("kind", "data"), [(Watched, bytes), (Ours, memoryview)])
def test_only_clients_that_say_so_are_given_views(kind: type[Watched], data: type, tmp_path: Path) -> None:
    keep = kind(LocalKeep(tmp_path))
    collection = Collection(keep_client=keep)
    collection.write_bytes("a", b"aaa")
    with collection.open("large", "wb") as file:
        file.write(bytes(KEEP_BLOCK_SIZE))
    collection.flush()
    assert collection.read_bytes("a") == b"aaa"
    assert collection.read_bytes("large") == bytes(KEEP_BLOCK_SIZE)
    assert set(keep.kinds) == {data}
    collection.stop_threads()


def test_the_locator_class_is_where_the_official_one_is() -> None:
    assert official.KeepLocator(A).md5sum == KeepLocator(A).md5sum
