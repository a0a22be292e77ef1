"""Plans of edits: applied as a server does, they make of the base what was edited."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import strategies
from keepset import Collection, Manifest, errors
from keepset.plan import Plan, plan_edit
from replace_server import content, update
from samples import SIGNATURE, A, B, C, E

if TYPE_CHECKING:
    from collections.abc import Mapping

BASE = f"./raw {A} {B} 0:3:a 3:3:b\n./raw/more {A} 0:3:c\n./kept {B} 0:3:d\n"


def check(base: str | Manifest, edited: str | Manifest, sources: tuple[Manifest, ...] = ()) -> Plan:
    """Plan an edit, and have the server apply what comes out of JSON."""
    before, after = (Manifest.parse(text) if isinstance(text, str) else text for text in (base, edited))
    plan = plan_edit(before, after, sources)
    body = json.loads(json.dumps(plan.as_request()))
    others = {source.portable_data_hash: source.text for source in sources}
    assert update(before.text, body, others) == content(after.text)
    assert bool(plan) == (before != after)
    return plan


def targets(base: str, edited: str, *sources: str) -> Mapping[str, str]:
    """The `replace_files` of a plan that is checked."""
    return check(base, edited, tuple(map(Manifest.parse, sources))).replace_files


def test_no_edit_is_no_request() -> None:
    plan = check(BASE, BASE)
    assert plan.as_request() == {"collection": {}}
    assert plan.preview() == "nothing to do"


def test_a_renamed_directory_is_one_copy_and_one_removal() -> None:
    plan = check(BASE, BASE.replace("./raw", "./reads"))
    assert plan.replace_files == {"/raw": "", "/reads": "current/raw"}
    assert plan.manifest_text == ""
    assert plan.preview() == (
        "D          9  /raw/\nR          9  /reads/ <- /raw/\n1 removed, 1 moved; 0 bytes of text to be sent"
    )


def test_swapped_files_need_no_text() -> None:
    base = f". {A} {B} 0:3:a 3:3:b\n"
    assert targets(base, f". {A} {B} 3:3:a 0:3:b\n") == {"/a": "current/b", "/b": "current/a"}


def test_a_directory_that_became_a_copy_of_another_is_one_step() -> None:
    base = f"./v1 {A} 0:3:a 0:1:b\n./v2 {B} 0:3:a 0:1:b\n./latest {A} 0:3:a 0:1:b\n"
    edited = base.replace(f"./latest {A}", f"./latest {B}")
    assert targets(base, edited) == {"/latest": "current/v2"}


def test_one_file_of_a_directory_is_told_of_by_itself() -> None:
    base = f"./d {A} 0:3:a 0:1:b\n./copy {A} 0:3:a 0:1:b\n"
    edited = f"./d {A} {B} 0:3:a 3:1:b\n./copy {A} 0:3:a 0:1:b\n"
    plan = check(base, edited)
    assert plan.replace_files == {"/d/b": "manifest_text/d/b"}
    assert plan.manifest_text == f"./d {B} 0:1:b\n"
    assert targets(edited, base) == {"/d/b": "current/copy/b"}


def test_a_directory_moves_into_itself() -> None:
    assert targets(f"./a {A} 0:3:x\n", f"./a/b {A} 0:3:x\n") == {"/a/b": "current/a", "/a/x": ""}


def test_only_what_is_new_of_a_new_directory_is_sent() -> None:
    edited = BASE + f"./new {B} {C}{SIGNATURE}7fffffff 0:3:copy 3:5:sent\n./new/all {C} 0:5:e 0:0:f\n"
    plan = check(BASE, edited)
    assert plan.replace_files == {
        "/new/all": "manifest_text/new/all",
        "/new/copy": "current/raw/b",
        "/new/sent": "manifest_text/new/sent",
    }
    assert plan.manifest_text == (
        f"./new {C}{SIGNATURE}7fffffff 0:5:sent\n./new/all {C}{SIGNATURE}7fffffff 0:5:e 0:0:f\n"
    )
    assert [step.kind for step in plan.steps] == ["added", "copied", "added"]


def test_a_path_that_is_gone_moves_once() -> None:
    plan = check(f". {A} 0:3:old\n", f". {A} 0:3:one 0:3:two\n")
    assert [(step.kind, step.target) for step in plan.steps] == [
        ("removed", "/old"),
        ("moved", "/one"),
        ("copied", "/two"),
    ]


@pytest.mark.parametrize(
    ("base", "edited", "expected"),
    [
        (f". {A} 0:3:x\n", f"./x {B} 0:3:a\n", {"/x": "manifest_text/x"}),
        (f"./x {B} 0:3:a\n", f". {A} 0:3:x\n", {"/x": "manifest_text/x"}),
        (f"./x {B} 0:3:a\n", f". {B} 0:3:x\n", {"/x": "current/x/a"}),
        (f". {A} 0:3:x\n", f"./x {A} {B} 0:3:a 3:3:b\n", {"/x": "", "/x/a": "current/x", "/x/b": "manifest_text/x/b"}),
        (f"./d {A} 0:3:x\n", f"./d {E} 0:0:\\056\n", {"/d/x": ""}),
        ("", f"./d/e {E} 0:0:\\056\n", {"/d": "manifest_text/d"}),
        (f". {A} 0:3:x\n", "", {"/x": ""}),
    ],
)
def test_files_and_directories_take_each_others_place(base: str, edited: str, expected: dict[str, str]) -> None:
    assert targets(base, edited) == expected


def test_other_collections_are_copied_whole_or_in_part() -> None:
    other = f"./d {A} 0:3:a\n. {B} 0:3:b\n"
    pdh = Manifest.parse(other).portable_data_hash
    edited = f"./all {B} 0:3:b\n./all/d {A} 0:3:a\n./part {A} 0:3:a\n"
    plan = check("", edited, (Manifest.parse(other),))
    assert plan.replace_files == {"/all": f"{pdh}/", "/part": f"{pdh}/d"}
    assert plan.preview().splitlines()[0] == f"C          6  /all/ <- {pdh}/"
    # What the collection has itself comes first.
    assert targets(f". {B} 0:3:b\n", f". {B} 0:3:b 0:3:c\n", other) == {"/c": "current/b"}


def test_a_name_that_is_not_utf_8_sends_everything() -> None:
    base = f". {A} 0:3:a 0:3:\\377\n"
    plan = check(base, f". {A} 0:3:a 0:1:\\377\n")
    assert plan.replace_files == {"/": "manifest_text/"}
    assert plan.manifest_text == f". {A} 0:3:a 0:1:\\377\n"
    assert plan.preview().splitlines()[0] == "M          4  /"
    assert targets(base, "") == {"/": ""}
    # As a source it is passed over, and where nothing changes it does no harm.
    assert targets(base, base + f". {B} 0:3:b\n") == {"/b": "manifest_text/b"}
    assert targets(f". {A} 0:3:\\377\n", f". {A} 0:3:\\377 0:3:a\n") == {"/a": "manifest_text/a"}


def test_collections_are_planned_as_they_are() -> None:
    base = Collection(BASE)
    edited = Collection(BASE)
    edited.rename("raw/more", "more")
    edited.remove("kept", recursive=True)
    assert plan_edit(base, edited).replace_files == {"/kept": "", "/more": "current/raw/more", "/raw/more": ""}


def test_a_salvaged_manifest_is_refused() -> None:
    salvaged, _ = Manifest.salvage(BASE + f". {A} 0:9:z\n")
    with pytest.raises(errors.ArgumentError, match="salvaged"):
        plan_edit(Manifest.parse(BASE), salvaged)


@given(strategies.strict_texts(), strategies.strict_texts(), strategies.strict_texts())
def test_any_two_manifests(base: bytes, edited: bytes, other: bytes) -> None:
    check(Manifest.parse(base), Manifest.parse(edited), (Manifest.parse(other),))


@given(
    strategies.strict_texts(nasty=False), st.lists(st.tuples(st.integers(0, 3), st.integers(0, 99), st.integers(0, 99)))
)
def test_any_edit_sends_no_bytes_that_are_there(text: bytes, edits: list[tuple[int, int, int]]) -> None:
    base = Manifest.parse(text)
    collection = Collection(base) if base.file_count else Collection()
    for kind, source, target in edits:
        edit(collection, kind, source, target)
    edited = Manifest.parse(collection.manifest_text())
    assume(edited != base)
    plan = check(base, edited)
    sizes = dict(Manifest.parse(plan.manifest_text).files())
    assert not any(sizes.values()), "whatever has bytes was copied"


def edit(collection: Collection, kind: int, source: int, target: int) -> None:
    """Copy, move or remove something, or make a directory."""
    paths = [
        f"{top}/{name}".removeprefix("./") for top, folders, files in collection.walk() for name in folders + files
    ]
    if not paths:
        return
    path = paths[source % len(paths)]
    folders = ["", *(f"{found}/" for found in paths if hasattr(collection.find(found), "keys"))]
    new = f"{folders[target % len(folders)]}new{target}"
    match kind:
        case 0 | 1 if new in paths:
            return
        case 0:
            collection.copy(path, new)
        case 1 if not new.startswith(f"{path}/"):
            collection.rename(path, new)
        case 2:
            collection.remove(path, recursive=True)
        case 3 if new not in paths:
            collection.mkdirs(new)
