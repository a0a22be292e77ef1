"""Permission signatures of blocks, as Arvados makes them (`sdk/go/arvados/blob_signature.go`).

A signature is made for a token: whoever has been given a locator by the API may fetch the block with the same token,
and name it in a manifest, until it expires.
"""

import hmac
import re
from collections.abc import Iterable
from enum import Enum

from keepset.config import EMPTY_BLOCK_LOCATOR

__all__ = ["LIFETIME", "Signer", "Verdict"]

LIFETIME = 1_209_600
"""For how long a signature is valid unless told, in seconds: `Collections.BlobSigningTTL`, two weeks."""

_SIGNED = re.compile(
    r"([0-9a-f]{32})(?:\+[0-9]+)?(?:\+[B-Z][A-Za-z0-9@_-]*)*"
    r"\+A([0-9a-fA-F]{40})@([0-9a-fA-F]{8})(?:\+[B-Z][A-Za-z0-9@_-]*)*"
)
# In a stripped manifest nothing else looks like this: file tokens begin with a number and a colon.
_LOCATOR = re.compile(r"(?<= )([0-9a-f]{32})\+[0-9]+(?= )")


class Verdict(Enum):
    """What a signature is worth."""

    VALID = "valid signature"
    MISSING = "missing signature"
    EXPIRED = "expired signature"
    INVALID = "invalid signature"


class Signer:
    """Makes and checks signatures.

    Args:
        key: The secret of this server: `Collections.BlobSigningKey`.
        lifetime: For how long signatures are valid, in seconds.

    Attributes:
        lifetime: As given.

    Example:
        >>> signer = Signer(b"example-signing-key")
        >>> signer.sign("acbd18db4cc2f85cedef654fccc4a4d8+3", "v2/zzzzz-gj3su-000000000000000/secret", 1700000000)
        'acbd18db4cc2f85cedef654fccc4a4d8+3+A6e9ff3c61bb1d140f41620f71f590062d996c42c@6553f100'
    """

    def __init__(self, key: bytes, lifetime: int = LIFETIME) -> None:
        self._key = key
        self.lifetime = lifetime

    def sign(self, locator: str, token: str, expiry: int) -> str:
        """Return a locator with a signature.

        Args:
            locator: The bare locator.
            token: Who may use it, as sent in the header `Authorization`.
            expiry: Until when, in seconds of the epoch.
        """
        return f"{locator}{self._hint(locator[:32], token, f'{expiry:08x}')}"

    def sign_text(self, text: str, token: str, expiry: int) -> str:
        """Return a stripped manifest text with a signature at each locator.

        Args:
            text: The text.
            token: As for `sign`.
            expiry: As for `sign`.
        """
        moment = f"{expiry:08x}"
        return _LOCATOR.sub(lambda found: f"{found[0]}{self._hint(found[1], token, moment)}", text)

    def check(self, locator: str, token: str, now: float) -> Verdict:
        """Say what the signature of a locator is worth.

        Args:
            locator: The locator.
            token: Who wants to use it.
            now: The present moment.
        """
        signed = _SIGNED.fullmatch(locator)
        if signed is None:
            return Verdict.MISSING
        digest, signature, expiry = signed.groups()
        if int(expiry, 16) < now:
            return Verdict.EXPIRED
        expected = self._hint(digest, token, expiry)
        return Verdict.VALID if hmac.compare_digest(expected, f"+A{signature}@{expiry}") else Verdict.INVALID

    def refused(self, locators: Iterable[str], token: str, now: float) -> list[str]:
        """Return the locators that may not be named in a manifest; the empty block always may.

        Args:
            locators: The blocks of the manifest.
            token: Who wants to name them.
            now: The present moment.
        """
        return [
            locator
            for locator in locators
            if not locator.startswith(EMPTY_BLOCK_LOCATOR) and self.check(locator, token, now) != Verdict.VALID
        ]

    def _hint(self, digest: str, token: str, expiry: str) -> str:
        message = f"{digest}@{token}@{expiry}@{self.lifetime:x}"
        return f"+A{hmac.digest(self._key, message.encode('utf-8', 'surrogateescape'), 'sha1').hex()}@{expiry}"
