"""What must hold for every manifest, over drawn ones.

Contents are compared with the bytes that a drawn plan says a file has; everything else with `reference`, the slow twin.
"""

import copy
import pickle
from random import Random

import pytest
from hypothesis import event, example, given
from hypothesis import strategies as st

import reference
from keepset import Manifest, escape, unescape
from keepset._core import error_codes
from keepset.errors import ManifestError
from samples import BLOCKS, A, B, E, content, contents, strip_hints
from strategies import Hand, Plan, bent_texts, compat_texts, hands, plans, randoms, strict_texts


def verdict(text: bytes, mode: reference.Mode) -> reference.Tree | None:
    try:
        return reference.parse(text, mode)
    except reference.RejectedError:
        return None


def parse(text: bytes, mode: reference.Mode) -> Manifest | ManifestError:
    try:
        return Manifest.parse(text, mode=mode)
    except ManifestError as error:
        return error


# Reading.


@given(plans(), hands, randoms)
def test_every_file_has_its_bytes(plan: Plan, hand: Hand, random: Random) -> None:
    text = plan.text(hand, random)
    for mode in ("strict", "compat"):
        manifest = Manifest.parse(text, mode=mode)
        assert contents(manifest) == plan.files()
        assert contents(manifest.normalized()) == plan.files()
        assert contents(manifest.stripped()) == plan.files()


@given(plans(), randoms)
def test_noise_changes_nothing(plan: Plan, random: Random) -> None:
    noisy = Manifest.parse(plan.noisy_text(random))
    assert contents(noisy) == plan.files()
    assert noisy == Manifest.parse(plan.text())
    assert noisy.normalized().text == Manifest.parse(plan.text()).normalized().text


@given(plans(), hands, randoms)
def test_the_reference_agrees_with_the_plan(plan: Plan, hand: Hand, random: Random) -> None:
    # The model is tested too: the plan knows the bytes without any parsing.
    tree = reference.parse(plan.text(hand, random), "strict")
    assert set(tree.directories) == plan.directories()
    assert list(tree.files) == list(plan.files())
    for path, data in plan.files().items():
        parts = [BLOCKS[f"{s.digest}+{s.size}"][s.start : s.start + s.length] for s in tree.content(path)]
        assert b"".join(parts) == data


@given(bent_texts())
@example(b"x \xff\n")
@example(f". {A} 0:9:a\n./x 0:0:\xff\n".encode("latin-1"))
@example(f"x {A} 0:3:a\n./b {A} 0:3:\xff\n".encode("latin-1"))
def test_the_verdict_is_that_of_the_grammar(text: bytes) -> None:
    for mode in ("strict", "compat"):
        expected, found = verdict(text, mode), parse(text, mode)
        event(f"{mode}: {'accepted' if expected else 'refused'}")
        if expected is None:
            assert isinstance(found, ManifestError), text
        else:
            assert isinstance(found, Manifest), text
            assert bytes(found.normalized()) == reference.normalize(expected)
            assert bytes(found) == text


@given(bent_texts())
@example(b"x \xff\n")
@example(f"x {A} 0:3:a\n./b {A} 0:3:\xff\n".encode("latin-1"))
@example(f"./b {A}\n./c junk\n".encode())
@example(b"./b junk\n")
@example(b"./b 9:9:junk\n")
@example(f"\xef\xbb\xbfx  {A} 0:3:a".encode("latin-1"))
def test_validate_tells_what_strict_tells(text: bytes) -> None:
    problems = Manifest.validate(text)
    found = parse(text, "strict")
    if isinstance(found, Manifest):
        assert problems == []
        return
    with pytest.raises(reference.RejectedError) as caught:
        reference.parse(text, "strict")
    assert caught.value.line in {problem.line for problem in problems}
    first = problems[0]
    assert (first.code, first.message, first.line, first.column, first.offset, first.token) == (
        found.code,
        found.message,
        found.line,
        found.column,
        found.offset,
        found.token,
    )


@given(bent_texts(), st.integers(0, 5))
@example(b"./b junk\n", 1)
@example(b"x \xff\ny \xff\n", 1)
def test_a_limit_cuts_the_list_of_problems_short(text: bytes, limit: int) -> None:
    assert Manifest.validate(text, limit) == Manifest.validate(text)[:limit]


