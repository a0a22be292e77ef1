"""The public face of `Manifest`, one behaviour per test; what holds for every input is in test_manifest_properties."""

import contextlib
import copy
import errno
import hashlib
import io
import os
import pickle
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeAlias

import pytest

import keepset
import reference
from keepset import Manifest
from keepset._core import error_codes
from keepset.errors import (
    ArgumentError,
    KeepsetError,
    ManifestError,
    PathIsADirectoryError,
    PathNotADirectoryError,
    PathNotFoundError,
    SyntaxError,
)
from samples import SIGNATURE, A, B, C, E, content, contents

REAL = Path(__file__).parent / "data" / "1000G_ref_manifest"

Patterns: TypeAlias = str | list[str] | None

TEXT = f". {A} {B} 0:3:a 3:3:b 1:4:c\n./d {C} 0:5:x.bam 0:0:empty\n./d/e {E} 0:0:\\056\n./d/f {C} 1:2:y.bam\n"
"""Two directories deep: files, an empty file, an empty directory."""


@pytest.fixture
def manifest() -> Manifest:
    return Manifest.parse(TEXT, mode="strict")


# Reading.


INPUTS: list[Callable[[bytes], Any]] = [
    bytes.decode,
    bytes,
    bytearray,
    memoryview,
    lambda data: memoryview(bytearray(data)),
    lambda data: memoryview(b"xx" + data + b"yy")[2:-2],
    lambda data: memoryview(bytes(byte for pair in zip(data, data, strict=True) for byte in pair))[::2],
]
every_input = pytest.mark.parametrize(
    "make", INPUTS, ids=["str", "bytes", "bytearray", "memoryview", "writable view", "slice", "strided view"]
)


@every_input
@pytest.mark.parametrize("text", [TEXT, "", f". {A} 0:3:caf\u00e9\U0001f600\n"], ids=["ascii", "empty", "unicode"])
def test_parse_takes_any_kind_of_text(make: Callable[[bytes], Any], text: str) -> None:
    given = make(text.encode())
    manifest = Manifest.parse(given)
    assert manifest.text == text
    assert bytes(manifest) == text.encode()
    assert Manifest.parse_many([given])[0] == manifest
    assert Manifest.validate(given) == []
    assert Manifest.salvage(given)[0] == manifest


@pytest.mark.parametrize("other", [None, 3, 1.5, ["."], object(), {}, Path("x")])
def test_parse_refuses_other_types(other: object) -> None:
    functions: list[Callable[[Any], Any]] = [Manifest.parse, Manifest.salvage, Manifest.validate]
    for function in functions:
        with pytest.raises(TypeError):
            function(other)
    with pytest.raises(TypeError):
        Manifest.parse_many([other])  # type: ignore[list-item]


def test_parse_refuses_another_mode() -> None:
    with pytest.raises(ValueError, match="lenient"):
        Manifest.parse("", mode="lenient")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        Manifest.parse("", "strict")  # type: ignore[call-arg]


def test_the_class_is_the_one_of_the_engine() -> None:
    assert keepset.Manifest is keepset._core.Manifest
    with pytest.raises(TypeError):
        Manifest()
    with pytest.raises(TypeError):
        type("Sub", (Manifest,), {})


def test_a_manifest_keeps_what_a_buffer_held_when_it_was_read() -> None:
    buffer = bytearray(TEXT.encode())
    manifest = Manifest.parse(buffer)
    buffer[:] = b"x" * len(buffer)
    assert manifest.text == TEXT
    assert content(manifest, "a") == b"aaa"


def test_a_str_with_surrogates_of_no_byte_is_refused() -> None:
    # Only U+DC80 to U+DCFF stand for bytes.
    for character in ("\ud800", "\udfff", "\udc00"):
        with pytest.raises(ValueError):  # noqa: PT011 - UnicodeEncodeError or ManifestError
            Manifest.parse(f". {A} 0:3:a{character}\n")


def test_a_str_with_surrogate_escapes_is_the_bytes_they_stand_for() -> None:
    data = f". {A} 0:3:a".encode() + b"\xff\n"
    manifest = Manifest.parse(data.decode("utf-8", "surrogateescape"))
    assert bytes(manifest) == data
    assert manifest.text == data.decode("utf-8", "surrogateescape")
    assert manifest == Manifest.parse(data)
    assert list(manifest.files()) == [("a\udcff", 3)]


def test_parse_many_gives_what_parse_gives() -> None:
    texts: list[str | bytes | bytearray] = [
        TEXT,
        "",
        f". {A} 0:3:a",
        f". {B} 0:3:a\n".encode(),
        bytearray(TEXT.encode()),
    ]
    manifests = Manifest.parse_many(texts)
    assert isinstance(manifests, list)
    assert manifests == [Manifest.parse(text) for text in texts]
    assert [bytes(manifest) for manifest in manifests] == [bytes(Manifest.parse(text)) for text in texts]
    assert Manifest.parse_many([]) == []
    assert Manifest.parse_many(iter([TEXT]), mode="strict") == [Manifest.parse(TEXT)]


def test_parse_many_raises_for_a_bad_text() -> None:
    with pytest.raises(ManifestError) as caught:
        Manifest.parse_many([TEXT, f". {A} 0:9:a\n", TEXT])
    assert (caught.value.code, caught.value.token) == ("segment-out-of-range", "0:9:a")
    with pytest.raises(ManifestError):
        Manifest.parse_many([f". {A} 0:3:a"], mode="strict")


def test_parse_many_lets_an_error_of_the_iterable_through() -> None:
    def texts() -> Iterator[str]:
        yield TEXT
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Manifest.parse_many(texts())


@pytest.mark.parametrize("of", [str, Path])
def test_load_reads_a_file_by_name(of: Callable[[Path], Any], tmp_path: Path) -> None:
    path = tmp_path / "m\u00e9.txt"
    path.write_bytes(TEXT.encode())
    assert Manifest.load(of(path)).text == TEXT
    assert Manifest.load(of(path), mode="strict").text == TEXT


class OneByteAtATime(io.RawIOBase):
    """A raw file whose reads are short."""

    def __init__(self, data: bytes) -> None:
        self.rest = data

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        part, self.rest = self.rest[:1], self.rest[1:]
        buffer[: len(part)] = part
        return len(part)


class OnlyRead:
    """The least that can pass for a binary file."""

    def __init__(self, data: bytes) -> None:
        self.rest = data

    def read(self, size: int = -1, /) -> bytes:
        size = min(len(self.rest), 7 if size < 0 else size, 7)
        part, self.rest = self.rest[:size], self.rest[size:]
        return part


