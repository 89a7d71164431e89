from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from conversations.llm.errors import MalformedError, UnavailableError
from conversations.llm.failures import failure_of_object, reported_error
from conversations.llm.surrogates import TextRepair
from conversations.llm.think_tags import Part, ThinkTagSplitter
from conversations.llm.tool_calls import OpenCall, ToolCallReader, parses
from conversations.llm.types import Delta, Finish, FinishReason, TextDelta, TextWasThinking, ThinkingDelta, Usage

MAX_CHARACTERS = 16 * 1024 * 1024
"""Of text, thinking and calls in one answer."""

_REASONS: dict[str, FinishReason] = {
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
_REASONS_THAT_ARE_NONE = ("null", "none")
_REASONS_THAT_ARE_FAILURES = ("error", "abort", "network_error", "insufficient_system_resource")
_REASONS_OF_BAD_CALLS = ("function_call_filter", "malformed_function_call")
_THINKING_FIELDS = ("reasoning_content", "reasoning", "reasoning_text", "reasoning_details")
_MOST_TOKENS = 10**9


class ChunkReader:
    """The chunks of one answer, parsed from JSON, to deltas. Every habit of a server is met here, none of HTTP or SSE.

    `read` what comes, `take` what it amounts to, `end` once nothing follows. Raises an LLMError for an error that the
    server reports and for an answer that cannot be one; what came before it can still be taken.
    """

    def __init__(self) -> None:
        self._deltas: list[Delta] = []
        self._target: type[TextDelta | ThinkingDelta] | OpenCall = TextDelta
        self._pieces: list[str] = []
        self._text = TextRepair()
        self._thinking = TextRepair()
        self._tags: ThinkTagSplitter | None = ThinkTagSplitter()
        self._calls = ToolCallReader()
        self._usage: dict[str, Any] | None = None
        self._size = 0
        self._has_text = False
        self.finish_reason: FinishReason | None = None

    def read(self, chunk: dict[str, Any]) -> None:
        """Takes in one chunk, or the whole answer to a request that was not streamed."""
        error = reported_error(chunk)
        if error is not None:
            raise failure_of_object(error)
        choice = _first_choice(chunk.get("choices"))
        self._read_usage(chunk.get("usage") or choice.get("usage") or chunk.get("x_groq"))
        if error := choice.get("error"):
            raise failure_of_object(error)
        delta = choice.get("delta") or choice.get("message")
        if delta and isinstance(delta, dict):
            self._read_delta(delta)
        reason = choice.get("finish_reason")
        if reason and isinstance(reason, str):
            self._read_finish_reason(reason.lower())

    def take(self) -> list[Delta]:
        """Returns what came since the last time, adjacent fragments of one kind as one delta."""
        self._close_fragment()
        deltas, self._deltas = self._deltas, []
        return deltas

    def end(self, *, said_so: bool) -> None:
        """Nothing follows: adds the Finish, and the Usage if there is one. `said_so`: the server sent its end mark.
        Raises MalformedError if the answer stops before it is one."""
        self._add_text(self._text.rest())
        self._add(ThinkingDelta, self._thinking.rest())
        self._end_tags()
        for call in self._calls.calls:
            self._add_to_call(call, call.rest())
        self._close_fragment()
        if self.finish_reason is None and not said_so:
            self._check_whole()
        if any(not call.name for call in self._calls.calls):
            raise MalformedError("a tool call without a name")
        self._deltas.append(Finish(self._final_reason()))
        usage = _usage(self._usage) if self._usage else None
        if usage is not None:
            self._deltas.append(usage)

    def _read_delta(self, delta: dict[str, Any]) -> None:
        content = delta.get("content")
        if len(delta) == 1 and isinstance(content, str):  # Most chunks of most servers: worth the short cut.
            self._add_text(self._text.mend(content))
            return
        if thinking := _thinking_in(delta):
            self._add_thinking(thinking)
        if content := content or delta.get("refusal"):
            if isinstance(content, str):
                self._add_text(self._text.mend(content))
            else:
                self._read_parts(content)
        if calls := delta.get("tool_calls"):
            self._read_calls(calls)
        elif call := delta.get("function_call"):
            self._read_calls([call])

    def _read_parts(self, parts: object) -> None:
        """Content as a list of typed parts, among which Mistral sends its thinking."""
        for part in parts if isinstance(parts, list) else [parts]:
            if isinstance(part, dict) and (thinking := part.get("thinking")):
                self._add_thinking(_joined(thinking))
            else:
                self._add_text(self._text.mend(_joined(part)))

    def _read_calls(self, fragments: object) -> None:
        for fragment in fragments if isinstance(fragments, list) else [fragments]:
            if isinstance(fragment, dict) and (read := self._calls.read(fragment)) is not None:
                self._settle_tags()
                self._add_to_call(*read)

    def _read_usage(self, usage: object) -> None:
        """Where it is sent more than once, it is cumulative. Groq wraps it."""
        if usage and isinstance(usage, dict):
            wrapped = usage.get("usage")
            self._usage = wrapped if isinstance(wrapped, dict) else usage

    def _read_finish_reason(self, reason: str) -> None:
        name = reason.partition(":")[0]  # Gemini explains its own behind a colon.
        if name in _REASONS_THAT_ARE_FAILURES:
            raise UnavailableError(f"the model stopped with {name!r}", transient=True)
        if name in _REASONS_OF_BAD_CALLS:
            raise MalformedError("a tool call that the server itself could not read")
        if name not in _REASONS_THAT_ARE_NONE:
            self.finish_reason = _REASONS.get(name, "stop")

    def _add_thinking(self, thinking: str) -> None:
        """Thinking that comes apart from the text: the text has no tags then."""
        if thinking:
            self._end_tags()
            self._add(ThinkingDelta, self._thinking.mend(thinking))

    def _add_text(self, text: str) -> None:
        if not text:
            return
        if self._tags is None or self._tags.is_text(text):
            self._add(TextDelta, text)
        else:
            self._add_split(self._tags, self._tags.split(text))

    def _settle_tags(self) -> None:
        if self._tags is not None:
            self._add_split(self._tags, self._tags.settle())

    def _end_tags(self) -> None:
        """From here on, text is text."""
        if self._tags is not None:
            self._add_split(self._tags, self._tags.rest())
            self._tags = None

    def _add_split(self, tags: ThinkTagSplitter, parts: Iterator[Part]) -> None:
        for part in parts:
            if isinstance(part, TextWasThinking):
                self._close_fragment()
                self._deltas.append(part)
                self._has_text = False
            else:
                self._add(*part)
        if tags.passing:
            self._tags = None

    def _add_to_call(self, call: OpenCall, arguments: str) -> None:
        if call.begun:
            self._add(call, arguments)
            return
        self._grow(len(arguments))
        if call.name:
            call.begin()
            self._grow(len(call.given_id) + len(call.name))
            self._turn_to(call)
            self._pieces.append(call.arguments)

    def _add(self, target: type[TextDelta | ThinkingDelta] | OpenCall, text: str) -> None:
        if text:
            self._grow(len(text))
            if target is not self._target:
                self._turn_to(target)
            self._pieces.append(text)

    def _grow(self, characters: int) -> None:
        self._size += characters
        if self._size > MAX_CHARACTERS:
            raise MalformedError(f"an answer of more than {MAX_CHARACTERS} characters")

    def _turn_to(self, target: type[TextDelta | ThinkingDelta] | OpenCall) -> None:
        self._close_fragment()
        self._target = target

    def _close_fragment(self) -> None:
        if self._pieces:
            text = self._pieces[0] if len(self._pieces) == 1 else "".join(self._pieces)
            self._pieces.clear()
            target = self._target
            self._has_text |= target is TextDelta
            self._deltas.append(target.delta(text) if isinstance(target, OpenCall) else target(text))

    def _check_whole(self) -> None:
        """Without finish_reason and end mark, an answer is whole if it has text, or calls with arguments that parse."""
        calls = self._calls.calls
        if not (self._has_text or calls) or not all(parses(call.arguments) for call in calls):
            raise MalformedError("the answer ended before it was complete")

    def _final_reason(self) -> FinishReason:
        """Servers say "stop" although tools were called, and "tool_calls" where none was."""
        reason = self.finish_reason or "stop"
        if reason in ("stop", "tool_calls"):
            return "tool_calls" if self._calls.calls else "stop"
        return reason


def _first_choice(choices: object) -> dict[str, Any]:
    if isinstance(choices, list):
        for choice in choices:
            if isinstance(choice, dict) and not choice.get("index"):
                return choice
    return {}


def _thinking_in(delta: dict[str, Any]) -> str:
    """The first field that has it: what others have is the same."""
    return next((thinking for field in _THINKING_FIELDS if (thinking := _joined(delta.get(field)))), "")


def _joined(content: object) -> str:
    """The text of a string, of a part, or of a list of parts."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(_joined(part) for part in content if not isinstance(part, list))
    if isinstance(content, dict):
        return next((content[key] for key in ("text", "summary") if isinstance(content.get(key), str)), "")
    return ""


def _usage(reported: dict[str, Any]) -> Usage | None:
    """OpenAI's object, and where others put the same figures; None if it counts neither side."""
    prompt = _count(reported, "prompt_tokens", "input_tokens")
    completion = _count(reported, "completion_tokens", "output_tokens")
    if prompt is None and completion is None:
        return None
    prompt, completion = prompt or 0, completion or 0
    reasoning = _detail(reported, "completion_tokens_details", "reasoning_tokens") or 0
    cached = _detail(reported, "prompt_tokens_details", "cached_tokens")
    if cached is None:
        cached = _count(reported, "prompt_cache_hit_tokens", "num_cached_tokens") or 0
    if reasoning and _count(reported, "total_tokens") == prompt + completion + reasoning:
        completion += reasoning  # xAI counts reasoning beside the completion, not in it.
    return Usage(prompt=prompt, completion=completion, reasoning=min(reasoning, completion), cached=min(cached, prompt))


def _detail(reported: dict[str, Any], group: str, key: str) -> int | None:
    details = reported.get(group)
    within = _count(details, key) if isinstance(details, dict) else None
    return within if within is not None else _count(reported, key)


def _count(reported: dict[str, Any], *keys: str) -> int | None:
    for key in keys:
        value = reported.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= _MOST_TOKENS:
            return int(value)
    return None
