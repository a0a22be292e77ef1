"""`KeepClient`, with the names and arguments of `arvados.keep.KeepClient` in arvados-python-client 3.2.1."""

from __future__ import annotations

import functools
import importlib
import os
from typing import TYPE_CHECKING, cast

from keepset import config, errors, util
from keepset._secrets import Secret
from keepset.keep.cache import KeepBlockCache
from keepset.keep.flat import FlatKeep
from keepset.keep.network import NetworkKeep
from keepset.keep.prefetching import Prefetcher
from keepset.keep.services import Discovered, Fixed, Services
from keepset.keep.stats import Counter, KeepStats
from keepset.keep.timing import Clock, Timeouts
from keepset.keep.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Sequence

    from keepset.keep.base import Data
    from keepset.keep.services import ClusterApi
    from keepset.locator import KeepLocator

__all__ = ["KeepClient"]

_DEFAULT_PREFETCH_THREADS = 2


class KeepClient:
    """Stores blocks and gives them back: on the Keep services of a cluster, or in a folder.

    The first of these that is there says where: `local_store`, or `KEEP_LOCAL_STORE`; `proxy`, or
    `ARVADOS_KEEP_SERVICES`, or `ARVADOS_KEEP_PROXY`; the services that `api_client` knows, or else the API server of
    the settings. An empty text stands for *not here*.

    All clients of a process share their connections. A client is safe for threads, and survives a fork.

    Args:
        api_client: What knows the services, and has the token: that of `keepset.api` or of `arvados.api`.
        proxy: URLs of services, with spaces between them, that are asked instead.
        timeout: How long to wait for a service that is a disk: the seconds for a connection, which double with each
            round up to a minute; the seconds of a window; the bytes per second that must come in each, on average.
        proxy_timeout: The same for all others.
        api_token: The token, instead of an `api_client`.
        local_store: A folder, as `KEEP_LOCAL_STORE` names one, instead of services.
        block_cache: Where blocks that were read are kept. Without it they are in memory, up to 256 MiB; those that are
            asked for again after they had to leave it are on the disk from then on (`KeepBlockCache(overflow=True)`).
        num_retries: How often all services are asked again, if nothing else is said.
        session: For the sake of 3.2.1, which does not use it either.
        num_prefetch_threads: How many blocks `block_prefetch` fetches at a time; None for two.
        deadline: How many seconds an operation may take, with all its rounds; None for no such bound.
        clock: What tells the time and waits.

    Attributes:
        api_client: As given, or found; None where services are named, or a folder.
        insecure: Whether any certificate will do: that of the API client, or else `ARVADOS_API_HOST_INSECURE`.
        block_cache: As given, or made.
        local_store: The folder; empty if there is none.
        num_retries: As given; it may be changed.
        num_prefetch_threads: As given.
        timeout: As given.
        proxy_timeout: As given.
        get_counter: How often it was asked for a block, or whether there is one.
        put_counter: How often it was given a block.
        download_counter: The bytes that were fetched.
        upload_counter: The bytes that were stored, those of each replica.
        hits_counter: How often the cache had what was asked for.
        misses_counter: How often it had not.
        takes_views: Says that `put` takes data that is not `bytes` without a copy.

    Raises:
        ArgumentError: There are both an `api_client` and an `api_token`, or a `proxy` is not a URL.
        ConfigError: The settings name no cluster, or the token cannot be one.
        StoreError: The folder is not there.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     keep = KeepClient(local_store=folder)
        ...     locator = keep.put(b"foo")
        ...     print(locator, keep.get(locator))
        acbd18db4cc2f85cedef654fccc4a4d8+3 b'foo'
    """

    DEFAULT_TIMEOUT = (2, 256, 32768)
    DEFAULT_PROXY_TIMEOUT = (20, 256, 32768)

    takes_views = True

    def __init__(
        self,
        api_client: ClusterApi | None = None,
        proxy: str | None = None,
        timeout: float | tuple[float, ...] = DEFAULT_TIMEOUT,
        proxy_timeout: float | tuple[float, ...] = DEFAULT_PROXY_TIMEOUT,
        api_token: str | None = None,
        local_store: str | None = None,
        block_cache: KeepBlockCache | None = None,
        num_retries: int = 10,
        session: object = None,
        num_prefetch_threads: int | None = None,
        *,
        deadline: float | None = None,
        clock: Clock | None = None,
    ) -> None:
        del session
        if api_client is not None and api_token is not None:
            raise errors.ArgumentError("can't build KeepClient with both API client and token")
        self.num_retries = num_retries
        self.num_prefetch_threads = _DEFAULT_PREFETCH_THREADS if num_prefetch_threads is None else num_prefetch_threads
        self.block_cache = KeepBlockCache(overflow=True) if block_cache is None else block_cache
        self.timeout, self.proxy_timeout = timeout, proxy_timeout
        self.local_store = os.environ.get("KEEP_LOCAL_STORE", "") if local_store is None else local_store
        urls = _configured_services() if proxy is None else proxy
        if api_client is None and not (self.local_store or urls):
            api_client = _configured_api()
        self.api_client = api_client
        self.insecure = config.flag_is_true("ARVADOS_API_HOST_INSECURE") if api_client is None else api_client.insecure
        self.get_counter, self.put_counter = Counter(), Counter()
        self.download_counter, self.upload_counter = Counter(), Counter()
        self.hits_counter, self.misses_counter = self.block_cache.hits_counter, self.block_cache.misses_counter
        clock = clock or Clock()
        self._transport = Transport(_token(api_client, api_token), self.insecure, clock)
        self._blocks: NetworkKeep | FlatKeep
        if self.local_store:
            self._blocks = FlatKeep(self.local_store, self.block_cache)
        else:
            self._blocks = self._network(urls, deadline, clock)
        self._prefetcher = Prefetcher(self.get, self.num_prefetch_threads)

    def _network(self, urls: str, deadline: float | None, clock: Clock) -> NetworkKeep:
        api = None if urls else self.api_client
        return NetworkKeep(
            Fixed(Services.from_urls(urls)) if api is None else Discovered(api, clock),
            self._transport,
            self.block_cache,
            default_classes=functools.partial(_default_classes, api),
            timeout=Timeouts.of(self.timeout),
            proxy_timeout=Timeouts.of(self.proxy_timeout),
            deadline=deadline,
            clock=clock,
            uploaded=self.upload_counter,
            downloaded=self.download_counter,
        )

    @property
    def api_token(self) -> str:
        """The token. Whoever sets it changes that of the requests to come. It does not show in a `repr`."""
        return self._transport.token

    @api_token.setter
    def api_token(self, token: str) -> None:
        self._transport.token = _checked(token)

    @property
    def using_proxy(self) -> bool:
        """Whether a service is a proxy, or anything else than a disk; the API server is asked if need be."""
        if isinstance(self._blocks, FlatKeep):
            return False
        return not all(service.is_disk for service in self._blocks.directory.current().readable)

    def __repr__(self) -> str:
        """Show where blocks are stored."""
        where = f"local_store={self.local_store!r}" if self.local_store else f"api_client={self.api_client!r}"
        return f"KeepClient({where})"

    def get(self, loc_s: str, num_retries: int | None = None, request_id: str | None = None) -> bytes:
        """Return the bytes of a block, compared with its hash; or of several, one after the other.

        Args:
            loc_s: Its locator, or several with commas between them.
            num_retries: How often all services are asked again; None for the client's own number.
            request_id: What the requests are called; None for the API client's `request_id`, or a new one.

        Raises:
            NotFoundError: No service has it.
            BlockDamagedError: It has not the size that the locator says.
            KeepReadError: It cannot be read.
            ArgumentError: That is not a locator.
        """
        if "," in loc_s:
            return b"".join(self.get(part, num_retries, request_id) for part in loc_s.split(","))
        self.get_counter.add(1)
        return self._blocks.get(loc_s, self._retries(num_retries), request_id or self._request_id)

    def head(self, loc_s: str, num_retries: int | None = None, request_id: str | None = None) -> bool:
        """Return True if a block is there.

        Args:
            loc_s: Its locator.
            num_retries: As in `get`.
            request_id: As in `get`.

        Raises:
            NotFoundError: No service has it.
            KeepReadError: Nobody can tell.
            ArgumentError: That is not a locator.
        """
        self.get_counter.add(1)
        return self._blocks.head(loc_s, self._retries(num_retries), request_id or self._request_id)

    def put(
        self,
        data: Data | str,
        copies: int = 2,
        num_retries: int | None = None,
        request_id: str | None = None,
        classes: Sequence[str] | None = None,
    ) -> str:
        """Store a block on as many services as `copies` says, and on no more.

        Args:
            data: Its bytes, at most 64 MiB, which must not change during the call; text is encoded as UTF-8.
            copies: How many replicas there are to be. With 0 nothing is stored, and the locator has no signature.
            num_retries: How often those services that have not stored it are asked again; None for the client's own
                number.
            request_id: As in `get`.
            classes: The storage classes in each of which there are to be so many; None for those of the cluster.

        Returns:
            Its locator.

        Raises:
            BlockTooLargeError: It is larger than 64 MiB.
            KeepWriteError: There are fewer replicas. Those that there are stay where they are.
        """
        self.put_counter.add(1)
        retries = self._retries(num_retries)
        return self._blocks.put(data, copies, retries, request_id or self._request_id, classes or ())

    def refresh_signature(self, loc: str) -> str:
        """Have a block that another cluster has signed (`+R`) fetched, and return a locator that this one has signed.

        Args:
            loc: Its locator. If no other cluster has signed it, it may come back as it is.

        Raises:
            KeepReadError: It cannot be fetched, or was not signed.
            ArgumentError: That is not a locator.
        """
        if isinstance(self._blocks, FlatKeep):
            return self._blocks.refresh_signature(loc)
        return self._blocks.refresh_signature(loc, self.num_retries, self._request_id)

    def get_from_cache(self, loc_s: str) -> Data | None:
        """Return the bytes of a block if they are in memory, or on the disk, else None.

        Args:
            loc_s: Its locator.

        Raises:
            ArgumentError: That is not a locator.
        """
        return self._blocks.get_from_cache(loc_s)

    def get_part_from_cache(self, loc_s: str, start: int, length: int) -> bytes | None:
        """Return a part of a block if the block is in memory, or on the disk, else None.

        Of a block on the disk, no more than that is read.

        Args:
            loc_s: Its locator.
            start: Where the part starts.
            length: How many bytes it has.
        """
        return self.block_cache.part(loc_s, start, length)

    def block_prefetch(self, locator: str) -> None:
        """Fetch a block in the background, so that it is in the cache when it is asked for; returns at once.

        Args:
            locator: Its locator.
        """
        if self.block_cache.part(locator, 0, 0) is None:
            self._prefetcher.add(locator)

    def stop_prefetch_threads(self) -> None:
        """End the threads of `block_prefetch` when they have fetched what they are at; they start again if needed."""
        self._prefetcher.stop()

    def build_services_list(self, force_rebuild: bool = False) -> None:
        """Have the API server asked which services there are, as is done by itself when it is needed.

        Args:
            force_rebuild: Whether to ask it again.

        Raises:
            NoKeepServersError: There are none.
        """
        if isinstance(self._blocks, NetworkKeep):
            known = self._blocks.directory.current()
            if force_rebuild:
                self._blocks.directory.refreshed(known)

    def weighted_service_roots(
        self, locator: KeepLocator, force_rebuild: bool = False, need_writable: bool = False
    ) -> list[str]:
        """Return the URLs of the services in the order in which they are asked for a block, or given it.

        Args:
            locator: The block.
            force_rebuild: Whether to ask the API server again which services there are.
            need_writable: Whether the block is to be stored.

        Raises:
            NoKeepServersError: There are none.
        """
        if isinstance(self._blocks, FlatKeep):
            return []
        self.build_services_list(force_rebuild)
        services = self._blocks.directory.current()
        order = services.writers(locator) if need_writable else services.readers(locator)
        return [service.root for service in order]

    def stats(self) -> KeepStats:
        """Return what the client has done since it was made, in numbers."""
        return KeepStats(
            gets=self.get_counter.get(),
            puts=self.put_counter.get(),
            hits=self.hits_counter.get(),
            misses=self.misses_counter.get(),
            downloaded=self.download_counter.get(),
            uploaded=self.upload_counter.get(),
            memory=self.block_cache.memory_size,
            disk=self.block_cache.disk_size,
        )

    def _retries(self, num_retries: int | None) -> int:
        return self.num_retries if num_retries is None else num_retries

    @property
    def _request_id(self) -> str | None:
        found = getattr(self.api_client, "request_id", None)
        return found if isinstance(found, str) else None  # a mock answers to any name, and with no text


