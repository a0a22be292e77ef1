"""Signatures end: whoever reads has new ones asked for once, of the record, and goes on."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from keepset import Manifest, _signatures
from keepset.collection import Collection, CollectionReader
from keepset.errors import HttpError, KeepReadError
from memory_keep import MemoryKeep, StubApi, StubRequest
from samples import A, B, C

if TYPE_CHECKING:
    from collections.abc import Callable

HOUR, WEEK = 3600, 604_800
DATA = [b"aaa", b"bbb", b"ccccc"]


def signed(text: str, expiry: float) -> str:
    """A manifest of the samples with signatures that end then."""
    for locator in (A, B, C):
        text = text.replace(locator, f"{locator}+A{'1' * 40}@{int(expiry):08x}")
    return text


TEXT = f". {A} 0:3:a\n./d {B} {C} 0:3:b 3:5:c\n"


class Cluster(StubApi):
    """One record, whose text is signed anew each time it is asked for; and services that look at signatures.

    Attributes:
        uuid: The record.
        lifetime: For how long new signatures are valid.
        asked: What was asked for.
        ahead: By how much its clock is ahead of ours.
        answer: What services answer if a signature has ended.
    """

    def __init__(self) -> None:
        super().__init__(MemoryKeep(DATA))
        self._rootDesc["blobSignatureTtl"] = str(WEEK)
        self.lifetime = float(WEEK)
        self.ahead = 0.0
        self.asked: list[str] = []
        self.answer = HttpError(401, "Unauthorized")
        self.uuid: str = self.create({"manifest_text": TEXT}).execute()["uuid"]
        self.keep.before_get = self._check
        self.trouble: Exception | None = None

    def get(self, uuid: str) -> StubRequest:
        """Give the record, or one by its hash."""
        self.asked.append(uuid)
        if self.trouble is not None:
            raise self.trouble
        found = next(one for one in self.records.values() if uuid in (one["uuid"], one["portable_data_hash"]))
        return StubRequest(found | {"manifest_text": signed(found["manifest_text"], self.now() + self.lifetime)})

    def now(self) -> float:
        """The time by its clock."""
        return _signatures.now() + self.ahead

    def _check(self, locator: str) -> None:
        if int(locator.rpartition("@")[2], 16) < self.now():
            raise KeepReadError("no", {"service": self.answer}, "service")


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Lets time pass."""
    passed = [0.0]
    monkeypatch.setattr(_signatures, "now", lambda: time.time() + passed[0])

    def add(seconds: float) -> None:
        passed[0] += seconds

    return add


def opened(cluster: Cluster, kind: Any = Collection, **options: Any) -> Collection:
    collection: Collection = kind(cluster.uuid, api_client=cluster, keep_client=cluster.keep, **options)
    cluster.asked.clear()
    return collection


def contents(collection: Collection) -> list[bytes]:
    return [collection.read_bytes(name) for name in ("a", "d/b", "d/c")]


@pytest.mark.parametrize("kind", [Collection, CollectionReader])
def test_before_they_end_they_are_renewed_once(
    cluster: Cluster, later: Callable[[float], None], kind: type[Collection]
) -> None:
    collection = opened(cluster, kind)
    later(WEEK * 0.89)
    assert contents(collection) == DATA
    assert cluster.asked == []
    collection = opened(cluster, kind)
    later(WEEK * 0.91)
    assert contents(collection) == DATA
    assert cluster.asked == [cluster.uuid]


@pytest.mark.parametrize("status", [400, 401, 403, 422])
def test_what_a_service_refuses_is_asked_for_with_a_new_signature(
    cluster: Cluster, later: Callable[[float], None], status: int
) -> None:
    # Its clock is ahead of ours, so that nobody could tell before.
    collection = opened(cluster)
    cluster.answer = HttpError(status, "no")
    later(0)
    cluster.ahead = WEEK + HOUR
    assert contents(collection) == DATA
    assert cluster.asked == [cluster.uuid]


def test_the_text_has_the_new_signatures_and_nothing_has_changed(
    cluster: Cluster, later: Callable[[float], None]
) -> None:
    collection = opened(cluster)
    before = collection.manifest_text()
    later(2 * WEEK)
    assert contents(collection) == DATA
    assert collection.manifest_text() == signed(TEXT, cluster.now() + WEEK) != before
    assert collection.committed()
    assert not collection["d"]["b"].permission_expired()


