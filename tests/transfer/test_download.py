"""Collections to the local disk: what is left alone, what is refused, what an interruption leaves."""

from __future__ import annotations

import errno
import fcntl
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from keepset import errors
from keepset.collection import Collection
from memory_keep import MemoryKeep
from samples import locator
from trees import MIB, CountingKeep, contents, noise

if TYPE_CHECKING:
    from collections.abc import Callable

    from keepset.session import Store

FILES: dict[str, bytes | None] = {
    "a": b"aaa",
    "d/b": b"bb",
    "d/empty": b"",
    "void/nothing": None,
    "odd \udcff\n": b"odd",
    "big": noise(70 * MIB),
}


@pytest.fixture
def collection(store: Store, tree: Callable[..., Path]) -> Any:
    """A saved collection with `FILES`, on a Keep client that counts."""
    made = Collection(api_client=store)
    made.upload(tree(FILES))
    made.save_new("files")
    return Collection(made.manifest_locator(), api_client=store, keep_client=CountingKeep(store.keep))


def hidden(folder: Path) -> list[str]:
    """The unfinished files in a folder."""
    return [path.name for path in folder.rglob(".*")]


class TestWhatIsWritten:
    @pytest.mark.parametrize("jobs", [1, 4])
    def test_everything(self, collection: Any, tmp_path: Path, jobs: int) -> None:
        steps: list[tuple[int, int]] = []
        copy = tmp_path / "some" / "where"
        result = collection.download(copy, jobs=jobs, progress=lambda *step: steps.append(step[:2]))
        assert contents(copy) == FILES
        assert hidden(copy) == []
        assert (len(result.copied), result.unchanged) == (5, ())
        assert steps[-1] == (result.size, result.size) == (70 * MIB + 8, 70 * MIB + 8)
        # The two blocks of the large file, and the one that the small files share.
        assert len(collection._keep_client.gets) == 3

    def test_a_part(self, collection: Any, tmp_path: Path) -> None:
        assert collection.download(tmp_path / "d", "d").copied == ("b", "empty")
        assert collection.download(tmp_path / "x", exclude=["big", "odd*", "/d/empty"]).copied == ("a", "d/b")
        assert collection["d"].download(tmp_path / "y", include="b").copied == ("b",)
        assert contents(tmp_path / "x") == {"a": b"aaa", "d/b": b"bb", "void/nothing": None}
        assert contents(tmp_path / "y") == {"b": b"bb"}

    def test_a_file(self, collection: Any, tmp_path: Path) -> None:
        (tmp_path / "there").mkdir()
        collection.download(tmp_path / "there", "d/b")
        collection.download(tmp_path / "name", "./d/b")
        assert (tmp_path / "there" / "b").read_bytes() == (tmp_path / "name").read_bytes() == b"bb"
        with pytest.raises(errors.PathNotFoundError):
            collection.download(tmp_path / "name", "d/nope")
        with pytest.raises(FileNotFoundError):
            collection.download(tmp_path / "missing" / "name", "d/b")

    def test_a_file_whose_name_is_a_pattern(self, store: Store, tmp_path: Path) -> None:
        collection = Collection(api_client=store)
        for name in ("*", "[a]", "a", "{a,b}", "b\\"):
            collection.write_bytes(name, name.encode())
        collection.save_new("patterns")
        for name in collection:
            collection.download(tmp_path / "copy", name)
            assert (tmp_path / "copy").read_text() == name

    def test_permissions_are_those_of_new_files(self, collection: Any, tmp_path: Path) -> None:
        before = os.umask(0o027)
        try:
            collection.download(tmp_path / "copy", include="a")
        finally:
            os.umask(before)
        assert (tmp_path / "copy" / "a").stat().st_mode & 0o777 == 0o640

    def test_a_dry_run_writes_nothing(self, collection: Any, tmp_path: Path) -> None:
        result = collection.download(tmp_path / "copy", dry_run=True)
        assert len(result.copied) == 5
        assert not (tmp_path / "copy").exists()


