"""Decodes the chunks of a chat completion into deltas, with the deviations of each server from OpenAI's format."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from conversations.llm.error_mapping import error_from_report, find_error_report
from conversations.llm.errors import MalformedError, UnavailableError
from conversations.llm.surrogates import TextRepairer
from conversations.llm.think_tags import Part, ThinkTagSplitter
from conversations.llm.tool_calls import PartialToolCall, ToolCallAssembler, is_json
from conversations.llm.types import Delta, Finish, FinishReason, TextDelta, TextWasThinking, ThinkingDelta
from conversations.llm.usage import parse_usage

MAX_CHARACTERS = 16 * 1024 * 1024
"""Characters of text, thinking and tool calls in one answer."""

_FINISH_REASONS: dict[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "model_context_window_exceeded": "length",
    "tool_calls": "tool_calls",
    "tool_use": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    "safety": "content_filter",
    "sensitive": "content_filter",
    "recitation": "content_filter",
    "blocklist": "content_filter",
    "prohibited_content": "content_filter",
    "spii": "content_filter",
}
_NULL_REASONS = ("null", "none")
_ERROR_REASONS = ("error", "abort", "network_error", "insufficient_system_resource")
_BAD_CALL_REASONS = ("function_call_filter", "malformed_function_call")
_THINKING_FIELDS = ("reasoning_content", "reasoning", "reasoning_text", "reasoning_details")


class ChunkDecoder:
    """Turns the chunks of one answer, parsed from JSON, into deltas.

    Call `decode` with each chunk, `take` for the deltas, and `end` after the last chunk. `decode` and `end` raise an
    LLMError for an error that the server reports, and for an invalid answer; the deltas before it can still be taken.
    """

    def __init__(self) -> None:
        self._deltas: list[Delta] = []
        self._target: type[TextDelta | ThinkingDelta] | PartialToolCall = TextDelta
        """What `_fragments` belong to."""
        self._fragments: list[str] = []
        self._text = TextRepairer()
        self._thinking = TextRepairer()
        self._tags: ThinkTagSplitter | None = ThinkTagSplitter()
        """None once tags in the text have no meaning any more."""
        self._calls = ToolCallAssembler()
        self._usage: dict[str, Any] = {}
        self._size = 0
        self._has_text = False
        self.finish_reason: FinishReason | None = None

    def decode(self, chunk: dict[str, Any]) -> None:
        """Decodes one chunk, or the complete body of a response that was not streamed."""
        choices = chunk.get("choices")
        if (choices is None or "error" in chunk) and (error := find_error_report(chunk)) is not None:
            raise error_from_report(error)
        choice = _first_choice(choices)
        if usage := chunk.get("usage") or choice.get("usage") or chunk.get("x_groq"):
            self._set_usage(usage)
        if error := choice.get("error"):
            raise error_from_report(error)
        delta = choice.get("delta") or choice.get("message")
        if delta and isinstance(delta, dict):
            self._decode_delta(delta)
        reason = choice.get("finish_reason")
        if reason and isinstance(reason, str):
            self._set_finish_reason(reason.lower())

    def take(self) -> list[Delta]:
        """Returns the deltas since the last call. Adjacent deltas of one kind are merged."""
        self._flush_fragments()
        deltas, self._deltas = self._deltas, []
        return deltas

    def end(self, *, has_end_mark: bool) -> None:
        """Adds the Finish, and the Usage if the server sent one.

        `has_end_mark` tells whether the server sent `[DONE]`. Raises MalformedError if the answer is incomplete.
        """
        self._add_text(self._text.flush())
        self._append(ThinkingDelta, self._thinking.flush())
        self._end_tags()
        for call in self._calls.calls:
            self._append_to_call(call, call.flush())
        self._flush_fragments()
        if self.finish_reason is None and not has_end_mark:
            self._check_complete()
        if any(not call.name for call in self._calls.calls):
            raise MalformedError("a tool call without a name")
        reason = self.finish_reason or "stop"
        if reason in ("stop", "tool_calls"):  # Servers confuse the two.
            reason = "tool_calls" if self._calls.calls else "stop"
        self._deltas.append(Finish(reason))
        if usage := parse_usage(self._usage):
            self._deltas.append(usage)

    def _decode_delta(self, delta: dict[str, Any]) -> None:
        content = delta.get("content")
        if len(delta) == 1 and isinstance(content, str):  # a shortcut for most chunks of most servers
            self._add_text(content)
            return
        for field in _THINKING_FIELDS:  # Servers that send several fields repeat the same text in them.
            if (value := delta.get(field)) and (thinking := _join_text(value)):
                self._add_thinking(thinking)
                break
        if content := content or delta.get("refusal"):
            if isinstance(content, str):
                self._add_text(content)
            else:
                self._decode_parts(content if isinstance(content, list) else [content])
        if calls := delta.get("tool_calls"):
            self._decode_calls(calls if isinstance(calls, list) else [calls])
        elif call := delta.get("function_call"):
            self._decode_calls([call])

    def _decode_parts(self, parts: list[object]) -> None:
        """Decodes content that is a list of typed parts, in which Mistral sends its thinking."""
        for part in parts:
            if isinstance(part, dict) and (thinking := part.get("thinking")):
                self._add_thinking(_join_text(thinking))
            else:
                self._add_text(_join_text(part))

    def _decode_calls(self, fragments: list[object]) -> None:
        for fragment in fragments:
            if isinstance(fragment, dict) and (added := self._calls.add(fragment)) is not None:
                if self._tags is not None:
                    self._append_parts(self._tags.interrupt())
                self._append_to_call(*added)

    def _set_usage(self, usage: object) -> None:
        """Keeps the latest usage, as it is cumulative. Groq wraps it in an object."""
        if isinstance(usage, dict):
            inner = usage.get("usage")
            self._usage = inner if isinstance(inner, dict) else usage

    def _set_finish_reason(self, reason: str) -> None:
        name = reason.partition(":")[0]  # Gemini adds an explanation after a colon.
        if name in _ERROR_REASONS:
            raise UnavailableError(f"the model stopped with {name!r}", transient=True)
        if name in _BAD_CALL_REASONS:
            raise MalformedError("a tool call that the server itself could not parse")
        if name not in _NULL_REASONS:
            self.finish_reason = _FINISH_REASONS.get(name, "stop")

    def _add_text(self, fragment: str) -> None:
        text = self._text.feed(fragment)
        if not text:
            return
        if self._tags is None or self._tags.is_text(text):
            self._append(TextDelta, text)
        else:
            self._append_parts(self._tags.split(text))

    def _add_thinking(self, fragment: str) -> None:
        """Adds thinking that has a field of its own; the text has no tags then."""
        if fragment:
            self._end_tags()
            self._append(ThinkingDelta, self._thinking.feed(fragment))

    def _end_tags(self) -> None:
        if self._tags is not None:
            self._append_parts(self._tags.flush())
            self._tags = None

    def _append_parts(self, parts: Iterable[Part]) -> None:
        for part in parts:
            if isinstance(part, TextWasThinking):
                self._flush_fragments()
                self._deltas.append(part)
                self._has_text = False
            else:
                self._append(*part)
        if self._tags is not None and self._tags.done:
            self._tags = None

    def _append_to_call(self, call: PartialToolCall, arguments: str) -> None:
        if call.announced:
            self._append(call, arguments)
            return
        self._size += len(arguments) + (len(call.server_id) + len(call.name) if call.name else 0)
        if self._size > MAX_CHARACTERS:
            raise _too_long()
        if call.name:
            call.announce()
            self._flush_fragments()
            self._target = call
            self._fragments.append(call.arguments)

    def _append(self, target: type[TextDelta | ThinkingDelta] | PartialToolCall, text: str) -> None:
        if text:
            self._size += len(text)
            if self._size > MAX_CHARACTERS:
                raise _too_long()
            if target is not self._target:
                self._flush_fragments()
                self._target = target
            self._fragments.append(text)

    def _flush_fragments(self) -> None:
        """Joins the fragments into one delta of their target."""
        if self._fragments:
            text = self._fragments[0] if len(self._fragments) == 1 else "".join(self._fragments)
            self._fragments.clear()
            target = self._target
            self._has_text |= target is TextDelta
            self._deltas.append(target.delta(text) if isinstance(target, PartialToolCall) else target(text))

    def _check_complete(self) -> None:
        """Without finish reason and end mark, an answer needs text or calls, and arguments that are valid JSON."""
        calls = self._calls.calls
        if not (self._has_text or calls) or not all(is_json(call.arguments) for call in calls):
            raise MalformedError("the answer ended before it was complete")


def _too_long() -> MalformedError:
    return MalformedError(f"an answer of more than {MAX_CHARACTERS} characters")


def _first_choice(choices: object) -> dict[str, Any]:
    if isinstance(choices, list):
        for choice in choices:
            if isinstance(choice, dict) and not choice.get("index"):
                return choice
    return {}


def _join_text(content: object) -> str:
    """Returns the text of a string, of a part, or of a list of parts."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(_join_text(part) for part in content if not isinstance(part, list))
    if isinstance(content, dict):
        return next((content[key] for key in ("text", "summary") if isinstance(content.get(key), str)), "")
    return ""