@pytest.mark.parametrize("make", [io.BytesIO, OneByteAtATime, OnlyRead])
def test_load_reads_a_binary_file_to_its_end(make: Callable[[bytes], Any]) -> None:
    assert Manifest.load(make(TEXT.encode())).text == TEXT


def test_load_reads_from_where_the_file_stands(tmp_path: Path) -> None:
    path = tmp_path / "m"
    path.write_bytes(b"junk\n" + TEXT.encode())
    with path.open("rb") as file:
        file.readline()
        assert Manifest.load(file).text == TEXT


def test_load_refuses_a_text_file(tmp_path: Path) -> None:
    path = tmp_path / "m"
    path.write_text(TEXT)
    with path.open() as file, pytest.raises(TypeError, match="binary"):
        Manifest.load(file)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="binary"):
        Manifest.load(io.StringIO(TEXT))  # type: ignore[arg-type]


@pytest.mark.parametrize("source", [None, 3.5, object(), []])
def test_load_refuses_other_sources(source: object) -> None:
    with pytest.raises(TypeError):
        Manifest.load(source)  # type: ignore[arg-type]


def test_load_reports_a_bad_manifest(tmp_path: Path) -> None:
    path = tmp_path / "m"
    path.write_text(f". {A} 0:3:a")
    assert Manifest.load(path).file_count == 1
    with pytest.raises(ManifestError) as caught:
        Manifest.load(path, mode="strict")
    assert caught.value.code == "missing-final-newline"


def test_load_reports_a_missing_file() -> None:
    with pytest.raises(FileNotFoundError) as caught:
        Manifest.load("no/such/file")
    assert caught.value.errno == errno.ENOENT
    assert not isinstance(caught.value, KeepsetError), "it is the file system's error, not one about the manifest"


# Errors.


@pytest.mark.parametrize("kind", [KeepsetError, ArgumentError, SyntaxError, ValueError])
def test_a_bad_manifest_can_be_caught_as(kind: type[Exception]) -> None:
    with pytest.raises(kind) as caught:
        Manifest.parse(f". {A} 0:9:a\n")
    assert isinstance(caught.value, ManifestError)


def test_error_says_what_and_where() -> None:
    text = f". {A} 0:3:a\n./caf\u00e9 {A} 0:3:\u00e9 7:3:b 0:3:c\n"
    with pytest.raises(ManifestError) as caught:
        Manifest.parse(text)
    error = caught.value
    assert error.code == "segment-out-of-range"
    assert error.line == 2
    assert error.column == text.split("\n")[1].index("7:3:b") + 1, "columns count characters"
    assert error.offset == text.encode().index(b"7:3:b"), "offsets count bytes"
    assert error.token == "7:3:b"
    for part in ("line 2", f"column {error.column}", "7:3:b"):
        assert part in str(error)


def test_a_character_that_is_not_utf8_counts_as_one_column() -> None:
    data = b"./\xff\xfe " + A.encode() + b" 0:9:a\n"
    with pytest.raises(ManifestError) as caught:
        Manifest.parse(data)
    assert (caught.value.column, caught.value.offset) == (7 + len(A), 6 + len(A))


def test_token_of_an_error_shows_bytes_that_are_not_utf8() -> None:
    data = b". " + A.encode() + b" 0:9:a\xff\n"
    with pytest.raises(ManifestError) as caught:
        Manifest.parse(data)
    assert caught.value.token == "0:9:a\udcff"
    assert str(caught.value).isascii() or str(caught.value).encode("utf-8"), "the message can be printed"


def test_a_very_long_token_is_shortened_in_the_message_only() -> None:
    token = "x" * 1_000_000
    with pytest.raises(ManifestError) as caught:
        Manifest.parse(f". {token} 0:3:a\n")
    assert caught.value.token == token
    assert len(str(caught.value)) < 1000


def test_errors_can_be_pickled() -> None:
    with pytest.raises(ManifestError) as caught:
        Manifest.parse(f". {A} 0:9:a\n")
    twin = pickle.loads(pickle.dumps(caught.value))
    assert type(twin) is ManifestError
    assert str(twin) == str(caught.value)
    assert (twin.code, twin.line, twin.token) == (caught.value.code, caught.value.line, caught.value.token)


# Validation and salvage.


MANY_PROBLEMS = [
    ("bad-stream-name", f"x {A} 0:3:a\n"),
    ("missing-locator", "./b 0:0:a\n"),
    ("missing-file-token", f"./c {A}\n"),
    ("bad-locator", f"./d {A[:32]} 0:3:a\n"),
    ("block-too-large", f"./e {A[:32]}+2147483648 0:3:a\n"),
    ("bad-hint", f"./f {A}+z 0:3:a\n"),
    ("locator-after-file-token", f"./g {A} 0:3:a {B}\n"),
    ("bad-file-token", f"./h {A} 0:3\n"),
    ("number-too-large", f"./i {A} 18446744073709551616:0:a\n"),
    ("segment-out-of-range", f"./j {A} 1:3:a\n"),
    ("placeholder-with-data", f"./k {A} 0:3:.\n"),
    ("bad-placeholder", f"./l {E} 00:0:.\n"),
    ("path-conflict", f"./m {A} 0:3:a 0:3:a/b\n"),
    ("blank-line", "\n"),
    ("extra-space", f"./n  {A} 0:3:a\n"),
    ("extra-space", f"./n2 {A} 0:3:a \n"),
    ("raw-control-character", f"./o {A} 0:3:\x01\n"),
    ("control-character", f"./p {A} 0:3:a\tb\n"),
    ("bad-escape", f"./q {A} 0:3:\\8\n"),
    ("empty-component", f"./r {A} 0:3:a//b\n"),
    ("dot-component", f"./s {A} 0:3:a/./b\n"),
    ("dot-dot-component", f"./t {A} 0:3:a/../b\n"),
    ("empty-file-name", f"./u {A} 0:3:a/\n"),
]


def test_validate_lists_every_problem_in_order() -> None:
    good = f". {A} 0:3:fine\n"
    text = good + "".join(line for _, line in MANY_PROBLEMS)
    problems = Manifest.validate(text)
    assert [problem.code for problem in problems] == [code for code, _ in MANY_PROBLEMS]
    assert [problem.line for problem in problems] == list(range(2, len(MANY_PROBLEMS) + 2))
    offsets = [problem.offset for problem in problems]
    assert offsets == sorted(offsets)


