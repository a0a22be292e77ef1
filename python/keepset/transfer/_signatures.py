"""Signatures that a target has given for blocks: noted in a file while they come, and put into manifests.

A signature is good for one token and for some time. So a note of another token is none, a signature that has run out
is none, and whoever takes one from the note has the target asked about it.
"""

import datetime
import hashlib
import json
import logging
import os
import re
import threading
from collections.abc import Mapping
from pathlib import Path

from keepset.errors import ArgumentError
from keepset.locator import KeepLocator
from keepset.manifest import Manifest

__all__ = ["SignatureNote", "block_key", "expires_within", "with_signatures"]

_FORMAT = 1
_SIGNED = re.compile(r"[0-9a-f]{32}\+[0-9]+\+A[0-9a-f]{40}@[0-9a-f]{1,8}")
# Of what follows a space, only locators begin like this: names of streams follow a newline, names of files a colon.
_UNSIGNED = re.compile(r"(?<= )([0-9a-f]{32})\+0*([0-9]+)(?=[ \n])")
_WORTH_NOTING = 3600.0

_log = logging.getLogger("keepset")


def block_key(locator: str) -> str:
    """Return what names a block whoever has signed it: hash and size.

    Args:
        locator: Its locator.
    """
    return "+".join(locator.split("+", 2)[:2])


def expires_within(locator: str, seconds: float) -> bool:
    """Tell whether the signature of a locator is good for less than so many seconds; False if it has none.

    Args:
        locator: The locator.
        seconds: How long it has to be good.
    """
    moment = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds)
    try:
        return KeepLocator(locator).permission_expired(moment)
    except ArgumentError:  # manifests are loaded that have odd hints
        return False


def with_signatures(manifest: Manifest, signed: Mapping[str, str]) -> str:
    r"""Return the text of a manifest with other signatures, and otherwise as it is, to the byte.

    Args:
        manifest: The manifest.
        signed: The locators with the signatures, by hash and size.

    Examples:
        >>> block = "acbd18db4cc2f85cedef654fccc4a4d8+3"
        >>> with_signatures(Manifest.parse(f". {block}+Kzzzzz 0:3:a\n"), {block: f"{block}+A0@1"})
        '. acbd18db4cc2f85cedef654fccc4a4d8+3+A0@1 0:3:a\n'
    """

    def sign(match: re.Match[str]) -> str:
        # The size stays as it is written there, which the portable data hash depends on.
        key = f"{match[1]}+{match[2]}"
        return match[0] + signed.get(key, key)[len(key) :]

    return _UNSIGNED.sub(sign, manifest.stripped().text)


class SignatureNote:
    """The signed locators that a target has given, in a file to which each is added as it comes; safe for threads.

    Args:
        path: The file; None for a note that is not kept.
        token: The token that the signatures are for. The file has a hash of it.
    """

    def __init__(self, path: str | os.PathLike[str] | None, token: str) -> None:
        self._path = None if path is None else Path(path)
        self._header = json.dumps({"format": _FORMAT, "token": hashlib.sha256(token.encode()).hexdigest()})
        self._descriptor: int | None = None
        self._lock = threading.Lock()
        self._signed = self._read()

    def _read(self) -> dict[str, str]:
        """Read what an earlier attempt has noted, but for the last line that it may not have finished."""
        try:
            header, *lines = self._path.read_text("ascii").split("\n") if self._path else [""]
        except (OSError, ValueError):
            return {}
        if header != self._header:
            return {}
        good = (line for line in lines if _SIGNED.fullmatch(line) and not expires_within(line, _WORTH_NOTING))
        return {block_key(line): line for line in good}

    def get(self, key: str) -> str | None:
        """Return the locator with the signature that was noted for a block, or None.

        Args:
            key: Its hash and size.
        """
        return self._signed.get(key)

    def add(self, locator: str) -> None:
        """Note a locator. If that is not possible, the copying goes on without.

        Args:
            locator: The locator; one without a signature says nothing.
        """
        with self._lock:
            if self._path is None or not _SIGNED.fullmatch(locator):
                return
            try:
                if self._descriptor is None:
                    self._descriptor = self._opened(self._path)
                os.write(self._descriptor, f"{locator}\n".encode())
            except OSError as error:
                _log.warning("cannot note in %s how far the copying has come: %s", self._path, error.strerror)
                self._path = None

    def _opened(self, path: Path) -> int:
        """Begin the file anew with what is still good in it."""
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = path.with_name(f"{path.name}.tmp")
        fresh.write_text("\n".join([self._header, *self._signed.values(), ""]), "ascii")
        fresh.chmod(0o600)
        fresh.replace(path)
        return os.open(path, os.O_WRONLY | os.O_APPEND)

    def close(self) -> None:
        """Close the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def remove(self) -> None:
        """Remove the file: everything is saved."""
        self.close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)
