"""A Keep in memory, for keepset and for the official client alike, and an API object for the latter.

Nothing here waits unless a test says so: what a test wants to happen before a block is stored or fetched (a delay, a
failure, waiting for an event) it passes as a function.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from random import Random
from typing import TYPE_CHECKING, Any

from keepset import CollectionReader, Manifest
from samples import locator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from keepset import CollectionWriter


class MemoryKeep:
    """Stores blocks by MD5, as a Keep client does.

    Attributes:
        blocks: What is stored, by MD5.
        puts: The locator of every block that was stored, in order of storing.
        gets: How often each block was fetched, by MD5.
        before_put: Called with the bytes of a block before it is stored; what it raises is what `put` raises.
        before_get: Called with the locator of a block before it is fetched, likewise.
        signature: The hint that `put` adds to its locators, such as `"+A…@…"`.
    """

    num_retries = 0
    num_prefetch_threads = 2

    def __init__(self, blocks: Iterable[bytes] = ()) -> None:
        self.blocks: dict[str, bytes] = {}
        self.puts: list[str] = []
        self.gets: Counter[str] = Counter()
        self.before_put: Callable[[bytes], object] = lambda data: None
        self.before_get: Callable[[str], object] = lambda locator: None
        self.signature = ""
        self._lock = threading.Lock()
        for data in blocks:
            self.blocks[locator(data)[:32]] = data

    def put(
        self,
        data: bytes | bytearray | memoryview,
        copies: int = 2,
        num_retries: int | None = None,
        request_id: str | None = None,
        classes: Iterable[str] | None = None,
    ) -> str:
        """Store a block and return its locator."""
        del copies, num_retries, request_id, classes
        block = bytes(data)
        self.before_put(block)
        found = locator(block)
        with self._lock:
            self.blocks[found[:32]] = block
            self.puts.append(found)
        return found + self.signature

    def get(self, locator: str, **options: object) -> bytes:
        """Return the bytes of a block; `KeyError` if it is not there."""
        del options
        self.before_get(locator)
        with self._lock:
            self.gets[locator[:32]] += 1
            return self.blocks[locator[:32]]

    def get_from_cache(self, locator: str, **options: object) -> bytes | None:
        """Return the bytes of a block without fetching it: here they are all in memory."""
        del options
        return self.blocks.get(locator[:32])

    def block_prefetch(self, locator: str) -> None:
        """Do nothing: nothing here takes time."""

    def head(self, locator: str, **options: object) -> bool:
        """Say whether a block is there."""
        del options
        return locator[:32] in self.blocks


class StubApi:
    """What the official client asks of an API object, with the records of collections in memory.

    Attributes:
        keep: The Keep client that belongs to it.
        records: The records, by UUID.
    """

    api_token = ""
    insecure = False

    def __init__(self, keep: Any = None) -> None:
        self._rootDesc = {"uuidPrefix": "zzzzz"}
        self.keep = keep
        self.records: dict[str, dict[str, Any]] = {}

    def collections(self) -> StubApi:
        """Return the resource `collections`, which is this object, too."""
        return self

    def create(self, body: dict[str, Any], ensure_unique_name: bool = False) -> StubRequest:
        """Make a record."""
        del ensure_unique_name
        uuid = f"zzzzz-4zz18-{len(self.records):015d}"
        return self.update(uuid, {"uuid": uuid, "properties": {}} | body)

    def update(self, uuid: str, body: dict[str, Any]) -> StubRequest:
        """Change a record."""
        record = self.records.setdefault(uuid, {})
        record.update(body)
        record["portable_data_hash"] = Manifest.parse(record["manifest_text"]).portable_data_hash
        return StubRequest(record)

    def get(self, uuid: str) -> StubRequest:
        """Find a record."""
        return StubRequest(self.records[uuid])


class StubRequest:
    """A request of `StubApi`, which is answered already."""

    def __init__(self, record: dict[str, Any]) -> None:
        self._record = dict(record)

    def execute(self, num_retries: int = 0) -> dict[str, Any]:
        """Return the reply."""
        del num_retries
        return self._record


def read_back(writer: CollectionWriter, keep: MemoryKeep) -> dict[str, bytes]:
    """The files of what a writer has made, through the locator that it gives."""
    reader = CollectionReader(writer.finish(), StubApi(keep))
    return {path: reader.read_bytes(path) for path, _ in reader.files()}


def random_delays(seed: int, longest: float = 0.002) -> Callable[[bytes], None]:
    """A `before_put` that lets uploads overtake each other."""
    random = Random(seed)
    lock = threading.Lock()

    def wait(data: bytes) -> None:
        del data
        with lock:
            delay = random.uniform(0, longest)
        time.sleep(delay)

    return wait
