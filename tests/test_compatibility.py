"""`docs/compatibility.md` held against both packages: every public name has its row, and every row is true."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import warnings
from pathlib import Path
from types import GenericAlias
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

import keepset.arvfile
import keepset.blocks
import keepset.collection

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

PAGE = Path(__file__).parent.parent / "docs" / "compatibility.md"
SECTION = re.compile(r"^## keepset\.(\w+)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
ROW = re.compile(r"^\| `([\w.]+)` \| (same|better|left out) \|(?: (.+))? \|$", re.MULTILINE)

MODULES = [
    *("collection", "arvfile", "keep", "api", "errors", "retry", "config", "util", "events", "vocabulary", "logging"),
    *("cache", "safeapi"),
]
"""Those of arvados-python-client 3.2.1 that the page tells of, with all their public names."""

# The classes and functions of the SDK that this project began with, where 3.2.1 has them no more, and those beside them
# that its scripts use, with the parameters that have to be there. SynchronizedCollectionBase became RichCollectionBase.
OLDER: dict[str, dict[str, str]] = {
    "collection": {
        "SynchronizedCollectionBase": "",
        "RichCollectionBase.set_unmodified": "",
        "RichCollectionBase.__iter__": "",
        "RichCollectionBase.__getitem__": "",
        "RichCollectionBase.__contains__": "",
        "RichCollectionBase.__len__": "",
        "RichCollectionBase.__ne__": "",
        "RichCollectionBase._clonefrom": "source",
        "Collection.__exit__": "",
        "Collection._my_api": "",
        "Collection._my_keep": "",
        "Collection._my_block_manager": "",
        "Collection._populate_from_api_server": "",
        "Collection._populate_from_keep": "",
        "Collection._has_collection_uuid": "",
        "Collection._import_manifest": "manifest_text",
        "CollectionReader.normalize": "",
        "CollectionReader.all_streams": "",
        "CollectionReader.all_files": "",
        "CollectionReader._populate_streams": "orig_func",
        "CollectionWriter": "api_client num_retries replication",
        "CollectionWriter.write_file": "source filename",
        "CollectionWriter.write_directory_tree": "path stream_name max_manifest_depth",
        "CollectionWriter.write": "newdata",
        "CollectionWriter.open": "streampath filename",
        "CollectionWriter.start_new_file": "newfilename",
        "CollectionWriter.set_current_file_name": "newfilename",
        "CollectionWriter.current_file_name": "",
        "CollectionWriter.finish_current_file": "",
        "CollectionWriter.start_new_stream": "newstreamname",
        "CollectionWriter.set_current_stream_name": "newstreamname",
        "CollectionWriter.current_stream_name": "",
        "CollectionWriter.finish_current_stream": "",
        "CollectionWriter.flush_data": "",
        "CollectionWriter.finish": "",
        "CollectionWriter.manifest_text": "",
        "CollectionWriter.portable_data_hash": "",
        "CollectionWriter.data_locators": "",
        "CollectionWriter.save_new": "name",
        "ResumableCollectionWriter": "api_client",
        "ResumableCollectionWriter.dump_state": "copy_func",
        "ResumableCollectionWriter.from_state": "state",
        "ResumableCollectionWriter.check_dependencies": "",
        "_WriterFile": "coll_writer name",
        "_WriterFile.close": "",
        "_WriterFile.write": "data",
        "_WriterFile.writelines": "",
        "_WriterFile.flush": "",
        "_FileLikeObjectBase": "name mode",
    },
    "arvfile": {
        "_BlockManager": "keep",
        "_BlockManager.commit_all": "",
        "_BlockManager.stop_threads": "",
        "_BlockManager.is_bufferblock": "locator",
        "_BlockManager.get_bufferblock": "locator",
        "_FileLikeObjectBase": "name mode",
        "_FileLikeObjectBase._before_close": "orig_func",
    },
    "stream": {
        "StreamReader": "tokens keep debug _empty num_retries",
        "StreamReader.name": "",
        "StreamReader.files": "",
        "StreamReader.all_files": "",
        "StreamReader.size": "",
        "StreamReader.locators_and_ranges": "range_start range_size",
        "StreamReader.readfrom": "start size num_retries",
        "StreamReader.manifest_text": "strip",
        "StreamFileReader": "stream segments name",
        "StreamFileReader.name": "",
        "StreamFileReader.stream_name": "",
        "StreamFileReader.size": "",
        "StreamFileReader.read": "size num_retries",
        "StreamFileReader.readfrom": "offset size num_retries",
        "StreamFileReader.as_manifest": "",
        "normalize_stream": "stream_name stream",
        "split": "path",
        "first_block": "data_locators range_start",
        "locators_and_ranges": "data_locators range_start range_size limit",
        "Range": "locator range_start range_size segment_offset",
        "LocatorAndRange": "locator block_size segment_offset segment_size",
    },
}

# What stands there on removed lines alone.
REMOVED = {
    "collection": [
        *("CollectionRoot", "ReadOnlyCollection", "WritableCollection", "LiveCollection", "import_manifest"),
        *("SYNC_READONLY", "SYNC_EXPLICIT", "SYNC_LIVE", "import_collection", "export_manifest"),
        *("Collection.create", "Collection.on_message", "Collection.sync_mode", "CollectionReader._populate_first"),
        *("RichCollectionBase.iterkeys", "RichCollectionBase._cloneinto"),
    ],
    "arvfile": ["ArvadosFileBase", "BlockManager", "SYNC_READONLY", "SYNC_EXPLICIT", "SYNC_LIVE"],
    "stream": ["locator_block_size"],
    "safeapi": ["SafeApi"],
}

ABSTRACT = {"RichCollectionBase", "SynchronizedCollectionBase", "CollectionBase"}
"""Nobody makes one: what their constructors take is the affair of the classes below them."""
OTHER_NAMES = {
    "ArvadosFileReaderBase.readfrom",
    *("RichCollectionBase.__ne__", "_WriterFile.writelines"),  # Python's own
}
"""Their arguments are those of 3.2.1 by position, under other names."""

MISSING = object()


class Row(NamedTuple):
    """What the page says of one name."""

    module: str
    name: str
    verdict: str
    note: str


def rows() -> list[Row]:
    text = PAGE.read_text(encoding="utf-8")
    return [Row(section[1], *row.groups("")) for section in SECTION.finditer(text) for row in ROW.finditer(section[2])]


def official(module: str) -> ModuleType | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module(f"arvados.{module}") if module in MODULES else None


def ours(module: str) -> ModuleType | None:
    try:
        return importlib.import_module(f"keepset.{module}")
    except ModuleNotFoundError:
        return None


def look_up(module: ModuleType | None, name: str) -> Any:
    found: Any = module
    for part in name.split("."):
        found = getattr(found, part, MISSING)
    return found


def names_bound_in(module: ModuleType) -> Iterator[str]:
    """The names that a module defines, and those that it imports from its own package."""
    for node in ast.parse(inspect.getsource(module)).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.ImportFrom) and (node.level or (node.module or "").startswith("arvados")):
            yield from (alias.asname or alias.name for alias in node.names)


def public_names(module: ModuleType) -> Iterator[str]:
    """The public names of a module, and of the classes that it defines."""
    for name in dict.fromkeys(names_bound_in(module)):
        value = getattr(module, name)
        if name.startswith("_") or inspect.ismodule(value):
            continue
        yield name
        if inspect.isclass(value) and value.__module__ == module.__name__:
            yield from (f"{name}.{member}" for member in vars(value) if not member.startswith("_"))


@pytest.mark.parametrize("module", [*MODULES, "stream"])
def test_every_name_has_one_row(module: str) -> None:
    theirs = official(module)
    expected = {*(public_names(theirs) if theirs else ()), *OLDER.get(module, ()), *REMOVED.get(module, ())}
    assert sorted(row.name for row in rows() if row.module == module) == sorted(expected)


def test_every_line_of_a_table_is_understood() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert len(rows()) == len(re.findall(r"^\| `", text, re.MULTILINE))
    assert {row.module for row in rows()} == {*MODULES, "stream"}


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row.module}.{row.name}")
def test_a_row_is_true(row: Row) -> None:
    found = look_up(ours(row.module), row.name)
    if row.verdict != "same":
        assert row.note
    if row.verdict == "left out":
        assert found is MISSING
        return
    assert found is not MISSING
    theirs = look_up(official(row.module), row.name)
    assert callable(found) or not callable(theirs)
    if row.name in ABSTRACT or not callable(found) or isinstance(found, GenericAlias):
        return
    if theirs is not MISSING:
        check_arguments(row.name, found, theirs)
    else:
        expected = OLDER[row.module][row.name].split()
        assert names_by_position(found)[: len(expected)] == expected


@pytest.mark.parametrize(("module", "name"), [(module, name) for module in REMOVED for name in REMOVED[module]])
def test_what_was_removed_is_left_out_for_that_reason(module: str, name: str) -> None:
    assert (Row(module, name, "left out", "removed by the seed")) in rows()


def by_position(function: Any) -> list[inspect.Parameter]:
    """The parameters that can be given by position, without the object that a method is called on."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    found = [one for one in inspect.signature(function).parameters.values() if one.kind in kinds]
    return [one for one in found if one.name != "self"]


