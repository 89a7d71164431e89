from __future__ import annotations

import asyncio
from collections.abc import Callable

from conversations.llm.errors import TimedOutError


class Watchdog:
    """Limits how long one read may wait (`idle`, seconds) and when all must be over (`deadline`, in loop time).

    A read costs two attributes and a look at the clock: one timer is set, and set again only when it fires.
    `expire` is called with the error, once.
    """

    __slots__ = ("_deadline", "_expire", "_handle", "_idle", "_loop", "_since")

    def __init__(self, idle: float, deadline: float, expire: Callable[[TimedOutError], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._idle = idle
        self._deadline = deadline
        self._expire = expire
        self._since: float | None = None
        self._handle = self._set()

    def begin(self) -> None:
        """A read begins to wait."""
        self._since = self._loop.time()

    def end(self) -> None:
        """It has what it waited for."""
        self._since = None

    def tighten(self, idle: float) -> None:
        """From now on a read may wait at most so long."""
        if idle < self._idle:
            self._idle = idle
            self._handle.cancel()
            self._handle = self._set()

    def stop(self) -> None:
        self._handle.cancel()

    def _set(self) -> asyncio.TimerHandle:
        # A read that begins later than now cannot be over its limit earlier than this.
        since = self._loop.time() if self._since is None else self._since
        return self._loop.call_at(min(since + self._idle, self._deadline), self._look)

    def _look(self) -> None:
        now = self._loop.time()
        if now >= self._deadline:
            self._expire(TimedOutError("the time for the whole answer is over"))
        elif self._since is not None and now >= self._since + self._idle:
            self._expire(TimedOutError(f"silent for {self._idle:g} seconds", repeatable=True))
        else:
            self._handle = self._set()
