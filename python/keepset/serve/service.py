"""What all parts of the server share: the store, who may use it, and how a request says who it is."""

import base64
import binascii
import re
from dataclasses import dataclass
from typing import NamedTuple

from starlette.requests import Request

from keepset.keep.parts import BlockOpener
from keepset.serve.access import Access
from keepset.serve.bodies import Budget
from keepset.serve.log import note_caller
from keepset.serve.signatures import Signer
from keepset.session import Store

__all__ = ["Caller", "Service", "raw_path", "root_of", "sent_token"]

_HOST = re.compile(r"[0-9A-Za-z.-]{1,255}(?::[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](?::[0-9]{1,5})?")


class Caller(NamedTuple):
    """Whose request it is.

    Attributes:
        token: The token, as it was sent: signatures are made for it.
        may_write: Whether it allows more than reading.
    """

    token: str
    may_write: bool


@dataclass(frozen=True)
class Service:
    """A store that is served.

    Attributes:
        store: The store.
        access: Who may use it.
        signer: Signs its blocks.
        budget: Bounds what all requests hold in memory.
        opener: Opens its blocks for who reads them.
        storage_classes: Those that each block has; the first one is the default.
    """

    store: Store
    access: Access
    signer: Signer
    budget: Budget
    opener: BlockOpener
    storage_classes: tuple[str, ...]

    def caller(self, request: Request) -> Caller | None:
        """Say whose request it is, or None if its token is none of ours.

        Args:
            request: The request.
        """
        return self.known(request, sent_token(request))

    def known(self, request: Request, token: str) -> Caller | None:
        """Say who has this token, and note that in the access log.

        Args:
            request: The request.
            token: The token.
        """
        found = self.access.find(token) if token else None
        if found is None:
            return None
        note_caller(request.scope, found.uuid)
        return Caller(token, found.may_write)


def sent_token(request: Request) -> str:
    """Return the token of a request, or nothing. A cookie does not count: other sites could have it sent.

    Args:
        request: The request.
    """
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    match scheme.lower():
        case "bearer" | "oauth2":
            return value.strip()
        case "basic":
            return _password(value)
    return request.query_params.get("api_token", "")


def _password(credentials: str) -> str:
    try:
        return base64.b64decode(credentials, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def raw_path(request: Request) -> str:
    """Return the path of a request as it was sent, without the query.

    Args:
        request: The request.
    """
    raw: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    return raw.partition(b"?")[0].decode("ascii", "replace")


def root_of(request: Request) -> str:
    """Return the URL of the server as the client knows it: a tunnel may lie between.

    Args:
        request: The request.
    """
    host = request.headers.get("host", "")
    if not _HOST.fullmatch(host):
        name, port = request.scope.get("server") or ("localhost", None)
        host = name if port is None else f"{name}:{port}"
    return f"{request.scope['scheme']}://{host}/"
