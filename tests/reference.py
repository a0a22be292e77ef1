"""A slow, obvious twin of the engine: what manifests mean, written from the specification.

It exists to be compared with. Every function does the plainest thing that follows from the documented grammar and
from the decisions in the design: it reads the text token by token, keeps one `Span` per block that a file touches,
and walks the tree with recursion. Use it on small texts only.

Paths are `str` without a leading `./`; bytes of a name that are not UTF-8 are surrogate-escaped. The root is `""`.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal, TypeAlias

Mode: TypeAlias = Literal["strict", "compat"]

EMPTY_BLOCK = "d41d8cd98f00b204e9800998ecf8427e+0"
"""The block without bytes."""

BLOCK_SIZE_LIMIT = 2**31 - 1
NUMBER_LIMIT = 2**64 - 1

_WHITE_SPACE_CONTROLS = re.compile(rb"[\t\r\x0b\x0c\x1c-\x1f]")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_LOCATOR: dict[Mode, re.Pattern[bytes]] = {
    "strict": re.compile(rb"([0-9a-f]{32})\+([0-9]+)((?:\+[A-Z][A-Za-z0-9@_-]*)*)"),
    "compat": re.compile(rb"([0-9a-f]{32})\+([0-9]+)((?:\+.*)?)", re.DOTALL),
}
_FILE_TOKEN = re.compile(rb"([0-9]+):([0-9]+):(.+)", re.DOTALL)
_STRICT_NAME = re.compile(rb"(?:[^\x00-\x20\\]|\\[0-3][0-7][0-7])+")
_SIGNATURE = re.compile(
    r"\+(A)[0-9A-Fa-f]{40}@([0-9A-Fa-f]{1,8})(?=\+|$)|\+(R)[0-9A-Za-z]{5}-[0-9A-Fa-f]{40}@([0-9A-Fa-f]{8})(?=\+|$)"
)


class RejectedError(ValueError):
    """The text is not a manifest in this mode; `line` says where, counted from 1."""

    def __init__(self, reason: str, line: int) -> None:
        """Keep the reason and the line."""
        super().__init__(f"line {line}: {reason}")
        self.line = line


@dataclass(frozen=True)
class Span:
    """`length` bytes of a block, from `start` on. A block is its digest and its size."""

    digest: str
    size: int
    start: int
    length: int


@dataclass
class Tree:
    """A file system: directories in order of appearance, files with what they consist of, and the hints of blocks."""

    files: dict[str, list[Span]] = field(default_factory=dict)
    directories: dict[str, None] = field(default_factory=dict)
    children: dict[str, dict[str, None]] = field(default_factory=lambda: {"": {}})
    hints: dict[tuple[str, int], list[str]] = field(default_factory=dict)

    def content(self, path: str) -> list[Span]:
        """The spans of a file, those that touch within a block joined."""
        return join(self.files[path])

    def size(self, path: str) -> int:
        """Bytes in a file, or in all the files below a directory."""
        if path in self.files:
            return sum(span.length for span in self.files[path])
        return sum(self.size(child) for child in self.child_paths(path))

    def file_count(self, path: str) -> int:
        """How many files there are at a path and below it."""
        if path in self.files:
            return 1
        return sum(self.file_count(child) for child in self.child_paths(path))

    def child_paths(self, path: str) -> list[str]:
        """The full paths of what a directory has, in order of appearance."""
        return [below(path, name) for name in self.children[path]]

    def leaves(self) -> dict[str, tuple[Span, ...] | None]:
        """Files with their contents, and empty directories (but for the root) with None."""
        leaves: dict[str, tuple[Span, ...] | None] = {path: tuple(self.content(path)) for path in self.files}
        leaves.update({path: None for path in self.directories if not self.children[path]})
        return leaves

    def identity(self) -> tuple[dict[str, tuple[Span, ...]], frozenset[str]]:
        """What two manifests share exactly when they are equal."""
        return {path: tuple(self.content(path)) for path in self.files}, frozenset(self.directories)


def below(directory: str, name: str) -> str:
    """The path of a name in a directory."""
    return f"{directory}/{name}" if directory else name


def parent_and_name(path: str) -> tuple[str, str]:
    """The directory of a path and its last component."""
    directory, _, name = path.rpartition("/")
    return directory, name


def join(spans: list[Span]) -> list[Span]:
    """Spans without the empty ones, those that touch within a block joined."""
    joined: list[Span] = []
    for span in spans:
        last = joined[-1] if joined else None
        if span.length == 0:
            continue
        if last and (last.digest, last.size, last.start + last.length) == (span.digest, span.size, span.start):
            joined[-1] = Span(last.digest, last.size, last.start, last.length + span.length)
        else:
            joined.append(span)
    return joined


def unescape(written: bytes) -> bytes:
    r"""The name that a written form stands for: `\000` to `\377` are bytes, anything else stays."""
    return re.sub(rb"\\([0-3][0-7][0-7])", lambda match: bytes([int(match[1], 8)]), written)


def escape(name: str) -> bytes:
    """The written form: 0x00 to 0x20, `:`, the backslash and each byte that is not UTF-8 as octal."""
    return b"".join(
        b"\\%03o" % character.encode("utf-8", "surrogateescape")[0]
        if character in ":\\" or ord(character) <= 0x20 or 0xDC80 <= ord(character) <= 0xDCFF
        else character.encode()
        for character in name
    )


def parse(text: bytes, mode: Mode = "compat") -> Tree:
    """Read a text, or raise `RejectedError`."""
    tree = Tree()
    if text.startswith(_BYTE_ORDER_MARK):
        raise RejectedError("byte-order mark", 1)
    lines = text.split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    elif mode == "strict":
        raise RejectedError("no final newline", len(lines))
    total = 0
    seen_stream = seen_gap = False
    for number, line in enumerate(lines, 1):
        if _WHITE_SPACE_CONTROLS.search(line):
            raise RejectedError("white space other than space and newline", number)
        tokens = line.split(b" ")
        if mode == "compat":
            tokens = [token for token in tokens if token]
            if not tokens:
                seen_gap = seen_stream
                continue
            if seen_gap:
                raise RejectedError("blank line between streams", number)
        elif not is_utf8(line):
            raise RejectedError("not UTF-8", number)
        seen_stream = True
        total += _parse_stream(tree, tokens, mode, number)
        if total > NUMBER_LIMIT:
            raise RejectedError("more than 2**64 - 1 bytes in all", number)
    return tree


def _parse_stream(tree: Tree, tokens: list[bytes], mode: Mode, number: int) -> int:
    """Read the tokens of one line into the tree; the number of bytes its file tokens have."""
    stream = _stream_path(tokens[0], mode, number)
    _make_directories(tree, stream, number)
    blocks: list[tuple[str, int]] = []
    rest = tokens[1:]
    while rest and (match := _LOCATOR[mode].fullmatch(rest[0])):
        digest, size = match[1].decode(), int(match[2])
        if size > BLOCK_SIZE_LIMIT:
            raise RejectedError("block too large", number)
        blocks.append((digest, size))
        known = tree.hints.setdefault((digest, size), [])
        known.append(match[3].decode("utf-8", "surrogateescape"))
        rest = rest[1:]
    if mode == "strict" and (not blocks or not rest):
        raise RejectedError("a stream needs a locator and a file token", number)
    stream_length = sum(size for _, size in blocks)
    bytes_in_files = 0
    for token in rest:
        match = _FILE_TOKEN.fullmatch(token)
        if not match:
            raise RejectedError("neither locator nor file token", number)
        position, length = int(match[1]), int(match[2])
        if max(position, length) > NUMBER_LIMIT:
            raise RejectedError("number of 2**64 or more", number)
        if position + length > stream_length and (length or mode == "strict"):
            raise RejectedError("beyond the end of the stream", number)
        path, is_marker = _file_path(match, stream, mode, number)
        if is_marker:
            _make_directories(tree, path, number)
            continue
        directory, name = parent_and_name(path)
        _make_directories(tree, directory, number)
        if path in tree.directories:
            raise RejectedError("both a file and a directory", number)
        tree.children[directory][name] = None
        tree.files.setdefault(path, []).extend(_cut(blocks, position, length))
        bytes_in_files += length
    return bytes_in_files


def _stream_path(token: bytes, mode: Mode, number: int) -> str:
    name = unescape(token)
    components = name.split(b"/")
    if mode == "strict":
        if not _STRICT_NAME.fullmatch(token):
            raise RejectedError("bad escape or raw control character", number)
        if components[0] != b"." or any(component in (b"", b".", b"..") for component in components[1:]):
            raise RejectedError("bad stream name", number)
    if b".." in components:
        raise RejectedError("dot-dot", number)
    return decode(b"/".join(component for component in components if component not in (b"", b".")))


def _file_path(token: re.Match[bytes], stream: str, mode: Mode, number: int) -> tuple[str, bool]:
    """The path of a file token, and whether the token only marks that path as an empty directory."""
    written = token[3]
    name = unescape(written)
    components = name.split(b"/")
    if mode == "strict":
        if not _STRICT_NAME.fullmatch(written):
            raise RejectedError("bad escape or raw control character", number)
        is_marker = (token[1], token[2], name) == (b"0", b"0", b".")
        if not is_marker and any(component in (b"", b".", b"..") for component in components):
            raise RejectedError("bad path component", number)
    if b".." in components:
        raise RejectedError("dot-dot", number)
    if components[-1] == b"":
        raise RejectedError("empty name", number)
    kept = decode(b"/".join(component for component in components if component not in (b"", b".")))
    is_marker = components[-1] == b"."
    if is_marker and int(token[2]) > 0:
        raise RejectedError("data in an empty-directory marker", number)
    return "/".join(part for part in (stream, kept) if part), is_marker


def _make_directories(tree: Tree, path: str, number: int) -> None:
    current = ""
    for name in path.split("/") if path else []:
        directory, current = current, below(current, name)
        if current in tree.files:
            raise RejectedError("both a file and a directory", number)
        tree.children[directory][name] = None
        tree.children.setdefault(current, {})
        tree.directories[current] = None


def _cut(blocks: list[tuple[str, int]], position: int, length: int) -> list[Span]:
    """The bytes `[position, position + length)` of the blocks laid end to end."""
    spans = []
    offset = 0
    for digest, size in blocks:
        start, end = max(position, offset), min(position + length, offset + size)
        if start < end:
            spans.append(Span(digest, size, start - offset, end - start))
        offset += size
    return spans


def is_utf8(data: bytes) -> bool:
    """Whether the bytes are valid UTF-8."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def decode(name: bytes) -> str:
    """A name as Python shows it."""
    return name.decode("utf-8", "surrogateescape")


