"""Everything that keepset raises on purpose, in one tree.

Each class also derives from the builtin that callers already catch, and carries a `code`: a short stable string for
programs to branch on (messages are for people and may change).

    KeepsetError
    ├── ArgumentError                ValueError            a call, a path or a text that cannot be right
    ├── SyntaxError                  ValueError            a text that does not follow its grammar
    │   └── ManifestError            (also ArgumentError)  a manifest: code, line, column, offset, token
    ├── PathNotFoundError            FileNotFoundError     no such path in the manifest
    ├── PathIsADirectoryError        IsADirectoryError     a file was asked for
    ├── PathNotADirectoryError       NotADirectoryError    a directory was asked for
    ├── ReferenceNotFoundError       FileNotFoundError     nothing has that name, UUID or hash
    ├── AmbiguousReferenceError      ValueError            several things have that name
    ├── MergeConflictError           ValueError            both sides have changed the same paths
    ├── TransferError                OSError               a local file that cannot be copied from or to
    ├── ConfigError                  ValueError            settings that lack or contradict each other
    ├── KeepRequestError             OSError               Keep could not do what it was asked to
    │   ├── KeepReadError
    │   │   ├── NotFoundError        FileNotFoundError     no such block
    │   │   └── BlockDamagedError                          what is stored is not that block
    │   └── KeepWriteError
    │       ├── BlockCollisionError                        other bytes are stored under this hash
    │       └── BlockTooLargeError   (also ArgumentError)  more than 64 MiB
    ├── StoreError                   OSError               a local store that cannot be used as it is
    │   ├── StoreFullError           (also KeepWriteError) no space left
    │   ├── StoreReadOnlyError       (also KeepWriteError) PermissionError: it may not be written to
    │   ├── StoreBusyError           TimeoutError          another process holds it for too long
    │   ├── StoreDamagedError                              its catalog is not what it was
    │   └── StoreVersionError                              a later keepset made it
    ├── StoreClosedError             ValueError            used after `close`, as with a file
    ├── ApiError                     RuntimeError          the catalog refuses a request
    │   └── ConflictError                                  the record has changed meanwhile
    ├── AssertionError               AssertionError        saved without a record
    └── InternalError                RuntimeError          a bug in keepset

`ArgumentError`, `SyntaxError`, `ApiError`, `NotFoundError` and the names that begin with `Keep` are those that scripts
written for `arvados.errors` catch; as there, `SyntaxError` is not the builtin.
"""

import builtins
import errno

TYPE_CHECKING = False  # as in `typing`, which is not imported here: `import keepset` is to stay light
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Protocol

    class _Reply(Protocol):
        """The status line of an HTTP reply, as `httplib2.Response` and `_Response` have it."""

        status: int
        reason: str


__all__ = [
    "AmbiguousReferenceError",
    "ApiError",
    "ArgumentError",
    "AssertionError",
    "BlockCollisionError",
    "BlockDamagedError",
    "BlockTooLargeError",
    "ConfigError",
    "ConflictError",
    "InternalError",
    "KeepReadError",
    "KeepRequestError",
    "KeepWriteError",
    "KeepsetError",
    "ManifestError",
    "MergeConflictError",
    "NotFoundError",
    "PathIsADirectoryError",
    "PathNotADirectoryError",
    "PathNotFoundError",
    "ReferenceNotFoundError",
    "StoreBusyError",
    "StoreClosedError",
    "StoreDamagedError",
    "StoreError",
    "StoreFullError",
    "StoreReadOnlyError",
    "StoreVersionError",
    "SyntaxError",
    "TransferError",
]


class KeepsetError(Exception):
    """The root of the tree: `except KeepsetError` catches everything that keepset raises on purpose.

    Attributes:
        code: A short, stable name of what went wrong, such as `"path-not-found"`.
    """

    code: str = "error"


class ArgumentError(KeepsetError, ValueError):
    """An argument that cannot be right, whatever the state of things."""

    code = "bad-argument"


class SyntaxError(KeepsetError, ValueError):
    """A text that does not follow its grammar. Not the builtin of the same name."""

    code = "bad-syntax"


