"""Signatures: the vectors of Arvados, and what each wrong one is called."""

import time
from pathlib import Path

import pytest

from keepset.serve.signatures import LIFETIME, Signer, Verdict
from samples import A, E
from serving import Server

TOKEN = "v2/zzzzz-gj3su-000000000000000/secret"
FOO = "acbd18db4cc2f85cedef654fccc4a4d8"


@pytest.fixture
def signer() -> Signer:
    return Signer(b"example-signing-key")


@pytest.mark.parametrize(
    ("token", "signature"),
    [(TOKEN, "6e9ff3c61bb1d140f41620f71f590062d996c42c"), ("secret", "694230e29fd0edbf78e71c2dd0030a5c5a78774e")],
)
def test_signatures_are_those_of_arvados(signer: Signer, token: str, signature: str) -> None:
    assert LIFETIME == 0x127500
    assert signer.sign(f"{FOO}+3", token, 1_700_000_000) == f"{FOO}+3+A{signature}@6553f100"


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        (lambda locator: locator, Verdict.VALID),
        (lambda locator: locator.replace("+3", "+4"), Verdict.VALID),  # the size is not covered
        (lambda locator: locator.replace("+3", ""), Verdict.VALID),
        (lambda locator: locator + "+Kzzzzz", Verdict.VALID),
        (lambda locator: locator.replace("+A6", "+A7"), Verdict.INVALID),
        (lambda locator: locator.upper().replace("ACBD18DB4CC2F85CEDEF654FCCC4A4D8", FOO), Verdict.INVALID),
        (lambda locator: locator.replace("acbd", "acbe"), Verdict.INVALID),
        (lambda locator: locator.replace("@6553f100", "@6553f000"), Verdict.EXPIRED),
        (lambda locator: locator.partition("+A")[0], Verdict.MISSING),
        (lambda locator: locator[:-1], Verdict.MISSING),
        (lambda locator: locator + "\n", Verdict.MISSING),
    ],
)
def test_each_wrong_signature_has_its_verdict(signer: Signer, change: object, verdict: Verdict) -> None:
    assert callable(change)
    signed = signer.sign(f"{FOO}+3", TOKEN, 0x6553F100)
    assert signer.check(change(signed), TOKEN, 0x6553F100) == verdict
    assert signer.check(change(signed), f"{TOKEN}x", 0x6553F100) != Verdict.VALID


def test_a_text_is_signed_at_its_locators_only(signer: Signer) -> None:
    text = f". {A} {A} 0:3:{A} 0:3:b\n./{A} {A} 0:1:\\040{A}\n"
    signed = signer.sign_text(text, TOKEN, 1_700_000_000)
    hint = signer.sign(A, TOKEN, 1_700_000_000).removeprefix(A)
    assert signed == f". {A}{hint} {A}{hint} 0:3:{A} 0:3:b\n./{A} {A}{hint} 0:1:\\040{A}\n"


def test_the_empty_block_needs_no_signature_in_a_manifest(signer: Signer) -> None:
    assert signer.refused([E], TOKEN, 0) == []
    assert signer.refused([A, signer.sign(A, TOKEN, 5)], TOKEN, 5) == [A]


def test_for_how_long_signatures_are_valid_is_a_setting(tmp_path: Path) -> None:
    server = Server(tmp_path / "store", "--signature-ttl", "3661")
    try:
        before = time.time()
        expiry = int(server.put(b"foo").rpartition("@")[2], 16)
        assert before + 3660 <= expiry <= time.time() + 3661
        assert server.request("GET", "/discovery/v1/apis/arvados/v1/rest").json["blobSignatureTtl"] == 3661
        collections = server.api("GET", "config")["Collections"]
        assert (collections["BlobSigningTTL"], collections["DefaultTrashLifetime"]) == ("1h1m1s", "336h0m0s")
    finally:
        server.close()
