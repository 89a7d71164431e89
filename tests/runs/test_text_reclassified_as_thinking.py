"""Text that a closing tag shows to have been thinking becomes a thinking step; the answer's text begins after it."""

from __future__ import annotations

from conversations.llm.types import Delta, Finish, TextDelta, TextWasThinking, ToolCallDelta
from conversations.runs.events import (
    CallProgressed,
    CallStatusChanged,
    IterationFinished,
    ResultAdded,
    RunCompleted,
    RunEvent,
    StepGrew,
    StepsReset,
    StepStarted,
    ThinkingFinished,
)
from conversations.runs.live import LiveRun
from tests.runs.scripted_model import ScriptedModel, events_of, run_of, says
from tests.runs.test_cursors_deliver_everything_once import IDENTITY, Follower
from tests.runs.test_deltas_become_steps import clock_of, echo

THOUGHT: list[Delta] = [TextDelta("H"), TextDelta("m"), TextWasThinking()]
SHOWN = StepStarted | StepGrew | ThinkingFinished | CallStatusChanged | CallProgressed | ResultAdded | StepsReset


def followed(events: list[RunEvent]) -> list[tuple[str, str]]:
    """The steps as one sees them who looks after every event, and one who comes at the end: they are the same."""
    run = LiveRun(IDENTITY)
    early = Follower(run)
    for event in events:
        if isinstance(event, SHOWN):
            run.apply(event)
            early.take()
    late = Follower(run)
    late.take()
    assert early.steps == late.steps
    return [(step["type"], step["text"]) for _, step in sorted(late.steps.items())]


async def test_the_text_step_is_taken_back_and_its_words_are_a_thinking_step() -> None:
    script = [*THOUGHT, TextDelta("Hello"), Finish("stop")]
    events = await events_of(run_of(ScriptedModel(script), clock=clock_of(0.0, 2.0, 5.5)))
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
    assert followed(events) == [("thinking", "Hm"), ("text", "Hello")]


async def test_the_first_word_was_the_first_though_it_was_taken_back() -> None:
    script = [*THOUGHT, TextDelta("Hello"), Finish("stop")]
    events = await events_of(run_of(ScriptedModel(script), clock=clock_of(0.0, 2.0, 5.5)))
    [finished] = [event for event in events if isinstance(event, IterationFinished)]
    assert finished.first_token_ms == 2000
    assert finished.usage.reasoning > 0


async def test_an_answer_that_was_all_thinking_has_no_text() -> None:
    events = await events_of(run_of(ScriptedModel([*THOUGHT, Finish("stop")])))
    assert followed(events) == [("thinking", "Hm")]
    assert events[-1] == RunCompleted("stop")


async def test_the_next_model_call_is_given_it_as_thinking() -> None:
    call = ToolCallDelta(0, "a", "echo", '{"text": "x"}')
    model = ScriptedModel([*THOUGHT, call, Finish("tool_calls")], says("done"))
    events = await events_of(run_of(model, echo))
    assert followed(events)[:2] == [("thinking", "Hm"), ("tool_call", '{"text": "x"}')]
    said = model.requests[1].messages[2]
    assert (said.content, said.thinking, said.tool_calls[0].id) == ("", "Hm", "a")


async def test_steps_of_earlier_model_calls_stay() -> None:
    asking: list[Delta] = [TextDelta("Looking"), ToolCallDelta(0, "a", "echo", "{}"), Finish("tool_calls")]
    model = ScriptedModel(asking, [*THOUGHT, TextDelta("Hello"), Finish("stop")])
    events = await events_of(run_of(model, echo))
    assert [kind for kind, _ in followed(events)] == ["text", "tool_call", "tool_result", "thinking", "text"]
    assert followed(events)[-2:] == [("thinking", "Hm"), ("text", "Hello")]
