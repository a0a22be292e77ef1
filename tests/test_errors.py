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
        assert issubclass(error, (ValueError, OSError, RuntimeError, AssertionError))


def test_every_class_of_the_module_is_exported_and_drawn_in_its_docstring() -> None:
    public = {name for name, value in vars(errors).items() if isinstance(value, type) and not name.startswith("_")}
    assert public == set(errors.__all__)
    assert errors.__doc__ is not None
    assert all(name in errors.__doc__ for name in public)


def test_tracebacks_name_the_module_that_callers_import() -> None:
    assert {error.__module__ for error in all_errors()} == {"keepset.errors"}


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


STORE_ERRORS = [
    (errors.NotFoundError, FileNotFoundError, errno.ENOENT),
    (errors.BlockDamagedError, OSError, errno.EIO),
    (errors.BlockCollisionError, OSError, errno.EIO),
    (errors.BlockTooLargeError, ValueError, errno.EFBIG),
    (errors.StoreFullError, OSError, errno.ENOSPC),
    (errors.StoreReadOnlyError, PermissionError, errno.EACCES),
    (errors.StoreBusyError, TimeoutError, errno.ETIMEDOUT),
    (errors.StoreDamagedError, OSError, errno.EIO),
    (errors.StoreVersionError, OSError, errno.EIO),
]


@pytest.mark.parametrize(("error", "builtin", "number"), STORE_ERRORS)
@pytest.mark.parametrize("duplicate", [lambda error: error, *DUPLICATES])
def test_errors_of_stores_are_os_errors_and_survive_copying(
    error: type[errors.StoreError], builtin: type[Exception], number: int, duplicate: Callable[[Exception], Exception]
) -> None:
    again = duplicate(error("what was wrong", path="/a/file"))
    assert type(again) is error
    assert isinstance(again, builtin)
    assert isinstance(again, errors.StoreError | errors.KeepRequestError)
    assert (again.errno, again.filename, str(again)) == (number, "/a/file", "what was wrong")


@pytest.mark.parametrize("error", [errors.StoreFullError, errors.StoreReadOnlyError])
def test_a_store_that_takes_nothing_is_also_a_failed_write(error: type[errors.StoreError]) -> None:
    assert issubclass(error, errors.KeepWriteError)
    assert issubclass(error, errors.StoreError)


@pytest.mark.parametrize("duplicate", [lambda error: error, *DUPLICATES])
def test_errors_of_keep_carry_what_each_request_met(duplicate: Callable[[Exception], Exception]) -> None:
    met = {"http://one/": TimeoutError("too slow"), "http://two/": errors.ArgumentError("no")}
    again = duplicate(errors.KeepReadError("could not read", met, label="service"))
    assert isinstance(again, errors.KeepReadError)
    assert (again.message, again.label) == ("could not read", "service")
    assert list(again.request_errors()) == list(met)
    assert str(again) == (
        "could not read: service http://one/ raised TimeoutError (too slow);"
        " service http://two/ raised ArgumentError (no)"
    )
    assert errors.KeepRequestError().message == str(errors.KeepRequestError()) == ""


@pytest.mark.parametrize("error", [errors.ApiError, errors.ConflictError])
@pytest.mark.parametrize("duplicate", [lambda error: error, *DUPLICATES])
def test_api_errors_have_what_scripts_look_at(
    error: type[errors.ApiError], duplicate: Callable[[Exception], Exception]
) -> None:
    again = duplicate(error.of(422, "name is taken", uri="/collections"))
    assert type(again) is error
    assert (again.resp.status, again.resp.reason, again.status_code) == (422, "Unprocessable Entity", 422)
    assert again.args[0].get("status") == "422"
    assert again.reason == again._get_reason() == "name is taken"
    assert again.content == b'{"errors": ["name is taken"]}'
    assert again.uri == "/collections"
    assert str(again) == "422 Unprocessable Entity: name is taken"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'{"errors": ["a", "b"]}', "a; b"),
        (b'{"error": "x"}', "Bad Gateway"),
        (b"<html>", "Bad Gateway"),
        (b"[]", "Bad Gateway"),
        (b"\xff", "Bad Gateway"),
    ],
)
def test_the_reason_of_an_api_error_is_the_servers(content: bytes, reason: str) -> None:
    official = pytest.importorskip("arvados.errors")
    httplib2 = pytest.importorskip("httplib2")
    reply = httplib2.Response({"status": 502})
    reply.reason = "Bad Gateway"
    assert errors.ApiError(reply, content).reason == reason
    if content != b"\xff":  # which 3.2.1 cannot read
        assert official.ApiError(reply, content)._get_reason() in {reason, "Bad Gateway"}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'{"errors": "no such thing"}', "no such thing"),  # of which 3.2.1 makes "n; o;  ; s; u; ..."
        (b'{"errors": [1, null]}', "1; None"),
        (b'{"errors": []}', "Not Found"),
        (b'{"errors": ""}', "Not Found"),
        (b'{"errors": {"a": 1}}', "Not Found"),
        (b"[" * 100_000, "Not Found"),
    ],
    ids=["text", "numbers", "none", "empty", "object", "deep"],
)
def test_the_reason_of_an_unusual_reply(content: bytes, reason: str) -> None:
    assert errors.ApiError(errors.ApiError.of(404, "").resp, content).reason == reason


def test_a_request_that_was_answered_is_told_as_by_the_official_client() -> None:
    official = pytest.importorskip("arvados.errors")
    for answer, status in (("Service Unavailable", 503), ("could not connect", 0)):
        ours = errors.KeepWriteError("failed", {"http://one/": errors.HttpError(status, answer)}, "service")
        theirs = official.KeepWriteError("failed", {"http://one/": official.HttpError(status, answer)}, "service")
        assert str(ours) == str(theirs)


@pytest.mark.parametrize("duplicate", [lambda error: error, *DUPLICATES])
def test_an_http_error_has_the_status_and_the_reason(duplicate: Callable[[Exception], Exception]) -> None:
    again = duplicate(errors.HttpError(503, "Service Unavailable"))
    assert isinstance(again, errors.HttpError)
    assert (again.status_code, again.reason, str(again)) == (503, "Service Unavailable", "503 Service Unavailable")


def test_not_implemented_is_also_the_builtin() -> None:
    assert issubclass(errors.NotImplementedError, NotImplementedError)


def test_a_cache_error_carries_what_each_request_met() -> None:
    assert errors.KeepCacheError("no space", {"a block": OSError("full")}, "block").request_errors().keys() == {
        "a block"
    }
