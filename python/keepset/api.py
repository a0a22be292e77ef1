"""Clients of the Arvados API, under the names of `arvados.api`. The module can be called: `keepset.api("v1")`.

Example:
    >>> normalize_api_kwargs("v1", host="zzzzz.example", token="secret")["discoveryServiceUrl"]
    'https://zzzzz.example/discovery/v1/apis/{api}/{apiVersion}/rest'
"""

from __future__ import annotations

import functools
import logging
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from keepset import config, errors
from keepset._pools import is_loopback
from keepset.catalog.http_cache import ThreadSafeHTTPCache, http_cache
from keepset.catalog.rest import ApiClient

if TYPE_CHECKING:
    from collections.abc import Mapping
    from inspect import Signature
    from typing import Self

    from keepset.keep import KeepClient

__all__ = [
    "ThreadSafeAPIClient",
    "ThreadSafeHTTPCache",
    "api",
    "api_client",
    "api_from_config",
    "api_kwargs_from_config",
    "http_cache",
    "normalize_api_kwargs",
]

_PATH = "/discovery/v1/apis/{api}/{apiVersion}/rest"
_PLAIN = "http://"
_NO_HOST = frozenset("/ \t\r\n@?#\\")

_log = logging.getLogger(__name__)


class ThreadSafeAPIClient(ApiClient):
    """The API of a cluster and the Keep client for its blocks, for all threads.

    Args:
        apiconfig: Settings that name the cluster and the token; None for those of the environment and the settings
            file, an empty mapping if `api_params` do.
        keep_params: What `KeepClient` is to be given besides this client.
        api_params: What `api_client` is to be given besides.
        version: The version of the API.

    Raises:
        ConfigError: The settings lack something, or contradict `api_params`.
        ApiError: The server does not describe its API.
        ApiConnectionError: The server cannot be reached.
    """

    def __init__(
        self,
        apiconfig: Mapping[str, str] | None = None,
        keep_params: Mapping[str, Any] | None = None,
        api_params: Mapping[str, Any] | None = None,
        version: str | None = None,
    ) -> None:
        if apiconfig or apiconfig is None:
            arguments = api_kwargs_from_config(version, apiconfig, **api_params or {})
        else:
            arguments = normalize_api_kwargs(version, **api_params or {})
        self._keep_params = dict(keep_params or {})
        _refuse_http(arguments.pop("http", None))
        super().__init__(**arguments)

    @functools.cached_property
    def keep(self) -> KeepClient:
        """The Keep client; it is made when it is first asked for."""
        from keepset.keep import KeepClient

        # One for all, also if two threads have asked at once.
        return cast("KeepClient", vars(self).setdefault("keep", KeepClient(api_client=self, **self._keep_params)))

    def localapi(self) -> Self:
        """Return the client for this thread: the same one for all threads."""
        return self


def api_client(
    version: str,
    discoveryServiceUrl: str,
    token: str,
    *,
    cache: bool = True,
    http: None = None,
    insecure: bool = False,
    num_retries: int = 10,
    request_id: str | None = None,
    timeout: float | None = 5 * 60,
) -> ApiClient:
    """Return a client without a Keep client.

    Args:
        version: The version of the API.
        discoveryServiceUrl: The address of its description, with `{api}` and `{apiVersion}` to be filled in.
        token: The token.
        cache: Whether a description that was read before will do.
        http: For the sake of 3.2.1: there is no httplib2 here.
        insecure: Whether to trust every certificate.
        num_retries: How often requests are tried again.
        request_id: The `X-Request-Id` of all requests; a new one for each, if it is None.
        timeout: How many seconds to wait for each part of a reply.

    Raises:
        NotImplementedError: There is an `http`.
        ApiError: The server does not describe its API.
        ApiConnectionError: The server cannot be reached.
    """
    _refuse_http(http)
    return ApiClient(
        version,
        discoveryServiceUrl,
        token,
        cache=cache,
        insecure=insecure,
        num_retries=num_retries,
        request_id=request_id,
        timeout=timeout,
    )


def _refuse_http(http: object) -> None:
    if http is not None:
        raise errors.NotImplementedError("connections are urllib3's here: leave out http")


def normalize_api_kwargs(
    version: str | None = None,
    discoveryServiceUrl: str | None = None,
    host: str | None = None,
    token: str | None = None,
    **kwargs: Any,
) -> dict[str, Any]:
    """Return the arguments of `api_client` for those of `api`.

    Args:
        version: The version of the API; `"v1"`, if it is None.
        discoveryServiceUrl: The address of its description.
        host: The server instead, as `host[:port]`; as `http://host[:port]` one that speaks no TLS, on this machine or
            `insecure`.
        token: The token.
        **kwargs: What else there is.

    Raises:
        ConfigError: One of them is missing, or there is one too many.
    """
    if discoveryServiceUrl and host:
        raise errors.ConfigError("both discoveryServiceUrl and host are given")
    if not (discoveryServiceUrl or host):
        given = "a token is given, but" if token else "there is"
        raise errors.ConfigError(f"{given} neither discoveryServiceUrl nor host")
    if not token:
        raise errors.ConfigError(f"{'host' if host else 'discoveryServiceUrl'} is given, but the token is missing")
    if not version:
        version = "v1"
        _log.info("using version %s of the API", version)
    url = discoveryServiceUrl or _root_of(host or "", insecure=bool(kwargs.get("insecure"))) + _PATH
    return {"discoveryServiceUrl": url, "token": token, "version": version, **kwargs}


