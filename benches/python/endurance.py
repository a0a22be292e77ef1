"""Whether memory and threads stay flat over a long run: `python -m benches.python.endurance [write|objects]`.

Prints one JSON object for each of the two, from a process of its own; `BENCH_SCALE` makes them shorter.

- `write`: 20 GiB through one writer, and back through one reader, beside a Keep that has nothing in memory: `peak` and
  `read_peak` are the highest resident memory, bound by `MEMORY_BOUND`.
- `objects`: 100,000 collections made, read, written to and dropped: resident memory and threads after the first tenth
  (when all that is made once is there) and at the end, apart by `GROWTH_BOUND` at most.

Exits with 1 if a bound is not held.
"""

from __future__ import annotations

import gc
import hashlib
import itertools
import json
import os
import random
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

from benches.python.resident import peak_bytes, reset_peak, resident_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

SCALE = float(os.environ.get("BENCH_SCALE", "1"))
MIB = 1 << 20
BLOCK_PIECES = 64
MEMORY_BOUND = 512 * MIB
GROWTH_BOUND = 4 * MIB


class ForgetfulKeep:
    """A Keep for data that can be made again: of what is stored, it remembers hashes only.

    Args:
        make: Makes the block of a number, in order of storing.
    """

    num_retries = 0

    def __init__(self, make: Callable[[int], bytes]) -> None:
        self._make = make
        self._numbers: dict[str, int] = {}
        self._next = itertools.count()

    def put(self, data: bytes, copies: int = 2, num_retries: int | None = None, classes: object = ()) -> str:
        """Hashes a block."""
        del copies, num_retries, classes
        return f"{hashlib.md5(data, usedforsecurity=False).hexdigest()}+{len(data)}"

    def get(self, loc_s: str, num_retries: int | None = None) -> bytes:
        """Makes a block again."""
        del num_retries
        return self._make(self._numbers[loc_s])

    def remember(self, locators: list[str]) -> None:
        """Takes the order of the blocks."""
        self._numbers = {locator: number for number, locator in enumerate(locators)}


def pieces(count: int) -> Callable[[int], bytes]:
    """Returns what makes the MiB of a number, each another one."""
    base = random.Random(count).randbytes(MIB)
    return lambda number: number.to_bytes(8, "big") + base[8:]


def write() -> dict[str, float]:
    """Writes through one writer, and reads it back."""
    from keepset.collection import Collection

    count = max(round(20 * 1024 * SCALE), BLOCK_PIECES)
    count -= count % BLOCK_PIECES
    piece = pieces(count)
    keep = ForgetfulKeep(lambda block: b"".join(map(piece, range(block * BLOCK_PIECES, (block + 1) * BLOCK_PIECES))))
    collection = Collection(keep_client=keep)
    reset_peak()
    started = time.monotonic()
    with collection.open("file", "wb") as file:
        for number in range(count):
            file.write(piece(number))
    text = collection.manifest_text()
    written = time.monotonic()
    peak = peak_bytes()
    keep.remember(text.split(" ")[1:-1])
    collection.stop_threads()
    reset_peak()
    with Collection(text, keep_client=keep) as copy, copy.open("file", "rb") as file:
        for number in range(count):
            if file.read(MIB) != piece(number):
                raise SystemExit(f"MiB {number} is not what was written")
        if file.read(1):
            raise SystemExit("there is more than was written")
    ended = time.monotonic()
    return {
        "bytes": count * MIB,
        "peak": peak,
        "read_peak": peak_bytes(),
        "write_seconds": written - started,
        "read_seconds": ended - written,
    }


def objects() -> dict[str, float]:
    """Makes collections, uses them, and drops them."""
    from keepset.collection import Collection

    blocks = [bytes([number]) * 100 for number in range(10)]
    stored = {hashlib.md5(block, usedforsecurity=False).hexdigest(): block for block in blocks}

    class Keep(ForgetfulKeep):
        def get(self, loc_s: str, num_retries: int | None = None) -> bytes:
            return stored[loc_s[:32]]

    keep = Keep(lambda number: blocks[number])
    names = [f"{digest}+100" for digest in stored]
    text = f". {' '.join(names)} {' '.join(f'{start}:100:{start:03}' for start in range(0, 1000, 100))}\n"

    def use() -> None:
        collection = Collection(text, keep_client=keep)
        with collection.open("500", "rb") as file:
            file.read()
        with collection.open("new/file", "wb") as file:
            file.write(b"new")
        collection.copy("100", "new/copy")
        collection.manifest_text()

    count = max(round(100_000 * SCALE), 10)
    started = time.monotonic()
    for _ in range(count // 10):
        use()
    first = settled()
    for _ in range(count - count // 10):
        use()
    last = settled()
    return {
        "objects": count,
        "resident": first[0],
        "growth": last[0] - first[0],
        "threads": first[1],
        "more_threads": last[1] - first[1],
        "seconds": time.monotonic() - started,
    }


def settled() -> tuple[int, int]:
    """Returns resident memory and the number of threads, when those that are to end have ended."""
    gc.collect()
    deadline = time.monotonic() + 5
    while threading.active_count() > 1 and time.monotonic() < deadline:
        time.sleep(0.01)
    return resident_bytes(), threading.active_count()


def is_held(figures: dict[str, float]) -> bool:
    """Tells whether the bounds are held."""
    peak = max(figures.get("peak", 0), figures.get("read_peak", 0))
    return peak < MEMORY_BOUND and figures.get("growth", 0) < GROWTH_BOUND and figures.get("more_threads", 0) <= 0


def main() -> None:
    """Runs one of them in this process, or both in processes of their own."""
    names = sys.argv[1:]
    if len(names) != 1:
        command = [sys.executable, "-m", "benches.python.endurance"]
        codes = [subprocess.run([*command, name], check=False).returncode for name in names or ("write", "objects")]
        raise SystemExit(max(codes))
    figures = {"write": write, "objects": objects}[names[0]]()
    print(json.dumps({"run": names[0]} | {name: round(value, 1) for name, value in figures.items()}))
    raise SystemExit(not is_held(figures))


if __name__ == "__main__":
    main()
