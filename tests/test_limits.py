"""Texts at the limits: very deep, very wide, very hostile, and numbers at the edge."""

import gc
import pickle
import random
import subprocess
import sys

import pytest

import reference
from keepset import Manifest
from keepset.errors import ManifestError
from samples import A, B, E, content

DIGEST = A[:32]


def refused(text: str | bytes) -> str:
    codes = []
    for mode in ("strict", "compat"):
        with pytest.raises(ManifestError) as caught:
            Manifest.parse(text, mode=mode)
        codes.append(caught.value.code)
    assert codes[0] == codes[1]
    return codes[0]


# Depth.

DEPTH = 100_000


@pytest.fixture(scope="module")
def deep_text() -> str:
    return "." + "/d" * DEPTH + f" {A} 0:3:f\n"


def test_deep_load_count_and_drop(deep_text: str) -> None:
    for mode in ("strict", "compat"):
        manifest = Manifest.parse(deep_text, mode=mode)
        assert (manifest.directory_count, manifest.file_count, manifest.data_size) == (DEPTH, 1, 3)
        del manifest
    gc.collect()


def test_deep_texts_of_many_streams() -> None:
    # Every level its own stream would be gigabytes; every hundredth is enough to make siblings on the way down.
    levels = range(100, 3000, 100)
    text = "".join(f".{'/d' * level} {A} 0:3:f\n" for level in levels)
    manifest = Manifest.parse(text, mode="strict")
    assert (manifest.file_count, manifest.directory_count) == (len(levels), levels[-1])
    assert manifest.normalized().text == text
    shuffled = text.splitlines(keepends=True)
    random.Random(1).shuffle(shuffled)
    assert Manifest.parse("".join(shuffled)).normalized().text == text


@pytest.mark.timeout(300)
def test_deep_walk(deep_text: str) -> None:
    # The paths add up to ten gigabytes: nothing may be kept, by the test either.
    manifest = Manifest.parse(deep_text)
    steps = 0
    length = 1
    for path, directories, files in manifest.walk():
        assert len(path) == length
        assert directories == (["d"] if steps < DEPTH else [])
        assert files == ([] if steps < DEPTH else ["f"])
        steps += 1
        length += 2
    assert steps == DEPTH + 1


def test_deep_walk_can_be_left(deep_text: str) -> None:
    walk = Manifest.parse(deep_text).walk()
    for _ in range(1000):
        next(walk)
    del walk
    pruned = Manifest.parse(deep_text).walk()
    _, directories, _ = next(pruned)
    directories.clear()
    assert list(pruned) == []


def test_deep_questions(deep_text: str) -> None:
    manifest = Manifest.parse(deep_text)
    path = "d/" * DEPTH + "f"
    assert list(manifest.files()) == [(path, 3)]
    assert path in manifest
    assert manifest.stat(path).size == 3
    assert manifest.stat(".").file_count == 1
    assert content(manifest, path) == b"aaa"
    assert manifest.du(1) == {".": 3, "d": 3}
    assert manifest.listdir("d/d") == ["d"]
    assert manifest.glob("**/f") == [path]
    assert manifest.subset(include="f").text
    assert manifest.subset(exclude="f") == Manifest.parse("")
    assert repr(manifest)


def test_deep_forms_diff_and_pickle(deep_text: str) -> None:
    manifest = Manifest.parse(deep_text)
    assert manifest.normalized().text == deep_text
    assert manifest.stripped().text == deep_text
    assert manifest.is_normalized
    twin = pickle.loads(pickle.dumps(manifest))
    assert twin == manifest
    assert hash(twin) == hash(manifest)
    assert len(manifest.diff(twin)) == 0
    other = Manifest.parse(deep_text.replace(A, B))
    assert other != manifest
    assert [(change.kind, len(change.path)) for change in manifest.diff(other)] == [("modified", 2 * DEPTH + 1)]
    # One level less: the file moves, and that is all.
    shallow = Manifest.parse("." + "/d" * (DEPTH - 1) + f" {A} 0:3:f\n")
    assert [change.kind for change in manifest.diff(shallow)] == ["moved"]
    assert [change.kind for change in Manifest.parse("").diff(manifest)] == ["added"]
    assert Manifest.union([manifest, shallow, other], "concatenate").file_count == 2


