"""Errors of local stores."""

import errno

from keepset.errors._base import FileError, KeepsetError
from keepset.errors._keep import KeepWriteError


class StoreError(FileError):
    """The folder or the catalog of a local store cannot be used as it is."""

    code = "store-unusable"


class StoreFullError(KeepWriteError, StoreError):
    """There is no space left for a block or a record. What is stored stays readable."""

    code = "store-full"
    _errno = errno.ENOSPC


class StoreReadOnlyError(KeepWriteError, StoreError, PermissionError):
    """The store may not be written to. What is stored stays readable."""

    code = "store-read-only"
    _errno = errno.EACCES


class StoreBusyError(StoreError, TimeoutError):
    """Another process has held the catalog for too long; nothing was changed, so that it can be tried again."""

    code = "store-busy"
    _errno = errno.ETIMEDOUT


class StoreDamagedError(StoreError):
    """The catalog of a local store is not a sound database."""

    code = "store-damaged"


class StoreVersionError(StoreError):
    """A later version of keepset has made this store."""

    code = "store-too-new"


class StoreClosedError(KeepsetError, ValueError):
    """A store was used after it had been closed."""

    code = "store-closed"
