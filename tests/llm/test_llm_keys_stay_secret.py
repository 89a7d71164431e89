"""An API key is sent to its server and never appears in a log, an exception or a repr."""

import logging
import traceback
from dataclasses import replace

import pytest

from conversations.llm.client import ModelClient
from conversations.llm.types import TimeLimits
from tests.llm.scripted import KEY, ask, endpoint
from tests.modelserver import Part, cut, event, hang, model_server, raw, reset, status, text

ECHO = {"error": {"message": f"Your key {KEY} and header Bearer {KEY} are at http://me:{KEY}@host/v1", "code": KEY}}

REPLIES: dict[str, list[Part]] = {
    "400": list(status(400, ECHO)),
    "401": list(status(401, ECHO)),
    "429": list(status(429, ECHO)),
    "500": list(status(500, ECHO)),
    "plain body": list(status(400, f"no {KEY}")),
    "in the stream": [text("Hel"), event(ECHO)],
    "in the finish reason": [raw(f'data: {{"choices": [{{"finish_reason": "{KEY}"}}]}}\n\n'.encode()), cut()],
    "not JSON": [raw(f"data: {{{KEY}\n\n".encode())],
    "reset": [reset()],
    "cut": [text("Hel"), cut()],
    "silent": [hang()],
}


@pytest.mark.parametrize("reply", REPLIES.values(), ids=REPLIES)
async def test_no_failure_reveals_the_key(
    client: ModelClient, reply: list[Part], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    limits = TimeLimits(connect=1, first_token=0.1, idle=0.1, total=1)
    async with model_server(reply) as server:
        secret_endpoint = endpoint(server, limits=limits, headers={"X-Api-Key": KEY[::-1]})
        _, error = await ask(client, secret_endpoint)
        assert server.requests[0].headers["x-api-key"] == KEY[::-1]
    shown = [repr(secret_endpoint), caplog.text]
    if error is not None:
        shown += [str(error), repr(error), error.content, error.detail, *traceback.format_exception(error)]
    for secret in (KEY, KEY[::-1]):
        assert secret not in "\n".join(shown)


async def test_credentials_in_a_url_do_not_appear_in_errors(client: ModelClient) -> None:
    unreachable = replace(endpoint("http://me:Hidden1234@127.0.0.1:9/v1"), api_key="")
    _, error = await ask(client, unreachable)
    assert error is not None
    assert "Hidden1234" not in "".join(traceback.format_exception(error))


async def test_an_error_detail_is_one_short_line(client: ModelClient) -> None:
    long = {"error": {"message": "line one\nline two " * 500}}
    async with model_server(status(400, long)) as server:
        _, error = await ask(client, endpoint(server))
    assert error is not None
    assert error.detail.startswith("HTTP 400: line one line two")
    assert len(error.detail) <= 200