@given(bent_texts())
def test_positions_are_those_of_the_token(text: bytes) -> None:
    codes = set(error_codes())
    shown = text.decode("utf-8", "surrogateescape")
    for problem in Manifest.validate(text):
        token = problem.token.encode("utf-8", "surrogateescape")
        assert text[problem.offset : problem.offset + len(token)] == token
        before = text[: problem.offset].decode("utf-8", "surrogateescape")
        assert shown.startswith(before) or "\udc80" <= before[-1] <= "\udcff"
        assert problem.line == before.count("\n") + 1
        assert problem.column == len(before) - before.rfind("\n")
        assert problem.code in codes
        assert problem.message


@given(st.binary(max_size=60) | bent_texts())
def test_nothing_crashes(text: bytes) -> None:
    for mode in ("strict", "compat"):
        found = parse(text, mode)
        if isinstance(found, Manifest):
            assert bytes(found) == text
    Manifest.validate(text)
    salvaged, problems = Manifest.salvage(text)
    assert salvaged.salvaged == bool(problems)
    assert salvaged.salvaged == (verdict(text, "compat") is None)
    for form in (salvaged, salvaged.normalized(), salvaged.stripped()):
        assert dict(form.files()) == dict(salvaged.files())
    assert salvaged.portable_data_hash
    assert sum(size for _, size in salvaged.files()) == salvaged.data_size


@given(st.lists(compat_texts(), max_size=4))
def test_parse_many_is_parse_many_times(texts: list[bytes]) -> None:
    together, apart = Manifest.parse_many(texts), [Manifest.parse(text) for text in texts]
    assert together == apart
    assert [bytes(manifest) for manifest in together] == texts
    assert [bytes(manifest.normalized()) for manifest in together] == [
        bytes(manifest.normalized()) for manifest in apart
    ]


@given(compat_texts())
def test_salvage_of_what_compat_reads_is_what_compat_reads(text: bytes) -> None:
    manifest, problems = Manifest.salvage(text)
    assert (problems, manifest.salvaged) == ([], False)
    assert manifest == Manifest.parse(text)
    assert bytes(manifest.normalized()) == bytes(Manifest.parse(text).normalized())


# Writing.


@given(compat_texts())
def test_normal_form_is_the_references(text: bytes) -> None:
    tree = reference.parse(text)
    manifest = Manifest.parse(text)
    normal = reference.normalize(tree)
    assert bytes(manifest.normalized()) == normal
    assert manifest.is_normalized == (normal == text)
    stripped = reference.normalize(tree, stripped=True)
    assert bytes(manifest.normalized().stripped()) == stripped
    assert bytes(manifest.stripped().normalized()) == stripped
    assert bytes(manifest.stripped()) == reference.strip(text)


@given(strict_texts())
def test_normal_form_of_a_strict_text_is_strict(text: bytes) -> None:
    normal = bytes(Manifest.parse(text, mode="strict").normalized())
    assert reference.parse(normal, "strict").identity() == reference.parse(text, "strict").identity()
    assert Manifest.parse(normal, mode="strict") == Manifest.parse(text)
    assert Manifest.validate(normal) == []


@given(compat_texts())
def test_normalizing_twice_is_normalizing_once(text: bytes) -> None:
    once = Manifest.parse(text).normalized()
    again = Manifest.parse(bytes(once))
    assert bytes(again.normalized()) == bytes(once)
    assert again.is_normalized
    assert once.is_normalized
    assert once.normalized().text == once.text
    assert again == once == Manifest.parse(text)
    assert once.portable_data_hash == again.portable_data_hash


@given(compat_texts())
def test_portable_data_hash(text: bytes) -> None:
    manifest = Manifest.parse(text)
    assert manifest.portable_data_hash == reference.portable_data_hash(text)
    assert manifest.stripped().portable_data_hash == reference.portable_data_hash(text)
    normal = reference.normalize(reference.parse(text))
    assert manifest.normalized().portable_data_hash == reference.portable_data_hash(normal)
    assert manifest.normalized().stripped().portable_data_hash == reference.portable_data_hash(normal)


@given(compat_texts())
def test_pickle_and_copy(text: bytes) -> None:
    manifest = Manifest.parse(text)
    for twin in (pickle.loads(pickle.dumps(manifest)), copy.copy(manifest), copy.deepcopy(manifest)):
        assert twin == manifest
        assert hash(twin) == hash(manifest)
        assert bytes(twin) == text


@given(st.binary(max_size=20))
def test_escape_and_unescape_are_the_references(name: bytes) -> None:
    shown = reference.decode(name)
    assert escape(shown).encode() == reference.escape(shown)
    assert unescape(escape(shown)) == shown
    # A name may itself look like an escape; a written form, valid or not, is read byte by byte.
    assert unescape(shown) == reference.decode(reference.unescape(name))


