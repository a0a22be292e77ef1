"""Blocks in a folder: where they lie, what comes back, and what is refused."""

import os
import time
from pathlib import Path

import pytest

from keepset import errors
from keepset.config import EMPTY_BLOCK_LOCATOR, KEEP_BLOCK_SIZE
from keepset.keep.local import IndexEntry, LocalKeep
from samples import DATA, SIGNATURE, A, B, locator
from stores import COLLIDING, make_old


@pytest.fixture
def keep(tmp_path: Path) -> LocalKeep:
    return LocalKeep(tmp_path / "blocks")


def file_of(keep: LocalKeep, block: str) -> Path:
    return keep.path / block[:3] / block[:32]


def files(keep: LocalKeep) -> list[str]:
    return sorted(path.relative_to(keep.path).as_posix() for path in keep.path.rglob("*") if path.is_file())


def test_a_block_lies_where_a_keepstore_looks_for_it(keep: LocalKeep) -> None:
    assert keep.put(b"aaa") == A
    assert files(keep) == [f"{A[:3]}/{A[:32]}"]
    assert file_of(keep, A).read_bytes() == b"aaa"


def test_what_is_put_comes_back(keep: LocalKeep) -> None:
    for data in DATA:
        assert keep.put(data) == locator(data)
    for data in DATA:
        assert keep.get(locator(data)) == data
        assert keep.get(locator(data)[:32]) == data
        assert keep.head(locator(data))
        assert keep.exists(locator(data))


@pytest.mark.parametrize(
    "data", ["é", bytearray(b"\xc3\xa9"), memoryview(b"\xc3\xa9"), memoryview(b"\xc3?\xa9")[::2].tobytes()]
)
def test_anything_that_has_bytes_can_be_put(keep: LocalKeep, data: str | bytearray) -> None:
    assert keep.get(keep.put(data)) == "é".encode()


def test_wider_items_count_as_bytes(keep: LocalKeep) -> None:
    assert keep.put(memoryview(b"01234567").cast("Q")) == locator(b"01234567")


def test_hints_and_capitals_do_not_matter(keep: LocalKeep) -> None:
    keep.put(b"aaa")
    assert keep.get(f"{A}{SIGNATURE}12345678+Kzzzzz") == b"aaa"
    assert keep.get(A.upper()) == b"aaa"


def test_the_empty_block_needs_no_file(keep: LocalKeep) -> None:
    assert keep.put(b"") == EMPTY_BLOCK_LOCATOR
    assert keep.get(EMPTY_BLOCK_LOCATOR) == b""
    assert keep.head(EMPTY_BLOCK_LOCATOR)
    assert files(keep) == []


def test_h64_without_copies_nothing_is_stored(keep: LocalKeep) -> None:
    assert keep.put(b"aaa", copies=0) == A
    assert files(keep) == []


def test_a_block_may_have_64_mebibytes_and_no_more(keep: LocalKeep) -> None:
    largest = bytes(KEEP_BLOCK_SIZE)
    assert keep.put(largest) == "7f614da9329cd3aebf59b91aadc30bf0+67108864"
    assert keep.get("7f614da9329cd3aebf59b91aadc30bf0+67108864") == largest
    with pytest.raises(errors.BlockTooLargeError, match="67108865 bytes") as caught:
        keep.put(bytes(KEEP_BLOCK_SIZE + 1))
    assert isinstance(caught.value, errors.KeepWriteError | ValueError)
    assert len(files(keep)) == 1


def test_a_missing_block_is_not_found(keep: LocalKeep) -> None:
    for call in (keep.get, keep.head):
        with pytest.raises(errors.NotFoundError, match=A[:32]) as caught:
            call(A)
        assert isinstance(caught.value, FileNotFoundError)
        assert caught.value.filename == str(file_of(keep, A))
    assert not keep.exists(A)


@pytest.mark.parametrize("text", ["", "x", A[:31], "../" + A, f"{A}+Ashort"])
def test_what_is_no_locator_is_refused(keep: LocalKeep, text: str) -> None:
    for call in (keep.get, keep.head, keep.exists, keep.block_prefetch):
        with pytest.raises(errors.ArgumentError):
            call(text)


def test_a_truncated_block_is_an_error_and_not_data(keep: LocalKeep) -> None:
    keep.put(b"aaa")
    keep.put(b"bbb")
    os.truncate(file_of(keep, A), 2)
    for call in (keep.get, keep.head):
        with pytest.raises(errors.BlockDamagedError, match="2 bytes, where the locator says 3"):
            call(A)
    with pytest.raises(errors.BlockDamagedError, match="not the block that its name says"):
        keep.get(A[:32])
    assert not keep.exists(A)
    assert keep.get(B) == b"bbb"


