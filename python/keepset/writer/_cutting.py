"""Bytes laid end to end in streams, and cut into blocks that are stored while more of them come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from keepset import config
from keepset._core import join
from keepset._foreign import keep_of
from keepset._writing import plain_bytes
from keepset.blocks import BlockManager
from keepset.writer._layout import StreamLayout

if TYPE_CHECKING:
    from keepset._buffers import Buffer
    from keepset.keep.base import Data

__all__ = ["BlockWriter"]


class BlockWriter(StreamLayout):
    """Writes streams into Keep.

    Args:
        api_client: What has the Keep client; the default session, if it is None.
        num_retries: How often requests are tried again.
        replication: On how many services blocks are stored.
    """

    def __init__(self, api_client: Any, num_retries: int, replication: int) -> None:
        super().__init__()
        self._api_client = api_client
        self._keep_client: Any = None
        self._block_manager: BlockManager | None = None
        self.num_retries = num_retries
        self.replication = replication
        # What has been written since the last block, in the order of the stream.
        self._data_buffer: list[Data] = []
        self._data_buffer_len = 0
        # Blocks on their way, in order, with the locators of the stream that each belongs to.
        self._uploads: list[tuple[list[str], Buffer]] = []
        self._waits_for_blocks = True

    def _my_api(self) -> Any:
        if self._api_client is None:
            from keepset import session

            self._api_client = session.default_session()
        return self._api_client

    def _my_keep(self) -> Any:
        if self._keep_client is None:
            self._keep_client = keep_of(self._my_api())
        return self._keep_client

    def _my_block_manager(self) -> BlockManager:
        if self._block_manager is None:
            self._block_manager = BlockManager(self._my_keep(), self.replication, num_retries=self.num_retries)
        return self._block_manager

    def write(self, newdata: Any) -> None:
        """Write to the current file.

        Args:
            newdata: Bytes, a text to be written as UTF-8, or an iterable of such.

        Raises:
            KeepWriteError: An earlier block could not be stored; nothing has been written.
        """
        try:
            data = plain_bytes(newdata)
        except TypeError:
            for part in newdata:
                self.write(part)
            return
        self._report()
        self._append(data)

    def flush_data(self) -> None:
        """Store what has been written since the last block as a block of its own, and wait for it.

        A writer calls this, too, for each block of its own; then it does not wait. A class that is derived from this
        one can note here how far it has come.

        Raises:
            KeepWriteError: It could not be stored; `manifest_text` tries again.
        """
        if self._data_buffer:
            self._upload()
        if self._waits_for_blocks:
            self._settle()

    def _append(self, data: bytes | memoryview) -> None:
        """Add to the stream, and upload what is full."""
        left = memoryview(data)
        while left:
            part = left[: config.KEEP_BLOCK_SIZE - self._data_buffer_len]
            # Most are smaller than what is free, and are kept as the `bytes` that they are.
            self._data_buffer.append(data if isinstance(data, bytes) and len(part) == len(data) else bytes(part))
            self._data_buffer_len += len(part)
            self._current_stream_length += len(part)
            left = left[len(part) :]
            if self._data_buffer_len >= config.KEEP_BLOCK_SIZE:
                self._end_of_data()

    def _end_of_data(self) -> None:
        self._waits_for_blocks = False
        try:
            self.flush_data()
        finally:
            self._waits_for_blocks = True

    def _upload(self) -> None:
        """Start to upload a block. Waits while others are uploaded, which bounds memory."""
        manager = self._my_block_manager()
        parts = self._data_buffer
        buffer = manager.begin(bytes(parts[0]) if len(parts) == 1 else join(parts, self._data_buffer_len))
        self._uploads.append((self._current_stream_locators, buffer))
        self._data_buffer, self._data_buffer_len = [], 0
        manager.upload(buffer)

    def _settle(self) -> None:
        """Wait for all uploads, and note their locators."""
        if not self._uploads:
            return
        manager = self._my_block_manager()
        manager.commit_all()
        places = manager.places([buffer.cell for _, buffer in self._uploads])
        for (locators, _), (_, locator, _) in zip(self._uploads, places, strict=True):
            locators.append(locator)
        self._uploads = []

    def _report(self) -> None:
        if self._block_manager is not None:
            self._block_manager.report()
