"""The endpoint over HTTP: where it listens, how it streams, and when it stops."""

import asyncio
import json

import aiohttp
import pytest

from conversations.demo.server import DemoServer
from tests.demo.dialogue import running_server

LONG = {"model": "demo", "messages": [{"role": "user", "content": "long"}], "stream": True}


def session_of(server: DemoServer) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(headers={"Authorization": f"Bearer {server.api_key}"})


async def test_it_listens_on_loopback_with_a_key_of_its_own() -> None:
    async with running_server() as one, running_server() as other:
        assert one.base_url.startswith("http://127.0.0.1:")
        assert one.base_url != other.base_url
        assert one.api_key != other.api_key


async def test_its_address_is_unknown_before_it_starts_and_after_it_stops() -> None:
    server = DemoServer()
    with pytest.raises(RuntimeError):
        _ = server.base_url
    await server.start()
    await server.stop()
    await server.stop()
    with pytest.raises(RuntimeError):
        _ = server.base_url


async def test_it_lists_its_one_model() -> None:
    async with (
        running_server() as server,
        session_of(server) as session,
        session.get(f"{server.base_url}/models") as response,
    ):
        assert [model["id"] for model in (await response.json())["data"]] == ["demo"]


async def test_usage_comes_last_and_only_if_asked_for() -> None:
    async with running_server() as server, session_of(server) as session:
        for options, counted in (({}, False), ({"stream_options": {"include_usage": True}}, True)):
            async with session.post(f"{server.base_url}/chat/completions", json=LONG | options) as response:
                assert response.content_type == "text/event-stream"
                *events, done = (await response.text()).strip().split("\n\n")
            assert done == "data: [DONE]"
            last = json.loads(events[-1].removeprefix("data: "))
            assert ("usage" in last) == counted
            assert all("usage" not in json.loads(event.removeprefix("data: ")) for event in events[:-1])


async def test_an_answer_can_be_had_in_one_piece() -> None:
    question = {"model": "demo", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 9}
    async with (
        running_server() as server,
        session_of(server) as session,
        session.post(f"{server.base_url}/chat/completions", json=question) as response,
    ):
        answer = await response.json()
    assert answer["object"] == "chat.completion"
    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["usage"]["completion_tokens"] == 9


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
        done, pending = await asyncio.wait(answering, timeout=5)
        assert done
        assert not pending