def best_hints(candidates: list[str]) -> str:
    """The hints to write: a local signature before a remote one before none, then the one that expires last."""

    def merit(hints: str) -> tuple[int, int]:
        signatures = [(2, match[2]) if match[1] else (1, match[4]) for match in _SIGNATURE.finditer(hints)]
        return max([(kind, int(time, 16)) for kind, time in signatures], default=(0, 0))

    return max(candidates, key=merit)


def normalize(tree: Tree, *, stripped: bool = False) -> bytes:
    """The normal form: files of a directory in order of code points, then its subdirectories, depth first."""
    lines: list[bytes] = []

    def write(directory: str) -> None:
        names = sorted(tree.children[directory])
        files = [name for name in names if below(directory, name) in tree.files]
        stream = b"." + b"".join(b"/" + escape(name) for name in directory.split("/") if name)
        if files:
            lines.append(_normal_stream(tree, directory, files, stream, stripped=stripped))
        elif directory and not names:
            lines.append(b"%s %s 0:0:\\056\n" % (stream, EMPTY_BLOCK.encode()))
        for name in names:
            if name not in files:
                write(below(directory, name))

    write("")
    return b"".join(lines)


def _normal_stream(tree: Tree, directory: str, files: list[str], stream: bytes, *, stripped: bool) -> bytes:
    offsets: dict[tuple[str, int], int] = {}
    length = 0
    file_tokens = []
    for name in files:
        ranges: list[list[int]] = []
        for span in tree.content(below(directory, name)):
            block = (span.digest, span.size)
            if block not in offsets:
                offsets[block] = length
                length += span.size
            start = offsets[block] + span.start
            if ranges and ranges[-1][1] == start:
                ranges[-1][1] = start + span.length
            else:
                ranges.append([start, start + span.length])
        file_tokens += [b"%d:%d:%s" % (start, end - start, escape(name)) for start, end in ranges or [[0, 0]]]
    locators = [
        f"{digest}+{size}{'' if stripped else best_hints(tree.hints[digest, size])}".encode("utf-8", "surrogateescape")
        for digest, size in offsets
    ]
    return b" ".join([stream, *(locators or [EMPTY_BLOCK.encode()]), *file_tokens]) + b"\n"


