"""Local trees into collections: what is taken, in which order, what is refused, what is left alone."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepset import errors, open_store
from keepset.collection import Collection
from keepset.manifest import Manifest, escape
from keepset.transfer import Checkpoint, upload, upload_stream
from keepset.transfer._local import scan
from trees import MIB, CountingKeep, contents, noise

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from keepset.session import Store

FILES = {
    "a.txt": b"aaa",
    "b.bam": b"",
    "d/c.bam": b"cc",
    "d/e/x": b"x",
    "void/nothing": None,
    "with space/new\nline": b"odd",
    "back\\slash:colon": b"odd too",
    "é/\udcff": b"not UTF-8",
    "zeros": bytes(100),
}


def held(collection: Collection) -> dict[str, bytes | None]:
    """Everything in a collection, as `contents` gives what is in a directory."""
    found: dict[str, bytes | None] = {}
    for path, folders, files in collection.walk():
        prefix = path.removeprefix(".").removeprefix("/")
        for name in files:
            found[f"{prefix}/{name}".removeprefix("/")] = collection.read_bytes(f"{path}/{name}")
        if not folders and not files and prefix:
            found[prefix] = None
    return found


class TestWhatIsTaken:
    def test_everything_with_empty_directories(self, store: Store, tree: Callable[..., Path]) -> None:
        collection = Collection(api_client=store)
        result = collection.upload(tree(FILES))
        assert held(collection) == FILES
        assert set(result.copied) == {name for name, data in FILES.items() if data is not None}
        assert result.size == sum(len(data or b"") for data in FILES.values())
        collection.save_new("all")
        assert held(Collection(collection.manifest_locator(), api_client=store)) == FILES

    def test_a_file_by_its_own_name_or_another(self, store: Store, tree: Callable[..., Path]) -> None:
        top = tree({"a": b"a"})
        collection = Collection(api_client=store)
        collection.mkdirs("there")
        for path, expected in {".": "a", "b": "b", "there": "there/a", "new/": "new/a", "x/y": "x/y"}.items():
            assert collection.upload(top / "a", path).copied == (expected,)
            assert collection.read_bytes(expected) == b"a"
        collection.save_new("files")

    def test_into_a_directory_and_into_a_subcollection(self, store: Store, tree: Callable[..., Path]) -> None:
        top = tree({"a": b"a", "void": None})
        collection = Collection(api_client=store)
        assert collection.upload(top, "./x//y").copied == ("x/y/a",)
        assert collection.mkdirs("z").upload(top).copied == ("a",)
        assert held(collection) == {"x/y/a": b"a", "x/y/void": None, "z/a": b"a", "z/void": None}
        collection.save_new("both")

    def test_an_empty_directory(self, store: Store, tree: Callable[..., Path]) -> None:
        collection = Collection(api_client=store)
        top = tree({})
        assert collection.upload(top).copied == ()
        collection.upload(top, "void")
        assert held(collection) == {"void": None}

    def test_links_are_followed(self, store: Store, tree: Callable[..., Path]) -> None:
        top = tree({"a": b"a", "d/x": b"x"})
        (top / "link").symlink_to("a")
        (top / "e").symlink_to("d")
        (top / "f").symlink_to(top / "d" / "x")
        collection = Collection(api_client=store)
        collection.upload(top)
        collection.save_new("links")
        assert held(collection) == {"a": b"a", "link": b"a", "d/x": b"x", "e/x": b"x", "f": b"x"}

    def test_links_can_be_left_out(self, store: Store, tree: Callable[..., Path]) -> None:
        top = tree({"a": b"a", "d/x": b"x", "only/y": b"y"})
        (top / "only" / "y").unlink()
        for place, target in {"link": "a", "e": "d", "only/z": "..", "d/nowhere": "missing"}.items():
            (top / place).symlink_to(target)
        collection = Collection(api_client=store)
        result = collection.upload(top, "t", follow_links=False)
        assert sorted(result.left_out) == ["t/d/nowhere", "t/e", "t/link", "t/only/z"]
        assert held(collection) == {"t/a": b"a", "t/d/x": b"x", "t/only": None}
        collection.save_new("without links")
        wanted = collection.upload(top, "t", follow_links=False, exclude=["link", "d"])
        assert sorted(wanted.left_out) == ["t/e", "t/only/z"]
        (top.parent / "top").symlink_to(top)
        assert collection.upload(top.parent / "top", "u", follow_links=False, include="x").copied == ("u/d/x",)
        collection.save()

    def test_a_stream(self, store: Store, tree: Callable[..., Path]) -> None:
        data = noise(3 * MIB)
        collection = Collection(api_client=store)
        steps: list[int] = []
        with (tree({"a": data}) / "a").open("rb") as stream:
            assert (
                upload_stream(collection, stream, "d/a", progress=lambda done, *_: steps.append(done)).size == 3 * MIB
            )
        assert collection.read_bytes("d/a") == data
        assert steps == [MIB, 2 * MIB, 3 * MIB]
        collection.save_new("stream")


class TestWhatIsRefused:
    @pytest.mark.parametrize("target", ["loop", "missing", ".", ".."])
    def test_links_that_lead_nowhere_or_in_a_circle(self, store: Store, tree: Callable[..., Path], target: str) -> None:
        top = tree({"a": b"a", "d/x": b"x"})
        (top / "d" / "loop").symlink_to(target)
        collection = Collection(api_client=store)
        with pytest.raises(errors.TransferError, match="symbolic link") as caught:
            collection.upload(top)
        assert caught.value.filename == str(top / "d" / "loop")
        assert not collection.modified()
        assert collection.upload(top, exclude="loop").copied == ("a", "d/x")
        collection.save_new("without")

    def test_links_that_form_a_circle_together(self, store: Store, tree: Callable[..., Path]) -> None:
        top = tree({"a/x": b"x", "b/y": b"y"})
        (top / "a" / "to-b").symlink_to("../b")
        (top / "b" / "to-a").symlink_to("../a")
        with pytest.raises(errors.TransferError, match="never end"):
            Collection(api_client=store).upload(top)

    def test_what_is_neither_file_nor_directory(self, store: Store, tree: Callable[..., Path]) -> None:
        top = tree({"a": b"a"})
        os.mkfifo(top / "pipe")
        with pytest.raises(errors.TransferError, match=r"pipe: .*a named pipe"):
            Collection(api_client=store).upload(top)
        with pytest.raises(errors.TransferError, match="a named pipe"):
            Collection(api_client=store).upload(top / "pipe")
        (top / "pipe").unlink()
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(os.path.relpath(top / "socket"))
            with pytest.raises(errors.TransferError, match="a socket"):
                Collection(api_client=store).upload(top)

    def test_what_is_not_there(self, store: Store, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            Collection(api_client=store).upload(tmp_path / "nope")

    def test_a_kind_in_place_of_another(self, store: Store, tree: Callable[..., Path]) -> None:
        top = tree({"a": b"a", "d/x": b"x", "void": None})
        collection = Collection(api_client=store)
        collection.mkdirs("a/b")
        with pytest.raises(errors.PathIsADirectoryError):
            collection.upload(top)
        assert list(collection) == ["a"]
        for name in ("d", "void", "t"):
            collection = Collection(api_client=store)
            collection.write_bytes(name, b"in the way")
            with pytest.raises(errors.PathNotADirectoryError):
                collection.upload(top, "t" if name == "t" else ".")
            assert list(collection) == [name]
            collection.save_new(name)

    def test_arguments(self, store: Store, tree: Callable[..., Path]) -> None:
        top = tree({"a": b"a"})
        collection = Collection(api_client=store)
        with pytest.raises(errors.ArgumentError, match="jobs"):
            collection.upload(top, jobs=0)
        with pytest.raises(errors.ArgumentError, match="pattern"):
            collection.upload(top, include="[")
        collection.upload(top)
        collection.save_new("a")
        with pytest.raises(errors.ArgumentError, match="read-only"):
            collection.clone(readonly=True).upload(top)

    def test_a_file_that_changes_while_it_is_read(self, store: Store, tree: Callable[..., Path]) -> None:
        top = tree({"a": noise(6 * MIB)})
        collection = Collection(api_client=store)

        def grow(done: int, total: int, path: str) -> None:
            with (top / "a").open("ab") as file:
                file.write(b"more")

        with pytest.raises(errors.TransferError, match="changed while it was copied"):
            collection.upload(top, progress=grow)
        assert list(collection) == []
        collection.save_new("nothing")


class TestPatterns:
    @given(
        names=st.sets(
            st.lists(st.sampled_from(["a", "b.bam", "c.txt", "d", "*", "é"]), min_size=1, max_size=3).map(tuple)
        ),
        include=st.none() | st.lists(st.sampled_from(["*.bam", "d", "/d", "d/", "a/**", "/*", "**/c.txt", "{a,d}"])),
        exclude=st.none() | st.lists(st.sampled_from(["*.bam", "d", "/d", "d/", "a/**", "d/*/*", "[a-c]", "\\*"])),
    )
    def test_mean_what_they_mean_for_a_manifest(
        self,
        tmp_path_factory: pytest.TempPathFactory,
        names: set[tuple[str, ...]],
        include: list[str] | None,
        exclude: list[str] | None,
    ) -> None:
        top = tmp_path_factory.mktemp("tree")
        files = [name for name in sorted(names) if not any(name == other[: len(name)] for other in names - {name})]
        lines = []
        for name in files:
            path = top.joinpath(*name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
            stream = escape("/".join((".", *name[:-1])))
            lines.append(f"{stream} d41d8cd98f00b204e9800998ecf8427e+0 0:0:{escape(name[-1])}\n")
        expected = Manifest.parse("".join(lines)).subset(include, exclude)
        found = scan(str(top), include, exclude)
        assert sorted(file.name for file in found.files) == sorted(path for path, _ in expected.files())

    def test_directories_that_are_excluded_are_not_entered(self, tree: Callable[..., Path]) -> None:
        top = tree({"a": b"a", "d/x": b"x"})
        (top / "d" / "d2").mkdir(mode=0)
        (top / "d" / "nowhere").symlink_to("missing")
        assert [file.name for file in scan(str(top), None, "d").files] == ["a"]


class TestTheHash:
    def test_does_not_depend_on_jobs_nor_on_the_order_of_the_disk(
        self, store: Store, tree: Callable[..., Path]
    ) -> None:
        names = [f"{folder}{index:03}" for folder in ("", "d/", "d/e/", "z/") for index in range(60)]
        files = {name: noise(50_000, seed) for seed, name in enumerate(names)} | {"big": noise(40 * MIB)}
        first = tree(files)
        second = tree(dict(reversed(files.items())), "second")
        hashes = set()
        for top, jobs in ((first, 1), (first, 8), (second, 1), (second, 3)):
            collection = Collection(api_client=store)
            collection.upload(top, jobs=jobs)
            collection.save_new(f"{top.name}{jobs}")
            hashes.add(collection.portable_data_hash())
            assert len(list(collection.manifest.blocks())) == 2
        assert len(hashes) == 1

    def test_small_files_are_packed(self, store: Store, tree: Callable[..., Path]) -> None:
        keep = CountingKeep(store.keep)
        collection = Collection(api_client=store, keep_client=keep)
        collection.upload(tree({f"{index:03}": noise(1000, index) for index in range(100)}))
        collection.save_new("packed")
        assert keep.puts == [100_000]


class TestWhatIsThere:
    def test_is_left_alone(self, store: Store, tree: Callable[..., Path]) -> None:
        top = tree({"a": b"aaa", "d/b": b"b", "big": noise(5 * MIB)})
        keep = CountingKeep(store.keep)
        collection = Collection(api_client=store, keep_client=keep)
        collection.upload(top)
        collection.save_new("x")
        keep.puts.clear()
        (top / "a").write_bytes(b"AAA")
        (top / "new").write_bytes(b"new")
        for dry_run in (True, False):
            result = collection.upload(top, dry_run=dry_run)
            assert (sorted(result.copied), sorted(result.unchanged)) == (["a", "new"], ["big", "d/b"])
            assert collection.read_bytes("a") == (b"aaa" if dry_run else b"AAA")
        collection.save()
        assert keep.puts == [6]
        assert collection.upload(top).copied == ()
        assert not collection.modified()

    def test_is_stored_again_if_its_block_is_not_there(self, store: Store, tree: Callable[..., Path]) -> None:
        folder = tree({"a": b"aaa", "b": b"bbb"})
        collection = Collection(api_client=store)
        for _ in range(2):  # nothing is stored before it is saved
            collection.upload(folder)
        collection.save_new("twice")
        lost = store.keep.path_of(collection.manifest.read_plan("a")[0][0][:32])
        lost.unlink()
        store.keep.block_cache.clear()
        again = Collection(collection.manifest_locator(), api_client=store)
        assert again.upload(folder).copied == ("a", "b")
        again.save()
        assert lost.exists()
        assert Collection(again.manifest_locator(), api_client=store).read_bytes("b") == b"bbb"

    def test_a_dry_run_touches_nothing(self, store: Store, tree: Callable[..., Path], tmp_path: Path) -> None:
        collection = Collection(api_client=store)
        steps = []
        checkpoint = Checkpoint(tmp_path / "note")
        result = upload(
            collection,
            tree(FILES),
            dry_run=True,
            checkpoint=checkpoint,
            progress=lambda done, total, path: steps.append((done, total)),
        )
        assert len(result.copied) == len(FILES) - 1
        assert steps[-1] == (result.size, result.size)
        assert list(collection) == []
        assert not checkpoint.path.exists()
        assert list(store.keep.index()) == []


NAMES = st.text(st.characters(blacklist_characters="/\0", blacklist_categories=["Cs"]), min_size=1, max_size=8).filter(
    lambda name: name not in (".", "..")
)
TREES = st.recursive(
    st.binary(max_size=40), lambda children: st.dictionaries(NAMES, children, max_size=4), max_leaves=12
).filter(lambda tree: isinstance(tree, dict))


@given(files=TREES, jobs=st.integers(1, 4))
def test_what_is_put_and_got_is_the_same(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, object], jobs: int
) -> None:
    folder = tmp_path_factory.mktemp("two-way")

    def make(path: Path, node: object) -> None:
        if isinstance(node, dict):
            path.mkdir()
            for name, child in node.items():
                make(path / name, child)
        elif isinstance(node, bytes):
            path.write_bytes(node)

    make(folder / "source", files)
    with open_store(folder / "store") as store:
        collection = Collection(api_client=store)
        collection.upload(folder / "source", jobs=jobs)
        collection.save_new("tree")
        again = Collection(collection.manifest_locator(), api_client=store)
        again.download(folder / "copy", jobs=jobs)
        assert contents(folder / "copy") == contents(folder / "source")
        assert again.download(folder / "copy", jobs=jobs).copied == ()
