"""A reply as the bytes that an OpenAI-compatible server sends: as one object, or as a stream of server-sent events."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from conversations.demo import DEMO_MODEL_NAME
from conversations.demo.brain import Reply
from conversations.llm.types import ChatMessage, FinishReason

_TOKEN = re.compile(r"\s*(?:[A-Za-z]{1,6}|[0-9]{1,3}|\S)|\s+")
_CHARACTERS_PER_TOKEN = 4

DONE = b"data: [DONE]\n\n"


def split_tokens(text: str) -> list[str]:
    """Pieces of about the size of a model's tokens; joined, they are the text again."""
    return _TOKEN.findall(text)


def estimate_prompt_tokens(messages: Sequence[ChatMessage]) -> int:
    written = sum(
        len(message.content) + sum(len(call.name) + len(call.arguments) for call in message.tool_calls)
        for message in messages
    )
    return written // _CHARACTERS_PER_TOKEN + 4 * len(messages)


@dataclass(frozen=True, slots=True)
class _Piece:
    """One token: what it adds to the answer, in the form that a stream's `delta` has."""

    delta: dict[str, Any]
    reasoning: bool = False


@dataclass(slots=True)
class Answer:
    """A reply cut to `token_limit`, ready to be sent."""

    reply: Reply
    prompt_tokens: int
    token_limit: int | None = None
    id: str = field(default_factory=lambda: f"chatcmpl-{secrets.token_hex(12)}")
    created: int = field(default_factory=lambda: int(time.time()))
    _pieces: list[_Piece] = field(init=False)
    _finish_reason: FinishReason = field(init=False)

    def __post_init__(self) -> None:
        pieces = list(_pieces_of(self.reply))
        self._pieces = pieces[: self.token_limit]
        if len(self._pieces) < len(pieces):
            self._finish_reason = "length"
        else:
            self._finish_reason = "tool_calls" if self.reply.calls else "stop"

    def events(self, *, include_usage: bool) -> Iterator[bytes]:
        """Server-sent events, one for each token between the first and the last ones."""
        yield self._chunk({"role": "assistant", "content": ""})
        for piece in self._pieces:
            yield self._chunk(piece.delta)
        yield self._chunk({}, self._finish_reason)
        if include_usage:
            yield self._event({"choices": [], "usage": self._usage()})
        yield DONE

    def body(self) -> bytes:
        """The whole as one JSON object."""
        message: dict[str, Any] = {"role": "assistant", "content": None}
        for piece in self._pieces:
            _add_delta(message, piece.delta)
        choice = {"index": 0, "message": message, "finish_reason": self._finish_reason}
        return orjson.dumps(self._object("chat.completion") | {"choices": [choice], "usage": self._usage()})

    def _chunk(self, delta: dict[str, Any], finish_reason: FinishReason | None = None) -> bytes:
        return self._event({"choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]})

    def _event(self, fields: dict[str, Any]) -> bytes:
        return b"data: " + orjson.dumps(self._object("chat.completion.chunk") | fields) + b"\n\n"

    def _object(self, kind: str) -> dict[str, Any]:
        return {"id": self.id, "object": kind, "created": self.created, "model": DEMO_MODEL_NAME}

    def _usage(self) -> dict[str, Any]:
        completion = len(self._pieces)
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": completion,
            "total_tokens": self.prompt_tokens + completion,
            "prompt_tokens_details": {"cached_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": sum(piece.reasoning for piece in self._pieces)},
        }


def _pieces_of(reply: Reply) -> Iterator[_Piece]:
    for token in split_tokens(reply.thinking):
        yield _Piece({"reasoning_content": token}, reasoning=True)
    for token in split_tokens(reply.text):
        yield _Piece({"content": token})
    for index, call in enumerate(reply.calls):
        opening = {"index": index, "id": f"call_{secrets.token_hex(12)}", "type": "function"}
        yield _Piece({"tool_calls": [opening | {"function": {"name": call.tool, "arguments": ""}}]})
        for token in split_tokens(orjson.dumps(dict(call.arguments)).decode()):
            yield _Piece({"tool_calls": [{"index": index, "function": {"arguments": token}}]})


def _add_delta(message: dict[str, Any], delta: dict[str, Any]) -> None:
    for name in ("reasoning_content", "content"):
        if name in delta:
            message[name] = (message.get(name) or "") + delta[name]
    for fragment in delta.get("tool_calls", ()):
        calls = message.setdefault("tool_calls", [])
        if "id" in fragment:
            calls.append({name: value for name, value in fragment.items() if name != "index"})
        else:
            calls[fragment["index"]]["function"]["arguments"] += fragment["function"]["arguments"]
