"""Any history of a collection, beside a model of nested dicts.

`STEPS` and the profile's number of examples say how long it looks: HYPOTHESIS_PROFILE=ci for a long search.
"""

from __future__ import annotations

import contextlib
import os
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

import keepset
from contents import EXAMPLES, files, folder, in_order, outcome
from keepset.collection import Collection
from memory_keep import MemoryKeep
from small_blocks import small_blocks
from tree_model import Model, ModelHandle

if TYPE_CHECKING:
    from collections.abc import Callable

NAMES = [
    "a", "ab", "a.b", "a-b", "b", "A", "...", ".a", "a b", " ", "a:b", "0:3:a", "a\\b", "\\040", "\\", "\0", "\x01\x1f",
    "\t", "\n", "\r", "\x7f", "\u00a0", "\u0085", "\u2028", "\u00e9", "e\u0301", "\ufeff", "\uffff", "\U0001f600",
    "\udcff", "\udce9a", "d41d8cd98f00b204e9800998ecf8427e+0",
]  # fmt: skip
"""They collide, are prefixes of each other, sort around `/`, and hold every class of bytes."""

BLOCK_SIZES = [8, 50, 4096]
STEPS = 40

paths = st.lists(st.integers(0, 3), min_size=1, max_size=3)
data = st.one_of(st.binary(max_size=6), st.binary(min_size=1, max_size=3).map(lambda part: part * 7))
offsets = st.one_of(st.integers(0, 12), st.integers(0, 70))
modes = st.sampled_from(["rb", "wb", "ab", "xb", "r+b", "w+b", "ab+", "x+b"])


