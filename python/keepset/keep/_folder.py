"""What the two layouts of a block folder have in common: reading, which believes nothing, and looking around."""

import hashlib
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from keepset import errors
from keepset.config import EMPTY_BLOCK_LOCATOR, KEEP_BLOCK_SIZE
from keepset.keep import _files
from keepset.keep.base import Data
from keepset.keep.cache import KeepBlockCache
from keepset.locator import KeepLocator

EMPTY_HASH = EMPTY_BLOCK_LOCATOR[:32]

_HASH = re.compile("[0-9a-f]{32}")
_PREFIX = re.compile("[0-9a-f]{0,32}")

Progress = Callable[[int, int, str], object]


class IndexEntry(NamedTuple):
    """A stored block, as keepstore's index describes it (`services/keepstore/unix_volume.go`, `Index`).

    Attributes:
        hash: Its MD5, which is the name of its file.
        size: The size of that file in bytes.
        mtime_ns: When it was last written or put again, in nanoseconds of the epoch.
    """

    hash: str
    size: int
    mtime_ns: int

    @property
    def locator(self) -> str:
        """The block's locator."""
        return f"{self.hash}+{self.size}"


class BlockProblem(NamedTuple):
    """Something that is wrong with a stored block.

    Attributes:
        code: `"block-damaged"` or `"block-unreadable"`.
        locator: The block: its hash, and the size of its file.
        message: What is wrong and what to do.
    """

    code: str
    locator: str
    message: str


class BlockFolder(ABC):
    """Blocks as files of one folder.

    Args:
        path: The folder.
        block_cache: Where blocks that were read are kept in memory; one of its own, if it is None.

    Attributes:
        path: The folder.
        block_cache: As given.
        takes_views: Says that `put` takes data that is not `bytes` without a copy.
    """

    takes_views = True

    def __init__(self, path: str | os.PathLike[str], block_cache: KeepBlockCache | None = None) -> None:
        self.path = Path(path).absolute()
        self.block_cache = block_cache or KeepBlockCache()

    def __repr__(self) -> str:
        """Show which folder."""
        return f"{type(self).__name__}({str(self.path)!r})"

    @abstractmethod
    def path_of(self, digest: str) -> Path:
        """Say which file a block is in."""

    @abstractmethod
    def settle(self, digest: str, holds: Callable[[int], bool], publish: Callable[[Path, bool], bool]) -> None:
        """Have a block stored: as the file that is there already, or as a new one.

        Args:
            digest: Its hash.
            holds: Tells whether an open file has its bytes.
            publish: Makes a file of this name that has them; is told whether to replace another one. Returns False if
                it may not and there is one.

        Raises:
            KeepWriteError: It cannot be stored.
        """

    def store(self, block: memoryview, digest: str) -> None:
        """Do what `put` does, for a block that is not empty and was hashed already.

        Args:
            block: Its bytes.
            digest: Their MD5 in hexadecimal; it is believed.

        Raises:
            KeepWriteError: As for `put`.
        """
        self.settle(
            digest,
            lambda descriptor: _files.holds(descriptor, block),
            lambda path, replace: _files.publish(path, block, replace=replace),
        )

    @abstractmethod
    def _folders(self, prefix: str) -> Iterator[Path]:
        """List the folders that may hold blocks whose hash begins with this, in order."""

    def get(self, loc_s: str, num_retries: int | None = None, request_id: str | None = None) -> bytes:
        """Return the bytes of a block, checked against its hash and size. It stays in memory for some time.

        Args:
            loc_s: Its locator; hints do not matter, and without a size only the hash is checked.
            num_retries: Taken for the sake of `BlockClient`; a disk is asked once.
            request_id: Likewise.

        Raises:
            NotFoundError: It is not stored here.
            BlockDamagedError: What is stored has another hash or size.
            KeepReadError: It cannot be read.
            ArgumentError: That is not a locator.
        """
        digest, size = parse_locator(loc_s)
        if digest == EMPTY_HASH and not size:
            return b""
        block = self.block_cache.block(digest, lambda: self._read(digest, size))
        check_size(self.path_of(digest), len(block), size)
        return block

    def _read(self, digest: str, size: int | None) -> bytes:
        path = self.path_of(digest)
        with _files.reading(path), path.open("rb", buffering=0) as file:
            check_size(path, os.fstat(file.fileno()).st_size, size)
            data = file.readall()
        if hashlib.md5(data, usedforsecurity=False).hexdigest() != digest:
            raise damaged(path)
        return data

    def head(self, loc_s: str, num_retries: int | None = None, request_id: str | None = None) -> bool:
        """Return True if a block is stored here in its size; its bytes are not looked at.

        Args:
            loc_s: Its locator.
            num_retries: As in `get`.
            request_id: As in `get`.

        Raises:
            NotFoundError: It is not stored here.
            BlockDamagedError: What is stored has another size.
            KeepReadError: The folder cannot be read.
            ArgumentError: That is not a locator.
        """
        digest, size = parse_locator(loc_s)
        if digest != EMPTY_HASH or size:
            path = self.path_of(digest)
            with _files.reading(path):
                check_size(path, path.stat().st_size, size)
        return True

    def exists(self, locator: str) -> bool:
        """Tell whether a block is stored here in its size; its bytes are not looked at.

        Args:
            locator: Its locator.

        Raises:
            KeepReadError: The folder cannot be read.
            ArgumentError: That is not a locator.
        """
        try:
            return self.head(locator)
        except (errors.NotFoundError, errors.BlockDamagedError):
            return False

    def get_from_cache(self, loc_s: str) -> Data | None:
        """Return the bytes of a block if they are in memory, else None.

        Args:
            loc_s: Its locator.

        Raises:
            ArgumentError: That is not a locator.
        """
        return self.block_cache.get(parse_locator(loc_s)[0])

    def block_prefetch(self, locator: str) -> None:
        """Have the operating system read a block ahead, where it can be told to.

        Args:
            locator: The block's locator; if it is not stored here, nothing happens.

        Raises:
            ArgumentError: That is not a locator.
        """
        digest, _ = parse_locator(locator)
        with suppress(OSError, AttributeError), self.path_of(digest).open("rb", buffering=0) as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_WILLNEED)  # macOS has no such call

    def refresh_signature(self, loc: str) -> str:
        """Return the locator as it is: blocks that are here already need no signature.

        Args:
            loc: A locator.
        """
        return loc

    def index(self, prefix: str = "") -> Iterator[IndexEntry]:
        """List the stored blocks, ordered by hash.

        Args:
            prefix: What their hashes begin with: up to 32 hexadecimal digits.

        Raises:
            ArgumentError: That is not such a prefix.
            KeepReadError: The folder cannot be read.
        """
        if not _PREFIX.fullmatch(prefix):
            raise errors.ArgumentError(f"not the beginning of a block's hash (0-9, a-f): {prefix!r}")
        for folder in self._folders(prefix):
            for name in sorted(_names(folder)):
                if name.startswith(prefix) and _HASH.fullmatch(name) and self.path_of(name).parent == folder:
                    try:
                        status = (folder / name).stat()
                    except FileNotFoundError:
                        continue  # gone since it was listed
                    yield IndexEntry(name, status.st_size, status.st_mtime_ns)

    def verify(self, progress: Progress | None = None) -> Iterator[BlockProblem]:
        """Hash every stored block again, and tell which are not what their names say.

        Blocks are read in pieces, so memory stays flat; blocks that are stored or removed meanwhile do no harm.

        Args:
            progress: Is called after each block with the bytes done, the bytes in all, and the locator.

        Raises:
            KeepReadError: The folder itself cannot be read.
        """
        entries = list(self.index())
        total = sum(entry.size for entry in entries)
        done = 0
        for entry in entries:
            path = self.path_of(entry.hash)
            try:
                if entry.size > KEEP_BLOCK_SIZE or _files.md5_of(path) != entry.hash:
                    yield BlockProblem("block-damaged", entry.locator, str(damaged(path)))
            except FileNotFoundError:
                pass  # removed since it was listed
            except OSError as error:
                message = f"cannot read {path}: {error.strerror}"
                yield BlockProblem("block-unreadable", entry.locator, message)
            done += entry.size
            if progress is not None:
                progress(done, total, entry.locator)


