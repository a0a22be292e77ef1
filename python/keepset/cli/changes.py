"""What changed from one tree to another, as `diff` and `merge` print it."""

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from keepset.cli.output import Output
from keepset.cli.text import size_text
from keepset.manifest import Diff

__all__ = ["Change", "Changes"]

_LETTERS = {"added": "A", "removed": "D", "modified": "M", "moved": "R"}


class Change(NamedTuple):
    """A change as it is printed: a move may have become two of them."""

    kind: Literal["added", "removed", "modified", "moved"]
    type: Literal["file", "directory"]
    path: str
    old_path: str | None
    old_size: int | None
    new_size: int | None

    def described(self) -> dict[str, Any]:
        """Describe the change for JSON."""
        return {key: value for key, value in self._asdict().items() if value is not None}

    def name(self, output: Output) -> str:
        """Give the path as it is to be printed; a directory has a slash behind it."""
        return self._shown(output, self.path)

    def line(self, output: Output, human: bool) -> str:
        """Give the line that tells of the change."""
        start = output.styled(_LETTERS[self.kind], self.kind)
        path = self.name(output)
        if self.old_path is not None:
            return f"{start} {self._shown(output, self.old_path)} -> {path}"
        if self.kind == "modified":
            return f"{start} {path} {size_text(self.old_size or 0, human)} -> {size_text(self.new_size or 0, human)}"
        return f"{start} {path}"

    def _shown(self, output: Output, path: str) -> str:
        return output.name(path + "/" * (self.type == "directory"))


class Changes:
    """All the changes. They are made as one goes over them: there may be millions.

    Args:
        differences: What the engine says.
        renames: Whether what moved is one change, and not two.
    """

    def __init__(self, differences: Diff, *, renames: bool = True) -> None:
        self._differences = differences
        self._renames = renames

    def __bool__(self) -> bool:
        """Tell whether there are any."""
        return bool(self._differences)

    def __iter__(self) -> Iterator[Change]:
        """Go over them."""
        for change in self._differences:
            if not self._renames and change.kind == "moved" and change.old_path is not None:
                yield Change("removed", change.type, change.old_path, None, change.old_size, None)
                yield Change("added", change.type, change.path, None, None, change.new_size)
            else:
                yield Change(change.kind, change.type, change.path, change.old_path, change.old_size, change.new_size)

    def counts(self) -> dict[str, int]:
        """Count them by kind, with the bytes that there are more now."""
        counts = {"added": 0, "removed": 0, "modified": 0, "moved": 0, "size_change": 0}
        for change in self:
            counts[change.kind] += 1
            counts["size_change"] += (change.new_size or 0) - (change.old_size or 0)
        return counts

    def summary(self, human: bool) -> str:
        """Sum them up in a line."""
        counts = self.counts()
        parts = [f"{count} {kind}" for kind, count in counts.items() if count and kind != "size_change"]
        if not parts:
            return "no changes"
        growth = counts["size_change"]
        return f"{', '.join(parts)}; {'-' if growth < 0 else '+'}{size_text(abs(growth), human)} bytes"

    def described(self) -> dict[str, Any]:
        """Describe them for JSON."""
        return {"summary": self.counts(), "changes": [change.described() for change in self]}
