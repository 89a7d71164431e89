"""A fast model server on the loopback interface: OpenAI-compatible streaming in plain asyncio, for any key.

`python -m benchmarks.rig.model_server PORT`. The name of the model is the workload: "stamped-500-50" streams 500
stamped tokens (rig/stamps.py) at 50 per second; at rate 0 they are sent as fast as the client reads them.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import sys
import time
from collections.abc import Iterator
from typing import Any, cast

from benchmarks.rig.stamps import TOKEN_BYTES, Stamper

WORKLOAD = re.compile(r"stamped-(\d+)-(\d+)")
LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
TOKENS_PER_WRITE = 50
"""Without a rate."""

_answers = itertools.count(1)


def model_name(tokens: int, rate: int) -> str:
    return f"stamped-{tokens}-{rate}"


def http_chunk(content: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(content), content)


class ResponseEncoder:
    """Encodes one response."""

    def __init__(self, model: str, tokens: int, wants_usage: bool) -> None:
        self._tokens = tokens
        self._common: dict[str, Any] = {
            "id": f"chatcmpl-{next(_answers)}",
            "object": "chat.completion.chunk",
            "created": int(time.time()),
            "model": model,
            "system_fingerprint": "fp_benchmark",
        }
        self._before, self._after = self._event({"content": "TOKEN"}).split(b"TOKEN")
        self._wants_usage = wants_usage
        self._stamper = Stamper()
        self._chunk_size = b"%x\r\n" % (len(self._before) + TOKEN_BYTES + len(self._after))

    def head(self) -> bytes:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        return head + http_chunk(self._event({"role": "assistant", "content": ""}))

    def token(self) -> bytes:
        return b"%b%b%b%b\r\n" % (self._chunk_size, self._before, self._stamper.token(), self._after)

    def tail(self) -> bytes:
        end = http_chunk(self._event({}, "stop"))
        if self._wants_usage:
            usage = {"prompt_tokens": 10, "completion_tokens": self._tokens, "total_tokens": self._tokens + 10}
            end += http_chunk(_data({**self._common, "choices": [], "usage": usage}))
        return end + http_chunk(b"data: [DONE]\n\n") + http_chunk(b"")

    def _event(self, delta: dict[str, str], finish_reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return _data({**self._common, "choices": [choice]})


def _data(value: dict[str, Any]) -> bytes:
    return b"data: %b\n\n" % json.dumps(value, separators=(",", ":")).encode()


class Connection(asyncio.Protocol):
    """A client's connection, with one request after another."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._received = bytearray()
        self._timer: asyncio.Handle | None = None
        self._batches: Iterator[bytes] | None = None
        """The rest of a response without a rate."""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._batches = None
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head_end = self._received.find(b"\r\n\r\n")
        if head_end < 0:
            return
        length = LENGTH.search(self._received, 0, head_end)
        end = head_end + 4 + (int(length[1]) if length else 0)
        if len(self._received) < end:
            return
        body = bytes(self._received[head_end + 4 : end])
        del self._received[:end]
        self._respond(json.loads(body))

    def resume_writing(self) -> None:
        if self._batches is not None:
            self._timer = self._loop.call_soon(self._write_batch, self._batches)

    def pause_writing(self) -> None:
        if self._batches is not None and self._timer is not None:
            self._timer.cancel()

    def _respond(self, request: dict[str, Any]) -> None:
        workload = WORKLOAD.fullmatch(request["model"])
        if workload is None:
            self._transport.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            return
        tokens, rate = int(workload[1]), int(workload[2])
        encoder = ResponseEncoder(workload[0], tokens, bool((request.get("stream_options") or {}).get("include_usage")))
        self._transport.write(encoder.head())
        if rate:
            self._write_at_rate(encoder, tokens, 1 / rate)
        else:
            self._batches = _batches(encoder, tokens)
            self._write_batch(self._batches)

    def _write_at_rate(self, encoder: ResponseEncoder, tokens: int, interval: float) -> None:
        start, sent = self._loop.time(), 0

        def tick() -> None:
            nonlocal sent
            self._transport.write(encoder.token())
            sent += 1
            if sent < tokens:
                self._timer = self._loop.call_at(start + sent * interval, tick)
            else:
                self._transport.write(encoder.tail())

        tick()

    def _write_batch(self, batches: Iterator[bytes]) -> None:
        batch = next(batches, None)
        if batch is None:
            self._batches = None
            return
        self._timer = self._loop.call_soon(self._write_batch, batches)
        self._transport.write(batch)


def _batches(encoder: ResponseEncoder, tokens: int) -> Iterator[bytes]:
    for start in range(0, tokens, TOKENS_PER_WRITE):
        yield b"".join(encoder.token() for _ in range(start, min(start + TOKENS_PER_WRITE, tokens)))
    yield encoder.tail()


async def serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
