"""Builders of chat completion requests to the demo model."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from conversations.demo.request import ChatCompletionRequest, parse_request

TOOLS = ("calculator", "current_time", "list_files", "read_file", "write_file")


def user_message(question: str) -> dict[str, Any]:
    return {"role": "user", "content": question}


def tool_call_messages(name: str, arguments: str, *results: str) -> list[dict[str, Any]]:
    """Returns an assistant message with a call for each result, followed by the tool messages."""
    calls = [
        {"id": f"call-{index}", "type": "function", "function": {"name": name, "arguments": arguments}}
        for index in range(len(results))
    ]
    tool_messages = [
        {"role": "tool", "tool_call_id": call["id"], "content": result}
        for call, result in zip(calls, results, strict=True)
    ]
    return [{"role": "assistant", "content": None, "tool_calls": calls}, *tool_messages]


def request_of(
    messages: Iterable[dict[str, Any]], *, tools: Iterable[str] = TOOLS, **fields: Any
) -> ChatCompletionRequest:
    body = {
        "model": "demo",
        "stream": True,
        "messages": list(messages),
        "tools": [{"type": "function", "function": {"name": name, "parameters": {}}} for name in tools],
    }
    return parse_request(json.dumps(body | fields).encode())
