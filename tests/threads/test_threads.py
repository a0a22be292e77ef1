"""Manifests are values: any number of threads may read one, and make others, at the same time."""

import copy
import pickle
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

import reference
from keepset import Manifest
from keepset.errors import ManifestError
from samples import SIGNATURE, A, B, C

THREADS = 8


def large_text(files: int = 4000) -> bytes:
    """Enough that the work is done detached, with names out of order."""
    lines = []
    for directory in range(4):
        names = " ".join(f"{number % 9}:2:{number * 7919 % files:05d}" for number in range(files // 4))
        lines.append(f"./d{directory} {A}{SIGNATURE}65000000 {B} {C} {names}\n")
    return "".join(lines).encode()


def in_threads(work: Callable[[int], Any], threads: int = THREADS) -> list[Any]:
    """The results of work that all the threads start at once."""
    barrier = threading.Barrier(threads)

    def start(number: int) -> object:
        barrier.wait(timeout=30)
        return work(number)

    with ThreadPoolExecutor(threads) as pool:
        return [future.result(timeout=50) for future in [pool.submit(start, number) for number in range(threads)]]


def test_the_same_text_is_parsed_by_many_threads() -> None:
    text = large_text()
    normal = reference.normalize(reference.parse(text))
    for manifest in in_threads(lambda _: Manifest.parse(text)):
        assert bytes(manifest) == text
        assert bytes(manifest.normalized()) == normal


def test_different_texts_are_parsed_by_many_threads() -> None:
    # Small and large in turns: a parser that is reused must not carry anything over.
    def work(number: int) -> list[dict[str, int]]:
        found = []
        for turn in range(50):
            text = f"./{number} {A} {B} 0:{turn % 7}:f{turn}\n"
            found.append(dict(Manifest.parse(text).files()))
            if turn % 10 == 0:
                Manifest.parse(large_text(400))
            with pytest.raises(ManifestError):
                Manifest.parse(f"./{number} {A} 0:9:f{turn}\n")
        return found

    for number, found in enumerate(in_threads(work)):
        assert found == [{f"{number}/f{turn}": turn % 7} for turn in range(50)]


QUESTIONS: list[Callable[[Manifest], Any]] = [
    lambda manifest: bytes(manifest.normalized()),
    lambda manifest: bytes(manifest.stripped()),
    lambda manifest: manifest.text,
    lambda manifest: manifest.portable_data_hash,
    lambda manifest: manifest.normalized().portable_data_hash,
    lambda manifest: (manifest.file_count, manifest.directory_count, manifest.data_size, manifest.stored_size),
    lambda manifest: manifest.signature_expiry,
    lambda manifest: hash(manifest),
    lambda manifest: list(manifest.files()),
    lambda manifest: list(manifest.walk()),
    lambda manifest: [manifest.stat(path) for path, _ in manifest.files()],
    lambda manifest: [manifest.read_plan(path, 1) for path, _ in manifest.files()],
    lambda manifest: manifest.glob("**/*1"),
    lambda manifest: manifest.du(),
    lambda manifest: list(manifest.blocks()),
    lambda manifest: bytes(manifest.subset(include="*7").normalized()),
    lambda manifest: bytes(pickle.loads(pickle.dumps(manifest))),
    lambda manifest: bytes(copy.deepcopy(manifest)),
    lambda manifest: manifest.is_normalized,
    lambda manifest: len(manifest.diff(Manifest.parse(""))),
    lambda manifest: bytes(Manifest.union([manifest, manifest]).normalized()),
]


@pytest.mark.parametrize("first", range(len(QUESTIONS)))
def test_one_manifest_answers_many_threads(first: int) -> None:
    # What is made only when first asked for is asked for by all at once; each question gets to be that first one.
    text = large_text(800)
    order = QUESTIONS[first:] + QUESTIONS[:first]
    expected = [question(Manifest.parse(text)) for question in order]
    shared = Manifest.parse(text)
    for answers in in_threads(lambda _: [question(shared) for question in order], threads=4):
        assert answers == expected


def test_two_manifests_are_compared_both_ways_by_many_threads() -> None:
    # Whoever locks two trees must do it in one order.
    text = large_text()
    left, right = Manifest.parse(text), Manifest.parse(text.replace(b"./d1", b"./e1"))

    def work(number: int) -> list[Any]:
        one, other = (left, right) if number % 2 else (right, left)
        return [(len(one.diff(other)), one == other, Manifest.union([one, other]).file_count) for _ in range(5)]

    answers = in_threads(work)
    assert all(answer == answers[0] for answer in answers)
    assert answers[0][0][1] is False


def test_one_iterator_shared_by_many_threads_gives_each_item_once() -> None:
    manifest = Manifest.parse(large_text())
    for make in (manifest.files, manifest.blocks, manifest.walk):
        shared: Iterator[object] = make()
        gathered = [item for items in in_threads(partial(take_all, shared)) for item in items]
        assert sorted(gathered, key=repr) == sorted(make(), key=repr)


def take_all(iterator: Iterator[object], _: int) -> list[object]:
    return list(iterator)


def test_parse_many_in_many_threads() -> None:
    texts = [f"./{number} {A} 0:{number % 4}:f\n" for number in range(500)]
    expected = [bytes(Manifest.parse(text).normalized()) for text in texts]
    for manifests in in_threads(lambda _: Manifest.parse_many(texts)):
        assert [bytes(manifest.normalized()) for manifest in manifests] == expected


def test_a_buffer_that_another_thread_writes_to_is_read_once() -> None:
    # Whatever moment it is read at, text and tree must tell the same.
    one, other = large_text(400), large_text(400).replace(b":2:", b":1:")
    buffer = bytearray(one)
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            buffer[:] = other
            buffer[:] = one

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(50):
            manifest = Manifest.parse(buffer)
            assert manifest == Manifest.parse(bytes(manifest))
    finally:
        stop.set()
        writer.join(timeout=30)


def test_other_threads_run_while_a_large_text_is_parsed() -> None:
    # Not a timing: a thread that was let in between counts up; how far does not matter.
    text = large_text(400_000)
    counted = 0
    started, stop = threading.Event(), threading.Event()

    def count() -> None:
        nonlocal counted
        started.set()
        while not stop.is_set():
            counted += 1

    counter = threading.Thread(target=count)
    counter.start()
    try:
        started.wait(timeout=30)
        for _ in range(5):
            before = counted
            Manifest.parse(text).normalized().portable_data_hash  # noqa: B018 - the work is what counts
        assert counted > before
    finally:
        stop.set()
        counter.join(timeout=30)


def test_manifests_are_dropped_by_other_threads() -> None:
    manifests = [Manifest.parse(large_text(400)) for _ in range(64)]
    iterators = [manifest.files() for manifest in manifests]

    def work(number: int) -> int:
        dropped = 0
        while manifests:
            try:
                manifest, iterator = manifests.pop(), iterators.pop()
            except IndexError:
                break
            next(iterator)
            del manifest, iterator
            dropped += 1
        return dropped

    assert sum(in_threads(work)) == 64
