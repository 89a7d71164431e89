"""One model call: turns its deltas into step events until it ends or breaks off."""

from __future__ import annotations

import itertools
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from conversations.llm.backoff import retry_delay
from conversations.llm.completion import Completion
from conversations.llm.errors import LLMError
from conversations.llm.types import (
    ChatMessage,
    CompletionRequest,
    Delta,
    FinishReason,
    FunctionCall,
    TextDelta,
    TextWasThinking,
    ThinkingDelta,
    ToolCallDelta,
    Usage,
)
from conversations.llm.usage import estimate_usage
from conversations.runs.events import (
    IterationCut,
    IterationFinished,
    IterationStarted,
    RunEvent,
    StepEvent,
    StepGrew,
    StepsReset,
    StepStarted,
    StepType,
    ThinkingFinished,
)
from tools.types import ToolResult

Stream = Callable[[CompletionRequest], AsyncGenerator[Delta, None]]
Clock = Callable[[], float]

MAX_ID = 180
"""Characters of a tool call's id that are taken from the model; the database holds 200."""


@dataclass(frozen=True, slots=True)
class Iteration:
    """A model call that has ended, and the tool calls it asked for.

    `calls` pairs each call with the index of its step; `results` has results by call id, as far as there are any.
    `number` counts from 1. `finish_reason` is None where the model gave none.
    """

    number: int
    text: str
    thinking: str
    calls: Sequence[tuple[int, FunctionCall]]
    results: dict[str, ToolResult]
    finish_reason: FinishReason | None = None

    def messages(self) -> list[ChatMessage]:
        """Returns the model's message, then the tool results in the order of its calls."""
        calls = tuple(call for _, call in self.calls)
        message = ChatMessage("assistant", self.text, tool_calls=calls, thinking=self.thinking)
        return [message, *(ChatMessage("tool", self.results[c.id].content, tool_call_id=c.id) for c in calls)]


