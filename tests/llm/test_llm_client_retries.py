"""Failures before the first delta are retried when a retry can succeed."""

import asyncio
import time
from email.utils import formatdate

import pytest

from conversations.llm.client import ModelClient
from conversations.llm.types import ChatMessage, CompletionRequest, Finish, TextDelta, TimeLimits, Usage
from tests.llm.scripted import ask, endpoint
from tests.modelserver import Reply, answer, event, model_server, raw, status, text

HELLO = [TextDelta("Hello"), Finish("stop"), Usage(10, 5)]


@pytest.mark.parametrize("code", [408, 409, 429, 500, 502, 503, 504, 529])
async def test_a_temporary_error_status_is_retried(client: ModelClient, code: int) -> None:
    async with model_server(status(code, "busy"), status(code, "busy"), answer("Hello")) as server:
        assert await ask(client, endpoint(server, retries=2)) == (HELLO, None)
    assert len(server.requests) == 3


async def test_the_last_failure_is_raised_when_retries_are_exhausted(client: ModelClient) -> None:
    async with model_server(status(500), status(503), status(429)) as server:
        _, error = await ask(client, endpoint(server, retries=2))
    assert error is not None
    assert error.code == "rate_limited"
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    "reply",
    [
        status(400, {"error": "no"}),
        status(401),
        status(404),
        status(429, {"error": {"code": "insufficient_quota", "message": "You exceeded your current quota"}}),
        [raw(b"data: {broken\n\n")],
        [text("Hel"), event({"error": {"code": 503, "message": "gone"}})],
    ],
    ids=["400", "401", "404", "quota", "malformed", "after a delta"],
)
async def test_permanent_failures_are_not_retried(client: ModelClient, reply: Reply) -> None:
    async with model_server(reply, answer("Hello")) as server:
        _, error = await ask(client, endpoint(server, retries=2))
    assert error is not None
    assert len(server.requests) == 1


async def test_a_stream_error_before_the_first_delta_is_retried(client: ModelClient) -> None:
    async with model_server([event({"error": {"code": 503, "message": "gone"}})], answer("Hello")) as server:
        assert await ask(client, endpoint(server, retries=1)) == (HELLO, None)


@pytest.mark.parametrize(
    "headers",
    [{"Retry-After": "0.3"}, {"retry-after-ms": "300"}],
    ids=["seconds", "milliseconds"],
)
async def test_a_retry_waits_as_long_as_the_server_asks(client: ModelClient, headers: dict[str, str]) -> None:
    async with model_server(status(429, headers=headers), answer("Hello")) as server:
        started = time.monotonic()
        assert await ask(client, endpoint(server, retries=1)) == (HELLO, None)
        assert 0.3 <= time.monotonic() - started < 30


@pytest.mark.parametrize("written", ["45", "date"])
async def test_a_long_requested_wait_is_raised_instead_of_waited_for(client: ModelClient, written: str) -> None:
    value = written if written != "date" else formatdate(time.time() + 45, usegmt=True)
    async with model_server(status(429, headers={"Retry-After": value}), answer("Hello")) as server:
        async with asyncio.timeout(30):
            _, error = await ask(client, endpoint(server, retries=2, limits=TimeLimits()))
    assert error is not None
    assert error.code == "rate_limited"
    assert error.retry_after == pytest.approx(45, abs=2)
    assert len(server.requests) == 1


async def test_no_retry_waits_beyond_the_total_timeout(client: ModelClient) -> None:
    async with model_server(status(503, headers={"Retry-After": "20"})) as server:
        async with asyncio.timeout(15):
            _, error = await ask(client, endpoint(server, retries=2))
    assert error is not None
    assert (error.code, error.retry_after) == ("unavailable", 20)


@pytest.mark.parametrize(
    "refusal",
    [
        status(400, {"error": {"message": "Unrecognized request argument supplied: stream_options"}}),
        status(
            422, {"detail": [{"type": "extra_forbidden", "loc": ["body", "stream_options"], "msg": "Extra inputs"}]}
        ),
        status(400, "stream_options: unknown field"),
    ],
    ids=["400", "422", "words"],
)
async def test_refused_stream_options_are_omitted_on_retry_and_from_then_on(
    client: ModelClient, refusal: Reply
) -> None:
    async with model_server(refusal, answer("Hello")) as server:
        for _ in range(2):
            assert await ask(client, endpoint(server)) == (HELLO, None)
    assert ["stream_options" in request.body for request in server.requests] == [True, False, False]


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
@pytest.mark.parametrize(
    "words",
    [
        "'messages.1' : for 'role:assistant' the following must be satisfied[('messages.1' : property '{}' is "
        "unsupported)]",
        "messages.1.assistant.{}: property 'messages.1.assistant.{}' is unsupported",
    ],
    ids=["Groq", "Cerebras"],
)
async def test_refused_reasoning_is_omitted_on_retry_and_from_then_on(
    client: ModelClient, field: str, words: str
) -> None:
    thought = ChatMessage("assistant", "Hm.", thinking="What is it?")
    request = CompletionRequest([ChatMessage("user", "Hello?"), thought, ChatMessage("user", "Well?")])
    refusal = status(400, {"error": {"message": words.replace("{}", field), "type": "invalid_request_error"}})
    async with model_server(refusal, answer("Hello")) as server:
        for _ in range(2):
            assert await ask(client, endpoint(server, thinking_field=field), request) == (HELLO, None)
    assert [field in sent.body["messages"][1] for sent in server.requests] == [True, False, False]


async def test_an_error_about_a_field_that_was_not_sent_is_not_retried(client: ModelClient) -> None:
    async with model_server(status(400, {"error": {"message": "reasoning is not supported"}})) as server:
        _, error = await ask(client, endpoint(server))
    assert error is not None
    assert error.code == "refused"
    assert len(server.requests) == 1


async def test_a_server_that_still_refuses_without_the_field_is_asked_only_twice(client: ModelClient) -> None:
    async with model_server(status(422, {"detail": "stream_options, or something"})) as server:
        _, error = await ask(client, endpoint(server))
    assert error is not None
    assert error.code == "refused"
    assert len(server.requests) == 2
