"""What a model call costs, where the server does not say."""

from __future__ import annotations

import json

from conversations.llm.completion import Completion
from conversations.llm.tokens import estimate_tokens
from conversations.llm.types import ChatMessage, CompletionRequest, FunctionDefinition, Usage

TOKENS_PER_MESSAGE = 4
"""What a message costs beside its words: an estimate after OpenAI's chat format."""


def message_tokens(message: ChatMessage) -> int:
    calls = sum(estimate_tokens(call.name) + estimate_tokens(call.arguments) for call in message.tool_calls)
    return TOKENS_PER_MESSAGE + estimate_tokens(message.content) + estimate_tokens(message.thinking) + calls


def tool_tokens(tool: FunctionDefinition) -> int:
    return estimate_tokens(tool.name + tool.description + json.dumps(tool.parameters))


def estimate_usage(request: CompletionRequest, completion: Completion) -> Usage:
    """Counted from the words, and marked as estimated."""
    reasoning = estimate_tokens(completion.thinking)
    calls = sum(estimate_tokens(call.name + call.arguments) for call in completion.tool_calls)
    return Usage(
        prompt=sum(map(message_tokens, request.messages)) + sum(map(tool_tokens, request.tools)),
        completion=estimate_tokens(completion.text) + reasoning + calls,
        reasoning=reasoning,
        estimated=True,
    )
