"""A time limit for reads that costs little per read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from conversations.llm.errors import TimedOutError


class ReadTimeout:
    """Limits the time of each read to `idle` seconds, and ends all reads at `deadline` (in loop time).

    The reader sets `waiting_since` to the loop time while it waits for data, and to None afterward. There is one timer,
    which is set again only when it fires. `on_timeout` is called once, with the error.
    """

    __slots__ = ("_deadline", "_idle", "_loop", "_on_timeout", "_timer", "waiting_since")

    def __init__(self, idle: float, deadline: float, on_timeout: Callable[[TimedOutError], None]) -> None:
        self.waiting_since: float | None = None
        self._loop = asyncio.get_running_loop()
        self._idle = idle
        self._deadline = deadline
        self._on_timeout = on_timeout
        self._timer = self._start_timer()

    def reduce(self, idle: float) -> None:
        """Lowers the limit of a read to `idle` seconds."""
        if idle < self._idle:
            self._idle = idle
            self._timer.cancel()
            self._timer = self._start_timer()

    def cancel(self) -> None:
        self._timer.cancel()

    def _start_timer(self) -> asyncio.TimerHandle:
        # A read that starts after this call cannot time out before the timer fires.
        since = self._loop.time() if self.waiting_since is None else self.waiting_since
        return self._loop.call_at(min(since + self._idle, self._deadline), self._check)

    def _check(self) -> None:
        now = self._loop.time()
        if now >= self._deadline:
            self._on_timeout(TimedOutError("the time for the whole answer is over"))
        elif self.waiting_since is not None and now >= self.waiting_since + self._idle:
            self._on_timeout(TimedOutError(f"silent for {self._idle:g} seconds", repeatable=True))
        else:
            self._timer = self._start_timer()
