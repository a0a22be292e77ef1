"""Blocks that come and go in parts: what is stored is what a `put` of the whole would have stored."""

import tempfile
import threading
from contextlib import closing
from pathlib import Path
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gate import PATIENCE
from keepset import errors
from keepset.config import KEEP_BLOCK_SIZE
from keepset.keep import _files
from keepset.keep.flat import FlatKeep
from keepset.keep.local import LocalKeep
from keepset.keep.parts import BlockOpener, IncomingBlock
from samples import locator
from stores import COLLIDING, make_old

ABC = locator(b"abc")
Folder: TypeAlias = LocalKeep | FlatKeep


@pytest.fixture(params=[LocalKeep, FlatKeep])
def keep(request: pytest.FixtureRequest, tmp_path: Path) -> Folder:
    (tmp_path / "blocks").mkdir()
    made: Folder = request.param(tmp_path / "blocks")
    return made


def take(keep: Folder, parts: list[bytes], expected: str | None = None) -> str:
    with closing(IncomingBlock(keep, expected)) as block:
        for part in parts:
            block.add(part)
        return block.publish()


def read(opener: BlockOpener, block: str, size: int = 2) -> bytes:
    with closing(opener.open(block)) as opened:
        return b"".join(opened.read(at, min(at + size, opened.size)) for at in range(0, opened.size, size))


def unfinished(keep: Folder) -> list[Path]:
    return [path for path in keep.path.rglob("tmp*") if path.is_file()]


@st.composite
def splits(draw: st.DrawFn) -> list[bytes]:
    return draw(st.lists(st.binary(max_size=5), max_size=6))


@given(splits(), st.sampled_from(["nothing", "same", "start", "longer", "other"]), st.booleans())
def test_it_is_stored_as_a_put_would(parts: list[bytes], there: str, says_hash: bool) -> None:
    data = b"".join(parts)
    block = locator(data)
    found = {"nothing": None, "same": data, "start": data[:-1], "longer": data + b"x", "other": data[:-1] + b"\0x"}[
        there
    ]

    def outcome(store: bool) -> object:
        with tempfile.TemporaryDirectory() as folder:
            keep = LocalKeep(folder)
            if found is not None and data:
                keep.path_of(block[:32]).parent.mkdir()
                keep.path_of(block[:32]).write_bytes(found)
            try:
                result: object = take(keep, parts, block[:32] if says_hash else None) if store else keep.put(data)
            except errors.KeepsetError as error:
                result = type(error)
            left = {path.relative_to(folder): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}
            return result, left

    assert outcome(store=True) == outcome(store=False)


def test_what_is_stored_already_is_not_written(keep: Folder) -> None:
    keep.put(b"abc")
    make_old(keep.path_of(ABC[:32]))
    before = keep.path_of(ABC[:32]).stat()
    with closing(IncomingBlock(keep, ABC[:32])) as block:
        block.add(b"a")
        block.add(b"bc")
        assert not unfinished(keep)
        assert block.publish() == ABC
    after = keep.path_of(ABC[:32]).stat()
    assert after.st_ino == before.st_ino
    assert (after.st_mtime_ns > before.st_mtime_ns) == isinstance(keep, LocalKeep)  # it is young again


def test_a_block_that_is_removed_while_it_comes_again_is_stored(keep: Folder) -> None:
    keep.put(b"abc")
    with closing(IncomingBlock(keep, ABC[:32])) as block:
        block.add(b"ab")
        keep.path_of(ABC[:32]).unlink()
        block.add(b"c")
        assert block.publish() == ABC
    assert keep.path_of(ABC[:32]).read_bytes() == b"abc"
    assert not unfinished(keep)


def test_a_block_that_somebody_else_stores_meanwhile_is_compared(keep: Folder) -> None:
    with closing(IncomingBlock(keep, ABC[:32])) as block:
        block.add(b"ab")
        keep.put(b"abc")
        inode = keep.path_of(ABC[:32]).stat().st_ino
        block.add(b"c")
        assert block.publish() == ABC
    assert keep.path_of(ABC[:32]).stat().st_ino == inode


def test_a_damaged_one_is_refused_here_and_replaced_in_the_other_layout(keep: Folder) -> None:
    keep.put(b"abc")
    keep.path_of(ABC[:32]).write_bytes(b"xyz")
    if isinstance(keep, LocalKeep):
        with pytest.raises(errors.BlockCollisionError):
            take(keep, [b"a", b"b", b"c"], ABC[:32])
    else:
        take(keep, [b"a", b"b", b"c"], ABC[:32])
        assert keep.path_of(ABC[:32]).read_bytes() == b"abc"
    assert not unfinished(keep)


