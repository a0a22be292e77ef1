"""An Arvados API server over real HTTP, on a local catalog, that does what a test tells it to.

It notes every request. What it answers is decided by the first of these that knows: the replies that `script` has been
given for the path, the function that is in `handlers` for it, and `routes` below.
"""

from __future__ import annotations

import contextlib
import gzip
import itertools
import json
import re
import threading
import time
import urllib.parse
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import replace_server
from keepset import errors

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator, Mapping

    from keepset.catalog.local import LocalCatalog

TOKEN = "v2/zzzzz-gj3su-000000000000000/thesecretofthistoken"
DISCOVERY = "/discovery/v1/apis/arvados/v1/rest"
BASE = "/arvados/v1/"
LOCATOR = re.compile(r"(?<= )[0-9a-f]{32}\+\d+")
USER = "local-tpzed-000000000000000"
"""The owner of what a local catalog has."""

STRING, BOOLEAN, INTEGER = {"type": "string"}, {"type": "boolean"}, {"type": "integer"}
ARRAY, OBJECT = {"type": "array"}, {"type": "object"}
LIST = {
    "filters": ARRAY,
    "where": OBJECT,
    "order": ARRAY,
    "select": ARRAY,
    "distinct": BOOLEAN,
    "limit": INTEGER,
    "offset": INTEGER,
    "count": STRING,
    "include_trash": BOOLEAN,
    "include_old_versions": BOOLEAN,
}
REPLACE = {"replace_files": OBJECT, "replace_segments": OBJECT}


class Recorded(NamedTuple):
    """A request as it came in.

    Attributes:
        method: The HTTP method, as it is meant: that of a method override, if there is one.
        path: The path, without what all paths begin with.
        query: The parameters, of an overridden GET those in its body.
        body: The JSON of the body; the bytes, if it is none.
        headers: The headers, with names in lower case.
        raw: The method and the target as they stood in the first line.
        content: The bytes of the body.
        peer: The other end of the connection, which tells connections apart.
    """

    method: str
    path: str
    query: dict[str, str]
    body: Any
    headers: dict[str, str]
    raw: str
    content: bytes
    peer: tuple[str, int]


class Answer(NamedTuple):
    """A reply.

    Attributes:
        status: The HTTP status.
        body: The body: bytes, or what is written as JSON.
        headers: Further headers.
        fault: `"reset"` (no reply at all), `"short"` (less of the body than promised), `"slow"` (too late), or
            `"close"` (a good reply, and then the connection is closed without a word).
        reason: What stands behind the status; None for the usual.
    """

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = MappingProxyType({})
    fault: str = ""
    reason: str | None = None


def refusal(status: int, *messages: str) -> Answer:
    """A reply that says why not, as the controller writes it."""
    return Answer(status, {"errors": list(messages)})


def method(name: str, verb: str, path: str, parameters: dict[str, Any], *required: str) -> dict[str, Any]:
    """The description of a method; a parameter in the path is required."""
    found = {
        key: value | {"location": "path" if f"{{{key}}}" in path else "query", "required": f"{{{key}}}" in path}
        for key, value in parameters.items()
    }
    request = {"request": {"required": True, "properties": {}}} if required else {}
    return {
        "id": f"arvados.{name}",
        "path": path,
        "httpMethod": verb,
        "description": f"Do {name}.",
        "parameters": found,
        "response": {},
        **request,
    }


