from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import Annotated, Any

import pytest
from pydantic import AfterValidator

from tools.registry import tool
from tools.threads import ToolThreads
from tools.types import ToolContext, ToolError


@tool(read_only=True)
def fail(how: str, context: ToolContext) -> str:
    """Fail in a certain way."""
    ways: dict[str, Callable[[], BaseException]] = {
        "value": lambda: ValueError("boom"),
        "key": lambda: KeyError("name"),
        "empty": lambda: ValueError(),
        "file": lambda: FileNotFoundError(2, "No such file or directory", "/srv/secret/file"),
        "connection": lambda: ConnectionError("host example.org refused"),
        "inside": lambda: ValueError(f"cannot parse {context.workspace}/notes/a.csv"),
        "time": lambda: TimeoutError("the host took too long"),
        "stop": lambda: StopIteration("nothing left"),
        "exit": lambda: SystemExit(3),
        "silent": lambda: ToolError(),
    }
    raise ways[how]()


@tool(read_only=True)
async def fail_asynchronously(how: str, context: ToolContext) -> str:
    """Fail in a certain way."""
    if how == "cancelled":
        raise asyncio.CancelledError
    return str(fail.function(how, context))


MESSAGES = [
    ("value", "Tool execution failed: boom"),
    ("key", "Tool execution failed: KeyError: 'name'"),
    ("empty", "Tool execution failed: ValueError"),
    ("file", "Tool execution failed: No such file or directory"),
    ("connection", "Tool execution failed: host example.org refused"),
    ("inside", "Tool execution failed: cannot parse notes/a.csv"),
    ("time", "Tool execution failed: the host took too long"),
    ("exit", "Tool execution failed: SystemExit was raised"),
    ("silent", "The tool refused without saying why."),
]


@pytest.mark.parametrize(("how", "message"), [*MESSAGES, ("stop", "Tool execution failed: StopIteration was raised")])
async def test_an_exception_is_reported_without_traceback_or_path(
    run_tool: Callable[..., Any], how: str, message: str
) -> None:
    assert (await run_tool(fail, {"how": how}))["error"].startswith(message)


@pytest.mark.parametrize(
    ("how", "message"), [*MESSAGES, ("cancelled", "Tool execution failed: the tool cancelled itself")]
)
async def test_an_exception_of_an_async_tool_is_reported_the_same(
    run_tool: Callable[..., Any], how: str, message: str
) -> None:
    assert (await run_tool(fail_asynchronously, {"how": how}))["error"] == message


async def test_the_traceback_is_logged(run_tool: Callable[..., Any], caplog: pytest.LogCaptureFixture) -> None:
    await run_tool(fail, {"how": "value"})
    [record] = [record for record in caplog.records if record.name == "tools.executor"]
    assert record.levelno == logging.ERROR
    assert record.getMessage() == "The tool fail failed"
    assert record.exc_info
    assert isinstance(record.exc_info[1], ValueError)


async def test_an_unknown_tool_lists_the_known_tools_closest_match_first(executor: Any, batch: Any) -> None:
    @tool
    def read_file() -> None:
        """Read."""

    @tool
    def calculator() -> None:
        """Calculate."""

    ran = await batch(executor(calculator, read_file), ("readfile", {}), ("calculate", {}), ("x" * 100_000, {}))
    assert ran.payloads[0]["error"] == "There is no tool named 'readfile'. There are: read_file, calculator."
    assert ran.payloads[1]["error"] == "There is no tool named 'calculate'. There are: calculator, read_file."
    assert len(ran.payloads[2]["error"]) < 200


async def test_every_call_is_refused_when_there_are_no_tools(executor: Any, batch: Any) -> None:
    ran = await batch(executor(), ("anything", {}))
    assert ran.payloads[0]["error"] == "There is no tool named 'anything'. There are no tools."


async def test_a_hung_thread_times_out_and_does_not_block_other_calls(
    executor: Any, batch: Any, caplog: pytest.LogCaptureFixture
) -> None:
    release = threading.Event()
    threads = ToolThreads(max_threads=1)

    @tool(read_only=True, timeout=0.05)
    def hang() -> None:
        """Hang."""
        release.wait(30)

    @tool(read_only=True)
    def work() -> str:
        """Work."""
        return "done"

    running = executor(hang, work, threads=threads)
    assert (await batch(running, ("hang", {}))).payloads[0]["error"] == "Tool execution timed out after 0.05 seconds."
    assert threads.hung == 1
    assert "A call of hang was given up" in caplog.text
    assert (await batch(running, ("work", {}))).payloads[0]["result"] == "done"
    release.set()


async def test_a_writing_tool_that_times_out_has_an_unknown_effect(run_tool: Callable[..., Any]) -> None:
    @tool(timeout=0.05)
    async def write() -> None:
        """Write."""
        await asyncio.Event().wait()

    assert (await run_tool(write))["error"] == (
        "Tool execution timed out after 0.05 seconds. Whether it had an effect is unknown: check before trying again."
    )


async def test_the_executor_timeout_applies_to_tools_without_their_own(run_tool: Callable[..., Any]) -> None:
    @tool(read_only=True)
    async def wait() -> None:
        """Wait."""
        await asyncio.Event().wait()

    assert (await run_tool(wait, timeout=0.01))["error"] == "Tool execution timed out after 0.01 seconds."


async def test_a_coroutine_that_ignores_cancellation_is_abandoned(
    run_tool: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("tools.executor.CANCEL_TIMEOUT", 0.02)
    release = asyncio.Event()
    ended = asyncio.Event()

    @tool(read_only=True, timeout=0.02)
    async def stubborn() -> None:
        """Go on and on."""
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue
        ended.set()
        raise ValueError("nobody hears this")

    assert "timed out" in (await run_tool(stubborn))["error"]
    assert "ignores its cancellation" in caplog.text
    release.set()
    await ended.wait()


async def test_the_result_includes_the_execution_time(executor: Any, batch: Any) -> None:
    @tool(read_only=True)
    def work() -> str:
        """Work."""
        threading.Event().wait(0.02)
        return "done"

    ran = await batch(executor(work), ("work", {}))
    assert 0.02 <= ran.results[0].execution_time < 30
    assert ran.payloads[0]["execution_time"] == ran.results[0].execution_time


async def test_the_event_loop_is_not_blocked_by_a_running_tool(executor: Any, batch: Any) -> None:
    loop = asyncio.get_running_loop()
    entered, release = asyncio.Event(), threading.Event()

    @tool(read_only=True)
    def work() -> bool:
        """Wait for the event loop."""
        loop.call_soon_threadsafe(entered.set)
        return release.wait(5)

    async def let_go() -> None:
        await entered.wait()
        release.set()

    ran, _ = await asyncio.gather(batch(executor(work), ("work", {})), let_go())
    assert ran.payloads[0]["result"] is True


async def test_an_error_of_a_custom_validator_is_reported(run_tool: Callable[..., Any]) -> None:
    def refuse(value: int) -> int:
        raise OSError(13, "Permission denied", "/etc/shadow")

    def strict(value: int) -> int:
        """Check."""
        return value

    strict.__annotations__["value"] = Annotated[int, AfterValidator(refuse)]
    assert (await run_tool(tool(strict), {"value": 1}))["error"] == "Tool execution failed: Permission denied"
