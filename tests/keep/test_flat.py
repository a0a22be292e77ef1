"""The folder of KEEP_LOCAL_STORE, shared with the official client."""

import os
import warnings
from pathlib import Path

import pytest

from keepset import errors
from keepset.config import EMPTY_BLOCK_LOCATOR, KEEP_BLOCK_SIZE
from keepset.keep.flat import FlatKeep
from samples import DATA, A, B, locator
from stores import COLLIDING

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    official = pytest.importorskip("arvados.keep")


@pytest.fixture
def keep(tmp_path: Path) -> FlatKeep:
    return FlatKeep(tmp_path)


def files(keep: FlatKeep) -> list[str]:
    return sorted(path.name for path in keep.path.iterdir())


def test_the_official_client_reads_what_we_store(keep: FlatKeep) -> None:
    theirs = official.KeepClient(local_store=str(keep.path))
    for data in [*DATA, os.urandom(100_000)]:
        block = keep.put(data)
        assert theirs.get(block) == data
        assert theirs.head(block) or not data


def test_we_read_what_the_official_client_stores(keep: FlatKeep) -> None:
    theirs = official.KeepClient(local_store=str(keep.path))
    for data in [*DATA, os.urandom(100_000)]:
        block = theirs.put(data)
        assert block == locator(data)
        assert keep.get(block) == data
        assert keep.exists(block)
        assert keep.put(data) == block
    assert [entry.locator for entry in keep.index()] == sorted(
        locator(path.read_bytes()) for path in keep.path.iterdir()
    )


def test_a_block_lies_where_the_official_client_looks_for_it(keep: FlatKeep) -> None:
    assert keep.put(b"aaa") == A
    assert files(keep) == [A[:32]]


def test_nothing_is_taken_from_an_unfinished_file_of_theirs(keep: FlatKeep) -> None:
    (keep.path / f"{A[:32]}.tmp").write_bytes(b"a")  # where 3.2.1 writes
    assert not keep.exists(A)
    assert keep.get(keep.put(b"aaa")) == b"aaa"
    assert (keep.path / f"{A[:32]}.tmp").read_bytes() == b"a"
    assert [entry.locator for entry in keep.index()] == [A]


def test_a_missing_block_is_not_found_and_a_missing_file(keep: FlatKeep) -> None:
    for call in (keep.get, keep.head):
        with pytest.raises(errors.NotFoundError, match=A[:32]) as caught:
            call(A)
        assert isinstance(caught.value, FileNotFoundError)


def test_what_is_read_is_checked_unlike_in_3_2_1(keep: FlatKeep) -> None:
    keep.put(b"aaa")
    (keep.path / A[:32]).write_bytes(b"aaq")
    assert official.KeepClient(local_store=str(keep.path)).get(A) == b"aaq"
    with pytest.raises(errors.BlockDamagedError, match="not the block that its name says"):
        keep.get(A)
    assert [problem.locator for problem in keep.verify()] == [A]


def test_to_put_a_damaged_block_again_mends_it_as_in_3_2_1(keep: FlatKeep) -> None:
    (keep.path / A[:32]).write_bytes(b"a")
    keep.put(b"aaa")
    assert keep.get(A) == b"aaa"
    assert files(keep) == [A[:32]]


def test_what_is_there_already_is_not_written_again(keep: FlatKeep) -> None:
    keep.put(b"aaa")
    before = (keep.path / A[:32]).stat()
    keep.put(b"aaa")
    assert (keep.path / A[:32]).stat() == before


def test_copies_do_not_matter_as_in_3_2_1(keep: FlatKeep) -> None:
    assert keep.get(keep.put(b"aaa", copies=0)) == b"aaa"


def test_the_last_of_two_blocks_of_one_hash_stays_as_in_3_2_1(keep: FlatKeep) -> None:
    first, second = COLLIDING
    assert keep.put(first) == keep.put(second)
    assert keep.get(locator(second)) == second


def test_the_empty_block_is_there_with_and_without_its_file(keep: FlatKeep) -> None:
    assert keep.get(EMPTY_BLOCK_LOCATOR) == b""
    assert official.KeepClient(local_store=str(keep.path)).put(b"") == EMPTY_BLOCK_LOCATOR
    assert keep.get(EMPTY_BLOCK_LOCATOR) == b""
    assert keep.put(b"") == EMPTY_BLOCK_LOCATOR
    assert list(keep.verify()) == []


def test_a_block_may_have_64_mebibytes_and_no_more(keep: FlatKeep) -> None:
    with pytest.raises(errors.BlockTooLargeError):
        keep.put(bytes(KEEP_BLOCK_SIZE + 1))
    assert files(keep) == []


@pytest.mark.parametrize("name", ["missing", "file"])
def test_the_folder_must_be_there_as_for_3_2_1(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(errors.StoreError, match="KEEP_LOCAL_STORE") as caught:
        FlatKeep(tmp_path / name)
    assert caught.value.filename == str(tmp_path / name)


def test_nothing_can_be_collected_here(keep: FlatKeep) -> None:
    keep.put(b"bbb")
    assert not hasattr(keep, "collect")
    assert keep.exists(B)
