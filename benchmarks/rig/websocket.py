"""A WebSocket client for measurements."""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import Callable
from typing import cast

from benchmarks.rig.stamps import now

_TEXT, _CLOSE, _PING, _PONG = 1, 8, 9, 10


class WebSocket(asyncio.Protocol):
    """The client side of a WebSocket (RFC 6455), as fast as possible in Python.

    `on_message` gets each message and the time (rig/stamps.py) at which its bytes arrived, before any parsing.
    `opened` resolves after the handshake; `on_close` is called once, when the connection is closed.
    """

    def __init__(
        self, path: str, headers: dict[str, str], on_message: Callable[[bytes, int], None], on_close: Callable[[], None]
    ) -> None:
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._path, self._headers = path, headers
        self._on_message, self._on_close = on_message, on_close
        self._received = b""
        self._parts: list[bytes] = []
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        host, port = transport.get_extra_info("peername")[:2]
        headers = {
            "Host": f"{host}:{port}",
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
            **self._headers,
        }
        lines = [f"GET {self._path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        self._transport.write("\r\n".join([*lines, "", ""]).encode())

    def connection_lost(self, error: Exception | None) -> None:
        if not self.opened.done():
            self.opened.set_exception(ConnectionError("the connection was closed in the handshake"))
        self._on_close()

    def data_received(self, data: bytes) -> None:
        at = now()
        received = self._received + data if self._received else data
        if not self.opened.done():
            head, end, received = received.partition(b"\r\n\r\n")
            if not end:
                self._received = head
                return
            self._finish_handshake(head)
        self._received = self._parse_frames(received, at)

    def send(self, message: bytes) -> None:
        self._send(_TEXT, message)

    def abort(self) -> None:
        self._transport.abort()

    def _finish_handshake(self, head: bytes) -> None:
        status = head.split(b"\r\n", 1)[0]
        if b" 101 " in status:
            self.opened.set_result(None)
        else:
            self.opened.set_exception(ConnectionError(status.decode("latin-1")))

    def _parse_frames(self, received: bytes, at: int) -> bytes:
        """Handles the complete frames, and returns the rest: the beginning of a frame."""
        start, available = 0, len(received)
        while available - start >= 2:
            size, body = received[start + 1] & 0x7F, start + 2
            if size > 125:
                body += 2 if size == 126 else 8
                size = int.from_bytes(received[start + 2 : body], "big")
            if available < body + size:
                break
            self._on_frame(received[start], received[body : body + size], at)
            start = body + size
        return received[start:]

    def _on_frame(self, first: int, payload: bytes, at: int) -> None:
        opcode, is_last = first & 0x0F, first & 0x80
        if opcode == _PING:
            self._send(_PONG, payload)
        elif opcode == _CLOSE:
            self._transport.close()
        elif is_last and not self._parts:
            self._on_message(payload, at)
        else:
            self._parts.append(payload)
            if is_last:
                message, self._parts = b"".join(self._parts), []
                self._on_message(message, at)

    def _send(self, opcode: int, payload: bytes) -> None:
        size, mask = len(payload), os.urandom(4)
        if size < 126:
            length = bytes([0x80 | size])
        elif size < 1 << 16:
            length = b"\xfe" + size.to_bytes(2, "big")
        else:
            length = b"\xff" + size.to_bytes(8, "big")
        key = (mask * (size // 4 + 1))[:size]
        masked = (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(size, "big")
        self._transport.write(bytes([0x80 | opcode]) + length + mask + masked)
