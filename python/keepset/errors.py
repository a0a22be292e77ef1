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
    └── InternalError                RuntimeError          a bug in keepset

`ArgumentError` and `SyntaxError` keep the names that scripts written for `arvados.errors` catch; as there,
`SyntaxError` is not the builtin.
"""

import errno

__all__ = [
    "ArgumentError",
    "InternalError",
    "KeepsetError",
    "ManifestError",
    "PathIsADirectoryError",
    "PathNotADirectoryError",
    "PathNotFoundError",
    "SyntaxError",
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


class InternalError(KeepsetError, RuntimeError):
    """The engine met a state that it rules out: a bug in keepset, never the caller's fault. Please report it."""

    code = "internal-error"
