"""Runs the tool calls of a run. Whatever goes wrong becomes a result that the model can react to."""

from __future__ import annotations

import asyncio
import difflib
import inspect
import logging
import threading
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from tools.arguments import fingerprint, keyword_arguments, parse_arguments
from tools.registry import ToolRegistry
from tools.result_cache import CallKey, ResultCache
from tools.results import failure_content, repair_text, skipped_content, success_content
from tools.threads import CallTimeoutError, ToolThreads, shared_threads
from tools.types import Tool, ToolCall, ToolContext, ToolError, ToolEvent, ToolProgress, ToolResult, ToolStarted

Gate = Callable[[Tool, ToolCall], Awaitable[str | None]]
"""Awaited right before a valid call starts. Returns None to let it start, or the reason for refusing it, which becomes
the result."""

MAX_PROGRESS_LENGTH = 200
CANCEL_TIMEOUT = 1.0
"""Seconds that an asynchronous tool has to clean up after its cancellation. Then it is abandoned."""

logger = logging.getLogger(__name__)


class ToolExecutor:
    """Runs the tool calls of one run, with the same effect as one after another in the order of the calls.

    Calls of read-only tools run concurrently where that makes no difference: a read waits for the writes before it, a
    write for all calls before it. At most `max_workers` run at once. Identical calls reuse results, by the rules of
    ResultCache; `finished_calls` fills it when a run continues in another process, in the order in which they ended.

    `timeout` (seconds) applies to tools without their own; `result_limit` is in characters. `execute` and
    `execute_many` raise only what the `gate` raises, and CancelledError; both stop all calls in progress.
    """

    def __init__(
        self,
        tools: Mapping[str, Tool] | ToolRegistry,
        context: ToolContext,
        *,
        max_workers: int = 8,
        timeout: float = 60.0,
        result_limit: int = 50_000,
        threads: ToolThreads = shared_threads,
        gate: Gate | None = None,
        finished_calls: Iterable[tuple[ToolCall, ToolResult]] = (),
    ) -> None:
        listed = tools.list_all() if isinstance(tools, ToolRegistry) else tools.values()
        self._tools = {tool.name: tool for tool in listed}
        self._context = context
        self._slots = asyncio.Semaphore(max_workers)
        self._timeout = timeout
        self._result_limit = result_limit
        self._threads = threads
        self._gate = gate
        self._cache = ResultCache()
        self._order = _CallOrder()
        for call, result in finished_calls:
            self._restore(call, result)

    async def execute(self, call: ToolCall) -> ToolResult:
        """Runs one call."""
        [result] = [event async for event in self.execute_many([call]) if isinstance(event, ToolResult)]
        return result

    async def execute_many(self, calls: Sequence[ToolCall]) -> AsyncGenerator[ToolEvent, None]:
        """Runs a batch of calls. Yields their events as they happen, with exactly one ToolResult for each call."""
        events: asyncio.Queue[ToolEvent | _Reporter | BaseException] = asyncio.Queue()
        tasks = self._start(calls, events.put_nowait)
        try:
            remaining = len(calls)
            while remaining:
                event = await events.get()
                if isinstance(event, BaseException):
                    raise event
                yield event.take() if isinstance(event, _Reporter) else event
                remaining -= isinstance(event, ToolResult)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self, calls: Sequence[ToolCall], emit: _Emit) -> list[asyncio.Task[None]]:
        batch = object()
        tasks = []
        for call in calls:
            try:
                checked = self._check(call)
            except ToolError as error:
                emit(_failure(call, str(error)))
                continue
            predecessors = self._order.predecessors(checked)
            task = asyncio.create_task(self._run_call(checked, predecessors, batch, emit))
            self._order.add(checked, task)
            tasks.append(task)
        return tasks

    def _check(self, call: ToolCall) -> _CheckedCall:
        """Finds the tool and parses the arguments. Raises ToolError."""
        tool = self._tools.get(call.name)
        if tool is None:
            raise ToolError(_unknown_tool_message(call.name, self._tools))
        try:
            arguments = parse_arguments(tool, call.arguments)
            return _CheckedCall(call, tool, keyword_arguments(arguments), (tool.name, fingerprint(arguments)))
        except ToolError:
            raise
        except Exception as error:  # raised by a validator of the tool
            raise ToolError(self._log_exception(tool, error)) from error

    def _restore(self, call: ToolCall, result: ToolResult) -> None:
        if result.skipped:
            return
        try:
            checked = self._check(call)
        except ToolError:
            self._cache.record_write()  # The tool no longer exists, so it may have written.
            return
        write_count = self._cache.start(checked.tool)
        self._cache.store(checked.key, result, batch=None, write_count=write_count)

    async def _run_call(
        self, checked: _CheckedCall, predecessors: set[asyncio.Task[None]], batch: object, emit: _Emit
    ) -> None:
        """Emits the events of the call, the last of which is its result, or the exception that stops the batch."""
        call, tool, key = checked.call, checked.tool, checked.key
        try:
            if predecessors:
                await asyncio.wait(predecessors)
            if cached := self._cache.get(tool, key, batch=batch):
                content = skipped_content(cached.content)
                emit(replace(cached, call_id=call.call_id, content=content, skipped=True, execution_time=0.0))
                return
            refusal = await self._gate(tool, call) if self._gate else None
            if refusal is not None:
                result = _failure(call, refusal)
                self._cache.store(key, result, batch=batch)
            else:
                async with self._slots:
                    write_count = self._cache.start(tool)
                    emit(ToolStarted(call.call_id))
                    result = await self._call_tool(checked, emit)
                    self._cache.store(key, result, batch=batch, write_count=write_count)
            emit(result)
        except BaseException as error:
            emit(error)
            raise

    async def _call_tool(self, checked: _CheckedCall, emit: _Emit) -> ToolResult:
        tool, call = checked.tool, checked.call
        reporter = _Reporter(call.call_id, emit)
        arguments = checked.arguments
        if tool.context_parameter:
            context = replace(self._context, call_id=call.call_id, report=reporter)
            arguments = {**arguments, tool.context_parameter: context}
        time_limit = self._timeout if tool.timeout is None else tool.timeout
        started = time.perf_counter()
        try:
            content, elapsed = await self._call_function(tool, partial(tool.function, **arguments), time_limit)
            return ToolResult(call.call_id, call.name, content, success=True, execution_time=elapsed)
        except CallTimeoutError:
            error = f"Tool execution timed out after {time_limit:g} seconds."
            if not tool.read_only:
                error += " Whether it had an effect is unknown: check before trying again."
        except ToolError as refusal:
            error = str(refusal) or "The tool refused without saying why."
        except Exception as exception:
            error = self._log_exception(tool, exception)
        finally:
            reporter.close()
        return _failure(call, error, _seconds_since(started))

    async def _call_function(self, tool: Tool, function: Callable[[], Any], time_limit: float) -> tuple[str, float]:
        """Returns the result's content, which is encoded in a thread as it may be large, and the tool's seconds."""
        limit = self._result_limit

        def call_and_encode() -> tuple[str, float]:
            started = time.perf_counter()
            result = function()
            elapsed = _seconds_since(started)
            return success_content(result, elapsed, limit), elapsed

        if not inspect.iscoroutinefunction(tool.function):
            return await self._threads.run(call_and_encode, time_limit=time_limit, label=tool.name)
        started = time.perf_counter()
        result = await _await_with_timeout(function, time_limit, tool.name)
        elapsed = _seconds_since(started)
        encode = partial(success_content, result, elapsed, limit)
        return await self._threads.run(encode, time_limit=time_limit, label=tool.name), elapsed

    def _log_exception(self, tool: Tool, error: Exception) -> str:
        """Returns the message for the model, without the path of the workspace."""
        logger.error("The tool %s failed", tool.name, exc_info=error)
        workspace = self._context.workspace
        text = _exception_message(error).replace(f"{workspace}/", "").replace(str(workspace), ".")
        return f"Tool execution failed: {text}"


