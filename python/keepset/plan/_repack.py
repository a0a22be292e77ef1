"""Packing: small blocks of a collection become few large ones, and its files stay what they are."""

from __future__ import annotations

import itertools
from bisect import bisect_right
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from keepset import _core, errors
from keepset.blocks import BLOCK_SIZE, PACKED_SIZE
from keepset.locator import KeepLocator
from keepset.plan._edit import Plan, manifest_of
from keepset.transfer._compare import Blocks
from keepset.transfer._parallel import Stop, checked_jobs, in_order
from keepset.transfer._values import Counter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from keepset.blocks import BlockManager
    from keepset.manifest import Manifest
    from keepset.transfer import Progress

__all__ = ["Extent", "Repacking", "plan_repack", "repack"]


class Extent(NamedTuple):
    """Bytes of a block that move together.

    Attributes:
        locator: The block.
        offset: Where in it they start.
        length: Their number.
    """

    locator: str
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Repacking:
    """What packing would do, or has done.

    Attributes:
        blocks: What each new block gets, one after the other.
        block_count: How many blocks the files use before.
        locators: The new blocks; empty while this is a plan.
    """

    blocks: tuple[tuple[Extent, ...], ...]
    block_count: int
    locators: tuple[str, ...] = ()
    _manifest: Manifest | None = field(default=None, repr=False, compare=False)
    _small_size: int = field(default=0, repr=False, compare=False)

    def __bool__(self) -> bool:
        """Return whether there is anything to pack."""
        return bool(self.blocks)

    @property
    def packed_count(self) -> int:
        """How many blocks are packed into others."""
        return sum(len({extent.locator for extent in block}) for block in self.blocks)

    @property
    def new_block_count(self) -> int:
        """How many blocks the files use afterwards."""
        return self.block_count - self.packed_count + len(self.blocks)

    @property
    def size(self) -> int:
        """The bytes that are read and written."""
        return sum(extent.length for block in self.blocks for extent in block)

    def moves(self) -> Iterator[tuple[Extent, str, int]]:
        """Yield what moves, the new block, and the place in it.

        Raises:
            ArgumentError: This is a plan: the new blocks are not stored.
        """
        if len(self.locators) != len(self.blocks):
            raise errors.ArgumentError("the new blocks are not stored yet")
        for block, locator in zip(self.blocks, self.locators, strict=True):
            offsets = itertools.accumulate((extent.length for extent in block), initial=0)
            yield from ((extent, locator, offset) for extent, offset in zip(block, offsets, strict=False))

    def as_plan(self) -> Plan:
        """Return the request that makes a server take the new blocks: its `replace_segments`.

        The server leaves alone what is not cut as it is here, namely where a text has one part of a file in two tokens.

        Raises:
            ArgumentError: This is a plan: the new blocks are not stored.
        """
        places: dict[str, list[tuple[int, str, int]]] = {}
        for (locator, start, _), new_locator, new_start in self.moves():
            places.setdefault(locator, []).append((start, new_locator, new_start))
        segments = {}
        parts = _core.packed_segments(self._manifest, self._small_size, BLOCK_SIZE) if self._manifest else []
        for locator, offset, length in parts:
            extents = places[locator]
            start, new_locator, new_start = extents[bisect_right(extents, offset, key=lambda extent: extent[0]) - 1]
            old = f"{KeepLocator(locator).stripped()} {offset} {length}"
            segments[old] = f"{new_locator} {new_start + offset - start} {length}"
        return Plan(replace_segments=segments)


def plan_repack(source: Any, *, small_size: int | None = None) -> Repacking:
    """Plan to pack the blocks of which a collection uses little.

    Blocks are taken in the order in which the normal form uses them, so that the plan depends on the manifest alone.
    What was packed is not packed again.

    Args:
        source: A manifest or a collection. Bytes in memory are stored first.
        small_size: Blocks of which fewer bytes are used are packed; None for 32 MiB, which is also the most.

    Raises:
        ArgumentError: `small_size` is out of range, or the manifest was salvaged.
    """
    small = PACKED_SIZE if small_size is None else small_size
    if not 0 <= small <= PACKED_SIZE:
        raise errors.ArgumentError(f"small_size is from 0 to {PACKED_SIZE}, not {small}")
    manifest = manifest_of(source)
    blocks, block_count = _core.plan_repack(manifest, small, BLOCK_SIZE)
    packed = tuple(tuple(itertools.starmap(Extent, block)) for block in blocks)
    return Repacking(packed, block_count, (), manifest, small)


def repack(
    collection: Any,
    *,
    small_size: int | None = None,
    jobs: int | None = None,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Repacking:
    """Pack the blocks of which a collection uses little into larger ones. Saving it is up to the caller.

    Names and bytes stay the same, the portable data hash does not. The collection changes when all new blocks are
    stored, or not at all. What is written to it meanwhile stays.

    Args:
        collection: The collection.
        small_size: As for `plan_repack`.
        jobs: How many new blocks are put together at a time; None for four.
        dry_run: Only plan.
        progress: Called with bytes done, bytes in all, and the locator of the block that is being read.

    Returns:
        What was done, or would be.

    Raises:
        ArgumentError: The collection is read-only, `small_size` is out of range, or `jobs` is less than 1.
        KeepReadError: A block cannot be read.
        KeepWriteError: A block could not be stored.
    """
    jobs = checked_jobs(jobs)
    if collection.root_collection() is not collection:
        raise errors.ArgumentError("a collection is packed as a whole: call this on its root")
    if not dry_run and not collection.writable():
        raise errors.ArgumentError("the collection is read-only")
    plan = plan_repack(collection.snapshot() if dry_run else collection, small_size=small_size)
    if dry_run or not plan:
        return plan
    done = replace(plan, locators=tuple(_store(plan, collection.block_manager, jobs, Counter(plan.size, progress))))
    collection._relocate([(*extent, locator, offset) for extent, locator, offset in done.moves()])
    return done


def _store(plan: Repacking, manager: BlockManager, jobs: int, counter: Counter) -> list[str]:
    """Store the new blocks, several at a time. Returns their locators."""
    fetcher = manager.fetcher(0)
    stop = Stop()

    def store(extents: tuple[Extent, ...]) -> str:
        blocks = Blocks(fetcher)
        parts = []
        for extent in extents:
            stop.check()
            parts.append(_part(blocks, extent))
            counter.add(extent.length, extent.locator)
        return manager.put(b"".join(parts))

    return list(in_order(store, plan.blocks, jobs, stop))


def _part(blocks: Blocks, extent: Extent) -> bytes:
    part = blocks.part(*extent)
    if len(part) != extent.length:
        raise errors.KeepReadError(f"block {extent.locator} ends before byte {extent.offset + extent.length}")
    return bytes(part)  # a view would keep all of the block
