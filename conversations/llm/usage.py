"""Token usage of a model call: as the server reports it, or estimated."""

from __future__ import annotations

import json
from typing import Any

from conversations.llm.completion import Completion
from conversations.llm.tokens import estimate_tokens
from conversations.llm.types import ChatMessage, CompletionRequest, FunctionDefinition, Usage

TOKENS_PER_MESSAGE = 4
"""Tokens of a message besides its text: an estimate based on OpenAI's chat format."""

_MAX_TOKENS = 10**9


def parse_usage(reported: dict[str, Any]) -> Usage | None:
    """Parses OpenAI's usage object and its variants; None if it has neither prompt nor completion tokens."""
    prompt = _count(reported, "prompt_tokens", "input_tokens")
    completion = _count(reported, "completion_tokens", "output_tokens")
    if prompt is None and completion is None:
        return None
    prompt, completion = prompt or 0, completion or 0
    reasoning = _detail_count(reported, "completion_tokens_details", "reasoning_tokens") or 0
    cached = _detail_count(reported, "prompt_tokens_details", "cached_tokens")
    if cached is None:
        cached = _count(reported, "prompt_cache_hit_tokens", "num_cached_tokens") or 0
    if reasoning and _count(reported, "total_tokens") == prompt + completion + reasoning:
        completion += reasoning  # xAI does not include reasoning in the completion.
    return Usage(prompt=prompt, completion=completion, reasoning=min(reasoning, completion), cached=min(cached, prompt))


def message_tokens(message: ChatMessage) -> int:
    calls = sum(estimate_tokens(call.name) + estimate_tokens(call.arguments) for call in message.tool_calls)
    return TOKENS_PER_MESSAGE + estimate_tokens(message.content) + estimate_tokens(message.thinking) + calls


def tool_tokens(tool: FunctionDefinition) -> int:
    return estimate_tokens(tool.name + tool.description + json.dumps(tool.parameters))


def estimate_usage(request: CompletionRequest, completion: Completion) -> Usage:
    """Estimates the usage from the texts, and marks it as estimated."""
    reasoning = estimate_tokens(completion.thinking)
    calls = sum(estimate_tokens(call.name + call.arguments) for call in completion.tool_calls)
    return Usage(
        prompt=sum(map(message_tokens, request.messages)) + sum(map(tool_tokens, request.tools)),
        completion=estimate_tokens(completion.text) + reasoning + calls,
        reasoning=reasoning,
        estimated=True,
    )


def _detail_count(reported: dict[str, Any], group: str, key: str) -> int | None:
    details = reported.get(group)
    count = _count(details, key) if isinstance(details, dict) else None
    return count if count is not None else _count(reported, key)


def _count(reported: dict[str, Any], *keys: str) -> int | None:
    for key in keys:
        value = reported.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= _MAX_TOKENS:
            return int(value)
    return None
