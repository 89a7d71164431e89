"""Invalid requests are refused with OpenAI's error objects."""

import json
from collections.abc import AsyncGenerator
from typing import Any

import aiohttp
import pytest

from conversations.demo.request import RequestError, parse_request
from conversations.demo.server import DemoServer
from tests.demo.dialogue import running_server

USER = {"role": "user", "content": "hello"}
CALL = {"id": "a", "type": "function", "function": {"name": "calculator", "arguments": "{}"}}
CALLING = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "a", "content": "1"}
TOOL = {"type": "function", "function": {"name": "calculator", "parameters": {"type": "object"}}}


def body(*messages: object, **fields: object) -> bytes:
    return json.dumps({"model": "demo", "stream": True, "messages": messages or [USER], **fields}).encode()


@pytest.mark.parametrize(
    "invalid",
    [
        b"",
        b"{",
        b"[]",
        b'{"model": "demo", "stream": true}',
        b'{"stream": true, "messages": [{"role": "user", "content": "x"}]}',
        b'{"model": "demo", "stream": true, "messages": []}',
        body({"role": "wizard", "content": "x"}),
        body({"role": "user"}),
        body({"role": "user", "content": 3}),
        body({"role": "assistant"}),
        body(USER, RESULT),
        body(USER, CALLING),
        body(USER, CALLING, USER),
        body(USER, CALLING, USER, RESULT),
        body(USER, CALLING, RESULT, RESULT),
        body(USER, CALLING, {**RESULT, "tool_call_id": "b"}),
        body(USER, CALLING, {"role": "tool", "content": "1"}),
        body(USER, {**CALLING, "tool_calls": [CALL, CALL]}, RESULT, RESULT),
        body(USER, {**CALLING, "tool_calls": []}),
        body(tools=[{"type": "function"}]),
        body(tools=[TOOL], tool_choice="sometimes"),
        body(tools=[TOOL], tool_choice={"type": "function", "function": {"name": "other"}}),
        body(max_tokens=0),
        body(max_tokens="many"),
        body(stream=False),
        body(stream="yes"),
        body({"role": "user", "content": "\ud800"}),
        body().replace(b"hello", b"\xff"),
        b"[" * 100_000,
    ],
)
def test_an_invalid_request_is_refused_with_400(invalid: bytes) -> None:
    with pytest.raises(RequestError) as refused:
        parse_request(invalid)
    assert refused.value.status == 400
    assert str(refused.value)


@pytest.mark.parametrize(
    "valid",
    [
        body(),
        body({"role": "system", "content": ""}, USER),
        body(USER, CALLING, RESULT),
        body(USER, CALLING, RESULT, CALLING, RESULT, {"role": "assistant", "content": ""}, USER),
        body(USER, {**CALLING, "tool_calls": [CALL, {**CALL, "id": "b"}]}, {**RESULT, "tool_call_id": "b"}, RESULT),
        body(tools=[TOOL], tool_choice={"type": "function", "function": {"name": "calculator"}}),
        body(stream_options={"include_usage": True}, temperature=1, max_tokens=5),
        body(unknown_parameter=1),
    ],
)
def test_a_valid_request_is_accepted(valid: bytes) -> None:
    assert parse_request(valid).messages


@pytest.fixture
async def server() -> AsyncGenerator[DemoServer, None]:
    async with running_server() as server:
        yield server


async def refusal(server: DemoServer, method: str, path: str, *, key: str | None, data: bytes = b"") -> tuple[int, Any]:
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, f"{server.base_url}{path}", data=data, headers=headers) as response,
    ):
        return response.status, (await response.json())["error"]


async def test_a_request_without_the_key_gets_401(server: DemoServer) -> None:
    for key in (None, "", "invalid", "clé"):
        status, error = await refusal(server, "POST", "/chat/completions", key=key, data=body())
        assert (status, error["code"]) == (401, "invalid_api_key")
        assert error.keys() == {"message", "type", "param", "code"}


async def test_an_unknown_model_gets_404(server: DemoServer) -> None:
    status, error = await refusal(server, "POST", "/chat/completions", key=server.api_key, data=body(model="gpt"))
    assert (status, error["code"]) == (404, "model_not_found")


async def test_invalid_json_gets_400(server: DemoServer) -> None:
    status, error = await refusal(server, "POST", "/chat/completions", key=server.api_key, data=b"{")
    assert (status, error["type"]) == (400, "invalid_request_error")


async def test_an_unknown_path_or_method_is_refused_with_the_same_error_format(server: DemoServer) -> None:
    assert (await refusal(server, "GET", "/nothing", key=server.api_key))[0] == 404
    assert (await refusal(server, "GET", "/chat/completions", key=server.api_key))[0] == 405
