"""Types for requests to language models and for the deltas of their answers."""

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
"""As in OpenAI's API: "auto", "none", "required" or {"type": "function", "function": {"name": ...}}."""


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """A call that the model requested; `arguments` is the JSON text exactly as the model wrote it."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message of a request. `tool_calls` belongs to the role assistant, `tool_call_id` to the role tool.

    `thinking` is the assistant's reasoning, for servers that require it within a run."""

    role: Role
    content: str
    tool_calls: tuple[FunctionCall, ...] = ()
    tool_call_id: str | None = None
    thinking: str = ""


@dataclass(frozen=True, slots=True)
class FunctionDefinition:
    """A tool as it is described to the model; `parameters` is a JSON Schema of type object."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CompletionRequest:
    """The request of one model call; a parameter that is None is left out of it."""

    messages: Sequence[ChatMessage]
    tools: Sequence[FunctionDefinition] = ()
    tool_choice: ToolChoice | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    thinking_enabled: bool | None = None


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """Time limits in seconds: `first_token` from the request to the first byte of the response body, `idle` for each
    read after it, `total` for the whole model call."""

    connect: float = 10
    first_token: float = 120
    idle: float = 60
    total: float = 900


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A model on a server, and how its requests differ from OpenAI's.

    `retries` is the number of further attempts, which happen only before the first delta. `thinking_field` is the
    field in which an assistant's reasoning is sent back ("" for none). `empty_content` is the content of an assistant's
    message that has only calls. `headers` and `body` are added to each request; `body` overrides other fields.
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
    """All text so far was thinking. Occurs at most once, and only after text deltas alone."""


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A fragment of the call at `index`. Only the first has `id` and `name`; `arguments` arrive in fragments."""

    index: int
    id: str = ""
    name: str = ""
    arguments: str = ""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one model call. `completion` includes `reasoning`, and `prompt` includes `cached`."""

    prompt: int = 0
    completion: int = 0
    reasoning: int = 0
    cached: int = 0
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class Finish:
    """The reason why the model stopped. Only Usage may follow it."""

    reason: FinishReason


Delta = TextDelta | ThinkingDelta | TextWasThinking | ToolCallDelta | Usage | Finish
