"""Running synchronous tools without holding up the event loop, each other, or the end of the process."""

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
    """A call outlived its time limit. (Not TimeoutError, which a tool may raise for reasons of its own.)"""


class ToolThreads:
    """A bound on the synchronous calls that run at once, over all runs and event loops of the process.

    Each call gets a daemon thread of its own: one that hangs holds nothing back, not even the interpreter's exit.
    A call that is given up (timed out, cancelled) goes on in its thread, since nothing can stop a thread; its slot is
    free at once, and it counts as `hung` until it ends. With `hung_limit` of those, new calls are refused.
    """

    def __init__(self, limit: int = 64, hung_limit: int = 100) -> None:
        self._hung_limit = hung_limit
        self._lock = threading.Lock()
        self._free = limit
        self._queue: deque[Future[None]] = deque()
        self._hung = 0

    @property
    def hung(self) -> int:
        """How many calls run on in their threads though nobody waits for them any more."""
        return self._hung

    async def run(self, function: Callable[[], T], *, time_limit: float, label: str = "a tool") -> T:
        """Call the function in a thread, in a copy of the caller's context, and return or raise what it does.

        `time_limit` is in seconds from the moment the thread starts.
        Raises CallTimeoutError, and ToolError when too many calls hang.
        """
        if self._hung >= self._hung_limit:
            raise ToolError("The server is held up by calls that hang. Try again later.")
        await self._take_slot()
        call = _ThreadCall(function, self._on_end)
        try:
            call.start(label)
        except RuntimeError as error:
            self._on_end(call)
            raise ToolError("The server is too busy to start this call. Try again later.") from error
        waiter = asyncio.wrap_future(call.outcome)
        try:
            await asyncio.wait({waiter}, timeout=time_limit)
            if not waiter.done():
                raise CallTimeoutError
            return waiter.result()
        finally:
            if not waiter.done():
                waiter.cancel()
                self._give_up(call, label)

    async def _take_slot(self) -> None:
        ticket: Future[None] = Future()
        with self._lock:
            if self._free:
                self._free -= 1
                return
            self._queue.append(ticket)
        try:
            await asyncio.wrap_future(ticket)
        except asyncio.CancelledError:
            if not ticket.cancel():  # granted at the same moment
                with self._lock:
                    self._pass_on_slot()
            raise

    def _pass_on_slot(self) -> None:
        while self._queue:
            ticket = self._queue.popleft()
            if ticket.set_running_or_notify_cancel():
                ticket.set_result(None)
                return
        self._free += 1

    def _on_end(self, call: _ThreadCall[T]) -> None:
        with self._lock:
            call.ended = True
            if call.given_up:
                self._hung -= 1
            else:
                self._pass_on_slot()

    def _give_up(self, call: _ThreadCall[T], label: str) -> None:
        with self._lock:
            if call.ended:
                return
            call.given_up = True
            self._hung += 1
            self._pass_on_slot()
        logger.warning("A call of %s was given up and runs on in its thread; %d do so now", label, self._hung)


class _ThreadCall(Generic[T]):
    """One call in its thread. `ended` and `given_up` are guarded by the lock of ToolThreads."""

    def __init__(self, function: Callable[[], T], on_end: Callable[[_ThreadCall[T]], None]) -> None:
        self.outcome: Future[T] = Future()
        self.ended = False
        self.given_up = False
        self._function = function
        self._on_end = on_end
        self._context = contextvars.copy_context()

    def start(self, label: str) -> None:
        self.outcome.set_running_or_notify_cancel()
        threading.Thread(target=self._run, name=f"call of {label}", daemon=True).start()

    def _run(self) -> None:
        try:
            self.outcome.set_result(self._context.run(self._function))
        except StopIteration as error:
            self._fail(RuntimeError(f"StopIteration was raised: {error}"), error)
        except Exception as error:
            self.outcome.set_exception(error)
        except BaseException as error:  # SystemExit would otherwise end the caller's event loop
            self._fail(RuntimeError(f"{type(error).__name__} was raised"), error)
        finally:
            self._on_end(self)

    def _fail(self, error: Exception, cause: BaseException) -> None:
        error.__cause__ = cause
        self.outcome.set_exception(error)


shared_threads = ToolThreads()
