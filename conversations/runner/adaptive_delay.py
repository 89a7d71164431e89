"""The delay between two reads of a model's stream: none while the process is idle, longer the busier it is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable


class AdaptiveDelay:
    """Measures the share of a core that this process uses, every `interval` seconds, and derives a delay from it.

    Up to `quiet` of a core the pause is zero; from there it grows to `longest` seconds at `busy`. Small frames cost
    more than the words in them, so gathering frees time exactly when there is little.
    """

    def __init__(
        self,
        *,
        quiet: float = 0.3,
        busy: float = 0.8,
        longest: float = 0.06,
        interval: float = 0.25,
        cpu: Callable[[], float] = time.process_time,
        wall: Callable[[], float] = time.monotonic,
    ) -> None:
        self._quiet, self._busy, self._longest, self._interval = quiet, busy, longest, interval
        self._cpu, self._wall = cpu, wall
        self._last = (cpu(), wall())
        self.pause = 0.0

    def sample(self) -> None:
        now = (self._cpu(), self._wall())
        used, passed = now[0] - self._last[0], now[1] - self._last[1]
        self._last = now
        share = used / passed if passed > 0 else 0.0
        target = self._longest * min(1.0, max(0.0, (share - self._quiet) / (self._busy - self._quiet)))
        self.pause = (self.pause + target) / 2

    async def keep(self) -> None:
        """Samples forever."""
        while True:
            await asyncio.sleep(self._interval)
            self.sample()
