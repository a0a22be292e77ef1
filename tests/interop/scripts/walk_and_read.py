"""Walk a collection and read its files in every way that scripts do."""

import hashlib
import os
from collections import deque
from collections.abc import Iterator
from typing import Any

from arvados.arvfile import ArvadosFile
from arvados.collection import CollectionReader


def walk(collection: Any) -> Iterator[tuple[str, Any]]:
    """Yield each directory and file with its path, one level after the other."""
    queue = deque([(".", collection)])
    while queue:
        path, item = queue.popleft()
        yield path, item
        if not isinstance(item, ArvadosFile):
            queue.extend((f"{path}/{name}", child) for name, child in item.items())


def main(texts: list[str], session: dict[str, Any]) -> tuple[dict[str, Any], CollectionReader]:
    """Describe the first collection."""
    report: dict[str, Any] = {}
    with CollectionReader(texts[0], **session) as collection:
        report["names"] = sorted(collection)
        report["count"] = len(collection)
        report["hash"] = collection.portable_data_hash()
        report["text"] = collection.manifest_text(), collection.stripped_manifest(), collection.portable_manifest_text()
        report["normalized"] = collection.manifest_text(normalize=True)
        report["writable"] = collection.writable()
        report["walk"] = [(path, isinstance(item, ArvadosFile)) for path, item in walk(collection)]
        for path, item in walk(collection):
            if not isinstance(item, ArvadosFile):
                report[path] = item.stream_name(), [name for name in item if "." in name]
                continue
            digest = hashlib.sha256()
            with collection.open(path, "rb") as file:
                for piece in file.readall(size=4):
                    digest.update(piece)
                report[path] = item.size(), file.size(), file.name, file.stream_name(), digest.hexdigest()
                file.seek(-2, os.SEEK_END)
                report[path] += (file.read(10), file.tell(), file.readfrom(1, 3))
        with collection.open("sequences/reads.txt") as file:
            report["lines"] = list(file)
        with collection.open("./sequences/reads.txt", "rt", encoding="latin-1") as file:
            report["start"] = file.read(5), file.readline(), file.readlines()
        sequences = collection.find("sequences")
        report["found"] = (
            sequences.find("deeper/last.bin").size(),
            sequences.exists("deeper"),
            sequences.exists("nothing"),
            collection.find("nothing/at/all"),
            "sequences" in collection,
            "sequences/deeper" in collection,
            collection["sequences"]["deeper"].stream_name(),
        )
        for path in ("nothing", "sequences"):
            try:
                collection.open(path)
            except OSError as error:
                report[path] = type(error).__name__, error.errno
    return report, collection
