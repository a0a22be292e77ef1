"""One block from one Keep to another, if it is not there."""

from typing import Any, NamedTuple

from keepset import errors
from keepset.transfer._parallel import Stop
from keepset.transfer._signatures import SignatureNote, block_key

__all__ = ["BlockSender", "Sent"]


class Sent(NamedTuple):
    """A block that the target has.

    Attributes:
        locator: Its locator there, with the signature of the target.
        size: How many bytes were sent; 0 if it was there.
    """

    locator: str
    size: int


class BlockSender:
    """Sends blocks; safe for threads, each of which has one block in memory.

    Args:
        source: The Keep client that has them.
        target: The one that is to have them.
        note: What the target has signed before.
        stop: Tells whether the work is still wanted.
    """

    def __init__(self, source: Any, target: Any, note: SignatureNote, stop: Stop) -> None:
        self._source = source
        self._target = target
        self._note = note
        self._stop = stop
        self._target_signs = False

    def send(self, locator: str, copies: int, classes: list[str]) -> Sent:
        """Have a block at the target.

        Args:
            locator: Its locator at the source.
            copies: On how many services it is to be stored.
            classes: In which storage classes; empty for the default ones.

        Raises:
            KeepReadError: The source does not give it. (Another library's client raises errors of its own.)
            KeepWriteError: The target does not take it.
        """
        self._stop.check()
        key = block_key(locator)
        known = self._known(key)
        if known is not None:
            return Sent(known, 0)
        data = self._source.get(locator)
        self._stop.check()
        # Other clients take nothing but `bytes`.
        signed: str = self._target.put(data if isinstance(data, bytes) else bytes(data), copies, classes=classes)
        if block_key(signed) != key:
            raise errors.KeepWriteError(f"the target calls the block {key} {block_key(signed)}")
        self._target_signs = self._target_signs or "+A" in signed
        self._note.add(signed)
        return Sent(signed, len(data))

    def _known(self, key: str) -> str | None:
        """Return a locator that the target answers to, if one can be had without sending the block."""
        noted = self._note.get(key)
        if noted is not None and self._is_there(noted):
            return noted
        # What answers without a signature takes manifests without one. Who has signed a block does not.
        return key if not self._target_signs and self._is_there(key) else None

    def _is_there(self, locator: str) -> bool:
        try:
            return bool(self._target.head(locator))
        except Exception:  # noqa: BLE001 - another library's client raises what it likes; all mean: send it
            return False
