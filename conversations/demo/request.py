"""The chat completion request, validated as strictly as OpenAI's API does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from conversations.demo import DEMO_MODEL_NAME


class RequestError(Exception):
    """A request that is refused with an HTTP status; `code` is that of OpenAI's error object."""

    def __init__(self, status: int, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)


class Function(_Strict):
    """A function of a tool, or a call of it with `arguments` in JSON."""

    name: str
    arguments: str = "{}"


class Tool(_Strict):
    type: Literal["function"]
    function: Function


class ToolCall(Tool):
    id: str


class Message(_Strict):
    role: Literal["system", "user", "assistant", "tool"]
    content: str | None = None
    tool_calls: list[ToolCall] = []
    tool_call_id: str | None = None


class ChatCompletionRequest(_Strict):
    """The body of POST /chat/completions. Parameters that make no difference to the demo model are ignored."""

    model: str
    messages: list[Message] = Field(min_length=1)
    tools: list[Tool] = []
    tool_choice: Literal["auto", "none", "required"] | Tool = "auto"
    stream: Literal[True]
    max_tokens: int | None = Field(default=None, ge=1)
    enable_thinking: bool = True

    @property
    def allowed_tools(self) -> set[str]:
        """The names of the tools that `tool_choice` allows to call."""
        if isinstance(self.tool_choice, Tool):
            return {self.tool_choice.function.name}
        return set() if self.tool_choice == "none" else {tool.function.name for tool in self.tools}


def parse_request(body: bytes) -> ChatCompletionRequest:
    """Raises RequestError if the body is not a valid request for the demo model."""
    try:
        request = ChatCompletionRequest.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise RequestError(400, ": ".join([*(str(part) for part in first["loc"]), first["msg"]])) from None
    if request.model != DEMO_MODEL_NAME:
        raise RequestError(404, f"The model {request.model!r} does not exist.", "model_not_found")
    if isinstance(request.tool_choice, Tool) and request.tool_choice not in request.tools:
        raise RequestError(400, f"tool_choice: {request.tool_choice.function.name!r} is not among the tools.")
    _check_messages(request.messages)
    return request


def _check_messages(messages: Sequence[Message]) -> None:
    """Requires content in each message, and one tool message for each tool call right after it."""
    unanswered: set[str | None] = set()
    for index, message in enumerate(messages):
        if message.role == "tool":
            if message.tool_call_id not in unanswered:
                raise RequestError(400, f"messages.{index}: this tool message does not answer a preceding tool call.")
            unanswered.remove(message.tool_call_id)
        elif unanswered:
            raise RequestError(400, f"messages.{index}: the tool calls before it lack tool messages.")
        if message.content is None and not message.tool_calls:
            raise RequestError(400, f"messages.{index}: content is missing.")
        unanswered.update(call.id for call in message.tool_calls)
    if unanswered:
        raise RequestError(400, "messages: the last tool calls lack tool messages.")
