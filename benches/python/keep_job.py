"""One job of a Keep client in a process of its own: `python -m benches.python.keep_job SIDE JOB URL SIZE FOLDER`.

SIDE is `keepset` or `official`, URL that of a Keep service (`tests/keep_server.py` or `keepset serve`), SIZE in bytes;
FOLDER keeps the manifest from one job to the next, and the blocks of a cache on the disk. `ARVADOS_API_TOKEN` is the
token. The jobs: `write` a file; `read` it, cold; `files` of 4 KiB are written, SIZE of them in all; `open` reads those;
`random` reads of 4 KiB of blocks that are in memory; `disk` the same of all blocks of the file, all on the disk;
`thrash` the same as somebody does who has set nothing, when the file is larger than the cache in memory.

Prints one JSON object: seconds, seconds of this process's CPU, the most resident memory, and the number of items.
"""

from __future__ import annotations

import json
import os
import random
import resource
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

BLOCK = 1 << 26
IN_MEMORY = 3 * BLOCK
PIECE = 1 << 20
SMALL = 4096
READS = {"random": 100_000, "disk": 30_000}
THRASHING_SECONDS = 20.0


class Job:
    """What a side does, with its own classes."""

    def __init__(self, side: str, url: str, size: int, folder: Path) -> None:
        self.official = side == "official"
        self.url, self.size, self.folder = url, size, folder
        self.manifest = folder / "manifest"
        if self.official:
            from arvados.collection import Collection
            from arvados.keep import KeepBlockCache, KeepClient
        else:
            from keepset.collection import Collection
            from keepset.keep import KeepBlockCache, KeepClient
        self._collection, self._client, self._cache = Collection, KeepClient, KeepBlockCache

    def collection(self, text: str | None = None, **options: Any) -> Any:
        """Makes a collection on a client with nothing in its cache."""
        keep = self._client(
            proxy=self.url, api_token=os.environ.get("ARVADOS_API_TOKEN", "t"), local_store="", **options
        )
        api = SimpleNamespace(_rootDesc={"defaultCollectionReplication": 1}, keep=keep)
        settings = {"ARVADOS_API_HOST": "api.invalid"}
        return self._collection(text, api_client=api, keep_client=keep, replication_desired=1, apiconfig=settings)

    def write(self) -> Callable[[], int]:
        """Writing the file, with blocks that are all different, and that no server has."""
        pieces = [os.urandom(PIECE) for _ in range(67)]
        collection = self.collection()

        def write() -> int:
            with collection.open("f", "wb") as file:
                for number in range(self.size // PIECE):
                    file.write(pieces[number % len(pieces)])
            self.manifest.write_text(collection.manifest_text())
            return self.size

        return write

    def read(self) -> Callable[[], int]:
        """Reading the file."""
        collection = self.collection(self.manifest.read_text())

        def read() -> int:
            count = 0
            with collection.open("f", "rb") as file:
                while piece := file.read(PIECE):
                    count += len(piece)
            return count

        return read

    def files(self) -> Callable[[], int]:
        """Writing small files, all different."""
        pieces = [os.urandom(SMALL) for _ in range(self.size // SMALL)]
        collection = self.collection()

        def write() -> int:
            for number, piece in enumerate(pieces):
                with collection.open(f"{number // 100:03}/{number % 100:02}", "wb") as file:
                    file.write(piece)
            (self.folder / "files").write_text(collection.manifest_text())
            return len(pieces)

        return write

    def open(self) -> Callable[[], int]:
        """Reading small files."""
        collection = self.collection((self.folder / "files").read_text())

        def read() -> int:
            for number in range(self.size // SMALL):
                with collection.open(f"{number // 100:03}/{number % 100:02}", "rb") as file:
                    file.read()
            return self.size // SMALL

        return read

    def random(self) -> Callable[[], int]:
        """Reads of blocks in memory."""
        return self._reads(self.collection(self.manifest.read_text()), min(IN_MEMORY, self.size), READS["random"])

    def disk(self) -> Callable[[], int]:
        """Reads of all blocks on the disk."""
        cache = self._cache(disk_cache=True, disk_cache_dir=str(self.folder))
        return self._reads(self.collection(self.manifest.read_text(), block_cache=cache), self.size, READS["disk"])

    def _reads(self, collection: Any, size: int, count: int) -> Callable[[], int]:
        file = collection["f"]
        for start in range(0, size, BLOCK):
            file.readfrom(start, 4096, 0)
        chance = random.Random(0)
        places = [chance.randrange(size - 4096) for _ in range(count)]

        def read() -> int:
            for place in places:
                file.readfrom(place, 4096, 0)
            return count

        return read

    def thrash(self) -> Callable[[], int]:
        """Reads of a file that is larger than the cache, for some time."""
        file = self.collection(self.manifest.read_text())["f"]
        chance = random.Random(0)

        def read() -> int:
            count, end = 0, time.monotonic() + THRASHING_SECONDS
            while time.monotonic() < end:
                file.readfrom(chance.randrange(self.size - 4096), 4096, 0)
                count += 1
            return count

        return read


def main() -> None:
    """Runs a job."""
    side, name, url, size, folder = sys.argv[1:]
    work = getattr(Job(side, url, int(size), Path(folder)), name)()
    seconds, processor = time.monotonic(), time.process_time()
    items = work()
    measured = {
        "seconds": time.monotonic() - seconds,
        "processor": time.process_time() - processor,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "items": items,
    }
    print(json.dumps(measured))


if __name__ == "__main__":
    main()
