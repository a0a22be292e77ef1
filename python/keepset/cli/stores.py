"""What commands work on: the store of `--store`, the cluster of the settings, or the default store.

It is opened when a command needs it.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING, cast

from keepset.errors import ArgumentError, ReferenceNotFoundError

if TYPE_CHECKING:
    from keepset.api import ThreadSafeAPIClient
    from keepset.session import Store

__all__ = ["Stores", "choose"]

_CATALOG = "catalog.sqlite"

_chosen: str | None = None


def choose(folder: str | None) -> None:
    """Note the folder that `--store` names; None for the default store."""
    global _chosen
    _chosen = folder


class Stores:
    """The store or the cluster of one run of a command."""

    def __init__(self) -> None:
        self._store: Store | ThreadSafeAPIClient | None = None

    def store(self) -> "Store | ThreadSafeAPIClient":
        """Return the cluster, or the store, which is made if it is not there.

        Raises:
            ConfigError: Half a cluster is configured.
            ApiConnectionError: The cluster cannot be reached.
            StoreError: The store cannot be used.
        """
        if self._store is None:
            from keepset import session

            self._store = session.open_store(_chosen) if _chosen is not None else session.default_session()
        return self._store

    def own(self) -> "Store":
        """Return the local store, whatever cluster is configured; it is made if it is not there.

        Raises:
            StoreError: The store cannot be used.
        """
        from keepset import session

        store = session.open_store(_chosen)
        self._store = store
        return store

    def existing(self) -> "Store | ThreadSafeAPIClient | None":
        """Return the cluster, or the store if it is there: reading makes none."""
        if self._store is None and not self.is_cluster():
            from keepset import session

            if not (_folder() / _CATALOG).exists():
                return None
            self._store = session.open_store(_chosen)
        return self.store()

    def reading(self) -> "Store | ThreadSafeAPIClient":
        """Return the cluster, or the store, which must be there.

        Raises:
            ReferenceNotFoundError: It is not.
            ConfigError: Half a cluster is configured.
            ApiConnectionError: The cluster cannot be reached.
        """
        found = self.existing()
        if found is None:
            folder = str(_folder())
            raise ReferenceNotFoundError(f"there is no store in {folder} yet; `keepset put` makes one", folder)
        return found

    def local(self) -> "Store":
        """Return the store, which must be there.

        Raises:
            ArgumentError: It is a cluster, which looks after itself.
            ReferenceNotFoundError: It is not there.
        """
        if self.is_cluster():
            raise ArgumentError(
                "a cluster looks after its blocks and its trash itself: name a local store with --store"
            )
        return cast("Store", self.reading())

    def is_cluster(self) -> bool:
        """Return whether it is a cluster.

        Raises:
            ConfigError: Half a cluster is configured.
        """
        from keepset import config

        return not _chosen and config.api_host_and_token() is not None

    def place(self) -> str:
        """Return where it is: what has this text is the same store or cluster."""
        found = self.store()
        return repr(found) if self.is_cluster() else str(found.path)

    def close(self) -> None:
        """Close what was opened."""
        if self._store is not None:
            self._store.close()


def _folder() -> Path:
    """Return the folder that `store` would use."""
    from keepset import session

    return Path(_chosen or os.environ.get("KEEP_LOCAL_STORE") or session.usual_folder()[0])