# Looking around.


@given(compat_texts())
def test_counts(text: bytes) -> None:
    tree = reference.parse(text)
    manifest = Manifest.parse(text)
    assert manifest.file_count == len(tree.files)
    assert manifest.directory_count == len(tree.directories)
    assert manifest.data_size == sum(tree.size(path) for path in tree.files)
    for form in (manifest, manifest.normalized(), manifest.stripped()):
        lines = [line for line in bytes(form).split(b"\n") if line.strip(b" ")]
        assert form.stream_count == len(lines)
        listed = list(dict.fromkeys(locators_of(bytes(form))))
        assert [strip_hints(block) for block in form.blocks()] == [f"{digest}+{size}" for digest, size in listed]
        assert form.block_count == len(listed)
        assert form.stored_size == sum(size for _, size in listed)


def locators_of(text: bytes) -> list[tuple[str, int]]:
    """The blocks that a text lists, in order, with repetitions."""
    found = []
    for line in reference.strip(text).split(b"\n"):
        for token in [token for token in line.split(b" ") if token][1:]:
            if b":" in token:
                break
            digest, size = token.split(b"+")
            found.append((digest.decode(), int(size)))
    return found


@given(compat_texts())
def test_blocks_come_with_the_best_of_their_hints(text: bytes) -> None:
    tree = reference.parse(text)
    manifest = Manifest.parse(text)
    for form in (manifest, manifest.normalized()):
        for block in form.blocks():
            digest, size, *_ = block.split("+")
            if form is not manifest and block == reference.EMPTY_BLOCK:
                continue  # the normal form lists it where there is no other block, whatever the text said
            candidates = tree.hints.get((digest, int(size)), [""])
            assert block == f"{digest}+{size}{reference.best_hints(candidates)}"


@given(compat_texts())
def test_every_path_is_there_and_is_what_it_is(text: bytes) -> None:
    tree = reference.parse(text)
    manifest = Manifest.parse(text)
    for path in ["", *tree.directories, *tree.files]:
        stat = manifest.stat(path)
        assert stat.is_file() == (path in tree.files)
        assert stat.is_dir() == (path not in tree.files)
        assert stat.size == tree.size(path)
        assert stat.file_count == tree.file_count(path)
        assert path in manifest
        assert f"./{path}" in manifest
        assert f"/{path}" in manifest
        if path:
            assert (stat.path, stat.name) == (path, path.split("/")[-1])
            assert f"{path}x" not in manifest or f"{path}x" in {*tree.directories, *tree.files}
            assert f"{path}/.." not in manifest
        if stat.is_dir():
            assert manifest.listdir(path) == list(tree.children[path])


@given(compat_texts())
def test_files_are_those_of_the_tree(text: bytes) -> None:
    tree = reference.parse(text)
    listed = list(Manifest.parse(text).files())
    assert len(listed) == len(tree.files)
    assert dict(listed) == {path: tree.size(path) for path in tree.files}


def walk(tree: reference.Tree, path: str, shown: str) -> list[tuple[str, list[str], list[str]]]:
    """What `os.walk` would give."""
    files = [name for name in tree.children[path] if reference.below(path, name) in tree.files]
    directories = [name for name in tree.children[path] if name not in files]
    walked = [(shown, directories, files)]
    for name in directories:
        below = f"{shown}/{name}" if shown else name
        walked += walk(tree, reference.below(path, name), below)
    return walked


@given(compat_texts())
def test_walk_is_os_walk(text: bytes) -> None:
    tree = reference.parse(text)
    manifest = Manifest.parse(text)
    assert list(manifest.walk()) == walk(tree, "", ".")
    for path in tree.directories:
        assert list(manifest.walk(path)) == walk(tree, path, path)
    # What a walk gives, joined, are the files; and they come in that order.
    files = [f"{top}/{name}".removeprefix("./") for top, _, names in manifest.walk() for name in names]
    assert set(files) == {path for path, _ in manifest.files()}


@given(compat_texts())
def test_du(text: bytes) -> None:
    tree = reference.parse(text)
    manifest = Manifest.parse(text)
    for depth in (None, 0, 1, 2):
        paths = [path for path in tree.directories if depth is None or path.count("/") < depth]
        found = manifest.du(depth)
        assert found == {".": tree.size(""), **{path: tree.size(path) for path in paths}}
        seen: set[str] = set()
        for path in found:
            parent = path.rpartition("/")[0] or "."
            assert path == "." or parent in seen
            seen.add(path)


