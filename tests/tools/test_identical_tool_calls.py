from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tools.executor import ToolExecutor
from tools.registry import tool
from tools.types import Tool, ToolCall, ToolContext, ToolError, ToolResult, ToolStarted


class Counter:
    """Tools that share one number, and the names of those that ran."""

    def __init__(self) -> None:
        self.value = 0
        self.ran: list[str] = []

        @tool(read_only=True)
        def look(at: str = "all", times: int = 1) -> int:
            """Look at the value."""
            self.ran.append("look")
            return self.value

        @tool
        def add(amount: int) -> int:
            """Add to the value."""
            self.ran.append("add")
            self.value += amount
            return self.value

        @tool(repeatable=True)
        def count() -> int:
            """Add one."""
            self.ran.append("count")
            self.value += 1
            return self.value

        @tool(read_only=True)
        async def flaky() -> None:
            """Fail."""
            self.ran.append("flaky")
            raise ToolError("not now")

        @tool
        def refuse() -> None:
            """Fail to write."""
            self.ran.append("refuse")
            raise ToolError("not now")

        self.tools: list[Tool] = [look, add, count, flaky, refuse]


@pytest.fixture
def counter() -> Counter:
    return Counter()


@pytest.fixture
def counter_executor(counter: Counter, executor: Any) -> ToolExecutor:
    made: ToolExecutor = executor(*counter.tools)
    return made


async def test_an_identical_call_in_one_batch_reuses_the_first_result(
    counter: Counter, counter_executor: ToolExecutor, batch: Any
) -> None:
    ran = await batch(counter_executor, ("add", {"amount": 2}), ("add", {"amount": 2}), ("add", {"amount": 3}))
    assert [payload["result"] for payload in ran.payloads] == [2, 2, 5]
    assert ran.skipped == [False, True, False]
    assert [result.call_id for result in ran.results] == ["call-0", "call-1", "call-2"]
    assert ran.results[1].content == '{"success": true, "result": 2, "execution_time": 0.0, "skipped": true}'
    assert ran.results[1].execution_time == 0
    assert [event.call_id for event in ran.events if isinstance(event, ToolStarted)] == ["call-0", "call-2"]


async def test_calls_are_identical_when_their_parsed_arguments_are_equal(
    counter: Counter, counter_executor: ToolExecutor, batch: Any
) -> None:
    ran = await batch(
        counter_executor,
        ("look", {}),
        ("look", {"at": "all"}),
        ("look", '{"times": "1", "at": "all"}'),
        ("look", {"times": 2}),
    )
    assert ran.skipped == [False, True, True, False]


async def test_a_failure_is_reused_within_its_batch(
    counter: Counter, counter_executor: ToolExecutor, batch: Any
) -> None:
    ran = await batch(counter_executor, ("flaky", {}), ("flaky", {}), ("refuse", {}), ("refuse", {}))
    assert ran.skipped == [False, True, False, True]
    assert ran.results[1].success is False
    assert ran.results[1].content == '{"success": false, "error": "not now", "skipped": true}'


async def test_a_failure_is_not_reused_by_a_later_batch(
    counter: Counter, counter_executor: ToolExecutor, batch: Any
) -> None:
    for _ in range(2):
        ran = await batch(counter_executor, ("flaky", {}), ("refuse", {}))
        assert ran.skipped == [False, False]
    assert len(counter.ran) == 4


async def test_an_identical_write_is_executed_once_per_run(
    counter: Counter, counter_executor: ToolExecutor, batch: Any
) -> None:
    await batch(counter_executor, ("add", {"amount": 2}))
    await batch(counter_executor, ("add", {"amount": 3}))
    ran = await batch(counter_executor, ("add", {"amount": 2}))
    assert ran.skipped == [True]
    assert ran.payloads[0]["result"] == 2
    assert counter.value == 5


async def test_a_repeatable_write_is_executed_each_time(
    counter: Counter, counter_executor: ToolExecutor, batch: Any
) -> None:
    assert (await batch(counter_executor, ("count", {}), ("count", {}))).skipped == [False, False]
    assert (await batch(counter_executor, ("count", {}))).payloads[0]["result"] == 3


