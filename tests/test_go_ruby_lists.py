r"""What the Go SDK's tests and the API server's validator accept and refuse, kind by kind.

Strict mode refuses all that either refuses and accepts what both accept. Compat mode may read more, never less, so
each text that strict refuses also says here what compat does with it.
"""

import pytest

import reference
from keepset import Manifest
from keepset.errors import ManifestError
from samples import A, B, E

ONE = "0cc175b9c0f1b6a831c399e269772661+1"
"""A block of one byte."""

D = A[:32]
"""A digest without a size."""


REFUSED_BY_BOTH_MODES = {
    "locator without size": f". {D} 0:0:foo\n",
    "file token with an empty position": f". {E} :0:0:foo\n",
    "position is a word": f". {E} foo:0:foo\n",
    "length is a word": f". {E} 0:foo:foo\n",
    "token starts at the end of the stream": f". {ONE} 0:1:foo 1:1:bar\n",
    "data named dot, escaped": f". {ONE} 0:1:\\056\n",
    "data named dot slash dot, escaped": f". {ONE} 0:1:\\056\\057\\056\n",
    "data named dot": f". {ONE} 0:1:.\n",
    "data named dot-dot": f". {ONE} 0:1:..\n",
    "empty file named dot-dot": f". {E} 0:0:..\n",
    "empty file foo/dot-dot": f". {E} 0:0:foo/..\n",
    "empty file, then directory of its name": f". {ONE} 0:0:foo\n./foo {ONE} 0:0:bar\n",
    "directory, then empty file of its name": f"./foo {ONE} 0:0:bar\n. {ONE} 0:0:foo\n",
    "digest a digit short": f". {E[:31]}+0 0:0:abc.txt\n",
    "digest a digit long": f". {E[:32]}0+0 0:0:abc.txt\n",
    "digest in capitals": f". {A.upper()} 0:0:abc.txt\n",
    "digest that is not hexadecimal": f". {'g' * 32}+0 0:0:abc.txt\n",
    "size before the digest": f". 0+{E[:32]} 0:0:abc.txt\n",
    "only a size": ". +0 0:0:abc.txt\n",
    "no plus": f". {E[:32]}0 0:0:abc.txt\n",
    "locator without a size in the second stream": f". {E} 0:0:abc.txt\n./dir1 {D} 0:0:abc.txt\n",
    "file token that is only a name": f". {E} 0:0:abc.txt\n./dir1 {E} abc.txt\n",
    "file token of two parts": f". {E} 0:0:abc.txt\n./dir1 {E} 0:abc.txt\n",
    "a word after a file token": f". {E} 0:0:abc.txt\n./dir1 {E} 0:0:abc.txt xyz.txt\n",
    "a locator after a file token": f". {E} 0:0:abc.txt {B}\n",
    "nameless file": f". {E} 0:0:\n",
    "file name of one slash": f". {E} 0:0:/\n",
    "file name that ends in a slash": f". {E} 0:0:foo/\n",
    "tab between tokens": f".\t{E}\t0:0:foo\n",
    "tab after the line": f". {E} 0:0:foo\t\n",
    "carriage return": f". {E} 0:0:foo\r\n",
    "vertical tab in a name": f". {E} 0:0:fo\x0bo\n",
    "unit separator in a name": f". {E} 0:0:fo\x1fo\n",
    "stream named dot-dot": f"./.. {E} 0:0:foo\n",
    "stream named dot-dot, escaped": f"./\\056\\056 {E} 0:0:foo\n",
    "escaped digits": f". {E} \\060:\\060:foo\n",
    "escaped colon between the parts": f". {E} 0\\0720:foo\n",
    "negative length": f". {ONE} 0:-1:foo\n",
    "hexadecimal length": f". {ONE} 0:0x1:foo\n",
    "byte-order mark": f"\ufeff. {E} 0:0:foo\n",
}

