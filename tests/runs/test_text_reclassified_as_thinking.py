"""Text that a closing tag after it marks as thinking becomes a thinking step, and the answer starts after it."""

from __future__ import annotations

from conversations.llm.types import Delta, Finish, TextDelta, TextWasThinking, ToolCallDelta
from conversations.runs.events import (
    IterationFinished,
    RunCompleted,
    RunEvent,
    StepEvent,
    StepGrew,
    StepsReset,
    StepStarted,
    ThinkingFinished,
)
from conversations.runs.live import LiveRun
from tests.runs.live_runs import IDENTITY, Follower
from tests.runs.scripted_model import ScriptedModel, echo, fake_clock, run_events, text_reply

RECLASSIFIED: list[Delta] = [TextDelta("H"), TextDelta("m"), TextWasThinking()]


def followed_steps(events: list[RunEvent]) -> list[tuple[str, str]]:
    """Returns the type and the content of the steps, after checking that a follower from the start and one from the end
    have the same."""
    run = LiveRun(IDENTITY)
    early = Follower(run)
    for event in events:
        if isinstance(event, StepEvent):
            run.apply(event)
            early.take()
    late = Follower(run)
    late.take()
    assert early.steps == late.steps
    return [(step["type"], step["text"]) for _, step in sorted(late.steps.items())]


async def test_the_text_step_is_reset_and_becomes_a_thinking_step() -> None:
    script = [*RECLASSIFIED, TextDelta("Hello"), Finish("stop")]
    events = await run_events(ScriptedModel(script), clock=fake_clock(0.0, 2.0, 5.5))
    assert events[1:-2] == [
        StepStarted(0, 1, "text"),
        StepGrew(0, "H"),
        StepGrew(0, "m"),
        StepsReset(0),
        StepStarted(1, 1, "thinking"),
        StepGrew(1, "Hm"),
        ThinkingFinished(1, 3.5),
        StepStarted(2, 1, "text"),
        StepGrew(2, "Hello"),
    ]
    assert followed_steps(events) == [("thinking", "Hm"), ("text", "Hello")]


async def test_the_first_token_time_counts_text_that_was_reset() -> None:
    script = [*RECLASSIFIED, TextDelta("Hello"), Finish("stop")]
    events = await run_events(ScriptedModel(script), clock=fake_clock(0.0, 2.0, 5.5))
    [finished] = [event for event in events if isinstance(event, IterationFinished)]
    assert finished.first_token_ms == 2000
    assert finished.usage.reasoning > 0


async def test_an_answer_of_only_thinking_has_no_text_step() -> None:
    events = await run_events(ScriptedModel([*RECLASSIFIED, Finish("stop")]))
    assert followed_steps(events) == [("thinking", "Hm")]
    assert events[-1] == RunCompleted("stop")


async def test_the_next_request_has_the_text_as_thinking() -> None:
    call = ToolCallDelta(0, "a", "echo", '{"text": "x"}')
    model = ScriptedModel([*RECLASSIFIED, call, Finish("tool_calls")], text_reply("done"))
    events = await run_events(model, echo)
    assert followed_steps(events)[:2] == [("thinking", "Hm"), ("tool_call", '{"text": "x"}')]
    message = model.requests[1].messages[2]
    assert (message.content, message.thinking, message.tool_calls[0].id) == ("", "Hm", "a")


async def test_steps_of_earlier_iterations_are_kept() -> None:
    first: list[Delta] = [TextDelta("Looking"), ToolCallDelta(0, "a", "echo", "{}"), Finish("tool_calls")]
    model = ScriptedModel(first, [*RECLASSIFIED, TextDelta("Hello"), Finish("stop")])
    events = await run_events(model, echo)
    assert [kind for kind, _ in followed_steps(events)] == ["text", "tool_call", "tool_result", "thinking", "text"]
    assert followed_steps(events)[-2:] == [("thinking", "Hm"), ("text", "Hello")]