GLOBS = [
    "*",
    "**/*",
    "*/*",
    "a*",
    "*a",
    "**/a",
    "**/a*",
    "a/**/b",
    "?",
    "[ab]",
    "[!a]*",
    "**/?",
    "*.b",
    "a-b/*",
]


@given(plans(nasty=False), st.sampled_from(GLOBS))
def test_glob(plan: Plan, pattern: str) -> None:
    text = plan.text()
    tree = reference.parse(text)
    found = Manifest.parse(text).glob(pattern)
    assert len(found) == len(set(found))
    assert set(found) == reference.glob(tree, pattern)


# Data.


@given(plans(), st.data())
def test_read_plan_is_a_slice(plan: Plan, data: st.DataObject) -> None:
    manifest = Manifest.parse(plan.text())
    for path, expected in plan.files().items():
        offset = data.draw(st.integers(0, len(expected) + 2))
        size = data.draw(st.none() | st.integers(0, len(expected) + 2))
        end = None if size is None else offset + size
        assert content(manifest, path, offset, size) == expected[offset:end]


@given(compat_texts())
def test_segments_are_the_spans(text: bytes) -> None:
    tree = reference.parse(text)
    manifest = Manifest.parse(text)
    for form in (manifest, manifest.normalized(), manifest.stripped()):
        for path in tree.files:
            segments = list(form.segments(path))
            assert form.read_plan(path) == segments
            spans = []
            for locator, start, length in segments:
                digest, size, *_ = locator.split("+")
                assert 0 < length <= int(size) - start
                spans.append(reference.Span(digest, int(size), start, length))
            assert reference.join(spans) == tree.content(path)


# Comparing.