def strip(text: bytes) -> bytes:
    """The text with each locator, which stand behind the stream name, cut down to digest and size."""
    lines = []
    for line in text.split(b"\n"):
        parts = re.split(rb"( +)", line)
        seen_name = seen_file = False
        for index, part in enumerate(parts):
            if not part or part.startswith(b" "):
                continue
            match = _LOCATOR["compat"].fullmatch(part)
            if seen_name and not seen_file and match:
                parts[index] = match[1] + b"+" + match[2]
            elif seen_name:
                seen_file = True
            seen_name = True
        lines.append(b"".join(parts))
    return b"\n".join(lines)


def portable_data_hash(text: bytes) -> str:
    """What the server computes: MD5 and length of the text without hints."""
    stripped = strip(text)
    return f"{hashlib.md5(stripped, usedforsecurity=False).hexdigest()}+{len(stripped)}"


@dataclass(frozen=True)
class Changes:
    """A comparison leaf by leaf, before anything is paired up as moved."""

    added: frozenset[str]
    removed: frozenset[str]
    modified: frozenset[str]
    moves: int
    """How many pairs of an added and a removed file have the same bytes, each file in one pair; empty ones in none."""


def diff(old: Tree, new: Tree) -> Changes:
    """What differs between two trees. Leaves are compared: files and empty directories.

    A directory that is empty on one side only is told by what is in it on the other.
    """

    def missing(of: Tree, to: Tree) -> frozenset[str]:
        return frozenset(
            path for path, leaf in of.leaves().items() if path not in (to.directories if leaf is None else to.files)
        )

    added, removed = missing(new, old), missing(old, new)
    gained = Counter(tuple(new.content(path)) for path in added & new.files.keys())
    lost = Counter(tuple(old.content(path)) for path in removed & old.files.keys())
    return Changes(
        added,
        removed,
        frozenset(path for path in old.files.keys() & new.files.keys() if old.content(path) != new.content(path)),
        sum(count for spans, count in (gained & lost).items() if spans),
    )


def glob(tree: Tree, pattern: str) -> set[str]:
    """The paths that match, component by component; `**` stands for any number of components."""

    def matches(components: list[str], patterns: list[str]) -> bool:
        if not patterns:
            return not components
        if patterns[0] == "**":
            return any(matches(components[count:], patterns[1:]) for count in range(len(components) + 1))
        return bool(components) and fnmatchcase(components[0], patterns[0]) and matches(components[1:], patterns[1:])

    return {path for path in [*tree.files, *tree.directories] if matches(path.split("/"), pattern.split("/"))}