class ManifestError(ArgumentError, SyntaxError):
    r"""A manifest that cannot be read, or manifests that cannot be joined.

    Examples:
        >>> from keepset import Manifest
        >>> try:
        ...     Manifest.parse(". acbd18db4cc2f85cedef654fccc4a4d8+3 0:99:foo.txt\n")
        ... except ManifestError as error:
        ...     print(error.code, error.line, error.column, error.token)
        segment-out-of-range 1 38 0:99:foo.txt

    Attributes:
        code: Which rule was broken; `keepset._core.error_codes()` lists them all.
        message: What is wrong and with which token, without the position.
        line: Where, counted from 1; None when the error is not at one place of one text.
        column: Where in the line, in characters, counted from 1.
        offset: Where in the text, in bytes of its UTF-8 form, counted from 0.
        token: The offending token; bytes that are not UTF-8 are there as `surrogateescape` gives them.
    """

    code = "bad-manifest"

    def __init__(
        self,
        message: str,
        code: str = "bad-manifest",
        line: int | None = None,
        column: int | None = None,
        offset: int | None = None,
        token: str | None = None,
    ) -> None:
        """Make the error; the engine passes everything but the message by name."""
        super().__init__(message)
        self.code = code
        self.line = line
        self.column = column
        self.offset = offset
        self.token = token

    @property
    def message(self) -> str:
        """What is wrong and with which token, without the position that `str(error)` starts with."""
        return str(self).removeprefix(f"line {self.line}, column {self.column}: ")

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle the fields, too: they are not among the arguments that `BaseException` keeps."""
        return type(self), self.args, self.__dict__


class _PathError(KeepsetError, OSError):
    """What the three errors about a path in a manifest share: the fields of an `OSError`, filled in."""

    _errno: int

    def __init__(self, message: str, path: str) -> None:
        """Make the error from what is wrong and the path that was asked for."""
        super().__init__(self._errno, message, path)

    def __str__(self) -> str:
        """Say what is wrong and with which path, without `[Errno …]`: no system call failed."""
        return f"{self.strerror}: {self.filename!r}"

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle the arguments of this constructor: those of `OSError` differ."""
        return type(self), (self.strerror, self.filename), self.__dict__


class PathNotFoundError(_PathError, FileNotFoundError):
    """There is no such path in the manifest."""

    code = "path-not-found"
    _errno = errno.ENOENT


class PathIsADirectoryError(_PathError, IsADirectoryError):
    """The path is a directory, and a file was asked for."""

    code = "path-is-a-directory"
    _errno = errno.EISDIR


class PathNotADirectoryError(_PathError, NotADirectoryError):
    """The path, or a part of it, is a file, and a directory was asked for."""

    code = "path-not-a-directory"
    _errno = errno.ENOTDIR


class ReferenceNotFoundError(KeepsetError, FileNotFoundError):
    """Neither a collection nor a manifest file is what somebody has asked for.

    Args:
        message: What was wrong, where, and what to do.
        path: What was asked for; becomes `filename`.
    """

    code = "reference-not-found"

    def __init__(self, message: str, path: str | None = None) -> None:
        """Make the error."""
        OSError.__init__(self, errno.ENOENT, message, path)

    def __str__(self) -> str:
        """Say what was wrong, without `[Errno …]`: the message is complete."""
        return str(self.strerror)

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle the arguments of this constructor: those of `OSError` differ."""
        return type(self), (self.strerror, self.filename), self.__dict__


class AmbiguousReferenceError(KeepsetError, ValueError):
    """Several collections, or a collection and a file, are what somebody has asked for; the message lists them."""

    code = "ambiguous-reference"


class MergeConflictError(KeepsetError, ValueError):
    """Two collections have different things at some paths, and were to be brought together without that.

    Nothing has been changed.

    Args:
        paths: The paths, from the collection that was to be changed.

    Attributes:
        paths: As given.
    """

    code = "merge-conflict"

    def __init__(self, paths: "list[str]") -> None:
        """Make the error."""
        super().__init__(paths)
        self.paths = paths

    def __str__(self) -> str:
        """Name the paths, the first ones if there are many."""
        shown = ", ".join(map(repr, self.paths[:5]))
        more = f" and {len(self.paths) - 5} more" if len(self.paths) > 5 else ""
        return f"both have changed {shown}{more}; nothing was done: choose with on_conflict what becomes of them"


class TransferError(KeepsetError, OSError):
    """A local file cannot be copied into a collection, or a file of a collection to its place on the disk.

    Args:
        message: What is wrong with it.
        path: The local path; becomes `filename`.
    """

    code = "cannot-transfer"

    def __init__(self, message: str, path: str | None = None) -> None:
        """Make the error."""
        OSError.__init__(self, errno.EINVAL, message, path)

    def __str__(self) -> str:
        """Say which file, and what is wrong with it, without `[Errno …]`."""
        return f"{self.filename}: {self.strerror}" if self.filename else str(self.strerror)

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle the arguments of this constructor: those of `OSError` differ."""
        return type(self), (self.strerror, self.filename), self.__dict__


class ConfigError(KeepsetError, ValueError):
    """Settings (the environment, the settings file) that lack something or contradict each other."""

    code = "bad-configuration"


