"""A protocol client written from docs/protocol.md, with nothing but a WebSocket library.

async with connected(url, token) as client:
    sent = await client.call("message.send", text="Hello")
    done = await client.until("done", run_id=sent["run_id"])
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import websockets
from websockets.asyncio.client import ClientConnection

from tests.protocol.contract import Contract, Violation

WAIT_TIMEOUT = 30.0
"""Seconds to wait for a frame before the test fails."""


class CallError(Exception):
    """An error response."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(f"{error['code']}: {error['message']}")
        self.code: int = error["code"]
        self.data: dict[str, Any] = error.get("data") or {}


def encode(request: dict[str, Any]) -> str:
    """Returns the request as JSON, unescaped unless it contains surrogates, which UTF-8 cannot encode."""
    text = json.dumps(request, ensure_ascii=False)
    return json.dumps(request) if re.search("[\ud800-\udfff]", text) else text


class Client:
    """Sends requests and keeps every received frame, in order, in `frames`.

    Each frame is checked against the contract (tests/protocol/contract.py). After a violation every wait raises it,
    and so does `close()`.
    """

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.frames: list[dict[str, Any]] = []
        self._arrival_times: list[float] = []
        self._ids = itertools.count(1)
        self._changed = asyncio.Condition()
        self._closed = False
        self._contract = Contract()
        self._violation: Violation | None = None
        self._reader = asyncio.create_task(self._read())

    @property
    def notifications(self) -> list[dict[str, Any]]:
        return [frame for frame in self.frames if "method" in frame]

    def received(self, method: str, **params: Any) -> list[dict[str, Any]]:
        """Returns the params of the notifications received so far that match the method and the given params."""
        found = [n["params"] for n in self.notifications if n["method"] == method]
        return [each for each in found if all(each.get(name) == value for name, value in params.items())]

    def arrival_times(self, run_id: str) -> list[float]:
        """Returns when each notification of the run arrived, on the monotonic clock."""
        timed = zip(self.frames, self._arrival_times, strict=True)
        return [arrived for frame, arrived in timed if "method" in frame and frame["params"].get("run_id") == run_id]

    async def send_text(self, text: str | bytes) -> None:
        """Sends a text frame, or a binary one for bytes, without encoding it."""
        self._contract.sent(text)
        await self.connection.send(text)

    async def send(self, method: str, /, **params: Any) -> int:
        """Sends a request without waiting for the response, and returns its id."""
        number = next(self._ids)
        await self.send_text(encode({"jsonrpc": "2.0", "id": number, "method": method, "params": params}))
        return number

    @property
    def bytes_received(self) -> int:
        """Bytes of frames since `flow.start`, including its response."""
        return self._contract.bytes_received

    async def acknowledge(self, count: int | None = None) -> None:
        """Acknowledges this number of bytes, by default all received bytes, with a `flow.ack` without an id."""
        params = {"bytes": self.bytes_received if count is None else count}
        await self.send_text(encode({"jsonrpc": "2.0", "method": "flow.ack", "params": params}))

    async def response(self, number: Any) -> dict[str, Any]:
        """Waits for the response to the request with this id."""
        return await self._find(lambda: next((f for f in self.frames if "method" not in f and f["id"] == number), None))

    async def call(self, method: str, /, **params: Any) -> dict[str, Any]:
        """Sends a request and returns its result. Raises CallError for an error response."""
        frame = await self.response(await self.send(method, **params))
        if "error" in frame:
            raise CallError(frame["error"])
        result: dict[str, Any] = frame["result"]
        return result

    async def until(self, method: str, count: int = 1, **params: Any) -> dict[str, Any]:
        """Waits for the `count`th matching notification, received before or after this call, and returns its params."""
        return await self._find(lambda: next(iter(self.received(method, **params)[count - 1 :]), None))

    async def ended(self, run_id: str, *, within: float = WAIT_TIMEOUT) -> dict[str, Any]:
        """Waits for the `done` or `error` notification of the run and returns the frame."""

        def end() -> dict[str, Any] | None:
            ends = (n for n in self.notifications if n["method"] in ("done", "error"))
            return next((n for n in ends if n["params"]["run_id"] == run_id), None)

        return await self._find(end, within)

    async def closed(self) -> int:
        """Waits until the connection is closed and returns the close code."""
        await asyncio.wait_for(self.connection.wait_closed(), WAIT_TIMEOUT)
        assert self.connection.close_code is not None
        return self.connection.close_code

    def steps(self, run_id: str) -> list[dict[str, Any]]:
        """Returns the steps of the run, in order, as the notifications so far describe them."""
        steps: dict[str, dict[str, Any]] = {}
        for notification in self.notifications:
            params = notification["params"]
            if params.get("run_id") != run_id:
                continue
            match notification["method"]:
                case "process_step":
                    steps[params["id"]] = steps.get(params["id"], {}) | params
                case "step_delta":
                    step = steps[params["id"]]
                    name = "arguments" if step["type"] == "tool_call" else "content"
                    step[name] += params["text"]
                case "steps_reset":
                    steps = {key: step for key, step in steps.items() if step["index"] < params["index"]}
        return sorted(steps.values(), key=lambda step: step["index"])

    async def close(self) -> None:
        await self.connection.close()
        await self._reader
        if self._violation is not None:
            raise self._violation

    async def _read(self) -> None:
        try:
            async for text in self.connection:
                await self._add(self._contract.received(text))
        except websockets.ConnectionClosed:
            pass
        except Violation as violation:
            self._violation = violation
        async with self._changed:
            self._closed = True
            self._changed.notify_all()

    async def _add(self, frame: dict[str, Any]) -> None:
        async with self._changed:
            self.frames.append(frame)
            self._arrival_times.append(time.monotonic())
            self._changed.notify_all()

    async def _find(self, found: Callable[[], dict[str, Any] | None], within: float = WAIT_TIMEOUT) -> dict[str, Any]:
        try:
            async with asyncio.timeout(within), self._changed:
                await self._changed.wait_for(lambda: found() is not None or self._closed)
        except TimeoutError:
            raise AssertionError(f"timed out; last frames: {self.frames[-20:]}") from None
        if self._violation is not None:
            raise self._violation
        result = found()
        assert result is not None, f"the connection was closed with {self.connection.close_code}"
        return result


@asynccontextmanager
async def connected(url: str, token: str | None = None, **options: Any) -> AsyncIterator[Client]:
    """Connects with a token as a program does; `options` are passed to `websockets.connect()`."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    headers |= options.pop("additional_headers", {})
    options = {"open_timeout": WAIT_TIMEOUT, "max_size": None, "proxy": None} | options
    async with websockets.connect(url, additional_headers=headers, **options) as connection:
        client = Client(connection)
        try:
            yield client
        finally:
            await client.close()
