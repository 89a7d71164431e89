"""The last round keeps the tools but allows none; a call that was forced is forced once."""

from __future__ import annotations

from typing import Any

import pytest

from conversations.runs.events import (
    IterationFinished,
    RunCompleted,
    RunFailed,
    StepStarted,
)
from tests.runs.scripted_model import ScriptedModel, asks, events_of, results, run_of, says
from tools.registry import tool

FORCED = {"type": "function", "function": {"name": "look"}}
TOO_MANY = RunFailed("max_iterations", "Exceeded maximum tool call iterations", retryable=False)


@tool(read_only=True)
async def look(place: int) -> str:
    """Look somewhere."""
    return f"nothing at {place}"


def rounds(count: int) -> list[Any]:
    return [asks(("look", f'{{"place": {n}}}'), ids=[f"id{n}"]) for n in range(count)]


async def test_the_last_round_keeps_the_tools_and_allows_none() -> None:
    model = ScriptedModel(*rounds(2), says("I give up."))
    events = await events_of(run_of(model, look, max_iterations=3))
    assert [request.tool_choice for request in model.requests] == [None, None, "none"]
    assert model.requests[2].tools == model.requests[0].tools != ()
    assert events[-1] == RunCompleted("stop")


async def test_a_model_that_calls_all_the_same_fails_and_its_steps_are_kept() -> None:
    model = ScriptedModel(*rounds(3))
    events = await events_of(run_of(model, look, max_iterations=3))
    assert events[-1] == TOO_MANY
    assert len(model.requests) == 3
    assert [e.index for e in events if isinstance(e, StepStarted)] == [0, 2, 4]
    assert [r.id_ref for r in results(events)] == ["id0", "id1"]
    assert isinstance(events[-2], IterationFinished)


async def test_one_round_is_the_first_and_the_last() -> None:
    model = ScriptedModel(says("Hello"))
    await events_of(run_of(model, look, max_iterations=1, tool_choice="required"))
    assert model.requests[0].tool_choice == "none"


@pytest.mark.parametrize(
    ("wanted", "first", "second"),
    [("required", "required", "auto"), (FORCED, FORCED, "auto"), ("auto", "auto", "auto"), (None, None, None)],
)
async def test_a_forced_call_is_forced_in_the_first_round_only(wanted: Any, first: Any, second: Any) -> None:
    model = ScriptedModel(*rounds(2), says("done"))
    await events_of(run_of(model, look, tool_choice=wanted))
    assert [request.tool_choice for request in model.requests] == [first, second, second]


@pytest.mark.parametrize("rounds_allowed", [1, 2])
async def test_without_tools_nothing_is_said_about_their_choice(rounds_allowed: int) -> None:
    model = ScriptedModel(says("Hello"))
    await events_of(run_of(model, max_iterations=rounds_allowed, tool_choice="required"))
    assert model.requests[0].tool_choice is None
    assert model.requests[0].tools == ()


async def test_what_was_set_for_the_run_goes_into_every_request() -> None:
    model = ScriptedModel(*rounds(1), says("done"))
    await events_of(run_of(model, look, temperature=0.0, max_tokens=7, thinking_enabled=False))
    for request in model.requests:
        assert (request.temperature, request.max_tokens, request.thinking_enabled) == (0.0, 7, False)