class KeepRequestError(KeepsetError, OSError):
    """Keep could not do what it was asked to.

    Args:
        message: What was wrong, where, and what to do.
        request_errors: What each service (or block) answered: pairs, or a mapping, in the order of asking.
        label: What the keys of `request_errors` are: `"service"` or `"block"`.
        path: The file that it is about, if it is about one; becomes `filename`.

    Attributes:
        message: The message, without the errors of the single requests that `str(error)` adds.
        label: As given.
    """

    code = "keep-request"
    _errno = errno.EIO

    def __init__(
        self,
        message: str = "",
        request_errors: "Mapping[str, Exception] | Iterable[tuple[str, Exception]]" = (),
        label: str = "",
        path: str | None = None,
    ) -> None:
        """Make the error, with the arguments that `arvados.errors.KeepRequestError` takes and a path."""
        OSError.__init__(self, self._errno, message, path)
        self.message = message
        self.label = label
        self._request_errors = dict(request_errors)

    def request_errors(self) -> dict[str, Exception]:
        """Return what each service or block answered, in the order of asking."""
        return self._request_errors

    def __str__(self) -> str:
        """Say what was wrong, and then what each request met."""
        details = [
            f"{self.label} {key} raised {type(error).__name__} ({error})" for key, error in self._request_errors.items()
        ]
        return f"{self.message}: {'; '.join(details)}" if details else self.message

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle the arguments of this constructor: those of `OSError` differ."""
        return type(self), (self.message, self._request_errors, self.label, self.filename), self.__dict__


class KeepReadError(KeepRequestError):
    """A block could not be read."""

    code = "keep-read"


class KeepWriteError(KeepRequestError):
    """A block could not be stored."""

    code = "keep-write"


class NotFoundError(KeepReadError, FileNotFoundError):
    """There is no such block, neither where it was looked for nor, as far as that is known, anywhere else."""

    code = "not-found"
    _errno = errno.ENOENT


class BlockDamagedError(KeepReadError):
    """What is stored under the name of a block is not that block: its MD5 or its size differs."""

    code = "block-damaged"


class BlockCollisionError(KeepWriteError):
    """Other bytes are stored under the hash of the block that was to be stored."""

    code = "block-collision"


class BlockTooLargeError(ArgumentError, KeepWriteError):
    """A block of more than 64 MiB, which Keep does not take."""

    code = "block-too-large"
    _errno = errno.EFBIG


class StoreError(KeepsetError, OSError):
    """The folder or the catalog of a local store cannot be used as it is.

    Args:
        message: What was wrong, where, and what to do.
        path: The folder or file; becomes `filename`.
    """

    code = "store-unusable"
    _errno = errno.EIO

    def __init__(self, message: str, path: str | None = None) -> None:
        """Make the error."""
        OSError.__init__(self, self._errno, message, path)

    def __str__(self) -> str:
        """Say what was wrong, without `[Errno …]`: the message is complete."""
        return str(self.strerror)

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle the arguments of this constructor: those of `OSError` differ."""
        return type(self), (self.strerror, self.filename), self.__dict__


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


# Those that a local catalog answers with. Not `http.HTTPStatus`, whose names change with Python.
_REASONS = {400: "Bad Request", 403: "Forbidden", 404: "Not Found", 409: "Conflict", 422: "Unprocessable Entity"}


class _Response(dict[str, str]):
    """The status line and the headers of a reply, in the shape of `httplib2.Response`.

    Attributes:
        status: The HTTP status.
        reason: Its name.
    """

    def __init__(self, status: int, headers: "Mapping[str, str] | Iterable[tuple[str, str]]" = ()) -> None:
        """Make a reply; its reason is the usual one."""
        super().__init__(headers)
        self.status = status
        self.reason = _REASONS.get(status, "")

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle the arguments of this constructor."""
        return type(self), (self.status, dict(self))


class ApiError(KeepsetError, RuntimeError):
    """The catalog (the Arvados API server, or a local one in its place) refuses a request.

    Args:
        resp: The reply's `.status` and `.reason`, and its headers as items.
        content: Its body: JSON whose `errors` say what is wrong.
        uri: What was asked for.

    Attributes:
        resp: As given.
        content: As given.
        uri: As given.
        reason: The `errors` of the body, joined; else the reply's reason.

    Example:
        >>> error = ApiError.of(404, "no such collection")
        >>> error.resp.status, error.reason, error._get_reason()
        (404, 'no such collection', 'no such collection')
    """

    code = "api-error"

    def __init__(self, resp: "_Reply", content: bytes, uri: str | None = None) -> None:
        """Make the error, with the arguments that `arvados.errors.ApiError` takes."""
        super().__init__(resp, content, uri)
        self.resp = resp
        self.content = content
        self.uri = uri
        self.reason = self._get_reason()

    @classmethod
    def of(cls, status: int, message: str, uri: str | None = None) -> "ApiError":
        """Make the error of a status and one message, as a server would have sent it."""
        import json

        body = json.dumps({"errors": [message]}).encode()
        return cls(_Response(status, {"content-type": "application/json"}), body, uri)

    @property
    def status_code(self) -> int:
        """The HTTP status."""
        return self.resp.status

    def _get_reason(self) -> str:
        """Return what is wrong; scripts for the official client call it by this name."""
        import json

        try:
            return "; ".join(map(str, json.loads(self.content)["errors"]))
        except (KeyError, TypeError, ValueError):
            return self.resp.reason.strip()

    def __str__(self) -> str:
        """Say what was refused and why."""
        return f"{self.resp.status} {self.resp.reason}: {self.reason}"


class ConflictError(ApiError):
    """The record is no longer the one that the change was made from; nothing was changed."""

    code = "conflict"


class AssertionError(KeepsetError, builtins.AssertionError):
    """Something that must hold does not: a collection is saved that is tied to no record."""

    code = "no-record"


class InternalError(KeepsetError, RuntimeError):
    """The engine met a state that it rules out: a bug in keepset, never the caller's fault. Please report it."""

    code = "internal-error"
