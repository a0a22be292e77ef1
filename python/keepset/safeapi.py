"""`ThreadSafeApiCache`, under the name and in the module where scripts look for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from keepset import config, session

if TYPE_CHECKING:
    from collections.abc import Mapping

    from keepset.api import ThreadSafeAPIClient
    from keepset.catalog.base import Collections

__all__ = ["ThreadSafeApiCache"]

_CLUSTER = {"host", "discoveryServiceUrl"}


class ThreadSafeApiCache:
    """The default catalog and its Keep client, for all threads.

    Any attribute that it does not have is the catalog's.

    Args:
        apiconfig: Settings, instead of those of the environment and the settings file.
        keep_params: Options for the Keep client of a cluster; a local store has but one.
        api_params: Options for the client of a cluster, which they may name.
        version: The version of a cluster's API.

    Raises:
        ConfigError: Half a cluster is named.

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
        self._session: session.Store | ThreadSafeAPIClient
        is_named = bool(_CLUSTER & (api_params or {}).keys())
        if is_named or config.api_host_and_token(apiconfig):
            from keepset.api import ThreadSafeAPIClient

            self._session = ThreadSafeAPIClient({} if is_named else apiconfig, keep_params, api_params, version)
        else:
            self._session = session.default_session(apiconfig)

    @property
    def request_id(self) -> str | None:
        """The `X-Request-Id` of requests to a cluster; None for a new one each time."""
        return getattr(self._session, "request_id", None)

    @request_id.setter
    def request_id(self, value: str | None) -> None:
        shared: Any = self._session
        shared.request_id = value

    def localapi(self) -> session.Store | ThreadSafeAPIClient:
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
