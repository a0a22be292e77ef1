"""The folder of `KEEP_LOCAL_STORE`, shared with arvados-python-client 3.2.1: `<folder>/<MD5>`, nothing else.

3.2.1 neither locks nor checks anything there, and it may be at work at the same time; so we write under names of our
own, check what we read, and never delete.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from keepset import errors
from keepset.keep import _files
from keepset.keep._folder import BlockFolder, as_block
from keepset.keep.base import Data
from keepset.keep.cache import KeepBlockCache

__all__ = ["FlatKeep"]


class FlatKeep(BlockFolder):
    """A Keep client on the folder that `KEEP_LOCAL_STORE` names.

    Args:
        path: The folder, which must be there already, as for 3.2.1.
        block_cache: Where blocks that were read are kept in memory; one of its own, if it is None.

    Raises:
        StoreError: It is not there, or is not a folder.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     locator = FlatKeep(folder).put(b"foo")
        ...     print(locator, os.listdir(folder))
        acbd18db4cc2f85cedef654fccc4a4d8+3 ['acbd18db4cc2f85cedef654fccc4a4d8']
    """

    def __init__(self, path: str | os.PathLike[str], block_cache: KeepBlockCache | None = None) -> None:
        super().__init__(path, block_cache)
        if not self.path.is_dir():
            raise errors.StoreError(
                f"KEEP_LOCAL_STORE must be a folder that exists, and {self.path} is not", path=str(self.path)
            )

    def path_of(self, digest: str) -> Path:
        """Say which file a block is in."""
        return self.path / digest

    def _folders(self, prefix: str) -> Iterator[Path]:
        yield self.path

    def put(
        self,
        data: Data | str,
        copies: int = 1,
        num_retries: int | None = None,
        request_id: str | None = None,
        classes: object = None,
    ) -> str:
        """Store a block; when this returns, it is on the disk.

        A damaged file of its name is replaced, as 3.2.1 replaces any.

        Args:
            data: Its bytes, at most 64 MiB, which must not change during the call; text is encoded as UTF-8.
            copies: Taken for the sake of `BlockClient`, as all that follow: 3.2.1 passes them over here.
            num_retries: Likewise.
            request_id: Likewise.
            classes: Likewise.

        Returns:
            The locator: hash and size.

        Raises:
            BlockTooLargeError: It is larger than 64 MiB.
            StoreFullError: There is no space left.
            StoreReadOnlyError: The folder may not be written to.
            KeepWriteError: Something else went wrong.
        """
        block, digest = as_block(data)
        if block.nbytes:
            self.store(block, digest)
        return f"{digest}+{block.nbytes}"

    def settle(self, digest: str, holds: Callable[[int], bool], publish: Callable[[Path, bool], bool]) -> None:
        """Have a block stored: as the file that is there already, unless it is damaged, or as a new one.

        Args:
            digest: Its hash.
            holds: Tells whether an open file has its bytes.
            publish: Makes a file of this name that has them; is told whether to replace another one.

        Raises:
            KeepWriteError: As for `put`.
        """
        path = self.path_of(digest)
        with _files.writing(path):
            while not (self._is_there(path, holds) or publish(path, True)):
                pass  # somebody has removed our unfinished file

    def _is_there(self, path: Path, holds: Callable[[int], bool]) -> bool:
        """Make a block that is there already durable, which 3.2.1 does not; False when it is not there, or damaged."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            if not holds(descriptor):
                return False
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        _files.sync_folder(path.parent)
        return True