def test_deep_empty_directory(deep_text: str) -> None:
    text = deep_text.replace(f"{A} 0:3:f", f"{E} 0:0:\\056")
    manifest = Manifest.parse(text, mode="strict")
    assert (manifest.file_count, manifest.directory_count) == (0, DEPTH)
    assert manifest.normalized().text == text


def test_deep_file_name() -> None:
    text = f". {A} 0:3:{'d/' * DEPTH}f\n"
    assert Manifest.parse(text, mode="strict").directory_count == DEPTH


# Width.


@pytest.mark.parametrize("order", ["sorted", "reversed", "random"])
def test_wide_directory(order: str) -> None:
    count = 150_000
    names = [f"file-{number:06d}" for number in range(count)]
    text = f". {A} " + " ".join(f"0:3:{name}" for name in names) + "\n"
    mixed = {"sorted": names, "reversed": names[::-1], "random": random.Random(0).sample(names, count)}[order]
    given = f". {A} " + " ".join(f"0:3:{name}" for name in mixed) + "\n"
    manifest = Manifest.parse(given, mode="strict")
    assert manifest.file_count == count
    assert manifest.normalized().text == text
    assert manifest == Manifest.parse(text)
    assert len(manifest.diff(Manifest.parse(text))) == 0
    assert manifest.listdir() == mixed
    assert sum(size for _, size in manifest.files()) == 3 * count
    assert sum(len(files) for _, _, files in manifest.walk()) == count
    assert names[77] in manifest
    assert "file-" not in manifest
    changed = Manifest.parse(text.replace("0:3:file-000077 ", "0:2:file-000077 "))
    assert [(change.kind, change.path) for change in manifest.diff(changed)] == [("modified", names[77])]
    assert pickle.loads(pickle.dumps(manifest)) == manifest


def test_many_directories() -> None:
    count = 50_000
    text = "".join(f"./d{number:05d} {A} 0:3:f\n" for number in range(count))
    manifest = Manifest.parse(text, mode="strict")
    assert (manifest.directory_count, manifest.file_count, manifest.stream_count) == (count, count, count)
    assert manifest.normalized().text == text
    assert sum(1 for _ in manifest.walk()) == count + 1


def test_a_file_in_very_many_pieces() -> None:
    # Every second byte of one block: nothing can be joined.
    count = 50_000
    block = f"{DIGEST}+{2 * count}"
    text = f". {block} " + " ".join(f"{2 * number}:1:f" for number in range(count)) + "\n"
    manifest = Manifest.parse(text, mode="strict")
    assert dict(manifest.files()) == {"f": count}
    assert manifest.normalized().text == text
    assert sum(length for _, _, length in manifest.segments("f")) == count
    assert manifest.read_plan("f", count - 1) == [(block, 2 * count - 2, 1)]


def test_files_written_in_turns() -> None:
    # The pieces of each file arrive far apart.
    files, turns = 100, 200
    block = f"{DIGEST}+{files * turns}"
    tokens = [f"{turn * files + file}:1:f{file:03d}" for turn in range(turns) for file in range(files)]
    text = f". {block} " + " ".join(tokens) + "\n"
    manifest = Manifest.parse(text, mode="strict")
    tree = reference.parse(text.encode())
    assert bytes(manifest.normalized()) == reference.normalize(tree)
    assert dict(manifest.files()) == {f"f{file:03d}": turns for file in range(files)}


def test_diff_of_many_files_alike_that_were_all_renamed() -> None:
    # The same bytes everywhere and no name that stayed: each file has as many candidates as there are files.
    count = 40_000
    old = Manifest.parse(f". {A} " + " ".join(f"0:3:old{number}" for number in range(count)) + "\n")
    new = Manifest.parse(f". {A} " + " ".join(f"0:3:new{number}" for number in range(count)) + "\n")
    assert len(old.diff(new).moved) == count


