"""Who may use the server: tokens with read or write scope, and the key that signs blocks, in one file of the store.

The file has mode 0600 and holds hashes only: a token is shown once, when it is made. It is replaced as a whole under a
lock, and read again when it has changed, so that a token can be made or revoked while the server runs.
"""

import fcntl
import hashlib
import hmac
import json
import os
import secrets
import string
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from keepset.catalog.fields import now
from keepset.catalog.records import CLUSTER
from keepset.errors import ArgumentError, ConfigError

__all__ = ["Access", "Token"]

_FILE = "access.json"
_SECRET_LENGTH = 50
_ALPHABET = string.digits + string.ascii_lowercase


class Token(NamedTuple):
    """What is known of a token; not the token itself.

    Attributes:
        uuid: Its name, which is also its middle part.
        sha256: The hash of the whole token.
        may_write: Whether it allows more than reading.
        created_at: When it was made.
    """

    uuid: str
    sha256: str
    may_write: bool
    created_at: str


class Access:
    """The tokens of a store, and its signing key.

    Args:
        folder: The folder of the store.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / _FILE
        self._lock = threading.Lock()
        # What was read last, and of which state of the file.
        self._state: tuple[int, int, int] | None = None
        self._tokens: dict[str, Token] = {}
        with self._changing() as content:
            content.setdefault("signing_key", secrets.token_hex(32))
            self.signing_key = bytes.fromhex(content["signing_key"])

    def new(self, may_write: bool) -> str:
        """Make a token.

        Args:
            may_write: Whether it shall allow more than reading.

        Returns:
            The token, which is not kept anywhere.
        """
        uuid = f"{CLUSTER}-gj3su-{_random(15)}"
        token = f"v2/{uuid}/{_random(_SECRET_LENGTH)}"
        with self._changing() as content:
            content["tokens"].append(Token(uuid, _hash(token), may_write, now())._asdict())
        return token

    def revoke(self, uuid: str) -> None:
        """Forget a token; it is of no use from now on.

        Args:
            uuid: Its name, or the whole token.

        Raises:
            ArgumentError: There is no such token.
        """
        name = uuid.split("/")[1] if uuid.startswith("v2/") and uuid.count("/") == 2 else uuid
        with self._changing() as content:
            kept = [token for token in content["tokens"] if token["uuid"] != name]
            if len(kept) == len(content["tokens"]):
                raise ArgumentError(f"there is no token {name}; `keepset serve --tokens` lists them")
            content["tokens"] = kept

    def tokens(self) -> list[Token]:
        """Return what is known of the tokens, in the order in which they were made."""
        return list(self._read().values())

    def find(self, token: str) -> Token | None:
        """Return what is known of a token, or None if it is none of ours.

        Args:
            token: The whole token.
        """
        version, _, rest = token.partition("/")
        uuid = rest.partition("/")[0]
        known = self._read().get(uuid) if version == "v2" else None
        return known if known is not None and hmac.compare_digest(known.sha256, _hash(token)) else None

    def _read(self) -> dict[str, Token]:
        with self._lock:
            status = self._path.stat()
            state = (status.st_ino, status.st_mtime_ns, status.st_size)
            if state != self._state:
                content = _load(self._path)
                self._tokens = {token["uuid"]: Token(**token) for token in content["tokens"]}
                self._state = state
            return self._tokens

    @contextmanager
    def _changing(self) -> Iterator[dict[str, Any]]:
        """Give the content of the file, and write it back if it has changed."""
        # Not the file itself is locked: another takes its place.
        lock = os.open(self._path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            content = _load(self._path)
            before = json.dumps(content)
            yield content
            after = json.dumps(content)
            if after != before:
                _replace(self._path, after.encode())
        finally:
            os.close(lock)


def _load(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {"tokens": []}
    except ValueError as error:
        raise ConfigError(
            f"{path} is damaged ({error}): remove it, and make new tokens with `keepset serve --new-token`"
        ) from error
    return content


def _replace(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read; it is there whole or not at all."""
    temporary = path.with_suffix(".new")  # the lock is held, so nobody else writes it
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    temporary.replace(path)


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def _hash(token: str) -> str:
    # A token is random and long: it needs no slow hash.
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
