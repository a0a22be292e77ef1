"""Blocks that another cluster has signed (`+R`), and what it takes to have them here.

A server takes no manifest with such locators. Asked to sign one itself, a Keep service fetches the block first.
"""

from __future__ import annotations

import re

__all__ = ["remote_locators", "with_locators"]

# Of what follows a space, only locators begin like this: names of streams follow a newline, names of files a colon.
_REMOTE = re.compile(r"(?<= )([0-9a-f]{32}\+[0-9]+)(?:\+[^ \n]*)?\+R[^ \n]*")


def remote_locators(text: str) -> dict[str, str]:
    r"""Return the locators of remote blocks, by hash and size.

    Args:
        text: A manifest.

    Examples:
        >>> remote_locators(". acbd18db4cc2f85cedef654fccc4a4d8+3+Rzzzzz-0a@65f5d310 0:3:a\n")
        {'acbd18db4cc2f85cedef654fccc4a4d8+3': 'acbd18db4cc2f85cedef654fccc4a4d8+3+Rzzzzz-0a@65f5d310'}
    """
    if "+R" not in text:
        return {}
    return {match[1]: match[0] for match in _REMOTE.finditer(text)}


def with_locators(text: str, locators: dict[str, str]) -> str:
    """Return a manifest with other locators for its remote blocks, and otherwise as it is.

    Args:
        text: The manifest.
        locators: The new ones, by hash and size.
    """
    return _REMOTE.sub(lambda match: locators[match[1]], text)
