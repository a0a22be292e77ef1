"""`ThreadSafeApiCache`, under the name and in the module where scripts look for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from keepset import errors, session

if TYPE_CHECKING:
    from collections.abc import Mapping

    from keepset.catalog.base import Collections

__all__ = ["ThreadSafeApiCache"]


class ThreadSafeApiCache:
    """The default catalog and its Keep client, for all threads.

    Any attribute that it does not have is the catalog's.

    Args:
        apiconfig: Settings, instead of those of the environment and the settings file.
        keep_params: For the sake of 3.2.1: a local store has but one Keep client.
        api_params: For the sake of 3.2.1: options for the client of a cluster.
        version: For the sake of 3.2.1: there is one version of the API.

    Attributes:
        keep: The Keep client.
        request_id: For the sake of 3.2.1: the `X-Request-Id` that requests to a cluster are to have.

    Raises:
        ConfigError: A cluster is named, which this version cannot use.

    Examples:
        >>> api = ThreadSafeApiCache()
        >>> api.collections().list(limit=1).execute()["items"]
        []
    """

    def __init__(
        self,
        apiconfig: Mapping[str, str] | None = None,
        keep_params: Mapping[str, Any] | None = None,
        api_params: Mapping[str, Any] | None = None,
        version: str | None = None,
    ) -> None:
        del keep_params, version
        if api_params and {"host", "discoveryServiceUrl"} & api_params.keys():
            raise errors.ConfigError("api_params name a cluster, and this version of keepset has no network client yet")
        self._session = session.default_session(apiconfig)
        self.keep = self._session.keep
        self.request_id: str | None = None

    def localapi(self) -> session.Store:
        """Return the catalog for this thread: the same one for all threads."""
        return self._session

    def collections(self) -> Collections:
        """Return the resource `collections`."""
        return self._session.collections()

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the catalog."""
        if name == "_session":  # while a copy is made, there is none yet
            raise AttributeError(name)
        return getattr(self._session, name)
