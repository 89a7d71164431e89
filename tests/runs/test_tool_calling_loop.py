"""Model and tools take turns; what the model asked for goes back to it in its own order, and shows as it happens."""

from __future__ import annotations

import asyncio

from conversations.llm.types import ChatMessage, FunctionCall, ThinkingDelta
from conversations.runs.events import (
    CallProgressed,
    CallStatusChanged,
    IterationFinished,
    IterationStarted,
    RunCompleted,
    StepGrew,
    StepStarted,
)
from tests.runs.scripted_model import QUESTION, ScriptedModel, asks, events_of, executor_of, results, run_of, says
from tools.registry import tool
from tools.types import ToolContext


@tool(read_only=True)
async def double(number: int) -> int:
    """Double a number."""
    return 2 * number


async def test_an_answer_without_tools_ends_the_run_at_once() -> None:
    model = ScriptedModel(says("It is ", "42."))
    events = await events_of(run_of(model, double))
    started, text, first, second, finished, completed = events
    assert started == IterationStarted(1, model.requests[0])
    assert text == StepStarted(0, 1, "text")
    assert [first, second] == [StepGrew(0, "It is "), StepGrew(0, "42.")]
    assert isinstance(finished, IterationFinished)
    assert completed == RunCompleted("stop")
    assert model.requests[0].messages == QUESTION


async def test_an_empty_answer_is_an_answer() -> None:
    events = await events_of(run_of(ScriptedModel(says())))
    assert events[-1] == RunCompleted("stop")


async def test_the_model_gets_its_own_words_and_the_results_back() -> None:
    call = asks(("double", '{"number": 21}'))
    model = ScriptedModel([ThinkingDelta("Doubling."), *says("One moment. ")[:1], *call], says("42"))
    events = await events_of(run_of(model, double))
    [result] = results(events)
    assert model.requests[1].messages == (
        *QUESTION,
        ChatMessage(
            "assistant",
            "One moment. ",
            tool_calls=(FunctionCall("a", "double", '{"number": 21}'),),
            thinking="Doubling.",
        ),
        ChatMessage("tool", result.content, tool_call_id="a"),
    )
    assert '"result": 42' in result.content
    assert events[-1] == RunCompleted("stop")


async def test_each_request_begins_with_the_one_before_it() -> None:
    model = ScriptedModel(*(asks(("double", f'{{"number": {n}}}'), ids=[f"id{n}"]) for n in range(4)), says("done"))
    await events_of(run_of(model, double))
    for before, after in zip(model.requests, model.requests[1:], strict=False):
        assert after.messages[: len(before.messages)] == before.messages
        assert after.tools == before.tools


async def test_results_show_as_they_come_and_go_back_in_the_order_of_the_calls() -> None:
    second_ended = asyncio.Event()

    @tool(read_only=True)
    async def wait_for_second() -> str:
        """Wait."""
        await second_ended.wait()
        return "first"

    @tool(read_only=True)
    async def end_at_once() -> str:
        """Hurry."""
        return "second"

    model = ScriptedModel(asks(("wait_for_second", "{}"), ("end_at_once", "{}")), says("done"))
    shown = []
    async for event in run_of(model, wait_for_second, end_at_once):
        shown.append(event)
        if results([event]):
            second_ended.set()
    assert [(r.index, r.id_ref, r.name) for r in results(shown)] == [
        (2, "b", "end_at_once"),
        (3, "a", "wait_for_second"),
    ]
    assert [m.tool_call_id for m in model.requests[1].messages[-2:]] == ["a", "b"]


async def test_a_call_shows_that_it_runs_how_it_goes_on_and_that_it_has_finished() -> None:
    @tool
    async def bake(context: ToolContext) -> str:
        """Bake a cake."""
        assert context.report is not None
        context.report("rising")
        await asyncio.sleep(0.01)
        return "cake"

    events = await events_of(run_of(ScriptedModel(asks(("bake", "{}")), says("Enjoy")), bake))
    of_call = [e for e in events if isinstance(e, CallStatusChanged | CallProgressed) or results([e])]
    assert of_call == [
        CallStatusChanged(0, "running"),
        CallProgressed(0, "rising"),
        CallStatusChanged(0, "finished"),
        *results(events),
    ]


async def test_calls_that_change_something_are_carried_out_in_the_order_in_which_they_were_asked_for() -> None:
    written: list[int] = []

    @tool(repeatable=True)
    async def write(number: int) -> None:
        """Write a number down."""
        written.append(number)

    model = ScriptedModel(asks(*(("write", f'{{"number": {n}}}') for n in range(5))), says("done"))
    await events_of(run_of(model, write))
    assert written == [0, 1, 2, 3, 4]


async def test_so_many_calls_run_at_once_and_no_more() -> None:
    now, most = 0, 0

    @tool(read_only=True)
    async def count(number: int) -> int:
        """Count those that run at once."""
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.01)
        now -= 1
        return number

    model = ScriptedModel(asks(*(("count", f'{{"number": {n}}}') for n in range(6))), says("done"))
    events = await events_of(run_of(model, count, executor=executor_of(count, max_workers=3)))
    assert most == 3
    assert len(results(events)) == 6


async def test_a_tool_that_fails_or_is_unknown_does_not_end_the_run() -> None:
    @tool
    def explode() -> str:
        """Fail."""
        raise ZeroDivisionError("division by zero")

    asked = asks(("explode", "{}"), ("nonsense", "{}"), ("explode", "not JSON"))
    model = ScriptedModel(asked, says("Sorry"))
    events = await events_of(run_of(model, explode))
    assert [r.success for r in results(events)] == [False, False, False]
    assert len(model.requests[1].messages) == len(QUESTION) + 4
    assert events[-1] == RunCompleted("stop")


async def test_no_tool_starts_before_the_end_of_the_model_call_was_dealt_with() -> None:
    started = asyncio.Event()

    @tool
    async def act() -> str:
        """Act."""
        started.set()
        return "acted"

    run = run_of(ScriptedModel(asks(("act", "{}")), says("done")), act)
    async for event in run:
        if isinstance(event, IterationFinished) and event.iteration == 1:
            for _ in range(20):
                await asyncio.sleep(0)
            assert not started.is_set()
    assert started.is_set()
