"""The helpers of `keepset.util`, beside those of the official client."""

from __future__ import annotations

import operator
import os
import re
from typing import TYPE_CHECKING, Any

import arvados.util as official
import pytest
from hypothesis import given
from hypothesis import strategies as st

import keepset
from keepset import errors, util
from samples import SIGNATURE, TREE, A
from stores import save

if TYPE_CHECKING:
    from pathlib import Path

PATTERNS = [name for name in util.__all__ if name.endswith("_pattern")]
TEXTS = [
    *(A, f"{A}+Kzzzzz", f"{A}{SIGNATURE}65000000", f"{A}+Z{SIGNATURE}65000000+Kzzzzz", f"{A}+", A[:32], f" {A}", TREE),
    *(
        f"{A}/d/a b",
        f"keep:{A}/",
        f"keep:{A}/a\nb",
        f"keep:{A}",
        f". {A}  0:3:a",
        f". {A} 0:3:a\ngarbage",
        f"a\n. {A} 0:3:a",
    ),
    *(f"zzzzz-{kind}-0123456789abcde" for kind in ("4zz18", "dz642", "j7d0g", "o0j2j", "tpzed", "xxxxx")),
    *("zzzzz-4zz18-0123456789abcd", "ZZZZZ-4zz18-0123456789abcde", "", "abc123"),
]


@pytest.mark.parametrize("name", PATTERNS)
@pytest.mark.parametrize("method", ["match", "search", "fullmatch"])
def test_a_pattern_finds_what_that_of_the_official_client_finds(name: str, method: str) -> None:
    for text in TEXTS:
        ours, theirs = getattr(getattr(util, name), method)(text), getattr(getattr(official, name), method)(text)
        assert (ours and ours.group()) == (theirs and theirs.group())
        if name in {"keep_file_locator_pattern", "keepuri_pattern"}:
            assert (ours and ours.groups()) == (theirs and theirs.groups())


def test_every_pattern_finds_something() -> None:
    assert all(any(getattr(util, name).search(text) for text in TEXTS) for name in PATTERNS)


def test_h02_hostile_hints_take_no_time() -> None:
    hints = "+Z" * 50_000
    assert not util.signed_locator_pattern.match(A + hints)
    assert not util.manifest_pattern.match(f". {A}{hints} 0:3:")
    assert util.keep_locator_pattern.fullmatch(A + hints)


def test_l03_only_ascii_space_ends_a_name() -> None:
    text = f". {A} 0:3:a\u00a0b\n"
    assert not official.manifest_pattern.match(text)
    assert util.manifest_pattern.match(text)


@given(st.text("0aF\ng ", max_size=5), st.lists(st.integers(0, 4), max_size=2))
def test_hexadecimal_texts(text: str, lengths: list[int]) -> None:
    expected = re.fullmatch("[0-9a-fA-F]+", text) is not None
    if lengths:
        expected = expected and lengths[0] <= len(text) <= lengths[-1]
    assert util.is_hex(text, *lengths) is expected
    if not text.endswith("\n"):  # which passes there
        assert official.is_hex(text, *lengths) is expected


def test_a_text_has_one_length() -> None:
    with pytest.raises(errors.ArgumentError, match="not 3"):
        util.is_hex("a", 1, 2, 3)


@given(st.text("ab", max_size=4).map(lambda text: text * 70))
def test_names_are_cut_as_by_the_official_client(name: str) -> None:
    assert util.trim_name(name) == official.trim_name(name)


def test_the_middle_of_a_name_is_lost() -> None:
    assert util.trim_name("a" * 226) == "a" * 226
    assert util.trim_name("a" * 200 + "b" * 200) == "a" * 113 + "…" + "b" * 113


def test_request_ids_are_random_also_in_a_fork() -> None:
    ids = {util.new_request_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(re.fullmatch("req-[0-9a-z]{20}", one) for one in ids)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, util.new_request_id().encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reader, 100).decode() != util.new_request_id()
    os.close(reader)
    os.close(writer)


# Lists, a page at a time.


class Listing:
    """A list call that answers with pages of three, and remembers what it was asked."""

    def __init__(self, records: list[dict[str, Any]]) -> None:
        self.records = records
        self.asked: list[dict[str, Any]] = []

    def __call__(self, **kwargs: Any) -> Listing:
        self.asked.append(kwargs)
        return self

    def execute(self, num_retries: int = 0) -> dict[str, Any]:
        """Filter, order, cut."""
        question = self.asked[-1] | {"num_retries": num_retries}
        self.asked[-1] = question
        operators = {"=": operator.eq, "!=": operator.ne, ">": operator.gt, "<": operator.lt}
        operators |= {">=": operator.ge, "<=": operator.le}
        found = [
            one
            for one in self.records
            if all(operators[kind](one[field], value) for field, kind, value in question["filters"])
        ]
        for key in reversed(question["order"]):
            field, direction = key.split()
            found.sort(key=operator.itemgetter(field), reverse=direction == "desc")
        return {"items": found[:3]}


