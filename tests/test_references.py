"""What people call a collection, and what else that could be."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from keepset import errors, open_store
from keepset.collection import Collection
from keepset.references import Reference, find_file, resolve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from keepset.session import Store

UUID = "zzzzz-4zz18-0123456789abcde"
HASH = "83367e8913dcec0bf3fc25ed5a27eacb+49"
MANIFEST = ". d41d8cd98f00b204e9800998ecf8427e+0 0:0:file\n"


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "store") as store:
        yield store


def made(store: Store, name: str, **attributes: Any) -> str:
    """Make a collection, and give its UUID."""
    body = {"name": name, "manifest_text": MANIFEST, **attributes}
    uuid: str = store.collections().create(body=body).execute()["uuid"]
    return uuid


class Slashes:
    """A catalog whose names have slashes, which a local store does not allow."""

    def __init__(self, names: dict[str, str]) -> None:
        self.names = names

    def collections(self) -> Slashes:
        return self

    def list(self, *, filters: Any, **_: Any) -> Slashes:
        self.wanted = filters[0][2]
        return self

    def execute(self) -> dict[str, Any]:
        items = [
            {"uuid": uuid, "name": name, "modified_at": "2026-01-02T03:04:05.678Z"}
            for uuid, name in self.names.items()
            if name in self.wanted
        ]
        return {"items": items}


class TestIdentifiers:
    @pytest.mark.parametrize("identifier", [UUID, HASH, f"{HASH}+Kzzzzz"])
    @pytest.mark.parametrize("scheme", ["", "keep:", "keep://"])
    @pytest.mark.parametrize(("end", "path"), [("", ""), ("/", ""), ("/a/b", "a/b"), ("//a/./b/", "a/b")])
    def test_are_taken_at_their_word(self, identifier: str, scheme: str, end: str, path: str) -> None:
        def nobody() -> None:
            raise AssertionError("nobody needs to be asked")

        found = resolve(f"{scheme}{identifier}{end}", nobody)
        assert found[:3] == ("collection", identifier, path)
        assert found.name == ("keep:" if scheme else "") + identifier
        assert found.is_record == (identifier == UUID)

    @pytest.mark.parametrize("text", ["zzzzz-4zz18-0123456789abcdE", "83367e8913dcec0bf3fc25ed5a27eacb", f"x{HASH}"])
    def test_what_is_nearly_one_is_none(self, text: str) -> None:
        with pytest.raises(errors.ReferenceNotFoundError):
            resolve(text, lambda: None)

    def test_a_file_of_that_name_counts_unless_the_store_has_it(self, store: Store) -> None:
        Path(UUID).write_text(MANIFEST)
        assert resolve(UUID, lambda: store).kind == "file"
        uuid = made(store, "x")
        Path(uuid).write_text(MANIFEST)
        with pytest.raises(errors.AmbiguousReferenceError, match="is a file here and a collection"):
            resolve(uuid, lambda: store)


class TestNames:
    def test_with_and_without_a_path(self, store: Store) -> None:
        uuid = made(store, "reads")
        assert resolve("reads", lambda: store) == Reference("collection", uuid, "", "reads")
        assert resolve("reads/a//b/", lambda: store) == Reference("collection", uuid, "a/b", "reads")
        assert resolve("keep:reads/a", lambda: store) == Reference("collection", uuid, "a", "keep:reads")

    def test_several_collections_of_one_name(self, store: Store) -> None:
        first = made(store, "reads")
        second = made(store, "reads", owner_uuid="zzzzz-j7d0g-0123456789abcde")
        for text in ("reads", "reads/a", "keep:reads"):
            with pytest.raises(errors.AmbiguousReferenceError) as caught:
                resolve(text, lambda: store)
            assert first in str(caught.value)
            assert second in str(caught.value)

    def test_names_with_slashes(self) -> None:
        catalog = Slashes({"zzzzz-4zz18-000000000000001": "a", "zzzzz-4zz18-000000000000002": "b/c"})
        assert resolve("a/b/c", lambda: catalog)[1:3] == ("zzzzz-4zz18-000000000000001", "b/c")
        assert resolve("b/c/d", lambda: catalog)[1:3] == ("zzzzz-4zz18-000000000000002", "d")
        catalog.names["zzzzz-4zz18-000000000000003"] = "a/b"
        with pytest.raises(errors.AmbiguousReferenceError):
            resolve("a/b/c", lambda: catalog)

    def test_the_trash_counts_only_if_asked_for(self, store: Store) -> None:
        uuid = made(store, "reads")
        store.collections().trash(uuid=uuid).execute()
        with pytest.raises(errors.ReferenceNotFoundError):
            resolve("reads", lambda: store)
        assert resolve("reads", lambda: store, include_trash=True).target == uuid

    def test_without_a_store(self) -> None:
        with pytest.raises(errors.ReferenceNotFoundError) as caught:
            resolve("reads", lambda: None)
        assert isinstance(caught.value, FileNotFoundError)
        assert caught.value.filename == "reads"
        with pytest.raises(errors.ArgumentError):
            resolve("", lambda: None)


class TestVersions:
    @pytest.mark.parametrize("scheme", ["", "keep:"])
    def test_of_uuids_are_taken_at_their_word(self, scheme: str) -> None:
        found = resolve(f"{scheme}{UUID}@12/a@3", lambda: None)
        assert found == Reference("collection", UUID, "a@3", f"{scheme}{UUID}@12", 12)
        assert not found.is_record

    def test_of_names(self, store: Store) -> None:
        uuid = made(store, "reads")
        assert resolve("reads@2", lambda: store) == Reference("collection", uuid, "", "reads@2", 2)
        assert resolve("reads@2/a/b@3", lambda: store) == Reference("collection", uuid, "a/b@3", "reads@2", 2)
        assert resolve("reads/b@3", lambda: store) == Reference("collection", uuid, "b@3", "reads")

    @pytest.mark.parametrize("end", ["@", "@0", "@01", "@-1", "@x", "@1000000000", "@1@", "@\u0661"])
    def test_what_is_nearly_one_is_none(self, store: Store, end: str) -> None:
        made(store, "reads")
        for text in (f"reads{end}", f"{UUID}{end}", f"{HASH}@1"):
            with pytest.raises(errors.ReferenceNotFoundError):
                resolve(text, lambda: store)

    def test_names_that_look_like_one(self, store: Store) -> None:
        named = made(store, "reads@2")
        assert resolve("reads@2/a", lambda: store) == Reference("collection", named, "a", "reads@2")
        assert resolve("reads@2@3", lambda: store) == Reference("collection", named, "", "reads@2@3", 3)
        uuid = made(store, "reads")
        for text in ("reads@2", "keep:reads@2", "reads@2/a"):
            with pytest.raises(errors.AmbiguousReferenceError) as caught:
                resolve(text, lambda: store)
            assert f"version 2 of {uuid} (reads, " in str(caught.value)
            assert f", {named} (reads@2, " in str(caught.value) or f": {named} (reads@2, " in str(caught.value)

    def test_a_file_that_looks_like_one(self, store: Store) -> None:
        uuid = made(store, "reads")
        Path("reads@2").write_text(MANIFEST)
        with pytest.raises(errors.AmbiguousReferenceError, match="a file here and a collection"):
            resolve("reads@2", lambda: store)
        assert resolve("./reads@2", lambda: store).kind == "file"
        assert resolve("keep:reads@2", lambda: store)[1:] == (uuid, "", "keep:reads@2", 2)

    def test_names_with_slashes(self) -> None:
        catalog = Slashes({"zzzzz-4zz18-000000000000001": "a/b"})
        assert resolve("a/b@2/c", lambda: catalog)[1:] == ("zzzzz-4zz18-000000000000001", "c", "a/b@2", 2)
        catalog.names["zzzzz-4zz18-000000000000002"] = "a"
        with pytest.raises(errors.AmbiguousReferenceError):
            resolve("a/b@2/c", lambda: catalog)


class TestFiles:
    def test_with_and_without_a_path(self, store: Store) -> None:
        Path("d").mkdir()
        Path("d/manifest").write_text(MANIFEST)
        for start in ("", "./", f"{Path.cwd()}/"):
            assert resolve(f"{start}d/manifest", lambda: store)[:3] == ("file", f"{start}d/manifest", "")
            found = resolve(f"{start}d/manifest/a//b", lambda: store)
            assert found == Reference("file", f"{start}d/manifest", "a/b", f"{start}d/manifest")

    def test_a_file_and_a_name(self, store: Store) -> None:
        uuid = made(store, "reads")
        Path("reads").write_text(MANIFEST)
        for text in ("reads", "reads/file"):
            with pytest.raises(errors.AmbiguousReferenceError) as caught:
                resolve(text, lambda: store)
            assert f"./{text}" in str(caught.value)
            assert f"keep:{text}" in str(caught.value)
        assert resolve("./reads", lambda: store).kind == "file"
        assert resolve("keep:reads", lambda: store).target == uuid
        assert resolve("reads", lambda: store, files=False).target == uuid

    def test_data_in_a_folder_of_the_collections_name_is_no_manifest(self, store: Store) -> None:
        uuid = made(store, "reads")
        Path("reads/d").mkdir(parents=True)
        Path("reads/d/a").write_text("ACGT")
        assert resolve("reads", lambda: store).target == uuid
        assert resolve("reads/d", lambda: store).target == uuid
        assert resolve("reads/d/a", lambda: store)[1:3] == (uuid, "d/a")
        assert resolve("./reads/d/a", lambda: store).kind == "file"

    def test_what_starts_like_a_file_is_never_a_name(self, store: Store) -> None:
        made(store, "reads")
        for text in ("./reads", "../here/reads", f"{Path.cwd()}/reads"):
            with pytest.raises(errors.ReferenceNotFoundError):
                resolve(text, lambda: store)

    def test_directories_are_none(self) -> None:
        Path("d").mkdir()
        assert find_file("d") is None
        assert find_file("d/nope") is None
        assert find_file("x" * 5000) is None
        assert find_file("x/" * 5000) is None

    def test_names_that_are_not_utf8(self, store: Store) -> None:
        with open(b"\xff", "w", encoding="ascii") as file:  # noqa: PTH123
            file.write(MANIFEST)
        name = os.fsdecode(b"\xff")
        assert resolve(f"{name}/\udcfe", lambda: store) == Reference("file", name, "\udcfe", name)


class TestOpening:
    def test_a_file_a_record_and_a_hash(self, store: Store) -> None:
        locator = store.keep.put(b"foo")
        text = f". {locator} 0:3:foo.txt\n"
        uuid = made(store, "foo", manifest_text=text)
        Path("manifest").write_text(text)
        for name in ("foo", uuid, HASH, "manifest"):
            collection = resolve(name, lambda: store).open(store)
            assert isinstance(collection, Collection)
            assert collection.read_bytes("foo.txt") == b"foo"
            assert (collection.manifest_locator() == uuid) == (name in ("foo", uuid))

    def test_a_version(self, store: Store) -> None:
        uuid = made(store, "reads")
        store.collections().update(uuid=uuid, body={"manifest_text": "", "preserve_version": True}).execute()
        first = resolve("reads@1", lambda: store).open(store)
        assert (list(first), first.writable()) == (["file"], False)
        assert list(resolve(f"{uuid}@2", lambda: store).open(store)) == []
        with pytest.raises(errors.NotFoundError, match="version 3 of"):
            resolve("reads@3", lambda: store).open(store)

    def test_what_is_not_there(self, store: Store) -> None:
        with pytest.raises(errors.ApiError):
            resolve(UUID, lambda: store).open(store)
        with pytest.raises(errors.NotFoundError):
            resolve("0" * 32 + "+1", lambda: store).open(store)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("./a//", "a"),
        ("a/./b", "a/b"),
        ("a b#c:d", "a b#c:d"),
        ("//a/", "a"),
        (".", ""),
    ],
)
def test_h52_paths_in_uris_as_people_write_them(text: str, path: str) -> None:
    found = resolve(f"keep:{HASH}/{text}", lambda: None)
    assert (found.target, found.path) == (HASH, path)