def discovery_document(root: str, **changes: Any) -> dict[str, Any]:
    """A description of the API in the form of the real one, with the methods that tests call."""
    one, select = {"uuid": STRING}, {"select": ARRAY}
    unique = {"ensure_unique_name": BOOLEAN, "cluster_id": STRING}
    collections = {
        "get": method("collections.get", "GET", "collections/{uuid}", one | select | {"include_trash": BOOLEAN}),
        "list": method("collections.list", "GET", "collections", LIST),
        "create": method("collections.create", "POST", "collections", select | unique | REPLACE, "body"),
        "update": method("collections.update", "PUT", "collections/{uuid}", one | select | REPLACE, "body"),
        "delete": method("collections.delete", "DELETE", "collections/{uuid}", one),
        "trash": method("collections.trash", "POST", "collections/{uuid}/trash", one),
        "untrash": method("collections.untrash", "POST", "collections/{uuid}/untrash", one),
        "provenance": method("collections.provenance", "GET", "collections/{uuid}/provenance", one),
        "used_by": method("collections.used_by", "GET", "collections/{uuid}/used_by", one),
    }
    groups = {
        "get": method("groups.get", "GET", "groups/{uuid}", one | select),
        "create": method("groups.create", "POST", "groups", select | unique | {"async": BOOLEAN}, "body"),
        "contents": method("groups.contents", "GET", "groups/contents", LIST | {"uuid": STRING, "include": ARRAY}),
    }
    users = {"current": method("users.current", "GET", "users/current", {})}
    services = {"accessible": method("keep_services.accessible", "GET", "keep_services/accessible", {})}
    logs = {"list": method("logs.list", "GET", "logs", LIST), "export": method("logs.export", "GET", "logs/export", {})}
    del logs["export"]["response"]
    methods = {"collections": collections, "groups": groups, "users": users, "keep_services": services, "logs": logs}
    methods["configs"] = {"get": method("configs.get", "GET", "config", {})}
    methods["vocabularies"] = {"get": method("vocabularies.get", "GET", "vocabulary", {})}
    return {
        "kind": "discovery#restDescription",
        "name": "arvados",
        "version": "v1",
        "rootUrl": f"{root}/",
        "servicePath": BASE[1:],
        "batchPath": "batch",
        "parameters": {"alt": STRING | {"enum": ["json"], "location": "query"}},
        "schemas": {"Collection": {"id": "Collection", "type": "object", "uuidPrefix": "4zz18", "properties": {}}},
        "resources": {name: {"methods": found} for name, found in methods.items()},
        "maxRequestSize": 1 << 20,
        "defaultCollectionReplication": 3,
        "uuidPrefix": "local",
        **changes,
    }


