"""A model server with scripted replies, over real HTTP on loopback.

    async with model_server([text("Hel"), text("lo"), finish(), done()]) as server:
        ...                                # set LLM_BASE_URL to server.base_url
    assert server.requests[0].body["model"] == "test-model"

A reply is a list of parts, or a function from the request to such a list. Successive requests get successive replies,
and the last reply repeats. Parts such as `text` are chunks as OpenAI sends them; `raw`, `cut`, `reset` and `hang` are
faults. `answer("Hello")` is a whole reply, and `status(429)` one with another HTTP status. `threaded_model_server` runs
the server in its own thread, for tests without an event loop.
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
    """Blocks a reply at `wait_for(gate)` until `open()` is called. May be opened from any thread."""

    def __init__(self) -> None:
        self._opened: Future[None] = Future()

    def open(self) -> None:
        if not self._opened.done():
            self._opened.set_result(None)

    def close(self) -> None:
        """Blocks replies that reach the gate after this call."""
        self._opened = Future()

    async def opened(self) -> None:
        await asyncio.shield(asyncio.wrap_future(self._opened))


@dataclass(frozen=True)
class Raw:
    """Bytes of the body, sent unchanged."""

    content: bytes


@dataclass(frozen=True)
class Head:
    """Status and headers; only as the first part.

    A `framed` body is sent in chunks. Otherwise it ends with the connection.
    """

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
    """Closes the connection before the end of the body."""

    reset: bool


@dataclass(frozen=True)
class Hang:
    """Sends nothing more and keeps the connection open until the client disconnects."""


Part = Raw | Head | Pause | WaitFor | Cut | Hang
Reply = Sequence[Part]


# Parts: what a server sends


def raw(content: bytes) -> Part:
    return Raw(content)


def event(payload: object) -> Part:
    """Returns one SSE event with the payload as JSON."""
    return Raw(b"data: " + json.dumps(payload, ensure_ascii=False).encode() + b"\n\n")


def chunk(delta: object = None, *, finish_reason: str | None = None, **top: object) -> Part:
    """Returns a chunk whose only choice has this delta; `top` adds or overrides top-level fields."""
    choice = {"index": 0, "delta": {} if delta is None else delta, "finish_reason": finish_reason}
    return event({"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": MODEL, "choices": [choice]} | top)


def text(content: str) -> Part:
    return chunk({"content": content})


def thinking(content: str, *, key: str = "reasoning_content") -> Part:
    return chunk({key: content})


def tool_call(name: str, arguments: object = None, *, call_id: str = "call_1", index: int = 0) -> Part:
    """Returns a whole call in one chunk. Arguments other than a string are encoded as JSON; None is an empty object."""
    encoded = arguments if isinstance(arguments, str) else json.dumps({} if arguments is None else arguments)
    function = {"name": name, "arguments": encoded}
    return chunk({"tool_calls": [{"index": index, "id": call_id, "type": "function", "function": function}]})


def tool_arguments(fragment: str, *, index: int = 0) -> Part:
    """Returns a chunk with the next fragment of a call's arguments."""
    return chunk({"tool_calls": [{"index": index, "function": {"arguments": fragment}}]})


def finish(reason: str = "stop") -> Part:
    return chunk(finish_reason=reason)


def usage(prompt: int = 10, completion: int = 5, *, reasoning: int = 0, cached: int = 0) -> Part:
    """Returns the chunk without choices that `stream_options.include_usage` requests."""
    counts = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": cached},
        "completion_tokens_details": {"reasoning_tokens": reasoning},
    }
    return chunk(choices=[], usage=counts)


def done() -> Part:
    return Raw(b"data: [DONE]\n\n")


# Parts: faults and delays


def head(status: int = 200, headers: Mapping[str, str] | None = None, *, framed: bool = True) -> Part:
    """Returns the status and headers of the reply. Without it, a reply has those of an event stream."""
    return Head(status, headers or {}, framed)


def pause(seconds: float) -> Part:
    return Pause(seconds)


def wait_for(gate: Gate) -> Part:
    return WaitFor(gate)


def cut() -> Part:
    """Closes the connection; the client can still read the bytes sent before."""
    return Cut(reset=False)


def reset() -> Part:
    """Resets the connection; the client loses the bytes it has not read yet."""
    return Cut(reset=True)


def hang() -> Part:
    """Sends nothing more until the client disconnects."""
    return Hang()


# Whole replies


def status(code: int, body: object = None, headers: Mapping[str, str] | None = None) -> Reply:
    """Returns a reply that is not a stream. A `body` other than bytes or text is encoded as JSON."""
    kind = "text/plain" if isinstance(body, str | bytes) else "application/json"
    content = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
    return [Head(code, {"Content-Type": kind} | dict(headers or {})), Raw(content)]


def answer(content: str, *, thought: str = "", prompt: int = 10, completion: int = 5) -> Reply:
    """Returns a well-formed reply: the text word by word, usage, and the end marker."""
    thoughts = [thinking(thought)] if thought else []
    words = [text(word) for word in re.findall(r"\S+\s*|\s+", content)]
    return [*thoughts, *words, finish(), usage(prompt, completion), done()]


def calls(*parts: Part, prompt: int = 10, completion: int = 5) -> Reply:
    """Returns a reply that calls tools: `calls(tool_call("a"), tool_call("b", {"to": 1}, call_id="2", index=1))`."""
    return [*parts, finish("tool_calls"), usage(prompt, completion), done()]


def body_of(reply: Iterable[Part]) -> bytes:
    """Returns the whole body of a reply, for tests of parsers."""
    return b"".join(part.content for part in reply if isinstance(part, Raw))


# The server


@dataclass
class ModelRequest:
    """A received request. The values of a repeated header are joined with a comma.

    `answered` resolves when the whole reply was sent, `abandoned` when the client disconnected before that. Wait with
    `.result(timeout)` in a thread, or with `await settled(request.abandoned)`.
    """

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
    """Waits for a future of this module, with a time-out that allows for slow machines."""
    async with asyncio.timeout(30):
        await asyncio.shield(asyncio.wrap_future(future))


class ModelServer:
    """Created by `model_server` or `threaded_model_server`."""

    def __init__(self, replies: Sequence[Reply | Callable[[ModelRequest], Reply]]) -> None:
        self.requests: list[ModelRequest] = []
        self.connections = 0
        """Number of connections accepted so far."""
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
        """Returns a future that resolves when the request with this number, counted from 1, has arrived."""
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
            await self._serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client disconnected, or the test is over
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Read ahead while a reply is sent, to notice when the client disconnects
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
        """Returns whether the connection can be used for the next request."""
        sending = asyncio.ensure_future(_send(reply, writer))
        try:
            either: list[asyncio.Future[Any]] = [sending, next_byte]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                reusable = sending.result()
                request.answered.set_result(None)
                return reusable
            return False
        except ConnectionError:
            return False
        finally:
            sending.cancel()
            if not request.answered.done():
                request.abandoned.set_result(None)


@asynccontextmanager
async def model_server(*replies: Reply | Callable[[ModelRequest], Reply]) -> AsyncIterator[ModelServer]:
    """Runs a server in the current event loop."""
    server = ModelServer(replies)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@contextmanager
def threaded_model_server(*replies: Reply | Callable[[ModelRequest], Reply]) -> Iterator[ModelServer]:
    """Runs a server with its own event loop in a thread."""
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
    """Returns whether the connection can be used for the next request."""
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
            case Cut(reset=is_reset):
                if is_reset:
                    _reset_on_close(writer)
                return False
            case Head():
                raise ValueError("a head must be the first part")
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
