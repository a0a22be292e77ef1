"""A Keep service over real HTTP that a test can have misbehave.

By itself it does what a keepstore does: it stores blocks in memory, signs nothing, and gives them back by hash and
size. What it is to do instead, a test says with an `Answer` for each of the next requests, or for all of them.

`python -m keep_server` (with this folder on the path) runs one for programs that are measured: it prints its URL.
"""

from __future__ import annotations

import hashlib
import socket
import ssl
import struct
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from typing import Self

LARGEST = 1 << 26
STORED = {"X-Keep-Replicas-Stored": "1", "X-Keep-Storage-Classes-Confirmed": "default=1"}


class Seen(NamedTuple):
    """A request that has come."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def name(self) -> str:
        """Method and hash."""
        return f"{self.method} {self.path[1:33]}"


@dataclass
class Answer:
    """What the service answers, and how it goes wrong.

    Attributes:
        status: The status.
        body: The body.
        headers: Headers besides `Content-Length`.
        announced: What `Content-Length` says, if not the length of the body; -1 for no such header.
        chunked: Whether the body is sent in chunks.
        cut: After so many bytes of the body the connection is closed.
        resets: Whether it is reset then, instead, or without any reply if `cut` is None.
        piece: So many bytes of the body are sent at a time; 0 for all.
        pause: So many seconds are between them.
        closes: Whether the connection is closed afterwards, without having said so.
        before: Called before anything is sent.
        before_reading: Called before the body of the request is read.
        reads: Whether it is read at all.
        raw: Sent instead of status, headers and body; then the connection is closed.
    """

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    announced: int | None = None
    chunked: bool = False
    cut: int | None = None
    resets: bool = False
    piece: int = 0
    pause: float = 0
    closes: bool = False
    before: Callable[[], object] = lambda: None
    before_reading: Callable[[], object] = lambda: None
    reads: bool = True
    raw: bytes = b""


class KeepServer:
    """The service; to be used in a `with` statement.

    Args:
        certificate: The files with a certificate and its key, for TLS.
        checks: Whether what is put is compared with its hash.

    Attributes:
        url: Its URL.
        blocks: What it has stored, by MD5.
        requests: What has come, in order.
        next: What the next requests are answered with; None for what is usual.
        always: What those behind them are answered with.
        stored: The headers of the reply to a PUT.
        signature: The hint that a PUT adds to the locator.
        connections: How many connections were made.
    """

    def __init__(self, certificate: tuple[Path, Path] | None = None, checks: bool = True) -> None:
        self.blocks: dict[str, bytes] = {}
        self.requests: list[Seen] = []
        self.next: deque[Answer | None] = deque()
        self.always: Answer | None = None
        self.stored: Mapping[str, str] = STORED
        self.signature = ""
        self.connections = 0
        self.checks = checks
        self.lock = threading.Lock()
        self._http = _Server(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True
        self.port: int = self._http.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self._http.socket = context.wrap_socket(self._http.socket, server_side=True)
            self.url = f"https://localhost:{self.port}/"

    def __enter__(self) -> Self:
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()

    def add(self, data: bytes) -> str:
        """Store a block without a request, and return its locator."""
        digest = hashlib.md5(data).hexdigest()
        self.blocks[digest] = data
        return f"{digest}+{len(data)}"

    def names(self) -> list[str]:
        """Method and hash of each request that has come."""
        return [request.name for request in self.requests]

    def answer(self, request: Seen) -> Answer:
        """What a keepstore answers."""
        digest, _, hints = request.path.lstrip("/").partition("+")
        if request.method == "PUT":
            return self._put(digest, request.body)
        size = hints.partition("+")[0]
        block = self.blocks.get(digest)
        if request.method == "GET" and not size.isdecimal():
            return Answer(405, b"Method Not Allowed\n")
        if block is None:
            return Answer(404, b"file does not exist\n")
        return Answer(200, block, {"Content-Type": "application/octet-stream"})

    def _put(self, digest: str, body: bytes) -> Answer:
        if len(body) > LARGEST:
            return Answer(413, b"EOF\n")
        if self.checks and hashlib.md5(body).hexdigest() != digest:
            return Answer(400, b"content hash does not match specified locator\n")
        self.blocks[digest] = body
        return Answer(200, f"{digest}+{len(body)}{self.signature}\n".encode(), self.stored)


class _Server(ThreadingHTTPServer):
    request_queue_size = 64

    def handle_error(self, *_: object) -> None:
        """Clients go away in the middle of things here."""


def _handler(server: KeepServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def setup(self) -> None:
            super().setup()
            with server.lock:
                server.connections += 1

        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            with server.lock:
                scripted = server.next.popleft() if server.next else server.always
            length = int(self.headers.get("Content-Length", 0))
            reads = scripted is None or scripted.reads
            if scripted is not None:
                scripted.before_reading()
            body = self.rfile.read(length) if reads else b""
            request = Seen(self.command, self.path, dict(self.headers), body)
            with server.lock:
                server.requests.append(request)
            self._send(scripted or server.answer(request))
            self.close_connection = self.close_connection or not reads

        do_HEAD = do_PUT = do_GET

        def _send(self, answer: Answer) -> None:
            answer.before()
            if answer.resets and answer.cut is None:
                return self._end(answer)
            if answer.raw:
                self._send_pieces(answer.raw, answer)
                return self._end(answer)
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            announced = len(answer.body) if answer.announced is None else answer.announced
            if answer.chunked:
                self.send_header("Transfer-Encoding", "chunked")
            elif announced >= 0:
                self.send_header("Content-Length", str(announced))
            self.end_headers()
            self.wfile.flush()
            if self.command != "HEAD":
                self._send_body(answer)
            if answer.cut is not None or answer.closes or announced < 0:
                self._end(answer)
            return None

        def _send_body(self, answer: Answer) -> None:
            self._send_pieces(answer.body[: answer.cut], answer)
            if answer.chunked:
                self.wfile.write(b"0\r\n\r\n")
                self.wfile.flush()

        def _send_pieces(self, data: bytes, answer: Answer) -> None:
            view = memoryview(data)
            piece = answer.piece or max(len(view), 1)
            for start in range(0, len(view), piece):
                part = view[start : start + piece]
                if answer.chunked:
                    self.wfile.write(b"%x\r\n%b\r\n" % (len(part), bytes(part)))
                else:
                    self.wfile.write(part)
                self.wfile.flush()
                time.sleep(answer.pause)

        def _end(self, answer: Answer) -> None:
            self.close_connection = True
            if answer.resets:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            else:
                with suppress(OSError):
                    self.connection.shutdown(socket.SHUT_RDWR)
            self.connection.close()

    return Handler


class Api:
    """What a Keep client asks of an API client, without a server.

    Attributes:
        items: The services, as the API server lists them.
        lookups: How often they were asked for.
        lookup_retries: With how many retries each time; None for the client's own number.
        error: What asking for anything raises instead.
    """

    api_token = "v2/zzzzz-gj3su-000000000000000/s3cr3tt0k3n"
    insecure = False
    request_id: str | None = None

    def __init__(self, *servers: KeepServer, kind: str = "disk", classes: tuple[str, ...] = ("default",)) -> None:
        self.items = [item(server.port, number, kind) for number, server in enumerate(servers)]
        self.lookups = 0
        self.lookup_retries: list[int | None] = []
        self.error: Exception | None = None
        self._classes = classes

    def keep_services(self) -> Api:
        """Return the resource: this object."""
        return self

    def accessible(self) -> Api:
        """Return the request: this object."""
        return self

    def execute(self, num_retries: int | None = None) -> dict[str, Any]:
        """Return the list."""
        self.lookups += 1
        self.lookup_retries.append(num_retries)
        if self.error is not None:
            raise self.error
        return {"items": [dict(one) for one in self.items]}

    def config(self) -> dict[str, Any]:
        """Return the configuration of the cluster."""
        if self.error is not None:
            raise self.error
        return {"StorageClasses": {name: {"Default": True} for name in self._classes}}


def item(port: int, number: int, kind: str = "disk", **fields: object) -> dict[str, Any]:
    """Return a service as the API server lists it."""
    return {
        "uuid": f"zzzzz-bi6l4-{number:015d}",
        "service_host": "127.0.0.1",
        "service_port": port,
        "service_ssl_flag": False,
        "service_type": kind,
        **fields,
    }


def main() -> None:
    """Run a service until somebody closes its standard input."""
    import sys

    with KeepServer(checks=False) as server:
        print(server.url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
