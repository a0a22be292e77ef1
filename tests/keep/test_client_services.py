"""Which services a client knows, and in which order it asks them."""

from __future__ import annotations

import hashlib
import sys
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from gate import PATIENCE, Gate
from keep_server import Answer, Api, item
from keepset import errors
from keepset.keep import KeepLocator
from keepset.keep.client import KeepClient
from keepset.keep.services import Service, Services, rendezvous
from samples import locator

if TYPE_CHECKING:
    from fast_clock import ClientOf, FastClock, Servers
    from keep_server import KeepServer

FOUR = ["aaaaaaaaaaaaaaa", "0123456789abcde", "bbbbbbbbbbbbbbb", "ccccccccccccccc"]


def services(*names: str) -> list[Service]:
    """Services with these ends of their UUIDs."""
    return [Service(f"zzzzz-bi6l4-{name}", f"http://{name}/") for name in names]


@pytest.mark.parametrize(
    ("block", "order"),
    [
        (b"foo", ["aaaaaaaaaaaaaaa", "0123456789abcde", "bbbbbbbbbbbbbbb", "ccccccccccccccc"]),
        (b"bar", ["0123456789abcde", "aaaaaaaaaaaaaaa", "ccccccccccccccc", "bbbbbbbbbbbbbbb"]),
        (b"", ["bbbbbbbbbbbbbbb", "0123456789abcde", "aaaaaaaaaaaaaaa", "ccccccccccccccc"]),
    ],
)
def test_the_order_of_the_worked_example(block: bytes, order: list[str]) -> None:
    found = rendezvous(hashlib.md5(block).hexdigest(), services(*FOUR))
    assert [service.uuid[-15:] for service in found] == order


@pytest.mark.parametrize(
    ("number", "order"),
    [(0, "3eab2d5fc9681074"), (1, "097dba52e648f1c3"), (2, "c5b4e023f8a7d691"), (3, "9d81c02e76a3bf54")],
)
def test_the_order_of_the_set_that_all_clients_share(number: int, order: str) -> None:
    sixteen = services(*(f"{digit:015x}" for digit in range(16)))
    found = rendezvous(hashlib.md5(f"{number:064x}".encode()).hexdigest(), sixteen)
    assert "".join(service.uuid[-1] for service in found) == order


def test_only_the_last_15_characters_of_a_uuid_count() -> None:
    one, other = Service("zzzzz-bi6l4-0aaaaaaaaaaaaaaa", ""), Service("yyyyy-xxxxx-aaaaaaaaaaaaaaa", "")
    third = services("0123456789abcde")[0]
    digest = hashlib.md5(b"bar").hexdigest()
    assert rendezvous(digest, [one, third])[0] == rendezvous(digest, [other, third])[0] == third


def roots(items: list[dict[str, Any]], hints: str = "", need_writable: bool = False) -> list[str]:
    """The URLs that a client asks for a block."""
    api = Api()
    api.items = items
    return KeepClient(api).weighted_service_roots(
        KeepLocator(f"acbd18db4cc2f85cedef654fccc4a4d8+3{hints}"), need_writable=need_writable
    )


def test_urls_of_services() -> None:
    found = [
        item(1, 0) | {"service_host": "keep.example", "service_ssl_flag": True, "service_port": 443},
        item(25107, 1) | {"service_host": "::1"},
        item(25107, 2) | {"service_host": "[::2]"},
    ]
    assert set(roots(found)) == {"https://keep.example:443/", "http://[::1]:25107/", "http://[::2]:25107/"}


def test_a_service_without_a_type_is_a_disk() -> None:
    one = item(1, 0)
    del one["service_type"]
    (service,) = Services.from_items([one]).writable
    assert service.is_disk


def test_read_only_services_and_gateways() -> None:
    found = [item(1, 0), item(2, 1, read_only=True), item(3, 2, "gateway:test"), item(4, 3, "proxy")]
    assert set(roots(found)) == {"http://127.0.0.1:1/", "http://127.0.0.1:2/", "http://127.0.0.1:4/"}
    assert set(roots(found, need_writable=True)) == {"http://127.0.0.1:1/", "http://127.0.0.1:4/"}


def test_hints_come_first_in_their_order() -> None:
    found = [item(1, 0), item(2, 1, "gateway:test"), item(3, 2)]
    hints = "+K@zzzzz-bi6l4-000000000000001+K@yyyyy+K@zzzzz-bi6l4-999999999999999+Kother+K@zzzzz-bi6l4-000000000000002"
    usual = [root for root in roots(found) if root != "http://127.0.0.1:3/"]
    assert roots(found, hints) == [
        "http://127.0.0.1:2/",
        "https://keep.yyyyy.arvadosapi.com/",
        "http://127.0.0.1:3/",
        *usual,
    ]