@st.composite
def pairs(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """Two texts: unrelated, written differently, or with a few tokens changed."""
    plan = draw(plans())
    random = Random(draw(st.integers(0, 2**16)))
    kind = draw(st.sampled_from(["unrelated", "same", "edited", "edited"]))
    if kind == "unrelated":
        return plan.text(), draw(plans()).text()
    if kind == "same":
        return plan.text(), plan.text("random", random)
    lines = plan.text().split(b"\n")[:-1]
    tokens = [line.split(b" ") for line in lines]
    for _ in range(draw(st.integers(1, 3))):
        if tokens:
            line = draw(st.sampled_from(tokens))
            at = draw(st.integers(1, len(line)))
            if draw(st.booleans()):
                line[at:at] = [draw(st.sampled_from([b"0:1:new", b"0:1:a", b"0:0:b", b"0:1:a/b"]))]
            elif b":" in line[at - 1]:
                del line[at - 1]
    return plan.text(), b"".join(b" ".join(line) + b"\n" for line in tokens)


@given(pairs())
def test_equal_means_the_same_files_with_the_same_bytes(texts: tuple[bytes, bytes]) -> None:
    trees = [verdict(text, "compat") for text in texts]
    if trees[0] is None or trees[1] is None:
        return
    left, right = (Manifest.parse(text) for text in texts)
    expected = trees[0].identity() == trees[1].identity()
    event("equal" if expected else "different")
    assert (left == right) is expected
    assert (left != right) is not expected
    assert (right == left) is expected
    assert (len(left.diff(right)) == 0) is expected
    if expected:
        assert hash(left) == hash(right)
        assert left.normalized().stripped().text == right.normalized().stripped().text


@given(pairs())
def test_diff_is_the_references(texts: tuple[bytes, bytes]) -> None:
    old_tree, new_tree = (verdict(text, "compat") for text in texts)
    if old_tree is None or new_tree is None:
        return
    old, new = (Manifest.parse(text) for text in texts)
    diff = old.diff(new)
    expected = reference.diff(old_tree, new_tree)
    assert {change.path for change in diff.added} | {change.path for change in diff.moved} == expected.added
    assert {change.path for change in diff.removed} | {change.old_path for change in diff.moved} == expected.removed
    assert {change.path for change in diff.modified} == expected.modified
    assert len(diff.moved) == expected.moves
    assert len(diff) == len(diff.added) + len(diff.removed) + len(diff.modified) + len(diff.moved)
    assert {repr(change) for change in diff} == {
        repr(change) for part in (diff.added, diff.removed, diff.modified, diff.moved) for change in part
    }
    for change in diff:
        old_path = change.old_path if change.kind == "moved" else change.path
        assert (change.old_path is not None) == (change.kind == "moved")
        before, after = change.kind != "added", change.kind != "removed"
        if change.type == "file":
            assert old_path is not None
            assert change.old_size == (old_tree.size(old_path) if before else None)
            assert change.new_size == (new_tree.size(change.path) if after else None)
        if change.kind == "moved":
            assert old_path is not None
            assert old_tree.content(old_path) == new_tree.content(change.path) != []


# Taking apart and joining.


@given(compat_texts(), st.data())
def test_union_of_the_lines_is_the_whole(text: bytes, data: st.DataObject) -> None:
    tree = reference.parse(text)
    lines = [line for line in text.split(b"\n") if line.strip(b" ")]
    parts = [Manifest.parse(line + b"\n") for line in lines]
    assert Manifest.union(parts, "concatenate") == Manifest.parse(text)
    if all(
        tree.content(path) == part_tree.content(path)
        for part_tree in map(reference.parse, lines)
        for path in part_tree.files
    ):
        shuffled = data.draw(st.permutations(parts))
        assert Manifest.union(shuffled) == Manifest.parse(text)


@given(compat_texts())
def test_union_with_itself_is_itself(text: bytes) -> None:
    manifest = Manifest.parse(text)
    union = Manifest.union([manifest, Manifest.parse(""), manifest.normalized()])
    assert union == manifest
    assert bytes(union.normalized()) == bytes(manifest.normalized())
    assert Manifest.parse(bytes(union)) == manifest


PATTERNS = ["a", "b", "*b", "/a", "/a/b", "a/", "?", "*", "a/b", "/*/a", "[ab]", "*-*", "nope"]


@given(plans(nasty=False), st.lists(st.sampled_from(PATTERNS), min_size=1, max_size=3))
def test_include_and_exclude_part_the_files(plan: Plan, patterns: list[str]) -> None:
    manifest = Manifest.parse(plan.text())
    inside, outside = manifest.subset(include=patterns), manifest.subset(exclude=patterns)
    assert sorted([*inside.files(), *outside.files()]) == sorted(manifest.files())
    assert contents(inside) | contents(outside) == contents(manifest)
    for form in (inside, outside):
        assert Manifest.parse(bytes(form)) == form
        assert bytes(Manifest.parse(bytes(form)).normalized()) == bytes(form.normalized())
        assert form.portable_data_hash == reference.portable_data_hash(bytes(form))


@given(plans(nasty=False), st.sampled_from(PATTERNS))
def test_subset_takes_what_matches_and_all_below(plan: Plan, pattern: str) -> None:
    def matches(path: str, *, is_directory: bool) -> bool:
        if pattern.endswith("/") and not is_directory:
            return False
        wanted = pattern.strip("/").split("/")
        parts = path.split("/")
        if len(parts) < len(wanted) or (pattern.startswith("/") and len(parts) != len(wanted)):
            return False
        return bool(reference.glob(one_file("/".join(parts[-len(wanted) :])), "/".join(wanted)))

    def one_file(path: str) -> reference.Tree:
        return reference.Tree(files={path: []})

    text = plan.text()
    expected = set()
    for path in reference.parse(text).files:
        parts = path.split("/")
        above = ["/".join(parts[:count]) for count in range(1, len(parts))]
        if matches(path, is_directory=False) or any(matches(parent, is_directory=True) for parent in above):
            expected.add(path)
    assert {path for path, _ in Manifest.parse(text).subset(include=pattern).files()} == expected


@given(compat_texts())
def test_subset_of_one_file_holds_that_file(text: bytes) -> None:
    manifest = Manifest.parse(text)
    for path, _ in manifest.files():
        if path.isprintable() and not set(path) & set("*?[]{}\\!"):
            subset = manifest.subset(include=f"/{path}")
            assert [name for name, _ in subset.files()] == [path]
            assert list(subset.segments(path)) == list(manifest.segments(path))


@pytest.mark.parametrize("text", [f". {A} {E} {B} 0:6:a\n", f". {E} {A} {E} 1:2:a 3:0:b\n", f"./d {E} {E} 0:0:x\n"])
def test_zero_length_blocks_are_in_no_answer(text: str) -> None:
    manifest = Manifest.parse(text, mode="strict")
    for path, _ in manifest.files():
        assert E not in [locator for locator, _, _ in manifest.segments(path)]
    data = [block for block in manifest.normalized().blocks() if block != E]
    assert data == [] or E not in list(manifest.normalized().blocks())
