"""Encodes a request as the JSON body that an endpoint expects."""

from __future__ import annotations

from typing import Any

import orjson

from conversations.llm.types import ChatMessage, CompletionRequest, Endpoint, FunctionCall, FunctionDefinition

OPTIONAL_FIELDS = ("stream_options", "reasoning_effort", "reasoning_content", "reasoning")
"""Fields that some servers do not know and then refuse the request, although they answer it without them. The last two
are fields of an assistant's message, which some servers require and others, such as Groq and Cerebras, refuse."""


def encode_request_body(
    endpoint: Endpoint, request: CompletionRequest, *, without: frozenset[str] = frozenset()
) -> bytes:
    """Returns the JSON for POST /chat/completions. `without` names the OPTIONAL_FIELDS that the server refuses."""
    body: dict[str, Any] = {
        "model": endpoint.model,
        "messages": [_encode_message(message, endpoint, without) for message in request.messages],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if request.tools:
        body["tools"] = [_encode_tool(tool) for tool in request.tools]
        if request.tool_choice is not None:
            body["tool_choice"] = request.tool_choice
    if request.temperature is not None:
        body["temperature"] = request.temperature
    if request.max_tokens is not None:
        body[endpoint.max_tokens_field] = request.max_tokens
    if request.thinking_enabled is not None:
        body |= _thinking_fields(endpoint, enabled=request.thinking_enabled)
    body |= endpoint.body
    return orjson.dumps({name: value for name, value in body.items() if name not in without}, default=dict)


def _thinking_fields(endpoint: Endpoint, *, enabled: bool) -> dict[str, Any]:
    match endpoint.thinking_style:
        case "thinking":
            return {"thinking": {"type": "enabled" if enabled else "disabled"}}
        case "enable_thinking":
            return {"enable_thinking": enabled}
        case "chat_template_kwargs":
            return {"chat_template_kwargs": {"enable_thinking": enabled}}
        case "reasoning_effort":
            # Models that always think refuse "none": see OPTIONAL_FIELDS.
            return {"reasoning_effort": "medium" if enabled else "none"}
        case "none":
            return {}


def _encode_message(message: ChatMessage, endpoint: Endpoint, without: frozenset[str]) -> dict[str, Any]:
    body: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        body["content"] = message.content or endpoint.empty_content
        body["tool_calls"] = [_encode_call(call) for call in message.tool_calls]
    if message.tool_call_id is not None:
        body["tool_call_id"] = message.tool_call_id
    if message.thinking and endpoint.thinking_field and endpoint.thinking_field not in without:
        body[endpoint.thinking_field] = message.thinking
    return body


def _encode_call(call: FunctionCall) -> dict[str, Any]:
    # Servers that parse the arguments of past calls refuse the request, or fail, if they are not a JSON object.
    try:
        is_object = isinstance(orjson.loads(call.arguments), dict)
    except ValueError:
        is_object = False
    function = {"name": call.name, "arguments": call.arguments if is_object else "{}"}
    return {"id": call.id, "type": "function", "function": function}


def _encode_tool(tool: FunctionDefinition) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}
