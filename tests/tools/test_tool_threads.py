from __future__ import annotations

import asyncio
import contextvars
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tools.threads import CallTimeoutError, ToolThreads
from tools.types import ToolError

name: contextvars.ContextVar[str] = contextvars.ContextVar("name", default="nobody")


async def wait_until_none_hang(threads: ToolThreads) -> None:
    for thread in threading.enumerate():
        if thread.name == "call of a tool":
            await asyncio.to_thread(thread.join, 30)
    assert threads.hung == 0


async def test_the_return_value_or_exception_of_the_function_is_passed_on() -> None:
    threads = ToolThreads()
    assert await threads.run(lambda: 42, time_limit=60) == 42
    with pytest.raises(ZeroDivisionError):
        await threads.run(lambda: 1 / 0, time_limit=60)
    assert threads.hung == 0


async def test_context_variables_are_copied() -> None:
    name.set("ada")

    def change() -> str:
        seen = name.get()
        name.set("somebody else")
        return seen

    assert await ToolThreads().run(change, time_limit=60) == "ada"
    assert name.get() == "ada"


async def test_calls_run_concurrently_up_to_the_limit() -> None:
    threads = ToolThreads(max_threads=2)
    lock = threading.Lock()
    now = most = 0

    def work() -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.002)
        with lock:
            now -= 1

    await asyncio.gather(*(threads.run(work, time_limit=60) for _ in range(20)))
    assert most == 2


async def test_a_hung_call_releases_its_slot_and_counts_as_hung_until_it_ends() -> None:
    threads = ToolThreads(max_threads=1)
    release = threading.Event()
    with pytest.raises(CallTimeoutError):
        await threads.run(lambda: release.wait(30), time_limit=0.01)
    assert threads.hung == 1
    assert await threads.run(lambda: "free", time_limit=60) == "free"
    release.set()
    await wait_until_none_hang(threads)
    assert await threads.run(lambda: "still one slot", time_limit=60) == "still one slot"


async def test_waiting_for_a_slot_does_not_count_toward_the_timeout() -> None:
    threads = ToolThreads(max_threads=1)
    release = threading.Event()
    first = asyncio.create_task(threads.run(lambda: release.wait(60), time_limit=60))
    await asyncio.sleep(0)
    second = asyncio.create_task(threads.run(lambda: "done", time_limit=1))
    await asyncio.sleep(1.1)
    release.set()
    assert await second == "done"
    assert await first


async def test_a_call_cancelled_while_waiting_leaves_the_queue() -> None:
    threads = ToolThreads(max_threads=1)
    release = threading.Event()
    first = asyncio.create_task(threads.run(lambda: release.wait(60), time_limit=60))
    await asyncio.sleep(0)
    waiting = [asyncio.create_task(threads.run(lambda: "never", time_limit=60)) for _ in range(3)]
    last = asyncio.create_task(threads.run(lambda: "last", time_limit=60))
    await asyncio.sleep(0)
    for task in waiting:
        task.cancel()
    release.set()
    assert await last == "last"
    assert await first
    assert all(
        isinstance(outcome, asyncio.CancelledError)
        for outcome in await asyncio.gather(*waiting, return_exceptions=True)
    )


async def test_a_slot_granted_to_a_call_being_cancelled_is_passed_on() -> None:
    threads = ToolThreads(max_threads=1)
    release = threading.Event()
    first = asyncio.create_task(threads.run(lambda: release.wait(60), time_limit=60))
    await asyncio.sleep(0)
    second = asyncio.create_task(threads.run(lambda: "second", time_limit=60))
    await asyncio.sleep(0)
    release.set()
    [thread] = [thread for thread in threading.enumerate() if thread.name == "call of a tool"]
    thread.join(30)  # the slot is granted now, but the event loop has not heard of it
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    await first
    assert await asyncio.wait_for(threads.run(lambda: "third", time_limit=60), 30) == "third"


async def test_new_calls_are_refused_when_too_many_have_hung() -> None:
    threads = ToolThreads(max_threads=4, max_hung=2)
    release = threading.Event()
    for _ in range(2):
        with pytest.raises(CallTimeoutError):
            await threads.run(lambda: release.wait(30), time_limit=0.01)
    with pytest.raises(ToolError, match="Try again later"):
        await threads.run(lambda: "refused", time_limit=60)
    release.set()
    await wait_until_none_hang(threads)
    assert await threads.run(lambda: "again", time_limit=60) == "again"


def test_one_limit_is_shared_by_several_event_loops() -> None:
    threads = ToolThreads(max_threads=1)
    outcomes: list[str] = []

    def run_loop() -> None:
        async def calls() -> None:
            outcomes.extend(await asyncio.gather(*(threads.run(lambda: "done", time_limit=60) for _ in range(20))))

        asyncio.run(calls())

    loops = [threading.Thread(target=run_loop) for _ in range(3)]
    for loop in loops:
        loop.start()
    for loop in loops:
        loop.join(60)
    assert outcomes == ["done"] * 60


def test_a_hung_thread_does_not_delay_process_exit() -> None:
    program = """
import asyncio, threading
from tools.threads import CallTimeoutError, ToolThreads
async def main():
    try:
        await ToolThreads().run(lambda: threading.Event().wait(60), time_limit=0.01)
    except CallTimeoutError:
        print("given up")
asyncio.run(main())
"""
    root = Path(__file__).parents[2]
    ended = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, timeout=50)
    assert (ended.returncode, ended.stdout) == (0, "given up\n")
    assert "Traceback" not in ended.stderr