def _configured_services() -> str:
    return config.get("ARVADOS_KEEP_SERVICES") or config.get("ARVADOS_KEEP_PROXY") or ""


def _configured_api() -> ClusterApi:
    if config.api_host_and_token() is None:
        raise errors.ConfigError(
            "there is no Keep to use: set ARVADOS_API_HOST and ARVADOS_API_TOKEN, or ARVADOS_KEEP_SERVICES, or"
            " KEEP_LOCAL_STORE, or pass api_client, proxy or local_store"
        )
    # By name: Keep clients and catalogs know nothing of each other until they are used together.
    return cast("ClusterApi", importlib.import_module("keepset.api").api("v1"))


def _token(api_client: ClusterApi | None, api_token: str | None) -> Secret:
    found = api_token if api_client is None else api_client.api_token
    if api_client is None and api_token is None:
        found = config.get("ARVADOS_API_TOKEN")
    return _checked(found or "")


def _checked(text: str) -> Secret:
    token = Secret(text)
    if not (token.isascii() and token.isprintable()):
        raise errors.ConfigError("the token has characters that no token has: a newline, perhaps")
    return token


def _default_classes(api_client: ClusterApi | None) -> Sequence[str]:
    """Return those of the cluster; none where only services are named: nobody says there what classes there are."""
    return [] if api_client is None else list(util.iter_storage_classes(api_client.config(), fallback=""))
