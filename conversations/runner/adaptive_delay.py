"""A delay that grows with the load of this process, for reading and sending fewer, larger pieces."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable


class AdaptiveDelay:
    """Derives a delay, `seconds`, from the share of a CPU core that this process uses, taken every `interval` seconds.

    The delay is zero up to a share of `low_load`, and grows from there to `max_seconds` at `high_load`. A small frame
    costs more than the text in it, so larger ones save time when there is little of it.
    """

    def __init__(
        self,
        *,
        low_load: float = 0.3,
        high_load: float = 0.8,
        max_seconds: float = 0.06,
        interval: float = 0.25,
        cpu_time: Callable[[], float] = time.process_time,
        wall_time: Callable[[], float] = time.monotonic,
    ) -> None:
        self._low_load, self._high_load, self._max_seconds = low_load, high_load, max_seconds
        self._interval = interval
        self._cpu_time, self._wall_time = cpu_time, wall_time
        self._last_sample = (cpu_time(), wall_time())
        self.seconds = 0.0

    def sample(self) -> None:
        """Moves the delay halfway to what the load since the last sample asks for."""
        sample = (self._cpu_time(), self._wall_time())
        used, passed = sample[0] - self._last_sample[0], sample[1] - self._last_sample[1]
        self._last_sample = sample
        load = used / passed if passed > 0 else 0.0
        excess = (load - self._low_load) / (self._high_load - self._low_load)
        target = self._max_seconds * min(1.0, max(0.0, excess))
        self.seconds = (self.seconds + target) / 2

    async def run(self) -> None:
        """Samples until it is cancelled."""
        while True:
            await asyncio.sleep(self._interval)
            self.sample()
