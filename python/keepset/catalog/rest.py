"""The Arvados API over HTTP, in the call style of arvados-python-client.

    client.collections().list(filters=[["name", "like", "run%"]], limit=10).execute(num_retries=3)

Resources, methods and arguments are those of the server's discovery document. One client serves any number of threads.
"""

from __future__ import annotations

import json
import urllib.parse
from typing import TYPE_CHECKING, Any, NoReturn

from keepset import config, errors, util
from keepset.catalog.discovery import discover, document_url
from keepset.catalog.http_cache import http_cache
from keepset.catalog.methods import MethodDescription, python_name
from keepset.catalog.transport import Reply, Transport

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType
    from typing import Self

__all__ = ["ApiClient", "CollectionsResource", "Request", "Resource"]

MAX_URL = 2048
"""An address that is longer goes as the body of a POST, since servers and proxies cut or refuse it."""


class Request:
    """A request that is not sent yet.

    Args:
        client: Sends it.
        description: The method that was called.
        arguments: What it was called with.

    Attributes:
        uri: The address.
        method: The HTTP method.
        headers: The headers that it is sent with, besides those of all requests.
        body: The body, or None.
        methodId: The method's name in the discovery document.

    Raises:
        ApiArgumentError: The method does not take these arguments.
    """

    def __init__(self, client: ApiClient, description: MethodDescription, arguments: Mapping[str, Any]) -> None:
        self._client, self._description, self._arguments = client, description, arguments
        self.methodId = description.id
        self.method, path, self.headers, self.body = description.wire(arguments)
        self.uri = client._baseUrl + path
        if self.method == "GET" and len(self.uri) > MAX_URL:
            self.uri, _, self.body = self.uri.partition("?")
            self.method = "POST"
            self.headers["X-HTTP-Method-Override"] = "GET"
            self.headers["Content-Type"] = "application/x-www-form-urlencoded"

    def __repr__(self) -> str:
        """Show what is asked for."""
        return f"<keepset.api request {self.method} {self.uri}>"

    def execute(self, http: object = None, num_retries: int = 0) -> Any:
        """Send it and return the reply; a second call sends it again.

        Args:
            http: For the sake of googleapiclient's order of arguments.
            num_retries: How often it is tried again, if that is more than the client's own number.

        Raises:
            ApiError: The server refuses it, or answers something else than JSON.
            ApiConnectionError: The server cannot be reached.
        """
        body = None if self.body is None else self.body.encode()
        reply, request_id = self._client._send(self.method, self.uri, self.headers, body, num_retries)
        if reply.status == 204:
            return {}
        if not self._description.has_json:
            return reply.body
        try:
            return json.loads(reply.body)
        except ValueError:
            status, told = reply.status, self._client._transport.redact(reply.body.decode("utf-8", "replace"))
        del reply  # what it repeats of the request is not to be among the variables of a traceback
        raise errors.ApiError.of(status, f"the reply is no JSON: {told[:80]!r}", self.uri, request_id)

    def _page(self, offset: int) -> Request:
        """Return the same request from another record on."""
        return Request(self._client, self._description, {**self._arguments, "offset": offset})


def _method(client: ApiClient, description: MethodDescription) -> Callable[..., Request]:
    """Return the function that makes requests of a method; `help` tells what the server says of it."""

    def method(**arguments: Any) -> Request:
        return Request(client, description, arguments)

    method.__name__ = description.name.rpartition(".")[2]
    method.__qualname__ = description.name
    method.__doc__ = description.documentation
    vars(method)["__signature__"] = description.signature
    return method


class Resource:
    """A part of the API, such as `collections()`: its methods and the parts of it are attributes.

    Args:
        client: Sends the requests; None if this is the client itself.
        name: What it is called.
        description: What the discovery document says of it.
    """

    def __init__(self, client: ApiClient, name: str, description: Mapping[str, Any]) -> None:
        self._client = client
        self._name = name
        self._resourceDesc = description
        self._methods = {python_name(one): one for one in description.get("methods", {})}
        self._resources = {python_name(one): one for one in description.get("resources", {})}

    def __repr__(self) -> str:
        """Show which part of which API."""
        return f"<keepset.api {self._client._place()} {self._name}>"

    def __dir__(self) -> list[str]:
        """List the methods and parts, too."""
        return sorted({*super().__dir__(), *self._methods, *self._resources})

    def __getattr__(self, name: str) -> Any:
        """Return a method, or a function that returns a part."""
        if name.startswith("_"):  # while a copy is made, there is nothing yet
            raise AttributeError(name)
        full_name = f"{self._name}.{name}".lstrip(".")
        if name in self._methods:
            return _method(self._client, self._described(full_name, self._resourceDesc["methods"][self._methods[name]]))
        if name in self._resources:
            description = self._resourceDesc["resources"][self._resources[name]]
            return lambda: Resource(self._client, full_name, description)
        raise AttributeError(f"the API of {self._client._place()} has no {full_name}")

    def _described(self, name: str, description: Mapping[str, Any]) -> MethodDescription:
        known = self._client._descriptions
        if name not in known:
            known[name] = MethodDescription(name, description, self._client._rootDesc.get("parameters", {}))
        return known[name]

    def list_next(self, previous_request: Request, previous_response: Mapping[str, Any]) -> Request | None:
        """Return the request for the page behind one that `list` has given, or None if it was the last.

        Records that come or go between the requests are missed or given twice; `keepset.util.keyset_list_all` sees to
        that.

        Args:
            previous_request: The request for that page.
            previous_response: The page.
        """
        count = len(previous_response["items"])
        end = previous_response.get("offset", previous_request._arguments.get("offset", 0)) + count
        if not count or end >= previous_response.get("items_available", end + 1):
            return None
        return previous_request._page(end)


