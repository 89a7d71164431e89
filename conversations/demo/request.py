"""A chat completion request: read strictly, and refused in the way that OpenAI's servers refuse."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from conversations.demo import DEMO_MODEL_NAME
from conversations.llm.types import ChatMessage, FunctionCall, FunctionDefinition


class RefusedRequestError(Exception):
    """An answer other than 200: its status, and the sentence, type and code of its body."""

    def __init__(
        self, status: int, sentence: str, *, kind: str = "invalid_request_error", code: str | None = None
    ) -> None:
        super().__init__(sentence)
        self.status = status
        self.kind = kind
        self.code = code


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)


class _CalledFunction(_Strict):
    name: str = Field(min_length=1)
    arguments: str


class _ToolCall(_Strict):
    id: str = Field(min_length=1)
    type: Literal["function"] = "function"
    function: _CalledFunction


class _TextPart(_Strict):
    type: Literal["text"]
    text: str


class _Message(_Strict):
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[_TextPart] | None = None
    tool_calls: Annotated[list[_ToolCall], Field(min_length=1)] | None = None
    tool_call_id: str | None = None
    reasoning_content: str | None = None

    def to_chat_message(self) -> ChatMessage:
        content = self.content or ""
        return ChatMessage(
            role="system" if self.role == "developer" else self.role,
            content=content if isinstance(content, str) else "\n".join(part.text for part in content),
            tool_calls=tuple(
                FunctionCall(call.id, call.function.name, call.function.arguments) for call in self.tool_calls or ()
            ),
            tool_call_id=self.tool_call_id,
            thinking=self.reasoning_content or "",
        )


class _Function(_Strict):
    name: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
    description: str = ""
    parameters: dict[str, Any] = {"type": "object", "properties": {}}


class _Tool(_Strict):
    type: Literal["function"]
    function: _Function


class _FunctionName(_Strict):
    name: str


class _ForcedFunction(_Strict):
    type: Literal["function"]
    function: _FunctionName


class _StreamOptions(_Strict):
    include_usage: bool = False


class _ThinkingSwitch(_Strict):
    type: Literal["enabled", "disabled"]


class _TemplateArguments(_Strict):
    enable_thinking: bool = True


class ChatCompletionRequest(_Strict):
    """The body of POST /chat/completions; parameters that a demonstration has no use for are not looked at."""

    model: str
    messages: list[_Message] = Field(min_length=1)
    tools: Annotated[list[_Tool], Field(min_length=1)] | None = None
    tool_choice: Literal["auto", "none", "required"] | _ForcedFunction | None = None
    stream: bool = False
    stream_options: _StreamOptions | None = None
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    temperature: float | None = Field(default=None, ge=0, le=2)
    n: Literal[1] = 1
    enable_thinking: bool = True
    thinking: _ThinkingSwitch | None = None
    chat_template_kwargs: _TemplateArguments | None = None
    reasoning_effort: str | None = None

    @property
    def token_limit(self) -> int | None:
        return self.max_completion_tokens or self.max_tokens

    @property
    def include_usage(self) -> bool:
        return self.stream_options is not None and self.stream_options.include_usage

    @property
    def thinks(self) -> bool:
        """Whether no switch, of the several that servers know, turns thinking off."""
        return (
            self.enable_thinking
            and (self.thinking is None or self.thinking.type == "enabled")
            and (self.chat_template_kwargs is None or self.chat_template_kwargs.enable_thinking)
            and self.reasoning_effort != "none"
        )

    @property
    def chat_messages(self) -> list[ChatMessage]:
        return [message.to_chat_message() for message in self.messages]

    @property
    def functions(self) -> list[FunctionDefinition]:
        return [
            FunctionDefinition(tool.function.name, tool.function.description, tool.function.parameters)
            for tool in self.tools or ()
        ]

    @property
    def forced_function(self) -> str | None:
        return self.tool_choice.function.name if isinstance(self.tool_choice, _ForcedFunction) else None


def parse_request(body: bytes) -> ChatCompletionRequest:
    """Raises RefusedRequestError for whatever a strict server refuses."""
    try:
        request = ChatCompletionRequest.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise RefusedRequestError(400, f"{place}: {first['msg']}" if place else first["msg"]) from None
    if request.model != DEMO_MODEL_NAME:
        raise RefusedRequestError(404, f"The model {request.model!r} does not exist.", code="model_not_found")
    _check_tools(request)
    _check_sequence(request.messages)
    return request


def _check_tools(request: ChatCompletionRequest) -> None:
    names = [function.name for function in request.functions]
    if len(set(names)) < len(names):
        raise RefusedRequestError(400, "tools: two functions have the same name.")
    if request.tool_choice is not None and not names:
        raise RefusedRequestError(400, "tool_choice is allowed only where tools are given.")
    if request.forced_function is not None and request.forced_function not in names:
        raise RefusedRequestError(400, f"tool_choice: {request.forced_function!r} is not among the tools.")
    if request.stream_options is not None and not request.stream:
        raise RefusedRequestError(400, "stream_options is allowed only with stream.")


def _check_sequence(messages: Sequence[_Message]) -> None:
    """Every call is answered, right after it and once; every result answers a call; no message is empty."""
    unanswered: list[str] = []
    for place, message in enumerate(messages):
        where = f"messages.{place}"
        if message.role == "tool":
            if message.tool_call_id not in unanswered:
                raise RefusedRequestError(400, f"{where}: this tool message answers no tool call that comes before it.")
            unanswered.remove(message.tool_call_id)
        elif unanswered:
            raise RefusedRequestError(400, _unanswered(where, unanswered))
        _check_fields(where, message)
        unanswered += [call.id for call in message.tool_calls or ()]
        if len(set(unanswered)) < len(unanswered):
            raise RefusedRequestError(400, f"{where}: two tool calls have the same id.")
    if unanswered:
        raise RefusedRequestError(400, _unanswered(f"messages.{len(messages) - 1}", unanswered))


def _unanswered(where: str, calls: Sequence[str]) -> str:
    return f"{where}: tool calls without a tool message that answers them: {', '.join(calls)}."


def _check_fields(where: str, message: _Message) -> None:
    if message.tool_calls and message.role != "assistant":
        raise RefusedRequestError(400, f"{where}: only an assistant calls tools.")
    if message.tool_call_id is not None and message.role != "tool":
        raise RefusedRequestError(400, f"{where}: only a tool message has a tool_call_id.")
    if message.content is None and not message.tool_calls:
        raise RefusedRequestError(400, f"{where}: content is missing.")
