r"""Hypothesis strategies for manifests.

A manifest is drawn as a *plan*: streams, each with its blocks and the tokens cut from them. A plan knows what every
file must contain, byte by byte, without any parsing, and is then written as text in one of several hands: as the
normal form would escape it, with everything escaped, or with the noise that compat mode reads over. So there are three
independent answers to compare: the plan's bytes, `reference`, and the engine.

Names come from small pools on purpose: they collide, are prefixes of each other, and sort oddly (`a-b` before `a/c`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Literal, TypeAlias

from hypothesis import strategies as st

import reference
from samples import DATA, SIGNATURE, A, B, E, locator

Hand: TypeAlias = Literal["normal", "bare", "full", "random"]
HintKind: TypeAlias = Literal["none", "same", "varied"]
Path: TypeAlias = tuple[bytes, ...]

PLAIN_NAMES = [b"a", b"b", b"a-b", b"ab", b"a.b", b"c", b"A", b"10", b"9", b"a~", b"a!", b"-"]
"""Names that need no escape and sort around `/`."""

NASTY_NAMES = [
    b"a b",
    b" ",
    b"a:b",
    b":",
    b"0:3:a",
    b"a\\b",
    b"\\",
    b"\\040",
    b"a\\",
    b"\x00",
    b"\x01\x1f",
    b"a\tb",
    b"a\nb",
    b"\r",
    b"\x0b\x0c",
    b"\x7f",
    b"...",
    b"..a",
    b".a",
    b"a.",
    b".\xff",
    A.encode(),
    "a\u00a0b".encode(),
    "\u0085".encode(),
    "\u2028".encode(),
    "\u202f3".encode(),
    "\u3000".encode(),
    "\u00e9".encode(),
    "e\u0301".encode(),
    "\ufeffa".encode(),
    "\ue000".encode(),
    "\uffff".encode(),
    "\U0001f600".encode(),
    b"\xff",
    b"\xe9",
    b"caf\xc3",
    b"\xed\xa0\x80",
    b"\xc0\x80",
    b"\xf0\x9f\x98",
]
"""Names of every class of bytes: separators, escapes, controls, Unicode white space, broken UTF-8."""


def _is_name(name: bytes) -> bool:
    return name not in (b"", b".", b"..") and b"/" not in name


def names(*, nasty: bool = True) -> st.SearchStrategy[bytes]:
    """One component of a path."""
    if not nasty:
        return st.sampled_from(PLAIN_NAMES)
    return st.one_of(
        st.sampled_from(PLAIN_NAMES),
        st.sampled_from(PLAIN_NAMES),
        st.sampled_from(NASTY_NAMES),
        st.binary(min_size=1, max_size=4).filter(_is_name),
        st.text(min_size=1, max_size=3).map(lambda text: text.encode("utf-8", "replace")).filter(_is_name),
    )


@dataclass(frozen=True)
class Block:
    """A block as one line lists it."""

    data: bytes
    hints: str = ""

    @property
    def text(self) -> bytes:
        """The locator."""
        return (locator(self.data) + self.hints).encode()


@dataclass(frozen=True)
class Piece:
    """A file token: `length` bytes of the stream from `position` on."""

    position: int
    length: int
    path: Path


@dataclass(frozen=True)
class Marker:
    """A `0:0:.` token: the stream is a directory, even if it is empty."""


@dataclass
class Stream:
    """One line of a manifest."""

    path: Path
    blocks: list[Block]
    tokens: list[Piece | Marker]

    @property
    def data(self) -> bytes:
        """The bytes of the blocks, end to end."""
        return b"".join(block.data for block in self.blocks)


@dataclass
class Plan:
    """A manifest that is valid in strict mode, and what it must mean."""

    streams: list[Stream] = field(default_factory=list)

    def files(self) -> dict[str, bytes]:
        """Every file with its bytes, in order of appearance."""
        files: dict[str, bytes] = {}
        for stream in self.streams:
            for token in stream.tokens:
                if isinstance(token, Piece):
                    path = show(stream.path + token.path)
                    data = stream.data[token.position : token.position + token.length]
                    files[path] = files.get(path, b"") + data
        return files

    def directories(self) -> set[str]:
        """Every directory but the root."""
        paths: set[Path] = set()
        for stream in self.streams:
            paths.update(stream.path[:count] for count in range(1, len(stream.path) + 1))
            for token in stream.tokens:
                if isinstance(token, Piece):
                    path = stream.path + token.path
                    paths.update(path[:count] for count in range(1, len(path)))
        return {show(path) for path in paths}

    def text(self, hand: Hand = "normal", random: Random | None = None) -> bytes:
        """The plan as manifest text, valid in strict mode."""
        random = random or Random(0)
        return b"".join(self._line(stream, hand, random) for stream in self.streams)

    def _line(self, stream: Stream, hand: Hand, random: Random) -> bytes:
        tokens = [write_path((b".", *stream.path), hand, random)]
        tokens += [block.text for block in stream.blocks]
        for token in stream.tokens:
            if isinstance(token, Marker):
                tokens.append(random.choice([rb"0:0:\056", b"0:0:."]))
            else:
                zeros = b"0" * random.choice([0, 0, 1, 3]) if hand == "random" else b""
                path = write_path(token.path, hand, random)
                tokens.append(b"%s%d:%s%d:%s" % (zeros, token.position, zeros, token.length, path))
        return b" ".join(tokens) + b"\n"

    def noisy_text(self, random: Random) -> bytes:
        """The plan as text that only compat mode reads: spaces, blank lines, odd slashes, dots, raw controls."""
        lines = [b"\n", b" \n"] if random.random() < 0.3 else []
        for stream in self.streams:
            start = random.choice([(b".",), (b".",), (b"",), ()])
            name = b"/".join(_with_noise((*start, *stream.path), random)) or b"."
            tokens = [_raw(name), *(block.text for block in stream.blocks)]
            for token in stream.tokens:
                if isinstance(token, Marker):
                    tokens.append(random.choice([b"0:0:.", b"00:0:\\056", b"999:0:./."]))
                else:
                    path = b"/".join(_with_noise((b"", *token.path), random)) if random.random() < 0.3 else None
                    written = _raw(b"/".join(token.path) if path is None else path)
                    position = token.position if token.length else random.choice([token.position, 10**6])
                    tokens.append(b"%d:%d:%s" % (position, token.length, written))
            gap = random.choice([b" ", b" ", b"  "])
            lines.append(random.choice([b"", b"", b" "]) + gap.join(tokens) + random.choice([b"", b" "]) + b"\n")
        text = b"".join(lines)
        if text.startswith(b"\xef\xbb\xbf"):
            # A name may start so, a text may not.
            text = b"./" + text
        return text[:-1] if random.random() < 0.3 else text + random.choice([b"", b"", b"\n", b" \n\n"])


def _with_noise(components: Path, random: Random) -> list[bytes]:
    """The components with empty ones and dots strewn between them, none at the end."""
    noisy: list[bytes] = []
    for index, component in enumerate(components):
        if index and random.random() < 0.15:
            noisy.append(random.choice([b"", b"."]))
        noisy.append(component)
    return noisy


def _raw(name: bytes) -> bytes:
    """As little escaped as compat mode can read."""
    return b"".join(
        b"\\%03o" % byte if bytes([byte]) in b" \t\n\r\x0b\x0c\x1c\x1d\x1e\x1f\\" else bytes([byte]) for byte in name
    )


def show(path: Path) -> str:
    """A path as the API gives it."""
    return b"/".join(path).decode("utf-8", "surrogateescape")


def write_path(path: Path, hand: Hand, random: Random) -> bytes:
    """A path as it stands in a text."""
    return b"/".join(write_name(name, hand, random) for name in path) if path else b"."


def write_name(name: bytes, hand: Hand, random: Random) -> bytes:
    """A name with what must be escaped, and more if the hand likes to."""
    normal = reference.escape(reference.decode(name))
    match hand:
        case "normal":
            return normal
        case "bare":
            return normal.replace(b"\\072", b":")
        case "full":
            return b"".join(b"\\%03o" % byte for byte in name)
        case "random":
            # Only ASCII characters are escaped at will: half a character of UTF-8 may not stay behind raw.
            return b"".join(
                b"\\%03o" % ord(character)
                if character in "\\" or ord(character) <= 0x20 or (ord(character) < 0x80 and random.random() < 0.3)
                else character.encode()
                if not 0xDC80 <= ord(character) <= 0xDCFF
                else reference.escape(character)
                for character in reference.decode(name)
            )


def hints(kind: HintKind) -> st.SearchStrategy[str]:
    """The hints of a locator: none, the same wherever a block occurs, or different ones."""
    if kind == "none":
        return st.just("")
    if kind == "same":
        return st.sampled_from(["", "+Zz", f"{SIGNATURE}ffffffff", "+K@zzzzz", f"+K@zzzzz{SIGNATURE}65000000+Zx"])
    # Signatures with different times, so that there is one best.
    return st.builds(
        lambda form, time: form % time,
        st.sampled_from(["+A" + "a1" * 20 + "@%08x", "+Rzzzzz-" + "b2" * 20 + "@%08x", "+Zz+A" + "c3" * 20 + "@%08x"]),
        st.integers(0, 2**32 - 1),
    )


@st.composite
def plans(
    draw: st.DrawFn,
    *,
    nasty: bool = True,
    zero_blocks: bool = True,
    signatures: HintKind | None = None,
    max_streams: int = 4,
) -> Plan:
    """Manifests with several streams, files of several tokens, interleaved and out of order, empty ones, markers."""
    kind = draw(hint_kinds) if signatures is None else signatures
    pool = [data for data in DATA if data or zero_blocks]
    fixed = {data: draw(hints("same")) for data in DATA} if kind == "same" else {}
    component = names(nasty=nasty)
    paths: list[Path] = draw(st.lists(st.lists(component, min_size=1, max_size=4).map(tuple), min_size=1, max_size=5))
    plan = Plan()
    files: set[Path] = set()
    directories: set[Path] = {()}
    for _ in range(draw(st.integers(0, max_streams))):
        base = draw(st.sampled_from(paths))
        stream_path = base[: draw(st.integers(0, len(base)))]
        if any(stream_path[:count] in files for count in range(len(stream_path) + 1)):
            continue
        directories.update(stream_path[:count] for count in range(len(stream_path) + 1))
        chosen = draw(st.lists(st.sampled_from(pool), min_size=1, max_size=5))
        blocks = [Block(data, fixed[data] if fixed else draw(hints(kind))) for data in chosen]
        length = sum(map(len, chosen))
        tokens: list[Piece | Marker] = []
        for _ in range(draw(st.integers(1, 6))):
            if draw(st.integers(0, 9)) == 0:
                tokens.append(Marker())
                continue
            start = draw(st.integers(0, length))
            end = draw(st.integers(start, length))
            path = draw(st.one_of(st.sampled_from(paths), st.sampled_from(paths).map(lambda path: path[-1:])))
            full = stream_path + path
            parents = {full[:count] for count in range(len(full))}
            if full in directories or files & parents:
                continue
            files.add(full)
            directories |= parents
            tokens.append(Piece(start, end - start, path))
        plan.streams.append(Stream(stream_path, blocks, tokens or [Marker()]))
    return plan


hint_kinds: st.SearchStrategy[HintKind] = st.sampled_from(["none", "none", "same", "same", "varied"])
hands: st.SearchStrategy[Hand] = st.sampled_from(["normal", "bare", "full", "random"])
randoms = st.randoms(use_true_random=False)


@st.composite
def strict_texts(draw: st.DrawFn, *, nasty: bool = True) -> bytes:
    """Texts that strict mode accepts."""
    return draw(plans(nasty=nasty)).text(draw(hands), Random(draw(st.integers(0, 2**16))))


@st.composite
def compat_texts(draw: st.DrawFn) -> bytes:
    """Texts that compat mode accepts; strict mode accepts some of them."""
    plan = draw(plans())
    random = Random(draw(st.integers(0, 2**16)))
    return plan.noisy_text(random) if draw(st.booleans()) else plan.text(draw(hands), random)


SNIPPETS = [
    b" ", b"  ", b"\n", b"\n\n", b"\t", b"\r", b"\x0c", b"\x1f", b"\x00", b"\x7f", b":", b"+", b"/", b"//", b".", b"..",
    b"/..", b"/./", b"./", b"\\", b"\\056", b"\\057", b"\\056\\056", b"\\400", b"\\377", b"\\9", b"0", b"-1", b"+1",
    b"1_0", b"\xff", b"\xc3", "\u0660".encode(), "\u00a0".encode(), "\u2028".encode(), b"\xef\xbb\xbf", b"0:0:.",
    b"0:3:a", b"0:0:", b"99:0:b", b"99:1:b", b"0:3:.", b"18446744073709551615:1:x", b"18446744073709551616:0:x", b"+Z",
    b"+3", A.encode(), B.encode(), E.encode(), b" " + A.encode() + b" ", b" 0:1:a", b" 0:1:a/b",
    b"\n./a " + A.encode() + b" 0:3:b\n",
    b"acbd18db4cc2f85cedef654fccc4a4d8", b"acbd18db4cc2f85cedef654fccc4a4d8+2147483648",
    b"ACBD18DB4CC2F85CEDEF654FCCC4A4D8+3",
]  # fmt: skip
"""What is put into a text to break it, or just to bend it."""


STREAM_NAMES = [
    b".",
    b"./a",
    b"./a/b",
    b"./d",
    b"d",
    b"./a/",
    b"/a",
    b"./a//b",
    b"./..",
    b"./\\056",
    b"./a/..",
    b"\\056/a",
]
LOCATORS = [
    A,
    B,
    E,
    f"{A}+Z",
    f"{A}{SIGNATURE}65000000",
    f"{B}+z",
    f"{A}+3",
    f"{A[:32]}",
    f"{A[:32]}+003",
    f"{A[:31]}+3",
]
FILE_TOKENS = [
    b"0:3:a", b"0:0:a", b"0:3:b", b"0:3:a/b", b"0:1:d", b"3:3:d", b"3:0:b", b"4:0:b", b"1:5:c", b"0:0:.", b"0:0:\\056",
    b"0:0:d/.", b"0:1:.", b"00:0:.", b"0:1:..", b"0:1:a/..", b"0:1:./a", b"0:1:/a", b"0:1:a/", b"0:1:a//b",
    b"0:1:\\056", b"0:0:./.", b"0:0:", b"0:0", b"0", b"a", b":", b"0:0:a:b", b"\\060:0:a", b"0:1:\\400",
    b"0:1:\\303\\251",
    b"-0:0:a",
]  # fmt: skip


@st.composite
def token_soups(draw: st.DrawFn) -> bytes:
    """Lines of tokens in nearly the right places."""
    lines = draw(
        st.lists(
            st.tuples(
                st.sampled_from(STREAM_NAMES),
                st.lists(st.sampled_from([locator.encode() for locator in LOCATORS]), max_size=3),
                st.lists(st.sampled_from(FILE_TOKENS), max_size=4),
            ),
            max_size=3,
        )
    )
    text = b"".join(b" ".join([name, *locators, *files]) + b"\n" for name, locators, files in lines)
    return text if draw(st.integers(0, 9)) else text + draw(st.sampled_from([b"\n", b" ", b".", b"\xff"]))


@st.composite
def bent_texts(draw: st.DrawFn) -> bytes:
    """Texts near the grammar: valid ones with a few cuts and insertions. Most are refused, for many reasons."""
    if draw(st.integers(0, 2)) == 0:
        return draw(token_soups())
    text = bytearray(draw(st.one_of(strict_texts(nasty=False), compat_texts())))
    for _ in range(draw(st.integers(1, 3))):
        ends = [at for at, byte in enumerate(text) if byte in b" \n"]
        at = draw(st.one_of(st.integers(0, len(text)), st.sampled_from(ends or [0])))
        end = min(len(text), at + draw(st.sampled_from([0, 0, 0, 1, 2, 5])))
        text[at:end] = draw(st.one_of(st.just(b""), st.sampled_from(SNIPPETS), st.sampled_from(SNIPPETS)))
    return bytes(text)
