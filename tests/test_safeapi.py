"""The API object that threads may share."""

from __future__ import annotations

import copy
import threading
from typing import TYPE_CHECKING

import pytest

from keepset import config, errors
from keepset.catalog.base import Catalog
from keepset.collection import Collection
from keepset.safeapi import ThreadSafeApiCache
from keepset.session import default_session
from stores import save

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CLUSTER = {"ARVADOS_API_HOST": "zzzzz.example", "ARVADOS_API_TOKEN": "secret"}


@pytest.fixture(autouse=True)
def own_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in (*CLUSTER, "KEEP_LOCAL_STORE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KEEPSET_STORE", str(tmp_path))
    monkeypatch.setattr(config, "_settings", {})
    yield
    default_session().close()


def test_it_is_the_default_catalog_with_its_keep() -> None:
    api = ThreadSafeApiCache()
    assert isinstance(api, Catalog)
    assert api.keep is default_session().keep
    assert api.localapi() is default_session()
    assert api.path == default_session().path
    assert api.request_id is None
    with pytest.raises(AttributeError, match="nosuch"):
        _ = api.nosuch


def test_threads_share_it() -> None:
    api = ThreadSafeApiCache({}, {"num_retries": 1}, {"timeout": 5}, "v1")
    threads = [threading.Thread(target=save, args=(api, b"aaa"), kwargs={"name": str(n)}) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {one["name"] for one in api.collections().list().execute()["items"]} == {"0", "1", "2", "3"}


def test_a_collection_takes_it() -> None:
    api = ThreadSafeApiCache()
    record = save(api.localapi(), b"aaa")
    assert Collection(str(record["uuid"]), api)["file"].size() == 3


def test_it_can_be_copied() -> None:
    api = ThreadSafeApiCache()
    assert copy.copy(api).keep is api.keep


@pytest.mark.parametrize("name", ["host", "discoveryServiceUrl"])
def test_a_cluster_in_the_arguments_is_not_silently_passed_over(name: str) -> None:
    with pytest.raises(errors.ConfigError, match="cluster"):
        ThreadSafeApiCache(CLUSTER)
    with pytest.raises(errors.ConfigError, match="cluster"):
        ThreadSafeApiCache({}, api_params={name: "zzzzz.example", "token": "secret"})


def test_a_cluster_in_the_settings_of_a_collection_is_not_silently_passed_over() -> None:
    with pytest.raises(errors.ConfigError, match=r"zzzzz\.example"):
        Collection("zzzzz-4zz18-0123456789abcde", apiconfig=CLUSTER)


def test_settings_without_a_cluster_count_instead_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "_settings", CLUSTER)
    with pytest.raises(errors.ConfigError):
        ThreadSafeApiCache()
    assert ThreadSafeApiCache({}).localapi() is default_session({})
    monkeypatch.setattr(config, "_settings", {})
