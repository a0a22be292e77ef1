"""Two processes that edit one saved collection: nothing that either has written is lost, whoever saves first.

Each history is lived through twice, in two records: what the first process saves first in one, it saves last in the
other. What is written is written once in all the history, so that bytes tell which edit they come from.

The order may decide over what nobody has written meanwhile: when one side removes a directory in which the other side
edits a file, the other files in it stay if the edit is saved first, and go with the directory if it is saved last.
"""

from __future__ import annotations

import contextlib
import itertools
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, ClassVar, TypeAlias

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

import keepset
from contents import EXAMPLES, files, find, folder
from keepset.collection import Collection
from other_process import OtherProcess, to_json
from stores import run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from contents import Folder

    Edit: TypeAlias = tuple[int, str, str, str]
    """Of which side, what, where, and where to."""

STEPS = 5

# Few names, so that both sides come across each other.
paths = st.lists(st.sampled_from(["a", "b"]), min_size=1, max_size=2).map("/".join)
edits = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.sampled_from(["wb", "wb", "wb", "ab", "remove", "rename", "copy", "mkdirs"]),
        paths,
        paths,
    ),
    min_size=1,
    max_size=8,
)


@pytest.fixture(scope="module", autouse=True)
def processes() -> Iterator[None]:
    """Start the two processes, for all histories: that takes longer than most of them."""
    with TemporaryDirectory() as store, contextlib.ExitStack() as stack:
        keepset.open_store(store).close()
        MergingMachine.processes = [stack.enter_context(OtherProcess(store)) for _ in range(2)]
        yield


def is_edited(base: Folder, side: Folder, path: str) -> bool:
    """Whether a side has made a change of a path, or of a directory that it is in."""
    names = path.split("/")
    ways = ("/".join(names[:end]) for end in range(1, len(names) + 1))
    return any(find(base, way) != find(side, way) for way in ways)


def check(base: Folder, sides: list[Folder], result: Folder) -> None:
    """Hold the result against what both sides began with and what they have made of it; the last one saved last."""
    before, after = files(base), files(result)
    first, last = map(files, sides)
    new = {content for side in (first, last) for content in side.values()}.difference(before.values())
    assert set(after.values()).difference(before.values()) == new
    for path, content in before.items():
        if first.get(path) == last.get(path) == content:
            assert after[path] == content
    for path, content in last.items():
        if content in new:
            assert after[path] == content
    for path, content in first.items():
        if content in new and after.get(path) != content:
            assert is_edited(base, sides[1], path)
            assert any("~conflict~" in place for place, found in after.items() if found == content)


class MergingMachine(RuleBasedStateMachine):
    """Two processes, with two collections that are edited alike and saved in either order."""

    processes: ClassVar[list[OtherProcess]]

    def __init__(self) -> None:
        super().__init__()
        self.counter = itertools.count()
        self.base: Folder = {}

    @initialize(edits=edits)
    def start(self, edits: list[Edit]) -> None:
        """Begin with what one side has made."""
        self.begin_again({})
        self.bring_together([(0, *edit) for _, *edit in edits], updates=False)

    def begin_again(self, tree: Folder) -> None:
        """Go on from a tree in two new records."""
        uuids = self.processes[0].call("create", to_json(tree), 2)
        for process in self.processes:
            process.call("load", uuids)
        self.base = tree

    def edit(self, edits: list[Edit]) -> None:
        """Let each side make some edits, in both collections."""
        for side, operation, path, to in edits:
            argument = f"<{next(self.counter)}>" if operation in ("wb", "ab") else to
            one, other = self.processes[side].call("edit", operation, path, argument)
            assert one == other

    @rule(edits=edits, updates=st.booleans())
    def bring_together(self, edits: list[Edit], updates: bool) -> None:
        """Save one after the other, and look what became of it."""
        self.edit(edits)
        results = []
        for number in range(2):
            order = self.processes[:: 1 if number else -1]
            trees = [process.tree(number) for process in order]
            for process in order:
                if updates:
                    process.call("update", number)
                process.call("save", number)
            for process in order:  # who has had nothing to save has not looked
                process.call("update", number)
            result = order[1].tree(number)
            assert order[0].tree(number) == result
            check(self.base, trees, result)
            results.append(result)
        self.begin_again(results[0])

    @rule(edits=edits)
    def save_at_once(self, edits: list[Edit]) -> None:
        """Save at the same time, and look what became of it."""
        self.edit(edits)
        for number in range(2):
            trees = [process.tree(number) for process in self.processes]
            for process in self.processes:
                process.send("save", number)
            moments = [process.receive() for process in self.processes]
            for process in self.processes:
                process.call("update", number)
            result = self.processes[0].tree(number)
            assert self.processes[1].tree(number) == result
            check(self.base, trees if moments[0] < moments[1] else trees[::-1], result)
        self.begin_again(result)


MergingMachine.TestCase.settings = settings(max_examples=EXAMPLES, stateful_step_count=STEPS)
TestMerging = pytest.mark.timeout(600)(MergingMachine.TestCase)


LOOP = """
import sys, time
import keepset
from keepset.collection import Collection
folder, uuid, name = sys.argv[1:]
end = time.monotonic() + 3
with keepset.open_store(folder) as store:
    collection = Collection(uuid, api_client=store)
    count = 0
    while time.monotonic() < end:
        collection.write_bytes(f"{name}/{count}", f"{name} {count}".encode())
        with collection.open(f"{name}.log", "ab") as file:
            file.write(b"%d\\n" % count)
        collection.write_bytes("both", f"{name} {count}".encode())
        collection.save()
        count += 1
print(count)
"""


def test_two_processes_that_save_in_a_loop_lose_nothing(tmp_path: Path) -> None:
    with keepset.open_store(tmp_path) as store:
        with Collection(api_client=store) as collection:
            collection.save_new()
        uuid = collection.manifest_locator()
        counts = {
            name: int(printed)
            for name, printed in zip("xy", run(*[(LOOP, tmp_path, uuid, name) for name in "xy"]), strict=True)
        }
        saved = Collection(uuid, api_client=store)
        for name, count in counts.items():
            assert count > 1
            written = {f"{number}": f"{name} {number}".encode() for number in range(count)}
            assert folder(saved[name]) == written
            assert saved.read_bytes(f"{name}.log") == b"".join(b"%d\n" % number for number in range(count))
            # The last word of either is there, under the name or as a conflict.
            assert written[f"{count - 1}"] in [
                found for path, found in files(folder(saved)).items() if path.startswith("both")
            ]
