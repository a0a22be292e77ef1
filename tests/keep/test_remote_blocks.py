"""Blocks that another cluster has signed, brought home through a service: each once, and only if there are any."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from keep_server import Answer, KeepServer
from keepset.collection import Collection
from keepset.keep import KeepClient
from memory_keep import StubApi
from samples import A, B

if TYPE_CHECKING:
    from collections.abc import Iterator

    from keep_server import Seen

REMOTE = f"+Rzzzzz-{'1' * 40}@7fffffff"
HOME = f"+A{'2' * 40}@7fffffff"


class FederatedServer(KeepServer):
    """A service that fetches what another cluster has signed, and signs it, when a client asks for that."""

    def answer(self, request: Seen) -> Answer:
        """What a keepstore answers."""
        locator, remote, _ = request.path.lstrip("/").partition("+R")
        usual = super().answer(request)
        if usual.status == 200 and remote and request.headers.get("X-Keep-Signature", "").startswith("local,"):
            usual.headers = {**usual.headers, "X-Keep-Locator": locator + HOME}
        return usual


@pytest.fixture
def service() -> Iterator[FederatedServer]:
    with FederatedServer() as service:
        for data in (b"aaa", b"bbb"):
            service.add(data)
        yield service


def make(service: KeepServer, text: str) -> Collection:
    keep = KeepClient(proxy=service.url, api_token="t", local_store="")
    return Collection(text, api_client=StubApi(keep), keep_client=keep)


def text_of(collection: Collection) -> str:
    text: str = (collection.api_response() or {})["manifest_text"]
    return text


def test_each_is_brought_home_once_before_a_save(service: FederatedServer) -> None:
    collection = make(service, f". {A}{REMOTE} {B}{REMOTE} 0:6:f\n./d {A}{REMOTE} 0:3:a\n")
    collection.save_new("x")
    assert service.names() == [f"HEAD {A[:32]}", f"HEAD {B[:32]}"]
    assert text_of(collection) == f". {A}{HOME} {B}{HOME} 0:6:f\n./d {A}{HOME} 0:3:a\n"
    collection.save_new("y")
    assert len(service.requests) == 2


def test_h46_a_hash_brings_none_home(service: FederatedServer) -> None:
    collection = make(service, f". {A}{REMOTE} 0:3:f\n")
    collection.portable_data_hash()
    assert collection.has_remote_blocks()
    assert service.requests == []


def test_h47_where_there_are_none_nobody_is_asked(service: FederatedServer) -> None:
    collection = make(service, f". {A}{HOME} 0:3:f+Rzzzzz\n")
    collection.save_new("x")
    assert service.requests == []


def test_what_no_service_signs_is_not_saved(service: FederatedServer) -> None:
    collection = make(service, f". {A}{REMOTE} 0:3:f\n")
    service.always = Answer(200)  # as a service without federation would
    with pytest.raises(OSError, match="no service has signed"):
        collection.save_new("x")
    assert collection.api_response() is None
