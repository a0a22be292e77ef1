"""`keepset put`, `get` and a writer beside `arv-put`, `arv-get`, `cp -r` and `md5sum`: `python -m …transfer`.

Two trees are made in the temporary directory: 10 GiB in ten files, and 50,000 files of 4 KiB in a hundred directories.
Each command is a process of its own; the line that is printed for it has its seconds, and those that it took of the
processors. `BENCH_SCALE` makes the trees smaller. It needs room for three copies of the larger one.

`arv-get` reads a whole block again for each small file that it holds, and for each MiB of a large one, which would take
an hour for these trees; so all commands get two lesser ones as well: `few` files, and `short` ones of a block each.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

SCALE = float(os.environ.get("BENCH_SCALE", "1"))
BLOCK = 1 << 26
LARGE_FILES = 10
BLOCKS = 16
"""So many are in a large file."""
SMALL_FILES = 50_000
FILES_IN_A_DIRECTORY = 500
HUNDREDTH = 100

KEEPSET = (sys.executable, "-c", "import sys; from keepset.cli import main; sys.exit(main())")
WRITER = """
import sys, keepset
with keepset.open_store(sys.argv[1]) as store:
    writer = keepset.CollectionWriter(store)
    writer.write_directory_tree(sys.argv[2])
    writer.save_new(sys.argv[3])
"""
OFFICIAL = (sys.executable, "-m", "benches.python.official_transfer")


class Tree(NamedTuple):
    """A local tree.

    Attributes:
        name: What to call it.
        folder: Where it is.
        size: Its bytes.
        files: How many files it has.
    """

    name: str
    folder: Path
    size: int
    files: int


def large(folder: Path, name: str, blocks: int, files: int = LARGE_FILES) -> Tree:
    """Makes a tree of large files, no two blocks of them the same, nor those of trees of other names."""
    folder.mkdir()
    base = bytearray(random.Random(name).randbytes(BLOCK))
    for number in range(files):
        with (folder / f"{number}.bin").open("wb") as file:
            for block in range(blocks):
                base[:8] = (number * blocks + block).to_bytes(8, "big")
                file.write(base)
    return Tree(name, folder, files * blocks * BLOCK, files)


def small(folder: Path, name: str, count: int) -> Tree:
    """Makes a tree of small files, all different, also from those of trees of other names."""
    data = random.Random(name)
    for number in range(count):
        path = folder / f"{number // FILES_IN_A_DIRECTORY:03}" / f"{number % FILES_IN_A_DIRECTORY:03}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.randbytes(4096))
    return Tree(name, folder, count * 4096, count)


def timed(tree: Tree, what: str, *command: object, **environment: object) -> None:
    """Runs a command and prints how long it took."""
    os.sync()
    before = os.times()
    started = time.monotonic()
    variables = os.environ | {name: str(value) for name, value in environment.items()}
    subprocess.run([str(part) for part in command], check=True, env=variables, stdout=subprocess.DEVNULL)
    seconds = time.monotonic() - started
    after = os.times()
    processors = after.children_user + after.children_system - before.children_user - before.children_system
    rate = f"{tree.size / seconds / 1e6:7.0f} MB/s  {tree.files / seconds:8.0f} files/s"
    print(f"{tree.name:6}  {what:18}  {seconds:7.1f} s  {processors:7.1f} s of processors  {rate}", flush=True)


def same(tree: Tree, copy: Path) -> None:
    """Makes sure that a copy is one, and removes it."""
    subprocess.run(["diff", "-rq", tree.folder, copy], check=True)
    shutil.rmtree(copy)


def floor(tree: Tree, folder: Path) -> None:
    """Measures what nobody is faster than."""
    timed(tree, "cp -r", "cp", "-r", tree.folder, folder / "copy")
    same(tree, folder / "copy")
    timed(tree, "md5sum", "sh", "-c", 'find "$0" -type f -print0 | xargs -0 md5sum', tree.folder)


def ours(tree: Tree, folder: Path) -> None:
    """Measures keepset."""
    store, copy = folder / "store", folder / "copy"
    timed(tree, "keepset put", *KEEPSET, "--store", store, "put", "--name", tree.name, tree.folder)
    timed(tree, "CollectionWriter", sys.executable, "-c", WRITER, folder / "written", tree.folder, tree.name)
    shutil.rmtree(folder / "written")
    timed(tree, "keepset put again", *KEEPSET, "--store", store, "put", "--update", tree.name, tree.folder)
    timed(tree, "keepset get", *KEEPSET, "--store", store, "get", tree.name, copy)
    timed(tree, "keepset get again", *KEEPSET, "--store", store, "get", tree.name, copy)
    same(tree, copy)
    shutil.rmtree(store)


def theirs(tree: Tree, folder: Path, *, gets: bool = True) -> None:
    """Measures arvados-python-client."""
    store, record, copy = folder / "keep", folder / "record.json", folder / "copy"
    store.mkdir()
    timed(tree, "arv-put", *OFFICIAL, "put", record, tree.folder, KEEP_LOCAL_STORE=store)
    if gets:
        timed(tree, "arv-get", *OFFICIAL, "get", record, copy, KEEP_LOCAL_STORE=store)
        same(tree, copy)
    shutil.rmtree(store)


def main() -> None:
    """Measures all trees."""
    with tempfile.TemporaryDirectory(prefix="keepset-bench-") as name:
        folder = Path(name)
        tree = small(folder / "small", "small", max(round(SMALL_FILES * SCALE), HUNDREDTH))
        floor(tree, folder)
        ours(tree, folder)
        theirs(tree, folder, gets=False)
        few = small(folder / "few", "few", tree.files // HUNDREDTH)
        ours(few, folder)
        theirs(few, folder)
        tree = large(folder / "large", "large", max(round(BLOCKS * SCALE), 1))
        floor(tree, folder)
        ours(tree, folder)
        theirs(tree, folder, gets=False)
        short = large(folder / "short", "short", 1)
        ours(short, folder)
        theirs(short, folder)


if __name__ == "__main__":
    main()
