"""A writer that notes its state all the time, and calls for it to make: what a test shares with its processes."""

from __future__ import annotations

import copy
import json
from collections import deque
from typing import TYPE_CHECKING, Any, ClassVar

from keepset import ResumableCollectionWriter

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Noting(ResumableCollectionWriter):
    """Notes its state whenever it makes a block, as the old arv-put did, and how many calls are done."""

    STATE_PROPS: ClassVar[list[str]] = [*ResumableCollectionWriter.STATE_PROPS, "calls", "seen"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.calls = 0
        self.seen: deque[int] = deque()
        self.states: list[str] = []

    def flush_data(self) -> None:
        size = self._data_buffer_len
        super().flush_data()
        if size:
            self.seen.append(size)
            self.note()

    def note(self) -> None:
        self.states.append(json.dumps(self.dump_state(list_deques)))


def list_deques(value: Any) -> Any:
    return list(value) if isinstance(value, deque) else copy.deepcopy(value)


def play(writer: Noting, top: Path) -> str:
    """Make the calls that are not done yet. What a call leaves to be done is queued as soon as the call is made."""
    calls: list[tuple[bool, Callable[[], object]]] = [
        (True, lambda: writer.write_file(top / "long", "first")),
        (True, lambda: writer.write_file(top / "tree" / "c")),
        (False, lambda: writer.start_new_stream("named")),
        (True, lambda: writer.write_file(top / "long", "again")),
        (False, writer.flush_data),
        (True, lambda: writer.write_directory_tree(top / "tree", "tree")),
        (False, lambda: writer.start_new_stream("flat")),
        (True, lambda: writer.write_directory_tree(top / "tree", "flat", 0)),
    ]
    if writer._left or writer._queued_file:
        writer.do_queued_work()
        writer.note()
    for queues, call in calls[writer.calls :]:
        writer.calls += queues
        call()
        writer.calls += not queues
        writer.note()
    return writer.manifest_text()