def _root_of(host: str, *, insecure: bool) -> str:
    """Return the address of a server, with which others than this machine are not spoken to in clear text unasked."""
    is_plain = host.startswith(_PLAIN)
    name = host.removeprefix(_PLAIN).removesuffix("/") if is_plain else host
    if not name or _NO_HOST.intersection(name):
        raise errors.ConfigError(
            f"not a server's host[:port], without https:// and path (or {_PLAIN}host[:port]): {host!r}"
        )
    if not is_plain:
        return f"https://{name}"
    if not (insecure or is_loopback(urlsplit(host).hostname or "")):
        raise errors.ConfigError(
            f"without TLS the token can be read on its way to {host}: leave out {_PLAIN}, or set"
            " ARVADOS_API_HOST_INSECURE"
        )
    return _PLAIN + name


def api_kwargs_from_config(
    version: str | None = None, apiconfig: Mapping[str, str] | None = None, **kwargs: Any
) -> dict[str, Any]:
    """Return the arguments of `api_client` for settings.

    Args:
        version: The version of the API; `"v1"`, if it is None.
        apiconfig: The settings; None for those of the environment and the settings file.
        **kwargs: What else there is.

    Raises:
        ConfigError: `ARVADOS_API_HOST` or `ARVADOS_API_TOKEN` is missing.
    """
    cluster = config.api_host_and_token(apiconfig)
    if cluster is None:
        raise errors.ConfigError(
            "ARVADOS_API_HOST and ARVADOS_API_TOKEN are not set: set them in the environment or in the settings file"
        )
    insecure = kwargs.pop("insecure", False) or config.flag_is_true("ARVADOS_API_HOST_INSECURE", apiconfig)
    return normalize_api_kwargs(version, None, *cluster, insecure=insecure, **kwargs)


def api(
    version: str | None = None,
    cache: bool = True,
    host: str | None = None,
    token: str | None = None,
    insecure: bool = False,
    request_id: str | None = None,
    timeout: float | None = 5 * 60,
    *,
    discoveryServiceUrl: str | None = None,
    **kwargs: Any,
) -> ThreadSafeAPIClient:
    """Return a client of the API of a cluster: the one that is named here, or that of the settings.

    Args:
        version: The version of the API; `"v1"`, if it is None.
        cache: Whether a description of it that was read before will do.
        host: The server, as `host[:port]`; as `http://host[:port]` one that speaks no TLS, on this machine or
            `insecure`.
        token: The token.
        insecure: Whether to trust every certificate.
        request_id: The `X-Request-Id` of all requests; a new one for each, if it is None.
        timeout: How many seconds to wait for each part of a reply.
        discoveryServiceUrl: Instead of `host`, the address of the description.
        **kwargs: What else `api_client` takes.

    Raises:
        ConfigError: What names the cluster is missing, half of it is, or it is named twice.
        ApiError: The server does not describe its API.
        ApiConnectionError: The server cannot be reached.
    """
    options = {"cache": cache, "insecure": insecure, "request_id": request_id, "timeout": timeout, **kwargs}
    if discoveryServiceUrl or host or token:
        arguments = normalize_api_kwargs(version, discoveryServiceUrl, host, token, **options)
    else:
        arguments = api_kwargs_from_config(version, **options)
    version = arguments.pop("version")
    return ThreadSafeAPIClient({}, {}, arguments, version)


def api_from_config(
    version: str | None = None, apiconfig: Mapping[str, str] | None = None, **kwargs: Any
) -> ThreadSafeAPIClient:
    """Return a client of the API of the cluster that settings name.

    Args:
        version: The version of the API; `"v1"`, if it is None.
        apiconfig: The settings; None for those of the environment and the settings file.
        **kwargs: What else `api` takes.

    Raises:
        ConfigError: `ARVADOS_API_HOST` or `ARVADOS_API_TOKEN` is missing.
        ApiError: The server does not describe its API.
        ApiConnectionError: The server cannot be reached.
    """
    return api(**api_kwargs_from_config(version, apiconfig, **kwargs))


class _CallableModule(ModuleType):
    __call__ = staticmethod(api)

    @property
    def __signature__(self) -> Signature:
        """What `inspect` shows; it takes the first argument of a static `__call__` for the module."""
        import inspect

        return inspect.signature(api)


sys.modules[__name__].__class__ = _CallableModule
