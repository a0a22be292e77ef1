"""What the object model asks of a catalog of collections: the part of the Arvados API client that it uses."""

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

__all__ = ["Catalog", "Collections", "ConditionalCollections", "Request"]


class Request(Protocol):
    """A request that is not sent yet, as `googleapiclient.http.HttpRequest`."""

    def execute(self, http: object = None, num_retries: int = 0) -> dict[str, Any]:
        """Send it and return the reply.

        Args:
            http: For the sake of googleapiclient's order of arguments.
            num_retries: How often to try again.

        Raises:
            ApiError: The request is refused. (Another library's client raises its own error of that name.)
        """


class Collections(Protocol):
    """The resource `collections`, with the methods and the parameters of the API; all are passed by name."""

    def get(self, *, uuid: str) -> Request:
        """Ask for a record by its UUID or by a portable data hash."""

    def list(self) -> Request:
        """Ask for the records that filters choose."""

    def create(self, *, body: Mapping[str, Any], ensure_unique_name: bool = False) -> Request:
        """Ask for a new record."""

    def update(self, *, uuid: str, body: Mapping[str, Any]) -> Request:
        """Ask for a change of a record."""

    def delete(self, *, uuid: str) -> Request:
        """Ask to put a record into the trash, and to delete it as soon as is safe."""

    def trash(self, *, uuid: str) -> Request:
        """Ask to put a record into the trash."""

    def untrash(self, *, uuid: str) -> Request:
        """Ask to take a record out of the trash."""


class ConditionalCollections(Collections, Protocol):
    """Collections that can be changed on a condition, which those of the Arvados API cannot."""

    def update(self, *, uuid: str, body: Mapping[str, Any], if_match: str | None = None) -> Request:
        """Ask for a change of a record, to be made only if its `etag` is still this one.

        The reply is `ConflictError`, and nothing is changed, if it is not.
        """


@runtime_checkable
class Catalog(Protocol):
    """An API client: `arvados.api()`, a local catalog, or a session."""

    def collections(self) -> Collections:
        """Return the resource `collections`."""
