"""`keepset serve` as a process, and real requests to it: what tests of servers and of clients share."""

import http.client
import json
import os
import signal
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.parse
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import keepset

_START = "from keepset.cli import main; main()"
_SECONDS = 30


class Reply(NamedTuple):
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


def environment(**more: str) -> dict[str, str]:
    """The environment for a process that uses the same package as this one, and nobody's settings."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("ARVADOS_", "KEEP"))}
    path = os.pathsep.join([str(Path(keepset.__file__).parent.parent), os.environ.get("PYTHONPATH", "")])
    return ours | {"PYTHONPATH": path, "KEEPSET_ALLOW_DEBUG": "1"} | more


def run_command(store: Path, *arguments: str) -> str:
    """Run `keepset serve` with arguments that only print something."""
    command = [sys.executable, "-c", _START, "serve", "--store", str(store), *arguments]
    return subprocess.run(command, env=environment(), check=True, capture_output=True, text=True).stdout.strip()


class Server:
    """A server on a free port, with a token that may write and one that may not.

    Args:
        store: The folder of its store.
        tls: Whether it speaks TLS, as the official client needs it.
        port: Where it listens; 0 for a port that is free.
        options: Other options of the command.
    """

    def __init__(self, store: Path, *options: str, tls: bool = False, port: int = 0) -> None:
        self.store = store
        self.options = options
        self.tls = tls
        self.token = run_command(store, "--new-token")
        self.reading_token = run_command(store, "--new-token", "--read-only")
        self.log = Path(tempfile.mkstemp(prefix="keepset-serve-", suffix=".log")[1])
        self.port = port
        self.start()

    def start(self) -> None:
        """Start the process, and wait until it listens."""
        command = [sys.executable, "-c", _START, "serve", "--store", str(self.store), "--port", str(self.port)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, *self.options, *(["--self-signed"] if self.tls else [])],
                env=environment(),
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("listening on "), self.log.read_text()
        self.url = line.split()[2]
        address = urllib.parse.urlsplit(self.url)
        self.port = address.port or 0
        self.host = f"{address.hostname}:{address.port}"

    def kill(self) -> None:
        """End the process at once."""
        self.process.kill()
        self._ended()

    def stop(self) -> int:
        """Ask the process to end; returns its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self._ended()

    def _ended(self) -> int:
        try:
            return self.process.wait(_SECONDS)
        finally:
            assert self.process.stdout is not None
            self.process.stdout.close()

    def close(self) -> None:
        """End the process, and forget its log."""
        if self.process.poll() is None:
            self.process.kill()
        self._ended()
        self.log.unlink()

    @property
    def environment(self) -> dict[str, str]:
        """The settings of clients."""
        return {
            "ARVADOS_API_HOST": self.host if self.tls else self.url,
            "ARVADOS_API_TOKEN": self.token,
            "ARVADOS_API_HOST_INSECURE": "1" if self.tls else "",
        }

    def connect(self) -> http.client.HTTPConnection:
        """Open a connection."""
        if not self.tls:
            return http.client.HTTPConnection("127.0.0.1", self.port, timeout=_SECONDS)
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=_SECONDS, context=context)

    def request(
        self,
        method: str,
        path: str,
        body: bytes | Mapping[str, Any] | None = None,
        *,
        token: str | None = "",
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send a request; without a token when that is None, else with the one that may write."""
        sent = dict(headers or {})
        if token is not None:
            sent.setdefault("Authorization", f"Bearer {token or self.token}")
        if isinstance(body, Mapping):
            sent.setdefault("Content-Type", "application/json")
            body = json.dumps(body).encode()
        connection = self.connect()
        try:
            connection.request(method, path, body, sent)
            reply = connection.getresponse()
            return Reply(reply.status, reply.headers, reply.read())
        finally:
            connection.close()

    def api(self, method: str, path: str, body: Mapping[str, Any] | None = None, **query: Any) -> Any:
        """Ask the API for something that it has; structured values become JSON."""
        written = {name: value if isinstance(value, str) else json.dumps(value) for name, value in query.items()}
        question = f"?{urllib.parse.urlencode(written)}" if written else ""
        reply = self.request(method, f"/arvados/v1/{path}{question}", body)
        assert reply.status == 200, reply.body
        return reply.json

    def put(self, data: bytes) -> str:
        """Store a block, and return its signed locator."""
        reply = self.request("POST", "/", data)
        assert reply.status == 200, reply.body
        return reply.body.decode().strip()

    def log_lines(self, count: int) -> list[dict[str, Any]]:
        """The access log, once it has so many lines."""
        give_up = time.monotonic() + _SECONDS
        while True:
            lines = [json.loads(line) for line in self.log.read_text().splitlines() if '"method"' in line]
            if len(lines) >= count:
                return lines
            assert time.monotonic() < give_up, lines
            time.sleep(0.01)
