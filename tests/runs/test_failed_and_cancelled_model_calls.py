"""A model call that fails or is cancelled ends the run and keeps its content; usage and times of model calls."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from conversations.llm.errors import LLMError, MalformedError, RateLimitedError, RejectedKeyError
from conversations.llm.types import Finish, TextDelta, ThinkingDelta, Usage
from conversations.runs.events import (
    IterationFinished,
    RunCompleted,
    RunEvent,
    RunFailed,
    StepGrew,
    ThinkingFinished,
)
from tests.runs.scripted_model import (
    Hang,
    ScriptedModel,
    act,
    fake_clock,
    finished_iterations,
    run_events,
    text_reply,
    tool_call_reply,
    tool_results,
)
from tools.registry import tool
from tools.types import Tool


@pytest.mark.parametrize("error", [RejectedKeyError("401"), RateLimitedError("429", retry_after=7.0), MalformedError()])
async def test_a_model_error_ends_the_run_with_its_code_and_text(error: LLMError) -> None:
    events = await run_events(ScriptedModel([error]))
    assert events[-1] == RunFailed(error.code, error.content, error.retryable, error.retry_after)


async def test_content_before_an_error_is_kept_and_counted() -> None:
    model = ScriptedModel([ThinkingDelta("Let me see"), TextDelta("It is"), MalformedError()])
    events = await run_events(model)
    assert [e.text for e in events if isinstance(e, StepGrew)] == ["Let me see", "It is"]
    finished = events[-2]
    assert isinstance(finished, IterationFinished)
    assert finished.usage.estimated
    assert finished.usage.completion > finished.usage.reasoning > 0


async def test_thinking_interrupted_by_an_error_is_finished() -> None:
    events = await run_events(ScriptedModel([ThinkingDelta("Hm"), MalformedError()]))
    assert [type(e) for e in events[-3:]] == [ThinkingFinished, IterationFinished, RunFailed]


async def test_tool_calls_of_a_failed_model_call_are_not_carried_out() -> None:
    model = ScriptedModel([*tool_call_reply(("act", "{}"))[:-1], MalformedError()], text_reply("not requested"))
    events = await run_events(model, act)
    assert tool_results(events) == []
    assert len(model.requests) == 1
    assert isinstance(events[-1], RunFailed)


async def test_an_error_in_a_later_iteration_keeps_the_earlier_ones() -> None:
    model = ScriptedModel(tool_call_reply(("act", "{}")), [MalformedError()])
    events = await run_events(model, act)
    assert len(tool_results(events)) == 1
    assert events[-1] == RunFailed("malformed", MalformedError.content, retryable=True)


@pytest.mark.parametrize("reason", ["stop", "length", "content_filter"])
async def test_a_completed_run_has_the_finish_reason_of_the_model(reason: str) -> None:
    model = ScriptedModel([TextDelta("So"), Finish(reason)])  # type: ignore[arg-type]
    assert (await run_events(model))[-1] == RunCompleted(reason)  # type: ignore[arg-type]


async def test_finish_reason_tool_calls_without_calls_completes_the_run() -> None:
    model = ScriptedModel([TextDelta("So"), Finish("tool_calls")])
    assert (await run_events(model, act))[-1] == RunCompleted("stop")


async def test_usage_reported_by_the_server_is_used() -> None:
    model = ScriptedModel([TextDelta("So"), Finish("stop"), Usage(12, 3, reasoning=1, cached=8)])
    [finished] = finished_iterations(await run_events(model))
    assert finished.usage == Usage(12, 3, reasoning=1, cached=8, estimated=False)


async def test_unreported_usage_is_estimated_including_the_tool_definitions() -> None:
    async def prompt(*tools: Tool) -> int:
        [finished] = finished_iterations(await run_events(ScriptedModel(text_reply("word " * 20)), *tools))
        assert finished.usage.estimated
        assert finished.usage.completion == 25
        return finished.usage.prompt

    assert await prompt(act) > await prompt() > 0


async def test_first_token_and_total_time_are_measured() -> None:
    clock = fake_clock(10.0, 10.25, 12.0)
    [finished] = finished_iterations(await run_events(ScriptedModel(text_reply("So")), clock=clock))
    assert (finished.first_token_ms, finished.total_ms) == (250, 2000)


async def test_an_empty_answer_has_no_first_token_time() -> None:
    [finished] = finished_iterations(await run_events(ScriptedModel(text_reply())))
    assert finished.first_token_ms is None


async def cancel_when_set(reached: asyncio.Event, run: Coroutine[Any, Any, list[RunEvent]]) -> None:
    """Starts the run, waits for the event and cancels the run."""
    task = asyncio.create_task(run)
    await asyncio.wait_for(reached.wait(), 30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_cancelling_closes_the_stream_of_the_model() -> None:
    hang = Hang()
    model = ScriptedModel([TextDelta("It"), hang])
    await cancel_when_set(hang.reached, run_events(model))
    assert model.closed == 1


async def test_cancelling_stops_running_tools() -> None:
    started, stopped = asyncio.Event(), asyncio.Event()

    @tool
    async def linger() -> str:
        """Take forever."""
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()
        return "never"

    model = ScriptedModel(tool_call_reply(("linger", "{}")))
    await cancel_when_set(started, run_events(model, linger))
    assert stopped.is_set()
    assert len(model.requests) == 1
