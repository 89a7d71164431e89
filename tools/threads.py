"""Runs synchronous tools in threads that block neither the event loop, nor each other, nor the exit of the process."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

from tools.types import ToolError

T = TypeVar("T")
logger = logging.getLogger(__name__)


class CallTimeoutError(Exception):
    """A call exceeded its time limit. Not a TimeoutError, which a tool may raise for other reasons."""


class ToolThreads:
    """Limits how many synchronous calls run at once, over all runs and event loops of the process.

    Each call gets its own daemon thread, so a call that hangs blocks nothing, not even the interpreter's exit.
    A call that is abandoned (after a timeout or cancellation) continues in its thread, as a thread cannot be stopped.
    It frees its slot at once, and counts as `hung` until it ends. With `max_hung` of them, new calls are refused.
    """

    def __init__(self, max_threads: int = 64, max_hung: int = 100) -> None:
        self._max_hung = max_hung
        self._lock = threading.Lock()
        self._free_slots = max_threads
        self._waiters: deque[Future[None]] = deque()
        self._hung = 0

    @property
    def hung(self) -> int:
        """The number of abandoned calls that still run."""
        return self._hung

    async def run(self, function: Callable[[], T], *, time_limit: float, label: str = "a tool") -> T:
        """Calls the function in a thread, in a copy of the caller's context, and returns or raises what it does.

        `time_limit` is in seconds from the start of the thread.
        Raises CallTimeoutError, and ToolError if too many calls hang.
        """
        if self._hung >= self._max_hung:
            raise ToolError("The server is blocked by calls that hang. Try again later.")
        await self._acquire_slot()
        call = _ThreadCall(function, self._on_end)
        try:
            call.start(label)
        except RuntimeError as error:
            self._on_end(call)
            raise ToolError("The server is too busy to start this call. Try again later.") from error
        future = asyncio.wrap_future(call.future)
        try:
            await asyncio.wait({future}, timeout=time_limit)
            if not future.done():
                raise CallTimeoutError
            return future.result()
        finally:
            if not future.done():
                future.cancel()
                self._abandon(call, label)

    async def _acquire_slot(self) -> None:
        waiter: Future[None] = Future()
        with self._lock:
            if self._free_slots:
                self._free_slots -= 1
                return
            self._waiters.append(waiter)
        try:
            await asyncio.wrap_future(waiter)
        except asyncio.CancelledError:
            if not waiter.cancel():  # The slot was granted at the same moment.
                with self._lock:
                    self._release_slot()
            raise

    def _release_slot(self) -> None:
        """Gives the slot to the first waiter that is not cancelled. The caller holds the lock."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if waiter.set_running_or_notify_cancel():
                waiter.set_result(None)
                return
        self._free_slots += 1

    def _on_end(self, call: _ThreadCall[T]) -> None:
        with self._lock:
            call.ended = True
            if call.abandoned:
                self._hung -= 1
            else:
                self._release_slot()

    def _abandon(self, call: _ThreadCall[T], label: str) -> None:
        with self._lock:
            if call.ended:
                return
            call.abandoned = True
            self._hung += 1
            self._release_slot()
        logger.warning("A call of %s was given up and runs on in its thread; %d do so now", label, self._hung)


class _ThreadCall(Generic[T]):
    """A call in its thread. The lock of ToolThreads protects `ended` and `abandoned`."""

    def __init__(self, function: Callable[[], T], on_end: Callable[[_ThreadCall[T]], None]) -> None:
        self.future: Future[T] = Future()
        self.ended = False
        self.abandoned = False
        self._function = function
        self._on_end = on_end
        self._context = contextvars.copy_context()

    def start(self, label: str) -> None:
        self.future.set_running_or_notify_cancel()
        threading.Thread(target=self._run, name=f"call of {label}", daemon=True).start()

    def _run(self) -> None:
        try:
            self.future.set_result(self._context.run(self._function))
        except StopIteration as error:  # A future does not accept it.
            self._fail(RuntimeError(f"StopIteration was raised: {error}"), error)
        except Exception as error:
            self.future.set_exception(error)
        except BaseException as error:  # SystemExit would end the caller's event loop.
            self._fail(RuntimeError(f"{type(error).__name__} was raised"), error)
        finally:
            self._on_end(self)

    def _fail(self, error: Exception, cause: BaseException) -> None:
        error.__cause__ = cause
        self.future.set_exception(error)


shared_threads = ToolThreads()