RECORDS = st.dictionaries(st.integers(0, 30).map(str), st.integers(0, 3), max_size=14).map(
    lambda made: [{"uuid": uuid, "created_at": when, "name": uuid} for uuid, when in made.items()]
)


@given(RECORDS, st.booleans(), st.sampled_from(["created_at", "uuid", "name"]), st.booleans())
def test_all_records_are_listed_by_the_requests_of_the_official_client(
    records: list[dict[str, Any]], ascending: bool, order_key: str, filtered: bool
) -> None:
    options: dict[str, Any] = {"filters": [["created_at", ">", 0]]} if filtered else {}
    listings = [Listing(records), Listing(records)]
    found = [
        list(function(listing, order_key, 5, ascending, **options))
        for function, listing in zip([util.keyset_list_all, official.keyset_list_all], listings, strict=True)
    ]
    assert found[0] == found[1]
    assert listings[0].asked == listings[1].asked
    expected = [one["uuid"] for one in records if one["created_at"] > 0 or not filtered]
    assert sorted(one["uuid"] for one in found[0]) == sorted(expected)


@given(st.sets(st.tuples(st.integers(0, 3), st.integers(0, 6)), max_size=14), st.booleans())
def test_all_permissions_are_listed(pairs: set[tuple[int, int]], ascending: bool) -> None:
    records = [{"user_uuid": str(user), "target_uuid": str(target)} for user, target in sorted(pairs)]
    found = list(util.iter_computed_permissions(Listing(records), ascending=ascending))
    assert found == sorted(records, key=lambda one: (one["user_uuid"], one["target_uuid"]), reverse=not ascending)
    assert found == list(official.iter_computed_permissions(Listing(records), ascending=ascending))


def test_what_pages_need_is_selected_as_well() -> None:
    listing = Listing([])
    assert list(util.keyset_list_all(listing, select=["name"], filters=None)) == []
    assert (listing.asked[0]["select"], listing.asked[0]["filters"]) == (["name", "uuid", "created_at"], [])


def test_two_keys_are_refused_before_anything_is_asked() -> None:
    listing = Listing([])
    with pytest.raises(errors.ArgumentError, match="key_fields"):
        util.keyset_list_all(listing, key_fields=("user_uuid", "target_uuid"))
    assert listing.asked == []


def test_the_records_of_a_store_are_listed(tmp_path: Path) -> None:
    with keepset.open_store(tmp_path) as store:
        for number in range(3):
            save(store, b"aaa", name=str(number))
        names = [one["name"] for one in util.keyset_list_all(store.collections().list, "name", select=["name"])]
    assert names == ["0", "1", "2"]


# Clusters.

CLASSES = {"fast": {"Default": True}, "slow": {"Default": False}, "old": {}}


@pytest.mark.parametrize("config", [{}, {"StorageClasses": {}}, {"StorageClasses": CLASSES}])
def test_storage_classes(config: dict[str, Any]) -> None:
    for options in ({}, {"check": lambda one: not one.get("Default")}, {"fallback": ""}, {"fallback": "some"}):
        assert list(util.iter_storage_classes(config, **options)) == list(
            official.iter_storage_classes(config, **options)
        )


def test_default_classes_are_chosen_unless_a_check_is_given() -> None:
    config = {"StorageClasses": CLASSES}
    assert list(util.iter_storage_classes(config)) == ["fast"]
    assert list(util.iter_storage_classes(config, bool)) == ["fast", "slow"]
    assert list(util.iter_storage_classes({})) == ["default"]


class Cluster:
    """An API client whose resources count how often they are asked."""

    def __init__(self, *resources: str) -> None:
        self._rootDesc: dict[str, Any] = {"resources": {name: {"methods": {}} for name in resources}}
        self.asked: list[str] = []

    def configs(self) -> Cluster:
        self.asked.append("configs")
        return self

    def vocabularies(self) -> Cluster:
        self.asked.append("vocabularies")
        return self

    def get(self) -> Cluster:
        return self

    def execute(self) -> dict[str, Any]:
        return {"answer": self.asked[-1]}


@pytest.mark.parametrize(
    ("function", "resource"), [(util.get_config_once, "configs"), (util.get_vocabulary_once, "vocabularies")]
)
def test_a_cluster_is_asked_once(function: Any, resource: str) -> None:
    cluster = Cluster(resource)
    assert function(cluster) == function(cluster) == {"answer": resource}
    assert getattr(official, function.__name__)(cluster) == {"answer": resource}  # what is kept is found by both
    assert cluster.asked == [resource]
    assert function(Cluster()) == {}


def test_a_store_has_neither_configuration_nor_vocabulary(tmp_path: Path) -> None:
    with keepset.open_store(tmp_path) as store:
        assert util.get_config_once(store) == util.get_vocabulary_once(store) == {}


def test_certificates_are_those_that_the_environment_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "certificates"
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    monkeypatch.setattr(util, "_CERTIFICATES", (str(tmp_path / "missing"),))
    assert util.ca_certs_path() is None
    assert util.ca_certs_path("fallback") == "fallback"
    path.touch()
    assert util.ca_certs_path("fallback") == official.ca_certs_path("fallback") == str(path)
