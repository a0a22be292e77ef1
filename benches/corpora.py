"""Seeded manifest texts for the benchmarks, the demo and the tests.

Every generator takes its sizes as arguments, draws from one fixed seed and returns the same `bytes` on every run and
every machine. The defaults are the full-size corpora; tests pass small numbers. Large texts are kept under
`.benchmarks/corpora` (not in git; `KEEPSET_CORPORA` names another directory, or, empty, keeps nothing), keyed by the
arguments and by the content of this file.

Run it to write a corpus to standard output: `python benches/corpora.py million_files --files 1000 > some.manifest`.
"""

import argparse
import functools
import inspect
import os
import random
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ParamSpec

SEED = 20261124
BLOCK = 1 << 26  # Keep's largest block, 64 MiB
SEGMENT = 1 << 22  # what TestLargeManifest of the Go SDK interleaves by, 4 MiB
EXPIRY = "6f000000"  # of every signature: January 2029
KEPT_FROM = 4_000_000  # texts shorter than this are quicker made than read

P = ParamSpec("P")

_HERE = Path(__file__).resolve()


def _cached(generate: Callable[P, bytes]) -> Callable[P, bytes]:
    """Keeps what `generate` returns in a file when it is large."""
    signature = inspect.signature(generate)

    @functools.wraps(generate)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> bytes:
        directory = os.environ.get("KEEPSET_CORPORA", str(_HERE.parent.parent / ".benchmarks" / "corpora"))
        if not directory:
            return generate(*args, **kwargs)
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        shape = "-".join([generate.__name__, *map(str, bound.arguments.values())])
        path = Path(directory) / f"{shape}.{zlib.crc32(_HERE.read_bytes()):08x}.manifest"
        if path.exists():
            return path.read_bytes()
        text = generate(*args, **kwargs)
        if len(text) >= KEPT_FROM:
            path.parent.mkdir(parents=True, exist_ok=True)
            for stale in path.parent.glob(f"{shape}.*"):
                stale.unlink(missing_ok=True)
            with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
                file.write(text)
            Path(file.name).replace(path)  # two processes may make the same corpus at once
        return text

    return wrapper


