"""Filters against a naive reading of the same filters, on plain dictionaries in Python."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from keepset.catalog.local import LocalCatalog, LocalCollections
from keepset.errors import ApiError
from naive_filters import ORDER, Json, holds
from samples import A, B, C

TEXTS = ["", "a", "A", "ab", "a%b", "a_b", "a\\b", "é", "É", "x y", "local", "zz\n"]
NAMES = [None, "a", "A", "ab", "a%b", "a_b", "a\\b", "é", "É", "x y", "line\nbreak", "🙂"]
SCALARS: list[Any] = [None, True, False, 0, 1, 1.0, -2.5, 10, "1", "a", "A", "ab", "true"]
VALUES: list[Any] = [*SCALARS, [], ["a"], ["a", "ab"], [1, [2]], {}, {"k": "a"}, {"k": ["a", 1]}, [{"k": "a"}]]
MEMBERS = ["k", "l", "http://x/y", "a.b"]
TIMES = ["2026-01-01T00:00:00Z", "2026-01-01T00:00:05.5Z", "2026-01-01 01:00:10+01:00", "2030-06-07"]
MANIFESTS = ["", f". {A} {B} 0:3:a.txt 3:3:b\n", f"./d {C} 0:5:a.txt\n", f". {A} 0:3:x\\040y\n"]


def all_records() -> Iterator[dict[str, Any]]:
    """Records in which every value occurs, and not always with the same others."""
    for number in range(36):
        name = NAMES[number % len(NAMES)]
        properties = {
            member: VALUES[(number * step) % len(VALUES)]
            for step, member in enumerate(MEMBERS, 1)
            if (number + step) % 3
        }
        yield {
            "name": f"{name} {number}" if name and number >= len(NAMES) else name,
            "description": TEXTS[number % len(TEXTS)] if number % 4 else None,
            "properties": properties,
            "replication_desired": [None, 0, 1, 2, 7][number % 5],
            "manifest_text": MANIFESTS[number % len(MANIFESTS)],
            "storage_classes_desired": [["default"], ["a", "ab"]][number % 2],
            "preserve_version": number % 3 == 0,
            "trash_at": ["2999-01-01T00:00:00Z", None][number % 2],
        }


@dataclass
class Stored:
    """A catalog and what is in it: the records as the database has them, where that is not what they show."""

    collections: LocalCollections
    records: list[dict[str, Any]] = field(default_factory=list, repr=False)

    def add(self, body: dict[str, Any]) -> None:
        record = self.collections.create(body=body).execute()
        paths = re.findall(r" \d+:\d+:(\S+)", body["manifest_text"])
        folder = "d/" if body["manifest_text"].startswith("./d ") else ""
        names = "".join(f"{folder}{path}\n".replace("\\040", " ") for path in paths)
        self.records.append(record | {"name": body["name"], "file_names": names})

    def found(self, *filters: Json) -> set[str]:
        """The UUIDs of the records that the catalog chooses."""
        reply = self.collections.list(filters=filters, select=["uuid"], limit=1000).execute()
        uuids = {item["uuid"] for item in reply["items"]}
        assert reply["items_available"] == len(uuids)
        return uuids


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stored]:
    catalog = LocalCatalog(tmp_path_factory.mktemp("filters") / "catalog.sqlite", lambda block: True)
    stored = Stored(catalog.collections())
    for body in all_records():
        stored.add(body)
    yield stored
    catalog.close()


COMPARE = ["<", "<=", ">", ">="]
text_fields = st.sampled_from(["name", "description", "uuid", "owner_uuid", "portable_data_hash", "file_names"])
texts = st.sampled_from([*TEXTS, *(name for name in NAMES if name), "a.txt\n", "83367e8913dcec0bf3fc25ed5a27eacb+49"])
patterns = st.lists(
    st.sampled_from(["%", "_", "a", "B", "b", "é", "x", " ", "\\\\", "\\%", "\\_", "."]), max_size=6
).map("".join)
number_fields = st.sampled_from(["replication_desired", "version", "file_count", "file_size_total"])
numbers = st.integers(-1, 8)
time_fields = st.sampled_from(["created_at", "trash_at", "delete_at", "replication_confirmed_at"])
members = st.sampled_from([f"properties.{member}" for member in MEMBERS])
values = st.sampled_from(VALUES)


def of(*elements: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.tuples(*elements).map(list)


def any_of(*names: str) -> st.SearchStrategy[str]:
    return st.sampled_from(names)


def lists_of(elements: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.one_of(st.none(), elements), max_size=4)


one_filter = st.one_of(
    of(text_fields, any_of("=", "!="), st.one_of(st.none(), texts)),
    of(text_fields, any_of(*COMPARE), texts),
    of(text_fields, any_of("like", "ilike"), patterns),
    of(text_fields, any_of("in", "not in"), lists_of(texts)),
    of(number_fields, any_of("=", "!="), st.one_of(st.none(), numbers)),
    of(number_fields, any_of(*COMPARE), numbers),
    of(number_fields, any_of("in", "not in"), lists_of(numbers)),
    of(time_fields, any_of("=", "!="), st.one_of(st.none(), st.sampled_from(TIMES))),
    of(time_fields, any_of(*COMPARE), st.sampled_from(TIMES)),
    of(time_fields, any_of("in", "not in"), lists_of(st.sampled_from(TIMES))),
    of(any_of("preserve_version", "is_trashed"), any_of("=", "!="), st.booleans()),
    of(members, any_of("=", "!=", "contains"), values),
    of(members, any_of(*COMPARE), st.sampled_from([value for value in SCALARS if value is not None])),
    of(members, any_of("in", "not in"), st.lists(values, max_size=3)),
    of(members, any_of("like", "ilike"), patterns),
    of(members, any_of("exists"), st.booleans()),
    of(st.just("properties"), any_of("=", "!=", "contains"), values),
    of(st.just("properties"), any_of("exists"), st.sampled_from(MEMBERS)),
    of(st.just("storage_classes_desired"), any_of("=", "!=", "contains"), values),
    of(st.just("storage_classes_desired"), any_of("exists"), texts),
)


@given(filters=st.lists(one_filter, max_size=3))
@example(filters=[["properties.k", "contains", None]])
@example(filters=[["name", "not in", ["a", None]]])
def test_filters_choose_what_their_naive_reading_chooses(stored: Stored, filters: list[list[Json]]) -> None:
    expected = {record["uuid"] for record in stored.records if all(holds(record, *one) for one in filters)}
    assert stored.found(*filters) == expected


@given(left=number_fields, operator=any_of("=", *COMPARE), right=number_fields)
def test_expressions(stored: Stored, left: str, operator: str, right: str) -> None:
    compare = {"=": lambda one, other: one == other, **ORDER}[operator]
    expected = {
        record["uuid"]
        for record in stored.records
        if None not in (record[left], record[right]) and compare(record[left], record[right])
    }
    assert stored.found(f"({left} {operator} {right})") == expected
    assert stored.found([f" ( {left}{operator}{right} )", "=", True]) == expected


@given(operator=any_of("=", "like", "ilike", "in"), pattern=patterns)
def test_any_looks_into_every_text(stored: Stored, operator: str, pattern: str) -> None:
    attributes = ["uuid", "owner_uuid", "modified_by_user_uuid", "name", "description", "portable_data_hash"]
    attributes += ["current_version_uuid", "file_names"]
    operand: Json = [pattern, "a"] if operator == "in" else pattern
    found = stored.found(["any", operator, operand])
    expected = {
        record["uuid"] for record in stored.records if any(holds(record, one, operator, operand) for one in attributes)
    }
    assert expected <= found  # the text of the properties counts as well
    if operator in {"=", "in"}:
        assert found == expected


def test_any_finds_text_in_properties(stored: Stored) -> None:
    assert stored.found(["any", "ilike", "%HTTP://x/%"])


REFUSED: list[Any] = [
    "not a list",
    [["name", "="]],
    [["name", "=", "a", "b"]],
    [3],
    [[3, "=", "a"]],
    [["name", 3, "a"]],
    [["nosuch", "=", "a"]],
    [["manifest_text", "like", "%"]],
    [["etag", "=", "a"]],
    [["name.x", "=", "a"]],
    [["name", "~", "a"]],
    [["name", "=", 3]],
    [["name", "<", None]],
    [["name", "like", None]],
    [["name", "like", "a\\"]],
    [["name", "in", "a"]],
    [["name", "contains", "a"]],
    [["name", "exists", True]],
    [["name", "=", "a\0"]],
    [["name", "in", ["\ud800"]]],
    [["version", "=", "one"]],
    [["version", "=", True]],
    [["version", "=", 2**63]],
    [["version", "like", "1"]],
    [["created_at", ">", "yesterday"]],
    [["created_at", ">", 5]],
    [["created_at", ">", "2026-02-30T00:00:00Z"]],
    [["is_trashed", "<", True]],
    [["is_trashed", "=", "perhaps"]],
    [["properties", "<", {}]],
    [["properties", "exists", 3]],
    [["properties.k", "~", 3]],
    [["properties.k", "<", [1]]],
    [["properties.k", "<", None]],
    [["properties.k", "in", "a"]],
    [["properties.k", "exists", "yes"]],
    [["properties.k", "like", 3]],
    [["properties.k", "=", float("nan")]],
    [["properties.k", "=", {1, 2}]],
    [["any", "<", "a"]],
    ["version < file_count"],
    ["(version < nosuch)"],
    ["(version < name)"],
    [["(version < file_count)", "=", False]],
]


@pytest.mark.parametrize("filters", REFUSED, ids=repr)
def test_what_cannot_be_understood_is_refused(collections: LocalCollections, filters: Json) -> None:
    with pytest.raises(ApiError) as caught:
        collections.list(filters=filters).execute()
    assert caught.value.resp.status == 422


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ([["uuid", "is_a", "arvados#collection"]], 1),
        ([["uuid", "is_a", ["arvados#user", "arvados#collection"]]], 1),
        ([["uuid", "is_a", "arvados#user"]], 0),
        ([["owner_uuid", "is_a", ["arvados#group", "arvados#user"]]], 1),
        ([["uuid", "is_a", "nosuch"]], 0),
        ([["uuid", "IS_A", "arvados#collection"]], 1),
        ([["name", "<>", "other"]], 1),
        ([["name", "Like", "the%"]], 1),
        ([["version", "=", "1"]], 1),
        ([["is_trashed", "=", "no"]], 1),
        ([["is_trashed", "in", [True, "f"]]], 1),
        ([["properties.<http://x/a.b>", "=", 5]], 1),
        ([["name", "in", [str(number) for number in range(40_000)] + ["the name"]]], 1),
    ],
)
def test_other_forms(collections: LocalCollections, filters: Json, found: int) -> None:
    collections.create(body={"name": "the name", "properties": {"http://x/a.b": 5}}).execute()
    assert collections.list(filters=filters).execute()["items_available"] == found


def test_a_pattern_with_many_wildcards_takes_no_time(collections: LocalCollections) -> None:
    collections.create(body={"description": "a" * 100_000}).execute()
    filters = [["description", "like", "%a" * 30 + "%b"]]
    assert collections.list(filters=filters).execute()["items"] == []


def test_many_filters_are_taken_and_too_many_refused(collections: LocalCollections) -> None:
    made = collections.create(body={"name": "the name"}).execute()
    every = [["any", "ilike", "%"], ["uuid", "is_a", ["arvados#collection"] * 5000]] * 250
    found = collections.list(filters=every, order=["name"] * 5000).execute()["items"]
    assert [item["uuid"] for item in found] == [made["uuid"]]
    for filters in (every * 2, [["name", "like", "%a" * 40_000]]):
        with pytest.raises(ApiError) as caught:
            collections.list(filters=filters).execute()
        assert caught.value.resp.status == 422
