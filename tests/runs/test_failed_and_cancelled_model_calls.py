"""What came before a model call failed or was cancelled is kept and paid for; nothing goes on afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

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
from tests.runs.scripted_model import ScriptedModel, Silence, asks, events_of, results, run_of, says
from tests.runs.test_deltas_become_steps import clock_of
from tools.registry import tool
from tools.types import Tool


@tool
async def act() -> str:
    """Act."""
    return "acted"


def finished_calls(events: list[RunEvent]) -> list[IterationFinished]:
    return [event for event in events if isinstance(event, IterationFinished)]


@pytest.mark.parametrize("error", [RejectedKeyError("401"), RateLimitedError("429", retry_after=7.0), MalformedError()])
async def test_an_error_of_the_model_ends_the_run_in_its_words(error: LLMError) -> None:
    events = await events_of(run_of(ScriptedModel([error])))
    assert events[-1] == RunFailed(error.code, error.content, error.retryable, error.retry_after)


async def test_what_came_before_the_error_is_kept_and_counted() -> None:
    model = ScriptedModel([ThinkingDelta("Let me see"), TextDelta("It is"), MalformedError()])
    events = await events_of(run_of(model))
    assert [e.text for e in events if isinstance(e, StepGrew)] == ["Let me see", "It is"]
    finished = events[-2]
    assert isinstance(finished, IterationFinished)
    assert finished.usage.estimated
    assert finished.usage.completion > finished.usage.reasoning > 0


async def test_thinking_that_breaks_off_is_finished() -> None:
    events = await events_of(run_of(ScriptedModel([ThinkingDelta("Hm"), MalformedError()])))
    assert [type(e) for e in events[-3:]] == [ThinkingFinished, IterationFinished, RunFailed]


async def test_calls_of_an_answer_that_failed_are_not_carried_out() -> None:
    model = ScriptedModel([*asks(("act", "{}"))[:-1], MalformedError()], says("never asked for"))
    events = await events_of(run_of(model, act))
    assert results(events) == []
    assert len(model.requests) == 1
    assert isinstance(events[-1], RunFailed)


async def test_an_error_in_a_later_round_keeps_the_earlier_ones() -> None:
    model = ScriptedModel(asks(("act", "{}")), [MalformedError()])
    events = await events_of(run_of(model, act))
    assert len(results(events)) == 1
    assert events[-1] == RunFailed("malformed", MalformedError.content, retryable=True)


@pytest.mark.parametrize("reason", ["stop", "length", "content_filter"])
async def test_why_the_model_stopped_is_told(reason: str) -> None:
    model = ScriptedModel([TextDelta("So"), Finish(reason)])  # type: ignore[arg-type]
    assert (await events_of(run_of(model)))[-1] == RunCompleted(reason)  # type: ignore[arg-type]


async def test_a_model_that_stops_for_calls_but_makes_none_has_answered() -> None:
    model = ScriptedModel([TextDelta("So"), Finish("tool_calls")])
    assert (await events_of(run_of(model, act)))[-1] == RunCompleted("stop")


async def test_the_servers_own_figures_are_taken() -> None:
    model = ScriptedModel([TextDelta("So"), Finish("stop"), Usage(12, 3, reasoning=1, cached=8)])
    [finished] = finished_calls(await events_of(run_of(model)))
    assert finished.usage == Usage(12, 3, reasoning=1, cached=8, estimated=False)


async def test_without_figures_the_words_are_counted_those_of_the_tools_too() -> None:
    async def prompt(*tools: Tool) -> int:
        [finished] = finished_calls(await events_of(run_of(ScriptedModel(says("word " * 20)), *tools)))
        assert finished.usage.estimated
        assert finished.usage.completion == 25
        return finished.usage.prompt

    assert await prompt(act) > await prompt() > 0


async def test_the_times_of_a_model_call_are_measured() -> None:
    clock = clock_of(10.0, 10.25, 12.0)
    [finished] = [
        e for e in await events_of(run_of(ScriptedModel(says("So")), clock=clock)) if isinstance(e, IterationFinished)
    ]
    assert (finished.first_token_ms, finished.total_ms) == (250, 2000)


async def test_an_answer_without_a_word_has_no_first_token() -> None:
    [finished] = finished_calls(await events_of(run_of(ScriptedModel(says()))))
    assert finished.first_token_ms is None


async def cancelled_once(reached: asyncio.Event, run: AsyncGenerator[RunEvent, None]) -> None:
    task = asyncio.create_task(events_of(run))
    await asyncio.wait_for(reached.wait(), 30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_cancelling_closes_the_models_stream() -> None:
    silent = Silence()
    model = ScriptedModel([TextDelta("It"), silent])
    await cancelled_once(silent.reached, run_of(model))
    assert model.closed == 1


async def test_cancelling_stops_the_tools_under_way() -> None:
    begun, stopped = asyncio.Event(), asyncio.Event()

    @tool
    async def linger() -> str:
        """Take for ever."""
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()
        return "never"

    model = ScriptedModel(asks(("linger", "{}")))
    await cancelled_once(begun, run_of(model, linger))
    assert stopped.is_set()
    assert len(model.requests) == 1
