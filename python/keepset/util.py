r"""Small things that scripts need beside an API client, under the names of `arvados.util`.

The patterns say what a text looks like; use `fullmatch` to ask whether it is nothing else. They take time in proportion
to the text, and only ASCII space counts as space.

Examples:
    >>> is_hex("acbd18db4cc2f85cedef654fccc4a4d8", 32), is_hex("xyz")
    (True, False)
    >>> keep_locator_pattern.fullmatch("acbd18db4cc2f85cedef654fccc4a4d8+3+Kzzzzz") is not None
    True
"""

from __future__ import annotations

import operator
import os
import random
import re
import string
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from keepset import errors

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

__all__ = [
    "CR_COMMITTED",
    "CR_FINAL",
    "CR_UNCOMMITTED",
    "HEX_RE",
    "ca_certs_path",
    "collection_uuid_pattern",
    "container_uuid_pattern",
    "get_config_once",
    "get_vocabulary_once",
    "group_uuid_pattern",
    "is_hex",
    "iter_computed_permissions",
    "iter_storage_classes",
    "keep_file_locator_pattern",
    "keep_locator_pattern",
    "keepuri_pattern",
    "keyset_list_all",
    "link_uuid_pattern",
    "manifest_pattern",
    "new_request_id",
    "portable_data_hash_pattern",
    "signed_locator_pattern",
    "trim_name",
    "user_uuid_pattern",
    "uuid_pattern",
]

_T = TypeVar("_T")

CR_UNCOMMITTED = "Uncommitted"
"""The `state` of a container request that can still be changed."""
CR_COMMITTED = "Committed"
"""The `state` of a container request that is to be run, or is running."""
CR_FINAL = "Final"
"""The `state` of a container request that is done with."""

HEX_RE = re.compile(r"^[0-9a-fA-F]+\Z")
"""Hexadecimal digits and nothing else."""

keep_locator_pattern = re.compile(r"[0-9a-f]{32}\+[0-9]+(\+\S+)?", re.ASCII)
"""A block locator with its size."""
signed_locator_pattern = re.compile(r"[0-9a-f]{32}\+[0-9]+(\+\S+)?\+A\S+", re.ASCII)
"""A block locator with a signature."""
portable_data_hash_pattern = re.compile(r"[0-9a-f]{32}\+[0-9]+")
"""A portable data hash."""
manifest_pattern = re.compile(
    r"((\S+)( +[a-f0-9]{32}(\+[0-9]+)(\+\S+)?)+( +[0-9]+:[0-9]+:\S+)+$)+", re.MULTILINE | re.ASCII
)
"""A line of a manifest. `Manifest.validate` says whether a text is a manifest, and what is wrong with it."""
keep_file_locator_pattern = re.compile(r"([0-9a-f]{32}\+[0-9]+)/(.*)")
"""A file of a collection that a portable data hash names: the hash and the path are the groups."""
keepuri_pattern = re.compile(r"keep:([0-9a-f]{32}\+[0-9]+)/(.*)")
"""The same as a `keep:` URI."""

uuid_pattern = re.compile(r"[a-z0-9]{5}-[a-z0-9]{5}-[a-z0-9]{15}")
"""The UUID of any object."""
collection_uuid_pattern = re.compile(r"[a-z0-9]{5}-4zz18-[a-z0-9]{15}")
"""The UUID of a collection."""
container_uuid_pattern = re.compile(r"[a-z0-9]{5}-dz642-[a-z0-9]{15}")
"""The UUID of a container."""
group_uuid_pattern = re.compile(r"[a-z0-9]{5}-j7d0g-[a-z0-9]{15}")
"""The UUID of a group, such as a project."""
link_uuid_pattern = re.compile(r"[a-z0-9]{5}-o0j2j-[a-z0-9]{15}")
"""The UUID of a link."""
user_uuid_pattern = re.compile(r"[a-z0-9]{5}-tpzed-[a-z0-9]{15}")
"""The UUID of a user."""

