"""Tools requested by a third-party server are called, and their results are sent back to it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.aimock.finished_runs import FinishedRun, ask, connected_client, token_usage
from tests.aimock.openai_request import check_request
from tests.aimock.server import Aimock

pytestmark = [pytest.mark.requires_node, pytest.mark.django_db(transaction=True)]


def results(run: FinishedRun) -> dict[str, dict[str, Any]]:
    """Returns the result of each call by its id."""
    return {step["id_ref"]: json.loads(step["content"]) for step in run.steps if step["type"] == "tool_result"}


def calls(run: FinishedRun) -> list[tuple[str, str, str]]:
    found = (step for step in run.steps if step["type"] == "tool_call")
    return [(step["id_ref"], step["name"], step["status"]) for step in found]


async def test_results_of_parallel_calls_are_sent_together_in_the_second_iteration(aimock: Aimock) -> None:
    async with connected_client(aimock.base_url) as ada:
        run = await ask(ada, "Do three things at once")
        assert (run.end, run.params["finish_reason"]) == ("done", "stop")
        assert calls(run) == [
            ("call_sum", "calculator", "finished"),
            ("call_clock", "current_time", "finished"),
            ("call_list", "list_files", "finished"),
        ]
        assert results(run)["call_sum"]["result"] == "42"
        assert results(run)["call_clock"]["result"]["timezone"] == "Europe/Berlin"
        assert results(run)["call_list"]["result"]["entries"] == []
        kinds = ["thinking", *["tool_call"] * 3, *["tool_result"] * 3, "thinking", "text"]
        assert [step["type"] for step in run.steps] == kinds
        assert [step["index"] for step in run.steps] == list(range(9))


async def test_the_second_iteration_pairs_calls_with_results_and_sends_the_reasoning_back(aimock: Aimock) -> None:
    async with connected_client(aimock.base_url) as ada:
        run = await ask(ada, "Do three things at once")
        first, second = aimock.requests()
        check_request(first)
        check_request(second)
        assert second["tools"] == first["tools"]
        assert second["messages"][: len(first["messages"])] == first["messages"]
        message, *sent_results = second["messages"][len(first["messages"]) :]
        assert message["reasoning_content"] == "Three tools, none needs another."
        assert [call["id"] for call in message["tool_calls"]] == ["call_sum", "call_clock", "call_list"]
        assert {message["tool_call_id"]: json.loads(message["content"]) for message in sent_results} == results(run)


async def test_each_model_call_has_a_usage_row_and_the_run_has_their_sum(aimock: Aimock) -> None:
    async with connected_client(aimock.base_url) as ada:
        run = await ask(ada, "Do three things at once")
        assert await token_usage(run) == [(1, 200, 60, False), (2, 300, 20, False)]
        assert (run.params["prompt_tokens"], run.params["completion_tokens"]) == (500, 80)


async def test_text_before_a_call_is_a_step_and_is_sent_back(aimock: Aimock) -> None:
    async with connected_client(aimock.base_url) as ada:
        run = await ask(ada, "Announce it, then add")
        assert [step["type"] for step in run.steps] == ["text", "tool_call", "tool_result", "text"]
        assert (run.outline[0][1], run.outline[3][1]) == ("I add them up.", "That makes 2.")
        message = aimock.requests()[1]["messages"][-2]
        assert (message["content"], message["tool_calls"][0]["id"]) == ("I add them up.", "call_add")


async def test_each_iteration_builds_on_the_previous_one(aimock: Aimock) -> None:
    async with connected_client(aimock.base_url) as ada:
        run = await ask(ada, "Write it down, then read it")
        assert [call_id for call_id, _, _ in calls(run)] == ["call_write", "call_read"]
        assert results(run)["call_read"]["result"]["content"] == "milk, eggs"
        assert run.outline[-1] == ("text", "It says: milk, eggs.")
        assert len(await token_usage(run)) == 3
        for request in aimock.requests():
            check_request(request)


async def test_invalid_calls_become_error_results_for_the_model(aimock: Aimock) -> None:
    async with connected_client(aimock.base_url) as ada:
        run = await ask(ada, "Use tools wrongly")
        assert (run.end, run.outline[-1]) == ("done", ("text", "None of that worked."))
        assert {call_id: result["success"] for call_id, result in results(run).items()} == {
            "call_unknown": False,
            "call_wrong": False,
            "call_list_of_one": False,
        }
        assert "teleport" in results(run)["call_unknown"]["error"]
        assert "expression" in results(run)["call_wrong"]["error"]
        assert "object" in results(run)["call_list_of_one"]["error"]
        for request in aimock.requests():
            check_request(request)


async def test_a_model_that_never_stops_calling_tools_is_stopped(aimock: Aimock) -> None:
    async with connected_client(aimock.base_url, MAX_ITERATIONS=3) as ada:
        run = await ask(ada, "Never stop")
        assert (run.end, run.params["code"], run.params["retryable"]) == ("error", "max_iterations", False)
        assert [request.get("tool_choice") for request in aimock.requests()] == [None, None, "none"]
        assert len(await token_usage(run)) == 3
        for request in aimock.requests():
            check_request(request)


async def test_a_required_tool_call_is_required_only_once(aimock: Aimock) -> None:
    async with connected_client(aimock.base_url) as ada:
        await ask(ada, "Announce it, then add", tool_choice="required")
        assert [request["tool_choice"] for request in aimock.requests()] == ["required", "auto"]
