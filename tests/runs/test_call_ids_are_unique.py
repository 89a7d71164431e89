"""A step, a result and a person's decision name a call by its id: the model's own, unless it was used before."""

from __future__ import annotations

from collections.abc import Sequence

from conversations.llm.types import ChatMessage
from conversations.runs.events import RunEvent, StepStarted
from tests.runs.scripted_model import ScriptedModel, asks, events_of, results, run_of, says
from tools.registry import tool


@tool(repeatable=True)
async def act(number: int) -> int:
    """Act."""
    return number


def call_ids(events: Sequence[RunEvent]) -> list[str]:
    return [event.id_ref for event in events if isinstance(event, StepStarted) and event.type == "tool_call"]


def arguments(*numbers: int) -> list[tuple[str, str]]:
    return [("act", f'{{"number": {n}}}') for n in numbers]


async def test_the_models_own_ids_are_kept() -> None:
    model = ScriptedModel(asks(*arguments(1, 2), ids=["x", "call_9"]), says("done"))
    assert call_ids(await events_of(run_of(model, act))) == ["x", "call_9"]


async def test_a_missing_id_is_made() -> None:
    model = ScriptedModel(asks(*arguments(1, 2), ids=["", ""]), says("done"))
    assert call_ids(await events_of(run_of(model, act))) == ["call_1", "call_2"]


async def test_an_id_that_comes_twice_in_one_answer_is_made_unique() -> None:
    model = ScriptedModel(asks(*arguments(1, 2, 3), ids=["x", "x", "x_1"]), says("done"))
    events = await events_of(run_of(model, act))
    assert call_ids(events) == ["x", "x_1", "x_1_1"]
    assert [r.content.count('"result": ' + str(n)) for n, r in enumerate(results(events), 1)] == [1, 1, 1]


async def test_an_id_that_comes_again_in_a_later_round_is_made_unique() -> None:
    rounds = [asks(*arguments(n), ids=["call_0"]) for n in range(3)]
    model = ScriptedModel(*rounds, says("done"))
    assert call_ids(await events_of(run_of(model, act))) == ["call_0", "call_0_1", "call_0_2"]


async def test_the_model_is_told_the_unique_ids_on_both_sides() -> None:
    model = ScriptedModel(asks(*arguments(1, 2), ids=["x", "x"]), says("done"))
    await events_of(run_of(model, act))
    said, *told = model.requests[1].messages[2:]
    assert [call.id for call in said.tool_calls] == ["x", "x_1"]
    assert [(m.role, m.tool_call_id) for m in told] == [("tool", "x"), ("tool", "x_1")]
    assert isinstance(said, ChatMessage)
