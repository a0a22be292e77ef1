"""What an Arvados server makes of `replace_files` and `replace_segments`, written from its documented rules.

It knows nothing of plans: it takes the body of a request, and refuses what the server refuses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import reference
from keepset import escape
from keepset.config import EMPTY_BLOCK_LOCATOR

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Content: TypeAlias = "dict[str, tuple[reference.Span, ...] | None]"
"""What is at each path: the bytes of a file, or None for a directory."""


class Refused(Exception):
    """The server answers 400."""


def content(text: str) -> Content:
    """What a manifest says."""
    tree = reference.parse(text.encode("utf-8", "surrogateescape"), "compat")
    files = {path: tuple(tree.content(path)) for path in tree.files}
    return files | dict.fromkeys(path for path in tree.directories if path)


def below(paths: Content, top: str) -> Content:
    """What is at a path, and below it, by what follows the path."""
    if not top:
        return {f"/{path}": what for path, what in paths.items()} | {"": None}
    return {path[len(top) :]: what for path, what in paths.items() if f"{path}/".startswith(f"{top}/")}


def update(current: str, body: Mapping[str, Any], others: Mapping[str, str] | None = None) -> Content:
    """What a collection has after a request.

    Args:
        current: The manifest before.
        body: The request.
        others: The manifests that are on the server, by portable data hash.
    """
    assert set(body) <= {"collection", "replace_files", "replace_segments"}
    text = body["collection"].get("manifest_text", "")
    changed = content(current)
    if "replace_files" in body:
        changed = replace_files(changed, text, body["replace_files"], others or {})
    return replace_segments(changed, body.get("replace_segments", {}))


def replace_files(current: Content, text: str, targets: Mapping[str, str], others: Mapping[str, str]) -> Content:
    """Apply `replace_files`."""
    sent = content(text)
    if text and not any(source.startswith("manifest_text/") for source in targets.values()):
        raise Refused("the text is not used")
    result: Content = {} if "/" in targets else dict(current)
    for target in targets:
        check_target(target, targets)
    before = dict(result)
    for target, source in targets.items():
        if not source:
            remove(result, target.strip("/"))
    for target, source in targets.items():
        if source:
            name, slash, path = source.partition("/")
            if not slash:
                raise Refused(source)
            known = {"current": before, "manifest_text": sent}
            origin = known[name] if name in known else content(others[name])
            part = below(origin, path)
            if not part:
                raise Refused(f"there is no {source}")
            put(result, target.strip("/"), part)
    return result


def check_target(target: str, targets: Iterable[str] | Mapping[str, str]) -> None:
    """Refuse what is no target."""
    assert isinstance(targets, dict)
    target.encode()  # no half characters: JSON has none
    if not target.startswith("/") or (target != "/" and {"", ".", ".."} & set(target[1:].split("/"))):
        raise Refused(f"{target} is not canonical")
    outer = target
    while outer != "/":
        outer = outer.rpartition("/")[0] or "/"
        if targets.get(outer):
            raise Refused(f"{target} is in {outer}")


def remove(result: Content, top: str) -> None:
    """Drop a path and all below it."""
    for path in [path for path in result if not top or f"{path}/".startswith(f"{top}/")]:
        del result[path]


def put(result: Content, target: str, part: Content) -> None:
    """Put something in the place of a path; directories on the way are made."""
    remove(result, target)
    parents = target.split("/")[:-1]
    for count in range(1, len(parents) + 1):
        if result.setdefault("/".join(parents[:count]), None) is not None:
            raise Refused(f"a file is in the way of {target}")
    result.update({(target + rest).strip("/"): what for rest, what in part.items() if target + rest})


def replace_segments(current: Content, segments: Mapping[str, str]) -> Content:
    """Apply `replace_segments`, which takes all or nothing into a new block."""
    moves = {parse(old): parse(new) for old, new in segments.items()}
    there = {span for spans in current.values() if spans for span in spans}
    for old, new in moves.items():
        if old.length != new.length or new.start + new.length > new.size:
            raise Refused(f"{old} does not fit {new}")
    missing = {(new.digest, new.size) for old, new in moves.items() if old not in there}
    moves = {old: new for old, new in moves.items() if (new.digest, new.size) not in missing}
    return {
        path: spans if spans is None else tuple(reference.join([moves.get(span, span) for span in spans]))
        for path, spans in current.items()
    }


def parse(segment: str) -> reference.Span:
    """Read `locator offset length`; hints are ignored."""
    locator, offset, length = segment.split(" ")
    digest, size = locator.split("+")[:2]
    return reference.Span(digest, int(size), int(offset), int(length))


def text_of(found: Content) -> str:
    """A manifest of some content, as a server may write it: a stream for each directory, its blocks as they come."""
    directories: dict[str, list[str]] = {}
    for path, spans in sorted(found.items()):
        if spans is None:
            directories.setdefault(path, [])
        else:
            directories.setdefault(path.rpartition("/")[0], []).append(path)
    return "".join(_stream(directory, files, found) for directory, files in sorted(directories.items()))


def _stream(directory: str, files: list[str], found: Content) -> str:
    blocks: list[str] = []
    tokens: list[str] = []
    size = 0
    for path in files:
        name = escape(path.rpartition("/")[2])
        spans = found[path] or ()
        for span in spans:
            blocks.append(f"{span.digest}+{span.size}")
            tokens.append(f"{size + span.start}:{span.length}:{name}")
            size += span.size
        tokens += [] if spans else [f"0:0:{name}"]
    name = escape(f"./{directory}") if directory else "."
    return f"{name} {' '.join(blocks or [EMPTY_BLOCK_LOCATOR])} {' '.join(tokens or ['0:0:.'])}\n"
