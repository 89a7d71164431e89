"""A model server that says what a test tells it to, over real HTTP on loopback.

    async with model_server([text("Hel"), text("lo"), finish(), done()]) as server:
        ...                                # point the product at server.base_url
    assert server.requests[0].body["model"] == "test-model"

A reply is a list of parts, sent one by one. Replies answer successive requests in turn; the last one answers all that
come after. A reply may also be a function from the request to a list of parts. `threaded_model_server` is the same in a
thread of its own, for tests without an event loop. Helpers such as `text` write chunks as OpenAI does; `raw`, `status`,
`cut`, `reset` and `hang` do what OpenAI would not. `answer("Hello")` is a whole reply.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import struct
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

MODEL = "test-model"


class Gate:
    """Holds a reply at `wait_for(gate)` until `open()` is called, from any thread."""

    def __init__(self) -> None:
        self._opened: Future[None] = Future()

    def open(self) -> None:
        if not self._opened.done():
            self._opened.set_result(None)

    def close(self) -> None:
        """For whoever comes to it from now on."""
        self._opened = Future()

    async def opened(self) -> None:
        await asyncio.shield(asyncio.wrap_future(self._opened))


@dataclass(frozen=True)
class Raw:
    """Bytes of the body, as they are."""

    content: bytes


@dataclass(frozen=True)
class Head:
    """Status and headers; only as the first part. `framed`: in chunks; else the end of the connection ends the body."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    framed: bool = True


@dataclass(frozen=True)
class Pause:
    seconds: float


@dataclass(frozen=True)
class WaitFor:
    gate: Gate


@dataclass(frozen=True)
class Cut:
    """The connection ends here, though the answer does not."""

    reset: bool


@dataclass(frozen=True)
class Hang:
    """Nothing more comes, and the connection stays open until the client leaves."""


Part = Raw | Head | Pause | WaitFor | Cut | Hang
Reply = Sequence[Part]


# Parts: what a server says


def raw(content: bytes) -> Part:
    return Raw(content)


def event(payload: object) -> Part:
    """One SSE event with this JSON."""
    return Raw(b"data: " + json.dumps(payload, ensure_ascii=False).encode() + b"\n\n")


def chunk(delta: object = None, *, finish_reason: str | None = None, **top: object) -> Part:
    """One chunk whose only choice has this delta; `top` adds to, or overrides, the chunk's own fields."""
    choice = {"index": 0, "delta": {} if delta is None else delta, "finish_reason": finish_reason}
    return event({"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": MODEL, "choices": [choice]} | top)


def text(content: str) -> Part:
    return chunk({"content": content})


def thinking(content: str, *, key: str = "reasoning_content") -> Part:
    return chunk({key: content})


def tool_call(name: str, arguments: object = None, *, call_id: str = "call_1", index: int = 0) -> Part:
    """A whole call in one chunk; arguments that are no string are written as JSON (None: an empty object)."""
    written = arguments if isinstance(arguments, str) else json.dumps({} if arguments is None else arguments)
    function = {"name": name, "arguments": written}
    return chunk({"tool_calls": [{"index": index, "id": call_id, "type": "function", "function": function}]})


def tool_arguments(fragment: str, *, index: int = 0) -> Part:
    """More of a call's arguments."""
    return chunk({"tool_calls": [{"index": index, "function": {"arguments": fragment}}]})


def finish(reason: str = "stop") -> Part:
    return chunk(finish_reason=reason)


def usage(prompt: int = 10, completion: int = 5, *, reasoning: int = 0, cached: int = 0) -> Part:
    """The chunk without choices that `stream_options.include_usage` asks for."""
    figures = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": cached},
        "completion_tokens_details": {"reasoning_tokens": reasoning},
    }
    return chunk(choices=[], usage=figures)


def done() -> Part:
    return Raw(b"data: [DONE]\n\n")


# Parts: what goes wrong, and when


def head(status: int = 200, headers: Mapping[str, str] | None = None, *, framed: bool = True) -> Part:
    """Status and headers of what follows; without it, those of an event stream."""
    return Head(status, headers or {}, framed)


def pause(seconds: float) -> Part:
    return Pause(seconds)


def wait_for(gate: Gate) -> Part:
    return WaitFor(gate)


def cut() -> Part:
    """The server goes away in the middle; the client gets all bytes that were sent before."""
    return Cut(reset=False)


def reset() -> Part:
    """The connection is reset; bytes that the client has not read by then are lost to it."""
    return Cut(reset=True)


def hang() -> Part:
    """Nothing more comes, until the client leaves."""
    return Hang()


# Whole replies


def status(code: int, body: object = None, headers: Mapping[str, str] | None = None) -> Reply:
    """An answer that is no stream: `body` is bytes, text or (then as JSON) anything else."""
    kind = "text/plain" if isinstance(body, str | bytes) else "application/json"
    content = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
    return [Head(code, {"Content-Type": kind} | dict(headers or {})), Raw(content)]


def answer(content: str, *, thought: str = "", prompt: int = 10, completion: int = 5) -> Reply:
    """Text as a well-behaved server streams it, word by word, with usage and end mark."""
    thoughts = [thinking(thought)] if thought else []
    words = [text(word) for word in re.findall(r"\S+\s*|\s+", content)]
    return [*thoughts, *words, finish(), usage(prompt, completion), done()]


def calls(*parts: Part, prompt: int = 10, completion: int = 5) -> Reply:
    """A reply that asks for tools: `calls(tool_call("clock"), tool_call("add", {"to": 1}, call_id="b", index=1))`."""
    return [*parts, finish("tool_calls"), usage(prompt, completion), done()]


