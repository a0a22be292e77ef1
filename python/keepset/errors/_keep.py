"""Errors of Keep clients."""

import errno

from keepset.errors._base import ArgumentError, KeepsetError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class HttpError(KeepsetError, RuntimeError):
    """The answer of a service, among the `request_errors` of a `KeepRequestError`.

    Args:
        status_code: The HTTP status; 0 if there was no answer.
        reason: Its name, or why there was no answer.

    Attributes:
        status_code: As given.
        reason: As given.
    """

    code = "http-error"

    def __init__(self, status_code: int, reason: str) -> None:
        """Make the error, with the arguments that `arvados.errors.HttpError` takes."""
        super().__init__(status_code, reason)
        self.status_code = status_code
        self.reason = reason

    def __str__(self) -> str:
        """Return status and reason."""
        return f"{self.status_code} {self.reason}"


class NoKeepServersError(KeepsetError, RuntimeError):
    """There is no Keep service to ask."""

    code = "no-keep-servers"


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
        details = [f"{self.label} {key} {_met(error)}" for key, error in self._request_errors.items()]
        return f"{self.message}: {'; '.join(details)}" if details else self.message

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle the arguments of this constructor: those of `OSError` differ."""
        return type(self), (self.message, self._request_errors, self.label, self.filename), self.__dict__


def _met(error: Exception) -> str:
    """Say what one request met, in the words of the official client."""
    if isinstance(error, HttpError):
        return f"responded with {error.status_code} {error.reason}"
    return f"raised {type(error).__name__} ({error})"


class KeepReadError(KeepRequestError):
    """A block could not be read."""

    code = "keep-read"


class KeepWriteError(KeepRequestError):
    """A block could not be stored."""

    code = "keep-write"


class KeepCacheError(KeepRequestError):
    """The cache of blocks on the disk cannot be used."""

    code = "keep-cache"


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
