"""The vocabulary shared by everything that talks to a language model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Role = Literal["system", "user", "assistant", "tool"]
FinishReason = Literal["stop", "length", "tool_calls", "content_filter"]
ThinkingStyle = Literal["none", "thinking", "enable_thinking", "chat_template_kwargs", "reasoning_effort"]
ThinkingField = Literal["reasoning_content", "reasoning", ""]
MaxTokensField = Literal["max_tokens", "max_completion_tokens"]
ToolChoice = str | Mapping[str, Any]
"""OpenAI's: "auto", "none", "required" or {"type": "function", "function": {"name": ...}}."""


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """A call that the model asked for; `arguments` is JSON text exactly as the model wrote it."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message of a request. `tool_calls` belongs to assistants, `tool_call_id` to tools;
    `thinking` is the assistant's reasoning, for servers that want it back within a run."""

    role: Role
    content: str
    tool_calls: tuple[FunctionCall, ...] = ()
    tool_call_id: str | None = None
    thinking: str = ""


@dataclass(frozen=True, slots=True)
class FunctionDefinition:
    """A tool as the model is told of it; `parameters` is a JSON Schema of type object."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CompletionRequest:
    """What one model call asks; None leaves a parameter out of the request."""

    messages: Sequence[ChatMessage]
    tools: Sequence[FunctionDefinition] = ()
    tool_choice: ToolChoice | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    thinking_enabled: bool | None = None


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """Seconds. `first_token` runs from the request to the first byte of the answer's body, `idle` between two reads,
    `total` over the whole."""

    connect: float = 10
    first_token: float = 120
    idle: float = 60
    total: float = 900


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A model on a server: where a request goes and in which dialect.

    `retries` counts further attempts, made only before the first delta. `thinking_field` is where an assistant's
    reasoning is sent back ("": nowhere), `empty_content` what stands for an assistant's text when there is only calls.
    `headers` and `body` are added to each request; `body` overrides what would be sent.
    """

    base_url: str
    model: str
    api_key: str = field(default="", repr=False)
    thinking_style: ThinkingStyle = "none"
    limits: TimeLimits = TimeLimits()
    retries: int = 2
    thinking_field: ThinkingField = "reasoning_content"
    max_tokens_field: MaxTokensField = "max_tokens"
    empty_content: Literal[""] | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False, hash=False)
    body: Mapping[str, Any] = field(default_factory=dict, repr=False, hash=False)


@dataclass(frozen=True, slots=True)
class TextDelta:
    text: str


@dataclass(frozen=True, slots=True)
class ThinkingDelta:
    text: str


@dataclass(frozen=True, slots=True)
class TextWasThinking:
    """All text so far was thinking, as its end shows. Comes once at most, and only while nothing but text has come."""


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A fragment of the call at `index`; `id` and `name` come whole and once (else ""), `arguments` in pieces."""

    index: int
    id: str = ""
    name: str = ""
    arguments: str = ""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one model call; `reasoning` is part of `completion`, `cached` part of `prompt`."""

    prompt: int = 0
    completion: int = 0
    reasoning: int = 0
    cached: int = 0
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class Finish:
    """The model stopped, and why. The last delta of a stream but for Usage."""

    reason: FinishReason


Delta = TextDelta | ThinkingDelta | TextWasThinking | ToolCallDelta | Usage | Finish
