"""The tool-calling loop: model and tools in turn, until the model answers without asking for a tool."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import deque
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Protocol

from conversations.llm.errors import LLMError
from conversations.llm.types import (
    ChatMessage,
    CompletionRequest,
    FunctionDefinition,
    ToolChoice,
)
from conversations.runs.events import (
    CallProgressed,
    CallStatusChanged,
    ResultAdded,
    RunCompleted,
    RunEvent,
    RunFailed,
    StepEvent,
)
from conversations.runs.model_call import Clock, ModelCall, Round, Stream
from tools.types import ToolCall, ToolEvent, ToolProgress, ToolResult, ToolStarted

CUT_BACKOFF = 0.5
"""Seconds before a model call that was cut is made again; doubled for each further time."""


class Executor(Protocol):
    def execute_many(self, calls: Sequence[ToolCall]) -> AsyncGenerator[ToolEvent, None]: ...


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What a run is given. A model call that is cut is made again, `cut_retries` times at most.

    When it goes on: `done` are the rounds that are behind it, `next_index` and `used_ids` say what is taken. The last
    of `done` may lack results: its calls are made first.
    """

    messages: Sequence[ChatMessage]
    max_iterations: int
    tools: Sequence[FunctionDefinition] = ()
    tool_choice: ToolChoice | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    thinking_enabled: bool | None = None
    cut_retries: int = 0
    done: Sequence[Round] = ()
    next_index: int = 0
    used_ids: frozenset[str] = frozenset()

    @property
    def iteration(self) -> int:
        return self.done[-1].iteration if self.done else 0

    def request(self, messages: Sequence[ChatMessage], iteration: int) -> CompletionRequest:
        return CompletionRequest(
            messages=tuple(messages),
            tools=self.tools,
            tool_choice=self._tool_choice(iteration) if self.tools else None,
            temperature=self.temperature,
            max_tokens=self.max_tokens,
            thinking_enabled=self.thinking_enabled,
        )

    def _tool_choice(self, iteration: int) -> ToolChoice | None:
        """A call is forced once; the last round keeps the tools, so that the prompt's prefix stays, but uses none."""
        if iteration == self.max_iterations:
            return "none"
        forced = self.tool_choice == "required" or isinstance(self.tool_choice, Mapping)
        return "auto" if forced and iteration > 1 else self.tool_choice


async def execute_run(
    plan: RunPlan,
    *,
    stream: Stream,
    executor: Executor,
    clock: Clock = time.monotonic,
    backoff: float = CUT_BACKOFF,
) -> AsyncGenerator[RunEvent, None]:
    """Everything that happens in the run, ending with RunCompleted or RunFailed.

    An event is taken as done when the next one is asked for: no tool starts before IterationFinished was dealt with.
    Errors of the model become RunFailed; cancelling closes the model's stream and stops the tools.
    """
    messages = list(plan.messages)
    indexes = itertools.count(plan.next_index)
    model = _Model(plan, indexes, stream, clock, backoff)
    done = deque(plan.done)
    iteration = plan.iteration
    while True:
        if done:
            made = done.popleft()
        else:
            iteration += 1
            async with aclosing(model.ask(messages, iteration)) as events:
                async for event in events:
                    yield event
            if isinstance(said := model.said, LLMError):
                yield _failed(said)
                return
            made = said
        if (end := _end(plan, made)) is not None:
            yield end
            return
        async with aclosing(_run_tools(made, executor, indexes)) as step_events:
            async for step_event in step_events:
                yield step_event
        messages += made.exchange()


def _failed(error: LLMError) -> RunFailed:
    return RunFailed(error.code, error.content, error.retryable, error.retry_after)


def _end(plan: RunPlan, made: Round) -> RunCompleted | RunFailed | None:
    if not made.calls:
        return RunCompleted(made.finish_reason if made.finish_reason in ("length", "content_filter") else "stop")
    if made.iteration >= plan.max_iterations:
        return RunFailed("max_iterations", "Exceeded maximum tool call iterations", retryable=False)
    return None


class _Model:
    """Is asked for one round after another. `said` is the last one, or why there is none."""

    def __init__(self, plan: RunPlan, indexes: Iterator[int], stream: Stream, clock: Clock, backoff: float) -> None:
        self.said: Round | LLMError
        self._plan = plan
        self._indexes = indexes
        self._stream = stream
        self._clock = clock
        self._backoff = backoff
        self._used_ids = set(plan.used_ids)

    async def ask(self, messages: Sequence[ChatMessage], iteration: int) -> AsyncGenerator[RunEvent, None]:
        """Up to IterationFinished. A call that is cut is made again, so often as the plan says."""
        request, cut = self._plan.request(messages, iteration), None
        for retry in itertools.count():
            call = ModelCall(iteration, request, self._indexes, self._used_ids, self._clock, cut)
            async with aclosing(call.carry_out(self._stream)) as events:
                async for event in events:
                    yield event
            pause = call.pause_before_next(retry, self._backoff) if retry < self._plan.cut_retries else None
            if pause is None:
                break
            await asyncio.sleep(pause)
            cut = call.shown
        self.said = call.failure or call.round()
        yield call.finished()


async def _run_tools(made: Round, executor: Executor, indexes: Iterator[int]) -> AsyncGenerator[StepEvent, None]:
    """Makes the calls of the round that have no result, and puts their results into it."""
    steps = {call.id: index for index, call in made.calls}
    calls = [ToolCall(call.id, call.name, call.arguments) for _, call in made.calls if call.id not in made.results]
    async with aclosing(executor.execute_many(calls)) as events:
        async for event in events:
            index = steps[event.call_id]
            match event:
                case ToolStarted():
                    yield CallStatusChanged(index, "running")
                case ToolProgress():
                    yield CallProgressed(index, event.line)
                case ToolResult():
                    made.results[event.call_id] = event
                    yield CallStatusChanged(index, "finished")
                    yield _result_added(event, next(indexes), made.iteration)


def _result_added(result: ToolResult, index: int, iteration: int) -> ResultAdded:
    return ResultAdded(
        index,
        iteration,
        result.call_id,
        result.name,
        result.content,
        result.success,
        result.skipped,
        result.execution_time,
    )
