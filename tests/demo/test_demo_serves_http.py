"""The endpoint over HTTP: where it listens, how it streams, and when it stops."""

import asyncio
import json

import aiohttp

from conversations.demo.server import DemoServer
from tests.demo.dialogue import running_server

LONG = {"model": "demo", "messages": [{"role": "user", "content": "Show me Markdown"}], "stream": True}


def session_of(server: DemoServer) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(headers={"Authorization": f"Bearer {server.api_key}"})


async def test_it_listens_on_loopback_with_a_key_of_its_own() -> None:
    async with running_server() as one, running_server() as other:
        assert one.base_url.startswith("http://127.0.0.1:")
        assert one.base_url != other.base_url
        assert one.api_key != other.api_key


async def test_it_has_no_address_before_it_starts_and_after_it_stops() -> None:
    server = DemoServer()
    assert server.base_url == ""
    await server.start()
    assert server.base_url
    await server.stop()
    await server.stop()
    assert server.base_url == ""


async def test_the_last_event_has_the_usage() -> None:
    async with (
        running_server() as server,
        session_of(server) as session,
        session.post(f"{server.base_url}/chat/completions", json=LONG) as response,
    ):
        assert response.content_type == "text/event-stream"
        *events, done = (await response.text()).strip().split("\n\n")
    assert done == "data: [DONE]"
    chunks = [json.loads(event.removeprefix("data: ")) for event in events]
    assert chunks[-1]["usage"]["completion_tokens"] == len(chunks) - 3  # all but the first and the last two
    assert all("usage" not in chunk for chunk in chunks[:-1])


async def test_tokens_come_at_the_pace_that_was_set() -> None:
    async with running_server(tokens_per_second=200) as server, session_of(server) as session:
        started = asyncio.get_running_loop().time()
        async with session.post(f"{server.base_url}/chat/completions", json=LONG | {"max_tokens": 40}) as response:
            await response.read()
        assert asyncio.get_running_loop().time() - started >= 40 / 200


async def test_it_stops_answering_when_the_client_leaves() -> None:
    # One token in an hour: only a client that left can end this answer.
    async with running_server(tokens_per_second=1 / 3600) as server, session_of(server) as session:
        before = asyncio.all_tasks()
        response = await session.post(f"{server.base_url}/chat/completions", json=LONG)
        await response.content.readuntil(b"\n\n")
        answering = asyncio.all_tasks() - before
        response.close()
        done, pending = await asyncio.wait(answering, timeout=30)
        assert done
        assert not pending
