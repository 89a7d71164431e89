from __future__ import annotations

import asyncio
import threading
from typing import Any

from tools.registry import tool
from tools.types import ToolCall, ToolContext, ToolProgress, ToolResult, ToolStarted


def report(context: ToolContext, line: str) -> None:
    assert context.report is not None
    context.report(line)


async def test_progress_comes_between_start_and_result(executor: Any, batch: Any) -> None:
    @tool(read_only=True)
    def work(context: ToolContext) -> str:
        """Work."""
        report(context, "half  way\n")
        return "done"

    ran = await batch(executor(work), ("work", {}))
    assert [type(event) for event in ran.events] == [ToolStarted, ToolProgress, ToolResult]
    assert ran.events[1] == ToolProgress("call-0", "half way")


async def test_an_async_tool_reports_progress_from_the_event_loop(executor: Any, batch: Any) -> None:
    @tool(read_only=True)
    async def work(context: ToolContext) -> str:
        """Work."""
        report(context, "here")
        return "done"

    ran = await batch(executor(work), ("work", {}))
    assert ran.events[1] == ToolProgress("call-0", "here")


async def test_a_progress_line_is_truncated_to_200_characters(executor: Any, batch: Any) -> None:
    @tool(read_only=True)
    def work(context: ToolContext) -> None:
        """Work."""
        report(context, "x\0" * 500)

    ran = await batch(executor(work), ("work", {}))
    assert ran.events[1] == ToolProgress("call-0", "x\ufffd" * 100)


async def test_a_slow_reader_gets_only_the_newest_progress_line(executor: Any) -> None:
    taken = threading.Event()

    @tool(read_only=True)
    def work(context: ToolContext) -> None:
        """Work."""
        report(context, "first")
        taken.wait(5)
        for n in range(10_000):
            report(context, f"line {n}")

    lines = []
    async for event in executor(work).execute_many([ToolCall("a", "work", "")]):
        if isinstance(event, ToolProgress):
            lines.append(event.line)
        if lines == ["first"] and not taken.is_set():
            taken.set()
            [thread] = [thread for thread in threading.enumerate() if thread.name == "call of work"]
            await asyncio.to_thread(thread.join, 5)
    assert lines == ["first", "line 9999"]


async def test_each_call_reports_progress_under_its_own_id(executor: Any, batch: Any) -> None:
    @tool(read_only=True)
    def work(context: ToolContext, name: str) -> None:
        """Work."""
        report(context, name)

    ran = await batch(executor(work), ("work", {"name": "call-0"}), ("work", {"name": "call-1"}))
    reported = [event for event in ran.events if isinstance(event, ToolProgress)]
    assert sorted(event.line for event in reported) == ["call-0", "call-1"]
    assert all(event.call_id == event.line for event in reported)


async def test_progress_from_an_abandoned_thread_is_dropped(executor: Any, batch: Any) -> None:
    release, ended = threading.Event(), threading.Event()

    @tool(read_only=True, timeout=0.02)
    def hang(context: ToolContext) -> None:
        """Hang."""
        release.wait(5)
        report(context, "too late")
        ended.set()

    @tool(read_only=True)
    def let_go() -> bool:
        """Let the other one go on."""
        release.set()
        return ended.wait(5)

    running = executor(hang, let_go)
    first = await batch(running, ("hang", {}))
    second = await batch(running, ("let_go", {}))
    assert second.payloads[0]["result"] is True
    assert not any(isinstance(event, ToolProgress) for event in first.events + second.events)
