"""The tools sent to the model, tool choices, and the steps of tool calls and their results."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.modelserver import ModelServer, answer, calls, tool_arguments, tool_call
from tests.protocol.talk import talk

pytestmark = pytest.mark.django_db(transaction=True)

CALCULATOR_CHOICE = {"type": "function", "function": {"name": "calculator"}}
CALLS_CALCULATOR = calls(tool_call("calculator", {"expression": "6*7"}))


def offered_tools(model: ModelServer, request: int = 0) -> set[str]:
    """Returns the names of the tools in a request to the model."""
    return {tool["function"]["name"] for tool in model.requests[request].body.get("tools", [])}


@pytest.mark.parametrize(
    ("choice", "sent"), [(None, [None, None]), ("auto", ["auto"] * 2), ("required", ["required", "auto"])]
)
async def test_a_required_tool_choice_applies_to_the_first_iteration(choice: Any, sent: list[Any]) -> None:
    async with talk(CALLS_CALCULATOR, answer("42")) as t:
        await t.ask("6*7?", **({} if choice is None else {"tool_choice": choice}))
        assert [r.body.get("tool_choice") for r in t.model.requests] == sent


async def test_a_named_tool_choice_applies_to_the_first_iteration() -> None:
    async with talk(CALLS_CALCULATOR, answer("42")) as t:
        await t.ask("6*7?", tool_choice=CALCULATOR_CHOICE)
        assert [r.body.get("tool_choice") for r in t.model.requests] == [CALCULATOR_CHOICE, "auto"]


async def test_tool_choice_none_still_sends_the_tools() -> None:
    async with talk(answer("42")) as t:
        await t.ask("6*7?", tool_choice="none")
        assert t.model.requests[0].body["tool_choice"] == "none"
        assert "calculator" in offered_tools(t.model)


async def test_no_tools_are_sent_when_tools_are_disabled() -> None:
    async with talk(answer("42")) as t:
        await t.ask("6*7?", tools_enabled=False, tool_choice="required")
        assert {"tools", "tool_choice"}.isdisjoint(t.model.requests[0].body)


async def test_a_conversation_offers_the_tools_in_its_list() -> None:
    async with talk(answer("42")) as t:
        all_tools = {tool["name"] for tool in (await t.ada.call("tools.list"))["tools"]}
        for count, (listed, expected) in enumerate([(None, all_tools), (["calculator"], {"calculator"}), ([], set())]):
            created = (await t.ada.call("conversation.create", tools=listed))["conversation"]
            assert created["tools"] == listed
            await t.ask("6*7?", conversation_id=created["id"])
            assert offered_tools(t.model, count) == expected


async def test_a_tool_that_is_not_in_the_list_cannot_be_called() -> None:
    async with talk(calls(tool_call("current_time")), answer("Sorry")) as t:
        created = (await t.ada.call("conversation.create", tools=["calculator"]))["conversation"]
        sent = await t.ask("What time is it?", conversation_id=created["id"])
        result = t.ada.steps(sent["run_id"])[1]
        assert (result["type"], result["success"]) == ("tool_result", False)


async def test_parallel_calls_in_fragments_are_paired_with_their_results() -> None:
    parts = [
        tool_call("calculator", '{"expression": ', call_id="a", index=0),
        tool_call("calculator", '{"expression": "1/0"}', call_id="b", index=1),
        tool_arguments('"6*7"}', index=0),
    ]
    async with talk(calls(*parts), answer("Done")) as t:
        sent = await t.ask("Compute")
        steps = t.ada.steps(sent["run_id"])
        calls_streamed = [s for s in steps if s["type"] == "tool_call"]
        assert [(s["id_ref"], s["arguments"], s["status"]) for s in calls_streamed] == [
            ("a", '{"expression": "6*7"}', "finished"),
            ("b", '{"expression": "1/0"}', "finished"),
        ]
        results = {s["id_ref"]: s for s in steps if s["type"] == "tool_result"}
        assert (results["a"]["success"], results["b"]["success"]) == (True, False)
        assert json.loads(results["a"]["content"])["success"] is True
        message = (await t.messages(sent["conversation_id"]))[-1]
        calls_stored = message["content"]["tool_calls"]
        assert [(c["id"], c["success"]) for c in calls_stored] == [("a", True), ("b", False)]
        assert [c["result"] for c in calls_stored] == [results["a"]["content"], results["b"]["content"]]
        streamed = [{"conversation_id": s["conversation_id"], "run_id": s["run_id"]} | s for s in steps]
        for step, stored in zip(streamed, message["content"]["steps"], strict=True):
            assert {name: step[name] for name in stored} == stored


async def test_a_repeated_call_id_is_made_unique() -> None:
    repeated = calls(tool_call("calculator", {"expression": "2+2"}, call_id="call_1"))
    async with talk(CALLS_CALCULATOR, repeated, answer("Done")) as t:
        sent = await t.ask("Compute")
        ids = [s["id_ref"] for s in t.ada.steps(sent["run_id"]) if s["type"] == "tool_call"]
        assert ids[0] == "call_1"
        assert len(set(ids)) == 2


async def test_tokens_are_summed_over_the_iterations() -> None:
    calls_calculator = calls(tool_call("calculator", {"expression": "6*7"}), prompt=100, completion=10)
    async with talk(calls_calculator, answer("42", prompt=200, completion=20)) as t:
        sent = await t.ask("6*7?")
        end = (await t.ada.ended(sent["run_id"]))["params"]
        assert (end["prompt_tokens"], end["completion_tokens"], end["token_count"]) == (300, 30, 30)
        assert (await t.messages(sent["conversation_id"]))[-1]["token_count"] == 30