@pytest.mark.parametrize("hint", ["+K@YYYYY", "+K@yy@yy", "+K@yyyyyy", "+K@", "+K@a_b-c"])
def test_what_a_hint_cannot_name(hint: str) -> None:
    assert roots([item(1, 0)], hint) == ["http://127.0.0.1:1/"]


def test_a_block_comes_from_the_gateway_that_its_hint_names(servers: Servers, client_of: ClientOf) -> None:
    disk, gateway = servers(2)
    api = Api(disk)
    api.items.append(item(gateway.port, 1, "gateway:test"))
    name = f"{gateway.add(b'aaa')}+K@zzzzz-bi6l4-000000000000001"
    assert client_of(api_client=api).get(name) == b"aaa"
    assert (len(disk.requests), [request.path for request in gateway.requests]) == (0, [f"/{name}"])


def test_no_services_at_all(client_of: ClientOf) -> None:
    client = client_of(num_retries=1)
    with pytest.raises(errors.KeepReadError, match=r"no Keep services available \(the cluster has no Keep services"):
        client.get("acbd18db4cc2f85cedef654fccc4a4d8+3")
    with pytest.raises(errors.KeepWriteError, match="no Keep services available"):
        client.put(b"foo")
    with pytest.raises(errors.NoKeepServersError):
        client.weighted_service_roots(KeepLocator("acbd18db4cc2f85cedef654fccc4a4d8+3"))


def test_the_list_is_asked_for_when_it_is_needed_and_before_each_round_but_the_first(
    server: KeepServer, client_of: ClientOf
) -> None:
    client = client_of(server)
    api = client.api_client
    assert isinstance(api, Api)
    assert api.lookups == 0
    client.put(b"aaa", 1)
    client.get(server.add(b"bbb"))
    assert api.lookups == 1
    server.next += [Answer(503), Answer(503)]
    client.get(server.add(b"ccc"))
    assert api.lookups == 3
    assert api.lookup_retries == [None, 0, 0]  # each with retries of its own would take minutes


def test_a_service_that_is_new_is_asked_in_the_next_round(servers: Servers, client_of: ClientOf) -> None:
    old, new = servers(2)
    api = Api(old)
    old.next.append(Answer(503, before=lambda: api.items.append(item(new.port, 1))))
    old.always = Answer(404)
    assert client_of(api_client=api).get(new.add(b"aaa")) == b"aaa"


@pytest.mark.parametrize("call", ["get", "put"])
def test_before_it_gives_up_a_client_looks_for_new_services_if_it_has_not_for_five_minutes(
    call: str, servers: Servers, client_of: ClientOf, clock: FastClock
) -> None:
    old, new = servers(2)
    old.always = Answer(404 if call == "get" else 507)
    api = Api(old)
    client = client_of(api_client=api)
    name = new.add(b"aaa")

    def ask() -> object:
        return client.get(name) if call == "get" else client.put(b"aaa", 1)

    with pytest.raises(errors.KeepRequestError):
        ask()
    api.items.append(item(new.port, 1))
    with pytest.raises(errors.KeepRequestError):
        ask()
    assert api.lookups == 1
    clock.sleep(300)
    assert ask()
    assert api.lookups == 2
    # The one that has said so is not asked again, nor does anybody wait.
    assert len(old.requests) <= 3
    assert clock.pauses == [300]
    with pytest.raises(errors.KeepRequestError):
        client.get(locator(b"absent")) if call == "get" else client.put(b"bbb", 3)
    assert api.lookups == 2


def test_an_api_server_that_is_down_does_not_hide_what_services_say(
    server: KeepServer, client_of: ClientOf, clock: FastClock
) -> None:
    client = client_of(server)
    api = client.api_client
    assert isinstance(api, Api)
    client.put(b"bbb", 1)
    clock.sleep(300)
    api.error = OSError("the API server is down")
    with pytest.raises(errors.NotFoundError, match=r"not found: service .* 404"):
        client.get(locator(b"absent"))
    assert api.lookups == 2


