"""Combine collections in the ways that scripts do, and move things about."""

from typing import TYPE_CHECKING, Any

import arvados.errors
from arvados.arvfile import ArvadosFile
from arvados.collection import COLLECTION, FILE, Collection, CollectionReader

if TYPE_CHECKING:
    from collections.abc import Callable


def main(texts: list[str], session: dict[str, Any]) -> tuple[dict[str, Any], Collection]:
    """Combine the given collections, and say what became of them."""
    report: dict[str, Any] = {}
    sources = [CollectionReader(text, **session) for text in texts]

    # Text after text, as it has always been done.
    together = Collection("".join(source.manifest_text() for source in sources), **session)
    report["together"] = together.manifest_text(normalize=True), together.portable_data_hash()

    # Directory after directory.
    combined = Collection(**session)
    for number, source in enumerate(sources):
        directory = combined.mkdirs(f"part{number}")
        for name in source:
            directory.copy(name, name, source_collection=source)
    combined.copy("sequences", "./", source_collection=sources[0])
    report["combined"] = combined.portable_data_hash(), list(combined), list(combined["part0"])

    # Files by kind.
    for number, source in enumerate(sources):
        for name, item in source.items():
            if isinstance(item, ArvadosFile):
                combined.copy(item, f"by_kind/{name.rpartition('.')[2]}/{number}-{name}")
    report["kinds"] = sorted(combined["by_kind"]), sorted(combined["by_kind"]["txt"])

    combined.rename("part0/sequences/reads.txt", "reads.txt")
    combined.rename("part1", "renamed")
    combined.rename("reads.txt", "renamed")
    combined.rename("renamed/reads.txt", "part0", overwrite=True)
    combined.copy("part0/reads.txt", "sequences/reads.txt", overwrite=True)
    combined.copy("sequences", "renamed")
    combined.remove("sequences/deeper", recursive=True)
    moved = combined.find("renamed/sequences")
    combined.add(moved, "on its own", reparent=True)
    combined["on its own"].add(combined["part0"]["reads.txt"], "again.txt")
    combined.find_or_create("notes/new.txt", FILE)
    combined.find_or_create("notes/later", COLLECTION)
    with combined.open("notes/new.txt", "w") as file:
        file.write("combined\n")
    work: Callable[[], object]
    for work in (
        lambda: combined.copy("nothing", "anywhere"),
        lambda: combined.rename("part0/reads.txt", "no/such/directory"),
        lambda: combined.copy("part0/reads.txt", "sequences/reads.txt"),
        lambda: combined.remove("part0"),
        lambda: combined.mkdirs("part0"),
        lambda: combined.remove("part0/nothing"),
        lambda: sources[0].remove("part0"),
        lambda: combined.find_or_create("part0/reads.txt/below", FILE),
        lambda: combined.remove(""),
    ):
        try:
            work()
        except OSError as error:
            report.setdefault("errors", []).append((type(error).__name__, error.errno))
        except arvados.errors.ArgumentError:
            report.setdefault("errors", []).append("argument")
    report["text"] = combined.manifest_text()
    report["hash"] = combined.portable_data_hash()
    report["saved"] = combined.save_new(create_collection_record=False)
    report["order"] = list(combined), list(combined["part0"]), sorted(combined["on its own"])
    return report, combined
