"""Errors about manifests, about paths in them, and about what people call a collection."""

import errno

from keepset.errors._base import ArgumentError, FileError, KeepsetError, SyntaxError


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


class _PathError(FileError):
    """What the three errors about a path in a manifest share."""

    def __str__(self) -> str:
        """Say what is wrong and with which path."""
        return f"{self.strerror}: {self.filename!r}"


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


class ReferenceNotFoundError(FileError, FileNotFoundError):
    """Neither a collection nor a manifest file is what somebody has asked for."""

    code = "reference-not-found"
    _errno = errno.ENOENT


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


class TransferError(FileError):
    """A local file or a collection cannot be copied to where it is to be."""

    code = "cannot-transfer"
    _errno = errno.EINVAL

    def __str__(self) -> str:
        """Say which file, and what is wrong with it."""
        return f"{self.filename}: {self.strerror}" if self.filename else str(self.strerror)