def test_edits_stay_when_signatures_are_renewed(cluster: Cluster, later: Callable[[float], None]) -> None:
    collection = opened(cluster)
    collection.copy("a", "copy")
    collection.remove("d/b")
    collection.write_bytes("new", b"new")
    later(2 * WEEK)
    assert collection.read_bytes("copy") == b"aaa"
    text = collection.manifest_text()
    assert sorted(path for path, _ in collection.files()) == ["a", "copy", "d/c", "new"]
    assert text.count(f"@{int(cluster.now() + WEEK):08x}") == 2
    assert not collection.committed()


def test_what_others_have_saved_meanwhile_does_not_come_with_them(
    cluster: Cluster, later: Callable[[float], None]
) -> None:
    collection = opened(cluster)
    loaded = collection.portable_data_hash()
    cluster.create({"manifest_text": TEXT})  # the version that the catalog has kept
    cluster.update(cluster.uuid, {"manifest_text": f". {A} 0:3:theirs\n"})
    later(2 * WEEK)
    assert contents(collection) == DATA
    assert [path for path, _ in collection.files()] == ["a", "d/b", "d/c"]
    assert collection.portable_data_hash() == loaded
    assert cluster.asked == [cluster.uuid, loaded]
    collection.write_bytes("a", b"mine")
    collection.save()
    assert Manifest.parse(cluster.records[cluster.uuid]["manifest_text"]).listdir() == ["a", "theirs"]


def test_readers_that_come_at_once_ask_once(cluster: Cluster, later: Callable[[float], None]) -> None:
    collection = opened(cluster, CollectionReader)
    later(0)
    cluster.ahead = 2 * WEEK
    start = threading.Barrier(8)

    def read(number: int) -> bytes:
        start.wait()
        return collection.read_bytes(("a", "d/b", "d/c")[number % 3])

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(read, range(8))) == [DATA[number % 3] for number in range(8)]
    assert cluster.asked == [cluster.uuid]


def test_a_new_signature_that_is_refused_too_is_an_error(cluster: Cluster, later: Callable[[float], None]) -> None:
    collection = opened(cluster)
    later(2 * WEEK)
    cluster.lifetime = -HOUR
    with pytest.raises(KeepReadError):
        collection.read_bytes("a")
    assert len(cluster.asked) <= 2


def test_nobody_is_asked_where_there_is_no_record(cluster: Cluster, later: Callable[[float], None]) -> None:
    collection = Collection(signed(TEXT, time.time() + HOUR), api_client=cluster, keep_client=cluster.keep)
    later(2 * HOUR)
    with pytest.raises(KeepReadError):
        collection.read_bytes("a")
    assert cluster.asked == []


def test_another_refusal_is_not_for_the_signature(cluster: Cluster, later: Callable[[float], None]) -> None:
    collection = opened(cluster)
    cluster.answer = HttpError(404, "Not Found")
    later(0)
    cluster.ahead = 2 * WEEK
    with pytest.raises(KeepReadError):
        collection.read_bytes("a")
    assert cluster.asked == []


def test_where_the_record_cannot_be_had_the_old_signatures_do_as_long_as_they_can(
    cluster: Cluster, later: Callable[[float], None], caplog: pytest.LogCaptureFixture
) -> None:
    collection = opened(cluster)
    cluster.trouble = OSError("nobody answers")
    later(WEEK * 0.95)
    assert contents(collection) == DATA
    assert "cannot get new signatures of blocks: nobody answers" in caplog.text
    assert cluster.asked == [cluster.uuid]  # not for each block


def has_new_signatures(cluster: Cluster, record: dict[str, Any]) -> bool:
    text: str = record["manifest_text"]
    return text.count("+A") == text.count(f"@{int(cluster.now() + WEEK):08x}") > 0


def test_what_is_saved_has_signatures_that_do_not_end_soon(cluster: Cluster, later: Callable[[float], None]) -> None:
    collection = opened(cluster)
    collection.remove("d/b")
    later(WEEK * 0.95)
    collection.save(merge=False)
    assert has_new_signatures(cluster, cluster.records[cluster.uuid])
    assert cluster.asked == [cluster.uuid]


def test_a_copy_that_is_saved_has_them_too(cluster: Cluster, later: Callable[[float], None]) -> None:
    collection = opened(cluster)
    later(2 * WEEK)
    collection.save_new("copy")
    assert has_new_signatures(cluster, cluster.records[str(collection.manifest_locator())])


def test_a_text_whose_signatures_are_good_is_saved_as_it_is(cluster: Cluster) -> None:
    collection = opened(cluster)
    collection.save_new("copy")
    assert cluster.asked == []