async def test_a_read_result_is_reused_until_something_is_written(
    counter: Counter, counter_executor: ToolExecutor, batch: Any
) -> None:
    assert (await batch(counter_executor, ("look", {}))).skipped == [False]
    assert (await batch(counter_executor, ("look", {}))).skipped == [True]
    await batch(counter_executor, ("count", {}))
    ran = await batch(counter_executor, ("look", {}))
    assert ran.skipped == [False]
    assert ran.payloads[0]["result"] == 1


async def test_a_failed_write_invalidates_read_results(
    counter: Counter, counter_executor: ToolExecutor, batch: Any
) -> None:
    await batch(counter_executor, ("look", {}))
    await batch(counter_executor, ("refuse", {}))
    assert (await batch(counter_executor, ("look", {}))).skipped == [False]


async def test_a_write_that_did_not_run_keeps_read_results(
    counter: Counter, counter_executor: ToolExecutor, batch: Any
) -> None:
    await batch(counter_executor, ("add", {"amount": 1}), ("look", {}))
    ran = await batch(counter_executor, ("add", {"amount": 1}), ("add", {"amount": "much"}), ("look", {}))
    assert ran.skipped == [True, False, True]


async def test_a_read_after_a_write_in_the_same_batch_is_executed_again(
    counter: Counter, counter_executor: ToolExecutor, batch: Any
) -> None:
    ran = await batch(counter_executor, ("look", {}), ("add", {"amount": 1}), ("look", {}), ("look", {}))
    assert [payload["result"] for payload in ran.payloads] == [0, 1, 1, 1]
    assert ran.skipped == [False, False, False, True]


async def test_invalid_identical_calls_each_get_their_own_error(
    counter: Counter, counter_executor: ToolExecutor, batch: Any
) -> None:
    ran = await batch(counter_executor, ("add", {}), ("add", {}), ("nope", {}), ("nope", {}))
    assert ran.skipped == [False] * 4
    assert not any(result.success for result in ran.results)


def finished_call(
    name: str, arguments: object, content: dict[str, Any], skipped: bool = False
) -> tuple[ToolCall, ToolResult]:
    call = ToolCall("before", name, json.dumps(arguments))
    return call, ToolResult("before", name, json.dumps(content), success=content["success"], skipped=skipped)


LOOKED = finished_call("look", {}, {"success": True, "result": 41, "execution_time": 1.5})
ADDED = finished_call("add", {"amount": 1}, {"success": True, "result": 42, "execution_time": 1.5})
FAILED = finished_call("add", {"amount": 1}, {"success": False, "error": "unknown outcome"})
UNKNOWN_TOOL = finished_call("no_longer_there", {}, {"success": True, "result": None, "execution_time": 0.1})
SKIPPED = finished_call(
    "add", {"amount": 1}, {"success": True, "result": 1, "execution_time": 0, "skipped": True}, skipped=True
)


@pytest.mark.parametrize(
    ("finished_calls", "skipped"),
    [
        ([LOOKED, ADDED], [True, False]),
        ([ADDED, LOOKED], [True, True]),
        ([LOOKED, FAILED], [False, False]),
        ([LOOKED, UNKNOWN_TOOL], [False, False]),
        ([LOOKED, SKIPPED], [False, True]),
        ([], [False, False]),
    ],
)
async def test_reusable_results_are_restored_when_a_run_is_resumed(
    counter: Counter, tool_context: ToolContext, batch: Any, finished_calls: Any, skipped: list[bool]
) -> None:
    tools = {each.name: each for each in counter.tools}
    add_skipped = (
        await batch(ToolExecutor(tools, tool_context, finished_calls=finished_calls), ("add", {"amount": 1}))
    ).skipped
    look_skipped = (await batch(ToolExecutor(tools, tool_context, finished_calls=finished_calls), ("look", {}))).skipped
    assert add_skipped + look_skipped == skipped


async def test_an_identical_call_waits_for_one_started_by_another_task(
    counter: Counter, counter_executor: ToolExecutor
) -> None:
    call = ToolCall("a", "add", '{"amount": 1}')
    results = await asyncio.gather(counter_executor.execute(call), counter_executor.execute(call))
    assert sorted(result.skipped for result in results) == [False, True]
    assert counter.value == 1
