"""Any history that the official client handles right, on both libraries: the same bytes, names and manifests.

Without packing, that is: then a file that is closed is stored as its own block, as there. The model says which history
comes next, and what the official client is spared, because it is wrong or because we differ on purpose:

* modes with `x`, and `r+b` spelled so (L14); text and lines of binary files (L15);
* `remove` of a path below a file (L16); renaming a directory into itself (L8) or onto one that it is in;
* copying or moving to a path below a file, which is a TypeError (L17);
* names that are not UTF-8, which it writes raw, and cannot hash;
* `clone()`, which forgets the clients, and so cannot write what it copied: `_clonefrom` does what it means to;
* reading with `a` before anything is written: it begins at the start of the file, and `open` at the end;
* copying and moving what is still in memory: it uploads a file that is moved, while everybody waits, and a copy that
  was made earlier is packed with others although nobody asked for it. So both flush first;
* overwriting from the start of a segment to beyond its end, which leaves a segment of no length there: it appears in
  the text, with a block that nothing needs, and sends later reads astray (as in L1);
* the order of names after something has been overwritten: there, the new thing takes the place of the old one.
"""

from __future__ import annotations

import contextlib
import functools
import os
import warnings
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from contents import EXAMPLES, folder, outcome
from keepset.collection import COLLECTION, FILE, Collection
from memory_keep import MemoryKeep, StubApi
from small_blocks import small_blocks
from tree_model import Model, ModelFile, ModelHandle

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    official = pytest.importorskip("arvados.collection")

if TYPE_CHECKING:
    from collections.abc import Callable

NAMES = ["a", "ab", "a.b", "a-b", "b", "A", "...", "a b", "a:b", "0:3:a", "\\040", "\0", "\t\n", "\u00e9", "\U0001f600"]
BLOCK_SIZES = [8, 50, 4096]
STEPS = 40

paths = st.lists(st.integers(0, 3), min_size=1, max_size=3)
data = st.one_of(st.binary(max_size=6), st.binary(min_size=1, max_size=3).map(lambda part: part * 7))
offsets = st.one_of(st.integers(0, 12), st.integers(0, 70))


def leaves_an_empty_segment(file: Any, length: int) -> bool:
    """Whether the official client would leave a segment of no length behind, if it wrote so many bytes."""
    start = file.size() if "a" in file.mode else file.tell()
    if length > official.config.KEEP_BLOCK_SIZE:  # then it writes several times, each time from where a segment starts
        return bool(start < file.size())
    return any(
        segment.range_start == start and start + segment.range_size < start + length
        for segment in file.arvadosfile.segments()
    )


