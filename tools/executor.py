"""Carrying out a run's tool calls: whatever goes wrong becomes a result that the model can act on."""

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

from tools.arguments import fingerprint, keyword_arguments, read_arguments
from tools.registry import ToolRegistry
from tools.repeats import CallKey, CallMemory
from tools.results import clean, failure_content, skipped_content, success_content
from tools.threads import CallTimeoutError, ToolThreads, shared_threads
from tools.types import Tool, ToolCall, ToolContext, ToolError, ToolEvent, ToolProgress, ToolResult, ToolStarted

Gate = Callable[[Tool, ToolCall], Awaitable[str | None]]
"""Awaited right before a checked call starts: None lets it, a sentence is the refusal that the model is told."""

PROGRESS_LENGTH = 200
CANCEL_GRACE = 1.0
"""Seconds that an asynchronous tool has to clean up once it is cancelled; after that it is left behind."""

logger = logging.getLogger(__name__)


class ToolExecutor:
    """The tool calls of one run, carried out as if one after another in the order in which they were asked for; those
    of read-only tools run side by side where that makes no difference: a read waits for the writes before it, a write
    for everything before it. At most `max_workers` run at once. Identical calls are not carried out again
    (repeats.CallMemory has the rules); `earlier` restores that memory when a run goes on in another process: the calls
    that have ended, in the order in which they did.

    `timeout` (seconds) is for tools that set none; `result_limit` is in characters. An exception of the `gate` is the
    only thing that `execute` and `execute_many` raise, besides CancelledError; either ends all calls under way.
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
        earlier: Iterable[tuple[ToolCall, ToolResult]] = (),
    ) -> None:
        listed = tools.list_all() if isinstance(tools, ToolRegistry) else tools.values()
        self._tools = {tool.name: tool for tool in listed}
        self._context = context
        self._slots = asyncio.Semaphore(max_workers)
        self._timeout = timeout
        self._result_limit = result_limit
        self._threads = threads
        self._gate = gate
        self._memory = CallMemory()
        self._order = _Order()
        for call, result in earlier:
            self._restore(call, result)

    async def execute(self, call: ToolCall) -> ToolResult:
        """One call; like a batch of one."""
        [result] = [event async for event in self.execute_many([call]) if isinstance(event, ToolResult)]
        return result

    async def execute_many(self, calls: Sequence[ToolCall]) -> AsyncGenerator[ToolEvent, None]:
        """A batch: everything that happens, as it happens, with exactly one ToolResult for each call."""
        events: asyncio.Queue[ToolEvent | _Reporter | BaseException] = asyncio.Queue()
        tasks = self._begin(calls, events.put_nowait)
        try:
            open_calls = len(calls)
            while open_calls:
                event = await events.get()
                if isinstance(event, BaseException):
                    raise event
                yield event.take() if isinstance(event, _Reporter) else event
                open_calls -= isinstance(event, ToolResult)
        finally:
            await _cancel(tasks)

    def _begin(self, calls: Sequence[ToolCall], emit: _Emit) -> list[asyncio.Task[None]]:
        batch = object()
        tasks = []
        for call in calls:
            try:
                checked = self._check(call)
            except ToolError as error:
                emit(_failed(call, str(error)))
                continue
            before = self._order.before(checked)
            task = asyncio.create_task(self._deliver(checked, before, batch, emit))
            self._order.add(checked, task)
            tasks.append(task)
        return tasks

    def _check(self, call: ToolCall) -> _CheckedCall:
        tool = self._tools.get(call.name)
        if tool is None:
            raise ToolError(_unknown(call.name, self._tools))
        try:
            arguments = read_arguments(tool, call.arguments)
            return _CheckedCall(call, tool, keyword_arguments(arguments), (tool.name, fingerprint(arguments)))
        except ToolError:
            raise
        except Exception as error:  # a validator of the tool's own
            raise ToolError(self._explain(tool, error)) from error

    def _restore(self, call: ToolCall, result: ToolResult) -> None:
        if result.skipped:
            return
        try:
            checked = self._check(call)
        except ToolError:
            self._memory.note_change()  # by a tool that is no longer there, for all that is known
            return
        changes = self._memory.begin(checked.tool)
        self._memory.record(checked.key, result, batch=None, changes=changes)

    async def _deliver(
        self, checked: _CheckedCall, before: set[asyncio.Task[None]], batch: object, emit: _Emit
    ) -> None:
        try:
            emit(await self._carry_out(checked, before, batch, emit))
        except BaseException as error:
            emit(error)
            raise

    async def _carry_out(
        self, checked: _CheckedCall, before: set[asyncio.Task[None]], batch: object, emit: _Emit
    ) -> ToolResult:
        if before:
            await asyncio.wait(before)
        call = checked.call
        if served := self._memory.serving(checked.tool, checked.key, batch=batch):
            return replace(
                served, call_id=call.call_id, content=skipped_content(served.content), skipped=True, execution_time=0.0
            )
        refusal = await self._gate(checked.tool, call) if self._gate else None
        if refusal is not None:
            result = _failed(call, refusal)
            self._memory.record(checked.key, result, batch=batch)
            return result
        async with self._slots:
            changes = self._memory.begin(checked.tool)
            emit(ToolStarted(call.call_id))
            result = await self._run(checked, emit)
            self._memory.record(checked.key, result, batch=batch, changes=changes)
            return result

    async def _run(self, checked: _CheckedCall, emit: _Emit) -> ToolResult:
        tool, call = checked.tool, checked.call
        reporter = _Reporter(call.call_id, emit)
        function = checked.bound(replace(self._context, call_id=call.call_id, report=reporter))
        started = time.perf_counter()
        try:
            content, elapsed = await self._invoke(tool, function)
            return ToolResult(call.call_id, call.name, content, success=True, execution_time=elapsed)
        except CallTimeoutError:
            error = _time_out(tool, self._time_limit(tool))
        except ToolError as refusal:
            error = str(refusal) or "The tool refused without saying why."
        except Exception as exception:
            error = self._explain(tool, exception)
        finally:
            reporter.close()
        return _failed(call, error, _since(started))

    async def _invoke(self, tool: Tool, function: Callable[[], Any]) -> tuple[str, float]:
        """The content and the seconds that the tool took. Encoding happens in a thread: a result may be large."""
        limit, time_limit = self._result_limit, self._time_limit(tool)

        def call_and_encode() -> tuple[str, float]:
            started = time.perf_counter()
            result = function()
            elapsed = _since(started)
            return success_content(result, elapsed, limit), elapsed

        if not inspect.iscoroutinefunction(tool.function):
            return await self._threads.run(call_and_encode, time_limit=time_limit, label=tool.name)
        started = time.perf_counter()
        result = await _await_in_time(function, time_limit, tool.name)
        elapsed = _since(started)
        encode = partial(success_content, result, elapsed, limit)
        return await self._threads.run(encode, time_limit=time_limit, label=tool.name), elapsed

    def _time_limit(self, tool: Tool) -> float:
        return self._timeout if tool.timeout is None else tool.timeout

    def _explain(self, tool: Tool, error: Exception) -> str:
        logger.error("The tool %s failed", tool.name, exc_info=error)
        text = _message(error).replace(f"{self._context.workspace}/", "").replace(str(self._context.workspace), ".")
        return f"Tool execution failed: {text}"


@dataclass(frozen=True, slots=True)
class _CheckedCall:
    call: ToolCall
    tool: Tool
    arguments: dict[str, Any]
    key: CallKey

    def bound(self, context: ToolContext) -> Callable[[], Any]:
        named = self.tool.context_parameter
        return partial(self.tool.function, **self.arguments, **({named: context} if named else {}))


class _Order:
    """Who waits for whom among the calls under way."""

    def __init__(self) -> None:
        self._write: set[asyncio.Task[None]] = set()
        self._reads: set[asyncio.Task[None]] = set()
        self._identical: dict[CallKey, asyncio.Task[None]] = {}

    def before(self, checked: _CheckedCall) -> set[asyncio.Task[None]]:
        """The calls that have to end before this one begins. (A write stands for all that was before it.)"""
        waits = set(self._write) if checked.tool.read_only else self._write | self._reads
        if checked.key in self._identical:
            waits.add(self._identical[checked.key])
        return {task for task in waits if not task.done()}

    def add(self, checked: _CheckedCall, task: asyncio.Task[None]) -> None:
        if checked.tool.read_only:
            self._reads.add(task)
            task.add_done_callback(self._reads.discard)
        else:
            self._write = {task}
            self._reads.clear()
        self._identical[checked.key] = task


class _Reporter:
    """A tool's `context.report`, callable from any thread. Only the newest line is kept until somebody takes it."""

    def __init__(self, call_id: str, emit: _Emit) -> None:
        self._call_id = call_id
        self._emit = emit
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._line = ""
        self._waiting = False
        self._closed = False

    def __call__(self, line: str) -> None:
        text = " ".join(clean(str(line)[: 10 * PROGRESS_LENGTH]).split())[:PROGRESS_LENGTH]
        with self._lock:
            if self._closed:
                return
            self._line = text
            if self._waiting:
                return
            self._waiting = True
            self._loop.call_soon_threadsafe(self._announce)

    def _announce(self) -> None:
        if not self._closed:
            self._emit(self)

    def take(self) -> ToolProgress:
        with self._lock:
            self._waiting = False
            return ToolProgress(self._call_id, self._line)

    def close(self) -> None:
        """The call has ended; what a thread left behind still reports is nobody's business."""
        with self._lock:
            self._closed = True


