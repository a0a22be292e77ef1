"""The API object that threads may share."""

from __future__ import annotations

import copy
import threading
from typing import TYPE_CHECKING
from unittest.mock import Mock

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


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Mock:
    """Stands for the class of clients of clusters."""
    kind = Mock()
    monkeypatch.setattr("keepset.api.ThreadSafeAPIClient", kind)
    return kind


@pytest.mark.parametrize("name", ["host", "discoveryServiceUrl"])
def test_arguments_name_a_cluster(client: Mock, name: str) -> None:
    params = {name: "zzzzz.example", "token": "secret"}
    assert ThreadSafeApiCache(None, {"num_retries": 1}, params, "v1").localapi() is client.return_value
    client.assert_called_once_with({}, {"num_retries": 1}, params, "v1")


def test_settings_name_a_cluster(client: Mock, monkeypatch: pytest.MonkeyPatch) -> None:
    ThreadSafeApiCache(CLUSTER)
    client.assert_called_once_with(CLUSTER, None, None, None)
    monkeypatch.setattr(config, "_settings", CLUSTER)
    ThreadSafeApiCache()
    client.assert_called_with(None, None, None, None)
    assert ThreadSafeApiCache({}).localapi() is default_session({})
    monkeypatch.setattr(config, "_settings", {})


def test_the_identifier_of_requests_is_that_of_the_client(client: Mock) -> None:
    api = ThreadSafeApiCache(CLUSTER)
    api.request_id = "req-x"
    assert api.request_id == client.return_value.request_id == "req-x"


def test_half_a_cluster_is_refused() -> None:
    with pytest.raises(errors.ConfigError, match="ARVADOS_API_TOKEN is not"):
        ThreadSafeApiCache({"ARVADOS_API_HOST": "zzzzz.example"})
