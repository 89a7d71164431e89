"""Combines the deltas of a model call into its completion."""

from __future__ import annotations

from io import StringIO

from conversations.llm.types import (
    Delta,
    Finish,
    FinishReason,
    FunctionCall,
    TextDelta,
    TextWasThinking,
    ThinkingDelta,
    ToolCallDelta,
    Usage,
)


class _PartialCall:
    __slots__ = ("arguments", "id", "name")

    def __init__(self) -> None:
        self.id = ""
        self.name = ""
        self.arguments = StringIO()


class Completion:
    """The text, thinking and tool calls of a model call so far. `finish_reason` is None until the model has stopped."""

    def __init__(self) -> None:
        self._text = StringIO()
        self._thinking = StringIO()
        self._calls: dict[int, _PartialCall] = {}
        self.usage: Usage | None = None
        self.finish_reason: FinishReason | None = None

    def add(self, delta: Delta) -> None:
        match delta:
            case TextDelta(text):
                self._text.write(text)
            case ThinkingDelta(text):
                self._thinking.write(text)
            case TextWasThinking():
                self._thinking.write(self.text)
                self._text = StringIO()
            case ToolCallDelta():
                self._add_to_call(delta)
            case Usage():
                self.usage = delta
            case Finish(reason):
                self.finish_reason = reason

    def _add_to_call(self, delta: ToolCallDelta) -> None:
        call = self._calls.get(delta.index)
        if call is None:
            call = self._calls[delta.index] = _PartialCall()
        call.id = call.id or delta.id
        call.name = call.name or delta.name
        call.arguments.write(delta.arguments)

    @property
    def text(self) -> str:
        return self._text.getvalue()

    @property
    def thinking(self) -> str:
        return self._thinking.getvalue()

    @property
    def tool_calls(self) -> tuple[FunctionCall, ...]:
        """The calls in order of first appearance. Their arguments are as the model wrote them, and may not be JSON."""
        return tuple(FunctionCall(call.id, call.name, call.arguments.getvalue()) for call in self._calls.values())
