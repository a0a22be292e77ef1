"""The blocks of a local store: a folder in the layout of a keepstore directory volume.

    <first 3 hexadecimal digits of the MD5>/<MD5>

so that a real keepstore can serve it one day (`services/keepstore/unix_volume.go`, `blockDir`). What is there is
whole and on the disk: a block is written under another name, synchronised, and only then given its own.

Every removal, and every put of a block that is there already, happens under the lock of the block's file. So a put
either finds the block and makes it young again, or finds it gone and writes it anew.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import NamedTuple

from keepset import errors
from keepset.keep import _files
from keepset.keep._folder import BlockFolder, BlockProblem, IndexEntry, Progress, as_block
from keepset.keep.base import Data
from keepset.keep.cache import KeepBlockCache

__all__ = ["SAFETY_AGE", "BlockProblem", "Collected", "IndexEntry", "LocalKeep", "Progress"]

SAFETY_AGE = 1_209_600.0
"""How old an unused block must be before it is collected, in seconds: two weeks.

This is Arvados' `Collections.BlobSigningTTL` (336 h), which means the same: a program that has stored a block, or was
given its locator, has that long to save the collection that names it. A shorter age than the longest job between its
first write and its save lets `collect` remove that job's blocks; its save then fails, but no record is harmed.
"""

_LAYOUT_DIGITS = 3
_ATTEMPTS = 100


class Collected(NamedTuple):
    """What a garbage collection has removed, or would remove.

    Attributes:
        locators: The blocks.
        size: The bytes that they take, and those of unfinished files whose writers are dead.
    """

    locators: list[str]
    size: int


class LocalKeep(BlockFolder):
    """A Keep client whose only service is a folder; safe for threads and processes.

    Args:
        path: The folder; it is made if it is not there.
        block_cache: Where blocks that were read are kept in memory; one of its own, if it is None.

    Raises:
        KeepWriteError: It cannot be made.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     keep = LocalKeep(folder)
        ...     locator = keep.put(b"foo")
        ...     print(locator, keep.get(locator))
        acbd18db4cc2f85cedef654fccc4a4d8+3 b'foo'
    """

    def __init__(self, path: str | os.PathLike[str], block_cache: KeepBlockCache | None = None) -> None:
        super().__init__(path, block_cache)
        with _files.writing(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
        # Folders whose own names this process knows to be on the disk.
        self._durable: set[Path] = set()

    def path_of(self, digest: str) -> Path:
        """Say which file a block is in."""
        return self.path / digest[:_LAYOUT_DIGITS] / digest

    def _folders(self, prefix: str) -> Iterator[Path]:
        prefix = prefix[:_LAYOUT_DIGITS]
        with _files.reading(self.path):
            names = sorted(path.name for path in self.path.iterdir())
        for name in names:
            if len(name) == _LAYOUT_DIGITS and name.startswith(prefix):
                yield self.path / name

    def put(
        self,
        data: Data | str,
        copies: int = 2,
        num_retries: int | None = None,
        request_id: str | None = None,
        classes: object = None,
    ) -> str:
        """Store a block; when this returns, it is on the disk.

        A block that is there already is compared, and becomes as young as a new one.

        Args:
            data: Its bytes, at most 64 MiB, which must not change during the call; text is encoded as UTF-8.
            copies: With 0 nothing is stored, as with 3.2.1's client; otherwise the folder holds one.
            num_retries: Taken for the sake of `BlockClient`; a disk is asked once.
            request_id: Likewise.
            classes: Likewise; a folder has no storage classes.

        Returns:
            The locator: hash and size.

        Raises:
            BlockTooLargeError: It is larger than 64 MiB.
            BlockCollisionError: Other bytes are stored under its hash.
            StoreFullError: There is no space left.
            StoreReadOnlyError: The folder may not be written to.
            KeepWriteError: Something else went wrong.
        """
        block, digest = as_block(data)
        if block.nbytes and copies > 0:
            self.store(block, digest)
        return f"{digest}+{block.nbytes}"

    def settle(self, digest: str, holds: Callable[[int], bool], publish: Callable[[Path, bool], bool]) -> None:
        """Have a block stored: as the file that is there already, or as a new one.

        Args:
            digest: Its hash.
            holds: Tells whether an open file has its bytes.
            publish: Makes a file of this name that has them, unless the name is taken: returns False then.

        Raises:
            KeepWriteError: As for `put`.
        """
        path = self.path_of(digest)
        with _files.writing(path):
            self._make_folder(path.parent)
            # Both come to nothing if another process comes between: one that removes the block, or stores it.
            for _ in range(_ATTEMPTS):
                if self._renew(path, holds) or publish(path, False):
                    return
            raise errors.KeepWriteError(
                f"{path} can be neither opened nor made (a link to nowhere?): move it away and try again",
                path=str(path),
            )

    def _make_folder(self, folder: Path) -> None:
        if folder not in self._durable:
            folder.mkdir(exist_ok=True)
            _files.sync_folder(self.path)
            self._durable.add(folder)

    def _renew(self, path: Path, holds: Callable[[int], bool]) -> bool:
        """Make a stored block young; False when it is not stored."""
        try:
            with _files.locked(path) as descriptor:
                if not holds(descriptor):
                    raise errors.BlockCollisionError(
                        f"other bytes than those to be stored are in {path}: if `keepset verify` calls it damaged, move"
                        " it away and try again; if not, these are two blocks of one MD5, and Keep can hold only one",
                        path=str(path),
                    )
                os.utime(descriptor)
        except FileNotFoundError:
            return False
        _files.sync_folder(path.parent)  # whoever has stored it may not have come to that yet
        return True

    def collect(
        self,
        is_referenced: Callable[[str], bool],
        older_than: float = SAFETY_AGE,
        dry_run: bool = False,
        guard: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> Collected:
        """Remove blocks that nobody names and nobody has put lately: the block half of `Store.gc`.

        Safe beside a running `put`: age and references are looked at again under the block's lock, right before it is
        removed.

        Args:
            is_referenced: Tells whether any record names the block of this hash. It is asked twice.
            older_than: For how many seconds a block must not have been put, see `SAFETY_AGE`.
            dry_run: Only tell what would be removed.
            guard: Makes what is entered around the last look and the removal, before the block's lock is taken. A
                catalog passes its write lock, so that no record that names the block can be saved in between.

        Returns:
            What was removed, or would be.

        Raises:
            StoreReadOnlyError: The folder may not be written to.
            KeepRequestError: It cannot be read, or something else went wrong.
        """
        before_ns = time.time_ns() - round(older_than * 1e9)
        locators = []
        size = 0
        for entry in self.index():
            if entry.mtime_ns > before_ns or is_referenced(entry.hash):
                continue
            if dry_run or self._remove(entry, is_referenced, before_ns, guard):
                locators.append(entry.locator)
                size += entry.size
        if not dry_run:
            size += sum(_files.remove_abandoned(path, before_ns) for path in self._unfinished())
        return Collected(locators, size)

    def _remove(
        self,
        entry: IndexEntry,
        is_referenced: Callable[[str], bool],
        before_ns: int,
        guard: Callable[[], AbstractContextManager[object]],
    ) -> bool:
        path = self.path_of(entry.hash)
        with _files.writing(path):
            try:
                with guard(), _files.locked(path) as descriptor:
                    if os.fstat(descriptor).st_mtime_ns > before_ns or is_referenced(entry.hash):
                        return False
                    path.unlink()
                    return True
            except FileNotFoundError:
                return False  # somebody else was faster

    def _unfinished(self) -> Iterator[Path]:
        for folder in self._folders(""):
            yield from folder.glob(f"{_files.TEMPORARY_PREFIX}*")
        yield from self.path.glob(f"{_files.TEMPORARY_PREFIX}*")
