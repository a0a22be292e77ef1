"""The slow, obvious reading of list filters: what each means for one record, as a plain dictionary."""

import json
from collections.abc import Callable
from typing import Any, TypeAlias

from keepset.catalog.fields import parse_time

Json: TypeAlias = Any


def like(text: object, pattern: str, ignore_case: bool) -> bool:
    """SQL's LIKE by plain recursion."""
    if not isinstance(text, str):
        return False
    if ignore_case:
        text, pattern = text.lower(), pattern.lower()

    def matches(at: int, of: int) -> bool:
        if of == len(pattern):
            return at == len(text)
        if pattern[of] == "%":
            return any(matches(start, of + 1) for start in range(at, len(text) + 1))
        escaped = pattern[of] == "\\"
        wanted = pattern[of + escaped]
        return (
            at < len(text)
            and (text[at] == wanted or (wanted == "_" and not escaped))
            and matches(at + 1, of + 1 + escaped)
        )

    return matches(0, 0)


def same(one: Json, other: Json) -> bool:
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(same(*pair) for pair in zip(one, other, strict=True))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return bool(one == other)


def contains(document: Json, part: Json, top: bool) -> bool:
    if isinstance(document, list):
        if top and not isinstance(part, list | dict):
            return any(same(one, part) for one in document)
        return isinstance(part, list) and all(any(contains(one, want, False) for one in document) for want in part)
    if isinstance(document, dict):
        return isinstance(part, dict) and all(
            key in document and contains(document[key], value, False) for key, value in part.items()
        )
    return same(document, part)


ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": lambda one, other: one < other,
    "<=": lambda one, other: one <= other,
    ">": lambda one, other: one > other,
    ">=": lambda one, other: one >= other,
}


def rank(value: Json) -> int:
    return [type(None), str, float, bool, list, dict].index({int: float}.get(type(value), type(value)))


def member_holds(properties: dict[str, Json], key: str, operator: str, operand: Json) -> bool:
    if operator == "exists":
        return (key in properties) is operand
    if operator in {"!=", "not in"}:
        return not member_holds(properties, key, {"!=": "=", "not in": "in"}[operator], operand)
    if key not in properties:
        return False
    value = properties[key]
    if operator == "=":
        return contains(value, operand, False)
    if operator == "in":
        return any(contains(value, one, False) for one in operand)
    if operator == "contains":
        return contains(value, operand, False) or contains(value, [operand], False)
    if operator in {"like", "ilike"}:
        text = value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        return like(text, operand, operator == "ilike")
    pair = (value, operand) if rank(value) == rank(operand) else (rank(value), rank(operand))
    return ORDER[operator](*pair)


def holds(record: dict[str, Json], attribute: str, operator: str, operand: Json) -> bool:
    """Whether one filter holds for one record."""
    if attribute.startswith("properties."):
        return member_holds(record["properties"], attribute.removeprefix("properties."), operator, operand)
    value = record[attribute]
    if isinstance(value, dict | list):
        if operator in {"=", "!="}:
            return same(value, operand) == (operator == "=")
        return contains(value, operand, True) if operator == "contains" else operand in value
    if attribute.endswith("_at"):
        operand = [one and parse_time(one) for one in operand] if isinstance(operand, list) else operand
        operand = parse_time(operand) if isinstance(operand, str) else operand
    if operator in {"like", "ilike"}:
        return like(value, operand, operator == "ilike")
    if operator in {"in", "not in"}:
        return (value in operand) == (operator == "in")
    if operator in {"=", "!="}:
        return bool(value == operand) == (operator == "=")
    return bool(value is not None and ORDER[operator](value, operand))