class TestWhatIsThere:
    def test_is_left_alone_if_it_is_identical(self, collection: Any, tmp_path: Path) -> None:
        copy = tmp_path / "copy"
        collection.download(copy)
        for path in copy.rglob("*"):
            os.utime(path, (1, 1))
        (copy / "a").write_bytes(b"AAA")
        (copy / "d" / "b").write_bytes(b"longer")
        with (copy / "big").open("r+b") as file:
            file.seek(69 * MIB)
            file.write(b"!")
        (copy / "mine").write_bytes(b"mine")
        result = collection.download(copy)
        assert sorted(result.copied) == ["a", "big", "d/b"]
        assert sorted(result.unchanged) == ["d/empty", "odd \udcff\n"]
        assert contents(copy) == FILES | {"mine": b"mine"}
        assert all(os.stat(copy / name).st_mtime == 1 for name in result.unchanged)  # noqa: PTH116

    def test_is_compared_without_fetching_where_the_hash_tells(self, collection: Any, tmp_path: Path) -> None:
        collection.download(tmp_path, "big")
        keep = collection._keep_client
        keep.gets.clear()
        assert collection.download(tmp_path, "big").unchanged == ("big",)
        assert keep.gets == []


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        ("make", "what"),
        [
            (lambda top: (top / "a").mkdir(), "a: a file is to be here, and a directory is"),
            (lambda top: (top / "d").write_bytes(b"x"), "d: a directory is to be here, and a file is"),
            (lambda top: (top / "d").symlink_to("/tmp"), "d: a directory is to be here, and a symbolic link is"),
            (lambda top: (top / "a").symlink_to("elsewhere"), "a: a file is to be here, and a symbolic link is"),
            (lambda top: os.mkfifo(top / "a"), "a: a file is to be here, and something else is"),
        ],
    )
    def test_another_kind_in_its_place(
        self, collection: Any, tmp_path: Path, make: Callable[[Path], object], what: str
    ) -> None:
        copy = tmp_path / "copy"
        copy.mkdir()
        make(copy)
        before = sorted(copy.rglob("*"))
        for dry_run in (True, False):
            with pytest.raises(errors.TransferError, match=what):
                collection.download(copy, dry_run=dry_run)
        assert sorted(copy.rglob("*")) == before

    def test_a_device(self, collection: Any) -> None:
        with pytest.raises(errors.TransferError, match="something else"):
            collection.download("/dev/null", "a")
        assert Path("/dev/null").is_char_device()

    def test_a_target_that_is_a_link_is_followed(self, collection: Any, tmp_path: Path) -> None:
        (tmp_path / "real").mkdir()
        (tmp_path / "link").symlink_to("real")
        collection.download(tmp_path / "link", include="a")
        assert contents(tmp_path / "real") == {"a": b"aaa"}

    def test_names_that_no_file_can_have(self, store: Store, tmp_path: Path) -> None:
        locator = store.keep.put(b"aaa")
        collection = Collection(f". {locator} 0:3:a\\000b\n", api_client=store)
        with pytest.raises(errors.TransferError, match="no file can have the name"):
            collection.download(tmp_path / "copy")
        assert not (tmp_path / "copy").exists()


class TestBlocksThatCannotBeRead:
    def test_the_other_files_are_there_and_the_error_names_these(
        self, collection: Any, store: Store, tmp_path: Path
    ) -> None:
        first = next(locator for locator, _, _ in collection.manifest.read_plan("big"))
        block = store.keep.path_of(first[:32])
        block.write_bytes(bytes(64 * MIB))
        copy = tmp_path / "copy"
        with pytest.raises(errors.KeepReadError, match="1 of 5 files could not be read") as caught:
            collection.download(copy)
        assert isinstance(caught.value.request_errors()["big"], errors.BlockDamagedError)
        assert contents(copy) == {name: data for name, data in FILES.items() if name != "big"}
        assert hidden(copy) == []

    def test_a_file_that_is_there_stays(self, collection: Any, store: Store, tmp_path: Path) -> None:
        copy = tmp_path / "copy"
        copy.mkdir()
        (copy / "a").write_bytes(b"old")
        locator = next(locator for locator, _, _ in collection.manifest.read_plan("a"))
        store.keep.path_of(locator[:32]).unlink()
        with pytest.raises(errors.KeepReadError, match="could not be read"):
            collection.download(copy, include="a")
        assert contents(copy) == {"a": b"old"}

    def test_a_block_that_is_too_short(self, tmp_path: Path) -> None:
        class Short:
            def get(self, locator: str, **options: object) -> bytes:
                return b"aa"

        collection = Collection(". 47bce5c74f589f4867dbd57e9ca9f808+3 0:3:a\n", keep_client=Short())
        with pytest.raises(errors.KeepReadError):
            collection.download(tmp_path / "copy")
        assert contents(tmp_path / "copy") == {}


class Interrupted(BaseException):
    """What Ctrl-C is, but only for this test."""