class ApiServer:
    """The server, in a thread of this process.

    Args:
        catalog: What has the records.
        context: What to encrypt with; None for clear text.
        changes: What the discovery document has instead of the usual.

    Attributes:
        url: Its address.
        requests: What has been asked for, but for the discovery document.
        discoveries: How often that was asked for.
        handlers: Functions that answer instead of the usual ones, by method and path.
        discovery_headers: The headers that the discovery document comes with.
        is_signing: Whether manifests are signed.
    """

    def __init__(self, catalog: LocalCatalog, context: ssl.SSLContext | None = None, **changes: Any) -> None:
        self._catalog = catalog
        self._scripts: dict[str, deque[Answer]] = {}
        self._changes = changes
        self._signatures = itertools.count(1)
        self.is_signing = False
        self.requests: list[Recorded] = []
        self.discoveries = 0
        self.handlers: dict[str, Callable[[Recorded], Answer]] = {}
        self.discovery_headers = {"Cache-Control": "max-age=86400, public"}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        if context is not None:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        scheme = "http" if context is None else "https"
        self.host = f"localhost:{self._server.server_address[1]}"
        self.url = f"{scheme}://{self.host}"

    @contextlib.contextmanager
    def running(self) -> Iterator[ApiServer]:
        """Serve while the block runs."""
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()

    @property
    def template(self) -> str:
        """The `discoveryServiceUrl`."""
        return f"{self.url}/discovery/v1/apis/{{api}}/{{apiVersion}}/rest"

    def script(self, path: str, *answers: Answer) -> None:
        """Have the next requests for a path answered like this."""
        self._scripts.setdefault(path, deque()).extend(answers)

    def answer(self, request: Recorded) -> Answer:
        """Answer a request."""
        if request.path == DISCOVERY:
            self.discoveries += 1
            document = discovery_document(self.url, **self._changes)
            scripted = self._scripts.get(DISCOVERY)
            return scripted.popleft() if scripted else Answer(body=document, headers=self.discovery_headers)
        self.requests.append(request)
        if scripted := self._scripts.get(request.path):
            return scripted.popleft()
        if handler := self.handlers.get(f"{request.method} {request.path}"):
            return handler(request)
        return self.usual(request)

    def usual(self, request: Recorded) -> Answer:
        """Answer as a server that works."""
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return refusal(401, "Not logged in")
        name, *rest = map(urllib.parse.unquote, request.path.split("/"))
        if name == "collections":
            return self._collections(request, rest)
        if request.path == "config":
            return Answer(body={"ClusterID": "zzzzz", "StorageClasses": {"default": {"Default": True}}})
        if request.path in ("users/current", "vocabulary", "groups/contents"):
            return Answer(body={"path": request.path, "items": [], "uuid": USER})
        return refusal(404, "Path not found")

    def _collections(self, request: Recorded, rest: list[str]) -> Answer:
        """Answer from the catalog: the arguments of its methods are those of the API."""
        arguments = {key: _decoded(value) for key, value in request.query.items() if key != "alt"}
        actions = {"GET": "get", "PUT": "update", "DELETE": "delete"}
        action = rest[1] if rest[1:] else actions[request.method] if rest else "list"
        if not rest and request.method == "POST":
            action = "create"
        if rest:
            arguments["uuid"] = rest[0]
        if action in ("create", "update"):
            arguments["body"] = request.body
        try:
            if "replace_files" in (request.body or {}):
                arguments["body"] = self._replaced(rest[0], request.body)
            return Answer(body=self._signed(getattr(self._catalog.collections(), action)(**arguments).execute()))
        except errors.ApiError as error:
            return Answer(error.status_code, error.content)
        except replace_server.Refused as error:
            return refusal(400, str(error))

    def _signed(self, record: dict[str, Any]) -> dict[str, Any]:
        """Sign the manifest of a record, each time anew, as a cluster does for whoever asks."""
        if not (self.is_signing and "manifest_text" in record):
            return record
        number = next(self._signatures)
        hint = f"+A{number:040x}@{0x70000000 + number:08x}"
        return record | {"manifest_text": LOCATOR.sub(rf"\g<0>{hint}", record["manifest_text"])}

    def _replaced(self, uuid: str, body: dict[str, Any]) -> dict[str, Any]:
        """Turn paths to be replaced into the whole text, with what the record has at this moment."""
        current = self._catalog.collections().get(uuid=uuid).execute()["manifest_text"]
        text = replace_server.text_of(replace_server.update(current, body))
        return {"collection": body["collection"] | {"manifest_text": text}}


def _decoded(value: str) -> Any:
    """Read a parameter: JSON, or plain text."""
    try:
        return json.loads(value)
    except ValueError:
        return value


def _handler(server: ApiServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # headers and body in one packet, for which nobody waits

        def log_message(self, format: str, *arguments: object) -> None:
            """Say nothing: the tests look at what was recorded."""

        def handle_any(self) -> None:
            """Record the request, and send what it is answered with."""
            answer = server.answer(self.recorded())
            if answer.fault == "reset":
                self.close_connection = True
                return
            if answer.fault == "slow":
                time.sleep(0.5)
            self.close_connection = answer.fault in ("close", "short")
            body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
            headers = {"Content-Type": "application/json; charset=utf-8", **answer.headers}
            if "gzip" in self.headers.get("Accept-Encoding", "") and len(body) > 1000:
                body = gzip.compress(body, 1)
                headers["Content-Encoding"] = "gzip"
            if answer.fault == "short":
                body += b"and more"
            self.send_response(answer.status, answer.reason)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body[: -len(b"and more")] if answer.fault == "short" else body)

        def recorded(self) -> Recorded:
            """Read the request."""
            headers = {name.lower(): value for name, value in self.headers.items()}
            content = self.rfile.read(int(headers.get("content-length", 0)))
            target, _, query = self.path.partition("?")
            path = target.removeprefix(BASE)
            verb = headers.get("x-http-method-override", self.command)
            if verb != self.command:
                query = content.decode()
            parameters = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
            body = _decoded(content.decode("latin-1")) if content else None
            raw = f"{self.command} {self.path}"
            return Recorded(verb, path, parameters, body, headers, raw, content, self.client_address)

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

    return Handler
