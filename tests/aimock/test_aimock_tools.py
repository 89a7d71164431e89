"""A server that others wrote asks for tools; they are called, and their results go back to it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.aimock.asking import StoredQuestion, ask, asking, ledger
from tests.aimock.openai_request import check_request
from tests.aimock.server import Aimock

pytestmark = [pytest.mark.requires_node, pytest.mark.django_db(transaction=True)]


def results(asked: StoredQuestion) -> dict[str, dict[str, Any]]:
    """What each call came to, by its id."""
    return {step["id_ref"]: json.loads(step["content"]) for step in asked.steps if step["type"] == "tool_result"}


def calls(asked: StoredQuestion) -> list[tuple[str, str, str]]:
    found = (step for step in asked.steps if step["type"] == "tool_call")
    return [(step["id_ref"], step["name"], step["status"]) for step in found]


async def test_parallel_calls_are_answered_together_in_the_second_round(aimock: Aimock) -> None:
    async with asking(aimock.base_url) as ada:
        asked = await ask(ada, "Do three things at once")
        assert (asked.end, asked.params["finish_reason"]) == ("done", "stop")
        assert calls(asked) == [
            ("call_sum", "calculator", "finished"),
            ("call_clock", "current_time", "finished"),
            ("call_list", "list_files", "finished"),
        ]
        assert results(asked)["call_sum"]["result"] == "42"
        assert results(asked)["call_clock"]["result"]["timezone"] == "Europe/Berlin"
        assert results(asked)["call_list"]["result"]["entries"] == []
        kinds = ["thinking", *["tool_call"] * 3, *["tool_result"] * 3, "thinking", "text"]
        assert [step["type"] for step in asked.steps] == kinds
        assert [step["index"] for step in asked.steps] == list(range(9))


async def test_the_second_round_pairs_calls_and_results_and_gives_the_reasoning_back(aimock: Aimock) -> None:
    async with asking(aimock.base_url) as ada:
        asked = await ask(ada, "Do three things at once")
        first, second = aimock.requests()
        check_request(first)
        check_request(second)
        assert second["tools"] == first["tools"]
        assert second["messages"][: len(first["messages"])] == first["messages"]
        said, *told = second["messages"][len(first["messages"]) :]
        assert said["reasoning_content"] == "Three tools, none needs another."
        assert [call["id"] for call in said["tool_calls"]] == ["call_sum", "call_clock", "call_list"]
        assert {message["tool_call_id"]: json.loads(message["content"]) for message in told} == results(asked)


async def test_each_model_call_has_a_row_in_the_ledger_and_the_run_their_sum(aimock: Aimock) -> None:
    async with asking(aimock.base_url) as ada:
        asked = await ask(ada, "Do three things at once")
        assert await ledger(asked) == [(1, 200, 60, False), (2, 300, 20, False)]
        assert (asked.params["prompt_tokens"], asked.params["completion_tokens"]) == (500, 80)


async def test_text_before_a_call_is_a_step_and_part_of_what_is_sent_back(aimock: Aimock) -> None:
    async with asking(aimock.base_url) as ada:
        asked = await ask(ada, "Announce it, then add")
        assert [step["type"] for step in asked.steps] == ["text", "tool_call", "tool_result", "text"]
        assert (asked.outline[0][1], asked.outline[3][1]) == ("I add them up.", "That makes 2.")
        said = aimock.requests()[1]["messages"][-2]
        assert (said["content"], said["tool_calls"][0]["id"]) == ("I add them up.", "call_add")


async def test_rounds_build_on_each_other(aimock: Aimock) -> None:
    async with asking(aimock.base_url) as ada:
        asked = await ask(ada, "Write it down, then read it")
        assert [call_id for call_id, _, _ in calls(asked)] == ["call_write", "call_read"]
        assert results(asked)["call_read"]["result"]["content"] == "milk, eggs"
        assert asked.outline[-1] == ("text", "It says: milk, eggs.")
        assert len(await ledger(asked)) == 3
        for request in aimock.requests():
            check_request(request)


async def test_wrong_calls_become_results_that_the_model_can_act_on(aimock: Aimock) -> None:
    async with asking(aimock.base_url) as ada:
        asked = await ask(ada, "Use tools wrongly")
        assert (asked.end, asked.outline[-1]) == ("done", ("text", "None of that worked."))
        assert {call_id: result["success"] for call_id, result in results(asked).items()} == {
            "call_unknown": False,
            "call_wrong": False,
            "call_list_of_one": False,
        }
        assert "teleport" in results(asked)["call_unknown"]["error"]
        assert "expression" in results(asked)["call_wrong"]["error"]
        assert "object" in results(asked)["call_list_of_one"]["error"]
        for request in aimock.requests():
            check_request(request)


async def test_a_model_that_never_stops_calling_is_stopped(aimock: Aimock) -> None:
    async with asking(aimock.base_url, MAX_ITERATIONS=3) as ada:
        asked = await ask(ada, "Never stop")
        assert (asked.end, asked.params["code"], asked.params["retryable"]) == ("error", "max_iterations", False)
        assert [request.get("tool_choice") for request in aimock.requests()] == [None, None, "none"]
        assert len(await ledger(asked)) == 3
        for request in aimock.requests():
            check_request(request)


async def test_a_forced_call_is_forced_once(aimock: Aimock) -> None:
    async with asking(aimock.base_url) as ada:
        await ask(ada, "Announce it, then add", tool_choice="required")
        assert [request["tool_choice"] for request in aimock.requests()] == ["required", "auto"]