REFUSED_BY_STRICT_ONLY = {
    "newline": ("\n", {}),
    "stream name": (".\n", {}),
    "stream name and space": (". \n", {}),
    "no file token": (f". {E}\n", {}),
    "no file token, space": (f". {E} \n", {}),
    "no locator": (". 0:0:foo\n", {"foo": 0}),
    "no locator, two spaces": (".  0:0:foo\n", {"foo": 0}),
    "no locator, two files": (". 0:0:foo 0:0:bar\n", {"foo": 0, "bar": 0}),
    "stream name without dot": (f"abc {A} 0:3:abc.txt\n", {"abc/abc.txt": 3}),
    "stream name is a locator": (f"{A} {A} 0:3:abc.txt\n", {f"{A}/abc.txt": 3}),
    "absolute stream name": (f". {A} 0:3:abc.txt\n/dir1 {A} 0:0:abc.txt\n", {"abc.txt": 3, "dir1/abc.txt": 0}),
    "two spaces before the locator": (f".  {A} 0:3:a\n", {"a": 3}),
    "space at the end of the line": (f". {A} 0:3:a \n", {"a": 3}),
    "space at the start of the line": (f" . {A} 0:3:a\n", {"a": 3}),
    "no newline at the end": (f". {A} 0:3:a", {"a": 3}),
    "size in the place of a hint": (f". {A}+3 0:3:a\n", {"a": 3}),
    "empty hint": (f". {A}+ 0:3:a\n", {"a": 3}),
    "empty hint before another": (f". {A}++K 0:3:a\n", {"a": 3}),
    "empty hint after another": (f". {A}+K+ 0:3:a\n", {"a": 3}),
    "empty hint between others": (f". {A}+K++Z 0:3:a\n", {"a": 3}),
    "hint in small letters": (f". {A}+k 0:3:a\n", {"a": 3}),
    "hint with punctuation": (f". {A}+K! 0:3:a\n", {"a": 3}),
    "escape above a byte": (f". {A} 0:3:a\\444\n", {"a\\444": 3}),
    "backslash at the end": (f". {A} 0:3:a\\\n", {"a\\": 3}),
    "escape in C's manner": (f". {A} 0:3:a\\tb\n", {"a\\tb": 3}),
    "raw NUL in a name": (f". {A} 0:3:a\0b\n", {"a\0b": 3}),
    "raw ESC in a stream name": (f"./\x1b {A} 0:3:b\n", {"\x1b/b": 3}),
    "double slash in a file name": (f". {A} 0:3:a//b\n", {"a/b": 3}),
    "file name that starts with a slash": (f". {A} 0:3:/a\n", {"a": 3}),
    "double slash in a stream name": (f"./a//b {A} 0:3:c\n", {"a/b/c": 3}),
    "dot in a stream name": (f"./a/./b {A} 0:3:c\n", {"a/b/c": 3}),
    "slash at the end of a stream name": (f"./a/ {A} 0:3:c\n", {"a/c": 3}),
    "dot in a file name": (f". {A} 0:3:./a\n", {"a": 3}),
    "empty directory below a stream": (f". {A} 0:0:foo/. 0:0:. 0:0:foo\\057bar\\057\\056\n", {}),
    "empty file beyond the stream": (f". {A} 0:3:a 4:0:b\n", {"a": 3, "b": 0}),
}

ACCEPTED = {
    "nothing": ("", {}),
    "empty file": (f". {E} 0:0:foo\n", {"foo": 0}),
    "name of three dots": (f". {E} 0:0:...\n", {"...": 0}),
    "dot over and over": (f". {E} 0:0:. 0:0:. 0:0:\\056 0:0:\\056\n", {}),
    "the same file over and over": (f". {E} 0:0:foo 0:0:foo 0:0:bar\n", {"foo": 0, "bar": 0}),
    "a file named like a directory's file": (f". {E} 0:0:foo/bar\n./foo {E} 0:0:bar\n", {"foo/bar": 0}),
    "two locators": (f". {A} {B} 0:0:abc.txt\n", {"abc.txt": 0}),
    "hints": (f". {A}+Fizz+Buzz 0:3:a\n", {"a": 3}),
    "hint of one letter": (f". {A}+Z 0:3:a\n", {"a": 3}),
    "hint with all that is allowed": (f". {A}+K@a_b-C9 0:3:a\n", {"a": 3}),
    "size with leading zeros": (f". {D}+003 0:3:a\n", {"a": 3}),
    "escaped slash": (f". {A} 0:3:a\\057b\n", {"a/b": 3}),
    "escaped dot": (f"\\056/a {A} 0:3:b\n", {"a/b": 3}),
    "escaped backslash and tab": (
        f"./dir\\040name {A} 0:3:file\\134name\\011\\134here.txt\n",
        {"dir name/file\\name\t\\here.txt": 3},
    ),
    "colon in a file name": (f". {A} 0:3:file:test.txt\n", {"file:test.txt": 3}),
    "colon in a stream name": (f"./a:b {A} 0:3:c\n", {"a:b/c": 3}),
    "files that overlap": (f". {A} 0:2:a 1:2:b\n", {"a": 2, "b": 2}),
    "a file in two streams": (f". {A} 0:3:f\n./d {B} 0:3:f\n. {B} 0:3:f\n", {"f": 6, "d/f": 3}),
    "escaped DEL and high bytes": (f". {A} 0:3:\\177\\377\n", {"\x7f\udcff": 3}),
}


@pytest.mark.parametrize("mode", ["strict", "compat"])
@pytest.mark.parametrize("text", REFUSED_BY_BOTH_MODES.values(), ids=REFUSED_BY_BOTH_MODES.keys())
def test_refused(text: str, mode: reference.Mode) -> None:
    with pytest.raises(ManifestError):
        Manifest.parse(text, mode=mode)


@pytest.mark.parametrize(("text", "files"), REFUSED_BY_STRICT_ONLY.values(), ids=REFUSED_BY_STRICT_ONLY.keys())
def test_refused_by_strict_and_read_by_compat(text: str, files: dict[str, int]) -> None:
    with pytest.raises(ManifestError):
        Manifest.parse(text, mode="strict")
    assert dict(Manifest.parse(text).files()) == files


@pytest.mark.parametrize("mode", ["strict", "compat"])
@pytest.mark.parametrize(("text", "files"), ACCEPTED.values(), ids=ACCEPTED.keys())
def test_accepted(text: str, files: dict[str, int], mode: reference.Mode) -> None:
    assert dict(Manifest.parse(text, mode=mode).files()) == files


def test_texts_occur_once() -> None:
    texts = [*REFUSED_BY_BOTH_MODES.values(), *(text for text, _ in REFUSED_BY_STRICT_ONLY.values())]
    texts += [text for text, _ in ACCEPTED.values()]
    assert len(texts) == len(set(texts))