_PAGE = 1000  # the most that the API gives in one reply
_LONGEST_NAME = 254 - 28  # of 254 characters, `ensure_unique_name` may need 28 for a date
_ID_LETTERS = string.digits + string.ascii_lowercase
_CERTIFICATES = (
    "/etc/arvados/ca-certificates.crt",
    "/etc/ssl/certs/ca-certificates.crt",  # Debian
    "/etc/pki/tls/certs/ca-bundle.crt",  # Red Hat
)


def is_hex(s: str, *length_args: int) -> bool:
    """Tell whether a text has hexadecimal digits alone, in capitals or not, and as many as there should be.

    Args:
        s: The text.
        *length_args: Its length, or the least and the greatest; nothing for any length.

    Raises:
        ArgumentError: More than two lengths.
    """
    if len(length_args) > 2:
        raise errors.ArgumentError(f"is_hex takes a text and up to two lengths, not {len(length_args)}")
    shortest, longest = (length_args[0], length_args[-1]) if length_args else (1, len(s))
    return shortest <= len(s) <= longest and HEX_RE.match(s) is not None


def keyset_list_all(
    fn: Callable[..., Any],
    order_key: str = "created_at",
    num_retries: int = 0,
    ascending: bool = True,
    key_fields: Collection[str] = ("uuid",),
    **kwargs: Any,
) -> Iterator[dict[str, Any]]:
    """Yield all records that a list call chooses, each once, a page at a time.

    Pages are asked for by where the last one ended, not by number, so that records that come or go meanwhile shift
    nothing.

    Args:
        fn: The method, such as `api.collections().list`, not called.
        order_key: The field to order by.
        num_retries: How often each request is tried again.
        ascending: Whether the least comes first.
        key_fields: The fields that together name a record: `("uuid",)`, or two of which one is the `order_key`.
        **kwargs: What else the method is to be called with, such as `filters` and `select`.

    Raises:
        ArgumentError: Two fields other than the `order_key` would be needed.
    """
    direction, beyond = ("asc", ">") if ascending else ("desc", "<")
    tie_breaker = _tie_breaker(order_key, key_fields)
    kwargs |= {"limit": _PAGE, "count": "none", "order": [f"{order_key} {direction}", f"{tie_breaker} {direction}"]}
    if kwargs.get("select") is not None:
        kwargs["select"] = list(dict.fromkeys([*kwargs["select"], *key_fields, order_key]))
    filters = kwargs.pop("filters", None) or []

    def page_of(conditions: list[list[Any]]) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = fn(**kwargs, filters=[*conditions, *filters]).execute(num_retries=num_retries)[
            "items"
        ]
        return items

    return _all_pages(page_of, order_key, tie_breaker, beyond, operator.itemgetter(*key_fields))


def _tie_breaker(order_key: str, key_fields: Collection[str]) -> str:
    """Return the field that decides between records with equal `order_key`."""
    others = set(key_fields) - {order_key}
    if len(others) > 1:
        raise errors.ArgumentError("one of two key_fields must be the order_key, and there can be no more than two")
    return others.pop() if others else "uuid"


def _all_pages(
    page_of: Callable[[list[list[Any]]], list[dict[str, Any]]],
    order_key: str,
    tie_breaker: str,
    beyond: str,
    key_of: Callable[[dict[str, Any]], Any],
) -> Iterator[dict[str, Any]]:
    """Yield the records of one page after the other.

    Args:
        page_of: Returns the first page of what conditions choose.
        order_key: The field that the records are ordered by.
        tie_breaker: The field that decides between those in which it is equal.
        beyond: The operator for what comes later in this order.
        key_of: Returns what names a record.
    """
    conditions: list[list[Any]] = []
    seen: set[Any] = set()
    last: Any = None
    is_within_a_tie = False
    while True:
        items = page_of(conditions)
        if not items and not is_within_a_tie:
            return
        if not items:
            is_within_a_tie = False
            conditions = [[order_key, beyond, last]]
            continue
        # The page before may have ended among records with an equal order_key; then this one begins with some of it.
        new = {key_of(item): item for item in items if key_of(item) not in seen}
        yield from new.values()
        seen = set(new)
        last = items[-1][order_key]
        is_within_a_tie = items[0][order_key] == last
        if is_within_a_tie:
            conditions = [[order_key, "=", last], [tie_breaker, beyond, items[-1][tie_breaker]]]
        else:
            conditions = [[order_key, f"{beyond}=", last]]
            if tie_breaker == "uuid":  # which alone names a record, so that this one need not come again
                conditions.append([tie_breaker, "!=", items[-1][tie_breaker]])


