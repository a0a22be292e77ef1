"""What an upload has stored so far, noted in a file, so that the same upload goes on from there after an interruption.

The note has the manifest so far and, of each local file in it, what tells whether that has changed since. Nothing in
it is taken for granted: a note that is damaged is none, and blocks are looked for in the store before they are named.
"""

import contextlib
import hashlib
import json
import logging
import os
import secrets
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keepset import errors
from keepset.manifest import Manifest
from keepset.transfer._local import LocalFile
from keepset.transfer._values import Patterns

if TYPE_CHECKING:
    from keepset.blocks import BlockManager

__all__ = ["Checkpoint", "Stored"]

_FORMAT = 1
_FIRST = 1.0
_INTERVAL = 5.0
_PATIENCE = 20
"""Writing a note may take a twentieth of the time: that of a million files takes seconds."""

_log = logging.getLogger("keepset")


class Stored:
    """What an earlier attempt has stored.

    Args:
        manifest: The manifest that it got to.
        signatures: Of each local file, what it looked like then.
        begun: Of the file that was being stored, how many bytes of it are in the manifest.
    """

    def __init__(self, manifest: Manifest, signatures: dict[str, list[int]], begun: dict[str, int]) -> None:
        self.manifest = manifest
        self._signatures = signatures
        self._begun = begun
        self._blocks: dict[str, bool] = {}

    def size(self, file: LocalFile, name: str, manager: "BlockManager") -> int | None:
        """Return how many bytes of a local file are stored as they are now; None for nothing.

        Args:
            file: The local file.
            name: Its path in the manifest.
            manager: Where its blocks should be.
        """
        if self._signatures.get(file.name) != file.signature or name not in self.manifest:
            return None
        size = self.manifest.stat(name).size
        # Of what was in memory only, the note has the signature, but the manifest not all the bytes.
        if size != self._begun.get(file.name, file.size):
            return None
        is_there = all(self._is_there(locator, manager) for locator, _, _ in self.manifest.read_plan(name))
        return size if is_there else None

    def _is_there(self, locator: str, manager: "BlockManager") -> bool:
        if locator not in self._blocks:
            try:
                self._blocks[locator] = manager.head(locator)
            except Exception:  # noqa: BLE001 - another library's client raises what it likes; all mean: store it again
                self._blocks[locator] = False
        return self._blocks[locator]


class Checkpoint:
    """The note of one upload; `upload` reads and writes it.

    Args:
        path: The file.

    Attributes:
        path: As given.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._signatures: dict[str, list[int]] = {}
        self._begun: dict[str, int] = {}
        self._due = time.monotonic() + _FIRST
        self._works = True

    @classmethod
    def of(
        cls, source: str | os.PathLike[str], target: str, include: Patterns = None, exclude: Patterns = None
    ) -> "Checkpoint":
        """Return the note of an upload, in the folder where this user's programs keep their state.

        Args:
            source: The local file or directory.
            target: Which store, collection and path it goes to, as a text that is the same next time.
            include: The patterns of the upload.
            exclude: Likewise.
        """
        import platformdirs

        patterns = [_listed(include), _listed(exclude)]
        what = json.dumps([os.path.abspath(source), target, *patterns])  # noqa: PTH100 - links are not resolved
        name = hashlib.sha256(what.encode()).hexdigest()[:32]
        return cls(platformdirs.user_state_path("keepset", appauthor=False) / "transfers" / f"{name}.json")

    def read(self) -> Stored | None:
        """Return what an earlier attempt has noted, or None."""
        try:
            note = json.loads(self.path.read_bytes())
            if note["format"] != _FORMAT:
                return None
            signatures = {str(name): [int(number) for number in numbers] for name, numbers in note["files"].items()}
            begun = {str(name): int(size) for name, size in note["begun"].items()}
            return Stored(Manifest.parse(note["manifest"]), signatures, begun)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, errors.KeepsetError):
            return None

    @property
    def is_due(self) -> bool:
        """Whether it is time to write."""
        return self._works and time.monotonic() >= self._due

    def add(self, file: LocalFile) -> None:
        """Note that a file is in the collection.

        Args:
            file: The local file.
        """
        self._begun.pop(file.name, None)
        self._signatures[file.name] = file.signature

    def begin(self, file: LocalFile, size: int) -> None:
        """Note that the beginning of a file is stored.

        Args:
            file: The local file.
            size: How many bytes.
        """
        self._begun[file.name] = size
        self._signatures[file.name] = file.signature

    def write(self, manifest: Callable[[], str]) -> None:
        """Write the note, whole or not at all. If that is not possible, the upload goes on without.

        Args:
            manifest: Gives the manifest of what is stored.
        """
        if not self._works:
            return
        started = time.monotonic()
        note: dict[str, Any] = {
            "format": _FORMAT,
            "files": self._signatures,
            "begun": self._begun,
            "manifest": manifest(),
        }
        temporary = self.path.with_name(f"{self.path.name}.{secrets.token_hex(6)}.tmp")
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            temporary.write_text(json.dumps(note), encoding="ascii")
            temporary.replace(self.path)
        except OSError as error:
            self._works = False
            _log.warning("cannot note in %s how far the upload has come: %s", self.path, error.strerror)
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink()
        ended = time.monotonic()
        self._due = ended + max(_INTERVAL, _PATIENCE * (ended - started))

    def remove(self) -> None:
        """Remove the note: the collection is saved."""
        with contextlib.suppress(OSError):
            self.path.unlink()


def _listed(patterns: Patterns) -> list[str]:
    if patterns is None:
        return []
    return [patterns] if isinstance(patterns, str) else _sorted(patterns)


def _sorted(patterns: Iterable[str]) -> list[str]:
    return sorted(patterns)
