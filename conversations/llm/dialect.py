"""A request as the body that an endpoint takes."""

from __future__ import annotations

from typing import Any

import orjson

from conversations.llm.types import ChatMessage, CompletionRequest, Endpoint, FunctionCall, FunctionDefinition

OPTIONAL_FIELDS = ("stream_options", "reasoning_effort", "reasoning_content", "reasoning")
"""Servers that do not know one of these refuse the request; without it, they answer. The last two are fields of an
assistant's message, which some servers want back and others, such as Groq and Cerebras, refuse."""


def request_body(endpoint: Endpoint, request: CompletionRequest, *, without: frozenset[str] = frozenset()) -> bytes:
    """JSON for POST /chat/completions. `without` names fields of OPTIONAL_FIELDS that the server is known to refuse."""
    body: dict[str, Any] = {
        "model": endpoint.model,
        "messages": [_message(message, endpoint, without) for message in request.messages],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if request.tools:
        body["tools"] = [_tool(tool) for tool in request.tools]
        if request.tool_choice is not None:
            body["tool_choice"] = request.tool_choice
    if request.temperature is not None:
        body["temperature"] = request.temperature
    if request.max_tokens is not None:
        body[endpoint.max_tokens_field] = request.max_tokens
    if request.thinking_enabled is not None:
        body |= _thinking_switch(endpoint, enabled=request.thinking_enabled)
    body |= endpoint.body
    return orjson.dumps({name: value for name, value in body.items() if name not in without}, default=dict)


def _thinking_switch(endpoint: Endpoint, *, enabled: bool) -> dict[str, Any]:
    match endpoint.thinking_style:
        case "thinking":
            return {"thinking": {"type": "enabled" if enabled else "disabled"}}
        case "enable_thinking":
            return {"enable_thinking": enabled}
        case "chat_template_kwargs":
            return {"chat_template_kwargs": {"enable_thinking": enabled}}
        case "reasoning_effort":
            # Models that cannot but think refuse "none": OPTIONAL_FIELDS.
            return {"reasoning_effort": "medium" if enabled else "none"}
        case "none":
            return {}


def _message(message: ChatMessage, endpoint: Endpoint, without: frozenset[str]) -> dict[str, Any]:
    body: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        body["content"] = message.content or endpoint.empty_content
        body["tool_calls"] = [_call(call) for call in message.tool_calls]
    if message.tool_call_id is not None:
        body["tool_call_id"] = message.tool_call_id
    if message.thinking and endpoint.thinking_field and endpoint.thinking_field not in without:
        body[endpoint.thinking_field] = message.thinking
    return body


def _call(call: FunctionCall) -> dict[str, Any]:
    arguments = call.arguments if _is_object(call.arguments) else "{}"
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


def _is_object(arguments: str) -> bool:
    """Servers that read a past call's arguments refuse the whole request, or fail, when they are not an object."""
    try:
        return isinstance(orjson.loads(arguments), dict)
    except ValueError:
        return False


def _tool(tool: FunctionDefinition) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}
