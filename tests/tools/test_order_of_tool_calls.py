from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from tools.registry import tool
from tools.types import ToolCall, ToolResult, ToolStarted


class Journal:
    """Tools that record when they start and end, and that end when released."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.most = 0
        self._now = 0
        self.gates: dict[str, asyncio.Event] = {}
        self.begun = asyncio.Event()

        @tool(read_only=True)
        async def read(name: str) -> str:
            """Read."""
            return await self.carry_out(name)

        @tool
        async def write(name: str) -> str:
            """Write."""
            return await self.carry_out(name)

        self.tools = (read, write)

    async def carry_out(self, name: str) -> str:
        self.notes.append(f"{name} begins")
        self.begun.set()
        self._now += 1
        self.most = max(self.most, self._now)
        if name in self.gates:
            await self.gates[name].wait()
        else:
            await asyncio.sleep(0)
        self._now -= 1
        self.notes.append(f"{name} ends")
        return name

    def before(self, first: str, second: str) -> bool:
        return self.notes.index(first) < self.notes.index(second)


@pytest.fixture
def journal() -> Journal:
    return Journal()


async def test_reads_run_concurrently(journal: Journal, executor: Any, batch: Any) -> None:
    await batch(executor(*journal.tools), *[("read", {"name": str(n)}) for n in range(5)])
    assert journal.most == 5


async def test_at_most_max_workers_reads_run_at_once(journal: Journal, executor: Any, batch: Any) -> None:
    await batch(executor(*journal.tools, max_workers=3), *[("read", {"name": str(n)}) for n in range(20)])
    assert journal.most == 3


async def test_writes_run_one_at_a_time_in_call_order(journal: Journal, executor: Any, batch: Any) -> None:
    await batch(executor(*journal.tools), *[("write", {"name": str(n)}) for n in range(5)])
    assert journal.notes == [f"{n} {what}" for n in range(5) for what in ("begins", "ends")]


async def test_reads_and_writes_have_the_effect_of_call_order(journal: Journal, executor: Any, batch: Any) -> None:
    names = ["read a", "read b", "write c", "read d", "read e", "write f", "read g"]
    ran = await batch(executor(*journal.tools), *[(name.split()[0], {"name": name}) for name in names])
    assert journal.before("read a ends", "write c begins")
    assert journal.before("read b ends", "write c begins")
    assert journal.before("write c ends", "read d begins")
    assert journal.before("write c ends", "read e begins")
    assert journal.before("read e begins", "read d ends")
    assert journal.before("read e ends", "write f begins")
    assert journal.before("write f ends", "read g begins")
    assert [payload["result"] for payload in ran.payloads] == names


async def test_a_later_batch_waits_for_the_writes_of_a_running_batch(
    journal: Journal, executor: Any, batch: Any
) -> None:
    journal.gates["w"] = asyncio.Event()
    running = executor(*journal.tools)
    first = asyncio.create_task(batch(running, ("write", {"name": "w"})))
    await journal.begun.wait()
    second = asyncio.create_task(batch(running, ("read", {"name": "r"})))
    for _ in range(10):
        await asyncio.sleep(0)
    assert "r begins" not in journal.notes
    journal.gates["w"].set()
    await asyncio.gather(first, second)
    assert journal.before("w ends", "r begins")


async def test_each_result_is_yielded_as_soon_as_it_is_ready(journal: Journal, executor: Any) -> None:
    journal.gates["slow"] = asyncio.Event()
    calls = [ToolCall(name, "read", f'{{"name": "{name}"}}') for name in ("slow", "fast")]
    events = []
    async for event in executor(*journal.tools).execute_many(calls):
        events.append((type(event), event.call_id))
        if events[-1] == (ToolResult, "fast"):
            journal.gates["slow"].set()
    assert events == [(ToolStarted, "slow"), (ToolStarted, "fast"), (ToolResult, "fast"), (ToolResult, "slow")]


async def test_an_empty_batch_ends_at_once(executor: Any, batch: Any) -> None:
    assert (await batch(executor())).events == []


async def test_many_calls_take_linear_time(executor: Any, batch: Any) -> None:
    @tool(read_only=True)
    async def echo(number: int) -> int:
        """Echo."""
        return number

    ran = await batch(executor(echo), *[("echo", {"number": n}) for n in range(500)])
    assert [payload["result"] for payload in ran.payloads] == list(range(500))


async def test_synchronous_reads_run_concurrently(executor: Any, batch: Any) -> None:
    together = threading.Barrier(4, timeout=30)

    @tool(read_only=True)
    def meet(number: int) -> int:
        """Wait for the others."""
        together.wait()
        return number

    ran = await batch(executor(meet), *[("meet", {"number": n}) for n in range(4)])
    assert all(result.success for result in ran.results)
