"""An edit as the API's `replace_files` says it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from keepset import _core, errors
from keepset.manifest import Manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = ["Plan", "Step", "manifest_of", "plan_edit"]

Kind: TypeAlias = Literal["added", "removed", "modified", "copied", "moved"]

_LETTERS: dict[Kind, str] = {"added": "A", "removed": "D", "modified": "M", "copied": "C", "moved": "R"}


class Step(NamedTuple):
    """What happens at one path.

    Attributes:
        kind: `"added"` and `"modified"` (sent), `"copied"`, `"moved"` (a copy in the place of a path that goes) or
            `"removed"`.
        target: The path, from `/`.
        source: Where the server takes it from: `current/…` is the collection as it was, `manifest_text/…` what is
            sent, a portable data hash another collection; empty for what is removed.
        type: `"file"` or `"directory"`; a directory comes or goes with all below it.
        size: Its bytes.
        file_count: Its files.
    """

    kind: Kind
    target: str
    source: str
    type: Literal["file", "directory"]
    size: int
    file_count: int

    def line(self, name: Callable[[str], str] = str, size: Callable[[int], str] = str) -> str:
        """Describe the step in a line.

        Args:
            name: Writes a path.
            size: Writes a number of bytes.
        """
        slash = "/" * (self.type == "directory" and self.target != "/")
        line = f"{_LETTERS[self.kind]} {size(self.size):>10}  {name(self.target + slash)}"
        if self.kind not in ("copied", "moved"):
            return line
        collection, _, path = self.source.partition("/")
        origin = f"/{path}" if collection == "current" else f"{collection}/{path}"
        return f"{line} <- {name(origin + slash * bool(path))}"


@dataclass(frozen=True, slots=True)
class Plan:
    """What makes one manifest of another on a server.

    Attributes:
        steps: What happens, by target.
        manifest_text: What has to be sent: the new content, and nothing else.
        replace_segments: Where bytes are now, by where they were, both as `"locator offset length"`.
    """

    steps: tuple[Step, ...] = ()
    manifest_text: str = ""
    replace_segments: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Return whether there is anything to do."""
        return bool(self.steps or self.replace_segments)

    @property
    def replace_files(self) -> dict[str, str]:
        """The sources by target, as the API takes them."""
        return {step.target: step.source for step in self.steps}

    def as_request(self) -> dict[str, Any]:
        """Return the body of the request: that of `collections().update`, with the UUID beside it."""
        body: dict[str, Any] = {"collection": {"manifest_text": self.manifest_text} if self.manifest_text else {}}
        if self.steps:
            body["replace_files"] = self.replace_files
        if self.replace_segments:
            body["replace_segments"] = dict(self.replace_segments)
        return body

    def preview(self, name: Callable[[str], str] = str, size: Callable[[int], str] = str) -> str:
        """Describe the plan for people: a line for each step, and a summary.

        Args:
            name: Writes a path.
            size: Writes a number of bytes.
        """
        return "\n".join([*(step.line(name, size) for step in self.steps), self.summary(size)])

    def summary(self, size: Callable[[int], str] = str) -> str:
        """Describe the plan in a line.

        Args:
            size: Writes a number of bytes.
        """
        counts = Counter(step.kind for step in self.steps)
        parts = [f"{counts[kind]} {kind}" for kind in _LETTERS if counts[kind]]
        if self.replace_segments:
            parts.append(f"{len(self.replace_segments)} segments replaced")
        if not parts:
            return "nothing to do"
        return f"{', '.join(parts)}; {size(len(self.manifest_text))} bytes of text to be sent"


def plan_edit(base: Any, edited: Any, sources: Iterable[Any] = ()) -> Plan:
    """Plan the request that makes one manifest of another.

    What has moved or was copied is copied by the server, a directory as a whole. Nothing is said of what stays as it
    is, so that what others change there meanwhile survives. In JSON there are no names that are not UTF-8: if one of
    them changes, the plan is to send everything.

    Args:
        base: What the server has: a manifest, or a collection.
        edited: What it is to have. Bytes of a collection that are in memory are stored first.
        sources: Other manifests or collections that the server has, from which it may copy.

    Raises:
        ArgumentError: One of them was salvaged.
        KeepWriteError: Some bytes could not be stored.
    """
    origins = [manifest_of(base), *map(manifest_of, sources)]
    rows, text = _core.plan_edit(origins[0], manifest_of(edited), origins[1:])
    names = ["current", *(origin.portable_data_hash for origin in origins[1:])]
    steps = []
    for kind, path, node_type, size, file_count, origin in rows:
        source = "" if kind == "removed" else f"manifest_text/{path}"
        if origin is not None:
            source = f"{names[origin[0]]}/{origin[1]}"
        told: Kind = kind if kind != "sent" else "modified" if path in origins[0] else "added"
        steps.append(Step(told, f"/{path}", source, node_type, size, file_count))
    has_text = any(step.source.startswith("manifest_text/") for step in steps)
    return Plan(tuple(steps), text.text if has_text else "")


def manifest_of(source: Any) -> Manifest:
    """Return the manifest of a collection; bytes in memory are stored first. A manifest is itself.

    Args:
        source: A manifest, or a collection, also of 3.2.1.

    Raises:
        ArgumentError: The manifest was salvaged.
    """
    if not isinstance(source, Manifest):
        return Manifest.parse(source.manifest_text())
    if source.salvaged:
        raise errors.ArgumentError("a salvaged manifest is not what its text meant")
    return source