def test_a_flipped_bit_is_an_error_and_not_data(keep: LocalKeep) -> None:
    keep.put(b"aaa")
    keep.put(b"bbb")
    file_of(keep, A).write_bytes(b"aaq")
    with pytest.raises(errors.BlockDamagedError, match="not the block that its name says") as caught:
        keep.get(A)
    assert isinstance(caught.value, errors.KeepReadError)
    assert caught.value.filename == str(file_of(keep, A))
    assert keep.get(B) == b"bbb"


def test_a_file_that_no_block_can_be_is_not_even_read(keep: LocalKeep) -> None:
    keep.put(b"aaa")
    os.truncate(file_of(keep, A), 2**40)  # sparse
    with pytest.raises(errors.BlockDamagedError):
        keep.get(A[:32])
    assert [problem.code for problem in keep.verify()] == ["block-damaged"]


def test_a_locator_with_a_wrong_size_finds_nothing_usable(keep: LocalKeep) -> None:
    keep.put(b"aaa")
    with pytest.raises(errors.BlockDamagedError, match="either is wrong"):
        keep.get(f"{A[:32]}+4")
    assert not keep.exists(f"{A[:32]}+4")


def test_to_put_a_block_again_makes_it_young(keep: LocalKeep) -> None:
    keep.put(b"aaa")
    make_old(file_of(keep, A))
    before = file_of(keep, A).stat()
    keep.put(b"aaa")
    after = file_of(keep, A).stat()
    assert after.st_ino == before.st_ino
    assert time.time() - after.st_mtime < 3600


def test_two_blocks_of_one_hash_cannot_both_be_stored(keep: LocalKeep) -> None:
    first, second = COLLIDING
    assert first != second
    stored = keep.put(first)
    with pytest.raises(errors.BlockCollisionError, match=stored[:32]):
        keep.put(second)
    assert keep.get(stored) == first


def test_to_put_over_a_damaged_block_says_so(keep: LocalKeep) -> None:
    keep.put(b"aaa")
    file_of(keep, A).write_bytes(b"aaq")
    with pytest.raises(errors.BlockCollisionError, match="move it away") as caught:
        keep.put(b"aaa")
    assert isinstance(caught.value, errors.KeepWriteError)
    file_of(keep, A).rename(keep.path / "away")
    assert keep.get(keep.put(b"aaa")) == b"aaa"


def test_the_index_lists_blocks_in_order_and_nothing_else(keep: LocalKeep) -> None:
    stored = sorted(keep.put(data) for data in DATA if data)
    (keep.path / A[:3] / f"tmp{A[:32]}.x").write_bytes(b"unfinished")
    (keep.path / A[:3] / B[:32]).write_bytes(b"bbb")  # of another folder
    (keep.path / "lost+found").mkdir()
    assert [entry.locator for entry in keep.index()] == stored
    entry = next(keep.index(A[:32]))
    assert entry == IndexEntry(A[:32], 3, file_of(keep, A).stat().st_mtime_ns)
    assert [found.locator for found in keep.index(A[:2])] == [one for one in stored if one.startswith(A[:2])]
    assert [found.locator for found in keep.index(A[:5])] == [A]
    assert list(keep.index("0" * 32)) == []
    for bad in ("x", "A", A[:32] + "0"):
        with pytest.raises(errors.ArgumentError):
            list(keep.index(bad))


def test_verify_finds_what_is_damaged_and_reports_progress(keep: LocalKeep) -> None:
    stored = [keep.put(data) for data in DATA if data]
    assert list(keep.verify()) == []
    file_of(keep, A).write_bytes(b"aaq")
    os.truncate(file_of(keep, B), 0)
    total = sum(entry.size for entry in keep.index())
    seen: list[tuple[int, int, str]] = []
    problems = list(keep.verify(lambda *progress: seen.append(progress)))
    assert {problem.locator[:32] for problem in problems} == {A[:32], B[:32]}
    assert {problem.code for problem in problems} == {"block-damaged"}
    assert all(str(keep.path) in problem.message for problem in problems)
    assert [done for done, _, _ in seen] == sorted(done for done, _, _ in seen)
    assert {size for _, size, _ in seen} == {total}
    assert (seen[-1][0], len(seen)) == (total, len(stored))


def test_verify_passes_over_what_goes_meanwhile(keep: LocalKeep) -> None:
    for data in (b"aaa", b"bbb", b"ccccc"):
        keep.put(data)

    def remove_the_rest(done: int, total: int, block: str) -> None:
        for path in keep.path.rglob("?" * 32):
            path.unlink()

    assert list(keep.verify(remove_the_rest)) == []


def test_the_folder_is_made(tmp_path: Path) -> None:
    keep = LocalKeep(str(tmp_path / "a" / "b"))
    assert keep.path == tmp_path / "a" / "b"
    assert list(keep.index()) == []


def test_a_relative_path_stays_what_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    keep = LocalKeep("blocks")
    keep.put(b"aaa")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert keep.get(A) == b"aaa"
