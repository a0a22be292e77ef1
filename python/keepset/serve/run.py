"""A server from start to end: the socket, TLS, and what a signal does."""

import logging
import re
import signal
import socket
import ssl
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from keepset._pools import is_loopback
from keepset.errors import ConfigError
from keepset.keep.parts import BlockOpener
from keepset.serve.access import Access
from keepset.serve.app import build
from keepset.serve.bodies import Budget
from keepset.serve.discovery import STORAGE_CLASSES
from keepset.serve.log import JsonFormatter
from keepset.serve.protocol import Protocol
from keepset.serve.service import Service
from keepset.serve.signatures import LIFETIME, Signer
from keepset.serve.tls import self_signed
from keepset.session import Store

__all__ = ["Listening", "serve"]

_MEMORY = 1 << 29
"""What all requests together hold, in bytes."""

_CONNECTIONS = 1000
_CLASS_NAME = re.compile(r"[0-9A-Za-z_.-]{1,64}")
_GRACE_SECONDS = 60
_BACKLOG = 512


@dataclass(frozen=True)
class Listening:
    """Where and how a server listens.

    Attributes:
        host: The name or the address.
        port: The port; 0 for one that is free.
        certificate: The file with the certificate, for TLS.
        key: The file with its key.
        self_signed: Whether to make a certificate.
        insecure: Whether others may reach the server without TLS.
        signature_lifetime: For how long the signatures of blocks are valid, in seconds.
        storage_classes: Those that each block has.
    """

    host: str
    port: int
    certificate: Path | None = None
    key: Path | None = None
    self_signed: bool = False
    insecure: bool = False
    signature_lifetime: int = LIFETIME
    storage_classes: tuple[str, ...] = STORAGE_CLASSES

    def check(self) -> None:
        """Refuse what would let tokens be read on their way.

        Raises:
            ConfigError: The settings contradict each other, or are unsafe.
        """
        if wrong := [name for name in self.storage_classes if not _CLASS_NAME.fullmatch(name)]:
            raise ConfigError(f"no name of a storage class: {wrong[0]!r}; it has letters, digits, `_`, `-` and `.`")
        if (self.certificate is None) != (self.key is None):
            raise ConfigError("--tls-cert and --tls-key go together: name both")
        if self.certificate is not None and self.self_signed:
            raise ConfigError("either --self-signed or --tls-cert, not both")
        if not (self.certificate or self.self_signed or self.insecure or is_loopback(self.host)):
            raise ConfigError(
                f"{self.host} can be reached from elsewhere, and without TLS the tokens can be read on their way:"
                " name a certificate with --tls-cert and --tls-key, make one with --self-signed, or say --insecure"
            )


def serve(store: Store, access: Access, listening: Listening, ready: Callable[[str], object]) -> None:
    """Serve a store until a signal comes: SIGTERM and SIGINT let the requests be answered that have begun.

    Args:
        store: The store.
        access: Who may use it.
        listening: Where and how to listen.
        ready: Is called with the URL when connections are accepted.

    Raises:
        ConfigError: That cannot be listened on, or not safely.
    """
    listening.check()
    certificate, key = listening.certificate, listening.key
    if listening.self_signed:
        certificate, key = self_signed(store.path, listening.host)
    _log_as_json()
    signer = Signer(access.signing_key, listening.signature_lifetime)
    service = Service(store, access, signer, Budget(_MEMORY), BlockOpener(store.keep), listening.storage_classes)
    config = uvicorn.Config(
        build(service, _write_line),
        http=Protocol,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        ws="none",
        timeout_keep_alive=75,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        limit_concurrency=_CONNECTIONS,
        ssl_certfile=certificate,
        ssl_keyfile=key,
    )
    try:
        config.load()
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"the certificate and its key cannot be used: {error}") from error
    with _bound(listening) as listener:
        scheme = "https" if certificate else "http"
        name = f"[{listening.host}]" if ":" in listening.host else listening.host
        url = f"{scheme}://{name}:{listener.getsockname()[1]}/"
        _run(_Server(config, lambda: ready(url)), listener)


def _log_as_json() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter())
    for name in ("keepset", "uvicorn"):
        logging.getLogger(name).addHandler(handler)


def _bound(listening: Listening) -> socket.socket:
    family = socket.AF_INET6 if ":" in listening.host else socket.AF_INET
    # Only if a socket says that it is TCP does asyncio send small replies without delay (TCP_NODELAY).
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((listening.host, listening.port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise ConfigError(f"cannot listen on {listening.host}, port {listening.port}: {error.strerror}") from error
    return listener


class _Server(uvicorn.Server):
    """A server that says when it can be used, and be told to end.

    Args:
        config: Its settings.
        ready: Is called then.
    """

    def __init__(self, config: uvicorn.Config, ready: Callable[[], object]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept connections."""
        await super().startup(sockets)
        self._ready()


def _run(server: uvicorn.Server, listener: socket.socket) -> None:
    # When all is answered uvicorn raises the signal again, for whoever was there before: to end here is not a failure.
    before = {number: signal.signal(number, _nothing) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        server.run([listener])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _nothing(number: int, frame: object) -> None:
    pass


def _write_line(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
