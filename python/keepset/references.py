"""What people call a collection: the one resolver of UUIDs, hashes, `keep:` URIs, names, manifest files, and paths.

    zzzzz-4zz18-0123456789abcde          a UUID
    83367e8913dcec0bf3fc25ed5a27eacb+49  a portable data hash
    reads                                the name of one collection in the store, or of a file with a manifest
    reads@2, UUID@2                      a collection as it was at version 2
    ./reads, ../reads, /data/reads       a file, and never a name
    keep:reads, keep:UUID, keep:HASH     a collection, and never a file

each with a path in the collection behind a slash, if a part of it is meant: `reads/2024/a.bam`. A name may have slashes
of its own. What could be several things is none of them: the error lists them. A file that is no manifest counts only
if nothing else has its name.
"""

import os
import re
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from keepset.errors import AmbiguousReferenceError, ApiError, ArgumentError, NotFoundError, ReferenceNotFoundError

__all__ = ["Reference", "find_file", "resolve"]

_SCHEME = "keep:"
_UUID = re.compile(r"[a-z0-9]{5}-4zz18-[a-z0-9]{15}")
_HASH = re.compile(r"[0-9a-f]{32}\+[0-9]+(\+[A-Z][A-Za-z0-9@_-]*)*")
_VERSION = re.compile(r"(.+)@([1-9][0-9]{0,8})", re.DOTALL)
_MANIFEST = re.compile(rb"\s*\S+ +[0-9a-f]{32}\+[0-9]")
_START = 4096
_FILE_STARTS = ("./", "../", "/")
_FIELDS = ["uuid", "name", "modified_at"]
_MOST_CANDIDATES = 100

Catalog = Any
"""An API client, a local store or catalog: whatever has `collections()`."""


class Reference(NamedTuple):
    """What a text refers to.

    Attributes:
        kind: `"file"` for a local file with a manifest, else `"collection"`.
        target: The path of the file; the UUID or the portable data hash of the collection.
        path: Where in the collection; empty for all of it.
        name: What the text calls the collection: itself, without the path.
        version: The version that is meant; None for the collection as it is now.
    """

    kind: Literal["file", "collection"]
    target: str
    path: str = ""
    name: str = ""
    version: int | None = None

    @property
    def is_record(self) -> bool:
        """Whether it is a collection that can be changed: one with a UUID, as it is now."""
        return self.kind == "collection" and self.version is None and _UUID.fullmatch(self.target) is not None

    def open(self, api_client: Catalog = None) -> Any:
        """Return the collection, to be read and, if it is a record, saved.

        Args:
            api_client: What has the records; the default one, if it is None.

        Raises:
            ManifestError: The file is no manifest.
            ApiError: There is no such record.
            NotFoundError: There is no collection with this hash, or the version has not been kept.
        """
        from keepset.collection import Collection
        from keepset.manifest import Manifest

        source = Manifest.load(self.target) if self.kind == "file" else self.target
        collection = Collection(source, api_client=api_client)
        return collection if self.version is None else collection.at_version(self.version)


def resolve(
    text: str,
    catalog: Callable[[], Catalog | None],
    *,
    files: bool = True,
    include_trash: bool = False,
) -> Reference:
    r"""Find what a text refers to.

    Args:
        text: As the module describes.
        catalog: Gives what has the records; None if there is nothing. Only called when a name may be meant.
        files: Whether a file may be meant.
        include_trash: Whether collections in the trash count.

    Raises:
        ReferenceNotFoundError: Nothing has this name.
        AmbiguousReferenceError: Several things have it.
        ArgumentError: The text is empty.

    Examples:
        >>> found = resolve("keep:zzzzz-4zz18-0123456789abcde/reads//a.bam", lambda: None)
        >>> found.kind, found.target, found.path
        ('collection', 'zzzzz-4zz18-0123456789abcde', 'reads/a.bam')
    """
    if not text:
        raise ArgumentError("an empty text names no collection")
    if text.startswith(_SCHEME):
        rest = _decoded(text.removeprefix(_SCHEME).removeprefix("//"))
        meant = _by_identifier(rest) or _only(text, _by_name(rest, catalog, include_trash), None)
        return meant._replace(name=_SCHEME + meant.name)
    file = find_file(text) if files else None
    if text.startswith(_FILE_STARTS) and files:
        return file or _only(text, [], None)
    found = _by_identifier(_decoded(text))
    if found is not None:
        # Manifests are often kept in files that are called like their collections.
        if file is None:
            return found
        candidates = [(found, "")] if _exists(found.target, catalog) else []
    else:
        candidates = _by_name(_decoded(text), catalog, include_trash)
    return _only(text, candidates, file)


