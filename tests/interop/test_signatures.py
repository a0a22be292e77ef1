"""Arguments by position, and names to import, are those of arvados-python-client 3.2.1."""

from __future__ import annotations

import importlib
import inspect
import warnings
from typing import Any

import pytest

import keepset.arvfile
import keepset.collection
from keepset.arvfile import ArvadosFile, ArvadosFileReader, ArvadosFileWriter
from keepset.blocks import BlockManager
from keepset.collection import Collection, CollectionReader, RichCollectionBase, Subcollection

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    official = {name: pytest.importorskip(f"arvados.{name}") for name in ("arvfile", "collection")}

CLASSES = {
    RichCollectionBase: official["collection"].RichCollectionBase,
    Collection: official["collection"].Collection,
    CollectionReader: official["collection"].CollectionReader,
    Subcollection: official["collection"].Subcollection,
    keepset.collection.CollectionBase: official["collection"].CollectionBase,
    ArvadosFile: official["arvfile"].ArvadosFile,
    ArvadosFileReader: official["arvfile"].ArvadosFileReader,
    ArvadosFileWriter: official["arvfile"].ArvadosFileWriter,
}
# Merging with what others have saved is not there yet.
LATER = {"apply", "diff", "update"}
# Nobody makes one: its `clone` there only says that it is not implemented.
ABSTRACT = RichCollectionBase
CONSTRUCTED = [*(kind for kind in CLASSES if kind is not ABSTRACT), BlockManager, keepset.collection._WriterFile]
NAMES = {
    "collection": [
        *("ADD", "DEL", "MOD", "TOK", "WRITE", "FILE", "COLLECTION", "ArvadosFile", "ArvadosFileReader"),
        *("ArvadosFileWriter", "Collection", "CollectionBase", "CollectionReader", "RichCollectionBase"),
        *("Subcollection", "_WriterFile", "must_be_writable", "synchronized", "_FileLikeObjectBase", "NoopLock"),
    ],
    "arvfile": [
        *("ADD", "DEL", "MOD", "TOK", "WRITE", "ArvadosFile", "ArvadosFileReader", "ArvadosFileWriter", "NoopLock"),
        *("_BlockManager", "_FileLikeObjectBase", "must_be_writable", "synchronized"),
    ],
}


def methods(kind: type) -> list[str]:
    return [name for name, value in inspect.getmembers(kind, callable) if not name.startswith("_")]


def by_position(function: Any) -> list[inspect.Parameter]:
    """The parameters that can be given by position."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [one for one in inspect.signature(function).parameters.values() if one.kind in kinds]


def check(ours: Any, theirs: Any) -> None:
    """Whatever can be passed to theirs can be passed to ours, by position or by name, and means the same."""
    expected = by_position(theirs)
    found = by_position(ours)[: len(expected)]
    assert [one.name for one in found] == [one.name for one in expected]
    for one, other in zip(found, expected, strict=True):
        if other.default is not inspect.Parameter.empty:
            assert one.default is not inspect.Parameter.empty, f"{one.name} has a default there"
    for one in by_position(ours)[len(expected) :]:
        assert one.default is not inspect.Parameter.empty, f"{one.name} is not given there"


PUBLIC = [
    (ours, name)
    for ours, theirs in CLASSES.items()
    for name in methods(theirs)
    if name not in LATER and (ours, name) != (ABSTRACT, "clone")
]


@pytest.mark.parametrize(("kind", "name"), PUBLIC, ids=lambda value: getattr(value, "__name__", value))
def test_the_arguments_of_a_method(kind: type, name: str) -> None:
    check(getattr(kind, name), getattr(CLASSES[kind], name))


@pytest.mark.parametrize("kind", CONSTRUCTED, ids=lambda kind: kind.__name__)
def test_the_arguments_of_a_constructor(kind: type) -> None:
    module = "arvfile" if kind is BlockManager else "collection"
    name = "_BlockManager" if kind is BlockManager else kind.__name__
    theirs = CLASSES.get(kind) or getattr(official[module], name)
    check(kind, theirs)


@pytest.mark.parametrize(("module", "name"), [(module, name) for module in NAMES for name in NAMES[module]])
def test_a_name_can_be_imported(module: str, name: str) -> None:
    theirs = getattr(official[module], name)
    ours = getattr(importlib.import_module(f"keepset.{module}"), name)
    assert inspect.isclass(ours) == inspect.isclass(theirs)
    assert ours == theirs or callable(ours)


@pytest.mark.parametrize("name", sorted(LATER))
def test_what_comes_later_is_not_there(name: str) -> None:
    # When it is, its arguments are to be compared as well.
    assert not hasattr(Collection, name)


def test_aliases() -> None:
    assert keepset.arvfile._BlockManager is BlockManager
    assert keepset.collection.SynchronizedCollectionBase is RichCollectionBase
    assert keepset.arvfile._FileLikeObjectBase is keepset.collection._FileLikeObjectBase
    assert issubclass(ArvadosFileReader, keepset.arvfile._FileLikeObjectBase)
    assert issubclass(CollectionReader, Collection)
    assert issubclass(Subcollection, RichCollectionBase)
