"""Local trees as manifests, to be compared with others, without storing anything.

A file whose content is that of a file on the other side gets the blocks of that one, so that `Manifest.diff` finds them
the same. Sizes come first: a file is read only if there is one of its size that it could be the same as.
"""

import hashlib
import secrets
from collections.abc import Callable, Iterable, Iterator
from io import FileIO
from itertools import repeat
from typing import Any, TypeAlias

from keepset._fetching import Fetcher
from keepset.blocks import BLOCK_SIZE
from keepset.manifest import Manifest, escape, normalize_stream
from keepset.ranges import LocatorAndRange
from keepset.transfer._compare import Blocks, Plan, Tell, local_digest, matching
from keepset.transfer._local import EMPTY_BLOCK, LocalFile, LocalTree, scan
from keepset.transfer._parallel import Stop, checked_jobs, in_order
from keepset.transfer._values import Counter, Patterns, Progress

__all__ = ["comparable"]

_Key: TypeAlias = tuple[str, ...]
"""What a content is known by: the MD5 of each 64 MiB of it."""
_Reader: TypeAlias = Callable[[LocalFile, Tell], Plan | None]
"""Reads a file, and tells of which blocks it is made; None if it is like no other."""


def comparable(
    old: Manifest | str,
    new: Manifest | str,
    keep: Any,
    *,
    include: Patterns = None,
    exclude: Patterns = None,
    renames: bool = True,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> tuple[Manifest, Manifest]:
    """Return two trees as manifests whose `diff` tells by content what is different.

    Those of local trees name blocks that need not exist; what `upload` would make of them has the same contents.
    Nothing is stored. What is there in whole blocks is known by its MD5; only of files that share blocks with others
    the bytes are fetched.

    Args:
        old: A manifest, or the path of a local directory.
        new: The other one, likewise.
        keep: The Keep client that has the blocks of the manifests.
        include: Patterns of what to take of both, as `Manifest.subset` reads them.
        exclude: Patterns of what to leave out even so.
        renames: Whether to look for the contents of files that are on one side only among those that are on the
            other side only.
        jobs: How many files are read at a time; None for four.
        progress: Called with bytes done, bytes in all, and the path.

    Raises:
        ArgumentError: A pattern is none, or `jobs` is less than 1.
        TransferError: Something that is wanted of a local tree could not be stored.
        KeepReadError: A block is needed and cannot be read.
        OSError: A local file cannot be read.
    """
    before, after = _side(old, include, exclude), _side(new, include, exclude)
    reading = _Reading(keep, checked_jobs(jobs), progress)
    if isinstance(after, LocalTree):
        if isinstance(before, LocalTree):
            before = reading.hashed(before, {file.size for file in after.files})
        return before, reading.likened(after, before, renames=renames)
    if isinstance(before, LocalTree):
        before = reading.likened(before, after, renames=renames)
    return before, after


def _side(side: Manifest | str, include: Patterns, exclude: Patterns) -> Manifest | LocalTree:
    if isinstance(side, str):
        return scan(side, include, exclude)
    return side if include is None and exclude is None else side.subset(include, exclude)


class _Reading:
    """Reads files and blocks for a comparison, as few as possible.

    Args:
        keep: The Keep client that has the blocks.
        jobs: How many files are read at a time.
        progress: Whom to tell.
    """

    def __init__(self, keep: Any, jobs: int, progress: Progress | None) -> None:
        self._fetcher = Fetcher(keep, 0)
        self._jobs = jobs
        self._progress = progress
        self._stop = Stop()

    def hashed(self, tree: LocalTree, sizes: set[int]) -> Manifest:
        """Return the manifest of a tree, read as far as there are files of such sizes on the other side.

        Args:
            tree: The tree.
            sizes: These sizes.
        """

        def plan(file: LocalFile, tell: Tell) -> Plan:
            return _blocks(file.size, _key(file, self._stop, tell))

        return self._manifest(tree, lambda file: plan if file.size in sizes else None)

    def likened(self, tree: LocalTree, manifest: Manifest, *, renames: bool) -> Manifest:
        """Return the manifest of a tree, with the blocks of another manifest where contents are the same.

        Args:
            tree: The tree.
            manifest: The other one.
            renames: Whether a file can also be the same as one of another path.
        """
        others = dict(manifest.files())
        here = {file.name for file in tree.files}
        new_sizes = {file.size for file in tree.files if file.name not in others} if renames else set()
        gone = [name for name, size in others.items() if name not in here and size in new_sizes]
        gone_sizes = {others[name] for name in gone}
        plans = self._plans(manifest, gone)

        def same_place(file: LocalFile, tell: Tell) -> Plan | None:
            plan = manifest.read_plan(file.name)
            with _opened(file) as local:
                same = matching(local.fileno(), plan, Blocks(self._fetcher), self._stop, tell)
            return plan if same == (len(plan), file.size) else None

        def other_place(file: LocalFile, tell: Tell) -> Plan | None:
            key = _key(file, self._stop, tell)
            return plans.get((key, _base_name(file.name)), plans.get((key, "")))

        def chosen(file: LocalFile) -> _Reader | None:
            if file.name in others:
                return same_place if file.size == others[file.name] else None
            return other_place if file.size in gone_sizes else None

        return self._manifest(tree, chosen)

    def _plans(self, manifest: Manifest, names: list[str]) -> dict[tuple[_Key, str], Plan]:
        """Return of which blocks files are made, by content and base name, and by content alone with an empty name."""

        def keyed(name: str) -> tuple[_Key, str, Plan]:
            self._stop.check()
            plan = manifest.read_plan(name)
            return _key_of_plan(plan, Blocks(self._fetcher)), _base_name(name), plan

        plans: dict[tuple[_Key, str], Plan] = {}
        for key, base_name, plan in in_order(keyed, names, self._jobs, self._stop):
            plans[key, base_name] = plans[key, ""] = plan
        return plans

    def _manifest(self, tree: LocalTree, chosen: Callable[[LocalFile], _Reader | None]) -> Manifest:
        """Put the manifest of a tree together.

        Args:
            tree: The tree.
            chosen: Gives what tells of which blocks a file is made; None for one that is like no other.
        """
        tasks = [(file, chosen(file) if file.size else None) for file in tree.files]
        counter = Counter(sum(file.size for file, read in tasks if read), self._progress)
        # What no other manifest can name, not even one that somebody has made up.
        unlike = secrets.token_hex(16)

        def plan(task: tuple[LocalFile, _Reader | None]) -> Plan:
            file, read = task
            self._stop.check()
            found = None if read is None else _counted(file, read, counter)
            return _blocks(file.size, repeat(unlike)) if found is None else found

        return Manifest.parse("".join(_lines(tree, in_order(plan, tasks, self._jobs, self._stop))))


def _counted(file: LocalFile, read: _Reader, counter: Counter) -> Plan | None:
    """Read a file, and count its bytes as done: those that have been read, and the rest if there is no need to."""
    rest = file.size

    def tell(size: int) -> None:
        nonlocal rest
        rest -= size
        counter.add(size, file.name)

    found = read(file, tell)
    tell(rest)
    return found


def _blocks(size: int, digests: Iterable[str]) -> Plan:
    """Return the plan of a file that is cut as `upload` cuts a large one."""
    lengths = (min(BLOCK_SIZE, size - start) for start in range(0, size, BLOCK_SIZE))
    return [(f"{digest}+{length}", 0, length) for length, digest in zip(lengths, digests, strict=False)]


def _lines(tree: LocalTree, plans: Iterable[Plan]) -> Iterator[str]:
    streams: dict[str, dict[str, list[LocatorAndRange]]] = {}
    for file, plan in zip(tree.files, plans, strict=True):
        directory, slash, name = file.name.rpartition("/")
        streams.setdefault(f"./{directory}" if slash else ".", {})[name] = [
            LocatorAndRange(locator, int(locator.split("+")[1]), offset, length) for locator, offset, length in plan
        ]
    for stream, files in streams.items():
        yield f"{' '.join(normalize_stream(stream, files))}\n"
    for directory in tree.empty:
        yield f"{escape(f'./{directory}')} {EMPTY_BLOCK} 0:0:\\056\n"


def _base_name(path: str) -> str:
    return path.rpartition("/")[2]


def _opened(file: LocalFile) -> FileIO:
    return open(file.path, "rb", buffering=0)  # noqa: PTH123 - paths are texts here: there may be a million


def _key(file: LocalFile, stop: Stop, tell: Tell) -> _Key:
    digests = []
    with _opened(file) as local:
        for start in range(0, file.size, BLOCK_SIZE):
            length = min(BLOCK_SIZE, file.size - start)
            digests.append(local_digest(local.fileno(), start, length, stop))
            tell(length)
    return tuple(digests)


def _key_of_plan(plan: Plan, blocks: Blocks) -> _Key:
    """Return the key of a file in a collection; its bytes are fetched unless its blocks are what the key is made of."""
    is_whole = all(offset == 0 and int(locator.split("+")[1]) == length for locator, offset, length in plan)
    if is_whole and all(length == BLOCK_SIZE for _, _, length in plan[:-1]):
        return tuple(locator[:32] for locator, _, _ in plan)
    digests = []
    room = 0
    for part in blocks.parts(plan):
        rest = part
        while rest:
            if not room:
                digests.append(hashlib.md5(usedforsecurity=False))
                room = BLOCK_SIZE
            taken, rest = rest[:room], rest[room:]
            digests[-1].update(taken)
            room -= len(taken)
    return tuple(digest.hexdigest() for digest in digests)