class DifferentialMachine(RuleBasedStateMachine):
    """A collection of each library, and the model of them."""

    handles = Bundle("handles")

    def __init__(self) -> None:
        super().__init__()
        self.resources = contextlib.ExitStack()
        self.keeps = MemoryKeep(), MemoryKeep()
        self.model = Model()
        self.opened: list[Any] = []

    @initialize(
        names=st.lists(st.sampled_from(NAMES), min_size=4, max_size=4, unique=True), size=st.sampled_from(BLOCK_SIZES)
    )
    def start(self, names: list[str], size: int) -> None:
        """Begin with empty collections."""
        self.resources.enter_context(small_blocks(size))
        self.names = names
        self.ours, self.theirs = self.load(None), self.load_theirs(None)

    def load(self, text: str | None) -> Collection:
        """Make a collection of ours."""
        return Collection(text, keep_client=self.keeps[0], packing=False)

    def load_theirs(self, text: str | None) -> Any:
        """Make a collection of theirs."""
        keep = self.keeps[1]
        return official.Collection(text, api_client=StubApi(keep), keep_client=keep, num_retries=0)

    def path(self, parts: list[int]) -> str:
        """Make a path of the names of this history."""
        return "/".join(self.names[part] for part in parts)

    def all(self, work: Callable[[Any], object], model: Callable[[], object]) -> list[Any]:
        """Do something to both collections and the model, and return the three results; none, if all refused."""
        expected, problem = outcome(model)
        results = [outcome(lambda: work(self.ours)), outcome(lambda: work(self.theirs))]
        assert [found for _, found in results] == [problem, problem]
        return [] if problem else [*(result for result, _ in results), expected]

    def try_out(self, work: Callable[[Model], object]) -> None:
        """Leave out what comes to nothing for a reason that the official client does not see."""
        trial = self.model.clone()
        problem = outcome(lambda: work(trial))[1]
        assume(problem is None or problem.startswith(("FileExistsError", "FileNotFoundError")))

    def teardown(self) -> None:
        """Close and store everything."""
        with self.resources:
            for file in self.opened:
                file.close()
            if hasattr(self, "ours"):
                self.save()

    # The tree.

    @rule(path=paths, kind=st.sampled_from([FILE, COLLECTION]))
    def find_or_create(self, path: list[int], kind: Any) -> None:
        where = self.path(path)
        # It returns what is there, whatever was asked for (L17).
        assume(outcome(lambda: self.model.find(where))[0] is None)
        self.all(
            lambda collection: collection.find_or_create(where, kind),
            lambda: self.model.make(where, ModelFile() if kind == FILE else {}),
        )

    @rule(path=paths)
    def mkdirs(self, path: list[int]) -> None:
        where = self.path(path)
        self.all(lambda collection: collection.mkdirs(where), lambda: self.model.mkdirs(where))

    @rule(path=paths, recursive=st.booleans())
    def remove(self, path: list[int], recursive: bool) -> None:
        where = self.path(path)
        assume(outcome(lambda: self.model.find(where))[1] is None)
        self.all(lambda collection: collection.remove(where, recursive), lambda: self.model.remove(where, recursive))

    @rule(source=paths, destination=paths, overwrite=st.booleans())
    def rename(self, source: list[int], destination: list[int], overwrite: bool) -> None:
        origin, goal = self.path(source), self.path(destination)
        self.try_out(lambda model: model.rename(origin, goal, overwrite))
        self.flush_everything()
        self.all(
            lambda collection: collection.rename(origin, goal, overwrite=overwrite),
            lambda: self.model.rename(origin, goal, overwrite),
        )

    @rule(source=paths, destination=paths, overwrite=st.booleans())
    def copy(self, source: list[int], destination: list[int], overwrite: bool) -> None:
        origin, goal = self.path(source), self.path(destination)
        self.try_out(lambda model: model.copy(origin, goal, overwrite))
        self.flush_everything()
        self.all(
            lambda collection: collection.copy(origin, goal, overwrite=overwrite),
            lambda: self.model.copy(origin, goal, overwrite),
        )

    # Open files.

    @rule(target=handles, path=paths, mode=st.sampled_from(["rb", "wb", "ab", "rb+", "wb+", "ab+"]))
    def open(self, path: list[int], mode: str) -> Any:
        where = self.path(path)
        opened = self.all(lambda collection: collection.open(where, mode), lambda: self.model.open(where, mode))
        if not opened:
            return multiple()
        self.opened += opened[:2]
        if "a" in mode:
            opened[1].seek(0, os.SEEK_END)
        return tuple(opened)

    @rule(handle=handles, content=data)
    def write(self, handle: tuple[Any, Any, ModelHandle], content: bytes) -> None:
        if handle[0].writable() and not leaves_an_empty_segment(handle[1], len(content)):
            assert len({file.write(content) for file in handle}) == 1

    @rule(handle=handles, offset=offsets, content=data)
    def write_at(self, handle: tuple[Any, Any, ModelHandle], offset: int, content: bytes) -> None:
        self.seek(handle, offset, os.SEEK_SET)
        self.write(handle, content)

    @rule(handle=handles, size=st.one_of(st.none(), offsets))
    def truncate(self, handle: tuple[Any, Any, ModelHandle], size: int | None) -> None:
        if handle[0].writable():
            for file in handle:
                file.truncate(size)

    @rule(handle=handles, offset=st.integers(-10, 70), whence=st.integers(0, 2))
    def seek(self, handle: tuple[Any, Any, ModelHandle], offset: int, whence: int) -> None:
        assert len({outcome(functools.partial(file.seek, offset, whence)) for file in handle}) == 1

    @rule(handle=handles, size=st.integers(0, 30))
    def read(self, handle: tuple[Any, Any, ModelHandle], size: int) -> None:
        assert len({bytes(file.read(size)) for file in handle}) == 1

    @rule(handle=handles)
    def flush(self, handle: tuple[Any, Any, ModelHandle]) -> None:
        for file in handle[:2]:
            file.flush()

    @rule(handle=consumes(handles))
    def close(self, handle: tuple[Any, Any, ModelHandle]) -> None:
        for file in handle[:2]:
            file.close()

    # The whole.

    @rule()
    def flush_everything(self) -> None:
        for collection in (self.ours, self.theirs):
            collection.flush()

    @rule()
    def clone(self) -> None:
        self.flush_everything()
        self.ours, theirs = self.ours.clone(), self.load_theirs(None)
        theirs._clonefrom(self.theirs)
        self.theirs = theirs
        self.model = self.model.clone()

    @rule()
    def save(self) -> None:
        text = self.ours.manifest_text(normalize=True)
        assert text == self.theirs.manifest_text(normalize=True)
        assert self.ours.portable_data_hash() == self.theirs.portable_data_hash()
        assert self.ours.portable_manifest_text() == self.theirs.portable_manifest_text()

    @rule()
    def save_and_reload(self) -> None:
        self.save()
        text = self.ours.manifest_text()
        # An empty text is no manifest to it.
        self.ours, self.theirs = self.load(text or None), self.load_theirs(text or None)
        self.model = self.model.clone()

    @invariant()
    def the_bytes_and_the_names_are_the_same(self) -> None:
        if hasattr(self, "ours"):
            assert folder(self.ours) == folder(self.theirs) == self.model.folder()


DifferentialMachine.TestCase.settings = settings(max_examples=EXAMPLES, stateful_step_count=STEPS)
TestDifferential = pytest.mark.timeout(600)(DifferentialMachine.TestCase)
