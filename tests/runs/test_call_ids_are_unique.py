"""Tool calls have unique ids within a run: those of the model, unless they are missing or were used before."""

from __future__ import annotations

from collections.abc import Sequence

from conversations.runs.events import RunEvent, StepStarted
from tests.runs.scripted_model import ScriptedModel, run_events, text_reply, tool_call_reply, tool_results
from tools.registry import tool


@tool(repeatable=True)
async def act(number: int) -> int:
    """Act."""
    return number


def call_ids(events: Sequence[RunEvent]) -> list[str]:
    return [event.id_ref for event in events if isinstance(event, StepStarted) and event.type == "tool_call"]


def arguments(*numbers: int) -> list[tuple[str, str]]:
    return [("act", f'{{"number": {n}}}') for n in numbers]


async def test_unique_ids_of_the_model_are_kept() -> None:
    model = ScriptedModel(tool_call_reply(*arguments(1, 2), ids=["x", "call_9"]), text_reply("done"))
    assert call_ids(await run_events(model, act)) == ["x", "call_9"]


async def test_a_missing_id_is_generated() -> None:
    model = ScriptedModel(tool_call_reply(*arguments(1, 2), ids=["", ""]), text_reply("done"))
    assert call_ids(await run_events(model, act)) == ["call_1", "call_2"]


async def test_an_id_repeated_in_one_answer_is_made_unique() -> None:
    model = ScriptedModel(tool_call_reply(*arguments(1, 2, 3), ids=["x", "x", "x_1"]), text_reply("done"))
    events = await run_events(model, act)
    assert call_ids(events) == ["x", "x_1", "x_1_1"]
    assert [r.content.count('"result": ' + str(n)) for n, r in enumerate(tool_results(events), 1)] == [1, 1, 1]


async def test_an_id_repeated_in_a_later_iteration_is_made_unique() -> None:
    replies = [tool_call_reply(*arguments(n), ids=["call_0"]) for n in range(3)]
    model = ScriptedModel(*replies, text_reply("done"))
    assert call_ids(await run_events(model, act)) == ["call_0", "call_0_1", "call_0_2"]


async def test_the_next_request_has_the_unique_ids_in_calls_and_results() -> None:
    model = ScriptedModel(tool_call_reply(*arguments(1, 2), ids=["x", "x"]), text_reply("done"))
    await run_events(model, act)
    message, *results = model.requests[1].messages[2:]
    assert [call.id for call in message.tool_calls] == ["x", "x_1"]
    assert [(m.role, m.tool_call_id) for m in results] == [("tool", "x"), ("tool", "x_1")]
