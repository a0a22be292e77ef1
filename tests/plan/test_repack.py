"""Packing small blocks: fewer blocks, the same files, and nothing lost when something fails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import strategies
from keepset import Collection, CollectionReader, Manifest, errors
from keepset.plan import plan_repack, repack
from memory_keep import MemoryKeep
from replace_server import content, update
from samples import DATA, SIGNATURE, E, locator
from small_blocks import small_blocks

if TYPE_CHECKING:
    from keepset.plan import Repacking

ONE, TWO, BIG, SIX = b"1", b"22", b"1234567", b"666666"


def made(text: str, *, blocks: tuple[bytes, ...] = (ONE, TWO, BIG, SIX)) -> Collection:
    """A collection of a Keep with a few blocks."""
    return Collection(text, keep_client=MemoryKeep(blocks))


def files(collection: Collection) -> dict[str, bytes]:
    """All files with their bytes, as the Keep has them."""
    return {path: collection.read_bytes(path) for path, _ in collection.files()}


def line(*blocks: bytes, files: str, name: str = ".") -> str:
    """A line of a manifest."""
    return f"{name} {' '.join(map(locator, blocks))} {files}\n"


def numbers(packing: Repacking) -> tuple[int, int, int, int]:
    """What a plan says in numbers."""
    return packing.block_count, packing.packed_count, packing.new_block_count, packing.size


TEXT = line(ONE, BIG, TWO, SIX, files="0:1:one 1:7:big 8:2:two 8:2:again") + line(SIX, files="1:2:part", name="./d")


def test_small_blocks_become_one() -> None:
    collection = made(TEXT)
    before = files(collection)
    with small_blocks(10):
        done = collection.repack(jobs=1)
        packed = TWO + ONE + SIX[1:3]  # by name: again, one, two, d/part
        assert numbers(done) == (4, 3, 2, 5)
        assert done.locators == (locator(packed),)
        # The big block is left alone, and bytes that two files share are stored once.
        assert collection.manifest_text() == (
            line(packed, BIG, files="0:2:again 5:7:big 2:1:one 0:2:two") + line(packed, files="3:2:part", name="./d")
        )
        assert not collection.repack()
    assert files(collection) == before


def test_a_dry_run_stores_nothing() -> None:
    collection = made(TEXT)
    keep: Any = collection.block_manager._keep
    with collection.open("new", "wb") as file:
        file.write(b"new")
    with small_blocks(10):
        assert numbers(collection.repack(dry_run=True)) == (5, 4, 2, 8)
    assert keep.puts == []
    collection.flush()


def test_the_order_of_use_decides() -> None:
    text = line(TWO, ONE, SIX, files="2:1:a 0:2:b 3:6:c")
    with small_blocks(20):
        plan = plan_repack(Manifest.parse(text))
        assert [[extent.locator for extent in block] for block in plan.blocks] == [
            [locator(ONE), locator(TWO), locator(SIX)]
        ]
        assert plan_repack(made(text)) == plan


def test_what_is_written_meanwhile_stays() -> None:
    collection = made(TEXT)
    keep: Any = collection.block_manager._keep

    def write(_: bytes) -> None:
        with collection.open("one", "ab") as file:
            file.write(b"more")
        collection.remove("two")
        keep.before_put = lambda data: None

    keep.before_put = write
    with small_blocks(10):
        collection.repack()
        assert files(collection) == {"one": b"1more", "big": BIG, "again": TWO, "d/part": b"66"}
    collection.flush()


def test_nothing_changes_when_a_block_cannot_be_stored() -> None:
    collection = made(TEXT)
    keep: Any = collection.block_manager._keep

    def fail(_: bytes) -> None:
        raise errors.KeepWriteError("full")

    keep.before_put = fail
    with small_blocks(10), pytest.raises(errors.KeepWriteError, match="full"):
        collection.repack()
    assert collection.committed()
    assert collection.manifest_text() == TEXT
    keep.before_put = lambda data: None
    with small_blocks(10):
        assert collection.repack().locators


@pytest.mark.parametrize("damaged", [b"", b"2"])
def test_nothing_changes_when_a_block_is_cut_short(damaged: bytes) -> None:
    collection = made(TEXT)
    keep: Any = collection.block_manager._keep
    keep.blocks[locator(TWO)[:32]] = damaged
    with small_blocks(10), pytest.raises(errors.KeepReadError, match="ends before byte 2"):
        collection.repack()
    assert keep.puts == []
    assert collection.manifest_text() == TEXT


def test_blocks_are_read_and_named_with_signatures() -> None:
    signed = TEXT.replace(locator(ONE), f"{locator(ONE)}{SIGNATURE}7fffffff")
    collection = made(signed)
    keep: Any = collection.block_manager._keep
    asked: list[str] = []
    keep.before_get, keep.signature = asked.append, f"{SIGNATURE}70000000"
    with small_blocks(10):
        done = collection.repack()
    assert f"{locator(ONE)}{SIGNATURE}7fffffff" in asked
    new = f"{locator(TWO + ONE + SIX[1:3])}{SIGNATURE}70000000"
    assert done.locators == (new,)
    assert new in collection.manifest_text()
    # The server looks at no hints of the old locators, and needs those of the new ones.
    assert done.as_plan().replace_segments == {
        f"{locator(TWO)} 0 2": f"{new} 0 2",
        f"{locator(ONE)} 0 1": f"{new} 2 1",
        f"{locator(SIX)} 1 2": f"{new} 3 2",
    }


def test_a_request_waits_for_the_new_blocks() -> None:
    with small_blocks(10):
        plan = plan_repack(Manifest.parse(TEXT))
        with pytest.raises(errors.ArgumentError, match="not stored"):
            plan.as_plan()


@pytest.mark.parametrize("small_size", [-1, (32 << 20) + 1])
def test_the_size_is_in_range(small_size: int) -> None:
    with pytest.raises(errors.ArgumentError, match="small_size"):
        plan_repack(Manifest.parse(TEXT), small_size=small_size)


def test_only_whole_collections_that_can_be_written_are_packed() -> None:
    reader = CollectionReader(TEXT, keep_client=MemoryKeep([ONE, TWO, BIG, SIX]))
    with pytest.raises(errors.ArgumentError, match="read-only"):
        reader.repack()
    assert reader.repack(dry_run=True)
    with pytest.raises(errors.ArgumentError, match="root"):
        repack(made(TEXT)["d"])


def test_progress_counts_bytes() -> None:
    told: list[tuple[int, int, str]] = []
    with small_blocks(10):
        made(TEXT).repack(jobs=1, progress=lambda *numbers: told.append(numbers))
    assert told == [(2, 5, locator(TWO)), (3, 5, locator(ONE)), (5, 5, locator(SIX))]


@given(strategies.strict_texts(nasty=False), st.integers(2, 12), st.data())
def test_any_collection(text: bytes, block_size: int, data: st.DataObject) -> None:
    before = Manifest.parse(Manifest.parse(text).normalized().text)
    collection = Collection(before, keep_client=MemoryKeep(DATA), get_threads=0)
    expected = files(collection)
    with small_blocks(block_size):
        small_size = data.draw(st.integers(0, block_size // 2))
        done = collection.repack(small_size=small_size, jobs=1)
        assert files(collection) == expected
        after = Manifest.parse(collection.manifest_text())
        assert content(after.text) == update(before.text, done.as_plan().as_request())
        assert all(int(name.split("+")[1]) <= block_size for name in done.locators)
        # A new block may be one that is there.
        assert len({*after.blocks()} - {E}) <= done.new_block_count
        assert not collection.repack(small_size=small_size)