_Emit = Callable[[ToolEvent | _Reporter | BaseException], None]


async def _cancel(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _await_in_time(function: Callable[[], Awaitable[Any]], time_limit: float, label: str) -> Any:
    """Unlike asyncio.timeout, lets go of a coroutine that swallows its cancellation. Raises CallTimeoutError."""
    task = asyncio.create_task(_without_exit(function))
    try:
        await asyncio.wait({task}, timeout=time_limit)
        if not task.done():
            raise CallTimeoutError
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=CANCEL_GRACE)
        if not task.done():
            logger.warning("A call of %s was given up and runs on: it ignores its cancellation", label)
        task.add_done_callback(_forget)
    if task.cancelled():
        raise RuntimeError("the tool cancelled itself")
    return task.result()


async def _without_exit(function: Callable[[], Awaitable[Any]]) -> Any:
    try:
        return await function()
    except SystemExit as error:  # would end the event loop
        raise RuntimeError("SystemExit was raised") from error


def _forget(task: asyncio.Task[Any]) -> None:
    if not task.cancelled():
        task.exception()  # counts as retrieved


def _failed(call: ToolCall, error: str, execution_time: float = 0.0) -> ToolResult:
    return ToolResult(call.call_id, call.name, failure_content(error), success=False, execution_time=execution_time)


def _since(started: float) -> float:
    return round(time.perf_counter() - started, 6)


def _time_out(tool: Tool, limit: float) -> str:
    effect = "" if tool.read_only else " Whether it had an effect is unknown: check before trying again."
    return f"Tool execution timed out after {limit:g} seconds.{effect}"


def _unknown(name: str, tools: Iterable[str]) -> str:
    shown = name[:64]
    nearest = sorted(tools, key=lambda known: -difflib.SequenceMatcher(None, shown, known).ratio())
    known = f"There are: {', '.join(nearest)}." if nearest else "There are no tools."
    return f"There is no tool named {shown!r}. {known}"


def _message(error: Exception) -> str:
    """An exception in words for the model. An OSError's text carries paths of the server, its strerror does not."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, LookupError) or not str(error):
        return f"{type(error).__name__}: {error}".removesuffix(": ")
    return str(error)