def as_block(data: Data | str) -> tuple[memoryview, str]:
    """Take what is to be stored: its bytes and its hash.

    Raises:
        BlockTooLargeError: It is larger than a block may be.
    """
    # The network client of 3.2.1 encodes text, too.
    view = memoryview(data.encode() if isinstance(data, str) else data).cast("B")
    if view.nbytes > KEEP_BLOCK_SIZE:
        raise errors.BlockTooLargeError(
            f"a block of {view.nbytes} bytes: Keep takes at most {KEEP_BLOCK_SIZE}; store it in several"
        )
    return view, hashlib.md5(view, usedforsecurity=False).hexdigest()


def parse_locator(locator: str) -> tuple[str, int | None]:
    """Return the hash and the size of a locator; None where it has no size.

    Raises:
        ArgumentError: That is not a locator.
    """
    parsed = KeepLocator(locator)
    return parsed.md5sum.lower(), parsed.size


def check_size(path: Path, actual: int, expected: int | None) -> None:
    """Compare the size of a stored block with that of a locator, and with what a block can have.

    Raises:
        BlockDamagedError: It is another one.
    """
    if expected is not None and actual != expected:
        raise errors.BlockDamagedError(
            f"{path} has {actual} bytes, where the locator says {expected}: either is wrong; `keepset verify` tells"
            " whether it is the file",
            path=str(path),
        )
    if actual > KEEP_BLOCK_SIZE:
        raise damaged(path)


def damaged(path: Path) -> errors.BlockDamagedError:
    """Return what is to be raised for a file that is not the block that its name says."""
    return errors.BlockDamagedError(
        f"{path} is not the block that its name says (damaged on the disk?): move it away and store the data again,"
        " or restore it from a copy",
        path=str(path),
    )


def _names(folder: Path) -> list[str]:
    with _files.reading(folder):
        try:
            return [path.name for path in folder.iterdir()]
        except FileNotFoundError:
            return []