class CollectionsResource(Resource):
    """The resource `collections`. Its methods are the server's; these are those of a current one."""

    if TYPE_CHECKING:

        def get(self, *, uuid: str, select: Sequence[str] | None = None, include_trash: bool | None = None) -> Request:
            """Ask for a record by its UUID or by a portable data hash."""

        def list(
            self,
            *,
            filters: Sequence[Any] | None = None,
            where: Mapping[str, Any] | None = None,
            order: Sequence[str] | str | None = None,
            select: Sequence[str] | None = None,
            distinct: bool | None = None,
            limit: int | None = None,
            offset: int | None = None,
            count: str | None = None,
            cluster_id: str | None = None,
            bypass_federation: bool | None = None,
            include_trash: bool | None = None,
            include_old_versions: bool | None = None,
        ) -> Request:
            """Ask for the records that filters choose."""

        def create(
            self,
            *,
            body: Mapping[str, Any],
            select: Sequence[str] | None = None,
            ensure_unique_name: bool | None = None,
            cluster_id: str | None = None,
            replace_files: Mapping[str, str] | None = None,
            replace_segments: Mapping[str, str] | None = None,
        ) -> Request:
            """Ask for a new record."""

        def update(
            self,
            *,
            uuid: str,
            body: Mapping[str, Any],
            select: Sequence[str] | None = None,
            replace_files: Mapping[str, str] | None = None,
            replace_segments: Mapping[str, str] | None = None,
        ) -> Request:
            """Ask for a change of a record."""

        def delete(self, *, uuid: str) -> Request:
            """Ask to put a record into the trash, and to delete it as soon as is safe."""

        def trash(self, *, uuid: str) -> Request:
            """Ask to put a record into the trash."""

        def untrash(self, *, uuid: str) -> Request:
            """Ask to take a record out of the trash."""

        def provenance(self, *, uuid: str) -> Request:
            """Ask what a collection was made from."""

        def used_by(self, *, uuid: str) -> Request:
            """Ask what was made from a collection."""


class ApiClient(Resource):
    """The API of a cluster. `keepset.api` makes it.

    Args:
        version: The version of the API.
        discoveryServiceUrl: The template of the address of its description.
        token: The token.
        cache: Whether a description that was read before will do.
        insecure: Whether to trust every certificate.
        num_retries: How often requests are tried again.
        request_id: The `X-Request-Id` of all requests; a new one for each, if it is None.
        timeout: How many seconds to wait for each part of a reply.

    Attributes:
        api_token: The token.
        insecure: As given.
        request_id: As given; it may be changed.

    Raises:
        ApiError: The server does not describe its API.
        ApiConnectionError: The server cannot be reached.
        ConfigError: The token cannot be one.
    """

    def __init__(
        self,
        version: str,
        discoveryServiceUrl: str,
        token: str,
        *,
        cache: bool = True,
        insecure: bool = False,
        num_retries: int = 10,
        request_id: str | None = None,
        timeout: float | None = 300,
    ) -> None:
        config.settings()  # which say how much is logged, also where a cluster is named
        self.api_token = token
        self.insecure = insecure
        self.request_id = request_id
        self._transport = Transport(token, insecure=insecure, timeout=timeout, num_retries=num_retries)
        url = document_url(discoveryServiceUrl, version)

        def fetch() -> Reply:
            return self._transport.send("GET", url, request_id or util.new_request_id())

        cached = http_cache("discovery") if cache else None
        self._rootDesc = discover(url, fetch, cached, memory=cache, verified=not insecure)
        self._baseUrl: str = urllib.parse.urljoin(self._rootDesc["rootUrl"], self._rootDesc["servicePath"])
        if not self._baseUrl.endswith("/"):
            self._baseUrl += "/"
        self._descriptions: dict[str, MethodDescription] = {}
        self._schema = self._rootDesc.get("schemas", {})
        self._transport.max_request_size = self._rootDesc.get("maxRequestSize", 0)
        super().__init__(self, "", self._rootDesc)

    def __repr__(self) -> str:
        """Show which cluster."""
        return f"<keepset.api {self._place()}>"

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled.

        Raises:
            TypeError: Always: whoever has the pickle would have the token.
        """
        raise TypeError("a client of the API has a token and is not pickled: make one where it is needed")

    def _place(self) -> str:
        return urllib.parse.urlsplit(self._baseUrl).netloc

    def collections(self) -> CollectionsResource:
        """Return the resource `collections`."""
        return CollectionsResource(self, "collections", self._rootDesc["resources"]["collections"])

    def config(self) -> dict[str, Any]:
        """Return the cluster's configuration; it is asked for once."""
        return util.get_config_once(self)

    def vocabulary(self) -> dict[str, Any]:
        """Return the cluster's vocabulary; it is asked for once."""
        return util.get_vocabulary_once(self)

    def _send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, num_retries: int
    ) -> tuple[Reply, str]:
        """Send a request and return the reply, if it is a success, and the request's identifier.

        Raises:
            ApiError: The reply is none.
            ApiConnectionError: There is none.
        """
        request_id = self.request_id or util.new_request_id()
        reply = self._transport.send(method, url, request_id, headers, body, num_retries)
        if reply.status >= 300:
            named = {"x-request-id": request_id, **reply.headers}
            raise errors.ApiError.of_reply(reply.status, reply.reason, named, reply.body, url)
        return reply, request_id

    def close_connections(self) -> None:
        """Close the connections that are idle; whoever needs one makes a new one."""
        self._transport.close(self._baseUrl)

    def close(self) -> None:
        """Do the same."""
        self.close_connections()

    def __enter__(self) -> Self:
        """Return the client; the `with` statement closes it."""
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the client."""
        self.close()
