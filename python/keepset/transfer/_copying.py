"""Collections from one cluster or store to another: records, and the blocks that the target lacks.

Three stages, each with its threads, draw from each other: records are read, blocks are sent, records are made. Results
come in the order of the work, so that a collection whose turn it is has all its blocks at the target, and a block that
is on its way for one collection is not sent again for the next. Nobody ever waits for somebody else's block, so that
none of this can come to a standstill.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal, NamedTuple

from keepset import errors
from keepset._foreign import keep_of
from keepset.config import EMPTY_BLOCK_LOCATOR
from keepset.transfer._parallel import Stop, checked_jobs, in_order
from keepset.transfer._records import Item, SourceRecords, TargetRecords
from keepset.transfer._sending import BlockSender, Sent
from keepset.transfer._signatures import SignatureNote, block_key, expires_within, with_signatures
from keepset.transfer._values import Progress

__all__ = ["Copied", "CopiedCollection", "copy_collections"]

_SOON = 30.0
_LONG_ENOUGH = 3600.0
_SHOWN = 5


class CopiedCollection(NamedTuple):
    """What became of one collection or, for a dry run, what would.

    Attributes:
        source: What it was called.
        status: `"copied"`; `"unchanged"`, if the target had it under this name; or `"failed"`.
        name: Its name at the target; empty if its record could not be read.
        uuid: Its UUID at the target; None if it is not there.
        portable_data_hash: The same here and there; empty if its record could not be read.
        size: The bytes of its files.
        error: Why it failed.
    """

    source: str
    status: Literal["copied", "unchanged", "failed"]
    name: str
    uuid: str | None
    portable_data_hash: str
    size: int
    error: Exception | None


class Copied(NamedTuple):
    """What was done or, for a dry run, what would be.

    Attributes:
        collections: What became of each, in the order in which they were named.
        sent: The bytes of the blocks that were sent; for a dry run, of those that the collections have.
    """

    collections: tuple[CopiedCollection, ...]
    sent: int


def copy_collections(
    collections: Iterable[str],
    source: Any,
    target: Any,
    *,
    project: str | None = None,
    name: str | None = None,
    storage_classes: bool = False,
    jobs: int | None = None,
    dry_run: bool = False,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    report: Callable[[CopiedCollection], object] | None = None,
) -> Copied:
    """Copy collections from one cluster or store to another.

    A copy has the name, the description, the properties and the desired replication of the collection, and the same
    portable data hash, which is compared. Each block is sent once, however many collections have it, and not at all if
    the target has it. Collections that the target has under the same name with the same contents are left alone. What
    goes wrong with one collection does not keep the others from being copied.

    Args:
        collections: Their UUIDs or portable data hashes.
        source: Where they are, as `api_client` of `Collection`: a `Store`, a client of `keepset.api` or `arvados.api`.
        target: Where they go to, likewise.
        project: The UUID of the project that is to have them; None for what belongs to no project.
        name: Another name, for a single collection.
        storage_classes: Whether copies desire the same storage classes, which the target must have, too.
        jobs: How many blocks are copied at a time, each of which is in memory; None for four.
        dry_run: Say what would be done, and do nothing.
        checkpoint: A file for the signatures of blocks that were sent, so that they are not sent again after an
            interruption. It is removed when all collections are at the target. Stores give none, and need none.
        progress: Called with the bytes of files done, the bytes in all, and the name of a collection.
        report: Called with what became of each collection, as soon as it is known, in the order of `collections`.

    Raises:
        ArgumentError: `jobs` is less than 1, or there is one name for several collections.
        ApiError: The target does not know whose token it is given; or the source, asked for the sake of `progress`.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from keepset import open_store
        >>> from keepset.collection import Collection
        >>> with TemporaryDirectory() as folder, open_store(f"{folder}/a") as a, open_store(f"{folder}/b") as b:
        ...     collection = Collection(api_client=a)
        ...     _ = collection.write_bytes("reads.bam", b"ACGT")
        ...     _ = collection.save_new("example")
        ...     (copied,) = copy_collections([collection.manifest_locator()], a, b).collections
        ...     print(copied.status, copied.name, Collection(copied.uuid, api_client=b).read_bytes("reads.bam"))
        copied example b'ACGT'
    """
    wanted = list(dict.fromkeys(collections))
    if name is not None and len(wanted) > 1:
        raise errors.ArgumentError("a name is for a single collection")
    jobs = checked_jobs(jobs)
    sizes = SourceRecords(source).sizes(wanted) if progress is not None else {}
    note = SignatureNote(checkpoint, getattr(target, "api_token", None) or "")
    run = _Run(source, target, project, name, storage_classes, jobs, dry_run, note, _Meter(sizes, progress))
    results = []
    try:
        for item in run.items(wanted):
            results.append(_result(item))
            if report is not None:
                report(results[-1])
    finally:
        note.close()
    if not dry_run and all(result.error is None for result in results):
        note.remove()
    return Copied(tuple(results), run.sent)


def _result(item: Item) -> CopiedCollection:
    status: Literal["copied", "unchanged", "failed"] = "unchanged" if item.is_unchanged else "copied"
    return CopiedCollection(
        item.source,
        status if item.error is None else "failed",
        item.name,
        item.uuid,
        item.portable_data_hash,
        item.manifest.data_size,
        item.error,
    )


class _Meter:
    """Tells how far the copying has come, in bytes of files: blocks count up to the size of their collection."""

    def __init__(self, sizes: dict[str, int], progress: Progress | None) -> None:
        self._sizes = sizes
        self._progress = progress
        self._total = sum(sizes.values())
        self._done = 0
        self._left: dict[str, int] = {}

    def begin(self, item: Item) -> None:
        """Note the true size of a collection that was read."""
        surveyed = self._sizes.get(item.source, 0)
        self._left[item.source] = surveyed if item.error else item.manifest.data_size
        self._total += self._left[item.source] - surveyed

    def add(self, item: Item, size: int) -> None:
        """Note that so many bytes of blocks are at the target."""
        self._advance(item, min(size, self._left[item.source]))

    def finish(self, item: Item) -> None:
        """Note that a collection is done."""
        self._advance(item, self._left[item.source])

    def _advance(self, item: Item, size: int) -> None:
        self._left[item.source] -= size
        self._done += size
        if self._progress is not None:
            self._progress(self._done, self._total, item.name or item.source)


class _Step(NamedTuple):
    """A block of a collection; or, without one, the end of its blocks."""

    item: Item
    locator: str | None


class _Run:
    """One call of `copy_collections`."""

    def __init__(
        self,
        source: Any,
        target: Any,
        project: str | None,
        name: str | None,
        storage_classes: bool,
        jobs: int,
        dry_run: bool,
        note: SignatureNote,
        meter: _Meter,
    ) -> None:
        self._source = SourceRecords(source)
        self._target = TargetRecords(target, project)
        self._name = name
        self._keeps_classes = storage_classes
        self._jobs = jobs
        self._dry_run = dry_run
        self._meter = meter
        self._stop = Stop()
        self._sender = BlockSender(keep_of(source), keep_of(target), note, self._stop)
        # By hash and size. A block that is on its way is in neither; only the main thread looks into these.
        self._signed: dict[str, str] = {EMPTY_BLOCK_LOCATOR: EMPTY_BLOCK_LOCATOR}
        self._failed: dict[str, Exception] = {}
        self._on_their_way: set[str] = set()
        self.sent = 0

    def items(self, collections: list[str]) -> Iterator[Item]:
        """Copy collections, and yield each when it is done."""
        read = in_order(self._read, collections, self._jobs, self._stop)
        for item in in_order(self._save, self._with_blocks(read), self._jobs, self._stop):
            self._meter.finish(item)
            yield item

    def _read(self, identifier: str) -> Item:
        self._stop.check()
        item = Item(identifier)
        try:
            self._source.read(item)
            item.name = self._name if self._name is not None else item.record.get("name") or ""
            self._target.look(item)
        except Exception as error:  # noqa: BLE001 - another library's client raises what it likes
            item.error = error
        return item

    def _with_blocks(self, items: Iterator[Item]) -> Iterator[tuple[Item, str]]:
        """Yield collections that have all their blocks at the target, or an error, with the text to save."""
        for step, outcome in in_order(self._send, self._steps(items), self._jobs, self._stop):
            if step.locator is not None:
                self._note(step.item, step.locator, outcome)
            else:
                yield step.item, self._text(step.item)

    def _steps(self, items: Iterator[Item]) -> Iterator[_Step]:
        for item in items:
            self._meter.begin(item)
            if item.needs_blocks:
                yield from self._blocks_to_send(item)
            yield _Step(item, None)

    def _blocks_to_send(self, item: Item) -> Iterator[_Step]:
        locators = item.locators()
        for key in locators:
            signed = self._signed.get(key)
            if key in self._on_their_way or (signed and not expires_within(signed, _LONG_ENOUGH)):
                continue
            if expires_within(locators[key], _SOON):
                locators |= self._renewed(item)
            self._on_their_way.add(key)
            yield _Step(item, locators[key])

    def _renewed(self, item: Item) -> dict[str, str]:
        """Return the locators with new signatures, if the record is still the same: copying may take weeks."""
        again = Item(item.source)
        try:
            self._source.read(again)
        except Exception:  # noqa: BLE001 - likewise; that the block cannot be read is told soon enough
            return {}
        return again.locators() if again.portable_data_hash == item.portable_data_hash else {}

    def _send(self, step: _Step) -> tuple[_Step, Sent | Exception | None]:
        if step.locator is None:
            return step, None
        if self._dry_run:
            return step, Sent(block_key(step.locator), int(step.locator.split("+")[1]))
        try:
            classes = self._classes(step.item)
            return step, self._sender.send(step.locator, self._target.copies(step.item), classes)
        except Exception as error:  # noqa: BLE001 - likewise
            return step, error

    def _classes(self, item: Item) -> list[str]:
        return list(item.record.get("storage_classes_desired") or []) if self._keeps_classes else []

    def _note(self, item: Item, locator: str, outcome: Sent | Exception | None) -> None:
        key = block_key(locator)
        self._on_their_way.discard(key)
        if isinstance(outcome, Sent):
            self._signed[key] = outcome.locator
            self.sent += outcome.size
        elif outcome is not None:
            self._failed[key] = outcome
        self._meter.add(item, int(key.split("+")[1]))

    def _text(self, item: Item) -> str:
        """Return the text to save; an error is noted if blocks are missing."""
        if not item.needs_blocks:
            return item.known or ""
        missing = [key for key in item.locators() if key not in self._signed]
        if missing:
            item.error = errors.KeepRequestError(
                f"{item.source}: {len(missing)} of its blocks cannot be copied",
                [(key, self._failed[key]) for key in missing[:_SHOWN]],
                "block",
            )
            return ""
        return with_signatures(item.manifest, self._signed)

    def _save(self, ready: tuple[Item, str]) -> Item:
        self._stop.check()
        item, text = ready
        if item.error is None and item.uuid is None and not self._dry_run:
            try:
                self._target.create(item, text, self._classes(item))
            except Exception as error:  # noqa: BLE001 - likewise
                item.error = error
        return item