def test_union_of_many_manifests() -> None:
    manifests = Manifest.parse_many(f"./{number} {A} 0:3:f\n" for number in range(5000))
    assert Manifest.union(manifests).file_count == 5000
    again = Manifest.union([Manifest.parse(f". {A} 0:3:f\n")] * 2000, "concatenate")
    assert again.data_size == 6000


# Hostile texts.

HOSTILE = r"""
import resource, sys
from keepset import Manifest

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

text = eval(sys.argv[1])
data = text.encode()
del text
before = peak()
try:
    manifest = Manifest.parse(data)
    manifest.file_count, manifest.data_size, manifest.portable_data_hash, hash(manifest)
    for path, _ in manifest.files():
        manifest.read_plan(path, 1, 1)
except ValueError:
    pass
Manifest.validate(data)
print(len(data), peak() - before)
"""


@pytest.mark.parametrize(
    "text",
    [
        # Thousands of tokens that each span thousands of blocks: 16 million segments if they were all cut.
        "'. ' + ' '.join('%032x+9' % n for n in range(4000)) + ''.join(' 0:36000:%d' % n for n in range(4000)) + '\\n'",
        "'. ' + ' '.join('%032x+10' % n for n in range(4000)) + ' 5:39990:f' * 4000 + '\\n'",
        "'. ' + ' '.join('%032x+10' % n for n in range(4000)) + ' 5:39990:f 0:3:g' * 4000 + '\\n'",
        # Nothing but separators, escapes, or stream names.
        "' ' * 500000 + '\\n'",
        "'\\n' * 500000",
        "'. ' + '\\\\' * 500000 + '\\n'",
        "'./' + '\\\\057' * 200000 + '\\n'",
        "'/' * 500000",
        "'./' + 'a/' * 250000 + '\\n'",
        "'\\n'.join('./%d' % n for n in range(60000))",
        # Wrong from the start, or only at the very end.
        "'. ' + ('%s+3 ' % ('0' * 32)) * 20000 + '0:1:a 9'",
        "':' * 500000",
        "'+' * 500000",
        "'. ' + '0' * 32 + '+' + '9' * 500000 + ' 0:0:a\\n'",
        "'. ' + '0' * 32 + '+3 ' + '0' * 500000 + ':3:a\\n'",
        "'. ' + '0' * 32 + '+3 0:' + '0' * 500000 + '3:a\\n'",
        # Names chosen to come out of order, and blocks that differ in one bit.
        "'. ' + '0' * 32 + '+3' + ''.join(' 0:3:%d' % (n * 7919 % 50000) for n in range(50000)) + '\\n'",
        "'. ' + ' '.join('%032x+1' % (1 << (n % 128)) for n in range(20000)) + ' 0:1:a\\n'",
    ],
    ids=range(18),
)
def test_memory_is_a_small_multiple_of_the_text(text: str) -> None:
    result = subprocess.run(
        [sys.executable, "-c", HOSTILE, text], capture_output=True, text=True, check=False, timeout=50
    )
    assert result.returncode == 0, result.stderr
    length, grown = map(int, result.stdout.split())
    # A message quotes the token, so that a text of one bad token exists a few times over.
    assert grown < 16 * 1024 * 1024 + 40 * length


def test_validate_of_a_text_of_nothing_but_problems() -> None:
    text = f". {A} " + "9:9:a " * 100_000 + "\n"
    assert len(Manifest.validate(text)) == 1000
    assert len(Manifest.validate(text, limit=10**9)) >= 100_000
    _, problems = Manifest.salvage(text)
    assert len(problems) == 100_000


def test_problems_on_one_long_line_have_their_columns() -> None:
    # Each asks for its line and column: counting from the start of the line every time would be quadratic.
    text = f". {A} " + "9:9:\u00e9 " * 20_000 + "\n"
    problems = Manifest.validate(text, limit=20_000)
    assert [problem.column for problem in problems[:20_000:4_999]] == [
        len(f". {A} ") + 6 * number + 1 for number in range(0, 20_000, 4_999)
    ]


# Numbers.


