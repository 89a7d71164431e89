"""The client asks over HTTP and yields the answer as it comes."""

import asyncio
import gzip
import zlib
from collections.abc import Callable

import pytest

from conversations.llm.client import ModelClient
from conversations.llm.types import Delta, Finish, TextDelta, ThinkingDelta, ToolCallDelta, Usage
from tests.llm.asking import KEY, QUESTION, ask, endpoint
from tests.modelserver import (
    Gate,
    Part,
    answer,
    body_of,
    cut,
    done,
    finish,
    hang,
    head,
    model_server,
    pause,
    raw,
    reset,
    settled,
    text,
    thinking,
    tool_call,
    usage,
    wait_for,
)

HELLO = [TextDelta("Hello there"), Finish("stop"), Usage(10, 5)]


async def test_the_request_is_a_streamed_chat_completion(client: ModelClient) -> None:
    async with model_server(answer("Hello there")) as server:
        assert await ask(client, endpoint(server)) == (HELLO, None)
    request = server.requests[0]
    assert (request.method, request.path) == ("POST", "/v1/chat/completions")
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.body == {
        "model": "test-model",
        "messages": [{"role": "user", "content": "Hello?"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


async def test_an_endpoints_own_headers_are_added_and_stand_in_place_of_ours(client: ModelClient) -> None:
    own = {"authorization": "Basic YTpi", "X-Title": "Chat"}
    async with model_server(answer("Hello there")) as server:
        assert await ask(client, endpoint(server, headers=own)) == (HELLO, None)
    sent = server.requests[0].headers
    assert (sent["authorization"], sent["x-title"]) == ("Basic YTpi", "Chat")
    assert KEY not in str(sent)


async def test_a_delta_comes_out_before_the_next_is_sent(client: ModelClient) -> None:
    gate = Gate()
    async with model_server([thinking("Hm"), wait_for(gate), text("Hello"), finish()]) as server:
        deltas = client.stream(endpoint(server), QUESTION)
        assert await anext(deltas) == ThinkingDelta("Hm")
        gate.open()
        assert [delta async for delta in deltas] == [TextDelta("Hello"), Finish("stop")]


async def test_fragments_that_arrive_together_are_one_delta(client: ModelClient) -> None:
    together = body_of([thinking("a"), thinking("b"), text("c"), text("d"), finish(), usage(), done()])
    async with model_server([raw(together)]) as server:
        deltas = [delta async for delta in client.stream(endpoint(server), QUESTION)]
    assert deltas == [ThinkingDelta("ab"), TextDelta("cd"), Finish("stop"), Usage(10, 5)]


def deflate_without_its_head(content: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(content) + compressor.flush()


@pytest.mark.parametrize("size", [10_000, 7, 1], ids=["whole", "in pieces", "byte by byte"])
@pytest.mark.parametrize(
    ("coding", "compress"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("deflate", deflate_without_its_head)],
    ids=["gzip", "deflate", "deflate without its head"],
)
async def test_a_compressed_answer_is_read(
    client: ModelClient, coding: str, compress: Callable[[bytes], bytes], size: int
) -> None:
    compressed = compress(body_of(answer("Hello there")))
    pieces = [raw(compressed[i : i + size]) for i in range(0, len(compressed), size)]
    async with model_server([head(headers={"Content-Encoding": coding}), *pieces]) as server:
        assert await ask(client, endpoint(server)) == (HELLO, None)


async def test_a_compressed_answer_that_comes_slowly_is_read_as_it_comes(client: ModelClient) -> None:
    gate = Gate()
    compressor = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)
    first = compressor.compress(body_of([text("Hel")])) + compressor.flush(zlib.Z_SYNC_FLUSH)
    second = compressor.compress(body_of([text("lo"), finish()])) + compressor.flush()
    coding = head(headers={"Content-Encoding": "gzip"})
    async with model_server([coding, raw(first), wait_for(gate), raw(second)]) as server:
        deltas = client.stream(endpoint(server), QUESTION)
        assert await anext(deltas) == TextDelta("Hel")
        gate.open()
        assert [delta async for delta in deltas] == [TextDelta("lo"), Finish("stop")]


async def test_an_answer_that_ends_with_its_connection_is_read(client: ModelClient) -> None:
    async with model_server([head(framed=False), *answer("Hello there")]) as server:
        assert await ask(client, endpoint(server)) == (HELLO, None)


async def test_the_end_mark_ends_the_answer_though_the_server_says_no_more(client: ModelClient) -> None:
    async with model_server([*answer("Hello there"), hang()]) as server:
        assert await ask(client, endpoint(server)) == (HELLO, None)
        await settled(server.requests[0].abandoned)


async def test_a_connection_serves_the_next_request(client: ModelClient) -> None:
    # The end of the first answer comes a little after its end mark.
    async with model_server([*answer("Hello there"), pause(0.005)]) as server:
        for _ in range(3):
            assert await ask(client, endpoint(server)) == (HELLO, None)
    assert (len(server.requests), server.connections) == (3, 1)


@pytest.mark.parametrize(
    ("begun", "kept"),
    [
        (text("Hel"), TextDelta("Hel")),
        (thinking("Hm"), ThinkingDelta("Hm")),
        (text("<think>Hm"), ThinkingDelta("Hm")),
        (tool_call("add", '{"x": '), ToolCallDelta(0, "call_1", "add", '{"x": ')),
        (tool_call("add", '{"x": 1}'), ToolCallDelta(0, "call_1", "add", '{"x": 1}')),
    ],
    ids=["text", "thinking", "thinking in tags", "a call", "a call, whole"],
)
async def test_a_connection_that_breaks_off_is_malformed_and_what_came_is_kept(
    client: ModelClient, begun: Part, kept: Delta
) -> None:
    async with model_server([begun, cut()]) as server:
        deltas, error = await ask(client, endpoint(server, retries=2))
    assert deltas == [kept]
    assert error is not None
    assert (error.code, error.retryable) == ("malformed", True)
    assert len(server.requests) == 1


async def test_what_had_arrived_before_the_break_is_kept_though_it_is_read_later(client: ModelClient) -> None:
    gate = Gate()
    async with model_server([text("Hel"), wait_for(gate), text("lo"), cut()]) as server:
        deltas = client.stream(endpoint(server), QUESTION)
        assert await anext(deltas) == TextDelta("Hel")
        gate.open()
        await settled(server.requests[0].answered)
        await asyncio.sleep(0.05)  # The client's side of the connection has the rest and its end.
        assert await anext(deltas) == TextDelta("lo")
        with pytest.raises(Exception, match="malformed"):
            await anext(deltas)


async def test_a_break_after_the_finish_is_the_end(client: ModelClient) -> None:
    async with model_server([text("Hello there"), finish(), cut()]) as server:
        assert await ask(client, endpoint(server)) == (HELLO[:2], None)


async def test_a_reset_before_the_first_delta_is_tried_again(client: ModelClient) -> None:
    async with model_server([reset()], [raw(b": wait\n\n"), cut()], answer("Hello there")) as server:
        assert await ask(client, endpoint(server, retries=2)) == (HELLO, None)


async def test_many_streams_run_at_once(client: ModelClient) -> None:
    gate = Gate()
    async with model_server([text("Hello "), wait_for(gate), text("there"), finish(), usage(), done()]) as server:
        tasks = [asyncio.create_task(ask(client, endpoint(server))) for _ in range(150)]
        await settled(server.arrival(150))
        gate.open()
        assert await asyncio.gather(*tasks) == [(HELLO, None)] * 150
