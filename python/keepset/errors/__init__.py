"""Everything that keepset raises on purpose, in one tree.

Each class also derives from the builtin that callers already catch, and carries a `code`: a short stable string for
programs to branch on (messages are for people and may change).

    KeepsetError
    ├── ArgumentError                ValueError            a call, a path or a text that cannot be right
    │   └── ApiArgumentError         TypeError             a method of the API does not take these arguments
    ├── SyntaxError                  ValueError            a text that does not follow its grammar
    │   └── ManifestError            (also ArgumentError)  a manifest: code, line, column, offset, token
    ├── PathNotFoundError            FileNotFoundError     no such path in the manifest
    ├── PathIsADirectoryError        IsADirectoryError     a file was asked for
    ├── PathNotADirectoryError       NotADirectoryError    a directory was asked for
    ├── ReferenceNotFoundError       FileNotFoundError     nothing has that name, UUID or hash
    ├── AmbiguousReferenceError      ValueError            several things have that name
    ├── MergeConflictError           ValueError            both sides have changed the same paths
    ├── TransferError                OSError               a file or a collection that cannot be copied
    ├── ConfigError                  ValueError            settings that lack or contradict each other
    ├── KeepRequestError             OSError               Keep could not do what it was asked to
    │   ├── KeepReadError
    │   │   ├── NotFoundError        FileNotFoundError     no such block
    │   │   └── BlockDamagedError                          what is stored is not that block
    │   ├── KeepWriteError
    │   │   ├── BlockCollisionError                        other bytes are stored under this hash
    │   │   └── BlockTooLargeError   (also ArgumentError)  more than 64 MiB
    │   └── KeepCacheError                                 the cache on the disk cannot be used
    ├── NoKeepServersError           RuntimeError          there is no Keep service to ask
    ├── HttpError                    RuntimeError          what one service answered
    ├── StoreError                   OSError               a local store that cannot be used as it is
    │   ├── StoreFullError           (also KeepWriteError) no space left
    │   ├── StoreReadOnlyError       (also KeepWriteError) PermissionError: it may not be written to
    │   ├── StoreBusyError           TimeoutError          another process holds it for too long
    │   ├── StoreDamagedError                              its catalog is not what it was
    │   └── StoreVersionError                              a later keepset made it
    ├── StoreClosedError             ValueError            used after `close`, as with a file
    ├── ApiError                     RuntimeError          the catalog refuses a request
    │   └── ConflictError                                  the record has changed meanwhile
    ├── ApiConnectionError           ConnectionError       the API server cannot be reached
    ├── StaleWriterStateError        RuntimeError          what a dumped state rests on has changed
    ├── CommandFailedError           RuntimeError          another program has failed
    ├── FeatureNotEnabledError       RuntimeError          the cluster does not have it switched on
    ├── NotImplementedError          NotImplementedError   there is no such thing here
    ├── AssertionError               AssertionError        saved without a record
    │   └── WriterUseError                                 a writer was asked for something out of turn
    └── InternalError                RuntimeError          a bug in keepset

All names of `arvados.errors` are here, so that scripts that catch them work; as there, `SyntaxError` is not the
builtin. `CommandFailedError` is here for them alone: nothing in this package raises it.
`keepset.vocabulary` has further ones of its own, below `KeepsetError`.
"""

from keepset.errors._api import (
    ApiArgumentError,
    ApiConnectionError,
    ApiError,
    ConflictError,
)
from keepset.errors._base import (
    ArgumentError,
    AssertionError,
    CommandFailedError,
    ConfigError,
    FeatureNotEnabledError,
    InternalError,
    KeepsetError,
    NotImplementedError,
    StaleWriterStateError,
    SyntaxError,
    WriterUseError,
)
from keepset.errors._keep import (
    BlockCollisionError,
    BlockDamagedError,
    BlockTooLargeError,
    HttpError,
    KeepCacheError,
    KeepReadError,
    KeepRequestError,
    KeepWriteError,
    NoKeepServersError,
    NotFoundError,
)
from keepset.errors._manifests import (
    AmbiguousReferenceError,
    ManifestError,
    MergeConflictError,
    PathIsADirectoryError,
    PathNotADirectoryError,
    PathNotFoundError,
    ReferenceNotFoundError,
    TransferError,
)
from keepset.errors._stores import (
    StoreBusyError,
    StoreClosedError,
    StoreDamagedError,
    StoreError,
    StoreFullError,
    StoreReadOnlyError,
    StoreVersionError,
)

__all__ = [
    "AmbiguousReferenceError",
    "ApiArgumentError",
    "ApiConnectionError",
    "ApiError",
    "ArgumentError",
    "AssertionError",
    "BlockCollisionError",
    "BlockDamagedError",
    "BlockTooLargeError",
    "CommandFailedError",
    "ConfigError",
    "ConflictError",
    "FeatureNotEnabledError",
    "HttpError",
    "InternalError",
    "KeepCacheError",
    "KeepReadError",
    "KeepRequestError",
    "KeepWriteError",
    "KeepsetError",
    "ManifestError",
    "MergeConflictError",
    "NoKeepServersError",
    "NotFoundError",
    "NotImplementedError",
    "PathIsADirectoryError",
    "PathNotADirectoryError",
    "PathNotFoundError",
    "ReferenceNotFoundError",
    "StaleWriterStateError",
    "StoreBusyError",
    "StoreClosedError",
    "StoreDamagedError",
    "StoreError",
    "StoreFullError",
    "StoreReadOnlyError",
    "StoreVersionError",
    "SyntaxError",
    "TransferError",
    "WriterUseError",
]

for _name in __all__:
    # Tracebacks and pickles name the module from which they are caught.
    globals()[_name].__module__ = __name__
