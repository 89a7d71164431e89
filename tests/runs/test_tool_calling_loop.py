"""The loop calls the model and its tools in turn until the model answers without a tool call."""

from __future__ import annotations

import asyncio

from conversations.llm.types import ChatMessage, FunctionCall, TextDelta, ThinkingDelta
from conversations.runs.events import (
    CallProgressed,
    CallStatusChanged,
    IterationFinished,
    IterationStarted,
    RunCompleted,
    StepGrew,
    StepStarted,
)
from tests.runs.scripted_model import (
    MESSAGES,
    ScriptedModel,
    make_executor,
    run_events,
    start_run,
    text_reply,
    tool_call_reply,
    tool_results,
)
from tools.registry import tool
from tools.types import ToolContext


@tool(read_only=True)
async def double(number: int) -> int:
    """Double a number."""
    return 2 * number


async def test_an_answer_without_tool_calls_completes_the_run() -> None:
    model = ScriptedModel(text_reply("It is ", "42."))
    events = await run_events(model, double)
    started, text, first, second, finished, completed = events
    assert started == IterationStarted(1, model.requests[0])
    assert text == StepStarted(0, 1, "text")
    assert [first, second] == [StepGrew(0, "It is "), StepGrew(0, "42.")]
    assert isinstance(finished, IterationFinished)
    assert completed == RunCompleted("stop")
    assert model.requests[0].messages == MESSAGES


async def test_an_empty_answer_completes_the_run() -> None:
    events = await run_events(ScriptedModel(text_reply()))
    assert events[-1] == RunCompleted("stop")


async def test_the_next_request_has_the_models_message_and_the_tool_results() -> None:
    call = tool_call_reply(("double", '{"number": 21}'))
    model = ScriptedModel([ThinkingDelta("Doubling."), TextDelta("One moment. "), *call], text_reply("42"))
    events = await run_events(model, double)
    [result] = tool_results(events)
    assert model.requests[1].messages == (
        *MESSAGES,
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


async def test_each_request_starts_with_the_previous_one() -> None:
    model = ScriptedModel(
        *(tool_call_reply(("double", f'{{"number": {n}}}'), ids=[f"id{n}"]) for n in range(4)), text_reply("done")
    )
    await run_events(model, double)
    assert len(model.requests) == 5
    for previous, request in zip(model.requests, model.requests[1:], strict=False):
        assert request.messages[: len(previous.messages)] == previous.messages
        assert request.tools == previous.tools


async def test_results_are_shown_on_completion_and_sent_back_in_call_order() -> None:
    second_ended = asyncio.Event()

    @tool(read_only=True)
    async def wait_for_second() -> str:
        """Wait."""
        await second_ended.wait()
        return "first"

    @tool(read_only=True)
    async def return_at_once() -> str:
        """Hurry."""
        return "second"

    model = ScriptedModel(tool_call_reply(("wait_for_second", "{}"), ("return_at_once", "{}")), text_reply("done"))
    events = []
    async for event in start_run(model, wait_for_second, return_at_once):
        events.append(event)
        if tool_results([event]):
            second_ended.set()
    assert [(r.index, r.id_ref, r.name) for r in tool_results(events)] == [
        (2, "b", "return_at_once"),
        (3, "a", "wait_for_second"),
    ]
    assert [m.tool_call_id for m in model.requests[1].messages[-2:]] == ["a", "b"]


async def test_a_tool_call_reports_its_start_progress_and_end() -> None:
    progress_seen = asyncio.Event()

    @tool
    async def bake(context: ToolContext) -> str:
        """Bake a cake."""
        assert context.report is not None
        context.report("rising")
        await progress_seen.wait()
        return "cake"

    events = []
    async for event in start_run(ScriptedModel(tool_call_reply(("bake", "{}")), text_reply("Enjoy")), bake):
        events.append(event)
        if isinstance(event, CallProgressed):
            progress_seen.set()
    call_events = [e for e in events if isinstance(e, CallStatusChanged | CallProgressed) or tool_results([e])]
    assert call_events == [
        CallStatusChanged(0, "running"),
        CallProgressed(0, "rising"),
        CallStatusChanged(0, "finished"),
        *tool_results(events),
    ]


async def test_calls_with_side_effects_run_in_order() -> None:
    written: list[int] = []

    @tool(repeatable=True)
    async def write(number: int) -> None:
        """Write a number down, the sooner the larger it is."""
        for _ in range(10 * (5 - number)):
            await asyncio.sleep(0)
        written.append(number)

    model = ScriptedModel(tool_call_reply(*(("write", f'{{"number": {n}}}') for n in range(5))), text_reply("done"))
    await run_events(model, write)
    assert written == [0, 1, 2, 3, 4]


async def test_at_most_max_workers_calls_run_at_once() -> None:
    running, max_running = 0, 0
    three_run = asyncio.Barrier(3)

    @tool(read_only=True)
    async def count(number: int) -> int:
        """Count the calls that run at the same time."""
        nonlocal running, max_running
        running += 1
        max_running = max(max_running, running)
        await three_run.wait()
        for _ in range(20):
            await asyncio.sleep(0)  # for a fourth call to start, if it may
        running -= 1
        return number

    model = ScriptedModel(tool_call_reply(*(("count", f'{{"number": {n}}}') for n in range(6))), text_reply("done"))
    events = await run_events(model, count, executor=make_executor(count, max_workers=3))
    assert max_running == 3
    assert len(tool_results(events)) == 6


async def test_failed_unknown_and_malformed_calls_do_not_end_the_run() -> None:
    @tool
    def explode() -> str:
        """Fail."""
        raise ZeroDivisionError("division by zero")

    failing = tool_call_reply(("explode", "{}"), ("nonsense", "{}"), ("explode", "not JSON"))
    model = ScriptedModel(failing, text_reply("Sorry"))
    events = await run_events(model, explode)
    assert [r.success for r in tool_results(events)] == [False, False, False]
    assert len(model.requests[1].messages) == len(MESSAGES) + 4
    assert events[-1] == RunCompleted("stop")


async def test_no_tool_starts_before_iteration_finished_was_handled() -> None:
    started = asyncio.Event()

    @tool
    async def act() -> str:
        """Act."""
        started.set()
        return "acted"

    run = start_run(ScriptedModel(tool_call_reply(("act", "{}")), text_reply("done")), act)
    async for event in run:
        if isinstance(event, IterationFinished) and event.iteration == 1:
            for _ in range(20):
                await asyncio.sleep(0)
            assert not started.is_set()
    assert started.is_set()
