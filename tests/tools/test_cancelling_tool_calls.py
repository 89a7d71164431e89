from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from tools.registry import tool
from tools.threads import ToolThreads
from tools.types import ToolCall, ToolStarted


async def cancel_once_started(running: Any, *calls: ToolCall) -> None:
    """Cancels the batch when its first call starts, and returns when the cancellation is complete."""
    started = asyncio.Event()

    async def consume() -> None:
        async for event in running.execute_many(calls):
            if isinstance(event, ToolStarted):
                started.set()

    task = asyncio.create_task(consume())
    await asyncio.wait_for(started.wait(), 30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_cancelling_does_not_wait_for_a_thread(executor: Any) -> None:
    release = threading.Event()
    threads = ToolThreads()

    @tool(read_only=True)
    def hang() -> None:
        """Hang."""
        release.wait()

    await cancel_once_started(executor(hang, threads=threads), ToolCall("a", "hang", ""))
    assert threads.hung == 1
    release.set()


async def test_cancelling_waits_for_an_async_tool_to_clean_up(executor: Any) -> None:
    cleaned: list[str] = []

    @tool(read_only=True)
    async def wait(name: str) -> None:
        """Wait."""
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned.append(name)

    calls = [ToolCall(name, "wait", f'{{"name": "{name}"}}') for name in "ab"]
    await cancel_once_started(executor(wait), *calls)
    assert sorted(cleaned) == ["a", "b"]


async def test_calls_that_have_not_started_never_start(executor: Any) -> None:
    ran: list[int] = []

    @tool
    async def wait(number: int) -> None:
        """Wait."""
        ran.append(number)
        await asyncio.Event().wait()

    calls = [ToolCall(str(n), "wait", f'{{"number": {n}}}') for n in range(3)]
    await cancel_once_started(executor(wait), *calls)
    assert ran == [0]


async def test_a_single_call_is_cancelled_the_same_way(executor: Any) -> None:
    entered = asyncio.Event()
    cancelled = asyncio.Event()

    @tool
    async def wait() -> None:
        """Wait."""
        entered.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    task = asyncio.create_task(executor(wait).execute(ToolCall("a", "wait", "")))
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert cancelled.is_set()


async def test_closing_the_generator_cancels_the_calls(executor: Any) -> None:
    cancelled = asyncio.Event()

    @tool
    async def wait() -> None:
        """Wait."""
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    events = executor(wait).execute_many([ToolCall("a", "wait", "")])
    assert await anext(events) == ToolStarted("a")
    await asyncio.sleep(0)
    await events.aclose()
    assert cancelled.is_set()


async def test_a_cancelled_batch_does_not_block_the_next(executor: Any, batch: Any) -> None:
    @tool
    async def wait(forever: bool) -> str:
        """Wait."""
        if forever:
            await asyncio.Event().wait()
        return "done"

    running = executor(wait)
    await cancel_once_started(running, ToolCall("a", "wait", '{"forever": true}'))
    assert (await batch(running, ("wait", {"forever": False}))).payloads[0]["result"] == "done"
