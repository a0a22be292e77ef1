"""Side by side with the official client, arvados-python-client 3.2.1, over drawn manifests.

For every text that both load, the normal form is the same byte for byte and so is its portable data hash, except where
the official client is known to be wrong. Each exception is a narrow predicate below, named after its row in the list of
regressions, or after the deliberate difference that it is.
"""

import importlib.metadata
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import assume, event, given

import reference
from keepset import Manifest
from keepset.errors import ManifestError
from samples import A, B, E
from strategies import bent_texts, compat_texts, plans

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    collection = pytest.importorskip("arvados.collection")
    errors = pytest.importorskip("arvados.errors")

REAL = Path(__file__).parents[1] / "data" / "1000G_ref_manifest"


def test_the_client_is_the_version_that_the_exceptions_are_about() -> None:
    assert importlib.metadata.version("arvados-python-client") == "3.2.1"


REFUSALS = (errors.SyntaxError, errors.ArgumentError, OSError, ValueError, IndexError)
"""What the official client raises for a text.

`ValueError` when it hashes hints of one letter or names that are not UTF-8, `IndexError` when a stream without blocks
has a file with data.
"""


class Official:
    """What the official client makes of a text."""

    def __init__(self, text: str) -> None:
        # The way of API replies: the constructor first looks whether its argument may be a UUID or a hash. Nothing here
        # needs a cluster, but the client wants to have been told of one.
        loaded = collection.Collection(api_client=mock.Mock(), keep_client=mock.Mock())
        loaded._import_manifest(text)
        self.normalized: str = loaded.manifest_text(normalize=True)
        self.portable_data_hash: str = loaded.portable_data_hash()
        self.stripped: str = loaded.portable_manifest_text()


def official(text: bytes) -> Official | Exception:
    try:
        return Official(text.decode("utf-8", "surrogateescape"))
    except REFUSALS as error:
        return error


def ours(text: bytes) -> Manifest | ManifestError:
    try:
        return Manifest.parse(text)
    except ManifestError as error:
        return error


# Where the official client reads a text and is wrong, or reads it differently from what we decided. Each takes the text
# and the tree that the specification says it means.

Exemption = Callable[[bytes, reference.Tree], bool]

_ESCAPE_ABOVE_ASCII = re.compile(rb"\\[23][0-7][0-7]")
_UNICODE_SPACE = re.compile(r"[^\S\x00-\x20]")


def l01_a_zero_length_block_beside_others(text: bytes, tree: reference.Tree) -> bool:
    # It puts a zero-length segment into a file that runs over such a block, and its search for a block goes astray.
    del tree
    for line in reference.strip(text).split(b"\n"):
        sizes = [token.partition(b"+")[2] for token in line.split(b" ")[1:] if b":" not in token]
        if len(sizes) > 1 and any(size.strip(b"0") == b"" for size in sizes):
            return True
    return False


def l03_unicode_white_space_in_the_text(text: bytes, tree: reference.Tree) -> bool:
    # It takes U+00A0, U+0085, U+2028 and the like for the end of a token.
    del tree
    return bool(_UNICODE_SPACE.search(text.decode("utf-8", "surrogateescape")))


def l04_an_escape_above_ascii(text: bytes, tree: reference.Tree) -> bool:
    # It makes a character of each escaped byte.
    del tree
    return bool(_ESCAPE_ABOVE_ASCII.search(text))


def l05_one_block_with_different_hints(text: bytes, tree: reference.Tree) -> bool:
    # It takes them for different blocks.
    del text
    return any(len(set(hints)) > 1 for hints in tree.hints.values())


def l09_a_dot_component(text: bytes, tree: reference.Tree) -> bool:
    # It makes a directory of that name; and it cannot read empty components.
    del tree
    for line in text.split(b"\n"):
        for token in line.split(b" "):
            path = reference.unescape(re.sub(rb"^[0-9]+:[0-9]+:", b"", token))
            inner = path.removeprefix(b"./").removesuffix(b"/.").split(b"/")
            if path not in (b".", b"") and any(part in (b"", b".") for part in inner):
                return True
    return False


def size_with_leading_zeros(text: bytes, tree: reference.Tree) -> bool:
    # It keeps the locator as it was written; our normal form is one text for one manifest.
    del tree
    return bool(re.search(rb" [0-9a-f]{32}\+0[0-9]", text))


def name_that_is_not_utf8(text: bytes, tree: reference.Tree) -> bool:
    # It writes such bytes raw, and cannot hash what it wrote; the server would refuse it.
    del tree
    return not reference.is_utf8(text)


EXEMPTIONS: list[Exemption] = [
    l01_a_zero_length_block_beside_others,
    l03_unicode_white_space_in_the_text,
    l04_an_escape_above_ascii,
    l05_one_block_with_different_hints,
    l09_a_dot_component,
    size_with_leading_zeros,
    name_that_is_not_utf8,
]


