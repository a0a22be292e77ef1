"""Files and folders of collections, sent in pieces: ranges of a file, and a folder as a zip archive."""

import io
import re
import time
import zipfile
from collections.abc import Iterator
from contextlib import closing
from typing import NamedTuple
from urllib.parse import quote

from keepset import Manifest
from keepset.keep.parts import BlockOpener
from keepset.serve.replies import PART

__all__ = ["Span", "content_headers", "disposition", "file_pieces", "requested_span", "zip_pieces"]

_WINDOW = 1 << 26
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")

# What a browser may show; the rest it saves. Nothing here can run a script, and the sandbox would not let it.
_TEXTS = "bed cfg conf csv cwl fa fai fasta fastq gff gtf ini json log md py r rs sam sh tsv txt vcf wdl xml yaml yml"
_SHOWN = {
    **dict.fromkeys(_TEXTS.split(), "text/plain; charset=utf-8"),
    "gif": "image/gif",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "flac": "audio/flac",
    "mp3": "audio/mpeg",
    "mp4": "video/mp4",
    "ogg": "audio/ogg",
    "webm": "video/webm",
}


class Span(NamedTuple):
    """A part of a file.

    Attributes:
        start: Where it starts.
        end: Where it ends.
    """

    start: int
    end: int


def requested_span(header: str | None, size: int) -> Span | None:
    """Read a header `Range`.

    Args:
        header: The header; several ranges count as none, as HTTP allows.
        size: The size of the file.

    Returns:
        The part that is asked for; None for all of it. An empty one cannot be had.

    Examples:
        >>> requested_span("bytes=2-", 10), requested_span("bytes=-3", 10), requested_span("bytes=10-", 10)
        (Span(start=2, end=10), Span(start=7, end=10), Span(start=10, end=10))
    """
    match = _RANGE.fullmatch(header) if header else None
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:
        return Span(max(size - int(last), 0), size)
    start = min(int(first), size)
    if last and int(last) < int(first):
        return None
    return Span(start, min(int(last) + 1, size) if last else size)


def content_headers(name: str) -> dict[str, str]:
    """Return what a file is sent as: it comes from anybody, and a browser shall run nothing of it.

    Args:
        name: Its name.
    """
    kind = _SHOWN.get(name.rpartition(".")[2].lower())
    return {
        "Content-Type": kind or "application/octet-stream",
        "Content-Disposition": disposition(name, attached=kind is None),
        "Content-Security-Policy": "sandbox; default-src 'none'; media-src 'self'; style-src 'unsafe-inline'",
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "same-origin",
    }


def disposition(name: str, *, attached: bool) -> str:
    """Return a header `Content-Disposition`.

    Args:
        name: What a browser shall call the file.
        attached: Whether it shall save it instead of showing it.

    Example:
        >>> disposition('a "b"', attached=True)
        "attachment; filename*=UTF-8''a%20%22b%22"
    """
    encoded = quote(name.encode("utf-8", "surrogateescape"), safe="")
    return f"{'attachment' if attached else 'inline'}; filename*=UTF-8''{encoded}"


def file_pieces(opener: BlockOpener, manifest: Manifest, path: str, span: Span) -> Iterator[bytes]:
    """Yield the bytes of a file; what a slow client holds is one piece, and no open file.

    Args:
        opener: Opens the blocks.
        manifest: What has the file.
        path: The file.
        span: Which part of it.

    Raises:
        KeepReadError: A block cannot be read.
    """
    # A plan of all of a large file at once could be large itself.
    for start in range(span.start, span.end, _WINDOW):
        for locator, offset, length in manifest.read_plan(path, start, min(_WINDOW, span.end - start)):
            for at in range(offset, offset + length, PART):
                yield _part(opener, locator, at, min(at + PART, offset + length))


def _part(opener: BlockOpener, locator: str, start: int, end: int) -> bytes:
    with closing(opener.open(locator)) as block:
        return block.read(start, end)


def zip_pieces(opener: BlockOpener, manifest: Manifest, folder: str) -> Iterator[bytes]:
    """Yield a zip archive of a folder. Files are stored as they are: what is large mostly is compressed already.

    Args:
        opener: Opens the blocks.
        manifest: What has the folder.
        folder: The folder; empty for all of it.

    Raises:
        KeepReadError: A block cannot be read.
    """
    sink = _Sink()
    moment = time.gmtime()[:6]
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
        for top, directories, files in manifest.walk(folder or "."):
            inside = top.removeprefix(folder).strip("/") if folder else top.removeprefix(".").strip("/")
            if inside and not directories and not files:
                archive.writestr(zipfile.ZipInfo(f"{_printable(inside)}/", moment), b"")
            for name in files:
                path = f"{top}/{name}"
                entry = zipfile.ZipInfo(_printable(f"{inside}/{name}".lstrip("/")), moment)
                with archive.open(entry, "w", force_zip64=True) as target:
                    for piece in file_pieces(opener, manifest, path, Span(0, manifest.stat(path).size)):
                        target.write(piece)
                        yield sink.take()
                yield sink.take()
    yield sink.take()


def _printable(name: str) -> str:
    """Return a name as a zip archive can have it: as UTF-8."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


class _Sink(io.RawIOBase):
    """What an archive is written to: it holds what has not been taken."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        """Return that it can be written."""
        return True

    def write(self, data: "bytes | memoryview") -> int:  # type: ignore[override]
        """Take bytes in."""
        self._pieces.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        """Give what has come since the last time."""
        taken = b"".join(self._pieces)
        self._pieces.clear()
        return taken
