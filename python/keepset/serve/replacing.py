"""`replace_files` and `replace_segments`: changes of a collection's content that name what they take it from.

The rules are those of `lib/controller/localdb/collection.go` (`applyReplaceFilesOption`,
`applyReplaceSegmentsOption`). Nothing here asks a catalog: where sources are is for the caller to know.
"""

import re
from collections.abc import Callable, Mapping
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from keepset import Manifest
from keepset._core import Tree
from keepset.serve.replies import Refusal

__all__ = ["CURRENT", "GIVEN", "Replacement", "read_replacements", "replace_files", "replace_segments"]

CURRENT = "current"
"""Names the collection as it is, as a source."""
GIVEN = "manifest_text"
"""Names the manifest in the request, as a source."""

_ROOT = 0
_SOURCE = re.compile(rf"({CURRENT}|{GIVEN}|[0-9a-f]{{32}}\+[0-9]+)(?:\+[^/]*)?(/.*)?", re.DOTALL)
_SEGMENT = re.compile(r"([0-9a-f]{32}\+([0-9]{1,10})(?:\+\S+)?) ([0-9]{1,10}) ([0-9]{1,10})")


class Replacement(NamedTuple):
    """A target and its source.

    Attributes:
        target: A path, without the slash in front; empty for the root.
        source: `CURRENT`, `GIVEN` or a portable data hash; empty to remove the target.
        path: The path in the source; empty for all of it.
    """

    target: str
    source: str
    path: str


def read_replacements(value: object) -> list[Replacement]:
    """Read the parameter `replace_files`.

    Args:
        value: Sources by target.

    Returns:
        The replacements, parents before what is in them.

    Raises:
        Refusal: (400) It breaks a rule.
    """
    found = [_replacement(target, source) for target, source in _strings("replace_files", value).items()]
    found.sort()
    _check_nesting(found)
    return found


def _strings(name: str, value: object) -> Mapping[str, str]:
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise Refusal(400, f"{name} must be an object whose values are texts")
    return value


def _replacement(target: str, source: str) -> Replacement:
    if not _is_canonical(target):
        raise Refusal(400, f"the target {target!r} is not an absolute path in its shortest form")
    if not source:
        return Replacement(target[1:], "", "")
    parts = _SOURCE.fullmatch(source)
    path = (parts[2] if parts else None) or "/"
    if parts is None or not _is_canonical(path):
        raise Refusal(400, f"the source {source!r} is neither empty nor PDH/path, {GIVEN}/path or {CURRENT}/path")
    return Replacement(target[1:], parts[1], path[1:])


def _is_canonical(path: str) -> bool:
    return path == "/" or (path.startswith("/") and not {"", ".", ".."} & set(path[1:].split("/")))


def _check_nesting(replacements: list[Replacement]) -> None:
    targets = {replacement.target for replacement in replacements}
    filled = {replacement.target for replacement in replacements if replacement.source}
    for target in targets:
        for above in _above(target):
            if above in filled:
                raise Refusal(400, f"the target '/{target}' lies in '/{above}', which is a target with a source")


def _above(path: str) -> list[str]:
    """Return the directories that a path lies in, the root included."""
    parts = path.split("/")
    return ["/".join(parts[:end]) for end in range(len(parts))] if path else []


def replace_files(base: Manifest, replacements: list[Replacement], manifest_of: Callable[[str], Manifest]) -> Manifest:
    """Apply replacements.

    Args:
        base: The content as it is.
        replacements: What becomes of it, as `read_replacements` gives it.
        manifest_of: Returns the manifest of a source.

    Raises:
        Refusal: (400) A source is not there, or a file stands where a directory is needed.
    """
    dropped = any(not replacement.target for replacement in replacements)
    tree = Tree(Manifest.parse("") if dropped else base)
    for replacement in replacements:
        if replacement.target and not dropped:
            _remove(tree, replacement.target)
    filled = sorted((one for one in replacements if one.source), key=attrgetter("source"))
    for name, those in groupby(filled, key=attrgetter("source")):
        source = Tree(manifest_of(name))  # one at a time: each may be large
        for replacement in those:
            _put(tree, replacement, source)
    return tree.manifest()


def _remove(tree: Tree, path: str) -> None:
    found = _find(tree, path)
    if found is not None:
        tree.detach(found[0])


def _find(tree: Tree, path: str) -> tuple[int, bool] | None:
    """Return a node, and whether it is a directory."""
    node, is_directory = _ROOT, True
    for name in path.split("/") if path else []:
        child = tree.child(node, name) if is_directory else None
        if child is None:
            return None
        node, is_directory = child
    return node, is_directory


def _put(tree: Tree, replacement: Replacement, source: Tree) -> None:
    found = _find(source, replacement.path)
    if found is None:
        raise Refusal(400, f"there is no '/{replacement.path}' in the source {replacement.source}")
    node, is_directory = found
    if replacement.target:
        parent, _, name = replacement.target.rpartition("/")
        tree.copy_from(source, node, _directory(tree, parent), name)
    elif is_directory:
        for name, child, _ in source.children(node):
            tree.copy_from(source, child, _ROOT, name)
    else:
        raise Refusal(400, "the target '/' cannot become a file")


def _directory(tree: Tree, path: str) -> int:
    for above in [*_above(path), path]:
        found = _find(tree, above)
        if found is not None and not found[1]:
            raise Refusal(400, f"'/{above}' is a file, and no directory")
    return tree.make(_ROOT, path, True)[0] if path else _ROOT


class _Segment(NamedTuple):
    """A part of a block."""

    locator: str
    offset: int
    length: int

    @property
    def key(self) -> tuple[str, int, int]:
        """What makes two the same: hints do not."""
        return self.locator[:32], self.offset, self.length


def replace_segments(base: Manifest, value: object) -> tuple[Manifest, list[str]]:
    """Apply the parameter `replace_segments`.

    Args:
        base: The content as it is.
        value: New segments by old ones.

    Returns:
        The content, and the locators of the blocks that it newly names, as they were given.

    Raises:
        Refusal: (400) A segment cannot be read, or the new one does not fit.
    """
    pairs = [(_segment(old), _segment(new)) for old, new in _strings("replace_segments", value).items()]
    for old, new in pairs:
        if old.length != new.length:
            raise Refusal(400, f"{old.locator} {old.offset} {old.length} is to become a segment of another length")
    there = {_Segment(*segment).key for path, _ in base.files() for segment in base.segments(path)}
    missed = {new.locator[:32] for old, new in pairs if old.key not in there}
    chosen = {old.key: new for old, new in pairs if new.locator[:32] not in missed}
    return _with_segments(base, chosen), [new.locator for new in chosen.values()]


def _segment(text: str) -> _Segment:
    parts = _SEGMENT.fullmatch(text)
    if parts is None:
        raise Refusal(400, f"a segment is 'locator offset length': {text!r}")
    locator, size, offset, length = parts.groups()
    if int(offset) + int(length) > int(size):
        raise Refusal(400, f"the segment goes beyond the end of its block: {text!r}")
    return _Segment(locator, int(offset), int(length))


def _with_segments(base: Manifest, chosen: Mapping[tuple[str, int, int], _Segment]) -> Manifest:
    tree = Tree(base)
    for path, _ in base.files():
        start = 0
        for segment in map(_Segment._make, base.segments(path)):
            new = chosen.get(segment.key)
            if new is not None:
                found = tree.find(_ROOT, path)
                assert found is not None
                tree.write(found[0], start, new.locator, new.offset, new.length)
            start += segment.length
    return tree.manifest()
