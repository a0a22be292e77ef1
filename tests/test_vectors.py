"""Every shared vector gets its stated verdict and its stated normal form; `validate` tells the same story."""

import json
from pathlib import Path
from typing import Any, Literal, get_args

import pytest

import reference
from keepset import Manifest
from keepset._core import error_codes
from keepset.errors import ManifestError

Mode = Literal["compat", "strict"]
MODES: tuple[Mode, ...] = get_args(Mode)

LINES = (Path(__file__).parent / "vectors" / "manifest_cases.jsonl").read_bytes().split(b"\n")
CASES: list[dict[str, Any]] = [json.loads(line) for line in LINES if line]


def text_of(case: dict[str, Any]) -> bytes:
    return bytes.fromhex(case["hex"]) if "hex" in case else case["text"].encode()


every_case = pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
every_mode = pytest.mark.parametrize("mode", MODES)


def test_there_are_as_many_cases_as_there_should_be() -> None:
    assert len(CASES) == len({case["name"] for case in CASES}) == 111


@every_mode
@every_case
def test_verdict(case: dict[str, Any], mode: Mode) -> None:
    text = text_of(case)
    if case[mode]:
        assert bytes(Manifest.parse(text, mode=mode)) == text
    else:
        with pytest.raises(ManifestError) as caught:
            Manifest.parse(text, mode=mode)
        assert caught.value.code in error_codes()


@every_mode
@every_case
def test_verdict_of_the_reference(case: dict[str, Any], mode: Mode) -> None:
    if case[mode]:
        reference.parse(text_of(case), mode)
    else:
        with pytest.raises(reference.RejectedError):
            reference.parse(text_of(case), mode)


@every_mode
@every_case
def test_str_and_bytes_get_the_same_verdict(case: dict[str, Any], mode: Mode) -> None:
    text = text_of(case).decode("utf-8", "surrogateescape")
    if case[mode]:
        assert Manifest.parse(text, mode=mode).text == text
    else:
        with pytest.raises(ManifestError):
            Manifest.parse(text, mode=mode)


@every_case
def test_strict_is_a_part_of_compat(case: dict[str, Any]) -> None:
    assert case["compat"] or not case["strict"]


@pytest.mark.parametrize("case", [case for case in CASES if case["compat"]], ids=lambda case: case["name"])
def test_normal_form(case: dict[str, Any]) -> None:
    normal = bytes(Manifest.parse(text_of(case)).normalized())
    assert normal == case["normalized"].encode()
    if case["strict"]:
        Manifest.parse(normal, mode="strict")


@every_case
def test_validate_finds_a_problem_exactly_when_strict_refuses(case: dict[str, Any]) -> None:
    problems = Manifest.validate(text_of(case))
    assert (problems == []) == case["strict"]
    assert {problem.code for problem in problems} <= set(error_codes())


@pytest.mark.parametrize("case", [case for case in CASES if not case["strict"]], ids=lambda case: case["name"])
def test_first_problem_is_the_error_of_strict_mode(case: dict[str, Any]) -> None:
    text = text_of(case)
    first = Manifest.validate(text)[0]
    with pytest.raises(ManifestError) as caught:
        Manifest.parse(text, mode="strict")
    error = caught.value
    assert (first.code, first.line, first.column, first.offset, first.token) == (
        error.code,
        error.line,
        error.column,
        error.offset,
        error.token,
    )
    assert first.message == error.message


@every_case
def test_positions_point_at_the_token(case: dict[str, Any]) -> None:
    text = text_of(case)
    for problem in Manifest.validate(text):
        token = problem.token.encode("utf-8", "surrogateescape")
        assert text[problem.offset : problem.offset + len(token)] == token
        before = text[: problem.offset].decode("utf-8", "surrogateescape")
        assert problem.line == before.count("\n") + 1
        assert problem.column == len(before) - (before.rfind("\n") + 1) + 1


@every_case
def test_salvage_reads_anything(case: dict[str, Any]) -> None:
    text = text_of(case)
    manifest, problems = Manifest.salvage(text)
    assert manifest.salvaged == bool(not case["compat"])
    if case["compat"]:
        assert manifest == Manifest.parse(text)
    else:
        assert problems != []
    for path, size in manifest.files():
        assert manifest.stat(path).size == size
