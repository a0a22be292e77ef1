"""What the web page shows: the list of collections, and directories, as HTML."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any
from urllib.parse import quote, urlencode

from keepset import Manifest
from keepset.cli.text import counted, size_text
from keepset.serve.html import Html, document, tag

__all__ = ["PAGE", "Found", "collections", "directory", "problem"]

PAGE = 500
"""How many lines a page has."""

_ROOT = "/"


class Found:
    """What an address names: a collection, and a path in it.

    Args:
        reference: The UUID or the portable data hash.
        path: The path; empty for all of it.
        record: The record.

    Raises:
        PathNotFoundError: There is no such path.
    """

    def __init__(self, reference: str, path: str, record: dict[str, Any]) -> None:
        self.reference = reference
        self.path = path
        self.record = record
        self.manifest = Manifest.parse(record["manifest_text"])
        self.is_file = bool(path) and self.manifest.stat(path).is_file()

    @property
    def title(self) -> str:
        """What people call the collection."""
        return self.record["name"] or self.reference

    @cached_property
    def name(self) -> str:
        """The last part of the path, or what people call the collection."""
        return self.path.rpartition("/")[2] or self.title

    @property
    def address(self) -> str:
        """Where it is; with a slash at the end, as a directory."""
        return address(self.reference, f"{self.path}/" if self.path else "")


def address(reference: str, path: str) -> str:
    """Return where a path of a collection is.

    Args:
        reference: The UUID or the portable data hash.
        path: The path.
    """
    return f"/c/{quote(reference, safe='')}/{quote(path.encode('utf-8', 'surrogateescape'), safe='/')}"


def collections(found: dict[str, Any], words: str, first: int) -> bytes:
    """Make the page with the list of collections.

    Args:
        found: What the catalog gave.
        words: What was searched for.
        first: How many come before this page.
    """
    search = tag(
        "form",
        tag("label", "Search names, descriptions, properties and file names ", for_="q"),
        tag("input", id="q", name="q", type="search", value=words),
        " ",
        tag("button", "Search"),
        role="search",
        action=_ROOT,
    )
    total = found["items_available"]
    rows = [_collection_row(item) for item in found["items"]]
    caption = f"{counted(total, 'collection', 'collections')}{' found' if words else ''}"
    table = _table(caption, ["Name", "Size", "Files", "Modified (UTC)", "Portable data hash"], rows)
    more = _more(total, first, lambda start: f"/?{urlencode({'q': words, 'from': start})}")
    return document("Collections", _header(), tag("main", tag("h1", "Collections"), search, table, more))


def _collection_row(item: dict[str, Any]) -> Html:
    return tag(
        "tr",
        tag("td", tag("a", item["name"] or item["uuid"], href=address(item["uuid"], ""))),
        _number(size_text(item["file_size_total"], True)),
        _number(item["file_count"]),
        tag("td", item["modified_at"][:16].replace("T", " ")),
        tag("td", tag("code", item["portable_data_hash"])),
    )


def directory(found: Found, first: int) -> bytes:
    """Make the page of a directory.

    Args:
        found: The directory.
        first: How many entries come before this page.
    """
    _, directories, files = next(found.manifest.walk(found.path or "."))
    names = [*sorted(directories), *sorted(files)]
    rows = [_entry_row(found, name) for name in names[first : first + PAGE]]
    caption = f"{counted(len(directories), 'directory', 'directories')}, {counted(len(files), 'file', 'files')}"
    table = _table(caption, ["Name", "Size"], rows)
    more = _more(len(names), first, lambda start: f"?from={start}")
    archive = tag("p", tag("a", "Download all of this as a zip archive", href="?zip"))
    main = tag("main", tag("h1", found.name), _facts(found), archive, table, more)
    return document(f"{found.path or found.title}", _header(), _way(found), main)


def _entry_row(found: Found, name: str) -> Html:
    stat = found.manifest.stat(f"{found.path}/{name}" if found.path else name)
    shown = f"{name}/" if stat.is_dir() else name
    target = quote(shown.encode("utf-8", "surrogateescape"), safe="/")
    # Relative, with a dot in front: a name may look like the scheme of another address.
    return tag("tr", tag("td", tag("a", shown, href=f"./{target}")), _number(size_text(stat.size, True)))


def _facts(found: Found) -> Html:
    stat = found.manifest.stat(found.path or ".")
    facts = {
        "Size": f"{size_text(stat.size, True)} ({stat.size} bytes) in {counted(stat.file_count, 'file', 'files')}",
        "UUID": found.record["uuid"],
        "Portable data hash": found.record["portable_data_hash"],
        "Modified": found.record["modified_at"],
        "Description": found.record["description"],
    }
    return tag("dl", *(piece for name, value in facts.items() if value for piece in _fact(name, value)))


def _fact(name: str, value: str) -> Iterator[Html]:
    yield tag("dt", name)
    yield tag("dd", value)


def _way(found: Found) -> Html:
    """Make the way from the list of collections to a directory."""
    steps = [("Collections", _ROOT), (found.title, address(found.reference, ""))]
    parts = found.path.split("/") if found.path else []
    steps += [(name, address(found.reference, "/".join(parts[: at + 1]) + "/")) for at, name in enumerate(parts)]
    links = [tag("a", name, href=where) for name, where in steps[:-1]]
    here = tag("span", steps[-1][0], aria_current="page")
    return tag("nav", *(piece for link in links for piece in (link, " / ")), here, aria_label="Breadcrumb")


def _header() -> Html:
    leave = tag("form", tag("button", "Log out"), method="post", action="/logout")
    return tag("header", tag("a", "keepset", href=_ROOT), leave)


def _table(caption: str, columns: list[str], rows: list[Html]) -> Html:
    heads = [tag("th", name, scope="col", class_="number" if name in {"Size", "Files"} else None) for name in columns]
    return tag("table", tag("caption", caption), tag("thead", tag("tr", *heads)), tag("tbody", *rows))


def _number(value: str | int) -> Html:
    return tag("td", value, class_="number")


def _more(total: int, first: int, where: Any) -> Html | None:
    links = []
    if first > 0:
        links.append(tag("a", "Previous page", href=where(max(first - PAGE, 0)), rel="prev"))
    if first + PAGE < total:
        links.append(tag("a", "Next page", href=where(first + PAGE), rel="next"))
    return tag("nav", *(piece for link in links for piece in (link, " ")), aria_label="Pages") if links else None


def problem(status: int, message: str) -> bytes:
    """Make the page that says why there is nothing to show.

    Args:
        status: The HTTP status.
        message: Why.
    """
    back = tag("p", tag("a", "Collections", href=_ROOT))
    return document(f"{status}", tag("main", tag("h1", "That did not work"), tag("p", message, role="alert"), back))
