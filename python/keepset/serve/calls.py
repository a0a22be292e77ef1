"""What a request to the API asks for: its method, its parameters, and the attributes of a record.

Parameters come in the query, in a form, or in a JSON body beside the record; the record comes wrapped
(`{"collection": {...}}`), as a form field, or as the body itself (`lib/controller/router/request.go`,
`loadRequestParams`).
"""

import json
import urllib.parse
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from starlette.requests import Request

from keepset.serve.replies import Refusal

__all__ = ["Call", "read_call"]

_STRUCTURED = {"filters", "select", "order", "replace_files", "replace_segments"}
_TRUTHS = {"distinct", "include_trash", "include_old_versions", "ensure_unique_name"}
_NUMBERS = {"limit", "offset"}
_TEXTS = {"count"}
_OPTIONS = _STRUCTURED | _TRUTHS | _NUMBERS | _TEXTS
_RECORD = "collection"
_DEEPEST = 100  # what Rails takes


class Call(NamedTuple):
    """A request to the API.

    Attributes:
        method: The HTTP method that is meant.
        options: The parameters, by name; those that were left out are not there.
    attributes: What the record shall be; nothing, if the request does not say.
    """

    method: str
    options: Mapping[str, Any]
    attributes: Mapping[str, Any]


def read_call(request: Request, body: bytes | bytearray) -> Call:
    """Read a request.

    Args:
        request: The request.
        body: Its body.

    Raises:
        Refusal: (400) It cannot be understood.
    """
    options: dict[str, Any] = dict(_pairs(request.scope["query_string"].decode("latin-1")))
    form: dict[str, Any] = {}
    document: dict[str, Any] = {}
    if body:
        if _is_form(request):
            form = dict(_pairs(_text(body)))
        else:
            document = _object(_json("the body", body))
    method = _method(request, options | form | document)
    wrapped = form if _RECORD in form else document
    if method == "GET" or _RECORD in wrapped or not document:
        options |= form | document
        attributes = _attributes(options.get(_RECORD))
    else:
        attributes = document
    if options.get("where") not in (None, "", "{}", {}):
        raise Refusal(422, "the parameter 'where' is not taken: use 'filters'")
    chosen = {name: _value(name, value) for name, value in options.items() if name in _OPTIONS}
    return Call(method, {name: value for name, value in chosen.items() if value is not None}, attributes)


def _method(request: Request, parameters: Mapping[str, Any]) -> str:
    """Return the method that is meant: a GET with a long query comes as a POST."""
    if request.method != "POST":
        return request.method
    override = request.headers.get("x-http-method-override") or parameters.get("_method") or "POST"
    return str(override).upper()


def _is_form(request: Request) -> bool:
    return (
        request.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/x-www-form-urlencoded"
    )


def _pairs(text: str) -> list[tuple[str, str]]:
    try:
        return urllib.parse.parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=1000)
    except ValueError as error:
        raise Refusal(400, f"the parameters cannot be read: {error}") from None


def _text(body: bytes | bytearray) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise Refusal(400, f"the body is not UTF-8: {error}") from None


def _json(what: str, text: str | bytes | bytearray) -> Any:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Refusal(400, f"{what} is not JSON: {error}") from None
    if _is_too_deep(document):
        raise Refusal(400, f"{what} is nested more than {_DEEPEST} levels deep")
    return document


def _is_too_deep(document: object) -> bool:
    """Tell whether a document could exhaust the stack of whoever walks through it."""
    level = [document]
    for _ in range(_DEEPEST):
        level = [child for node in level for child in _children(node) if isinstance(child, dict | list)]
    return bool(level)


def _children(node: object) -> Iterable[object]:
    match node:
        case dict():
            return node.values()
        case list():
            return node
    return ()


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Refusal(400, "the body must be a JSON object")
    return value


def _attributes(value: object) -> Mapping[str, Any]:
    if isinstance(value, str):
        value = _json(f"the parameter {_RECORD!r}", value)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Refusal(400, f"the parameter {_RECORD!r} must be a JSON object")
    return value


def _value(name: str, value: object) -> object:
    """Read a parameter: typed as in JSON, or as a text."""
    if name in _TRUTHS:
        return value not in (None, False, 0, "", "0", "false")
    if name in _STRUCTURED and isinstance(value, str):
        if not value:
            return None
        is_list_of_words = name in {"order", "select"} and value[0] not in '["{'
        return [word.strip() for word in value.split(",")] if is_list_of_words else _json(f"{name!r}", value)
    if name in _NUMBERS and isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            raise Refusal(422, f"{name} is not a number: {value!r}") from None
    if name in _TEXTS and not isinstance(value, str):
        raise Refusal(422, f"{name} must be a text: {value!r}")
    return value
