"""A wire to PostgreSQL that is cut at a COMMIT: before the server has heard it, or after it has carried it out."""

from __future__ import annotations

import socket
import threading
from enum import Enum

COMMIT = b"Q\x00\x00\x00\x0bCOMMIT\x00"
"""The message of PostgreSQL's protocol: a simple query of 11 bytes with its length."""


class Cut(Enum):
    BEFORE = "before the server has heard the COMMIT"
    AFTER = "after the server has carried out the COMMIT"


class CuttingWire:
    """Listens on `port`. Each of `cuts` is made at one COMMIT more; then everything comes through."""

    def __init__(self, server_port: int, cuts: list[Cut]) -> None:
        self._server_port, self._cuts = server_port, cuts
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
            threading.Thread(target=self._ask, args=(client, server), daemon=True).start()

    def _ask(self, client: socket.socket, server: socket.socket) -> None:
        """From the client to the server; what the server answers comes back on another thread."""
        answering = threading.Thread(target=_copy, args=(server, client), daemon=True)
        answering.start()
        while sent := _receive(client):
            if sent == COMMIT and self._cuts:
                cut = self._cuts.pop(0)
                client.shutdown(socket.SHUT_RDWR)
                if cut is Cut.AFTER:
                    server.sendall(sent)
                break
            server.sendall(sent)
        server.shutdown(socket.SHUT_WR)
        answering.join()
        client.close()
        server.close()


def _copy(source: socket.socket, target: socket.socket) -> None:
    while received := _receive(source):
        try:
            target.sendall(received)
        except OSError:
            continue  # nobody listens any more, and the source shall come to its end


def _receive(source: socket.socket) -> bytes:
    try:
        return source.recv(65_536)
    except OSError:
        return b""