def iter_computed_permissions(
    fn: Callable[..., Any],
    order_key: str = "user_uuid",
    num_retries: int = 0,
    ascending: bool = True,
    key_fields: Collection[str] = ("user_uuid", "target_uuid"),
    **kwargs: Any,
) -> Iterator[dict[str, Any]]:
    """Do what `keyset_list_all` does, with the defaults that `api.computed_permissions().list` needs.

    Args:
        fn: As there.
        order_key: As there.
        num_retries: As there.
        ascending: As there.
        key_fields: As there.
        **kwargs: As there.
    """
    return keyset_list_all(fn, order_key, num_retries, ascending, key_fields, **kwargs)


def iter_storage_classes(
    config: Mapping[str, Any],
    check: Callable[[dict[str, Any]], bool] = operator.methodcaller("get", "Default"),
    fallback: str = "default",
) -> Iterator[str]:
    """Yield the names of storage classes in the configuration of a cluster.

    Args:
        config: The configuration, as `get_config_once` returns it.
        check: Which ones: it is given what the configuration says of a class. Without it, those that blocks get by
            default.
        fallback: What to yield when there is none; nothing if it is empty.
    """
    found = [name for name, settings in config.get("StorageClasses", {}).items() if check(settings)]
    yield from found or ([fallback] if fallback else [])


def ca_certs_path(fallback: _T | None = None) -> str | _T | None:
    """Return the file with the certificates of the authorities that are to be trusted.

    That is the first of these that is there: the one that the environment variable `SSL_CERT_FILE` names, that of the
    Arvados software (`/etc/arvados/ca-certificates.crt`), that of the system.

    Args:
        fallback: What to return when there is none. `ssl.create_default_context` takes None for its own.
    """
    for path in (os.environ.get("SSL_CERT_FILE"), *_CERTIFICATES):
        if path and Path(path).exists():
            return path
    return fallback


def new_request_id() -> str:
    """Return a random `X-Request-Id`. A process and its forks never return the same ones."""
    return "req-" + "".join(random.SystemRandom().choices(_ID_LETTERS, k=20))


def get_config_once(svc: Any) -> dict[str, Any]:
    """Return the configuration of a cluster; it is asked for once, and kept on the API client.

    Args:
        svc: The client. One without a cluster, such as a local store, has an empty configuration.
    """
    return _get_once(svc, "configs", "_cached_config")


def get_vocabulary_once(svc: Any) -> dict[str, Any]:
    """Return the vocabulary of a cluster; it is asked for once, and kept on the API client.

    Args:
        svc: The client. One without a cluster, such as a local store, has an empty vocabulary.
    """
    return _get_once(svc, "vocabularies", "_cached_vocabulary")


def _get_once(svc: Any, resource: str, attribute: str) -> dict[str, Any]:
    if not getattr(svc, "_rootDesc", {}).get("resources", {}).get(resource):
        return {}
    if not hasattr(svc, attribute):
        setattr(svc, attribute, getattr(svc, resource)().get().execute())
    found: dict[str, Any] = getattr(svc, attribute)
    return found


def trim_name(collectionname: str) -> str:
    """Return a name that the API takes, with room for what `ensure_unique_name` may add.

    Args:
        collectionname: The name. One that is too long loses what is in its middle.
    """
    over = len(collectionname) - _LONGEST_NAME
    if over <= 0:
        return collectionname
    kept = _LONGEST_NAME // 2
    return f"{collectionname[:kept]}…{collectionname[kept + over :]}"
