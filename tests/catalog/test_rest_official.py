"""Beside `arvados.api()` of arvados-python-client 3.2.1, on one server: the same requests and the same answers."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any

import pytest

from api_server import TOKEN, Answer, ApiServer, Recorded, refusal
from keepset import errors, util
from keepset.api import api_kwargs_from_config, normalize_api_kwargs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from keepset.api import ThreadSafeAPIClient

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    official = pytest.importorskip("arvados.api")
    official_errors = pytest.importorskip("arvados.errors")
    official_util = pytest.importorskip("arvados.util")

PDH = "83367e8913dcec0bf3fc25ed5a27eacb+49"
UUID = "zzzzz-4zz18-0123456789abcde"
MANY = [f"name-{number}" for number in range(300)]

CALLS: dict[str, Callable[[Any], Any]] = {
    "create": lambda api: api.collections().create(ensure_unique_name=True, body={"name": "é", "properties": {}}),
    "get": lambda api: api.collections().get(uuid=PDH, select=["uuid", "name"], include_trash=True),
    "list": lambda api: api.collections().list(
        filters=[["name", "like", "a+b %/ é"]], order=["name desc"], limit=5, offset=0, count="none", select=["uuid"]
    ),
    "list of everything": lambda api: api.collections().list(),
    "list in text": lambda api: api.collections().list(order="name,uuid", filters='[["uuid","!=",""]]'),
    "list of none": lambda api: api.collections().list(filters=None, limit=None),
    "list where": lambda api: api.collections().list(where={"name": "x"}, distinct=False),
    "a long list": lambda api: api.collections().list(filters=[["name", "in", MANY]]),
    "update": lambda api: api.collections().update(uuid=UUID, body={"collection": {"name": "new"}}),
    "replace_files": lambda api: api.collections().update(uuid=UUID, body={}, replace_files={"/a": "current/b"}),
    "delete": lambda api: api.collections().delete(uuid=UUID),
    "trash": lambda api: api.collections().trash(uuid=UUID),
    "untrash": lambda api: api.collections().untrash(uuid=UUID),
    "used_by": lambda api: api.collections().used_by(uuid=UUID),
    "current": lambda api: api.users().current(),
    "async": lambda api: api.groups().create(body={"group": {"name": "g"}}, **{"async": True}),
    "contents": lambda api: api.groups().contents(uuid="", distinct=None, include=["owner_uuid"]),
    "services": lambda api: api.keep_services().accessible(),
    "no description of the reply": lambda api: api.logs().export(),
}

OWN_HEADERS = {"user-agent", "x-goog-api-client", "x-request-id", "connection", "content-length"}


@pytest.fixture
def theirs(server: ApiServer) -> Iterator[Any]:
    """The official client of the same server."""
    client = official.api("v1", discoveryServiceUrl=server.template, token=TOKEN)
    yield client
    client.close_connections()


@pytest.fixture
def both(server: ApiServer, client: ThreadSafeAPIClient, theirs: Any) -> tuple[Any, Any]:
    """Our client, and theirs, which has asked for the configuration already."""
    server.requests.clear()
    return client, theirs


def sent(request: Recorded) -> tuple[Any, ...]:
    """What of a request matters to a server."""
    headers = {name: value for name, value in request.headers.items() if name not in OWN_HEADERS}
    headers["accept-encoding"] = headers["accept-encoding"].replace(" ", "")
    return request.raw, request.content, headers


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_the_same_request_goes_over_the_wire(
    server: ApiServer, both: tuple[Any, Any], call: Callable[[Any], Any]
) -> None:
    server.usual = lambda request: Answer(body={"items": []})  # type: ignore[method-assign]
    answers = [call(api).execute() for api in both]
    ours, theirs = map(sent, server.requests)
    assert ours == theirs
    assert answers[0] == answers[1]


@pytest.mark.parametrize(
    "call",
    [
        lambda api: api.collections().get(),
        lambda api: api.collections().get(uuid=UUID, nosuch=1),
        lambda api: api.collections().update(uuid=UUID),
        lambda api: api.collections().untrash(uuid=UUID, ensure_unique_name=True),
        lambda api: api.users().current(alt="xml"),
    ],
)
def test_the_same_arguments_are_refused(server: ApiServer, both: tuple[Any, Any], call: Callable[[Any], Any]) -> None:
    for api in both:
        with pytest.raises(TypeError):
            call(api)
    assert server.requests == []


@pytest.mark.parametrize(
    "answer",
    [
        refusal(404, "Path not found (req-x)"),
        refusal(422, "name is taken", "and more"),
        Answer(403, {"error": "no list"}),
        Answer(400, b"<html>"),
        Answer(401, b""),
    ],
)
def test_a_refusal_is_told_alike(server: ApiServer, both: tuple[Any, Any], answer: Answer) -> None:
    server.script("users/current", answer, answer)
    ours, theirs = both
    with pytest.raises(errors.ApiError) as our_error:
        ours.users().current().execute()
    with pytest.raises(official_errors.ApiError) as their_error:
        theirs.users().current().execute()
    a: Any = our_error.value
    b = their_error.value
    assert (a.resp.status, a.resp.reason, a.content, a.uri) == (b.resp.status, b.resp.reason, b.content, b.uri)
    assert a.status_code == b.status_code
    assert a._get_reason() == b._get_reason()
    for name in ("status", "content-type"):
        assert a.resp[name] == b.resp[name]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 409, 410, 422, 423, 429, 500, 501, 502, 503, 504, 507])
def test_the_same_is_tried_again(server: ApiServer, both: tuple[Any, Any], waits: list[float], status: int) -> None:
    server.handlers["GET users/current"] = lambda request: refusal(status, "no")
    attempts: list[int] = []
    for api in both:
        request = api.users().current()
        request._sleep = waits.append  # as their tests have it
        with pytest.raises((errors.ApiError, official_errors.ApiError)) as caught:
            request.execute(num_retries=2)
        assert caught.value.resp.status == status
        attempts.append(len(server.requests) - sum(attempts))
    assert attempts[0] == attempts[1]
    assert attempts[0] in (1, 11)


def test_all_pages_are_asked_for_alike(
    server: ApiServer, both: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(7):
        both[0].collections().create(body={"name": f"c{number}"}).execute()
    server.requests.clear()
    ours, theirs = [
        [
            list(all_of(api.collections().list, order_key=key, ascending=ascending, filters=[["name", "!=", "c3"]]))
            for key, ascending in (("created_at", True), ("name", False))
        ]
        for api, all_of in zip(both, (util.keyset_list_all, official_util.keyset_list_all), strict=True)
    ]
    assert ours == theirs
    half = len(server.requests) // 2
    queries = [json.dumps(request.query, sort_keys=True) for request in server.requests]
    assert queries[:half] == queries[half:]


def test_what_scripts_read(both: tuple[Any, Any]) -> None:
    ours, theirs = both
    for name in ours._rootDesc.keys() - {"resources"}:  # to which googleapiclient adds its own
        assert ours._rootDesc[name] == theirs._rootDesc[name]
    assert (ours.api_token, ours.insecure, ours.request_id) == (theirs.api_token, theirs.insecure, theirs.request_id)
    assert ours.config() == theirs.config()
    assert ours.vocabulary() == theirs.vocabulary()
    public = {name for name in dir(theirs.collections()) if not name.startswith("_")}
    assert public - {"close"} <= {*dir(ours.collections())}


ARGUMENTS: list[dict[str, Any]] = [
    {"host": "zzzzz.example:8000", "token": "t"},
    {"discoveryServiceUrl": "http://x/{api}", "token": "t", "version": "v1", "more": 1},
    {"host": "h"},
    {"token": "t"},
    {"host": "h", "discoveryServiceUrl": "u", "token": "t"},
    {},
]


@pytest.mark.parametrize("arguments", ARGUMENTS)
def test_arguments_are_normalized_alike(arguments: dict[str, Any]) -> None:
    assert outcome(normalize_api_kwargs, arguments) == outcome(official.normalize_api_kwargs, arguments)


@pytest.mark.parametrize("insecure", [None, "1", "yes", "0", ""])
@pytest.mark.parametrize("missing", [None, "ARVADOS_API_HOST", "ARVADOS_API_TOKEN"])
def test_settings_become_arguments_alike(insecure: str | None, missing: str | None) -> None:
    settings = {"ARVADOS_API_HOST": "zzzzz.example", "ARVADOS_API_TOKEN": "t", "ARVADOS_API_HOST_INSECURE": insecure}
    given = {name: value for name, value in settings.items() if value is not None and name != missing}
    arguments: dict[str, Any] = {"apiconfig": given, "timeout": 5}
    assert outcome(api_kwargs_from_config, arguments) == outcome(official.api_kwargs_from_config, arguments)


def outcome(function: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    """What a function returns, or that it does not."""
    try:
        return function(**arguments)
    except ValueError:
        return ValueError
