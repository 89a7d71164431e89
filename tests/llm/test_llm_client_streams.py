"""The client sends a request over HTTP and yields deltas as they arrive."""

import asyncio
import gzip
import zlib
from collections.abc import Callable

import pytest

from conversations.llm.client import ModelClient
from conversations.llm.types import Delta, Finish, TextDelta, ThinkingDelta, ToolCallDelta, Usage
from tests.llm.scripted import KEY, REQUEST, ask, endpoint
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


async def test_the_request_is_a_streaming_chat_completion(client: ModelClient) -> None:
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


async def test_endpoint_headers_are_added_and_replace_the_defaults(client: ModelClient) -> None:
    own = {"authorization": "Basic YTpi", "X-Title": "Chat"}
    async with model_server(answer("Hello there")) as server:
        assert await ask(client, endpoint(server, headers=own)) == (HELLO, None)
    sent = server.requests[0].headers
    assert (sent["authorization"], sent["x-title"]) == ("Basic YTpi", "Chat")
    assert KEY not in str(sent)


async def test_a_delta_is_yielded_before_the_next_one_is_sent(client: ModelClient) -> None:
    gate = Gate()
    async with model_server([thinking("Hm"), wait_for(gate), text("Hello"), finish()]) as server:
        deltas = client.stream(endpoint(server), REQUEST)
        assert await anext(deltas) == ThinkingDelta("Hm")
        gate.open()
        assert [delta async for delta in deltas] == [TextDelta("Hello"), Finish("stop")]


async def test_fragments_that_arrive_together_are_one_delta(client: ModelClient) -> None:
    together = body_of([thinking("a"), thinking("b"), text("c"), text("d"), finish(), usage(), done()])
    async with model_server([raw(together)]) as server:
        deltas = [delta async for delta in client.stream(endpoint(server), REQUEST)]
    assert deltas == [ThinkingDelta("ab"), TextDelta("cd"), Finish("stop"), Usage(10, 5)]


def raw_deflate(content: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(content) + compressor.flush()


@pytest.mark.parametrize("size", [10_000, 7, 1], ids=["whole", "in pieces", "byte by byte"])
@pytest.mark.parametrize(
    ("coding", "compress"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("deflate", raw_deflate)],
    ids=["gzip", "deflate", "deflate without its head"],
)
async def test_a_compressed_response_is_decoded(
    client: ModelClient, coding: str, compress: Callable[[bytes], bytes], size: int
) -> None:
    compressed = compress(body_of(answer("Hello there")))
    pieces = [raw(compressed[i : i + size]) for i in range(0, len(compressed), size)]
    async with model_server([head(headers={"Content-Encoding": coding}), *pieces]) as server:
        assert await ask(client, endpoint(server)) == (HELLO, None)


async def test_a_slow_compressed_response_is_decoded_as_it_arrives(client: ModelClient) -> None:
    gate = Gate()
    compressor = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)
    first = compressor.compress(body_of([text("Hel")])) + compressor.flush(zlib.Z_SYNC_FLUSH)
    second = compressor.compress(body_of([text("lo"), finish()])) + compressor.flush()
    coding = head(headers={"Content-Encoding": "gzip"})
    async with model_server([coding, raw(first), wait_for(gate), raw(second)]) as server:
        deltas = client.stream(endpoint(server), REQUEST)
        assert await anext(deltas) == TextDelta("Hel")
        gate.open()
        assert [delta async for delta in deltas] == [TextDelta("lo"), Finish("stop")]


async def test_a_response_that_ends_with_its_connection_is_complete(client: ModelClient) -> None:
    async with model_server([head(framed=False), *answer("Hello there")]) as server:
        assert await ask(client, endpoint(server)) == (HELLO, None)


async def test_the_done_marker_ends_the_stream_while_the_connection_stays_open(client: ModelClient) -> None:
    async with model_server([*answer("Hello there"), hang()]) as server:
        assert await ask(client, endpoint(server)) == (HELLO, None)
        await settled(server.requests[0].abandoned)


async def test_a_connection_is_reused_for_the_next_request(client: ModelClient) -> None:
    # The first response ends a little after its [DONE] marker.
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
async def test_a_broken_connection_raises_malformed_after_the_deltas_that_arrived(
    client: ModelClient, begun: Part, kept: Delta
) -> None:
    async with model_server([begun, cut()]) as server:
        deltas, error = await ask(client, endpoint(server, retries=2))
    assert deltas == [kept]
    assert error is not None
    assert (error.code, error.retryable) == ("malformed", True)
    assert len(server.requests) == 1


async def test_deltas_received_before_a_break_are_yielded_even_if_read_later(client: ModelClient) -> None:
    gate = Gate()
    async with model_server([text("Hel"), wait_for(gate), text("lo"), cut()]) as server:
        deltas = client.stream(endpoint(server), REQUEST)
        assert await anext(deltas) == TextDelta("Hel")
        gate.open()
        await settled(server.requests[0].answered)
        await asyncio.sleep(0.05)  # The client's side of the connection has the rest and its end.
        assert await anext(deltas) == TextDelta("lo")
        with pytest.raises(Exception, match="malformed"):
            await anext(deltas)


async def test_a_broken_connection_after_the_finish_ends_the_stream(client: ModelClient) -> None:
    async with model_server([text("Hello there"), finish(), cut()]) as server:
        assert await ask(client, endpoint(server)) == (HELLO[:2], None)


async def test_a_reset_before_the_first_delta_is_retried(client: ModelClient) -> None:
    async with model_server([reset()], [raw(b": wait\n\n"), cut()], answer("Hello there")) as server:
        assert await ask(client, endpoint(server, retries=2)) == (HELLO, None)


async def test_many_streams_run_concurrently(client: ModelClient) -> None:
    gate = Gate()
    async with model_server([text("Hello "), wait_for(gate), text("there"), finish(), usage(), done()]) as server:
        tasks = [asyncio.create_task(ask(client, endpoint(server))) for _ in range(150)]
        await settled(server.arrival(150))
        gate.open()
        assert await asyncio.gather(*tasks) == [(HELLO, None)] * 150
