"""Cancelling or closing a stream closes the connection to the model server at once."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from conversations.llm.client import ModelClient
from conversations.llm.types import TextDelta, TimeLimits
from tests.llm.scripted import REQUEST, ask, endpoint
from tests.modelserver import Part, hang, head, model_server, settled, status, text


@pytest.fixture
async def pausing_client() -> AsyncIterator[ModelClient]:
    client = ModelClient(read_pause=lambda: 60.0)
    yield client
    await client.close()


@pytest.mark.parametrize(
    "reply",
    [[hang()], [head(), hang()], [text("Hel"), hang()]],
    ids=["before the body", "before the first delta", "within the answer"],
)
async def test_cancelling_the_task_closes_the_connection(client: ModelClient, reply: list[Part]) -> None:
    async with model_server(reply) as server:
        task = asyncio.create_task(ask(client, endpoint(server)))
        await settled(server.arrival())
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await settled(server.requests[0].abandoned)


async def test_closing_the_generator_closes_the_connection(client: ModelClient) -> None:
    async with model_server([text("Hel"), hang()]) as server:
        deltas = client.stream(endpoint(server), REQUEST)
        assert await anext(deltas) == TextDelta("Hel")
        await deltas.aclose()
        await settled(server.requests[0].abandoned)


async def test_cancelling_while_reading_is_paused_closes_the_connection(pausing_client: ModelClient) -> None:
    async with model_server([text("Hel"), hang()]) as server:
        task = asyncio.create_task(ask(pausing_client, endpoint(server)))
        await settled(server.arrival())
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await settled(server.requests[0].abandoned)


async def test_cancelling_between_two_attempts_prevents_the_next_attempt(client: ModelClient) -> None:
    async with model_server(status(503, headers={"Retry-After": "20"})) as server:
        task = asyncio.create_task(ask(client, endpoint(server, retries=2, limits=TimeLimits())))
        await settled(server.arrival())
        await settled(server.requests[0].answered)
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert len(server.requests) == 1