@dataclass(frozen=True, slots=True)
class _CheckedCall:
    call: ToolCall
    tool: Tool
    arguments: dict[str, Any]
    key: CallKey


class _CallOrder:
    """Knows which calls in progress a new call has to wait for."""

    def __init__(self) -> None:
        self._last_write: set[asyncio.Task[None]] = set()
        self._reads: set[asyncio.Task[None]] = set()
        self._by_key: dict[CallKey, asyncio.Task[None]] = {}

    def predecessors(self, checked: _CheckedCall) -> set[asyncio.Task[None]]:
        """Returns the tasks that have to end before the call starts. A write waits for all that came before it."""
        tasks = set(self._last_write) if checked.tool.read_only else self._last_write | self._reads
        if checked.key in self._by_key:
            tasks.add(self._by_key[checked.key])
        return {task for task in tasks if not task.done()}

    def add(self, checked: _CheckedCall, task: asyncio.Task[None]) -> None:
        if checked.tool.read_only:
            self._reads.add(task)
            task.add_done_callback(self._reads.discard)
        else:
            self._last_write = {task}
            self._reads.clear()
        self._by_key[checked.key] = task


class _Reporter:
    """A tool's `context.report`, callable from any thread. Keeps only the newest line until it is taken."""

    def __init__(self, call_id: str, emit: _Emit) -> None:
        self._call_id = call_id
        self._emit = emit
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._line = ""
        self._is_waiting = False
        self._is_closed = False

    def __call__(self, line: str) -> None:
        text = " ".join(repair_text(str(line)[: 10 * MAX_PROGRESS_LENGTH]).split())[:MAX_PROGRESS_LENGTH]
        with self._lock:
            if self._is_closed:
                return
            self._line = text
            if self._is_waiting:
                return
            self._is_waiting = True
            self._loop.call_soon_threadsafe(self._emit_self)

    def _emit_self(self) -> None:
        if not self._is_closed:
            self._emit(self)

    def take(self) -> ToolProgress:
        with self._lock:
            self._is_waiting = False
            return ToolProgress(self._call_id, self._line)

    def close(self) -> None:
        """Ignores further lines, such as those of an abandoned thread."""
        with self._lock:
            self._is_closed = True


