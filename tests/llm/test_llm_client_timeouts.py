"""Each phase of a model call has a timeout."""

import asyncio
import socket
from dataclasses import replace

import pytest

from conversations.llm.client import ModelClient
from conversations.llm.types import Finish, TextDelta, TimeLimits
from tests.llm.scripted import REQUEST, ask, endpoint
from tests.modelserver import Gate, Part, finish, hang, head, model_server, pause, raw, settled, text, wait_for

LONG_LIMITS = TimeLimits(connect=60, first_token=60, idle=60, total=60)


@pytest.mark.parametrize(
    ("limits", "reply"),
    [
        (replace(LONG_LIMITS, first_token=0.1), [hang()]),
        (replace(LONG_LIMITS, idle=0.1), [raw(b": hold on\n\n"), hang()]),
        (replace(LONG_LIMITS, idle=0.1), [text("Hel"), hang()]),
        (replace(LONG_LIMITS, total=0.15), [text("x"), *[pause(0.02), text("x")] * 200]),
        (replace(LONG_LIMITS, total=0.1), [hang()]),
    ],
    ids=[
        "first byte",
        "silence before the first delta",
        "silence after it",
        "the whole",
        "the whole, at its beginning",
    ],
)
async def test_a_timed_out_call_raises_a_timeout_and_closes_the_connection(
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


async def test_headers_without_a_body_do_not_count_as_the_first_token(client: ModelClient) -> None:
    # The headers are sent at once, and the body never is.
    async with model_server([head(), hang()]) as server:
        _, error = await ask(client, endpoint(server, limits=replace(LONG_LIMITS, first_token=0.1)))
    assert error is not None
    assert "first byte" in str(error)


async def test_a_slow_but_steady_answer_does_not_time_out(client: ModelClient) -> None:
    steady = [part for _ in range(15) for part in (text("x"), pause(0.1))]
    async with model_server([*steady, finish()]) as server:
        deltas, error = await ask(client, endpoint(server, limits=replace(LONG_LIMITS, idle=1)))
    assert (deltas, error) == ([TextDelta("x" * 15), Finish("stop")], None)


async def test_time_taken_by_the_reader_does_not_count_as_idle_time(client: ModelClient) -> None:
    first, second = Gate(), Gate()
    reply = [text("H"), wait_for(first), text("el"), wait_for(second), text("lo"), finish()]
    async with model_server(reply) as server:
        deltas = client.stream(endpoint(server, limits=replace(LONG_LIMITS, idle=0.5)), REQUEST)
        assert await anext(deltas) == TextDelta("H")
        first.open()
        assert await anext(deltas) == TextDelta("el")
        await asyncio.sleep(0.6)
        second.open()
        assert [delta async for delta in deltas] == [TextDelta("lo"), Finish("stop")]


async def test_silence_after_the_finish_ends_the_stream(client: ModelClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conversations.llm.client.FINISH_TIMEOUT", 0.05)
    async with model_server([text("Hello"), finish(), hang()]) as server:
        assert await ask(client, endpoint(server)) == ([TextDelta("Hello"), Finish("stop")], None)


async def test_a_connection_that_is_not_accepted_in_time_raises_unreachable(client: ModelClient) -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        address = listening.getsockname()
        # These fill the backlog of a socket that never accepts.
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(address)
        url = f"http://127.0.0.1:{address[1]}/v1"
        _, error = await ask(client, endpoint(url, limits=replace(LONG_LIMITS, connect=0.2)))
        for each in waiting:
            each.close()
    assert error is not None
    assert (error.code, error.transient) == ("unreachable", True)