class CollectionMachine(RuleBasedStateMachine):
    """A collection, the model of it, and open files of both."""

    handles = Bundle("handles")

    def __init__(self) -> None:
        super().__init__()
        self.resources = contextlib.ExitStack()
        self.keep = MemoryKeep()
        self.model = Model()
        # Those that were cloned or saved and put aside; open files may still write to them.
        self.others: list[tuple[Collection, Model]] = []
        self.opened: list[Any] = []

    @initialize(
        names=st.lists(st.sampled_from(NAMES), min_size=4, max_size=4, unique=True),
        size=st.sampled_from(BLOCK_SIZES),
        packing=st.booleans(),
    )
    def start(self, names: list[str], size: int, packing: bool) -> None:
        """Begin with an empty collection."""
        self.resources.enter_context(small_blocks(size))
        self.names = names
        self.packing = packing
        self.collection = self.load()

    def load(self, text: str | None = None) -> Collection:
        """Make a collection."""
        return Collection(text, keep_client=self.keep, packing=self.packing)

    def path(self, parts: list[int]) -> str:
        """Make a path of the names of this history."""
        return "/".join(self.names[part] for part in parts)

    def both(self, ours: Callable[[], object], models: Callable[[], object]) -> list[Any]:
        """Do something to collection and model, and return the results; none, if both refused."""
        result, problem = outcome(ours)
        expected, expected_problem = outcome(models)
        assert problem == expected_problem
        return [] if problem else [result, expected]

    def teardown(self) -> None:
        """Store what is in memory, which would be warned of otherwise."""
        with self.resources:
            for file in self.opened:
                file.close()
            if hasattr(self, "collection"):
                pairs = [*self.others, (self.collection, self.model)]
                fresh = [self.load(collection.manifest_text()) for collection, _ in pairs]
                assert [folder(collection) for collection in fresh] == [model.folder() for _, model in pairs]

    # The tree.

    @rule(path=paths)
    def mkdirs(self, path: list[int]) -> None:
        where = self.path(path)
        self.both(lambda: self.collection.mkdirs(where), lambda: self.model.mkdirs(where))

    @rule(path=paths, recursive=st.booleans())
    def remove(self, path: list[int], recursive: bool) -> None:
        where = self.path(path)
        self.both(lambda: self.collection.remove(where, recursive), lambda: self.model.remove(where, recursive))

    @rule(source=paths, destination=paths, overwrite=st.booleans())
    def rename(self, source: list[int], destination: list[int], overwrite: bool) -> None:
        arguments = self.path(source), self.path(destination)
        self.both(
            lambda: self.collection.rename(*arguments, overwrite=overwrite),
            lambda: self.model.rename(*arguments, overwrite),
        )

    @rule(source=paths, destination=paths, overwrite=st.booleans())
    def copy(self, source: list[int], destination: list[int], overwrite: bool) -> None:
        arguments = self.path(source), self.path(destination)
        self.both(
            lambda: self.collection.copy(*arguments, overwrite=overwrite),
            lambda: self.model.copy(*arguments, overwrite),
        )

    # Open files.

    @rule(target=handles, path=paths, mode=modes)
    def open(self, path: list[int], mode: str) -> Any:
        where = self.path(path)
        opened = self.both(lambda: self.collection.open(where, mode), lambda: self.model.open(where, mode))
        self.opened += opened[:1]
        return tuple(opened) if opened else multiple()

    @rule(path=paths, content=data)
    def write_file(self, path: list[int], content: bytes) -> None:
        where = self.path(path)
        self.both(
            lambda: self.collection.write_bytes(where, content), lambda: self.model.open(where, "w").write(content)
        )

    @rule(handle=handles, content=data)
    def write(self, handle: tuple[Any, ModelHandle], content: bytes) -> None:
        file, model = handle
        if file.writable():
            assert file.write(content) == model.write(content)

    @rule(handle=handles, offset=offsets, content=data)
    def write_at(self, handle: tuple[Any, ModelHandle], offset: int, content: bytes) -> None:
        self.seek(handle, offset, os.SEEK_SET)
        self.write(handle, content)

    @rule(handle=handles, size=st.one_of(st.none(), offsets))
    def truncate(self, handle: tuple[Any, ModelHandle], size: int | None) -> None:
        file, model = handle
        if file.writable():
            assert file.truncate(size) == model.truncate(size)

    @rule(handle=handles, offset=st.integers(-10, 70), whence=st.integers(0, 2))
    def seek(self, handle: tuple[Any, ModelHandle], offset: int, whence: int) -> None:
        file, model = handle
        self.both(lambda: file.seek(offset, whence), lambda: model.seek(offset, whence))
        assert file.tell() == model.position

    @rule(handle=handles, size=st.integers(-1, 30))
    def read(self, handle: tuple[Any, ModelHandle], size: int) -> None:
        file, model = handle
        assert file.read(size) == model.read(size)
        assert file.tell() == model.position

    @rule(handle=handles)
    def read_line(self, handle: tuple[Any, ModelHandle]) -> None:
        file, model = handle
        assert file.readline() == model.readline()

    @rule(handle=handles)
    def flush(self, handle: tuple[Any, ModelHandle]) -> None:
        handle[0].flush()

    @rule(handle=consumes(handles), flush=st.sampled_from([None, None, True, False]))
    def close(self, handle: tuple[Any, ModelHandle], flush: bool | None) -> None:
        file, _ = handle
        if file.writable():
            file.close(flush)
        else:
            file.close()

    # The whole.

    @rule()
    def flush_everything(self) -> None:
        self.collection.flush()

    @rule()
    def clone(self) -> None:
        self.others = [*self.others, (self.collection, self.model)]
        self.collection, self.model = self.collection.clone(), self.model.clone()

    @rule(switch=st.booleans())
    def save_and_reload(self, switch: bool) -> None:
        expected = self.collection.portable_data_hash()
        text = self.save()
        if not any(file.writable() and not file.closed for file in self.opened):
            assert self.collection.portable_data_hash() == expected
        fresh = self.load(text)
        assert folder(fresh) == self.model.folder()
        assert fresh == self.collection
        assert fresh.portable_data_hash() == self.collection.portable_data_hash()
        if switch:
            self.others = [*self.others, (self.collection, self.model)]
            self.collection, self.model = fresh, self.model.clone()
            self.model.sort()

    def save(self) -> str:
        """Save, and return the manifest."""
        return self.collection.save_new(create_collection_record=False)

    @invariant()
    def the_listing_and_the_bytes_are_those_of_the_model(self) -> None:
        if hasattr(self, "collection"):
            assert in_order(folder(self.collection)) == in_order(self.model.folder())

    @invariant()
    def the_files_and_their_sizes_are_those_of_the_model(self) -> None:
        if hasattr(self, "collection"):
            sizes = {path: len(content) for path, content in files(self.model.folder()).items()}
            assert dict(self.collection.files()) == sizes


class StoreMachine(CollectionMachine):
    """The same with records in a local store."""

    def load(self, text: str | None = None) -> Collection:
        """Make a collection."""
        if not hasattr(self, "store"):
            self.store = self.resources.enter_context(
                keepset.open_store(self.resources.enter_context(TemporaryDirectory()))
            )
        return Collection(text, api_client=self.store, packing=self.packing)

    def save(self) -> str:
        """Save to a record, which a fresh load finds."""
        is_new = self.collection.manifest_locator() is None
        text = self.collection.save_new() if is_new else self.collection.save()
        assert not self.collection.modified()
        return text


# A history takes as long as dozens of other examples.
CollectionMachine.TestCase.settings = settings(max_examples=EXAMPLES, stateful_step_count=STEPS)
StoreMachine.TestCase.settings = settings(max_examples=max(EXAMPLES // 3, 1), stateful_step_count=STEPS)
TestCollection = pytest.mark.timeout(600)(CollectionMachine.TestCase)
TestStore = pytest.mark.timeout(600)(StoreMachine.TestCase)
