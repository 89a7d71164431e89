"""Validation of POST /v1/chat/completions after OpenAI's reference, sharing no code with the product.

Strict where servers are: a field that nobody named is a violation, calls and results pair up, turns alternate.
https://platform.openai.com/docs/api-reference/chat/create
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]
Text = Annotated[str, Field(min_length=1)]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class CalledFunction(Strict):
    name: Name
    arguments: str


class Call(Strict):
    id: Text
    type: Literal["function"]
    function: CalledFunction


class System(Strict):
    role: Literal["system"]
    content: Text


class User(Strict):
    role: Literal["user"]
    content: Text


class Assistant(Strict):
    """`reasoning_content` is an extension of DeepSeek, which requires it to be sent back."""

    role: Literal["assistant"]
    content: Text | None = None
    tool_calls: Annotated[list[Call], Field(min_length=1)] | None = None
    reasoning_content: Text | None = None


class ToolMessage(Strict):
    role: Literal["tool"]
    content: Text
    tool_call_id: Text


class Parameters(BaseModel):
    type: Literal["object"]
    properties: dict[str, Any]


class Definition(Strict):
    name: Name
    description: Text
    parameters: Parameters


class ToolDefinition(Strict):
    type: Literal["function"]
    function: Definition


class NamedFunction(Strict):
    name: Name


class NamedChoice(Strict):
    type: Literal["function"]
    function: NamedFunction


class StreamOptions(Strict):
    include_usage: bool


class ChatRequest(Strict):
    model: Text
    messages: Annotated[
        list[Annotated[System | User | Assistant | ToolMessage, Field(discriminator="role")]], Field(min_length=1)
    ]
    stream: Literal[True]
    stream_options: StreamOptions
    tools: Annotated[list[ToolDefinition], Field(min_length=1, max_length=128)] | None = None
    tool_choice: Literal["auto", "none", "required"] | NamedChoice | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None


def check_request(body: dict[str, Any]) -> None:
    """Raises ValidationError or AssertionError for a request that OpenAI would refuse."""
    request = ChatRequest.model_validate(body)
    assert request.tool_choice is None or request.tools, "tool_choice without tools"
    names = [tool.function.name for tool in request.tools or ()]
    assert len(set(names)) == len(names), f"tools of the same name: {names}"
    roles = [message.role for message in request.messages]
    assert roles.count("system") <= 1, "several system messages"
    assert "system" not in roles[1:], "a system message that is not the first"
    assert roles[-1] in ("user", "tool"), "nothing is asked"
    _check_turns(request.messages)


def _check_turns(messages: list[System | User | Assistant | ToolMessage]) -> None:
    """Asserts that user and assistant turns alternate and that tool results follow their calls, in order, each once."""
    open_calls: list[str] = []
    previous = "system"
    for message in messages:
        if isinstance(message, ToolMessage):
            assert open_calls, "a result without a call"
            assert message.tool_call_id == open_calls.pop(0), "results in another order than the calls"
        else:
            assert not open_calls, f"calls without results: {open_calls}"
        if isinstance(message, User):
            assert previous != "user", "two questions in a row"
        if isinstance(message, Assistant):
            assert previous in ("user", "tool"), f"an answer after {previous}"
            open_calls = _ids(message)
        previous = message.role
    assert not open_calls, f"calls without results: {open_calls}"


def _ids(message: Assistant) -> list[str]:
    calls = message.tool_calls or []
    assert message.content is not None or calls, "an assistant's message with nothing in it"
    for call in calls:
        assert isinstance(json.loads(call.function.arguments), dict), "arguments that are no object"
    ids = [call.id for call in calls]
    assert len(set(ids)) == len(ids), f"calls of the same id: {ids}"
    return ids
