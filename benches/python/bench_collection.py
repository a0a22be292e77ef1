"""The object model beside the official client's, each on a Keep in memory: the same code with another import."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from benches import corpora
from benches.python.conftest import scaled
from benches.python.libraries import OURS, Library, over_both

if TYPE_CHECKING:
    from collections.abc import Callable


def filled(library: Library, files: int, size: int) -> Any:
    """Returns a stored collection of files of random bytes."""
    collection = library.collection()
    generator = random.Random(files)
    for number in range(files):
        with collection.open(f"{number % 100}/{number}", "wb") as file:
            file.write(generator.randbytes(size))
    return library.collection(collection.manifest_text())


@over_both
def test_write_small_files(library: Library, compare: Callable[..., Any]) -> None:
    files = scaled(10_000, 10)
    data = [number.to_bytes(4, "big") * 1024 for number in range(files)]

    def write() -> Any:
        collection = library.collection()
        for number, content in enumerate(data):
            with collection.open(f"{number % 100}/{number}", "wb") as file:
                file.write(content)
        collection.manifest_text()
        return collection

    collection = compare("write files of 4 KiB", write, rounds=7, items=files, unit="file")
    blocks = {block.split("+")[0] for block in collection.manifest_text().split() if "+" in block}
    assert (len(blocks) < files / 100) == (library.name == OURS)
    collection.stop_threads()


@over_both
def test_read_small_files(library: Library, compare: Callable[..., Any]) -> None:
    files = scaled(10_000, 10)
    collection = filled(library, files, 4096)

    def read() -> int:
        total = 0
        for number in range(files):
            with collection.open(f"{number % 100}/{number}", "rb") as file:
                total += len(file.read())
        return total

    assert compare("open and read files of 4 KiB", read, items=files, unit="file") == files * 4096


@over_both
def test_lines(library: Library, compare: Callable[..., Any]) -> None:
    lines = scaled(200_000, 100)
    collection = library.collection()
    with collection.open("lines", "w") as file:
        file.writelines(f"{number} some words to make a line\n" for number in range(lines))
    collection = library.collection(collection.manifest_text())

    def read() -> int:
        with collection.open("lines", "rb") as file:
            return sum(1 for _ in file)

    assert compare("iterate over lines", read, rounds=3, items=lines, unit="line") == lines


@over_both
def test_random_reads(library: Library, compare: Callable[..., Any]) -> None:
    size = scaled(1 << 26, 1 << 20)
    collection = library.collection()
    with collection.open("data", "wb") as file:
        file.write(random.Random(1).randbytes(size))
    collection = library.collection(collection.manifest_text())
    offsets = [random.Random(2).randrange(size - 4096) for _ in range(20_000)]

    def read() -> int:
        total = 0
        with collection.open("data", "rb") as file:
            for offset in offsets:
                file.seek(offset)
                total += len(file.read(4096))
        return total

    assert compare("random reads of 4 KiB", read, items=len(offsets), unit="read") == len(offsets) * 4096


@over_both
def test_sequential_reads(library: Library, compare: Callable[..., Any]) -> None:
    size = scaled(1 << 28, 1 << 20)
    collection = library.collection()
    with collection.open("data", "wb") as file:
        generator = random.Random(1)
        for _ in range(size >> 20):
            file.write(generator.randbytes(1 << 20))
    collection = library.collection(collection.manifest_text())
    size = size >> 20 << 20

    def read() -> int:
        with collection.open("data", "rb") as file:
            return sum(len(chunk) for chunk in iter(lambda: file.read(1 << 20), b""))

    assert compare("read a file from end to end", read, rounds=3, size=size) == size


@over_both
def test_make_small_collections(library: Library, compare: Callable[..., Any]) -> None:
    texts = [text.decode() for text in corpora.small_manifests(scaled(2000, 10))]
    made = compare(
        "make a collection of 10 files",
        lambda: [library.collection(text) for text in texts],
        items=len(texts),
        unit="collection",
    )
    assert all(len(collection) for collection in made)


@over_both
def test_walk(library: Library, compare: Callable[..., Any]) -> None:
    text = corpora.many_directories(scaled(100), 1000).decode()

    def load_and_walk() -> int:
        return library.walk(library.collection(text))

    count = compare("load and walk", load_and_walk, rounds=3, unit="object", items=scaled(100) * 1001)
    collection = library.collection(text)
    assert library.walk(collection) == count


@over_both
def test_walk_again(library: Library, compare: Callable[..., Any]) -> None:
    collection = library.collection(corpora.many_directories(scaled(100), 1000).decode())
    library.walk(collection)
    compare("walk again", lambda: library.walk(collection), unit="object", items=scaled(100) * 1001)


@over_both
def test_copy_directories(library: Library, compare: Callable[..., Any]) -> None:
    source = library.collection(corpora.many_directories(scaled(100), 1000).decode())
    names = list(source)

    def copy(target: Any) -> Any:
        for name in names:
            target.copy(name, name, source_collection=source)
        return target

    target = compare("copy directories of 1,000 files", copy, setup=lambda: (library.collection(),), rounds=3)
    assert len(target) == len(names)


@over_both
def test_copy_files(library: Library, compare: Callable[..., Any]) -> None:
    text = corpora.one_directory(scaled(20_000, 100)).decode()
    source = library.collection(text).values()[0]
    names = list(source)[:5000]

    def copy(target: Any) -> Any:
        for name in names:
            target.copy(name, name, source_collection=source)
        return target

    target = compare("copy file by file", copy, setup=lambda: (library.collection(),), items=len(names), unit="file")
    assert len(target) == len(names)


@over_both
def test_clone(library: Library, compare: Callable[..., Any]) -> None:
    collection = library.collection(corpora.many_directories(scaled(100), 1000).decode())
    clone = compare("clone", collection.clone)
    assert len(clone) == len(collection)


def find(collection: Any, path: str) -> None:
    """Finds a file."""
    collection.find(path)


def rename(collection: Any, path: str) -> None:
    """Moves a file."""
    collection.rename(path, path + ".new")


def remove(collection: Any, path: str) -> None:
    """Removes a file."""
    collection.remove(path)


@over_both
@pytest.mark.parametrize("operation", [find, rename, remove])
def test_one_path(library: Library, compare: Callable[..., Any], operation: Callable[[Any, str], None]) -> None:
    text = corpora.one_directory(scaled(20_000, 100)).decode()
    top, directory = library.collection(text).items()[0]
    paths = [f"{top}/{name}" for name in directory][:1000]

    def fresh() -> tuple[Any]:
        collection = library.collection(text)
        collection.find(f"{top}/x")  # whatever is made on the first question
        return (collection,)

    def run(collection: Any) -> None:
        for path in paths:
            operation(collection, path)

    compare(operation.__name__, run, setup=fresh, items=len(paths), unit="path")
