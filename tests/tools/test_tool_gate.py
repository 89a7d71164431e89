from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tools.registry import tool
from tools.types import Tool, ToolCall, ToolStarted


class Gate:
    def __init__(self, *refused: str) -> None:
        self.calls: list[str] = []
        self.refused = refused

    async def __call__(self, tool: Tool, call: ToolCall) -> str | None:
        self.calls.append(call.call_id)
        return f"{tool.name} was denied." if tool.name in self.refused else None


@tool
def write(text: str) -> str:
    """Write."""
    return text


@tool(read_only=True)
def read() -> str:
    """Read."""
    return "text"


async def test_the_gate_is_asked_about_every_call_that_would_start(executor: Any, batch: Any) -> None:
    gate = Gate()
    await batch(executor(write, read, gate=gate), ("write", {"text": "a"}), ("write", {"text": "a"}), ("read", {}))
    assert gate.calls == ["call-0", "call-2"]


async def test_the_gate_is_not_asked_about_an_invalid_call(executor: Any, batch: Any) -> None:
    gate = Gate()
    await batch(executor(write, gate=gate), ("write", {}), ("nope", {}), ("write", "{"))
    assert gate.calls == []


async def test_a_refused_call_gets_a_result_and_does_not_start(executor: Any, batch: Any) -> None:
    ran = await batch(executor(write, gate=Gate("write")), ("write", {"text": "a"}))
    assert ran.payloads == [{"success": False, "error": "write was denied."}]
    assert not any(isinstance(event, ToolStarted) for event in ran.events)


async def test_a_refusal_applies_to_identical_calls_in_its_batch_only(executor: Any, batch: Any) -> None:
    gate = Gate("write")
    running = executor(write, gate=gate)
    assert (await batch(running, ("write", {"text": "a"}), ("write", {"text": "a"}))).skipped == [False, True]
    assert (await batch(running, ("write", {"text": "a"}))).skipped == [False]
    assert len(gate.calls) == 2


async def test_a_refused_write_keeps_read_results(executor: Any, batch: Any) -> None:
    running = executor(write, read, gate=Gate("write"))
    ran = await batch(running, ("read", {}), ("write", {"text": "a"}), ("read", {}))
    assert ran.skipped == [False, False, True]


async def test_a_read_waiting_at_the_gate_does_not_occupy_a_worker(executor: Any) -> None:
    opened = asyncio.Event()

    async def gate(tool: Tool, call: ToolCall) -> str | None:
        if call.call_id == "slow":
            await opened.wait()
        return None

    @tool(read_only=True)
    def look(at: str) -> str:
        """Look."""
        return at

    calls = [ToolCall("slow", "look", '{"at": "a"}'), ToolCall("fast", "look", '{"at": "b"}')]
    order = []
    async for event in executor(look, max_workers=1, gate=gate).execute_many(calls):
        order.append(event.call_id)
        if event.call_id == "fast":
            opened.set()
    assert order == ["fast", "fast", "slow", "slow"]


async def test_an_exception_from_the_gate_ends_the_batch(executor: Any, batch: Any) -> None:
    stopped = asyncio.Event()

    class LostError(Exception):
        pass

    @tool(read_only=True)
    async def wait() -> None:
        """Wait."""
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    @tool(read_only=True)
    async def lose() -> None:
        """Lose."""

    async def gate(tool: Tool, call: ToolCall) -> str | None:
        if tool.name == "lose":
            for _ in range(5):
                await asyncio.sleep(0)
            raise LostError
        return None

    with pytest.raises(LostError):
        await batch(executor(wait, lose, gate=gate), ("wait", {}), ("lose", {}))
    assert stopped.is_set()


async def test_a_cancelled_gate_decision_does_not_block_the_batch(executor: Any, batch: Any) -> None:
    async def gate(tool: Tool, call: ToolCall) -> str | None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(batch(executor(read, gate=gate), ("read", {})), 30)