@pytest.mark.parametrize(
    ("code", "line"), MANY_PROBLEMS, ids=[f"{code}-{n}" for n, (code, _) in enumerate(MANY_PROBLEMS)]
)
def test_strict_raises_the_problem(code: str, line: str) -> None:
    with pytest.raises(ManifestError) as caught:
        Manifest.parse(f". {A} 0:3:fine\n{line}", mode="strict")
    assert (caught.value.code, caught.value.line) == (code, 2)


def test_validate_has_a_limit() -> None:
    text = f". {A} " + " ".join(f"9:9:{number}" for number in range(2000)) + "\n"
    assert len(Manifest.validate(text)) == 1000
    assert len(Manifest.validate(text, 7)) == 7
    assert len(Manifest.validate(text, limit=5000)) == 2000
    assert Manifest.validate(text, limit=0) == []
    assert Manifest.validate(text, 7) == Manifest.validate(text)[:7]


def test_problem_is_a_value_that_can_be_read() -> None:
    first, again = (Manifest.validate(f". {A} 9:9:a\n")[0] for _ in range(2))
    assert first == again
    assert first != Manifest.validate(f". {A} 9:8:a\n")[0]
    assert first != "segment-out-of-range"
    assert "9:9:a" in str(first)
    assert "line 1" in str(first)
    assert "segment-out-of-range" in repr(first)


def test_every_code_is_known_and_written_alike() -> None:
    codes = error_codes()
    assert len(codes) == len(set(codes))
    assert all(code == code.lower().strip("-") and code.replace("-", "").isalnum() for code in codes)
    assert {code for code, _ in MANY_PROBLEMS} <= set(codes)


def test_salvage_cuts_a_token_that_is_out_of_range() -> None:
    manifest, problems = Manifest.salvage(f". {A} 0:5:foo 10:2:baz 0:3:fine\n")
    assert [problem.token for problem in problems] == ["0:5:foo", "10:2:baz"]
    assert manifest.salvaged
    assert contents(manifest) == {"foo": b"aaa", "baz": b"", "fine": b"aaa"}


def test_salvage_keeps_the_first_of_a_clash() -> None:
    manifest, problems = Manifest.salvage(f". {A} 0:3:d 0:3:z\n./d {B} 0:3:y\n./e {B} 0:3:x\n")
    assert {problem.code for problem in problems} == {"path-conflict"}
    assert manifest.salvaged
    assert content(manifest, "d") == b"aaa"
    assert content(manifest, "z") == b"aaa"
    assert content(manifest, "e/x") == b"bbb"


def test_salvage_of_a_good_text_is_the_manifest() -> None:
    manifest, problems = Manifest.salvage(TEXT)
    assert problems == []
    assert not manifest.salvaged
    assert manifest == Manifest.parse(TEXT)
    assert not Manifest.parse(TEXT).salvaged


def test_what_comes_of_a_salvaged_manifest_is_marked_too() -> None:
    manifest, _ = Manifest.salvage(f". {A} 0:5:foo 0:3:bar\n")
    assert manifest.normalized().salvaged
    assert manifest.stripped().salvaged
    assert manifest.subset(include="bar").salvaged
    assert Manifest.union([Manifest.parse(TEXT), manifest]).salvaged
    assert copy.copy(manifest).salvaged
    assert copy.deepcopy(manifest).salvaged
    assert pickle.loads(pickle.dumps(manifest)).salvaged
    assert "salvaged" in repr(manifest)


# Text forms.


def test_text_comes_back_untouched() -> None:
    text = f".  {A}+Z 000:3:b  0:1:a\n\n"
    manifest = Manifest.parse(text)
    assert manifest.text == text
    assert str(manifest) == text
    assert bytes(manifest) == text.encode()


def test_normalized_and_stripped() -> None:
    manifest = Manifest.parse(f"./d {B}+Zb {A}+Za 3:3:z 0:3:a\n. {A}+Za 0:3:b\n")
    assert manifest.normalized().text == f". {A}+Za 0:3:b\n./d {B}+Zb {A}+Za 0:3:a 3:3:z\n"
    assert manifest.stripped().text == f"./d {B} {A} 3:3:z 0:3:a\n. {A} 0:3:b\n"
    both = f". {A} 0:3:b\n./d {B} {A} 0:3:a 3:3:z\n"
    assert manifest.normalized().stripped().text == both
    assert manifest.stripped().normalized().text == both
    assert manifest == manifest.normalized() == manifest.stripped() == manifest.stripped().normalized()


def test_is_normalized() -> None:
    assert Manifest.parse("").is_normalized
    assert Manifest.parse(f". {A} 0:1:a 1:2:b\n").is_normalized
    assert not Manifest.parse(f". {A} 1:2:b 0:1:a\n").is_normalized
    assert not Manifest.parse(f". {A} {B} 0:3:a\n").is_normalized, "an unused block"
    assert not Manifest.parse(f". {A} 0:1:a 1:2:a\n").is_normalized
    assert not Manifest.parse(f". {A} 0:3:a\\141\n").is_normalized
    assert not Manifest.parse(f". {A} 0:3:a").is_normalized
    assert not Manifest.parse("\n").is_normalized
    assert Manifest.parse(TEXT).normalized().is_normalized
    assert Manifest.parse(f". {A}+Z 0:3:a\n").stripped().is_normalized


def test_sizes_lose_their_leading_zeros_in_the_normal_form_only() -> None:
    text = f". {A[:32]}+0003 0:3:a\n"
    manifest = Manifest.parse(text, mode="strict")
    assert manifest.stripped().text == text
    assert manifest.portable_data_hash == reference.portable_data_hash(text.encode())
    assert manifest.normalized().text == f". {A} 0:3:a\n"
    assert manifest.normalized().portable_data_hash == reference.portable_data_hash(f". {A} 0:3:a\n".encode())
    assert manifest == Manifest.parse(f". {A} 0:3:a\n")


