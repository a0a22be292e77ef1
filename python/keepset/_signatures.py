"""Signatures of the blocks of a record, which end some time: new ones are asked for before, or when one is refused.

Whoever fetches a block has a locator of some moment: that of a plan, a manifest, a tree. So it is here that the best
signature of each block is known that was asked for meanwhile. Nothing here takes the lock of a collection, since
blocks are fetched by threads for which somebody may wait who holds it.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from keepset.manifest import Manifest

__all__ = ["LIFETIME", "Signatures"]

LIFETIME = 1_209_600
"""For how many seconds a signature is valid where the cluster does not say: two weeks."""

_PART = 10
"""A signature ends soon if less than this part of its lifetime is left."""

_REFUSED = frozenset({400, 401, 403, 422})
"""What services of any generation, and proxies, answer if a signature has ended or is not one of theirs."""

_SIGNATURE = re.compile(r"\+A[0-9a-f]+@([0-9a-f]{1,8})")

_log = logging.getLogger(__name__)


class Signatures:
    """The signatures of blocks that were asked for since a collection was loaded.

    Args:
        sign_again: Returns manifests in which the blocks have new signatures; none where there is nobody to ask.
        lifetime: Returns for how many seconds a new signature is valid.

    Attributes:
        manifests: Those that were had last.
        generation: How often some were had.
    """

    def __init__(
        self, sign_again: Callable[[], Iterable[Manifest]] = tuple, lifetime: Callable[[], int] = lambda: LIFETIME
    ) -> None:
        self._sign_again = sign_again
        self._lifetime = lifetime
        self._locators: dict[str, str] = {}  # by hash and size
        self._ask_not_before = 0.0
        self.manifests: list[Manifest] = []
        self.generation = 0
        self.after_fork()

    def after_fork(self) -> None:
        """Have a lock of its own, in a new object or in the child of a fork."""
        self._lock = threading.Lock()

    def current(self, locator: str) -> str:
        """Return the locator of a block with a signature that does not end soon, as far as such can be had.

        Args:
            locator: The block.
        """
        if "+A" not in locator:
            return locator
        best = self._best(locator)
        if self.renew_if_due(_expiry(best)):
            best = self._best(locator)
        return best

    def renew_if_due(self, expiry: float) -> bool:
        """Ask for new signatures if one ends soon, unless they have been asked for lately: then there are none.

        Args:
            expiry: When it ends, in seconds of the epoch.

        Returns:
            Whether there may be others now.
        """
        if expiry - now() >= self._soon():
            return False
        before = self.generation
        with self._lock:
            if self.generation == before and now() >= self._ask_not_before:
                self._ask()
            return self.generation != before

    def after_refusal(self, locator: str, error: Exception) -> str | None:
        """Return another locator of a block that was refused, or None if it was not for its signature.

        Args:
            locator: The block.
            error: What its service, or its services, have answered.
        """
        if "+A" not in locator or not _is_refused(error):
            return None
        block = _block(locator)
        with self._lock:
            if self._locators.get(block, locator) == locator:
                self._ask()
            found = self._locators.get(block, locator)
        return None if found == locator else found

    def _best(self, locator: str) -> str:
        known = self._locators.get(_block(locator))
        return locator if known is None or _expiry(known) < _expiry(locator) else known

    def _soon(self) -> float:
        return self._lifetime() / _PART

    def _ask(self) -> None:
        """Get new signatures. To be called under the lock."""
        self._ask_not_before = now() + self._soon()
        found = []
        try:
            for manifest in self._sign_again():
                self._locators.update((_block(locator), locator) for locator in manifest.blocks())
                found.append(manifest)
        except Exception as error:  # noqa: BLE001 - another library's client raises what it likes
            # The old ones may do; if not, the service says so.
            _log.warning("cannot get new signatures of blocks: %s", error)
        if found:
            self.manifests = found
            self.generation += 1


def now() -> float:
    """Return the seconds of the epoch, by this machine's clock."""
    return time.time()


def _block(locator: str) -> str:
    return "+".join(locator.split("+", 2)[:2])


def _expiry(locator: str) -> int:
    found = _SIGNATURE.search(locator)
    return int(found[1], 16) if found else 0


def _is_refused(error: Exception) -> bool:
    if not hasattr(error, "request_errors"):
        return False
    return any(getattr(answer, "status_code", None) in _REFUSED for answer in error.request_errors().values())
