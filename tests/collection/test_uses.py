"""What the standard library does with files works with those of a collection."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
import os
import pickle
import shutil
import tarfile
import wave
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from small_blocks import small_blocks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from collection.conftest import Maker

LINES = [f"line {number}: {'x' * (number % 50)}\n" for number in range(3000)]
TEXT = "".join(LINES)
DATA = TEXT.encode()


@pytest.fixture(autouse=True, params=[1000, 1 << 26], ids=["small blocks", "full blocks"])
def blocks(request: pytest.FixtureRequest) -> Iterator[None]:
    with small_blocks(request.param):
        yield


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
def test_zipfile(compression: int, make: Maker, tmp_path: Path) -> None:
    collection = make()
    with collection.open("zip", "wb") as file, zipfile.ZipFile(file, "w", compression) as archive:
        archive.writestr("a", TEXT)
        with archive.open("d/b", "w") as member:
            member.write(DATA)
    with collection.open("zip", "r+b") as file, zipfile.ZipFile(file, "a", compression) as archive:
        archive.writestr("later", b"more")
    with zipfile.ZipFile(collection.open("zip", "rb")) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["a", "d/b", "later"]
        with archive.open("d/b") as member:
            assert (member.seek(100), member.read(50)) == (100, DATA[100:150])
            assert list(io.TextIOWrapper(member)) == TEXT[150:].splitlines(keepends=True)
        assert archive.read("later") == b"more"
    (tmp_path / "zip").write_bytes(make(collection.manifest_text()).read_bytes("zip"))
    assert zipfile.ZipFile(tmp_path / "zip").read("a") == DATA


@pytest.mark.parametrize("mode", ["", ":gz", ":bz2", ":xz", "|", "|gz"])
def test_tarfile(mode: str, make: Maker) -> None:
    collection = make()
    write_mode: Any = f"w{mode}"
    read_mode: Any = f"r{mode}"
    with collection.open("tar", "wb") as file, tarfile.open(fileobj=file, mode=write_mode) as archive:
        for name in ("a", "d/b"):
            member = tarfile.TarInfo(name)
            member.size = len(DATA)
            archive.addfile(member, io.BytesIO(DATA))
    with collection.open("tar", "rb") as file, tarfile.open(fileobj=file, mode=read_mode) as archive:
        found = {}
        for member in archive:
            content = archive.extractfile(member)
            assert content is not None
            found[member.name] = content.read()
    assert found == {"a": DATA, "d/b": DATA}


def test_a_tar_member_is_added_from_a_file_of_the_collection(make: Maker) -> None:
    collection = make()
    collection.write_bytes("source", DATA)
    with collection.open("tar", "wb") as file, tarfile.open(fileobj=file, mode="w") as archive:
        member = tarfile.TarInfo("a")
        member.size = len(DATA)
        with collection.open("source", "rb") as source:
            archive.addfile(member, source)
    with collection.open("tar", "rb") as file, tarfile.open(fileobj=file) as archive:
        content = archive.extractfile("a")
        assert content is not None
        assert content.read() == DATA


@pytest.mark.parametrize("module", [gzip, bz2, lzma], ids=lambda module: module.__name__)
def test_compressed_files(module: Any, make: Maker) -> None:
    collection = make()
    for mode in ("wb", "ab"):
        with collection.open("f", mode) as file, module.open(file, mode) as packed:
            packed.write(DATA)
    with collection.open("f", "rb") as file, module.open(file, "rt", encoding="utf-8") as packed:
        assert list(packed) == LINES * 2
    with collection.open("f", "rb") as file, module.open(file) as packed:
        packed.seek(len(DATA) + 10)
        assert packed.read(20) == DATA[10:30]


@pytest.mark.parametrize(("name", "pack"), [("f.gz", gzip.compress), ("f.bz2", bz2.compress), ("f.txt", bytes)])
def test_readall_decompressed(name: str, pack: Any, make: Maker) -> None:
    collection = make()
    collection.write_bytes(name, pack(DATA))
    with collection.open(name, "rb") as file:
        file.read(7)
        assert b"".join(file.readall_decompressed(100)) == DATA
        assert file.decompressed_name() == (name if name == "f.txt" else "f")
        file.seek(0)
        assert b"".join(file.readall(100)) == pack(DATA)


def test_pickle_of_large_buffers(make: Maker) -> None:
    collection = make()
    value = {"bytes": os.urandom(200_000), "list": list(range(10_000)), "text": TEXT}
    with collection.open("f", "wb") as file:
        pickle.dump(value, file, protocol=5)
        pickle.dump("second", file)
    with collection.open("f", "rb") as file:
        assert [pickle.load(file), pickle.load(file)] == [value, "second"]
        with pytest.raises(EOFError):
            pickle.load(file)


def test_copyfileobj_to_and_from_a_real_file(make: Maker, tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(DATA)
    collection = make()
    with (tmp_path / "source").open("rb") as source, collection.open("f", "wb") as file:
        shutil.copyfileobj(source, file, 333)
    with collection.open("f", "rb") as file, collection.open("g", "wb") as copy:
        shutil.copyfileobj(file, copy)
    with collection.open("g", "rb") as file, (tmp_path / "target").open("wb") as target:
        shutil.copyfileobj(file, target, 777)
    assert (tmp_path / "target").read_bytes() == DATA
    with (tmp_path / "source").open(encoding="utf-8") as text, collection.open("t", "w") as file:
        shutil.copyfileobj(text, file)
    assert collection.read_text("t") == TEXT


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-8-sig"])
def test_csv(encoding: str, make: Maker) -> None:
    collection = make()
    rows = [["name", "value"], ["\u00e9t\u00e9", "a,b"], ['quote"d', "two\nlines"], ["crlf", "\r\n"]] * 50
    with collection.open("f.csv", "w", encoding=encoding, newline="") as file:
        csv.writer(file).writerows(rows)
    with collection.open("f.csv", encoding=encoding, newline="") as file:
        assert list(csv.reader(file)) == rows
    with collection.open("f.csv", encoding=encoding, newline="") as file:
        assert next(csv.DictReader(file)) == {"name": "\u00e9t\u00e9", "value": "a,b"}


def test_json_and_print(make: Maker) -> None:
    collection = make()
    with collection.open("f.json", "w") as file:
        json.dump({"lines": LINES}, file)
        print(file=file)
    with collection.open("f.json") as file:
        assert json.load(file) == {"lines": LINES}
    with collection.open("f.json", "rb") as binary:
        assert json.load(binary) == {"lines": LINES}


def test_a_library_that_writes_its_header_last(make: Maker) -> None:
    collection = make()
    with collection.open("f.wav", "wb") as file, wave.open(file, "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", "not compressed"))
        for _ in range(50):
            sound.writeframes(bytes(range(200)))
    with wave.open(collection.open("f.wav", "rb")) as sound:
        assert sound.getnframes() == 5000
        assert sound.readframes(5000) == bytes(range(200)) * 50


@pytest.mark.parametrize("wrapper", [io.BufferedReader, io.BufferedRandom])
def test_buffers_of_the_io_module_around_a_file(wrapper: Any, make: Maker) -> None:
    collection = make()
    collection.write_bytes("f", DATA)
    with collection.open("f", "r+b") as file:
        buffered = wrapper(file, 100)
        assert [buffered.read(5), buffered.readline()] == [DATA[:5], LINES[0][5:].encode()]
        buffered.seek(0)
        # Not `read()`, which would ask the file for `readall()`: that gives chunks, as in 3.2.1.
        assert buffered.read(len(DATA)) == DATA
        if wrapper is io.BufferedRandom:
            buffered.seek(5)
            buffered.write(b"12345")
            buffered.flush()
        buffered.detach()
    expected = DATA[:5] + b"12345" + DATA[10:] if wrapper is io.BufferedRandom else DATA
    assert collection.read_bytes("f") == expected
