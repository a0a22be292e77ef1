"""The store that commands work on: that of `--store`, or the default one, opened when a command needs it."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from keepset.errors import ReferenceNotFoundError

if TYPE_CHECKING:
    from keepset.session import Store

__all__ = ["Stores", "choose"]

_CATALOG = "catalog.sqlite"

_chosen: str | None = None


def choose(folder: str | None) -> None:
    """Note the folder that `--store` names; None for the default store."""
    global _chosen
    _chosen = folder


class Stores:
    """The store of one run of a command."""

    def __init__(self) -> None:
        self._store: Store | None = None

    def store(self) -> "Store":
        """Return the store; it is made if it is not there.

        Raises:
            ConfigError: A cluster is configured, or half of one.
            StoreError: The store cannot be used.
        """
        if self._store is None:
            from keepset import session

            self._store = session.open_store(_chosen) if _chosen is not None else session.default_session()
        return self._store

    def existing(self) -> "Store | None":
        """Return the store if it is there. Reading a manifest file makes none, and has no use for a cluster."""
        if self._store is None:
            from keepset import session

            if _has_cluster() or not (_folder() / _CATALOG).exists():
                return None
            self._store = session.open_store(_chosen)
        return self._store

    def reading(self) -> "Store":
        """Return the store, which must be there.

        Raises:
            ReferenceNotFoundError: It is not.
            ConfigError: A cluster is configured, or half of one.
        """
        store = self.existing()
        if store is None and _has_cluster():
            return self.store()
        if store is None:
            folder = str(_folder())
            raise ReferenceNotFoundError(f"there is no store in {folder} yet; `keepset put` makes one", folder)
        return store

    def close(self) -> None:
        """Close what was opened."""
        if self._store is not None:
            self._store.close()


def _folder() -> Path:
    """Return the folder that `store` would use."""
    from keepset import session

    return Path(_chosen or os.environ.get("KEEP_LOCAL_STORE") or session.usual_folder()[0])


def _has_cluster() -> bool:
    from keepset import config

    return not _chosen and not os.environ.get("KEEP_LOCAL_STORE") and config.api_host_and_token() is not None