def test_while_the_api_server_is_down_the_list_of_before_is_used(server: KeepServer, client_of: ClientOf) -> None:
    client = client_of(server)
    api = client.api_client
    assert isinstance(api, Api)
    api.error = OSError("the API server is down")
    with pytest.raises(errors.KeepReadError, match="the API server is down"):
        client.get(server.add(b"aaa"), num_retries=1)
    assert api.lookups == 2
    api.error = None
    client.get(server.add(b"aaa"))
    api.error = OSError("the API server is down")
    server.next.append(Answer(503))
    assert client.get(server.add(b"bbb")) == b"bbb"


def test_threads_that_fail_together_look_up_the_list_once(server: KeepServer, client_of: ClientOf) -> None:
    client = client_of(server)
    api = client.api_client
    assert isinstance(api, Api)
    client.put(b"first", 1)
    names = [server.add(bytes([number])) for number in range(4)]
    with Gate() as gate:
        server.next += [Answer(503, before=gate.pass_through) for _ in names]
        threads = [threading.Thread(target=client.get, args=[name]) for name in names]
        for thread in threads:
            thread.start()
        while len(server.requests) < 1 + len(names):
            gate.await_somebody()
    for thread in threads:
        thread.join(PATIENCE)
    assert api.lookups == 2


# Services that somebody names.


def test_services_of_the_settings(servers: Servers, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = servers(2)
    name = other.add(b"aaa")
    settings = {"ARVADOS_KEEP_SERVICES": f"{one.url} {other.url[:-1]}", "ARVADOS_API_TOKEN": "of-the-settings"}
    monkeypatch.setattr("keepset.config._settings", settings)
    client = KeepClient()
    assert client.get(name) == b"aaa"
    assert other.requests[0].headers["Authorization"] == "Bearer of-the-settings"
    monkeypatch.setattr("keepset.config._settings", {"ARVADOS_KEEP_PROXY": other.url})
    assert KeepClient().get(name) == b"aaa"
    api = Api(one)
    assert KeepClient(api, proxy="").get(one.add(b"bbb")) == b"bbb"
    assert api.lookups == 1


def test_services_that_somebody_names_are_asked_again_too(server: KeepServer, client_of: ClientOf) -> None:
    server.next += [Answer(503), Answer(503)]
    assert client_of(api_client=None, proxy=server.url, api_token="t").get(server.add(b"aaa")) == b"aaa"
    assert len(server.requests) == 3


def test_the_api_client_of_the_settings(server: KeepServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("keepset.config._settings", {"ARVADOS_API_HOST": "a.invalid", "ARVADOS_API_TOKEN": "t"})
    made: list[str] = []

    def api(version: str) -> Api:
        made.append(version)
        return Api(server)

    monkeypatch.setitem(sys.modules, "keepset.api", SimpleNamespace(api=api))
    assert KeepClient().get(server.add(b"aaa")) == b"aaa"
    assert made == ["v1"]


def test_a_service_below_a_path(server: KeepServer, client_of: ClientOf) -> None:
    client = client_of(api_client=None, proxy=f"{server.url}keep", api_token="t")
    server.next.append(Answer(body=b"aaa"))
    assert client.get("47bce5c74f589f4867dbd57e9ca9f808+3") == b"aaa"
    assert server.requests[0].path == "/keep/47bce5c74f589f4867dbd57e9ca9f808+3"


@pytest.mark.parametrize("url", ["keep.example:25107", "ftp://keep.example", "http://", "/x", "http://good bad"])
def test_what_is_no_url(url: str) -> None:
    with pytest.raises(errors.ArgumentError, match="Invalid proxy URI"):
        KeepClient(proxy=url, api_token="t")


def test_both_a_token_and_an_api_client() -> None:
    with pytest.raises(ValueError, match="both API client and token"):
        KeepClient(Api(), api_token="t")


def test_nothing_that_says_where() -> None:
    with pytest.raises(errors.ConfigError, match="ARVADOS_KEEP_SERVICES"):
        KeepClient()


def test_a_proxy_has_the_timeouts_of_a_proxy_and_a_disk_those_of_a_disk(servers: Servers, client_of: ClientOf) -> None:
    disk, proxy = servers(2)
    api = Api(disk)
    api.items.append(item(proxy.port, 1, "proxy"))
    slow = Answer(body=b"aaa", piece=1, pause=0.3)
    disk.always = proxy.always = slow
    client = client_of(api_client=api, timeout=(2, 0.1, 1), proxy_timeout=(2, 10, 1), num_retries=0)
    assert client.get("47bce5c74f589f4867dbd57e9ca9f808+3") == b"aaa"
