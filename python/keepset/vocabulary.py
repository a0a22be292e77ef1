"""The vocabulary of a cluster: identifiers of properties and their values, and the labels that people know them by.

The names are those of `arvados.vocabulary`.

Example:
    >>> definition = {"tags": {"IDTAGANIMALS": {"labels": [{"label": "Animal"}, {"label": "Creature"}]}}}
    >>> vocabulary = Vocabulary(definition)
    >>> vocabulary.convert_to_identifiers({"creature": "Human", "size": "big"})
    {'IDTAGANIMALS': 'Human', 'size': 'big'}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from keepset import util
from keepset.errors import ArgumentError, KeepsetError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = [
    "Vocabulary",
    "VocabularyData",
    "VocabularyError",
    "VocabularyKey",
    "VocabularyKeyError",
    "VocabularyValue",
    "VocabularyValueError",
    "load_vocabulary",
]


class VocabularyError(KeepsetError, ValueError):
    """Properties that a vocabulary does not allow."""

    code = "not-in-vocabulary"


class VocabularyKeyError(VocabularyError):
    """A key that is no text, or unknown to a vocabulary that allows its own keys alone."""

    code = "key-not-in-vocabulary"


class VocabularyValueError(VocabularyError):
    """A value that is neither text nor a list of texts, or unknown to a key that allows its own values alone."""

    code = "value-not-in-vocabulary"


class VocabularyData:
    """What keys and values share: an identifier for programs, and labels for people.

    Args:
        identifier: The identifier.
        aliases: The labels, the preferred one first.

    Attributes:
        identifier: As given.
        aliases: As given.
    """

    def __init__(self, identifier: str, aliases: Sequence[str] = ()) -> None:
        self.identifier = identifier
        self.aliases = aliases

    @property
    def preferred_label(self) -> str:
        """The label to show; the identifier, if there is no label."""
        return self.aliases[0] if self.aliases else self.identifier


class VocabularyValue(VocabularyData):
    """A value that a key may have."""


D = TypeVar("D", bound=VocabularyData)


def _by_alias(known: list[D]) -> dict[str, D]:
    """Return keys or values by identifier and by label, in lower case."""
    return {alias.lower(): one for one in known for alias in (one.identifier, *one.aliases)}


class VocabularyKey(VocabularyData):
    """A key, with the values that it may have.

    Args:
        identifier: As for `VocabularyData`.
        aliases: As for `VocabularyData`.
        values: The values, by identifier.
        strict: Whether no others are allowed.

    Attributes:
        strict: As given.
        value_aliases: The values, by identifier and by label, in lower case.
    """

    def __init__(
        self,
        identifier: str,
        aliases: Sequence[str] = (),
        values: Mapping[str, VocabularyValue] | None = None,
        strict: bool = False,
    ) -> None:
        super().__init__(identifier, aliases)
        self.strict = strict
        self.value_aliases = _by_alias(list((values or {}).values()))

    def __getitem__(self, key: str) -> VocabularyValue:
        """Return a value by its identifier or one of its labels, in capitals or not."""
        return self.value_aliases[key.lower()]


class Vocabulary:
    """The keys and values that are known.

    Args:
        voc_definition: The definition, as the API gives it.

    Attributes:
        strict_keys: Whether other keys are not allowed.
        key_aliases: The keys, by identifier and by label, in lower case.
    """

    def __init__(self, voc_definition: Mapping[str, Any] | None = None) -> None:
        definition = voc_definition or {}
        self.strict_keys: bool = definition.get("strict_tags", False)
        self.key_aliases = _by_alias([_key(name, tag) for name, tag in (definition.get("tags") or {}).items()])

    def __getitem__(self, key: str) -> VocabularyKey:
        """Return a key by its identifier or one of its labels, in capitals or not."""
        return self.key_aliases[key.lower()]

    def convert_to_identifiers(self, obj: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return properties with identifiers in the place of labels.

        Args:
            obj: The properties: texts, or lists of texts, by key. What the vocabulary does not know stays.

        Raises:
            VocabularyKeyError: A key is not allowed.
            VocabularyValueError: A value is not allowed.
            ArgumentError: They are no dictionary.
        """
        return self._convert(obj, lambda data: data.identifier)

    def convert_to_labels(self, obj: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return properties with preferred labels in the place of identifiers and of other labels.

        Args:
            obj: As for `convert_to_identifiers`.

        Raises:
            VocabularyKeyError: A key is not allowed.
            VocabularyValueError: A value is not allowed.
            ArgumentError: They are no dictionary.
        """
        return self._convert(obj, lambda data: data.preferred_label)

    def _convert(self, obj: Mapping[str, Any] | None, write: Callable[[VocabularyData], str]) -> dict[str, Any]:
        if obj is not None and not isinstance(obj, dict):
            raise ArgumentError("properties must be a dictionary")
        converted = {}
        for name, value in (obj or {}).items():
            key = self._find(name)
            values = [_convert_value(name, key, one, write) for one in (value if isinstance(value, list) else [value])]
            converted[write(key) if key else name] = values if isinstance(value, list) else values[0]
        return converted

    def _find(self, name: Any) -> VocabularyKey | None:
        if not isinstance(name, str):
            raise VocabularyKeyError(f"a key must be text: {name!r}")
        key = self.key_aliases.get(name.lower())
        if key is None and self.strict_keys:
            raise VocabularyKeyError(f"the vocabulary has no key {name!r}, and allows no others than its own")
        return key


def _convert_value(name: str, key: VocabularyKey | None, value: Any, write: Callable[[VocabularyData], str]) -> str:
    if not isinstance(value, str):
        raise VocabularyValueError(f"a value of key {name!r} must be text or a list of texts: {value!r}")
    known = key.value_aliases.get(value.lower()) if key else None
    if known is not None:
        return write(known)
    if key is not None and key.strict:
        raise VocabularyValueError(f"key {name!r} has no value {value!r}, and allows no others than its own")
    return value


def _labels(definition: Mapping[str, Any]) -> list[str]:
    return [label["label"] for label in definition.get("labels") or []]


def _key(identifier: str, tag: Mapping[str, Any]) -> VocabularyKey:
    values = {name: VocabularyValue(name, _labels(value)) for name, value in (tag.get("values") or {}).items()}
    return VocabularyKey(identifier, _labels(tag), values, tag.get("strict", False))


def load_vocabulary(api_client: Any = None) -> Vocabulary:
    """Return the vocabulary of a cluster.

    Args:
        api_client: The API client; the default one, if it is None. A local store has an empty vocabulary.
    """
    if api_client is None:
        from keepset.session import default_session

        api_client = default_session()
    return Vocabulary(util.get_vocabulary_once(api_client))
