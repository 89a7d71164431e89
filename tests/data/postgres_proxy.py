"""A proxy to PostgreSQL that breaks connections at a COMMIT: before or after the server has carried it out."""

from __future__ import annotations

import socket
import threading
from enum import Enum

COMMIT = b"Q\x00\x00\x00\x0bCOMMIT\x00"
"""A simple query in PostgreSQL's protocol: its type, its length of 11 bytes, and the statement."""


class Lost(Enum):
    """What is lost when the connection breaks at a COMMIT."""

    COMMIT = "the COMMIT: the server never gets it"
    REPLY = "the reply: the server has committed"


class PostgresProxy:
    """Listens on `port` and forwards to `server_port`. Breaks one connection at its next COMMIT for each of `losses`,
    in order; after that it forwards everything."""

    def __init__(self, server_port: int, losses: list[Lost]) -> None:
        self._server_port, self._losses = server_port, losses
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._server_port))
            threading.Thread(target=self._forward, args=(client, server), daemon=True).start()

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        """Forwards from the client to the server, and the replies on another thread."""
        replies = threading.Thread(target=_copy, args=(server, client), daemon=True)
        replies.start()
        while received := _receive(client):
            if received == COMMIT and self._losses:
                lost = self._losses.pop(0)
                client.shutdown(socket.SHUT_RDWR)
                if lost is Lost.REPLY:
                    server.sendall(received)
                break
            server.sendall(received)
        server.shutdown(socket.SHUT_WR)
        replies.join()
        client.close()
        server.close()


def _copy(source: socket.socket, target: socket.socket) -> None:
    while received := _receive(source):
        try:
            target.sendall(received)
        except OSError:
            continue  # the client is gone; still read the server's replies to their end


def _receive(source: socket.socket) -> bytes:
    try:
        return source.recv(65_536)
    except OSError:
        return b""