@pytest.mark.parametrize("says_hash", [False, True])
def test_two_blocks_of_one_hash_are_told_apart(tmp_path: Path, says_hash: bool) -> None:
    keep = LocalKeep(tmp_path)
    first, second = COLLIDING
    digest = keep.put(first)[:32]
    with pytest.raises(errors.BlockCollisionError):
        take(keep, [second[:64], second[64:]], digest if says_hash else None)
    assert keep.path_of(digest).read_bytes() == first


def test_more_than_a_block_is_refused_and_nothing_stays(keep: Folder) -> None:
    with closing(IncomingBlock(keep)) as block:
        block.add(bytes(KEEP_BLOCK_SIZE))
        with pytest.raises(errors.BlockTooLargeError):
            block.add(b"x")
        assert block.size == KEEP_BLOCK_SIZE
    assert not [path for path in keep.path.rglob("*") if path.is_file()]


def test_what_is_given_up_leaves_nothing(keep: Folder) -> None:
    with closing(IncomingBlock(keep)) as block:
        block.add(b"abc")
        assert unfinished(keep)
    assert not [path for path in keep.path.rglob("*") if path.is_file()]


def test_what_a_dead_writer_has_left_is_collected_and_what_a_living_one_writes_is_not(tmp_path: Path) -> None:
    keep = LocalKeep(tmp_path)
    dead = tmp_path / "tmp.0123456789abcdef"
    dead.write_bytes(b"ab")
    make_old(dead)
    with closing(IncomingBlock(keep)) as block:
        block.add(b"ab")
        [living] = set(unfinished(keep)) - {dead}
        make_old(living)
        assert keep.collect(lambda digest: False).size == 2
        assert unfinished(keep) == [living]


@pytest.fixture
def opener(keep: Folder) -> BlockOpener:
    return BlockOpener(keep)


def test_whoever_closes_a_block_waits_for_a_part_that_is_being_written(
    keep: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = _files.Unfinished.write
    block = IncomingBlock(keep)
    closer = threading.Thread(target=block.close)

    def write(self: _files.Unfinished, data: memoryview) -> None:
        closer.start()
        closer.join(0.1)  # it does not take as long, unless it waits
        real(self, data)

    monkeypatch.setattr(_files.Unfinished, "write", write)
    block.add(b"abc")
    closer.join(PATIENCE)
    assert unfinished(keep) == []


def test_a_closed_block_takes_nothing(keep: Folder) -> None:
    block = IncomingBlock(keep)
    block.add(b"abc")
    block.close()
    for late in (lambda: block.add(b"d"), block.publish):
        with pytest.raises(ValueError, match="closed"):
            late()
    assert unfinished(keep) == []


@pytest.mark.parametrize("data", [b"a", b"ab", b"abc", b"abcdefg"])
def test_what_is_read_in_parts_is_the_block(keep: Folder, opener: BlockOpener, data: bytes) -> None:
    block = keep.put(data)
    assert read(opener, block) == read(opener, block[:32]) == data


def test_what_is_no_such_block_is_not_opened(keep: Folder, opener: BlockOpener) -> None:
    with pytest.raises(errors.NotFoundError):
        opener.open(ABC)
    keep.put(b"abc")
    with pytest.raises(errors.BlockDamagedError, match="has 3 bytes"):
        opener.open(f"{ABC[:32]}+4")
    with pytest.raises(errors.ArgumentError):
        opener.open("abc")


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    real, seen = _files.md5_of, list[object]()

    def md5_of(file: Path | int) -> str:
        seen.append(file)
        return real(file)

    monkeypatch.setattr(_files, "md5_of", md5_of)
    return seen


def test_a_block_is_hashed_once_and_again_when_it_was_touched(
    keep: Folder, opener: BlockOpener, hashed: list[object]
) -> None:
    keep.put(b"abc")
    for _ in range(3):
        assert read(opener, ABC) == b"abc"
    assert len(hashed) == 1
    make_old(keep.path_of(ABC[:32]))
    assert read(opener, ABC) == b"abc"
    assert len(hashed) == 2


def test_damage_is_found_before_a_byte_goes_out(keep: Folder, opener: BlockOpener) -> None:
    keep.put(b"abc")
    read(opener, ABC)
    keep.path_of(ABC[:32]).write_bytes(b"xyz")
    for _ in range(2):
        with pytest.raises(errors.BlockDamagedError):
            opener.open(ABC)


def test_a_block_can_be_removed_while_it_is_read_but_not_cut(keep: Folder, opener: BlockOpener) -> None:
    keep.put(b"abc")
    with closing(opener.open(ABC)) as block:
        file = keep.path_of(ABC[:32])
        with file.open("r+b") as other:
            file.unlink()
            assert block.read(0, 2) == b"ab"
            other.truncate(2)
        with pytest.raises(errors.BlockDamagedError, match="became shorter"):
            block.read(2, 3)
