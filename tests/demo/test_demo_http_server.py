"""The demo server over HTTP: its address, its streaming, and its shutdown."""

import asyncio
import json

import aiohttp

from conversations.demo.server import DemoServer
from tests.demo.dialogue import running_server

LONG_REQUEST = {"model": "demo", "messages": [{"role": "user", "content": "Show me Markdown"}], "stream": True}


def open_session(server: DemoServer) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(headers={"Authorization": f"Bearer {server.api_key}"})


async def test_the_server_listens_on_loopback_with_its_own_key() -> None:
    async with running_server() as one, running_server() as other:
        assert one.base_url.startswith("http://127.0.0.1:")
        assert one.base_url != other.base_url
        assert one.api_key != other.api_key


async def test_the_server_has_no_address_before_it_starts_and_after_it_stops() -> None:
    server = DemoServer()
    assert server.base_url == ""
    await server.start()
    assert server.base_url
    await server.stop()
    await server.stop()
    assert server.base_url == ""


async def test_the_last_event_contains_the_usage() -> None:
    async with (
        running_server() as server,
        open_session(server) as session,
        session.post(f"{server.base_url}/chat/completions", json=LONG_REQUEST) as response,
    ):
        assert response.content_type == "text/event-stream"
        *events, done = (await response.text()).strip().split("\n\n")
    assert done == "data: [DONE]"
    chunks = [json.loads(event.removeprefix("data: ")) for event in events]
    assert chunks[-1]["usage"]["completion_tokens"] == len(chunks) - 3  # all but the first and the last two
    assert all("usage" not in chunk for chunk in chunks[:-1])


async def test_tokens_are_sent_at_the_configured_rate() -> None:
    async with running_server(tokens_per_second=200) as server, open_session(server) as session:
        started = asyncio.get_running_loop().time()
        async with session.post(
            f"{server.base_url}/chat/completions", json=LONG_REQUEST | {"max_tokens": 40}
        ) as response:
            await response.read()
        assert asyncio.get_running_loop().time() - started >= 40 / 200


async def test_the_answer_stops_when_the_client_disconnects() -> None:
    # At one token per hour, only a disconnect can end this answer.
    async with running_server(tokens_per_second=1 / 3600) as server, open_session(server) as session:
        before = asyncio.all_tasks()
        response = await session.post(f"{server.base_url}/chat/completions", json=LONG_REQUEST)
        await response.content.readuntil(b"\n\n")
        answering = asyncio.all_tasks() - before
        response.close()
        done, pending = await asyncio.wait(answering, timeout=30)
        assert done
        assert not pending
