"""The discovery document of an API server: what resources, methods and parameters it has.

It has some 200 kB and hardly ever changes, so it is kept in memory and on the disk for as long as the server says (a
day). Each client has a copy of its own.
"""

from __future__ import annotations

import json
import re
import time
import urllib.parse
from typing import TYPE_CHECKING, Any

from keepset import errors
from keepset.catalog.http_cache import MAX_AGE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from keepset.catalog.http_cache import ThreadSafeHTTPCache
    from keepset.catalog.transport import Reply

__all__ = ["discover", "document_url"]

_SEPARATOR = b"\r\n\r\n"
_MAX_AGE = re.compile(r"max-age=(\d+)")
_KEPT_HEADERS = ("cache-control", "content-type", "date", "etag")

# By address, and whether it is verified: until when, and the text.
_texts: dict[str, tuple[float, bytes]] = {}


def document_url(template: str, version: str) -> str:
    """Fill in the template of an address, as `discoveryServiceUrl` is one.

    Example:
        >>> document_url("https://zzzzz.example/discovery/v1/apis/{api}/{apiVersion}/rest", "v1")
        'https://zzzzz.example/discovery/v1/apis/arvados/v1/rest'
    """
    return template.replace("{api}", "arvados").replace("{apiVersion}", version)


def discover(
    url: str, fetch: Callable[[], Reply], cache: ThreadSafeHTTPCache | None, *, memory: bool, verified: bool
) -> dict[str, Any]:
    """Return the document at an address.

    Args:
        url: The address.
        fetch: Asks the server for it.
        cache: What is kept on the disk.
        memory: Whether what this process has read before will do.
        verified: Whether the server's certificate is checked. The document tells where to send the token, so one that
            anybody may have written is not kept for those who check.

    Raises:
        ApiError: The server does not give it, or it is none.
        ConfigError: It says that the API is to be spoken to in clear text, and came encrypted.
    """
    name = url if verified else f"{url}#unverified"
    until, text = _texts.get(name, (0.0, b""))
    if memory and time.time() < until:
        return _parse(text, url)
    kept = _kept(name, url, cache) if cache else None
    if kept is not None:
        return kept
    reply = fetch()
    if reply.status >= 300:
        raise errors.ApiError.of_reply(*reply, uri=url)
    document = _parse(reply.body, url)
    lifetime = _lifetime(reply.headers.get("cache-control", ""))
    if memory and lifetime:
        _texts[name] = (time.time() + lifetime, reply.body)
    if cache and lifetime:
        cache.set(name, _with_headers(reply))
    return document


def _kept(name: str, url: str, cache: ThreadSafeHTTPCache) -> dict[str, Any] | None:
    """Return a document that is on the disk, unless it is too old, or is none."""
    headers, separator, text = (cache.get(name) or b"").partition(_SEPARATOR)
    if not separator or cache.age(name) >= _lifetime(headers.decode("latin-1").lower()):
        return None
    try:
        return _parse(text, url)
    except errors.ApiError:
        return None


def _lifetime(cache_control: str) -> float:
    """Return for how many seconds a reply may be used."""
    found = _MAX_AGE.search(cache_control)
    return 0.0 if found is None or "no-store" in cache_control else min(float(found[1]), MAX_AGE)


def _with_headers(reply: Reply) -> bytes:
    """Write a reply as httplib2 does, which adds the status and the address to the headers."""
    kept: Mapping[str, str] = {name: reply.headers[name] for name in _KEPT_HEADERS if name in reply.headers}
    lines = [f"{name}: {value}" for name, value in {"status": str(reply.status), **kept}.items()]
    return "\r\n".join(lines).encode("latin-1", "replace") + _SEPARATOR + reply.body


def _parse(text: bytes, url: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
        root = document["rootUrl"]
        is_document = (
            isinstance(document["resources"], dict) and isinstance(document["servicePath"], str) and _is_address(root)
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        is_document = False
    if not is_document:
        raise errors.ApiError.of(404, f"what is at {url} is no discovery document", url)
    if url.startswith("https:") and not root.startswith("https:"):
        raise errors.ConfigError(f"{url} names an API at {root}, which is not encrypted: the token is not sent there")
    found: dict[str, Any] = document
    return found


def _is_address(url: object) -> bool:
    return isinstance(url, str) and url.startswith(("http:", "https:")) and bool(urllib.parse.urlsplit(url).netloc)
