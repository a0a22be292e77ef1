r"""Bugs that other clients have or had. The id of the list is in the name of the test.

`L` rows are live in arvados-python-client 3.2.1, `H` rows were fixed in one client or another.
"""

import copy
import errno
import io
import pickle
import unicodedata
from pathlib import Path

import pytest

import reference
from keepset import KeepLocator, Manifest, escape, unescape
from keepset.errors import ManifestError
from samples import SIGNATURE, A, B, C, E, content, contents

NAMED_SPACES = ["\u00a0", "\u1680", "\u2003", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000", "\u0085"]
spaces = pytest.mark.parametrize("space", NAMED_SPACES, ids=lambda space: f"U+{ord(space):04X}")
modes = pytest.mark.parametrize("mode", ["strict", "compat"])


def refused(text: str | bytes, mode: reference.Mode = "compat") -> ManifestError:
    with pytest.raises(ManifestError) as caught:
        Manifest.parse(text, mode=mode)
    return caught.value


# Live in 3.2.1.


@modes
def test_l01_zero_length_block_in_a_stream_holds_nothing(mode: reference.Mode) -> None:
    manifest = Manifest.parse(f". {A} {E} {B} 0:6:foo 3:3:bar\n", mode=mode)
    assert contents(manifest) == {"foo": b"aaabbb", "bar": b"bbb"}
    assert dict(manifest.files()) == {"foo": 6, "bar": 3}
    assert list(manifest.segments("foo")) == [(A, 0, 3), (B, 0, 3)]
    assert manifest.normalized().text == f". {B} {A} 0:3:bar 3:3:foo 0:3:foo\n"
    assert contents(manifest.normalized()) == {"foo": b"aaabbb", "bar": b"bbb"}


@pytest.mark.parametrize("before", ["", f"{E} ", f"{E} {E} "])
@pytest.mark.parametrize("after", ["", f" {E}", f" {E} {E}"])
def test_l01_zero_length_blocks_anywhere(before: str, after: str) -> None:
    manifest = Manifest.parse(f". {before}{A} {E} {E} {B}{after} 2:2:f 0:0:empty 5:1:last\n")
    assert contents(manifest) == {"f": b"ab", "empty": b"", "last": b"b"}


@modes
def test_l02_token_beyond_the_stream_is_an_error(mode: reference.Mode) -> None:
    error = refused(f". {A} 0:5:foo 10:2:baz\n", mode)
    assert error.code == "segment-out-of-range"
    assert error.token == "0:5:foo"
    assert error.line == 1
    assert "3-byte stream" in str(error)


def test_l02_every_token_beyond_the_stream_is_listed() -> None:
    problems = Manifest.validate(f". {A} 0:5:foo 0:3:fine 10:2:baz\n")
    assert [problem.token for problem in problems] == ["0:5:foo", "10:2:baz"]
    assert {problem.code for problem in problems} == {"segment-out-of-range"}


@spaces
@modes
def test_l03_unicode_white_space_belongs_to_the_name(space: str, mode: reference.Mode) -> None:
    name = f"Screenshot 9{space}PM"
    text = f". {A} 0:3:{escape(name)}\n"
    assert space in text, "the escape of the normal form leaves it raw"
    manifest = Manifest.parse(text, mode=mode)
    assert list(manifest.files()) == [(name, 3)]
    assert manifest.normalized().text == text
    assert manifest.is_normalized


@spaces
def test_l03_unicode_white_space_in_a_stream_name(space: str) -> None:
    text = f"./a{space}b{space} {A} 0:3:{space}\n"
    manifest = Manifest.parse(text, mode="strict")
    assert list(manifest.files()) == [(f"a{space}b{space}/{space}", 3)]
    assert manifest.normalized().text == text


def test_l04_octal_escapes_are_bytes() -> None:
    manifest = Manifest.parse(f". {A} 0:3:caf\\303\\251\n", mode="strict")
    assert list(manifest.files()) == [("caf\u00e9", 3)]
    assert manifest.normalized().text == f". {A} 0:3:caf\u00e9\n"


def test_l04_octal_escapes_in_stream_names_are_bytes() -> None:
    manifest = Manifest.parse(f"./\\360\\237\\230\\200 {A} 0:3:a\n", mode="strict")
    assert list(manifest.files()) == [("\U0001f600/a", 3)]
    assert manifest.normalized().text == f"./\U0001f600 {A} 0:3:a\n"


def test_l04_bytes_that_are_not_utf8_are_surrogate_escaped_and_written_as_octal() -> None:
    text = f". {A} 0:3:caf\\351\n"
    manifest = Manifest.parse(text, mode="strict")
    assert list(manifest.files()) == [("caf\udce9", 3)]
    assert "caf\udce9" in manifest
    assert manifest.normalized().text == text
    assert unescape("caf\\351") == "caf\udce9"
    assert escape("caf\udce9") == "caf\\351"


def test_l05_block_with_two_signatures_is_listed_once_with_the_newest() -> None:
    older, newer = f"{A}{SIGNATURE}65000000", f"{A}{SIGNATURE}66000000"
    for first, second in [(older, newer), (newer, older)]:
        manifest = Manifest.parse(f". {first} 0:3:x\n. {second} 0:3:y\n")
        assert manifest.normalized().text == f". {newer} 0:3:x 0:3:y\n"
        assert manifest.normalized().portable_data_hash == reference.portable_data_hash(f". {A} 0:3:x 0:3:y\n".encode())
        assert manifest.normalized().portable_data_hash == manifest.stripped().normalized().portable_data_hash


def test_l05_block_with_two_signatures_in_one_stream() -> None:
    older, newer = f"{A}{SIGNATURE}65000000", f"{A}{SIGNATURE}66000000"
    manifest = Manifest.parse(f". {older} {B} {newer} 0:9:f\n")
    assert content(manifest, "f") == b"aaabbbaaa"
    assert manifest.normalized().text == f". {newer} {B} 0:6:f 0:3:f\n"


@spaces
def test_l06_rewriting_keeps_unusual_names_whole(space: str) -> None:
    signed = f"{A}{SIGNATURE}65000000"
    text = f". {signed} 0:3:a{space}b\n./d{space}e {signed} 0:3:{space}f\n"
    manifest = Manifest.parse(text, mode="strict")
    stripped = f". {A} 0:3:a{space}b\n./d{space}e {A} 0:3:{space}f\n"
    assert manifest.stripped().text == stripped
    assert manifest.stripped().normalized().text == stripped
    assert Manifest.parse(stripped) == manifest
    assert manifest.portable_data_hash == reference.portable_data_hash(stripped.encode())


def test_l09_dot_dot_is_refused_and_dot_only_by_strict() -> None:
    for mode in ("strict", "compat"):
        assert refused(f". {A} 0:3:../x 0:3:a/./c\n", mode).code == "dot-dot-component"
        assert refused(f"./a/.. {A} 0:3:x\n", mode).code == "dot-dot-component"
    assert refused(f". {A} 0:3:a/./c\n", "strict").code == "dot-component"
    assert dict(Manifest.parse(f". {A} 0:3:a/./c\n").files()) == {"a/c": 3}


@modes
@pytest.mark.parametrize("name", [".", "\\056"])
def test_l10_placeholder_with_data_is_refused(name: str, mode: reference.Mode) -> None:
    for stream in (".", "./d"):
        error = refused(f"{stream} {A} 0:3:{name}\n", mode)
        assert error.code == "placeholder-with-data"
        assert error.token == f"0:3:{name}"


def test_l12_two_thousand_nested_directories() -> None:
    path = "/".join(["d"] * 2000)
    manifest = Manifest.parse(f"./{path} {A} 0:3:f\n", mode="strict")
    assert manifest.directory_count == 2000
    assert list(manifest.files()) == [(f"{path}/f", 3)]
    assert sum(1 for _ in manifest.walk()) == 2001
    assert manifest.normalized().text == manifest.text
    assert len(manifest.diff(Manifest.parse(f"./{path} {B} 0:3:f\n"))) == 1
    assert pickle.loads(pickle.dumps(manifest)) == manifest
    assert copy.deepcopy(manifest) == manifest


def test_l13_error_message_is_a_sentence_with_place_and_token() -> None:
    text = f". {A} 0:3:a\n./d {A} junk 0:3:b\n"
    error = refused(text)
    assert (error.line, error.column, error.token) == (2, len(f"./d {A} ") + 1, "junk")
    assert error.offset == text.index("junk")
    message = str(error)
    assert "line 2" in message
    assert "'junk'" in message
    assert "%s" not in message
    assert not message.startswith("(")


def test_l18_part_of_a_manifest_can_be_extracted() -> None:
    manifest = Manifest.parse(f". {A} {B} 0:3:x 3:3:d/y\n./e/x {B} 0:3:z\n")
    assert manifest.subset(include="/d").normalized().text == f"./d {B} 0:3:y\n"
    assert manifest.subset(include="/x").normalized().text == f". {A} 0:3:x\n"
    assert manifest.subset(include="x").normalized().text == f". {A} 0:3:x\n./e/x {B} 0:3:z\n"


def test_l19_manifest_can_be_pickled_and_copied() -> None:
    manifest = Manifest.parse(f". {A}{SIGNATURE}65000000 0:3:a\n./d {E} 0:0:\\056\n")
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        twin = pickle.loads(pickle.dumps(manifest, protocol))
        assert twin == manifest
        assert bytes(twin) == bytes(manifest)
    assert copy.copy(manifest) == manifest
    assert copy.deepcopy(manifest) == manifest
    assert bytes(copy.deepcopy(manifest)) == bytes(manifest)


def test_l21_no_final_newline_is_for_compat_only() -> None:
    text = f". {A} 0:3:a"
    assert refused(text, "strict").code == "missing-final-newline"
    assert list(Manifest.parse(text).files()) == [("a", 3)]


def test_l21_stream_name_without_dot_slash_is_for_compat_only() -> None:
    text = f"foo {A} 0:3:a\n"
    error = refused(text, "strict")
    assert (error.code, error.token) == ("bad-stream-name", "foo")
    assert list(Manifest.parse(text).files()) == [("foo/a", 3)]


def test_l22_subdirectories_come_right_after_their_directory() -> None:
    manifest = Manifest.parse(f"./a-b {A} 0:3:f\n./a/c {A} 0:3:f\n./a {A} 0:3:f\n")
    assert manifest.normalized().text == f"./a {A} 0:3:f\n./a/c {A} 0:3:f\n./a-b {A} 0:3:f\n"


# Fixed elsewhere.


def test_h01_locator_with_odd_hints_is_a_locator_and_no_empty_manifest() -> None:
    text = "d6c3b8e571f1b81ebb150a45ed06c884+114+Xzizzle"
    assert KeepLocator(text).hints == ["Xzizzle"]
    assert KeepLocator(text).stripped() == "d6c3b8e571f1b81ebb150a45ed06c884+114"
    refused(text, "strict")
    # Compat mode reads a line that is only a stream name; it is never mistaken for the empty manifest.
    assert Manifest.parse(text) != Manifest.parse("")


def test_h02_long_hint_list_without_a_match_takes_linear_time() -> None:
    hints = "+Kzzzzz" * 50_000
    refused(f". {A}{hints}+! junk 0:3:a\n", "strict")
    refused(f". {A}{hints} !\n", "compat")
    assert Manifest.parse(f". {A}{hints} 0:3:a\n", mode="strict").file_count == 1


def test_h03_every_line_is_checked() -> None:
    good = f". {A} 0:3:a\n"
    text = f"{good}./b junk 0:3:x\n./c {A} 0:3:x\n./d {A} 0:9:x\n"
    assert refused(text).line == 2
    assert [(problem.line, problem.token) for problem in Manifest.validate(text)] == [(2, "junk"), (4, "0:9:x")]


def test_h04_repeated_spaces_are_read_by_compat() -> None:
    text = f". {A}  0:3:x\n"
    assert refused(text, "strict").code == "extra-space"
    assert list(Manifest.parse(text).files()) == [("x", 3)]
    assert Manifest.parse(text).normalized().text == f". {A} 0:3:x\n"


def test_h05_stream_of_empty_files_lists_the_empty_block_once() -> None:
    text = f". {E} 0:0:a 0:0:b\n"
    assert Manifest.parse(text, mode="strict").normalized().text == text
    assert Manifest.parse(". 0:0:a 0:0:b\n").normalized().text == text


def test_h06_no_stray_zero_length_token() -> None:
    manifest = Manifest.parse(f". {A} {B} 0:3:a 3:0:a 6:0:a 3:3:b 0:0:b\n", mode="strict")
    assert manifest.normalized().text == f". {A} {B} 0:3:a 3:3:b\n"


def test_h07_empty_directory_is_a_directory_and_comes_back() -> None:
    for written in ("\\056", "."):
        manifest = Manifest.parse(f"./d {E} 0:0:{written}\n", mode="strict")
        assert manifest.listdir() == ["d"]
        assert manifest.stat("d").is_dir()
        assert manifest.listdir("d") == []
        assert list(manifest.files()) == []
        assert manifest.normalized().text == f"./d {E} 0:0:\\056\n"


def test_h08_all_octal_escapes_are_decoded() -> None:
    for byte in range(256):
        if byte == ord("/"):
            continue
        manifest = Manifest.parse(f". {A} 0:3:a\\{byte:03o}b\n", mode="strict")
        assert [path for path, _ in manifest.files()] == [
            b"a%cb".replace(b"%c", bytes([byte])).decode(errors="surrogateescape")
        ]


def test_h09_names_are_escaped_so_that_they_come_back() -> None:
    assert escape("\\400") == "\\134400"
    assert escape("a:b") == "a\\072b"
    assert escape("\t\0\n ") == "\\011\\000\\012\\040"
    for byte in range(256):
        name = bytes([byte]).decode(errors="surrogateescape")
        assert unescape(escape(name)) == name
        written = Manifest.parse(f". {A} 0:3:x{escape(name)}y\n", mode="strict") if byte != ord("/") else None
        assert written is None or f"x{name}y" in written


def test_h10_names_outside_ascii() -> None:
    for name in ("\u00e9.txt", unicodedata.normalize("NFD", "\u00e9.txt"), "\U0001f600", "\u4e2d\u6587"):
        text = f"./{name} {A} 0:3:{name}\n"
        manifest = Manifest.parse(text, mode="strict")
        assert list(manifest.files()) == [(f"{name}/{name}", 3)]
        assert manifest.normalized().text == text


@modes
@pytest.mark.parametrize("file_first", [True, False])
def test_h11_file_and_directory_of_one_name_is_a_syntax_error(file_first: bool, mode: reference.Mode) -> None:
    lines = [f". {A} 0:3:a\n", f"./a {A} 0:3:c\n"]
    error = refused("".join(lines if file_first else reversed(lines)), mode)
    assert error.code == "path-conflict"
    assert error.line == 2
    assert "a" in error.message


def test_h12_an_io_error_stays_an_io_error(tmp_path: Path) -> None:
    class Broken(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, buffer: object, /) -> int:
            raise ConnectionResetError(errno.ECONNRESET, "connection reset by peer")

    with pytest.raises(ConnectionResetError):
        Manifest.load(io.BufferedReader(Broken()))
    with pytest.raises(FileNotFoundError) as caught:
        Manifest.load(tmp_path / "missing")
    assert caught.value.filename is not None
    with pytest.raises(IsADirectoryError):
        Manifest.load(tmp_path)


def test_h13_malformed_tokens_are_errors_with_a_line() -> None:
    good = f". {A} 0:3:a\n"
    error = refused(good + "./b 0:0:foo\n", "strict")
    assert (error.code, error.line) == ("missing-locator", 2)
    for mode in ("strict", "compat"):
        error = refused(f"{good}./b {E} foo:0:x\n", mode)
        assert (error.line, error.token) == (2, "foo:0:x")
        error = refused(f"{good}./b {A[:32]} 0:3:x\n", mode)
        assert (error.code, error.line, error.token) == ("bad-locator", 2, A[:32])


@modes
def test_h14_a_name_may_have_colons(mode: reference.Mode) -> None:
    manifest = Manifest.parse(f"./foo:foo {A} 0:3:bar:bar\n", mode=mode)
    assert list(manifest.files()) == [("foo:foo/bar:bar", 3)]
    assert manifest.normalized().text == f"./foo\\072foo {A} 0:3:bar\\072bar\n"


def test_h15_only_what_must_be_escaped_is() -> None:
    untouched = "".join(chr(code) for code in range(0x21, 0x7F + 1) if chr(code) not in ":\\")
    assert escape(untouched) == untouched
    assert escape("new-file_1\u00e9\u00a0") == "new-file_1\u00e9\u00a0"
    assert unescape("\\888") == "\\888"
    assert refused(f". {A} 0:3:\\888\n", "strict").code == "bad-escape"


def test_h16_there_is_no_limit_to_a_line() -> None:
    name = "n" * 200_000
    manifest = Manifest.parse(f"./{name} {A} 0:3:{name}\n", mode="strict")
    assert list(manifest.files()) == [(f"{name}/{name}", 3)]
    many = f". {A} " + " ".join(f"0:1:{number}" for number in range(50_000)) + "\n"
    assert Manifest.parse(many, mode="strict").file_count == 50_000


def test_h17_a_block_may_occur_twice_in_a_stream() -> None:
    manifest = Manifest.parse(f". {A} {B} {A} 0:9:f 5:4:g\n", mode="strict")
    assert contents(manifest) == {"f": b"aaabbbaaa", "g": b"baaa"}
    assert manifest.normalized().text == f". {A} {B} 0:6:f 0:3:f 5:1:g 0:3:g\n"
    assert contents(manifest.normalized()) == contents(manifest)
    assert contents(manifest.subset(include="g").normalized()) == {"g": b"baaa"}


def test_h18_normal_form_depends_on_digests_not_on_signatures() -> None:
    signed = f". {A}{SIGNATURE}65000000 0:3:x\n. {A}{SIGNATURE}66000000 0:3:y\n"
    plain = f". {A} 0:3:x\n. {A} 0:3:y\n"
    assert Manifest.parse(signed) == Manifest.parse(plain)
    assert hash(Manifest.parse(signed)) == hash(Manifest.parse(plain))
    assert Manifest.parse(signed).normalized().stripped().text == Manifest.parse(plain).normalized().text


def test_h19_touching_segments_are_joined() -> None:
    block = "0123456789abcdef0123456789abcdef+300"
    manifest = Manifest.parse(f". {block} 0:100:f 100:100:f 200:100:f\n", mode="strict")
    assert manifest.normalized().text == f". {block} 0:300:f\n"


def test_h20_every_byte_of_many_blocks_is_found() -> None:
    for count in range(1, 12):
        manifest = Manifest.parse(f". {' '.join([A, B, C][number % 3] for number in range(count))} 0:1:x\n")
        data = b"".join([b"aaa", b"bbb", b"ccccc"][number % 3] for number in range(count))
        locators = " ".join([A, B, C][number % 3] for number in range(count))
        manifest = Manifest.parse(f". {locators} 0:{len(data)}:f\n", mode="strict")
        for offset in range(len(data)):
            assert content(manifest, "f", offset, 1) == data[offset : offset + 1]


def test_h21_empty_files_are_kept() -> None:
    text = f"./zero {E} 0:0:zero\n"
    manifest = Manifest.parse(text, mode="strict")
    assert list(manifest.files()) == [("zero/zero", 0)]
    assert manifest.normalized().text == text
    mixed = Manifest.parse(f". {A} 0:3:a 3:0:zero\n", mode="strict")
    assert mixed.normalized().text == f". {A} 0:3:a 0:0:zero\n"


def test_h22_placeholders_are_not_counted_as_files() -> None:
    manifest = Manifest.parse(f"./d {E} 0:0:\\056\n./e {A} 0:0:. 0:3:x\n", mode="strict")
    assert manifest.file_count == 1
    assert manifest.directory_count == 2
    assert manifest.stat("d").file_count == 0


def test_h23_escapes_that_the_server_refuses() -> None:
    error = refused(f". {A} 0:3:foo\\444\n", "strict")
    assert (error.code, error.token) == ("bad-escape", "0:3:foo\\444")
    assert list(Manifest.parse(f". {A} 0:3:foo\\444\n").files()) == [("foo\\444", 3)]
    for mode in ("strict", "compat"):
        assert refused(f". {A} 0:3:\\056\\056\n", mode).code == "dot-dot-component"
        assert refused(f"./a/\\056\\056 {A} 0:3:a\n", mode).code == "dot-dot-component"
        error = refused(f". {A} \\060:\\060:foo\n", mode)
        assert error.token == "\\060:\\060:foo"