def test_the_largest_block() -> None:
    largest = 2**31 - 1
    manifest = Manifest.parse(f". {DIGEST}+{largest} 0:{largest}:a {largest - 1}:1:b {largest}:0:c\n", mode="strict")
    assert dict(manifest.files()) == {"a": largest, "b": 1, "c": 0}
    assert manifest.read_plan("b") == [(f"{DIGEST}+{largest}", largest - 1, 1)]
    assert manifest.stored_size == largest
    assert refused(f". {DIGEST}+{largest} 1:{largest}:a\n") == "segment-out-of-range"


@pytest.mark.parametrize("size", [2**31, 2**32, 2**32 + 3, 2**63, 2**64, 2**64 + 3, 10**30])
def test_blocks_that_are_too_large(size: int) -> None:
    assert refused(f". {DIGEST}+{size} 0:0:a\n") == "block-too-large"


def test_leading_zeros_do_not_count() -> None:
    zeros = "0" * 100
    manifest = Manifest.parse(f". {DIGEST}+{zeros}3 {zeros}1:{zeros}2:a\n", mode="strict")
    assert dict(manifest.files()) == {"a": 2}


@pytest.mark.parametrize(
    ("position", "length", "code"),
    [
        (2**64 - 1, 1, "segment-out-of-range"),
        (2**64 - 1, 2**64 - 1, "segment-out-of-range"),
        (1, 2**64 - 1, "segment-out-of-range"),
        (4, 2**64 - 2, "segment-out-of-range"),
        (2**63, 2**63, "segment-out-of-range"),
        (0, 2**64, "number-too-large"),
        (2**64, 0, "number-too-large"),
        (2**64, 1, "number-too-large"),
        (2**64 + 1, 2, "number-too-large"),
        (10**40, 10**40, "number-too-large"),
    ],
)
def test_positions_at_the_limit(position: int, length: int, code: str) -> None:
    assert refused(f". {A} {position}:{length}:a\n") == code


def test_an_empty_file_far_beyond_the_stream() -> None:
    manifest = Manifest.parse(f". {A} {2**64 - 1}:0:a\n")
    assert list(manifest.files()) == [("a", 0)]
    assert manifest.normalized().text == f". {E} 0:0:a\n"


def test_streams_beyond_four_gigabytes() -> None:
    size = 2**31 - 1
    blocks = [f"{number:032x}+{size}" for number in range(6)]
    total = 6 * size
    manifest = Manifest.parse(f". {' '.join(blocks)} 0:{total}:all {5 * size + 7}:9:late\n", mode="strict")
    assert manifest.stat("all").size == total
    assert manifest.read_plan("late") == [(blocks[5], 7, 9)]
    assert manifest.read_plan("all", 4 * size - 1, 2) == [(blocks[3], size - 1, 1), (blocks[4], 0, 1)]
    assert manifest.normalized().text == f". {' '.join(blocks)} 0:{total}:all {5 * size + 7}:9:late\n"


@pytest.mark.parametrize("one_file", [True, False])
def test_files_that_add_up_to_two_to_the_64(one_file: bool) -> None:
    # 2**17 tokens over a stream of 2**16 blocks of 2**31 - 1 bytes come just short of 2**64; a few more are too much.
    size = 2**31 - 1
    stream = f". {' '.join([f'{DIGEST}+{size}'] * 2**16)}"
    total = size * 2**16
    fitting = (2**64 - 1) // total

    def text(tokens: int) -> str:
        return f"{stream} " + " ".join(f"0:{total}:f{'' if one_file else number}" for number in range(tokens)) + "\n"

    manifest = Manifest.parse(text(fitting))
    assert manifest.data_size == fitting * total
    assert manifest.stat(".").size == fitting * total
    if one_file:
        last = fitting * total - 1
        assert manifest.read_plan("f", last) == [(f"{DIGEST}+{size}", size - 1, 1)]
    assert refused(text(fitting + 1)) == "too-large"


def test_a_union_may_not_add_up_to_two_to_the_64() -> None:
    size = 2**31 - 1
    total = size * 2**16
    half = f". {' '.join([f'{DIGEST}+{size}'] * 2**16)} " + f"0:{total}:f " * 2**16 + "\n"
    manifest = Manifest.parse(half)
    with pytest.raises(ManifestError) as caught:
        Manifest.union([manifest] * 3, "concatenate")
    assert caught.value.code == "too-large"