def _hexes(generator: random.Random, count: int, characters: int) -> Iterator[str]:
    """Yields `count` random hexadecimal strings."""
    text = generator.randbytes(count * characters // 2).hex()
    return (text[start : start + characters] for start in range(0, count * characters, characters))


def _locators(generator: random.Random, sizes: list[int], *, signed: bool = True) -> list[str]:
    """Returns a locator for each size; no two share a digest."""
    digests = _hexes(generator, len(sizes), 32)
    if not signed:
        return [f"{digest}+{size}" for digest, size in zip(digests, sizes, strict=True)]
    signatures = _hexes(generator, len(sizes), 40)
    return [
        f"{digest}+{size}+A{signature}@{EXPIRY}"
        for digest, size, signature in zip(digests, sizes, signatures, strict=True)
    ]


def _blocks(total: int) -> list[int]:
    """Cuts `total` bytes into full blocks and a last one."""
    sizes = [BLOCK] * (total // BLOCK)
    if total % BLOCK or not sizes:
        sizes.append(total % BLOCK)
    return sizes


def _sizes(generator: random.Random, count: int, largest: int) -> list[int]:
    """Returns `count` random sizes from 1 to `largest`."""
    # A tenth of the time of randrange; the error is below one part in 2^52.
    draw = generator.random
    return [1 + int(draw() * largest) for _ in range(count)]


def _tokens(sizes: list[int], names: list[str]) -> list[str]:
    """Returns the tokens of files that follow one another in the stream."""
    tokens = []
    position = 0
    for size, name in zip(sizes, names, strict=True):
        tokens.append(f"{position}:{size}:{name}")
        position += size
    return tokens


def _line(name: str, locators: list[str], tokens: list[str]) -> str:
    return " ".join([name, *locators, *tokens]) + "\n"


@_cached
def many_directories(directories: int = 100, files: int = 1000) -> bytes:
    """Corpus a: `directories` streams of `files` files of 1 B to 40 MiB packed into signed 64 MiB blocks (6.5 MB)."""
    generator = random.Random(SEED)
    lines = []
    for directory in range(directories):
        sizes = _sizes(generator, files, 40 << 20)
        names = [f"sample-{file:05}.gz" for file in range(files)]
        lines.append(_line(f"./run-{directory:05}", _locators(generator, _blocks(sum(sizes))), _tokens(sizes, names)))
    return "".join(lines).encode()


@_cached
def million_files(files: int = 1_000_000, directories: int = 1000) -> bytes:
    """Corpus b: `files` files over `directories` streams, one signed block of its own for each file (130 MB)."""
    generator = random.Random(SEED)
    lines = []
    for directory in range(directories):
        count = files // directories + (directory < files % directories)
        sizes = _sizes(generator, count, BLOCK)
        names = [f"file-{file:06}.data" for file in range(count)]
        lines.append(_line(f"./directory-{directory:05}", _locators(generator, sizes), _tokens(sizes, names)))
    return "".join(lines).encode()


@_cached
def deep_paths(levels: int = 9, files: int = 512) -> bytes:
    """Corpus c: 2^`levels` directories, each `levels` deep, of `files` files with one signed block each (33 MB)."""
    generator = random.Random(SEED)
    lines = []
    for directory in range(1 << levels):
        path = "/".join(f"level-{level}-{directory >> (levels - 1 - level) & 1}" for level in range(levels))
        sizes = _sizes(generator, files, BLOCK)
        names = [f"file-{file:04}.dat" for file in range(files)]
        lines.append(_line(f"./{path}", _locators(generator, sizes), _tokens(sizes, names)))
    return "".join(lines).encode()


@_cached
def interleaved(files: int = 400, segments: int = 6400, shuffled: bool = False) -> bytes:
    """Corpus d: one stream of signed 64 MiB blocks in which `files` files take turns by 4 MiB segments (104 MB).

    The sizes are those of the Go SDK's TestLargeManifest. Each file has `segments` segments, none of them touching.
    Shuffled, the same tokens come in random order, so that every file jumps about in the stream.
    """
    generator = random.Random(SEED)
    locators = _locators(generator, _blocks(files * segments * SEGMENT))
    names = [f"chan-{file:03}.raw" for file in range(files)]
    tokens = [f"{index * SEGMENT}:{SEGMENT}:{names[index % files]}" for index in range(files * segments)]
    if shuffled:
        generator.shuffle(tokens)
    return _line(".", locators, tokens).encode()


@_cached
def one_directory(files: int = 1_000_000, shuffled: bool = False) -> bytes:
    """Corpus g: `files` files of 1 B to 1 MiB in one directory, packed into signed 64 MiB blocks (46 MB).

    The names come sorted, or, shuffled, in random order; the data always lies in the order of the tokens.
    """
    generator = random.Random(SEED)
    sizes = _sizes(generator, files, 1 << 20)
    locators = _locators(generator, _blocks(sum(sizes)))
    names = [f"photo-{file:07}-preview.jpg" for file in range(files)]
    if shuffled:
        generator.shuffle(names)
    return _line("./photos", locators, _tokens(sizes, names)).encode()


def small_manifests(count: int = 20_000, files: int = 10) -> list[bytes]:
    """Returns `count` manifests of `files` files of 1 B to 4 MiB in one stream, mostly of one signed block (0.4 KB)."""
    generator = random.Random(SEED)
    names = [f"output-{file:02}.txt" for file in range(files)]
    texts = []
    for _ in range(count):
        sizes = _sizes(generator, files, 4 << 20)
        texts.append(_line(".", _locators(generator, _blocks(sum(sizes))), _tokens(sizes, names)).encode())
    return texts


def hostile_spans(tokens: int = 4000, blocks: int = 4000) -> bytes:
    """Returns one stream in which each of `tokens` files spans all of `blocks` one-byte blocks (0.2 MB).

    Cut at block edges that would be `tokens` x `blocks` segments: 16 million by default.
    """
    generator = random.Random(SEED)
    locators = _locators(generator, [1] * blocks, signed=False)
    return _line(".", locators, [f"0:{blocks}:f{token:05}" for token in range(tokens)]).encode()


def deep_directories(levels: int = 100_000) -> bytes:
    """Returns one file below `levels` nested directories (0.2 MB)."""
    generator = random.Random(SEED)
    return _line("." + "/d" * levels, _locators(generator, [5]), ["0:5:bottom.txt"]).encode()


def changed(text: bytes, every: int = 100) -> bytes:
    """Returns `text` with one file token in `every` changed, for comparing.

    By turns a token gets one byte less, gets a new name, is dropped, or gets a copy with a new name beside it, so the
    files of the result differ as modified, moved, removed and added.
    """
    lines = []
    index = 0
    change = 0
    for line in text.split(b"\n"):
        kept: list[bytes] = []
        for token in line.split(b" "):
            if b":" not in token:
                kept.append(token)
                continue
            index += 1
            if index % every:
                kept.append(token)
                continue
            change += 1
            position, size, name = token.split(b":", 2)
            if change % 4 == 1:
                kept.append(b"%b:%d:%b" % (position, max(int(size) - 1, 0), name))
            elif change % 4 == 2:
                kept.append(token + b".moved")
            elif change % 4 == 3 and len(kept) > 1 and b":" in kept[-1]:  # a stream keeps at least one file
                continue
            else:
                kept += [token, token + b".added"]
        lines.append(b" ".join(kept))
    return b"\n".join(lines)


def _main() -> None:
    generators: dict[str, Callable[..., bytes]] = {
        generate.__name__: generate
        for generate in (many_directories, million_files, deep_paths, interleaved, one_directory, hostile_spans)
    } | {"deep_directories": deep_directories}
    parser = argparse.ArgumentParser(description="Write a seeded manifest to standard output.")
    commands = parser.add_subparsers(dest="corpus", required=True)
    for name, generate in generators.items():
        command = commands.add_parser(name, help=(generate.__doc__ or "").partition("\n")[0])
        for parameter in inspect.signature(generate).parameters.values():
            if isinstance(parameter.default, bool):
                command.add_argument(f"--{parameter.name}", action="store_true")
            else:
                command.add_argument(f"--{parameter.name}", type=int, default=parameter.default)
    arguments = vars(parser.parse_args())
    sys.stdout.buffer.write(generators[arguments.pop("corpus")](**arguments))


if __name__ == "__main__":
    _main()
