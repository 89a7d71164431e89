"""No phase of a model call lasts longer than its limit."""

import asyncio
import socket
from dataclasses import replace

import pytest

from conversations.llm.client import ModelClient
from conversations.llm.types import Finish, TextDelta, TimeLimits
from tests.llm.asking import QUESTION, ask, endpoint
from tests.modelserver import Gate, Part, finish, hang, head, model_server, pause, raw, settled, text, wait_for

LONG = TimeLimits(connect=60, first_token=60, idle=60, total=60)


@pytest.mark.parametrize(
    ("limits", "reply"),
    [
        (replace(LONG, first_token=0.1), [hang()]),
        (replace(LONG, idle=0.1), [raw(b": hold on\n\n"), hang()]),
        (replace(LONG, idle=0.1), [text("Hel"), hang()]),
        (replace(LONG, total=0.15), [text("x"), *[pause(0.02), text("x")] * 200]),
        (replace(LONG, total=0.1), [hang()]),
    ],
    ids=[
        "first byte",
        "silence before the first delta",
        "silence after it",
        "the whole",
        "the whole, at its beginning",
    ],
)
async def test_the_call_ends_with_timeout_and_the_connection_is_closed(
    client: ModelClient, limits: TimeLimits, reply: list[Part]
) -> None:
    async with model_server(reply) as server:
        started = asyncio.get_running_loop().time()
        _, error = await ask(client, endpoint(server, limits=limits, retries=2))
        assert asyncio.get_running_loop().time() - started < 30
        assert error is not None
        assert (error.code, error.content, error.retryable) == ("timeout", "LLM request timed out", True)
        await settled(server.requests[0].abandoned)
    assert len(server.requests) == 1


async def test_an_answer_head_without_a_body_counts_as_no_first_byte(client: ModelClient) -> None:
    # Headers are sent at once, the body never.
    async with model_server([head(), hang()]) as server:
        _, error = await ask(client, endpoint(server, limits=replace(LONG, first_token=0.1)))
    assert error is not None
    assert "first byte" in str(error)


async def test_a_slow_but_steady_answer_is_not_silent(client: ModelClient) -> None:
    steady = [part for _ in range(15) for part in (text("x"), pause(0.1))]
    async with model_server([*steady, finish()]) as server:
        deltas, error = await ask(client, endpoint(server, limits=replace(LONG, idle=1)))
    assert (deltas, error) == ([TextDelta("x" * 15), Finish("stop")], None)


async def test_time_that_the_reader_takes_is_not_silence_of_the_server(client: ModelClient) -> None:
    first, second = Gate(), Gate()
    reply = [text("H"), wait_for(first), text("el"), wait_for(second), text("lo"), finish()]
    async with model_server(reply) as server:
        deltas = client.stream(endpoint(server, limits=replace(LONG, idle=0.5)), QUESTION)
        assert await anext(deltas) == TextDelta("H")
        first.open()
        assert await anext(deltas) == TextDelta("el")
        await asyncio.sleep(0.6)
        second.open()
        assert [delta async for delta in deltas] == [TextDelta("lo"), Finish("stop")]


async def test_silence_after_the_finish_is_the_end(client: ModelClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conversations.llm.client.FINISH_TIMEOUT", 0.05)
    async with model_server([text("Hello"), finish(), hang()]) as server:
        assert await ask(client, endpoint(server)) == ([TextDelta("Hello"), Finish("stop")], None)


async def test_a_connection_that_is_not_accepted_in_time_is_unreachable(client: ModelClient) -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        address = listening.getsockname()
        # The queue of connections that nobody accepts is full after these.
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(address)
        url = f"http://127.0.0.1:{address[1]}/v1"
        _, error = await ask(client, endpoint(url, limits=replace(LONG, connect=0.2)))
        for each in waiting:
            each.close()
    assert error is not None
    assert (error.code, error.transient) == ("unreachable", True)
