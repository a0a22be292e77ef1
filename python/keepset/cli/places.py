"""Where `keepset copy` copies from and to.

    -                     what the other commands work on: the store of `--store`, or what the settings name
    zzzzz                 the cluster whose settings are in `zzzzz.conf`, beside the settings file
    ./zzzzz.conf          the cluster whose settings are in this file
    ./data, /data, data/  the local store in this folder

Only what has a slash is a path (and `.` and `..`), so that a collection's name behind which the place was forgotten is
neither taken for a folder nor made into one.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal

from keepset.errors import ConfigError, ReferenceNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from keepset.api import ThreadSafeAPIClient
    from keepset.cli.stores import Stores
    from keepset.session import Store

__all__ = ["USUAL", "Use", "opened"]

Use = Literal["read", "write", "rehearse"]
USUAL = "-"
_CATALOG = "catalog.sqlite"


@contextmanager
def opened(place: str, stores: Stores, use: Use) -> Iterator[tuple[Store | ThreadSafeAPIClient, str]]:
    """Open a place; give what has the records and the blocks, and a text that is the same for the same place.

    Args:
        place: As the module describes.
        stores: What the other commands work on.
        use: What for. `"write"` makes a store that is not there, and `"rehearse"` puts an empty one in its place.

    Raises:
        ConfigError: There are no such settings, or they name no cluster.
        ReferenceNotFoundError: There is no such store.
        ApiConnectionError: The cluster cannot be reached.
        StoreError: The store cannot be used.
    """
    if use == "rehearse" and _is_missing(place, stores):
        with TemporaryDirectory() as folder, _store(Path(folder), may_make=True) as store:
            yield store, place
    elif place == USUAL:
        found = stores.store() if use == "write" else stores.reading()
        yield found, stores.place()
    elif _is_cluster(place):
        client = _cluster(place)
        yield client, repr(client)
    else:
        with _store(Path(place), may_make=use == "write") as store:
            yield store, str(store.path)


def _is_missing(place: str, stores: Stores) -> bool:
    """Tell whether a place is a store that has not been made yet."""
    if place == USUAL:
        return stores.existing() is None
    return not (_is_cluster(place) or (Path(place) / _CATALOG).exists())


def _is_cluster(place: str) -> bool:
    return not _is_path(place) or Path(place).is_file()


def _is_path(place: str) -> bool:
    return "/" in place or place in (os.curdir, os.pardir)


def _store(folder: Path, *, may_make: bool) -> Store:
    from keepset.session import open_store

    if not may_make and not (folder / _CATALOG).exists():
        raise ReferenceNotFoundError(f"there is no store in {folder}", str(folder))
    return open_store(folder)


def _cluster(place: str) -> ThreadSafeAPIClient:
    from keepset import config
    from keepset.api import ThreadSafeAPIClient

    file = Path(place) if _is_path(place) else config.find(f"{place}.conf")
    if file is None:
        raise ConfigError(f"there is no {place}.conf beside the settings file; a local store is written ./{place}")
    settings = config.load(file)
    if config.api_host_and_token(settings) is None:
        raise ConfigError(f"{file} names no cluster: ARVADOS_API_HOST and ARVADOS_API_TOKEN are not in it")
    # What the environment says of Keep is about another cluster.
    keep = {"local_store": "", "proxy": settings.get("ARVADOS_KEEP_SERVICES", "")}
    return ThreadSafeAPIClient(settings, keep, version="v1")
