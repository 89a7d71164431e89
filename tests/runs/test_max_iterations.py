"""The last iteration must not call tools, and a tool choice that forces a call applies to the first one only."""

from __future__ import annotations

from typing import Any

import pytest

from conversations.runs.events import (
    IterationFinished,
    RunCompleted,
    RunFailed,
    StepStarted,
)
from tests.runs.scripted_model import ScriptedModel, look, run_events, text_reply, tool_call_reply, tool_results

FORCED = {"type": "function", "function": {"name": "look"}}
MAX_ITERATIONS_EXCEEDED = RunFailed("max_iterations", "Exceeded maximum tool call iterations", retryable=False)


def call_replies(count: int) -> list[Any]:
    return [tool_call_reply(("look", f'{{"place": {n}}}'), ids=[f"id{n}"]) for n in range(count)]


async def test_the_last_iteration_keeps_the_tools_but_forbids_calls() -> None:
    model = ScriptedModel(*call_replies(2), text_reply("I give up."))
    events = await run_events(model, look, max_iterations=3)
    assert [request.tool_choice for request in model.requests] == [None, None, "none"]
    assert model.requests[2].tools == model.requests[0].tools != ()
    assert events[-1] == RunCompleted("stop")


async def test_a_tool_call_in_the_last_iteration_fails_the_run_and_keeps_its_steps() -> None:
    model = ScriptedModel(*call_replies(3))
    events = await run_events(model, look, max_iterations=3)
    assert events[-1] == MAX_ITERATIONS_EXCEEDED
    assert len(model.requests) == 3
    assert [e.index for e in events if isinstance(e, StepStarted)] == [0, 2, 4]
    assert [r.id_ref for r in tool_results(events)] == ["id0", "id1"]
    assert isinstance(events[-2], IterationFinished)


async def test_a_single_iteration_forbids_calls() -> None:
    model = ScriptedModel(text_reply("Hello"))
    await run_events(model, look, max_iterations=1, tool_choice="required")
    assert model.requests[0].tool_choice == "none"


@pytest.mark.parametrize(
    ("tool_choice", "first", "second"),
    [("required", "required", "auto"), (FORCED, FORCED, "auto"), ("auto", "auto", "auto"), (None, None, None)],
)
async def test_a_forced_tool_choice_applies_to_the_first_iteration_only(
    tool_choice: Any, first: Any, second: Any
) -> None:
    model = ScriptedModel(*call_replies(2), text_reply("done"))
    await run_events(model, look, tool_choice=tool_choice)
    assert [request.tool_choice for request in model.requests] == [first, second, second]


@pytest.mark.parametrize("max_iterations", [1, 2])
async def test_requests_without_tools_have_no_tool_choice(max_iterations: int) -> None:
    model = ScriptedModel(text_reply("Hello"))
    await run_events(model, max_iterations=max_iterations, tool_choice="required")
    assert model.requests[0].tool_choice is None
    assert model.requests[0].tools == ()


async def test_the_options_of_a_run_are_in_every_request() -> None:
    model = ScriptedModel(*call_replies(1), text_reply("done"))
    await run_events(model, look, temperature=0.0, max_tokens=7, thinking_enabled=False)
    for request in model.requests:
        assert (request.temperature, request.max_tokens, request.thinking_enabled) == (0.0, 7, False)
