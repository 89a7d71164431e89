"""The floor that the product is compared with: a minimal consumer that only relays a model's answer.

An ASGI application for any server. The environment variable `MODEL_URL` is the model server's base URL. With
`MERGE_MS`, the tokens of that many milliseconds are sent as one frame, otherwise each token is sent at once.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import orjson
from django.conf import settings

settings.configure()

from channels.generic.websocket import AsyncWebsocketConsumer  # noqa: E402  it reads the settings

MODEL_URL = os.environ["MODEL_URL"]
MERGE_SECONDS = float(os.environ.get("MERGE_MS", "0")) / 1000

_sessions: list[aiohttp.ClientSession] = []


def session() -> aiohttp.ClientSession:
    """Returns the session of the process, which is opened in its event loop."""
    if not _sessions:
        _sessions.append(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)))
    return _sessions[0]


async def answer(model: str) -> AsyncIterator[str]:
    """Yields the texts of the model's chunks."""
    request = {"model": model, "stream": True, "messages": [{"role": "user", "content": "What is the time?"}]}
    async with session().post(f"{MODEL_URL}/chat/completions", json=request) as response:
        rest = b""
        async for piece in response.content.iter_any():
            *events, rest = (rest + piece).split(b"\n\n")
            for event in events:
                if event.startswith(b"data: {"):
                    text = orjson.loads(event[6:])["choices"][0]["delta"].get("content")
                    if text:
                        yield text


def step_delta(text: str) -> str:
    start = (
        '{"jsonrpc":"2.0","method":"step_delta","params":{"run_id":"00000000-0000-0000-0000-000000000000","id":"step-0"'
    )
    return f'{start},"text":{orjson.dumps(text).decode()}}}}}'


class BareConsumer(AsyncWebsocketConsumer):
    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        model = json.loads(text_data or "")["params"]["model"]
        relay = self.relay_merged if MERGE_SECONDS else self.relay
        self.relaying = asyncio.create_task(relay(model))

    async def disconnect(self, code: int) -> None:
        if hasattr(self, "relaying"):
            self.relaying.cancel()

    async def relay(self, model: str) -> None:
        async for text in answer(model):
            await self.send(step_delta(text))
        await self.end()

    async def relay_merged(self, model: str) -> None:
        texts: list[str] = []
        sending: asyncio.Task[None] | None = None
        async for text in answer(model):
            texts.append(text)
            if sending is None or sending.done():
                sending = asyncio.create_task(self.send_merged(texts))
        if sending is not None:
            await sending
        await self.end()

    async def send_merged(self, texts: list[str]) -> None:
        """Sends the texts, and those that arrive until the merge time is over."""
        while texts:
            frame = step_delta("".join(texts))
            texts.clear()
            await self.send(frame)
            await asyncio.sleep(MERGE_SECONDS)

    async def end(self) -> None:
        await self.send('{"jsonrpc":"2.0","method":"done","params":{}}')


consumer: Any = BareConsumer.as_asgi()


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Serves WebSockets. Raises ValueError for other protocols, which tells a server that lifespan is not supported."""
    if scope["type"] != "websocket":
        raise ValueError(f"{scope['type']} is not supported")
    await consumer(scope, receive, send)
