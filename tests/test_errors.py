"""The exception tree: who is caught by what, what each error carries, and that it survives pickling."""

import copy
import errno
import pickle
from collections.abc import Callable

import pytest

from keepset import errors

PATH_ERRORS = [
    (errors.PathNotFoundError, FileNotFoundError, errno.ENOENT, "path-not-found"),
    (errors.PathIsADirectoryError, IsADirectoryError, errno.EISDIR, "path-is-a-directory"),
    (errors.PathNotADirectoryError, NotADirectoryError, errno.ENOTDIR, "path-not-a-directory"),
]

DUPLICATES: list[Callable[[Exception], Exception]] = [
    lambda error: pickle.loads(pickle.dumps(error)),
    copy.copy,
    copy.deepcopy,
]


def all_errors() -> list[type[errors.KeepsetError]]:
    return [getattr(errors, name) for name in errors.__all__]


def manifest_error() -> errors.ManifestError:
    """An error as the engine makes it."""
    message = "line 3, column 7: not a locator: x\ufffd"
    return errors.ManifestError(message, code="bad-locator", line=3, column=7, offset=90, token="x\udcff")


@pytest.mark.parametrize("error", all_errors())
def test_everything_is_a_keepset_error_and_a_builtin_that_callers_catch(error: type[errors.KeepsetError]) -> None:
    assert issubclass(error, errors.KeepsetError)
    if error is not errors.KeepsetError:
        assert issubclass(error, (ValueError, OSError, RuntimeError))


def test_every_class_of_the_module_is_exported_and_drawn_in_its_docstring() -> None:
    public = {name for name, value in vars(errors).items() if isinstance(value, type) and not name.startswith("_")}
    assert public == set(errors.__all__)
    assert errors.__doc__ is not None
    assert all(name in errors.__doc__ for name in public)


def test_codes_are_distinct() -> None:
    codes = [error.code for error in all_errors()]
    assert len(codes) == len(set(codes))


def test_the_official_names_are_not_the_builtins_but_value_errors() -> None:
    assert issubclass(errors.ManifestError, errors.ArgumentError)
    assert issubclass(errors.ManifestError, errors.SyntaxError)
    assert issubclass(errors.ManifestError, ValueError)
    assert not issubclass(errors.ManifestError, SyntaxError)


def test_manifest_error_says_where_and_what() -> None:
    error = manifest_error()
    assert (error.code, error.line, error.column, error.offset, error.token) == ("bad-locator", 3, 7, 90, "x\udcff")
    assert str(error) == "line 3, column 7: not a locator: x\ufffd"
    assert error.message == "not a locator: x\ufffd"


def test_manifest_error_without_a_place_is_its_message() -> None:
    error = errors.ManifestError("a path is a file in one and a directory in the other", code="path-conflict")
    assert str(error) == error.message == "a path is a file in one and a directory in the other"
    assert (error.line, error.column, error.offset, error.token) == (None, None, None, None)


@pytest.mark.parametrize("duplicate", DUPLICATES)
def test_manifest_error_survives_copying(duplicate: Callable[[Exception], Exception]) -> None:
    error = manifest_error()
    error.add_note("read from a file")
    again = duplicate(error)
    assert type(again) is errors.ManifestError
    assert again.args == error.args
    assert vars(again) == vars(error)
    assert str(again) == str(error)


@pytest.mark.parametrize(("error", "builtin", "number", "code"), PATH_ERRORS)
def test_path_errors_fill_in_the_fields_of_an_os_error(
    error: type[errors.PathNotFoundError], builtin: type[OSError], number: int, code: str
) -> None:
    with pytest.raises(builtin) as caught:
        raise error("no such file or directory in the manifest", "d/a b")
    assert isinstance(caught.value, errors.KeepsetError)
    assert (caught.value.errno, caught.value.filename) == (number, "d/a b")
    assert caught.value.strerror == "no such file or directory in the manifest"
    assert caught.value.code == code
    assert str(caught.value) == "no such file or directory in the manifest: 'd/a b'"


@pytest.mark.parametrize(("error", "builtin", "number", "code"), PATH_ERRORS)
@pytest.mark.parametrize("duplicate", DUPLICATES)
def test_path_errors_survive_copying(
    error: type[errors.PathNotFoundError],
    builtin: type[OSError],
    number: int,
    code: str,
    duplicate: Callable[[Exception], Exception],
) -> None:
    again = duplicate(error("no such file", "d/a"))
    assert type(again) is error
    assert isinstance(again, errors.PathNotFoundError | errors.PathIsADirectoryError | errors.PathNotADirectoryError)
    assert isinstance(again, builtin)
    assert (again.errno, again.strerror, again.filename, again.code) == (number, "no such file", "d/a", code)
