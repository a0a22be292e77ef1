"""The root of the tree, and the errors that belong to no part of the package alone."""

import builtins
import errno


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


class FileError(KeepsetError, OSError):
    """What errors about one file or folder share: a complete message, and the fields of an `OSError`.

    Args:
        message: What was wrong, where, and what to do.
        path: The file or folder; becomes `filename`.
    """

    _errno: int = errno.EIO

    def __init__(self, message: str, path: str | None = None) -> None:
        """Make the error."""
        OSError.__init__(self, self._errno, message, path)

    def __str__(self) -> str:
        """Say what was wrong, without `[Errno …]`: the message is complete."""
        return str(self.strerror)

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle the arguments of this constructor: those of `OSError` differ."""
        return type(self), (self.strerror, self.filename), self.__dict__


class ConfigError(KeepsetError, ValueError):
    """Settings (the environment, the settings file) that lack something or contradict each other."""

    code = "bad-configuration"


class StaleWriterStateError(KeepsetError, RuntimeError):
    """What the dumped state of a writer rests on is gone: a source was changed, or a signature has ended."""

    code = "stale-writer-state"


class CommandFailedError(KeepsetError, RuntimeError):
    """Another program was run and has failed."""

    code = "command-failed"


class FeatureNotEnabledError(KeepsetError, RuntimeError):
    """A cluster does not have switched on what was asked for."""

    code = "feature-not-enabled"


class NotImplementedError(KeepsetError, builtins.NotImplementedError):
    """What was asked for does not exist here."""

    code = "not-implemented"


class AssertionError(KeepsetError, builtins.AssertionError):
    """Something that must hold does not: a collection is saved that is tied to no record."""

    code = "no-record"


class WriterUseError(AssertionError):
    """A `CollectionWriter` was asked for something out of turn, such as to end a file that has no name."""

    code = "writer-use"


class InternalError(KeepsetError, RuntimeError):
    """The engine met a state that it rules out: a bug in keepset, never the caller's fault. Please report it."""

    code = "internal-error"
