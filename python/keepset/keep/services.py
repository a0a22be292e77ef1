"""Which Keep services there are, and in which order they are asked for a block.

The order is that of all clients (rendezvous hashing): each service weighs MD5(hash of the block + the last 15
characters of its UUID), and the heaviest comes first. So clients look for a block first where others have put it, and a
service that comes or goes changes little.
"""

import hashlib
import re
import threading
import urllib.parse
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Protocol

from keepset import errors
from keepset.keep._forks import start_anew_after_fork
from keepset.keep.timing import Clock
from keepset.locator import KeepLocator

__all__ = ["ClusterApi", "Discovered", "Fixed", "Service", "Services", "rendezvous"]

_SIGNIFICANT = 15
_HINT = "K@"
_CLUSTER = re.compile("[a-z0-9]{5}")
_GATEWAY = "gateway:"
_OLD_AFTER = 300.0


class ClusterApi(Protocol):
    """What a Keep client asks of an API client; that of `arvados.api()` has it, too.

    Attributes:
        api_token: The token, which Keep wants as well.
        insecure: Whether certificates are believed without a look.
        request_id: What requests are to be called; None for a new name each.
    """

    api_token: str
    insecure: bool
    request_id: str | None

    def keep_services(self) -> Any:
        """Return the resource whose `accessible().execute()` lists the services."""

    def config(self) -> Mapping[str, Any]:
        """Return the public configuration of the cluster."""


class Service(NamedTuple):
    """A Keep service.

    Attributes:
        uuid: Its UUID.
        root: Its URL, with a slash at the end.
        kind: `"disk"`, `"proxy"` or what else the cluster calls it.
        read_only: Whether it takes no blocks.
    """

    uuid: str
    root: str
    kind: str = "disk"
    read_only: bool = False

    @property
    def is_disk(self) -> bool:
        """Whether it stores exactly one replica of what it is given. Of others that is not known."""
        return self.kind == "disk"


def rendezvous(digest: str, services: Iterable[Service]) -> list[Service]:
    """Return services in the order in which they are asked for a block.

    Args:
        digest: The hash of the block.
        services: The services.

    Example:
        >>> names = ["zzzzz-bi6l4-aaaaaaaaaaaaaaa", "zzzzz-bi6l4-0123456789abcde"]
        >>> found = rendezvous("37b51d194a7513e45b56f6524f2d51f2", [Service(name, "") for name in names])
        >>> [service.uuid for service in found]
        ['zzzzz-bi6l4-0123456789abcde', 'zzzzz-bi6l4-aaaaaaaaaaaaaaa']
    """

    def weight(service: Service) -> str:
        return hashlib.md5((digest + service.uuid[-_SIGNIFICANT:]).encode(), usedforsecurity=False).hexdigest()

    return sorted(services, key=weight, reverse=True)


class Services:
    """The services of a cluster, as they were when somebody looked.

    Args:
        services: All of them.

    Attributes:
        readable: Those that are asked for blocks. A gateway is asked only for blocks whose hints name it.
        writable: Those of them that take blocks.
    """

    def __init__(self, services: Iterable[Service]) -> None:
        self._by_uuid = {service.uuid: service for service in services}
        self.readable = [service for service in self._by_uuid.values() if not service.kind.startswith(_GATEWAY)]
        self.writable = [service for service in self.readable if not service.read_only]

    @classmethod
    def from_items(cls, items: Iterable[Mapping[str, Any]]) -> "Services":
        """Read the answer of the API server.

        Raises:
            NoKeepServersError: It names none.
        """
        found = cls(map(_from_item, items))
        if not found._by_uuid:
            raise errors.NoKeepServersError("the cluster has no Keep services for this client")
        return found

    @classmethod
    def from_urls(cls, urls: str) -> "Services":
        """Read `ARVADOS_KEEP_SERVICES`: URLs with spaces between them, each of which is taken for a proxy.

        Raises:
            ArgumentError: One of them is not a URL.
        """
        return cls(Service(f"00000-bi6l4-{n:015d}", _root(url), "proxy") for n, url in enumerate(urls.split()))

    def readers(self, locator: KeepLocator) -> list[Service]:
        """Return whom to ask for a block, one after the other: those that its hints name, and then the others."""
        hints = [hint[len(_HINT) :] for hint in locator.hints if hint.startswith(_HINT)]
        named = [service for hint in hints if (service := self._named(hint))]
        return list(
            {service.root: service for service in [*named, *rendezvous(_digest(locator), self.readable)]}.values()
        )

    def _named(self, hint: str) -> Service | None:
        if _CLUSTER.fullmatch(hint):
            return Service(hint, f"https://keep.{hint}.arvadosapi.com/", "proxy")
        return self._by_uuid.get(hint)

    def writers(self, locator: KeepLocator) -> list[Service]:
        """Return whom to give a block to, in order."""
        return rendezvous(_digest(locator), self.writable)


