"""The tool-calling loop: calls the model and its tools in turn until the model answers without calling a tool."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import deque
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Protocol

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
from conversations.runs.model_call import Clock, Iteration, ModelCall, Stream
from tools.types import ToolCall, ToolEvent, ToolProgress, ToolResult, ToolStarted

CUT_BACKOFF = 0.5
"""Seconds before a model call that broke off is repeated; doubled for each further time."""


class Executor(Protocol):
    def execute_many(self, calls: Sequence[ToolCall]) -> AsyncGenerator[ToolEvent, None]: ...


@dataclass(frozen=True, slots=True)
class RunPlan:
    """The input of a run. A model call that breaks off is repeated at most `cut_retries` times.

    For a run that is resumed, `done` are its iterations so far; the last may lack tool results, and its tools are then
    called first. `next_index` is the first free step index, `used_ids` are the ids of earlier calls.
    """

    messages: Sequence[ChatMessage]
    max_iterations: int
    tools: Sequence[FunctionDefinition] = ()
    tool_choice: ToolChoice | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    thinking_enabled: bool | None = None
    cut_retries: int = 0
    done: Sequence[Iteration] = ()
    next_index: int = 0
    used_ids: frozenset[str] = frozenset()

    def request(self, messages: Sequence[ChatMessage], number: int) -> CompletionRequest:
        """Returns the request of the iteration with this number, from 1."""
        return CompletionRequest(
            messages=tuple(messages),
            tools=self.tools,
            tool_choice=self._tool_choice(number) if self.tools else None,
            temperature=self.temperature,
            max_tokens=self.max_tokens,
            thinking_enabled=self.thinking_enabled,
        )

    def _tool_choice(self, number: int) -> ToolChoice | None:
        """A call is forced in the first iteration only. The last one keeps the tools, so that the prompt's prefix stays
        cached, but may not call them."""
        if number == self.max_iterations:
            return "none"
        is_forced = self.tool_choice == "required" or isinstance(self.tool_choice, Mapping)
        return "auto" if is_forced and number > 1 else self.tool_choice


async def execute_run(
    plan: RunPlan,
    *,
    stream: Stream,
    executor: Executor,
    clock: Clock = time.monotonic,
    backoff: float = CUT_BACKOFF,
) -> AsyncGenerator[RunEvent, None]:
    """Yields everything that happens in the run, and at last RunCompleted or RunFailed.

    An event counts as handled when the next one is asked for: no tool starts before IterationFinished was handled.
    Errors of the model become RunFailed; cancelling closes the model's stream and stops the tools.
    """
    messages = list(plan.messages)
    indexes = itertools.count(plan.next_index)
    used_ids = set(plan.used_ids)
    done = deque(plan.done)
    number = done[-1].number if done else 0
    while True:
        if done:
            iteration = done.popleft()
        else:
            number += 1
            request, cut = plan.request(messages, number), None
            for retry in itertools.count():
                call = ModelCall(number, request, indexes, used_ids, clock, cut)
                async with aclosing(call.run(stream)) as events:
                    async for event in events:
                        yield event
                pause = call.pause_before_next(retry, backoff) if retry < plan.cut_retries else None
                if pause is None:
                    break
                await asyncio.sleep(pause)
                cut = call.shown
            yield call.finished()
            if (error := call.failure) is not None:
                yield RunFailed(error.code, error.content, error.retryable, error.retry_after)
                return
            iteration = call.iteration()
        if (end := _end(plan, iteration)) is not None:
            yield end
            return
        async with aclosing(_call_tools(iteration, executor, indexes)) as step_events:
            async for step_event in step_events:
                yield step_event
        messages += iteration.messages()


def _end(plan: RunPlan, iteration: Iteration) -> RunCompleted | RunFailed | None:
    if not iteration.calls:
        reason = iteration.finish_reason
        return RunCompleted(reason if reason in ("length", "content_filter") else "stop")
    if iteration.number >= plan.max_iterations:
        return RunFailed("max_iterations", "Exceeded maximum tool call iterations", retryable=False)
    return None


async def _call_tools(
    iteration: Iteration, executor: Executor, indexes: Iterator[int]
) -> AsyncGenerator[StepEvent, None]:
    """Makes the calls of the iteration that have no result yet, and adds their results to it."""
    steps = {call.id: index for index, call in iteration.calls}
    calls = [
        ToolCall(call.id, call.name, call.arguments) for _, call in iteration.calls if call.id not in iteration.results
    ]
    async with aclosing(executor.execute_many(calls)) as events:
        async for event in events:
            index = steps[event.call_id]
            match event:
                case ToolStarted():
                    yield CallStatusChanged(index, "running")
                case ToolProgress():
                    yield CallProgressed(index, event.line)
                case ToolResult():
                    iteration.results[event.call_id] = event
                    yield CallStatusChanged(index, "finished")
                    yield ResultAdded(
                        next(indexes),
                        iteration.number,
                        event.call_id,
                        event.name,
                        event.content,
                        event.success,
                        event.skipped,
                        event.execution_time,
                    )
