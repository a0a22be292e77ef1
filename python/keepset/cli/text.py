"""Text for people: names that are safe to print, sizes as `ls -h` and `du -h` write them, arguments as bytes."""

import os
import re
import shlex

__all__ = ["counted", "human_size", "moment", "one_line", "parse_size", "quote", "size_text", "utf8_argument"]

_UNITS = "KMGTPE"
_SIZE = re.compile(r"([0-9]+)(?:\.([0-9]+))?(?:([KMGTPE])(?:i?B)?|[Bc])?", re.IGNORECASE)
# What a shell would read otherwise. shlex alone also quotes every name that is not ASCII.
_SPECIAL = re.compile(r"""[\s!"#$&'()*;<=>?\[\]\\^`{|}~]""")
_ESCAPES = {"\n": r"\n", "\t": r"\t", "\r": r"\r", "\\": r"\\", "'": r"\'"}


def utf8_argument(argument: str) -> str:
    """Give an argument of the command line as names in manifests are: UTF-8, whatever the locale says.

    The interpreter decodes arguments by the locale. Under Latin-1 the two bytes of "é" arrive as two characters, and
    would never match the name that the manifest holds.
    """
    return os.fsencode(argument).decode("utf-8", "surrogateescape")


def quote(name: str) -> str:
    r"""Write a name for a terminal as `ls` does: bare if harmless, else quoted so that a shell reads it back.

    Control characters, bytes that are not UTF-8 and invisible format characters become escapes in `$'…'`: a name can
    neither move the cursor nor pass for another.

    Examples:
        >>> quote("reads.bam"), quote("my reads"), quote("a\nb\udcff")
        ('reads.bam', "'my reads'", "$'a\\nb\\377'")
    """
    if not name.isprintable():
        return "$'" + "".join(_escape(character) for character in name) + "'"
    return shlex.quote(name) if not name or _SPECIAL.search(name) else name


def _escape(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isprintable():
        return character
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\{code - 0xDC00:03o}"
    if code < 0x80:
        return f"\\{code:03o}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def one_line(text: str, limit: int = 200) -> str:
    """Make text fit into a message of one line: nothing unprintable, and not longer than `limit` characters."""
    shown = text if len(text) <= limit else text[:limit] + "…"
    return shown if shown.isprintable() else "".join(c if c.isprintable() else _escape(c) for c in shown)


def counted(count: int, one: str, many: str) -> str:
    """Write a number with its noun."""
    return f"{count} {one if count == 1 else many}"


def moment(text: str) -> str:
    """Write a time of a record to the second."""
    return f"{text[:19]}Z"


def size_text(size: int, human: bool) -> str:
    """Write a size as the command was asked to."""
    return human_size(size) if human else str(size)


def human_size(size: int) -> str:
    """Write a size in powers of 1024, rounded up, as coreutils does.

    Examples:
        >>> human_size(1023), human_size(1025), human_size(10 * 1024), human_size(9907905556)
        ('1023', '1.1K', '10K', '9.3G')
    """
    if size < 1024:
        return str(size)
    for power, unit in enumerate(_UNITS, 1):
        tenths = -(-size * 10 // 1024**power)
        if tenths < 100:
            return f"{tenths // 10}.{tenths % 10}{unit}"
        whole = -(-size // 1024**power)
        if whole < 1024 or unit == _UNITS[-1]:
            return f"{whole}{unit}"
    raise AssertionError("the last unit takes every size")


def parse_size(text: str) -> int:
    """Read a size: bytes, or with a unit in powers of 1024 (`10M`, `1.5G`, `64MiB`).

    Raises:
        ValueError: When the text is not a size.
    """
    match = _SIZE.fullmatch(text)
    if not match:
        raise ValueError(f"{text!r} is not a size: expected bytes, or a number with K, M, G, T, P or E, such as 10M")
    whole, fraction, unit = match[1], match[2] or "", (match[3] or "").upper()
    factor: int = 1 << 10 * (_UNITS.index(unit) + 1) if unit else 1
    parts: int = 10 ** len(fraction)
    return int(whole + fraction) * factor // parts