def names_by_position(function: Any) -> list[str]:
    return [one.name for one in by_position(function)]


def check_arguments(name: str, found: Any, theirs: Any) -> None:
    """What can be passed to theirs can be passed to ours, by position or by name, and is as optional as there."""
    try:
        signature = inspect.signature(theirs)
    except ValueError:  # an exception that takes what `Exception` takes
        assert issubclass(theirs, Exception)
        return
    expected = by_position(theirs)
    if name not in OTHER_NAMES:
        assert names_by_position(found)[: len(expected)] == [one.name for one in expected]
    for one, other in zip(by_position(found), expected, strict=False):
        assert other.default is other.empty or one.default is not one.empty, f"{one.name} is optional there"
    if not any(one.kind is one.VAR_POSITIONAL for one in signature.parameters.values()):
        for one in by_position(found)[len(expected) :]:
            assert one.default is not one.empty, f"{one.name} is not given there"
    taken = inspect.signature(found).parameters
    for one in signature.parameters.values():
        if one.kind is one.KEYWORD_ONLY:
            assert one.name in taken


def test_names_that_stand_for_another_one() -> None:
    assert keepset.arvfile._BlockManager is keepset.blocks.BlockManager
    assert keepset.collection.SynchronizedCollectionBase is keepset.collection.RichCollectionBase
    assert keepset.arvfile._FileLikeObjectBase is keepset.collection._FileLikeObjectBase
    assert issubclass(keepset.arvfile.ArvadosFileReader, keepset.arvfile._FileLikeObjectBase)
    assert issubclass(keepset.collection.CollectionReader, keepset.collection.Collection)
    assert issubclass(keepset.collection.Subcollection, keepset.collection.RichCollectionBase)