def _digest(locator: KeepLocator) -> str:
    return locator.md5sum.lower()


def _from_item(item: Mapping[str, Any]) -> Service:
    host = item["service_host"]
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    scheme = "https" if item["service_ssl_flag"] else "http"
    root = f"{scheme}://{host}:{int(item['service_port'])}/"
    return Service(item["uuid"], root, item.get("service_type") or "disk", bool(item.get("read_only")))


def _root(url: str) -> str:
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise errors.ArgumentError(
            f"Invalid proxy URI: {url!r} (of ARVADOS_KEEP_SERVICES, or proxy=); http://host:port"
        )
    return url if url.endswith("/") else f"{url}/"


class Directory(Protocol):
    """What knows the services."""

    def current(self) -> Services:
        """Return what is known."""

    def refreshed(self, seen: Services | None) -> Services:
        """Return what is known now, to somebody to whom it was of no use before."""

    def renewed(self, seen: Services | None) -> Services | None:
        """Return what is known now, if there may be other services than those that somebody has seen; else None."""


class Fixed:
    """Services that somebody has named, and that stay these.

    Args:
        services: The services.
    """

    def __init__(self, services: Services) -> None:
        self._services = services

    def current(self) -> Services:
        """Return them."""
        return self._services

    def refreshed(self, seen: Services | None) -> Services:
        """Return the same ones."""
        del seen
        return self._services

    def renewed(self, seen: Services | None) -> Services | None:
        """Return None: there are no others."""
        del seen
        return None


class Discovered:
    """Services that the API server names. It is asked when the first is needed, and again when they fail.

    Args:
        api: The API client.
        clock: The clock.
    """

    def __init__(self, api: ClusterApi, clock: Clock) -> None:
        self._api = api
        self._clock = clock
        self._services: Services | None = None
        self._looked_up = 0.0
        self._has_asked = False
        start_anew_after_fork(self)

    def _start_anew(self) -> None:
        self._lock = threading.Lock()

    def current(self) -> Services:
        """Return what is known.

        Raises:
            NoKeepServersError: There are none.
            Exception: Whatever the API client raises.
        """
        return self._services or self.refreshed(None)

    def refreshed(self, seen: Services | None) -> Services:
        """Ask the API server, unless somebody has done so since `seen` was looked up: threads share an answer.

        Args:
            seen: What was of no use; None to ask only if nothing is known.

        Raises:
            NoKeepServersError: There are none.
            Exception: Whatever the API client raises.
        """
        with self._lock:
            if self._services is None or self._services is seen:
                self._services = self._look_up()
                self._looked_up = self._clock.now()
            return self._services

    def _look_up(self) -> Services:
        request = self._api.keep_services().accessible()
        # Only the first time is it asked with the retries of the API client: later on, whoever wants to know tries
        # again anyway, with pauses, and each of these attempts would take minutes.
        options = {"num_retries": 0} if self._has_asked else {}
        self._has_asked = True
        found = request.execute(**options)
        return Services.from_items(found["items"])

    def renewed(self, seen: Services | None) -> Services | None:
        """Ask the API server, if that was done longer than five minutes ago: as often as Go's clients do.

        Args:
            seen: Services none of which has what is looked for, or takes what is stored.

        Raises:
            NoKeepServersError: There are none.
            Exception: Whatever the API client raises.
        """
        if self._services is seen and self._clock.now() < self._looked_up + _OLD_AFTER:
            return None
        return self.refreshed(seen)
