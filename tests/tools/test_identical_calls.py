from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tools.executor import ToolExecutor
from tools.registry import tool
from tools.types import Tool, ToolCall, ToolContext, ToolError, ToolResult, ToolStarted


class Ledger:
    """Tools over one number, which count how often they ran."""

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
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
def running(ledger: Ledger, executor: Any) -> ToolExecutor:
    made: ToolExecutor = executor(*ledger.tools)
    return made


async def test_in_one_batch_the_second_gets_the_firsts_result(
    ledger: Ledger, running: ToolExecutor, batch: Any
) -> None:
    ran = await batch(running, ("add", {"amount": 2}), ("add", {"amount": 2}), ("add", {"amount": 3}))
    assert [told["result"] for told in ran.told] == [2, 2, 5]
    assert ran.skipped == [False, True, False]
    assert [result.call_id for result in ran.results] == ["call-0", "call-1", "call-2"]
    assert ran.results[1].content == '{"success": true, "result": 2, "execution_time": 0.0, "skipped": true}'
    assert ran.results[1].execution_time == 0
    assert [event.call_id for event in ran.events if isinstance(event, ToolStarted)] == ["call-0", "call-2"]


async def test_it_is_the_meaning_of_the_arguments_that_counts(
    ledger: Ledger, running: ToolExecutor, batch: Any
) -> None:
    ran = await batch(
        running,
        ("look", {}),
        ("look", {"at": "all"}),
        ("look", '{"times": "1", "at": "all"}'),
        ("look", {"times": 2}),
    )
    assert ran.skipped == [False, True, True, False]


async def test_a_failure_serves_within_its_batch(ledger: Ledger, running: ToolExecutor, batch: Any) -> None:
    ran = await batch(running, ("flaky", {}), ("flaky", {}), ("refuse", {}), ("refuse", {}))
    assert ran.skipped == [False, True, False, True]
    assert ran.results[1].success is False
    assert ran.results[1].content == '{"success": false, "error": "not now", "skipped": true}'


async def test_a_failure_does_not_serve_a_later_batch(ledger: Ledger, running: ToolExecutor, batch: Any) -> None:
    for _ in range(2):
        ran = await batch(running, ("flaky", {}), ("refuse", {}))
        assert ran.skipped == [False, False]
    assert len(ledger.ran) == 4


async def test_a_write_is_carried_out_once_in_a_run(ledger: Ledger, running: ToolExecutor, batch: Any) -> None:
    await batch(running, ("add", {"amount": 2}))
    await batch(running, ("add", {"amount": 3}))
    ran = await batch(running, ("add", {"amount": 2}))
    assert ran.skipped == [True]
    assert ran.told[0]["result"] == 2
    assert ledger.value == 5


async def test_a_repeatable_write_is_carried_out_each_time(ledger: Ledger, running: ToolExecutor, batch: Any) -> None:
    assert (await batch(running, ("count", {}), ("count", {}))).skipped == [False, False]
    assert (await batch(running, ("count", {}))).told[0]["result"] == 3


async def test_a_read_serves_until_something_is_written(ledger: Ledger, running: ToolExecutor, batch: Any) -> None:
    assert (await batch(running, ("look", {}))).skipped == [False]
    assert (await batch(running, ("look", {}))).skipped == [True]
    await batch(running, ("count", {}))
    ran = await batch(running, ("look", {}))
    assert ran.skipped == [False]
    assert ran.told[0]["result"] == 1


async def test_a_write_that_failed_counts_as_one(ledger: Ledger, running: ToolExecutor, batch: Any) -> None:
    await batch(running, ("look", {}))
    await batch(running, ("refuse", {}))
    assert (await batch(running, ("look", {}))).skipped == [False]


async def test_a_write_that_did_not_run_does_not(ledger: Ledger, running: ToolExecutor, batch: Any) -> None:
    await batch(running, ("add", {"amount": 1}), ("look", {}))
    ran = await batch(running, ("add", {"amount": 1}), ("add", {"amount": "much"}), ("look", {}))
    assert ran.skipped == [True, False, True]


async def test_a_read_after_a_write_of_the_same_batch_is_fresh(
    ledger: Ledger, running: ToolExecutor, batch: Any
) -> None:
    ran = await batch(running, ("look", {}), ("add", {"amount": 1}), ("look", {}), ("look", {}))
    assert [told["result"] for told in ran.told] == [0, 1, 1, 1]
    assert ran.skipped == [False, False, False, True]


async def test_wrong_calls_are_each_told_what_is_wrong(ledger: Ledger, running: ToolExecutor, batch: Any) -> None:
    ran = await batch(running, ("add", {}), ("add", {}), ("nope", {}), ("nope", {}))
    assert ran.skipped == [False] * 4
    assert not any(result.success for result in ran.results)


def earlier(
    name: str, arguments: object, content: dict[str, Any], skipped: bool = False
) -> tuple[ToolCall, ToolResult]:
    call = ToolCall("before", name, json.dumps(arguments))
    return call, ToolResult("before", name, json.dumps(content), success=content["success"], skipped=skipped)


LOOKED = earlier("look", {}, {"success": True, "result": 41, "execution_time": 1.5})
ADDED = earlier("add", {"amount": 1}, {"success": True, "result": 42, "execution_time": 1.5})
FAILED = earlier("add", {"amount": 1}, {"success": False, "error": "unknown outcome"})
GONE = earlier("no_longer_there", {}, {"success": True, "result": None, "execution_time": 0.1})
SKIPPED = earlier(
    "add", {"amount": 1}, {"success": True, "result": 1, "execution_time": 0, "skipped": True}, skipped=True
)


@pytest.mark.parametrize(
    ("remembered", "skipped"),
    [
        ([LOOKED, ADDED], [True, False]),
        ([ADDED, LOOKED], [True, True]),
        ([LOOKED, FAILED], [False, False]),
        ([LOOKED, GONE], [False, False]),
        ([LOOKED, SKIPPED], [False, True]),
        ([], [False, False]),
    ],
)
async def test_the_memory_is_restored_when_a_run_goes_on_elsewhere(
    ledger: Ledger, tool_context: ToolContext, batch: Any, remembered: Any, skipped: list[bool]
) -> None:
    tools = {each.name: each for each in ledger.tools}
    added = (await batch(ToolExecutor(tools, tool_context, finished_calls=remembered), ("add", {"amount": 1}))).skipped
    looked = (await batch(ToolExecutor(tools, tool_context, finished_calls=remembered), ("look", {}))).skipped
    assert added + looked == skipped


async def test_an_identical_call_waits_for_one_that_another_task_began(ledger: Ledger, running: ToolExecutor) -> None:
    call = ToolCall("a", "add", '{"amount": 1}')
    results = await asyncio.gather(running.execute(call), running.execute(call))
    assert sorted(result.skipped for result in results) == [False, True]
    assert ledger.value == 1