class TestSideBySide:
    """A file of four blocks, on a Keep that counts how many it is asked for at a time."""

    @pytest.fixture
    def blocks(self) -> list[bytes]:
        return [bytes([number]) * 1000 for number in range(4)]

    @pytest.fixture
    def keep(self, blocks: list[bytes], monkeypatch: pytest.MonkeyPatch) -> MemoryKeep:
        monkeypatch.setattr("keepset._fetching._WORTH_A_THREAD", 0.0)
        return MemoryKeep(blocks)

    def test_the_blocks_of_one_file_are_fetched_by_all_threads(
        self, keep: MemoryKeep, blocks: list[bytes], tmp_path: Path
    ) -> None:
        meeting = threading.Barrier(4)
        keep.before_get = lambda name: meeting.wait(30)
        text = f". {' '.join(map(locator, blocks))} 0:4000:file\n"
        Collection(text, keep_client=keep).download(tmp_path / "copy", jobs=4)
        assert (tmp_path / "copy" / "file").read_bytes() == b"".join(blocks)
        assert set(keep.gets.values()) == {1}

    def test_with_one_job_there_is_one_fetch_at_a_time_and_no_thread(
        self, keep: MemoryKeep, blocks: list[bytes], tmp_path: Path
    ) -> None:
        threads = set()
        keep.before_get = lambda name: threads.add(threading.current_thread())
        text = f". {' '.join(map(locator, blocks))} 0:4000:file\n"
        Collection(text, keep_client=keep).download(tmp_path / "copy", jobs=1)
        assert threads == {threading.current_thread()}


class TestInterruptions:
    @pytest.mark.parametrize("jobs", [1, 4])
    def test_goes_on_where_it_was(self, collection: Any, tmp_path: Path, jobs: int) -> None:
        copy = tmp_path / "copy"

        def stop(done: int, total: int, path: str) -> None:
            if done > 67 * MIB:
                raise Interrupted

        with pytest.raises(Interrupted):
            collection.download(copy, include="big", jobs=jobs, progress=stop)
        (left,) = hidden(copy)
        assert contents(copy).keys() == {left}
        keep = CountingKeep(collection._keep_client)
        Collection(collection.manifest_text(), keep_client=keep).download(copy, include="big", jobs=jobs)
        assert contents(copy) == {"big": FILES["big"]}
        # The first block is hashed where it lies, the second fetched.
        assert [locator.split("+")[1] for locator in keep.gets] == [str(6 * MIB)]

    def test_does_not_trust_what_is_left(self, collection: Any, tmp_path: Path) -> None:
        def stop(done: int, total: int, path: str) -> None:
            if done > 67 * MIB:
                raise Interrupted

        with pytest.raises(Interrupted):
            collection.download(tmp_path / "copy", include="big", progress=stop)
        (left,) = hidden(tmp_path / "copy")
        with (tmp_path / "copy" / left).open("r+b") as file:
            file.seek(MIB)
            file.write(b"!")
        collection.download(tmp_path / "copy", include="big")
        assert contents(tmp_path / "copy") == {"big": FILES["big"]}

    def test_leaves_nothing_of_small_files(self, collection: Any, tmp_path: Path) -> None:
        def stop(done: int, total: int, path: str) -> None:
            raise Interrupted

        with pytest.raises(Interrupted):
            collection.download(tmp_path / "copy", include="a", progress=stop)
        assert contents(tmp_path / "copy") == {}

    def test_what_a_killed_process_leaves_of_small_files_is_gone_after_the_next(
        self, collection: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def killed(source: str, target: str) -> None:
            raise Interrupted

        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", killed)
            with pytest.raises(Interrupted):
                collection.download(tmp_path / "copy", include="a")
        assert len(hidden(tmp_path / "copy")) == 1
        collection.download(tmp_path / "copy", include="a")
        assert contents(tmp_path / "copy") == {"a": FILES["a"]}

    def test_the_file_that_the_disk_has_no_room_for_is_named(
        self, collection: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(descriptor: int, data: memoryview, position: int) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(os, "pwrite", full)
        with pytest.raises(OSError, match="No space left") as caught:
            collection.download(tmp_path / "copy", include="a")
        assert caught.value.filename == str(tmp_path / "copy" / "a")
        assert contents(tmp_path / "copy") == {}

    def test_two_at_once_do_not_write_to_one_file(self, collection: Any, tmp_path: Path) -> None:
        copy = tmp_path / "copy"

        def stop(done: int, total: int, path: str) -> None:
            if done > 67 * MIB:
                raise Interrupted

        with pytest.raises(Interrupted):
            collection.download(copy, include="big", progress=stop)
        (left,) = hidden(copy)
        with (copy / left).open("r+b") as other:
            fcntl.flock(other, fcntl.LOCK_EX)
            collection.download(copy, include="big")
            assert (copy / left).exists()
        assert (copy / "big").read_bytes() == FILES["big"]
