"""The module `keepset.api`: how a client is made, and what it is made for."""

from __future__ import annotations

import inspect
import subprocess
import sys
import threading
from typing import Any

import pytest

import keepset
import keepset.api
from api_server import TOKEN, ApiServer
from keepset import config, errors
from keepset.api import (
    ThreadSafeAPIClient,
    api,
    api_client,
    api_from_config,
    api_kwargs_from_config,
    normalize_api_kwargs,
)


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The settings, which are none."""
    found: dict[str, str] = {}
    monkeypatch.setattr(config, "_settings", found)
    return found


def client_of(server: ApiServer, **params: Any) -> ThreadSafeAPIClient:
    return ThreadSafeAPIClient({}, params, {"discoveryServiceUrl": server.template, "token": TOKEN})


def test_the_module_can_be_called(server: ApiServer) -> None:
    module: Any = keepset.api
    assert module.api is api
    client = module("v1", discoveryServiceUrl=server.template, token=TOKEN)
    assert isinstance(client, ThreadSafeAPIClient)
    assert client.api_token == TOKEN


def test_it_is_an_attribute_of_the_package_that_is_loaded_when_it_is_used() -> None:
    script = (
        "import sys, keepset\n"
        "assert 'urllib3' not in sys.modules and 'api' in dir(keepset)\n"
        "assert keepset.api.api_client and callable(keepset.api)\n"
        "from keepset import api\n"
        "assert api is keepset.api is sys.modules['keepset.api']\n"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", script], check=True)


def test_the_settings_name_the_cluster(server: ApiServer, settings: dict[str, str]) -> None:
    settings |= {"ARVADOS_API_HOST": "zzzzz.example", "ARVADOS_API_TOKEN": TOKEN, "ARVADOS_API_HOST_INSECURE": "yes"}
    arguments = api_kwargs_from_config("v1", timeout=5)
    assert arguments == {
        "discoveryServiceUrl": "https://zzzzz.example/discovery/v1/apis/{api}/{apiVersion}/rest",
        "token": TOKEN,
        "version": "v1",
        "insecure": True,
        "timeout": 5,
    }
    assert api_kwargs_from_config("v1", insecure=True, apiconfig=settings | {"ARVADOS_API_HOST_INSECURE": ""})[
        "insecure"
    ]


@pytest.mark.parametrize(
    "half", [{"ARVADOS_API_HOST": "zzzzz.example"}, {"ARVADOS_API_TOKEN": TOKEN}, {}], ids=["host", "token", "neither"]
)
def test_half_a_cluster_is_refused(settings: dict[str, str], half: dict[str, str]) -> None:
    settings |= half
    for make in (api, api_from_config, api_kwargs_from_config, ThreadSafeAPIClient):
        with pytest.raises(ValueError, match="ARVADOS_API_") as caught:
            make()
        assert isinstance(caught.value, errors.ConfigError)
        assert TOKEN not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"host": "zzzzz.example"}, "token is missing"),
        ({"discoveryServiceUrl": "https://zzzzz.example/"}, "token is missing"),
        ({"token": TOKEN}, "neither discoveryServiceUrl nor host"),
        ({"host": "h", "discoveryServiceUrl": "u", "token": TOKEN}, "both"),
        ({"host": "https://zzzzz.example", "token": TOKEN}, "without https://"),
        ({"host": "zzzzz.example/", "token": TOKEN}, "without https://"),
        ({"host": "me@zzzzz.example", "token": TOKEN}, "host"),
        ({"host": "http://", "token": TOKEN}, "http://host"),
        ({"host": "http://localhost:8900/x", "token": TOKEN}, "http://host"),
        ({"host": "http://zzzzz.example", "token": TOKEN}, "can be read on its way to http://zzzzz.example"),
        ({"host": "http://localhost.example", "token": TOKEN}, "can be read on its way"),
    ],
)
def test_arguments_that_name_no_cluster(settings: dict[str, str], arguments: dict[str, Any], message: str) -> None:
    for make in (api, normalize_api_kwargs):
        with pytest.raises(errors.ConfigError, match=message) as caught:
            make(**arguments)
        assert TOKEN not in str(caught.value)


@pytest.mark.parametrize("host", ["http://localhost", "http://127.0.0.1:8900", "http://[::1]:8900"])
@pytest.mark.parametrize("end", ["", "/"])  # with it, as `keepset serve` says where it listens
def test_a_server_on_this_machine_needs_no_tls(host: str, end: str) -> None:
    url = normalize_api_kwargs("v1", host=host + end, token=TOKEN)["discoveryServiceUrl"]
    assert url == f"{host}/discovery/v1/apis/{{api}}/{{apiVersion}}/rest"


def test_a_server_elsewhere_needs_none_if_that_is_wanted(settings: dict[str, str]) -> None:
    settings |= {"ARVADOS_API_HOST": "http://server", "ARVADOS_API_TOKEN": TOKEN, "ARVADOS_API_HOST_INSECURE": "1"}
    assert api_kwargs_from_config("v1")["discoveryServiceUrl"].startswith("http://server/discovery/")


def test_settings_name_a_server_without_tls(server: ApiServer, settings: dict[str, str]) -> None:
    settings |= {"ARVADOS_API_HOST": f"http://{server.host}", "ARVADOS_API_TOKEN": TOKEN}
    assert api().users().current().execute()


def test_arguments_come_before_settings(server: ApiServer, settings: dict[str, str]) -> None:
    settings |= {"ARVADOS_API_HOST": "zzzzz.example", "ARVADOS_API_TOKEN": "other"}
    assert api(discoveryServiceUrl=server.template, token=TOKEN).users().current().execute()


def test_a_client_of_other_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[dict[str, Any]] = []
    monkeypatch.setattr("keepset.api.ApiClient.__init__", lambda self, **arguments: seen.append(arguments))
    settings = {"ARVADOS_API_HOST": "zzzzz.example", "ARVADOS_API_TOKEN": TOKEN}
    api_from_config("v1", settings, num_retries=3, request_id="req-x")
    ThreadSafeAPIClient(settings, version="v2")
    assert [one["discoveryServiceUrl"].split("/")[2] for one in seen] == ["zzzzz.example"] * 2
    assert [one["version"] for one in seen] == ["v1", "v2"]
    assert (seen[0]["num_retries"], seen[0]["request_id"], seen[0]["insecure"]) == (3, "req-x", False)


def test_connections_of_httplib2_are_refused(server: ApiServer) -> None:
    arguments: dict[str, Any] = {"discoveryServiceUrl": server.template, "token": TOKEN, "http": object()}
    for make in (api, api_client):
        with pytest.raises(NotImplementedError, match="urllib3"):
            make("v1", **arguments)


def test_options_that_do_not_exist_are_refused(server: ApiServer) -> None:
    with pytest.raises(TypeError, match="nosuch"):
        api("v1", discoveryServiceUrl=server.template, token=TOKEN, nosuch=1)


def test_all_threads_have_one_keep(server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    barrier = threading.Barrier(4)

    class Keep:
        def __init__(self, **options: object) -> None:
            self.options = options

    monkeypatch.setattr("keepset.keep.KeepClient", Keep)
    client = client_of(server, num_retries=2)
    found: list[object] = []

    def ask() -> None:
        barrier.wait()
        found.append(client.keep)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    keep: Any = client.keep
    assert {id(one) for one in found} == {id(keep)}
    assert keep.options == {"api_client": client, "num_retries": 2}


def test_the_module_has_the_signature_of_what_it_calls() -> None:
    assert inspect.signature(keepset.api) == inspect.signature(api)
