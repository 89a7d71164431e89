"""A program's client of the protocol, made from docs/protocol.md with nothing but a WebSocket library.

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

PATIENCE = 30.0
"""Seconds after which something that should have come counts as missing."""


class CallError(Exception):
    """An error object: `code`, `message`, `data`."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(f"{error['code']}: {error['message']}")
        self.code: int = error["code"]
        self.data: dict[str, Any] = error.get("data") or {}


def written(request: dict[str, Any]) -> str:
    """As a frame: in unescaped UTF-8, where that can write it."""
    text = json.dumps(request, ensure_ascii=False)
    return json.dumps(request) if re.search("[\ud800-\udfff]", text) else text


class Client:
    """`frames` holds everything that came, in order; `notifications` what of it was no answer.

    Every frame is held against the contract (tests/protocol/contract.py): a wrong one fails whatever waits here.
    """

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.frames: list[dict[str, Any]] = []
        self._came_at: list[float] = []
        self._ids = itertools.count(1)
        self._news = asyncio.Condition()
        self._closed = False
        self._contract = Contract()
        self._violation: Violation | None = None
        self._reader = asyncio.create_task(self._read())

    @property
    def notifications(self) -> list[dict[str, Any]]:
        return [frame for frame in self.frames if "method" in frame]

    def of(self, method: str, **params: Any) -> list[dict[str, Any]]:
        """The params of the notifications of this method that have these params."""
        told = [n["params"] for n in self.notifications if n["method"] == method]
        return [each for each in told if all(each.get(name) == value for name, value in params.items())]

    def came_at(self, run_id: str) -> list[float]:
        """When each notification of the run came, on the monotonic clock."""
        timed = zip(self.frames, self._came_at, strict=True)
        return [moment for frame, moment in timed if "method" in frame and frame["params"].get("run_id") == run_id]

    async def send_text(self, text: str | bytes) -> None:
        """Sends a frame as it stands; bytes make a binary one."""
        self._contract.sent(text)
        await self.connection.send(text)

    async def send(self, method: str, /, **params: Any) -> int:
        """Sends a request and waits for nothing; its id."""
        number = next(self._ids)
        await self.send_text(written({"jsonrpc": "2.0", "id": number, "method": method, "params": params}))
        return number

    @property
    def taken(self) -> int:
        """Bytes of frames that came since `flow.start`, its answer included."""
        return self._contract.taken

    async def acknowledge(self, taken: int | None = None) -> None:
        """Says that so many bytes were taken, if nothing is said all that came. There is no answer to that."""
        params = {"bytes": self.taken if taken is None else taken}
        await self.send_text(written({"jsonrpc": "2.0", "method": "flow.ack", "params": params}))

    async def answer(self, number: Any) -> dict[str, Any]:
        """The frame that answers the request."""
        return await self._find(lambda: next((f for f in self.frames if "method" not in f and f["id"] == number), None))

    async def call(self, method: str, /, **params: Any) -> dict[str, Any]:
        """The result. Raises CallError."""
        frame = await self.answer(await self.send(method, **params))
        if "error" in frame:
            raise CallError(frame["error"])
        result: dict[str, Any] = frame["result"]
        return result

    async def until(self, method: str, count: int = 1, **params: Any) -> dict[str, Any]:
        """The params of the first (or `count`th) such notification, past or to come."""
        return await self._find(lambda: next(iter(self.of(method, **params)[count - 1 :]), None))

    async def ended(self, run_id: str, *, within: float = PATIENCE) -> dict[str, Any]:
        """The notification that ended the run."""

        def end() -> dict[str, Any] | None:
            ends = (n for n in self.notifications if n["method"] in ("done", "error"))
            return next((n for n in ends if n["params"]["run_id"] == run_id), None)

        return await self._find(end, within)

    async def closed(self) -> int:
        """The code with which the server closed."""
        await asyncio.wait_for(self.connection.wait_closed(), PATIENCE)
        assert self.connection.close_code is not None
        return self.connection.close_code

    def steps(self, run_id: str) -> list[dict[str, Any]]:
        """The steps of the run as the notifications so far make them."""
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
                await self._note(self._contract.received(text))
        except websockets.ConnectionClosed:
            pass
        except Violation as violation:
            self._violation = violation
        async with self._news:
            self._closed = True
            self._news.notify_all()

    async def _note(self, frame: dict[str, Any]) -> None:
        async with self._news:
            self.frames.append(frame)
            self._came_at.append(time.monotonic())
            self._news.notify_all()

    async def _find(self, found: Callable[[], dict[str, Any] | None], within: float = PATIENCE) -> dict[str, Any]:
        try:
            async with asyncio.timeout(within), self._news:
                await self._news.wait_for(lambda: found() is not None or self._closed)
        except TimeoutError:
            raise AssertionError(f"it did not come; what came: {self.frames[-20:]}") from None
        if self._violation is not None:
            raise self._violation
        result = found()
        assert result is not None, f"the connection closed before it came: {self.connection.close_code}"
        return result


@asynccontextmanager
async def connected(url: str, token: str | None = None, **options: Any) -> AsyncIterator[Client]:
    """A connection as a program makes it; `options` are those of websockets' connect()."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    headers |= options.pop("additional_headers", {})
    options = {"open_timeout": PATIENCE, "max_size": None, "proxy": None} | options
    async with websockets.connect(url, additional_headers=headers, **options) as connection:
        client = Client(connection)
        try:
            yield client
        finally:
            await client.close()
