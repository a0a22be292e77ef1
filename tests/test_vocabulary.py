"""Vocabularies, beside those of the official client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import arvados.vocabulary as official
import pytest
from hypothesis import given
from hypothesis import strategies as st

import keepset
from keepset import errors, vocabulary

if TYPE_CHECKING:
    from pathlib import Path

DEFINITION: dict[str, Any] = {
    "strict_tags": False,
    "tags": {
        "IDANIMAL": {
            "strict": False,
            "labels": [{"label": "Animal"}, {"label": "Creature"}],
            "values": {"IDHUMAN": {"labels": [{"label": "Human"}, {"label": "Homo sapiens"}]}, "IDBARE": {}},
        },
        "IDSIZE": {"strict": True, "labels": [{"label": "Size"}], "values": {"IDBIG": {"labels": [{"label": "Big"}]}}},
        "IDBARE": {"values": None},
    },
}
VALUES = ["IDHUMAN", "human", "HOMO SAPIENS", "big", "IDBIG", "other", "IDBARE", "", 5, None]
KEYS = ["IDANIMAL", "animal", "CREATURE", "size", "IDSIZE", "other", "IDBARE", 5]
PROPERTIES = st.dictionaries(
    st.sampled_from(KEYS), st.sampled_from(VALUES) | st.lists(st.sampled_from(VALUES[:-1]), max_size=3), max_size=4
)


def outcome(function: Any, properties: Any) -> Any:
    try:
        return function(properties)
    except Exception as error:  # noqa: BLE001 - whatever the official client raises
        return type(error).__name__


@given(PROPERTIES, st.booleans(), st.sampled_from(["convert_to_identifiers", "convert_to_labels"]))
def test_properties_are_converted_as_by_the_official_client(properties: Any, strict: bool, method: str) -> None:
    definition = DEFINITION | {"strict_tags": strict}
    ours = outcome(getattr(vocabulary.Vocabulary(definition), method), properties)
    theirs = outcome(getattr(official.Vocabulary(definition), method), properties)
    if theirs not in ("IndexError", "KeyError"):  # its own defects; the tests below say what is right
        assert ours == theirs


def test_what_has_no_label_is_shown_as_it_is_called() -> None:
    found = vocabulary.Vocabulary(DEFINITION)
    assert found.convert_to_labels({"idbare": "x", "creature": "idbare"}) == {"IDBARE": "x", "Animal": "IDBARE"}


def test_a_list_of_values_of_an_unknown_key_stays() -> None:
    assert vocabulary.Vocabulary(DEFINITION).convert_to_labels({"other": ["a", "b"]}) == {"other": ["a", "b"]}


def test_keys_and_values_are_found_by_any_name() -> None:
    animal = vocabulary.Vocabulary(DEFINITION)["cReature"]
    assert (animal.identifier, animal.preferred_label, animal.aliases) == ("IDANIMAL", "Animal", ["Animal", "Creature"])
    assert animal["homo SAPIENS"].identifier == "IDHUMAN"
    with pytest.raises(KeyError):
        animal["nosuch"]


def test_what_is_not_allowed_is_refused() -> None:
    strict = vocabulary.Vocabulary(DEFINITION | {"strict_tags": True})
    with pytest.raises(vocabulary.VocabularyKeyError, match="'other'"):
        strict.convert_to_identifiers({"other": "x"})
    with pytest.raises(vocabulary.VocabularyValueError, match="'small'"):
        strict.convert_to_identifiers({"size": ["big", "small"]})
    with pytest.raises(vocabulary.VocabularyError) as caught:
        strict.convert_to_labels({"size": 5})
    assert isinstance(caught.value, errors.KeepsetError)
    with pytest.raises(ValueError, match="dictionary"):
        strict.convert_to_labels(["size"])  # type: ignore[arg-type]


def test_no_definition_knows_nothing() -> None:
    empty = vocabulary.Vocabulary()
    assert (empty.key_aliases, empty.convert_to_labels(), empty.convert_to_labels({"a": "b"})) == ({}, {}, {"a": "b"})


class Cluster:
    """An API client with a vocabulary."""

    _rootDesc: dict[str, Any] = {"resources": {"vocabularies": {"methods": {}}}}  # noqa: RUF012 - nobody changes it

    def vocabularies(self) -> Cluster:
        return self

    def get(self) -> Cluster:
        return self

    def execute(self) -> dict[str, Any]:
        return DEFINITION


def test_the_vocabulary_of_a_cluster_is_loaded() -> None:
    assert vocabulary.load_vocabulary(Cluster())["size"].identifier == "IDSIZE"


def test_a_store_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KEEP_LOCAL_STORE", "ARVADOS_API_HOST", "ARVADOS_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KEEPSET_STORE", str(tmp_path))
    with keepset.open_store() as store:
        assert vocabulary.load_vocabulary(store).key_aliases == vocabulary.load_vocabulary().key_aliases == {}
