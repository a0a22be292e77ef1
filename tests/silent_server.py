"""A server of websockets that accepts a connection, and from then on neither reads nor answers."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

from websockets.server import ServerProtocol

if TYPE_CHECKING:
    from typing import Self


class SilentServer:
    """The server, in a thread of this process, for one client.

    Attributes:
        url: Its address.
    """

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self.url = f"ws://localhost:{self._socket.getsockname()[1]}/websocket?api_token=abc"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        protocol = ServerProtocol()
        connection, _ = self._socket.accept()
        with connection:
            while not (requests := protocol.events_received()):
                protocol.receive_data(connection.recv(65536))
            protocol.send_response(protocol.accept(requests[0]))  # type: ignore[arg-type]  # the first is a request
            for data in protocol.data_to_send():
                connection.sendall(data)
            self._is_over.wait()
