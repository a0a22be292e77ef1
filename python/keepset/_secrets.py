"""Tokens, which are kept out of whatever may be shown."""

from __future__ import annotations

__all__ = ["Secret"]


class Secret(str):
    """A token: a text that does not show in a `repr`, and so not in what prints variables.

    Example:
        >>> Secret("v2/zzzzz-gj3su-000000000000000/abc")
        '…'
    """

    __slots__ = ()

    def __repr__(self) -> str:
        """Show that there is one."""
        return "'…'"

    def redact(self, text: str) -> str:
        """Return what somebody else says without the part of the token that nobody may see.

        That is what follows its name (`v2/<uuid>/`) if it has one, since a server may repeat that part alone, or write
        the slashes in another way.

        Args:
            text: What is said.

        Example:
            >>> Secret("v2/zzzzz-gj3su-000000000000000/abc").redact("abc is not known")
            '… is not known'
        """
        secret = (self.split("/", 2)[-1] if self.startswith("v2/") else "") or str(self)
        return text.replace(secret, "…") if secret else text