@pytest.mark.parametrize(
    ("text", "pdh"),
    [
        ("", "d41d8cd98f00b204e9800998ecf8427e+0"),
        (". acbd18db4cc2f85cedef654fccc4a4d8+3 0:3:foo.txt\n", "83367e8913dcec0bf3fc25ed5a27eacb+49"),
        ("./d d41d8cd98f00b204e9800998ecf8427e+0 0:0:\\056\n", "380a3f37bde45eeea19200845b8f5bec+48"),
        (
            f". acbd18db4cc2f85cedef654fccc4a4d8+3+K@xyzzy+A{'a' * 40}@ffffffff+Zfoo 0:3:a\n",
            "8f89a848e52aaa1a2e73c65f04d7ad95+43",
        ),
        # The text as it stands counts, not its normal form.
        (". acbd18db4cc2f85cedef654fccc4a4d8+3 0:1:z 1:1:a\n", "7a4a7b6f771c2bb25597c24ea3595cf6+49"),
    ],
)
def test_portable_data_hash_is_the_servers(text: str, pdh: str) -> None:
    assert Manifest.parse(text).portable_data_hash == pdh
    assert Manifest.parse(text).stripped().portable_data_hash == pdh


def test_portable_data_hash_of_the_normal_form() -> None:
    manifest = Manifest.parse(". acbd18db4cc2f85cedef654fccc4a4d8+3 0:1:z 1:1:a\n")
    assert manifest.normalized().portable_data_hash == "0b095e155a410b7a4be869ee5e7a68b3+49"


def test_a_stream_named_like_a_locator_keeps_its_hints() -> None:
    text = f"{A}+Z {A}+Z 0:3:{A}+Z\n"
    assert Manifest.parse(text).stripped().text == f"{A}+Z {A} 0:3:{A}+Z\n"