class ModelCall:
    """One model call. It has at most one thinking and one text step, which late deltas extend.

    `cut` is an earlier try of the same call that broke off; its steps stay shown until the first delta of this one.
    """

    def __init__(
        self,
        number: int,
        request: CompletionRequest,
        indexes: Iterator[int],
        used_ids: set[str],
        clock: Clock,
        cut: ModelCall | None = None,
    ) -> None:
        self.number = number
        self.completion = Completion()
        self.failure: LLMError | None = None
        self._request = request
        self._indexes = indexes
        self._used_ids = used_ids
        self._clock = clock
        self._cut = cut
        self._started_at = self._ended_at = clock()
        self._first_token_at: float | None = None
        self._first_index: int | None = None
        self._thinking: int | None = None
        self._thinking_since: float | None = None
        self._thought = 0.0
        self._text: int | None = None
        self._calls: dict[int, tuple[int, str]] = {}
        """By the model's own index of a call: the index of its step, and its id."""

    @property
    def calls(self) -> list[tuple[int, FunctionCall]]:
        """The tool calls, each with the index of its step, under ids that are unique in the run."""
        return [
            (index, FunctionCall(call_id, call.name, call.arguments))
            for (index, call_id), call in zip(self._calls.values(), self.completion.tool_calls, strict=True)
        ]

    async def run(self, stream: Stream) -> AsyncGenerator[RunEvent, None]:
        """Yields IterationStarted and the step events of the call. `failure` is its error, if it failed."""
        yield IterationStarted(self.number, self._request)
        try:
            async with aclosing(stream(self._request)) as deltas:
                async for delta in deltas:
                    if self._cut is not None:
                        for void in self._replace_cut_call():
                            yield void
                    for event in self.apply(delta):
                        yield event
        except LLMError as error:
            self.failure = error
        self._ended_at = self._clock()
        for event in self._end_thinking():
            yield event

    @property
    def shown(self) -> ModelCall:
        """The call whose steps are shown: this one, or the earlier try that it has not replaced yet."""
        return self._cut or self

    def pause_before_next(self, retry: int, backoff: float) -> float | None:
        """Returns the seconds before the call is repeated; None if it did not break off, or repeating does not help."""
        if self.failure is None or self.shown._first_token_at is None:
            return None
        return retry_delay(retry, self.failure, backoff) if self.failure.repeatable else None

    def apply(self, delta: Delta) -> list[StepEvent]:
        self.completion.add(delta)
        match delta:
            case TextDelta():
                return self._grow_text(delta.text)
            case ThinkingDelta():
                return self._grow_thinking(delta.text)
            case TextWasThinking():
                return self._turn_text_to_thinking()
            case ToolCallDelta():
                return self._grow_call(delta)
        return []

    def iteration(self) -> Iteration:
        completion = self.completion
        return Iteration(self.number, completion.text, completion.thinking, self.calls, {}, completion.finish_reason)

    def finished(self) -> IterationFinished:
        failed, reason = self.failure is not None, self.completion.finish_reason
        return IterationFinished(self.number, *self.shown._figures(), failed, reason)

    def _replace_cut_call(self) -> Sequence[StepsReset | IterationCut]:
        """Voids the steps of the earlier try, at the first delta of this one."""
        cut, self._cut = self._cut, None
        if cut is None or cut._first_index is None:
            return ()
        self._used_ids.difference_update(call_id for _, call_id in cut._calls.values())
        return StepsReset(cut._first_index), IterationCut(cut.number, *cut._figures())

    def _figures(self) -> tuple[Usage, int | None, int]:
        """Returns its usage, and the milliseconds until its first token and until its end."""
        first, started = self._first_token_at, self._started_at
        total = round((self._ended_at - started) * 1000)
        return self._usage(), None if first is None else round((first - started) * 1000), total

    def _usage(self) -> Usage:
        if self.completion.usage is not None:
            return self.completion.usage
        refused = self.failure is not None and self._first_token_at is None  # nothing was generated or charged
        return Usage(estimated=True) if refused else estimate_usage(self._request, self.completion)

    def _grow_text(self, text: str) -> list[StepEvent]:
        if self._text is not None and self._thinking_since is None:
            return [StepGrew(self._text, text)]
        events = self._end_thinking()
        if self._text is None:
            self._text = self._start("text", events)
        return [*events, StepGrew(self._text, text)]

    def _grow_thinking(self, text: str) -> list[StepEvent]:
        events: list[StepEvent] = []
        if self._thinking is None:
            self._thinking = self._start("thinking", events)
        if self._thinking_since is None:
            self._thinking_since = self._clock()
        return [*events, StepGrew(self._thinking, text)]

    def _turn_text_to_thinking(self) -> list[StepEvent]:
        """Makes the text step, so far the call's only one, a thinking step; text that follows is a new step."""
        if self._text is None:
            return []
        events: list[StepEvent] = [StepsReset(self._text)]
        self._text = None
        self._thinking, self._thinking_since = self._start("thinking", events), self._first_token_at
        return [*events, StepGrew(self._thinking, self.completion.thinking), *self._end_thinking()]

    def _grow_call(self, delta: ToolCallDelta) -> list[StepEvent]:
        events = self._end_thinking()
        if delta.index not in self._calls:
            call_id = self._unique(delta.id)
            self._calls[delta.index] = self._start("tool_call", events, call_id, delta.name), call_id
        if delta.arguments:
            events.append(StepGrew(self._calls[delta.index][0], delta.arguments))
        return events

    def _start(self, kind: StepType, events: list[StepEvent], call_id: str = "", name: str = "") -> int:
        index = next(self._indexes)
        if self._first_token_at is None:
            self._first_token_at, self._first_index = self._clock(), index
        events.append(StepStarted(index, self.number, kind, call_id, name))
        return index

    def _end_thinking(self) -> list[StepEvent]:
        if self._thinking is None or self._thinking_since is None:
            return []
        self._thought += self._clock() - self._thinking_since
        self._thinking_since = None
        return [ThinkingFinished(self._thinking, round(self._thought, 3))]

    def _unique(self, call_id: str) -> str:
        base = call_id[:MAX_ID] or "call"
        numbered = (f"{base}_{n}" for n in itertools.count(1))
        wanted = [call_id] if 0 < len(call_id) <= MAX_ID else []
        unique = next(each for each in itertools.chain(wanted, numbered) if each not in self._used_ids)
        self._used_ids.add(unique)
        return unique
