"""The address of a server of events, which has the token in it."""

from __future__ import annotations

import urllib.parse
from typing import TYPE_CHECKING

from keepset import errors, util
from keepset._pools import is_loopback, tls_context
from keepset._secrets import Secret

if TYPE_CHECKING:
    import ssl

__all__ = ["Address"]


class Address(Secret):
    """An address that does not show in a `repr`, and of which errors and logs have only the `place`.

    Example:
        >>> address = Address("wss://ws.zzzzz.example/websocket?api_token=abc")
        >>> address, address.place
        ('…', 'wss://ws.zzzzz.example/websocket')
    """

    __slots__ = ()

    @property
    def place(self) -> str:
        """What may be shown of it."""
        start = self.partition("?")[0]
        scheme, separator, rest = start.rpartition("://")
        return f"{scheme}{separator}{rest.rpartition('@')[2]}"

    @property
    def host(self) -> str:
        """The name or address of the server; empty if there is none."""
        try:
            return urllib.parse.urlsplit(self).hostname or ""
        except ValueError:
            return ""

    def redact(self, text: str) -> str:
        """Return what somebody else says without what nobody may see: what stands behind the question mark.

        Args:
            text: What is said.

        Example:
            >>> Address("wss://ws.zzzzz.example/websocket?api_token=abc").redact("the token abc has ended")
            'the token … has ended'
        """
        query = self.partition("?")[2]
        for secret in (query, *(value for _, value in urllib.parse.parse_qsl(query))):
            text = Secret(secret).redact(text)
        return text

    def context(self, *, insecure: bool) -> ssl.SSLContext | None:
        """Return what encrypts a connection to this address; None for clear text.

        Args:
            insecure: Whether to trust every certificate, and clear text.

        Raises:
            ConfigError: It is no address of websockets, or others than this machine would see the token.
        """
        is_plain = self.startswith("ws://")
        if not (is_plain or self.startswith("wss://")) or not self.host:
            raise errors.ConfigError(f"not an address of websockets (wss://…): {self.place}")
        if is_plain:
            if not (insecure or is_loopback(self.host)):
                raise errors.ConfigError(f"without TLS the token can be read on its way to {self.place}")
            return None
        return tls_context(insecure=insecure, authorities=None if insecure else util.ca_certs_path())