class Collector:
    """A binary file that takes at most so many bytes at a time."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.data = bytearray()

    def write(self, data: bytes, /) -> int:
        part = bytes(data)[: self.most]
        self.data += part
        return len(part)


@pytest.mark.parametrize("most", [1, 7, 10**9])
def test_write_to_writes_it_all_however_short_the_writes(most: int, manifest: Manifest) -> None:
    file = Collector(most)
    for form in (manifest, manifest.normalized(), manifest.stripped()):
        file.data.clear()
        assert form.write_to(file) == len(bytes(form))  # type: ignore[arg-type]
        assert bytes(file.data) == bytes(form)


def test_write_to_a_file(tmp_path: Path, manifest: Manifest) -> None:
    path = tmp_path / "m"
    with path.open("wb") as file:
        assert manifest.normalized().write_to(file) == len(manifest.normalized().text)
    assert path.read_bytes() == bytes(manifest.normalized())
    with path.open("wb", buffering=0) as raw:
        manifest.write_to(raw)
    assert path.read_bytes() == bytes(manifest)


def test_write_to_refuses_a_text_file(tmp_path: Path, manifest: Manifest) -> None:
    with pytest.raises(TypeError, match="binary"):
        manifest.write_to(io.StringIO())  # type: ignore[arg-type]
    with (tmp_path / "m").open("w") as file, pytest.raises(TypeError, match="binary"):
        manifest.write_to(file)  # type: ignore[arg-type]
    for other in (None, 3, "path", object()):
        with pytest.raises((TypeError, AttributeError)):
            manifest.write_to(other)  # type: ignore[arg-type]


def test_write_to_lets_an_error_of_the_file_through(manifest: Manifest) -> None:
    class Full:
        def write(self, data: object, /) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OSError, match="space") as caught:
        manifest.write_to(Full())  # type: ignore[arg-type]
    assert caught.value.errno == errno.ENOSPC


@pytest.mark.parametrize("answer", [0, -1, 10**6, "3"])
def test_write_to_does_not_go_on_for_ever_with_a_file_that_takes_nothing(answer: object, manifest: Manifest) -> None:
    class Stuck:
        calls = 0

        def write(self, data: object, /) -> object:
            self.calls += 1
            assert self.calls < 1000
            return answer

    with pytest.raises((OSError, TypeError, ValueError)):
        manifest.write_to(Stuck())  # type: ignore[arg-type]


# Counts.


def test_counts(manifest: Manifest) -> None:
    assert manifest.file_count == 6
    assert manifest.directory_count == 3
    assert manifest.stream_count == 4
    assert manifest.data_size == 3 + 3 + 4 + 5 + 0 + 2
    assert manifest.stored_size == 3 + 3 + 5


def test_counts_of_nothing() -> None:
    manifest = Manifest.parse("")
    assert (manifest.file_count, manifest.directory_count, manifest.stream_count) == (0, 0, 0)
    assert (manifest.block_count, manifest.data_size, manifest.stored_size) == (0, 0, 0)
    assert (list(manifest.files()), list(manifest.blocks()), manifest.listdir()) == ([], [], [])
    assert manifest.signature_expiry is None


def test_counts_of_blocks_speak_of_the_form() -> None:
    manifest = Manifest.parse(f". {A} {B} {A} 0:3:a\n. {C} 0:5:a\n")
    assert list(manifest.blocks()) == [A, B, C]
    assert (manifest.block_count, manifest.stored_size, manifest.stream_count) == (3, 11, 2)
    normal = manifest.normalized()
    assert list(normal.blocks()) == [A, C]
    assert (normal.block_count, normal.stored_size, normal.stream_count) == (2, 8, 1)
    assert manifest.data_size == normal.data_size == 8


def test_blocks_are_distinct_by_digest_and_size() -> None:
    signed = f"{A}{SIGNATURE}66000000"
    manifest = Manifest.parse(f". {A} {signed} 0:6:a\n./d {A}+Z {A[:32]}+30 0:3:a\n")
    assert list(manifest.blocks()) == [signed, f"{A[:32]}+30"]
    assert list(manifest.stripped().blocks()) == [A, f"{A[:32]}+30"]
    assert manifest.stored_size == 33


def test_signature_expiry_is_the_first_to_come() -> None:
    text = f". {A}{SIGNATURE}65000000 {B}{SIGNATURE}64000000 {C} 0:3:a\n"
    expected = datetime.fromtimestamp(0x64000000, tz=UTC)
    found = Manifest.parse(text).signature_expiry
    assert found is not None
    assert found.replace(tzinfo=found.tzinfo or UTC) == expected
    assert Manifest.parse(f". {A} 0:3:a\n").signature_expiry is None
    assert Manifest.parse(text).stripped().signature_expiry is None


def test_real_manifest() -> None:
    data = REAL.read_bytes()
    manifest = Manifest.load(REAL, mode="strict")
    assert (manifest.stream_count, manifest.block_count, manifest.file_count) == (1, 148, 60)
    tree = reference.parse(data, "strict")
    assert list(manifest.files()) == [(path, tree.size(path)) for path in tree.files]
    assert bytes(manifest.normalized()) == reference.normalize(tree)
    assert manifest.portable_data_hash == reference.portable_data_hash(data)
    stripped = bytes(manifest.stripped())
    assert manifest.portable_data_hash == f"{hashlib.md5(stripped, usedforsecurity=False).hexdigest()}+{len(stripped)}"


# Looking around.


def test_files_are_in_manifest_order(manifest: Manifest) -> None:
    assert list(manifest.files()) == [
        ("a", 3), ("b", 3), ("c", 4), ("d/x.bam", 5), ("d/empty", 0), ("d/f/y.bam", 2),
    ]  # fmt: skip


def test_listdir(manifest: Manifest) -> None:
    assert manifest.listdir() == ["a", "b", "c", "d"]
    assert manifest.listdir("d") == ["x.bam", "empty", "e", "f"]
    assert manifest.listdir("d/e") == []


ROOTS = [".", "", "/", "./", "//", "./."]


@pytest.mark.parametrize("root", ROOTS)
def test_the_root_has_many_names(root: str, manifest: Manifest) -> None:
    assert manifest.listdir(root) == ["a", "b", "c", "d"]
    assert manifest.stat(root).is_dir()
    assert manifest.stat(root).size == manifest.data_size
    assert manifest.stat(root).file_count == manifest.file_count
    assert root in manifest


@pytest.mark.parametrize("path", ["d/x.bam", "./d/x.bam", "/d/x.bam", "d//x.bam", "d/./x.bam", "//d/x.bam"])
def test_a_file_has_many_names(path: str, manifest: Manifest) -> None:
    stat = manifest.stat(path)
    assert (stat.path, stat.name, stat.type, stat.size, stat.file_count) == ("d/x.bam", "x.bam", "file", 5, 1)
    assert stat.is_file()
    assert not stat.is_dir()
    assert path in manifest
    assert content(manifest, path) == b"ccccc"


@pytest.mark.parametrize("path", ["d", "./d", "/d", "d/", "./d/", "d/."])
def test_a_directory_has_many_names(path: str, manifest: Manifest) -> None:
    stat = manifest.stat(path)
    assert (stat.path, stat.name, stat.type, stat.size, stat.file_count) == ("d", "d", "directory", 7, 3)
    assert stat.is_dir()
    assert not stat.is_file()
    assert path in manifest
    assert manifest.listdir(path) == ["x.bam", "empty", "e", "f"]


@pytest.mark.parametrize("path", ["nope", "d/nope", "d/../a", "..", "d/e/nope", "A", "a ", "a\0", "\udcff"])
def test_missing_paths(path: str, manifest: Manifest) -> None:
    assert path not in manifest
    for ask in (manifest.stat, manifest.listdir, manifest.segments, manifest.read_plan, manifest.walk):
        with pytest.raises(PathNotFoundError) as caught:
            list(ask(path))  # type: ignore[arg-type]
        assert caught.value.errno == errno.ENOENT
        assert caught.value.filename == path
        assert isinstance(caught.value, FileNotFoundError)


@pytest.mark.parametrize("path", ["a/b", "a/b/c", "d/x.bam/y"])
def test_paths_through_a_file(path: str, manifest: Manifest) -> None:
    assert path not in manifest
    for ask in (manifest.stat, manifest.listdir, manifest.segments, manifest.read_plan):
        with pytest.raises(KeepsetError) as caught:
            ask(path)
        assert isinstance(caught.value, NotADirectoryError | FileNotFoundError)


def test_a_file_is_not_a_directory(manifest: Manifest) -> None:
    for ask in (manifest.listdir, manifest.walk):
        with pytest.raises(PathNotADirectoryError) as caught:
            ask("a")
        assert caught.value.errno == errno.ENOTDIR
        assert isinstance(caught.value, NotADirectoryError)


def test_a_directory_is_not_a_file(manifest: Manifest) -> None:
    for ask in (manifest.segments, manifest.read_plan):
        for path in ("d", "."):
            with pytest.raises(PathIsADirectoryError) as caught:
                ask(path)
            assert caught.value.errno == errno.EISDIR
            assert isinstance(caught.value, IsADirectoryError)


def test_only_str_can_be_in_a_manifest(manifest: Manifest) -> None:
    assert "a" in manifest
    assert b"a" not in manifest
    assert None not in manifest
    assert 3 not in manifest
    with pytest.raises(TypeError):
        manifest.stat(b"a")  # type: ignore[arg-type]


def test_stat_is_a_value(manifest: Manifest) -> None:
    assert manifest.stat("a") == manifest.stat("./a")
    assert manifest.stat("a") != manifest.stat("b")
    assert manifest.stat("a") != "a"
    assert "a" in repr(manifest.stat("a"))


def test_walk_is_like_os_walk(manifest: Manifest) -> None:
    assert list(manifest.walk()) == [
        (".", ["d"], ["a", "b", "c"]),
        ("./d", ["e", "f"], ["x.bam", "empty"]),
        ("./d/e", [], []),
        ("./d/f", [], ["y.bam"]),
    ]


@pytest.mark.parametrize(
    ("top", "directories"),
    [
        ("", ["", "d", "d/e", "d/f"]),
        (".", [".", "./d", "./d/e", "./d/f"]),
        ("d", ["d", "d/e", "d/f"]),
        ("./d", ["./d", "./d/e", "./d/f"]),
        ("/d", ["/d", "/d/e", "/d/f"]),
        ("d/f", ["d/f"]),
    ],
)
def test_walk_starts_its_paths_with_top_as_given(top: str, directories: list[str], manifest: Manifest) -> None:
    assert [directory for directory, _, _ in manifest.walk(top)] == directories
    for directory, _, files in manifest.walk(top):
        for name in files:
            assert f"{directory}/{name}".lstrip("/") in manifest


def test_walk_can_be_pruned_in_place(manifest: Manifest) -> None:
    seen = []
    for directory, directories, _ in manifest.walk():
        seen.append(directory)
        if "e" in directories:
            directories.remove("e")
    assert seen == [".", "./d", "./d/f"]
    seen = []
    for directory, directories, _ in manifest.walk():
        seen.append(directory)
        directories.clear()
    assert seen == ["."]


def test_walk_can_be_reordered_in_place(manifest: Manifest) -> None:
    seen = []
    for directory, directories, _ in manifest.walk("d"):
        seen.append(directory)
        directories.reverse()
    assert seen == ["d", "d/f", "d/e"]


def test_walk_is_an_iterator(manifest: Manifest) -> None:
    walk = manifest.walk()
    assert iter(walk) is walk
    assert next(walk)[0] == "."
    assert len(list(walk)) == 3
    with pytest.raises(StopIteration):
        next(walk)


def test_iterators_outlive_the_manifest() -> None:
    manifest = Manifest.parse(TEXT)
    iterators: list[Iterator[Any]] = [manifest.files(), manifest.walk(), manifest.segments("c"), manifest.blocks()]
    expected = [list(manifest.files()), list(manifest.walk()), list(manifest.segments("c")), list(manifest.blocks())]
    del manifest
    assert [list(iterator) for iterator in iterators] == expected


@pytest.mark.parametrize(
    ("pattern", "paths"),
    [
        ("*", ["a", "b", "c", "d"]),
        ("*.bam", []),
        ("d/*.bam", ["d/x.bam"]),
        ("*/*.bam", ["d/x.bam"]),
        ("**/*.bam", ["d/x.bam", "d/f/y.bam"]),
        ("d/**/*.bam", ["d/x.bam", "d/f/y.bam"]),
        ("**/[xy].bam", ["d/x.bam", "d/f/y.bam"]),
        ("**/[!x].bam", ["d/f/y.bam"]),
        ("d/?", ["d/e", "d/f"]),
        ("d/f/y.bam", ["d/f/y.bam"]),
        ("a", ["a"]),
        ("nope", []),
        ("**/e", ["d/e"]),
        ("[ab]", ["a", "b"]),
        ("[a-c]", ["a", "b", "c"]),
        ("x.bam", []),
    ],
)
def test_glob(pattern: str, paths: list[str], manifest: Manifest) -> None:
    assert manifest.glob(pattern) == paths


@pytest.mark.parametrize("pattern", ["./*", "/*"])
def test_glob_from_the_root(pattern: str, manifest: Manifest) -> None:
    assert manifest.glob(pattern) == ["a", "b", "c", "d"]


def test_glob_special_characters_in_names() -> None:
    names = ["[x]", "a*b", "a?b", "{a}", "a b", ".hidden", "caf\u00e9"]
    manifest = Manifest.parse(f". {A} " + " ".join(f"0:3:{keepset.escape(name)}" for name in names) + "\n")
    assert manifest.glob("[[]x]") == ["[x]"]
    assert manifest.glob("a[*]b") == ["a*b"]
    assert manifest.glob("a[?]b") == ["a?b"]
    assert manifest.glob("{a}") == ["{a}"], "braces are not special, as in pathlib"
    assert manifest.glob("a?b") == ["a*b", "a?b", "a b"]
    assert manifest.glob(".*") == [".hidden"]
    assert manifest.glob("caf?") == ["caf\u00e9"], "? is one character, not one byte"
    assert manifest.glob("*") == names


def test_du(manifest: Manifest) -> None:
    assert list(manifest.du().items()) == [(".", 17), ("d", 7), ("d/e", 0), ("d/f", 2)]
    assert manifest.du(0) == {".": 17}
    assert manifest.du(1) == {".": 17, "d": 7}
    assert manifest.du(depth=2) == manifest.du(100) == manifest.du()
    assert Manifest.parse("").du() == {".": 0}


# Data.


def test_segments_are_cut_at_block_edges(manifest: Manifest) -> None:
    assert list(manifest.segments("c")) == [(A, 1, 2), (B, 0, 2)]
    assert list(manifest.segments("d/empty")) == []
    assert list(manifest.segments("d/f/y.bam")) == [(C, 1, 2)]


def test_segments_show_the_hints_of_the_form() -> None:
    signed = f"{A}{SIGNATURE}65000000"
    manifest = Manifest.parse(f". {signed} 0:3:a\n")
    assert list(manifest.segments("a")) == [(signed, 0, 3)]
    assert list(manifest.normalized().segments("a")) == [(signed, 0, 3)]
    assert list(manifest.stripped().segments("a")) == [(A, 0, 3)]
    assert manifest.stripped().read_plan("a") == [(A, 0, 3)]


def test_read_plan() -> None:
    manifest = Manifest.parse(f". {A} {B} {C} 1:9:f\n")
    assert manifest.read_plan("f") == [(A, 1, 2), (B, 0, 3), (C, 0, 4)]
    assert manifest.read_plan("f", 1) == [(A, 2, 1), (B, 0, 3), (C, 0, 4)]
    assert manifest.read_plan("f", 2, 3) == [(B, 0, 3)]
    assert manifest.read_plan("f", offset=1, size=5) == [(A, 2, 1), (B, 0, 3), (C, 0, 1)]
    assert manifest.read_plan("f", 8, 100) == [(C, 3, 1)]
    assert manifest.read_plan("f", 9) == []
    assert manifest.read_plan("f", 10**18) == []
    assert manifest.read_plan("f", 3, 0) == []
    assert manifest.read_plan("f", 0, 2**64 - 1) == manifest.read_plan("f")


def test_read_plan_refuses_negative_numbers() -> None:
    manifest = Manifest.parse(f". {A} 0:3:f\n")
    for arguments in [(-1,), (0, -1)]:
        with pytest.raises((ValueError, OverflowError)):
            manifest.read_plan("f", *arguments)


# Comparing.


def test_equality_is_of_contents() -> None:
    base = Manifest.parse(f". {A} {B} 0:6:f 0:3:g\n./d {E} 0:0:\\056\n")
    same = [
        f"./d {E} 0:0:\\056\n. {A} {B} 0:3:g 0:6:f\n",
        f". {B} {A} 3:3:f 0:3:f 3:3:g\n./d {A} 0:0:\\056\n",
        f". {A}+Z {B}{SIGNATURE}65000000 0:1:f 1:1:f 2:4:f 0:3:g\n./d {E} 0:0:.\n",
        f". {A} {E} {B} 0:6:f 0:3:g\n. {E} 0:0:d/.\n",
        f". {A[:32]}+03 {B} 0:6:f 0:3:g\n./d\n",
    ]
    for text in same:
        other = Manifest.parse(text)
        assert other == base
        assert (other != base) is False
        assert hash(other) == hash(base)
        assert len(base.diff(other)) == len(other.diff(base)) == 0
    different = [
        "",
        f". {A} {B} 0:6:f 0:3:g\n",
        f". {A} {B} 0:6:f 0:3:g\n./d {E} 0:0:x\n",
        f". {A} {B} 0:6:f 0:3:G\n./d {E} 0:0:\\056\n",
        f". {A} {B} 0:6:f 1:3:g\n./d {E} 0:0:\\056\n",
        f". {B} {A} 0:6:f 3:3:g\n./d {E} 0:0:\\056\n",
        f". {A} {B} 0:6:f 0:2:g\n./d {E} 0:0:\\056\n",
        f". {A} {B} 0:6:f 0:3:g\n./d {E} 0:0:\\056\n./e {E} 0:0:\\056\n",
        f". {A[:32]}+6 0:6:f 0:3:g\n./d {E} 0:0:\\056\n",
    ]
    for text in different:
        other = Manifest.parse(text)
        assert other != base
        assert (other == base) is False
        assert len(base.diff(other)) > 0
        assert len(other.diff(base)) > 0


def test_a_block_is_its_digest_and_its_size() -> None:
    one = Manifest.parse(f". {A[:32]}+3 0:2:f\n")
    other = Manifest.parse(f". {A[:32]}+4 0:2:f\n")
    assert one != other


def test_equality_with_other_things(manifest: Manifest) -> None:
    assert manifest != TEXT
    assert manifest != TEXT.encode()
    assert manifest is not None
    assert manifest != None  # noqa: E711 - the operator is what is tested
    assert manifest == AlwaysEqual()
    assert {manifest: 1}[Manifest.parse(TEXT).normalized()] == 1
    assert len({manifest, manifest.normalized(), manifest.stripped()}) == 1


class AlwaysEqual:
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]


def test_manifests_have_no_order(manifest: Manifest) -> None:
    with pytest.raises(TypeError):
        manifest < manifest  # type: ignore[operator]  # noqa: B015


def test_an_empty_manifest_is_not_falsy_by_accident() -> None:
    # H51: `if manifest:` must not ask how many files there are.
    assert bool(Manifest.parse("")) is True


def test_diff_finds_what_was_added_removed_modified_and_moved() -> None:
    old = Manifest.parse(f". {A} {B} {C} 0:3:same 3:3:changed 6:5:old/name 0:3:gone 0:0:empty\n./e {E} 0:0:\\056\n")
    new = Manifest.parse(f". {A} {B} {C} 0:3:same 3:2:changed 6:5:new/name 1:3:come 0:0:blank\n./f {E} 0:0:\\056\n")
    diff = old.diff(new)
    told = {
        (change.kind, change.type, change.path, change.old_path, change.old_size, change.new_size) for change in diff
    }
    assert {entry[:5] for entry in told if entry[1] == "directory"} == {
        ("removed", "directory", "e", None, told_size(told, "e")[0]),
        ("added", "directory", "f", None, told_size(told, "f")[0]),
    }
    assert {entry for entry in told if entry[1] == "file"} == {
        ("modified", "file", "changed", None, 3, 2),
        ("moved", "file", "new/name", "old/name", 5, 5),
        ("removed", "file", "gone", None, 3, None),
        ("added", "file", "come", None, None, 3),
        ("removed", "file", "empty", None, 0, None),
        ("added", "file", "blank", None, None, 0),
    }
    assert len(diff) == 8


def told_size(told: set[Any], path: str) -> tuple[int | None, int | None]:
    """The sizes in the entry of a path; what a directory says is not the business of this test."""
    return next((entry[4], entry[5]) for entry in told if entry[2] == path)


def test_diff_is_a_sequence() -> None:
    diff = Manifest.parse(f". {A} 0:3:a 0:3:b\n").diff(Manifest.parse(f". {A} 0:2:a 0:1:c\n./d {E} 0:0:.\n"))
    assert len(diff) == len(list(diff)) == 4
    assert [diff[index] for index in range(4)] == list(diff)
    assert diff[-1] == list(diff)[-1]
    for index in (4, -5):
        with pytest.raises(IndexError):
            diff[index]
    assert [change.path for change in diff.modified] == ["a"]
    assert [change.path for change in diff.removed] == ["b"]
    assert sorted(change.path for change in diff.added) == ["c", "d"]
    assert diff.moved == []
    assert not Manifest.parse("").diff(Manifest.parse(""))
    assert diff[0] == diff[0]
    assert diff[0] != diff[1]
    for text in (repr(diff), repr(diff[0])):
        assert text


def test_diff_of_a_file_that_becomes_a_directory() -> None:
    diff = Manifest.parse(f". {A} 0:3:x\n").diff(Manifest.parse(f"./x {A} 0:3:y\n"))
    assert [(change.kind, change.path, change.old_path) for change in diff] == [("moved", "x/y", "x")]
    diff = Manifest.parse(f". {A} 0:3:x\n").diff(Manifest.parse(f"./x {E} 0:0:.\n"))
    assert {(change.kind, change.type, change.path) for change in diff} == {
        ("removed", "file", "x"),
        ("added", "directory", "x"),
    }


def test_diff_moves_each_file_once() -> None:
    old = Manifest.parse(f". {A} 0:3:a 0:3:b\n")
    new = Manifest.parse(f". {A} 0:3:c 0:3:d 0:3:e\n")
    diff = old.diff(new)
    assert {change.old_path for change in diff.moved} == {"a", "b"}
    assert len(diff.moved) == 2
    assert len(diff.added) == 1
    assert diff.removed == []


def test_diff_prefers_a_move_that_keeps_the_name() -> None:
    old = Manifest.parse(f". {A} 0:3:one/x 0:3:one/y\n")
    new = Manifest.parse(f". {A} 0:3:two/y 0:3:two/x\n")
    assert {(change.old_path, change.path) for change in old.diff(new).moved} == {
        ("one/x", "two/x"),
        ("one/y", "two/y"),
    }


def test_diff_wants_a_manifest(manifest: Manifest) -> None:
    with pytest.raises(TypeError):
        manifest.diff(TEXT)  # type: ignore[arg-type]


# Taking apart and joining.


@pytest.mark.parametrize(
    ("include", "exclude", "paths"),
    [
        (None, None, ["a", "b", "c", "d/x.bam", "d/empty", "d/e", "d/f/y.bam"]),
        ("*.bam", None, ["d/x.bam", "d/f/y.bam"]),
        (["*.bam"], None, ["d/x.bam", "d/f/y.bam"]),
        (["a", "*.bam"], None, ["a", "d/x.bam", "d/f/y.bam"]),
        (None, "*.bam", ["a", "b", "c", "d/empty", "d/e"]),
        ("*.bam", "y*", ["d/x.bam"]),
        ("d", None, ["d/x.bam", "d/empty", "d/e", "d/f/y.bam"]),
        ("d/", None, ["d/x.bam", "d/empty", "d/e", "d/f/y.bam"]),
        ("a/", None, []),
        ("/d/f", None, ["d/f/y.bam"]),
        ("/f", None, []),
        ("f", None, ["d/f/y.bam"]),
        ("f/y.bam", None, ["d/f/y.bam"]),
        ("/*", None, ["a", "b", "c", "d/x.bam", "d/empty", "d/e", "d/f/y.bam"]),
        ("/*.bam", None, []),
        ("/d/*.bam", None, ["d/x.bam"]),
        ("/**/*.bam", None, ["d/x.bam", "d/f/y.bam"]),
        ("e", None, ["d/e"]),
        (None, "d", ["a", "b", "c"]),
        (None, "/d/f", ["a", "b", "c", "d/x.bam", "d/empty", "d/e"]),
        ("?", None, ["a", "b", "c", "d/x.bam", "d/empty", "d/e", "d/f/y.bam"]),
        ("[ab]", None, ["a", "b"]),
        ("nope", None, []),
        ([], None, []),
        (None, [], ["a", "b", "c", "d/x.bam", "d/empty", "d/e", "d/f/y.bam"]),
    ],
)  # fmt: skip
def test_subset(include: Patterns, exclude: Patterns, paths: list[str], manifest: Manifest) -> None:
    subset = manifest.subset(include=include, exclude=exclude)
    tree = reference.parse(bytes(subset))
    assert set(tree.leaves()) == set(paths)
    assert [path for path, _ in subset.files()] == [path for path in paths if path != "d/e"]
    for path, size in subset.files():
        assert (content(subset, path), size) == (content(manifest, path), manifest.stat(path).size)


def test_subset_does_not_keep_a_directory_that_it_empties(manifest: Manifest) -> None:
    assert manifest.subset(exclude=["*.bam", "empty", "e"]).listdir() == ["a", "b", "c"]
    assert "d/f" not in manifest.subset(include="x.bam")


def test_subset_of_everything_is_equal(manifest: Manifest) -> None:
    assert manifest.subset() == manifest
    assert manifest.subset(exclude=["**"]) == Manifest.parse("")


@pytest.mark.parametrize("pattern", ["[", "a[b", "[!", "[]", "\\", "{", "{a,", "***"])
def test_subset_and_glob_do_not_crash_on_odd_patterns(pattern: str, manifest: Manifest) -> None:
    # Taken literally or refused, and refused as our own error.
    for ask in (manifest.glob, lambda pattern: manifest.subset(include=pattern)):
        with contextlib.suppress(ArgumentError):
            ask(pattern)


def test_union_joins_what_does_not_conflict() -> None:
    first = Manifest.parse(f". {A} 0:3:a\n./d {A} 0:3:x\n")
    second = Manifest.parse(f"./d {B} 0:3:y\n./e {E} 0:0:\\056\n")
    union = Manifest.union([first, second])
    assert contents(union) == {"a": b"aaa", "d/x": b"aaa", "d/y": b"bbb"}
    assert union.listdir() == ["a", "d", "e"]
    assert union.listdir("d") == ["x", "y"]
    Manifest.parse(bytes(union), mode="strict")
    assert Manifest.parse(bytes(union)) == union


def test_union_of_none_and_of_one(manifest: Manifest) -> None:
    assert Manifest.union([]) == Manifest.parse("")
    assert Manifest.union([manifest]) == manifest
    assert Manifest.union(iter([manifest, manifest])) == manifest


def test_union_takes_the_same_file_twice() -> None:
    first = Manifest.parse(f". {A} 0:3:a\n")
    again = Manifest.parse(f". {A}+Z 0:1:a 1:2:a\n")
    assert contents(Manifest.union([first, again])) == {"a": b"aaa"}


def test_union_refuses_two_contents() -> None:
    first, second = Manifest.parse(f". {A} 0:3:d/a\n"), Manifest.parse(f". {B} 0:3:d/a\n")
    with pytest.raises(ManifestError) as caught:
        Manifest.union([first, second])
    assert caught.value.code == "content-conflict"
    assert "d/a" in str(caught.value)


def test_union_concatenates_when_asked() -> None:
    first, second = Manifest.parse(f". {A} 0:3:a 0:3:b\n"), Manifest.parse(f". {B} {C} 3:5:a 0:3:c\n")
    union = Manifest.union([first, second], on_conflict="concatenate")
    assert contents(union) == {"a": b"aaaccccc", "b": b"aaa", "c": b"bbb"}


@pytest.mark.parametrize("on_conflict", ["error", "concatenate"])
def test_union_refuses_file_and_directory(on_conflict: Literal["error", "concatenate"]) -> None:
    first, second = Manifest.parse(f". {A} 0:3:a\n"), Manifest.parse(f"./a {A} 0:3:b\n")
    for manifests in ([first, second], [second, first]):
        with pytest.raises(ManifestError) as caught:
            Manifest.union(manifests, on_conflict)
        assert caught.value.code == "path-conflict"


def test_union_refuses_other_things(manifest: Manifest) -> None:
    with pytest.raises(TypeError):
        Manifest.union([manifest, TEXT])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="replace"):
        Manifest.union([manifest], on_conflict="replace")  # type: ignore[arg-type]


# Python's own protocols.


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_pickle_keeps_the_text(protocol: int, manifest: Manifest) -> None:
    for form in (manifest, manifest.normalized(), manifest.stripped()):
        twin = pickle.loads(pickle.dumps(form, protocol))
        assert type(twin) is Manifest
        assert bytes(twin) == bytes(form)
        assert twin == form
        assert twin.portable_data_hash == form.portable_data_hash


def test_pickle_keeps_what_only_compat_reads() -> None:
    text = f"\nd {A}  0:3:a"
    assert pickle.loads(pickle.dumps(Manifest.parse(text))).text == text


def test_copies(manifest: Manifest) -> None:
    for twin in (copy.copy(manifest), copy.deepcopy(manifest), copy.deepcopy([manifest])[0]):
        assert twin == manifest
        assert bytes(twin) == bytes(manifest)


def test_repr_is_short_and_tells_what_it_is(manifest: Manifest) -> None:
    assert "Manifest" in repr(manifest)
    assert "6 files" in repr(manifest)
    large = Manifest.parse(f". {A} " + " ".join(f"0:3:{number}" for number in range(10_000)) + "\n")
    assert len(repr(large)) < 300


def test_manifest_cannot_be_changed(manifest: Manifest) -> None:
    with pytest.raises(AttributeError):
        manifest.text = ""  # type: ignore[misc]
    with pytest.raises(AttributeError):
        manifest.note = ""  # type: ignore[attr-defined]
