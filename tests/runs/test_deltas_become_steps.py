"""Deltas of a model in any order become well-formed steps, without a loss."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from conversations.llm.errors import TimedOutError
from conversations.llm.types import Delta, Finish, TextDelta, ThinkingDelta, ToolCallDelta, Usage
from conversations.runs.events import (
    CallProgressed,
    CallStatusChanged,
    IterationFinished,
    IterationStarted,
    ResultAdded,
    RunCompleted,
    RunEvent,
    RunFailed,
    StepGrew,
    StepStarted,
    ThinkingFinished,
)
from tests.runs.scripted_model import ScriptedModel, echo, fake_clock, run_events, text_reply


async def steps_of(*deltas: Delta) -> list[tuple[str, str]]:
    events = await run_events(ScriptedModel([*deltas, Finish("stop")]))
    return [(step.type, text) for step, text in contents(events)]


def contents(events: Sequence[RunEvent]) -> list[tuple[StepStarted, str]]:
    """Returns each step that was started, with its content."""
    texts: defaultdict[int, str] = defaultdict(str)
    for event in events:
        if isinstance(event, StepGrew):
            texts[event.index] += event.text
    return [(event, texts[event.index]) for event in events if isinstance(event, StepStarted)]


async def test_interleaved_deltas_extend_the_step_of_their_kind() -> None:
    steps = await steps_of(
        ThinkingDelta("Hm. "), TextDelta("It "), ThinkingDelta("Yes."), TextDelta("is "), TextDelta("so.")
    )
    assert steps == [("thinking", "Hm. Yes."), ("text", "It is so.")]


async def test_text_after_tool_calls_extends_the_text_before_them() -> None:
    model = ScriptedModel(
        [
            TextDelta("Looking"),
            ToolCallDelta(0, "a", "echo", '{"text": '),
            TextDelta(" it up"),
            ToolCallDelta(0, arguments='"x"}'),
            Finish("tool_calls"),
        ],
        text_reply("done"),
    )
    events = await run_events(model, echo)
    assert [(s.type, text) for s, text in contents(events)][:2] == [
        ("text", "Looking it up"),
        ("tool_call", '{"text": "x"}'),
    ]
    assert model.requests[1].messages[2].content == "Looking it up"


async def test_argument_deltas_are_added_to_their_own_calls() -> None:
    model = ScriptedModel(
        [
            ToolCallDelta(0, "a", "echo", '{"te'),
            ToolCallDelta(1, "b", "echo"),
            ToolCallDelta(0, arguments='xt": "1"}'),
            ToolCallDelta(1, arguments='{"text": "2"}'),
            Finish("tool_calls"),
        ],
        text_reply("done"),
    )
    events = await run_events(model, echo)
    assert [(s.id_ref, text) for s, text in contents(events)][:2] == [("a", '{"text": "1"}'), ("b", '{"text": "2"}')]
    assert [c.arguments for c in model.requests[1].messages[2].tool_calls] == ['{"text": "1"}', '{"text": "2"}']


async def test_thinking_ends_with_its_duration_when_another_step_starts() -> None:
    script: list[Delta] = [ThinkingDelta("Hm"), TextDelta("So"), Finish("stop")]
    clock = fake_clock(0.0, 2.0, 2.0, 5.5)
    events = await run_events(ScriptedModel(script), clock=clock)
    assert events[3:5] == [ThinkingFinished(0, 3.5), StepStarted(1, 1, "text")]


async def test_resumed_thinking_adds_up_its_durations() -> None:
    script: list[Delta] = [ThinkingDelta("Hm"), TextDelta("So"), ThinkingDelta("or"), Finish("stop")]
    clock = fake_clock(0.0, 1.0, 1.0, 4.0, 10.0, 12.0)
    events = await run_events(ScriptedModel(script), clock=clock)
    assert [e.duration for e in events if isinstance(e, ThinkingFinished)] == [3.0, 5.0]


# Any sequence of deltas

words = st.text(st.characters(codec="utf-8"), max_size=6)
deltas = st.one_of(
    st.builds(TextDelta, words),
    st.builds(ThinkingDelta, words),
    st.builds(
        ToolCallDelta,
        st.integers(0, 3),
        st.sampled_from(["", "x", "x_1", "call", "call_1"]),
        st.sampled_from(["", "echo", "unknown"]),
        st.sampled_from(["", "{}", '{"text": "y"}', "{", "[]"]),
    ),
    st.builds(Usage, st.integers(0, 9), st.integers(0, 9)),
)
ends = st.sampled_from([Finish("stop"), Finish("length"), Finish("tool_calls"), TimedOutError("late")])
replies = st.tuples(st.lists(deltas, max_size=12), ends).map(lambda parts: [*parts[0], parts[1]])


@given(st.lists(replies, min_size=1, max_size=4), st.integers(1, 4))
def test_any_deltas_make_well_formed_events(script: list[Any], max_iterations: int) -> None:
    model = ScriptedModel(*script)
    events = asyncio.run(run_events(model, echo, max_iterations=max_iterations))
    check_end(events)
    check_iterations(events)
    check_indexes(events)
    check_results(events)
    assert model.closed == len(model.requests)
    check_contents(events, [delta for n in range(len(model.requests)) for delta in script[min(n, len(script) - 1)]])


def check_end(events: list[RunEvent]) -> None:
    ends = [event for event in events if isinstance(event, RunCompleted | RunFailed)]
    assert ends == events[-1:]


def check_iterations(events: list[RunEvent]) -> None:
    """Iterations start and finish in turn, numbered from 1, with at most one thinking and one text step each."""
    limits = [event for event in events if isinstance(event, IterationStarted | IterationFinished)]
    assert [(type(limit), limit.iteration) for limit in limits] == [
        (kind, n) for n in range(1, len(limits) // 2 + 1) for kind in (IterationStarted, IterationFinished)
    ]
    kinds = [(e.iteration, e.type) for e in events if isinstance(e, StepStarted) and e.type != "tool_call"]
    assert len(kinds) == len(set(kinds))


def check_indexes(events: list[RunEvent]) -> None:
    """Indexes count up from 0; only a step that has started grows, and each event fits the type of its step."""
    types: dict[int, str] = {}
    for event in events:
        match event:
            case StepStarted() | ResultAdded():
                assert event.index == len(types)
                types[event.index] = event.type if isinstance(event, StepStarted) else "tool_result"
            case StepGrew():
                assert types[event.index] in ("thinking", "text", "tool_call")
            case ThinkingFinished():
                assert types[event.index] == "thinking"
                assert event.duration >= 0
            case CallStatusChanged() | CallProgressed():
                assert types[event.index] == "tool_call"


def check_results(events: list[RunEvent]) -> None:
    """Each call has a unique id, and one result unless it is of the last iteration."""
    calls = [(e.iteration, e.id_ref) for e in events if isinstance(e, StepStarted) and e.type == "tool_call"]
    results = [(e.iteration, e.id_ref) for e in events if isinstance(e, ResultAdded)]
    assert len({call_id for _, call_id in calls}) == len(calls)
    assert all(call_id for _, call_id in calls)
    last = max(e.iteration for e in events if isinstance(e, IterationStarted))
    assert sorted(results) == sorted(call for call in calls if call[0] < last)


def check_contents(events: list[RunEvent], sent: list[Delta]) -> None:
    """The steps contain what the model has sent."""
    for kind, delta in (("text", TextDelta), ("thinking", ThinkingDelta)):
        content = "".join(text for step, text in contents(events) if step.type == kind)
        assert content == "".join(d.text for d in sent if isinstance(d, delta))
    argument_characters = sum(len(text) for step, text in contents(events) if step.type == "tool_call")
    assert argument_characters == sum(len(d.arguments) for d in sent if isinstance(d, ToolCallDelta))