def exempt(text: bytes) -> str | None:
    tree = reference.parse(text)
    return next((exemption.__name__ for exemption in EXEMPTIONS if exemption(text, tree)), None)


def compare(text: bytes) -> None:
    theirs, found = official(text), ours(text)
    if isinstance(found, ManifestError):
        # What only they read is what L2, L9 and L10 are about, or has white space that we refuse.
        event("refused by us")
        return
    if isinstance(theirs, Exception):
        event("refused by them")
        return
    exemption = exempt(text)
    event(exemption or "compared")
    if exemption is None:
        normal = found.normalized()
        assert normal.text == theirs.normalized
        assert normal.portable_data_hash == theirs.portable_data_hash
        assert normal.stripped().text == theirs.stripped


@given(plans(nasty=False, zero_blocks=False, signatures="none"))
def test_plain_manifests_are_the_same_to_both(plan: object) -> None:
    text: bytes = plan.text()  # type: ignore[attr-defined]
    theirs, found = official(text), ours(text)
    assert not isinstance(theirs, Exception)
    assert not isinstance(found, Exception)
    assert found.normalized().text == theirs.normalized
    assert found.normalized().portable_data_hash == theirs.portable_data_hash


@given(plans(zero_blocks=False, signatures="same"))
def test_signed_manifests_with_odd_names_are_the_same_to_both(plan: object) -> None:
    # The bytes that the official client cannot read in names are the only reason not to compare.
    text: bytes = plan.text("bare")  # type: ignore[attr-defined]
    assume(exempt(text) is None)
    theirs, found = official(text), ours(text)
    assert not isinstance(theirs, Exception)
    assert not isinstance(found, Exception)
    assert found.normalized().text == theirs.normalized
    assert found.normalized().portable_data_hash == theirs.portable_data_hash
    assert found.normalized().stripped().text == theirs.stripped


@given(compat_texts())
def test_any_manifest_is_the_same_to_both(text: bytes) -> None:
    compare(text)


@given(bent_texts())
def test_any_text_that_both_read_is_the_same_to_both(text: bytes) -> None:
    compare(text)


@given(compat_texts())
def test_our_normal_form_is_read_by_them_and_stays(text: bytes) -> None:
    normal = bytes(Manifest.parse(text).normalized())
    if exempt(normal) is None:
        theirs = official(normal)
        assert not isinstance(theirs, Exception)
        assert theirs.normalized.encode() == normal


def test_the_real_manifest_is_the_same_to_both() -> None:
    text = REAL.read_bytes()
    theirs, found = official(text), ours(text)
    assert not isinstance(theirs, Exception)
    assert not isinstance(found, Exception)
    assert found.normalized().text == theirs.normalized
    assert found.normalized().portable_data_hash == theirs.portable_data_hash


# Each exception is still one: should a new version of the client be right, these fail and the exception can go.


@pytest.mark.parametrize(
    ("exemption", "text"),
    [
        (l01_a_zero_length_block_beside_others, f". {A} {E} {B} 0:6:foo 3:3:bar\n"),
        (l04_an_escape_above_ascii, f". {A} 0:3:caf\\303\\251\n"),
        (l05_one_block_with_different_hints, f". {A}+Za 0:3:x\n. {A}+Zb 0:3:y\n"),
        (l09_a_dot_component, f". {A} 0:3:a/./c\n"),
        (size_with_leading_zeros, f". {A[:32]}+03 0:3:a\n"),
    ],
)
def test_an_exception_is_needed(exemption: Exemption, text: str) -> None:
    theirs = official(text.encode())
    assert not isinstance(theirs, Exception)
    assert theirs.normalized != Manifest.parse(text).normalized().text
    assert exemption(text.encode(), reference.parse(text.encode()))
    others = [other for other in EXEMPTIONS if other is not exemption]
    assert not any(other(text.encode(), reference.parse(text.encode())) for other in others), "it is about one thing"


@pytest.mark.parametrize(
    ("exemption", "text"),
    [
        (l03_unicode_white_space_in_the_text, f". {A} 0:3:a\u00a0b\n".encode()),
        (name_that_is_not_utf8, f". {A} 0:3:a".encode() + b"\xff\n"),
    ],
)
def test_an_exception_is_needed_where_they_fail(exemption: Exemption, text: bytes) -> None:
    assert isinstance(official(text), Exception)
    assert exemption(text, reference.parse(text))
    assert exempt(text) == exemption.__name__


@pytest.mark.parametrize(
    "text",
    [
        f". {A} 0:5:foo 10:2:baz\n",  # L2
        f". {A} 0:3:../x\n",  # L9
        f". {A} 0:3:.\n",  # L10
    ],
)
def test_what_only_they_read_loses_data_or_makes_odd_names(text: str) -> None:
    assert not isinstance(official(text.encode()), Exception)
    assert isinstance(ours(text.encode()), ManifestError)