def find_file(text: str) -> Reference | None:
    """Split a text behind the part that is a file, which is what a file system would never look into.

    Args:
        text: A path of a file, or that with a path in its manifest behind it.
    """
    end = text.find("/", 1)
    while end > 0 and os.path.isdir(text[:end]):  # noqa: PTH112 - Path.is_dir raises errors for what is too long
        end = text.find("/", end + 1)
    if end > 0 and os.path.exists(text[:end]):  # noqa: PTH110 - likewise
        return Reference("file", text[:end], _clean(_decoded(text[end:])), text[:end])
    if end < 0 and os.path.exists(text) and not os.path.isdir(text):  # noqa: PTH110, PTH112
        return Reference("file", text, "", text)
    return None


def _only(text: str, candidates: list[tuple[Reference, str]], file: Reference | None) -> Reference:
    """Return the only thing that it can be."""
    if file is not None and candidates and not _looks_like_manifest(file.target):
        # The data that a collection was made of often lies in a directory of the collection's name.
        file = None
    if file is not None and not candidates:
        return file
    if file is None and len(candidates) == 1:
        return candidates[0][0]
    if not candidates:
        raise ReferenceNotFoundError(f"no such collection: {text!r}", text)
    described = ", ".join(description or reference.target for reference, description in candidates)
    if file is not None:
        raise AmbiguousReferenceError(
            f"{text!r} is a file here and a collection ({described}): write ./{text} for the file, {_SCHEME}{text} for"
            " the collection"
        )
    raise AmbiguousReferenceError(f"{text!r} is the name of several collections: {described}; use a UUID")


def _looks_like_manifest(path: str) -> bool:
    if not os.path.isfile(path):  # noqa: PTH113 - a pipe can be read only once, and whoever made it knows why
        return True
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            return _MANIFEST.match(file.read(_START)) is not None
    except OSError:
        return False


def _by_identifier(text: str) -> Reference | None:
    identifier, _, path = text.partition("/")
    if _UUID.fullmatch(identifier) or _HASH.fullmatch(identifier):
        return Reference("collection", identifier, _clean(path), identifier)
    versioned = _VERSION.fullmatch(identifier)
    if versioned and _UUID.fullmatch(versioned[1]):
        return Reference("collection", versioned[1], _clean(path), identifier, int(versioned[2]))
    return None


def _by_name(text: str, catalog: Callable[[], Catalog | None], include_trash: bool) -> list[tuple[Reference, str]]:
    """Find the collections whose name a text is, or begins with before a slash or a version."""
    names = _names(text)
    source = catalog()
    if source is None or not names:
        return []
    found = (
        source.collections()
        .list(
            filters=[["name", "in", list(names)]],
            select=_FIELDS,
            order=["modified_at desc", "uuid"],
            limit=_MOST_CANDIDATES,
            **({"include_trash": True} if include_trash else {}),
        )
        .execute()
    )
    return [
        (names[item["name"]]._replace(target=item["uuid"]), _described(item, names[item["name"]].version))
        for item in found["items"]
    ]


def _names(text: str) -> dict[str, Reference]:
    """Give the names that records may have if a text is about them, each with what it would then mean."""
    names: dict[str, Reference] = {}
    for end in [*(index for index, character in enumerate(text) if character == "/"), len(text)]:
        name = text[:end]
        meant = names[name] = Reference("collection", "", _clean(text[end:]), name)
        if versioned := _VERSION.fullmatch(name):
            names[versioned[1]] = meant._replace(version=int(versioned[2]))
    return {name: meant for name, meant in names.items() if name and _can_be_name(name)}


def _described(item: dict[str, Any], version: int | None) -> str:
    of_version = "" if version is None else f"version {version} of "
    return f"{of_version}{item['uuid']} ({item['name']}, {item['modified_at'][:19]}Z)"


def _can_be_name(text: str) -> bool:
    """Tell whether a record can have a name: those in collections are bytes, but this one is text."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def _exists(identifier: str, catalog: Callable[[], Catalog | None]) -> bool:
    source = catalog()
    if source is None:
        return False
    try:
        source.collections().get(uuid=identifier).execute()
    except (ApiError, NotFoundError):
        return False
    return True


def _clean(path: str) -> str:
    return "/".join(part for part in path.split("/") if part not in ("", "."))


def _decoded(text: str) -> str:
    """Give a name as collections have it: UTF-8, whatever the locale says."""
    return os.fsencode(text).decode("utf-8", "surrogateescape")
