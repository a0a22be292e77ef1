"""`keepset.KeepLocator`, beside that of the official client."""

import copy
import pickle
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest
from arvados.keep import KeepLocator as Official
from hypothesis import given
from hypothesis import strategies as st

from keepset import KeepLocator
from keepset.errors import ArgumentError

MD5 = "acbd18db4cc2f85cedef654fccc4a4d8"
SIGNATURE = "0123456789abcdef0123456789abcdef01234567"
SIGNED = f"{MD5}+3+A{SIGNATURE}@6553f100"
EXPIRY = datetime(2023, 11, 14, 22, 13, 20)  # naive, as the attribute is


def hex_digits(count: int, least: int | None = None) -> st.SearchStrategy[str]:
    return st.text("0123456789abcdefABCDEF", min_size=count if least is None else least, max_size=count)


# The official client refuses hints of one letter, and hints without a size.
hints = st.from_regex(r"[B-Z][A-Za-z0-9@_-]{1,9}", fullmatch=True)
signatures = st.builds("A{}@{}".format, hex_digits(40), hex_digits(8, 1))
locators = st.builds(
    lambda digest, size, hints: "+".join([digest, str(size), *hints]),
    hex_digits(32),
    st.integers(0, 2**64 - 1),
    st.lists(hints | signatures, max_size=4),
) | hex_digits(32)


@given(locators)
def test_it_is_that_of_the_official_client(text: str) -> None:
    ours, theirs = KeepLocator(text), Official(text)
    for name in ("md5sum", "size", "hints", "perm_sig", "perm_expiry"):
        assert getattr(ours, name) == getattr(theirs, name), name
    assert str(ours) == str(theirs)
    assert ours.stripped() == theirs.stripped()
    assert ours.permission_hint() == theirs.permission_hint()


@given(st.from_regex(r"[0-9a-f]{31,33}(\+[0-9 _+-]{0,3})?(\+(A[0-9a-f@]{0,50}|[A-Za-z0-9@_\-.é ]{0,4})){0,3}\n?"))
def test_what_one_refuses_the_other_refuses(text: str) -> None:
    try:
        expected = str(Official(text))
    except ValueError:
        expected = None
    try:
        found = str(KeepLocator(text))
    except ArgumentError:
        found = None
    if found == expected:
        return
    if found is None:
        # It reads any integer that Python's int() does, and "$" in its patterns matches before a final newline.
        assert re.search(r"\A[0-9a-f]{32}\+[^+]*[ _+\n-]|\n", text)
    else:
        assert expected is None
        assert re.search(r"\+[B-Z](\+|$)|\A[0-9a-f]{32}\+[B-Z]", text)


@given(locators)
def test_its_written_form_is_stable(text: str) -> None:
    locator = KeepLocator(text)
    twin = KeepLocator(str(locator))
    assert twin == locator
    assert hash(twin) == hash(locator)
    assert str(twin) == str(locator)
    assert twin.hints == locator.hints


def test_a_signature_is_written_before_the_other_hints_with_eight_digits_of_time() -> None:
    locator = KeepLocator(f"{MD5}+0003+Kzzzzz+A{SIGNATURE}@553f100+Z")
    assert str(locator) == f"{MD5}+3+A{SIGNATURE}@0553f100+Kzzzzz+Z"
    assert locator.hints == ["Kzzzzz", "Z"]
    assert locator.stripped() == f"{MD5}+3"
    assert locator.permission_hint() == f"A{SIGNATURE}@0553f100"
    assert locator.perm_sig == SIGNATURE


def test_a_bare_digest_is_a_locator() -> None:
    locator = KeepLocator(MD5.upper())
    assert (locator.md5sum, locator.size, locator.hints) == (MD5.upper(), None, [])
    assert locator.perm_sig is None
    assert locator.perm_expiry is None
    assert locator.permission_hint() is None
    assert str(locator) == locator.stripped() == MD5.upper()


def test_remote_signatures_are_hints() -> None:
    locator = KeepLocator(f"{MD5}+3+Rzzzzz-{SIGNATURE}@6553f100")
    assert locator.hints == [f"Rzzzzz-{SIGNATURE}@6553f100"]
    assert locator.perm_sig is None


@pytest.mark.parametrize("hint", ["Z", "Zfoo", "Ybar234", "Xa@b_c-372", "W99", "K@zzzzz", "Z-", "Z@", "R"])
def test_hints_of_one_letter_and_more(hint: str) -> None:
    assert KeepLocator(f"{MD5}+3+{hint}").hints == [hint]
    unsized = KeepLocator(f"{MD5}+{hint}")
    assert (unsized.size, unsized.hints, unsized.stripped()) == (None, [hint], MD5)


