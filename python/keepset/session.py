"""Sessions: a catalog of collections paired with the Keep client that has their blocks.

A `Store` is the local pair, in one folder:

    catalog.sqlite    the records, their past versions and the trash
    blocks/           the blocks, in the layout of a keepstore directory volume

or, for a folder that `KEEP_LOCAL_STORE` names, the catalog beside the blocks themselves. It is what `api_client=`
takes, and knows the Keep client that belongs to it. So does the client of a cluster (`keepset.api`).
"""

import logging
import os
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from keepset import config, errors
from keepset.keep.local import SAFETY_AGE, Collected, LocalKeep, Progress

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from types import TracebackType
    from typing import Self

    from keepset.api import ThreadSafeAPIClient
    from keepset.catalog.local import LocalCatalog, LocalCollections
    from keepset.keep.flat import FlatKeep

__all__ = ["Collected", "Store", "StoreProblem", "default_session", "open_store", "usual_folder"]

_CATALOG = "catalog.sqlite"
_BLOCKS = "blocks"

_log = logging.getLogger("keepset")


class StoreProblem(NamedTuple):
    """Something that is wrong with a store.

    Attributes:
        code: `"block-damaged"`, `"block-unreadable"`, `"block-missing"` or `"catalog-damaged"`.
        locator: The block that it is about; empty for the catalog.
        message: What is wrong and what to do.
        uuids: The records (past versions and trash included) that name the block.
    """

    code: str
    locator: str
    message: str
    uuids: tuple[str, ...]


class Store:
    """A local store: collections without a cluster. `open_store` makes it.

    Any number of threads and processes may use one folder at once, and a process may be killed at any moment: what was
    saved is there, and what was not is not. It survives a fork. Close it, or use it in a `with` statement.

    Args:
        path: The folder.
        keep: The Keep client with the blocks.
        catalog: The records.

    Attributes:
        path: The folder.
        keep: As given.
        catalog: As given.
    """

    def __init__(self, path: Path, keep: "LocalKeep | FlatKeep", catalog: "LocalCatalog") -> None:
        self.path = path
        self.keep = keep
        self.catalog = catalog

    def __repr__(self) -> str:
        """Show which folder."""
        return f"<keepset.Store {str(self.path)!r}{' (closed)' if self.closed else ''}>"

    def collections(self) -> "LocalCollections":
        """Return the resource `collections`, as the Arvados API client's method of that name does."""
        return self.catalog.collections()

    def turn(self) -> "AbstractContextManager[None]":
        """Return what lets one save after the other, in a `with` statement; nothing is lost without it."""
        from keepset.catalog.turns import turn

        return turn(self.path)

    def verify(self, progress: Progress | None = None) -> Iterator[StoreProblem]:
        """Check everything: the catalog, every block against its hash, and that every block that is named is there.

        Args:
            progress: Is called after each block with the bytes done, the bytes in all, and the block's locator.

        Returns:
            What is wrong; nothing if all is well. Blocks come at the end, with the records that name them.

        Raises:
            StoreDamagedError: The catalog cannot be read at all.
            KeepReadError: The folder of blocks cannot be read.
        """
        from keepset.catalog import upkeep

        database = self.catalog.database
        for message in upkeep.integrity(database):
            message = f"{database.path}: {message}; restore it from a copy"
            yield StoreProblem("catalog-damaged", "", message, ())
        bad = {problem.locator[:32]: problem for problem in self.keep.verify(progress)}
        users: dict[str, list[str]] = {}  # by locator
        for locators, uuids in upkeep.named_blocks(database):
            for locator in locators:
                if locator[:32] in bad or not self.keep.exists(locator):
                    users.setdefault(locator, []).extend(uuids)
        for digest, problem in bad.items():
            naming = [uuid for locator, uuids in users.items() if locator[:32] == digest for uuid in uuids]
            yield StoreProblem(*problem, tuple(dict.fromkeys(naming)))
        for locator, uuids in users.items():
            if locator[:32] not in bad:
                message = f"there is no block {locator} in {self.keep.path}: restore it from a copy"
                yield StoreProblem("block-missing", locator, message, tuple(dict.fromkeys(uuids)))

    def gc(self, older_than: float = SAFETY_AGE, dry_run: bool = False) -> Collected:
        """Delete what nobody can reach any more: records whose time in the trash is over, and blocks without a record.

        Records, past versions and the trash all count. Safe beside other processes, whatever `older_than` is: a record
        never loses a block. But a program that has stored blocks and not yet saved the collection loses those that are
        older than `older_than`, and its save then fails; so let that be longer than your longest job. In a
        `KEEP_LOCAL_STORE`, other programs may have records of their own, so no block is ever deleted there.

        Args:
            older_than: How long a block must not have been stored, in seconds; two weeks unless given, which is the
                time that Arvados itself allows between a write and the save (`Collections.BlobSigningTTL`).
            dry_run: Only tell what would be deleted.

        Returns:
            The blocks, and their size in bytes.

        Raises:
            StoreReadOnlyError: The store may not be written to.
            KeepRequestError: A block could not be deleted.
        """
        from keepset.catalog import upkeep

        database = self.catalog.database
        if not dry_run:
            upkeep.purge(database)
        if not isinstance(self.keep, LocalKeep):
            _log.warning("blocks in %s are left alone: other programs may use a KEEP_LOCAL_STORE", self.path)
            return Collected([], 0)
        references = upkeep.References(database, live_only=dry_run)
        return self.keep.collect(references.__contains__, older_than, dry_run, guard=references.frozen)

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self.catalog.database.closed

    def close(self) -> None:
        """Close the catalog; a second call does nothing."""
        self.catalog.close()

    def __enter__(self) -> "Self":
        """Return the store; the `with` statement closes it."""
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: "TracebackType | None",
    ) -> None:
        """Close the store."""
        self.close()