def body_of(reply: Iterable[Part]) -> bytes:
    """The bytes that a reply's body has in all, for tests of what reads bytes."""
    return b"".join(part.content for part in reply if isinstance(part, Raw))


# The server


@dataclass
class ModelRequest:
    """What was asked; of a header that came twice, both values with a comma between them.

    `abandoned` and `answered` resolve when the client left before the reply's end, or had it all;
    wait for them with `.result(timeout)` in a thread, or `await settled(request.abandoned)`."""

    method: str
    path: str
    headers: dict[str, str]
    content: bytes
    abandoned: Future[None] = field(default_factory=Future, repr=False)
    answered: Future[None] = field(default_factory=Future, repr=False)

    @property
    def body(self) -> dict[str, Any]:
        body = json.loads(self.content)
        assert isinstance(body, dict)
        return body


async def settled(future: Future[None]) -> None:
    """Awaits a future of the kit for as long as a slow machine may need."""
    async with asyncio.timeout(30):
        await asyncio.shield(asyncio.wrap_future(future))


class ModelServer:
    """Made by `model_server` or `threaded_model_server`."""

    def __init__(self, replies: Sequence[Reply | Callable[[ModelRequest], Reply]]) -> None:
        self.requests: list[ModelRequest] = []
        self.connections = 0
        """How many were opened, in all."""
        self.port = 0
        self._replies = replies
        self._arrivals: dict[int, Future[None]] = {}
        self._lock = threading.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def arrival(self, number: int = 1) -> Future[None]:
        """Resolves when the request of this number, from 1, is there."""
        with self._lock:
            future = self._arrivals.setdefault(number, Future())
            if number <= len(self.requests) and not future.done():
                future.set_result(None)
            return future

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Closes the port and every connection."""
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            await self._converse(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # The client left, or the test is over.
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A client that has nothing to say yet is still listened to: that is how its leaving is noticed.
        next_byte = asyncio.ensure_future(reader.read(1))
        try:
            while first := await next_byte:
                request = await _read_request(first, reader)
                reply = self._reply_to(request)
                next_byte = asyncio.ensure_future(reader.read(1))
                if not await self._answer(request, reply, writer, next_byte):
                    return
        finally:
            next_byte.cancel()

    def _reply_to(self, request: ModelRequest) -> Reply:
        with self._lock:
            self.requests.append(request)
            number = len(self.requests)
        self.arrival(number)
        reply = self._replies[min(number, len(self._replies)) - 1]
        return reply(request) if callable(reply) else reply

    async def _answer(
        self, request: ModelRequest, reply: Reply, writer: asyncio.StreamWriter, next_byte: asyncio.Future[bytes]
    ) -> bool:
        """Returns whether the connection can go on."""
        sending = asyncio.ensure_future(_send(reply, writer))
        try:
            either: list[asyncio.Future[Any]] = [sending, next_byte]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                goes_on = sending.result()
                request.answered.set_result(None)
                return goes_on
            return False
        except ConnectionError:
            return False
        finally:
            sending.cancel()
            if not request.answered.done():
                request.abandoned.set_result(None)


@asynccontextmanager
async def model_server(*replies: Reply | Callable[[ModelRequest], Reply]) -> AsyncIterator[ModelServer]:
    """A server in the running event loop."""
    server = ModelServer(replies)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@contextmanager
def threaded_model_server(*replies: Reply | Callable[[ModelRequest], Reply]) -> Iterator[ModelServer]:
    """A server with an event loop in a thread of its own."""
    server = ModelServer(replies)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="model server", daemon=True)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(server.start(), loop).result(10)
        yield server
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _read_request(first: bytes, reader: asyncio.StreamReader) -> ModelRequest:
    lines = (first + await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, path, _ = lines[0].split(" ")
    headers: dict[str, str] = {}
    for name, _, value in (line.partition(":") for line in lines[1:] if line):
        before = headers.get(name.lower())
        headers[name.lower()] = value.strip() if before is None else f"{before}, {value.strip()}"
    content = await reader.readexactly(int(headers.get("content-length", 0)))
    return ModelRequest(method, path, headers, content)


async def _send(reply: Reply, writer: asyncio.StreamWriter) -> bool:
    """Returns whether the connection can go on."""
    parts = list(reply)
    start = parts.pop(0) if parts and isinstance(parts[0], Head) else Head()
    assert isinstance(start, Head)
    writer.write(_head_bytes(start))
    for part in parts:
        match part:
            case Raw(content):
                writer.write(b"%x\r\n%b\r\n" % (len(content), content) if start.framed and content else content)
                await writer.drain()
            case Pause(seconds):
                await asyncio.sleep(seconds)
            case WaitFor(gate):
                await gate.opened()
            case Hang():
                await asyncio.Event().wait()
            case Cut(reset=resets):
                if resets:
                    _reset_on_close(writer)
                return False
            case Head():
                raise ValueError("a head can only come first")
    if start.framed:
        writer.write(b"0\r\n\r\n")
    await writer.drain()
    return start.framed


def _head_bytes(start: Head) -> bytes:
    framing = {"Transfer-Encoding": "chunked"} if start.framed else {"Connection": "close"}
    headers = {"Content-Type": "text/event-stream"} | framing | dict(start.headers)
    lines = [f"HTTP/1.1 {start.status} Status", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _reset_on_close(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