@pytest.mark.parametrize(
    ("text", "what", "where"),
    [
        ("", "32 hexadecimal digits", 1),
        ("badbadbad", "32 hexadecimal digits", 10),
        (f"+{MD5}", "32 hexadecimal digits", 1),
        (f"3+{MD5}", "32 hexadecimal digits", 2),
        (f"{MD5[:31]}j", "32 hexadecimal digits", 32),
        (f"{MD5}0+3", "32 hexadecimal digits", 33),
        (f" {MD5}+3", "32 hexadecimal digits", 1),
        (f"{MD5}\n", "32 hexadecimal digits", 33),
        (f"{MD5}\u00e9", "32 hexadecimal digits", 33),
        (f"{MD5}+", "size", 34),
        (f"{MD5}+ 3", "size", 34),
        (f"{MD5}+-3", "size", 34),
        (f"{MD5}++3", "size", 34),
        (f"{MD5}+1_0", "size", 34),
        (f"{MD5}+\u0663", "size", 34),
        (f"{MD5}+3\n", "size", 34),
        (f"{MD5}+3 ", "size", 34),
        (f"{MD5}+{2**64}", "below 2\\^64", 34),
        (f"{MD5}+3+", "hint", 36),
        (f"{MD5}+3++Z", "hint", 36),
        (f"{MD5}+3+lowercase", "hint", 36),
        (f"{MD5}+3+4", "hint", 36),
        (f"{MD5}+3+Z+32", "hint", 38),
        (f"{MD5}+3+Zfoo\n", "hint", 36),
        (f"{MD5}+3+Z\udcff", "hint", 36),
        (f"{MD5}+3+A", "signature", 36),
        (f"{MD5}+3+Abadbadbee@abeebdee", "signature", 36),
        (f"{MD5}+3+A{SIGNATURE}", "signature", 36),
        (f"{MD5}+3+A{SIGNATURE}@", "signature", 36),
        (f"{MD5}+3+A{SIGNATURE}@123456789", "signature", 36),
        (f"{MD5}+3+Kzzzzz+A{SIGNATURE}@6553f10g", "signature", 43),
    ],
)
def test_anything_else_is_refused_with_the_place(text: str, what: str, where: int) -> None:
    with pytest.raises(ArgumentError, match=rf"{what}.*, at character {where}$") as caught:
        KeepLocator(text)
    assert isinstance(caught.value, ValueError)
    assert repr(text) in str(caught.value)


def test_a_long_text_is_shown_in_part() -> None:
    with pytest.raises(ArgumentError) as caught:
        KeepLocator("x" * 10_000_000)
    assert len(str(caught.value)) < 300


def test_only_text_is_read() -> None:
    for wrong in (None, 3, MD5.encode()):
        with pytest.raises(TypeError):
            KeepLocator(wrong)  # type: ignore[arg-type]


def test_it_is_a_value() -> None:
    locator = KeepLocator(f"{SIGNED}+Kzzzzz")
    for twin in (pickle.loads(pickle.dumps(locator)), copy.copy(locator), copy.deepcopy(locator)):
        assert twin == locator
        assert hash(twin) == hash(locator)
        assert twin.hints == locator.hints
    assert eval(repr(locator)) == locator
    assert locator != KeepLocator(SIGNED)
    assert locator != str(locator)
    assert len({locator, KeepLocator(str(locator)), KeepLocator(SIGNED)}) == 2
    assert KeepLocator(locator_str=SIGNED) == KeepLocator(SIGNED)
    with pytest.raises(AttributeError):
        locator.size = 4  # type: ignore[misc]
    locator.hints.append("Z")
    assert locator.hints == ["Kzzzzz"]


# Time.


@pytest.fixture(params=["UTC", "XST-14", "XST+12"])
def time_zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The local time zone: none of the answers may depend on it."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


def expiring(when: float) -> KeepLocator:
    return KeepLocator(f"{MD5}+3+A{SIGNATURE}@{int(when):x}")


@pytest.mark.usefixtures("time_zone")
def test_expiry_is_compared_in_utc() -> None:
    locator = KeepLocator(SIGNED)
    assert locator.perm_expiry == EXPIRY
    assert locator.perm_expiry.tzinfo is None
    moment = timedelta(microseconds=1)
    aware = EXPIRY.replace(tzinfo=UTC)
    east = aware.astimezone(timezone(timedelta(hours=9)))
    for expiry in (EXPIRY, aware, east):
        assert locator.permission_expired(expiry)
        assert locator.permission_expired(expiry + moment)
        assert not locator.permission_expired(expiry - moment)
    assert locator.permission_expired(as_of_dt=None)


@pytest.mark.usefixtures("time_zone")
def test_expiry_is_compared_with_the_clock_in_utc() -> None:
    assert expiring(time.time() - 60).permission_expired()
    assert not expiring(time.time() + 3600).permission_expired()


def test_without_a_signature_nothing_expires() -> None:
    for when in (None, datetime.min, datetime.max):
        assert not KeepLocator(f"{MD5}+3").permission_expired(when)


def test_any_moment_can_be_asked_about() -> None:
    for digits in ("0", "1", "7fffffff", "80000000", "ffffffff"):
        locator = KeepLocator(f"{MD5}+3+A{SIGNATURE}@{digits}")
        expected = datetime.fromtimestamp(int(digits, 16), UTC).replace(tzinfo=None)
        assert locator.perm_expiry == expected
        assert not locator.permission_expired(datetime.min)
        assert locator.permission_expired(datetime.max)
    with pytest.raises(TypeError):
        KeepLocator(SIGNED).permission_expired("2023-11-14")  # type: ignore[arg-type]


# Regressions.


def test_h01_extra_hints_make_no_difference() -> None:
    locator = KeepLocator(f"{MD5}+114+Xzizzle")
    assert (locator.size, locator.hints) == (114, ["Xzizzle"])


def test_h02_a_long_hint_list_without_a_match_takes_linear_time() -> None:
    text = MD5 + "+3" + "+Kaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" * 100_000
    assert len(KeepLocator(text).hints) == 100_000
    with pytest.raises(ArgumentError, match="hint"):
        KeepLocator(text + "+!")
