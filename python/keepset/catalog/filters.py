"""What a list request asks for (filters, order, select), made into SQL.

The rules are those of `services/api/lib/record_filters.rb` and `load_param.rb`. What the server would refuse is refused
with its status, 422. `tests/catalog/test_filters.py` compares all this with a naive reading of the same filters.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from keepset.catalog.fields import FIELDS, SHOWN, Field, Kind, parse_time
from keepset.errors import ApiError

_EXPRESSION = re.compile(r" *\( *(\w+) *(<=|>=|<|>|=) *(\w+) *\) *")
_LIKE_ENDS_IN_ESCAPE = re.compile(r"(?:[^\\]|\\.)*\\", re.DOTALL)
_MOST = 500  # SQLite takes conditions that are a thousand levels deep, and each filter adds one
_LONGEST_PATTERN = 1 << 16
_COMPARISONS = {"=", "<", "<=", ">", ">="}
_TRUE = {"1", "t", "true", "y", "yes"}
_FALSE = {"0", "f", "false", "n", "no"}

# The middle of the UUIDs of each kind of object that a collection's fields can name.
_KINDS = {"arvados#collection": "4zz18", "arvados#user": "tpzed", "arvados#group": "j7d0g"}


def refuse(message: str) -> NoReturn:
    """Answer as the server does to what it cannot process.

    Args:
        message: What is wrong.

    Raises:
        ApiError: Always; its status is 422.
    """
    raise ApiError.of(422, message)


class Parameters(dict[str, Any]):
    """The values of a query, by name."""

    def add(self, value: object) -> str:
        """Take a value in; returns what stands for it in the SQL."""
        name = f"p{len(self)}"
        self[name] = value
        return f":{name}"


def where(filters: object, parameters: Parameters) -> str:
    """Compile filters into a condition.

    Args:
        filters: A list whose elements are `[attribute, operator, operand]` or an expression such as `"(a < b)"`; all
            must hold.
        parameters: Takes the values in.

    Raises:
        ApiError: (422) They cannot be understood.
    """
    if not isinstance(filters, list | tuple):
        refuse(f"filters must be a list: {filters!r}")
    if len(filters) > _MOST:
        refuse(f"these are {len(filters)} filters, and at most {_MOST} are allowed: use 'in' for many values")
    return " AND ".join(f"({_one(element, parameters)})" for element in filters) or "TRUE"


def order_by(order: object, only: Sequence[str] | None = None) -> str:
    """Compile an order.

    Args:
        order: A list of `attribute`, `attribute asc` or `attribute desc`, or such a list as one text with commas. The
            default order, newest modification first, decides between what is equal.
        only: The only fields that there are to order by, and no others are added; None for all.

    Raises:
        ApiError: (422) It cannot be understood.
    """
    elements = order.split(",") if isinstance(order, str) else order
    if not isinstance(elements, list | tuple):
        refuse(f"order must be a list or a text: {order!r}")
    terms: dict[str, None] = {}  # a second mention changes nothing
    for element in elements:
        words = str(element).split()
        if not 1 <= len(words) <= 2:
            refuse(f"an order is an attribute, and 'asc' or 'desc': {element!r}")
        name = words[0].removeprefix("collections.")
        field = FIELDS.get(name)
        if field is None or not field.filterable or not field.shown or name not in (only or FIELDS):
            refuse(f"there is no attribute {words[0]!r} to order by")
        terms[_term(field, words[1].lower() if words[1:] else "asc", element)] = None
    return ", ".join([*terms, "c.modified_at DESC", "c.uuid DESC"] if only is None else [*terms, "1"])


def _term(field: Field, direction: str, element: object) -> str:
    # PostgreSQL takes null for larger than anything, SQLite for smaller.
    match direction:
        case "asc":
            return f"{field.sql} ASC NULLS LAST"
        case "desc":
            return f"{field.sql} DESC NULLS FIRST"
    refuse(f"an order is 'asc' or 'desc': {element!r}")


def selected(select: object, default: Sequence[str]) -> list[str]:
    """Return the fields that a request asks for.

    Args:
        select: A list of names, or None.
        default: What None means.

    Raises:
        ApiError: (422) There is no such field.
    """
    if select is None:
        return list(default)
    if not isinstance(select, list | tuple) or not all(name in SHOWN or name == "kind" for name in select):
        refuse(f"select must be a list of these: {', '.join(SHOWN)}; not {select!r}")
    return [name for name in dict.fromkeys(select) if name != "kind"]


def _one(element: object, parameters: Parameters) -> str:
    if isinstance(element, str):
        return _expression(element)
    if not isinstance(element, list | tuple) or len(element) != 3:
        refuse(f"a filter is [attribute, operator, operand]: {element!r}")
    attribute, operator, operand = element
    if not isinstance(attribute, str) or not isinstance(operator, str):
        refuse(f"the attribute and the operator of a filter are texts: {element!r}")
    operator = {"<>": "!="}.get(operator.lower(), operator.lower())
    if _has_unstorable_text(operand):
        refuse(f"no record can hold such a text: {operand!r}")
    if attribute == "any":
        return _any(operator, operand, parameters)
    if _EXPRESSION.fullmatch(attribute):
        if operator != "=" or operand not in (True, "true"):
            refuse(f"after an expression come '=' and true: {element!r}")
        return _expression(attribute)
    name, dot, key = attribute.partition(".")
    field = FIELDS.get(name)
    if field is None or not field.filterable or (dot and name != "properties"):
        refuse(f"there is no attribute {attribute!r} to filter by")
    if dot:
        return _member(key.removeprefix("<").removesuffix(">") if key.startswith("<") else key, element, parameters)
    return _COMPILERS[field.kind](field, operator, operand, parameters)


def _expression(text: str) -> str:
    match = _EXPRESSION.fullmatch(text)
    if match is None:
        refuse(f"an expression compares two attributes, as in '(version < file_count)': {text!r}")
    left, operator, right = match.groups()
    for name in (left, right):
        if name not in FIELDS or FIELDS[name].kind != Kind.INTEGER:
            refuse(f"{name!r} is no attribute that holds a number: {text!r}")
    return f"{FIELDS[left].sql} {operator} {FIELDS[right].sql}"


def _any(operator: str, operand: object, parameters: Parameters) -> str:
    if operator not in {"=", "like", "ilike", "in"}:
        refuse(f"'any' goes with =, like, ilike and in, not with {operator!r}")
    fields = [field for field in FIELDS.values() if field.kind == Kind.TEXT and field.filterable]
    if operator in {"like", "ilike"}:
        fields.append(FIELDS["properties"])  # in its text form
    return " OR ".join(_text(field, operator, operand, parameters) for field in fields)


def _text(field: Field, operator: str, operand: object, parameters: Parameters) -> str:
    match operator:
        case "like" | "ilike":
            return f"keepset_like({field.sql}, {parameters.add(_pattern(operand))}, {int(operator == 'ilike')})"
        case "is_a":
            return _is_a(field, operand, parameters)
        case "in" | "not in":
            return _in(field, operator, [_string(one) for one in _list(operand)], parameters)
    return _compare(field, operator, None if operand is None else _string(operand), parameters)


def _time(field: Field, operator: str, operand: object, parameters: Parameters) -> str:
    if operator in {"in", "not in"}:
        return _in(field, operator, [_moment(one) for one in _list(operand)], parameters)
    return _compare(field, operator, None if operand is None else _moment(operand), parameters)


def _integer(field: Field, operator: str, operand: object, parameters: Parameters) -> str:
    if operator in {"in", "not in"}:
        return _in(field, operator, [_number(one) for one in _list(operand)], parameters)
    return _compare(field, operator, None if operand is None else _number(operand), parameters)


def _boolean(field: Field, operator: str, operand: object, parameters: Parameters) -> str:
    if operator in {"in", "not in"}:
        return _in(field, operator, [_truth(one) for one in _list(operand)], parameters)
    if operator not in {"=", "!="}:
        refuse(f"a truth value is compared by = and !=, not by {operator!r}")
    return _compare(field, operator, None if operand is None else _truth(operand), parameters)


def _document(field: Field, operator: str, operand: object, parameters: Parameters) -> str:
    match operator:
        case "=" | "!=" | "contains":
            pass
        case "exists":
            _string(operand)
        case _:
            refuse(f"{operator!r} cannot be asked of a whole document: name a member, as in 'properties.x'")
    inverse = "NOT " if operator == "!=" else ""
    value = parameters.add(_dump(operand))
    return f"{inverse}keepset_json('{operator.lstrip('!')}', {field.sql}, NULL, {value})"


def _member(key: str, element: Sequence[Any], parameters: Parameters) -> str:
    """Compile a filter on `properties.key`."""
    operator, operand = str(element[1]).lower(), element[2]
    match operator:
        case "=" | "contains":
            pass
        case "!=" | "<>":
            operator = "!="
        case "<" | "<=" | ">" | ">=":
            if operand is None or isinstance(operand, list | tuple | dict):
                refuse(f"such a value has no order: {operand!r}")
        case "in" | "not in":
            _list(operand)
        case "like" | "ilike":
            _pattern(operand)
        case "exists":
            if not isinstance(operand, bool):
                refuse(f"whether a member exists is true or false: {operand!r}")
        case _:
            refuse(f"{operator!r} cannot be asked of a member of the properties")
    value, name = parameters.add(_dump(operand)), parameters.add(key)
    if operator in {"!=", "not in"}:  # what has no such member is not equal to anything
        operation = {"!=": "=", "not in": "in"}[operator]
        return f"NOT coalesce(keepset_json('{operation}', c.properties, {name}, {value}), 0)"
    return f"keepset_json('{operator}', c.properties, {name}, {value})"


def _compare(field: Field, operator: str, value: object, parameters: Parameters) -> str:
    if operator == "!=":  # null is not equal to any value, so it counts; for PostgreSQL and us alike
        return f"{field.sql} IS NOT {parameters.add(value)}"
    if operator not in _COMPARISONS:
        refuse(f"{operator!r} does not go with this attribute: use one of {', '.join(sorted(_COMPARISONS))}, !=, in")
    if value is None:
        if operator != "=":
            refuse(f"null has no order: {operator!r}")
        return f"{field.sql} IS NULL"
    return f"{field.sql} {operator} {parameters.add(value)}"


def _in(field: Field, operator: str, values: Sequence[object], parameters: Parameters) -> str:
    # One parameter for the whole list, since SQLite limits their number.
    listed = f"(SELECT value FROM json_each({parameters.add(json.dumps([one for one in values if one is not None]))}))"
    null_too = (None in values) == (operator == "in")
    null = f" OR {field.sql} IS NULL" if null_too else f" AND {field.sql} IS NOT NULL"
    return f"({field.sql} {operator.upper()} {listed}{null})"


def _is_a(field: Field, operand: object, parameters: Parameters) -> str:
    kinds = _kinds(operand)
    patterns = [f"_____-{infix}-{'_' * 15}" for kind, infix in _KINDS.items() if kind in kinds]
    return " OR ".join(f"keepset_like({field.sql}, {parameters.add(pattern)}, 0)" for pattern in patterns) or "FALSE"


def _kinds(operand: object) -> list[object]:
    return list(operand) if isinstance(operand, list | tuple) else [operand]


def _list(operand: object) -> Sequence[Any]:
    if not isinstance(operand, list | tuple):
        refuse(f"'in' and 'not in' take a list: {operand!r}")
    return operand


def _string(operand: object) -> str | None:
    if operand is not None and not isinstance(operand, str):
        refuse(f"not a text: {operand!r}")
    return operand


def _pattern(operand: object) -> str:
    if not isinstance(operand, str) or _LIKE_ENDS_IN_ESCAPE.fullmatch(operand):
        refuse(f"not a pattern (a text that does not end in a single backslash): {operand!r}")
    if len(operand) > _LONGEST_PATTERN:
        refuse(f"the pattern is too long: {len(operand)} characters, and at most {_LONGEST_PATTERN} are allowed")
    return operand


def _moment(operand: object) -> str | None:
    if operand is None:
        return None
    moment = parse_time(operand) if isinstance(operand, str) else None
    if moment is None:
        refuse(f"not a time, as in '2026-01-02T03:04:05Z': {operand!r}")
    return moment


def _number(operand: object) -> int | None:
    if operand is None:
        return None
    if isinstance(operand, str) and re.fullmatch(r"-?\d{1,18}", operand, re.ASCII):
        return int(operand)
    if not isinstance(operand, int) or isinstance(operand, bool) or not -(2**63) <= operand < 2**63:
        refuse(f"not a whole number of 64 bits: {operand!r}")
    return operand


def _truth(operand: object) -> int | None:
    if operand is None or isinstance(operand, bool):
        return operand
    if isinstance(operand, str) and operand.lower() in _TRUE | _FALSE:
        return operand.lower() in _TRUE
    refuse(f"not a truth value: {operand!r}")


def _dump(operand: object) -> str:
    try:
        return json.dumps(operand, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        refuse(f"not a value of JSON: {operand!r}")


def _has_unstorable_text(operand: object) -> bool:
    """Tell whether there is a text that no database takes: with a NUL, or with half a surrogate pair."""
    match operand:
        case str():
            return "\0" in operand or any("\ud800" <= character <= "\udfff" for character in operand)
        case list() | tuple():
            return any(map(_has_unstorable_text, operand))
        case Mapping():
            return any(map(_has_unstorable_text, [*operand.keys(), *operand.values()]))
    return False


_COMPILERS: dict[Kind, Callable[[Field, str, object, Parameters], str]] = {
    Kind.TEXT: _text,
    Kind.TIME: _time,
    Kind.INTEGER: _integer,
    Kind.BOOLEAN: _boolean,
    Kind.JSON: _document,
}
