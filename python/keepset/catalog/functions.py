"""What SQLite lacks of the PostgreSQL behind the Arvados API: LIKE and ILIKE, and comparing JSON documents.

Registered on every connection as `keepset_like`, `keepset_json` and `keepset_file_names`. They never raise: what could
make them is refused when the filter is compiled.
"""

import json
import operator
import re
import sqlite3
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeAlias

from keepset.manifest import Manifest

Json: TypeAlias = Any
"""What `json.loads` gives."""

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def register(connection: sqlite3.Connection) -> None:
    """Make the functions known to a connection.

    Args:
        connection: An open database.
    """
    connection.create_function("keepset_like", 3, like, deterministic=True)
    connection.create_function("keepset_json", 4, _json, deterministic=True)
    connection.create_function("keepset_file_names", 1, _file_names, deterministic=True)


def like(text: str | None, pattern: str, ignore_case: int) -> bool | None:
    """Match as PostgreSQL's LIKE, or ILIKE: `%` is any text, `_` any character, a backslash takes the next literally.

    Args:
        text: What is looked at; None is SQL's NULL, which neither matches nor does not.
        pattern: What it must be, from end to end.
        ignore_case: 1 for ILIKE.
    """
    return None if text is None else _expression(pattern, ignore_case).fullmatch(text) is not None


@lru_cache(maxsize=64)
def _expression(pattern: str, ignore_case: int) -> re.Pattern[str]:
    pieces = [""]  # what stands between the percent signs
    for part in re.split(r"(%|_|\\.)", pattern, flags=re.DOTALL):
        if part == "%":
            pieces.append("")
        else:
            pieces[-1] += "." if part == "_" else re.escape(part.removeprefix("\\"))
    first, *others = pieces
    if others:
        # Wherever a piece is found first will do, so nothing is ever tried twice (`(?>…)`), however many there are.
        first += "".join(f"(?>.*?{piece})" for piece in others[:-1]) + f".*{others[-1]}"
    return re.compile(first, re.DOTALL | (re.IGNORECASE if ignore_case else 0))


def contains(document: Json, part: Json, *, top: bool = True) -> bool:
    """Tell whether a JSON document contains another, as PostgreSQL's `@>` does.

    An object contains its members, an array its elements, in any order and however often, both at any depth; and the
    document itself, if it is an array, also contains a scalar that is one of its elements.

    Args:
        document: What should contain the other.
        part: The other.
        top: Whether this is the document itself.

    Examples:
        >>> contains({"a": [1, 2], "b": 3}, {"a": [2]})
        True
        >>> contains(["x", "y"], "y"), contains({"a": ["x"]}, {"a": "x"})
        (True, False)
    """
    if isinstance(document, dict) and isinstance(part, dict):
        return all(name in document and contains(document[name], value, top=False) for name, value in part.items())
    if isinstance(document, list):
        if isinstance(part, list):
            return all(any(contains(element, wanted, top=False) for element in document) for wanted in part)
        return top and not isinstance(part, dict) and any(same(element, part) for element in document)
    return same(document, part)


def same(one: Json, other: Json) -> bool:
    """Tell whether two JSON documents are equal: true is not 1, and 1 is 1.0.

    Args:
        one: A document.
        other: Another.
    """
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(value, other[name]) for name, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(_rank(one) == _rank(other) and one == other)


def _rank(value: Json) -> int:
    """Order the types of JSON as PostgreSQL does, where an array comes after every scalar, and an object after all."""
    ranks = {type(None): 0, str: 1, int: 2, float: 2, bool: 3, list: 4, dict: 5}
    return ranks[type(value)]


_load = lru_cache(maxsize=256)(json.loads)


def _json(operation: str, document: str, key: str | None, operand: str) -> bool | None:
    """Apply a filter's operator to a JSON document, or to one member of it.

    Args:
        operation: The operator, as `filters` compiles it.
        document: The document, as text.
        key: Which member; None for the document as a whole.
        operand: The filter's operand, as text.
    """
    value, wanted = _load(document), _load(operand)
    if key is None:
        match operation:
            case "=":
                return same(value, wanted)
            case "contains":
                return contains(value, wanted)
            case _:  # "exists"
                return isinstance(value, dict | list) and wanted in value
    present = isinstance(value, dict) and key in value
    if operation == "exists":
        return present is wanted
    if not present:
        return None
    return _member(operation, value[key], wanted)


def _member(operation: str, value: Json, wanted: Json) -> bool | None:
    match operation:
        case "=":
            return contains(value, wanted, top=False)
        case "in":
            return any(contains(value, one, top=False) for one in wanted)
        case "contains":
            return contains(value, wanted, top=False) or contains(value, [wanted], top=False)
        case "like" | "ilike":
            return like(_text(value), wanted, operation == "ilike")
        case _:
            if _rank(value) == _rank(wanted):
                return _COMPARE[operation](value, wanted)
            return _COMPARE[operation](_rank(value), _rank(wanted))


def _text(value: Json) -> str | None:
    """Write a member as PostgreSQL's `->>` does."""
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _file_names(text: str) -> str:
    """List the paths in a manifest, a line each: what the hidden attribute `file_names` stands for."""
    return "".join(f"{path}\n" for path, _ in Manifest.parse(text).files()).encode(errors="replace").decode()