_Emit = Callable[[ToolEvent | _Reporter | BaseException], None]


async def _await_with_timeout(function: Callable[[], Awaitable[Any]], time_limit: float, label: str) -> Any:
    """Awaits the function. Raises CallTimeoutError.

    Unlike asyncio.timeout, it does not wait for a coroutine that suppresses its cancellation.
    """
    task = asyncio.create_task(_convert_system_exit(function))
    try:
        await asyncio.wait({task}, timeout=time_limit)
        if not task.done():
            raise CallTimeoutError
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=CANCEL_TIMEOUT)
        if not task.done():
            logger.warning("A call of %s was given up and runs on: it ignores its cancellation", label)
        task.add_done_callback(_retrieve_exception)
    if task.cancelled():
        raise RuntimeError("the tool cancelled itself")
    return task.result()


async def _convert_system_exit(function: Callable[[], Awaitable[Any]]) -> Any:
    try:
        return await function()
    except SystemExit as error:  # It would end the event loop.
        raise RuntimeError("SystemExit was raised") from error


def _retrieve_exception(task: asyncio.Task[Any]) -> None:
    """Keeps asyncio from logging an exception that was never retrieved."""
    if not task.cancelled():
        task.exception()


def _failure(call: ToolCall, error: str, execution_time: float = 0.0) -> ToolResult:
    return ToolResult(call.call_id, call.name, failure_content(error), success=False, execution_time=execution_time)


def _seconds_since(started: float) -> float:
    return round(time.perf_counter() - started, 6)


def _unknown_tool_message(name: str, tools: Iterable[str]) -> str:
    shown = name[:64]
    nearest = sorted(tools, key=lambda known: -difflib.SequenceMatcher(None, shown, known).ratio())
    known = f"There are: {', '.join(nearest)}." if nearest else "There are no tools."
    return f"There is no tool named {shown!r}. {known}"


def _exception_message(error: Exception) -> str:
    # The str() of an OSError contains paths of the server, its strerror does not.
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, LookupError) or not str(error):
        return f"{type(error).__name__}: {error}".removesuffix(": ")
    return str(error)