def open_store(path: str | os.PathLike[str] | None = None) -> Store:
    r"""Open a local store; it is made if it is not there.

    Args:
        path: Its folder. None for the one that `KEEP_LOCAL_STORE` or `KEEPSET_STORE` names, or else the usual one:
            where this user's programs keep their data (`~/.local/share/keepset`).

    Returns:
        The store; to be closed.

    Raises:
        StoreVersionError: A later keepset has made it.
        StoreReadOnlyError: It cannot be made there.
        StoreError: It cannot be used.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder, open_store(folder) as store:
        ...     locator = store.keep.put(b"foo")
        ...     body = {"name": "an example", "manifest_text": f". {locator} 0:3:foo.txt\n"}
        ...     made = store.collections().create(body=body).execute()
        ...     print(made["portable_data_hash"])
        83367e8913dcec0bf3fc25ed5a27eacb+49
    """
    if path is not None:
        return _open(Path(path).absolute())
    if flat := os.environ.get("KEEP_LOCAL_STORE"):
        return _open_flat(Path(flat).absolute())
    return _open(usual_folder()[0])


def default_session(apiconfig: Mapping[str, str] | None = None) -> "Store | ThreadSafeAPIClient":
    """Return what is used when nobody says which catalog and which Keep: the same for the whole process.

    The first of these that is there: the cluster of `ARVADOS_API_HOST` and `ARVADOS_API_TOKEN` (the environment or the
    settings file); `KEEP_LOCAL_STORE`; the folder that `KEEPSET_STORE` names; the usual folder, with a warning in the
    log, so that a job that has lost its environment is noticed. Where there is a cluster and a `KEEP_LOCAL_STORE`, the
    cluster has the records and that folder the blocks, as with 3.2.1.

    Args:
        apiconfig: Settings that name the cluster, or none, instead of those of the environment and the file.

    Raises:
        ConfigError: Half a cluster is named.
        ApiError: The cluster does not describe its API.
        ApiConnectionError: The cluster cannot be reached.
        StoreError: The local store cannot be used.
    """
    if cluster := config.api_host_and_token(apiconfig):
        return _shared_client((*cluster, config.flag_is_true("ARVADOS_API_HOST_INSECURE", apiconfig)))
    if flat := os.environ.get("KEEP_LOCAL_STORE"):
        return _shared(Path(flat).absolute(), flat=True)
    folder, chosen = usual_folder()
    store = _shared(folder, flat=False)
    if not chosen and folder not in _warned:
        _warned.add(folder)
        _log.warning(
            "no Arvados cluster is configured: using the local store in %s (set KEEPSET_STORE to choose another)",
            folder,
        )
    return store


_stores: dict[tuple[Path, bool], Store] = {}
_clients: "dict[tuple[str, str, bool], ThreadSafeAPIClient]" = {}  # by host, token, and whether it is insecure
_stores_lock = threading.Lock()
_warned: set[Path] = set()


def _renew_lock() -> None:
    global _stores_lock
    _stores_lock = threading.Lock()


os.register_at_fork(after_in_child=_renew_lock)


def _shared(path: Path, flat: bool) -> Store:
    with _stores_lock:
        store = _stores.get((path, flat))
        if store is None or store.closed:
            store = _stores[path, flat] = _open_flat(path) if flat else _open(path)
        return store


def _shared_client(cluster: tuple[str, str, bool]) -> "ThreadSafeAPIClient":
    client = _clients.get(cluster)
    if client is None:
        from keepset.api import api

        host, token, insecure = cluster
        # Not under the lock: a server may take its time. Of two that are made at once, one is used.
        client = _clients.setdefault(cluster, api("v1", host=host, token=token, insecure=insecure))
    return client


def usual_folder() -> tuple[Path, bool]:
    """Return the folder of the default store, and whether somebody has chosen it."""
    if chosen := os.environ.get("KEEPSET_STORE"):
        return Path(chosen).absolute(), True
    import platformdirs

    return platformdirs.user_data_path("keepset", appauthor=False), False


def _open(path: Path) -> Store:
    blocks = path / _BLOCKS
    if (path / _CATALOG).exists() and not blocks.exists():
        return _open_flat(path)  # a KEEP_LOCAL_STORE; `blocks` is made before the catalog
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        kind = errors.StoreReadOnlyError if isinstance(error, PermissionError) else errors.StoreError
        raise kind(f"cannot make a store in {path}: {error.strerror}", path=str(path)) from error
    return _pair(path, LocalKeep(blocks))


def _open_flat(path: Path) -> Store:
    from keepset.keep.flat import FlatKeep

    if (path / _BLOCKS).is_dir():
        raise errors.StoreError(
            f"{path} is a store of keepset, not a KEEP_LOCAL_STORE (its blocks are in {_BLOCKS}/): name it in"
            " KEEPSET_STORE instead",
            path=str(path),
        )
    return _pair(path, FlatKeep(path))


def _pair(path: Path, keep: "LocalKeep | FlatKeep") -> Store:
    from keepset.catalog.local import LocalCatalog

    return Store(path, keep, LocalCatalog(path / _CATALOG, keep.exists))
