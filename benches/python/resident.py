"""Measures in a process of its own what a loaded manifest takes: `python -m benches.python.resident SIDE PATH [STEP]`.

Prints one JSON object, all numbers in bytes:

- `resident`: resident memory after loading and dropping the input, less that before reading it and less the length of
  the text. It counts the tree alone, whether the text is shared with the input or copied.
- `peak`: the highest resident memory while STEP ran (load, normalize, portable_data_hash, strip, files or diff), less
  that before. The text itself is read before and is not part of it.
"""

from __future__ import annotations

import collections
import gc
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

WARM_UP = b". 00000000000000000000000000000000+1 0:1:x\n"


def resident_bytes() -> int:
    """Returns the resident memory of this process; `statm` would be cheaper but lags by many pages."""
    found = re.search(r"^Rss:\s+(\d+) kB", Path("/proc/self/smaps_rollup").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024


def peak_bytes() -> int:
    """Returns the highest resident memory since the last reset."""
    found = re.search(r"^VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024


def reset_peak() -> None:
    """Makes the kernel forget the peak."""
    Path("/proc/self/clear_refs").write_text("5")


def measure_resident(load: Callable[[bytes], object], path: Path) -> int:
    """Returns what a loaded manifest takes beside its text."""
    load(WARM_UP)
    gc.collect()
    before = resident_bytes()
    text = path.read_bytes()
    length = len(text)
    manifest = load(text)
    del text
    gc.collect()
    after = resident_bytes()
    del manifest
    return after - before - length


def measure_peak(step: str, path: Path) -> int:
    """Returns what one step takes at most, beside the text and what was there before it."""
    from keepset import Manifest

    Manifest.parse(WARM_UP).normalized().portable_data_hash  # noqa: B018
    text = path.read_bytes()
    manifest = Manifest.parse(text) if step != "load" else None
    other = Manifest.parse(text + WARM_UP) if step == "diff" else None
    gc.collect()
    before = resident_bytes()
    reset_peak()
    if manifest is None:
        Manifest.parse(text)
    elif step == "normalize":
        bytes(manifest.normalized())
    elif step == "strip":
        bytes(manifest.stripped())
    elif step == "portable_data_hash":
        manifest.normalized().portable_data_hash  # noqa: B018
    elif step == "files":
        collections.deque(manifest.files(), maxlen=0)
    elif other is not None:
        manifest.diff(other)
    else:
        raise SystemExit(f"no step {step!r}")
    return peak_bytes() - before


def main() -> None:
    """Runs one measurement."""
    side, path, *steps = sys.argv[1:]
    if steps:
        print(json.dumps({"peak": measure_peak(steps[0], Path(path))}))
        return
    if side == "official":
        from benches.python import official

        def load(text: bytes) -> object:
            return official.load(text.decode())
    else:
        from keepset import Manifest

        load = Manifest.parse
    print(json.dumps({"resident": measure_resident(load, Path(path))}))


if __name__ == "__main__":
    main()
