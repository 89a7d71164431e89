"""Encodes a reply as the server-sent events of a streamed chat completion."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterator
from typing import Any

import orjson

from conversations.demo import DEMO_MODEL_NAME
from conversations.demo.replies import Reply
from conversations.demo.request import ChatCompletionRequest

_TOKEN = re.compile(r"\s*(?:[A-Za-z]{1,6}|[0-9]{1,3}|\S)|\s+")


def completion_events(reply: Reply, request: ChatCompletionRequest) -> Iterator[bytes]:
    """Yields one event per token, at most `max_tokens`, between an opening one and those that end the stream."""
    completion = {"id": f"chatcmpl-{secrets.token_hex(12)}", "model": DEMO_MODEL_NAME, "created": int(time.time())}

    def event(choices: list[dict[str, Any]], **fields: Any) -> bytes:
        chunk = {**completion, "object": "chat.completion.chunk", "choices": choices, **fields}
        return b"data: " + orjson.dumps(chunk) + b"\n\n"

    deltas = list(_deltas(reply))
    sent = deltas[: request.max_tokens]
    for delta in ({"role": "assistant", "content": ""}, *sent):
        yield event([{"index": 0, "delta": delta, "finish_reason": None}])
    reason = "length" if len(sent) < len(deltas) else "tool_calls" if reply.calls else "stop"
    yield event([{"index": 0, "delta": {}, "finish_reason": reason}])
    prompt = sum(len(message.content or "") for message in request.messages) // 4
    usage = {"prompt_tokens": prompt, "completion_tokens": len(sent), "total_tokens": prompt + len(sent)}
    yield event([], usage=usage)
    yield b"data: [DONE]\n\n"


def _deltas(reply: Reply) -> Iterator[dict[str, Any]]:
    for field, text in (("reasoning_content", reply.thinking), ("content", reply.text)):
        yield from ({field: token} for token in _TOKEN.findall(text))
    for index, call in enumerate(reply.calls):
        opening = {"index": index, "id": f"call_{secrets.token_hex(12)}", "type": "function"}
        yield {"tool_calls": [{**opening, "function": {"name": call.tool, "arguments": ""}}]}
        for token in _TOKEN.findall(orjson.dumps(call.arguments).decode()):
            yield {"tool_calls": [{"index": index, "function": {"arguments": token}}]}
